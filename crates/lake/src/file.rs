//! One Parquet file of a table: how it is sorted, written, described in the log, and read back.

use std::{borrow::Borrow, cmp::Ordering, collections::BTreeMap};

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch},
    compute::{
        LexicographicalComparator, SortColumn, concat, concat_batches, filter_record_batch, lexsort_to_indices,
        take_record_batch,
    },
    datatypes::{DataType, Int64Type, TimestampMicrosecondType},
};
use bytes::Bytes;
use model::UtcMillis;
use parquet::{
    arrow::{ArrowWriter, ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder},
    basic::{Compression, Encoding, ZstdLevel},
    file::properties::{EnabledStatistics, WriterProperties},
    schema::types::ColumnPath,
};
use serde_json::{Map, Value, json};
use tables::Table;

use crate::lake::LakeError;

/// Prefix of the names of files whose rows we sorted; a file without it is read as unordered.
pub const SORTED_MARK: &str = "sorted-";
/// The same of files that lie in one cell.
pub const SETTLED_MARK: &str = "sorted-cell-";

/// Columns that hold long, rarely read text.
const COLD_COLUMNS: [&str; 7] = ["properties", "document", "payload", "headers", "user_agent", "text", "positions"];

/// Columns whose values hardly come twice in a file: a dictionary of them would cost its making and save nothing.
pub(crate) const DISTINCT_COLUMNS: [&str; 7] =
    ["key", "content_hash", "payload", "document", "properties", "offset", "place"];

/// Bytes of a column's distinct values, within a row group, up to which it is stored as codes.
const DICTIONARY_BYTES_MAX: usize = 8 << 20;

/// Rows of a row group, at most.
const GROUP_ROWS: usize = 256 * 1024;

/// One data file in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Name relative to the table's folder.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Rows.
    pub rows: usize,
    /// Least and greatest value of the table's statistics columns.
    pub bounds: BTreeMap<String, (Value, Value)>,
    /// Rows whose `known_until` is set: they were superseded.
    pub ended: usize,
}

impl FileEntry {
    /// Reads a file's statistics as the log holds them.
    #[must_use]
    pub fn from_log(name: String, size: u64, statistics: Option<&str>) -> Self {
        let parsed: Value = statistics.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
        let rows = parsed["numRecords"].as_u64().unwrap_or(0) as usize;
        let bounds = parsed["minValues"]
            .as_object()
            .map(|least| {
                let pair = |name: &String| Some((least.get(name)?.clone(), parsed["maxValues"].get(name)?.clone()));
                least.keys().filter_map(|name| Some((name.clone(), pair(name)?))).collect()
            })
            .unwrap_or_default();
        let ended = parsed["nullCount"]["known_until"].as_u64().map_or(0, |nulls| rows.saturating_sub(nulls as usize));
        Self { name, size, rows, bounds, ended }
    }

    /// True where we sorted its rows by the table's sort columns.
    #[must_use]
    pub fn sorted(&self) -> bool {
        self.name.starts_with(SORTED_MARK)
    }

    /// True where all its rows lie in one cell: a range of places in one month.
    #[must_use]
    pub fn settled(&self) -> bool {
        self.name.starts_with(SETTLED_MARK)
    }

    /// Least and greatest instant of a column, where the log has them.
    #[must_use]
    pub fn instants(&self, column: &str) -> Option<(UtcMillis, UtcMillis)> {
        let (least, greatest) = self.bounds.get(column)?;
        Some((UtcMillis::parse(least.as_str()?).ok()?, UtcMillis::parse(greatest.as_str()?).ok()?))
    }

    /// Least and greatest whole number of a column, where the log has them.
    #[must_use]
    pub fn integers(&self, column: &str) -> Option<(i64, i64)> {
        let (least, greatest) = self.bounds.get(column)?;
        Some((least.as_i64()?, greatest.as_i64()?))
    }

    /// The text that a column holds in every row, where it is one.
    #[must_use]
    pub fn constant_text(&self, column: &str) -> Option<&str> {
        let (least, greatest) = self.bounds.get(column)?;
        (least == greatest).then(|| least.as_str())?
    }

    /// False where no row of the file was known at `as_of`.
    #[must_use]
    pub fn known_at(&self, as_of: UtcMillis) -> bool {
        self.instants("known_at").is_none_or(|(least, _)| least <= as_of)
    }
}

/// Rows in the order of the table's sort columns. What is in order already is not moved.
///
/// # Errors
/// [`LakeError::Arrow`] where the batches do not share the table's schema.
pub fn sort(table: Table, batches: Vec<RecordBatch>) -> Result<Vec<RecordBatch>, LakeError> {
    if is_sorted(table, &batches)? {
        return Ok(batches);
    }
    let keys = sort_keys(table, &batches)?;
    let all = concat_batches(&table.schema(), &batches)?;
    Ok(vec![take_record_batch(&all, &lexsort_to_indices(&keys, None)?)?])
}

/// True where the rows of all batches, one after the other, are in the table's order.
pub(crate) fn is_sorted(table: Table, batches: &[impl Borrow<RecordBatch>]) -> Result<bool, LakeError> {
    Ok(steps_down(table, batches, 1)?.is_empty())
}

/// The first `most` rows that belong before the row above them, counted over all batches.
pub(crate) fn steps_down(
    table: Table,
    batches: &[impl Borrow<RecordBatch>],
    most: usize,
) -> Result<Vec<usize>, LakeError> {
    let keys = sort_keys(table, batches)?;
    let Some(rows) = keys.first().map(|key| key.values.len()) else { return Ok(Vec::new()) };
    let order = LexicographicalComparator::try_new(&keys)?;
    Ok((1..rows).filter(|row| order.compare(row - 1, *row) == Ordering::Greater).take(most).collect())
}

/// The sort columns of all batches, one after the other.
pub(crate) fn sort_keys(table: Table, batches: &[impl Borrow<RecordBatch>]) -> Result<Vec<SortColumn>, LakeError> {
    let of_column = |name: &&str| {
        let missing = || LakeError::Corrupt { reason: format!("{} without its column {name}", table.folder()) };
        let parts = batches.iter().map(|batch| Ok(batch.borrow().column_by_name(name).ok_or_else(missing)?.as_ref()));
        let parts = parts.collect::<Result<Vec<_>, LakeError>>()?;
        Ok((!parts.is_empty()).then(|| concat(&parts)).transpose()?.map(|values| SortColumn { values, options: None }))
    };
    table.sort_columns().iter().filter_map(|name| of_column(name).transpose()).collect()
}

/// How a file is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// As rows come: quick to write.
    Run,
    /// For good: quick to read.
    Settled,
}

/// A file that is written piece by piece, its rows in the table's order.
pub(crate) struct FileWriter {
    table: Table,
    layout: Layout,
    writer: ArrowWriter<Vec<u8>>,
    statistics: Statistics,
}

/// A whole file on its way to the store.
#[derive(Debug)]
pub struct WrittenFile {
    /// The Parquet file.
    pub(crate) bytes: Bytes,
    /// What the log says of it.
    pub(crate) statistics: String,
    /// Its rows.
    pub(crate) rows: usize,
    /// How it is laid out.
    pub(crate) layout: Layout,
}

impl FileWriter {
    pub(crate) fn new(table: Table, layout: Layout) -> Result<Self, LakeError> {
        let writer = ArrowWriter::try_new(Vec::new(), table.schema(), Some(properties(table, layout)?))?;
        Ok(Self { table, layout, writer, statistics: Statistics::default() })
    }

    /// Bytes that it holds so far.
    pub(crate) fn bytes(&self) -> usize {
        self.writer.bytes_written() + self.writer.memory_size()
    }

    /// Adds rows that follow those written before.
    pub(crate) fn write(&mut self, rows: &RecordBatch) -> Result<(), LakeError> {
        self.statistics.add(self.table, rows);
        Ok(self.writer.write(rows)?)
    }

    /// The file; none where it has no rows.
    pub(crate) fn finish(self) -> Result<Option<WrittenFile>, LakeError> {
        let (rows, statistics) = (self.statistics.rows, self.statistics.to_json());
        Ok(if rows == 0 {
            None
        } else {
            Some(WrittenFile { bytes: self.writer.into_inner()?.into(), statistics, rows, layout: self.layout })
        })
    }
}

fn properties(table: Table, layout: Layout) -> Result<WriterProperties, LakeError> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX);
    let schema = table.schema();
    for field in schema.fields() {
        let path = ColumnPath::from(field.name().as_str());
        if COLD_COLUMNS.contains(&field.name().as_str()) {
            let zstd = Compression::ZSTD(ZstdLevel::try_new(1)?);
            properties = properties.set_column_compression(path.clone(), zstd);
        }
        // Settled rows of one person follow each other in great number.
        let repeats = layout == Layout::Settled && field.name() == "place";
        let distinct = DISTINCT_COLUMNS.contains(&field.name().as_str()) && !repeats;
        let instant = matches!(field.data_type(), DataType::Timestamp(..));
        if distinct || instant {
            properties = properties.set_column_dictionary_enabled(path.clone(), false);
        }
        if instant || (distinct && *field.data_type() == DataType::Int64) {
            properties = properties.set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED);
        }
        if table.statistics_columns().contains(&field.name().as_str()) {
            properties = properties.set_column_statistics_enabled(path, EnabledStatistics::Chunk);
        }
    }
    Ok(properties.build())
}

/// What the log says of a file beside its name.
#[derive(Default)]
pub(crate) struct Statistics {
    pub(crate) rows: usize,
    /// Least and greatest value by column.
    bounds: BTreeMap<&'static str, (Bound, Bound)>,
    /// Rows without `known_until`, where the table has that column.
    open: Option<usize>,
}

/// A value that other values are compared with.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Bound {
    Integer(i64),
    Instant(UtcMillis),
    Text(String),
}

impl Statistics {
    pub(crate) fn add(&mut self, table: Table, rows: &RecordBatch) {
        self.rows += rows.num_rows();
        for name in table.statistics_columns() {
            let Some((low, high)) = rows.column_by_name(name).and_then(bounds) else { continue };
            let (least, greatest) = self.bounds.entry(name).or_insert_with(|| (low.clone(), high.clone()));
            *least = low.min(least.clone());
            *greatest = high.max(greatest.clone());
        }
        if let Some(until) = rows.column_by_name("known_until") {
            *self.open.get_or_insert(0) += until.null_count();
        }
    }

    pub(crate) fn to_json(&self) -> String {
        let side = |side: fn(&(Bound, Bound)) -> &Bound| -> Map<String, Value> {
            self.bounds.iter().map(|(name, both)| ((*name).to_owned(), side(both).to_json())).collect()
        };
        let nulls = self.open.map_or(json!({}), |open| json!({ "known_until": open }));
        let (least, greatest) = (side(|both| &both.0), side(|both| &both.1));
        json!({ "numRecords": self.rows, "minValues": least, "maxValues": greatest, "nullCount": nulls }).to_string()
    }
}

impl Bound {
    fn to_json(&self) -> Value {
        match self {
            Self::Integer(number) => (*number).into(),
            Self::Instant(at) => at.to_string().into(),
            Self::Text(text) => text.as_str().into(),
        }
    }
}

/// Reads a file's columns (all where `columns` is empty).
///
/// # Errors
/// [`LakeError::Parquet`] where the bytes are no Parquet file.
pub fn from_parquet(bytes: Bytes, columns: &[&str]) -> Result<Vec<RecordBatch>, LakeError> {
    let mut builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?.with_batch_size(32 * 1024);
    if !columns.is_empty() {
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        builder = builder.with_projection(mask);
    }
    Ok(builder.build()?.collect::<Result<Vec<_>, _>>()?)
}

/// Keeps the rows that were known, and not yet superseded, at `as_of`.
///
/// # Errors
/// [`LakeError::Arrow`] where the batch has no `known_at` and `known_until`.
pub fn as_of(batch: &RecordBatch, as_of: UtcMillis) -> Result<RecordBatch, LakeError> {
    let missing = || LakeError::Corrupt { reason: "a fact file without known_at and known_until".to_owned() };
    let micros = as_of.0.saturating_mul(1000);
    let column = |name| batch.column_by_name(name).and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
    let (from, until) = (column("known_at").ok_or_else(missing)?, column("known_until").ok_or_else(missing)?);
    let mask: BooleanArray = (0..batch.num_rows())
        .map(|row| Some(from.value(row) <= micros && (until.is_null(row) || until.value(row) > micros)))
        .collect();
    Ok(filter_record_batch(batch, &mask)?)
}

fn bounds(column: &ArrayRef) -> Option<(Bound, Bound)> {
    match column.data_type() {
        DataType::Int64 => {
            let values = column.as_primitive::<Int64Type>();
            Some((Bound::Integer(arrow::compute::min(values)?), Bound::Integer(arrow::compute::max(values)?)))
        }
        DataType::Timestamp(..) => {
            let values = column.as_primitive::<TimestampMicrosecondType>();
            let instant = |micros: i64| Bound::Instant(UtcMillis(micros.div_euclid(1000)));
            Some((instant(arrow::compute::min(values)?), instant(arrow::compute::max(values)?)))
        }
        DataType::Utf8 => {
            let values = column.as_string::<i32>();
            let text = |text: &str| Bound::Text(text.to_owned());
            Some((text(arrow::compute::min_string(values)?), text(arrow::compute::max_string(values)?)))
        }
        _ => None,
    }
}

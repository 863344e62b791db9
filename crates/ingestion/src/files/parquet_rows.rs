//! Rows of a Parquet file, each written as one JSON object.
//!
//! Fields stand in the schema's order; nulls in objects are left out, in lists they are `null`. Whole numbers are JSON
//! numbers, decimals are texts with all their digits, so that nobody reads them through a float; NaN and infinities,
//! which JSON has not, are `null`. Days are `2026-01-05`; instants are RFC 3339 in UTC, whatever zone they name, and
//! those that are of no zone are the same without the `Z`; each has 0, 3, 6 or 9 digits after the second, all it needs. Bytes are hex, lower case.

use std::{
    fs::File,
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arrow::{
    array::{Array, AsArray, PrimitiveArray, StructArray},
    datatypes::{
        ArrowTimestampType, DataType, Field, FieldRef, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
        TimestampNanosecondType, TimestampSecondType,
    },
    error::ArrowError,
    json::writer::{Encoder, EncoderFactory, EncoderOptions, NullableEncoder, make_encoder},
    util::display::{ArrayFormatter, FormatOptions},
};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::{ROW_BYTES_MAX, content::Damage, rows::Splitter, store::Store};

/// About how many bytes of values are decoded at once.
const BATCH_BYTES: u64 = 16 << 20;
/// Most rows that are decoded at once.
const BATCH_ROWS_MAX: u64 = 8192;

/// Reads rows batch by batch.
pub(super) struct ParquetRows {
    batches: ParquetRecordBatchReader,
    options: EncoderOptions,
    /// The texts of the rows of one batch.
    texts: Vec<u8>,
    /// Where in `texts` each row ends, the last one first.
    ends: Vec<usize>,
    /// Where in `texts` the next row starts.
    start: usize,
    progress: Progress,
}

/// Says how much of the file is read: the share of its rows, since its bytes are read at many places.
struct Progress {
    bytes_read: Arc<AtomicU64>,
    bytes_total: u64,
    rows_total: u64,
    rows_read: u64,
}

impl ParquetRows {
    /// The rows from number `skip` on, without decoding those before.
    pub fn new(store: &Store, skip: u64) -> Result<Self, Damage> {
        let file = store.file()?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(damage)?;
        let rows_total = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        let batch_rows = batch_rows(&builder, rows_total);
        let skip = skip.min(rows_total);
        let offset = usize::try_from(skip).map_err(damage)?;
        let batches = builder.with_batch_size(batch_rows).with_offset(offset).build().map_err(damage)?;
        let bytes_read = Arc::clone(&store.bytes_read);
        let progress = Progress { bytes_read, bytes_total: store.bytes_total, rows_total, rows_read: skip };
        let options = EncoderOptions::default().with_encoder_factory(Arc::new(TextsOfOurs));
        Ok(Self { batches, options, texts: Vec::new(), ends: Vec::new(), start: 0, progress })
    }

    /// Writes the next batch as texts; false at the end.
    fn next_batch(&mut self) -> Result<bool, Damage> {
        let Some(batch) = self.batches.next().transpose().map_err(damage)? else { return Ok(false) };
        let rows = batch.num_rows();
        let rows_as_structs = StructArray::from(batch);
        let field: FieldRef = Arc::new(Field::new("row", rows_as_structs.data_type().clone(), false));
        let mut encoder = make_encoder(&field, &rows_as_structs, &self.options).map_err(damage)?;
        self.texts.clear();
        self.start = 0;
        for row in 0..rows {
            encoder.encode(row, &mut self.texts);
            self.ends.push(self.texts.len());
        }
        self.ends.reverse();
        self.progress.advance(rows as u64);
        Ok(true)
    }
}

impl Progress {
    fn advance(&mut self, rows: u64) {
        self.rows_read += rows;
        let share = u128::from(self.bytes_total) * u128::from(self.rows_read) / u128::from(self.rows_total.max(1));
        self.bytes_read.store(u64::try_from(share).unwrap_or(self.bytes_total), Ordering::Relaxed);
    }
}

impl Splitter for ParquetRows {
    fn next_row(&mut self, row: &mut Vec<u8>) -> Result<bool, Damage> {
        row.clear();
        loop {
            if let Some(end) = self.ends.pop() {
                row.extend_from_slice(self.texts.get(self.start..end).unwrap_or_default());
                self.start = end;
                let long = row.len() > ROW_BYTES_MAX;
                return if long { Err(damage(format!("it is longer than {ROW_BYTES_MAX} bytes"))) } else { Ok(true) };
            }
            if !self.next_batch()? {
                return Ok(false);
            }
        }
    }
}

/// How many rows are about [`BATCH_BYTES`], by what the file says of its row groups.
fn batch_rows(builder: &ParquetRecordBatchReaderBuilder<File>, rows_total: u64) -> usize {
    let bytes = builder.metadata().row_groups().iter().map(|group| u64::try_from(group.total_byte_size()).unwrap_or(0));
    let row_bytes = (bytes.sum::<u64>() / rows_total.max(1)).max(1);
    usize::try_from((BATCH_BYTES / row_bytes).clamp(1, BATCH_ROWS_MAX)).expect("8192 at most")
}

fn damage(problem: impl ToString) -> Damage {
    Damage { byte: None, problem: problem.to_string() }
}

/// Writes decimals and instants; everything else is written by Arrow.
#[derive(Debug)]
struct TextsOfOurs;

impl EncoderFactory for TextsOfOurs {
    fn make_default_encoder<'a>(
        &self,
        _field: &'a FieldRef,
        array: &'a dyn Array,
        _options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        use DataType::{Decimal32, Decimal64, Decimal128, Decimal256, Timestamp};
        let encoder: Box<dyn Encoder + 'a> = match array.data_type() {
            Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => {
                Box::new(DecimalEncoder(ArrayFormatter::try_new(array, &FormatOptions::new())?))
            }
            Timestamp(TimeUnit::Second, Some(_)) => Box::new(InstantEncoder::<TimestampSecondType>::new(array)),
            Timestamp(TimeUnit::Millisecond, Some(_)) => {
                Box::new(InstantEncoder::<TimestampMillisecondType>::new(array))
            }
            Timestamp(TimeUnit::Microsecond, Some(_)) => {
                Box::new(InstantEncoder::<TimestampMicrosecondType>::new(array))
            }
            Timestamp(TimeUnit::Nanosecond, Some(_)) => Box::new(InstantEncoder::<TimestampNanosecondType>::new(array)),
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

struct DecimalEncoder<'a>(ArrayFormatter<'a>);

impl Encoder for DecimalEncoder<'_> {
    fn encode(&mut self, index: usize, out: &mut Vec<u8>) {
        write!(out, "\"{}\"", self.0.value(index)).expect("a decimal has a text, and memory takes all");
    }
}

/// An instant of a known zone. Arrow would need a table of zones to write it in its own.
struct InstantEncoder<'a, T: ArrowTimestampType>(&'a PrimitiveArray<T>);

impl<'a, T: ArrowTimestampType> InstantEncoder<'a, T> {
    fn new(array: &'a dyn Array) -> Self {
        Self(array.as_primitive())
    }
}

impl<T: ArrowTimestampType> Encoder for InstantEncoder<'_, T> {
    fn encode(&mut self, index: usize, out: &mut Vec<u8>) {
        let written = match self.0.value_as_datetime(index) {
            Some(instant) => write!(out, "\"{instant:?}Z\""),
            // Beyond the calendar; the count stays for whoever refuses the row.
            None => write!(out, "{}", self.0.value(index)),
        };
        written.expect("memory takes all");
    }
}

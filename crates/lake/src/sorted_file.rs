//! A table's file held open: a few columns of it, row group by row group, read where they lie by the thread that asks.

use std::{
    fs::File,
    io::{self, Cursor},
    path::Path,
    sync::Arc,
};

use arrow::{
    array::RecordBatch,
    datatypes::{DataType, Field, Schema},
};
use bytes::Bytes;
use model::UtcMillis;
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{
            ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
        },
    },
    errors::{ParquetError, Result as ParquetResult},
    file::{
        metadata::PageIndexPolicy,
        reader::{ChunkReader, Length},
        statistics::Statistics,
    },
};
use rustix::buffer::spare_capacity;

pub use parquet::arrow::arrow_reader::RowSelection;

use crate::{
    file::{self, DISTINCT_COLUMNS, FileEntry},
    lake::LakeError,
};

/// Rows that a reader decodes at once: their columns stay in the processor's cache.
const BATCH_ROWS: usize = 16 * 1024;
/// Bytes read at once where the reader does not say how many it wants: page headers.
const HEADER_BYTES: usize = 4096;

/// An open file. What it holds never changes; removed from the folder, it can be read until it is dropped.
#[derive(Debug)]
pub struct SortedFile {
    /// What the log says of it.
    pub entry: FileEntry,
    pages: Pages,
    metadata: ArrowReaderMetadata,
}

/// Which rows and columns of a file are read.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// Columns by name; they come in the table's order.
    pub columns: &'a [&'a str],
    /// Rows in force at this instant; none: every row.
    pub as_of: Option<UtcMillis>,
}

/// The chosen rows of one row group, some thousands at a time. Texts come as dictionaries.
pub struct Rows {
    reader: ParquetRecordBatchReader,
    /// Set where rows were not in force at the instant, or are no more.
    as_of: Option<UtcMillis>,
}

impl SortedFile {
    pub(crate) fn open(path: &Path, entry: FileEntry) -> Result<Self, LakeError> {
        let pages = Pages::open(path)?;
        let stored = ArrowReaderMetadata::load(&pages, options())?;
        let read_as = options().with_schema(Arc::new(with_read_types(stored.schema())));
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(stored.metadata()), read_as)?;
        Ok(Self { entry, pages, metadata })
    }

    /// How many row groups it has.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    /// Rows of a row group.
    #[must_use]
    pub fn group_rows(&self, group: usize) -> usize {
        usize::try_from(self.metadata.metadata().row_group(group).num_rows()).unwrap_or(0)
    }

    /// Least and greatest place of a row group; of a file without statistics, all there are.
    #[must_use]
    pub fn group_places(&self, group: usize) -> (i64, i64) {
        let group = self.metadata.metadata().row_group(group);
        let place = group.columns().iter().find(|column| column.column_path().string() == "place");
        match place.and_then(|place| place.statistics()) {
            Some(Statistics::Int64(places)) => {
                (places.min_opt().copied().unwrap_or(i64::MIN), places.max_opt().copied().unwrap_or(i64::MAX))
            }
            _ => (i64::MIN, i64::MAX),
        }
    }

    /// The rows of one row group that are in force.
    ///
    /// # Errors
    /// [`LakeError::Parquet`] where the file is damaged.
    pub fn read(&self, group: usize, reading: Reading<'_>) -> Result<Rows, LakeError> {
        self.rows(group, reading, None)
    }

    /// Of one row group the rows in force among those of the selection.
    ///
    /// # Errors
    /// [`LakeError::Parquet`] where the file is damaged.
    pub fn read_selected(&self, group: usize, reading: Reading<'_>, rows: RowSelection) -> Result<Rows, LakeError> {
        self.rows(group, reading, Some(rows))
    }

    /// One batch of those that [`SortedFile::read`] gives of a row group, counted from 0, with perhaps other columns.
    ///
    /// # Errors
    /// [`LakeError`] where the file is damaged, or has no such batch.
    pub fn read_batch(&self, group: usize, batch: usize, reading: Reading<'_>) -> Result<RecordBatch, LakeError> {
        let (before, rows) = (batch * BATCH_ROWS, self.group_rows(group));
        let ranges = std::iter::once(before.min(rows)..(before + BATCH_ROWS).min(rows));
        let selection = RowSelection::from_consecutive_ranges(ranges, rows);
        let missing = || LakeError::Corrupt { reason: format!("\"{}\" has no batch {batch}", self.entry.name) };
        self.rows(group, reading, Some(selection))?.next().ok_or_else(missing)?
    }

    fn rows(&self, group: usize, reading: Reading<'_>, rows: Option<RowSelection>) -> Result<Rows, LakeError> {
        let as_of = reading.as_of.filter(|&as_of| self.filtered(as_of));
        let beside = ["known_at", "known_until"].into_iter().filter(|_| as_of.is_some());
        let columns = reading.columns.iter().copied().chain(beside);
        let mask = ProjectionMask::columns(self.metadata.parquet_schema(), columns);
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.pages.clone(), self.metadata.clone())
            .with_projection(mask)
            // One at a time: a batch of two row groups would lose its dictionaries.
            .with_row_groups(vec![group])
            .with_batch_size(BATCH_ROWS);
        let builder = match rows {
            Some(rows) => builder.with_row_selection(rows),
            None => builder,
        };
        Ok(Rows { reader: builder.build()?, as_of })
    }

    /// True where not every row is in force at the instant.
    #[must_use]
    pub fn filtered(&self, as_of: UtcMillis) -> bool {
        self.entry.ended > 0 || self.entry.instants("known_at").is_none_or(|(_, last)| last > as_of)
    }
}

impl Iterator for Rows {
    type Item = Result<RecordBatch, LakeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = match self.reader.next()? {
            Ok(rows) => rows,
            Err(error) => return Some(Err(error.into())),
        };
        let Some(as_of) = self.as_of else { return Some(Ok(rows)) };
        let beside = |name: &str| name == "known_at" || name == "known_until";
        let asked: Vec<usize> =
            (0..rows.num_columns()).filter(|&c| !beside(rows.schema_ref().field(c).name())).collect();
        Some(file::as_of(&rows, as_of).and_then(|rows| Ok(rows.project(&asked)?)))
    }
}

/// Positioned reads: several readers share one open file, and none moves another's place in it.
#[derive(Debug, Clone)]
pub(crate) struct Pages {
    file: Arc<File>,
    length: u64,
}

impl Pages {
    pub(crate) fn open(path: &Path) -> Result<Self, LakeError> {
        let unreadable = |source: io::Error| match (source.kind(), path.display().to_string()) {
            (io::ErrorKind::NotFound, path) => LakeError::Gone { path },
            (_, path) => LakeError::Folder { path, source },
        };
        let file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        Ok(Self { file: Arc::new(file), length })
    }
}

impl Length for Pages {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Pages {
    type T = Cursor<Bytes>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        let left = usize::try_from(self.length.saturating_sub(start)).unwrap_or(usize::MAX);
        Ok(Cursor::new(self.get_bytes(start, left.min(HEADER_BYTES))?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let failed = |error: io::Error| ParquetError::External(Box::new(error));
        // Into room that was not filled with zeros before.
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            let at = start + bytes.len() as u64;
            match rustix::io::pread(&*self.file, spare_capacity(&mut bytes), at) {
                Ok(0) => return Err(failed(io::ErrorKind::UnexpectedEof.into())),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(failed(error.into())),
            }
        }
        // What was allocated may be more than was asked for.
        bytes.truncate(length);
        Ok(bytes.into())
    }
}

fn options() -> ArrowReaderOptions {
    ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional)
}

/// The type in which a stored column comes: a text that repeats as a dictionary, so that repeated names stay codes.
#[must_use]
pub fn read_type(field: &Field) -> DataType {
    match field.data_type() {
        DataType::Utf8 if !DISTINCT_COLUMNS.contains(&field.name().as_str()) => {
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
        }
        other => other.clone(),
    }
}

fn with_read_types(schema: &Schema) -> Schema {
    let field = |field: &Arc<Field>| field.as_ref().clone().with_data_type(read_type(field));
    Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>())
}

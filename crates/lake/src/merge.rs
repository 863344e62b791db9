//! Sorted runs become one, as streams: of each run a few thousand rows are in memory, whatever its length.

use std::cmp::Ordering;

use arrow::{
    array::RecordBatch,
    compute::{LexicographicalComparator, SortColumn, concat, interleave_record_batch},
    error::ArrowError,
};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tables::Table;

use crate::{
    file::{self, FileWriter, WrittenFile},
    lake::LakeError,
};

/// Rows of a run that are in memory at once.
const BATCH_ROWS: usize = 8192;

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>>;

/// One file of a table on its way into a merge.
pub(crate) struct Run {
    /// The file's bytes.
    pub(crate) bytes: Bytes,
    /// True where its rows are in the table's order; others are sorted first.
    pub(crate) sorted: bool,
}

/// Where the merge stands in a run.
struct Cursor {
    later: Batches,
    /// The rows at hand, of which none is written yet.
    rows: RecordBatch,
}

/// Merges runs into one file.
///
/// # Errors
/// [`LakeError`] where a run is unreadable.
pub(crate) fn merge(table: Table, runs: Vec<Run>) -> Result<Option<WrittenFile>, LakeError> {
    let mut writer = FileWriter::new(table)?;
    let mut cursors = Vec::with_capacity(runs.len());
    for run in runs {
        let mut later = batches(table, run)?;
        if let Some(rows) = next(&mut later)? {
            cursors.push(Cursor { later, rows });
        }
    }
    while !cursors.is_empty() {
        writer.write(&next_piece(table, &mut cursors)?)?;
        let mut unfinished = Vec::with_capacity(cursors.len());
        for mut cursor in cursors {
            if cursor.rows.num_rows() == 0 {
                let Some(rows) = next(&mut cursor.later)? else { continue };
                cursor.rows = rows;
            }
            unfinished.push(cursor);
        }
        cursors = unfinished;
    }
    writer.finish()
}

/// All rows at hand that no later row of any run precedes, in order; they are taken from the cursors.
fn next_piece(table: Table, cursors: &mut [Cursor]) -> Result<RecordBatch, LakeError> {
    let mut keys = Vec::new();
    for name in table.sort_columns() {
        let parts = cursors.iter().map(|cursor| {
            let missing = || LakeError::Corrupt { reason: format!("{} without its column {name}", table.folder()) };
            Ok(cursor.rows.column_by_name(name).ok_or_else(missing)?.as_ref())
        });
        let values = concat(&parts.collect::<Result<Vec<_>, LakeError>>()?)?;
        keys.push(SortColumn { values, options: None });
    }
    let order = LexicographicalComparator::try_new(&keys)?;
    let mut starts = Vec::with_capacity(cursors.len());
    let mut end = 0;
    for cursor in cursors.iter() {
        starts.push(end);
        end += cursor.rows.num_rows();
    }
    let ends = starts.iter().skip(1).copied().chain([end]);
    let last_rows = ends.clone().map(|end| end - 1);
    let Some(bound) = last_rows.min_by(|a, b| order.compare(*a, *b)) else {
        return Ok(RecordBatch::new_empty(table.schema()));
    };
    let mut places = Vec::new();
    for (run, (start, end)) in starts.iter().copied().zip(ends).enumerate() {
        let ready = (start..end).take_while(|row| order.compare(*row, bound) != Ordering::Greater);
        places.extend(ready.map(|row| (row, run)));
    }
    // The standard sort finds the runs and merges them.
    places.sort_by(|(a, _), (b, _)| order.compare(*a, *b));
    let rows: Vec<(usize, usize)> = places.iter().map(|(row, run)| (*run, row - starts[*run])).collect();
    let at_hand: Vec<&RecordBatch> = cursors.iter().map(|cursor| &cursor.rows).collect();
    let piece = interleave_record_batch(&at_hand, &rows)?;
    let mut taken = vec![0; cursors.len()];
    places.iter().for_each(|(_, run)| taken[*run] += 1);
    for (cursor, taken) in cursors.iter_mut().zip(taken) {
        cursor.rows = cursor.rows.slice(taken, cursor.rows.num_rows() - taken);
    }
    Ok(piece)
}

fn batches(table: Table, run: Run) -> Result<Batches, LakeError> {
    if run.sorted {
        let reader = ParquetRecordBatchReaderBuilder::try_new(run.bytes)?.with_batch_size(BATCH_ROWS);
        return Ok(Box::new(reader.build()?));
    }
    let sorted = file::sort(table, &file::from_parquet(run.bytes, &[])?)?;
    Ok(Box::new(std::iter::once(Ok(sorted))))
}

/// The next rows of a run, if there are any.
fn next(batches: &mut Batches) -> Result<Option<RecordBatch>, LakeError> {
    for batch in batches {
        let batch = batch?;
        if batch.num_rows() > 0 {
            return Ok(Some(batch));
        }
    }
    Ok(None)
}

//! Sorted runs become one, as streams: of each run a few thousand rows are in memory, whatever its length.

use std::cmp::Ordering;

use arrow::{
    array::RecordBatch,
    compute::{LexicographicalComparator, interleave_record_batch},
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
    let at_hand: Vec<&RecordBatch> = cursors.iter().map(|cursor| &cursor.rows).collect();
    let keys = file::sort_keys(table, &at_hand)?;
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
    Ok(Box::new(file::sort(table, file::from_parquet(run.bytes, &[])?)?.into_iter().map(Ok)))
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

#[cfg(test)]
mod tests {
    use arrow::compute::concat_batches;
    use model::UtcMillis;
    use tables::{Outcome, OutcomeRow, encode_facts};

    use super::*;

    /// Rows at pseudo-random offsets, of which each comes in two channels.
    fn rows(seed: u64, count: u64) -> RecordBatch {
        let row = |number: u64| {
            let offset = (number + 1).wrapping_mul(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1) >> 40;
            OutcomeRow {
                channel: format!("channel {}", number % 2).into(),
                offset: offset as i64,
                source: "web".into(),
                key: u128::from(number).into(),
                content_hash: 0.into(),
                received_at: UtcMillis(number as i64),
                outcome: Outcome::Kept,
                reason: None,
                conflicting: false,
            }
        };
        encode_facts::<OutcomeRow>(&(0..count).map(row).collect::<Vec<_>>(), UtcMillis(7)).unwrap()
    }

    fn file(rows: Vec<RecordBatch>) -> WrittenFile {
        let mut writer = FileWriter::new(Table::Outcomes).unwrap();
        rows.iter().for_each(|rows| writer.write(rows).unwrap());
        writer.finish().unwrap().unwrap()
    }

    #[test]
    fn a_merge_is_the_sort_of_all_its_rows() {
        let parts = [rows(1, 20_000), rows(2, 3), rows(3, 9_000), rows(4, 8_192)];
        let all = file::sort(Table::Outcomes, parts.to_vec()).unwrap();
        let runs = parts.iter().zip([true, true, false, true]).map(|(part, sorted)| {
            let rows = vec![part.clone()];
            let rows = if sorted { file::sort(Table::Outcomes, rows).unwrap() } else { rows };
            Run { bytes: file(rows).bytes, sorted }
        });
        let merged = merge(Table::Outcomes, runs.collect()).unwrap().unwrap();
        let expected = file(all.clone());
        assert_eq!((merged.rows, &merged.statistics), (37_195, &expected.statistics));
        let read = file::from_parquet(merged.bytes, &[]).unwrap();
        let columns = ["channel", "offset", "received_at"];
        let of = |batches: &[RecordBatch]| {
            let whole = concat_batches(&batches[0].schema(), batches).unwrap();
            columns.map(|name| whole.column_by_name(name).unwrap().clone())
        };
        assert_eq!(of(&read)[..2], of(&all)[..2]);
        let mut instants =
            [of(&read), of(&all)].map(|[_, _, at]| at.to_data().buffers()[0].typed_data::<i64>().to_vec());
        instants.iter_mut().for_each(|instants| instants.sort_unstable());
        assert_eq!(instants[0], instants[1], "no row is lost or doubled");
    }

    #[test]
    fn runs_without_rows_make_no_file() {
        assert!(merge(Table::Outcomes, Vec::new()).unwrap().is_none());
    }
}

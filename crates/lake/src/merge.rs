//! Sorted runs become one, as streams: of each run a few thousand rows are in memory, whatever its length.

use std::{cmp::Ordering, ops::Range, sync::Arc};

use arrow::{
    array::RecordBatch,
    compute::{LexicographicalComparator, interleave_record_batch},
    datatypes::Field,
    error::ArrowError,
};
use parquet::{arrow::arrow_reader::ParquetRecordBatchReaderBuilder, file::reader::ChunkReader};
use tables::Table;

use crate::{
    cells::{CellWriter, Ranges},
    file::{self, FileWriter, Layout, WrittenFile},
    lake::LakeError,
};

/// Rows of a run that are in memory at once.
const BATCH_ROWS: usize = 8192;

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>>;

/// One file of a table on its way into a merge.
pub(crate) struct Run<R> {
    /// The file.
    pub(crate) file: R,
    /// True where its rows are in the table's order; others are sorted first.
    pub(crate) sorted: bool,
}

/// Where the merge stands in a run.
struct Cursor {
    later: Batches,
    /// The rows at hand, of which none is written yet.
    rows: RecordBatch,
    /// The row before them.
    before: Option<RecordBatch>,
}

/// Merges runs into one file.
///
/// # Errors
/// [`LakeError`] where a run is unreadable.
pub(crate) fn merge<R: ChunkReader + 'static>(
    table: Table,
    runs: Vec<Run<R>>,
) -> Result<Option<WrittenFile>, LakeError> {
    let mut writer = FileWriter::new(table, Layout::Run)?;
    merged(table, runs, |rows| writer.write(rows))?;
    writer.finish()
}

/// Merges runs into files of one cell each.
///
/// # Errors
/// [`LakeError`] where a run is unreadable.
pub(crate) fn settle<R: ChunkReader + 'static>(
    table: Table,
    runs: Vec<Run<R>>,
    ranges: Ranges,
) -> Result<Vec<WrittenFile>, LakeError> {
    let mut writer = CellWriter::new(table, ranges);
    merged(table, runs, |rows| writer.write(rows))?;
    writer.finish()
}

/// Gives all rows of the runs in the table's order, piece by piece.
fn merged<R: ChunkReader + 'static>(
    table: Table,
    runs: Vec<Run<R>>,
    mut give: impl FnMut(&RecordBatch) -> Result<(), LakeError>,
) -> Result<(), LakeError> {
    let mut cursors = Vec::with_capacity(runs.len());
    for run in runs {
        let rows = RecordBatch::new_empty(table.schema());
        let mut cursor = Cursor { later: batches(table, run)?, rows, before: None };
        if cursor.fill(table)? {
            cursors.push(cursor);
        }
    }
    while !cursors.is_empty() {
        give(&next_piece(table, &mut cursors)?)?;
        let mut unfinished = Vec::with_capacity(cursors.len());
        for mut cursor in cursors {
            if cursor.rows.num_rows() > 0 || cursor.fill(table)? {
                unfinished.push(cursor);
            }
        }
        cursors = unfinished;
    }
    Ok(())
}

/// All rows at hand that no later row of any run precedes, in order; they are taken from the cursors.
fn next_piece(table: Table, cursors: &mut [Cursor]) -> Result<RecordBatch, LakeError> {
    let at_hand: Vec<&RecordBatch> = cursors.iter().map(|cursor| &cursor.rows).collect();
    let keys = file::sort_keys(table, &at_hand)?;
    let order = LexicographicalComparator::try_new(&keys)?;
    let mut end = 0;
    let spans = cursors.iter().map(|cursor| {
        let start = end;
        end += cursor.rows.num_rows();
        start..end
    });
    let spans: Vec<Range<usize>> = spans.collect();
    let last_rows = spans.iter().map(|span| span.end - 1);
    let Some(bound) = last_rows.min_by(|a, b| order.compare(*a, *b)) else {
        return Ok(RecordBatch::new_empty(table.schema()));
    };
    let (mut places, mut taken) = (Vec::new(), Vec::with_capacity(spans.len()));
    for (run, span) in spans.into_iter().enumerate() {
        let before = places.len();
        let ready = span.clone().take_while(|row| order.compare(*row, bound) != Ordering::Greater);
        places.extend(ready.map(|row| (row, run, row - span.start)));
        taken.push(places.len() - before);
    }
    // The standard sort finds the runs and merges them.
    places.sort_by(|(a, ..), (b, ..)| order.compare(*a, *b));
    let rows: Vec<(usize, usize)> = places.into_iter().map(|(_, run, row)| (run, row)).collect();
    let piece = interleave_record_batch(&at_hand, &rows)?;
    for (cursor, taken) in cursors.iter_mut().zip(taken) {
        cursor.rows = cursor.rows.slice(taken, cursor.rows.num_rows() - taken);
    }
    Ok(piece)
}

fn batches<R: ChunkReader + 'static>(table: Table, run: Run<R>) -> Result<Batches, LakeError> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(run.file)?.with_batch_size(BATCH_ROWS).build()?;
    if run.sorted {
        return Ok(Box::new(reader));
    }
    let all = reader.collect::<Result<Vec<_>, _>>()?;
    Ok(Box::new(file::sort(table, all)?.into_iter().map(Ok)))
}

impl Cursor {
    /// Takes the next rows of the run; false where there are none.
    fn fill(&mut self, table: Table) -> Result<bool, LakeError> {
        for batch in &mut self.later {
            let rows = conformed(table, &batch?)?;
            if rows.num_rows() == 0 {
                continue;
            }
            let following: Vec<&RecordBatch> = self.before.iter().chain([&rows]).collect();
            // Rows out of order would be merged to no end.
            if !file::is_sorted(table, &following)? {
                let reason = format!("a file of {} says that its rows are in order, and they are not", table.folder());
                return Err(LakeError::Corrupt { reason });
            }
            self.before = Some(rows.slice(rows.num_rows() - 1, 1));
            self.rows = rows;
            return Ok(true);
        }
        Ok(false)
    }
}

/// The table's columns, whatever else a file holds and in whatever order.
pub(crate) fn conformed(table: Table, rows: &RecordBatch) -> Result<RecordBatch, LakeError> {
    let schema = table.schema();
    let column = |field: &Arc<Field>| {
        let missing = || LakeError::Corrupt {
            reason: format!("a file of {} is without its column {}", table.folder(), field.name()),
        };
        rows.column_by_name(field.name()).cloned().ok_or_else(missing)
    };
    let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>, _>>()?;
    Ok(RecordBatch::try_new(schema, columns)?)
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
        let mut writer = FileWriter::new(Table::Outcomes, Layout::Run).unwrap();
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
            Run { file: file(rows).bytes, sorted }
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
    fn a_file_that_only_says_it_is_in_order_is_refused() {
        for rows in [rows(3, 9_000), rows(1, 20_000)] {
            let run = Run { file: file(vec![rows]).bytes, sorted: true };
            let error = merge(Table::Outcomes, vec![run]).expect_err("refused").to_string();
            assert!(error.contains("says that its rows are in order"), "{error}");
        }
    }

    #[test]
    fn runs_without_rows_make_no_file() {
        assert!(merge(Table::Outcomes, Vec::<Run<bytes::Bytes>>::new()).unwrap().is_none());
    }
}

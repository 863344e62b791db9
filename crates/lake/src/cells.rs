//! Where settled rows lie: each file in one *cell*, a range of places in one month, so that a question about people reads
//! stretches of a few files, one after the other.

use std::collections::BTreeMap;

use arrow::{
    array::{AsArray, BooleanArray, RecordBatch},
    compute::filter_record_batch,
    datatypes::{Int64Type, TimestampMicrosecondType},
};
use jiff::tz::TimeZone;
use model::UtcMillis;
use tables::Table;

use crate::{
    file::{FileEntry, FileWriter, Layout, WrittenFile},
    lake::LakeError,
};

/// Ranges that all places are cut into, by their upper bits.
const RANGE_BITS: u32 = 4;
/// Rows from which on a cell's next rows go into another file: the range has outgrown one.
const ROWS_MAX: usize = 1 << 20;
/// Bytes from which on they do.
pub(crate) const CELL_BYTES_MAX: u64 = 96 << 20;
const DAY_MICROS: i64 = 24 * UtcMillis::HOUR_MS * 1000;

/// A range of places in a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell {
    /// Upper bits of its places.
    range: i64,
    /// Months since 1970-01, UTC.
    month: i32,
}

/// Rows on their way into cells.
pub(crate) struct CellWriter {
    table: Table,
    range: Option<i64>,
    open: BTreeMap<i32, FileWriter>,
    finished: Vec<WrittenFile>,
    months: BTreeMap<i64, i32>,
}

impl Cell {
    /// The cell that a settled file lies in; none for other files.
    pub(crate) fn of(entry: &FileEntry) -> Option<Self> {
        let (first, _) = entry.integers("place").filter(|_| entry.settled())?;
        let (at, _) = entry.instants("occurred_at")?;
        Some(Self { range: range_of(first), month: month_of(at.0.div_euclid(DAY_MICROS / 1000)) })
    }
}

impl CellWriter {
    pub(crate) fn new(table: Table) -> Self {
        Self { table, range: None, open: BTreeMap::new(), finished: Vec::new(), months: BTreeMap::new() }
    }

    /// Adds rows, by place, that follow those written before.
    pub(crate) fn write(&mut self, rows: &RecordBatch) -> Result<(), LakeError> {
        let missing = || LakeError::Corrupt { reason: format!("{} without a place", self.table.folder()) };
        let places =
            rows.column_by_name("place").and_then(|c| c.as_primitive_opt::<Int64Type>()).ok_or_else(missing)?;
        let places = places.values().to_vec();
        let mut start = 0;
        for same in places.chunk_by(|a, b| range_of(*a) == range_of(*b)) {
            let range = range_of(same[0]);
            if self.range.is_some_and(|before| before != range) {
                self.close()?;
            }
            self.range = Some(range);
            self.write_range(&rows.slice(start, same.len()), same)?;
            start += same.len();
        }
        Ok(())
    }

    /// The files.
    pub(crate) fn finish(mut self) -> Result<Vec<WrittenFile>, LakeError> {
        self.close()?;
        Ok(self.finished)
    }

    fn write_range(&mut self, rows: &RecordBatch, places: &[i64]) -> Result<(), LakeError> {
        // A file ends where a place does, so that no place lies in two.
        let full = self.open.values().any(|file| file.rows() >= ROWS_MAX || file.bytes() as u64 >= CELL_BYTES_MAX);
        let last = places.last().copied();
        let head =
            if full { places.iter().position(|place| Some(*place) == last).unwrap_or(0) } else { rows.num_rows() };
        self.write_months(&rows.slice(0, head))?;
        if full && head > 0 {
            self.close()?;
        }
        self.write_months(&rows.slice(head, rows.num_rows() - head))
    }

    fn write_months(&mut self, rows: &RecordBatch) -> Result<(), LakeError> {
        let missing = || LakeError::Corrupt { reason: format!("{} without occurred_at", self.table.folder()) };
        let at = rows.column_by_name("occurred_at").and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
        let at = at.ok_or_else(missing)?.values();
        let months: Vec<i32> = at
            .iter()
            .map(|at| {
                let day = at.div_euclid(DAY_MICROS);
                *self.months.entry(day).or_insert_with(|| month_of(day))
            })
            .collect();
        let mut distinct = months.clone();
        distinct.sort_unstable();
        distinct.dedup();
        for month in distinct {
            let here: BooleanArray = months.iter().map(|other| Some(*other == month)).collect();
            let file = match self.open.entry(month) {
                std::collections::btree_map::Entry::Occupied(open) => open.into_mut(),
                std::collections::btree_map::Entry::Vacant(none) => {
                    none.insert(FileWriter::new(self.table, Layout::Settled)?)
                }
            };
            file.write(&filter_record_batch(rows, &here)?)?;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), LakeError> {
        for file in std::mem::take(&mut self.open).into_values() {
            self.finished.extend(file.finish()?);
        }
        Ok(())
    }
}

fn range_of(place: i64) -> i64 {
    place >> (i64::BITS - RANGE_BITS)
}

/// The month of a day since 1970-01-01.
fn month_of(day: i64) -> i32 {
    let date = UtcMillis(day.saturating_mul(DAY_MICROS / 1000)).day_in(&TimeZone::UTC);
    (i32::from(date.year()) - 1970) * 12 + i32::from(date.month()) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_and_ranges_are_counted_from_their_first() {
        assert_eq!([0, 30, 31, 59, 365, -1].map(month_of), [0, 0, 1, 2, 12, -1]);
        assert_eq!([i64::MIN, -1, 0, i64::MAX].map(range_of), [-8, -1, 0, 7]);
    }
}

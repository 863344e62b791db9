//! Where settled rows lie: each file in one *cell*, a range of places in one month, so that a question about people reads
//! stretches of a few files, one after the other.
//!
//! A month that outgrows its ranges has each of them cut in two, so a busy month has many cells and a quiet one has one.

use std::collections::{BTreeMap, btree_map::Entry};

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

/// Most halvings of a month's places.
const HALVINGS_MAX: u32 = 12;
/// Bytes of a file from which on its next rows go into another.
pub(crate) const FILE_BYTES_MAX: usize = 192 << 20;
const DAY_MICROS: i64 = 24 * UtcMillis::HOUR_MS * 1000;

/// A range of places in a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell {
    /// Months since 1970-01, UTC.
    pub(crate) month: i32,
    /// Upper bits of its places; none: the file lies across several, since it was written before they were cut.
    pub(crate) range: Option<i64>,
}

/// How often the places of each month have been halved.
#[derive(Debug, Default, Clone)]
pub(crate) struct Ranges {
    halvings: BTreeMap<i32, u32>,
}

/// Rows on their way into cells.
pub(crate) struct CellWriter {
    table: Table,
    ranges: Ranges,
    open: BTreeMap<i32, Open>,
    finished: Vec<WrittenFile>,
    months: BTreeMap<i64, i32>,
}

/// A cell's file that is being written.
struct Open {
    range: i64,
    last: i64,
    file: FileWriter,
}

impl Ranges {
    /// The ranges of months, of whose settled rows a cell should hold at most `rows_max`, and a file's worth of bytes.
    pub(crate) fn of(files: &[FileEntry], rows_max: usize) -> Self {
        let mut sizes: BTreeMap<i32, (usize, u64)> = BTreeMap::new();
        for entry in files {
            if let Some(month) = month(entry) {
                let (rows, bytes) = sizes.entry(month).or_default();
                *rows += entry.rows;
                *bytes += entry.size;
            }
        }
        let fits = |(rows, bytes): (usize, u64), n: u32| rows >> n <= rows_max && bytes >> n <= FILE_BYTES_MAX as u64;
        let halvings = |size| (0..HALVINGS_MAX).find(|&n| fits(size, n)).unwrap_or(HALVINGS_MAX);
        Self { halvings: sizes.into_iter().map(|(month, size)| (month, halvings(size))).collect() }
    }

    /// The cell that a settled file lies in; none for other files.
    pub(crate) fn cell(&self, entry: &FileEntry) -> Option<Cell> {
        let (month, (first, last)) = (month(entry)?, entry.integers("place")?);
        let range = Some(self.range(month, first)).filter(|range| *range == self.range(month, last));
        Some(Cell { month, range })
    }

    fn range(&self, month: i32, place: i64) -> i64 {
        // A shift by all 64 bits would be none.
        let halvings = self.halvings.get(&month).copied().unwrap_or(0);
        place.checked_shr(i64::BITS - halvings).unwrap_or(0)
    }
}

impl CellWriter {
    pub(crate) fn new(table: Table, ranges: Ranges) -> Self {
        Self { table, ranges, open: BTreeMap::new(), finished: Vec::new(), months: BTreeMap::new() }
    }

    /// Adds rows, by place, that follow those written before.
    pub(crate) fn write(&mut self, rows: &RecordBatch) -> Result<(), LakeError> {
        let missing = || LakeError::Corrupt { reason: format!("{} without occurred_at", self.table.folder()) };
        let at = rows.column_by_name("occurred_at").and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
        let days = at.ok_or_else(missing)?.values().iter().map(|at| at.div_euclid(DAY_MICROS));
        let months: Vec<i32> = days.map(|day| *self.months.entry(day).or_insert_with(|| month_of(day))).collect();
        let mut distinct = months.clone();
        distinct.sort_unstable();
        distinct.dedup();
        if let [only] = distinct.as_slice() {
            return self.write_month(*only, rows);
        }
        for month in distinct {
            let here: BooleanArray = months.iter().map(|other| Some(*other == month)).collect();
            self.write_month(month, &filter_record_batch(rows, &here)?)?;
        }
        Ok(())
    }

    /// The files.
    pub(crate) fn finish(mut self) -> Result<Vec<WrittenFile>, LakeError> {
        for open in self.open.into_values() {
            self.finished.extend(open.file.finish()?);
        }
        Ok(self.finished)
    }

    fn write_month(&mut self, month: i32, rows: &RecordBatch) -> Result<(), LakeError> {
        let missing = || LakeError::Corrupt { reason: format!("{} without a place", self.table.folder()) };
        let places =
            rows.column_by_name("place").and_then(|c| c.as_primitive_opt::<Int64Type>()).ok_or_else(missing)?;
        let places = places.values().to_vec();
        let mut start = 0;
        let (ranges, mut more) = (self.ranges.clone(), places.as_slice());
        while let Some(&first) = more.first() {
            let range = ranges.range(month, first);
            let open = self.open_file(month, range, first)?;
            // A full file ends where a place does, so that no place lies in two.
            let belongs = |place: &i64| match open.file.bytes() >= FILE_BYTES_MAX {
                true => *place == open.last,
                false => ranges.range(month, *place) == range,
            };
            let length = more.iter().take_while(|place| belongs(place)).count().max(1);
            open.file.write(&rows.slice(start, length))?;
            open.last = more[length - 1];
            start += length;
            more = &more[length..];
        }
        Ok(())
    }

    /// The open file of a month that a place belongs into.
    fn open_file(&mut self, month: i32, range: i64, place: i64) -> Result<&mut Open, LakeError> {
        let goes_on = |open: &Open| open.range == range && (open.file.bytes() < FILE_BYTES_MAX || open.last == place);
        if let Some(ended) = self.open.get(&month).is_some_and(|open| !goes_on(open)).then(|| self.open.remove(&month))
        {
            self.finished.extend(ended.map(|open| open.file.finish()).transpose()?.flatten());
        }
        Ok(match self.open.entry(month) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(none) => {
                let file = FileWriter::new(self.table, Layout::Settled)?;
                none.insert(Open { range, last: place, file })
            }
        })
    }
}

/// The month of a settled file's rows.
fn month(entry: &FileEntry) -> Option<i32> {
    let (at, _) = entry.instants("occurred_at").filter(|_| entry.settled())?;
    Some(month_of(at.0.div_euclid(DAY_MICROS / 1000)))
}

/// The month of a day since 1970-01-01.
fn month_of(day: i64) -> i32 {
    let date = UtcMillis(day.saturating_mul(DAY_MICROS / 1000)).day_in(&TimeZone::UTC);
    (i32::from(date.year()) - 1970) * 12 + i32::from(date.month()) - 1
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::file::SETTLED_MARK;

    fn settled(rows: usize, at: &str, places: (i64, i64)) -> FileEntry {
        let bounds = BTreeMap::from([
            ("occurred_at".to_owned(), (json!(at), json!(at))),
            ("place".to_owned(), (json!(places.0), json!(places.1))),
        ]);
        FileEntry { name: format!("{SETTLED_MARK}1"), size: 1, rows, bounds, ended: 0 }
    }

    #[test]
    fn months_are_counted_from_their_first() {
        assert_eq!([0, 30, 31, 59, 365, -1].map(month_of), [0, 0, 1, 2, 12, -1]);
    }

    #[test]
    fn a_month_that_outgrows_its_ranges_has_them_cut_in_two() {
        let (low, high) = ((i64::MIN, -1), (0, i64::MAX));
        let january = |rows, places| settled(rows, "2026-01-05T00:00:00Z", places);
        let february = settled(100, "2026-02-05T00:00:00Z", (i64::MIN, i64::MAX));
        let files = [january(60, low), january(60, high), february];
        let of = |rows_max| {
            let ranges = Ranges::of(&files, rows_max);
            files.each_ref().map(|file| ranges.cell(file).unwrap().range)
        };
        assert_eq!(of(120), [Some(0), Some(0), Some(0)]);
        assert_eq!(of(119), [Some(-1), Some(0), Some(0)]);
        // Four ranges of January, two of February: what was written before lies across several.
        assert_eq!(of(50), [None, None, None]);
    }
}

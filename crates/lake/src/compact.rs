//! Compaction: many small runs become few, and runs become settled files, in commits that move rows and change none.
//!
//! Size-tiered: eight files of one tier become one of the next, so that a row is rewritten a few times in its life and
//! the number of files stays small. Events go on from there: when enough of their rows lie in runs, these become files of
//! one cell each, and cells are tiered in turn. What keeps two compactions of the same files apart is that a commit is refused
//! whose replaced files are not in force; the transaction only counts them.

use std::collections::BTreeMap;

use tables::Table;

use crate::{
    cells::{Cell, FILE_BYTES_MAX, Ranges},
    file::FileEntry,
    lake::{Commit, Lake, LakeError, WriterLock},
    merge::{self, Run},
    sorted_file::Pages,
};

/// Files of one tier that are merged at once.
const FAN_IN: usize = 8;
/// Rows of a file of the lowest tier.
const TIER_ROWS: usize = 4096;
/// Files from this on are left as they are, so that a merge holds few rows in memory.
const FILE_ROWS_MAX: usize = 48 * 1024;
/// The same for the inbox, whose rows are heavy and read in the order in which they were written.
const INBOX_FILE_ROWS_MAX: usize = 16 * 1024;
/// Most bytes, as stored, that one merge of runs reads.
const MERGE_BYTES_MAX: u64 = 48 << 20;

/// Rows in runs from which on they are settled.
pub(crate) const SETTLE_ROWS: usize = 512 * 1024;
/// Most bytes, as stored, that are settled at once: as many are in memory, written anew.
const SETTLE_BYTES_MAX: u64 = 96 << 20;
/// Most runs that are settled at once: each is open, with a few thousand rows in memory.
const SETTLE_RUNS_MAX: usize = 64;
/// Settled files of one cell and tier that are merged at once.
const CELL_FAN_IN: usize = 4;
/// Rows of a cell, in those from which on runs are settled: a month with more is cut.
const CELL_SETTLINGS: usize = 4;

/// What is merged, and into what.
enum Merge {
    /// Into one run.
    Run(Vec<FileEntry>),
    /// Into files of one cell each.
    Cells(Vec<FileEntry>),
}

impl Lake {
    /// Merges one tier of a table's files, if one is full, or settles its runs, if they are many. True where something
    /// was merged. Of the inbox, only records taken in by the published `positions` move.
    ///
    /// # Errors
    /// [`LakeError`] where a file is unreadable or the commit fails; nothing has changed then.
    pub async fn compact(
        &self,
        table: Table,
        positions: &BTreeMap<String, i64>,
        _lock: &WriterLock,
    ) -> Result<bool, LakeError> {
        let snapshot = self.snapshot(table).await?;
        let due = full_tier(table, &snapshot.files, positions).map(Merge::Run);
        let settles = table == Table::Events;
        let due = due.or_else(|| settles.then(|| unsettled(&snapshot.files, self.settle_rows)).flatten());
        self.merge(table, due, &snapshot.files).await
    }

    /// As [`Lake::compact`], for events of which no more are expected soon: until nothing is left to merge, all of them
    /// lie in settled files, one a cell.
    ///
    /// # Errors
    /// As [`Lake::compact`].
    pub async fn tidy(&self, _lock: &WriterLock) -> Result<bool, LakeError> {
        let snapshot = self.snapshot(Table::Events).await?;
        let due = untidy(&snapshot.files, self.settle_rows);
        self.merge(Table::Events, due, &snapshot.files).await
    }

    async fn merge(&self, table: Table, due: Option<Merge>, all: &[FileEntry]) -> Result<bool, LakeError> {
        let (files, cells) = match due {
            None => return Ok(false),
            Some(Merge::Run(files)) => (files, None),
            Some(Merge::Cells(files)) => (files, Some(ranges(all, self.settle_rows))),
        };
        let mut runs = Vec::new();
        for entry in &files {
            runs.push(Run { file: Pages::open(&self.path(table, &entry.name))?, sorted: entry.sorted() });
        }
        let merged = tokio::task::spawn_blocking(move || match cells {
            Some(ranges) => merge::settle(table, runs, ranges),
            None => Ok(merge::merge(table, runs)?.into_iter().collect()),
        });
        let merged = merged.await??;
        let before: usize = files.iter().map(|entry| entry.rows).sum();
        let read: usize = merged.iter().map(|file| file.rows).sum();
        if before != read {
            let reason = format!("{} says {before} rows and holds {read}", table.folder());
            return Err(LakeError::Corrupt { reason });
        }
        let number = self.transaction(table, "compact").await?.unwrap_or(0) + 1;
        let commit = Commit {
            files: merged,
            remove: files,
            transactions: vec![("compact".to_owned(), number)],
            rearranges: true,
            ..Commit::default()
        };
        self.commit(table, commit).await?;
        Ok(true)
    }
}

fn ranges(files: &[FileEntry], settle_rows: usize) -> Ranges {
    Ranges::of(files, settle_rows.saturating_mul(CELL_SETTLINGS))
}

/// Settled files by their cells.
fn by_cell(files: &[FileEntry], settle_rows: usize) -> BTreeMap<Cell, Vec<&FileEntry>> {
    let (ranges, mut cells) = (ranges(files, settle_rows), BTreeMap::<Cell, Vec<&FileEntry>>::new());
    for entry in files {
        if let Some(cell) = ranges.cell(entry) {
            cells.entry(cell).or_default().push(entry);
        }
    }
    cells
}

/// Runs that are to be settled, settled files that lie across a cut, or such of one cell and tier that are to become one.
fn unsettled(files: &[FileEntry], settle_rows: usize) -> Option<Merge> {
    let runs: Vec<&FileEntry> = files.iter().filter(|entry| !entry.settled()).collect();
    if runs.iter().map(|entry| entry.rows).sum::<usize>() >= settle_rows {
        return Some(Merge::Cells(few(runs)));
    }
    let cells = by_cell(files, settle_rows);
    if let Some(across) = across(&cells) {
        return Some(across);
    }
    let tier = |rows: usize| {
        (0..).find(|&n| rows < (settle_rows / 8).max(1).saturating_mul(CELL_FAN_IN.saturating_pow(n))).unwrap_or(0)
    };
    cells.into_values().find_map(|files| {
        let mut tiers: BTreeMap<u32, Vec<&FileEntry>> = BTreeMap::new();
        // A file that was cut for its size is as large as one gets: merged, it would be cut again.
        for entry in files.into_iter().filter(|entry| entry.size < FILE_BYTES_MAX as u64 / 2) {
            tiers.entry(tier(entry.rows)).or_default().push(entry);
        }
        let full = tiers.into_values().find(|files| files.len() >= CELL_FAN_IN)?;
        Some(Merge::Cells(full.into_iter().cloned().collect()))
    })
}

/// As [`unsettled`], of whatever is not yet one file a cell.
fn untidy(files: &[FileEntry], settle_rows: usize) -> Option<Merge> {
    let runs: Vec<&FileEntry> = files.iter().filter(|entry| !entry.settled()).collect();
    if !runs.is_empty() {
        return Some(Merge::Cells(few(runs)));
    }
    let cells = by_cell(files, settle_rows);
    across(&cells).or_else(|| {
        // What was cut for its bytes is one file's worth each, and apart in places.
        let meet = |a: (i64, i64), b: (i64, i64)| a.0 <= b.1 && b.0 <= a.1;
        let spans = |files: &[&FileEntry]| files.iter().filter_map(|file| file.integers("place")).collect::<Vec<_>>();
        let several = |files: &&Vec<&FileEntry>| {
            // A cell that is much larger than one should be holds places that nothing cuts: it stays as it is.
            if files.iter().map(|file| file.size).sum::<u64>() > 2 * FILE_BYTES_MAX as u64 {
                return false;
            }
            let spans = spans(files);
            spans.iter().enumerate().any(|(one, span)| spans[..one].iter().any(|other| meet(*span, *other)))
        };
        let files = cells.values().find(several)?;
        Some(Merge::Cells(files.iter().map(|entry| (*entry).clone()).collect()))
    })
}

/// As many runs as are settled at once.
fn few(runs: Vec<&FileEntry>) -> Vec<FileEntry> {
    within(SETTLE_BYTES_MAX, runs.into_iter().take(SETTLE_RUNS_MAX).collect())
}

/// The files of one month that lie across a cut.
fn across(cells: &BTreeMap<Cell, Vec<&FileEntry>>) -> Option<Merge> {
    let (_, files) = cells.iter().find(|(cell, _)| cell.range.is_none())?;
    Some(Merge::Cells(within(SETTLE_BYTES_MAX, files.clone())))
}

fn full_tier(table: Table, files: &[FileEntry], positions: &BTreeMap<String, i64>) -> Option<Vec<FileEntry>> {
    let mut tiers: BTreeMap<(String, u32), Vec<FileEntry>> = BTreeMap::new();
    let rows_max = if table == Table::Inbox { INBOX_FILE_ROWS_MAX } else { FILE_ROWS_MAX };
    for entry in files.iter().filter(|entry| entry.rows < rows_max && !entry.settled()) {
        let group = if table == Table::Inbox {
            let Some(channel) = settled_channel(entry, positions) else { continue };
            channel.to_owned()
        } else {
            String::new()
        };
        tiers.entry((group, tier(entry.rows))).or_default().push(entry.clone());
    }
    let few = |files: Vec<FileEntry>| within(MERGE_BYTES_MAX, files.iter().take(2 * FAN_IN).collect());
    tiers.into_values().filter(|files| files.len() >= FAN_IN).map(few).find(|files| files.len() > 1)
}

/// The first of the files that have so many bytes together, and at least one.
fn within(bytes_max: u64, files: Vec<&FileEntry>) -> Vec<FileEntry> {
    let mut bytes = 0;
    let fits = |entry: &&FileEntry| {
        let first = bytes == 0;
        bytes += entry.size;
        first || bytes <= bytes_max
    };
    files.into_iter().take_while(fits).cloned().collect()
}

fn tier(rows: usize) -> u32 {
    (0..).find(|&n| rows < TIER_ROWS * FAN_IN.pow(n)).unwrap_or(0)
}

/// The channel of an inbox file whose records have all been taken in.
fn settled_channel<'a>(entry: &'a FileEntry, positions: &BTreeMap<String, i64>) -> Option<&'a str> {
    let channel = entry.constant_text("channel")?;
    let (_, last) = entry.integers("offset")?;
    (last <= *positions.get(channel)?).then_some(channel)
}

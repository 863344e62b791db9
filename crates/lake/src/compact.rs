//! Compaction: many small runs become few, and runs become settled files, in commits that move rows and change none.
//!
//! Size-tiered: eight files of one tier become one of the next, so that a row is rewritten a few times in its life and
//! the number of files stays small. Events go on from there: when enough of their rows lie in runs, these become files of
//! one cell each, and cells are tiered in turn. Every compaction carries a transaction as a fence, since Delta itself would
//! accept two compactions of the same files.

use std::collections::BTreeMap;

use tables::Table;

use crate::{
    cells::{CELL_BYTES_MAX, Cell},
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
/// Most bytes, as stored, that one merge reads.
const MERGE_BYTES_MAX: u64 = 48 << 20;

/// Rows in runs from which on they are settled.
pub(crate) const SETTLE_ROWS: usize = 512 * 1024;
/// Most runs that are settled at once: of each a few thousand rows are in memory.
const SETTLE_RUNS_MAX: usize = 64;
/// Settled files of one cell and tier that are merged at once.
const CELL_FAN_IN: usize = 4;
/// Rows of a settled file of the lowest tier.
const CELL_TIER_ROWS: usize = 64 * 1024;
/// Settled files from this on are left as they are.
const CELL_ROWS_MAX: usize = 512 * 1024;

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
        let due =
            due.or_else(|| (table == Table::Events).then(|| unsettled(&snapshot.files, self.settle_rows)).flatten());
        let (files, cells) = match due {
            None => return Ok(false),
            Some(Merge::Run(files)) => (files, false),
            Some(Merge::Cells(files)) => (files, true),
        };
        let mut runs = Vec::new();
        for entry in &files {
            runs.push(Run { file: Pages::open(&self.path(table, &entry.name))?, sorted: entry.sorted() });
        }
        let merged = tokio::task::spawn_blocking(move || match cells {
            true => merge::settle(table, runs),
            false => Ok(merge::merge(table, runs)?.into_iter().collect()),
        });
        let merged = merged.await??;
        let before: usize = files.iter().map(|entry| entry.rows).sum();
        let read: usize = merged.iter().map(|file| file.rows).sum();
        if before != read {
            let reason = format!("{} says {before} rows and holds {read}", table.folder());
            return Err(LakeError::Corrupt { reason });
        }
        let fence = self.transaction(table, "compact").await?.unwrap_or(0) + 1;
        let commit = Commit {
            files: merged,
            remove: files,
            transactions: vec![("compact".to_owned(), fence)],
            rearranges: true,
            ..Commit::default()
        };
        self.commit(table, commit).await?;
        Ok(true)
    }
}

/// Runs that are to be settled, or settled files of one cell and tier that are to become one.
fn unsettled(files: &[FileEntry], settle_rows: usize) -> Option<Merge> {
    let runs: Vec<&FileEntry> = files.iter().filter(|entry| !entry.settled()).collect();
    if runs.iter().map(|entry| entry.rows).sum::<usize>() >= settle_rows {
        return Some(Merge::Cells(runs.into_iter().take(SETTLE_RUNS_MAX).cloned().collect()));
    }
    let mut tiers: BTreeMap<(Cell, u32), Vec<FileEntry>> = BTreeMap::new();
    // A file that was cut for its size is as large as one gets: merged, it would be cut again.
    let full = |entry: &&FileEntry| entry.rows >= CELL_ROWS_MAX || entry.size >= CELL_BYTES_MAX / 2;
    for entry in files.iter().filter(|entry| !full(entry)) {
        let Some(cell) = Cell::of(entry) else { continue };
        let tier = (0..).find(|&n| entry.rows < CELL_TIER_ROWS * CELL_FAN_IN.pow(n)).unwrap_or(0);
        tiers.entry((cell, tier)).or_default().push(entry.clone());
    }
    tiers.into_values().find(|files| files.len() >= CELL_FAN_IN).map(Merge::Cells)
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
    tiers.into_values().filter(|files| files.len() >= FAN_IN).map(within_memory).find(|files| files.len() > 1)
}

fn within_memory(files: Vec<FileEntry>) -> Vec<FileEntry> {
    let mut bytes = 0;
    let fits = |entry: &FileEntry| {
        bytes += entry.size;
        bytes <= MERGE_BYTES_MAX
    };
    files.into_iter().take(2 * FAN_IN).take_while(fits).collect()
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

//! Compaction: many small runs become few, in one commit that moves rows and changes none.
//!
//! Size-tiered: eight files of one tier become one of the next, so that a row is rewritten a few times in its life and
//! the number of files stays small. Every compaction carries a transaction as a fence, since Delta itself would accept
//! two compactions of the same files.

use std::collections::BTreeMap;

use object_store::ObjectStoreExt;
use tables::Table;

use crate::{
    file::FileEntry,
    lake::{Commit, Lake, LakeError, WriterLock},
    merge::{Run, merge},
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

impl Lake {
    /// Merges one tier of a table's small files, if one is full. True where something was merged. Of the inbox, only
    /// records taken in by the published `positions` move.
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
        let Some(files) = full_tier(table, &snapshot.files, positions) else {
            return Ok(false);
        };
        let mut runs = Vec::new();
        for entry in &files {
            let bytes = self.store().get(&self.location(table, &entry.name)?).await?.bytes().await?;
            runs.push(Run { bytes, sorted: entry.sorted() });
        }
        let merged = tokio::task::spawn_blocking(move || merge(table, runs)).await??;
        let before: usize = files.iter().map(|entry| entry.rows).sum();
        let read = merged.as_ref().map_or(0, |file| file.rows);
        if before != read {
            let reason = format!("{} says {before} rows and holds {read}", table.folder());
            return Err(LakeError::Corrupt { reason });
        }
        let fence = self.transaction(table, "compact").await?.unwrap_or(0) + 1;
        let commit = Commit {
            files: merged.into_iter().collect(),
            remove: files,
            transactions: vec![("compact".to_owned(), fence)],
            rearranges: true,
            ..Commit::default()
        };
        self.commit(table, commit).await?;
        Ok(true)
    }
}

fn full_tier(table: Table, files: &[FileEntry], positions: &BTreeMap<String, i64>) -> Option<Vec<FileEntry>> {
    let mut tiers: BTreeMap<(String, u32), Vec<FileEntry>> = BTreeMap::new();
    let rows_max = if table == Table::Inbox { INBOX_FILE_ROWS_MAX } else { FILE_ROWS_MAX };
    for entry in files.iter().filter(|entry| entry.rows < rows_max) {
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

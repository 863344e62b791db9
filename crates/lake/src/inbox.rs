//! The inbox: records exactly as received, appended by channel, read back by position.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Mutex, PoisonError},
};

use model::RawRecord;
use tables::Table;

use crate::{
    file::FileEntry,
    lake::{Commit, Lake, LakeError, Written},
};

/// Most bytes of payloads that wait in memory for the normaliser beside their files.
const RECENT_BYTES_MAX: usize = 96 << 20;

/// Records that this process appended and nobody read yet, by file: what the normaliser reads next needs not come back
/// through Parquet. The files stay the truth; what is not here is read from them.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<RecentFiles>);

#[derive(Debug, Default)]
struct RecentFiles {
    files: VecDeque<RecentFile>,
    bytes: usize,
}

#[derive(Debug)]
struct RecentFile {
    name: String,
    records: Vec<RawRecord>,
    bytes: usize,
    /// True until the file is in the table: these are the only copy that can be written anew.
    pinned: bool,
}

impl Recent {
    fn put(&self, name: String, records: Vec<RawRecord>) {
        let bytes = records.iter().map(|record| record.payload.len()).sum();
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.bytes += bytes;
        held.files.push_back(RecentFile { name, records, bytes, pinned: true });
        // Nobody reads what an import leaves to another process: the oldest go.
        while held.bytes > RECENT_BYTES_MAX
            && let Some(oldest) = held.files.iter().position(|file| !file.pinned)
            && let Some(file) = held.files.remove(oldest)
        {
            held.bytes -= file.bytes;
        }
    }

    fn unpin(&self, name: &str) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.files.iter_mut().filter(|file| file.name == name).for_each(|file| file.pinned = false);
    }

    fn is_full(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).bytes > RECENT_BYTES_MAX / 2
    }

    fn take(&self, name: &str) -> Option<Vec<RawRecord>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = held.files.iter().position(|file| file.name == name)?;
        let file = held.files.remove(at)?;
        held.bytes -= file.bytes;
        Some(file.records)
    }
}

/// When a batch of records is large enough.
#[derive(Debug, Clone, Copy)]
pub struct BatchLimit {
    /// Records.
    pub records: usize,
    /// Bytes of their payloads.
    pub bytes: usize,
}

/// Records whose file is on disk and in the table not yet.
#[derive(Debug)]
pub struct Appending {
    written: Written,
    records: Vec<RawRecord>,
    end: i64,
}

impl Appending {
    /// The offset of the last record.
    #[must_use]
    pub fn end(&self) -> i64 {
        self.end
    }
}

impl Lake {
    /// Writes a file of records that follow `last` in their `channel`, each at its position; they are in the inbox once
    /// [`Lake::publish_records`] is through. None where there are no records.
    ///
    /// # Errors
    /// [`LakeError`] where storage refuses; nothing is stored then.
    pub async fn write_records(
        &self,
        channel: &str,
        last: Option<i64>,
        records: Vec<RawRecord>,
    ) -> Result<Option<Appending>, LakeError> {
        let Some(end) = records.last().map(|record| record.offset) else { return Ok(None) };
        let encoded = tokio::task::spawn_blocking(move || (tables::encode::<RawRecord>(&records), records)).await?;
        let commit = Commit {
            runs: vec![vec![encoded.0?]],
            transactions: vec![(channel.to_owned(), end)],
            expects: Some((channel.to_owned(), last)),
            ..Commit::default()
        };
        let written = self.write(Table::Inbox, commit).await?;
        Ok(Some(Appending { written, records: encoded.1, end }))
    }

    /// Puts records into the inbox; returns when the log entry is on disk.
    ///
    /// # Errors
    /// [`LakeError::Conflict`] where the channel stands elsewhere by now, other errors where storage refuses; with the
    /// records, of which none is stored.
    pub async fn publish_records(&self, appending: Appending) -> Result<(), (LakeError, Vec<RawRecord>)> {
        let Appending { written, records, .. } = appending;
        let lost = || LakeError::Corrupt { reason: "records on their way into the inbox are gone".to_owned() };
        let Some(name) = written.names.first().cloned() else { return Err((lost(), records)) };
        // Before the entry is seen, so that whoever reads it finds the records.
        self.recent.put(name.clone(), records);
        match self.publish(written).await {
            Ok(()) => {
                self.recent.unpin(&name);
                Ok(())
            }
            Err(failure) => match self.recent.take(&name) {
                Some(records) => Err((failure, records)),
                None => Err((lost(), Vec::new())),
            },
        }
    }

    /// True while so much waits in memory that more would have to be read from its files.
    #[must_use]
    pub fn recent_is_full(&self) -> bool {
        self.recent.is_full()
    }

    /// Records of the inbox after `from` and, where `to` names their channel, up to it; whole files until `limit` is
    /// passed. In the order of (channel, offset).
    ///
    /// # Errors
    /// [`LakeError`] where the inbox is unreadable.
    pub async fn inbox_between(
        &self,
        from: &BTreeMap<String, i64>,
        to: Option<&BTreeMap<String, i64>>,
        limit: Option<BatchLimit>,
    ) -> Result<Vec<RawRecord>, LakeError> {
        let waits = |channel: &str, offset: i64| {
            from.get(channel).is_none_or(|&taken| offset > taken)
                && to.is_none_or(|to| to.get(channel).is_some_and(|&last| offset <= last))
        };
        let snapshot = self.snapshot(Table::Inbox).await?;
        let mut files: Vec<_> = snapshot
            .files
            .iter()
            .filter(|entry| match (entry.constant_text("channel"), entry.integers("offset")) {
                (Some(channel), Some((first, last))) => {
                    from.get(channel).is_none_or(|&taken| last > taken)
                        && to.is_none_or(|to| to.get(channel).is_some_and(|&end| first <= end))
                }
                _ => true,
            })
            .collect();
        files.sort_by_key(|entry| (entry.constant_text("channel"), entry.integers("offset")));
        let mut records: Vec<RawRecord> = Vec::new();
        let mut bytes = 0;
        for entry in files {
            if limit.is_some_and(|limit| records.len() >= limit.records || bytes >= limit.bytes) {
                break;
            }
            let read = self.inbox_file(entry).await?;
            bytes += read.iter().map(|record| record.payload.len()).sum::<usize>();
            records.extend(read.into_iter().filter(|record| waits(&record.channel, record.offset)));
        }
        records.sort_by(|a, b| (&a.channel, a.offset).cmp(&(&b.channel, b.offset)));
        Ok(records)
    }

    /// The records at the positions `wanted`, offsets by channel. In the order of (channel, offset).
    ///
    /// # Errors
    /// [`LakeError`] where the inbox is unreadable.
    pub async fn inbox_records(&self, wanted: &BTreeMap<String, BTreeSet<i64>>) -> Result<Vec<RawRecord>, LakeError> {
        let snapshot = self.snapshot(Table::Inbox).await?;
        let mut records: Vec<RawRecord> = Vec::new();
        for entry in snapshot.files.iter() {
            let holds = match (entry.constant_text("channel"), entry.integers("offset")) {
                (Some(channel), Some((first, last))) => {
                    wanted.get(channel).is_some_and(|offsets| offsets.range(first..=last).next().is_some())
                }
                _ => true,
            };
            if !holds {
                continue;
            }
            let is_wanted = |record: &RawRecord| {
                wanted.get(&*record.channel).is_some_and(|offsets| offsets.contains(&record.offset))
            };
            records.extend(self.inbox_file(entry).await?.into_iter().filter(is_wanted));
        }
        records.sort_by(|a, b| (&a.channel, a.offset).cmp(&(&b.channel, b.offset)));
        Ok(records)
    }

    async fn inbox_file(&self, entry: &FileEntry) -> Result<Vec<RawRecord>, LakeError> {
        if let Some(records) = self.recent.take(&entry.name) {
            return Ok(records);
        }
        let mut records = Vec::new();
        for batch in self.read_file(Table::Inbox, entry.clone(), &[], None).await? {
            records.extend(tables::inbox::read(&batch)?);
        }
        Ok(records)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::UtcMillis;

    use super::*;
    use crate::disk::DiskSyncs;

    #[tokio::test]
    async fn a_batch_ends_after_the_file_that_passes_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path(), Arc::new(DiskSyncs)).await.unwrap();
        for offset in 0..4 {
            let record = RawRecord {
                source: "web".into(),
                channel: "door".into(),
                offset,
                received_at: UtcMillis(offset),
                headers: Arc::default(),
                payload: vec![b'x'; 100].into(),
            };
            let last = (offset > 0).then_some(offset - 1);
            let appending = lake.write_records("door", last, vec![record]).await.unwrap().unwrap();
            lake.publish_records(appending).await.map_err(|(error, _)| error).unwrap();
        }
        let count = async |records, bytes| {
            let limit = Some(BatchLimit { records, bytes });
            lake.inbox_between(&BTreeMap::new(), None, limit).await.unwrap().len()
        };
        assert_eq!((count(2, 1_000).await, count(10, 150).await, count(10, 1_000).await), (2, 2, 4));
    }
}

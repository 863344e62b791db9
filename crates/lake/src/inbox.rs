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
    files: VecDeque<(String, Vec<RawRecord>, usize)>,
    bytes: usize,
}

impl Recent {
    fn put(&self, name: String, records: Vec<RawRecord>) {
        let bytes = records.iter().map(|record| record.payload.len()).sum();
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.bytes += bytes;
        held.files.push_back((name, records, bytes));
        // Nobody reads what an import leaves to another process: the oldest go.
        while held.bytes > RECENT_BYTES_MAX && held.files.len() > 1 {
            if let Some((_, _, bytes)) = held.files.pop_front() {
                held.bytes -= bytes;
            }
        }
    }

    fn is_full(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).bytes > RECENT_BYTES_MAX / 2
    }

    fn take(&self, name: &str) -> Option<Vec<RawRecord>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = held.files.iter().position(|(file, _, _)| file == name)?;
        let (_, records, bytes) = held.files.remove(at)?;
        held.bytes -= bytes;
        Some(records)
    }
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
        let Some(name) = written.names.first().cloned() else { return Ok(()) };
        // Before the entry is seen, so that whoever reads it finds the records.
        self.recent.put(name.clone(), records);
        let published = self.publish(written).await;
        published.map_err(|failure| (failure, self.recent.take(&name).unwrap_or_default()))
    }

    /// True while so much waits in memory that more would have to be read from its files.
    #[must_use]
    pub fn recent_is_full(&self) -> bool {
        self.recent.is_full()
    }

    /// Records of the inbox after `from` and, where `to` names their channel, up to it; whole files until
    /// `records_max` is passed. In the order of (channel, offset).
    ///
    /// # Errors
    /// [`LakeError`] where the inbox is unreadable.
    pub async fn inbox_between(
        &self,
        from: &BTreeMap<String, i64>,
        to: Option<&BTreeMap<String, i64>>,
        records_max: usize,
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
        for entry in files {
            if records.len() >= records_max {
                break;
            }
            let read = self.inbox_file(entry).await?;
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

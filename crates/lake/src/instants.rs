//! What is published, and the records that wait.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use model::RawRecord;
use tables::{InstantRow, Table};

use crate::lake::{Lake, LakeError};

impl Lake {
    /// All published instants, oldest first.
    ///
    /// # Errors
    /// [`LakeError`] where `raw.instants` is unreadable.
    pub async fn instants(&self) -> Result<Vec<InstantRow>, LakeError> {
        let snapshot = self.snapshot(Table::Instants).await?;
        let batches: Vec<RecordBatch> = self.read(&snapshot, &[], None).await?;
        let mut rows = Vec::new();
        for batch in &batches {
            rows.extend(InstantRow::read(batch)?);
        }
        rows.sort_by_key(|row| row.known_at);
        Ok(rows)
    }

    /// The last published instant, if any.
    ///
    /// # Errors
    /// [`LakeError`] where `raw.instants` is unreadable.
    pub async fn last_instant(&self) -> Result<Option<InstantRow>, LakeError> {
        let mut snapshot = self.snapshot(Table::Instants).await?;
        let newest =
            snapshot.files.iter().max_by_key(|entry| entry.instants("known_at").map(|(_, last)| last)).cloned();
        snapshot.files = std::sync::Arc::new(newest.into_iter().collect());
        let mut last: Option<InstantRow> = None;
        for batch in &self.read(&snapshot, &[], None).await? {
            last = last.into_iter().chain(InstantRow::read(batch)?).max_by_key(|row| row.known_at);
        }
        Ok(last)
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
            for batch in self.read_file(Table::Inbox, entry.clone(), &[], None).await? {
                let read = tables::inbox::read(&batch)?;
                records.extend(read.into_iter().filter(|record| waits(&record.channel, record.offset)));
            }
        }
        records.sort_by(|a, b| (&a.channel, a.offset).cmp(&(&b.channel, b.offset)));
        Ok(records)
    }
}

//! What is published.

use arrow::array::RecordBatch;
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
}

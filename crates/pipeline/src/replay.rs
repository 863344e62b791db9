//! Facts built anew from the inbox, batch by batch, under the instants at which they were first known.

use std::collections::BTreeMap;

use tracing::info;

use crate::stage::{PipelineError, Stage};

impl Stage {
    /// Forgets all facts and builds them anew from the inbox. `progress` is told the records done.
    ///
    /// The published instants stay, so every answer AS OF an instant comes out as before. A replay that is cut off is
    /// started again: facts are only a function of the inbox.
    ///
    /// # Errors
    /// [`PipelineError`] where the inbox is unreadable or a commit fails.
    pub async fn replay(&mut self, mut progress: impl FnMut(usize)) -> Result<usize, PipelineError> {
        let instants = self.lake.instants().await?;
        self.lake.begin_rebuild(&self.lock)?;
        self.lake.clear_facts(&self.lock).await?;
        self.forget_copies();
        let mut from: BTreeMap<String, i64> = BTreeMap::new();
        let mut records = 0;
        for row in instants {
            let batch = self.lake.inbox_between(&from, Some(&row.positions), usize::MAX).await?;
            records += batch.len();
            self.commit_batch(batch, row.known_at, false).await?;
            from = row.positions;
            progress(records);
        }
        self.lake.end_rebuild(&self.lock)?;
        self.resume().await?;
        info!(records, "replayed");
        Ok(records)
    }
}

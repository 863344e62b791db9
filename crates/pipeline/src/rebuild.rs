//! Facts built anew from the inbox, batch by batch, under the instants at which they were first known.

use std::collections::BTreeMap;

use model::RawRecord;
use tables::InstantRow;
use tracing::info;

use crate::stage::{PipelineError, Stage};

/// About how many records are held in memory at once.
const GROUP_RECORDS: i64 = 100_000;

impl Stage {
    /// Forgets all facts and builds them anew from the inbox. `progress` is told the records done.
    ///
    /// The published instants stay, so every answer AS OF an instant comes out as before: mappings come into force and
    /// replays are done again where they stand in the inbox. A rebuild that is cut off is started again: facts are only a
    /// function of the inbox.
    ///
    /// # Errors
    /// [`PipelineError`] where the inbox is unreadable or a commit fails.
    pub async fn rebuild(&mut self, mut progress: impl FnMut(usize)) -> Result<usize, PipelineError> {
        self.settle_files().await;
        let instants = self.lake.instants().await?;
        self.lake.begin_rebuild(&self.lock).await?;
        self.lake.clear_facts(&self.lock).await?;
        self.start_over();
        let mut from: BTreeMap<String, i64> = BTreeMap::new();
        let mut records = 0;
        for group in groups(&instants) {
            let Some(end) = group.last() else { continue };
            let mut waiting = self.lake.inbox_between(&from, Some(&end.positions), None).await?;
            for row in group {
                let taken =
                    |record: &RawRecord| row.positions.get(&*record.channel).is_some_and(|end| record.offset <= *end);
                let (batch, later): (Vec<RawRecord>, _) = waiting.into_iter().partition(taken);
                waiting = later;
                records += batch.len();
                let batch = self.read(batch).await?;
                self.commit_batch(batch, row.known_at, false).await?;
                self.last = Some(row.clone());
                progress(records);
            }
            from = end.positions.clone();
        }
        self.lake.end_rebuild(&self.lock)?;
        self.resume().await?;
        info!(records, "rebuilt");
        Ok(records)
    }
}

/// Instants whose records are read together: a compacted inbox file holds many batches, and is read once for all.
fn groups(instants: &[InstantRow]) -> Vec<&[InstantRow]> {
    let taken = |row: &InstantRow| row.positions.values().map(|last| last + 1).sum::<i64>();
    let mut groups = Vec::new();
    let (mut start, mut before) = (0, 0);
    for (end, row) in (1..).zip(instants) {
        if taken(row) - before >= GROUP_RECORDS || end == instants.len() {
            groups.extend(instants.get(start..end));
            (start, before) = (end, taken(row));
        }
    }
    groups
}

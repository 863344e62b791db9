//! The normaliser: takes waiting records in batches, commits them table by table under one new instant, then publishes.
//!
//! `outcomes` is committed first. After a crash its unpublished rows say which records the broken batch held; the batch
//! is then finished under the same instant, and tables that already hold it are left alone.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use lake::{Commit, Lake, LakeError, WriterLock};
use model::UtcMillis;
use normalization::Normalizer;
use tables::{InstantRow, Outcome, OutcomeRow, Table, TableError, encode};
use tokio::task::JoinHandle;
use tracing::{debug, info, warn};

use crate::{
    adapters::Adapters,
    committing,
    copies::Copies,
    decisions,
    plan::{self, Read},
    reading::ReadAhead,
    replay::Replayed,
};

/// Application id of the normaliser's commits; their version is the batch's instant.
pub(crate) const APPLICATION: &str = "normalizer";

/// Where a batch's instant comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageClock {
    /// The machine's clock.
    System,
    /// The newest `received_at` of the batch: for demos and tests. The lake is marked `simulated`.
    Simulated,
}

/// Why facts could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The lake refused.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// Rows could not be arranged.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Work on another thread did not end.
    #[error("the normaliser stopped: {0}")]
    Join(#[from] tokio::task::JoinError),
}

/// What a batch did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchReport {
    /// The instant it published.
    pub known_at: UtcMillis,
    /// Records taken in.
    pub records: usize,
    /// How many of each outcome.
    pub outcomes: BTreeMap<Outcome, usize>,
    /// What was read again, where the batch was a replay.
    pub replayed: Option<Replayed>,
}

/// The normaliser of one lake.
pub struct Stage {
    pub(crate) lake: Arc<Lake>,
    pub(crate) lock: Arc<WriterLock>,
    pub(crate) adapters: Adapters,
    clock: StageClock,
    pub(crate) copies: Copies,
    pub(crate) last: Option<InstantRow>,
    /// True from the start of a batch until it is published: what it left behind must be finished first.
    broken: bool,
    /// The batch after this one, being read while this one is committed.
    pub(crate) ahead: Option<ReadAhead>,
    /// Small files being merged beside the batches.
    merging: Option<JoinHandle<Result<bool, PipelineError>>>,
}

impl Stage {
    /// Takes the writer's lock, finishes a batch that a crash left unpublished, and is ready.
    ///
    /// # Errors
    /// [`LakeError::Busy`] where another process writes, other errors where the lake is unreadable.
    pub async fn open(lake: Arc<Lake>, normalizer: Arc<Normalizer>, clock: StageClock) -> Result<Self, PipelineError> {
        let lock = Arc::new(lake.lock_writer()?);
        let mut stage = Self {
            lake,
            lock,
            adapters: Adapters::new(normalizer),
            clock,
            copies: Copies::default(),
            last: None,
            broken: true,
            ahead: None,
            merging: None,
        };
        stage.recover().await?;
        Ok(stage)
    }

    /// The last published instant.
    #[must_use]
    pub fn last(&self) -> Option<&InstantRow> {
        self.last.as_ref()
    }

    /// Turns what waits in the inbox into facts, at most one batch. `None` where nothing waits.
    ///
    /// # Errors
    /// [`PipelineError`]; the batch is finished by the next call or start.
    pub async fn step(&mut self) -> Result<Option<BatchReport>, PipelineError> {
        if self.broken {
            self.recover().await?;
        }
        let batch = self.next_batch().await?;
        if batch.is_empty() {
            return Ok(None);
        }
        let known_at = self.next_instant(&batch);
        self.read_ahead(&batch);
        self.publish(batch, known_at, false).await.map(Some)
    }

    /// Turns everything that waits into facts. Returns the records taken in.
    ///
    /// # Errors
    /// [`PipelineError`], as [`Stage::step`].
    pub async fn drain(&mut self) -> Result<usize, PipelineError> {
        let mut records = 0;
        while let Some(report) = self.step().await? {
            records += report.records;
        }
        Ok(records)
    }

    /// Merges small files of every table, one tier a table. True where something was merged.
    ///
    /// # Errors
    /// [`PipelineError::Lake`]; nothing has changed in the table that failed.
    pub async fn compact(&mut self) -> Result<bool, PipelineError> {
        self.merged().await?;
        compact(Arc::clone(&self.lake), self.positions(), Arc::clone(&self.lock)).await
    }

    /// Merges small files beside the batches, unless that is under way. What a merge could not do, a later one will.
    pub async fn compact_beside(&mut self) {
        if self.merging.as_ref().is_some_and(|merging| !merging.is_finished()) {
            return;
        }
        self.settle_files().await;
        let (lake, lock) = (Arc::clone(&self.lake), Arc::clone(&self.lock));
        self.merging = Some(tokio::spawn(compact(lake, self.positions(), lock)));
    }

    async fn merged(&mut self) -> Result<bool, PipelineError> {
        match self.merging.take() {
            Some(merging) => merging.await?,
            None => Ok(false),
        }
    }

    /// Goes on after a replay: every published batch is in the tables again.
    pub(crate) async fn resume(&mut self) -> Result<(), PipelineError> {
        self.last = self.lake.last_instant().await?;
        self.broken = false;
        Ok(())
    }

    /// Forgets what an unfinished batch left in memory, and finishes what it left in the tables.
    async fn recover(&mut self) -> Result<(), PipelineError> {
        if self.lake.rebuilding() {
            info!("a rebuild was cut off; it is started again");
            return self.rebuild(|_| ()).await.map(drop);
        }
        self.ahead = None;
        self.last = self.lake.last_instant().await?;
        self.load_copies().await?;
        self.load_mappings().await?;
        self.finish_broken_batch().await?;
        self.broken = false;
        Ok(())
    }

    async fn load_copies(&mut self) -> Result<(), PipelineError> {
        self.copies = Copies::default();
        if let Some(last) = &self.last {
            let outcomes = self.lake.snapshot(Table::Outcomes).await?;
            let columns = ["key", "content_hash", "received_at", "outcome"];
            for batch in self.lake.read(&outcomes, &columns, Some(last.known_at)).await? {
                self.copies.load(&batch)?;
            }
        }
        Ok(())
    }

    async fn load_mappings(&mut self) -> Result<(), PipelineError> {
        self.adapters.forget_mappings();
        if let Some(last) = &self.last {
            self.adapters.apply(decisions::recorded_until(&self.lake, last.known_at).await?);
        }
        Ok(())
    }

    /// Waits until no file is being merged. What a merge could not do, a later one will.
    pub async fn settle_files(&mut self) {
        if let Err(error) = self.merged().await {
            warn!(%error, "files could not be merged; it is tried again");
        }
    }

    /// Starts from nothing, as a rebuild does; whatever cuts it off is recovered from by the next step.
    pub(crate) fn start_over(&mut self) {
        self.copies = Copies::default();
        self.adapters.forget_mappings();
        self.last = None;
        self.ahead = None;
        self.broken = true;
    }

    /// Commits one batch under `known_at` and publishes it. With `again`, tables that hold it already are left alone.
    async fn publish(
        &mut self,
        batch: Vec<Read>,
        known_at: UtcMillis,
        again: bool,
    ) -> Result<BatchReport, PipelineError> {
        let mut positions = self.positions();
        advance(&mut positions, &batch);
        let taken = batch.len();
        self.broken = true;
        let (outcomes, replayed) = self.commit_batch(batch, known_at, again).await?;
        let row = InstantRow {
            known_at,
            positions,
            adapters: env!("CARGO_PKG_VERSION").to_owned(),
            // A lake that was once filled on a simulated clock stays marked: its numbers are never certified.
            simulated: self.clock == StageClock::Simulated || self.last.as_ref().is_some_and(|last| last.simulated),
        };
        let commit = Commit {
            runs: vec![vec![encode::<InstantRow>(std::slice::from_ref(&row))?]],
            transactions: vec![(APPLICATION.to_owned(), known_at.0)],
            ..Commit::default()
        };
        self.lake.commit(Table::Instants, commit).await?;
        self.last = Some(row);
        self.broken = false;
        debug!(records = taken, %known_at, "batch published");
        Ok(BatchReport { known_at, records: taken, outcomes, replayed })
    }

    /// Commits a batch's rows to every fact table. Nothing of it exists for a query until its instant is published.
    pub(crate) async fn commit_batch(
        &mut self,
        batch: Vec<Read>,
        known_at: UtcMillis,
        again: bool,
    ) -> Result<(BTreeMap<Outcome, usize>, Option<Replayed>), PipelineError> {
        let mut plan = plan::plan(batch, &mut self.copies);
        if !plan.superseded.keys.is_empty() || plan.replay.is_some() {
            // Rows that end are written anew with their file, which must not be merged meanwhile.
            self.settle_files().await;
        }
        let replayed = match plan.replay.take() {
            Some(request) => Some(self.read_again(&request, &mut plan).await?),
            None => None,
        };
        let mut outcomes = BTreeMap::new();
        for row in &plan.outcomes {
            *outcomes.entry(row.outcome).or_insert(0) += 1;
        }
        let definitions = plan.definitions.clone();
        committing::commit(&self.lake, plan, known_at, again).await?;
        self.adapters.apply(definitions);
        Ok((outcomes, replayed))
    }

    async fn finish_broken_batch(&mut self) -> Result<(), PipelineError> {
        let published = self.last.as_ref().map(|row| row.known_at);
        let mut snapshot = self.lake.snapshot(Table::Outcomes).await?;
        let is_new = |bounds: Option<(UtcMillis, UtcMillis)>| bounds.is_some_and(|(_, last)| Some(last) > published);
        let files = snapshot.files.iter().filter(|entry| is_new(entry.instants("known_at"))).cloned().collect();
        snapshot.files = Arc::new(files);
        let mut known_at = None;
        let mut end: BTreeMap<String, i64> = BTreeMap::new();
        let before = self.positions();
        for batch in self.lake.read(&snapshot, &[], None).await? {
            let instants = tables::Cells::new(&batch).instant("known_at")?;
            for (row, outcome) in OutcomeRow::read(&batch)?.into_iter().enumerate() {
                if Some(instants.get(row)) > published {
                    known_at = Some(instants.get(row));
                    let taken = before.get(&*outcome.channel).copied().unwrap_or(-1);
                    if outcome.offset > taken {
                        let last = end.entry(outcome.channel.to_string()).or_insert(outcome.offset);
                        *last = outcome.offset.max(*last);
                    }
                }
            }
        }
        if let Some(known_at) = known_at {
            let records = self.lake.inbox_between(&before, Some(&end), None).await?;
            info!(records = records.len(), %known_at, "finishing a batch that was not published");
            let batch = self.read(records).await?;
            self.publish(batch, known_at, true).await?;
        }
        Ok(())
    }

    pub(crate) fn positions(&self) -> BTreeMap<String, i64> {
        self.last.as_ref().map(|row| row.positions.clone()).unwrap_or_default()
    }

    fn next_instant(&self, batch: &[Read]) -> UtcMillis {
        let clock = match self.clock {
            StageClock::System => system_now(),
            StageClock::Simulated => batch.iter().map(|read| read.rank.received_at).max().unwrap_or_default(),
        };
        self.last.as_ref().map_or(clock, |last| clock.max(last.known_at.plus_ms(1)))
    }
}

async fn compact(
    lake: Arc<Lake>,
    positions: BTreeMap<String, i64>,
    lock: Arc<WriterLock>,
) -> Result<bool, PipelineError> {
    let mut merged = false;
    for table in Table::ALL {
        merged |= lake.compact(table, &positions, &lock).await?;
    }
    Ok(merged)
}

/// Moves positions on to the last records of a batch.
pub(crate) fn advance(positions: &mut BTreeMap<String, i64>, batch: &[Read]) {
    for read in batch {
        match positions.get_mut(&*read.channel) {
            Some(last) => *last = read.offset.max(*last),
            None => drop(positions.insert(read.channel.to_string(), read.offset)),
        }
    }
}

fn system_now() -> UtcMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UtcMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

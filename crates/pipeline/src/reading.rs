//! The next batch: which records wait, and what their adapters make of them, on all cores and ahead of the commit.

use std::{collections::BTreeMap, num::NonZeroUsize, sync::Arc, thread};

use lake::Lake;
use model::RawRecord;
use normalization::Normalizer;
use tokio::task::JoinHandle;

use crate::{
    decisions,
    plan::{self, Read, Says},
    stage::{PipelineError, Stage, advance},
};

/// Records after which a batch is closed: whole files of the inbox are taken until it is passed.
const BATCH_RECORDS_MAX: usize = 60_000;

/// A batch that is being read while the one before it is committed.
pub(crate) type ReadAhead = JoinHandle<Result<Vec<Read>, PipelineError>>;

impl Stage {
    /// The next batch, read. Decisions come first and stand alone: a mapping is in force for all that is read after it.
    pub(crate) async fn next_batch(&mut self) -> Result<Vec<Read>, PipelineError> {
        if let Some(ahead) = self.ahead.take() {
            let batch = ahead.await??;
            if !batch.is_empty() {
                return Ok(batch);
            }
        }
        fetch(Arc::clone(&self.lake), self.adapters.normalizer(), self.positions()).await
    }

    /// Starts to read what follows `batch`. After a decision nothing is read ahead, since it may change how.
    pub(crate) fn read_ahead(&mut self, batch: &[Read]) {
        if batch.iter().any(|read| !matches!(read.says, Says::Payload(_))) {
            return;
        }
        let mut positions = self.positions();
        advance(&mut positions, batch);
        self.ahead = Some(tokio::spawn(fetch(Arc::clone(&self.lake), self.adapters.normalizer(), positions)));
    }

    /// What the adapters in force make of records.
    pub(crate) async fn read(&self, records: Vec<RawRecord>) -> Result<Vec<Read>, PipelineError> {
        read(self.adapters.normalizer(), records).await
    }
}

async fn fetch(
    lake: Arc<Lake>,
    normalizer: Arc<Normalizer>,
    positions: BTreeMap<String, i64>,
) -> Result<Vec<Read>, PipelineError> {
    let all = BTreeMap::from([(decisions::CHANNEL.to_owned(), i64::MAX)]);
    let decided = lake.inbox_between(&positions, Some(&all), BATCH_RECORDS_MAX).await?;
    if !decided.is_empty() {
        return read(normalizer, decisions::next_batch(decided)).await;
    }
    let records = lake.inbox_between(&positions, None, BATCH_RECORDS_MAX).await?;
    // A decision that came in since goes first: records behind it may need it.
    let decided: Vec<RawRecord> = records.iter().filter(|record| decisions::is_decision(record)).cloned().collect();
    let batch = if decided.is_empty() { records } else { decisions::next_batch(decided) };
    read(normalizer, batch).await
}

async fn read(normalizer: Arc<Normalizer>, records: Vec<RawRecord>) -> Result<Vec<Read>, PipelineError> {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    Ok(tokio::task::spawn_blocking(move || {
        let chunk = records.len().div_ceil(cores).max(1);
        thread::scope(|scope| {
            let workers: Vec<_> = records
                .chunks(chunk)
                .map(|part| {
                    let normalizer = &normalizer;
                    scope.spawn(move || part.iter().map(|r| plan::read(r, normalizer)).collect::<Vec<_>>())
                })
                .collect();
            let joined = workers
                .into_iter()
                .map(|worker| worker.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause)));
            joined.flatten().collect()
        })
    })
    .await?)
}

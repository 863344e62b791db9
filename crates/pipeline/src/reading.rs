//! The next batch: which records wait, and what their adapters make of them, on all cores and ahead of the commit.

use std::{collections::BTreeMap, num::NonZeroUsize, sync::Arc, thread};

use lake::{BatchLimit, Lake};
use model::RawRecord;
use normalization::Normalizer;
use tokio::sync::mpsc;

use crate::{
    decisions,
    plan::{self, Read, Says},
    stage::{PipelineError, Stage, advance},
};

/// Whole files of the inbox are taken until a batch is this large.
const BATCH: BatchLimit = BatchLimit { records: 60_000, bytes: 48 << 20 };

/// Batches that are being read while the one before them is committed: one lies ready while the next is read.
pub(crate) type ReadAhead = mpsc::Receiver<Result<Vec<Read>, PipelineError>>;

impl Stage {
    /// The next batch, read. Decisions come first and stand alone: a mapping is in force for all that is read after it.
    pub(crate) async fn next_batch(&mut self) -> Result<Vec<Read>, PipelineError> {
        if let Some(ahead) = &mut self.ahead {
            match ahead.recv().await {
                Some(Ok(batch)) if !batch.is_empty() => {
                    if is_last(&batch) {
                        self.ahead = None;
                    }
                    return Ok(batch);
                }
                Some(Err(error)) => {
                    self.ahead = None;
                    return Err(error);
                }
                _ => self.ahead = None,
            }
        }
        fetch(Arc::clone(&self.lake), self.adapters.normalizer(), self.positions()).await
    }

    /// Starts to read what follows `batch`, unless that is under way.
    pub(crate) fn read_ahead(&mut self, batch: &[Read]) {
        if self.ahead.is_some() || decides(batch) {
            return;
        }
        let mut positions = self.positions();
        advance(&mut positions, batch);
        let (lake, normalizer) = (Arc::clone(&self.lake), self.adapters.normalizer());
        let (batches, ahead) = mpsc::channel(1);
        tokio::spawn(async move {
            loop {
                let batch = fetch(Arc::clone(&lake), Arc::clone(&normalizer), positions.clone()).await;
                let last = batch.as_ref().map_or(true, |batch| {
                    advance(&mut positions, batch);
                    is_last(batch)
                });
                if batches.send(batch).await.is_err() || last {
                    return;
                }
            }
        });
        self.ahead = Some(ahead);
    }

    /// What the adapters in force make of records.
    pub(crate) async fn read(&self, records: Vec<RawRecord>) -> Result<Vec<Read>, PipelineError> {
        read(self.adapters.normalizer(), records).await
    }
}

/// True where a batch is of decisions, after which nothing is read ahead, since they may change how.
fn decides(batch: &[Read]) -> bool {
    batch.iter().any(|read| !matches!(read.says, Says::Payload(_)))
}

/// True where nothing is read ahead after a batch. One that is small is the end of what waits: what comes next can still
/// grow.
fn is_last(batch: &[Read]) -> bool {
    batch.len() < BATCH.records || decides(batch)
}

async fn fetch(
    lake: Arc<Lake>,
    normalizer: Arc<Normalizer>,
    positions: BTreeMap<String, i64>,
) -> Result<Vec<Read>, PipelineError> {
    let all = BTreeMap::from([(decisions::CHANNEL.to_owned(), i64::MAX)]);
    let decided = lake.inbox_between(&positions, Some(&all), Some(BATCH)).await?;
    if !decided.is_empty() {
        return read(normalizer, decisions::next_batch(decided)).await;
    }
    let records = lake.inbox_between(&positions, None, Some(BATCH)).await?;
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

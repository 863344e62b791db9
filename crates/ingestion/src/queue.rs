//! The queue between the doors and the inbox: bounded, in order, and silent until the records are durable.
//!
//! A door [submits](IntakeQueue::submit) the records of one request and waits. The consumer takes what has gathered as
//! one [`Batch`], commits it, and [acknowledges](Batch::ack) all its submitters at once: one commit serves many
//! requests (group commit). Whatever is not acknowledged is answered as failed, so that its sender comes again.

use std::{collections::VecDeque, num::NonZeroU32, sync::Arc, time::Duration};

use model::{Headers, Payload, UtcMillis};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::error::IntakeError;

/// A full queue empties with the next commits.
const FULL_RETRY_AFTER_S: u32 = 1;
/// A consumer that failed needs a moment, or somebody's hand.
const UNAVAILABLE_RETRY_AFTER_S: u32 = 5;

/// One record as a door took it: a raw record that has no position yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// The configured source that sent it, such as `web` or `shop_eu`.
    pub source: Arc<str>,
    /// The door's clock when it came.
    pub received_at: UtcMillis,
    /// What stands beside the payload.
    pub headers: Arc<Headers>,
    /// The bytes as sent.
    pub payload: Payload,
}

/// How much may wait: counted from submission until the answer, so a batch being committed counts too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueueLimits {
    /// Most records.
    pub records_max: NonZeroU32,
    /// Most bytes of payloads and headers together.
    pub bytes_max: NonZeroU32,
}

/// The doors' end: cheap to clone, shared by all of them.
#[derive(Debug, Clone)]
pub struct IntakeQueue {
    submissions: mpsc::UnboundedSender<Submission>,
    limits: QueueLimits,
    records_free: Arc<Semaphore>,
    bytes_free: Arc<Semaphore>,
}

/// The consumer's end.
#[derive(Debug)]
pub struct BatchReceiver {
    submissions: mpsc::UnboundedReceiver<Submission>,
    /// Received and in no batch yet. Kept here, so that dropping a `next_batch` future loses nothing.
    gathered: VecDeque<Submission>,
    gathered_records: usize,
}

/// Records that are committed together. Dropped without [`Batch::ack`], it is a failed one.
#[derive(Debug)]
pub struct Batch {
    /// All records, in the order in which they were submitted. May be taken out before the answer.
    pub records: Vec<Incoming>,
    receipts: Vec<Receipt>,
}

#[derive(Debug)]
struct Submission {
    records: Vec<Incoming>,
    receipt: Receipt,
}

/// Where the answer goes, and the room that is free again once it is given.
#[derive(Debug)]
struct Receipt {
    answer: oneshot::Sender<Result<(), String>>,
    room: [OwnedSemaphorePermit; 2],
}

/// Makes a queue: the end for the doors and the end for the one consumer.
#[must_use]
pub fn intake_queue(limits: QueueLimits) -> (IntakeQueue, BatchReceiver) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let room = |max: NonZeroU32| Arc::new(Semaphore::new(max.get() as usize));
    let queue = IntakeQueue {
        submissions: sender,
        limits,
        records_free: room(limits.records_max),
        bytes_free: room(limits.bytes_max),
    };
    (queue, BatchReceiver { submissions: receiver, gathered: VecDeque::new(), gathered_records: 0 })
}

impl Default for QueueLimits {
    fn default() -> Self {
        let of = |max| NonZeroU32::new(max).expect("the shipped limits are not zero");
        Self { records_max: of(50_000), bytes_max: of(64 << 20) }
    }
}

impl Incoming {
    /// Bytes that this record counts for in the queue.
    fn bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.payload.len() + headers
    }
}

impl IntakeQueue {
    /// Hands `records` on, all in one batch, and waits until they are durable.
    ///
    /// Dropping the future does not take the records back: they may become durable without anybody being told.
    ///
    /// # Errors
    /// [`IntakeError::Full`] at once, if they do not fit; [`IntakeError::Unavailable`] if the consumer failed them or
    /// is gone.
    pub async fn submit(&self, records: Vec<Incoming>) -> Result<(), IntakeError> {
        if records.is_empty() {
            return Ok(());
        }
        let bytes = records.iter().map(Incoming::bytes).sum();
        let room = [
            reserve(&self.records_free, records.len(), self.limits.records_max)?,
            reserve(&self.bytes_free, bytes, self.limits.bytes_max)?,
        ];
        let (answer, answered) = oneshot::channel();
        let submission = Submission { records, receipt: Receipt { answer, room } };
        self.submissions.send(submission).map_err(|_| unavailable("the consumer has stopped".to_owned()))?;
        match answered.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => Err(unavailable(reason)),
            Err(_) => Err(unavailable("the consumer gave the batch up".to_owned())),
        }
    }
}

/// Takes room for `wanted`; all of it for what is larger than the whole queue, which is so let in when nothing waits.
fn reserve(free: &Arc<Semaphore>, wanted: usize, max: NonZeroU32) -> Result<OwnedSemaphorePermit, IntakeError> {
    let permits = u32::try_from(wanted).unwrap_or(u32::MAX).min(max.get());
    let full = |_| IntakeError::Full { retry_after_s: FULL_RETRY_AFTER_S };
    Arc::clone(free).try_acquire_many_owned(permits).map_err(full)
}

fn unavailable(reason: String) -> IntakeError {
    IntakeError::Unavailable { retry_after_s: UNAVAILABLE_RETRY_AFTER_S, reason }
}

impl BatchReceiver {
    /// Waits for the first record, however long, then gathers more until `records_max` are there or `wait_max` has
    /// passed; a `wait_max` of zero takes what waits and returns at once. `None` once every [`IntakeQueue`] is gone
    /// and all they submitted has been handed out.
    ///
    /// The records of one submission are never parted: a batch is larger than `records_max` where its first
    /// submission alone is. Safe to drop before it is ready: nothing is lost.
    pub async fn next_batch(&mut self, records_max: usize, wait_max: Duration) -> Option<Batch> {
        if self.gathered.is_empty() {
            let first = self.submissions.recv().await?;
            self.gather(first);
        }
        let deadline = passed(wait_max);
        tokio::pin!(deadline);
        while self.gathered_records < records_max {
            let next = tokio::select! {
                biased;
                next = self.submissions.recv() => next,
                () = &mut deadline => None,
            };
            let Some(submission) = next else { break };
            self.gather(submission);
        }
        Some(self.take_batch(records_max))
    }

    fn gather(&mut self, submission: Submission) {
        self.gathered_records += submission.records.len();
        self.gathered.push_back(submission);
    }

    fn take_batch(&mut self, records_max: usize) -> Batch {
        let mut batch = Batch { records: Vec::new(), receipts: Vec::new() };
        while let Some(submission) = self
            .gathered
            .pop_front_if(|next| batch.receipts.is_empty() || batch.records.len() + next.records.len() <= records_max)
        {
            self.gathered_records -= submission.records.len();
            batch.records.extend(submission.records);
            batch.receipts.push(submission.receipt);
        }
        batch
    }
}

/// Waits. The timer's least wait is a millisecond, which group commit would pay for every batch.
async fn passed(wait: Duration) {
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
}

impl Batch {
    /// Tells every submitter that its records are durable. To be called after the commit is synced, never before.
    pub fn ack(self) {
        self.answer(&Ok(()));
    }

    /// Tells every submitter that its records are not stored; `reason` is for the log.
    pub fn fail(self, reason: &str) {
        self.answer(&Err(reason.to_owned()));
    }

    fn answer(self, outcome: &Result<(), String>) {
        for Receipt { answer, room } in self.receipts {
            // Room first, so that a submitter that comes again at once finds it.
            drop(room);
            // A submitter that has gone away needs no answer.
            let _ = answer.send(outcome.clone());
        }
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;

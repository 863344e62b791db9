//! What the queue promises to its submitters and to its consumer.

use super::*;
use std::task::{Context, Poll, Waker};

fn record(text: &str) -> Incoming {
    let payload = text.as_bytes().to_vec();
    Incoming { source: "web".into(), received_at: UtcMillis(0), headers: Arc::default(), payload: payload.into() }
}

fn records(texts: &[&str]) -> Vec<Incoming> {
    texts.iter().copied().map(record).collect()
}

fn texts(batch: &Batch) -> Vec<&str> {
    batch.records.iter().map(|record| std::str::from_utf8(&record.payload).expect("a text")).collect()
}

fn limits(records_max: u32, bytes_max: u32) -> QueueLimits {
    let of = |max| NonZeroU32::new(max).expect("a test's limit is not zero");
    QueueLimits { records_max: of(records_max), bytes_max: of(bytes_max) }
}

/// A broken queue fails its test instead of holding it up.
async fn soon<T>(awaited: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(5), awaited).await.expect("not held up")
}

async fn next_batch(receiver: &mut BatchReceiver, records_max: usize) -> Batch {
    soon(receiver.next_batch(records_max, Duration::ZERO)).await.expect("a batch")
}

async fn outcome(submission: tokio::task::JoinHandle<Result<(), IntakeError>>) -> Result<(), IntakeError> {
    soon(submission).await.expect("no panic")
}

/// Submits from a task of its own and returns once the records are in the queue.
async fn submitted(queue: &IntakeQueue, texts: &[&str]) -> tokio::task::JoinHandle<Result<(), IntakeError>> {
    let (queue, records) = (queue.clone(), records(texts));
    let task = tokio::spawn(async move { queue.submit(records).await });
    // One turn of the single-threaded runtime lets the task run up to its answer.
    tokio::task::yield_now().await;
    task
}

fn is_full(outcome: &Result<(), IntakeError>) -> bool {
    matches!(outcome, Err(IntakeError::Full { retry_after_s: 1.. }))
}

#[tokio::test]
async fn nothing_is_answered_before_the_consumer_acknowledges() {
    let (queue, mut receiver) = intake_queue(QueueLimits::default());
    let submission = submitted(&queue, &["a"]).await;
    let batch = next_batch(&mut receiver, 10).await;
    tokio::task::yield_now().await;
    assert!(!submission.is_finished());
    batch.ack();
    assert_eq!(outcome(submission).await, Ok(()));
}

#[tokio::test]
async fn one_batch_takes_what_has_gathered_in_order_and_answers_all() {
    let (queue, mut receiver) = intake_queue(QueueLimits::default());
    let mut submissions = Vec::new();
    for texts in [&["a", "b"][..], &["c"], &["d", "e", "f"]] {
        submissions.push(submitted(&queue, texts).await);
    }
    let batch = next_batch(&mut receiver, 100).await;
    assert_eq!(texts(&batch), ["a", "b", "c", "d", "e", "f"]);
    batch.ack();
    for submission in submissions {
        assert_eq!(outcome(submission).await, Ok(()));
    }
}

#[tokio::test]
async fn a_submission_is_never_parted() {
    let (queue, mut receiver) = intake_queue(QueueLimits::default());
    let mut submissions = Vec::new();
    for texts in [&["a", "b"][..], &["c", "d"], &["e"], &["f", "g", "h", "i", "j"], &["k"]] {
        submissions.push(submitted(&queue, texts).await);
    }
    let mut seen = Vec::new();
    for _ in 0..4 {
        let batch = next_batch(&mut receiver, 3).await;
        seen.push(texts(&batch).concat());
        batch.ack();
    }
    assert_eq!(seen, ["ab", "cde", "fghij", "k"]);
}

#[tokio::test]
async fn a_failed_and_a_forgotten_batch_are_told_to_their_submitters() {
    let (queue, mut receiver) = intake_queue(QueueLimits::default());
    let failed = submitted(&queue, &["a"]).await;
    next_batch(&mut receiver, 1).await.fail("disk full");
    let forgotten = submitted(&queue, &["b"]).await;
    drop(next_batch(&mut receiver, 1).await);
    let waiting = submitted(&queue, &["c"]).await;
    drop(receiver);
    let late = submitted(&queue, &["d"]).await;
    for (submission, expected) in
        [(failed, "disk full"), (forgotten, "gave the batch up"), (waiting, "gave the batch up"), (late, "has stopped")]
    {
        let error = outcome(submission).await.expect_err("not stored");
        assert!(
            matches!(&error, IntakeError::Unavailable { reason, retry_after_s: 1.. } if reason.contains(expected)),
            "{error}"
        );
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_at_once_until_the_answer_makes_room() {
    for bounds in [limits(3, 1000), limits(1000, 3)] {
        let (queue, mut receiver) = intake_queue(bounds);
        let first = submitted(&queue, &["a", "b"]).await;
        assert!(is_full(&soon(queue.submit(records(&["c", "d"]))).await));
        let batch = next_batch(&mut receiver, 10).await;
        assert!(is_full(&soon(queue.submit(records(&["c", "d"]))).await), "a batch being committed still counts");
        batch.ack();
        let second = submitted(&queue, &["c", "d"]).await;
        next_batch(&mut receiver, 10).await.ack();
        assert_eq!(outcome(first).await, Ok(()));
        assert_eq!(outcome(second).await, Ok(()));
    }
}

#[tokio::test]
async fn a_refused_submission_takes_no_room() {
    let (queue, _receiver) = intake_queue(limits(2, 10));
    assert!(!submitted(&queue, &["123456789"]).await.is_finished());
    assert!(is_full(&soon(queue.submit(records(&["two"]))).await), "its bytes do not fit");
    assert!(!submitted(&queue, &["2"]).await.is_finished(), "the room for its record was given back");
}

#[tokio::test]
async fn headers_count_as_bytes() {
    let (queue, _receiver) = intake_queue(limits(10, 10));
    let mut heavy = record("a");
    Arc::make_mut(&mut heavy.headers).insert("context".to_owned(), "{}".to_owned());
    let _waiting = submitted(&queue, &["b"]).await;
    assert!(is_full(&soon(queue.submit(vec![heavy])).await));
}

#[tokio::test]
async fn what_is_larger_than_the_queue_goes_through_when_nothing_waits() {
    let (queue, mut receiver) = intake_queue(limits(2, 2));
    let large = submitted(&queue, &["a", "b", "longer"]).await;
    assert!(is_full(&soon(queue.submit(records(&["c"]))).await));
    next_batch(&mut receiver, 1).await.ack();
    assert_eq!(outcome(large).await, Ok(()));
}

#[tokio::test]
async fn a_full_batch_does_not_wait_and_a_part_filled_one_waits_its_time() {
    let (queue, mut receiver) = intake_queue(QueueLimits::default());
    let _first = submitted(&queue, &["a", "b"]).await;
    let full = soon(receiver.next_batch(2, Duration::MAX)).await.expect("a batch");
    assert_eq!(texts(&full), ["a", "b"]);

    let _second = submitted(&queue, &["c"]).await;
    let (batch, ()) = tokio::join!(soon(receiver.next_batch(2, Duration::MAX)), async {
        let _third = submitted(&queue, &["d"]).await;
    });
    assert_eq!(texts(&batch.expect("a batch")), ["c", "d"]);

    let _fourth = submitted(&queue, &["e"]).await;
    let part_filled = soon(receiver.next_batch(2, Duration::from_millis(1))).await.expect("a batch");
    assert_eq!(texts(&part_filled), ["e"]);
}

#[tokio::test]
async fn without_a_wait_what_is_there_is_handed_out_at_once() {
    let (queue, mut receiver) = intake_queue(QueueLimits::default());
    let _submission = submitted(&queue, &["a"]).await;
    let batch = std::pin::pin!(receiver.next_batch(2, Duration::ZERO));
    let polled = batch.poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(&polled, Poll::Ready(Some(batch)) if texts(batch) == ["a"]), "{polled:?}");
}

#[tokio::test]
async fn a_consumer_that_stops_waiting_loses_nothing() {
    let (queue, mut receiver) = intake_queue(QueueLimits::default());
    let _first = submitted(&queue, &["a"]).await;
    let gave_up = tokio::time::timeout(Duration::from_millis(1), receiver.next_batch(2, Duration::MAX)).await;
    assert!(gave_up.is_err());
    let _second = submitted(&queue, &["b"]).await;
    let batch = next_batch(&mut receiver, 2).await;
    assert_eq!(texts(&batch), ["a", "b"]);
}

#[tokio::test]
async fn the_end_comes_after_all_that_was_submitted() {
    let (queue, mut receiver) = intake_queue(QueueLimits::default());
    assert_eq!(queue.submit(Vec::new()).await, Ok(()), "nothing is durable at once");
    let submission = submitted(&queue, &["a"]).await;
    submission.abort();
    drop(queue);
    let batch = soon(receiver.next_batch(2, Duration::MAX)).await.expect("records outlive their submitter");
    assert_eq!(texts(&batch), ["a"]);
    batch.ack();
    assert!(soon(receiver.next_batch(2, Duration::MAX)).await.is_none());
}

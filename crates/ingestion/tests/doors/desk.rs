//! A collector with a consumer behind it that acknowledges, fails or holds what it gets.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request},
};
use ingestion::{
    Batch, BatchReceiver, Clock, Collector, CollectorConfig, CollectorLimits, Incoming, QueueLimits, intake_queue,
    router,
};
use tokio::time::timeout;
use tower::ServiceExt;

/// Far longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the consumer does with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consumer {
    Acknowledges,
    Fails,
    Holds,
}

pub struct Desk {
    pub collector: Collector,
    pub router: Router,
    receiver: BatchReceiver,
    /// What was acknowledged, in order.
    pub stored: Vec<Incoming>,
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

/// The received-at instant of every request that [`post`] builds.
pub const RECEIVED_AT: &str = "2026-01-05T10:11:14.100Z";

pub fn config() -> CollectorConfig {
    let secrets = vec!["new".to_owned(), "hush".to_owned()].try_into().expect("two secrets");
    CollectorConfig {
        write_keys: BTreeMap::from([("wk_demo".to_owned(), "web".to_owned()), ("wk_app".to_owned(), "app".to_owned())]),
        shopify: BTreeMap::from([("shop_eu".to_owned(), secrets)]),
        clock: Clock::Simulated,
        limits: CollectorLimits { webhook_wait_ms_max: 1000, ..CollectorLimits::default() },
        queue: QueueLimits { records_max: NonZeroU32::new(5000).expect("not zero"), ..QueueLimits::default() },
    }
}

pub fn post(path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::post(path).header("tributary-received-at", RECEIVED_AT);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).expect("a request")
}

impl Desk {
    pub fn open() -> Self {
        Self::with(config())
    }

    pub fn with(config: CollectorConfig) -> Self {
        let (queue, receiver) = intake_queue(config.queue);
        let collector = Collector::new(config, queue);
        Self { router: router(collector.clone()), collector, receiver, stored: Vec::new() }
    }

    /// Sends a request to a desk whose consumer acknowledges.
    pub async fn send(&mut self, request: Request<Body>) -> Reply {
        self.send_to(Consumer::Acknowledges, request).await
    }

    pub async fn send_to(&mut self, consumer: Consumer, request: Request<Body>) -> Reply {
        let answer = reply(self.router.clone(), request);
        tokio::pin!(answer);
        let mut held = Vec::new();
        loop {
            tokio::select! {
                reply = &mut answer => return reply,
                Some(mut batch) = self.receiver.next_batch(10_000, Duration::ZERO) => match consumer {
                    Consumer::Acknowledges => {
                        self.stored.append(&mut batch.records);
                        batch.ack();
                    }
                    Consumer::Fails => batch.fail("/secret/path: disk full"),
                    Consumer::Holds => held.push(batch),
                },
            }
        }
    }

    /// What the consumer gets once `records` are there. A broken door fails its test instead of holding it up.
    pub async fn next_batch(&mut self, records: usize) -> Batch {
        let gathered = self.receiver.next_batch(records, Duration::MAX);
        timeout(PATIENCE, gathered).await.expect("not held up").expect("a batch")
    }

    /// The payloads of what was stored.
    pub fn payloads(&self) -> Vec<&str> {
        self.stored.iter().map(|record| std::str::from_utf8(&record.payload).expect("a text")).collect()
    }
}

pub async fn reply(router: Router, request: Request<Body>) -> Reply {
    let answered = timeout(PATIENCE, router.oneshot(request)).await.expect("not held up");
    let response = answered.expect("doors answer every request");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    Reply { status, headers, body: String::from_utf8(body.to_vec()).expect("a text") }
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a text"))
    }

    /// A field of the JSON body, as text.
    pub fn field(&self, name: &str) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).expect("every answer is JSON");
        body.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
    }

    /// Asserts a refusal that says what was found and how to mend it.
    #[track_caller]
    pub fn refuses(&self, status: u16, error: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        assert!(self.field("error").contains(error), "{}", self.body);
        assert!(!self.field("fix").is_empty(), "{}", self.body);
        let retried = matches!(status, 429 | 503);
        assert_eq!(self.header("retry-after").is_some(), retried, "Retry-After goes with what may be sent again");
    }
}

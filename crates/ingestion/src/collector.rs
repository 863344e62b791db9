//! What the HTTP doors share: configuration, queue, counts, and the one way in which a request is answered.

use std::{future::Future, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use model::UtcMillis;
use tracing::{debug, warn};

use crate::{
    answer::Refusal,
    clock::RECEIVED_AT_HEADER,
    config::CollectorConfig,
    counters::{CounterSnapshot, Counters, Door, add},
    error::IntakeError,
    queue::{Incoming, IntakeQueue},
    segment, shopify,
};

/// The HTTP doors' common state; cheap to clone.
#[derive(Debug, Clone)]
pub struct Collector {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: CollectorConfig,
    queue: IntakeQueue,
    counters: Counters,
}

/// The routes of all HTTP doors. They bring no fallback, so they may be merged with others.
pub fn router(collector: Collector) -> Router {
    segment::routes(&collector).merge(shopify::routes(&collector)).with_state(collector)
}

impl Collector {
    /// Doors as configured, handing on to `queue`.
    #[must_use]
    pub fn new(config: CollectorConfig, queue: IntakeQueue) -> Self {
        Self { shared: Arc::new(Shared { config, queue, counters: Counters::default() }) }
    }

    /// What came to each door since the start.
    #[must_use]
    pub fn counters(&self) -> CounterSnapshot {
        self.shared.counters.snapshot()
    }

    pub(crate) fn config(&self) -> &CollectorConfig {
        &self.shared.config
    }

    /// When a request with these headers counts as received.
    pub(crate) fn received_at(&self, headers: &HeaderMap) -> Result<UtcMillis, Refusal> {
        self.config().clock.received_at(headers).map_err(|error| {
            let fix = format!("send RFC 3339 in the header {RECEIVED_AT_HEADER}, or leave it out");
            Refusal::new(StatusCode::BAD_REQUEST, error.to_string(), fix)
        })
    }

    /// Hands records on and counts them once they are durable.
    pub(crate) async fn submit(&self, door: Door, records: Vec<Incoming>) -> Result<(), Refusal> {
        let count = records.len();
        self.shared.queue.submit(records).await.map_err(|error| {
            match &error {
                IntakeError::Full { .. } => warn!(door = door.name(), "intake queue full"),
                other => warn!(door = door.name(), error = %other, "records not stored"),
            }
            Refusal::from(error)
        })?;
        add(&self.shared.counters.of(door).accepted, count);
        Ok(())
    }

    /// Runs one request to its answer: at most `wait_ms_max` long, and counted.
    pub(crate) async fn answer(
        &self,
        door: Door,
        wait_ms_max: u64,
        request: impl Future<Output = Result<(), Refusal>>,
    ) -> Response {
        let outcome = tokio::time::timeout(Duration::from_millis(wait_ms_max), request).await;
        match outcome.unwrap_or_else(|_| Err(Refusal::too_slow())) {
            Ok(()) => Json(serde_json::json!({ "success": true })).into_response(),
            Err(refusal) => {
                debug!(door = door.name(), status = refusal.status.as_u16(), "request not taken in");
                self.count_refusal(door, &refusal);
                refusal.into_response()
            }
        }
    }

    fn count_refusal(&self, door: Door, refusal: &Refusal) {
        let counters = self.shared.counters.of(door);
        let count = match (refusal.status, refusal.retry_after_s) {
            (StatusCode::UNAUTHORIZED, _) => &counters.unauthenticated,
            (_, Some(_)) => &counters.deferred,
            (_, None) => &counters.refused,
        };
        add(count, 1);
    }
}

/// Reads a whole body. `bytes_max` is what the route's body limit was set to, for the text.
pub(crate) async fn read_body(request: Request, bytes_max: usize) -> Result<Bytes, Refusal> {
    Bytes::from_request(request, &()).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is larger than {bytes_max} bytes"),
            "send less at once",
        ),
        status => Refusal::new(status, "the body could not be read to its end", "send it again, complete"),
    })
}

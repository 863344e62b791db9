//! A world's payloads as the records that the real doors make of them.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use ingestion::{
    Clock, Collector, CollectorConfig, Incoming, QueueLimits, ReportScope, intake_queue, report_record, router,
};
use model::UtcMillis;
use simulator::{Door, Payload, World};
use tower::ServiceExt;

/// The demo's doors, on a simulated clock.
///
/// # Panics
/// Never, unless the configuration below is unsound.
#[must_use]
pub fn collector_config() -> CollectorConfig {
    serde_json::from_value(serde_json::json!({
        "write_keys": { "wk_demo_eu": "web_eu", "wk_demo_us": "web_us" },
        "shopify": { "shop_eu": ["demo-secret-shop-eu"], "shop_us": ["demo-secret-shop-us"] },
        "clock": "simulated",
    }))
    .expect("a sound configuration")
}

/// Everything that a world sends, as records with the channel that each comes through, in the order of arrival.
pub async fn records(world: &World) -> Vec<(String, Incoming)> {
    let mut records = Vec::new();
    let (queue, mut doors) = intake_queue(QueueLimits::default());
    let routes = router(Collector::new(CollectorConfig { clock: Clock::Simulated, ..collector_config() }, queue));
    for payload in world.payloads() {
        if let Some(report) = report(&payload) {
            records.push(report);
            continue;
        }
        let answer = routes.clone().oneshot(request(&payload));
        let taken = async {
            let mut batch = doors.next_batch(100_000, Duration::ZERO).await.expect("the door handed something on");
            let taken = std::mem::take(&mut batch.records);
            batch.ack();
            taken
        };
        let (answer, taken) = tokio::join!(answer, taken);
        assert_eq!(answer.expect("an answer").status(), StatusCode::OK);
        records.extend(taken.into_iter().map(|record| ("collector".to_owned(), record)));
    }
    records
}

/// A payload as its sender's HTTP request.
///
/// # Panics
/// For a report: those come as files.
#[must_use]
pub fn request(payload: &Payload) -> Request<Body> {
    let path = path(payload).expect("a payload for an HTTP door");
    let received_at = UtcMillis(payload.received_at_ms).to_string();
    let mut request = Request::post(path).header(ingestion::clock::RECEIVED_AT_HEADER, received_at);
    for (name, value) in &payload.headers {
        request = request.header(name, value);
    }
    request.body(Body::from(payload.body.clone())).expect("a request")
}

/// The HTTP path of a payload; none for reports.
#[must_use]
pub fn path(payload: &Payload) -> Option<String> {
    match &payload.door {
        Door::SegmentBatch { .. } => Some("/v1/batch".to_owned()),
        Door::ShopifyWebhook { source, .. } => Some(format!("/webhooks/shopify/{source}")),
        Door::GoogleAdsReport { .. } | Door::MetaReport { .. } => None,
    }
}

/// A report as a record with its channel; none for other payloads.
///
/// # Panics
/// Where the simulator's own headers are unsound.
#[must_use]
pub fn report(payload: &Payload) -> Option<(String, Incoming)> {
    let (Door::GoogleAdsReport { source, .. } | Door::MetaReport { source, .. }) = &payload.door else { return None };
    let headers: BTreeMap<&str, &str> = payload.headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let header = |name: &str| headers.get(name).map(|value| (*value).to_owned());
    let scope = ReportScope {
        from_on: header("tributary-pull-from"),
        to_on: header("tributary-pull-to"),
        zone: header("tributary-account-zone"),
        ..ReportScope::default()
    };
    let received_at = UtcMillis(payload.received_at_ms);
    Some(report_record(source, received_at, &scope, payload.body.clone()).expect("a sound report"))
}

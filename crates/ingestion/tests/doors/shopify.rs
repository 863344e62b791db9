//! The Shopify door.

use axum::http::Request;
use ingestion::{CollectorConfig, CollectorLimits, DoorCounts};
use model::UtcMillis;

use crate::desk::{Consumer, Desk, RECEIVED_AT, config, post};

const PATH: &str = "/webhooks/shopify/shop_eu";
/// The documented body, and its signature by the older of the two configured secrets.
const BODY: &str = r#"{"id":1}"#;
const SIGNATURE: &str = "VnKUjZsLuN5iZWjn5EntcBVCF9kMN43LglzCE1/GSeY=";
const SIGNED: (&str, &str) = ("X-Shopify-Hmac-Sha256", SIGNATURE);

fn counts(desk: &Desk) -> DoorCounts {
    desk.collector.counters().shopify
}

#[tokio::test]
async fn a_signed_delivery_is_one_record_with_its_headers() {
    let mut desk = Desk::open();
    let headers = [
        SIGNED,
        ("X-Shopify-Topic", "orders/create"),
        ("X-Shopify-Webhook-Id", "w1"),
        ("X-Shopify-Shop-Domain", "store.myshopify.com"),
        ("X-Shopify-Triggered-At", "2026-01-05T10:11:14.05Z"),
        ("Content-Type", "application/json"),
    ];
    assert_eq!(desk.send(post(PATH, &headers, BODY)).await.status, 200);
    let [record] = desk.stored.as_slice() else { panic!("one record") };
    assert_eq!((&*record.source, &*record.payload), ("shop_eu", BODY.as_bytes()));
    assert_eq!(Ok(record.received_at), UtcMillis::parse(RECEIVED_AT));
    let kept: Vec<_> = record.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expected = [
        ("x-shopify-shop-domain", "store.myshopify.com"),
        ("x-shopify-topic", "orders/create"),
        ("x-shopify-triggered-at", "2026-01-05T10:11:14.05Z"),
        ("x-shopify-webhook-id", "w1"),
    ];
    assert_eq!(kept, expected);
    assert_eq!(counts(&desk), DoorCounts { accepted: 1, ..DoorCounts::default() });
}

#[tokio::test]
async fn the_newer_header_names_are_read_too() {
    let mut desk = Desk::open();
    let headers = [("shopify-hmac-sha256", SIGNATURE), ("shopify-topic", "orders/paid"), ("shopify-event-id", "e1")];
    assert_eq!(desk.send(post(PATH, &headers, BODY)).await.status, 200);
    let kept: Vec<_> = desk.stored[0].headers.keys().map(String::as_str).collect();
    assert_eq!(kept, ["shopify-event-id", "shopify-topic"]);
}

#[tokio::test]
async fn a_missing_or_wrong_signature_is_refused_and_nothing_stored() {
    let mut desk = Desk::open();
    for (headers, body) in [
        (&[][..], BODY),
        (&[("X-Shopify-Hmac-Sha256", "not base64")], BODY),
        (&[("X-Shopify-Hmac-Sha256", "")], BODY),
        (&[("X-Shopify-Hmac-Sha256", "VnKUjZsLuN5iZWjn5EntcBVCF9kMN43LglzCE1/GSeU=")], BODY),
        (&[SIGNED], r#"{"id":1} "#),
    ] {
        let reply = desk.send(post(PATH, headers, body)).await;
        reply.refuses(401, "signature");
        assert!(!reply.body.contains("hush"));
    }
    assert!(desk.stored.is_empty());
    assert_eq!(counts(&desk), DoorCounts { unauthenticated: 5, ..DoorCounts::default() });
}

#[tokio::test]
async fn an_unknown_source_is_not_found_and_no_source_is_listed() {
    let mut desk = Desk::open();
    let reply = desk.send(post("/webhooks/shopify/other", &[SIGNED], BODY)).await;
    reply.refuses(404, "names no Shopify source");
    assert!(!reply.body.contains("shop_eu"));
    assert_eq!(counts(&desk).refused, 1);
}

#[tokio::test]
async fn a_delivery_beyond_the_limit_is_refused() {
    let limits = CollectorLimits { webhook_bytes_max: BODY.len() - 1, ..config().limits };
    let mut desk = Desk::with(CollectorConfig { limits, ..config() });
    desk.send(post(PATH, &[SIGNED], BODY)).await.refuses(413, "larger than 7 bytes");
}

#[tokio::test]
async fn a_delivery_that_is_not_durable_in_time_is_asked_for_again() {
    let limits = CollectorLimits { webhook_wait_ms_max: 20, ..config().limits };
    let mut desk = Desk::with(CollectorConfig { limits, ..config() });
    desk.send_to(Consumer::Holds, post(PATH, &[SIGNED], BODY)).await.refuses(503, "could not be stored");
    desk.send_to(Consumer::Fails, post(PATH, &[SIGNED], BODY)).await.refuses(503, "could not be stored");
    assert_eq!(counts(&desk), DoorCounts { deferred: 2, ..DoorCounts::default() });
}

#[tokio::test]
async fn only_post_is_a_delivery() {
    let mut desk = Desk::open();
    let request = Request::get(PATH).body(axum::body::Body::empty()).expect("a request");
    assert_eq!(desk.send(request).await.status, 405);
}

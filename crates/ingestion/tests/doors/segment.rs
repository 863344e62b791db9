//! The Segment door.

use std::io::Write;

use axum::http::Request;
use flate2::{Compression, write::GzEncoder};
use ingestion::{CollectorLimits, DoorCounts};
use model::UtcMillis;

use crate::desk::{Consumer, Desk, RECEIVED_AT, config, post, reply};

const BASIC: (&str, &str) = ("authorization", "Basic d2tfZGVtbzo=");
const BATCH: &str = r#"{"batch":[{"type":"track", "event":"A"},{"type":"page"}],"context":{"ip":"1.1.1.1"},
    "writeKey":"wk_demo","sentAt":"2026-01-05T10:11:14.000Z"}"#;

fn counts(desk: &Desk) -> DoorCounts {
    desk.collector.counters().segment
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

#[tokio::test]
async fn a_batch_becomes_one_record_per_message() {
    let mut desk = Desk::open();
    let reply = desk.send(post("/v1/batch", &[], BATCH)).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, r#"{"success":true}"#));
    assert_eq!(desk.payloads(), [r#"{"type":"track", "event":"A"}"#, r#"{"type":"page"}"#]);
    for record in &desk.stored {
        assert_eq!(&*record.source, "web");
        assert_eq!(Ok(record.received_at), UtcMillis::parse(RECEIVED_AT));
        let headers: Vec<_> = record.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(headers, [("context", r#"{"ip":"1.1.1.1"}"#), ("sentat", "2026-01-05T10:11:14.000Z")]);
    }
    assert_eq!(counts(&desk), DoorCounts { accepted: 2, ..DoorCounts::default() });
}

#[tokio::test]
async fn every_call_has_a_path_for_servers_and_one_for_browsers() {
    for call in ["track", "page", "screen", "identify", "group", "alias"] {
        for path in [call, &call[..1]] {
            let mut desk = Desk::open();
            let body = " {\"writeKey\":\"wk_app\",\"revenue\":67.230}\n";
            let reply = desk.send(post(&format!("/v1/{path}"), &[("content-type", "text/plain")], body)).await;
            assert_eq!(reply.status, 200, "{path}");
            let [record] = desk.stored.as_slice() else { panic!("one record for {path}") };
            assert_eq!((&*record.source, &*record.payload), ("app", body.as_bytes()));
            assert_eq!(*record.headers, [("path".to_owned(), call.to_owned())].into());
        }
    }
    let mut desk = Desk::open();
    assert_eq!(desk.send(post("/v1/b", &[], BATCH)).await.status, 200);
    assert_eq!(desk.stored.len(), 2);
}

#[tokio::test]
async fn a_write_key_may_come_in_the_header_the_body_or_beside_a_bearer_token() {
    let with_key = r#"{"writeKey":"wk_demo"}"#;
    for (headers, body) in [
        (&[BASIC][..], "{}"),
        (&[("authorization", "Basic d2tfZGVtbw==")], "{}"),
        (&[], with_key),
        (&[("authorization", "Bearer token")], with_key),
        (&[BASIC], r#"{"writeKey":"unknown"}"#),
    ] {
        let mut desk = Desk::open();
        assert_eq!(desk.send(post("/v1/track", headers, body)).await.status, 200, "{headers:?} {body}");
        assert_eq!(desk.stored.len(), 1);
        assert_eq!(&*desk.stored[0].source, "web");
    }
}

#[tokio::test]
async fn without_a_known_write_key_nothing_is_stored() {
    let mut desk = Desk::open();
    for (headers, body, error) in [
        (&[][..], "{}", "names no write key"),
        (&[("authorization", "Bearer wk_demo")], "{}", "names no write key"),
        (&[], r#"{"writeKey":"wk_other"}"#, "not known"),
        (&[], r#"{"writeKey":7}"#, "not known"),
        (&[("authorization", "Basic d2tfb3RoZXI6")], r#"{"writeKey":"wk_demo"}"#, "not known"),
        (&[("authorization", "Basic d2tfb3RoZXI6")], "no json", "not known"),
    ] {
        let reply = desk.send(post("/v1/track", headers, body)).await;
        reply.refuses(401, error);
        assert!(!reply.body.contains("wk_"), "a refusal lists no keys");
    }
    assert!(desk.stored.is_empty());
    assert_eq!(counts(&desk), DoorCounts { unauthenticated: 6, ..DoorCounts::default() });
}

#[tokio::test]
async fn gzip_is_unpacked_and_other_encodings_are_refused() {
    let mut desk = Desk::open();
    assert_eq!(desk.send(post("/v1/batch", &[("content-encoding", "gzip")], gzip(BATCH))).await.status, 200);
    assert_eq!(desk.stored.len(), 2);
    let cut = gzip(BATCH)[..30].to_vec();
    desk.send(post("/v1/batch", &[("content-encoding", "gzip")], cut)).await.refuses(400, "could not be read");
    assert_eq!(desk.send(post("/v1/batch", &[("content-encoding", "br")], BATCH)).await.status, 415);
    assert_eq!(desk.stored.len(), 2);
}

#[tokio::test]
async fn malformed_json_is_refused_and_kept_where_the_sender_is_known() {
    let mut desk = Desk::open();
    desk.send(post("/v1/batch", &[], "{\"batch\":[{]")).await.refuses(400, "not JSON");
    assert!(desk.stored.is_empty());

    desk.send(post("/v1/batch", &[BASIC], "{\"batch\":[{]")).await.refuses(400, "line 1 column 12");
    desk.send(post("/v1/batch", &[BASIC], "{\"batch\":7}")).await.refuses(400, "top level");
    assert_eq!(desk.payloads(), ["{\"batch\":[{]", "{\"batch\":7}"]);
    assert_eq!(*desk.stored[0].headers, [("unparsed".to_owned(), "malformed_json".to_owned())].into());
    assert_eq!(*desk.stored[1].headers, [("unparsed".to_owned(), "unexpected_shape".to_owned())].into());
    assert_eq!(counts(&desk), DoorCounts { accepted: 2, refused: 3, ..DoorCounts::default() });

    let held = desk.send_to(Consumer::Fails, post("/v1/batch", &[BASIC], "{")).await;
    held.refuses(503, "could not be stored");
}

#[tokio::test]
async fn a_long_malformed_body_is_kept_in_part() {
    let mut desk = Desk::open();
    let body = "x".repeat(70_000);
    assert_eq!(desk.send(post("/v1/track", &[BASIC], body)).await.status, 400);
    assert_eq!(desk.stored[0].payload.len(), 65_536);
    assert_eq!(desk.stored[0].headers.get("oversize").map(String::as_str), Some("70000"));
}

#[tokio::test]
async fn an_empty_batch_is_refused() {
    let mut desk = Desk::open();
    desk.send(post("/v1/batch", &[BASIC], r#"{"batch":[]}"#)).await.refuses(400, "empty");
    assert!(desk.stored.is_empty());
}

#[tokio::test]
async fn requests_beyond_the_limits_are_refused() {
    let mut desk = Desk::open();
    let batch = |count| format!("{{\"batch\":[{}]}}", vec!["1"; count].join(","));
    desk.send(post("/v1/batch", &[BASIC], batch(2501))).await.refuses(413, "2501 messages, expected at most 2500");
    assert_eq!(desk.send(post("/v1/batch", &[BASIC], batch(2500))).await.status, 200);
    assert_eq!(desk.stored.len(), 2500);

    let padded = |bytes: usize| format!("{{}}{}", " ".repeat(bytes - 2));
    assert_eq!(desk.send(post("/v1/track", &[BASIC], padded(512_000))).await.status, 200);
    desk.send(post("/v1/track", &[BASIC], padded(512_001))).await.refuses(413, "larger than 512000 bytes");
    let packed = gzip(&padded(512_001));
    assert!(packed.len() < 2000);
    let headers = [BASIC, ("content-encoding", "gzip")];
    desk.send(post("/v1/track", &headers, packed)).await.refuses(413, "larger than 512000 bytes");
    assert_eq!(desk.stored.len(), 2501);
}

#[tokio::test]
async fn a_large_or_odd_message_is_handed_on() {
    let mut desk = Desk::open();
    let message = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    let body = format!("{{\"batch\":[{}, null,{}]}}", message(32_769), message(32_768));
    assert_eq!(desk.send(post("/v1/batch", &[BASIC], body)).await.status, 200);
    let oversize: Vec<_> = desk.stored.iter().map(|record| record.headers.get("oversize").cloned()).collect();
    assert_eq!(oversize, [Some("32769".to_owned()), None, None]);
    assert_eq!(desk.payloads()[1], "null");
    assert_eq!(desk.stored[2].payload.len(), 32_768);
}

#[tokio::test]
async fn browsers_of_any_page_may_send_with_credentials() {
    let mut desk = Desk::open();
    let asking = Request::options("/v1/t")
        .header("origin", "https://shop.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type")
        .body(axum::body::Body::empty())
        .expect("a request");
    let preflight = desk.send(asking).await;
    assert_eq!(preflight.status, 204);
    assert!(preflight.header("access-control-allow-methods").expect("methods").contains("POST"));
    assert!(preflight.header("access-control-allow-headers").expect("headers").contains("content-type"));

    let origin = ("origin", "https://shop.example");
    let sent = desk.send(post("/v1/t", &[BASIC, origin], "{}")).await;
    let refused = desk.send(post("/v1/t", &[origin], "{}")).await;
    let undecodable = desk.send(post("/v1/t", &[origin, ("content-encoding", "br")], "{}")).await;
    assert_eq!([sent.status, refused.status, undecodable.status], [200, 401, 415]);
    for reply in [preflight, sent, refused, undecodable] {
        assert_eq!(reply.header("access-control-allow-origin"), Some("https://shop.example"));
        assert_eq!(reply.header("access-control-allow-credentials"), Some("true"));
        assert!(reply.headers.get_all("vary").iter().any(|value| value == "origin"));
    }
    let elsewhere = desk.send(post("/v1/sql", &[origin], "{}")).await;
    assert_eq!((elsewhere.status, elsewhere.header("access-control-allow-origin")), (404, None));
}

#[tokio::test]
async fn nothing_is_answered_before_it_is_durable() {
    let mut desk = Desk::open();
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(tokio::spawn(reply(desk.router.clone(), post("/v1/batch", &[], BATCH))));
    }
    let batch = desk.next_batch(6).await;
    assert_eq!(batch.records.len(), 6, "one batch serves three requests");
    tokio::task::yield_now().await;
    assert!(answers.iter().all(|answer| !answer.is_finished()));
    batch.ack();
    for answer in answers {
        assert_eq!(answer.await.expect("no panic").status, 200);
    }
    assert_eq!(counts(&desk).accepted, 6);
}

#[tokio::test]
async fn a_full_queue_and_a_failing_store_ask_the_sender_to_come_again() {
    let mut small = config();
    small.queue.records_max = std::num::NonZeroU32::MIN;
    let mut desk = Desk::with(small);
    let waiting = tokio::spawn(reply(desk.router.clone(), post("/v1/track", &[BASIC], "{}")));
    tokio::task::yield_now().await;
    let refused = reply(desk.router.clone(), post("/v1/track", &[BASIC], "{}")).await;
    refused.refuses(429, "nothing of this request was kept");
    desk.next_batch(1).await.ack();
    assert_eq!(waiting.await.expect("no panic").status, 200);

    let failed = desk.send_to(Consumer::Fails, post("/v1/track", &[BASIC], "{}")).await;
    failed.refuses(503, "could not be stored");
    assert!(!failed.body.contains("/secret/path"), "what the consumer said is for the log");
    assert_eq!(counts(&desk), DoorCounts { accepted: 1, deferred: 2, ..DoorCounts::default() });
}

#[tokio::test]
async fn a_store_that_never_answers_is_not_waited_for() {
    let limits = CollectorLimits { request_wait_ms_max: 20, ..CollectorLimits::default() };
    let mut desk = Desk::with(ingestion::CollectorConfig { limits, ..config() });
    desk.send_to(Consumer::Holds, post("/v1/track", &[BASIC], "{}")).await.refuses(503, "could not be stored");
}

#[tokio::test]
async fn a_simulated_instant_that_cannot_be_read_is_refused() {
    let mut desk = Desk::open();
    let mut request = post("/v1/track", &[BASIC], "{}");
    request.headers_mut().insert("tributary-received-at", "soon".parse().expect("a value"));
    desk.send(request).await.refuses(400, "\"soon\" is not an instant");
    assert!(desk.stored.is_empty());
}

//! Real clients: Segment's own Python SDK, from its package, with only the host changed.

use std::process::Command;

use crate::process::Serving;

/// The Python that `./test` prepared. Where a developer runs `cargo test` alone, the test says that it is skipped.
pub fn python() -> Option<String> {
    let python = std::env::var("TRIBUTARY_TEST_PYTHON").ok();
    if python.is_none() {
        assert!(std::env::var("CI").is_err(), "TRIBUTARY_TEST_PYTHON is not set: run ./test");
        println!("skipped: TRIBUTARY_TEST_PYTHON is not set, ./test sets it");
    }
    python
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_own_python_sdk_sends_and_the_facts_are_right() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(folder.path(), "system").await;
    for (run, packing) in ["plain", "gzip"].into_iter().enumerate() {
        let script = end_to_end::house::repository().join("tests/clients/segment_sdk.py");
        let done = Command::new(&python).arg(script).arg(&serving.base).arg(packing).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        serving.wait_for("SELECT count(*) FROM facts.events", 3 * (run as i64 + 1)).await;
    }
    let events = serving
        .sql("SELECT DISTINCT event, device, \"user\", origin, order_id, value, currency, occurred_at FROM facts.events ORDER BY event")
        .await;
    let (device, user, at) = ("device:web_eu:a_sdk", "user::u_sdk", "2026-01-05T10:11:12.345Z");
    let expected = serde_json::json!([
        ["identify", device, user, "server", null, null, null, at],
        ["page_view", device, user, "server", null, null, null, at],
        ["purchase", device, user, "server", "sdk-1", "85.00", "EUR", at],
    ]);
    assert_eq!(events["rows"], expected);
    let edges = serving.sql("SELECT DISTINCT a, rule FROM facts.edges ORDER BY rule").await;
    assert_eq!(edges["rows"].as_array().unwrap().len(), 2, "{edges}");
    let everything = serving.sql("SELECT * FROM facts.events").await.to_string();
    let linked = serving.sql("SELECT * FROM facts.edges").await.to_string();
    assert!(!everything.contains("sdk@example.com") && !linked.contains("sdk@example.com"));
}

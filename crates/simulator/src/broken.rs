//! Payloads that are wrong, each in one way, with what has to become of them.

use crate::delivery::{Door, Payload};
use crate::shopify;
use crate::shops::{SHOPS, Shop};
use crate::world::instant;
use serde_json::{Value, json};

/// One wrong payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenPayload {
    /// What is wrong, such as `segment_truncated_json`; no two have the same.
    pub label: &'static str,
    /// The payload.
    pub payload: Payload,
    /// What must become of it.
    pub outcome: BrokenOutcome,
}

/// What must become of a wrong payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokenOutcome {
    /// The door answers with this HTTP status, which is 400 or 401.
    Refused {
        /// The status.
        status: u16,
    },
    /// The door takes it; it goes to quarantine.
    Quarantined {
        /// Stable code, such as `missing_field`.
        reason: &'static str,
    },
    /// The door takes it; nothing is made of it.
    Ignored {
        /// Stable code, such as `partial`.
        reason: &'static str,
    },
}

use BrokenOutcome::{Ignored, Quarantined, Refused};

const SHOP: &Shop = &SHOPS[0];

/// Every wrong payload, a second apart from `first_ms` on.
pub(crate) fn broken_payloads(first_ms: i64) -> Vec<BrokenPayload> {
    let mut all = web(first_ms);
    all.extend(orders(first_ms));
    all.extend(reports());
    for (index, broken) in (0_i64..).zip(&mut all) {
        broken.payload.received_at_ms = first_ms + index * 1_000;
    }
    all
}

fn web(first_ms: i64) -> Vec<BrokenPayload> {
    let message = |changes: Value| {
        let mut message = json!({
            "type": "track", "event": "Product Viewed", "messageId": "broken-1", "anonymousId": "broken-device",
            "timestamp": instant(first_ms).to_string(), "properties": {"product_id": "1"},
        });
        if let (Some(message), Value::Object(changes)) = (message.as_object_mut(), changes) {
            message.extend(changes);
            message.retain(|_, value| !value.is_null());
        }
        message
    };
    let one = |label, message: Value, reason| {
        let body = json!({"batch": [message], "writeKey": SHOP.write_key});
        segment(label, SHOP.write_key, &body.to_string(), Quarantined { reason })
    };
    let future = instant(first_ms + 3 * 86_400_000).to_string();
    vec![
        segment("segment_truncated_json", SHOP.write_key, r#"{"batch":[{"type":"page""#, Refused { status: 400 }),
        segment(
            "segment_unknown_write_key",
            "wk_nobody",
            &json!({"batch": [message(json!({}))], "writeKey": "wk_nobody"}).to_string(),
            Refused { status: 401 },
        ),
        segment(
            "segment_empty_batch",
            SHOP.write_key,
            &json!({"batch": [], "writeKey": SHOP.write_key}).to_string(),
            Refused { status: 400 },
        ),
        one(
            "segment_message_without_ids",
            message(json!({"messageId": "broken-2", "anonymousId": null})),
            "missing_field",
        ),
        one("segment_track_without_event", message(json!({"messageId": "broken-3", "event": null})), "missing_field"),
        one(
            "segment_clock_in_future",
            message(json!({"messageId": "broken-4", "timestamp": future})),
            "clock_in_future",
        ),
        one(
            "segment_unknown_currency",
            message(json!({"messageId": "broken-5", "properties": {"value": 5, "currency": "EURO"}})),
            "unknown_currency",
        ),
        one(
            "segment_unreadable_timestamp",
            message(json!({"messageId": "broken-6", "timestamp": "yesterday"})),
            "malformed_field",
        ),
        one("segment_message_is_no_object", json!("page"), "malformed_json"),
    ]
}

fn orders(first_ms: i64) -> Vec<BrokenPayload> {
    let order = json!({
        "id": 1, "name": "#1", "test": false, "source_name": "web", "currency": "EUR", "taxes_included": true,
        "processed_at": instant(first_ms).to_string(), "updated_at": instant(first_ms).to_string(),
        "total_price": "10.00", "subtotal_price": "10.00", "total_tax": "1.60", "shipping_lines": [], "refunds": [],
        "line_items": [{"id": 1, "quantity": 1, "price": "10.00", "discount_allocations": [], "tax_lines": []}],
    });
    let with = |field: &str, value: Value| {
        let mut order = order.clone();
        if let Some(members) = order.as_object_mut() {
            members.insert(field.to_owned(), value);
            members.retain(|_, value| !value.is_null());
        }
        order.to_string()
    };
    let (create, quarantined) = ("orders/create", |reason| Quarantined { reason });
    let mut forged = webhook("shopify_wrong_signature", create, &order.to_string(), Refused { status: 401 });
    forged.payload.body.push(b' ');
    vec![
        forged,
        webhook("shopify_signed_but_no_json", create, "id=1&name=%231", quarantined("malformed_json")),
        webhook("shopify_order_without_id", create, &with("id", Value::Null), quarantined("missing_field")),
        webhook("shopify_unknown_currency", create, &with("currency", json!("EURO")), quarantined("unknown_currency")),
        webhook(
            "shopify_unreadable_amount",
            create,
            &with("total_price", json!("10,00 €")),
            quarantined("malformed_field"),
        ),
        webhook("shopify_order_without_lines", create, &with("line_items", Value::Null), Ignored { reason: "partial" }),
        webhook("shopify_unknown_topic", "themes/publish", r#"{"id":1}"#, Ignored { reason: "unknown_topic" }),
    ]
}

fn reports() -> Vec<BrokenPayload> {
    let row = json!({
        "customer": {"id": SHOP.google_account, "currencyCode": "EUR", "timeZone": SHOP.zone},
        "campaign": {"id": "111", "name": "Brand DE"}, "segments": {"date": "2026-01-01"},
        "metrics": {"impressions": "1", "clicks": "1", "costMicros": "10000", "applause": "7"},
    });
    let google = Door::GoogleAdsReport { source: "google_ads".to_owned(), account: SHOP.google_account.to_owned() };
    let meta = Door::MetaReport { source: "meta_ads".to_owned(), account: SHOP.meta_account.to_owned() };
    let refusal = json!({"error": {"message": "Error validating access token", "type": "OAuthException", "code": 190}});
    vec![
        report("google_unknown_column", google.clone(), &json!([{"results": [row]}]).to_string(), "unknown_column"),
        report("google_truncated_json", google, r#"[{"results":["#, "malformed_json"),
        report("meta_error_instead_of_rows", meta, &refusal.to_string(), "platform_error"),
    ]
}

fn segment(label: &'static str, write_key: &str, body: &str, outcome: BrokenOutcome) -> BrokenPayload {
    let headers = vec![("content-type".to_owned(), "text/plain;charset=UTF-8".to_owned())];
    let door = Door::SegmentBatch { write_key: write_key.to_owned() };
    BrokenPayload { label, payload: payload(door, body, headers), outcome }
}

fn webhook(label: &'static str, topic: &str, body: &str, outcome: BrokenOutcome) -> BrokenPayload {
    let ids = [format!("broken-{label}"), format!("event-{label}")];
    let headers = shopify::headers(SHOP, topic, body.as_bytes(), ids, 1_767_225_600_000);
    let door = Door::ShopifyWebhook { source: SHOP.source.to_owned(), topic: topic.to_owned() };
    BrokenPayload { label, payload: payload(door, body, headers), outcome }
}

fn report(label: &'static str, door: Door, body: &str, reason: &'static str) -> BrokenPayload {
    let days = [
        ("tributary-pull-from", "2026-01-01"),
        ("tributary-pull-to", "2026-01-01"),
        ("tributary-account-zone", SHOP.zone),
    ];
    let headers = days.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    BrokenPayload { label, payload: payload(door, body, headers), outcome: Quarantined { reason } }
}

/// The instant is set when all are made.
fn payload(door: Door, body: &str, headers: Vec<(String, String)>) -> Payload {
    Payload { door, received_at_ms: 0, body: body.as_bytes().to_vec(), headers }
}

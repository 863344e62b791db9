//! Reads payloads back as a receiver would, with nothing of the generator's code.

use crate::world;
use jiff::Timestamp;
use serde_json::Value;
use simulator::{Door, Payload};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// One web message as first received, its clock mended.
pub struct Message {
    /// `web_eu` or `web_us`.
    pub source: &'static str,
    /// The message as sent.
    pub json: Value,
    /// The client's instant, UTC milliseconds.
    pub original_ms: i64,
    /// The mended instant, UTC milliseconds.
    pub at_ms: i64,
}

/// One webhook as first received.
pub struct Webhook {
    pub source: String,
    pub topic: String,
    pub json: Value,
}

impl Message {
    /// A text member.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.json.get(name).and_then(Value::as_str)
    }

    /// A text property.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.json.pointer(&format!("/properties/{name}")).and_then(Value::as_str)
    }

    /// `source/anonymous_id`.
    pub fn device(&self) -> String {
        format!("{}/{}", self.source, self.text("anonymousId").expect("every message names its device"))
    }

    /// True for pages and tracks.
    pub fn in_session(&self) -> bool {
        self.text("type") != Some("identify")
    }

    /// True where the browser says that it is a crawler.
    pub fn bot(&self) -> bool {
        let agent = self.json.pointer("/context/userAgent").and_then(Value::as_str).unwrap_or_default();
        ["Googlebot", "HeadlessChrome", "python-requests"].iter().any(|name| agent.contains(name))
    }
}

/// The body of a payload as JSON.
pub fn json(payload: &Payload) -> Value {
    serde_json::from_slice(&payload.body).expect("the body is JSON")
}

/// The value of a header.
pub fn header<'a>(payload: &'a Payload, name: &str) -> Option<&'a str> {
    payload.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

/// An instant as text, in UTC milliseconds.
pub fn millis(text: &Value) -> i64 {
    text.as_str().expect("an instant is text").parse::<Timestamp>().expect("an instant is RFC 3339").as_millisecond()
}

/// Decimal text in hundredths.
pub fn cents(amount: &Value) -> i64 {
    let text = amount.as_str().expect("an amount is text");
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = digits.split_once('.').expect("an amount has decimals");
    assert_eq!(part.len(), 2, "{text}");
    sign * (whole.parse::<i64>().expect("digits") * 100 + part.parse::<i64>().expect("digits"))
}

/// The elements of an array member.
pub fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Every web message of the world once, as it was first received, by (mended instant, id).
pub fn messages() -> &'static [Message] {
    static MESSAGES: LazyLock<Vec<Message>> = LazyLock::new(read_messages);
    &MESSAGES
}

/// Every webhook of the world once, in the order in which it was first received.
pub fn webhooks() -> &'static [Webhook] {
    static WEBHOOKS: LazyLock<Vec<Webhook>> = LazyLock::new(read_webhooks);
    &WEBHOOKS
}

fn read_messages() -> Vec<Message> {
    let mut unique: BTreeMap<String, Message> = BTreeMap::new();
    for payload in world().payloads() {
        let Door::SegmentBatch { write_key } = &payload.door else { continue };
        let body = json(&payload);
        assert_eq!(body.get("writeKey").and_then(Value::as_str), Some(write_key.as_str()));
        let sent_ms = millis(&body["sentAt"]);
        for message in list(&body, "batch") {
            let original_ms = millis(&message["timestamp"]);
            assert!(sent_ms >= original_ms, "a message is sent after it was written");
            let id = message["messageId"].as_str().expect("every message has an id").to_owned();
            unique.entry(id).or_insert_with(|| Message {
                source: if write_key == "wk_demo_eu" { "web_eu" } else { "web_us" },
                json: message.clone(),
                original_ms,
                at_ms: payload.received_at_ms - (sent_ms - original_ms),
            });
        }
    }
    let mut messages: Vec<Message> = unique.into_values().collect();
    messages.sort_by_key(|message| message.at_ms);
    messages
}

fn read_webhooks() -> Vec<Webhook> {
    let mut seen = BTreeSet::new();
    let mut webhooks = Vec::new();
    for payload in world().payloads() {
        let Door::ShopifyWebhook { source, topic } = &payload.door else { continue };
        if seen.insert(header(&payload, "X-Shopify-Webhook-Id").expect("every webhook has an id").to_owned()) {
            webhooks.push(Webhook { source: source.clone(), topic: topic.clone(), json: json(&payload) });
        }
    }
    webhooks
}

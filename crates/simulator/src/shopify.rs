//! Shopify webhooks: when an order's documents are sent, and the signed request around them. What is in a document is in
//! [`document`].

mod document;

use crate::chance::Id128;
use crate::delivery::Door;
use crate::orders::Order;
use crate::shops::Shop;
use crate::world::{World, instant};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The documents of one order, each a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Document {
    pub topic: Topic,
    /// `updated_at` of the order it shows, UTC seconds.
    pub as_of_s: i64,
}

/// What a webhook is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    Created,
    Updated,
    Cancelled,
    /// Refund by its place among the order's refunds.
    Refunded(usize),
}

impl Topic {
    fn name(self) -> &'static str {
        match self {
            Self::Created => "orders/create",
            Self::Updated => "orders/updated",
            Self::Cancelled => "orders/cancelled",
            Self::Refunded(_) => "refunds/create",
        }
    }
}

impl Document {
    /// When the webhook was triggered, UTC milliseconds.
    pub(crate) fn triggered_ms(&self) -> i64 {
        let hurry = match self.topic {
            Topic::Created => 280,
            Topic::Refunded(_) => 340,
            Topic::Cancelled => 410,
            Topic::Updated => 760,
        };
        self.as_of_s * 1000 + hurry
    }
}

/// The documents that an order causes, in the order of their causes.
pub(crate) fn documents(order: &Order) -> Vec<Document> {
    let created_s = order.placement.placed_s + 2;
    // Half of the orders are updated within the second of their creation: two versions with one `updated_at`.
    let paid_s = created_s + order.id % 2;
    let mut documents = vec![(Topic::Created, created_s), (Topic::Updated, paid_s)];
    for (index, refund) in order.refunds.iter().enumerate() {
        documents.extend([(Topic::Refunded(index), refund.at_s), (Topic::Updated, refund.at_s + 1)]);
    }
    if let Some(cancelled_s) = order.cancelled_s {
        documents.extend([(Topic::Cancelled, cancelled_s), (Topic::Updated, cancelled_s + 2)]);
    }
    documents.into_iter().map(|(topic, as_of_s)| Document { topic, as_of_s }).collect()
}

/// The request that carries document `number` of an order.
pub(crate) fn webhook(world: &World, order: u32, number: u32) -> (Door, Vec<u8>, Vec<(String, String)>) {
    let found = world.scene.order(order);
    let sent = documents(found).into_iter().nth(number as usize).expect("the schedule holds only documents that exist");
    let value = match sent.topic {
        Topic::Refunded(refund) => document::refund(found, refund),
        _ => document::order(&world.scene, found, sent.as_of_s),
    };
    let body = serde_json::to_vec(&value).expect("a JSON value is always writable");
    let id = |part: u64| {
        Id128::derived(world.config.seed, found.id.unsigned_abs(), part + u64::from(number) * 4).to_string()
    };
    let headers = headers(found.shop(), sent.topic.name(), &body, [id(1), id(2)], sent.triggered_ms());
    (
        Door::ShopifyWebhook { source: found.shop().source.to_owned(), topic: sent.topic.name().to_owned() },
        body,
        headers,
    )
}

/// The headers of a signed webhook; `ids` are those of the delivery and of the event.
pub(crate) fn headers(
    shop: &Shop,
    topic: &str,
    body: &[u8],
    ids: [String; 2],
    triggered_ms: i64,
) -> Vec<(String, String)> {
    let [webhook_id, event_id] = ids;
    [
        ("Content-Type", "application/json".to_owned()),
        ("X-Shopify-Topic", topic.to_owned()),
        ("X-Shopify-Hmac-Sha256", signature(shop.secret, body)),
        ("X-Shopify-Shop-Domain", shop.domain.to_owned()),
        ("X-Shopify-API-Version", "2026-01".to_owned()),
        ("X-Shopify-Webhook-Id", webhook_id),
        ("X-Shopify-Event-Id", event_id),
        ("X-Shopify-Triggered-At", format!("{:.6}", instant(triggered_ms))),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// Base64 of the HMAC-SHA256 of a body.
fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(body);
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_matches_the_vector_of_the_format_notes() {
        assert_eq!(signature("hush", br#"{"id":1}"#), "VnKUjZsLuN5iZWjn5EntcBVCF9kMN43LglzCE1/GSeY=");
        assert_ne!(signature("hush", br#"{"id":2}"#), signature("hush", br#"{"id":1}"#));
    }
}

//! Shopify's webhooks: an order delivery becomes a version of its order, the refunds in it and the edges it states; a
//! refund delivery becomes that refund.
//!
//! The payload is the body as delivered. Header names are read with and without `x-`.

mod money;
mod order;
mod refund;

use std::sync::Arc;

use model::{Currency, RawRecord, RecordKey, UtcMillis};

use crate::{
    contact::Contacts,
    error::NormalizeError,
    json::{self, Object},
    source::{Normalized, Source, SourceConfig, Stamp},
};

/// One shop.
pub struct Shopify {
    name: String,
    default_currency: Option<Currency>,
    web_source: Option<String>,
    contacts: Contacts,
}

/// One delivery and the shop that it came from.
struct Delivery<'a> {
    shop: &'a Shopify,
    stamp: Stamp,
    triggered_at: Option<UtcMillis>,
    document: Object<'a>,
    content_hash: String,
}

impl Shopify {
    /// The adapter of the shop that `config` names.
    pub(crate) fn new(config: &SourceConfig, contacts: &Contacts) -> Self {
        Self {
            name: config.name.clone(),
            default_currency: config.default_currency,
            web_source: config.web_source.clone(),
            contacts: contacts.clone(),
        }
    }
}

impl Source for Shopify {
    fn normalize(&self, raw: &RawRecord) -> Result<Normalized, NormalizeError> {
        let key = RecordKey {
            source: Arc::clone(&raw.source),
            node: header(raw, "shop-domain").unwrap_or_default().to_lowercase(),
            id: header(raw, "webhook-id").map_or_else(|| raw.content_hash().to_hex(), str::to_owned),
        };
        let topic = header(raw, "topic").ok_or(NormalizeError::MissingHeader { header: "x-shopify-topic" })?;
        if let Some(reason) = ignored(topic) {
            return Ok(Normalized::ignored(key, reason));
        }
        let payload = json::readable(&raw.payload)?;
        let delivery = Delivery {
            shop: self,
            stamp: Stamp::new(raw, &key),
            triggered_at: triggered_at(raw)?,
            document: json::top_object(&payload)?,
            content_hash: raw.content_hash().to_hex(),
        };
        if topic == "refunds/create" {
            return Ok(Normalized::facts(key, vec![refund::delivered(&delivery)?]));
        }
        if delivery.document.objects("line_items")?.is_empty() {
            return Ok(Normalized::ignored(key, "partial"));
        }
        Ok(Normalized::facts(key, order::facts(&delivery)?))
    }
}

/// Why a topic is left alone; none for orders and refunds.
fn ignored(topic: &str) -> Option<&'static str> {
    match topic {
        "refunds/create" => None,
        "orders/delete" => Some("order_delete"),
        "customers/redact" | "customers/data_request" | "shop/redact" => Some("privacy_request"),
        _ => match topic.split('/').next().unwrap_or_default() {
            "orders" => None,
            "checkouts" | "carts" | "customers" | "order_transactions" | "disputes" | "app" => Some("not_used_yet"),
            _ => Some("unknown_topic"),
        },
    }
}

fn header<'a>(raw: &'a RawRecord, name: &str) -> Option<&'a str> {
    let value = raw.header(&format!("x-shopify-{name}")).or_else(|| raw.header(&format!("shopify-{name}")));
    value.map(str::trim).filter(|value| !value.is_empty())
}

fn triggered_at(raw: &RawRecord) -> Result<Option<UtcMillis>, NormalizeError> {
    let Some(text) = header(raw, "triggered-at") else { return Ok(None) };
    let malformed = |_| NormalizeError::malformed("x-shopify-triggered-at", text, "an RFC 3339 instant");
    UtcMillis::parse(text).map(Some).map_err(malformed)
}

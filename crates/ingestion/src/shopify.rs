//! The Shopify door: `POST /webhooks/shopify/{source}`, signed, one delivery a record.
//!
//! The signature is over the bytes as sent, so nothing is decompressed or parsed here. Shopify waits 5 seconds and
//! then delivers again: an answer that cannot be given in time is a 503, and the copy is recognised by its webhook id.

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, Request, State},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::post,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use model::Headers;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use crate::{
    answer::Refusal,
    collector::{Collector, read_body},
    config::ShopifySecrets,
    counters::Door,
    queue::Incoming,
};

/// What is kept of a delivery's `X-Shopify-…` and `Shopify-…` headers: who sent what, when. Not the signature.
const HEADERS_KEPT: [&str; 11] = [
    "action",
    "api-version",
    "event-id",
    "handle",
    "name",
    "resource-id",
    "shop-domain",
    "test",
    "topic",
    "triggered-at",
    "webhook-id",
];

pub(crate) fn routes(collector: &Collector) -> Router<Collector> {
    let limit = DefaultBodyLimit::max(collector.config().limits.webhook_bytes_max);
    Router::new().route("/webhooks/shopify/{source}", post(receive).layer(limit))
}

async fn receive(State(collector): State<Collector>, Path(source): Path<String>, request: Request) -> Response {
    let wait_ms_max = collector.config().limits.webhook_wait_ms_max;
    collector.answer(Door::Shopify, wait_ms_max, take_in(&collector, source, request)).await
}

async fn take_in(collector: &Collector, source: String, request: Request) -> Result<(), Refusal> {
    let received_at = collector.received_at(request.headers())?;
    let secrets = collector.config().shopify.get(&source).ok_or_else(unknown_source)?;
    let given = signature_in(request.headers()).ok_or_else(|| unauthenticated("no readable signature"))?;
    let headers = kept_headers(request.headers());
    let body = read_body(request, collector.config().limits.webhook_bytes_max).await?;
    if !signed_by(secrets, &body, &given) {
        return Err(unauthenticated("a signature that none of this source's secrets gives"));
    }
    collector
        .submit(
            Door::Shopify,
            vec![Incoming {
                source: source.into(),
                received_at,
                headers: Arc::new(headers),
                payload: body.to_vec().into(),
            }],
        )
        .await
}

/// The signature, under its older or newer header name.
fn signature_in(headers: &HeaderMap) -> Option<Vec<u8>> {
    let value = headers.get("x-shopify-hmac-sha256").or_else(|| headers.get("shopify-hmac-sha256"))?;
    BASE64_STANDARD.decode(value.as_bytes()).ok()
}

/// Whether one of the secrets signs `body` so. Takes the same time whichever does, and wherever a signature differs.
fn signed_by(secrets: &ShopifySecrets, body: &[u8], given: &[u8]) -> bool {
    let matches = |secret| signature(secret, body).as_slice().ct_eq(given);
    secrets.iter().fold(Choice::from(0), |found, secret| found | matches(secret)).into()
}

fn signature(secret: &[u8], body: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(body);
    mac.finalize().into_bytes().to_vec()
}

/// The allow-listed headers, as named by the sender: with or without `x-`, in lower case.
fn kept_headers(headers: &HeaderMap) -> Headers {
    let mut kept = Headers::new();
    for (name, value) in headers {
        let name = name.as_str();
        let part = name.strip_prefix("x-").unwrap_or(name).strip_prefix("shopify-");
        if let (Some(part), Ok(value)) = (part, value.to_str())
            && HEADERS_KEPT.contains(&part)
        {
            kept.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
    }
    kept
}

fn unknown_source() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "the path names no Shopify source",
        "use /webhooks/shopify/{source} with a source from [collector.shopify]",
    )
}

fn unauthenticated(found: &str) -> Refusal {
    Refusal::new(
        StatusCode::UNAUTHORIZED,
        format!("the delivery has {found}"),
        "set the app's client secret, or the store's own webhook secret, in [collector.shopify]",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(texts: &[&str]) -> ShopifySecrets {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        texts.try_into().expect("one or two secrets")
    }

    #[test]
    fn a_known_body_has_the_documented_signature() {
        let given = BASE64_STANDARD.decode("VnKUjZsLuN5iZWjn5EntcBVCF9kMN43LglzCE1/GSeY=").expect("base64");
        let body = br#"{"id":1}"#;
        assert!(signed_by(&secrets(&["hush"]), body, &given));
        assert!(signed_by(&secrets(&["new", "hush"]), body, &given));
        assert!(signed_by(&secrets(&["hush", "old"]), body, &given));
        assert!(!signed_by(&secrets(&["hush "]), body, &given));
        assert!(!signed_by(&secrets(&["hush"]), br#"{"id": 1}"#, &given));
        assert!(!signed_by(&secrets(&["hush"]), body, &given[..31]));
        assert!(!signed_by(&secrets(&["hush"]), body, &[]));
    }

    #[test]
    fn the_signature_and_foreign_headers_are_not_kept() {
        let mut sent = HeaderMap::new();
        for (name, value) in [
            ("X-Shopify-Topic", "orders/create"),
            ("X-Shopify-Hmac-Sha256", "c2VjcmV0"),
            ("Shopify-Event-Id", "e1"),
            ("X-Shopify-Access-Token", "t"),
            ("Topic", "none"),
            ("Authorization", "Basic eA=="),
        ] {
            sent.insert(name.parse::<axum::http::HeaderName>().expect("a name"), value.parse().expect("a value"));
        }
        let kept = kept_headers(&sent).into_iter().collect::<Vec<_>>();
        let expected = [("shopify-event-id", "e1"), ("x-shopify-topic", "orders/create")];
        assert_eq!(kept, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}

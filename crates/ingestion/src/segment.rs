//! The Segment door: `/v1/{batch,track,…}` as servers call it, `/v1/{b,t,…}` as browsers do.
//!
//! A write key names the source: by Basic authorisation, else `writeKey` in the body (so also beside a Bearer token,
//! which is not looked at). Bodies are JSON whatever their content type says, plain or gzip. A batch becomes one record
//! per message, each as sent; a message that cannot be used is still taken in, so that it can be shown and mended:
//! Segment's clients never send again what was refused.

mod cors;
mod split;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    middleware,
    response::Response,
    routing::post,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use model::{Headers, UtcMillis};
use tower_http::decompression::RequestDecompressionLayer;

use crate::{
    answer::Refusal,
    collector::{Collector, read_body},
    counters::Door,
    queue::Incoming,
};
use split::{ParsedBody, Unparsed};

/// Most bytes kept of a body that is not JSON: enough to see what it was.
const UNPARSED_BYTES_MAX: usize = 64 << 10;

/// What a request holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    /// Many messages with what they share.
    Batch,
    /// One message; its type, as long as it says no other.
    Single(&'static str),
}

/// Each call's path for servers, for browsers, and what it holds.
const CALLS: [(&str, &str, Call); 7] = [
    ("/v1/batch", "/v1/b", Call::Batch),
    ("/v1/track", "/v1/t", Call::Single("track")),
    ("/v1/page", "/v1/p", Call::Single("page")),
    ("/v1/screen", "/v1/s", Call::Single("screen")),
    ("/v1/identify", "/v1/i", Call::Single("identify")),
    ("/v1/group", "/v1/g", Call::Single("group")),
    ("/v1/alias", "/v1/a", Call::Single("alias")),
];

pub(crate) fn routes(collector: &Collector) -> Router<Collector> {
    let limit = DefaultBodyLimit::max(collector.config().limits.request_bytes_max);
    // From outside in. The limit is kept by whoever reads the body, so it holds for what was unpacked.
    let layers = (middleware::from_fn(cors::allow_origin), RequestDecompressionLayer::new(), limit);
    let mut router = Router::new();
    for (server_path, browser_path, call) in CALLS {
        let handler = move |State(collector): State<Collector>, request: Request| receive(collector, call, request);
        let method = post(handler).options(cors::preflight).layer(layers.clone());
        router = router.route(server_path, method.clone()).route(browser_path, method);
    }
    router
}

async fn receive(collector: Collector, call: Call, request: Request) -> Response {
    let wait_ms_max = collector.config().limits.request_wait_ms_max;
    collector.answer(Door::Segment, wait_ms_max, take_in(&collector, call, request)).await
}

async fn take_in(collector: &Collector, call: Call, request: Request) -> Result<(), Refusal> {
    let received_at = collector.received_at(request.headers())?;
    let basic_key = basic_write_key(request.headers());
    let basic_source = basic_key.map(|key| source_of(collector, &key)).transpose()?;
    let body = read_body(request, collector.config().limits.request_bytes_max).await?;

    let parsed = match split::parse(call, &body) {
        Ok(parsed) => parsed,
        Err(unparsed) => {
            if let Some(source) = basic_source {
                let record = unparsed_record(&unparsed, source, received_at, &body);
                collector.submit(Door::Segment, vec![record]).await?;
            }
            return Err(unparsed.into());
        }
    };
    let source = match (basic_source, &parsed.write_key) {
        (Some(source), _) => source,
        (None, Some(key)) => source_of(collector, key)?,
        (None, None) => return Err(unauthenticated("the request names no write key")),
    };
    parsed.check(&collector.config().limits)?;
    let records = records(&parsed, source, received_at, collector.config().limits.message_bytes_max);
    collector.submit(Door::Segment, records).await
}

/// One record per message; what stands once for all goes with each.
fn records(parsed: &ParsedBody<'_>, source: &str, received_at: UtcMillis, message_bytes_max: usize) -> Vec<Incoming> {
    let (source, shared) = (Arc::from(source), Arc::new(parsed.shared.clone()));
    let record = |message: &&[u8]| {
        let mut headers = Arc::clone(&shared);
        if message.len() > message_bytes_max {
            Arc::make_mut(&mut headers).insert("oversize".to_owned(), message.len().to_string());
        }
        Incoming { source: Arc::clone(&source), received_at, headers, payload: message.to_vec().into() }
    };
    parsed.messages.iter().map(record).collect()
}

/// A body that no message can be found in, as a record: its sender is told, and its owner finds it among the rejects.
fn unparsed_record(unparsed: &Unparsed, source: &str, received_at: UtcMillis, body: &[u8]) -> Incoming {
    let mut headers = Headers::from([("unparsed".to_owned(), unparsed.code().to_owned())]);
    if body.len() > UNPARSED_BYTES_MAX {
        headers.insert("oversize".to_owned(), body.len().to_string());
    }
    let payload: Vec<u8> = body.iter().copied().take(UNPARSED_BYTES_MAX).collect();
    Incoming { source: source.into(), received_at, headers: Arc::new(headers), payload: payload.into() }
}

fn source_of<'a>(collector: &'a Collector, write_key: &str) -> Result<&'a str, Refusal> {
    let known = collector.config().write_keys.get(write_key);
    known.map(String::as_str).ok_or_else(|| unauthenticated("the write key is not known here"))
}

fn unauthenticated(error: &str) -> Refusal {
    let fix = "send a write key from [collector.write_keys] as Basic authorisation \"<key>:\" or as \"writeKey\" in \
               the body's top level";
    Refusal::new(StatusCode::UNAUTHORIZED, error, fix)
}

/// The user name of Basic authorisation. The colon behind it is tolerated missing.
fn basic_write_key(headers: &HeaderMap) -> Option<String> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let mut credentials = String::from_utf8(BASE64_STANDARD.decode(token.trim()).ok()?).ok()?;
    credentials.truncate(credentials.find(':').unwrap_or(credentials.len()));
    Some(credentials).filter(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn key_of(authorization: &'static str) -> Option<String> {
        basic_write_key(&HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(authorization))]))
    }

    #[test]
    fn a_basic_write_key_may_lack_its_colon() {
        assert_eq!(key_of("Basic d2tfZGVtbzo=").as_deref(), Some("wk_demo"));
        assert_eq!(key_of("basic d2tfZGVtbw==").as_deref(), Some("wk_demo"));
    }

    #[test]
    fn what_is_no_basic_write_key_is_none() {
        for authorization in ["Bearer d2tfZGVtbzo=", "Basic ???", "Basic Og==", "Basic", ""] {
            assert_eq!(key_of(authorization), None, "{authorization}");
        }
    }
}

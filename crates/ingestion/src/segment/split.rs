//! One request body → its messages, each exactly as sent, and what stands once for all of them.

use axum::http::StatusCode;
use model::Headers;
use serde::Deserialize;
use serde_json::{error::Category, value::RawValue};

use super::Call;
use crate::{answer::Refusal, config::CollectorLimits};

/// What a request body holds.
#[derive(Debug)]
pub(super) struct ParsedBody<'a> {
    /// The top level's `writeKey`.
    pub(super) write_key: Option<String>,
    /// What goes with each message, as headers.
    pub(super) shared: Headers,
    /// The messages, byte for byte, in the order sent. They need not be objects.
    pub(super) messages: Vec<&'a [u8]>,
}

/// Why no message can be found in a body. Shows places, never values: a body holds personal data.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unparsed {
    /// The body is not JSON.
    Malformed { line: usize, column: usize },
    /// The body is JSON and no object.
    NotAnObject,
    /// A field of the top level is there twice or of another type.
    UnexpectedShape { line: usize, column: usize },
    /// A batch without its array.
    NoBatch,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SingleBody<'a> {
    #[serde(borrow)]
    write_key: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchBody<'a> {
    #[serde(borrow)]
    write_key: Option<&'a RawValue>,
    #[serde(borrow)]
    sent_at: Option<&'a RawValue>,
    #[serde(borrow)]
    context: Option<&'a RawValue>,
    #[serde(borrow)]
    integrations: Option<&'a RawValue>,
    #[serde(borrow)]
    batch: Option<Vec<&'a RawValue>>,
}

/// Finds the messages in a body.
pub(super) fn parse(call: Call, body: &[u8]) -> Result<ParsedBody<'_>, Unparsed> {
    match call {
        Call::Batch => parse_batch(body),
        Call::Single(kind) => parse_single(kind, body),
    }
}

fn parse_single<'a>(kind: &str, body: &'a [u8]) -> Result<ParsedBody<'a>, Unparsed> {
    let parsed: SingleBody<'_> = read_object(body)?;
    let shared = Headers::from([("path".to_owned(), kind.to_owned())]);
    Ok(ParsedBody { write_key: parsed.write_key.map(text_of), shared, messages: vec![body] })
}

fn parse_batch(body: &[u8]) -> Result<ParsedBody<'_>, Unparsed> {
    let parsed: BatchBody<'_> = read_object(body)?;
    let mut shared = Headers::new();
    let parts = [
        ("sentat", parsed.sent_at.map(text_of)),
        ("context", parsed.context.map(|context| context.get().to_owned())),
        ("integrations", parsed.integrations.map(|integrations| integrations.get().to_owned())),
    ];
    for (name, value) in parts {
        shared.extend(value.map(|value| (name.to_owned(), value)));
    }
    let messages = parsed.batch.ok_or(Unparsed::NoBatch)?;
    let messages = messages.into_iter().map(|message| message.get().as_bytes()).collect();
    Ok(ParsedBody { write_key: parsed.write_key.map(text_of), shared, messages })
}

/// Reads an object. The brace is looked for first, since a list of values would also be read as a struct.
fn read_object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Unparsed> {
    let unreadable = |error: serde_json::Error| match error.classify() {
        Category::Data => Unparsed::UnexpectedShape { line: error.line(), column: error.column() },
        _ => Unparsed::Malformed { line: error.line(), column: error.column() },
    };
    if body.trim_ascii_start().starts_with(b"{") {
        return serde_json::from_slice(body).map_err(unreadable);
    }
    serde_json::from_slice::<serde::de::IgnoredAny>(body).map_err(unreadable)?;
    Err(Unparsed::NotAnObject)
}

/// A JSON string's content; any other value as written.
fn text_of(value: &RawValue) -> String {
    serde_json::from_str(value.get()).unwrap_or_else(|_| value.get().to_owned())
}

impl ParsedBody<'_> {
    /// Holds the body to what one request may bring.
    pub(super) fn check(&self, limits: &CollectorLimits) -> Result<(), Refusal> {
        let count = self.messages.len();
        let shared: usize = self.shared.iter().map(|(name, value)| name.len() + value.len()).sum();
        if count == 0 {
            return Err(bad_request("the batch is empty", "send at least one message in \"batch\""));
        }
        if count > limits.batch_messages_max {
            let most = limits.batch_messages_max;
            return Err(too_large(format!("the batch has {count} messages, expected at most {most}")));
        }
        if shared.saturating_mul(count) > limits.shared_bytes_max {
            let most = limits.shared_bytes_max;
            return Err(too_large(format!(
                "what the batch shares is {shared} bytes beside each of {count} messages, expected at most {most} bytes in all"
            )));
        }
        Ok(())
    }
}

impl Unparsed {
    /// A stable code, kept as the record's header `unparsed`.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed_json",
            Self::NotAnObject => "not_an_object",
            Self::UnexpectedShape { .. } => "unexpected_shape",
            Self::NoBatch => "no_batch",
        }
    }
}

impl From<Unparsed> for Refusal {
    fn from(unparsed: Unparsed) -> Self {
        match unparsed {
            Unparsed::Malformed { line, column } => bad_request(
                format!("the body is not JSON: it cannot be read at line {line} column {column}"),
                "send one complete JSON object in UTF-8",
            ),
            Unparsed::NotAnObject => bad_request("the body is JSON and not an object", "send one JSON object"),
            Unparsed::UnexpectedShape { line, column } => bad_request(
                format!("the body's top level cannot be used at line {line} column {column}"),
                "send \"batch\" as an array and every field of the top level once",
            ),
            Unparsed::NoBatch => bad_request(
                "the body has no \"batch\"",
                "send the messages as an array \"batch\", or a single message to the path of its type",
            ),
        }
    }
}

fn bad_request(error: impl Into<String>, fix: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, error, fix)
}

fn too_large(error: String) -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, error, "split the batch into several requests")
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;

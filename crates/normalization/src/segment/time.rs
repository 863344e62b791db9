//! When a message happened. Client clocks lie, so the time between recording and sending, both by the same clock, is
//! taken off the instant at which the record came.

use model::{Origin, RawRecord, UtcMillis};

use super::message::Message;
use crate::{
    error::NormalizeError,
    json::{Object, readable, top_object},
};

/// How far after its arrival a message may claim to lie before it is refused.
const FUTURE_MS_MAX: i64 = 24 * UtcMillis::HOUR_MS;

/// The instants of one message.
pub(crate) struct Clock {
    /// When it happened.
    pub(crate) occurred_at: UtcMillis,
    /// What the sender's clock said.
    pub(crate) original_at: Option<UtcMillis>,
}

impl Clock {
    /// Reads the message's instants; its own `sentAt` wins over its batch's.
    pub(crate) fn read(message: &Message<'_>, raw: &RawRecord, origin: Origin) -> Result<Self, NormalizeError> {
        let field = if message.body.get("originalTimestamp").is_some() { "originalTimestamp" } else { "timestamp" };
        let Some(original) = message.body.instant(field)? else {
            return Ok(Self { occurred_at: raw.received_at, original_at: None });
        };
        let sent = match message.body.instant("sentAt")? {
            Some(sent) => Some(sent),
            None => batch_sent_at(raw)?,
        };
        let occurred_at = match sent {
            Some(sent) if origin != Origin::Server && sent >= original => {
                raw.received_at.plus_ms(original.0.saturating_sub(sent.0))
            }
            _ if original > raw.received_at.plus_ms(FUTURE_MS_MAX) => {
                return Err(NormalizeError::ClockInFuture {
                    field: field.to_owned(),
                    found: original,
                    received_at: raw.received_at,
                });
            }
            _ if origin == Origin::Server => original,
            _ => original.min(raw.received_at),
        };
        Ok(Self { occurred_at, original_at: Some(original) })
    }
}

/// The header `sentat`: what stood in the batch, a JSON text without its quotes.
fn batch_sent_at(raw: &RawRecord) -> Result<Option<UtcMillis>, NormalizeError> {
    let Some(text) = raw.header("sentat") else { return Ok(None) };
    let wrapped = serde_json::json!({ "sentAt": text }).to_string();
    let text = readable(wrapped.as_bytes())?;
    let header: Object<'_> = top_object(&text)?;
    header.instant("sentAt")
}

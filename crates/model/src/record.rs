//! What arrives: one raw record, exactly as its sender wrote it, with the position that names it.

use std::{
    ops::Deref,
    sync::{Arc, OnceLock},
};

use crate::{digest::Digest, time::UtcMillis};

/// Allow-listed headers of a record, lower-case names, sorted. They are in no content hash.
pub type Headers = std::collections::BTreeMap<String, String>;

/// One record as received. Its position is `(channel, offset)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRecord {
    /// The configured source that sent it, such as `web` or `shop_eu`.
    pub source: Arc<str>,
    /// Through which door it came: `collector`, a topic-partition, `file/<hash>`.
    pub channel: Arc<str>,
    /// Its count within the channel, from 0, without gaps.
    pub offset: i64,
    /// The door's clock when it came, or the instant that a report states.
    pub received_at: UtcMillis,
    /// What stands beside the payload: the webhook's topic, a batch's `sentAt`, …
    pub headers: Arc<Headers>,
    /// The bytes as sent.
    pub payload: Payload,
}

/// The bytes of a record as sent. Their hash is made once, by whoever asks first.
#[derive(Clone, Default)]
pub struct Payload {
    bytes: Vec<u8>,
    hash: OnceLock<Digest>,
}

impl RawRecord {
    /// The digest of the payload.
    #[must_use]
    pub fn content_hash(&self) -> Digest {
        *self.payload.hash.get_or_init(|| Digest::of(&self.payload.bytes))
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, hash: OnceLock::new() }
    }
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Payload {}

impl std::fmt::Debug for Payload {
    /// Payloads hold personal data: what they say is not shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.bytes.len())
    }
}

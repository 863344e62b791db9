//! What arrives: one raw record, exactly as its sender wrote it, with the position that names it.

use serde::{Deserialize, Serialize};

use crate::time::UtcMillis;

/// Allow-listed headers of a record, lower-case names, sorted. They are in no content hash.
pub type Headers = std::collections::BTreeMap<String, String>;

/// One record as received. Its position is `(channel, offset)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawRecord {
    /// The configured source that sent it, such as `web` or `shop_eu`.
    pub source: String,
    /// Through which door it came: `collector`, a topic-partition, `file/<hash>`.
    pub channel: String,
    /// Its count within the channel, from 0, without gaps.
    pub offset: i64,
    /// The door's clock when it came, or the instant that a report states.
    pub received_at: UtcMillis,
    /// What stands beside the payload: the webhook's topic, a batch's `sentAt`, …
    pub headers: Headers,
    /// The bytes as sent.
    pub payload: Vec<u8>,
}

impl RawRecord {
    /// BLAKE3 of the payload, the first 128 bits in hex.
    #[must_use]
    pub fn content_hash(&self) -> String {
        format!("{:032x}", crate::node::first_128(&blake3::hash(&self.payload)))
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

//! What an operator may set about the doors: who may send, how much, and by which clock.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;

use crate::{clock::Clock, error::IntakeError, queue::QueueLimits};

/// `[collector]` in `config/tributary.toml`: the HTTP doors.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CollectorConfig {
    /// Segment write key → source. A write key is public: it ships in pages and names a source, it guards nothing.
    pub write_keys: BTreeMap<String, String>,
    /// Shopify source, as in `/webhooks/shopify/{source}` → its signing secrets.
    pub shopify: BTreeMap<String, ShopifySecrets>,
    /// Where `received_at` comes from: `system` or `simulated`.
    pub clock: Clock,
    /// How large requests may be and how long an answer may take.
    pub limits: CollectorLimits,
    /// How much may wait for the inbox.
    pub queue: QueueLimits,
}

/// `[collector.limits]`: how large requests may be and how long an answer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CollectorLimits {
    /// Largest Segment request in bytes, after decompression. Beyond it: 413.
    pub request_bytes_max: usize,
    /// Most messages in one Segment batch. Beyond it: 413.
    pub batch_messages_max: usize,
    /// Largest Segment message in bytes. Beyond it the message is taken in with a header `oversize`.
    pub message_bytes_max: usize,
    /// Most bytes that a batch's shared `context`, `sentAt` and `integrations` may take once they stand beside each of
    /// its messages. Beyond it: 413, since a small request could otherwise fill the memory.
    pub shared_bytes_max: usize,
    /// Longest time until a Segment request is answered, in milliseconds. Beyond it: 503.
    pub request_wait_ms_max: u64,
    /// Largest Shopify webhook in bytes. Beyond it: 413.
    pub webhook_bytes_max: usize,
    /// Longest time until a Shopify webhook is answered, in milliseconds. Beyond it: 503. Shopify itself waits 5 s.
    pub webhook_wait_ms_max: u64,
}

/// The secrets with which one shop signs: one, or two while it is rotated. Never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "SecretTexts")]
pub struct ShopifySecrets(Vec<String>);

/// As configured: a list, or one text, which is all that an environment variable can hold.
#[derive(Deserialize)]
#[serde(untagged)]
enum SecretTexts {
    One(String),
    Several(Vec<String>),
}

impl Default for CollectorLimits {
    fn default() -> Self {
        Self {
            request_bytes_max: 500 << 10,
            batch_messages_max: 2500,
            message_bytes_max: 32 << 10,
            shared_bytes_max: 16 << 20,
            request_wait_ms_max: 30_000,
            webhook_bytes_max: 5 << 20,
            webhook_wait_ms_max: 4500,
        }
    }
}

impl ShopifySecrets {
    /// The secrets as bytes, in configured order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(String::as_bytes)
    }
}

impl TryFrom<SecretTexts> for ShopifySecrets {
    type Error = IntakeError;

    fn try_from(texts: SecretTexts) -> Result<Self, IntakeError> {
        Self::try_from(match texts {
            SecretTexts::One(secret) => vec![secret],
            SecretTexts::Several(secrets) => secrets,
        })
    }
}

impl TryFrom<Vec<String>> for ShopifySecrets {
    type Error = IntakeError;

    /// # Errors
    /// [`IntakeError::Secrets`] for none, for more than two, or for an empty one: anybody can sign with that.
    fn try_from(secrets: Vec<String>) -> Result<Self, IntakeError> {
        let empty = secrets.iter().filter(|secret| secret.is_empty()).count();
        match secrets.len() {
            1 | 2 if empty == 0 => Ok(Self(secrets)),
            found => Err(IntakeError::Secrets { found, empty }),
        }
    }
}

impl fmt::Debug for ShopifySecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShopifySecrets({} hidden)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let config: CollectorConfig =
            serde_json::from_str(r#"{"write_keys": {"wk_demo": "web"}, "shopify": {"shop_eu": ["hush", "old"]}}"#)
                .expect("a config");
        let printed = format!("{config:?} {config:#?}");
        assert!(printed.contains("shop_eu") && printed.contains("2 hidden"));
        assert!(!printed.contains("hush") && !printed.contains("old\""));
    }

    #[test]
    fn one_secret_may_be_a_plain_text() {
        let config: CollectorConfig = serde_json::from_str(r#"{"shopify": {"s": "hush"}}"#).expect("a config");
        assert_eq!(config.shopify["s"], ShopifySecrets(vec!["hush".to_owned()]));
    }

    #[test]
    fn secrets_that_guard_nothing_are_refused() {
        for secrets in [vec![], vec![""], vec!["a", ""], vec!["a", "b", "c"]] {
            let secrets: Vec<String> = secrets.into_iter().map(String::from).collect();
            assert!(ShopifySecrets::try_from(secrets).is_err());
        }
        let shown = serde_json::from_str::<CollectorConfig>(r#"{"shopify": {"s": ["hush", "", "x"]}}"#)
            .expect_err("three secrets")
            .to_string();
        assert!(shown.starts_with("3 secrets, 1 of them empty") && !shown.contains("hush"));
    }

    #[test]
    fn unknown_keys_and_a_queue_without_room_are_refused() {
        for text in [
            r#"{"write_key": {}}"#,
            r#"{"limits": {"bytes": 1}}"#,
            r#"{"queue": {"records_max": 0}}"#,
            r#"{"clock": "wall"}"#,
        ] {
            assert!(serde_json::from_str::<CollectorConfig>(text).is_err(), "{text}");
        }
        assert_eq!(serde_json::from_str::<CollectorConfig>("{}").expect("all default"), CollectorConfig::default());
    }
}

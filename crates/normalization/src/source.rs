//! What an adapter is: its configuration, what it is given, and what it answers.

use std::sync::Arc;

use model::{Currency, Digest, Fact, FactMeta, RawRecord, RecordKey, UtcMillis};
use serde::Deserialize;

use crate::error::NormalizeError;

/// Which upstream system a source speaks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// Segment's tracking API, and RudderStack's.
    Segment,
    /// Shopify's webhooks.
    Shopify,
    /// Google Ads `searchStream` answers.
    GoogleAds,
    /// Meta Insights answers.
    MetaAds,
}

/// `[[sources]]` in `config/tributary.toml`: one sender and what its payloads leave unsaid.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// Name of the source, such as `web` or `shop_eu`; it is part of every key and never changes.
    pub name: String,
    /// Which system it is.
    pub kind: SourceKind,
    /// Currency of amounts that name none. None: such an amount is left in the properties, or its record refused.
    #[serde(default)]
    pub default_currency: Option<Currency>,
    /// Shopify only: the Segment source whose anonymous ids the shop's script writes on orders.
    #[serde(default)]
    pub web_source: Option<String>,
    /// Ads only: the account's IANA zone, where neither report nor import says it.
    #[serde(default)]
    pub zone: Option<String>,
}

/// One upstream system, such as Shopify's webhooks or Meta's insights.
///
/// Adapters are pure: the same record gives the same facts.
pub trait Source: Send + Sync {
    /// The facts that `raw` describes, or the reason why a readable record is left alone.
    ///
    /// # Errors
    /// The record is rejected with the error's text; it is never dropped.
    fn normalize(&self, raw: &RawRecord) -> Result<Normalized, NormalizeError>;
}

/// What one record became.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalized {
    /// By which copies of the record are recognised. A rejected record's is of its own kind, so that it is no copy
    /// of a readable one.
    pub key: RecordKey,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of one record.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The facts, numbered from 0 within each kind of fact, in an order that only the payload decides.
    Facts(Vec<Fact>),
    /// Readable, and of no use to any measure.
    Ignored {
        /// Stable code, such as `partial`.
        reason: &'static str,
    },
    /// Not readable as what it should be.
    Rejected(Reject),
}

/// Why a record was rejected, without personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Stable code, such as `missing_field`.
    pub reason: &'static str,
    /// What was found, where, and what was expected.
    pub message: String,
    /// How to mend it.
    pub fix: String,
}

/// What all facts of one record share.
#[derive(Debug, Clone)]
pub(crate) struct Stamp {
    key: Digest,
    source: Arc<str>,
    received_at: UtcMillis,
}

impl Stamp {
    /// The stamp of the record `raw`, whose key is `key`.
    pub(crate) fn new(raw: &RawRecord, key: &RecordKey) -> Self {
        Self { key: key.digest(), source: Arc::clone(&raw.source), received_at: raw.received_at }
    }

    /// Meta of a fact that happened at `occurred_at`; its ordinal is set when all facts of the record are known.
    pub(crate) fn meta(&self, occurred_at: UtcMillis) -> FactMeta {
        FactMeta {
            key: self.key,
            ordinal: 0,
            source: Arc::clone(&self.source),
            occurred_at,
            received_at: self.received_at,
        }
    }

    /// Meta of a fact that a report states: it happened when the report was taken.
    pub(crate) fn report_meta(&self) -> FactMeta {
        self.meta(self.received_at)
    }
}

impl Normalized {
    /// A record whose facts are `facts`.
    pub(crate) fn facts(key: RecordKey, facts: Vec<Fact>) -> Self {
        Self { key, verdict: Verdict::Facts(facts) }
    }

    /// A record that is left alone.
    pub(crate) fn ignored(key: RecordKey, reason: &'static str) -> Self {
        Self { key, verdict: Verdict::Ignored { reason } }
    }
}

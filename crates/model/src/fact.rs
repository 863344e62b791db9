//! What a record becomes: facts, stored once and never changed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    claim::{Claim, Cost, Pull},
    digest::Digest,
    event::Event,
    identity::{Edge, Witness},
    order::{OrderVersion, Refund},
    rate::Rate,
    time::UtcMillis,
};

/// The key by which copies of one record are recognised: source, the node that sent it, the source's own id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordKey {
    /// The configured source.
    pub source: Arc<str>,
    /// The device, user, shop or account that sent it; empty where the source has one sender.
    pub node: String,
    /// The source's own id: a message id, a webhook id, or a content hash.
    pub id: String,
}

/// What every fact carries, whatever it says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FactMeta {
    /// [`RecordKey::digest`] of the record. Facts of one record share it and differ by `ordinal`.
    pub key: Digest,
    /// Position among the facts of one record and table, from 0.
    pub ordinal: i32,
    /// The configured source.
    pub source: Arc<str>,
    /// When it happened.
    pub occurred_at: UtcMillis,
    /// When the record came.
    pub received_at: UtcMillis,
}

/// One fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Fact {
    /// Somebody did something.
    Event(Box<Event>),
    /// An order as its shop described it at one instant.
    OrderVersion(Box<OrderVersion>),
    /// Money or goods going back.
    Refund(Refund),
    /// A platform's report was taken.
    Pull(Pull),
    /// What a platform says its ads brought.
    Claim(Claim),
    /// What a platform charged.
    Cost(Cost),
    /// What one currency was worth in another on a day.
    Rate(Rate),
    /// Two nodes belong to one person.
    Edge(Edge),
    /// An order, cart or checkout id was seen on a device.
    Witness(Witness),
}

impl RecordKey {
    /// A stable digest of the three parts: the `key` column.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_parts([&self.source, &self.node, &self.id])
    }
}

impl Fact {
    /// What the fact carries whatever it says.
    #[must_use]
    pub fn meta(&self) -> &FactMeta {
        match self {
            Self::Event(fact) => &fact.meta,
            Self::OrderVersion(fact) => &fact.meta,
            Self::Refund(fact) => &fact.meta,
            Self::Pull(fact) => &fact.meta,
            Self::Claim(fact) => &fact.meta,
            Self::Cost(fact) => &fact.meta,
            Self::Rate(fact) => &fact.meta,
            Self::Edge(fact) => &fact.meta,
            Self::Witness(fact) => &fact.meta,
        }
    }
}

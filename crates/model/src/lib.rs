//! The nouns of Tributary: every value the rest of the house speaks about, with its unit and its invariants.
//!
//! In reading order: what arrives ([`record`]), what it becomes ([`fact`]), the values that facts are made of
//! ([`time`], [`money`], [`digest`], [`node`]), and what stewards decide ([`policy`], [`funnel`], [`traffic`]).

pub mod record;

pub mod fact;

pub mod claim;
pub mod event;
pub mod identity;
pub mod order;
pub mod rate;

pub mod digest;
pub mod money;
pub mod node;
pub mod time;

pub mod funnel;
pub mod policy;
pub mod traffic;

pub use claim::{Claim, ClaimKind, Cost, DateBasis, Pull};
pub use digest::{Digest, NoDigest};
pub use event::{Event, EventKind, Origin, Signals};
pub use fact::{Fact, FactMeta, RecordKey};
pub use funnel::{EntryRule, FunnelMode, FunnelUnit};
pub use identity::{Edge, EdgeRule, Witness, WitnessKind};
pub use money::{Currency, Money, MoneyError};
pub use node::{Node, NodeKind};
pub use order::{
    OrderLine, OrderPart, OrderTransaction, OrderVersion, Refund, RefundAdjustment, RefundLine, ShippingLine, TaxLine,
};
pub use policy::{AttributionModel, CreditBasis, HousePolicy, PlatformPolicy};
pub use rate::{RATE_PARTS, Rate};
pub use record::{Headers, Payload, RawRecord};
pub use time::{TimeError, UtcMillis};
pub use traffic::{ChannelCondition, ChannelRule, ChannelRules, ClickIdRule, SourceClass, SourceClassRules};

//! Orders → ledger; claim ↔ ledger in lines. Pure functions of documents, claims and credits.
//!
//! In reading order: what one order's documents say in entries ([`ledger`]), what a currency was worth ([`rates`]) and
//! those entries in another one ([`conversion`]), how a platform's claim leads to the house
//! number in seventeen lines ([`mod@bridge`]), and the laws that both must keep ([`checks`]).

pub mod ledger;

pub mod rates;

pub mod conversion;

pub mod bridge;

pub mod checks;

pub use bridge::{
    BridgeInput, BridgeLine, BridgeOrder, BridgeOrderMove, HouseCredit, LINES, PlatformTouch, Statement, bridge,
    newest_claims, newest_costs,
};
pub use checks::{TieOutCell, Violation};
pub use conversion::{ConvertedEntry, ConvertedOrder, convert};
pub use ledger::{
    EntryGroup, EntryKind, Footing, LedgerEntry, OrderDocuments, OrderMeasures, PostedOrder, VersionDocument, group,
    measures, placement_total, post,
};
pub use rates::{ExactRate, RateError, Rates};

/// Why an order could not be posted or converted, or a claim not be bridged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReconcileError {
    /// There is nothing to post from: no version with lines.
    #[error("documents of an order hold {refunds} refunds and no order version, expected at least one version")]
    NoVersion {
        /// How many refund copies came without their order.
        refunds: usize,
    },
    /// Documents of two orders were handed in as those of one.
    #[error("documents of order \"{found}\" stand among those of order \"{expected}\"")]
    MixedOrders {
        /// `shop/order` of the first version.
        expected: String,
        /// `shop/order` of the stray document.
        found: String,
    },
    /// Amounts of two currencies would have been added.
    #[error("{at} is in {found}, expected {expected}: amounts of two currencies are never added")]
    MixedCurrencies {
        /// Which order or claim.
        at: String,
        /// Currency of the first document or of the statement.
        expected: String,
        /// The other one.
        found: String,
    },
    /// Parts of an order that [`group`] could not put together, or that never went through it.
    #[error("{at} stands in loose parts, expected parts whose totals and adjustments add up within 64 bits of micros")]
    LooseParts {
        /// Which order.
        at: String,
    },
    /// There is no rate to convert by.
    #[error(transparent)]
    Rate(#[from] RateError),
    /// An amount does not fit 64 bits of micros (about 9.2 · 10^12 major units).
    #[error("{at}: an amount does not fit 64 bits of micros")]
    Overflow {
        /// Which order or statement line.
        at: String,
    },
}

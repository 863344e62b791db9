//! Orders → ledger; claim ↔ ledger in lines. Pure functions of documents, claims and credits.
//!
//! In reading order: what one order's documents say in entries ([`ledger`]), how a platform's claim leads to the house
//! number in seventeen lines ([`mod@bridge`]), and the laws that both must keep ([`checks`]).

pub mod ledger;

pub mod bridge;

pub mod checks;

pub use bridge::{
    BridgeInput, BridgeLine, BridgeOrder, BridgeOrderMove, HouseCredit, LINES, PlatformTouch, Statement, bridge,
    newest_claims,
};
pub use checks::{TieOutCell, Violation};
pub use ledger::{
    EntryGroup, EntryKind, Footing, LedgerEntry, OrderDocuments, OrderMeasures, PostedOrder, group, measures,
    placement_total, post,
};

/// Why an order could not be posted, or a claim not be bridged.
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
    /// An amount does not fit 64 bits of micros (about 9.2 · 10^12 major units).
    #[error("{at}: an amount does not fit 64 bits of micros")]
    Overflow {
        /// Which order or statement line.
        at: String,
    },
}

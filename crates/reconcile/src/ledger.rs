//! The value book of one order: a pure function of its documents, whatever their order and however many copies.
//!
//! [`group`] sorts documents by order and puts parts together, [`post`] writes one order's entries, [`measures`] adds
//! them up. The rules are section 3 of `docs/semantics.md`. The cash book, payouts and conversion stand elsewhere.

use model::{Currency, UtcMillis};

use crate::ReconcileError;

mod book;
mod closing;
mod documents;
mod entry;
mod measures;
mod parts;
mod refunds;
mod sale;

pub use documents::{OrderDocuments, group};
pub use entry::{EntryGroup, EntryKind, LedgerEntry};
pub(crate) use measures::{AmountOfEntry, measures_of, placement_total_of};
pub use measures::{OrderMeasures, measures, placement_total};
pub use parts::VersionDocument;

/// One order in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostedOrder {
    /// Shop: the configured source.
    pub shop: String,
    /// The shop's id of the order.
    pub order_id: String,
    /// The shop's currency: of every amount here.
    pub currency: Currency,
    /// The order's date, by its current version.
    pub placed_at: UtcMillis,
    /// A test order: its entries stand here with a flag and count in no measure.
    pub test: bool,
    /// Cancelled, deleted, or voided or expired without a charge.
    pub cancelled: bool,
    /// More went back than was sold, in money or in units of a line.
    pub over_refunded: bool,
    /// By (occurred_at, kind, id).
    pub entries: Vec<LedgerEntry>,
    /// One per version, oldest first.
    pub footing: Vec<Footing>,
}

/// How one version's parts compare with its own total. Amounts in micros of the order's currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footing {
    /// Id of the version, as entries name it.
    pub document: String,
    /// When the version was written.
    pub updated_at: UtcMillis,
    /// The total that the document states.
    pub stated_micros: i64,
    /// What its parts come to.
    pub posted_micros: i64,
    /// Stated less posted: the balance of `unfooted` with this version.
    pub gap_micros: i64,
}

impl PostedOrder {
    /// How errors name it.
    pub(crate) fn path(&self) -> String {
        format!("order \"{}/{}\"", self.shop, self.order_id)
    }
}

/// Posts one order: every entry that its documents give, with ids that depend on nothing else.
///
/// # Errors
/// [`ReconcileError::NoVersion`] without any version that is not a deletion; [`ReconcileError::MixedOrders`] and
/// [`ReconcileError::MixedCurrencies`] for documents that do not belong together; [`ReconcileError::Overflow`] for
/// amounts beyond 64 bits; [`ReconcileError::LooseParts`] for parts that do not add up to a version.
pub fn post(documents: &OrderDocuments<'_>) -> Result<PostedOrder, ReconcileError> {
    let history = documents::History::new(documents)?;
    let mut book = book::Book::default();
    let footing = sale::post_versions(&history, &mut book)?;
    let mut returns = refunds::Returns::new(&history, sale::line_sales(&history)?);
    for refund in &history.refunds {
        returns.post(refund, &mut book)?;
    }
    closing::post_paid_back(&history, &mut book);
    closing::post_balance_of_full_refund(&history, &mut book);
    let over_refunded = returns.beyond_sold() || closing::held(&history, &book) < 0;
    let cancelled = closing::post_cancellation(&history, &mut book);
    let order = history.current().order;
    Ok(PostedOrder {
        shop: order.shop.clone(),
        order_id: order.order_id.clone(),
        currency: order.currency,
        placed_at: order.processed_at,
        test: order.test,
        cancelled,
        over_refunded,
        entries: book.close(&history.order_path(), order.currency, order.test)?,
        footing,
    })
}

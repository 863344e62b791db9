//! The value book of one order: a pure function of its documents, whatever their order and however many copies.
//!
//! [`group`] sorts documents by order, [`post`] writes one order's entries, [`measures`] adds them up. The rules are
//! section 3 of `docs/semantics.md`. The cash book, payouts and conversion stand elsewhere.

use model::{Currency, UtcMillis};

use crate::ReconcileError;

mod book;
mod closing;
mod documents;
mod entry;
mod refunds;
mod sale;

pub use documents::{OrderDocuments, group};
pub use entry::{EntryGroup, EntryKind, LedgerEntry};

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

/// What one order adds to each measure, in micros of its currency. A test order adds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OrderMeasures {
    /// Sale entries.
    pub gross_sales: i64,
    /// Discount entries, negative.
    pub discounts: i64,
    /// Refund sale, refund discount and refund adjustment, negative.
    pub refunds: i64,
    /// Sale, discount and their refunds and cancellations: the house default.
    pub net_revenue: i64,
    /// Shipping with its refunds and cancellations.
    pub shipping: i64,
    /// Tax with its refunds and cancellations.
    pub tax: i64,
    /// Net revenue, shipping, tax, duty, tip and fees with their refunds and cancellations.
    pub total: i64,
}

/// Posts one order: every entry that its documents give, with ids that depend on nothing else.
///
/// # Errors
/// [`ReconcileError::NoVersion`] without any version that is not a deletion; [`ReconcileError::MixedOrders`] and
/// [`ReconcileError::MixedCurrencies`] for documents that do not belong together; [`ReconcileError::Overflow`] for
/// amounts beyond 64 bits.
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
    let over_refunded = returns.beyond_sold() || !history.refunds.is_empty() && book.total() < 0;
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

/// Adds up the measures of one order.
///
/// # Errors
/// [`ReconcileError::Overflow`] where a measure does not fit 64 bits.
pub fn measures(order: &PostedOrder) -> Result<OrderMeasures, ReconcileError> {
    if order.test {
        return Ok(OrderMeasures::default());
    }
    let of_kinds = |kinds: &[EntryKind]| sum(order, |entry| kinds.contains(&entry.kind));
    let of_group = |group: EntryGroup| sum(order, |entry| entry.group() == Some(group));
    Ok(OrderMeasures {
        gross_sales: of_kinds(&[EntryKind::Sale])?,
        discounts: of_kinds(&[EntryKind::Discount])?,
        refunds: of_kinds(&[EntryKind::RefundSale, EntryKind::RefundDiscount, EntryKind::RefundAdjustment])?,
        net_revenue: of_group(EntryGroup::NetRevenue)?,
        shipping: of_group(EntryGroup::Shipping)?,
        tax: of_group(EntryGroup::Tax)?,
        total: sum(order, |entry| entry.group().is_some_and(EntryGroup::in_total))?,
    })
}

/// The total of the order's first version as its own document counts it, in micros: what platforms are told when it is
/// placed. Test orders have one too.
///
/// # Errors
/// [`ReconcileError::Overflow`] where it does not fit 64 bits.
pub fn placement_total(order: &PostedOrder) -> Result<i64, ReconcileError> {
    let first = order.footing.first().map(|footing| footing.document.as_str());
    sum(order, |entry| entry.kind.on_sale_side() && Some(entry.document.as_str()) == first)
}

fn sum(order: &PostedOrder, counts: impl Fn(&LedgerEntry) -> bool) -> Result<i64, ReconcileError> {
    let sum: i128 = order.entries.iter().filter(|entry| counts(entry)).map(|entry| i128::from(entry.micros)).sum();
    i64::try_from(sum)
        .map_err(|_| ReconcileError::Overflow { at: format!("order \"{}/{}\"", order.shop, order.order_id) })
}

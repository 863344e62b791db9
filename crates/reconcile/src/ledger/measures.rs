//! Measures of an order: named sums of its entries, in its own currency or converted.

use super::{EntryGroup, EntryKind, LedgerEntry, PostedOrder};
use crate::ReconcileError;

/// What one order adds to each measure, in micros of one currency. A test order adds nothing.
///
/// Gross sales, discounts, refunds, adjustments and the cancellations of all four make up net revenue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OrderMeasures {
    /// Sale entries: lines sold.
    pub gross_sales: i64,
    /// Discount entries, negative.
    pub discounts: i64,
    /// Refund sale and refund discount, negative: goods that went back, by a refund or as lines of negative quantity.
    pub refunds: i64,
    /// Refund adjustment: what was paid back beyond (negative) or short of the goods, and what the shop adjusted.
    pub adjustments: i64,
    /// Sale, discount, their refunds, adjustments and cancellations: the house default.
    pub net_revenue: i64,
    /// Shipping with its refunds and cancellations.
    pub shipping: i64,
    /// Tax with its refunds and cancellations.
    pub tax: i64,
    /// Net revenue, shipping, tax, duty, tip and fees with their refunds and cancellations.
    pub total: i64,
}

/// An entry with its amount in the currency that is asked for.
pub(crate) trait AmountOfEntry {
    fn entry(&self) -> &LedgerEntry;

    /// Amount in micros.
    fn micros(&self) -> i64;
}

impl AmountOfEntry for LedgerEntry {
    fn entry(&self) -> &LedgerEntry {
        self
    }

    fn micros(&self) -> i64 {
        self.micros
    }
}

/// Adds up the measures of one order.
///
/// # Errors
/// [`ReconcileError::Overflow`] where a measure does not fit 64 bits.
pub fn measures(order: &PostedOrder) -> Result<OrderMeasures, ReconcileError> {
    measures_of(order, &order.entries)
}

/// The total of the order's first version as its own document counts it, in micros: what platforms are told when it is
/// placed. Test orders have one too.
///
/// # Errors
/// [`ReconcileError::Overflow`] where it does not fit 64 bits.
pub fn placement_total(order: &PostedOrder) -> Result<i64, ReconcileError> {
    placement_total_of(order, &order.entries)
}

pub(crate) fn measures_of(
    order: &PostedOrder,
    amounts: &[impl AmountOfEntry],
) -> Result<OrderMeasures, ReconcileError> {
    if order.test {
        return Ok(OrderMeasures::default());
    }
    let of_kinds = |kinds: &[EntryKind]| sum(order, amounts, |entry| kinds.contains(&entry.kind));
    let of_group = |group: EntryGroup| sum(order, amounts, |entry| entry.group() == Some(group));
    Ok(OrderMeasures {
        gross_sales: of_kinds(&[EntryKind::Sale])?,
        discounts: of_kinds(&[EntryKind::Discount])?,
        refunds: of_kinds(&[EntryKind::RefundSale, EntryKind::RefundDiscount])?,
        adjustments: of_kinds(&[EntryKind::RefundAdjustment])?,
        net_revenue: of_group(EntryGroup::NetRevenue)?,
        shipping: of_group(EntryGroup::Shipping)?,
        tax: of_group(EntryGroup::Tax)?,
        total: sum(order, amounts, |entry| entry.group().is_some_and(EntryGroup::in_total))?,
    })
}

pub(crate) fn placement_total_of(order: &PostedOrder, amounts: &[impl AmountOfEntry]) -> Result<i64, ReconcileError> {
    let first = order.footing.first().map(|footing| footing.document.as_str());
    sum(order, amounts, |entry| entry.on_sale_side() && Some(entry.document.as_str()) == first)
}

fn sum(
    order: &PostedOrder,
    amounts: &[impl AmountOfEntry],
    counts: impl Fn(&LedgerEntry) -> bool,
) -> Result<i64, ReconcileError> {
    let counted = amounts.iter().filter(|amount| counts(amount.entry()));
    let sum: i128 = counted.map(|amount| i128::from(amount.micros())).sum();
    i64::try_from(sum).map_err(|_| ReconcileError::Overflow { at: order.path() })
}

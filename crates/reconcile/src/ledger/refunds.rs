//! What refund documents state: goods, shipping, tax and adjustments that go back.

use std::collections::BTreeMap;

use model::{Refund, RefundLine, money::div_round_half_even};

use super::{
    book::{Book, Posting},
    documents::{History, RefundDocument},
    entry::EntryKind,
    sale::LineSale,
};
use crate::ReconcileError;

/// Kind of the adjustment that pays shipping back.
const SHIPPING_REFUND: &str = "shipping_refund";

/// Units of lines that refunds take back, one refund after the other.
pub(super) struct Returns<'a> {
    lines: BTreeMap<&'a str, LineSale>,
    returned: BTreeMap<&'a str, i128>,
    /// Refund subtotals contain tax.
    taxes_included: bool,
    /// Micros of the shop currency's minor unit.
    minor: i128,
}

/// Which part of a line goes back: units up to and with this refund, and those before it.
#[derive(Clone, Copy)]
struct Share {
    before: i128,
    after: i128,
    units: i128,
    minor: i128,
}

impl<'a> Returns<'a> {
    pub fn new(history: &History<'_>, lines: BTreeMap<&'a str, LineSale>) -> Self {
        let order = history.current().order;
        Self {
            lines,
            returned: BTreeMap::new(),
            taxes_included: order.taxes_included,
            minor: i128::from(order.currency.minor_micros()),
        }
    }

    /// True where more units of a line went back than were sold.
    pub fn beyond_sold(&self) -> bool {
        let sold = |line: &str| self.lines.get(line).map(|line| line.units);
        self.returned.iter().any(|(line, returned)| sold(line).is_some_and(|sold| *returned > sold))
    }

    /// Posts what one refund states. Refunds come by (date, refund id).
    ///
    /// # Errors
    /// [`ReconcileError::Overflow`] where more units go back than 64 bits count.
    pub fn post(&mut self, document: &'a RefundDocument<'_>, book: &mut Book<'a>) -> Result<(), ReconcileError> {
        let mut lines: Vec<&RefundLine> = document.refund.lines.iter().collect();
        lines.sort_by_key(|line| (&line.line_id, &line.refund_line_id));
        for line in lines {
            self.post_line(document, line, book)?;
        }
        for adjustment in &document.refund.adjustments {
            let kind = match adjustment.kind.as_str() {
                SHIPPING_REFUND => EntryKind::RefundShipping,
                _ => EntryKind::RefundAdjustment,
            };
            book.post(stated(document, kind), i128::from(adjustment.micros));
            book.post(stated(document, EntryKind::RefundTax), i128::from(adjustment.tax_micros));
        }
        if !has_shipping_adjustment(document.refund) {
            for &(amount, tax) in &document.refund.shipping {
                let contained = if self.taxes_included { tax } else { 0 };
                book.post(stated(document, EntryKind::RefundShipping), i128::from(contained) - i128::from(amount));
                book.post(stated(document, EntryKind::RefundTax), -i128::from(tax));
            }
        }
        Ok(())
    }

    fn post_line(
        &mut self,
        document: &'a RefundDocument<'_>,
        line: &'a RefundLine,
        book: &mut Book<'a>,
    ) -> Result<(), ReconcileError> {
        let sold = self.lines.get(line.line_id.as_str()).copied();
        let share = self.share(line, sold).ok_or_else(|| ReconcileError::Overflow { at: document.id.clone() })?;
        let LineSale { sale, net, tax, gift_card, .. } = sold.unwrap_or_default();
        let tax = line.tax_micros.map_or_else(|| share.of(tax), i128::from);
        let contained = if self.taxes_included { tax } else { 0 };
        let net = line.subtotal_micros.map_or_else(|| share.of(net), |subtotal| i128::from(subtotal) - contained);
        let mut post = |kind, micros| book.post(stated(document, kind).on_line(Some(&line.line_id)), micros);
        if gift_card {
            post(EntryKind::RefundGiftCard, -net);
        } else {
            // Of a line that no version holds, the sale is not known: all of it counts as sale.
            let sale = if sold.is_some() { share.of(sale) } else { net };
            post(EntryKind::RefundSale, -sale);
            post(EntryKind::RefundDiscount, sale - net);
        }
        post(EntryKind::RefundTax, -tax);
        Ok(())
    }

    /// Counts the units of `line` as returned. `None` where they do not fit 64 bits.
    fn share(&mut self, line: &'a RefundLine, sold: Option<LineSale>) -> Option<Share> {
        let returned = self.returned.entry(&line.line_id).or_default();
        let before = *returned;
        *returned = i128::from(i64::try_from(before + i128::from(line.quantity)).ok()?);
        Some(Share { before, after: *returned, units: sold.map_or(1, |sold| sold.units), minor: self.minor })
    }
}

impl Share {
    /// The share of `amount`, rounded cumulatively, so that shares of a whole line sum to the whole.
    fn of(self, amount: i128) -> i128 {
        self.up_to(self.after, amount) - self.up_to(self.before, amount)
    }

    fn up_to(self, returned: i128, amount: i128) -> i128 {
        if returned == self.units {
            return amount;
        }
        div_round_half_even(amount * returned, self.units * self.minor) * self.minor
    }
}

fn stated<'a>(document: &'a RefundDocument<'_>, kind: EntryKind) -> Posting<'a> {
    Posting::stated(&document.id, document.refund.processed_at, kind)
}

fn has_shipping_adjustment(refund: &Refund) -> bool {
    refund.adjustments.iter().any(|adjustment| adjustment.kind == SHIPPING_REFUND)
}

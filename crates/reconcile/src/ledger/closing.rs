//! What follows from all documents together: money paid back beside the refund, the refund to zero, the cancellation.

use model::{Currency, OrderTransaction, OrderVersion, UtcMillis};

use super::{
    book::{Book, Cause, Posting},
    documents::{History, RefundDocument},
    entry::{EntryGroup, EntryKind},
};

/// Posts the gap between what settled refunds say and what was paid back.
///
/// A gap in the merchant's favour counts only as far as more money is held than the order is worth: in an exchange the
/// difference was spent on the added goods. So gaps against the merchant come first.
pub(super) fn post_paid_back<'a>(history: &'a History<'_>, book: &mut Book<'a>) {
    let currency = history.current().order.currency;
    let gaps: Vec<Gap<'_>> = history.refunds.iter().filter_map(|refund| gap_of(refund, currency, book)).collect();
    for gap in gaps.iter().filter(|gap| gap.micros < 0) {
        book.post(gap.posting(), gap.micros);
    }
    // A refund that is not settled will be paid back as it says.
    let owed: i128 = unsettled(history, currency).map(|refund| book.total_of(&refund.id)).sum();
    let paid_back: i128 = gaps.iter().map(|gap| gap.paid_back).sum();
    let mut room = received(history, currency) - paid_back + owed - book.total();
    for gap in gaps.iter().filter(|gap| gap.micros > 0) {
        let kept = gap.micros.min(room.max(0));
        book.post(gap.posting(), kept);
        room -= kept;
    }
}

/// Where the known refunds bring the order's total to exactly zero, the last also posts minus the balance of every
/// group, so that every measure of a fully refunded order is zero.
pub(super) fn post_balance_of_full_refund<'a>(history: &'a History<'_>, book: &mut Book<'a>) {
    let Some(last) = history.refunds.last() else { return };
    let refunded: i128 = history.refunds.iter().map(|refund| book.total_of(&refund.id)).sum();
    if refunded == 0 || book.total() != 0 {
        return;
    }
    let occurred_at = book.last_of(&last.id).unwrap_or(last.refund.processed_at);
    for (group, balance) in book.by_group() {
        let stated = Posting::stated(&last.id, occurred_at, EntryGroup::refund_kind(group));
        book.post(Posting { cause: Cause::BalancedOut, ..stated }, -balance);
    }
}

/// Takes back what is left of a cancelled order. `true` where it is cancelled.
///
/// Two things stay, in refund_adjustment: an over-refund, and what the shop's own adjustments say it kept of a refund.
pub(super) fn post_cancellation<'a>(history: &'a History<'_>, book: &mut Book<'a>) -> bool {
    let Some((occurred_at, document)) = cancelled(history) else { return false };
    let kept: i128 = history
        .refunds
        .iter()
        .filter(|refund| refund.settled().is_some())
        .map(|refund| book.stated_adjustment_of(&refund.id).max(0))
        .sum();
    let of = |component| Posting {
        component: Some(component),
        ..Posting::stated(document, occurred_at, EntryKind::Cancellation)
    };
    let stays = kept.min(held(history, book));
    for ((component, line), balance) in book.by_component() {
        book.post(of(component).on_line(line), -balance);
    }
    book.post(of(EntryKind::RefundAdjustment), stays);
    true
}

/// What refunds leave of what was sold; below zero, they took more. A version that is a credit note itself sold nothing,
/// so what it gives back is no over-refund.
pub(super) fn held(history: &History<'_>, book: &Book<'_>) -> i128 {
    let refunded: i128 = history.refunds.iter().map(|refund| book.total_of(&refund.id)).sum();
    (book.total() - refunded).max(0) + refunded
}

/// When, and by which document: the first version of the unbroken run, up to the current one, that shows it.
fn cancelled<'a>(history: &'a History<'_>) -> Option<(UtcMillis, &'a str)> {
    let run = |shows: &dyn Fn(&OrderVersion) -> bool| {
        history.versions().iter().rev().take_while(|version| shows(version.order)).last()
    };
    if let Some(at) = history.current().order.cancelled_at {
        return run(&|order| order.cancelled_at == Some(at)).map(|first| (at, first.id.as_str()));
    }
    if let Some((at, document)) = &history.deleted {
        return Some((*at, document));
    }
    if history.payments().next().is_some() {
        return None;
    }
    let lapsed = run(&|order| matches!(order.financial_status.as_str(), "voided" | "expired"))?;
    Some((lapsed.order.updated_at, &lapsed.id))
}

/// How what was paid back differs from what its refund says. Positive: less went back.
struct Gap<'a> {
    refund: &'a RefundDocument<'a>,
    settled_at: UtcMillis,
    paid_back: i128,
    micros: i128,
}

impl<'a> Gap<'a> {
    fn posting(&self) -> Posting<'a> {
        let stated = Posting::stated(&self.refund.id, self.settled_at, EntryKind::RefundAdjustment);
        Posting { cause: Cause::PaidBack, ..stated }
    }
}

fn gap_of<'a>(refund: &'a RefundDocument<'a>, currency: Currency, book: &Book<'_>) -> Option<Gap<'a>> {
    let repayments = settled_in(refund, currency)?;
    let paid_back: i128 = repayments.iter().map(|repayment| i128::from(repayment.micros)).sum();
    let settled_at = repayments.iter().map(|repayment| repayment.processed_at).max()?;
    Some(Gap { refund, settled_at, paid_back, micros: -paid_back - book.total_of(&refund.id) })
}

/// The repayments of a settled refund. `None` in the buyer's currency: documents do not say at which ratio the refund
/// was, and nothing is derived from a guess.
fn settled_in<'a>(refund: &'a RefundDocument<'_>, currency: Currency) -> Option<Vec<&'a OrderTransaction>> {
    refund.settled().filter(|repayments| repayments.iter().all(|repayment| repayment.currency == currency))
}

fn unsettled<'a>(history: &'a History<'_>, currency: Currency) -> impl Iterator<Item = &'a RefundDocument<'a>> {
    history.refunds.iter().filter(move |refund| settled_in(refund, currency).is_none())
}

/// Money received, in micros of the shop's currency. Where no payment in it is known, a paid order's first total.
fn received(history: &History<'_>, currency: Currency) -> i128 {
    let payments: Vec<&OrderTransaction> = history.payments().collect();
    let status = history.current().order.financial_status.as_str();
    if !payments.is_empty() && payments.iter().all(|payment| payment.currency == currency) {
        payments.iter().map(|payment| i128::from(payment.micros)).sum()
    } else if matches!(status, "paid" | "partially_refunded" | "refunded") {
        i128::from(history.first().order.total_micros)
    } else {
        0
    }
}

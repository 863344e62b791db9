//! The book of one order while it is written: postings summed by what makes their id, and balances.

use std::collections::BTreeMap;

use model::{Currency, UtcMillis};

use super::entry::{EntryGroup, EntryKind, LedgerEntry};
use crate::ReconcileError;

/// Why an entry stands in the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// A document states it.
    Stated,
    /// What was paid back differs from what the refund says.
    PaidBack,
    /// The order was refunded to exactly zero.
    BalancedOut,
}

/// What an entry is, apart from its amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Posting<'a> {
    pub occurred_at: UtcMillis,
    pub kind: EntryKind,
    pub component: Option<EntryKind>,
    pub document: &'a str,
    pub line: Option<&'a str>,
    pub cause: Cause,
}

/// Entries so far. Amounts are micros in 128 bits, so sums cannot overflow.
#[derive(Default)]
pub(super) struct Book<'a> {
    entries: BTreeMap<Posting<'a>, i128>,
}

impl<'a> Posting<'a> {
    /// What `document` states of the whole order.
    pub fn stated(document: &'a str, occurred_at: UtcMillis, kind: EntryKind) -> Self {
        Self { occurred_at, kind, component: None, document, line: None, cause: Cause::Stated }
    }

    /// The same of one line.
    pub fn on_line(self, line: Option<&'a str>) -> Self {
        Self { line, ..self }
    }

    /// What it counts towards: a cancellation counts towards its component.
    fn effective_kind(&self) -> EntryKind {
        self.component.unwrap_or(self.kind)
    }

    fn group(&self) -> Option<EntryGroup> {
        self.effective_kind().group()
    }

    fn in_footing(&self) -> bool {
        self.group().is_some_and(EntryGroup::in_footing)
    }
}

impl<'a> Book<'a> {
    /// Adds to the entry; entries of the same document, kind and line are one.
    pub fn post(&mut self, posting: Posting<'a>, micros: i128) {
        *self.entries.entry(posting).or_default() += micros;
    }

    /// The order's total as its documents count it: all but the rounding of cash payments.
    pub fn total(&self) -> i128 {
        self.entries.iter().filter(|(posting, _)| posting.in_footing()).map(|(_, micros)| micros).sum()
    }

    /// The same of one document's entries.
    pub fn total_of(&self, document: &str) -> i128 {
        let of_document = self.entries.iter().filter(|(posting, _)| posting.document == document);
        of_document.filter(|(posting, _)| posting.in_footing()).map(|(_, micros)| micros).sum()
    }

    /// What the shop's own adjustments of one refund come to.
    pub fn stated_adjustment_of(&self, document: &str) -> i128 {
        let stated = |posting: &Posting<'_>| {
            posting.document == document
                && posting.kind == EntryKind::RefundAdjustment
                && posting.cause == Cause::Stated
        };
        self.entries.iter().filter(|(posting, _)| stated(posting)).map(|(_, micros)| micros).sum()
    }

    /// The date of the newest entry of one document.
    pub fn last_of(&self, document: &str) -> Option<UtcMillis> {
        let of_document = self.entries.keys().filter(|posting| posting.document == document);
        of_document.map(|posting| posting.occurred_at).max()
    }

    /// Balances by group.
    pub fn by_group(&self) -> BTreeMap<EntryGroup, i128> {
        let mut balances = BTreeMap::new();
        for (posting, micros) in &self.entries {
            if let Some(group) = posting.group() {
                *balances.entry(group).or_default() += micros;
            }
        }
        balances
    }

    /// Balances by component and line.
    pub fn by_component(&self) -> BTreeMap<(EntryKind, Option<&'a str>), i128> {
        let mut balances = BTreeMap::new();
        for (posting, micros) in &self.entries {
            *balances.entry((posting.effective_kind().component(), posting.line)).or_default() += micros;
        }
        balances
    }

    /// The entries other than zero by (occurred_at, kind, id), each with its id.
    ///
    /// # Errors
    /// [`ReconcileError::Overflow`] where a sum does not fit 64 bits.
    pub fn close(self, order: &str, currency: Currency, test: bool) -> Result<Vec<LedgerEntry>, ReconcileError> {
        let mut entries = Vec::with_capacity(self.entries.len());
        for (posting, micros) in self.entries {
            if micros == 0 {
                continue;
            }
            let overflow = || ReconcileError::Overflow { at: format!("order \"{order}\"") };
            entries.push(LedgerEntry {
                entry_id: entry_id(order, &posting),
                kind: posting.kind,
                component_of_cancellation: posting.component,
                line_id: posting.line.map(str::to_owned),
                occurred_at: posting.occurred_at,
                micros: i64::try_from(micros).map_err(|_| overflow())?,
                currency,
                derived: posting.cause != Cause::Stated,
                document: posting.document.to_owned(),
                test,
            });
        }
        entries.sort_by(|a, b| (a.occurred_at, a.kind, &a.entry_id).cmp(&(b.occurred_at, b.kind, &b.entry_id)));
        Ok(entries)
    }
}

/// `shop/order/document/kind`, then the component, the line and the cause where there are such.
fn entry_id(order: &str, posting: &Posting<'_>) -> String {
    let mut id = format!("{order}/{}/{}", posting.document, posting.kind.name());
    if let Some(component) = posting.component {
        id = format!("{id}/of_{}", component.name());
    }
    if let Some(line) = posting.line {
        id = format!("{id}/line/{line}");
    }
    match posting.cause {
        Cause::Stated => id,
        Cause::PaidBack => format!("{id}/paid_back"),
        Cause::BalancedOut => format!("{id}/balanced_out"),
    }
}

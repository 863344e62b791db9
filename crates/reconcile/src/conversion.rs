//! An order's value book in another currency: each entry at the rate of the order's date, rounded so that parts sum to
//! the rounded whole. Section 2 of `docs/semantics.md`.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use model::Currency;

use crate::{
    ReconcileError,
    ledger::{AmountOfEntry, EntryGroup, LedgerEntry, OrderMeasures, PostedOrder, measures_of, placement_total_of},
    rates::{ExactRate, Rates},
};

/// One order in a target currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvertedOrder<'a> {
    /// The order as posted.
    pub order: &'a PostedOrder,
    /// What it was converted by: target currency, day of publication, whether provisional.
    pub rate: ExactRate,
    /// Every entry of the order, by (occurred_at, kind, id).
    pub entries: Vec<ConvertedEntry<'a>>,
}

/// One entry in a target currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvertedEntry<'a> {
    /// The entry as posted.
    pub entry: &'a LedgerEntry,
    /// Its amount in micros of the target currency; 0 where it rounds away.
    pub micros: i64,
}

impl AmountOfEntry for ConvertedEntry<'_> {
    fn entry(&self) -> &LedgerEntry {
        self.entry
    }

    fn micros(&self) -> i64 {
        self.micros
    }
}

impl ConvertedOrder<'_> {
    /// What the order adds to each measure, in micros of the target currency: sums of its converted entries.
    ///
    /// # Errors
    /// [`ReconcileError::Overflow`] where a measure does not fit 64 bits.
    pub fn measures(&self) -> Result<OrderMeasures, ReconcileError> {
        measures_of(self.order, &self.entries)
    }

    /// The total of the order's first version in micros of the target currency.
    ///
    /// # Errors
    /// [`ReconcileError::Overflow`] where it does not fit 64 bits.
    pub fn placement_total(&self) -> Result<i64, ReconcileError> {
        placement_total_of(self.order, &self.entries)
    }
}

/// Converts the value book of one order at the rate of the order's date, a civil day in the workspace's `zone`.
///
/// # Errors
/// [`ReconcileError::Rate`] without a rate for that day; [`ReconcileError::Overflow`] for amounts beyond 64 bits.
pub fn convert<'a>(
    order: &'a PostedOrder,
    rates: &Rates,
    to: Currency,
    zone: &TimeZone,
) -> Result<ConvertedOrder<'a>, ReconcileError> {
    let rate = rates.exact(order.currency, to, order.placed_at.day_in(zone))?;
    let mut entries: Vec<&LedgerEntry> = order.entries.iter().collect();
    entries.sort_by_key(|entry| (entry.occurred_at, entry.kind, &entry.entry_id));
    let mut running: BTreeMap<Option<EntryGroup>, Running> = BTreeMap::new();
    let entries = entries.into_iter().map(|entry| {
        let micros = running.entry(entry.group()).or_default().add(entry.micros, &rate);
        micros
            .map(|micros| ConvertedEntry { entry, micros })
            .ok_or_else(|| ReconcileError::Overflow { at: order.path() })
    });
    Ok(ConvertedOrder { order, rate, entries: entries.collect::<Result<_, _>>()? })
}

/// The balance of one group so far, exact in the order's currency and rounded in the target's.
#[derive(Default)]
struct Running {
    exact: i128,
    rounded: i64,
}

impl Running {
    /// Adds an entry: its amount in the target currency is what the rounded balance moves by.
    fn add(&mut self, micros: i64, rate: &ExactRate) -> Option<i64> {
        self.exact += i128::from(micros);
        let before = self.rounded;
        self.rounded = rate.convert(self.exact)?;
        self.rounded.checked_sub(before)
    }
}

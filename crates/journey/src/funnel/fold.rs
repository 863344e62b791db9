//! The fold: a funnel, unit after unit.

use model::UtcMillis;

use super::{
    EntryRange,
    log::{FunnelColumns, HeldColumns},
    runs::{FunnelEvent, FunnelOutcomes},
    shape::Funnel,
    unit::{Asked, UnitRuns},
};

/// A funnel and the memory to run it, unit after unit: a unit's events at once by [`run`](Self::run), or its columns piece
/// by piece by [`take`](Self::take) and [`end`](Self::end).
#[derive(Debug)]
pub struct FunnelFold {
    runs: UnitRuns,
    /// Of the unit at hand, what was taken in.
    taken: HeldColumns,
}

impl FunnelFold {
    /// With empty buffers.
    #[must_use]
    pub fn new(funnel: Funnel) -> Self {
        Self { runs: UnitRuns::new(funnel), taken: HeldColumns::default() }
    }

    /// The funnel that it runs.
    #[must_use]
    pub fn funnel(&self) -> &Funnel {
        self.runs.funnel()
    }

    /// The outcomes of ONE unit that entered in the range, as they stand at `horizon`, by default the AS OF instant.
    ///
    /// `events` are sorted by (instant, key), fewer than 2³², and may reach beyond the range's end: later steps may lie
    /// there. The horizon hides no event: it only judges maturity and censors.
    pub fn run(&mut self, events: &[FunnelEvent], range: EntryRange, horizon: UtcMillis) -> FunnelOutcomes<'_> {
        debug_assert!(events.is_sorted_by_key(|event| event.at), "funnel events are sorted by (instant, key)");
        self.runs.run(events, Asked { range, horizon });
        self.runs.outcomes()
    }

    /// Takes in the next events of the unit at hand, in the order of (instant, key) from call to call.
    ///
    /// A column is empty in all calls for a unit or in none.
    ///
    /// # Panics
    /// Where a column is neither empty nor as long as the instants, in this call or with those before.
    pub fn take(&mut self, columns: FunnelColumns<'_>) {
        self.taken.extend(columns);
    }

    /// What [`run`](Self::run) says of the events taken in since the last unit's end.
    pub fn end(&mut self, range: EntryRange, horizon: UtcMillis) -> FunnelOutcomes<'_> {
        let columns = self.taken.columns();
        debug_assert!(columns.at.is_sorted(), "funnel events are sorted by (instant, key)");
        self.runs.run_columns(columns, Asked { range, horizon });
        self.taken.clear();
        self.runs.outcomes()
    }

    /// Bytes held of the unit at hand.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.taken.bytes()
    }
}

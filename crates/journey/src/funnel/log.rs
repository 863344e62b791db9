//! One unit's events as the passes read them: a slice of events, or columns side by side.

use super::FunnelEvent;

/// Some events of a unit, sorted by (instant, key), a column a field of [`FunnelEvent`]. Beside the first two a column may
/// be empty: then no event has such a value.
#[derive(Debug, Clone, Copy, Default)]
pub struct FunnelColumns<'a> {
    /// When, UTC milliseconds.
    pub at: &'a [i64],
    /// Bit k is set where it satisfies step k, from 0.
    pub step_mask: &'a [u32],
    /// Bit k is set where it is an event of exclusion k, from 0.
    pub exclusion_mask: &'a [u32],
    /// Code of the held properties' values, or [`NO_CODE`](Self::NO_CODE).
    pub held: &'a [u32],
    /// True for an event of a browser or app.
    pub in_session: &'a [bool],
    /// The value that the event claims, in millionths of the major unit, or [`NO_VALUE`](Self::NO_VALUE).
    pub value_micros: &'a [i64],
    /// Code of the breakdown property's value, or [`NO_CODE`](Self::NO_CODE).
    pub breakdown: &'a [u32],
}

/// One unit's events, by position.
pub(super) trait UnitLog {
    /// When, and the steps that it satisfies, of the events at these positions.
    fn steps(&self, first: usize, end: usize) -> impl DoubleEndedIterator<Item = (i64, u32)> + ExactSizeIterator;

    /// How many events there are.
    fn count(&self) -> usize;

    /// Instant of the event at a position, UTC milliseconds.
    fn at(&self, position: u32) -> i64;

    /// The event at a position.
    fn event(&self, position: u32) -> FunnelEvent;
}

/// Columns of the unit at hand. A scratch buffer: clearing keeps the memory.
#[derive(Debug, Default)]
pub(super) struct HeldColumns {
    at: Vec<i64>,
    step_mask: Vec<u32>,
    exclusion_mask: Vec<u32>,
    held: Vec<u32>,
    in_session: Vec<bool>,
    value_micros: Vec<i64>,
    breakdown: Vec<u32>,
}

impl FunnelColumns<'_> {
    /// Stands where an event has no code.
    pub const NO_CODE: u32 = u32::MAX;
    /// Stands where an event has no value.
    pub const NO_VALUE: i64 = i64::MIN;

    /// True where every column has an entry for each event, or none at all.
    fn is_whole(&self) -> bool {
        let events = self.at.len();
        let lengths = [
            self.exclusion_mask.len(),
            self.held.len(),
            self.in_session.len(),
            self.value_micros.len(),
            self.breakdown.len(),
        ];
        self.step_mask.len() == events && lengths.iter().all(|length| *length == 0 || *length == events)
    }
}

impl UnitLog for FunnelColumns<'_> {
    fn steps(&self, first: usize, end: usize) -> impl DoubleEndedIterator<Item = (i64, u32)> + ExactSizeIterator {
        self.at[first..end].iter().copied().zip(self.step_mask[first..end].iter().copied())
    }

    fn count(&self) -> usize {
        self.at.len()
    }

    fn at(&self, position: u32) -> i64 {
        self.at[position as usize]
    }

    fn event(&self, position: u32) -> FunnelEvent {
        let position = position as usize;
        let code = |codes: &[u32]| codes.get(position).copied().filter(|code| *code != Self::NO_CODE);
        FunnelEvent {
            at: model::UtcMillis(self.at[position]),
            step_mask: self.step_mask[position],
            exclusion_mask: self.exclusion_mask.get(position).copied().unwrap_or(0),
            held: code(self.held),
            in_session: self.in_session.get(position).copied().unwrap_or(false),
            value_micros: self.value_micros.get(position).copied().filter(|value| *value != Self::NO_VALUE),
            breakdown: code(self.breakdown),
        }
    }
}

impl UnitLog for [FunnelEvent] {
    fn steps(&self, first: usize, end: usize) -> impl DoubleEndedIterator<Item = (i64, u32)> + ExactSizeIterator {
        self[first..end].iter().map(|event| (event.at.0, event.step_mask))
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn at(&self, position: u32) -> i64 {
        self[position as usize].at.0
    }

    fn event(&self, position: u32) -> FunnelEvent {
        self[position as usize]
    }
}

impl HeldColumns {
    /// Adds events behind those it has.
    ///
    /// # Panics
    /// Where a column is then neither empty nor as long as the instants.
    pub(super) fn extend(&mut self, columns: FunnelColumns<'_>) {
        self.at.extend_from_slice(columns.at);
        self.step_mask.extend_from_slice(columns.step_mask);
        self.exclusion_mask.extend_from_slice(columns.exclusion_mask);
        self.held.extend_from_slice(columns.held);
        self.in_session.extend_from_slice(columns.in_session);
        self.value_micros.extend_from_slice(columns.value_micros);
        self.breakdown.extend_from_slice(columns.breakdown);
        assert!(self.columns().is_whole(), "a column has an entry for each event, or none at all");
    }

    /// Forgets all events.
    pub(super) fn clear(&mut self) {
        self.at.clear();
        self.step_mask.clear();
        self.exclusion_mask.clear();
        self.held.clear();
        self.in_session.clear();
        self.value_micros.clear();
        self.breakdown.clear();
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let numbers = self.at.capacity() + self.value_micros.capacity();
        let codes = [&self.step_mask, &self.exclusion_mask, &self.held, &self.breakdown];
        8 * numbers + codes.iter().map(|codes| 4 * codes.capacity()).sum::<usize>() + self.in_session.capacity()
    }

    /// All that it holds.
    pub(super) fn columns(&self) -> FunnelColumns<'_> {
        FunnelColumns {
            at: &self.at,
            step_mask: &self.step_mask,
            exclusion_mask: &self.exclusion_mask,
            held: &self.held,
            in_session: &self.in_session,
            value_micros: &self.value_micros,
            breakdown: &self.breakdown,
        }
    }
}

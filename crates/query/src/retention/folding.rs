//! What becomes of each unit's events: counts that add up, and the units that a list names.

use std::ops::Range;

use journey::{RetentionEvent, RetentionFold, RetentionGroup, RetentionOutcome, SessionRule};
use model::UtcMillis;

use crate::{
    error::EngineError,
    people::{Lanes, PersonFold, UnitEvent, UnitId, Units, Who},
    retention::asking::{Chosen, RetentionAsk},
};

/// One thread's fold.
pub(super) struct Folding<'a> {
    ask: &'a RetentionAsk,
    fold: RetentionFold,
    units: Units<RetentionEvent>,
    /// What is counted; of nothing where units are listed.
    pub(super) group: RetentionGroup,
    /// Units and when they started.
    pub(super) listed: Vec<(UnitId, UtcMillis)>,
}

impl<'a> Folding<'a> {
    pub(super) fn new(ask: &'a RetentionAsk, units: Units<RetentionEvent>) -> Self {
        let (fold, group) = (RetentionFold::new(ask.retention.clone()), RetentionGroup::new(&ask.retention));
        Self { ask, fold, units, group, listed: Vec::new() }
    }
}

impl UnitEvent for RetentionEvent {
    fn at(&self) -> UtcMillis {
        self.at
    }
}

impl PersonFold for Folding<'_> {
    fn events(&mut self, lanes: &Lanes, range: Range<usize>) {
        // The first mark is the start, the second the return, as in the event's bits.
        let event = |lanes: &Lanes, row: usize| RetentionEvent { at: UtcMillis(lanes.at[row]), mask: lanes.mask[row] };
        self.units.take(lanes, range, event);
    }

    fn bytes(&self) -> usize {
        let cells = self.ask.starts.len() * (self.ask.retention.after() + 1);
        self.units.bytes() + size_of::<i64>() * cells + size_of::<(UnitId, UtcMillis)>() * self.listed.capacity()
    }

    fn end(&mut self, who: Who) -> Result<(), EngineError> {
        let (ask, fold, group, listed) = (self.ask, &mut self.fold, &mut self.group, &mut self.listed);
        self.units.end(who, SessionRule::default(), |unit, events| match (fold.run(events), ask.chosen) {
            (None, _) => {}
            (Some(outcome), None) => group.add(&outcome),
            (Some(outcome), Some(chosen)) => {
                if is_chosen(ask, chosen, &outcome) {
                    listed.push((unit, outcome.started_at));
                }
            }
        });
        Ok(())
    }
}

fn is_chosen(ask: &RetentionAsk, chosen: Chosen, outcome: &RetentionOutcome<'_>) -> bool {
    let returned = chosen.after.is_none_or(|after| outcome.returned.get(after) == Some(&true));
    returned && ask.starts.get(outcome.period) == Some(&chosen.cohort)
}

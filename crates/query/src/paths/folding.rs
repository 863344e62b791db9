//! What becomes of each unit's events: its paths, counted by their names.

use std::ops::Range;

use journey::{PathEvent, PathsFold, PathsGroup};
use model::UtcMillis;

use crate::{
    error::EngineError,
    paths::asking::PathsAsk,
    people::{Lanes, PersonFold, UnitEvent, Units, Who},
};

/// One thread's fold.
pub(super) struct Folding<'a> {
    ask: &'a PathsAsk,
    fold: PathsFold,
    units: Units<PathEvent>,
    /// What is counted.
    pub(super) group: PathsGroup,
}

impl<'a> Folding<'a> {
    pub(super) fn new(ask: &'a PathsAsk, units: Units<PathEvent>) -> Self {
        Self { ask, fold: PathsFold::new(ask.paths), units, group: PathsGroup::new(&ask.paths) }
    }
}

impl UnitEvent for PathEvent {
    fn at(&self) -> UtcMillis {
        self.at
    }
}

impl PersonFold for Folding<'_> {
    fn events(&mut self, lanes: &Lanes, range: Range<usize>) {
        // The first mark is the anchor, the second what counts, as in the event's bits.
        let counts_marked = self.ask.counts_marked;
        let event = |lanes: &Lanes, row: usize| {
            let counts = if !counts_marked && lanes.in_session[row] { PathEvent::COUNTS } else { 0 };
            PathEvent { at: UtcMillis(lanes.at[row]), mask: lanes.mask[row] | counts, name: lanes.code[row] }
        };
        self.units.take(lanes, range, event);
    }

    fn bytes(&self) -> usize {
        self.units.bytes()
    }

    fn end(&mut self, who: Who) -> Result<(), EngineError> {
        let (ask, fold, group) = (self.ask, &mut self.fold, &mut self.group);
        self.units.end(who, ask.sessions, |_, events| {
            for path in fold.run(events, ask.range).iter() {
                group.add(path.names);
            }
        });
        Ok(())
    }
}

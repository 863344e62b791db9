//! The fold: one unit's events become its paths. Each event is linked once to the next step of a path through it, so that
//! the paths of N anchors cost N·n steps however many repeats collapse.

use model::UtcMillis;

use super::{AnchorRule, PathDirection, PathEvent, Paths};
use crate::EntryRange;

/// No event: the path ends.
const END: u32 = u32::MAX;

/// Paths and the memory to run them, unit after unit.
#[derive(Debug)]
pub struct PathsFold {
    paths: Paths,
    /// By position: position of the next step of a path through it.
    next: Vec<u32>,
    /// Of each path: its anchor and one after the last of its names.
    heads: Vec<(u32, u32)>,
    names: Vec<u32>,
}

/// The paths of one unit, by (instant, key) of their anchors.
#[derive(Debug, Clone, Copy)]
pub struct PathRuns<'a> {
    events: &'a [PathEvent],
    heads: &'a [(u32, u32)],
    names: &'a [u32],
}

/// One path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathRun<'a> {
    /// Instant of the anchor.
    pub at: UtcMillis,
    /// Position of the anchor among the unit's events, from 0.
    pub position: u32,
    /// Codes of its names from the anchor's on; fewer than the steps asked and one where it ended.
    pub names: &'a [u32],
}

impl PathsFold {
    /// With empty buffers.
    #[must_use]
    pub fn new(paths: Paths) -> Self {
        Self { paths, next: Vec::new(), heads: Vec::new(), names: Vec::new() }
    }

    /// What it asks.
    #[must_use]
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// The paths of ONE unit whose anchors lie in the range.
    ///
    /// `events` are sorted by (instant, key), fewer than 2³², and may reach beyond the range: steps may lie there.
    pub fn run<'a>(&'a mut self, events: &'a [PathEvent], range: EntryRange) -> PathRuns<'a> {
        debug_assert!(events.is_sorted_by_key(|event| event.at), "path events are sorted by (instant, key)");
        self.heads.clear();
        self.names.clear();
        let is_anchor = |event: &PathEvent| event.is_anchor() && range.contains(event.at);
        if let (Some(first), Some(last)) = (events.iter().position(is_anchor), events.iter().rposition(is_anchor)) {
            self.link(events);
            match self.paths.terms().anchor {
                AnchorRule::First => self.follow(events, first),
                AnchorRule::Last => self.follow(events, last),
                AnchorRule::Every => (first..=last)
                    .filter(|position| is_anchor(&events[*position]))
                    .for_each(|anchor| self.follow(events, anchor)),
            }
        }
        PathRuns { events, heads: &self.heads, names: &self.names }
    }

    /// Links every event to the next step, from the far end on.
    fn link(&mut self, events: &[PathEvent]) {
        self.next.clear();
        self.next.resize(events.len(), END);
        // The nearest event farther out that counts, and whether an anchor lies on the way to it, itself included.
        let (mut nearest, mut barred) = (END, false);
        for number in 0..events.len() {
            let position = match self.paths.terms().direction {
                PathDirection::After => events.len() - 1 - number,
                PathDirection::Before => number,
            };
            let event = &events[position];
            if !barred && (event.counts() || event.is_anchor()) {
                self.next[position] = self.next_step(events, event, nearest);
            }
            if event.counts() {
                (nearest, barred) = (position as u32, false);
            }
            barred |= event.is_anchor() && self.paths.terms().until_next_anchor;
        }
    }

    /// The next step of a path through `event`, given the nearest event that counts.
    fn next_step(&self, events: &[PathEvent], event: &PathEvent, nearest: u32) -> u32 {
        let Some(other) = events.get(nearest as usize) else { return END };
        let gap_ms = other.at.0.abs_diff(event.at.0);
        if self.paths.terms().gap_ms_max.is_some_and(|max| gap_ms > max.unsigned_abs()) {
            return END;
        }
        // A repeat is no step, but the path goes on from it.
        if self.paths.terms().collapsed && other.name == event.name { self.next[nearest as usize] } else { nearest }
    }

    /// Adds the path of an anchor.
    fn follow(&mut self, events: &[PathEvent], anchor: usize) {
        let mut position = anchor;
        self.names.push(events[anchor].name);
        for _ in 0..self.paths.terms().steps {
            position = self.next[position] as usize;
            let Some(event) = events.get(position) else { break };
            self.names.push(event.name);
        }
        self.heads.push((anchor as u32, self.names.len() as u32));
    }
}

impl<'a> PathRuns<'a> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// True where the unit has no anchor in the range.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = PathRun<'a>> + use<'a> {
        let Self { events, heads, names } = *self;
        heads.iter().scan(0, move |start, &(position, end)| {
            let names = &names[std::mem::replace(start, end as usize)..end as usize];
            Some(PathRun { at: events[position as usize].at, position, names })
        })
    }
}

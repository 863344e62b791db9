//! A track: the events of one unit that can belong to one chain, instant by instant, with what may break it between.

use std::ops::Range;

use super::{
    FunnelEvent,
    shape::{EntryRule, Funnel},
};

/// One event that can satisfy a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    /// Its position among the unit's events; the order of (instant, key).
    pub(super) position: u32,
    /// Steps that it can satisfy.
    pub(super) mask: u32,
}

/// All events of one instant.
#[derive(Debug, Clone, Copy)]
pub(super) struct TrackInstant {
    /// UTC milliseconds.
    pub(super) at: i64,
    /// Steps that its candidates can satisfy.
    pub(super) mask: u32,
    /// Exclusions whose events it has.
    pub(super) exclusions: u32,
    /// First of its candidates.
    start: u32,
    /// One after the last of its candidates.
    end: u32,
    /// `strict`: the unit has a session event at this instant.
    pub(super) session: bool,
    /// `strict`: the unit has a session event strictly between the instant before and this one.
    pub(super) broken: bool,
}

/// A match of step 1 under entry rule `every`.
#[derive(Debug, Clone, Copy)]
pub(super) struct TrackEntry {
    /// Its position among the unit's events.
    pub(super) position: u32,
    /// Index of its instant.
    pub(super) instant: u32,
}

/// The events of one unit that can belong to one chain. A scratch buffer: building again keeps the memory.
#[derive(Debug, Default)]
pub(super) struct Track {
    /// By time; each with a candidate or an exclusion event.
    pub(super) instants: Vec<TrackInstant>,
    /// `every`: the entries, by (instant, key).
    pub(super) entries: Vec<TrackEntry>,
    candidates: Vec<Candidate>,
    /// For each exclusion and each instant: the index of the next instant that has one of its events.
    exclusions_next: Vec<u32>,
}

impl Track {
    /// Fills the track with the events at these positions, ascending. `sessions` are the instants of the unit's session
    /// events, ascending, where the funnel is strict.
    pub(super) fn build(
        &mut self,
        funnel: &Funnel,
        events: &[FunnelEvent],
        positions: impl Iterator<Item = u32>,
        sessions: &[i64],
    ) {
        self.instants.clear();
        self.entries.clear();
        self.candidates.clear();
        let every = funnel.terms().entry == EntryRule::Every;
        for position in positions {
            let event = &events[position as usize];
            let steps = event.step_mask & funnel.step_mask();
            if steps | event.exclusion_mask == 0 {
                continue;
            }
            self.open_instant(event.at.0, funnel, sessions);
            if every && steps & 1 == 1 {
                self.enter(position);
            } else {
                self.push(position, steps, funnel.steps());
            }
            if let Some(instant) = self.instants.last_mut() {
                instant.exclusions |= event.exclusion_mask;
            }
        }
        self.find_exclusions(funnel.terms().exclusions.len());
    }

    /// Its candidates, by key; under `every` the entry may stand elsewhere, and it alone can satisfy step 1.
    pub(super) fn candidates(&self, index: usize) -> &[Candidate] {
        let instant = &self.instants[index];
        &self.candidates[instant.start as usize..instant.end as usize]
    }

    /// All candidates, by (instant, key).
    pub(super) fn all_candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// Which of all candidates are of this instant.
    pub(super) fn span(&self, index: usize) -> Range<u32> {
        self.instants[index].start..self.instants[index].end
    }

    /// Index of the next instant after `index` at which an event of this exclusion lies, or beyond the end.
    pub(super) fn next_exclusion(&self, exclusion: usize, index: u32) -> u32 {
        self.exclusions_next[exclusion * self.instants.len() + index as usize]
    }

    /// Instant of an index, UTC milliseconds.
    pub(super) fn at(&self, index: u32) -> i64 {
        self.instants[index as usize].at
    }

    /// Makes sure that the last instant is `at`.
    fn open_instant(&mut self, at: i64, funnel: &Funnel, sessions: &[i64]) {
        let last = self.instants.last().map(|instant| instant.at);
        if last == Some(at) {
            return;
        }
        let (mut session, mut broken) = (false, false);
        if funnel.is_strict() {
            let next = sessions.partition_point(|session| *session < at);
            session = sessions.get(next) == Some(&at);
            broken = last.is_some_and(|last| next > 0 && sessions[next - 1] > last);
        }
        let start = self.candidates.len() as u32;
        self.instants.push(TrackInstant { at, mask: 0, exclusions: 0, start, end: start, session, broken });
    }

    /// Adds a candidate to the last instant.
    fn push(&mut self, position: u32, mut mask: u32, steps: usize) {
        let Some(instant) = self.instants.last_mut() else { return };
        let known = &self.candidates[instant.start as usize..];
        if known.len() >= steps {
            // Of n steps the others use at most n − 1 events, so a step never needs a later event of an instant than
            // the n-th that satisfies it. This bounds the work at crowded instants.
            let crowded = |step: &usize| known.iter().filter(|other| other.mask >> step & 1 == 1).count() >= steps;
            mask = super::matching::bits(mask).filter(|step| !crowded(step)).fold(0, |mask, step| mask | 1 << step);
        }
        if mask != 0 {
            self.candidates.push(Candidate { position, mask });
            instant.end += 1;
            instant.mask |= mask;
        }
    }

    /// Adds an entry of `every`: never a later step, and of several at one instant the last is the one that captures.
    fn enter(&mut self, position: u32) {
        self.entries.push(TrackEntry { position, instant: self.instants.len() as u32 - 1 });
        let Some(instant) = self.instants.last_mut() else { return };
        let known = &mut self.candidates[instant.start as usize..];
        if let Some(entry) = known.iter_mut().find(|candidate| candidate.mask & 1 == 1) {
            entry.position = position;
            return;
        }
        self.candidates.push(Candidate { position, mask: 1 });
        instant.end += 1;
        instant.mask |= 1;
    }

    fn find_exclusions(&mut self, exclusions: usize) {
        let instants = self.instants.len();
        self.exclusions_next.clear();
        self.exclusions_next.resize(exclusions * instants, u32::MAX);
        for exclusion in 0..exclusions {
            let mut next = u32::MAX;
            for index in (0..instants).rev() {
                self.exclusions_next[exclusion * instants + index] = next;
                if self.instants[index].exclusions >> exclusion & 1 == 1 {
                    next = index as u32;
                }
            }
        }
    }
}

//! The required steps of `ordered` and `strict`: how far the best chain gets ([forward](mod@super::forward)), and from
//! which earliest entry, by which earliest instants ([backward](mod@super::backward)). N instants × n steps.
//!
//! Every rule bounds a match from above by an earlier match, and a later match gives a later bound. So of all chains that
//! got equally far there is one whose every instant is the latest, and it can go on wherever any of them can: forward,
//! one chain a step is enough. Backward it is the one whose every instant is the earliest, and from the earliest entry it
//! is the best chain at once. Optional steps are stations of a `strict` pass, because their matches excuse session events;
//! elsewhere they are filled in afterwards.

use std::ops::Range;

use model::UtcMillis;

use super::{
    EntryRange,
    matching::Matching,
    shape::Funnel,
    track::{Candidate, Track},
};

/// Where a pass goes.
#[derive(Debug, Clone)]
pub(super) struct Course<'a> {
    pub(super) funnel: &'a Funnel,
    pub(super) track: &'a Track,
    /// Indexes of the instants that belong to it.
    pub(super) instants: Range<usize>,
    /// Bounds the entry.
    pub(super) range: EntryRange,
}

/// The chains of a pass. State s of the forward pass has decided the stations before s; of the backward pass, those from
/// s on. Scratch buffers: a pass overwrites them.
#[derive(Debug, Default)]
pub(super) struct Passes {
    /// A row a state: index of the instant of each required match.
    pub(super) rows: Vec<u32>,
    /// Length of a row: how many required steps there are.
    pub(super) width: usize,
    /// How many required steps the best chain has.
    pub(super) reached: usize,
    /// No entry after this instant can be the best chain's.
    pub(super) entered_by: u32,
    /// Backward, by state: the last required match before it must not be earlier, because of optional matches' windows.
    pub(super) needs: Vec<i64>,
    /// Bits of the states that have a chain that can still go on.
    pub(super) alive: u64,
    /// Those that have one with a match at the instant under work.
    pub(super) fresh: u64,
    pub(super) matching: Matching,
    /// Index of the instant of each required match of the best chain.
    pub(super) best: Vec<u32>,
}

impl Course<'_> {
    /// True where a chain can enter at `at`.
    pub(super) fn admits(&self, at: i64) -> bool {
        self.range.contains(UtcMillis(at))
    }

    /// True where the instant has one candidate, as nearly all have.
    pub(super) fn is_alone(&self, index: u32) -> bool {
        self.track.candidates(index as usize).len() == 1
    }

    /// Index of the earliest instant at which a chain can start.
    fn first_entry(&self) -> Option<u32> {
        let enters = |&index: &usize| {
            let instant = &self.track.instants[index];
            instant.mask & 1 == 1 && self.admits(instant.at)
        };
        self.instants.clone().find(enters).map(|index| index as u32)
    }
}

impl Passes {
    /// Index of the instant of each required match of the best chain; empty where nothing enters.
    pub(super) fn best_chain(&mut self, course: &Course<'_>) -> &[u32] {
        let states = course.funnel.stations().len() + 1;
        self.width = course.funnel.required().len();
        self.rows.resize(states * self.width, 0);
        self.needs.resize(states, i64::MIN);
        self.best.clear();
        self.find_furthest(course);
        match self.reached {
            0 => {}
            1 => self.best.extend(course.first_entry()),
            _ => self.find_earliest(course),
        }
        &self.best
    }

    /// Gives a step one of the events of an instant with several, beside the steps that have one.
    pub(super) fn place(&mut self, course: &Course<'_>, step: usize, index: u32) -> bool {
        let candidates = course.track.candidates(index as usize);
        self.matching.place(step, |step| {
            let able = move |(_, candidate): &(usize, &Candidate)| candidate.mask >> step & 1 == 1;
            candidates.iter().enumerate().filter(able).map(|(number, _)| number as u32)
        })
    }
}

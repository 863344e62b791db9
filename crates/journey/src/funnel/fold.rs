//! The fold: one unit's events become its runs.

use std::cmp::Ordering;

use model::UtcMillis;

use super::{
    EntryRange,
    any_order::Windows,
    fill::{Fill, UNMATCHED},
    passes::{Course, Passes},
    runs::{BreakdownRow, FunnelEvent, FunnelOutcome, FunnelOutcomes, StepMatch},
    shape::{BreakdownRule, EntryRule, Funnel, FunnelMode},
    track::Track,
};

/// A funnel and the memory to run it, unit after unit.
#[derive(Debug)]
pub struct FunnelFold {
    funnel: Funnel,
    track: Track,
    passes: Passes,
    fill: Fill,
    windows: Windows,
    /// Instants of the unit's session events, ascending.
    sessions: Vec<i64>,
    /// (held value, position) of the unit's events that have one, ascending.
    by_held: Vec<(u32, u32)>,
    /// Position of each step's match of the chain under work.
    chain: Vec<u32>,
    /// The same of the best chain so far.
    best: Vec<u32>,
    outcomes: Vec<(u32, FunnelOutcome<'static>)>,
    matches: Vec<Option<StepMatch>>,
}

/// When and over what one unit is asked.
#[derive(Debug, Clone, Copy)]
struct Asked<'a> {
    events: &'a [FunnelEvent],
    /// First position that a chain can use, and one after the last.
    positions: (u32, u32),
    range: EntryRange,
    horizon: UtcMillis,
    /// `first`: instant of the latest entry in the range.
    last_entry_at: UtcMillis,
}

impl FunnelFold {
    /// With empty buffers.
    #[must_use]
    pub fn new(funnel: Funnel) -> Self {
        Self {
            funnel,
            track: Track::default(),
            passes: Passes::default(),
            fill: Fill::default(),
            windows: Windows::default(),
            sessions: Vec::new(),
            by_held: Vec::new(),
            chain: Vec::new(),
            best: Vec::new(),
            outcomes: Vec::new(),
            matches: Vec::new(),
        }
    }

    /// The funnel that it runs.
    #[must_use]
    pub fn funnel(&self) -> &Funnel {
        &self.funnel
    }

    /// The outcomes of ONE unit that entered in the range, as they stand at `horizon`, by default the AS OF instant.
    ///
    /// `events` are sorted by (instant, key), fewer than 2³², and may reach beyond the range's end: later steps may lie
    /// there. The horizon hides no event: it only judges maturity and censors.
    pub fn run(&mut self, events: &[FunnelEvent], range: EntryRange, horizon: UtcMillis) -> FunnelOutcomes<'_> {
        debug_assert!(events.is_sorted_by_key(|event| event.at), "funnel events are sorted by (instant, key)");
        self.outcomes.clear();
        self.matches.clear();
        if let Some((first, last)) = entries(events, &self.funnel, range) {
            let (first_at, last_entry_at) = (events[first].at, events[last].at);
            // No chain has an event outside these.
            let until = self.funnel.terms().total_window_ms.map_or(i64::MAX, |window| last_entry_at.plus_ms(window).0);
            let start = events[..first].iter().rposition(|event| event.at < first_at).map_or(0, |before| before + 1);
            let end = last + events[last..].partition_point(|event| event.at.0 <= until);
            let asked = Asked { events, positions: (start as u32, end as u32), range, horizon, last_entry_at };
            self.find_sessions(&events[start..end]);
            match self.funnel.terms().entry {
                EntryRule::First => self.run_first(asked),
                EntryRule::Every => self.run_every(asked),
            }
        }
        FunnelOutcomes { heads: &self.outcomes, matches: &self.matches, steps: self.funnel.steps() }
    }

    fn find_sessions(&mut self, events: &[FunnelEvent]) {
        self.sessions.clear();
        if self.funnel.is_strict() {
            self.sessions.extend(events.iter().filter(|event| event.in_session).map(|event| event.at.0));
        }
    }

    /// Builds the track of the next held value; of all events where none is held. What to call it with next, or `None`
    /// after the last.
    fn next_track(&mut self, asked: Asked<'_>, from: usize) -> Option<usize> {
        let positions = asked.positions.0..asked.positions.1;
        if !self.funnel.terms().held {
            if from > 0 {
                return None;
            }
            self.track.build(&self.funnel, asked.events, positions, &self.sessions);
            return Some(1);
        }
        if from == 0 {
            let held = |position: u32| asked.events[position as usize].held.map(|held| (held, position));
            self.by_held.clear();
            self.by_held.extend(positions.filter_map(held));
            self.by_held.sort_unstable();
        }
        let group = self.by_held[from..].chunk_by(|a, b| a.0 == b.0).next()?;
        self.track.build(&self.funnel, asked.events, group.iter().map(|(_, position)| *position), &self.sessions);
        Some(from + group.len())
    }

    /// The best chain over all entries and held values.
    fn run_first(&mut self, asked: Asked<'_>) {
        self.best.clear();
        let mut from = 0;
        while let Some(next) = self.next_track(asked, from) {
            from = next;
            let instants = 0..self.track.instants.len();
            let course = Course { funnel: &self.funnel, track: &self.track, instants, range: asked.range };
            self.chain.clear();
            if self.funnel.terms().mode == FunnelMode::AnyOrder {
                self.windows.best_window(&course, &mut self.chain);
            } else {
                let required = self.passes.best_chain(&course);
                if !required.is_empty() {
                    self.fill.fill(&course, required, &mut self.chain);
                }
            }
            if !self.chain.is_empty() {
                self.chain.resize(self.funnel.steps(), UNMATCHED);
                if self.best.is_empty() || self.compare(asked.events).is_lt() {
                    std::mem::swap(&mut self.best, &mut self.chain);
                }
            }
        }
        std::mem::swap(&mut self.best, &mut self.chain);
        self.push(asked, asked.last_entry_at);
    }

    /// The best chain of each entry in the range.
    fn run_every(&mut self, asked: Asked<'_>) {
        let mut from = 0;
        while let Some(next) = self.next_track(asked, from) {
            from = next;
            for number in 0..self.track.entries.len() {
                let entry = self.track.entries[number];
                let entered_at = asked.events[entry.position as usize].at;
                if !asked.range.contains(entered_at) {
                    continue;
                }
                let start = entry.instant as usize;
                let end = self.track.entries.get(number + 1).map_or(self.track.instants.len(), |e| e.instant as usize);
                self.chain.clear();
                if start < end {
                    let course = Course {
                        funnel: &self.funnel,
                        track: &self.track,
                        instants: start..end,
                        range: EntryRange::ALL,
                    };
                    let required = self.passes.best_chain(&course);
                    self.fill.fill(&course, required, &mut self.chain);
                } else {
                    // A later entry of the same instant has everything else.
                    self.chain.push(entry.position);
                    self.chain.resize(self.funnel.steps(), UNMATCHED);
                }
                self.push(asked, entered_at);
            }
        }
        self.outcomes.sort_unstable_by_key(|(_, outcome)| outcome.entry.position);
    }

    /// Holds the chain under work against the best so far: the less is the better.
    fn compare(&self, events: &[FunnelEvent]) -> Ordering {
        let [new, old] = [&self.chain, &self.best].map(|chain| self.required_instants(chain, events));
        let matches = |chain: &[u32]| chain.iter().filter(|position| **position != UNMATCHED).count();
        old.clone()
            .count()
            .cmp(&new.clone().count())
            .then_with(|| new.clone().next().cmp(&old.clone().next()))
            .then_with(|| new.clone().last().cmp(&old.clone().last()))
            .then_with(|| new.clone().cmp(old.clone()))
            // As many required steps in both: who has more matches has more optional ones.
            .then_with(|| matches(&self.best).cmp(&matches(&self.chain)))
            .then_with(|| self.chain.cmp(&self.best))
    }

    /// Instants of a chain's required matches, in step order.
    fn required_instants<'a>(
        &'a self,
        chain: &'a [u32],
        events: &'a [FunnelEvent],
    ) -> impl Iterator<Item = UtcMillis> + Clone + 'a {
        let matched = self.funnel.required().iter().map(|&step| chain[step]);
        matched.take_while(|position| *position != UNMATCHED).map(|position| events[position as usize].at)
    }

    /// Adds the outcome of the chain under work.
    fn push(&mut self, asked: Asked<'_>, last_entry_at: UtcMillis) {
        let events = asked.events;
        let matched = |position: &u32| {
            events.get(*position as usize).map(|event| StepMatch { at: event.at, position: *position })
        };
        let start = self.matches.len();
        self.matches.extend(self.chain.iter().map(matched));
        let matched = &self.matches[start..];
        let Some(entry) = matched.first().copied().flatten() else { return };
        let last = self.funnel.required().iter().map_while(|&step| matched[step]);
        let reached = last.clone().count();
        let completed_at = last.last().filter(|_| reached == self.funnel.required().len()).map(|last| last.at);
        let window = self.funnel.maturity_window_ms();
        let lost_ms = asked.horizon.0.saturating_sub(last_entry_at.0).min(window.unwrap_or(i64::MAX)).max(0);
        let matched = || self.chain.iter().filter_map(|position| events.get(*position as usize));
        let outcome = FunnelOutcome {
            entry,
            reached: reached as u32,
            matched: &[],
            held: events[entry.position as usize].held.filter(|_| self.funnel.terms().held),
            completed_at,
            last_entry_at,
            row: match self.funnel.terms().breakdown {
                BreakdownRule::None => BreakdownRow::Whole,
                BreakdownRule::First => BreakdownRow::Value(matched().find_map(|event| event.breakdown)),
                BreakdownRule::Last => BreakdownRow::Value(matched().rev().find_map(|event| event.breakdown)),
                BreakdownRule::Step(step) => match events.get(self.chain[step] as usize) {
                    Some(event) => BreakdownRow::Value(event.breakdown),
                    None => BreakdownRow::NotReached,
                },
            },
            value_micros: matched().rev().find_map(|event| event.value_micros),
            mature: window.is_some_and(|window| last_entry_at.plus_ms(window) <= asked.horizon),
            observed_ms: completed_at.map_or(lost_ms, |at| at.0.saturating_sub(entry.at.0)),
        };
        self.outcomes.push((start as u32, outcome));
    }
}

/// True where the event can satisfy a step at all: a null held property matches nothing.
fn is_seen(event: &FunnelEvent, funnel: &Funnel) -> bool {
    !funnel.terms().held || event.held.is_some()
}

/// Positions of the first and the last entry in the range: matches of step 1, in `any_order` of any step.
fn entries(events: &[FunnelEvent], funnel: &Funnel, range: EntryRange) -> Option<(usize, usize)> {
    let mask = if funnel.terms().mode == FunnelMode::AnyOrder { funnel.step_mask() } else { 1 };
    let enters =
        |event: &FunnelEvent| event.step_mask & mask != 0 && range.contains(event.at) && is_seen(event, funnel);
    Some((events.iter().position(enters)?, events.iter().rposition(enters)?))
}

//! One unit's run or runs: the plain funnel in one pass, any other by all the rules.

use std::cmp::Ordering;

use model::UtcMillis;

use super::{
    EntryRange,
    any_order::Windows,
    fill::{Fill, UNMATCHED},
    log::{FunnelColumns, UnitLog},
    passes::{Course, Passes},
    plain::PlainPass,
    runs::{BreakdownRow, FunnelEvent, FunnelOutcome, FunnelOutcomes, StepMatch},
    shape::{BreakdownRule, EntryRule, Funnel, FunnelMode},
    track::Track,
};

/// A funnel and the memory to run it, unit after unit.
#[derive(Debug)]
pub(super) struct UnitRuns {
    funnel: Funnel,
    /// How long an entry stays open, milliseconds.
    maturity_window_ms: Option<i64>,
    /// Set where the funnel is plain.
    plain: Option<PlainPass>,
    track: Track,
    passes: Passes,
    fill: Fill,
    windows: Windows,
    /// Instants of the unit's session events, ascending.
    sessions: Vec<i64>,
    /// (held value, position) of the unit's events that have one, ascending.
    by_held: Vec<(u32, u32)>,
    /// Events of columns, where the funnel is not plain.
    events: Vec<FunnelEvent>,
    /// Position of each step's match of the chain under work.
    chain: Vec<u32>,
    /// The same of the best chain so far.
    best: Vec<u32>,
    outcomes: Vec<(u32, FunnelOutcome<'static>)>,
    matches: Vec<Option<StepMatch>>,
}

/// What one unit is asked: where it may enter, and when it is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) range: EntryRange,
    pub(super) horizon: UtcMillis,
}

/// One unit's events, and what of them can matter.
#[derive(Debug, Clone, Copy)]
struct Entered<'a> {
    events: &'a [FunnelEvent],
    /// First position that a chain can use, and one after the last.
    positions: (u32, u32),
    asked: Asked,
    /// `first`: instant of the latest entry in the range.
    last_entry_at: UtcMillis,
}

impl UnitRuns {
    /// With empty buffers.
    pub(super) fn new(funnel: Funnel) -> Self {
        Self {
            maturity_window_ms: funnel.maturity_window_ms(),
            plain: PlainPass::of(&funnel),
            funnel,
            track: Track::default(),
            passes: Passes::default(),
            fill: Fill::default(),
            windows: Windows::default(),
            sessions: Vec::new(),
            by_held: Vec::new(),
            events: Vec::new(),
            chain: Vec::new(),
            best: Vec::new(),
            outcomes: Vec::new(),
            matches: Vec::new(),
        }
    }

    /// The funnel that it runs.
    pub(super) fn funnel(&self) -> &Funnel {
        &self.funnel
    }

    /// What the last unit came to.
    pub(super) fn outcomes(&self) -> FunnelOutcomes<'_> {
        FunnelOutcomes { heads: &self.outcomes, matches: &self.matches, steps: self.funnel.steps() }
    }

    /// Runs a unit whose events are columns.
    pub(super) fn run_columns(&mut self, columns: FunnelColumns<'_>, asked: Asked) {
        let Some(entries) = self.begin(&columns, asked) else { return };
        if self.run_plain(&columns, entries, asked) {
            return;
        }
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        events.extend((0..columns.count()).map(|position| columns.event(position as u32)));
        self.run_by_all_rules(&events, entries, asked);
        self.events = events;
    }

    /// Runs a unit.
    pub(super) fn run(&mut self, events: &[FunnelEvent], asked: Asked) {
        if let Some(entries) = self.begin(events, asked)
            && !self.run_plain(events, entries, asked)
        {
            self.run_by_all_rules(events, entries, asked);
        }
    }

    /// Forgets the unit before. Positions of the first and the last entry in the range: matches of step 1, in `any_order`
    /// of any step.
    fn begin(&mut self, log: &(impl UnitLog + ?Sized), asked: Asked) -> Option<(usize, usize)> {
        self.outcomes.clear();
        self.matches.clear();
        let mask = if self.funnel.terms().mode == FunnelMode::AnyOrder { self.funnel.step_mask() } else { 1 };
        let held = self.funnel.terms().held;
        let enters = |(position, (at, steps)): (usize, (i64, u32))| {
            // A null held property matches nothing.
            steps & mask != 0
                && asked.range.contains(UtcMillis(at))
                && (!held || log.event(position as u32).held.is_some())
        };
        let mut events = log.steps(0, log.count()).enumerate();
        let first = events.position(enters)?;
        Some((first, log.steps(0, log.count()).enumerate().rposition(enters)?))
    }

    /// Runs a unit the short way. False where it is not to be had.
    fn run_plain(&mut self, log: &(impl UnitLog + ?Sized), entries: (usize, usize), asked: Asked) -> bool {
        let Some(plain) = &mut self.plain else { return false };
        if !plain.best_chain(log, entries, &mut self.chain) {
            return false;
        }
        self.chain.resize(self.funnel.steps(), UNMATCHED);
        self.push(log, asked.horizon, UtcMillis(log.at(entries.1 as u32)));
        true
    }

    fn run_by_all_rules(&mut self, events: &[FunnelEvent], (first, last): (usize, usize), asked: Asked) {
        let (first_at, last_entry_at) = (events[first].at, events[last].at);
        // No chain has an event outside these.
        let until = self.funnel.terms().total_window_ms.map_or(i64::MAX, |window| last_entry_at.plus_ms(window).0);
        let start = events[..first].iter().rposition(|event| event.at < first_at).map_or(0, |before| before + 1);
        let end = last + events[last..].partition_point(|event| event.at.0 <= until);
        let entered = Entered { events, positions: (start as u32, end as u32), asked, last_entry_at };
        self.find_sessions(&events[start..end]);
        match self.funnel.terms().entry {
            EntryRule::First => self.run_first(entered),
            EntryRule::Every => self.run_every(entered),
        }
    }

    fn find_sessions(&mut self, events: &[FunnelEvent]) {
        self.sessions.clear();
        if self.funnel.is_strict() {
            self.sessions.extend(events.iter().filter(|event| event.in_session).map(|event| event.at.0));
        }
    }

    /// Builds the track of the next held value; of all events where none is held. What to call it with next, or `None`
    /// after the last.
    fn next_track(&mut self, entered: Entered<'_>, from: usize) -> Option<usize> {
        let positions = entered.positions.0..entered.positions.1;
        if !self.funnel.terms().held {
            if from > 0 {
                return None;
            }
            self.track.build(&self.funnel, entered.events, positions, &self.sessions);
            return Some(1);
        }
        if from == 0 {
            let held = |position: u32| entered.events[position as usize].held.map(|held| (held, position));
            self.by_held.clear();
            self.by_held.extend(positions.filter_map(held));
            self.by_held.sort_unstable();
        }
        let group = self.by_held[from..].chunk_by(|a, b| a.0 == b.0).next()?;
        self.track.build(&self.funnel, entered.events, group.iter().map(|(_, position)| *position), &self.sessions);
        Some(from + group.len())
    }

    /// The best chain over all entries and held values.
    fn run_first(&mut self, entered: Entered<'_>) {
        self.best.clear();
        let mut from = 0;
        while let Some(next) = self.next_track(entered, from) {
            from = next;
            let instants = 0..self.track.instants.len();
            let course = Course { funnel: &self.funnel, track: &self.track, instants, range: entered.asked.range };
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
                if self.best.is_empty() || self.compare(entered.events).is_lt() {
                    std::mem::swap(&mut self.best, &mut self.chain);
                }
            }
        }
        std::mem::swap(&mut self.best, &mut self.chain);
        self.push(entered.events, entered.asked.horizon, entered.last_entry_at);
    }

    /// The best chain of each entry in the range.
    fn run_every(&mut self, entered: Entered<'_>) {
        let mut from = 0;
        while let Some(next) = self.next_track(entered, from) {
            from = next;
            for number in 0..self.track.entries.len() {
                let entry = self.track.entries[number];
                let entered_at = entered.events[entry.position as usize].at;
                if !entered.asked.range.contains(entered_at) {
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
                self.push(entered.events, entered.asked.horizon, entered_at);
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

    /// Adds the outcome of the chain under work, as it stands at `horizon`.
    fn push(&mut self, log: &(impl UnitLog + ?Sized), horizon: UtcMillis, last_entry_at: UtcMillis) {
        let matched =
            |&position: &u32| (position != UNMATCHED).then(|| StepMatch { at: UtcMillis(log.at(position)), position });
        let start = self.matches.len();
        self.matches.extend(self.chain.iter().map(matched));
        let matched = &self.matches[start..];
        let Some(entry) = matched.first().copied().flatten() else { return };
        let last = self.funnel.required().iter().map_while(|&step| matched[step]);
        let reached = last.clone().count();
        let completed_at = last.last().filter(|_| reached == self.funnel.required().len()).map(|last| last.at);
        let window = self.maturity_window_ms;
        let lost_ms = horizon.0.saturating_sub(last_entry_at.0).min(window.unwrap_or(i64::MAX)).max(0);
        let matched =
            || self.chain.iter().filter(|position| **position != UNMATCHED).map(|position| log.event(*position));
        let outcome = FunnelOutcome {
            entry,
            reached: reached as u32,
            matched: &[],
            held: log.event(entry.position).held.filter(|_| self.funnel.terms().held),
            completed_at,
            last_entry_at,
            row: match self.funnel.terms().breakdown {
                BreakdownRule::None => BreakdownRow::Whole,
                BreakdownRule::First => BreakdownRow::Value(matched().find_map(|event| event.breakdown)),
                BreakdownRule::Last => BreakdownRow::Value(matched().rev().find_map(|event| event.breakdown)),
                BreakdownRule::Step(step) => match self.chain[step] {
                    UNMATCHED => BreakdownRow::NotReached,
                    position => BreakdownRow::Value(log.event(position).breakdown),
                },
            },
            value_micros: matched().rev().find_map(|event| event.value_micros),
            mature: window.is_some_and(|window| last_entry_at.plus_ms(window) <= horizon),
            observed_ms: completed_at.map_or(lost_ms, |at| at.0.saturating_sub(entry.at.0)),
        };
        self.outcomes.push((start as u32, outcome));
    }
}

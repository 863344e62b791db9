//! The required steps of `ordered` and `strict`: how far the best chain gets (forward), and from which earliest entry, by
//! which earliest instants (backward). N instants × n steps.
//!
//! Every rule bounds a match from above by an earlier match, and a later match gives a later bound. So of all chains that
//! got equally far there is one whose every instant is the latest, and it can go on wherever any of them can: forward,
//! one chain a step is enough. Backward it is the one whose every instant is the earliest, and from the earliest entry it
//! is the best chain at once. Optional steps are stations of a `strict` pass, because their matches excuse session events;
//! elsewhere they are filled in afterwards.

use std::ops::Range;

use model::UtcMillis;

use super::{EntryRange, matching::Matching, shape::Funnel, track::Track};

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
    rows: Vec<u32>,
    /// Backward, by state: the last required match before it must not be earlier, because of optional matches' windows.
    needs: Vec<i64>,
    /// Bits of the states that have a chain that can still go on.
    alive: u64,
    /// Those that have one with a match at the instant under work.
    fresh: u64,
    matching: Matching,
    /// Index of the instant of each required match of the best chain.
    best: Vec<u32>,
}

impl Passes {
    /// Index of the instant of each required match of the best chain; empty where nothing enters.
    pub(super) fn best_chain(&mut self, course: &Course<'_>) -> &[u32] {
        let states = course.funnel.stations().len() + 1;
        self.rows.resize(states * Passes::width(course), 0);
        self.needs.resize(states, i64::MIN);
        self.best.clear();
        match self.furthest(course) {
            0 => {}
            1 => self.best.extend(first_entry(course)),
            reached => self.earliest(course, reached),
        }
        &self.best
    }

    fn width(course: &Course<'_>) -> usize {
        course.funnel.required().len()
    }

    /// How many required steps the furthest chain has.
    fn furthest(&mut self, course: &Course<'_>) -> usize {
        let (funnel, track) = (course.funnel, course.track);
        let stations = funnel.stations();
        let mut reached = 0;
        self.alive = 1;
        for index in course.instants.clone() {
            let instant = &track.instants[index];
            if instant.broken {
                self.alive = 1;
            }
            let mask = instant.mask & funnel.station_mask();
            if mask == 0 && !instant.session {
                continue;
            }
            self.fresh = 0;
            // From the last state down, so that a chain uses an instant once.
            for state in (0..stations.len()).rev() {
                if self.alive >> state & 1 == 1 && mask >> stations[state] & 1 == 1 {
                    reached = reached.max(self.go_on(course, state, index as u32));
                }
            }
            if instant.session {
                self.alive = self.fresh | 1;
            }
            if funnel.has_optional_stations() {
                self.leave_out_forward(course);
            }
            if reached == funnel.required().len() {
                break;
            }
        }
        reached
    }

    /// Appends the matches of one instant to the chain of `state`; how many required steps the longest then has.
    fn go_on(&mut self, course: &Course<'_>, state: usize, index: u32) -> usize {
        let (funnel, stations) = (course.funnel, course.funnel.stations());
        let alone = course.track.candidates(index as usize).len() == 1;
        let mut reached = 0;
        self.matching.clear();
        for (next, &step) in stations.iter().enumerate().skip(state) {
            let optional = funnel.terms().steps[step].optional;
            if optional && next > state {
                continue;
            }
            if !self.may_follow(course, state, step, index) || !self.place(course, step, index) {
                break;
            }
            let matched = funnel.ordinal(step) + usize::from(!optional);
            self.keep_latest(course, state, next + 1, matched, index);
            reached = matched;
            if alone || optional {
                break;
            }
        }
        reached
    }

    fn place(&mut self, course: &Course<'_>, step: usize, index: u32) -> bool {
        let candidates = course.track.candidates(index as usize);
        match candidates {
            [_] => course.track.instants[index as usize].mask >> step & 1 == 1,
            _ => self.matching.place(step, |step| {
                let able = move |(_, candidate): &(usize, &super::track::Candidate)| candidate.mask >> step & 1 == 1;
                candidates.iter().enumerate().filter(able).map(|(number, _)| number as u32)
            }),
        }
    }

    /// True where the rules let the chain of `state` match `step` at this instant.
    fn may_follow(&self, course: &Course<'_>, state: usize, step: usize, index: u32) -> bool {
        let (funnel, track) = (course.funnel, course.track);
        let at = track.at(index);
        let before = funnel.ordinal(funnel.stations()[state]);
        if before == 0 {
            return step != 0 || course.range.contains(UtcMillis(at));
        }
        let row = &self.rows[state * Passes::width(course)..];
        let within = |from: u32, window_ms: Option<i64>| {
            window_ms.is_none_or(|window| at <= track.at(from).saturating_add(window))
        };
        let terms = funnel.terms();
        // A required step of this very instant is no bound: windows are not negative, exclusions lie strictly between.
        let last = funnel.ordinal(step) - 1;
        within(row[0], terms.total_window_ms)
            && (last >= before || within(row[last], terms.steps[step].window_ms))
            && terms.exclusions.iter().enumerate().all(|(exclusion, bounds)| {
                let from = funnel.ordinal(bounds.from);
                let forbids = bounds.from < step && step <= bounds.to && from < before;
                !forbids || index <= track.next_exclusion(exclusion, row[from])
            })
    }

    /// Gives state `to` the chain of state `from` and matches at `index`, unless it has a later one.
    fn keep_latest(&mut self, course: &Course<'_>, from: usize, to: usize, matched: usize, index: u32) {
        let width = Passes::width(course);
        let before = course.funnel.ordinal(course.funnel.stations()[from]);
        let longer = |rows: &[u32], place: usize| if place < before { rows[from * width + place] } else { index };
        // Without optional stations a later chain always overwrites an earlier one: more of its matches are of now.
        if course.funnel.has_optional_stations() && self.holds(course, to, index) {
            let is_later = |rows: &[u32]| {
                let known = (0..matched).map(|place| rows[to * width + place]);
                (0..matched).map(|place| longer(rows, place)).gt(known)
            };
            if !is_later(&self.rows) {
                return;
            }
        }
        for place in 0..matched {
            self.rows[to * width + place] = longer(&self.rows, place);
        }
        self.alive |= 1 << to;
        self.fresh |= 1 << to;
    }

    /// True where a state has a chain that another must beat at this instant.
    fn holds(&self, course: &Course<'_>, state: usize, index: u32) -> bool {
        let survives = !course.track.instants[index as usize].session || self.fresh >> state & 1 == 1;
        self.alive >> state & 1 == 1 && survives
    }

    /// A chain that can leave an optional station out has decided it.
    fn leave_out_forward(&mut self, course: &Course<'_>) {
        let (funnel, width) = (course.funnel, Passes::width(course));
        for (state, &step) in funnel.stations().iter().enumerate() {
            if !funnel.terms().steps[step].optional || self.alive >> state & 1 == 0 {
                continue;
            }
            let matched = funnel.ordinal(step);
            let (from, to) = (state * width, (state + 1) * width);
            let better = self.rows[from..from + matched] > self.rows[to..to + matched];
            if better || self.alive >> (state + 1) & 1 == 0 {
                self.rows.copy_within(from..from + matched, to);
                self.alive |= 1 << (state + 1);
            }
        }
    }

    /// Finds the best of the chains that match `reached` required steps.
    fn earliest(&mut self, course: &Course<'_>, reached: usize) {
        let (funnel, track) = (course.funnel, course.track);
        let last = funnel.required()[reached - 1];
        let end = funnel.stations().partition_point(|&step| step <= last);
        let stations = &funnel.stations()[..end];
        self.needs[end] = i64::MIN;
        self.alive = 1 << end;
        for index in course.instants.clone().rev() {
            let instant = &track.instants[index];
            let mask = instant.mask & funnel.station_mask();
            if mask != 0 || instant.session {
                self.fresh = 0;
                // From the first state up, so that a chain uses an instant once.
                for state in 0..end {
                    if mask >> stations[state] & 1 == 1 {
                        self.go_back(course, state, stations, index as u32, reached);
                    }
                }
                if instant.session {
                    self.alive = self.fresh | 1 << end;
                }
                if funnel.has_optional_stations() {
                    self.leave_out_backward(course, stations, reached);
                }
            }
            if instant.broken {
                self.alive = 1 << end;
            }
        }
    }

    /// Puts the matches of one instant, the first of them of `state`, before the chains of later states.
    fn go_back(&mut self, course: &Course<'_>, state: usize, stations: &[usize], index: u32, reached: usize) {
        let steps = &course.funnel.terms().steps;
        let alone = course.track.candidates(index as usize).len() == 1;
        if steps[stations[state]].optional {
            if self.alive >> (state + 1) & 1 == 1 {
                let window = steps[stations[state]].window_ms;
                let need = window.map_or(i64::MIN, |window| course.track.at(index).saturating_sub(window));
                self.keep_earliest(course, state, state, index, need.max(self.needs[state + 1]), reached);
            }
            return;
        }
        self.matching.clear();
        for (next, &step) in stations.iter().enumerate().skip(state) {
            if steps[step].optional {
                continue;
            }
            if !self.place(course, step, index) {
                break;
            }
            if self.alive >> (next + 1) & 1 == 1 && self.may_precede(course, state..next + 1, index, reached) {
                self.keep_earliest(course, state, next, index, i64::MIN, reached);
            }
            if alone {
                break;
            }
        }
    }

    /// True where the rules let the required ones of these stations match at this instant, before the chain of the state
    /// behind them.
    fn may_precede(&self, course: &Course<'_>, placed: Range<usize>, index: u32, reached: usize) -> bool {
        let (funnel, track) = (course.funnel, course.track);
        let (terms, at) = (funnel.terms(), track.at(index));
        let first = funnel.ordinal(funnel.stations()[placed.start]);
        let behind = funnel.ordinal(funnel.stations()[placed.end - 1]) + 1;
        if first == 0 && !course.range.contains(UtcMillis(at)) {
            return false;
        }
        if behind == reached {
            return true;
        }
        let row = &self.rows[placed.end * Passes::width(course)..];
        let within = |later: u32, window_ms: Option<i64>| {
            window_ms.is_none_or(|window| track.at(later) <= at.saturating_add(window))
        };
        self.needs[placed.end] <= at
            && within(row[behind], terms.steps[funnel.required()[behind]].window_ms)
            && (first > 0 || within(row[reached - 1], terms.total_window_ms))
            && terms.exclusions.iter().enumerate().all(|(exclusion, bounds)| {
                let from = funnel.ordinal(bounds.from);
                let to = funnel.ordinal(bounds.to).min(reached - 1);
                let bounds_later = first <= from && from < behind && behind <= to;
                !bounds_later || row[to] <= track.next_exclusion(exclusion, index)
            })
    }

    /// Gives `state` matches at `index` up to station `last` and the chain behind it, unless it has an earlier one.
    fn keep_earliest(&mut self, course: &Course<'_>, state: usize, last: usize, index: u32, need: i64, reached: usize) {
        let (funnel, width) = (course.funnel, Passes::width(course));
        let (from, to) = ((last + 1) * width, state * width);
        let first = funnel.ordinal(funnel.stations()[state]);
        let last_step = funnel.stations()[last];
        let behind = funnel.ordinal(last_step) + usize::from(!funnel.terms().steps[last_step].optional);
        let longer = |rows: &[u32], place: usize| if place < behind { index } else { rows[from + place] };
        // Without optional stations a later call always gives an earlier chain: more of its matches are of now.
        if funnel.has_optional_stations() && self.holds(course, state, index) {
            let known = self.rows[to + first..to + reached].iter().copied();
            let order = (first..reached).map(|place| longer(&self.rows, place)).cmp(known);
            if order.then(need.cmp(&self.needs[state])).is_ge() {
                return;
            }
        }
        for place in first..reached {
            self.rows[to + place] = longer(&self.rows, place);
        }
        self.needs[state] = need;
        self.alive |= 1 << state;
        self.fresh |= 1 << state;
        if state == 0 {
            self.best.clear();
            self.best.extend_from_slice(&self.rows[..reached]);
        }
    }

    /// A chain behind an optional station is one from before it, too.
    fn leave_out_backward(&mut self, course: &Course<'_>, stations: &[usize], reached: usize) {
        let (funnel, width) = (course.funnel, Passes::width(course));
        for state in (0..stations.len()).rev() {
            let step = stations[state];
            if !funnel.terms().steps[step].optional || self.alive >> (state + 1) & 1 == 0 {
                continue;
            }
            let first = funnel.ordinal(step);
            let (from, to) = ((state + 1) * width, state * width);
            let order = self.rows[from + first..from + reached].cmp(&self.rows[to + first..to + reached]);
            let better = order.then(self.needs[state + 1].cmp(&self.needs[state])).is_lt();
            if better || self.alive >> state & 1 == 0 {
                self.rows.copy_within(from + first..from + reached, to + first);
                self.needs[state] = self.needs[state + 1];
                self.alive |= 1 << state;
            }
        }
    }
}

/// Index of the earliest instant at which a chain can start.
fn first_entry(course: &Course<'_>) -> Option<u32> {
    let enters = |&index: &usize| {
        let instant = &course.track.instants[index];
        instant.mask & 1 == 1 && course.range.contains(UtcMillis(instant.at))
    };
    course.instants.clone().find(enters).map(|index| index as u32)
}

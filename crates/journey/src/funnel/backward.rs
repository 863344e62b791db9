//! The backward pass: of each state the chain whose every instant is the earliest, up to the furthest required step.

use std::ops::Range;

use super::{
    matching::bits,
    passes::{Course, Passes},
};

impl Passes {
    /// Finds the best of the chains that match as many required steps as the forward pass reached.
    pub(super) fn find_earliest(&mut self, course: &Course<'_>) {
        let (funnel, track) = (course.funnel, course.track);
        let last = funnel.required()[self.reached - 1];
        let end = funnel.stations().partition_point(|&step| step <= last);
        let stations = &funnel.stations()[..end];
        self.needs[end] = i64::MIN;
        self.alive = 1 << end;
        for index in (course.instants.start..self.latest_completion(course)).rev() {
            let instant = &track.instants[index];
            let mask = instant.mask & funnel.station_mask();
            if mask != 0 || instant.session {
                self.fresh = 0;
                let alone = course.is_alone(index as u32);
                // From the first state up, so that a chain uses an instant once.
                for step in bits(mask).take_while(|step| *step <= last) {
                    let state = funnel.state(step);
                    if funnel.terms().steps[step].optional {
                        // It is worth something only where it excuses a session event.
                        if instant.session && self.alive >> (state + 1) & 1 == 1 {
                            self.excuse(course, state, index as u32);
                        }
                    } else if alone {
                        self.precede(course, state..state + 1, index as u32);
                    } else {
                        self.go_back(course, state, stations, index as u32);
                    }
                }
                if instant.session {
                    self.alive = self.fresh | 1 << end;
                }
                if funnel.has_optional_stations() {
                    self.leave_out_backward(course, stations);
                }
            }
            if instant.broken {
                self.alive = 1 << end;
            }
        }
    }

    /// One after the index of the last instant at which the best chain can complete.
    fn latest_completion(&self, course: &Course<'_>) -> usize {
        let Some(window) = course.funnel.terms().total_window_ms else { return course.instants.end };
        let limit = course.track.at(self.entered_by).saturating_add(window);
        let instants = &course.track.instants[course.instants.clone()];
        course.instants.start + instants.partition_point(|instant| instant.at <= limit)
    }

    /// Puts required matches of one instant, the first of them of `state`, before the chains of later states.
    fn go_back(&mut self, course: &Course<'_>, state: usize, stations: &[usize], index: u32) {
        self.matching.clear();
        for (next, &step) in stations.iter().enumerate().skip(state) {
            if course.funnel.terms().steps[step].optional {
                continue;
            }
            if !self.place(course, step, index) {
                break;
            }
            self.precede(course, state..next + 1, index);
        }
    }

    /// Puts the required ones of these stations, matched at this instant, before the chain of the state behind them, if
    /// the rules let them. What was kept before is later: more of these matches are of now.
    fn precede(&mut self, course: &Course<'_>, placed: Range<usize>, index: u32) {
        if self.alive >> placed.end & 1 == 0 || !self.may_precede(course, &placed, index) {
            return;
        }
        let funnel = course.funnel;
        let (first, last) = (funnel.stations()[placed.start], funnel.stations()[placed.end - 1]);
        let behind = funnel.ordinal(last) + 1;
        let (from, to) = (placed.end * self.width, placed.start * self.width);
        for place in funnel.ordinal(first)..self.reached {
            self.rows[to + place] = if place < behind { index } else { self.rows[from + place] };
        }
        self.needs[placed.start] = i64::MIN;
        self.alive |= 1 << placed.start;
        self.fresh |= 1 << placed.start;
        if placed.start == 0 {
            self.best.clear();
            self.best.extend_from_slice(&self.rows[..self.reached]);
        }
    }

    /// True where the rules let the required ones of these stations match at this instant, before the chain of the state
    /// behind them.
    fn may_precede(&self, course: &Course<'_>, placed: &Range<usize>, index: u32) -> bool {
        let (funnel, track) = (course.funnel, course.track);
        let (terms, at) = (funnel.terms(), track.at(index));
        let first = funnel.ordinal(funnel.stations()[placed.start]);
        let behind = funnel.ordinal(funnel.stations()[placed.end - 1]) + 1;
        if first == 0 && !course.admits(at) {
            return false;
        }
        if behind == self.reached {
            return true;
        }
        let row = &self.rows[placed.end * self.width..];
        let within = |later: u32, window_ms: Option<i64>| {
            window_ms.is_none_or(|window| track.at(later) <= at.saturating_add(window))
        };
        self.needs[placed.end] <= at
            && within(row[behind], terms.steps[funnel.required()[behind]].window_ms)
            && (first > 0 || within(row[self.reached - 1], terms.total_window_ms))
            && terms.exclusions.iter().enumerate().all(|(exclusion, bounds)| {
                let from = funnel.ordinal(bounds.from);
                let to = funnel.ordinal(bounds.to).min(self.reached - 1);
                let bounds_later = first <= from && from < behind && behind <= to;
                !bounds_later || row[to] <= track.next_exclusion(exclusion, index)
            })
    }

    /// Puts an optional match at this instant before the chain of the next state.
    fn excuse(&mut self, course: &Course<'_>, state: usize, index: u32) {
        let step = course.funnel.stations()[state];
        let window = course.funnel.terms().steps[step].window_ms;
        let need = window.map_or(i64::MIN, |window| course.track.at(index).saturating_sub(window));
        self.take_over(course, state, need.max(self.needs[state + 1]));
        self.fresh |= 1 << state;
    }

    /// A chain behind an optional station is one from before it, too.
    fn leave_out_backward(&mut self, course: &Course<'_>, stations: &[usize]) {
        for state in (0..stations.len()).rev() {
            if !course.funnel.terms().steps[stations[state]].optional || self.alive >> (state + 1) & 1 == 0 {
                continue;
            }
            let first = course.funnel.ordinal(stations[state]);
            let row = |state: usize| &self.rows[state * self.width + first..state * self.width + self.reached];
            let order = row(state + 1).cmp(row(state)).then(self.needs[state + 1].cmp(&self.needs[state]));
            if order.is_lt() || self.alive >> state & 1 == 0 {
                self.take_over(course, state, self.needs[state + 1]);
            }
        }
    }

    /// Gives an optional station's state the chain of the next one.
    fn take_over(&mut self, course: &Course<'_>, state: usize, need: i64) {
        let first = course.funnel.ordinal(course.funnel.stations()[state]);
        let from = (state + 1) * self.width;
        self.rows.copy_within(from + first..from + self.reached, state * self.width + first);
        self.needs[state] = need;
        self.alive |= 1 << state;
    }
}

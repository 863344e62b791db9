//! The forward pass: of each state the chain whose every instant is the latest.

use super::{
    matching::bits_down,
    passes::{Course, Passes},
};

impl Passes {
    /// Finds how many required steps the furthest chain has, and an entry from which it does.
    pub(super) fn find_furthest(&mut self, course: &Course<'_>) {
        let (funnel, track) = (course.funnel, course.track);
        (self.reached, self.alive) = (0, 1);
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
            let alone = course.is_alone(index as u32);
            // From the last state down, so that a chain uses an instant once. Of two chains that reach a state now the
            // one of the earlier state is the later chain, as more of its matches are of now.
            for step in bits_down(mask) {
                let state = funnel.state(step);
                if self.alive >> state & 1 == 0 {
                    continue;
                }
                if funnel.terms().steps[step].optional {
                    // It is worth something only where it excuses a session event.
                    if instant.session && self.may_follow(course, state, step, index as u32) {
                        self.keep_latest(course, state, state + 1, funnel.ordinal(step), index as u32);
                    }
                } else if !alone {
                    self.go_on(course, state, index as u32);
                } else if self.may_follow(course, state, step, index as u32) {
                    self.keep_latest(course, state, state + 1, funnel.ordinal(step) + 1, index as u32);
                }
            }
            if instant.session {
                self.alive = self.fresh | 1;
            }
            if funnel.has_optional_stations() {
                self.leave_out_forward(course);
            }
            if self.reached == self.width {
                break;
            }
        }
    }

    /// Appends required matches of one instant to the chain of `state`, as many as it can have.
    fn go_on(&mut self, course: &Course<'_>, state: usize, index: u32) {
        let funnel = course.funnel;
        self.matching.clear();
        for (next, &step) in funnel.stations().iter().enumerate().skip(state) {
            if funnel.terms().steps[step].optional {
                continue;
            }
            if !self.may_follow(course, state, step, index) || !self.place(course, step, index) {
                break;
            }
            self.keep_latest(course, state, next + 1, funnel.ordinal(step) + 1, index);
        }
    }

    /// True where the rules let the chain of `state` match `step` at this instant.
    fn may_follow(&self, course: &Course<'_>, state: usize, step: usize, index: u32) -> bool {
        let (funnel, track) = (course.funnel, course.track);
        let at = track.at(index);
        if state == 0 {
            return step != 0 || course.admits(at);
        }
        let before = funnel.ordinal(funnel.stations()[state]);
        let row = &self.rows[state * self.width..];
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

    /// Gives state `to` the chain of state `from` and matches at `index`, `matched` required ones in all.
    fn keep_latest(&mut self, course: &Course<'_>, from: usize, to: usize, matched: usize, index: u32) {
        let before = course.funnel.ordinal(course.funnel.stations()[from]);
        let (source, target) = (from * self.width, to * self.width);
        for place in 0..matched {
            self.rows[target + place] = if place < before { self.rows[source + place] } else { index };
        }
        self.alive |= 1 << to;
        self.fresh |= 1 << to;
        if matched > self.reached {
            self.reached = matched;
            self.entered_by = self.rows[target];
        }
    }

    /// A chain that can leave an optional station out has decided it.
    fn leave_out_forward(&mut self, course: &Course<'_>) {
        let (funnel, width) = (course.funnel, self.width);
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
}

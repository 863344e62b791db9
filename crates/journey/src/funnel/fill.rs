//! Which events a best chain matches, once the instants of its required matches are settled: the most optional steps
//! that fit between, then the earliest of them and the least keys, step by step.

use super::{
    matching::{Matching, bits},
    passes::Course,
    track::Candidate,
};

/// A step without a match. Greater than every position, so that a matched step comes before one that is not.
pub(super) const UNMATCHED: u32 = u32::MAX;

/// Scratch buffers. State a has decided the steps from a on, by the instants seen so far, which are the later ones.
#[derive(Debug, Default)]
pub(super) struct Fill {
    /// A row a state: position of each step's match.
    rows: Vec<u32>,
    /// By state: how many steps are matched.
    counts: Vec<u32>,
    /// Bits of the states that have a chain that can still be continued backward.
    alive: u64,
    /// Those that have one with a match at the instant under work.
    fresh: u64,
    /// By step: first and last instant at which it may match.
    bounds: Vec<(u32, u32)>,
    block: Block,
}

/// The steps that one instant satisfies.
#[derive(Debug, Default)]
struct Block {
    matching: Matching,
    taken: Vec<bool>,
    /// By step: position of its match.
    matches: Vec<u32>,
}

/// Steps that one instant may satisfy.
#[derive(Debug, Clone, Copy)]
struct BlockSteps {
    /// These must be satisfied.
    required: u32,
    /// As many as possible of these.
    optional: u32,
}

impl Fill {
    /// Writes the position of each step's match to `out`, given the instants of the required matches.
    pub(super) fn fill(&mut self, course: &Course<'_>, chain: &[u32], out: &mut Vec<u32>) {
        let steps = course.funnel.steps();
        out.clear();
        out.resize(steps, UNMATCHED);
        self.block.matches.resize(steps, UNMATCHED);
        if course.funnel.has_optional_steps() {
            self.fill_between(course, chain, out);
            return;
        }
        for group in chain.chunk_by(|a, b| a == b) {
            let first = chain.partition_point(|index| index < &group[0]);
            let required = (first..first + group.len()).fold(0, |mask, step| mask | 1 << step);
            let candidates = course.track.candidates(group[0] as usize);
            self.block.settle(candidates, BlockSteps { required, optional: 0 });
            out[first..first + group.len()].copy_from_slice(&self.block.matches[first..first + group.len()]);
        }
    }

    fn fill_between(&mut self, course: &Course<'_>, chain: &[u32], out: &mut [u32]) {
        let width = out.len();
        let end = course.funnel.required().get(chain.len()).copied().unwrap_or(width);
        self.find_bounds(course, chain, end);
        self.rows.resize((width + 1) * width, UNMATCHED);
        self.counts.resize(width + 1, 0);
        self.alive = 0;
        let trailing = chain.len().checked_sub(1).map_or(0, |last| course.funnel.required()[last] + 1);
        (trailing..=end).for_each(|state| self.match_nothing(state, width));
        let last = self.bounds.iter().map(|(_, last)| *last).max().unwrap_or(0);
        for index in (chain[0]..=last).rev() {
            self.go_back(course, index, end, trailing);
            if course.track.instants[index as usize].broken {
                self.alive = 0;
                (trailing..=end).for_each(|state| self.match_nothing(state, width));
            }
        }
        out[..end].copy_from_slice(&self.rows[..end]);
    }

    /// Where each step before `end` may match.
    fn find_bounds(&mut self, course: &Course<'_>, chain: &[u32], end: usize) {
        let (funnel, track) = (course.funnel, course.track);
        let terms = funnel.terms();
        let last_until = |limit: i64| {
            let instants = &track.instants[course.instants.clone()];
            (course.instants.start + instants.partition_point(|instant| instant.at <= limit)).saturating_sub(1) as u32
        };
        let total = terms.total_window_ms.map(|window| track.at(chain[0]).saturating_add(window));
        self.bounds.clear();
        for (step, rule) in terms.steps.iter().enumerate().take(end) {
            let ordinal = funnel.ordinal(step);
            if !rule.optional {
                self.bounds.push((chain[ordinal], chain[ordinal]));
                continue;
            }
            let first = chain[ordinal - 1];
            let mut last = chain.get(ordinal).copied().unwrap_or(course.instants.end as u32 - 1);
            let window = rule.window_ms.map(|window| track.at(first).saturating_add(window));
            if let Some(limit) = window.into_iter().chain(total).min() {
                last = last.min(last_until(limit));
            }
            for (exclusion, bounds) in terms.exclusions.iter().enumerate() {
                if bounds.from < step && step <= bounds.to {
                    last = last.min(track.next_exclusion(exclusion, chain[funnel.ordinal(bounds.from)]));
                }
            }
            self.bounds.push((first, last));
        }
    }

    /// Puts the matches of one instant before those of later ones.
    fn go_back(&mut self, course: &Course<'_>, index: u32, end: usize, trailing: usize) {
        let instant = &course.track.instants[index as usize];
        let width = course.funnel.steps();
        let may = |step: &usize| (self.bounds[*step].0..=self.bounds[*step].1).contains(&index);
        let able = bits(instant.mask).take_while(|step| *step < end).filter(may).fold(0, |mask, step| mask | 1 << step);
        if able == 0 && !instant.session {
            return;
        }
        self.fresh = 0;
        for state in bits(able) {
            self.match_here(course, state, end, able, index);
        }
        if instant.session {
            self.alive = self.fresh;
            (trailing..=end).filter(|state| self.fresh >> state & 1 == 0).for_each(|state| {
                self.alive |= 1 << state;
                self.counts[state] = 0;
                self.rows[state * width..(state + 1) * width].fill(UNMATCHED);
            });
        }
        for state in (0..end).rev() {
            if course.funnel.terms().steps[state].optional && self.alive >> (state + 1) & 1 == 1 {
                self.leave_out(state, end, width);
            }
        }
    }

    /// Tries all blocks of steps that start with `state` and are matched at this instant.
    fn match_here(&mut self, course: &Course<'_>, state: usize, end: usize, able: u32, index: u32) {
        let (funnel, width) = (course.funnel, course.funnel.steps());
        let candidates = course.track.candidates(index as usize);
        let mut block = BlockSteps { required: 0, optional: 0 };
        for last in state..end {
            let optional = funnel.terms().steps[last].optional;
            if able >> last & 1 == 0 {
                if optional {
                    continue;
                }
                break;
            }
            if optional {
                block.optional |= 1 << last;
            } else {
                block.required |= 1 << last;
            }
            if self.alive >> (last + 1) & 1 == 1 {
                let count = self.block.settle(candidates, block) + self.counts[last + 1];
                self.block.leave_out_but(block, state..last + 1);
                let survives = !course.track.instants[index as usize].session || self.fresh >> state & 1 == 1;
                let known = self.alive >> state & 1 == 1 && survives;
                let (row, behind) = (state * width, (last + 1) * width);
                let better = !known
                    || count > self.counts[state]
                    || count == self.counts[state] && {
                        let new =
                            self.block.matches[state..=last].iter().chain(&self.rows[behind + last + 1..behind + end]);
                        new.lt(&self.rows[row + state..row + end])
                    };
                if better {
                    self.rows.copy_within(behind + last + 1..behind + end, row + last + 1);
                    self.rows[row + state..=row + last].copy_from_slice(&self.block.matches[state..=last]);
                    self.counts[state] = count;
                    self.alive |= 1 << state;
                    self.fresh |= 1 << state;
                }
            }
            if candidates.len() == 1 {
                break;
            }
        }
    }

    /// A chain from behind an optional step is one from before it, too.
    fn leave_out(&mut self, state: usize, end: usize, width: usize) {
        let (row, behind) = (state * width, (state + 1) * width);
        let (count, known) = (self.counts[state + 1], self.counts[state]);
        let earlier = self.rows[row + state] == UNMATCHED
            && self.rows[behind + state + 1..behind + end] < self.rows[row + state + 1..row + end];
        if self.alive >> state & 1 == 0 || count > known || count == known && earlier {
            self.rows.copy_within(behind + state + 1..behind + end, row + state + 1);
            self.rows[row + state] = UNMATCHED;
            self.counts[state] = count;
            self.alive |= 1 << state;
        }
    }

    /// From this state on nothing is matched any more.
    fn match_nothing(&mut self, state: usize, width: usize) {
        self.alive |= 1 << state;
        self.counts[state] = 0;
        self.rows[state * width..(state + 1) * width].fill(UNMATCHED);
    }
}

impl Block {
    /// Satisfies as many steps as possible, the required ones among them, and writes the least matches in step order.
    /// How many are satisfied.
    fn settle(&mut self, candidates: &[Candidate], steps: BlockSteps) -> u32 {
        let all = steps.required | steps.optional;
        let alone = candidates.iter().all(|candidate| (candidate.mask & all).count_ones() <= 1);
        self.taken.clear();
        self.taken.resize(candidates.len(), false);
        if alone || all.count_ones() == 1 {
            return bits(all).map(|step| u32::from(self.take_least(candidates, step, |_| true))).sum();
        }
        let mut left = self.rank(candidates, steps).unwrap_or(0);
        let count = left;
        let mut rest = steps;
        for step in bits(all) {
            let required = rest.required >> step & 1 == 1;
            rest.required &= !(1 << step);
            rest.optional &= !(1 << step);
            let taken = self.take_least(candidates, step, |block| block.rank(candidates, rest) == left.checked_sub(1));
            debug_assert!(taken || !required, "the required steps of an instant can be matched together");
            left -= u32::from(taken);
        }
        count
    }

    /// Gives `step` the first free candidate that leaves the rest possible.
    fn take_least(&mut self, candidates: &[Candidate], step: usize, possible: impl Fn(&mut Self) -> bool) -> bool {
        for (number, candidate) in candidates.iter().enumerate() {
            if self.taken[number] || candidate.mask >> step & 1 == 0 {
                continue;
            }
            self.taken[number] = true;
            if possible(self) {
                self.matches[step] = candidate.position;
                return true;
            }
            self.taken[number] = false;
        }
        self.matches[step] = UNMATCHED;
        false
    }

    /// How many steps the free candidates can satisfy; `None` where not all required ones.
    fn rank(&mut self, candidates: &[Candidate], steps: BlockSteps) -> Option<u32> {
        let taken = &self.taken;
        self.matching.clear();
        let matching = &mut self.matching;
        let mut place = |step: usize| {
            matching.place(step, |step| {
                let free =
                    move |(number, candidate): &(usize, &Candidate)| !taken[*number] && candidate.mask >> step & 1 == 1;
                candidates.iter().enumerate().filter(free).map(|(number, _)| number as u32)
            })
        };
        if !bits(steps.required).all(&mut place) {
            return None;
        }
        let optional = bits(steps.optional).filter(|&step| place(step)).count() as u32;
        Some(steps.required.count_ones() + optional)
    }

    /// Marks the steps of a range that are not of the block as left out.
    fn leave_out_but(&mut self, block: BlockSteps, range: std::ops::Range<usize>) {
        let all = block.required | block.optional;
        range.filter(|step| all >> step & 1 == 0).for_each(|step| self.matches[step] = UNMATCHED);
    }
}

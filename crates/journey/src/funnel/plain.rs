//! The plain funnel: steps in order, all required, under at most a total window, with nothing excluded and nothing held.
//! Where no event satisfies two steps, one forward pass finds its best chain.
//!
//! The pass keeps, of the chains of so many matches, until when the one of the latest entry may go on. The best chain
//! completes at T, the first instant at which any chain has as many matches as the furthest: from an entry the earliest
//! matches are the best, an earlier entry completes no later, and none completes before T. So every entry whose window
//! holds T completes at T exactly, and the first of them is the best chain's; the earliest match of each next step follows.

use super::{
    log::UnitLog,
    matching::bits,
    shape::{BreakdownRule, EntryRule, Funnel, FunnelMode, STEPS_MAX},
};

/// The chains of one forward pass.
#[derive(Debug, Clone)]
pub(super) struct PlainPass {
    steps: usize,
    window_ms: i64,
    /// By steps matched, up to `reached`: until when the chain that entered last may go on, closed.
    until: [i64; STEPS_MAX + 1],
    /// How many steps the furthest chain has.
    reached: usize,
    /// Position of the event with which one first had so many.
    completion: usize,
    /// The last instant and the steps met at it: more of its events may follow.
    last: (i64, u32),
    /// Bits of an event beyond its first, if any had several.
    overlap: u32,
}

impl PlainPass {
    /// For a plain funnel; `None` for others.
    pub(super) fn of(funnel: &Funnel) -> Option<Self> {
        let terms = funnel.terms();
        let plain = terms.mode == FunnelMode::Ordered
            && terms.entry == EntryRule::First
            && terms.exclusions.is_empty()
            && !terms.held
            && !matches!(terms.breakdown, BreakdownRule::Step(_))
            && terms.steps.iter().all(|step| !step.optional && step.window_ms.is_none());
        plain.then(|| Self {
            steps: funnel.steps(),
            // Added to an instant it saturates: a chain without a window may always go on.
            window_ms: terms.total_window_ms.unwrap_or(i64::MAX),
            until: [0; STEPS_MAX + 1],
            reached: 0,
            completion: 0,
            last: (0, 0),
            overlap: 0,
        })
    }

    /// Writes the position of each match of the best chain to `out`. False where an event satisfies two steps, and the
    /// chain is another's to find. `entries` are the positions of the first and the last entry in the range.
    pub(super) fn best_chain(
        &mut self,
        log: &(impl UnitLog + ?Sized),
        entries: (usize, usize),
        out: &mut Vec<u32>,
    ) -> bool {
        let (first, last) = entries;
        (self.reached, self.overlap, self.last) = (0, 0, (log.at(first as u32), 0));
        // An entry after the range's last one reaches nothing by then that this one does not.
        let closes_at = log.at(last as u32).saturating_add(self.window_ms);
        self.pass(log, instant_start(log, first), closes_at);
        out.clear();
        if self.overlap != 0 {
            return false;
        }
        self.trace(log, first, out);
        true
    }

    /// Takes events in, from a position to an instant, until all steps are matched.
    fn pass(&mut self, log: &(impl UnitLog + ?Sized), start: usize, closes_at: i64) {
        let mask = u32::MAX >> (STEPS_MAX - self.steps);
        let events = log.steps(start, log.count()).take_while(|(at, _)| *at <= closes_at);
        for (position, (at, steps)) in (start..).zip(events) {
            let steps = steps & mask;
            self.overlap |= steps & steps.wrapping_sub(1);
            if at != self.last.0 {
                self.last = (at, steps);
                self.reach(steps, at, position);
            } else {
                // At one instant events match in any needed order: those met at it count once more, each in its step's turn.
                self.last.1 |= steps;
                bits(self.last.1).for_each(|step| self.reach(1 << step, at, position));
            }
            if self.reached == self.steps {
                break;
            }
        }
    }

    /// Matches the step of this mask, if any.
    #[inline]
    fn reach(&mut self, steps: u32, at: i64, position: usize) {
        let step = steps.trailing_zeros() as usize;
        let until = if step == 0 { at.saturating_add(self.window_ms) } else { self.until[step.min(STEPS_MAX)] };
        if step <= self.reached && at <= until {
            self.until[step + 1] = until;
            if step == self.reached {
                (self.reached, self.completion) = (step + 1, position);
            }
        }
    }

    /// Writes down the best chain, from the first entry whose window holds its completion; none is before `first`, and one
    /// after the range is never the first.
    fn trace(&self, log: &(impl UnitLog + ?Sized), first: usize, out: &mut Vec<u32>) {
        let end = self.completion + 1;
        let completed_at = log.at(self.completion as u32);
        let open = |(_, (at, _)): &(usize, (i64, u32))| at.saturating_add(self.window_ms) >= completed_at;
        let before = (first..end).zip(log.steps(first, end)).rev().take_while(open);
        let mut matched = before.filter(|(_, (_, steps))| steps & 1 == 1).map(|(position, _)| position).last();
        for step in 0..self.reached {
            let Some(position) = matched else { break };
            out.push(position as u32);
            if step + 1 < self.reached {
                let start = instant_start(log, position);
                let mut later = log.steps(start, end);
                matched = later.position(|(_, steps)| steps >> (step + 1) & 1 == 1).map(|ahead| start + ahead);
            }
        }
    }
}

/// Position of the first event of the instant at which this one lies.
fn instant_start(log: &(impl UnitLog + ?Sized), position: usize) -> usize {
    let at = log.at(position as u32);
    position - log.steps(0, position).rev().take_while(|(before, _)| *before == at).count()
}

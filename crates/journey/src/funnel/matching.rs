//! Which steps distinct events can satisfy together, each event at most one: a matching, grown step by step or event by
//! event. Fixed arrays, since a funnel has at most 32 steps.

use super::shape::STEPS_MAX;

/// No event, no step.
const NONE: u32 = u32::MAX;

/// An assignment of steps to distinct events.
#[derive(Debug, Clone)]
pub(super) struct Matching {
    /// By step: the event that satisfies it, as a number that the caller gives.
    events: [u32; STEPS_MAX],
    /// Bits of the steps that have an event.
    placed: u32,
}

impl Default for Matching {
    fn default() -> Self {
        Self { events: [NONE; STEPS_MAX], placed: 0 }
    }
}

impl Matching {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.placed = 0;
    }

    /// Gives `step` an event, moving other steps to other events where needed. On failure nothing has moved.
    ///
    /// `able` says by step which events satisfy it. A step without an event must not have been placed before.
    pub(super) fn place<I: Iterator<Item = u32>>(&mut self, step: usize, able: impl Fn(usize) -> I) -> bool {
        // Breadth first over steps that would have to move; `origins` says who asks for a step's event.
        let mut origins = [NONE; STEPS_MAX];
        let mut queue = [0_usize; STEPS_MAX];
        let (mut head, mut tail, mut seen) = (0, 1, 1_u32 << step);
        queue[0] = step;
        while head < tail {
            let asking = queue[head];
            head += 1;
            for event in able(asking) {
                match self.holder(event) {
                    None => {
                        self.hand_on(asking, event, &origins);
                        self.placed |= 1 << step;
                        return true;
                    }
                    Some(holder) if seen >> holder & 1 == 0 => {
                        seen |= 1 << holder;
                        origins[holder] = asking as u32;
                        queue[tail] = holder;
                        tail += 1;
                    }
                    Some(_) => {}
                }
            }
        }
        false
    }

    /// The step that has this event.
    fn holder(&self, event: u32) -> Option<usize> {
        bits(self.placed).find(|&step| self.events[step] == event)
    }

    /// Gives `event` to `step`, and what `step` had to the one that asked for it, and so on.
    fn hand_on(&mut self, mut step: usize, mut event: u32, origins: &[u32; STEPS_MAX]) {
        loop {
            let former = std::mem::replace(&mut self.events[step], event);
            if origins[step] == NONE {
                return;
            }
            (step, event) = (origins[step] as usize, former);
        }
    }
}

/// Steps that events have raised one by one: only the events' masks matter.
#[derive(Debug, Clone, Default)]
pub(super) struct Raising {
    /// By step: mask of the event that satisfies it.
    masks: [u32; STEPS_MAX],
    /// Bits of the steps that have an event.
    placed: u32,
}

impl Raising {
    /// Takes an event that satisfies the steps of `mask` in; true where one more step is satisfied with it.
    pub(super) fn raise(&mut self, mask: u32) -> bool {
        let mut origins = [NONE; STEPS_MAX];
        let (mut seen, mut open) = (mask, mask);
        // A free step is reached by moving the events of the steps on the way.
        while open != 0 {
            let step = open.trailing_zeros() as usize;
            open &= open - 1;
            if self.placed >> step & 1 == 0 {
                self.hand_on(step, mask, &origins);
                return true;
            }
            let further = self.masks[step] & !seen;
            bits(further).for_each(|next| origins[next] = step as u32);
            seen |= further;
            open |= further;
        }
        false
    }

    /// Moves events along the way to a free step, so that the new event has a place.
    fn hand_on(&mut self, mut step: usize, mask: u32, origins: &[u32; STEPS_MAX]) {
        self.placed |= 1 << step;
        while origins[step] != NONE {
            let origin = origins[step] as usize;
            self.masks[step] = self.masks[origin];
            step = origin;
        }
        self.masks[step] = mask;
    }
}

/// Positions of the set bits, ascending.
pub(super) fn bits(mut mask: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (mask != 0).then(|| mask.trailing_zeros() as usize)?;
        mask &= mask - 1;
        Some(bit)
    })
}

/// Positions of the set bits, descending.
pub(super) fn bits_down(mut mask: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = mask.checked_ilog2()?;
        mask &= !(1 << bit);
        Some(bit as usize)
    })
}

//! How far a unit got, and nothing else: the counts of the commonest funnel in one short pass.

use model::UtcMillis;

use super::{EntryRange, shape::Funnel, shape::FunnelMode};
use crate::{BreakdownRule, EntryRule};

/// Counts the steps that a unit reaches, for funnels whose steps are all required, in order, under at most a total window,
/// and of whose steps no event satisfies two. What it says equals [`FunnelFold`](super::FunnelFold)'s `reached`.
#[derive(Debug, Clone)]
pub struct FunnelLevels {
    steps: usize,
    window_ms: i64,
    /// By steps matched: the latest entry from which a chain has matched so many; of none, the instant at hand.
    entered: [i64; STEPS_MAX + 1],
    /// The last instant and the masks met at it: more of its events may follow.
    last: (i64, u32),
}

/// Steps that fit a mask.
const STEPS_MAX: usize = 32;
/// No chain: so long ago that no window reaches it.
const NEVER: i64 = i64::MIN / 4;

impl FunnelLevels {
    /// For a funnel of that kind; `None` for others. `masks` are all the step masks that an event can have.
    #[must_use]
    pub fn of(funnel: &Funnel, masks: impl IntoIterator<Item = u32>) -> Option<Self> {
        let terms = funnel.terms();
        let plain = terms.mode == FunnelMode::Ordered
            && terms.entry == EntryRule::First
            && terms.exclusions.is_empty()
            && !terms.held
            && terms.breakdown == BreakdownRule::None
            && terms.steps.iter().all(|step| !step.optional && step.window_ms.is_none());
        let alone = masks.into_iter().all(|mask| mask.count_ones() <= 1);
        // A chain that never began is older than any window.
        let window_ms = terms.total_window_ms.unwrap_or(i64::MAX).min(i64::MAX / 8);
        (plain && alone).then(|| Self {
            steps: funnel.steps(),
            window_ms,
            entered: [NEVER; STEPS_MAX + 1],
            last: (NEVER, 0),
        })
    }

    /// Starts the next unit.
    pub fn begin(&mut self) {
        self.entered.fill(NEVER);
        self.last = (NEVER, 0);
    }

    /// Takes in the unit's next events: instants in milliseconds, not descending from call to call, each with its step mask.
    pub fn events(&mut self, at: &[i64], masks: &[u32], range: EntryRange) {
        for (&now, &mask) in at.iter().zip(masks) {
            if now != self.last.0 {
                self.last = (now, mask);
                self.reach(mask, now, range);
                continue;
            }
            // At one instant events match in any needed order: those met at it count once more, each in its step's turn.
            self.last.1 |= mask;
            let mut here = self.last.1;
            while here != 0 {
                self.reach(here, now, range);
                here &= here - 1;
            }
        }
    }

    /// How many steps the unit reached.
    #[must_use]
    pub fn reached(&self) -> usize {
        self.entered[1..].iter().take_while(|entered| **entered != NEVER).count()
    }

    /// Matches the least step of the mask. Without a branch, since what comes next cannot be foreseen.
    #[inline]
    fn reach(&mut self, mask: u32, now: i64, range: EntryRange) {
        let step = mask.trailing_zeros() as usize;
        if step >= self.steps.min(STEPS_MAX) {
            return;
        }
        self.entered[0] = if range.contains(UtcMillis(now)) { now } else { NEVER };
        let entered = self.entered[step];
        let reaches = now - entered <= self.window_ms;
        self.entered[step + 1] = if reaches { entered } else { self.entered[step + 1] };
    }
}

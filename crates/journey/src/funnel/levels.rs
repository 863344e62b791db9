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
    /// By step: the latest entry from which a chain has reached it.
    entered: Vec<i64>,
    /// The last instant and the masks met at it: more of its events may follow.
    last: (i64, u32),
}

/// No chain.
const NEVER: i64 = i64::MIN;

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
        let window_ms = terms.total_window_ms.unwrap_or(i64::MAX);
        (plain && alone).then(|| Self {
            steps: funnel.steps(),
            window_ms,
            entered: vec![NEVER; funnel.steps()],
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
            // At one instant events match in any needed order: those met at it count once more, each in its step's turn.
            let mut here = if now == self.last.0 { self.last.1 | mask } else { mask };
            self.last = (now, here);
            while here != 0 {
                let step = here.trailing_zeros() as usize;
                here &= here - 1;
                self.reach(step, now, range);
            }
        }
    }

    /// How many steps the unit reached.
    #[must_use]
    pub fn reached(&self) -> usize {
        self.entered.iter().take_while(|entered| **entered != NEVER).count()
    }

    fn reach(&mut self, step: usize, now: i64, range: EntryRange) {
        let Some(before) = step.checked_sub(1) else {
            if range.contains(UtcMillis(now)) {
                self.entered[0] = now;
            }
            return;
        };
        if step < self.steps {
            let entered = self.entered[before];
            if entered != NEVER && now.saturating_sub(entered) <= self.window_ms {
                self.entered[step] = entered;
            }
        }
    }
}

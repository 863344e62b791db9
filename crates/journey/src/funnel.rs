//! Funnels (section 8): how far each unit got through a series of steps, N events × n steps.
//!
//! In reading order: a [`Funnel`] is what is asked, [`FunnelEvent`]s are what a unit did, a [`FunnelFold`] makes
//! [`FunnelOutcomes`] of them, and a [`FunnelGroup`] adds these up to a [`FunnelReport`].
//!
//! A chain is a sequence of distinct events with non-decreasing instants, one a step from the first on. Events at one
//! instant match in any needed order, whatever their keys. The best chain is the one with the furthest required step;
//! then the earliest entry, completion and required matches between in step order; then the most optional steps; then
//! the earliest instants and least keys in step order.
//!
//! [`run`] is the short way for the commonest funnel: all steps required, in order, under one total window.

mod any_order;
mod backward;
mod counts;
mod fill;
mod fold;
mod forward;
mod group;
mod matching;
mod passes;
mod report;
mod runs;
mod shape;
mod track;

use model::UtcMillis;

use crate::JourneyError;

pub use fold::FunnelFold;
pub use group::FunnelGroup;
pub use report::{FunnelLine, FunnelReport, FunnelTable, SurvivalStep};
pub use runs::{BreakdownRow, FunnelEvent, FunnelOutcome, FunnelOutcomes, StepMatch};
pub use shape::{BreakdownRule, EntryRule, Funnel, FunnelExclusion, FunnelMode, FunnelTerms, StepRule};

/// One event that satisfies a step or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepEvent {
    /// When.
    pub at: UtcMillis,
    /// The event's key; breaks ties of `at`.
    pub key: u128,
    /// Bit k is set where the event satisfies step k, from 0. No bit: the event changes nothing.
    pub step_mask: u32,
}

/// How many steps a funnel has, and how long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunnelShape {
    /// `1..=32`.
    steps: usize,
    /// From the first step; closed at both ends. Not negative.
    window_ms: i64,
}

/// Instants at which a unit may enter: half open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryRange {
    /// First instant inside.
    pub from: UtcMillis,
    /// First instant after.
    pub to: UtcMillis,
}

/// One unit's way through a funnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunnelRun {
    /// How many steps it reached, at least 1.
    pub reached: usize,
    /// Position of the event that satisfied each step reached.
    pub matched: Vec<usize>,
    /// Instant of the first match.
    pub entered_at: UtcMillis,
    /// Instant of the last match: the completion, where all steps were reached.
    pub completed_at: UtcMillis,
    /// Instant of the latest entry in the range, of this chain or not: where an unconverted unit is censored.
    pub last_entry_at: UtcMillis,
    /// From this horizon on the windows of all entries in the range have closed.
    pub mature_at: UtcMillis,
}

impl FunnelShape {
    /// Most steps of a funnel.
    pub const STEPS_MAX: usize = 32;
    /// Longest total window, in hours: ten years.
    pub const WINDOW_HOURS_MAX: i64 = 87_600;

    /// A funnel of `steps` steps within `window_hours` hours.
    ///
    /// # Errors
    /// [`JourneyError`] where a number is out of its range.
    pub fn new(steps: usize, window_hours: i64) -> Result<Self, JourneyError> {
        if !(1..=Self::STEPS_MAX).contains(&steps) {
            return Err(JourneyError::Steps { found: steps });
        }
        if !(0..=Self::WINDOW_HOURS_MAX).contains(&window_hours) {
            return Err(JourneyError::Window { found: window_hours });
        }
        Ok(Self { steps, window_ms: window_hours * UtcMillis::HOUR_MS })
    }

    /// How many steps it has, `1..=32`.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The same as the funnel that a fold runs.
    #[must_use]
    pub fn funnel(&self) -> Funnel {
        let terms = FunnelTerms {
            steps: vec![StepRule::default(); self.steps],
            total_window_ms: Some(self.window_ms),
            ..FunnelTerms::default()
        };
        Funnel::new(terms).expect("a shape has 1 to 32 required steps and a window that is not negative")
    }
}

impl EntryRange {
    /// Every instant.
    pub const ALL: Self = Self { from: UtcMillis(i64::MIN), to: UtcMillis(i64::MAX) };

    /// True where an entry at this instant counts.
    #[must_use]
    pub fn contains(&self, at: UtcMillis) -> bool {
        self.from <= at && at < self.to
    }
}

/// The best chain over all entries of ONE unit in the range; `None` where it never enters.
///
/// `events` are sorted by (at, key) and may reach beyond the range's end: later steps may lie there.
#[must_use]
pub fn run(events: &[StepEvent], shape: FunnelShape, range: EntryRange) -> Option<FunnelRun> {
    debug_assert!(events.is_sorted_by_key(|event| (event.at, event.key)), "funnel events are sorted by (at, key)");
    let seen = |event: &StepEvent| FunnelEvent { at: event.at, step_mask: event.step_mask, ..FunnelEvent::default() };
    let events: Vec<FunnelEvent> = events.iter().map(seen).collect();
    let mut fold = FunnelFold::new(shape.funnel());
    let outcome = fold.run(&events, range, UtcMillis(i64::MAX)).iter().next()?;
    let last_entry_at = outcome.last_entry_at;
    Some(FunnelRun {
        reached: outcome.reached as usize,
        matched: outcome.matched.iter().flatten().map(|step| step.position as usize).collect(),
        entered_at: outcome.entry.at,
        completed_at: outcome.matched.iter().flatten().last()?.at,
        last_entry_at,
        mature_at: last_entry_at.plus_ms(shape.window_ms),
    })
}

//! What a funnel asks of a chain: steps, windows, order, exclusions, held properties, entries and breakdown.

use crate::JourneyError;

pub use model::{EntryRule, FunnelMode};

/// Most steps of a funnel: the bits of a mask.
pub(crate) const STEPS_MAX: usize = 32;

/// One step. Which events satisfy it is settled before: see [`FunnelEvent::step_mask`](crate::FunnelEvent::step_mask).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StepRule {
    /// May be left out of a chain. Never the first.
    pub optional: bool,
    /// Longest time from the last matched required step to this one, closed, in milliseconds; not negative. Never on the
    /// first step, which follows nothing.
    pub window_ms: Option<i64>,
}

/// Two required steps, counted from 0, between which an exclusion event must not lie.
///
/// Which events exclude is settled before: see [`FunnelEvent::exclusion_mask`](crate::FunnelEvent::exclusion_mask).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunnelExclusion {
    /// The step at whose match it begins.
    pub from: usize,
    /// The last step that it forbids.
    pub to: usize,
}

/// Whose breakdown value names a run's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BreakdownRule {
    /// One row for all.
    #[default]
    None,
    /// The first matched event that has a value.
    First,
    /// The last matched event that has a value.
    Last,
    /// The match of the step of this index, from 0.
    Step(usize),
}

/// A funnel as it is written down; [`Funnel::new`] judges it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FunnelTerms {
    /// In order; `1..=32`.
    pub steps: Vec<StepRule>,
    /// In what order they count.
    pub mode: FunnelMode,
    /// Longest time from the first step to any other, closed, in milliseconds; not negative.
    pub total_window_ms: Option<i64>,
    /// What must not come between; at most 32.
    pub exclusions: Vec<FunnelExclusion>,
    /// Whether all events of a chain must have the same [`held`](crate::FunnelEvent::held) value, and one at all.
    pub held: bool,
    /// How many runs a unit has.
    pub entry: EntryRule,
    /// What names a run's row.
    pub breakdown: BreakdownRule,
}

/// A funnel that the law accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Funnel {
    terms: FunnelTerms,
    /// Step of each required step, in order.
    required: Vec<usize>,
    /// By step: how many required steps come before it. For a required step, its place among them.
    ordinals: Vec<usize>,
    /// The steps that the passes over a unit decide: the required ones, and in `strict` the optional ones too, since a
    /// match of one can excuse an event that would break the chain.
    stations: Vec<usize>,
    /// Bits of the stations.
    station_mask: u32,
}

impl Funnel {
    /// Most steps of a funnel.
    pub const STEPS_MAX: usize = STEPS_MAX;
    /// Most exclusions of a funnel.
    pub const EXCLUSIONS_MAX: usize = 32;

    /// Judges the terms.
    ///
    /// # Errors
    /// [`JourneyError`] names the first term that the law refuses.
    pub fn new(terms: FunnelTerms) -> Result<Self, JourneyError> {
        refuse_steps(&terms)?;
        refuse_exclusions(&terms)?;
        let steps = terms.steps.len();
        if let BreakdownRule::Step(found) = terms.breakdown
            && found >= steps
        {
            return Err(JourneyError::BreakdownStep { found, steps });
        }
        if terms.mode == FunnelMode::AnyOrder {
            refuse_in_any_order(&terms)?;
        }
        let required: Vec<usize> = (0..steps).filter(|&step| !terms.steps[step].optional).collect();
        let ordinals = (0..steps).map(|step| required.partition_point(|&other| other < step)).collect();
        let stations = if terms.mode == FunnelMode::Strict { (0..steps).collect() } else { required.clone() };
        let station_mask = stations.iter().fold(0, |mask, step| mask | 1 << step);
        Ok(Self { terms, required, ordinals, stations, station_mask })
    }

    /// What it asks.
    #[must_use]
    pub fn terms(&self) -> &FunnelTerms {
        &self.terms
    }

    /// How many steps it has, `1..=32`.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.terms.steps.len()
    }

    /// The required steps, counted from 0, in order. In `any_order` all are.
    #[must_use]
    pub fn required(&self) -> &[usize] {
        &self.required
    }

    /// The required step before this one; `None` for the first step.
    #[must_use]
    pub fn previous_required(&self, step: usize) -> Option<usize> {
        let before = self.ordinals.get(step)?.checked_sub(1)?;
        self.required.get(before).copied()
    }

    /// How long an entry can stay open, in milliseconds: the smaller of the total window and the sum of the required
    /// steps' windows. `None`: for ever, and no run is ever mature.
    #[must_use]
    pub fn maturity_window_ms(&self) -> Option<i64> {
        let later = self.required.get(1..).filter(|later| !later.is_empty());
        let sum = later.and_then(|later| {
            later.iter().try_fold(0_i64, |sum, &step| Some(sum.saturating_add(self.terms.steps[step].window_ms?)))
        });
        self.terms.total_window_ms.into_iter().chain(sum).min()
    }

    /// How many required steps come before `step`.
    pub(super) fn ordinal(&self, step: usize) -> usize {
        self.ordinals[step]
    }

    /// Steps that the passes decide, in order.
    pub(super) fn stations(&self) -> &[usize] {
        &self.stations
    }

    /// Which station a step is, where it is one.
    pub(super) fn state(&self, step: usize) -> usize {
        if self.is_strict() { step } else { self.ordinals[step] }
    }

    /// Bits of the steps.
    pub(super) fn step_mask(&self) -> u32 {
        u32::MAX >> (STEPS_MAX - self.steps())
    }

    /// Bits of the stations.
    pub(super) fn station_mask(&self) -> u32 {
        self.station_mask
    }

    /// True where some step may be left out.
    pub(super) fn has_optional_steps(&self) -> bool {
        self.required.len() < self.steps()
    }

    /// True where a pass must weigh chains that leave a station out.
    pub(super) fn has_optional_stations(&self) -> bool {
        self.required.len() < self.stations.len()
    }

    /// True where other session events break a chain.
    pub(super) fn is_strict(&self) -> bool {
        self.terms.mode == FunnelMode::Strict
    }
}

fn refuse_steps(terms: &FunnelTerms) -> Result<(), JourneyError> {
    if !(1..=STEPS_MAX).contains(&terms.steps.len()) {
        return Err(JourneyError::Steps { found: terms.steps.len() });
    }
    if terms.steps[0].optional {
        return Err(JourneyError::FirstStep { found: "is optional" });
    }
    if terms.steps[0].window_ms.is_some() {
        return Err(JourneyError::FirstStep { found: "has a window" });
    }
    let windows = terms.steps.iter().filter_map(|step| step.window_ms).chain(terms.total_window_ms);
    match windows.min() {
        Some(found) if found < 0 => Err(JourneyError::WindowMs { found }),
        _ => Ok(()),
    }
}

fn refuse_exclusions(terms: &FunnelTerms) -> Result<(), JourneyError> {
    if terms.exclusions.len() > Funnel::EXCLUSIONS_MAX {
        return Err(JourneyError::Exclusions { found: terms.exclusions.len() });
    }
    for exclusion in &terms.exclusions {
        let required = |step: usize| terms.steps.get(step).is_some_and(|step| !step.optional);
        if !required(exclusion.from) || !required(exclusion.to) || exclusion.from >= exclusion.to {
            return Err(JourneyError::ExclusionSteps { from: exclusion.from, to: exclusion.to });
        }
    }
    Ok(())
}

fn refuse_in_any_order(terms: &FunnelTerms) -> Result<(), JourneyError> {
    let found = [
        (!terms.exclusions.is_empty(), "exclusions"),
        (terms.steps.iter().any(|step| step.optional), "optional steps"),
        (terms.steps.iter().any(|step| step.window_ms.is_some()), "step windows"),
        (terms.entry == EntryRule::Every, "entry rule \"every\""),
        (matches!(terms.breakdown, BreakdownRule::Step(_)), "a breakdown by a named step"),
    ];
    match found.into_iter().find(|(asked, _)| *asked) {
        Some((_, found)) => Err(JourneyError::AnyOrder { found }),
        None => Ok(()),
    }
}

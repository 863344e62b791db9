//! Ordered funnels (section 8): the best chain of one unit, found in a forward and a backward pass, N events × n steps.
//!
//! All steps are required, under one total window, with entry rule `first`. A chain is a sequence of distinct events with
//! non-decreasing instants, one per step from the first on. Events at one instant match in any needed order, whatever
//! their keys. The best chain is the one with the furthest step; then the earliest entry, completion and matches between
//! in step order; then the least keys in step order.

use model::{FunnelDefinition, UtcMillis};

use crate::{
    JourneyError,
    instant::{least_match, steps_matched},
};

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

impl StepEvent {
    /// True where the event satisfies the step, counted from 0 and below 32.
    pub(crate) fn satisfies(&self, step: usize) -> bool {
        self.step_mask >> step & 1 == 1
    }
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

    /// True where a match at `at` is within the window of an entry at `entered_at`.
    fn spans(&self, entered_at: UtcMillis, at: UtcMillis) -> bool {
        at <= entered_at.plus_ms(self.window_ms)
    }
}

impl TryFrom<&FunnelDefinition> for FunnelShape {
    type Error = JourneyError;

    fn try_from(definition: &FunnelDefinition) -> Result<Self, JourneyError> {
        Self::new(definition.steps.len(), definition.window_hours)
    }
}

impl EntryRange {
    /// Every instant.
    pub const ALL: Self = Self { from: UtcMillis(i64::MIN), to: UtcMillis(i64::MAX) };

    fn contains(&self, at: UtcMillis) -> bool {
        self.from <= at && at < self.to
    }
}

/// The best chain over all entries of ONE unit in the range; `None` where it never enters.
///
/// `events` are sorted by (at, key) and may reach beyond the range's end: later steps may lie there.
#[must_use]
pub fn run(events: &[StepEvent], shape: FunnelShape, range: EntryRange) -> Option<FunnelRun> {
    debug_assert!(events.is_sorted_by_key(|event| (event.at, event.key)), "funnel events are sorted by (at, key)");
    let last_entry_at = events.iter().rfind(|event| event.satisfies(0) && range.contains(event.at))?.at;
    let reached = furthest_step(events, shape, range);
    let entered_at = earliest_entry(events, FunnelShape { steps: reached, ..shape }, range)?;
    let matched = earliest_chain(events, entered_at, reached);
    let completed_at = events[*matched.last()?].at;
    let mature_at = last_entry_at.plus_ms(shape.window_ms);
    Some(FunnelRun { reached, matched, entered_at, completed_at, last_entry_at, mature_at })
}

/// How many steps the furthest chain reaches.
fn furthest_step(events: &[StepEvent], shape: FunnelShape, range: EntryRange) -> usize {
    // By steps reached: the latest entry of a chain that got there. A later entry allows whatever an earlier one does.
    let mut entries: Vec<Option<UtcMillis>> = vec![None; shape.steps + 1];
    for instant in instants(events) {
        let at = instant[0].at;
        // From the last step down, so that a chain uses an instant once.
        for reached in (0..shape.steps).rev() {
            let entry = if reached == 0 { range.contains(at).then_some(at) } else { entries[reached] };
            let Some(entry) = entry.filter(|&entry| shape.spans(entry, at)) else { continue };
            let matched = steps_matched(instant, reached, shape.steps);
            for better in entries.iter_mut().skip(reached + 1).take(matched) {
                *better = (*better).max(Some(entry));
            }
        }
    }
    entries.iter().rposition(Option::is_some).unwrap_or(0)
}

/// The earliest entry from which all steps can be reached; `None` where there is none.
fn earliest_entry(events: &[StepEvent], shape: FunnelShape, range: EntryRange) -> Option<UtcMillis> {
    // By steps reached: when the rest is completed at the earliest, by the events seen so far, which are the later ones.
    let mut completions: Vec<Option<UtcMillis>> = vec![None; shape.steps];
    let mut earliest = None;
    for instant in instants(events).rev() {
        let at = instant[0].at;
        // From the first step up, so that a chain uses an instant once.
        for reached in 0..shape.steps {
            let matched = steps_matched(instant, reached, shape.steps);
            if matched == 0 {
                continue;
            }
            // Matching as many steps as possible at once, and now instead of later, never makes the rest later.
            let completion = completions.get(reached + matched).map_or(Some(at), |completion| *completion);
            if reached == 0 && range.contains(at) && completion.is_some_and(|end| shape.spans(at, end)) {
                earliest = Some(at);
            }
            completions[reached] = completion;
        }
    }
    earliest
}

/// The events of the earliest chain from an entry on. Going as far as possible at each instant makes every match earliest.
fn earliest_chain(events: &[StepEvent], entered_at: UtcMillis, reached: usize) -> Vec<usize> {
    let mut position = events.partition_point(|event| event.at < entered_at);
    let mut matched = Vec::with_capacity(reached);
    for instant in instants(&events[position..]) {
        let from = matched.len();
        let to = from + steps_matched(instant, from, reached);
        matched.extend(least_match(instant, from, to).into_iter().map(|offset| position + offset));
        position += instant.len();
        if to == reached {
            break;
        }
    }
    matched
}

/// The events, instant by instant.
fn instants(events: &[StepEvent]) -> impl DoubleEndedIterator<Item = &[StepEvent]> {
    events.chunk_by(|a, b| a.at == b.at)
}

//! The generator's funnels as a steward writes them, and as questions ask them.

use std::collections::BTreeSet;

use definitions::Definitions;
use fastrand::Rng;
use model::UtcMillis;

use super::question::Question;
use crate::{
    case::{Breakdown, Entry, Event, Mode, Options},
    generator::{case, plain_case},
};

/// 2026-03-02, a Monday, UTC.
pub const ORIGIN_MS: i64 = 1_772_409_600_000;
/// One day, milliseconds.
pub const DAY_MS: i64 = 86_400_000;
/// The generator's starts are whole numbers of it.
const HALF_DAY_MS: i64 = 43_200_000;
/// The tick of the generator's cases that are taken.
const SECOND_MS: i64 = 1_000;
/// Names that events have.
const NAMES: u8 = 8;

/// What the events of the test offer to funnels.
const EVENTS: &str = "semantic_model: events
status: approved
table: events
columns:
  event: text
  occurred_at: instant
  what: { kind: text, property: what }
  held: { kind: text, property: held }
  left: { kind: text, property: left }
  right: { kind: text, property: right }
  breakdown: { kind: text, property: breakdown }
date_bases: { event_date: occurred_at }
dimensions: { breakdown: breakdown }
measures: { count: { agg: count } }
";

/// One funnel and how it is asked.
#[derive(Debug, Clone)]
pub struct OptionSet {
    /// Its number: `f17_person`, `f17_device`, … are its definitions.
    pub number: usize,
    /// What the oracle is told.
    pub options: Options,
    /// Whether a question names the breakdown, not the definition.
    pub asked_breakdown: bool,
    /// Whether two columns are held together, not one.
    held_twice: bool,
    /// Bit k: step k tells its events by a property; bit 16 + k: exclusion k does.
    by_property: u32,
}

/// A case of the generator on a clock that ticks in days, so that ranges are whole days: each log has its events at the
/// first instants of days, or at the last.
pub fn case_in_days(rng: &mut Rng) -> (Vec<Vec<Event>>, Options) {
    loop {
        // A third of the commonest kind, which is folded in a way of its own.
        let (units, options) = if rng.u8(0..3) == 0 { plain_case(rng) } else { case(rng) };
        if let Some((mut units, options)) = in_days(units, options) {
            for log in units.iter_mut().filter(|_| rng.bool()) {
                log.iter_mut().for_each(|event| event.at += DAY_MS - 1);
            }
            return (units, options);
        }
    }
}

/// A case whose clock ticks in seconds, each second a day and its start [`ORIGIN_MS`]; none where the generator drew
/// another clock or a range without a day, which no question can name.
fn in_days(mut units: Vec<Vec<Event>>, mut options: Options) -> Option<(Vec<Vec<Event>>, Options)> {
    let start = (options.range.0 + HALF_DAY_MS / 2).div_euclid(HALF_DAY_MS) * HALF_DAY_MS;
    let instants = units.iter().flatten().map(|event| event.at);
    let offsets: BTreeSet<i64> =
        instants.chain([options.range.0, options.range.1, options.horizon]).map(|at| at - start).collect();
    let ticks_in_seconds = offsets.iter().all(|ms| ms % SECOND_MS == 0 && ms.abs() < HALF_DAY_MS / 2);
    if !ticks_in_seconds || offsets.len() < 2 || options.range.0 >= options.range.1 {
        return None;
    }
    let moved = |at: i64| ORIGIN_MS + (at - start) / SECOND_MS * DAY_MS;
    // A window that ends a millisecond beside a tick still does.
    let widened = |ms: i64| {
        let ticks = (ms + SECOND_MS / 2).div_euclid(SECOND_MS);
        ticks * DAY_MS + (ms - ticks * SECOND_MS)
    };
    units.iter_mut().flatten().for_each(|event| event.at = moved(event.at));
    options.range = (moved(options.range.0), moved(options.range.1));
    options.horizon = moved(options.horizon);
    options.total_window_ms = options.total_window_ms.map(widened);
    options.steps.iter_mut().for_each(|step| step.window_ms = step.window_ms.map(widened));
    Some((units, options))
}

/// All sets as definitions, for each of the units.
///
/// # Panics
/// Where one is refused.
pub fn definitions(sets: &[OptionSet], units: &[&str]) -> Definitions {
    let funnels = sets.iter().flat_map(|set| units.iter().map(|unit| set.definition(unit)));
    let wider = sets.iter().map(|set| set.wider().definition("wider"));
    let text = [EVENTS.to_owned()].into_iter().chain(funnels).chain(wider).collect::<Vec<_>>().join("---\n");
    Definitions::parse(&[("funnels.yaml".to_owned(), text)]).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

impl OptionSet {
    /// These options, written in one of the ways in which they can be.
    pub fn draw(rng: &mut Rng, number: usize, options: Options) -> Self {
        Self {
            number,
            options,
            asked_breakdown: rng.bool(),
            held_twice: rng.bool(),
            by_property: rng.u32(..) & rng.u32(..),
        }
    }

    /// The same with wider windows or none.
    pub fn wider(&self) -> Self {
        let mut wider = self.clone();
        let steps = wider.options.steps.iter_mut().map(|step| &mut step.window_ms);
        for (window, place) in steps.chain([&mut wider.options.total_window_ms]).zip(self.number..) {
            *window = window.filter(|_| place % 3 != 0).map(|width| width * 2 + DAY_MS);
        }
        wider
    }

    /// The funnel for a unit in YAML; `wider` is a person's.
    pub fn definition(&self, unit: &str) -> String {
        let options = &self.options;
        let mut lines = vec![format!("funnel: {}", self.name(unit)), "status: approved".to_owned()];
        lines.push(format!("unit: {}", if unit == "wider" { "person" } else { unit }));
        let mode = match options.mode {
            Mode::Ordered => "ordered",
            Mode::Strict => "strict",
            Mode::AnyOrder => "any_order",
        };
        lines.push(format!("mode: {mode}"));
        lines.push(format!("entry: {}", if options.entry == Entry::Every { "every" } else { "first" }));
        lines.extend(options.total_window_ms.map(|ms| format!("window: {ms}ms")));
        lines.push("steps:".to_owned());
        for (index, step) in options.steps.iter().enumerate() {
            let optional = if step.optional { ", optional: true" } else { "" };
            let window = step.window_ms.map(|ms| format!(", window: {ms}ms")).unwrap_or_default();
            let events = self.events(step.matches, index);
            lines.push(format!("  - {{ label: {}, {events}{optional}{window} }}", label(index)));
        }
        if !options.exclusions.is_empty() {
            lines.push("exclude:".to_owned());
        }
        for (index, exclusion) in options.exclusions.iter().enumerate() {
            let events = self.events(exclusion.matches, 16 + index);
            let (from, to) = (label(exclusion.from), label(exclusion.to));
            lines.push(format!("  - {{ {events}, from: {from}, to: {to} }}"));
        }
        if options.hold {
            lines.push(format!("hold: [{}]", if self.held_twice { "left, right" } else { "held" }));
        }
        if !self.asked_breakdown {
            lines.extend(self.rule().map(|rule| match options.breakdown {
                Breakdown::Step(_) => format!("breakdown: {{ by: breakdown, rule: {{ step: {rule} }} }}"),
                _ => format!("breakdown: {{ by: breakdown, rule: {rule} }}"),
            }));
        }
        lines.join("\n") + "\n"
    }

    /// The question that asks this set of a unit's paths.
    pub fn question(&self, unit: &str) -> Question {
        let day = |at: i64| UtcMillis(at).to_string()[..10].to_owned();
        let (from, after) = self.options.range;
        let mut span = vec![format!("from => '{}'", day(from)), format!("to => '{}'", day(after - DAY_MS))];
        if let Some(rule) = self.rule().filter(|_| self.asked_breakdown) {
            span.extend(["by => 'breakdown'".to_owned(), format!("rule => '{rule}'")]);
        }
        Question {
            funnel: self.name(unit),
            span,
            horizon: format!("horizon => '{}'", UtcMillis(self.options.horizon)),
            steps: self.options.steps.len(),
            falling: self.falling(),
        }
    }

    /// Indexes of the steps at which a run can drop off: the required ones after the first.
    pub fn falling(&self) -> Vec<usize> {
        self.options.required().into_iter().skip(1).collect()
    }

    fn name(&self, unit: &str) -> String {
        format!("f{}_{unit}", self.number)
    }

    /// The breakdown's rule as a question names it.
    fn rule(&self) -> Option<String> {
        match self.options.breakdown {
            Breakdown::None => None,
            Breakdown::First => Some("first".to_owned()),
            Breakdown::Last => Some("last".to_owned()),
            Breakdown::Step(index) => Some(label(index)),
        }
    }

    /// The events of a mask, by their names or by a property of any event.
    fn events(&self, mask: u32, place: usize) -> String {
        let named =
            |wanted: u32| (0..NAMES).filter(move |name| wanted & (1 << name) != 0).map(|name| format!("e{name}"));
        if self.by_property & (1 << place) == 0 {
            return format!("event: [{}]", named(mask).collect::<Vec<_>>().join(", "));
        }
        let every = named(u32::MAX).collect::<Vec<_>>().join(", ");
        let any = named(mask).map(|name| format!("what = '{name}'")).collect::<Vec<_>>().join(" or ");
        format!("event: [{every}], where: \"{any}\"")
    }
}

/// The label of the step of this index.
fn label(index: usize) -> String {
    format!("s{}", index + 1)
}

//! Reads a funnel, and refuses what the law of chains would refuse.

use std::collections::BTreeSet;

use model::{EntryRule, FunnelMode, FunnelUnit};

use crate::{
    document::YamlValue,
    duration,
    event_columns::{self, EventColumns},
    filter::{ColumnRef, Filter},
    funnel::{
        BREAKDOWN_RULES, FunnelBreakdown, FunnelBreakdownRule, FunnelDefinition, FunnelExclusionDefinition, FunnelStep,
    },
    model_reader,
    section::{Section, Spot},
    spelling,
};

const UNITS: [(&str, FunnelUnit); 5] = [
    ("person", FunnelUnit::Person),
    ("device", FunnelUnit::Device),
    ("session", FunnelUnit::Session),
    ("cart", FunnelUnit::Cart),
    ("order", FunnelUnit::Order),
];

const MODES: [(&str, FunnelMode); 3] =
    [("ordered", FunnelMode::Ordered), ("strict", FunnelMode::Strict), ("any_order", FunnelMode::AnyOrder)];

const ENTRIES: [(&str, EntryRule); 2] = [("first", EntryRule::First), ("every", EntryRule::Every)];

/// The longest window, in milliseconds: ten years of 365 days.
const WINDOW_MS_MAX: i64 = 3650 * 86_400_000;

/// What a mode without an order cannot ask for.
const NOT_IN_ANY_ORDER: &str = "belongs to modes ordered and strict only";

/// A funnel under reading.
struct FunnelReader<'a> {
    section: &'a Section<'a>,
    /// None where the semantic model `events` is not defined.
    columns: Option<&'a EventColumns>,
    any_order: bool,
}

/// Reads the keys of `funnel: name` beside name and status.
pub(crate) fn read(name: &str, section: &Section<'_>, columns: Option<&EventColumns>) -> Option<FunnelDefinition> {
    let unit = section.choice("unit", &UNITS);
    let mode = section.choice_or("mode", &MODES, FunnelMode::default());
    let reader = FunnelReader { section, columns, any_order: mode == Some(FunnelMode::AnyOrder) };
    let entry = reader.entry();
    let window_ms = read_window(section);
    let hold = reader.hold();
    let steps = reader.steps();
    let Some(steps) = steps else {
        section.let_stand(&["exclude", "breakdown"]);
        section.finish();
        return None;
    };
    let exclusions = reader.exclusions(&steps);
    let breakdown = reader.breakdown(&steps);
    section.finish();
    Some(FunnelDefinition {
        name: name.to_owned(),
        unit: unit?,
        mode: mode?,
        entry: entry?,
        window_ms: window_ms?,
        exclusions: exclusions?,
        hold: hold?,
        breakdown: breakdown?,
        steps,
    })
}

impl FunnelReader<'_> {
    fn entry(&self) -> Option<EntryRule> {
        let entry = self.section.choice_or("entry", &ENTRIES, EntryRule::default());
        if self.any_order && entry == Some(EntryRule::Every) {
            let problem = format!("entry \"every\" {NOT_IN_ANY_ORDER}, expected first");
            self.section.mistake(self.section.line_of("entry"), problem);
        }
        entry
    }

    fn steps(&self) -> Option<Vec<FunnelStep>> {
        let nodes = self.section.list("steps", 2..=32, "a list of 2 to 32 steps")?;
        let mut labels = BTreeSet::new();
        let mut steps = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let what = format!("step {} of {}", index + 1, self.section.what());
            let Some(section) = self.section.child(node, what) else { continue };
            let step = self.step(&section);
            section.finish();
            let Some(step) = step else { continue };
            self.check_step(&step, index == 0, &section);
            if !labels.insert(step.label.clone()) {
                section.mistake(section.line(), format!("two steps have the label \"{}\"", step.label));
            }
            steps.push(step);
        }
        (steps.len() == nodes.len()).then_some(steps)
    }

    fn step(&self, section: &Section<'_>) -> Option<FunnelStep> {
        let label = section.text("label");
        let events = read_events(section);
        let filter = self.filter(section);
        let optional = section.flag_or("optional", false);
        let window_ms = read_window(section);
        Some(FunnelStep {
            label: label?.text.to_owned(),
            events: events?,
            filter: filter?,
            optional: optional?,
            window_ms: window_ms?,
        })
    }

    /// What only a later step, or only a step in an order, may be.
    fn check_step(&self, step: &FunnelStep, first: bool, section: &Section<'_>) {
        for (key, stands) in [("optional", step.optional), ("window", step.window_ms.is_some())] {
            let problem = match (stands, first) {
                (false, _) => continue,
                (true, false) if !self.any_order => continue,
                (true, false) => format!("key \"{key}\" of a step {NOT_IN_ANY_ORDER}"),
                (true, true) => format!(
                    "{} has the key \"{key}\", which belongs to later steps: a path begins with it; leave the key out",
                    section.what()
                ),
            };
            section.mistake(section.line_of(key), problem);
        }
    }

    fn exclusions(&self, steps: &[FunnelStep]) -> Option<Vec<FunnelExclusionDefinition>> {
        if self.section.optional("exclude").is_none() {
            return Some(Vec::new());
        }
        if self.any_order {
            self.section.mistake(self.section.line_of("exclude"), format!("key \"exclude\" {NOT_IN_ANY_ORDER}"));
            return None;
        }
        let nodes = self.section.list("exclude", 1..=32, "a list of 1 to 32 exclusions")?;
        let mut exclusions = Vec::new();
        for (number, node) in (1..).zip(nodes) {
            let what = format!("exclusion {number} of {}", self.section.what());
            let Some(section) = self.section.child(node, what) else { continue };
            let exclusion = self.exclusion(&section, steps);
            section.finish();
            exclusions.extend(exclusion);
        }
        (exclusions.len() == nodes.len()).then_some(exclusions)
    }

    fn exclusion(&self, section: &Section<'_>, steps: &[FunnelStep]) -> Option<FunnelExclusionDefinition> {
        let events = read_events(section);
        let filter = self.filter(section);
        let last_required = steps.iter().rposition(|step| !step.optional).unwrap_or(0);
        let from = read_end("from", 0, section, steps);
        let to = read_end("to", last_required, section, steps);
        let (events, filter, from, to) = (events?, filter?, from?, to?);
        if from >= to {
            let label = |step: usize| steps.get(step).map_or("", |step| step.label.as_str());
            let (what, from, to) = (section.what(), label(from), label(to));
            let problem = format!("{what} goes from \"{from}\" to \"{to}\", expected a later required step in \"to\"");
            section.mistake(section.line(), problem);
            return None;
        }
        Some(FunnelExclusionDefinition { events, filter, from, to })
    }

    fn hold(&self) -> Option<Vec<ColumnRef>> {
        if self.section.optional("hold").is_none() {
            return Some(Vec::new());
        }
        let spots = self.section.texts("hold")?;
        let scope = &self.event_columns("hold", self.section)?.columns;
        let column = |spot: &Spot<'_>| model_reader::text_column("hold", *spot, scope, self.section);
        let columns: Vec<ColumnRef> = spots.iter().filter_map(column).collect();
        (columns.len() == spots.len()).then_some(columns)
    }

    /// `Some(None)` where there is none, `None` where it is wrong; so for every key that may be absent.
    fn breakdown(&self, steps: &[FunnelStep]) -> Option<Option<FunnelBreakdown>> {
        if self.section.optional("breakdown").is_none() {
            return Some(None);
        }
        let section = self.section.nested("breakdown")?;
        let by = section.text_such_as("by", "a dimension of the semantic model \"events\"");
        let rule = self.breakdown_rule(&section, steps);
        section.finish();
        let scope = &self.event_columns("breakdown", self.section)?.splits;
        let by = model_reader::text_column("by", by?, scope, &section)?;
        Some(Some(FunnelBreakdown { by, rule: rule? }))
    }

    fn breakdown_rule(&self, section: &Section<'_>, steps: &[FunnelStep]) -> Option<FunnelBreakdownRule> {
        const EXPECTED: &str = "first, last or { step: label }";
        let Some(node) = section.optional("rule") else { return Some(FunnelBreakdownRule::First) };
        let YamlValue::Mapping(_) = node.value else {
            let spot = section.as_text("\"rule\"", node, EXPECTED)?;
            let rule = BREAKDOWN_RULES.iter().find(|(word, _)| *word == spot.text).map(|(_, rule)| *rule);
            if rule.is_none() {
                section.mistake(spot.line, format!("\"rule\" is \"{}\", expected {EXPECTED}", spot.text));
            }
            return rule;
        };
        let named = section.child(node, format!("rule of {}", section.what()))?;
        let step = named.text_such_as("step", "the label of a step").and_then(|spot| step_of(spot, steps, &named));
        named.finish();
        if self.any_order {
            named.mistake(named.line(), format!("a breakdown by a step {NOT_IN_ANY_ORDER}, expected first or last"));
        }
        step.map(FunnelBreakdownRule::Step)
    }

    fn filter(&self, section: &Section<'_>) -> Option<Option<Filter>> {
        if section.optional("where").is_none() {
            return Some(None);
        }
        model_reader::read_filter(section, &self.event_columns("where", section)?.columns)
    }

    /// The columns that `key` may name.
    fn event_columns(&self, key: &str, section: &Section<'_>) -> Option<&EventColumns> {
        if self.columns.is_none() {
            let model = event_columns::MODEL;
            let problem = format!(
                "\"{key}\" names columns of the semantic model \"{model}\", which is not defined; define it, or leave \"{key}\" out"
            );
            section.mistake(section.line_of(key), problem);
        }
        self.columns
    }
}

/// The key `window`: a duration.
fn read_window(section: &Section<'_>) -> Option<Option<i64>> {
    let Some(node) = section.optional("window") else { return Some(None) };
    let expected = format!("a duration from 0s to 3650d, such as {}", duration::EXAMPLES);
    let spot = section.as_text("\"window\"", node, &expected)?;
    let window_ms = duration::parse(spot.text).filter(|window_ms| (0..=WINDOW_MS_MAX).contains(window_ms));
    if window_ms.is_none() {
        section.mistake(spot.line, format!("\"window\" is \"{}\", expected {expected}", spot.text));
    }
    window_ms.map(Some)
}

/// The key `event`: one name, or a list of which any will do.
fn read_events(section: &Section<'_>) -> Option<Vec<String>> {
    const EXPECTED: &str = "an event or a list of events";
    let node = section.required("event", EXPECTED)?;
    let spots = match node.value {
        YamlValue::List(_) => section.texts("event")?,
        _ => vec![section.as_text("\"event\"", node, EXPECTED)?],
    };
    let known = |spot: &Spot<'_>| {
        let near = spelling::misspelt_event(spot.text);
        if let Some(near) = near {
            let rule = "a custom event's name must differ from it by more than 2 letters";
            let problem = format!("unknown event \"{}\"; did you mean \"{near}\"? ({rule})", spot.text);
            section.mistake(spot.line, problem);
        }
        near.is_none().then(|| spot.text.to_owned())
    };
    let events: Vec<String> = spots.iter().filter_map(known).collect();
    (events.len() == spots.len()).then_some(events)
}

/// A required step at one end of an exclusion.
fn read_end(key: &'static str, absent: usize, section: &Section<'_>, steps: &[FunnelStep]) -> Option<usize> {
    if section.optional(key).is_none() {
        return Some(absent);
    }
    let spot = section.text(key)?;
    let step = step_of(spot, steps, section)?;
    if steps.get(step).is_some_and(|step| step.optional) {
        let problem = format!("\"{key}\" is \"{}\", which is optional, expected a required step", spot.text);
        section.mistake(spot.line, problem);
        return None;
    }
    Some(step)
}

/// The step that has this label.
fn step_of(spot: Spot<'_>, steps: &[FunnelStep], section: &Section<'_>) -> Option<usize> {
    let step = steps.iter().position(|step| step.label == spot.text);
    if step.is_none() {
        let labels: Vec<&str> = steps.iter().map(|step| step.label.as_str()).collect();
        section.mistake(spot.line, spelling::unknown_among("step", spot.text, &labels));
    }
    step
}

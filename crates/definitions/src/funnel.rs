//! Reads a funnel.

use std::collections::BTreeSet;

use model::{FunnelDefinition, FunnelStep, FunnelUnit};

use crate::{document::YamlNode, section::Section, spelling};

const UNITS: [(&str, FunnelUnit); 3] =
    [("person", FunnelUnit::Person), ("device", FunnelUnit::Device), ("session", FunnelUnit::Session)];

/// The longest window that a steward may set, in hours: 365 days.
pub(crate) const WINDOW_HOURS_MAX: i64 = 8760;

/// Reads the keys of `funnel: name` beside name and status.
pub(crate) fn read(name: &str, section: &Section<'_>) -> Option<FunnelDefinition> {
    let unit = section.choice("unit", &UNITS);
    let window_hours = section.integer("window_hours", 1..=WINDOW_HOURS_MAX);
    let steps = section.list("steps", 2..=32, "a list of 2 to 32 steps").and_then(|nodes| read_steps(nodes, section));
    section.finish();
    Some(FunnelDefinition { name: name.to_owned(), unit: unit?, window_hours: window_hours?, steps: steps? })
}

fn read_steps(nodes: &[YamlNode], funnel: &Section<'_>) -> Option<Vec<FunnelStep>> {
    let mut labels = BTreeSet::new();
    let mut steps = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let Some(section) = funnel.child(node, format!("step {} of {}", index + 1, funnel.what())) else { continue };
        let step = read_step(&section);
        section.finish();
        let Some(step) = step else { continue };
        if !labels.insert(step.label.clone()) {
            section.mistake(section.line(), format!("two steps have the label \"{}\"", step.label));
        }
        steps.push(step);
    }
    (steps.len() == nodes.len()).then_some(steps)
}

fn read_step(section: &Section<'_>) -> Option<FunnelStep> {
    let label = section.text("label");
    let event = section.text("event")?;
    if let Some(known) = spelling::misspelt_event(event.text) {
        let rule = "a custom event's name must differ from it by more than 2 letters";
        let problem = format!("unknown event \"{}\"; did you mean \"{known}\"? ({rule})", event.text);
        section.mistake(event.line, problem);
        return None;
    }
    Some(FunnelStep { label: label?.text.to_owned(), event: event.text.to_owned() })
}

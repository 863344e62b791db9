//! Funnels as stewards define them: steps, windows, order, exclusions, held columns, entries and breakdown.

use model::{EntryRule, FunnelMode, FunnelUnit};

use crate::{
    error::DefinitionError,
    filter::{ColumnRef, Filter},
};

/// The event name that stands for the orders of the shop. It matches facts, never what a page calls so.
pub const ORDER_EVENT: &str = "order_placed";

/// A funnel that the law accepts (`docs/semantics.md`, section 8). All columns are of the semantic model `events`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunnelDefinition {
    /// Name, such as `checkout`.
    pub name: String,
    /// Whose path is followed.
    pub unit: FunnelUnit,
    /// In what order the steps come.
    pub mode: FunnelMode,
    /// How many runs a unit has.
    pub entry: EntryRule,
    /// Longest time from the first step to any other, closed, `0..=315_360_000_000` ms (3650 days); none: no limit.
    pub window_ms: Option<i64>,
    /// In order, `2..=32`, the first required; no two have one label.
    pub steps: Vec<FunnelStep>,
    /// What must not come between, at most 32.
    pub exclusions: Vec<FunnelExclusionDefinition>,
    /// Text columns that must be equal over the whole chain, each once.
    pub hold: Vec<ColumnRef>,
    /// What splits the answer, where the question names nothing else.
    pub breakdown: Option<FunnelBreakdown>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunnelStep {
    /// What people call it.
    pub label: String,
    /// Harmonised event names of which any satisfies it, or [`ORDER_EVENT`]; at least one, each once.
    pub events: Vec<String>,
    /// Which of those events; none: all.
    pub filter: Option<Filter>,
    /// May be left out of a chain. Never the first.
    pub optional: bool,
    /// Longest time from the last matched required step, closed, in ms as [`FunnelDefinition::window_ms`]; none: no
    /// limit. Never on the first step.
    pub window_ms: Option<i64>,
}

/// Events that must not lie between two required steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunnelExclusionDefinition {
    /// Harmonised event names of which any excludes, or [`ORDER_EVENT`]; at least one, each once.
    pub events: Vec<String>,
    /// Which of those events; none: all.
    pub filter: Option<Filter>,
    /// The required step, from 0, at whose match it begins.
    pub from: usize,
    /// The last required step, from 0, that it forbids; after `from`.
    pub to: usize,
}

/// What splits a funnel's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunnelBreakdown {
    /// The text column whose value names a row.
    pub by: ColumnRef,
    /// Which event's value.
    pub rule: FunnelBreakdownRule,
}

/// Which event of a chain names the row of its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunnelBreakdownRule {
    /// The first matched event that has a value.
    First,
    /// The last matched event that has a value.
    Last,
    /// The match of this step, from 0. Never in any order.
    Step(usize),
}

/// Rules that name no step, by how they are written.
pub(crate) const BREAKDOWN_RULES: [(&str, FunnelBreakdownRule); 2] =
    [("first", FunnelBreakdownRule::First), ("last", FunnelBreakdownRule::Last)];

impl FunnelDefinition {
    /// The rule that a question names: `first`, `last`, or the label of a step. A step that is itself labelled `first` or
    /// `last` can be named in a definition only.
    ///
    /// # Errors
    /// [`DefinitionError::NotFound`] with the nearest rule and all others; a step is none where steps come in any order.
    pub fn breakdown_rule(&self, text: &str) -> Result<FunnelBreakdownRule, DefinitionError> {
        let named = if self.mode == FunnelMode::AnyOrder { &[] } else { self.steps.as_slice() };
        let steps = named.iter().zip(0..).map(|(step, index)| (step.label.as_str(), FunnelBreakdownRule::Step(index)));
        let rules: Vec<(&str, FunnelBreakdownRule)> = BREAKDOWN_RULES.into_iter().chain(steps).collect();
        let not_found = || DefinitionError::NotFound {
            kind: "breakdown rule",
            name: text.to_owned(),
            known: rules.iter().map(|(word, _)| (*word).to_owned()).collect(),
        };
        rules.iter().find(|(word, _)| *word == text).map(|(_, rule)| *rule).ok_or_else(not_found)
    }
}

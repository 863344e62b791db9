//! A call becomes a question about people.

use std::{collections::BTreeMap, fmt, sync::Arc};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use datafusion::{catalog::TableProvider, execution::session_state::SessionState, physical_expr::PhysicalExpr};
use definitions::{ColumnRef, FunnelBreakdownRule, FunnelDefinition, ORDER_EVENT};
use journey::{BreakdownRule, EntryRange, Funnel, FunnelExclusion, FunnelLevels, FunnelTerms, SessionRule, StepRule};
use model::{Currency, FunnelUnit, UtcMillis};

use crate::{
    answer::{DefinitionStamp, Stamp},
    calls::{self, Call, hint},
    engine::Rules,
    error::EngineError,
    funnel::{answers, folding::Folding},
    people::{
        Ask, AskTable, Condition, Ground, LanePlan, Run,
        columns::{Compiler, EventColumns},
        lanes::{Amounts, Kept},
        units,
    },
    period::{Days, Grain, Span, day, horizon},
};

/// Which table is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FunnelTable {
    /// A row a step.
    Steps,
    /// A row a step and period of entry.
    Trend,
    /// How long those at a step took, a row for each time met.
    Times,
    /// Kaplan-Meier: a row for each time at which somebody converted.
    Survival,
    /// The runs behind a count.
    People,
}

/// One funnel, asked.
pub(super) struct FunnelAsk {
    pub(super) ground: Arc<Ground>,
    pub(super) definition: FunnelDefinition,
    pub(super) funnel: Funnel,
    pub(super) table: FunnelTable,
    pub(super) span: Span,
    pub(super) days: Days,
    pub(super) range: EntryRange,
    pub(super) horizon: UtcMillis,
    pub(super) chosen: Chosen,
    pub(super) currency: Option<Currency>,
    pub(super) sessions: SessionRule,
    marks: Vec<Condition>,
    exclusions: Vec<Condition>,
    held: Vec<Arc<dyn PhysicalExpr>>,
    code: Option<Arc<dyn PhysicalExpr>>,
    unit: Option<Arc<dyn PhysicalExpr>>,
    columns: EventColumns,
}

/// Which runs a list or a distribution is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    /// The step, from 0.
    pub(super) step: usize,
    /// Those that dropped off there, not those that reached it.
    pub(super) dropped: bool,
    /// Mature ones only.
    pub(super) mature: bool,
    /// Those of this breakdown row only.
    pub(super) row: Option<String>,
    /// Those that entered in the period that starts on this day, as days since 1970-01-01.
    pub(super) period: Option<i32>,
}

/// Reads a call of one of the funnel's functions.
///
/// # Errors
/// [`EngineError::Definition`] for an unknown funnel or column, [`EngineError::Asked`] for an argument that is wrong.
pub(crate) fn expand(
    rules: &Rules<'_>,
    call: &Call,
    table: FunnelTable,
    (ground, state): (&Arc<Ground>, &SessionState),
    stamp: &mut Stamp,
) -> Result<Arc<dyn TableProvider>, EngineError> {
    let name = call.arguments.get("name").map_or("", String::as_str);
    let defined = rules.definitions().funnel(name)?;
    stamp.definitions.push(DefinitionStamp::of("funnel", name, defined));
    let definition = defined.value.clone();
    let breakdown = breakdown(rules, call, &definition)?;
    if breakdown.is_some() || reads_columns(&definition) {
        let model = rules.definitions().semantic_model("events")?;
        stamp.definitions.push(DefinitionStamp::of("semantic_model", "events", model));
    }
    let funnel = Funnel::new(terms(&definition, breakdown.as_ref().map(|(_, rule)| *rule)));
    let funnel = funnel.map_err(|error| EngineError::Asked { message: error.to_string() })?;
    let grain = if table == FunnelTable::Trend { Grain::Day } else { Grain::All };
    let span = Span::of(call, &rules.settings().zone, grain)?;
    let (from, to) = span.instants();
    let horizon = horizon(call, &span)?.map_or(ground.as_of, |asked| asked.min(ground.as_of));
    let chosen = chosen(call, &table, &definition, &span)?;
    let shops = &rules.settings().shop_by_web_source;
    let columns = named_columns(&definition, breakdown.as_ref().map(|(by, _)| by));
    let unit = unit_column(definition.unit);
    let compiler = Compiler::new(state, columns.iter().chain(&unit), shops)?;
    let condition = |events: &[String], filter: &Option<definitions::Filter>| {
        if events.iter().any(|event| event == ORDER_EVENT) {
            let message =
                format!("funnel \"{name}\" has \"{ORDER_EVENT}\", which is not answered yet; name \"purchase\"");
            return Err(EngineError::Asked { message });
        }
        let filter = filter.as_ref().map(|filter| compiler.filter(filter)).transpose()?;
        Ok(Condition { events: events.to_vec(), filter })
    };
    let ask = FunnelAsk {
        marks: definition.steps.iter().map(|s| condition(&s.events, &s.filter)).collect::<Result<_, _>>()?,
        exclusions: definition.exclusions.iter().map(|e| condition(&e.events, &e.filter)).collect::<Result<_, _>>()?,
        held: definition.hold.iter().map(|column| compiler.text(column)).collect::<Result<_, _>>()?,
        code: breakdown.as_ref().map(|(by, _)| compiler.text(by)).transpose()?,
        unit: if unit.is_empty() { None } else { Some(compiler.unit(&unit[0])?) },
        columns: compiler.finish(),
        days: ground.days(&span),
        ground: Arc::clone(ground),
        range: EntryRange { from, to },
        currency: calls::currency(call)?,
        sessions: SessionRule::default(),
        definition,
        funnel,
        table,
        span,
        horizon,
        chosen,
    };
    Ok(Arc::new(AskTable::new(Arc::new(ask))))
}

impl FunnelTable {
    /// The table that a function answers with, if it is one of the funnel's.
    pub(crate) fn of(function: &str) -> Option<Self> {
        match function {
            "funnel" => Some(Self::Steps),
            "funnel_trend" => Some(Self::Trend),
            "funnel_times" => Some(Self::Times),
            "funnel_survival" => Some(Self::Survival),
            "funnel_people" => Some(Self::People),
            _ => None,
        }
    }
}

impl FunnelAsk {
    /// The lanes that the answer's wanted columns need.
    fn plan(&self, wanted_value: bool) -> LanePlan {
        let strict = self.definition.mode == model::FunnelMode::Strict;
        let sessions = self.definition.unit == FunnelUnit::Session;
        let lists = self.table == FunnelTable::People;
        LanePlan {
            marks: self.marks.clone(),
            exclusions: self.exclusions.clone(),
            held: self.held.clone(),
            code: self.code.clone(),
            unit: self.unit.clone(),
            value: if wanted_value { Amounts::All } else { Amounts::None },
            currency: self.currency,
            device: matches!(self.definition.unit, FunnelUnit::Device | FunnelUnit::Session),
            in_session: strict || sessions,
            key: self.unit.is_some() || (sessions && lists),
            kept: if strict || sessions { Kept::MarkedAndSession } else { Kept::Marked },
            columns: self.columns.clone(),
            ..LanePlan::default()
        }
    }

    /// A shorter way to the counts, where nothing else is wanted.
    fn levels(&self, wanted: &[usize]) -> Option<FunnelLevels> {
        let counted = self.table == FunnelTable::Steps && answers::only_counts(wanted);
        if !counted || self.definition.unit != FunnelUnit::Person {
            return None;
        }
        let mut masks: BTreeMap<&str, u32> = BTreeMap::new();
        for (step, bit) in self.definition.steps.iter().zip(0..) {
            for event in &step.events {
                *masks.entry(event).or_insert(0) |= 1 << bit;
            }
        }
        FunnelLevels::of(&self.funnel, masks.into_values())
    }
}

impl Ask for FunnelAsk {
    fn describe(&self) -> String {
        let (files, intervals) = (self.ground.files.len(), self.ground.spread.exceptions().len());
        format!("funnel={}, table={:?}, files={files}, scattered places={intervals}", self.definition.name, self.table)
    }

    fn schema(&self) -> SchemaRef {
        answers::schema(&self.table)
    }

    fn answer(&self, run: &Run, wanted: &[usize]) -> Result<RecordBatch, EngineError> {
        let wanted_value = answers::reads_values(&self.table, wanted);
        let plan = self.plan(wanted_value);
        let texts = self.ground.texts(&plan);
        let levels = self.levels(wanted);
        let make = || Folding::new(self, levels.clone());
        let folds = run.fold(&self.ground, &plan, &texts, units::gathered(self.definition.unit), make)?;
        let folds = folds.into_iter().map(Folding::finish).collect();
        answers::table(self, folds, &texts)
    }
}

impl fmt::Debug for FunnelAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunnelAsk")
            .field("name", &self.definition.name)
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}

fn terms(definition: &FunnelDefinition, rule: Option<FunnelBreakdownRule>) -> FunnelTerms {
    let step = |step: &definitions::FunnelStep| StepRule { optional: step.optional, window_ms: step.window_ms };
    FunnelTerms {
        steps: definition.steps.iter().map(step).collect(),
        mode: definition.mode,
        total_window_ms: definition.window_ms,
        exclusions: definition.exclusions.iter().map(|e| FunnelExclusion { from: e.from, to: e.to }).collect(),
        held: !definition.hold.is_empty(),
        entry: definition.entry,
        breakdown: match rule {
            None => BreakdownRule::None,
            Some(FunnelBreakdownRule::First) => BreakdownRule::First,
            Some(FunnelBreakdownRule::Last) => BreakdownRule::Last,
            Some(FunnelBreakdownRule::Step(step)) => BreakdownRule::Step(step),
        },
    }
}

/// What splits the answer: what the call says, else what the definition does.
fn breakdown(
    rules: &Rules<'_>,
    call: &Call,
    definition: &FunnelDefinition,
) -> Result<Option<(ColumnRef, FunnelBreakdownRule)>, EngineError> {
    let defined = definition.breakdown.as_ref();
    let by = match call.arguments.get("by") {
        Some(name) => Some(rules.definitions().event_column(name)?),
        None => defined.map(|breakdown| breakdown.by.clone()),
    };
    let rule = match call.arguments.get("rule") {
        Some(text) => Some(definition.breakdown_rule(text)?),
        None => defined.map(|breakdown| breakdown.rule),
    };
    match (by, rule) {
        (Some(by), rule) => Ok(Some((by, rule.unwrap_or(FunnelBreakdownRule::First)))),
        (None, Some(_)) => {
            let message = "\"rule\" says which event names a row; say by which column too: by => 'channel'".to_owned();
            Err(EngineError::Asked { message })
        }
        (None, None) => Ok(None),
    }
}

fn reads_columns(definition: &FunnelDefinition) -> bool {
    !named_columns(definition, None).is_empty()
}

/// Every column that conditions, held properties and the breakdown name.
fn named_columns(definition: &FunnelDefinition, by: Option<&ColumnRef>) -> Vec<ColumnRef> {
    let steps = definition.steps.iter().filter_map(|step| step.filter.as_ref());
    let exclusions = definition.exclusions.iter().filter_map(|exclusion| exclusion.filter.as_ref());
    let filters = steps.chain(exclusions).flat_map(definitions::Filter::columns);
    filters.chain(&definition.hold).chain(by).cloned().collect()
}

/// The columns that name a cart or an order: its own first, then whose it is.
fn unit_column(unit: FunnelUnit) -> Vec<ColumnRef> {
    let column = |name: &str| ColumnRef { relation: "events".to_owned(), column: name.to_owned(), property: None };
    match unit {
        FunnelUnit::Person | FunnelUnit::Device | FunnelUnit::Session => Vec::new(),
        FunnelUnit::Cart => ["cart_id", "shop", "web_source"].map(column).to_vec(),
        FunnelUnit::Order => ["order_id", "shop", "web_source"].map(column).to_vec(),
    }
}

fn chosen(call: &Call, table: &FunnelTable, definition: &FunnelDefinition, span: &Span) -> Result<Chosen, EngineError> {
    let steps = definition.steps.len();
    let asked = |message: String| EngineError::Asked { message };
    let step = match call.arguments.get("step") {
        None if *table == FunnelTable::People => 1,
        None => steps,
        Some(text) => text
            .parse()
            .ok()
            .filter(|step| (1..=steps).contains(step))
            .ok_or_else(|| asked(format!("\"step\" is \"{text}\", expected a number from 1 to {steps}")))?,
    };
    let dropped = match call.arguments.get("side").map_or("reached", String::as_str) {
        "reached" => false,
        "dropped" if step == 1 || definition.steps[step - 1].optional => {
            return Err(asked(format!("nobody drops off at step {step}: name a required step after the first")));
        }
        "dropped" => true,
        other => return Err(asked(format!("\"side\" is \"{other}\"{}", hint(other, ["reached", "dropped"])))),
    };
    let mature = call.flag("mature")?.unwrap_or(false);
    let period = day(call, "period")?;
    if period.is_some() && span.grain == Grain::All {
        return Err(asked("\"period\" needs \"grain\": say grain => 'day', 'week' or 'month'".to_owned()));
    }
    let period = period.map(|on| tables::column::days_since_1970(span.grain.start(on)));
    Ok(Chosen { step: step - 1, dropped, mature, row: call.arguments.get("row").cloned(), period })
}

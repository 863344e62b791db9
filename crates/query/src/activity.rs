//! `session_series(…)` and `active_people(…)`: how many visits and people there were by period, straight from events.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    ops::Range,
    sync::Arc,
};

use arrow::{
    array::{ArrayRef, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use datafusion::{catalog::TableProvider, execution::session_state::SessionState, physical_expr::PhysicalExpr};
use journey::SessionRule;
use model::{Currency, UtcMillis};

use crate::{
    answer::{DefinitionStamp, Stamp},
    calls::{self, Call},
    engine::Rules,
    error::EngineError,
    people::{
        Ask, AskTable, Condition, Ground, LanePlan, Lanes, PersonFold, Run, Who,
        columns::{Compiler, EventColumns},
        gather::Gathered,
        lanes::{Kept, NO_AMOUNT, NONE},
        whereabouts::Place,
    },
    period::{Days, Grain, Span},
};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    /// Sessions, by the day on which they start.
    Sessions,
    /// People with an event, by the event's day.
    People,
}

/// The event by which a visitor says that something was bought.
const PURCHASE: &str = "purchase";

/// One question.
struct ActivityAsk {
    ground: Arc<Ground>,
    activity: Activity,
    span: Span,
    days: Days,
    /// Instants that count, half open.
    range: (UtcMillis, UtcMillis),
    by: Option<Arc<dyn PhysicalExpr>>,
    columns: EventColumns,
    currency: Option<Currency>,
    rule: SessionRule,
}

/// What one period and breakdown row comes to.
#[derive(Debug, Default, Clone, Copy)]
struct Cell {
    /// Sessions, or people.
    units: i64,
    events: i64,
    purchases: i64,
    value_micros: i128,
}

/// By the first day of the period and the code of the breakdown value.
type Cells = HashMap<(i32, u32), Cell>;

/// One thread's fold.
struct Counting<'a> {
    ask: &'a ActivityAsk,
    cells: Cells,
    /// Of the person at hand: each device's last session event, and the cell of its session.
    devices: Vec<(Place, i64, (i32, u32))>,
    /// Of the person at hand: the periods and rows that it was met in.
    met: Vec<(i32, u32)>,
    currencies: Vec<u32>,
}

/// Reads a call.
///
/// # Errors
/// [`EngineError`] for an argument that is wrong.
pub(crate) fn expand(
    rules: &Rules<'_>,
    call: &Call,
    activity: Activity,
    (ground, state): (&Arc<Ground>, &SessionState),
    stamp: &mut Stamp,
) -> Result<Arc<dyn TableProvider>, EngineError> {
    let span = Span::of(call, &rules.settings().zone, Grain::Day)?;
    let by = match call.arguments.get("by") {
        Some(name) => {
            let model = rules.definitions().semantic_model("events")?;
            stamp.definitions.push(DefinitionStamp::of("semantic_model", "events", model));
            Some(rules.definitions().event_column(name)?)
        }
        None => None,
    };
    let compiler = Compiler::new(state, by.iter(), &rules.settings().shop_by_web_source)?;
    let by = by.map(|by| compiler.text(&by)).transpose()?;
    let ask = ActivityAsk {
        ground: Arc::clone(ground),
        activity,
        days: ground.days(&span),
        range: span.instants(),
        span,
        by,
        columns: compiler.finish(),
        currency: calls::currency(call)?,
        rule: SessionRule::default(),
    };
    Ok(Arc::new(AskTable::new(Arc::new(ask))))
}

impl ActivityAsk {
    fn plan(&self, wanted: &[usize]) -> LanePlan {
        let schema = self.schema();
        let asks = |names: &[&str]| wanted.iter().any(|&column| names.contains(&schema.field(column).name().as_str()));
        let value = asks(&["value", "value_per_session", "currency"]);
        let purchases = value || asks(&["purchases"]);
        let sessions = self.activity == Activity::Sessions;
        let bought = Condition { events: vec![PURCHASE.to_owned()], filter: None };
        LanePlan {
            marks: if purchases { vec![bought] } else { Vec::new() },
            code: self.by.clone(),
            value,
            currency: self.currency,
            device: sessions,
            kept: if sessions { Kept::Session } else { Kept::All },
            columns: self.columns.clone(),
            ..LanePlan::default()
        }
    }

    fn counts(&self, at: i64) -> bool {
        self.range.0.0 <= at && at < self.range.1.0
    }

    /// The period of an instant.
    fn period(&self, at: i64) -> i32 {
        if self.span.grain == Grain::All { 0 } else { self.days.period_of(UtcMillis(at)) }
    }
}

impl Ask for ActivityAsk {
    fn describe(&self) -> String {
        let (files, scattered) = (self.ground.files.len(), self.ground.spread.exceptions().len());
        format!(
            "activity={:?}, grain={}, files={files}, scattered places={scattered}",
            self.activity,
            self.span.grain.name()
        )
    }

    fn schema(&self) -> SchemaRef {
        let (whole, text) = (DataType::Int64, DataType::Utf8);
        let mut columns = vec![("period", DataType::Date32), ("breakdown", text.clone())];
        match self.activity {
            Activity::Sessions => columns.extend([
                ("sessions", whole.clone()),
                ("events", whole.clone()),
                ("purchases", whole),
                ("value", DataType::Decimal128(38, 6)),
                ("value_per_session", DataType::Float64),
                ("currency", text),
            ]),
            Activity::People => columns.extend([("people", whole.clone()), ("events", whole)]),
        }
        let field = |(name, data_type)| Field::new(name, data_type, true);
        Arc::new(Schema::new(columns.into_iter().map(field).collect::<Vec<_>>()))
    }

    fn answer(&self, run: &Run, wanted: &[usize]) -> Result<RecordBatch, EngineError> {
        let plan = self.plan(wanted);
        let texts = self.ground.texts(&plan);
        let by = if self.activity == Activity::Sessions { Gathered::ByDevice } else { Gathered::ByPerson };
        let folds = run.fold(&self.ground, &plan, &texts, by, || Counting::new(self))?;
        let (mut cells, mut currencies) = (BTreeMap::<(i32, Option<String>), Cell>::new(), Vec::new());
        for fold in folds {
            currencies.extend(fold.currencies);
            for ((period, code), cell) in fold.cells {
                let breakdown = self.by.is_some().then(|| match texts.text(code) {
                    Some(text) => text.to_string(),
                    None => "(none)".to_owned(),
                });
                cells.entry((period, breakdown)).or_default().add(&cell);
            }
        }
        currencies.sort_unstable();
        currencies.dedup();
        // Amounts of several currencies are never added, and one of them alone would be read as all.
        let only = currencies.first().filter(|_| currencies.len() == 1);
        let adds = self.currency.is_some() || currencies.len() < 2;
        let met = only.and_then(|&code| texts.text(code)).map(|code| code.to_string());
        let currency = self.currency.map(|currency| currency.code().to_owned()).or(met);
        Ok(RecordBatch::try_new(self.schema(), self.arrange(&cells, currency.as_deref(), adds))?)
    }
}

impl ActivityAsk {
    fn arrange(
        &self,
        cells: &BTreeMap<(i32, Option<String>), Cell>,
        currency: Option<&str>,
        adds: bool,
    ) -> Vec<ArrayRef> {
        let whole = |of: fn(&Cell) -> i64| -> ArrayRef {
            Arc::new(cells.values().map(|c| Some(of(c))).collect::<Int64Array>())
        };
        let periods = cells.keys().map(|(period, _)| Some(*period).filter(|_| self.span.grain != Grain::All));
        let periods: ArrayRef = Arc::new(periods.collect::<Date32Array>());
        let rows: ArrayRef = Arc::new(cells.keys().map(|(_, row)| row.as_deref()).collect::<StringArray>());
        let (units, events) = (whole(|cell| cell.units), whole(|cell| cell.events));
        if self.activity == Activity::People {
            return vec![periods, rows, units, events];
        }
        let value: Decimal128Array = cells.values().map(|cell| adds.then_some(cell.value_micros)).collect();
        // A ratio is the only float, and only here.
        let ratio = |cell: &Cell| (cell.units > 0 && adds).then(|| cell.value_micros as f64 / 1e6 / cell.units as f64);
        vec![
            periods,
            rows,
            units,
            events,
            whole(|cell| cell.purchases),
            Arc::new(value.with_data_type(DataType::Decimal128(38, 6))),
            Arc::new(cells.values().map(ratio).collect::<Float64Array>()),
            Arc::new(cells.values().map(|_| currency).collect::<StringArray>()),
        ]
    }
}

impl fmt::Debug for ActivityAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivityAsk")
            .field("activity", &self.activity)
            .field("span", &self.span)
            .finish_non_exhaustive()
    }
}

impl Cell {
    fn add(&mut self, other: &Self) {
        self.units += other.units;
        self.events += other.events;
        self.purchases += other.purchases;
        self.value_micros += other.value_micros;
    }
}

impl<'a> Counting<'a> {
    fn new(ask: &'a ActivityAsk) -> Self {
        Self { ask, cells: Cells::new(), devices: Vec::new(), met: Vec::new(), currencies: Vec::new() }
    }

    /// Sessions as `journey::sessions` cuts them, all devices of the person side by side.
    fn sessions(&mut self, lanes: &Lanes, range: Range<usize>) {
        let gap_ms = self.ask.rule.gap_ms();
        for row in range {
            let (at, home) = (lanes.at[row], lanes.device[row]);
            if home == 0 {
                continue;
            }
            let known = self.devices.iter_mut().find(|(device, ..)| *device == home);
            let (cell, started) = match known {
                Some((_, last_at, cell)) if at - *last_at <= gap_ms => {
                    *last_at = at;
                    (*cell, false)
                }
                known => {
                    let cell = (self.ask.period(at), lanes.code.get(row).copied().unwrap_or(NONE));
                    // A session belongs to the day it starts, and so does all of it.
                    let cell = if self.ask.counts(at) { cell } else { OUTSIDE };
                    match known {
                        Some(device) => *device = (home, at, cell),
                        None => self.devices.push((home, at, cell)),
                    }
                    (cell, true)
                }
            };
            if cell == OUTSIDE {
                continue;
            }
            let cell = self.cells.entry(cell).or_default();
            cell.units += i64::from(started);
            cell.events += 1;
            if lanes.mask.get(row).is_some_and(|mask| *mask != 0) {
                cell.purchases += 1;
                if let Some(&value) = lanes.value.get(row).filter(|value| **value != NO_AMOUNT) {
                    cell.value_micros += i128::from(value);
                    if !self.currencies.contains(&lanes.currency[row]) {
                        self.currencies.push(lanes.currency[row]);
                    }
                }
            }
        }
    }

    fn people(&mut self, lanes: &Lanes, range: Range<usize>) {
        for row in range.filter(|&row| self.ask.counts(lanes.at[row])) {
            let key = (self.ask.period(lanes.at[row]), lanes.code.get(row).copied().unwrap_or(NONE));
            let new = !self.met.contains(&key);
            if new {
                self.met.push(key);
            }
            let cell = self.cells.entry(key).or_default();
            cell.units += i64::from(new);
            cell.events += 1;
        }
    }
}

/// The cell of sessions that start outside the range.
const OUTSIDE: (i32, u32) = (i32::MIN, NONE);

impl PersonFold for Counting<'_> {
    fn events(&mut self, lanes: &Lanes, range: Range<usize>) {
        match self.ask.activity {
            Activity::Sessions => self.sessions(lanes, range),
            Activity::People => self.people(lanes, range),
        }
    }

    fn bytes(&self) -> usize {
        self.cells.capacity() * size_of::<((i32, u32), Cell)>()
    }

    fn end(&mut self, _: Who) -> Result<(), EngineError> {
        self.devices.clear();
        self.met.clear();
        Ok(())
    }
}

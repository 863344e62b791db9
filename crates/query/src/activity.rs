//! `session_series(…)` and `active_people(…)`: how many visits and people there were by period, straight from events.

use std::{collections::BTreeMap, fmt, ops::Range, sync::Arc};

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
    derived::load::PURCHASE,
    engine::Rules,
    error::EngineError,
    people::{
        Ask, AskTable, Condition, Ground, LanePlan, Lanes, PersonFold, Run, Stated, Who,
        columns::{Compiler, EventColumns},
        gather::Gathered,
        lanes::{Amounts, Kept, NO_AMOUNT, NONE},
        whereabouts::Place,
    },
    period::{Day, Days, Grain, Span},
};

mod cells;

use cells::{Cell, Cells, OUTSIDE};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    /// Sessions, by the day on which they start.
    Sessions,
    /// People with an event, by the event's day.
    People,
}

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

/// One thread's fold.
struct Counting<'a> {
    ask: &'a ActivityAsk,
    cells: Cells,
    /// The day of the last instant that was looked up.
    day: Day,
    /// Of the person at hand: its devices but the one that was met last.
    devices: Vec<Device>,
    /// That device.
    device: Device,
    /// True where more is asked of a session than that it is one.
    counts_events: bool,
    /// The cell and code of the person's last event.
    last: (usize, u32),
    /// Of the person at hand, in the period at hand: the cells that it was met in.
    met: Vec<usize>,
    /// That period.
    period: usize,
    currencies: Vec<u32>,
}

/// One device of the person at hand.
#[derive(Debug, Clone, Copy)]
struct Device {
    home: Place,
    /// Its last session event.
    at: i64,
    /// Where its session counts.
    cell: usize,
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
    /// True where one of these columns is wanted.
    fn asks(&self, wanted: &[usize], names: &[&str]) -> bool {
        let schema = self.schema();
        wanted.iter().any(|&column| names.contains(&schema.field(column).name().as_str()))
    }

    fn plan(&self, wanted: &[usize]) -> LanePlan {
        let asks = |names: &[&str]| self.asks(wanted, names);
        let value = asks(&["value", "value_per_session", "currency"]);
        let purchases = value || asks(&["purchases"]);
        let sessions = self.activity == Activity::Sessions;
        let bought = Condition { events: vec![PURCHASE.to_owned()], filter: None };
        LanePlan {
            marks: if purchases { vec![bought] } else { Vec::new() },
            code: self.by.clone(),
            value: if value { Amounts::Marked } else { Amounts::None },
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

    /// The first day of a period by its number.
    fn starts_on(&self, period: usize) -> i32 {
        if self.span.grain == Grain::All { 0 } else { self.days.starts_on(period) }
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
        let counts_events = !plan.marks.is_empty() || self.asks(wanted, &["events"]);
        let folds = run.fold(&self.ground, &plan, &texts, by, || Counting::new(self, counts_events))?;
        let (mut cells, mut currencies) = (BTreeMap::<(i32, Option<String>), Cell>::new(), Vec::new());
        for fold in folds {
            currencies.extend(fold.currencies);
            for (period, code, cell) in fold.cells.iter() {
                let breakdown = self.by.is_some().then(|| match texts.text(code) {
                    Some(text) => text.to_string(),
                    None => "(none)".to_owned(),
                });
                cells.entry((self.starts_on(period), breakdown)).or_default().add(cell);
            }
        }
        let Stated { adds, currency } = Stated::of(self.currency, currencies, &texts);
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

impl<'a> Counting<'a> {
    fn new(ask: &'a ActivityAsk, counts_events: bool) -> Self {
        Self {
            ask,
            cells: Cells::default(),
            day: if ask.span.grain == Grain::All { Day::ALWAYS } else { Day::default() },
            devices: Vec::new(),
            device: NOBODY,
            counts_events,
            last: (OUTSIDE, NONE),
            met: Vec::new(),
            period: usize::MAX,
            currencies: Vec::new(),
        }
    }

    /// The period of an instant, as a number.
    fn period(&mut self, at: i64) -> usize {
        if !self.day.holds(at) {
            self.day = self.ask.days.at(UtcMillis(at));
        }
        self.day.period
    }

    /// The cell of a session that starts with an event: it belongs to the day it starts, and so does all of it.
    fn started(&mut self, at: i64, code: u32) -> usize {
        if !self.ask.counts(at) {
            return OUTSIDE;
        }
        let period = self.period(at);
        self.cells.index(period, code)
    }

    /// Sessions as `journey::sessions` cuts them, all devices of the person side by side.
    fn sessions(&mut self, lanes: &Lanes, range: Range<usize>) {
        let gap_ms = self.ask.rule.gap_ms();
        let mut device = self.device;
        let events = lanes.at[range.clone()].iter().zip(&lanes.device[range.clone()]);
        for (row, (&at, &home)) in range.zip(events) {
            if home != device.home {
                device = self.switch(device, home);
            }
            let started = at - device.at > gap_ms;
            device.at = at;
            if started && home != 0 {
                device.cell = self.started(at, lanes.code.get(row).copied().unwrap_or(NONE));
                self.cells.all[device.cell].units += 1;
            }
            if self.counts_events {
                self.cells.all[device.cell].events += 1;
                // What lies outside the range says nothing, not even its currency.
                if device.cell != OUTSIDE && lanes.mask.get(row).is_some_and(|mask| *mask != 0) {
                    self.purchase(lanes, row, device.cell);
                }
            }
        }
        self.device = device;
    }

    /// Puts a device back and takes another of the person.
    fn switch(&mut self, device: Device, home: Place) -> Device {
        match self.devices.iter_mut().find(|known| known.home == device.home) {
            Some(known) => *known = device,
            None => self.devices.push(device),
        }
        // Events without a device make no session.
        let new = Device { home, at: NEVER, cell: OUTSIDE };
        self.devices.iter().find(|known| known.home == home).copied().unwrap_or(new)
    }

    fn purchase(&mut self, lanes: &Lanes, row: usize, cell: usize) {
        let cell = &mut self.cells.all[cell];
        cell.purchases += 1;
        if let Some(&value) = lanes.value.get(row).filter(|value| **value != NO_AMOUNT) {
            cell.value_micros += i128::from(value);
            if !self.currencies.contains(&lanes.currency[row]) {
                self.currencies.push(lanes.currency[row]);
            }
        }
    }

    fn people(&mut self, lanes: &Lanes, range: Range<usize>) {
        let (from, to) = (self.ask.range.0.0, self.ask.range.1.0);
        for row in range {
            let (at, code) = (lanes.at[row], lanes.code.get(row).copied().unwrap_or(NONE));
            if !(from <= at && at < to) {
                continue;
            }
            if !self.day.holds(at) || code != self.last.1 || self.last.0 == OUTSIDE {
                let index = self.met(at, code);
                self.last = (index, code);
            }
            if self.counts_events {
                self.cells.all[self.last.0].events += 1;
            }
        }
    }

    /// The cell of an instant and row of the breakdown, in which the person is counted once.
    fn met(&mut self, at: i64, code: u32) -> usize {
        let period = self.period(at);
        // A person's events are in order: of an earlier period there are no more.
        if period != self.period {
            self.period = period;
            self.met.clear();
        }
        let index = self.cells.index(period, code);
        if !self.met.contains(&index) {
            self.met.push(index);
            self.cells.all[index].units += 1;
        }
        index
    }
}

/// Before any session event: so long ago that no session reaches it.
const NEVER: i64 = i64::MIN / 4;

/// The device of no event yet.
const NOBODY: Device = Device { home: 0, at: NEVER, cell: OUTSIDE };

impl PersonFold for Counting<'_> {
    fn events(&mut self, lanes: &Lanes, range: Range<usize>) {
        match self.ask.activity {
            Activity::Sessions => self.sessions(lanes, range),
            Activity::People => self.people(lanes, range),
        }
    }

    fn bytes(&self) -> usize {
        self.cells.bytes()
    }

    fn end(&mut self, _: Who) -> Result<(), EngineError> {
        self.devices.clear();
        self.device = NOBODY;
        self.period = usize::MAX;
        self.last = (OUTSIDE, NONE);
        Ok(())
    }
}

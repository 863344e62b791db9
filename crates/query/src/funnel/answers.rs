//! The tables that a funnel's functions answer with.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use journey::{BreakdownRow, FunnelLine, FunnelTable as Counts};
use model::FunnelMode;
use tables::column::{instant_type, instants};

use crate::{
    error::EngineError,
    funnel::{
        asking::{FunnelAsk, FunnelTable},
        folding::{Folded, Listed},
    },
    people::{Stated, columns::Texts},
    period::Grain,
};

/// The row of runs whose breakdown value is null.
const NO_VALUE: &str = "(none)";
/// The row of runs that did not reach the step whose value names a row.
const NOT_REACHED: &str = "(not reached)";

/// Columns of each table.
pub(super) fn schema(table: &FunnelTable) -> SchemaRef {
    let (text, whole, rate) = (DataType::Utf8, DataType::Int64, DataType::Float64);
    let amount = DataType::Decimal128(38, 6);
    let columns: Vec<(&str, DataType)> = match table {
        FunnelTable::Steps => vec![
            ("breakdown", text.clone()),
            ("step", whole.clone()),
            ("label", text.clone()),
            ("event", text.clone()),
            ("optional", DataType::Boolean),
            ("units", whole.clone()),
            ("drop_off", whole.clone()),
            ("from_entry", rate.clone()),
            ("from_previous", rate.clone()),
            ("p50_ms", whole.clone()),
            ("p90_ms", whole.clone()),
            ("mature_entrants", whole.clone()),
            ("mature_units", whole),
            ("mature_rate", rate.clone()),
            ("survival_rate", rate),
            ("drop_off_value", amount),
            ("currency", text),
        ],
        FunnelTable::Trend => vec![
            ("period", DataType::Date32),
            ("breakdown", text.clone()),
            ("step", whole.clone()),
            ("label", text),
            ("units", whole.clone()),
            ("from_entry", rate.clone()),
            ("mature_entrants", whole.clone()),
            ("mature_units", whole),
            ("mature_rate", rate),
        ],
        FunnelTable::Times => vec![("breakdown", text), ("after_ms", whole.clone()), ("units", whole)],
        FunnelTable::Survival => vec![
            ("breakdown", text),
            ("after_ms", whole.clone()),
            ("at_risk", whole.clone()),
            ("converted", whole),
            ("rate", rate),
        ],
        FunnelTable::People => vec![
            ("unit_id", text.clone()),
            ("reached", whole),
            ("entered_at", instant_type()),
            ("last_matched_at", instant_type()),
            ("breakdown", text.clone()),
            ("value", amount),
            ("currency", text),
            ("mature", DataType::Boolean),
        ],
    };
    let field = |(name, data_type)| Field::new(name, data_type, true);
    Arc::new(Schema::new(columns.into_iter().map(field).collect::<Vec<_>>()))
}

/// True where one of the wanted columns is made of claimed values.
pub(super) fn reads_values(table: &FunnelTable, wanted: &[usize]) -> bool {
    let schema = schema(table);
    let value =
        |&column: &usize| matches!(schema.field(column).name().as_str(), "drop_off_value" | "value" | "currency");
    wanted.iter().any(value)
}

/// True where the wanted columns of the steps' table say no more than how many reached each step.
pub(super) fn only_counts(wanted: &[usize]) -> bool {
    let schema = schema(&FunnelTable::Steps);
    let counts =
        ["breakdown", "step", "label", "event", "optional", "units", "drop_off", "from_entry", "from_previous"];
    wanted.iter().all(|&column| counts.contains(&schema.field(column).name().as_str()))
}

/// Adds up what all threads found, and makes the answer of it.
///
/// # Errors
/// [`EngineError`] where a file that names somebody is damaged.
pub(super) fn table(ask: &FunnelAsk, folds: Vec<Folded>, texts: &Texts) -> Result<RecordBatch, EngineError> {
    let mut all = Folded::default();
    for fold in folds {
        all.add(fold);
    }
    all.run_named(ask);
    let stated = Stated::of(ask.currency, all.currencies.clone(), texts);
    let columns = match ask.table {
        FunnelTable::People => people(ask, all.listed, texts, &stated)?,
        _ => counts(ask, &all, texts, &stated),
    };
    Ok(RecordBatch::try_new(schema(&ask.table), columns)?)
}

/// The counts of one breakdown row, of entries in one period.
struct Part {
    period: i32,
    breakdown: Option<String>,
    counts: Counts,
}

fn counts(ask: &FunnelAsk, all: &Folded, texts: &Texts, stated: &Stated) -> Vec<ArrayRef> {
    let mut parts = Vec::new();
    if !all.reached.is_empty() {
        parts.push(Part { period: 0, breakdown: None, counts: of_levels(&all.reached) });
    }
    for (period, group) in &all.groups {
        let report = group.report();
        if ask.funnel.terms().breakdown == journey::BreakdownRule::None {
            parts.push(Part { period: *period, breakdown: None, counts: report.whole });
            continue;
        }
        let named = report.rows.into_iter().map(|(row, counts)| (row_name(row, texts), counts));
        parts.extend(named.map(|(breakdown, counts)| Part { period: *period, breakdown, counts }));
    }
    if parts.is_empty()
        && ask.table == FunnelTable::Steps
        && ask.funnel.terms().breakdown == journey::BreakdownRule::None
    {
        let counts = journey::FunnelGroup::new(&ask.funnel).report().whole;
        parts.push(Part { period: 0, breakdown: None, counts });
    }
    parts.retain(|part| ask.chosen.row.is_none() || part.breakdown == ask.chosen.row);
    parts.sort_by(|a, b| (a.period, &a.breakdown).cmp(&(b.period, &b.breakdown)));
    match ask.table {
        FunnelTable::Times => times(ask, &parts),
        FunnelTable::Survival => survival(&parts),
        _ => steps(ask, &parts, stated),
    }
}

/// The counts of units by how many steps they reached.
fn of_levels(reached: &[u64]) -> Counts {
    let at_least = |level: usize| reached.iter().skip(level).sum::<u64>();
    let line = |step: usize| {
        let (units, previous_units) = (at_least(step + 1), at_least(step.max(1)));
        let dropped = previous_units - units;
        FunnelLine { units, previous_units, mature: 0, dropped, dropped_value_micros: 0, times_ms: Vec::new() }
    };
    Counts {
        entrants: at_least(1),
        mature_entrants: 0,
        lines: (0..reached.len() - 1).map(line).collect(),
        survival: Vec::new(),
        trend: Vec::new(),
    }
}

fn steps(ask: &FunnelAsk, parts: &[Part], stated: &Stated) -> Vec<ArrayRef> {
    let count = ask.funnel.steps();
    let rows: Vec<(&Part, usize)> = parts.iter().flat_map(|part| (0..count).map(move |step| (part, step))).collect();
    let any_order = ask.definition.mode == FunnelMode::AnyOrder;
    let step_of = |step: usize| &ask.definition.steps[step];
    let label = |step: usize| match any_order {
        true => format!("{} of {count} steps", step + 1),
        false => step_of(step).label.clone(),
    };
    let event = |step: usize| (!any_order).then(|| step_of(step).events.join(" or "));
    // Nobody drops off at the first step, nor at an optional one.
    let falls = |step: usize| step > 0 && !step_of(step).optional;
    let whole = |of: &dyn Fn(&Part, usize) -> Option<i64>| -> ArrayRef {
        Arc::new(rows.iter().map(|(part, step)| of(part, *step)).collect::<Int64Array>())
    };
    let rate = |of: &dyn Fn(&Part, usize) -> Option<f64>| -> ArrayRef {
        Arc::new(rows.iter().map(|(part, step)| of(part, *step)).collect::<Float64Array>())
    };
    let text = |of: &dyn Fn(&Part, usize) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(|(part, step)| of(part, *step)).collect::<StringArray>())
    };
    let later = |step: usize| step > 0;
    let breakdown = text(&|part, _| part.breakdown.clone());
    let number = whole(&|_, step| Some(step as i64 + 1));
    let labels = text(&|_, step| Some(label(step)));
    let units = whole(&|part, step| Some(part.counts.lines[step].units as i64));
    let from_entry = rate(&|part, step| part.counts.conversion_from_entry(step));
    let mature_entrants = whole(&|part, _| Some(part.counts.mature_entrants as i64));
    let mature_units = whole(&|part, step| Some(part.counts.lines[step].mature as i64));
    let mature_rate = rate(&|part, step| part.counts.matured_conversion(step));
    if ask.table == FunnelTable::Trend {
        let periods: Date32Array =
            rows.iter().map(|(part, _)| Some(part.period).filter(|_| ask.span.grain != Grain::All)).collect();
        let periods: ArrayRef = Arc::new(periods);
        return vec![periods, breakdown, number, labels, units, from_entry, mature_entrants, mature_units, mature_rate];
    }
    let value = rows
        .iter()
        .map(|(part, step)| (falls(*step) && stated.adds).then(|| part.counts.lines[*step].dropped_value_micros));
    let last = |step: usize| step + 1 == count;
    vec![
        breakdown,
        number,
        labels,
        text(&|_, step| event(step)),
        Arc::new(rows.iter().map(|(_, step)| Some(step_of(*step).optional)).collect::<BooleanArray>()),
        units,
        whole(&|part, step| falls(step).then(|| part.counts.lines[step].dropped as i64)),
        from_entry,
        rate(&|part, step| part.counts.conversion_from_previous(step).filter(|_| later(step))),
        whole(&|part, step| part.counts.lines[step].time_ms(50).filter(|_| later(step))),
        whole(&|part, step| part.counts.lines[step].time_ms(90).filter(|_| later(step))),
        mature_entrants,
        mature_units,
        mature_rate,
        rate(&|part, step| part.counts.survival_conversion().filter(|_| last(step))),
        Arc::new(amounts(value)),
        text(&|_, _| stated.currency.clone()),
    ]
}

fn times(ask: &FunnelAsk, parts: &[Part]) -> Vec<ArrayRef> {
    let rows: Vec<(&Part, i64, u64)> = parts
        .iter()
        .flat_map(|part| part.counts.lines[ask.chosen.step].times_ms.iter().map(move |(ms, units)| (part, *ms, *units)))
        .collect();
    vec![
        Arc::new(rows.iter().map(|(part, ..)| part.breakdown.clone()).collect::<StringArray>()),
        Arc::new(rows.iter().map(|(_, ms, _)| Some(*ms)).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|(.., units)| Some(*units as i64)).collect::<Int64Array>()),
    ]
}

fn survival(parts: &[Part]) -> Vec<ArrayRef> {
    let mut rows = Vec::new();
    for part in parts {
        let mut left = 1.0;
        for step in &part.counts.survival {
            left *= (step.at_risk - step.converted) as f64 / step.at_risk as f64;
            rows.push((&part.breakdown, *step, 1.0 - left));
        }
    }
    let whole = |of: &dyn Fn(journey::SurvivalStep) -> i64| -> ArrayRef {
        Arc::new(rows.iter().map(|(_, step, _)| Some(of(*step))).collect::<Int64Array>())
    };
    vec![
        Arc::new(rows.iter().map(|(breakdown, ..)| breakdown.as_deref()).collect::<StringArray>()),
        whole(&|step| step.observed_ms),
        whole(&|step| step.at_risk as i64),
        whole(&|step| step.converted as i64),
        Arc::new(rows.iter().map(|(.., rate)| Some(*rate)).collect::<Float64Array>()),
    ]
}

fn people(ask: &FunnelAsk, listed: Vec<Listed>, texts: &Texts, stated: &Stated) -> Result<Vec<ArrayRef>, EngineError> {
    let names = ask.ground.names(listed.iter().map(|run| run.unit.owner()))?;
    let mut rows: Vec<(String, Option<String>, Listed)> = Vec::with_capacity(listed.len());
    for run in listed {
        let breakdown = row_name(run.row, texts);
        if ask.chosen.row.is_none() || ask.chosen.row == breakdown {
            rows.push((run.unit.name(&names, texts), breakdown, run));
        }
    }
    rows.sort_by(|(one, _, a), (other, _, b)| (one, a.entered_at).cmp(&(other, b.entered_at)));
    let runs = || rows.iter().map(|(.., run)| run);
    let value = |run: &Listed| run.value_micros.filter(|_| stated.adds).map(i128::from);
    Ok(vec![
        Arc::new(rows.iter().map(|(unit, ..)| Some(unit.as_str())).collect::<StringArray>()),
        Arc::new(runs().map(|run| i64::from(run.reached)).collect::<Int64Array>()),
        Arc::new(instants(runs().map(|run| Some(run.entered_at)))),
        Arc::new(instants(runs().map(|run| Some(run.last_matched_at)))),
        Arc::new(rows.iter().map(|(_, breakdown, _)| breakdown.as_deref()).collect::<StringArray>()),
        Arc::new(amounts(runs().map(value))),
        Arc::new(
            runs()
                .map(|run| stated.currency.as_deref().filter(|_| run.value_micros.is_some()))
                .collect::<StringArray>(),
        ),
        Arc::new(runs().map(|run| Some(run.mature)).collect::<BooleanArray>()),
    ])
}

fn amounts(micros: impl Iterator<Item = Option<i128>>) -> Decimal128Array {
    let amounts: Decimal128Array = micros.collect();
    amounts.with_data_type(DataType::Decimal128(38, 6))
}

fn row_name(row: BreakdownRow, texts: &Texts) -> Option<String> {
    match row {
        BreakdownRow::Whole => None,
        BreakdownRow::Value(None) => Some(NO_VALUE.to_owned()),
        BreakdownRow::Value(Some(code)) => texts.text(code).map(|text| text.to_string()),
        BreakdownRow::NotReached => Some(NOT_REACHED.to_owned()),
    }
}

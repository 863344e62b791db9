//! The oracle's report in the words of the answers, and what differs between the two.

use std::collections::{BTreeMap, BTreeSet};

use model::{UtcMillis, money::format_micros};

use super::{
    option_set::DAY_MS,
    question::{Kind, Rows},
};
use crate::{
    case::{Breakdown, Options},
    oracle::{Row, Run},
    report::{AtTime, Line, Report, Table},
};

/// Largest difference between two ways to compute one rate.
const RATE_DIFFERENCE_MAX: f64 = 1e-9;

/// What a cell must hold.
#[derive(Debug, Clone)]
pub enum Cell {
    /// This text; empty for null.
    Is(String),
    /// This number, or null.
    Near(Option<f64>),
}

/// Rows by the cells that tell them apart, which stand first, and their number among equal ones: only runs of one unit
/// may be alike.
pub type Keyed<C> = BTreeMap<(Vec<String>, usize), Vec<C>>;

/// How many cells tell the rows of a kind apart.
fn key_cells(kind: Kind) -> usize {
    match kind {
        Kind::Steps | Kind::Survival => 2,
        Kind::Trend | Kind::Times => 3,
        Kind::People => 9,
    }
}

fn keyed<C>(rows: impl IntoIterator<Item = (Vec<String>, Vec<C>)>) -> Keyed<C> {
    let (mut keyed, mut met) = (Keyed::new(), BTreeMap::<Vec<String>, usize>::new());
    for (key, cells) in rows {
        let number = met.entry(key.clone()).or_default();
        keyed.insert((key, *number), cells);
        *number += 1;
    }
    keyed
}

/// What the oracle answers; `names` are the names of its units.
pub fn answer(kind: Kind, report: &Report, options: &Options, names: &[String]) -> Keyed<Cell> {
    match kind {
        Kind::Steps => keyed(tables(report, options).flat_map(|(name, table)| steps(&name, table, options))),
        Kind::Trend => keyed(trend(report, options)),
        Kind::Survival => keyed(tables(report, options).flat_map(|(name, table)| survival(&name, table))),
        Kind::Times => keyed(tables(report, options).flat_map(|(name, table)| times(&name, table))),
        Kind::People => keyed(people(report, options, names).into_iter().map(|row| (row, Vec::new()))),
    }
}

/// Everything that differs between the rows of an answer and what the oracle says.
pub fn differences(kind: Kind, found: &Rows, expected: &Keyed<Cell>) -> Vec<String> {
    let split = |row: &Vec<String>| {
        let (key, cells) = row.split_at(key_cells(kind).min(row.len()));
        (key.to_vec(), cells.to_vec())
    };
    let found = keyed(found.iter().map(split));
    let names: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
    let differs = |name: &(Vec<String>, usize)| match (found.get(name), expected.get(name)) {
        (Some(found), Some(expected)) if agree(found, expected) => None,
        (found, expected) => Some(format!("{:?}: answered {found:?}, the oracle says {expected:?}", name.0)),
    };
    names.into_iter().filter_map(differs).collect()
}

fn agree(found: &[String], expected: &[Cell]) -> bool {
    let agrees = |(found, expected): (&String, &Cell)| match expected {
        Cell::Is(text) => found == text,
        Cell::Near(None) => found.is_empty(),
        Cell::Near(Some(rate)) => found.parse().is_ok_and(|found: f64| (found - rate).abs() <= RATE_DIFFERENCE_MAX),
    };
    found.len() == expected.len() && found.iter().zip(expected).all(agrees)
}

/// The rows that an answer would have to have.
pub fn shown(expected: &Keyed<Cell>) -> Rows {
    let text = |cell: &Cell| match cell {
        Cell::Is(text) => text.clone(),
        Cell::Near(rate) => rate.map(|rate| rate.to_string()).unwrap_or_default(),
    };
    expected.iter().map(|((key, _), cells)| key.iter().cloned().chain(cells.iter().map(text)).collect()).collect()
}

/// The tables of an answer by their breakdown values; without a breakdown the one of all runs.
fn tables<'a>(report: &'a Report, options: &Options) -> impl Iterator<Item = (String, &'a Table)> + use<'a> {
    let whole = (options.breakdown == Breakdown::None).then_some((String::new(), &report.whole));
    let by_value = report.rows.iter().filter(|(row, _)| **row != Row::Whole);
    whole.into_iter().chain(by_value.map(|(row, table)| (row_name(*row), table)))
}

fn row_name(row: Row) -> String {
    match row {
        Row::Whole => String::new(),
        Row::Value(None) => "(none)".to_owned(),
        Row::Value(Some(value)) => format!("b{value}"),
        Row::NotReached => "(not reached)".to_owned(),
    }
}

fn is(value: impl ToString) -> Cell {
    Cell::Is(value.to_string())
}

fn is_or_null(value: Option<impl ToString>) -> Cell {
    Cell::Is(value.map(|value| value.to_string()).unwrap_or_default())
}

fn share((part, of): (usize, usize)) -> Cell {
    Cell::Near((of > 0).then(|| part as f64 / of as f64))
}

/// Product of all factors up to each time, taken from 1.
fn converted_by(table: &Table) -> Vec<f64> {
    let factors = table.survival.iter().map(|at| (at.at_risk - at.converted) as f64 / at.at_risk as f64);
    let left = factors.scan(1.0, |left, factor| {
        *left *= factor;
        Some(*left)
    });
    left.map(|left| 1.0 - left).collect()
}

/// A row a step.
fn steps(name: &str, table: &Table, options: &Options) -> Vec<(Vec<String>, Vec<Cell>)> {
    let last = table.steps.len() - 1;
    let survival = (table.entrants > 0).then(|| converted_by(table).last().copied().unwrap_or(0.0));
    let row = |(index, line): (usize, &Line)| {
        let (later, optional) = (index > 0, options.steps[index].optional);
        let falls = later && !optional;
        let cells = vec![
            is(optional),
            is(line.units),
            is_or_null(falls.then_some(line.dropped)),
            share(line.from_entry),
            if later { share(line.from_previous) } else { Cell::Near(None) },
            is_or_null(line.p50_ms.filter(|_| later)),
            is_or_null(line.p90_ms.filter(|_| later)),
            is(table.mature_entrants),
            is(line.mature),
            share((line.mature, table.mature_entrants)),
            Cell::Near(survival.filter(|_| index == last)),
            is_or_null(falls.then(|| format_micros(line.dropped_value_micros.into()))),
        ];
        (vec![name.to_owned(), (index + 1).to_string()], cells)
    };
    table.steps.iter().enumerate().map(row).collect()
}

/// A row for each day of entry, breakdown value and step: counted out of the runs one by one.
fn trend(report: &Report, options: &Options) -> Vec<(Vec<String>, Vec<Cell>)> {
    let mut by_day: BTreeMap<(i64, Row), Vec<&Run>> = BTreeMap::new();
    for (_, run) in &report.runs {
        by_day.entry((run.entry_at.div_euclid(DAY_MS), run.row)).or_default().push(run);
    }
    let mut rows = Vec::new();
    for ((day, row), runs) in by_day {
        let mature: Vec<&&Run> = runs.iter().filter(|run| run.mature).collect();
        for index in 0..options.steps.len() {
            let units = runs.iter().filter(|run| run.matched[index].is_some()).count();
            let mature_units = mature.iter().filter(|run| run.matched[index].is_some()).count();
            let cells = vec![
                is(units),
                share((units, runs.len())),
                is(mature.len()),
                is(mature_units),
                share((mature_units, mature.len())),
            ];
            let period = UtcMillis(day * DAY_MS).to_string()[..10].to_owned();
            rows.push((vec![period, row_name(row), (index + 1).to_string()], cells));
        }
    }
    rows
}

/// A row for each time at which somebody converted.
fn survival(name: &str, table: &Table) -> Vec<(Vec<String>, Vec<Cell>)> {
    let row = |(at, rate): (&AtTime, f64)| {
        (vec![name.to_owned(), at.time_ms.to_string()], vec![is(at.at_risk), is(at.converted), Cell::Near(Some(rate))])
    };
    table.survival.iter().zip(converted_by(table)).map(row).collect()
}

/// A row for each step and time to it.
fn times(name: &str, table: &Table) -> Vec<(Vec<String>, Vec<Cell>)> {
    let mut rows = Vec::new();
    for (line, step) in table.steps.iter().zip(1..) {
        for units in line.times_ms.chunk_by(|one, other| one == other) {
            let key = vec![i32::to_string(&step), name.to_owned(), units[0].to_string()];
            rows.push((key, vec![is(units.len())]));
        }
    }
    rows
}

/// A row for each run and step, on the side of those that reached it and of those that dropped off at it.
fn people(report: &Report, options: &Options, names: &[String]) -> Rows {
    let required = options.required();
    let mut rows = Rows::new();
    for (unit, run) in &report.runs {
        let last_at = run.matched.iter().flatten().map(|(at, _)| *at).max().unwrap_or(run.entry_at);
        for index in 0..options.steps.len() {
            let reached = run.matched[index].is_some();
            let previous = required.iter().rfind(|&&earlier| earlier < index);
            let came = previous.is_some_and(|&previous| run.matched[previous].is_some());
            let side = match reached {
                true => "reached",
                false if came && required.contains(&index) => "dropped",
                false => continue,
            };
            rows.push(vec![
                side.to_owned(),
                (index + 1).to_string(),
                names[*unit].clone(),
                run.reached.to_string(),
                UtcMillis(run.entry_at).to_string(),
                UtcMillis(last_at).to_string(),
                row_name(run.row),
                run.value_micros.map(|micros| format_micros(micros.into())).unwrap_or_default(),
                run.mature.to_string(),
            ]);
        }
    }
    rows
}

//! The tables that the functions about retention answer with.

use std::{ops::Range, sync::Arc};

use arrow::{
    array::{ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use journey::{RetentionCell, RetentionGroup, RetentionRow};
use model::UtcMillis;
use tables::column::{instant_type, instants};

use crate::{
    error::EngineError,
    people::{UnitId, columns::Texts},
    retention::{asking::RetentionAsk, folding::Folding},
};

/// Columns of the counts, or of the list.
pub(super) fn schema(lists: bool) -> SchemaRef {
    let columns: Vec<(&str, DataType)> = match lists {
        true => vec![("unit_id", DataType::Utf8), ("started_at", instant_type())],
        false => vec![
            ("cohort", DataType::Date32),
            ("period", DataType::Int64),
            ("units", DataType::Int64),
            ("returned", DataType::Int64),
            ("rate", DataType::Float64),
            ("complete", DataType::Boolean),
        ],
    };
    let field = |(name, data_type)| Field::new(name, data_type, true);
    Arc::new(Schema::new(columns.into_iter().map(field).collect::<Vec<_>>()))
}

/// Adds up what all threads found, and makes the answer of it.
///
/// # Errors
/// [`EngineError`] where a file is damaged.
pub(super) fn table(ask: &RetentionAsk, folds: Vec<Folding<'_>>, texts: &Texts) -> Result<RecordBatch, EngineError> {
    let (mut all, mut listed) = (RetentionGroup::new(&ask.retention), Vec::new());
    for fold in folds {
        all += &fold.group;
        listed.extend(fold.listed);
    }
    let columns = match ask.chosen {
        Some(_) => people(ask, &listed, texts)?,
        None => counts(ask, &all),
    };
    Ok(RecordBatch::try_new(schema(ask.chosen.is_some()), columns)?)
}

fn counts(ask: &RetentionAsk, all: &RetentionGroup) -> Vec<ArrayRef> {
    let cohorts = all.report(ask.horizon).rows;
    let mut cells: Vec<(&RetentionRow, usize, RetentionCell)> = Vec::new();
    for row in cohorts.get(shown(ask, &cohorts)).unwrap_or_default() {
        cells.extend(row.cells.iter().enumerate().map(|(k, cell)| (row, k, *cell)));
    }
    vec![
        Arc::new(cells.iter().map(|(row, ..)| ask.starts.get(row.period).copied()).collect::<Date32Array>()),
        Arc::new(cells.iter().map(|(_, k, _)| Some(*k as i64)).collect::<Int64Array>()),
        Arc::new(cells.iter().map(|(row, ..)| Some(row.units as i64)).collect::<Int64Array>()),
        Arc::new(cells.iter().map(|(.., cell)| Some(cell.returned as i64)).collect::<Int64Array>()),
        Arc::new(cells.iter().map(|(row, k, _)| row.rate(*k)).collect::<Float64Array>()),
        Arc::new(cells.iter().map(|(.., cell)| Some(cell.complete)).collect::<BooleanArray>()),
    ]
}

/// The cohorts to show. At an end that the call leaves open they reach as far as somebody started, not as far as files do.
fn shown(ask: &RetentionAsk, cohorts: &[RetentionRow]) -> Range<usize> {
    let started = |row: &RetentionRow| row.units > 0;
    let first = if ask.span.from_on.is_some() { Some(0) } else { cohorts.iter().position(started) };
    let last = if ask.span.to_on.is_some() { cohorts.len().checked_sub(1) } else { cohorts.iter().rposition(started) };
    match (first, last) {
        (Some(first), Some(last)) if first <= last => first..last + 1,
        _ => 0..0,
    }
}

fn people(ask: &RetentionAsk, listed: &[(UnitId, UtcMillis)], texts: &Texts) -> Result<Vec<ArrayRef>, EngineError> {
    let names = ask.ground.names(listed.iter().map(|(unit, _)| unit.owner()))?;
    let mut rows: Vec<(String, UtcMillis)> = listed.iter().map(|(unit, at)| (unit.name(&names, texts), *at)).collect();
    rows.sort_unstable();
    Ok(vec![
        Arc::new(rows.iter().map(|(unit, _)| Some(unit.as_str())).collect::<StringArray>()),
        Arc::new(instants(rows.iter().map(|(_, at)| Some(*at)))),
    ])
}

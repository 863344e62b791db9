//! The tables that the functions about paths answer with. Codes are as threads met the names, so that all ties go by names.

use std::{cmp::Reverse, sync::Arc};

use arrow::{
    array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use journey::{PathLine, PathsGroup};

use crate::{
    error::EngineError,
    paths::{
        asking::{PathsAsk, PathsTable},
        folding::Folding,
    },
    people::columns::Texts,
};

/// The row of everything that is not among the most frequent.
const OTHER: &str = "(other)";
/// Between the names of a path.
const THEN: &str = " > ";

/// Columns of each table.
pub(super) fn schema(table: PathsTable) -> SchemaRef {
    let (text, whole) = (DataType::Utf8, DataType::Int64);
    let columns: Vec<(&str, DataType)> = match table {
        PathsTable::Sequences => vec![
            ("path", text),
            ("length", whole.clone()),
            ("ended", DataType::Boolean),
            ("paths", whole),
            ("share", DataType::Float64),
        ],
        PathsTable::Steps => {
            vec![("position", whole.clone()), ("from_event", text.clone()), ("to_event", text), ("paths", whole)]
        }
    };
    let field = |(name, data_type)| Field::new(name, data_type, true);
    Arc::new(Schema::new(columns.into_iter().map(field).collect::<Vec<_>>()))
}

/// Adds up what all threads found, and makes the answer of it.
///
/// # Errors
/// [`EngineError::Arrow`] where it has no table.
pub(super) fn table(ask: &PathsAsk, folds: Vec<Folding<'_>>, texts: &Texts) -> Result<RecordBatch, EngineError> {
    let mut all = PathsGroup::new(&ask.paths);
    for fold in folds {
        all += &fold.group;
    }
    let columns = match ask.table {
        PathsTable::Sequences => sequences(ask, &all, texts),
        PathsTable::Steps => steps(ask, &all, texts),
    };
    Ok(RecordBatch::try_new(schema(ask.table), columns)?)
}

/// A sequence, or all others.
struct Sequence {
    path: String,
    line: Option<PathLine>,
    paths: u64,
}

fn sequences(ask: &PathsAsk, all: &PathsGroup, texts: &Texts) -> Vec<ArrayRef> {
    let (total, mut lines) = (all.paths(), all.top(usize::MAX).lines);
    // Most frequent first: of the rest only those that tie with the last one can be shown.
    let least = lines.get(ask.top - 1).map_or(0, |line| line.paths);
    lines.retain(|line| line.paths >= least);
    let named = |line: PathLine| {
        let names: Vec<Arc<str>> = line.names.iter().map(|code| name(texts, *code)).collect();
        Sequence { path: names.join(THEN), paths: line.paths, line: Some(line) }
    };
    let mut rows: Vec<Sequence> = lines.into_iter().map(named).collect();
    rows.sort_by(|a, b| (Reverse(a.paths), &a.path).cmp(&(Reverse(b.paths), &b.path)));
    rows.truncate(ask.top);
    let other = total - rows.iter().map(|row| row.paths).sum::<u64>();
    if other > 0 {
        rows.push(Sequence { path: OTHER.to_owned(), line: None, paths: other });
    }
    let line = |row: &Sequence| row.line.as_ref().map(|line| (line.names.len() as i64, line.ended));
    vec![
        Arc::new(rows.iter().map(|row| Some(row.path.as_str())).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| line(row).map(|(length, _)| length)).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| line(row).map(|(_, ended)| ended)).collect::<BooleanArray>()),
        Arc::new(rows.iter().map(|row| Some(row.paths as i64)).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| Some(row.paths as f64 / total as f64)).collect::<Float64Array>()),
    ]
}

/// An edge, or all others of its position.
struct Edge {
    position: usize,
    from: Arc<str>,
    /// None is *end*.
    to: Option<Arc<str>>,
    paths: u64,
}

fn steps(ask: &PathsAsk, all: &PathsGroup, texts: &Texts) -> Vec<ArrayRef> {
    let mut rows: Vec<Edge> = Vec::new();
    for column in all.columns(usize::MAX) {
        let position = column.position;
        let named = |edge: journey::PathEdge| Edge {
            position,
            from: name(texts, edge.from),
            to: edge.to.map(|to| name(texts, to)),
            paths: edge.paths,
        };
        let mut edges: Vec<Edge> = column.edges.into_iter().map(named).collect();
        // None, the end, before all names.
        edges.sort_by(|a, b| (Reverse(a.paths), &a.from, &a.to).cmp(&(Reverse(b.paths), &b.from, &b.to)));
        let other: u64 = edges.iter().skip(ask.top).map(|edge| edge.paths).sum();
        edges.truncate(ask.top);
        rows.extend(edges);
        if other > 0 {
            rows.push(Edge { position, from: Arc::from(OTHER), to: Some(Arc::from(OTHER)), paths: other });
        }
    }
    vec![
        Arc::new(rows.iter().map(|row| Some(row.position as i64)).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| Some(&*row.from)).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.to.as_deref()).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| Some(row.paths as i64)).collect::<Int64Array>()),
    ]
}

/// The name of an event.
fn name(texts: &Texts, code: u32) -> Arc<str> {
    texts.text(code).unwrap_or_default()
}

//! Reads a semantic model: first the outlines of all, then each with the columns of those that it joins.

use std::collections::BTreeMap;

use crate::{
    document::{YamlNode, YamlValue},
    filter::{ColumnRef, Filter},
    filter_parser::{self, Scope},
    metric::{METRIC_BASES, MetricBasis},
    section::{Section, Spot},
    semantic_model::{Aggregate, ColumnKind, Join, Measure, ModelColumn, SemanticModel},
    spelling,
};

const COLUMN_KINDS: [(&str, ColumnKind); 6] = [
    ("text", ColumnKind::Text),
    ("number", ColumnKind::Number),
    ("boolean", ColumnKind::Boolean),
    ("money", ColumnKind::Money),
    ("duration", ColumnKind::Duration),
    ("instant", ColumnKind::Instant),
];

/// What other models need to know of a model before it is read in full.
#[derive(Debug)]
pub(crate) struct Outline {
    table: String,
    key: Option<String>,
    columns: BTreeMap<String, ModelColumn>,
}

impl Outline {
    /// Reads `table`, `key` and `columns`; where they are wrong, the section is finished.
    pub(crate) fn read(section: &Section<'_>) -> Option<Self> {
        let outline = Self::read_keys(section);
        if outline.is_none() {
            section.let_stand(&["joins", "date_bases", "dimensions", "measures"]);
            section.finish();
        }
        outline
    }

    fn read_keys(section: &Section<'_>) -> Option<Self> {
        let table = section.table("table");
        let key = section.optional_text("key");
        let mut columns = BTreeMap::new();
        for (name, node) in section.named("columns") {
            if let Some(column) = read_column(&name, node, section) {
                columns.insert(name, column);
            }
        }
        if let Some(key) = key.filter(|key| !columns.get(key.text).is_some_and(ModelColumn::is_stored_text)) {
            section.mistake(key.line, format!("\"key\" is \"{}\", expected a text column of this model", key.text));
            return None;
        }
        Some(Self { table: table?, key: key.map(|key| key.text.to_owned()), columns })
    }
}

/// A kind, or a kind with the property that the column is read from.
fn read_column<'a>(name: &str, node: &'a YamlNode, section: &Section<'a>) -> Option<ModelColumn> {
    let what = format!("column \"{name}\"");
    if !matches!(node.value, YamlValue::Mapping(_)) {
        let spot = section.as_text(&what, node, "the kind of the column, or { kind: …, property: … }")?;
        let kind = section.chosen("column kind", spot, &COLUMN_KINDS)?;
        return Some(ModelColumn { kind, property: None });
    }
    let column = section.child(node, what)?;
    let (kind, property) = (column.choice("kind", &COLUMN_KINDS), column.text("property"));
    column.finish();
    if kind == Some(ColumnKind::Instant) {
        column.mistake(
            column.line_of("kind"),
            "a property cannot be an instant: the days are cut by columns of the table",
        );
        return None;
    }
    Some(ModelColumn { kind: kind?, property: Some(property?.text.to_owned()) })
}

/// Reads what stands in the section beside name, status and what its outline holds.
pub(crate) fn read(name: &str, section: &Section<'_>, outlines: &BTreeMap<String, Outline>) -> Option<SemanticModel> {
    let outline = outlines.get(name)?;
    let mut model = SemanticModel {
        name: name.to_owned(),
        table: outline.table.clone(),
        key: outline.key.clone(),
        columns: outline.columns.clone(),
        joins: read_joins(name, section, outlines),
        date_bases: BTreeMap::new(),
        dimensions: BTreeMap::new(),
        measures: BTreeMap::new(),
    };
    let scope = scope_of(&model, outlines);
    model.dimensions = read_columns(section, "dimensions", ColumnKind::Text, &scope);
    model.date_bases = read_date_bases(section, &scope);
    model.measures = read_measures(section, &scope);
    section.finish();
    Some(model)
}

/// The columns that a condition on `model` may name: its own, and those of its joins.
pub(crate) fn scope_of(model: &SemanticModel, outlines: &BTreeMap<String, Outline>) -> Scope {
    let mut scope = own_columns(model);
    for (alias, join) in &model.joins {
        if let Some(outline) = outlines.get(&join.model) {
            scope.extend(columns_in_scope(alias, &format!("{alias}."), &outline.columns));
        }
    }
    scope
}

/// The columns of `model` itself.
pub(crate) fn own_columns(model: &SemanticModel) -> Scope {
    columns_in_scope(&model.name, "", &model.columns)
}

fn read_joins(name: &str, section: &Section<'_>, outlines: &BTreeMap<String, Outline>) -> BTreeMap<String, Join> {
    let known: Vec<&str> = outlines.keys().map(String::as_str).collect();
    let mut joins = BTreeMap::new();
    for (alias, node) in section.named("joins") {
        let Some(join) = section.child(node, format!("join \"{alias}\"")) else { continue };
        let (model, by) = (join.text("model"), join.text("by"));
        join.finish();
        let (Some(model), Some(by)) = (model, by) else { continue };
        let Some(other) = outlines.get(model.text) else {
            join.mistake(model.line, spelling::unknown_among("semantic model", model.text, &known));
            continue;
        };
        if alias == name {
            join.mistake(join.line(), format!("join \"{alias}\" has the name of its own model, expected another"));
            continue;
        }
        let own = outlines.get(name).and_then(|own| own.columns.get(by.text));
        if !own.is_some_and(ModelColumn::is_stored_text) {
            join.mistake(by.line, format!("\"by\" is \"{}\", expected a text column of \"{name}\"", by.text));
            continue;
        }
        let Some(key) = other.key.clone() else {
            let problem = format!("\"{}\" has no key, so a join could meet many of its rows", model.text);
            join.mistake(model.line, problem);
            continue;
        };
        joins.insert(
            alias,
            Join { model: model.text.to_owned(), table: other.table.clone(), key, by: by.text.to_owned() },
        );
    }
    joins
}

fn read_columns(
    section: &Section<'_>,
    key: &'static str,
    wanted: ColumnKind,
    scope: &Scope,
) -> BTreeMap<String, ColumnRef> {
    let mut columns = BTreeMap::new();
    for (name, node) in section.named(key) {
        let Some(spot) = section.as_text(&format!("\"{name}\" of \"{key}\""), node, "a column") else { continue };
        match filter_parser::column(spot.text, scope) {
            Ok((column, kind)) if *kind == wanted => {
                columns.insert(name, column.clone());
            }
            Ok((_, kind)) => {
                let (found, expected) = (kind.described(), wanted.described());
                section.mistake(spot.line, format!("column \"{}\" is {found}, expected {expected}", spot.text));
            }
            Err(problem) => section.mistake(spot.line, problem),
        }
    }
    columns
}

fn read_date_bases(section: &Section<'_>, scope: &Scope) -> BTreeMap<MetricBasis, ColumnRef> {
    let words: Vec<&str> = METRIC_BASES.iter().map(|(word, _)| *word).collect();
    let mut bases = BTreeMap::new();
    for (name, column) in read_columns(section, "date_bases", ColumnKind::Instant, scope) {
        match METRIC_BASES.iter().find(|(word, _)| *word == name) {
            Some((_, basis)) => {
                bases.insert(*basis, column);
            }
            None => {
                let line = section.line_of("date_bases");
                section.mistake(line, spelling::unknown_among("date basis", &name, &words));
            }
        }
    }
    bases
}

fn read_measures(section: &Section<'_>, scope: &Scope) -> BTreeMap<String, Measure> {
    let mut measures = BTreeMap::new();
    for (name, node) in section.named("measures") {
        let Some(measure) = section.child(node, format!("measure \"{name}\"")) else { continue };
        let read = read_measure(&measure, scope);
        measure.finish();
        if let Some(read) = read {
            measures.insert(name, read);
        }
    }
    measures
}

fn read_measure(section: &Section<'_>, scope: &Scope) -> Option<Measure> {
    let filter = read_filter(section, scope);
    let Some(sum) = section.choice("agg", &[("count", false), ("sum", true)]) else {
        section.let_stand(&["column"]);
        return None;
    };
    if !sum {
        return Some(Measure { aggregate: Aggregate::Count, filter: filter?, money: false });
    }
    let column = section.text("column")?;
    match filter_parser::column(column.text, scope) {
        Ok((found, kind @ (ColumnKind::Money | ColumnKind::Number))) => {
            let aggregate = Aggregate::Sum(found.clone());
            return Some(Measure { aggregate, filter: filter?, money: *kind == ColumnKind::Money });
        }
        Ok((_, kind)) => {
            let problem = format!("column \"{}\" is {}, expected money or a number", column.text, kind.described());
            section.mistake(column.line, problem);
        }
        Err(problem) => section.mistake(column.line, problem),
    }
    None
}

/// The key `where`: `Some(None)` where it is absent, `None` where it is wrong.
pub(crate) fn read_filter(section: &Section<'_>, scope: &Scope) -> Option<Option<Filter>> {
    if section.optional("where").is_none() {
        return Some(None);
    }
    let spot = section.optional_text("where")?;
    match filter_parser::parse(spot.text, scope) {
        Ok(filter) => Some(Some(filter)),
        Err(problem) => {
            section.mistake(spot.line, format!("in \"where\": {problem}"));
            None
        }
    }
}

/// A text column that `key` names.
pub(crate) fn text_column(key: &str, spot: Spot<'_>, scope: &Scope, section: &Section<'_>) -> Option<ColumnRef> {
    match filter_parser::column(spot.text, scope) {
        Ok((column, ColumnKind::Text)) => return Some(column.clone()),
        Ok((_, kind)) => {
            let (found, kind) = (spot.text, kind.described());
            section.mistake(spot.line, format!("in \"{key}\": column \"{found}\" is {kind}, expected a text column"));
        }
        Err(problem) => section.mistake(spot.line, format!("in \"{key}\": {problem}")),
    }
    None
}

fn columns_in_scope(relation: &str, prefix: &str, columns: &BTreeMap<String, ModelColumn>) -> Scope {
    let entry = |(name, column): (&String, &ModelColumn)| {
        (format!("{prefix}{name}"), (column.reference(relation, name), column.kind))
    };
    columns.iter().map(entry).collect()
}

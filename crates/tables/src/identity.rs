//! `facts.edges` and `facts.witnesses`: who is who, and which ids were seen on which device.

use std::borrow::Cow;

use arrow_array::RecordBatch;
use model::{Edge, EdgeRule, FactMeta, Node, Witness, WitnessKind};

use crate::{
    cells::{Cells, TableError},
    column::{Column, HasMeta, Stored, Value, fact_columns, required},
    table::Table,
};

const RULES: [(EdgeRule, &str); 6] = [
    (EdgeRule::Identify, "identify"),
    (EdgeRule::Alias, "alias"),
    (EdgeRule::Customer, "customer"),
    (EdgeRule::Contact, "contact"),
    (EdgeRule::StewardLink, "steward_link"),
    (EdgeRule::StewardUnlink, "steward_unlink"),
];

const WITNESS_KINDS: [(WitnessKind, &str); 3] =
    [(WitnessKind::Order, "order"), (WitnessKind::Checkout, "checkout"), (WitnessKind::Cart, "cart")];

impl HasMeta for Edge {
    fn meta(&self) -> &FactMeta {
        &self.meta
    }
}

impl HasMeta for Witness {
    fn meta(&self) -> &FactMeta {
        &self.meta
    }
}

impl Stored for Edge {
    const TABLE: Table = Table::Edges;

    fn columns() -> Vec<Column<Self>> {
        fact_columns(
            vec![required("place", "Home place of `a`", Value::Int(|e| Some(e.a.home_place())))],
            vec![
                required("a", "One end, kind:scope:id", Value::Text(|e| Some(e.a.to_text().into()))),
                required("b", "The other end, kind:scope:id", Value::Text(|e| Some(e.b.to_text().into()))),
                required("rule", "Why", Value::Text(|e| name_of(&RULES, &e.rule).map(Cow::from))),
            ],
        )
    }
}

impl Stored for Witness {
    const TABLE: Table = Table::Witnesses;

    fn columns() -> Vec<Column<Self>> {
        fact_columns(
            vec![required("place", "Home place of the device", Value::Int(|w| Some(w.device.home_place())))],
            vec![
                required(
                    "kind",
                    "order, checkout or cart",
                    Value::Text(|w| name_of(&WITNESS_KINDS, &w.kind).map(Cow::from)),
                ),
                required("id", "The id seen", Value::Text(|w| Some(Cow::Borrowed(&w.id)))),
                required("device", "device:source:anonymous id", Value::Text(|w| Some(w.device.to_text().into()))),
                required("purchase", "True where the event is a purchase", Value::Flag(|w| Some(w.purchase))),
            ],
        )
    }
}

/// Reads a node that stands in `row` of a column.
///
/// # Errors
/// [`TableError::Value`] where the text was not written by [`Node::to_text`].
pub fn read_node(column: &'static str, row: usize, text: &str) -> Result<Node, TableError> {
    let reason = "expected kind:scope:id".to_owned();
    Node::from_text(text).ok_or(TableError::Value { column, row, reason })
}

/// Reads the rule of an edge.
///
/// # Errors
/// [`TableError::Value`] where there is no such rule.
pub fn read_rule(row: usize, text: &str) -> Result<EdgeRule, TableError> {
    of_name(&RULES, "rule", row, text)
}

/// Reads witnesses back.
///
/// # Errors
/// [`TableError`] where a column is missing or a node is unreadable.
pub fn read_witnesses(batch: &RecordBatch) -> Result<Vec<Witness>, TableError> {
    let cells = Cells::new(batch);
    let (kind, id) = (cells.text("kind")?, cells.text("id")?);
    let (device, purchase) = (cells.text("device")?, cells.flag("purchase")?);
    cells
        .metas()?
        .into_iter()
        .enumerate()
        .map(|(row, meta)| {
            Ok(Witness {
                meta,
                kind: of_name(&WITNESS_KINDS, "kind", row, kind.value(row))?,
                id: id.value(row).to_owned(),
                device: read_node("device", row, device.value(row))?,
                purchase: purchase.value(row),
            })
        })
        .collect()
}

fn name_of<T: PartialEq>(names: &[(T, &'static str)], value: &T) -> Option<&'static str> {
    names.iter().find(|(known, _)| known == value).map(|(_, name)| *name)
}

fn of_name<T: Copy>(names: &[(T, &str)], column: &'static str, row: usize, text: &str) -> Result<T, TableError> {
    names.iter().find(|(_, name)| *name == text).map(|(value, _)| *value).ok_or_else(|| TableError::Value {
        column,
        row,
        reason: format!("\"{text}\" is unknown"),
    })
}

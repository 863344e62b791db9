//! The laws, as functions that find what breaks them and name it. An empty answer means that the law holds.
//!
//! The two sides of a law are for the caller to compute by separate code; here they only meet.

use std::collections::BTreeMap;

use model::{Currency, money::format_micros};

use crate::{
    bridge::{LINES, Statement},
    ledger::{EntryKind, PostedOrder},
};

/// One breach of one law.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// `L3` money, `L4` double entry, `L5` closure, `L6` footing.
    pub law: &'static str,
    /// What broke: an order's version, a statement's line, a cell.
    pub at: String,
    /// What was found and what was expected.
    pub what: String,
}

/// One cell of a tie-out: a day, zone, currency and date basis. Amounts in micros of `currency`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TieOutCell {
    /// What the cell is of, such as `2026-01-05 session_start`.
    pub cell: String,
    /// Of every amount here.
    pub currency: Currency,
    /// Net revenue of counted sessions.
    pub counted_micros: i128,
    /// Net revenue of excluded sessions: bots, internal.
    pub excluded_micros: i128,
    /// Net revenue of orders without a session.
    pub unassigned_micros: i128,
    /// The ledger's net revenue, by its own query.
    pub ledger_micros: i128,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}: {}", self.law, self.at, self.what)
    }
}

/// L6: per version, the sale-side entries up to and with it are its own total, `unfooted` included and shown.
#[must_use]
pub fn footing(order: &PostedOrder) -> Vec<Violation> {
    let mut by_document: BTreeMap<&str, (i128, i128)> = BTreeMap::new();
    for entry in order.entries.iter().filter(|entry| entry.on_sale_side()) {
        let (all, unfooted) = by_document.entry(&entry.document).or_default();
        *all += i128::from(entry.micros);
        if entry.kind == EntryKind::Unfooted {
            *unfooted += i128::from(entry.micros);
        }
    }
    let mut violations = Vec::new();
    let (mut total, mut gap) = (0, 0);
    for footing in &order.footing {
        let (all, unfooted) = by_document.remove(footing.document.as_str()).unwrap_or_default();
        total += all;
        gap += unfooted;
        let at = format!("order \"{}/{}\", {}", order.shop, order.order_id, footing.document);
        let mut expect = |what: &str, found: i128, expected: i64| {
            violations.extend(differs("L6", &at, what, found, i128::from(expected)));
        };
        expect("sale-side entries", total, footing.stated_micros);
        expect("entries that foot", total - gap, footing.posted_micros);
        expect("unfooted entries", gap, footing.gap_micros);
    }
    for (document, (all, _)) in by_document {
        let at = format!("order \"{}/{}\", {document}", order.shop, order.order_id);
        violations.extend(differs("L6", &at, "entries of a version that is in no footing", all, 0));
    }
    violations
}

/// L5: the lines are all there, each order-level line is the sum of its moves, and lines 0 to 15 add up to line 16.
#[must_use]
pub fn closure(statement: &Statement) -> Vec<Violation> {
    let name = format!("statement \"{}/{}\"", statement.platform, statement.account);
    let mut violations = Vec::new();
    let numbers: Vec<u8> = statement.lines.iter().map(|line| line.line).collect();
    if !(0_u8..).take(LINES.len()).eq(numbers.iter().copied()) {
        let what = format!("found lines {numbers:?}, expected 0 to 16 in order");
        violations.push(Violation { law: "L5", at: name.clone(), what });
    }
    let mut moved: BTreeMap<u8, (i128, i128)> = BTreeMap::new();
    for order in &statement.moves {
        let (count, value) = moved.entry(order.line).or_default();
        *count += i128::from(order.count_delta);
        *value += i128::from(order.value_delta);
    }
    for line in statement.lines.iter().filter(|line| (5..16).contains(&line.line)) {
        let (count, value) = moved.remove(&line.line).unwrap_or_default();
        let at = format!("{name}, line {} ({})", line.line, line.label);
        violations.extend(differs("L5", &at, "counts of its orders", count, line.count_micros.into()));
        violations.extend(differs("L5", &at, "values of its orders", value, line.value_micros.into()));
    }
    for line in moved.into_keys() {
        let what = "moves orders, expected a line from 5 to 15".to_owned();
        violations.push(Violation { law: "L5", at: format!("{name}, line {line}"), what });
    }
    let (count, value) = statement.gap();
    violations.extend(differs("L5", &name, "counts of lines 0 to 15 less line 16", count, 0));
    violations.extend(differs("L5", &name, "values of lines 0 to 15 less line 16", value, 0));
    violations
}

/// L3: counted + excluded + unassigned = the ledger, in every cell.
#[must_use]
pub fn tie_out(cells: &[TieOutCell]) -> Vec<Violation> {
    let of_cell = |cell: &TieOutCell| {
        let sum = cell.counted_micros + cell.excluded_micros + cell.unassigned_micros;
        let at = format!("{} {}", cell.cell, cell.currency);
        differs("L3", &at, "counted + excluded + unassigned", sum, cell.ledger_micros)
    };
    cells.iter().filter_map(of_cell).collect()
}

/// L4: credits + unattributed = the order's value. All in micros of one currency.
#[must_use]
pub fn double_entry(order: &str, value_micros: i64, credits: &[i64], unattributed_micros: i64) -> Vec<Violation> {
    let credited: i128 = credits.iter().map(|credit| i128::from(*credit)).sum();
    let at = format!("order \"{order}\"");
    let sum = credited + i128::from(unattributed_micros);
    differs("L4", &at, "credits + unattributed", sum, i128::from(value_micros)).into_iter().collect()
}

fn differs(law: &'static str, at: &str, what: &str, found: i128, expected: i128) -> Option<Violation> {
    let what = format!("{what} are {}, expected {}", format_micros(found), format_micros(expected));
    (found != expected).then(|| Violation { law, at: at.to_owned(), what })
}

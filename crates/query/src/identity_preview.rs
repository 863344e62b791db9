//! `identity_preview(decision, a, b, at)`: what a steward's link or unlink would move, before it is decided.
//!
//! Everything is derived a second time from the same facts and one edge more, by the same code as the answers; what comes
//! out otherwise is what moves. So hubs that the decision makes or unmakes are in it.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use datafusion::datasource::MemTable;
use identity::{Blast, Hub, PersonId};
use lake::Lake;
use model::{Currency, Edge, FactMeta, Node, UtcMillis};
use normalization::{PairDecision, steward::read_pair};
use tables::{Column, Value, encode_columns, optional, required};

use crate::{
    answer::Stamp,
    calls::{Call, hint},
    derived::{self, Derived, KeptEdges},
    engine::EngineSettings,
    error::EngineError,
    expansion::Expansion,
};

/// One line of the answer.
#[derive(Default)]
struct Line {
    line: &'static str,
    node: Option<String>,
    person_before: Option<String>,
    person_after: Option<String>,
    reason: Option<String>,
    count: Option<usize>,
    currency: Option<Currency>,
    value_micros: Option<i64>,
}

/// What tells a session: its first event's key and instant, and its device.
type SessionName<'a> = (u128, UtcMillis, Option<&'a str>);

/// Orders of one currency whose person changes.
#[derive(Default)]
struct Moved {
    orders: usize,
    /// Their net revenue as known now.
    net_revenue_micros: i64,
}

/// The decision that a call asks about.
///
/// # Errors
/// [`EngineError::Asked`] where it is none, a node is none, or the pair to unlink has no edge.
pub(crate) fn decision(call: &Call, derived: &Derived) -> Result<Edge, EngineError> {
    let asked = |message: String| EngineError::Asked { message };
    let text = |name: &str| call.arguments.get(name).map_or("", String::as_str);
    let (found, words) = (text("decision"), [PairDecision::Link.name(), PairDecision::Unlink.name()]);
    let decision = PairDecision::from_name(found)
        .ok_or_else(|| asked(format!("\"decision\" is \"{found}\"{}", hint(found, words))))?;
    let (a, b) = read_pair(text("a"), text("b")).map_err(|error| asked(error.to_string()))?;
    let occurred_at = match call.arguments.get("at") {
        Some(at) => UtcMillis::parse(at).map_err(|error| asked(format!("\"at\": {error}")))?,
        None => derived.as_of.plus_ms(1),
    };
    if decision == PairDecision::Unlink {
        identity::check_unlink(&derived.facts.persons, &a, &b).map_err(|refused| asked(refused.to_string()))?;
    }
    Ok(Edge { meta: FactMeta { occurred_at, ..FactMeta::default() }, a, b, rule: decision.rule() })
}

/// Answers `identity_preview(decision, a, b, at)` from everything derived without the decision and with it.
///
/// # Errors
/// [`EngineError`] where rows cannot be arranged.
pub(crate) fn expand(before: &Derived, after: &Derived, stamp: &mut Stamp) -> Result<Expansion, EngineError> {
    stamp.notes.push("preview: nothing is decided yet".to_owned());
    let blast = identity::preview(&before.facts.persons, &after.facts.persons);
    let mut lines = lines_of_persons(&blast);
    let (now, then) = (sessions(before), sessions(after));
    let moved = now.iter().filter(|(session, person)| then.get(*session) != Some(*person)).count();
    lines.push(Line { line: "sessions", count: Some(moved), ..Line::default() });
    let by_currency = moved_orders(before, after)?;
    let orders = by_currency.values().map(|moved| moved.orders).sum();
    lines.push(Line { line: "orders", count: Some(orders), ..Line::default() });
    lines.extend(by_currency.into_iter().map(|(currency, moved)| Line {
        line: "net_revenue",
        count: Some(moved.orders),
        currency: Some(currency),
        value_micros: Some(moved.net_revenue_micros),
        ..Line::default()
    }));
    lines.extend(blast.moved.iter().map(|moved| Line {
        line: "node",
        node: Some(moved.node.to_text()),
        person_before: Some(moved.from.to_string()),
        person_after: Some(moved.to.to_string()),
        ..Line::default()
    }));
    let batch = encode_columns(&columns(), &lines)?;
    Ok(Expansion::Table(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?)))
}

/// Refuses an unlink of a pair that no edge joins, as known at `as_of`.
///
/// # Errors
/// [`EngineError::Asked`] with the path that joins the two, and [`EngineError`] where a table is unreadable.
pub async fn check_unlink(
    lake: &Lake,
    as_of: UtcMillis,
    settings: &EngineSettings,
    (a, b): (&Node, &Node),
) -> Result<(), EngineError> {
    let persons = derived::persons(lake, as_of, settings, &KeptEdges::default()).await?;
    identity::check_unlink(&persons, a, b).map_err(|refused| EngineError::Asked { message: refused.to_string() })
}

fn lines_of_persons(blast: &Blast) -> Vec<Line> {
    let hub = |line: &'static str, hub: &Hub| Line {
        line,
        node: Some(hub.node.to_text()),
        reason: Some(hub.reason.to_string()),
        ..Line::default()
    };
    let joined = blast.joined.iter().map(|(person, before)| Line {
        line: "joined",
        person_after: Some(person.to_string()),
        count: Some(before.len()),
        ..Line::default()
    });
    let parted = blast.parted.iter().map(|(person, after)| Line {
        line: "parted",
        person_before: Some(person.to_string()),
        count: Some(after.len()),
        ..Line::default()
    });
    let mut lines: Vec<Line> = joined.chain(parted).collect();
    lines.extend(blast.hubs_made.iter().map(|made| hub("hub_made", made)));
    lines.extend(blast.hubs_unmade.iter().map(|unmade| hub("hub_unmade", unmade)));
    lines.push(Line { line: "nodes", count: Some(blast.moved.len()), ..Line::default() });
    lines
}

/// Whose each session is. Their numbers may differ between two readings of one lake, their names never do.
fn sessions(derived: &Derived) -> BTreeMap<SessionName<'_>, Option<PersonId>> {
    let name =
        |session: &derived::SessionRow| (session.key, session.started_at, derived.facts.devices.text(session.device));
    derived.sessions.iter().map(|session| (name(session), person(derived, session.person))).collect()
}

/// Orders whose person changes, without test orders.
fn moved_orders(before: &Derived, after: &Derived) -> Result<BTreeMap<Currency, Moved>, EngineError> {
    let too_much =
        || EngineError::Asked { message: "the net revenue that moves is more than can be written".to_owned() };
    let mut by_currency: BTreeMap<Currency, Moved> = BTreeMap::new();
    // The same documents are the same orders, in the order of shop and id.
    for (order, then) in before.orders.iter().zip(&after.orders).filter(|(order, _)| !order.posted.test) {
        if person(before, order.person) != person(after, then.person) {
            let moved = by_currency.entry(order.posted.currency).or_default();
            moved.orders += 1;
            let sum = moved.net_revenue_micros.checked_add(order.measures.net_revenue);
            moved.net_revenue_micros = sum.ok_or_else(too_much)?;
        }
    }
    Ok(by_currency)
}

fn person(derived: &Derived, code: u32) -> Option<PersonId> {
    derived.facts.person_ids.get(code as usize).copied()
}

fn columns() -> Vec<Column<Line>> {
    vec![
        required("line", "What the line says", Value::Text(|l| Some(Cow::Borrowed(l.line)))),
        optional("node", "kind:scope:id", Value::Text(|l| l.node.as_deref().map(Cow::from))),
        optional("person_before", "The person now", Value::Text(|l| l.person_before.as_deref().map(Cow::from))),
        optional("person_after", "The person then", Value::Text(|l| l.person_after.as_deref().map(Cow::from))),
        optional("reason", "Why a hub is one", Value::Text(|l| l.reason.as_deref().map(Cow::from))),
        optional("count", "How many", Value::Int(|l| l.count.and_then(|count| i64::try_from(count).ok()))),
        optional("currency", "The shop's", Value::Text(|l| l.currency.map(|c| c.code().to_owned().into()))),
        optional("value", "Net revenue of the orders that move", Value::Amount(|l| l.value_micros)),
    ]
}

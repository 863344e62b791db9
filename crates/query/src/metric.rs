//! `metric(name, …)` and `revenue_series(…)`: contracts become SQL over the derived tables.
//!
//! Amounts of different currencies are never added: an answer about money has a row for each currency.

use definitions::{Formula, MetricContract, MetricCurrency, MetricPart, MetricZone, SemanticModel};

use crate::{
    answer::{DefinitionStamp, Stamp},
    calls::{Call, hint},
    derived::Derived,
    engine::{Engine, EngineError, Expansion},
    period::{Grain, Span},
};

/// Answers `metric(name, grain, by, from, to, zone, currency)`: `period`, the dimension asked by, `currency` where the
/// metric is about money, `numerator` and `denominator` for ratios, `value`.
///
/// # Errors
/// [`EngineError::Definition`] for an unknown metric, [`EngineError::Asked`] for a dimension that it does not reach.
pub fn expand(engine: &Engine, call: &Call, _derived: &Derived, stamp: &mut Stamp) -> Result<Expansion, EngineError> {
    let name = call.arguments.get("name").map_or("", String::as_str);
    let defined = engine.definitions().metric(name)?;
    let contract = &defined.value;
    let zone = match &contract.zone {
        MetricZone::Reporting => engine.settings().zone.clone(),
        MetricZone::Named(zone) => zone.clone(),
    };
    let span = Span::of(call, &zone, Grain::All)?;
    stamp.definitions.push(DefinitionStamp::of("metric", name, defined));
    if span.zone_name != stamp.zone {
        stamp.notes.push(format!("days are cut in {}", span.zone_name));
    }
    let by = dimension(contract, call)?;
    let currency = currency(contract, call)?;
    let parts = contract.formula.parts();
    let mut selects = Vec::new();
    for (position, part) in parts.iter().enumerate() {
        let model = &engine.definitions().semantic_model(&part.of)?.value;
        selects.push(part_select(contract, model, part, position, parts.len(), &span, by, currency.as_deref())?);
    }
    let dimension = by.map_or(String::new(), |by| format!("{by}, "));
    let money = if contract.currency.is_some() { "currency, " } else { "" };
    let values = match contract.formula {
        Formula::Simple { .. } => "sum(part_0) AS value".to_owned(),
        Formula::Ratio { .. } => "coalesce(sum(part_0), 0) AS numerator, coalesce(sum(part_1), 0) AS denominator, \
             CAST(coalesce(sum(part_0), 0) AS DOUBLE) / nullif(CAST(sum(part_1) AS DOUBLE), 0) AS value"
            .to_owned(),
    };
    let keys = format!("period, {dimension}{money}");
    let order = keys.trim_end_matches(", ");
    Ok(Expansion::Query(format!(
        "SELECT {keys}{values} FROM ({}) GROUP BY {order} ORDER BY {order}",
        selects.join(" UNION ALL ")
    )))
}

/// Answers `revenue_series(grain, from, to, zone, currency)`: revenue per session beside the ledger on the same basis
/// (difference 0), the ledger on entry date, and `timing`, what lies between the two.
///
/// # Errors
/// [`EngineError::Asked`] for arguments that cannot be read.
pub fn expand_series(engine: &Engine, call: &Call, _derived: &Derived) -> Result<Expansion, EngineError> {
    let span = Span::of(call, &engine.settings().zone, Grain::Week)?;
    let currency = call.arguments.get("currency").map(|code| currency_code(code)).transpose()?;
    let only = |column: &str| currency.as_ref().map_or(String::new(), |code| format!(" AND {column} = '{code}'"));
    let basis = "coalesce(s.started_at, o.placed_at)";
    let counted = "s.session_id IS NOT NULL AND NOT s.is_bot AND NOT s.is_internal";
    let excluded = "s.session_id IS NOT NULL AND (s.is_bot OR s.is_internal)";
    let zero = "CAST(0 AS DECIMAL(38, 6))";
    let amount =
        |condition: &str| format!("CAST(coalesce(sum(o.net_revenue) FILTER (WHERE {condition}), 0) AS DECIMAL(38, 6))");
    let visits = format!(
        "SELECT {} AS period, s.currency AS currency, count(*) AS sessions, 0 AS orders, {zero} AS counted, \
         {zero} AS excluded, {zero} AS unassigned, {zero} AS ledger, {zero} AS entered \
         FROM sessions s WHERE NOT s.is_bot AND NOT s.is_internal AND s.currency IS NOT NULL AND {}{} GROUP BY 1, 2",
        span.period("s.started_at"),
        span.condition("s.started_at"),
        only("s.currency"),
    );
    let orders = format!(
        "SELECT {} AS period, o.currency AS currency, 0 AS sessions, count(*) FILTER (WHERE {counted}) AS orders, \
         {} AS counted, {} AS excluded, {} AS unassigned, {zero} AS ledger, {zero} AS entered \
         FROM orders o LEFT JOIN sessions s ON o.session_id = s.session_id WHERE NOT o.test AND {}{} GROUP BY 1, 2",
        span.period(basis),
        amount(counted),
        amount(excluded),
        amount("s.session_id IS NULL"),
        span.condition(basis),
        only("o.currency"),
    );
    let entries =
        "ledger l JOIN orders o ON l.order_key = o.order_key LEFT JOIN sessions s ON o.session_id = s.session_id";
    let booked = |basis: &str, ledger: &str, entered: &str| {
        format!(
            "SELECT {} AS period, l.currency AS currency, 0 AS sessions, 0 AS orders, {zero} AS counted, \
             {zero} AS excluded, {zero} AS unassigned, {ledger} AS ledger, {entered} AS entered \
             FROM {entries} WHERE l.in_net_revenue AND NOT l.test AND {}{} GROUP BY 1, 2",
            span.period(basis),
            span.condition(basis),
            only("l.currency"),
        )
    };
    let sum = "CAST(coalesce(sum(l.amount), 0) AS DECIMAL(38, 6))";
    let union = [visits, orders, booked(basis, sum, zero), booked("l.occurred_at", zero, sum)].join(" UNION ALL ");
    Ok(Expansion::Query(format!(
        "SELECT period, currency, sum(sessions) AS sessions, sum(orders) AS orders, sum(counted) AS net_revenue, \
         CAST(sum(counted) AS DOUBLE) / nullif(CAST(sum(sessions) AS DOUBLE), 0) AS revenue_per_session, \
         sum(excluded) AS excluded, sum(unassigned) AS unassigned, sum(ledger) AS ledger, \
         sum(counted) + sum(excluded) + sum(unassigned) - sum(ledger) AS difference, \
         sum(entered) AS ledger_entry_date, sum(entered) - sum(ledger) AS timing \
         FROM ({union}) GROUP BY period, currency ORDER BY period, currency"
    )))
}

#[expect(clippy::too_many_arguments, reason = "one SELECT of a union, written in one place")]
fn part_select(
    contract: &MetricContract,
    model: &SemanticModel,
    part: &MetricPart,
    position: usize,
    parts: usize,
    span: &Span,
    by: Option<&str>,
    currency: Option<&str>,
) -> Result<String, EngineError> {
    let unsound = || EngineError::Asked { message: format!("metric \"{}\" does not fit its model", contract.name) };
    let basis = model.date_bases.get(&contract.date_basis).ok_or_else(unsound)?.to_string();
    let mut columns = vec![format!("{} AS period", span.period(&basis))];
    if let Some(by) = by {
        columns.push(format!("{} AS {by}", model.dimensions.get(by).ok_or_else(unsound)?));
    }
    if contract.currency.is_some() {
        columns.push(format!("{}.currency AS currency", model.name));
    }
    let groups: Vec<String> = (1..=columns.len()).map(|number| number.to_string()).collect();
    let aggregate = model.aggregate_sql(part).ok_or_else(unsound)?;
    for slot in 0..parts {
        columns.push(match slot == position {
            true => format!("CAST({aggregate} AS DECIMAL(38, 6)) AS part_{slot}"),
            false => format!("CAST(NULL AS DECIMAL(38, 6)) AS part_{slot}"),
        });
    }
    let mut conditions = vec![span.condition(&basis)];
    if let Some(code) = currency {
        conditions.push(format!("{}.currency = '{code}'", model.name));
    }
    Ok(format!(
        "SELECT {} FROM {} WHERE {} GROUP BY {}",
        columns.join(", "),
        model.from_sql(),
        conditions.join(" AND "),
        groups.join(", ")
    ))
}

fn dimension<'a>(contract: &MetricContract, call: &'a Call) -> Result<Option<&'a str>, EngineError> {
    let Some(by) = call.arguments.get("by") else { return Ok(None) };
    if contract.dimensions.iter().any(|dimension| dimension == by) {
        return Ok(Some(by));
    }
    let reached = contract.dimensions.iter().map(String::as_str);
    let message = format!("metric \"{}\" cannot be split by \"{by}\"{}", contract.name, hint(by, reached));
    Err(EngineError::Asked { message })
}

fn currency(contract: &MetricContract, call: &Call) -> Result<Option<String>, EngineError> {
    let asked = call.arguments.get("currency").map(|code| currency_code(code)).transpose()?;
    if asked.is_some() && contract.currency.is_none() {
        let message = format!("metric \"{}\" is not about money, so it takes no \"currency\"", contract.name);
        return Err(EngineError::Asked { message });
    }
    Ok(match contract.currency {
        Some(MetricCurrency::Fixed(code)) => Some(code.code().to_owned()),
        _ => asked,
    })
}

fn currency_code(text: &str) -> Result<String, EngineError> {
    let currency = model::Currency::try_from(text);
    currency.map(|code| code.code().to_owned()).map_err(|error| EngineError::Asked { message: error.to_string() })
}

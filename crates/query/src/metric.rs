//! `metric(name, …)` and `revenue_series(…)`: contracts become SQL over the derived tables.
//!
//! Amounts of different currencies are never added: an answer about money has a row for each currency, or all of them
//! converted to the one that is asked for.

use definitions::{Formula, MetricContract, MetricCurrency, MetricPart, MetricZone, SemanticModel};
use model::Currency;

use crate::{
    answer::{DefinitionStamp, Stamp},
    calls::{Call, hint},
    engine::Rules,
    error::EngineError,
    expansion::Expansion,
    period::{Grain, Span},
};

/// Answers `metric(name, grain, by, from, to, zone, currency)`: `period`, the dimension asked by, `currency` where the
/// metric is about money, `numerator` and `denominator` for ratios, `value`.
///
/// # Errors
/// [`EngineError::Definition`] for an unknown metric, [`EngineError::Asked`] for a dimension that it does not reach.
pub(crate) fn expand(rules: &Rules<'_>, call: &Call, stamp: &mut Stamp) -> Result<Expansion, EngineError> {
    let name = call.arguments.get("name").map_or("", String::as_str);
    let defined = rules.definitions().metric(name)?;
    let contract = &defined.value;
    let zone = match &contract.zone {
        MetricZone::Reporting => rules.settings().zone.clone(),
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
        let model = stamped_model(rules, &part.of, stamp)?;
        selects.push(part_select(contract, model, part, position, parts.len(), &span, by, currency)?);
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
    let (converted, rates) = conversion(currency);
    let sql = format!(
        "SELECT {keys}{values}{rates} FROM ({}) GROUP BY {order} ORDER BY {order}",
        selects.join(" UNION ALL ")
    );
    Ok(Expansion::Query { sql, converted })
}

/// Answers `revenue_series(grain, from, to, zone, currency)`: the parts of the contract `revenue_per_session` beside the
/// ledger on the same basis (difference 0), the ledger on entry date, and `timing`, what lies between the two.
///
/// # Errors
/// [`EngineError::Asked`] for arguments that cannot be read, [`EngineError::Definition`] without that contract.
pub(crate) fn expand_series(rules: &Rules<'_>, call: &Call, stamp: &mut Stamp) -> Result<Expansion, EngineError> {
    let defined = rules.definitions().metric(SERIES_METRIC)?;
    stamp.definitions.push(DefinitionStamp::of("metric", SERIES_METRIC, defined));
    let Formula::Ratio { numerator, denominator } = &defined.value.formula else {
        let message = format!("metric \"{SERIES_METRIC}\" is no ratio, so it has no series");
        return Err(EngineError::Asked { message });
    };
    let unsound = || EngineError::Asked { message: format!("metric \"{SERIES_METRIC}\" does not fit its models") };
    let sessions = stamped_model(rules, &denominator.of, stamp)?;
    let orders = stamped_model(rules, &numerator.of, stamp)?;
    let visits = sessions.aggregate_sql(denominator).ok_or_else(unsound)?;
    let counted = orders.aggregate_sql(numerator).ok_or_else(unsound)?;
    let span = Span::of(call, &rules.settings().zone, Grain::Week)?;
    let currency = asked_currency(call)?;
    let sessions = SeriesPart {
        from: sessions.from_sql(),
        basis: "sessions.started_at",
        currency: "sessions.currency",
        columns: &[("sessions", &visits)],
    };
    let net = |condition: &str| format!("sum(orders.net_revenue) FILTER (WHERE NOT orders.test AND {condition})");
    let (assigned, unassigned) = (net("orders.assigned"), net("NOT orders.assigned"));
    let orders = SeriesPart {
        from: orders.from_sql(),
        basis: "coalesce(session.started_at, orders.placed_at)",
        currency: "orders.currency",
        columns: &[("counted", &counted), ("assigned", &assigned), ("unassigned", &unassigned)],
    };
    let entries = "ledger LEFT JOIN orders ON ledger.order_key = orders.order_key \
                   LEFT JOIN sessions ON orders.session_id = sessions.session_id";
    let booked = "sum(ledger.amount) FILTER (WHERE ledger.in_net_revenue AND NOT ledger.test)";
    let (same_basis, entry_date) = ([("ledger", booked)], [("entered", booked)]);
    let ledger = |basis, columns| SeriesPart { from: entries.to_owned(), basis, currency: "ledger.currency", columns };
    let parts = [
        sessions,
        orders,
        ledger("coalesce(sessions.started_at, ledger.placed_at)", &same_basis),
        ledger("ledger.occurred_at", &entry_date),
    ];
    let union: Vec<String> = parts.iter().map(|part| part.select(&span, currency)).collect();
    let (converted, rates) = conversion(currency);
    let sql = format!(
        "SELECT period, currency, CAST(sum(sessions) AS BIGINT) AS sessions, sum(counted) AS net_revenue, \
         CAST(sum(counted) AS DOUBLE) / nullif(CAST(sum(sessions) AS DOUBLE), 0) AS revenue_per_session, \
         sum(assigned) - sum(counted) AS excluded, sum(unassigned) AS unassigned, sum(ledger) AS ledger, \
         sum(assigned) + sum(unassigned) - sum(ledger) AS difference, \
         sum(entered) AS ledger_entry_date, sum(entered) - sum(ledger) AS timing{rates} \
         FROM ({}) WHERE currency IS NOT NULL GROUP BY period, currency ORDER BY period, currency",
        union.join(" UNION ALL ")
    );
    Ok(Expansion::Query { sql, converted })
}

/// The currency to convert to, and the columns by which the answer is checked for missing rates.
fn conversion(currency: Option<Currency>) -> (Option<Currency>, &'static str) {
    let rates = ", min(rate_missing) AS rate_missing, bool_or(rate_provisional) AS rate_provisional";
    (currency, if currency.is_some() { rates } else { "" })
}

/// The same columns in a SELECT over `relation`, of which only orders have rates.
fn rate_columns(relation: &str, currency: Option<Currency>) -> String {
    match (currency, relation) {
        (None, _) => String::new(),
        (Some(_), "orders") => {
            ", min(orders.rate_missing) AS rate_missing, bool_or(orders.rate_provisional) AS rate_provisional"
                .to_owned()
        }
        _ => ", arrow_cast(NULL, 'Utf8') AS rate_missing, false AS rate_provisional".to_owned(),
    }
}

/// The contract whose parts the series shows.
const SERIES_METRIC: &str = "revenue_per_session";
/// Columns of the series' union, each filled by one of its parts.
const SERIES_COLUMNS: [&str; 6] = ["sessions", "counted", "assigned", "unassigned", "ledger", "entered"];

/// One SELECT of the series' union.
struct SeriesPart<'a> {
    from: String,
    basis: &'a str,
    currency: &'a str,
    columns: &'a [(&'a str, &'a str)],
}

impl SeriesPart<'_> {
    fn select(&self, span: &Span, currency: Option<Currency>) -> String {
        let column = |name: &str| {
            let filled = self.columns.iter().find(|(column, _)| *column == name);
            let value = filled.map_or("0".to_owned(), |(_, aggregate)| format!("coalesce({aggregate}, 0)"));
            format!("CAST({value} AS DECIMAL(38, 6)) AS {name}")
        };
        let relation =
            if self.from.starts_with("orders AS ") || self.from.starts_with("ledger ") { "orders" } else { "" };
        let rates = rate_columns(relation, currency);
        format!(
            "SELECT {} AS period, {} AS currency, {}{rates} FROM {} WHERE {} GROUP BY 1, 2",
            span.period(self.basis),
            self.currency,
            SERIES_COLUMNS.map(column).join(", "),
            self.from,
            span.condition(self.basis),
        )
    }
}

/// A semantic model, which decides the number as much as the metric does, so the stamp names it too.
pub(crate) fn stamped_model<'a>(
    rules: &Rules<'a>,
    name: &str,
    stamp: &mut Stamp,
) -> Result<&'a SemanticModel, EngineError> {
    let defined = rules.definitions().semantic_model(name)?;
    stamp.definitions.push(DefinitionStamp::of("semantic_model", name, defined));
    Ok(&defined.value)
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
    currency: Option<Currency>,
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
    let money = model.measures.get(&part.measure).is_some_and(|measure| measure.money);
    if currency.is_some() && money && model.table != "orders" {
        let message = format!(
            "metric \"{}\" adds amounts of \"{}\", which are not converted; ask without \"currency\"",
            contract.name, model.table
        );
        return Err(EngineError::Asked { message });
    }
    for slot in 0..parts {
        columns.push(match slot == position {
            true => format!("CAST({aggregate} AS DECIMAL(38, 6)) AS part_{slot}"),
            false => format!("CAST(NULL AS DECIMAL(38, 6)) AS part_{slot}"),
        });
    }
    Ok(format!(
        "SELECT {}{} FROM {} WHERE {} GROUP BY {}",
        columns.join(", "),
        rate_columns(if model.table == "orders" { &model.name } else { "" }, currency),
        model.from_sql(),
        span.condition(&basis),
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

fn currency(contract: &MetricContract, call: &Call) -> Result<Option<Currency>, EngineError> {
    let asked = asked_currency(call)?;
    if asked.is_some() && contract.currency.is_none() {
        let message = format!("metric \"{}\" is not about money, so it takes no \"currency\"", contract.name);
        return Err(EngineError::Asked { message });
    }
    Ok(match contract.currency {
        Some(MetricCurrency::Fixed(code)) => Some(code),
        _ => asked,
    })
}

/// The argument `currency` of a call: everything is converted to it.
///
/// # Errors
/// [`EngineError::Asked`] where it is no code of ISO 4217.
pub(crate) fn asked_currency(call: &Call) -> Result<Option<Currency>, EngineError> {
    let read = |code: &String| Currency::try_from(code.as_str());
    let asked = call.arguments.get("currency").map(read).transpose();
    asked.map_err(|error| EngineError::Asked { message: error.to_string() })
}

//! Table functions with named arguments: `metric('average_order_value', grain => 'day')` in FROM.
//!
//! DataFusion refuses named arguments there, and drops the names in a LATERAL branch. So the SQL tree is rewritten
//! before planning: each call is answered first, and its place is taken by the answer.

use std::{
    collections::BTreeMap,
    ops::{ControlFlow, RangeInclusive},
};

use datafusion::sql::{
    parser::Statement as ParsedStatement,
    sqlparser::ast::{
        Expr, FunctionArg, FunctionArgExpr, GroupByExpr, Ident, ObjectName, ObjectNamePart, SelectItem, SetExpr,
        Statement, TableFactor, UnaryOperator, Value, VisitMut, VisitorMut,
    },
};
use model::Currency;
use strsim::damerau_levenshtein;

use crate::EngineError;

/// A table function: its name and its arguments in positional order.
#[derive(Debug, Clone, Copy)]
pub struct Signature {
    /// Name in SQL.
    pub name: &'static str,
    /// Arguments; the first `required` must be given.
    pub arguments: &'static [&'static str],
    /// How many must be given.
    pub required: usize,
}

/// One call of a table function, its arguments as texts by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The function.
    pub function: &'static str,
    /// Arguments that were given.
    pub arguments: BTreeMap<&'static str, String>,
}

/// Every table function.
pub const SIGNATURES: [Signature; 19] = [
    Signature { name: "metric", arguments: &["name", "grain", "by", "from", "to", "zone", "currency"], required: 1 },
    Signature {
        name: "funnel",
        arguments: &["name", "from", "to", "zone", "by", "rule", "horizon", "currency", "row"],
        required: 1,
    },
    Signature {
        name: "funnel_trend",
        arguments: &["name", "grain", "from", "to", "zone", "by", "rule", "horizon", "row"],
        required: 1,
    },
    Signature {
        name: "funnel_times",
        arguments: &["name", "step", "from", "to", "zone", "by", "rule", "row"],
        required: 1,
    },
    Signature {
        name: "funnel_survival",
        arguments: &["name", "from", "to", "zone", "by", "rule", "horizon", "row"],
        required: 1,
    },
    Signature {
        name: "funnel_people",
        arguments: &[
            "name", "step", "from", "to", "zone", "by", "rule", "horizon", "currency", "row", "side", "mature",
            "grain", "period",
        ],
        required: 2,
    },
    Signature {
        name: "retention",
        arguments: &["start", "returned", "grain", "periods", "rule", "unit", "from", "to", "zone", "horizon"],
        required: 1,
    },
    Signature {
        name: "retention_people",
        arguments: &["start", "cohort", "period", "returned", "grain", "rule", "unit", "from", "to", "zone"],
        required: 2,
    },
    Signature { name: "paths", arguments: &PATHS, required: 1 },
    Signature { name: "path_steps", arguments: &PATHS, required: 1 },
    Signature { name: "bridge", arguments: &["platform", "from", "to", "account", "policy", "zone"], required: 1 },
    Signature {
        name: "bridge_orders",
        arguments: &["platform", "line", "from", "to", "account", "policy", "zone"],
        required: 2,
    },
    Signature {
        name: "compare",
        arguments: &["definition_a", "definition_b", "from", "to", "zone", "currency"],
        required: 2,
    },
    Signature {
        name: "compare_orders",
        arguments: &["definition_a", "definition_b", "side", "from", "to", "zone", "currency"],
        required: 2,
    },
    Signature { name: "session_series", arguments: &["grain", "by", "from", "to", "zone", "currency"], required: 0 },
    Signature { name: "active_people", arguments: &["grain", "by", "from", "to", "zone"], required: 0 },
    Signature { name: "identity_preview", arguments: &["decision", "a", "b", "at"], required: 3 },
    Signature {
        name: "credit_series",
        arguments: &["by", "policy", "grain", "from", "to", "zone", "currency"],
        required: 0,
    },
    Signature { name: "revenue_series", arguments: &["grain", "from", "to", "zone", "currency"], required: 0 },
];

/// Arguments of the functions about paths.
const PATHS: [&str; 13] = [
    "anchor",
    "direction",
    "steps",
    "which",
    "collapse",
    "gap_minutes",
    "until_next_anchor",
    "events",
    "top",
    "unit",
    "from",
    "to",
    "zone",
];

impl Call {
    /// An argument that is one of some words, as what the word stands for.
    ///
    /// # Errors
    /// [`EngineError::Asked`] where it is none of them.
    pub(crate) fn word<T: Copy>(&self, name: &str, words: &[(&'static str, T)]) -> Result<Option<T>, EngineError> {
        let Some(text) = self.arguments.get(name) else { return Ok(None) };
        match words.iter().find(|(word, _)| word == text) {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => {
                let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                Err(EngineError::Asked { message: format!("\"{name}\" is \"{text}\"{}", hint(text, known)) })
            }
        }
    }

    /// An argument that is true or false.
    ///
    /// # Errors
    /// [`EngineError::Asked`] where it is neither.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, EngineError> {
        match self.arguments.get(name).map(String::as_str) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => {
                let message = format!("\"{name}\" is \"{other}\", expected true or false");
                Err(EngineError::Asked { message })
            }
        }
    }

    /// An argument that is a whole number within bounds.
    ///
    /// # Errors
    /// [`EngineError::Asked`] where it is none, or out of them.
    pub(crate) fn number(&self, name: &str, bounds: RangeInclusive<usize>) -> Result<Option<usize>, EngineError> {
        let Some(text) = self.arguments.get(name) else { return Ok(None) };
        match text.parse::<usize>().ok().filter(|number| bounds.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => {
                let (least, most) = (bounds.start(), bounds.end());
                let message = format!("\"{name}\" is \"{text}\", expected a whole number from {least} to {most}");
                Err(EngineError::Asked { message })
            }
        }
    }

    /// An argument that names something, or several things with commas between; none where it is not given.
    ///
    /// # Errors
    /// [`EngineError::Asked`] where a name is empty.
    pub(crate) fn names(&self, name: &str) -> Result<Vec<String>, EngineError> {
        let Some(text) = self.arguments.get(name) else { return Ok(Vec::new()) };
        let names: Vec<String> = text.split(',').map(|part| part.trim().to_owned()).collect();
        if names.iter().any(String::is_empty) {
            let message = format!("\"{name}\" is \"{text}\", expected a name, or several with commas between");
            return Err(EngineError::Asked { message });
        }
        Ok(names)
    }
}

/// Replaces every call of a table function by the table `call_<n>` and returns the calls in that order.
///
/// # Errors
/// [`EngineError::Asked`] for an unknown, doubled, missing or non-literal argument, naming the nearest right spelling.
pub fn take_calls(statement: &mut ParsedStatement) -> Result<Vec<Call>, EngineError> {
    let statement = match statement {
        ParsedStatement::Statement(statement) => statement,
        ParsedStatement::Explain(explained) => return take_calls(&mut explained.statement),
        _ => return Ok(Vec::new()),
    };
    let mut taker = Taker { calls: Vec::new() };
    match VisitMut::visit(statement.as_mut() as &mut Statement, &mut taker) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(taker.calls),
    }
}

/// True where a statement (after [`take_calls`]) shows the columns of one call as they are: nothing is computed,
/// filtered, joined or grouped on the way. Ordering and cutting leave numbers as they are.
#[must_use]
pub fn only_shows_a_call(statement: &ParsedStatement) -> bool {
    let ParsedStatement::Statement(statement) = statement else { return false };
    let Statement::Query(query) = statement.as_ref() else { return false };
    let SetExpr::Select(select) = query.body.as_ref() else { return false };
    let plain =
        |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::UnnamedExpr(Expr::Identifier(_)));
    let [from] = select.from.as_slice() else { return false };
    let is_call = matches!(&from.relation, TableFactor::Table { name, .. } if name.to_string() == table_name(0));
    let untouched = select.selection.is_none() && select.having.is_none() && select.distinct.is_none();
    let ungrouped = matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
    query.with.is_none()
        && is_call
        && from.joins.is_empty()
        && untouched
        && ungrouped
        && select.projection.iter().all(plain)
}

/// Name of the table that takes the place of the n-th call.
#[must_use]
pub fn table_name(index: usize) -> String {
    format!("call_{index}")
}

/// True for the name of a table that took the place of a call.
#[must_use]
pub fn is_call(name: &str) -> bool {
    name.strip_prefix("call_").is_some_and(|index| index.parse::<usize>().is_ok())
}

/// The nearest right spelling, where one is near.
#[must_use]
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (damerau_levenshtein(found, name), name))
        .filter(|(distance, name)| *distance <= (name.len() / 3).max(2))
        .min()
        .map(|(_, name)| name)
}

/// `; did you mean "…"?` where a spelling is near, else the list of what there is.
#[must_use]
pub fn hint<'a>(found: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(found, known.clone()) {
        Some(name) => format!("; did you mean \"{name}\"?"),
        None => format!(", expected one of {}", known.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

/// The currency that a call names.
///
/// # Errors
/// [`EngineError::Asked`] where it is no code.
pub fn currency(call: &Call) -> Result<Option<Currency>, EngineError> {
    let code = call.arguments.get("currency");
    code.map(|code| {
        let message = format!("\"currency\" is \"{code}\", expected an ISO 4217 code such as EUR");
        Currency::try_from(code.as_str()).map_err(|_| EngineError::Asked { message })
    })
    .transpose()
}

struct Taker {
    calls: Vec<Call>,
}

impl VisitorMut for Taker {
    type Break = EngineError;

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<EngineError> {
        let TableFactor::Table { name, args, .. } = factor else { return ControlFlow::Continue(()) };
        let Some(arguments) = args.as_ref().map(|args| args.args.clone()) else { return ControlFlow::Continue(()) };
        let called = name.to_string().to_lowercase();
        let Some(signature) = SIGNATURES.iter().find(|signature| signature.name == called) else {
            return ControlFlow::Continue(());
        };
        match read_call(signature, &arguments) {
            Ok(call) => {
                *name = ObjectName(vec![ObjectNamePart::Identifier(Ident::new(table_name(self.calls.len())))]);
                *args = None;
                self.calls.push(call);
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(error),
        }
    }
}

fn read_call(signature: &Signature, given: &[FunctionArg]) -> Result<Call, EngineError> {
    let asked = |message: String| EngineError::Asked { message };
    let mut call = Call { function: signature.name, arguments: BTreeMap::new() };
    for (position, argument) in given.iter().enumerate() {
        let (name, value) = match argument {
            FunctionArg::Named { name, arg, .. } => (Some(name.value.to_lowercase()), arg),
            FunctionArg::ExprNamed { name, arg, .. } => (Some(name.to_string().to_lowercase()), arg),
            FunctionArg::Unnamed(arg) => (None, arg),
        };
        let known = match &name {
            Some(name) => signature.arguments.iter().find(|known| *known == name),
            None => signature.arguments.get(position),
        };
        let Some(&known) = known else {
            let message = match name {
                Some(name) => format!(
                    "{}() has no argument \"{name}\"{}",
                    signature.name,
                    hint(&name, signature.arguments.iter().copied())
                ),
                None => format!("{}() takes at most {} arguments", signature.name, signature.arguments.len()),
            };
            return Err(asked(message));
        };
        let text = literal(value)
            .ok_or_else(|| asked(format!("{}(): argument \"{known}\" must be a literal", signature.name)))?;
        if call.arguments.insert(known, text).is_some() {
            return Err(asked(format!("{}(): argument \"{known}\" is given twice", signature.name)));
        }
    }
    match signature.arguments.iter().take(signature.required).find(|name| !call.arguments.contains_key(*name)) {
        Some(missing) => Err(asked(format!("{}() needs the argument \"{missing}\"", signature.name))),
        None => Ok(call),
    }
}

/// A literal as text: texts, numbers, booleans, `DATE '…'` and the like.
fn literal(argument: &FunctionArgExpr) -> Option<String> {
    let FunctionArgExpr::Expr(expression) = argument else { return None };
    match expression {
        Expr::Value(value) => value_text(&value.value),
        Expr::TypedString(typed) => value_text(&typed.value.value),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match expr.as_ref() {
            Expr::Value(value) => value_text(&value.value).map(|text| format!("-{text}")),
            _ => None,
        },
        _ => None,
    }
}

fn value_text(value: &Value) -> Option<String> {
    match value {
        Value::Number(text, _) => Some(text.clone()),
        Value::Boolean(value) => Some(value.to_string()),
        other => other.clone().into_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::parser::DFParser;

    fn calls(sql: &str) -> Result<(Vec<Call>, String), EngineError> {
        let mut statement = DFParser::parse_sql(sql).unwrap().pop_front().unwrap();
        let calls = take_calls(&mut statement)?;
        Ok((calls, statement.to_string()))
    }

    #[test]
    fn named_and_positional_arguments_are_taken() {
        let (calls, rest) = calls(
            "SELECT * FROM metric('aov', grain => 'day', from => DATE '2026-01-01') AS m JOIN sessions s ON true",
        )
        .unwrap();
        assert_eq!(rest, "SELECT * FROM call_0 AS m JOIN sessions s ON true");
        let expected = [("from", "2026-01-01"), ("grain", "day"), ("name", "aov")];
        assert_eq!(calls[0].arguments, expected.map(|(k, v)| (k, v.to_owned())).into());
    }

    #[test]
    fn only_a_call_that_is_shown_as_it_is_can_be_certified() {
        let shows = |sql: &str| {
            let mut statement = DFParser::parse_sql(sql).unwrap().pop_front().unwrap();
            take_calls(&mut statement).unwrap();
            only_shows_a_call(&statement)
        };
        assert!(
            shows("SELECT * FROM metric('aov')") && shows("SELECT period, value FROM metric('aov') ORDER BY 1 LIMIT 3")
        );
        for sql in [
            "SELECT value * 2 FROM metric('aov')",
            "SELECT value AS other FROM metric('aov')",
            "SELECT 42 FROM metric('aov')",
            "SELECT * FROM metric('aov') WHERE value > 1",
            "SELECT value FROM metric('aov') GROUP BY value",
            "SELECT * FROM metric('aov') a JOIN metric('aov') b ON true",
            "SELECT * FROM orders",
        ] {
            assert!(!shows(sql), "{sql}");
        }
    }

    #[test]
    fn mistakes_name_the_nearest_spelling() {
        let message = |sql: &str| calls(sql).unwrap_err().to_string();
        assert!(message("SELECT * FROM metric('aov', grian => 'day')").ends_with("did you mean \"grain\"?"));
        assert!(message("SELECT * FROM funnel()").contains("needs the argument \"name\""));
        assert!(message("SELECT * FROM metric('a', name => 'b')").contains("given twice"));
        assert!(message("SELECT * FROM metric(lower('a'))").contains("must be a literal"));
    }
}

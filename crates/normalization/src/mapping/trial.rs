//! The tests inside a mapping file, and facts as people read and write them.

use std::collections::BTreeMap;

use model::{Fact, Headers, Node, RawRecord, UtcMillis, money::format_micros};
use serde_json::{Map, Value};

use super::{
    Mapping,
    compile::Compiler,
    decimal::Decimal,
    file::{FileFormat, MappingFile, MappingTest, RecordUnit},
};
use crate::source::{Normalized, Verdict};

/// When the rows of a test come that says nothing of it: after everything.
const RECEIVED_AT: &str = "2100-01-01T00:00:00Z";

/// What came of one test inside a mapping file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingTestResult {
    /// The test's name.
    pub name: String,
    /// True where everything came out as the test says.
    pub passed: bool,
    /// What differed; empty where it passed.
    pub detail: String,
}

/// A fact as people read it and as tests write it: amounts, counts of conversions and rates as decimals without their
/// unit in the name (`total_micros` is `total`), instants as RFC 3339, nodes as `customer:shop:id`, properties as an
/// object. What is empty is left out.
#[must_use]
pub fn readable_fact(fact: &Fact) -> Value {
    let stored = serde_json::to_value(fact).expect("facts are texts, numbers and lists");
    let Value::Object(kinds) = stored else { return stored };
    let readable = kinds.into_iter().map(|(kind, fields)| (words(&kind), readable("", fields)));
    Value::Object(readable.collect())
}

/// Finds tests that cannot be run.
pub(crate) fn check(compiler: &mut Compiler<'_>, file: &MappingFile) {
    for (at, test) in file.tests.iter().enumerate() {
        let path = format!("tests[{at}]");
        let inputs = [test.row.is_some(), test.rows.is_some(), test.text.is_some()];
        let outcomes = [test.facts.is_some(), test.rejected.is_some(), test.ignored.is_some()];
        let count = |given: [bool; 3]| given.into_iter().filter(|given| *given).count();
        if count(inputs) != 1 || test.text.is_some() != (file.record == RecordUnit::File) {
            compiler.mistake(&path, "expected \"row\" or \"rows\", or \"text\" for \"record: file\"");
        }
        if count(outcomes) != 1 {
            compiler.mistake(&path, "expected exactly one of \"facts\", \"rejected\", \"ignored\"");
        }
        if let Some(text) = test.received_at.as_ref().filter(|text| UtcMillis::parse(text).is_err()) {
            compiler
                .mistake(&format!("{path}.received_at"), format!("\"{text}\" is not an instant such as {RECEIVED_AT}"));
        }
    }
}

/// Runs one test.
pub(crate) fn run(mapping: &Mapping, test: &MappingTest) -> MappingTestResult {
    let detail = records(mapping, test).and_then(|records| {
        let read = |(raw, text): &(RawRecord, String)| mapping.outcome(raw, text);
        compare(test, &records.iter().map(read).collect::<Vec<_>>())
    });
    MappingTestResult { name: test.name.clone(), passed: detail.is_ok(), detail: detail.err().unwrap_or_default() }
}

impl Mapping {
    fn outcome(&self, raw: &RawRecord, text: &str) -> Verdict {
        let read = self.read(raw, text);
        read.map_or_else(|error| Verdict::Rejected(error.reject()), |Normalized { verdict, .. }| verdict)
    }
}

/// The records that an import would make of the test's rows, with their decoded text.
fn records(mapping: &Mapping, test: &MappingTest) -> Result<Vec<(RawRecord, String)>, String> {
    let mut headers: Headers = test.headers.clone();
    if let Some(text) = &test.text {
        let format = match (mapping.format, text.trim_start().as_bytes().first()) {
            (Some(FileFormat::Ndjson), _) | (None, Some(b'{')) => "ndjson",
            (Some(FileFormat::Json), _) | (None, Some(b'[')) => "json",
            _ => "csv",
        };
        headers.insert("tributary-format".to_owned(), format.to_owned());
        return Ok(vec![(record(mapping, test, 0, headers, text), text.clone())]);
    }
    let rows: Vec<&Map<String, Value>> = test.row.iter().chain(test.rows.iter().flatten()).collect();
    let csv = mapping.format == Some(FileFormat::Csv);
    let columns = csv.then(|| columns(mapping, &rows)).transpose()?;
    headers.insert("tributary-format".to_owned(), if csv { "csv" } else { "json" }.to_owned());
    if let Some(columns) = columns.as_ref().filter(|_| mapping.csv.columns("").is_err()) {
        headers.insert("tributary-csv-header".to_owned(), mapping.csv.line(columns.iter().map(String::as_str))?);
    }
    let rows = (0..).zip(rows).map(|(number, row)| {
        let text = match &columns {
            Some(columns) => mapping.csv.line(columns.iter().map(|name| cell(row.get(name))).collect::<Vec<_>>())?,
            None => Value::Object(row.clone()).to_string(),
        };
        Ok((record(mapping, test, number, headers.clone(), &text), text))
    });
    rows.collect()
}

/// The columns of a CSV file that could hold the rows: those of the mapping and all that a row names.
fn columns(mapping: &Mapping, rows: &[&Map<String, Value>]) -> Result<Vec<String>, String> {
    let named = rows.iter().flat_map(|row| row.keys());
    if let Ok(columns) = mapping.csv.columns("") {
        let mut unknown = named.filter(|name| !columns.contains(name));
        return unknown
            .next()
            .map_or(Ok(columns.clone()), |name| Err(format!("\"csv.columns\" has no column \"{name}\"")));
    }
    let mut columns: Vec<String> = named.chain(mapping.columns.names()).cloned().collect();
    columns.sort();
    columns.dedup();
    Ok(columns)
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn record(mapping: &Mapping, test: &MappingTest, number: i64, headers: Headers, text: &str) -> RawRecord {
    let received_at = test.received_at.as_deref().unwrap_or(RECEIVED_AT);
    RawRecord {
        source: mapping.name.as_str().into(),
        channel: "file/test".into(),
        offset: number,
        received_at: UtcMillis::parse(received_at).expect("checked when the mapping was compiled"),
        headers: headers.into(),
        payload: text.as_bytes().to_vec().into(),
    }
}

fn compare(test: &MappingTest, outcomes: &[Verdict]) -> Result<(), String> {
    if let Some(expected) = &test.facts {
        let mut facts = Vec::new();
        for (at, outcome) in outcomes.iter().enumerate() {
            match outcome {
                Verdict::Facts(made) => facts.extend(made.iter().map(readable_fact)),
                Verdict::Ignored { reason } if outcomes.len() == 1 && !expected.is_empty() => {
                    return Err(format!("row {at} is ignored: {reason}"));
                }
                Verdict::Ignored { .. } => {}
                Verdict::Rejected(reject) => {
                    return Err(format!("row {at} is rejected: {}; {}", reject.message, reject.fix));
                }
            }
        }
        return compare_facts(expected, &facts);
    }
    for (at, outcome) in outcomes.iter().enumerate() {
        let (wanted, found) = match outcome {
            Verdict::Rejected(reject) => {
                (test.rejected.as_deref(), format!("rejected: {} ({})", reject.reason, reject.message))
            }
            Verdict::Ignored { reason } => (test.ignored.as_deref(), format!("ignored: {reason}")),
            Verdict::Facts(facts) => (None, format!("kept, with {} facts", facts.len())),
        };
        let reason = match outcome {
            Verdict::Rejected(reject) => Some(reject.reason),
            Verdict::Ignored { reason } => Some(*reason),
            Verdict::Facts(_) => None,
        };
        if wanted.is_none() || wanted != reason {
            return Err(format!("row {at} is {found}"));
        }
    }
    Ok(())
}

/// Compares the facts kind by kind: all facts of a kind that the test names must be named, in their order.
fn compare_facts(expected: &[Map<String, Value>], found: &[Value]) -> Result<(), String> {
    let (mut wanted, mut made) = (BTreeMap::<&str, Vec<&Value>>::new(), BTreeMap::<&str, Vec<&Value>>::new());
    for fact in expected {
        let mut kinds = fact.iter();
        match (kinds.next(), kinds.next()) {
            (Some((kind, fields)), None) => wanted.entry(kind).or_default().push(fields),
            _ => return Err("an expected fact names exactly one kind, such as order: {…}".to_owned()),
        }
    }
    for (kind, fields) in found.iter().filter_map(Value::as_object).flatten() {
        made.entry(kind).or_default().push(fields);
    }
    if expected.is_empty() && !found.is_empty() {
        return Err(format!("no facts were expected, there are {}", found.len()));
    }
    for (kind, wanted) in wanted {
        let made = made.remove(kind).unwrap_or_default();
        if made.len() != wanted.len() {
            let kinds = found.iter().filter_map(Value::as_object).flatten().map(|(kind, _)| kind.as_str());
            let list = kinds.collect::<Vec<_>>().join(", ");
            return Err(format!(
                "{} of {kind} were expected, there are {}; all facts: {list}",
                wanted.len(),
                made.len()
            ));
        }
        for (at, (wanted, made)) in wanted.into_iter().zip(made).enumerate() {
            compare_value(&format!("{kind}[{at}]"), wanted, made)?;
        }
    }
    Ok(())
}

/// What is expected must be there; what else is there is not looked at. Lists are as long as expected.
fn compare_value(path: &str, expected: &Value, found: &Value) -> Result<(), String> {
    let differs = || Err(format!("{path} is {found}, expected {expected}"));
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => expected.iter().try_for_each(|(key, value)| {
            compare_value(&format!("{path}.{key}"), value, found.get(key).unwrap_or(&Value::Null))
        }),
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            let pairs = expected.iter().zip(found).enumerate();
            pairs
                .into_iter()
                .try_for_each(|(at, (expected, found))| compare_value(&format!("{path}[{at}]"), expected, found))
        }
        (Value::Array(expected), Value::Null) if expected.is_empty() => Ok(()),
        (Value::Number(_), _) | (_, Value::Number(_)) => {
            let number = |value: &Value| Decimal::parse(&cell(Some(value)));
            if number(expected).is_some() && number(expected) == number(found) { Ok(()) } else { differs() }
        }
        _ if same_text(expected, found) => Ok(()),
        _ => differs(),
    }
}

/// Equal, or the same number or instant in another spelling.
fn same_text(expected: &Value, found: &Value) -> bool {
    let (Value::String(a), Value::String(b)) = (expected, found) else { return expected == found };
    let number = |text: &str| Decimal::parse(text);
    let instant = |text: &str| UtcMillis::parse(text).ok();
    a == b || (number(a).is_some() && number(a) == number(b)) || (instant(a).is_some() && instant(a) == instant(b))
}

fn readable(key: &str, value: Value) -> Value {
    match value {
        Value::Object(fields) if fields.contains_key("scope") && fields.contains_key("kind") => {
            let node = serde_json::from_value::<Node>(Value::Object(fields));
            node.map_or(Value::Null, |node| Value::String(node.to_text()))
        }
        Value::Object(fields) => {
            let mut shown = Map::new();
            for (key, value) in fields {
                match (key.as_str(), value) {
                    ("meta", Value::Object(meta)) => {
                        let at = meta.get("occurred_at").cloned().unwrap_or_default();
                        shown.insert("occurred_at".to_owned(), readable("occurred_at", at));
                    }
                    (name, value) => {
                        let value = readable(name, value);
                        if !is_empty(&value) {
                            shown.insert(shown_name(name).to_owned(), value);
                        }
                    }
                }
            }
            Value::Object(shown)
        }
        Value::Array(elements) => Value::Array(elements.into_iter().map(|element| readable("", element)).collect()),
        Value::String(text) if key == "properties" => serde_json::from_str(&text).unwrap_or(Value::Null),
        Value::Number(number) => shown_number(key, &number),
        other => other,
    }
}

fn shown_number(key: &str, number: &serde_json::Number) -> Value {
    let Some(whole) = number.as_i64() else { return Value::Number(number.clone()) };
    let divided = |by: i64| Decimal::whole(whole).divide(Decimal::whole(by)).map(|number| number.to_string());
    match key {
        _ if key.ends_with("_at") => Value::String(UtcMillis(whole).to_string()),
        _ if key == "micros" || key.ends_with("_micros") => Value::String(format_micros(i128::from(whole))),
        "rate_ppm" => divided(10_000).map_or(Value::Null, Value::String),
        "rate_e12" => divided(model::RATE_PARTS).map_or(Value::Null, Value::String),
        _ => Value::Number(number.clone()),
    }
}

fn shown_name(key: &str) -> &str {
    match key {
        "micros" => "amount",
        "rate_ppm" => "rate_percent",
        "rate_e12" => "rate",
        _ => key.strip_suffix("_micros").unwrap_or(key),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// `OrderVersion` as mappings call it: `order`; the other kinds in small letters.
fn words(kind: &str) -> String {
    match kind {
        "OrderVersion" => "order".to_owned(),
        kind => kind.to_lowercase(),
    }
}

//! What a mapping file says, key by key. The doc comments are what an editor shows beside the keys.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::fields::{ClaimFields, CostFields, EdgeFields, EventFields, OrderFields, RateFields, RefundFields};

/// How a file of any shape becomes facts: a steward's text, checked and tested before it counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MappingFile {
    /// Name of the mapping and of the source that its facts carry, such as `uk_shop`: small letters, digits and
    /// underscores. It is part of every key and never changes.
    #[serde(rename = "mapping")]
    pub name: String,
    /// `approved`, or `draft` while stewards still work on it.
    pub status: MappingStatus,
    /// What the file is and where it comes from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What one record is: a `row`, or the whole `file`, which costs and claims need.
    #[serde(default)]
    pub record: RecordUnit,
    /// How the file is written. Left out, the import looks at the content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<FileFormat>,
    /// How a CSV file is written.
    #[serde(default, skip_serializing_if = "CsvOptions::is_default")]
    pub csv: CsvOptions,
    /// Texts that mean "nothing". Left out: the empty text.
    #[serde(default = "empty_text", skip_serializing_if = "is_empty_text")]
    pub nulls: Vec<String>,
    /// True where numbers are written `1.234,56`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub decimal_comma: bool,
    /// IANA zone of instants that name none, such as `Europe/London`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// What recognises copies of a record: expressions, none of which may be null. `[$file, $row]` where the file has no
    /// id of its own.
    pub key: Vec<Expression>,
    /// Rows for which this is not true are ignored (`filtered`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Expression>,
    /// Values with a name, for use in all expressions below and in each other.
    #[serde(default, rename = "let", skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Expression>,
    /// What a row becomes.
    pub facts: Vec<FactTemplate>,
    /// Rows and what must become of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<MappingTest>,
}

/// Whether a mapping counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MappingStatus {
    /// Stewards stand by it.
    Approved,
    /// Still being worked on.
    Draft,
}

/// What one record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordUnit {
    /// Each row is a record of its own.
    #[default]
    Row,
    /// The whole file is one record: a report.
    File,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// Values between delimiters, a header row first.
    Csv,
    /// One JSON array of objects, or one object.
    Json,
    /// A JSON object on each line.
    Ndjson,
    /// Parquet; its rows are read as JSON objects.
    Parquet,
}

/// How a CSV file is written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CsvOptions {
    /// What stands between values: one ASCII character. Left out: `,`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// What stands around values that hold the delimiter: one ASCII character. Left out: `"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote: Option<char>,
    /// Lines before the header row, such as a title. Left out: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_lines: Option<u64>,
    /// Encoding by its label on the web, such as `windows-1252` or `utf-16le`. Left out: `utf-8`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Names of the columns of a file that has no header row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
}

/// An expression such as `quantity * unit_price`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Expression(pub String);

/// One fact that a row becomes: exactly one of the kinds, and when.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FactTemplate {
    /// The fact is made only where this is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Expression>,
    /// A list; the fact is made for each of its elements.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub each: Option<Expression>,
    /// What expressions call the element. Left out: `item`.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// Somebody did something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<EventFields>,
    /// An order, or one row of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderFields>,
    /// Money or goods going back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund: Option<RefundFields>,
    /// What an ad platform charged. Needs `record: file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostFields>,
    /// What an ad platform says its ads brought. Needs `record: file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<ClaimFields>,
    /// Two ids belong to one person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edge: Option<EdgeFields>,
    /// What one currency was worth in another on a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<RateFields>,
}

/// Rows and what must become of them. Exactly one of `row`, `rows`, `text`, and one of `facts`, `rejected`, `ignored`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MappingTest {
    /// What the test shows, as a sentence.
    pub name: String,
    /// One row: column and value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<serde_json::Map<String, serde_json::Value>>,
    /// Several rows, each a record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<Vec<serde_json::Map<String, serde_json::Value>>>,
    /// The text of a whole file, header row and all, for `record: file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// When the rows come. Left out: 2100-01-01T00:00:00Z, after everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_at: Option<String>,
    /// What an import says beside the file, such as `tributary-account`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The facts, each as far as the test looks at it. Of a kind that is named here all facts must be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facts: Option<Vec<serde_json::Map<String, serde_json::Value>>>,
    /// The reason code with which every row must be rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejected: Option<String>,
    /// The reason code with which every row must be ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignored: Option<String>,
}

impl MappingFile {
    /// One line of JSON with sorted keys, without status and tests, which do not change what the mapping does: the same
    /// for two texts that differ in layout, comments and order of keys only.
    #[must_use]
    pub fn canonical_text(&self) -> String {
        let mut value = serde_json::to_value(self).expect("texts, lists and maps with text keys are always JSON");
        if let Some(keys) = value.as_object_mut() {
            keys.remove("status");
            keys.remove("tests");
        }
        let mut text = String::new();
        write_sorted(&value, &mut text);
        text
    }
}

/// What editors need to complete and check mapping files.
#[must_use]
pub fn mapping_schema() -> serde_json::Value {
    schemars::schema_for!(MappingFile).to_value()
}

impl CsvOptions {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl<'de> Deserialize<'de> for Expression {
    /// Numbers and truth values are expressions too, so they need no quotes.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl de::Visitor<'_> for Reader {
            type Value = Expression;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an expression such as quantity * unit_price")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Expression, E> {
                Ok(Expression(text.to_owned()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Expression, E> {
                Ok(Expression(number.to_string()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Expression, E> {
                Ok(Expression(number.to_string()))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Expression, E> {
                Ok(Expression(number.to_string()))
            }

            fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Expression, E> {
                Ok(Expression(flag.to_string()))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

impl JsonSchema for Expression {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Expression".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "number", "boolean"],
            "description": "An expression such as quantity * unit_price; a text constant stands in single quotes: \"'EUR'\""
        })
    }
}

fn empty_text() -> Vec<String> {
    vec![String::new()]
}

fn is_empty_text(nulls: &Vec<String>) -> bool {
    matches!(nulls.as_slice(), [only] if only.is_empty())
}

fn write_sorted(value: &serde_json::Value, out: &mut String) {
    match value {
        serde_json::Value::Object(members) => {
            let sorted: BTreeMap<_, _> = members.iter().collect();
            out.push('{');
            for (at, (key, member)) in sorted.into_iter().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                out.push_str(&serde_json::Value::from(key.as_str()).to_string());
                out.push(':');
                write_sorted(member, out);
            }
            out.push('}');
        }
        serde_json::Value::Array(elements) => {
            out.push('[');
            for (at, element) in elements.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                write_sorted(element, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

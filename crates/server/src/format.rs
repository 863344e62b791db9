//! Answers as JSON, CSV and Arrow: decimals as texts, instants as RFC 3339, the same digits through every door.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, StringArray},
    csv,
    datatypes::{DataType, Decimal128Type, Field, Schema, TimestampMicrosecondType},
    error::ArrowError,
    ipc::writer::StreamWriter,
    util::display::{ArrayFormatter, FormatOptions},
};
use model::{UtcMillis, money::format_micros};
use query::Answer;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// How an answer goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// `{columns, rows, stamp}`, decimals as texts.
    #[default]
    Json,
    /// A header line and a line a row.
    Csv,
    /// An Arrow IPC stream.
    Arrow,
}

/// Why an answer could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the answer cannot be written: {0}")]
pub struct FormatError(#[from] ArrowError);

impl Format {
    /// The MIME type of what [`render`] writes.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Arrow => "application/vnd.apache.arrow.stream",
        }
    }
}

/// An answer in a format.
///
/// # Errors
/// [`FormatError`] where a column's type cannot be written.
pub fn render(answer: &Answer, format: Format) -> Result<Vec<u8>, FormatError> {
    match format {
        Format::Json => Ok(to_json(answer)?.to_string().into_bytes()),
        Format::Csv => to_csv(answer),
        Format::Arrow => to_arrow(answer),
    }
}

/// `{columns: [{name, type}], rows: [[…]], stamp}`.
///
/// # Errors
/// [`FormatError`] where a column's type cannot be written.
pub fn to_json(answer: &Answer) -> Result<Value, FormatError> {
    let columns: Vec<Value> = answer
        .schema
        .fields()
        .iter()
        .map(|field| json!({ "name": field.name(), "type": type_name(field.data_type()) }))
        .collect();
    let mut rows = Vec::with_capacity(answer.rows());
    for batch in &answer.batches {
        let cells = batch.columns().iter().map(|column| json_column(column)).collect::<Result<Vec<_>, _>>()?;
        rows.extend((0..batch.num_rows()).map(|row| Value::Array(cells.iter().map(|c| c[row].clone()).collect())));
    }
    let stamp = serde_json::to_value(&answer.stamp).unwrap_or(Value::Object(Map::new()));
    Ok(json!({ "columns": columns, "rows": rows, "stamp": stamp }))
}

/// The cells of a column as texts, as tables and CSV show them; empty for null.
///
/// # Errors
/// [`FormatError`] where the column's type cannot be written.
pub fn text_column(column: &dyn Array) -> Result<Vec<String>, FormatError> {
    if let Some(instants) = column.as_primitive_opt::<TimestampMicrosecondType>() {
        let text = |row| UtcMillis(instants.value(row).div_euclid(1000)).to_string();
        return Ok((0..column.len()).map(|row| if column.is_null(row) { String::new() } else { text(row) }).collect());
    }
    if let (Some(amounts), DataType::Decimal128(_, 6)) =
        (column.as_primitive_opt::<Decimal128Type>(), column.data_type())
    {
        let text = |row| format_micros(amounts.value(row));
        return Ok((0..column.len()).map(|row| if column.is_null(row) { String::new() } else { text(row) }).collect());
    }
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(column, &options)?;
    Ok((0..column.len()).map(|row| formatter.value(row).to_string()).collect())
}

fn json_column(column: &dyn Array) -> Result<Vec<Value>, FormatError> {
    let texts = text_column(column)?;
    let value = |row: usize, text: String| {
        if column.is_null(row) {
            return Value::Null;
        }
        match column.data_type() {
            DataType::Boolean => Value::Bool(text == "true"),
            kind if kind.is_integer() => text.parse::<i64>().map_or(Value::String(text), Value::from),
            kind if kind.is_floating() => text.parse::<f64>().map_or(Value::String(text), Value::from),
            _ => Value::String(text),
        }
    };
    Ok(texts.into_iter().enumerate().map(|(row, text)| value(row, text)).collect())
}

fn to_csv(answer: &Answer) -> Result<Vec<u8>, FormatError> {
    let mut out = Vec::new();
    let mut writer = csv::WriterBuilder::new().with_header(true).build(&mut out);
    let fields = answer.schema.fields().iter().map(|field| Field::new(field.name(), DataType::Utf8, true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    if answer.batches.is_empty() {
        writer.write(&RecordBatch::new_empty(Arc::clone(&schema)))?;
    }
    for batch in &answer.batches {
        let columns = batch.columns().iter().map(|column| {
            let texts = text_column(column)?;
            let shown = texts.iter().enumerate().map(|(row, text)| (!column.is_null(row)).then_some(text.as_str()));
            Ok(Arc::new(shown.collect::<StringArray>()) as ArrayRef)
        });
        let columns = columns.collect::<Result<Vec<_>, FormatError>>()?;
        writer.write(&RecordBatch::try_new(Arc::clone(&schema), columns)?)?;
    }
    drop(writer);
    Ok(out)
}

fn to_arrow(answer: &Answer) -> Result<Vec<u8>, FormatError> {
    let mut metadata = answer.schema.metadata().clone();
    metadata.insert("tributary.stamp".to_owned(), serde_json::to_string(&answer.stamp).unwrap_or_default());
    let schema = Arc::new(answer.schema.as_ref().clone().with_metadata(metadata));
    let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
    for batch in &answer.batches {
        writer.write(&RecordBatch::try_new(schema.clone(), batch.columns().to_vec())?)?;
    }
    Ok(writer.into_inner()?)
}

fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => "text".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Decimal128(..) | DataType::Decimal256(..) => "decimal".to_owned(),
        DataType::Timestamp(..) => "instant".to_owned(),
        DataType::Date32 => "date".to_owned(),
        kind if kind.is_integer() => "integer".to_owned(),
        kind if kind.is_floating() => "double".to_owned(),
        other => other.to_string(),
    }
}

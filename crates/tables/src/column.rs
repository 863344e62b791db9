//! How a column is declared, and how rows become Arrow.

use std::{
    borrow::{Borrow, Cow},
    sync::Arc,
};

use arrow_array::{RecordBatch, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use jiff::civil::Date;
use model::{Digest, FactMeta, UtcMillis};

use crate::{cells::TableError, filling::encode_columns, table::Table};

/// How a value of a column is taken from a row.
pub enum Value<R> {
    /// Text.
    Text(fn(&R) -> Option<Cow<'_, str>>),
    /// A digest, stored as its hexadecimal text.
    Digest(fn(&R) -> Digest),
    /// A whole number; its unit stands in the column's name or doc line.
    Int(fn(&R) -> Option<i64>),
    /// An instant, UTC, whole milliseconds (stored in a microsecond column, since Delta has no other).
    Instant(fn(&R) -> Option<UtcMillis>),
    /// An amount in micros, stored as `Decimal128(18, 6)` of the major unit.
    Amount(fn(&R) -> Option<i64>),
    /// A rate in 10^-12, stored as `Decimal128(24, 12)`.
    Rate(fn(&R) -> Option<i64>),
    /// True or false.
    Flag(fn(&R) -> Option<bool>),
    /// A civil day.
    Day(fn(&R) -> Option<Date>),
    /// Bytes.
    Bytes(fn(&R) -> &[u8]),
}

/// One stored column.
pub struct Column<R> {
    /// Its name in every engine.
    pub name: &'static str,
    /// What it means, with unit or zone.
    pub doc: &'static str,
    /// True where a row may have no value.
    pub nullable: bool,
    /// How to take it from a row.
    pub value: Value<R>,
}

/// A row type with a table of its own.
pub trait Stored: Sized {
    /// Where rows of this type are stored.
    const TABLE: Table;

    /// Its columns, without `known_at` and `known_until`.
    fn columns() -> Vec<Column<Self>>;
}

/// A column that always has a value.
pub fn required<R>(name: &'static str, doc: &'static str, value: Value<R>) -> Column<R> {
    Column { name, doc, nullable: false, value }
}

/// A column that may have none.
pub fn optional<R>(name: &'static str, doc: &'static str, value: Value<R>) -> Column<R> {
    Column { name, doc, nullable: true, value }
}

/// The columns of a fact: what comes `first` (its place, if any), the five that every fact carries, and the `rest`.
pub fn fact_columns<R: HasMeta>(first: Vec<Column<R>>, rest: Vec<Column<R>>) -> Vec<Column<R>> {
    let mut columns = first;
    columns.push(required(
        "key",
        "Digest of the record's key: source, sender, the source's own id",
        Value::Digest(|row| row.meta().key),
    ));
    columns.push(required(
        "ordinal",
        "Position among the facts of one record in this table",
        Value::Int(|row| Some(i64::from(row.meta().ordinal))),
    ));
    columns.push(required(
        "source",
        "The configured source",
        Value::Text(|row| Some(Cow::Borrowed(&row.meta().source))),
    ));
    columns.push(required("occurred_at", "When it happened, UTC", Value::Instant(|row| Some(row.meta().occurred_at))));
    columns.push(required("received_at", "When it came, UTC", Value::Instant(|row| Some(row.meta().received_at))));
    columns.extend(rest);
    columns
}

/// Rows that carry a [`FactMeta`].
pub trait HasMeta: Sized {
    /// Key, source and instants.
    fn meta(&self) -> &FactMeta;
}

impl<R> Column<R> {
    /// The Arrow field with its doc line as metadata `comment`, which Delta shows to every reader.
    #[must_use]
    pub fn documented_field(&self) -> Field {
        self.field().with_metadata([("comment".to_owned(), self.doc.to_owned())].into())
    }

    /// The Arrow field.
    #[must_use]
    pub fn field(&self) -> Field {
        let data_type = match self.value {
            Value::Text(_) | Value::Digest(_) => DataType::Utf8,
            Value::Int(_) => DataType::Int64,
            Value::Instant(_) => instant_type(),
            Value::Amount(_) => DataType::Decimal128(18, 6),
            Value::Rate(_) => DataType::Decimal128(24, 12),
            Value::Flag(_) => DataType::Boolean,
            Value::Day(_) => DataType::Date32,
            Value::Bytes(_) => DataType::Binary,
        };
        Field::new(self.name, data_type, self.nullable)
    }
}

/// Rows of `raw` tables as Arrow, in the order given.
///
/// # Errors
/// [`TableError::Arrow`] where a required value is missing.
pub fn encode<R: Stored>(rows: &[impl Borrow<R>]) -> Result<RecordBatch, TableError> {
    encode_columns(&R::columns(), rows)
}

/// Rows of `facts` tables as Arrow, all first known at `known_at`.
///
/// # Errors
/// [`TableError::Arrow`] where a required value is missing.
pub fn encode_facts<R: Stored>(rows: &[impl Borrow<R>], known_at: UtcMillis) -> Result<RecordBatch, TableError> {
    let bare = encode::<R>(rows)?;
    let mut fields: Vec<Field> = bare.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    fields.extend(known_fields());
    let mut arrays = bare.columns().to_vec();
    arrays.push(Arc::new(instants(rows.iter().map(|_| Some(known_at)))));
    arrays.push(Arc::new(instants(rows.iter().map(|_| None))));
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

/// `known_at` (instant of the batch that brought the row) and `known_until` (of the batch that superseded it; none: still
/// in force), the last two columns of every fact table.
#[must_use]
pub fn known_fields() -> Vec<Field> {
    vec![Field::new("known_at", instant_type(), false), Field::new("known_until", instant_type(), true)]
}

/// The Arrow type of every instant.
#[must_use]
pub fn instant_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// Instants as an Arrow array.
pub fn instants(values: impl Iterator<Item = Option<UtcMillis>>) -> TimestampMicrosecondArray {
    values.map(|at| at.map(|at| at.0 * 1000)).collect::<TimestampMicrosecondArray>().with_timezone("UTC")
}

/// Days from 1970-01-01 to `day`.
#[must_use]
pub fn days_since_1970(day: Date) -> i32 {
    (day - jiff::civil::date(1970, 1, 1)).get_days()
}

//! Columns being filled, a few rows at a time: what a row holds lies scattered in memory, so all columns take from a row
//! while it is near.

use std::{borrow::Borrow, sync::Arc};

use arrow_array::{
    ArrayRef, RecordBatch,
    builder::{
        ArrayBuilder, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Int64Builder, StringBuilder,
        TimestampMicrosecondBuilder,
    },
};
use arrow_schema::Schema;

use crate::{
    cells::TableError,
    column::{Column, Value, days_since_1970},
};

/// Rows that all columns take from before the next ones.
const NEAR_ROWS: usize = 128;
/// Bytes of a text for which room is made at first.
const TEXT_BYTES: usize = 16;
/// Bytes of a digest as text.
const DIGEST_BYTES: usize = 32;

/// A column being filled.
trait Filling<R> {
    fn take(&mut self, rows: &[&R]);
    fn finish(&mut self) -> ArrayRef;
}

/// An Arrow builder, and how it takes from a row.
struct Typed<B, A> {
    builder: B,
    append: A,
}

impl<R, B: ArrayBuilder, A: FnMut(&mut B, &R)> Filling<R> for Typed<B, A> {
    fn take(&mut self, rows: &[&R]) {
        rows.iter().for_each(|row| (self.append)(&mut self.builder, row));
    }

    fn finish(&mut self) -> ArrayRef {
        self.builder.finish()
    }
}

/// Rows of any type as Arrow, by the columns given: what derived tables are made with.
///
/// # Errors
/// [`TableError::Arrow`] where a required value is missing.
pub fn encode_columns<R>(columns: &[Column<R>], rows: &[impl Borrow<R>]) -> Result<RecordBatch, TableError> {
    let mut filling = columns.iter().map(|column| start(column, rows)).collect::<Result<Vec<_>, _>>()?;
    let mut near: Vec<&R> = Vec::with_capacity(NEAR_ROWS);
    for some in rows.chunks(NEAR_ROWS) {
        near.clear();
        near.extend(some.iter().map(Borrow::borrow));
        filling.iter_mut().for_each(|column| column.take(&near));
    }
    let arrays = filling.iter_mut().map(|column| column.finish()).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(columns.iter().map(Column::field).collect::<Vec<_>>())), arrays)?)
}

fn start<'a, R>(column: &'a Column<R>, rows: &[impl Borrow<R>]) -> Result<Box<dyn Filling<R> + 'a>, TableError> {
    let count = rows.len();
    Ok(match &column.value {
        Value::Text(get) => {
            let builder = StringBuilder::with_capacity(count, count * TEXT_BYTES);
            typed(builder, |builder, row| builder.append_option(get(row)))
        }
        Value::Digest(get) => {
            let builder = StringBuilder::with_capacity(count, count * DIGEST_BYTES);
            typed(builder, |builder, row| builder.append_value(get(row).to_hex()))
        }
        Value::Int(get) => typed(Int64Builder::with_capacity(count), |builder, row| builder.append_option(get(row))),
        Value::Instant(get) => {
            let builder = TimestampMicrosecondBuilder::with_capacity(count).with_timezone("UTC");
            typed(builder, |builder, row| builder.append_option(get(row).map(|at| at.0 * 1000)))
        }
        Value::Amount(get) => {
            let builder = Decimal128Builder::with_capacity(count).with_precision_and_scale(18, 6)?;
            typed(builder, |builder, row| builder.append_option(get(row).map(i128::from)))
        }
        Value::Rate(get) => {
            let builder = Decimal128Builder::with_capacity(count).with_precision_and_scale(24, 12)?;
            typed(builder, |builder, row| builder.append_option(get(row).map(i128::from)))
        }
        Value::Flag(get) => typed(BooleanBuilder::with_capacity(count), |builder, row| builder.append_option(get(row))),
        Value::Day(get) => {
            let builder = Date32Builder::with_capacity(count);
            typed(builder, |builder, row| builder.append_option(get(row).map(days_since_1970)))
        }
        Value::Bytes(get) => {
            let bytes = rows.iter().map(|row| get(row.borrow()).len()).sum();
            typed(BinaryBuilder::with_capacity(count, bytes), |builder, row| builder.append_value(get(row)))
        }
    })
}

fn typed<'a, R, B: ArrayBuilder>(builder: B, append: impl FnMut(&mut B, &R) + 'a) -> Box<dyn Filling<R> + 'a> {
    Box::new(Typed { builder, append })
}

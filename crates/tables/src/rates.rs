//! `facts.rates`: what one currency was worth in another, as published.

use std::borrow::Cow;

use arrow_array::RecordBatch;
use model::{Currency, FactMeta, Rate};

use crate::{
    cells::{Cells, TableError},
    column::{Column, HasMeta, Stored, Value, fact_columns, required},
    table::Table,
};

impl HasMeta for Rate {
    fn meta(&self) -> &FactMeta {
        &self.meta
    }
}

impl Stored for Rate {
    const TABLE: Table = Table::Rates;

    fn columns() -> Vec<Column<Self>> {
        fact_columns(
            vec![],
            vec![
                required("base", "Currency of which one unit is priced", Value::Text(|r| Some(code(r.base)))),
                required("quote", "Currency in which it is priced", Value::Text(|r| Some(code(r.quote)))),
                required("on_day", "Day of publication", Value::Day(|r| Some(r.on))),
                required("rate", "Units of `quote` for one of `base`", Value::Rate(|r| Some(r.rate_e12))),
            ],
        )
    }
}

/// Reads rates back.
///
/// # Errors
/// [`TableError`] where a column is missing or a currency is unreadable.
pub fn read_rates(batch: &RecordBatch) -> Result<Vec<Rate>, TableError> {
    let cells = Cells::new(batch);
    let (base, quote) = (cells.text("base")?, cells.text("quote")?);
    let (on, rate) = (cells.day("on_day")?, cells.amount("rate")?);
    let currency = |column, row, text: &str| {
        Currency::try_from(text).map_err(|error| TableError::Value { column, row, reason: error.to_string() })
    };
    cells
        .metas()?
        .into_iter()
        .enumerate()
        .map(|(row, meta)| {
            Ok(Rate {
                meta,
                base: currency("base", row, base.value(row))?,
                quote: currency("quote", row, quote.value(row))?,
                on: on.get(row),
                rate_e12: rate.get(row),
            })
        })
        .collect()
}

fn code(currency: Currency) -> Cow<'static, str> {
    currency.code().to_owned().into()
}

//! A question about money in one currency: `orders` and `ledger` with every amount converted by the rates known at the
//! instant, each order at the rate of its own date.
//!
//! An order without a rate must fail the question that counts it and no other, so its row says what is missing, and the
//! question looks at that.

use arrow::{
    array::{ArrayRef, AsArray, RecordBatch, StringArray},
    compute::{cast, concat_batches},
    datatypes::{DataType, SchemaRef},
};
use jiff::tz::TimeZone;
use model::Currency;
use reconcile::{OrderMeasures, RateError, ReconcileError};

use crate::{
    answer::Stamp,
    derived::{
        Derived, OrderRow,
        rows::{OrderAmounts, ledger_as, orders_as},
    },
    error::EngineError,
    exchange::Exchange,
};

/// Columns that a query over converted tables ends with: what is missing, and whether a rate is not final.
pub(crate) const RATE_COLUMNS: [&str; 2] = ["rate_missing", "rate_provisional"];

/// The tables that hold money, by name, in the currency `to`; `zone` is the workspace's.
///
/// # Errors
/// [`EngineError::Asked`] where it is not clear whose rates count; [`EngineError::Reconcile`] where a sum does not fit.
pub(crate) fn tables(
    derived: &Derived,
    exchange: &Exchange,
    to: Currency,
    zone: &TimeZone,
) -> Result<Vec<(&'static str, RecordBatch)>, EngineError> {
    let mut amounts = Vec::with_capacity(derived.orders.len());
    let mut entries = Vec::with_capacity(derived.orders.len());
    for order in &derived.orders {
        let (sums, of_entries) = converted(order, exchange, to, zone)?;
        amounts.push(sums);
        entries.push(of_entries.into_iter().map(|micros| (micros, to)).collect());
    }
    let orders = orders_as(derived, amounts.into_iter())?;
    let ledger = ledger_as(derived, entries.into_iter())?;
    let sessions = with_currency(&crate::derived::rows::sessions(derived)?, to)?;
    Ok(vec![("orders", orders), ("ledger", ledger), ("sessions", sessions)])
}

/// An order's sums and its entries' amounts, entry by entry as they were posted.
fn converted(
    order: &OrderRow,
    exchange: &Exchange,
    to: Currency,
    zone: &TimeZone,
) -> Result<(OrderAmounts, Vec<i64>), EngineError> {
    let nothing = |rate_missing| OrderAmounts {
        currency: to,
        measures: OrderMeasures::default(),
        placement_total_micros: 0,
        rate_missing,
        rate_provisional: false,
    };
    let posted = &order.posted;
    let zeroes = || vec![0; posted.entries.len()];
    // A test order is in no measure, so it needs no rate.
    if posted.test {
        return Ok((nothing(None), zeroes()));
    }
    let rates = exchange.rates.as_ref().map_err(|problem| EngineError::Asked { message: problem.clone() })?;
    match reconcile::convert(posted, rates, to, zone) {
        Ok(converted) => {
            let sums = OrderAmounts {
                currency: to,
                measures: converted.measures()?,
                placement_total_micros: converted.placement_total()?,
                rate_missing: None,
                rate_provisional: converted.rate.provisional(),
            };
            let of = |entry: &reconcile::LedgerEntry| {
                converted.entries.iter().find(|c| std::ptr::eq(c.entry, entry)).map_or(0, |c| c.micros)
            };
            Ok((sums, posted.entries.iter().map(of).collect()))
        }
        Err(ReconcileError::Rate(missing @ RateError::Missing { .. })) => {
            Ok((nothing(Some(missing.to_string())), zeroes()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Visits have no amounts; their currency only says with which they are counted.
fn with_currency(sessions: &RecordBatch, to: Currency) -> Result<RecordBatch, EngineError> {
    let position = sessions.schema().index_of("currency")?;
    let mut columns: Vec<ArrayRef> = sessions.columns().to_vec();
    let same = (0..sessions.num_rows()).map(|_| Some(to.code())).collect::<StringArray>();
    if let Some(column) = columns.get_mut(position) {
        *column = std::sync::Arc::new(same);
    }
    Ok(RecordBatch::try_new(sessions.schema(), columns)?)
}

/// Refuses an answer that counts an order without a rate, notes one that is not final, and takes the two columns off.
///
/// # Errors
/// [`EngineError::Asked`] that names the currencies and the date.
pub(crate) fn checked(
    schema: &SchemaRef,
    batches: &[RecordBatch],
    stamp: &mut Stamp,
) -> Result<RecordBatch, EngineError> {
    let all = concat_batches(schema, batches)?;
    let [missing, provisional] = RATE_COLUMNS.map(|name| all.column_by_name(name).map(ArrayRef::clone));
    if let Some(missing) = &missing {
        // SQL has several types of text; which one a column gets is the planner's business.
        let missing = cast(missing, &DataType::Utf8)?;
        let missing = missing.as_string::<i32>();
        // Of one pair of currencies the least text names the earliest day.
        if let Some(text) = missing.iter().flatten().min() {
            return Err(EngineError::Asked { message: text.to_owned() });
        }
    }
    if provisional.is_some_and(|flags| flags.as_boolean().true_count() > 0) {
        stamp.note_provisional();
    }
    let shown: Vec<usize> = (0..all.num_columns())
        .filter(|&column| !RATE_COLUMNS.contains(&all.schema_ref().field(column).name().as_str()))
        .collect();
    Ok(all.project(&shown)?)
}

//! What the call of a table function turns into.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, RecordBatch},
    datatypes::{Field, Schema},
};
use datafusion::{catalog::TableProvider, datasource::MemTable};
use model::Currency;

use crate::EngineError;

/// What the call of a table function turns into.
pub enum Expansion {
    /// Rows.
    Table(Arc<dyn TableProvider>),
    /// A query over the derived tables; with a currency, over those in it, with `rate_missing` and `rate_provisional`.
    Query {
        /// The statement.
        sql: String,
        /// The currency asked for.
        converted: Option<Currency>,
    },
}

/// A small table as the answer of a call.
///
/// # Errors
/// [`EngineError`] where columns differ in length.
pub fn table(columns: Vec<(&str, ArrayRef)>) -> Result<Expansion, EngineError> {
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns.into_iter().map(|(_, array)| array).collect())?;
    Ok(Expansion::Table(Arc::new(MemTable::try_new(schema, vec![vec![batch]])?)))
}

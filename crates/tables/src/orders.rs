//! `facts.order_versions` and `facts.refunds`: header columns for SQL, the whole document for the ledger.

use std::borrow::Cow;

use arrow_array::RecordBatch;
use model::{FactMeta, Node, OrderVersion, Refund};

use crate::{
    cells::{Cells, TableError, text_at},
    column::{Column, HasMeta, Stored, Value, fact_columns, optional, required},
    events::node_text,
    identity::read_node,
    table::Table,
};

impl HasMeta for OrderVersion {
    fn meta(&self) -> &FactMeta {
        &self.meta
    }
}

impl Stored for OrderVersion {
    const TABLE: Table = Table::OrderVersions;

    fn columns() -> Vec<Column<Self>> {
        fact_columns(
            vec![required(
                "place",
                "Where the order's rows lie",
                Value::Int(|o| Some(Node::order(&o.shop, &o.order_id).home_place())),
            )],
            vec![
                required("shop", "The configured source", Value::Text(|o| Some(Cow::Borrowed(&o.shop)))),
                required("order_id", "The shop's id", Value::Text(|o| Some(Cow::Borrowed(&o.order_id)))),
                required("order_name", "What the shop's people call it", Value::Text(|o| Some(Cow::Borrowed(&o.name)))),
                required("updated_at", "When this version was written, UTC", Value::Instant(|o| Some(o.updated_at))),
                required("processed_at", "When the order was placed, UTC", Value::Instant(|o| Some(o.processed_at))),
                optional("cancelled_at", "When it was cancelled, UTC", Value::Instant(|o| o.cancelled_at)),
                required("test", "A test order", Value::Flag(|o| Some(o.test))),
                required("sales_channel", "web, pos, …", Value::Text(|o| Some(Cow::Borrowed(&o.sales_channel)))),
                required(
                    "financial_status",
                    "paid, pending, …",
                    Value::Text(|o| Some(Cow::Borrowed(&o.financial_status))),
                ),
                required("currency", "Shop currency", Value::Text(|o| Some(o.currency.code().to_owned().into()))),
                required("total", "All in at order time, in `currency`", Value::Amount(|o| Some(o.total_micros))),
                required("total_tax", "Taxes, in `currency`", Value::Amount(|o| Some(o.total_tax_micros))),
                required("taxes_included", "Prices include tax", Value::Flag(|o| Some(o.taxes_included))),
                optional("device", "Device written on the order", Value::Text(|o| node_text(o.device.as_ref()))),
                optional("customer", "Customer", Value::Text(|o| node_text(o.customer.as_ref()))),
                optional("checkout_token", "Checkout", Value::Text(|o| o.checkout_token.as_deref().map(Cow::from))),
                optional("cart_token", "Cart", Value::Text(|o| o.cart_token.as_deref().map(Cow::from))),
                optional(
                    "part_of",
                    "File whose rows make up the version together with this one",
                    Value::Text(|o| o.part.as_ref().map(|part| Cow::Borrowed(part.document.as_str()))),
                ),
                required("content_hash", "Hash of the payload", Value::Text(|o| Some(Cow::Borrowed(&o.content_hash)))),
                required("document", "The whole version, JSON, amounts in micros", Value::Text(|o| json(o))),
            ],
        )
    }
}

impl HasMeta for Refund {
    fn meta(&self) -> &FactMeta {
        &self.meta
    }
}

impl Stored for Refund {
    const TABLE: Table = Table::Refunds;

    fn columns() -> Vec<Column<Self>> {
        fact_columns(
            vec![required(
                "place",
                "Where the order's rows lie",
                Value::Int(|r| Some(Node::order(&r.shop, &r.order_id).home_place())),
            )],
            vec![
                required("shop", "The configured source", Value::Text(|r| Some(Cow::Borrowed(&r.shop)))),
                required("refund_id", "The shop's id", Value::Text(|r| Some(Cow::Borrowed(&r.refund_id)))),
                required("order_id", "Order it belongs to", Value::Text(|r| Some(Cow::Borrowed(&r.order_id)))),
                required("processed_at", "When it was booked, UTC", Value::Instant(|r| Some(r.processed_at))),
                required(
                    "content_hash",
                    "Hash of the refund's JSON",
                    Value::Text(|r| Some(Cow::Borrowed(&r.content_hash))),
                ),
                required("document", "The whole refund, JSON, amounts in micros", Value::Text(|r| json(r))),
            ],
        )
    }
}

/// Reads order versions back.
///
/// # Errors
/// [`TableError`] where a document is unreadable.
pub fn read_versions(batch: &RecordBatch) -> Result<Vec<OrderVersion>, TableError> {
    documents(batch)
}

/// Reads which orders were placed on which devices, where they say so.
///
/// # Errors
/// [`TableError`] where a column is missing or a node is unreadable.
pub fn read_devices(batch: &RecordBatch) -> Result<Vec<(Node, Node)>, TableError> {
    let cells = Cells::new(batch);
    let (shop, order_id, device) = (cells.text("shop")?, cells.text("order_id")?, cells.text("device")?);
    let placed = |row: usize| {
        let device = text_at(device, row)?;
        let order = Node::order(shop.value(row), order_id.value(row));
        Some(read_node("device", row, device).map(|device| (order, device)))
    };
    (0..cells.rows()).filter_map(placed).collect()
}

/// Reads refunds back.
///
/// # Errors
/// [`TableError`] where a document is unreadable.
pub fn read_refunds(batch: &RecordBatch) -> Result<Vec<Refund>, TableError> {
    documents(batch)
}

fn json<T: serde::Serialize>(document: &T) -> Option<Cow<'static, str>> {
    serde_json::to_string(document).ok().map(Cow::Owned)
}

fn documents<T: serde::de::DeserializeOwned>(batch: &RecordBatch) -> Result<Vec<T>, TableError> {
    let cells = Cells::new(batch);
    let document = cells.text("document")?;
    (0..cells.rows())
        .map(|row| {
            serde_json::from_str(document.value(row)).map_err(|error| TableError::Value {
                column: "document",
                row,
                reason: error.to_string(),
            })
        })
        .collect()
}

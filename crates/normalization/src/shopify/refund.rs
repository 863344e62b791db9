//! One refund document: delivered on its own, or held by a version of its order.

use model::{Currency, Digest, Fact, OrderVersion, Refund, RefundAdjustment, RefundLine, UtcMillis};

use super::{
    Delivery,
    money::{amount, amount_or_zero, shop_money, sum, too_large, transactions},
};
use crate::{
    error::NormalizeError,
    json::{Object, required},
};

/// What a refund inherits from where it stands.
struct Holder {
    /// The order, where the refund does not name it.
    order_id: Option<String>,
    /// The currency of payments that name none.
    currency: Option<Currency>,
    /// `updated_at` of the version that holds it.
    version_updated_at: Option<UtcMillis>,
}

/// The refund of a `refunds/create` delivery.
pub(super) fn delivered(delivery: &Delivery<'_>) -> Result<Fact, NormalizeError> {
    let holder = Holder { order_id: None, currency: delivery.shop.default_currency, version_updated_at: None };
    read(delivery, &delivery.document, &holder, delivery.content_hash.clone()).map(Fact::Refund)
}

/// The refunds that an order document holds.
pub(super) fn held(delivery: &Delivery<'_>, version: &OrderVersion) -> Result<Vec<Fact>, NormalizeError> {
    let holder = Holder {
        order_id: Some(version.order_id.clone()),
        currency: Some(version.currency),
        version_updated_at: Some(version.updated_at),
    };
    let sources = delivery.document.get("refunds").and_then(|list| list.list()).unwrap_or_default();
    let mut hashes = sources.iter().map(|refund| content_hash(refund.source()));
    let refunds = delivery.document.each("refunds", |refund| Ok(refund.clone()))?;
    refunds
        .iter()
        .enumerate()
        .map(|(at, refund)| {
            let hash = hashes.next().unwrap_or_default();
            let read = read(delivery, refund, &holder, hash);
            read.map(Fact::Refund).map_err(|error| error.within(&format!("refunds[{at}]")))
        })
        .collect()
}

fn read(
    delivery: &Delivery<'_>,
    document: &Object<'_>,
    holder: &Holder,
    content_hash: String,
) -> Result<Refund, NormalizeError> {
    let at = document.instant("processed_at")?.or(document.instant("created_at")?);
    let processed_at = required(at, "processed_at")?;
    let order_id = document.id("order_id")?.or_else(|| holder.order_id.clone());
    Ok(Refund {
        meta: delivery.stamp.meta(processed_at),
        shop: delivery.shop.name.clone(),
        refund_id: required(document.id("id")?, "id")?,
        order_id: required(order_id, "order_id")?,
        processed_at,
        triggered_at: delivery.triggered_at,
        version_updated_at: holder.version_updated_at,
        lines: document.each("refund_line_items", refund_line)?,
        adjustments: document.each("order_adjustments", adjustment)?,
        shipping: document.each("refund_shipping_lines", shipping)?,
        transactions: transactions(document, holder.currency, processed_at)?,
        content_hash,
    })
}

fn refund_line(line: &Object<'_>) -> Result<RefundLine, NormalizeError> {
    Ok(RefundLine {
        refund_line_id: required(line.id("id")?, "id")?,
        line_id: required(line.id("line_item_id")?, "line_item_id")?,
        quantity: required(line.count("quantity")?, "quantity")?,
        subtotal_micros: amount(line, "subtotal")?,
        tax_micros: amount(line, "total_tax")?,
    })
}

fn adjustment(adjustment: &Object<'_>) -> Result<RefundAdjustment, NormalizeError> {
    Ok(RefundAdjustment {
        kind: required(adjustment.text("kind")?, "kind")?,
        micros: required(amount(adjustment, "amount")?, "amount")?,
        tax_micros: amount_or_zero(adjustment, "tax_amount")?,
    })
}

/// Amount after discounts, and tax.
fn shipping(line: &Object<'_>) -> Result<(i64, i64), NormalizeError> {
    let original = line.object("shipping_line")?;
    let within = |error: NormalizeError| error.within("shipping_line");
    let stated = shop_money(line, "subtotal_amount_set")?;
    let discounted = amount(&original, "discounted_price").map_err(within)?;
    let price = amount(&original, "price").map_err(within)?;
    let taxes = original.each("tax_lines", |tax| amount_or_zero(tax, "price")).map_err(within)?;
    let micros = required(stated.or(discounted).or(price), "subtotal_amount_set.shop_money.amount")?;
    Ok((micros, sum(&taxes).ok_or_else(|| too_large("shipping_line.tax_lines"))?))
}

fn content_hash(source: &str) -> String {
    Digest::of(source.as_bytes()).to_hex()
}

//! The parts that orders and refunds share: amounts in the shop's currency, taxes, payments.

use model::{Currency, OrderTransaction, TaxLine, UtcMillis};

use crate::{
    error::NormalizeError,
    json::{Object, required},
};

/// The amount at `key`, in the shop's currency; where only the pair `key_set` is there, its shop money.
pub(super) fn amount(object: &Object<'_>, key: &str) -> Result<Option<i64>, NormalizeError> {
    match object.micros(key)? {
        Some(micros) => Ok(Some(micros)),
        None => shop_money(object, &format!("{key}_set")),
    }
}

/// The shop money of a pair such as `original_total_duties_set`.
pub(super) fn shop_money(object: &Object<'_>, set: &str) -> Result<Option<i64>, NormalizeError> {
    let shop = object.object(set)?.object("shop_money").map_err(|error| error.within(set))?;
    shop.micros("amount").map_err(|error| error.within(&format!("{set}.shop_money")))
}

/// An amount that is 0 where the document leaves it out.
pub(super) fn amount_or_zero(object: &Object<'_>, key: &str) -> Result<i64, NormalizeError> {
    amount(object, key).map(Option::unwrap_or_default)
}

/// The taxes on a line, with their rates in millionths.
pub(super) fn taxes(line: &Object<'_>) -> Result<Vec<TaxLine>, NormalizeError> {
    line.each("tax_lines", |tax| {
        Ok(TaxLine { micros: amount_or_zero(tax, "price")?, rate_ppm: tax.micros_rounded("rate")?.unwrap_or_default() })
    })
}

/// The sum of a line's discount allocations; none where the document has no such list.
pub(super) fn allocated(line: &Object<'_>) -> Result<Option<i64>, NormalizeError> {
    if line.get("discount_allocations").is_none() {
        return Ok(None);
    }
    let parts = line.each("discount_allocations", |part| required(amount(part, "amount")?, "amount"))?;
    sum(&parts).map(Some).ok_or_else(|| too_large("discount_allocations"))
}

/// The payments that a document lists. Old ones say neither when they were processed nor in which currency.
pub(super) fn transactions(
    document: &Object<'_>,
    currency: Option<Currency>,
    at: UtcMillis,
) -> Result<Vec<OrderTransaction>, NormalizeError> {
    document.each("transactions", |payment| {
        let stated = payment.currency("currency")?;
        Ok(OrderTransaction {
            transaction_id: required(payment.id("id")?, "id")?,
            kind: required(payment.text("kind")?, "kind")?,
            status: required(payment.text("status")?, "status")?,
            micros: required(amount(payment, "amount")?, "amount")?,
            currency: required(stated.or(currency), "currency")?,
            processed_at: payment.instant("processed_at")?.or(payment.instant("created_at")?).unwrap_or(at),
            test: payment.flag("test")?.unwrap_or_default(),
        })
    })
}

/// The exact sum, where it is an amount.
pub(super) fn sum(parts: &[i64]) -> Option<i64> {
    parts.iter().try_fold(0_i64, |total, part| total.checked_add(*part))
}

/// The error of a sum that is no amount.
pub(super) fn too_large(field: &str) -> NormalizeError {
    NormalizeError::malformed(field, "a sum beyond all amounts", "amounts below 10^12 together")
}

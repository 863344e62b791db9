//! Documents of a small shop, in cents of EUR unless a test says otherwise.

use std::hash::{DefaultHasher, Hash, Hasher};

use model::{
    Currency, Digest, FactMeta, OrderLine, OrderTransaction, OrderVersion, Refund, RefundAdjustment, RefundLine,
    ShippingLine, TaxLine, UtcMillis,
};
use reconcile::{EntryKind, OrderDocuments, OrderMeasures, PostedOrder, measures, post};

/// Micros in a cent.
pub const CENT: i64 = 10_000;

pub fn currency(code: &str) -> Currency {
    Currency::try_from(code).expect("tests use known codes")
}

pub fn at(day: i64) -> UtcMillis {
    UtcMillis(day * 24 * UtcMillis::HOUR_MS)
}

fn meta(key: &str) -> FactMeta {
    FactMeta { key: Digest::of(key.as_bytes()), source: "shop".into(), ..FactMeta::default() }
}

/// A paid order of day 1 without lines, as written on day `updated`.
pub fn version(updated: i64, lines: Vec<OrderLine>, total: i64) -> OrderVersion {
    sealed(OrderVersion {
        meta: meta(&format!("delivery-{updated}")),
        shop: "shop".to_owned(),
        order_id: "1".to_owned(),
        name: "#1".to_owned(),
        updated_at: at(updated),
        triggered_at: None,
        processed_at: at(1),
        cancelled_at: None,
        deleted: false,
        test: false,
        sales_channel: "web".to_owned(),
        financial_status: "paid".to_owned(),
        currency: currency("EUR"),
        presentment_currency: None,
        taxes_included: false,
        total_micros: total * CENT,
        total_tax_micros: lines.iter().flat_map(|line| &line.taxes).map(|tax| tax.micros).sum(),
        tip_micros: 0,
        duties_micros: 0,
        fees_micros: 0,
        cash_rounding_micros: 0,
        cart_token: None,
        checkout_token: None,
        device: None,
        session_id: None,
        customer: None,
        contact: None,
        lines,
        shipping: Vec::new(),
        transactions: Vec::new(),
        adjustment_micros: 0,
        properties: String::new(),
        part: None,
        content_hash: String::new(),
    })
}

/// Gives a changed version the hash of what it says.
pub fn sealed(mut version: OrderVersion) -> OrderVersion {
    version.content_hash.clear();
    let (delivery, trigger) = (std::mem::take(&mut version.meta), version.triggered_at.take());
    version.content_hash = hash_of(&format!("{version:?}"));
    (version.meta, version.triggered_at) = (delivery, trigger);
    version
}

pub fn hash_of(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

pub fn line(id: &str, quantity: i64, price: i64, discount: i64, tax: i64) -> OrderLine {
    let taxes = if tax == 0 { Vec::new() } else { vec![TaxLine { micros: tax * CENT, rate_ppm: 190_000 }] };
    OrderLine {
        line_id: id.to_owned(),
        product_id: None,
        sku: None,
        quantity,
        price_micros: price * CENT,
        discount_micros: discount * CENT,
        taxes,
        gift_card: false,
    }
}

pub fn shipping(price: i64, discount: i64, tax: i64) -> ShippingLine {
    let taxes = if tax == 0 { Vec::new() } else { vec![TaxLine { micros: tax * CENT, rate_ppm: 190_000 }] };
    ShippingLine { price_micros: price * CENT, discount_micros: discount * CENT, taxes }
}

pub fn transaction(id: &str, kind: &str, status: &str, cents: i64, day: i64) -> OrderTransaction {
    OrderTransaction {
        transaction_id: id.to_owned(),
        kind: kind.to_owned(),
        status: status.to_owned(),
        micros: cents * CENT,
        currency: currency("EUR"),
        processed_at: at(day),
        test: false,
    }
}

/// A refund of day `day` without anything in it.
pub fn refund(id: &str, day: i64) -> Refund {
    Refund {
        meta: meta(&format!("refund-delivery-{id}")),
        shop: "shop".to_owned(),
        refund_id: id.to_owned(),
        order_id: "1".to_owned(),
        processed_at: at(day),
        triggered_at: None,
        version_updated_at: None,
        lines: Vec::new(),
        adjustments: Vec::new(),
        shipping: Vec::new(),
        transactions: Vec::new(),
        content_hash: format!("hash-{id}"),
    }
}

pub fn refund_line(line: &str, quantity: i64, subtotal: Option<i64>, tax: Option<i64>) -> RefundLine {
    RefundLine {
        refund_line_id: format!("r-{line}"),
        line_id: line.to_owned(),
        quantity,
        subtotal_micros: subtotal.map(|cents| cents * CENT),
        tax_micros: tax.map(|cents| cents * CENT),
    }
}

pub fn adjustment(kind: &str, cents: i64, tax: i64) -> RefundAdjustment {
    RefundAdjustment { kind: kind.to_owned(), micros: cents * CENT, tax_micros: tax * CENT }
}

pub fn posted(versions: &[OrderVersion], refunds: &[Refund]) -> PostedOrder {
    let documents =
        OrderDocuments { versions: versions.iter().map(Into::into).collect(), refunds: refunds.iter().collect() };
    post(&documents).expect("the documents are of one order")
}

pub fn measured(order: &PostedOrder) -> OrderMeasures {
    measures(order).expect("test amounts are small")
}

/// Entries as (day, kind, line or component, cents).
pub fn short(order: &PostedOrder) -> Vec<(i64, &'static str, String, i64)> {
    let part = |entry: &reconcile::LedgerEntry| {
        let component = entry.component_of_cancellation.map(|kind| kind.name().to_owned());
        entry.line_id.clone().or(component).unwrap_or_default()
    };
    let day = |at: UtcMillis| at.0 / at1();
    order.entries.iter().map(|e| (day(e.occurred_at), e.kind.name(), part(e), e.micros / CENT)).collect()
}

fn at1() -> i64 {
    at(1).0
}

/// Sum of one kind, in cents.
pub fn of_kind(order: &PostedOrder, kind: EntryKind) -> i64 {
    order.entries.iter().filter(|entry| entry.kind == kind).map(|entry| entry.micros).sum::<i64>() / CENT
}

/// Sum of everything, in cents.
pub fn balance(order: &PostedOrder) -> i64 {
    order.entries.iter().map(|entry| entry.micros).sum::<i64>() / CENT
}

/// Sample order 5001 of the shop's format: two mugs at 50, 20 off, tax included, shipping 5.
pub fn order_5001() -> OrderVersion {
    sealed(OrderVersion {
        taxes_included: true,
        total_tax_micros: 1357 * CENT,
        shipping: vec![shipping(500, 0, 80)],
        ..version(1, vec![line("mug", 2, 5000, 2000, 1277)], 8500)
    })
}

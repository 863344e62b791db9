//! Documents of orders, as the shop wrote them. The ledger is a function of these.

use serde::{Deserialize, Serialize};

use crate::{fact::FactMeta, money::Currency, node::Node, time::UtcMillis};

/// One order as its shop described it at `updated_at`. Amounts are micros of `currency` (the shop's).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderVersion {
    /// Key, source and instants; `occurred_at` is `processed_at`.
    pub meta: FactMeta,
    /// Shop: the configured source.
    pub shop: String,
    /// The shop's id of the order.
    pub order_id: String,
    /// What the shop's people call it, such as `#5001`.
    pub name: String,
    /// When this version was written, whole seconds at most sources.
    pub updated_at: UtcMillis,
    /// When the delivery was triggered, where the sender says so.
    pub triggered_at: Option<UtcMillis>,
    /// When the order was placed: the order's date.
    pub processed_at: UtcMillis,
    /// When it was cancelled.
    pub cancelled_at: Option<UtcMillis>,
    /// True for `orders/delete`: a cancellation at `triggered_at`.
    pub deleted: bool,
    /// A test order: in no measure.
    pub test: bool,
    /// `web`, `pos`, `shopify_draft_order`, `subscription_contract`, …
    pub sales_channel: String,
    /// `paid`, `pending`, `voided`, `expired`, …
    pub financial_status: String,
    /// Shop currency: of every amount here.
    pub currency: Currency,
    /// What the buyer saw.
    pub presentment_currency: Option<Currency>,
    /// True where prices include tax.
    pub taxes_included: bool,
    /// All in, at order time.
    pub total_micros: i64,
    /// Sum of taxes, at order time.
    pub total_tax_micros: i64,
    /// Tip.
    pub tip_micros: i64,
    /// Duties at order time.
    pub duties_micros: i64,
    /// Additional fees at order time.
    pub fees_micros: i64,
    /// Rounding of cash payments, outside footing and total.
    pub cash_rounding_micros: i64,
    /// Cart that became this order.
    pub cart_token: Option<String>,
    /// Checkout that became this order.
    pub checkout_token: Option<String>,
    /// Device that the shop's own script wrote on the order.
    pub device: Option<Node>,
    /// Session id that the shop's own script wrote on the order.
    pub session_id: Option<String>,
    /// Customer.
    pub customer: Option<Node>,
    /// Hashed e-mail or phone of the buyer.
    pub contact: Option<Node>,
    /// What was bought.
    pub lines: Vec<OrderLine>,
    /// How it is sent.
    pub shipping: Vec<ShippingLine>,
    /// Payments known in this version.
    pub transactions: Vec<OrderTransaction>,
    /// What the shop booked on the order beside lines, shipping and refunds, signed as in its document: a bad debt, a
    /// write-off. In net revenue.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub adjustment_micros: i64,
    /// Everything else that the source says of the order and a metric may be split by, as a JSON object without personal
    /// fields: `{"country": "France"}`. Empty: nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub properties: String,
    /// Set where the source spreads one order over several rows, of which this is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<OrderPart>,
    /// Hash of the payload.
    pub content_hash: String,
}

/// One of several rows that make up one order together: all parts of one `document` with the same shop, order id and
/// `updated_at`. What stands once for the order (times, buyer, shipping, tip, fees, a stated total) is that of the part
/// with the least number; lines and adjustments are those of all parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrderPart {
    /// The file that holds the row, by its hash. Rows of two files never make up one version: the later file restates.
    pub document: String,
    /// Row within the document, from 0.
    pub number: i64,
    /// True where the row states the whole order's total and tax; false: each part's are those of its own lines and add
    /// up.
    pub total_stated: bool,
}

fn is_zero(micros: &i64) -> bool {
    *micros == 0
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// The shop's id of the line.
    pub line_id: String,
    /// Product, where the shop names one.
    pub product_id: Option<String>,
    /// Stock keeping unit.
    pub sku: Option<String>,
    /// Units ordered, never the current quantity. Negative: goods taken back with a credit note of their own.
    pub quantity: i64,
    /// Price of one unit before discounts.
    pub price_micros: i64,
    /// Sum of the discount allocations of this line, positive.
    pub discount_micros: i64,
    /// Taxes on this line.
    pub taxes: Vec<TaxLine>,
    /// A gift card: a liability, in no measure.
    pub gift_card: bool,
}

/// One tax on a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxLine {
    /// Amount.
    pub micros: i64,
    /// Rate in millionths: 190,000 for 19%.
    pub rate_ppm: i64,
}

/// One way of sending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShippingLine {
    /// Price before its discounts.
    pub price_micros: i64,
    /// Sum of its discount allocations, positive.
    pub discount_micros: i64,
    /// Taxes on it.
    pub taxes: Vec<TaxLine>,
}

/// One payment or repayment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderTransaction {
    /// The shop's id.
    pub transaction_id: String,
    /// `authorization`, `capture`, `sale`, `void`, `refund`.
    pub kind: String,
    /// `success`, `pending`, `failure`, `error`.
    pub status: String,
    /// Amount, positive.
    pub micros: i64,
    /// Currency of the amount, perhaps the buyer's.
    pub currency: Currency,
    /// When.
    pub processed_at: UtcMillis,
    /// A test payment.
    pub test: bool,
}

/// One refund document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Key, source and instants; `occurred_at` is `processed_at`.
    pub meta: FactMeta,
    /// Shop: the configured source.
    pub shop: String,
    /// The shop's id of the refund.
    pub refund_id: String,
    /// Order it belongs to.
    pub order_id: String,
    /// When it was booked.
    pub processed_at: UtcMillis,
    /// When its delivery was triggered.
    pub triggered_at: Option<UtcMillis>,
    /// `updated_at` of the order version that held this copy; none for a delivery of its own.
    pub version_updated_at: Option<UtcMillis>,
    /// Goods that go back.
    pub lines: Vec<RefundLine>,
    /// Shipping and discrepancies, with their own sign.
    pub adjustments: Vec<RefundAdjustment>,
    /// Refund shipping lines (amount ex discounts, tax), used only where no `shipping_refund` adjustment exists.
    pub shipping: Vec<(i64, i64)>,
    /// Money that goes back.
    pub transactions: Vec<OrderTransaction>,
    /// Hash of the refund's own JSON.
    pub content_hash: String,
}

/// Units of one line that go back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundLine {
    /// Id of the refund line.
    pub refund_line_id: String,
    /// Line of the order.
    pub line_id: String,
    /// Units.
    pub quantity: i64,
    /// Discounted amount as documented (with tax where the order's prices include it), positive.
    pub subtotal_micros: Option<i64>,
    /// Tax on it, positive.
    pub tax_micros: Option<i64>,
}

/// One order adjustment of a refund; keeps the sign of the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundAdjustment {
    /// `shipping_refund` or `refund_discrepancy`.
    pub kind: String,
    /// Amount.
    pub micros: i64,
    /// Tax on it.
    pub tax_micros: i64,
}

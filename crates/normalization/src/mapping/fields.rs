//! What can be said of each kind of fact. All values are expressions, unless their sentence says "plain".

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file::Expression;

/// An expression that may be left out.
type Optional = Option<Expression>;

/// `event`: somebody did something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventFields {
    /// Name in the house's words: `page_view`, `view_item`, `add_to_cart`, `begin_checkout`, `purchase`, …
    pub name: Expression,
    /// Instant.
    pub occurred_at: Expression,
    /// `'track'`, `'page'`, `'screen'`, `'identify'`, `'group'` or `'alias'`. Left out: `'track'`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Optional,
    /// `'browser'`, `'app'` or `'server'`. Left out: `'browser'`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Optional,
    /// Anonymous id of the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Optional,
    /// Plain: the source whose anonymous ids `device` holds. Left out: the mapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_source: Option<String>,
    /// User id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Optional,
    /// E-mail address; kept as a keyed hash only. Without `user` it stands for the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Optional,
    /// Phone number; kept as a keyed hash only. Without `user` and `email` it stands for the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Optional,
    /// Order that the event speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Optional,
    /// Checkout that the event speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkout_id: Optional,
    /// Cart that the event speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cart_id: Optional,
    /// Amount that the event states; digits beyond the sixth place are rounded. Needs `currency`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Optional,
    /// ISO 4217 code of `value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Optional,
    /// Address of the page: its host, path, utm parameters and click id are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_url: Optional,
    /// Path of the page; wins over that of `page_url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_path: Optional,
    /// Address of the referring page; its host is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referrer: Optional,
    /// User agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Optional,
    /// `utm_source`; wins over that of `page_url`, like those below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utm_source: Optional,
    /// `utm_medium`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utm_medium: Optional,
    /// `utm_campaign`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utm_campaign: Optional,
    /// `utm_id`: the platform's campaign id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utm_id: Optional,
    /// `utm_term`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utm_term: Optional,
    /// `utm_content`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utm_content: Optional,
    /// Click id. Needs `click_id_kind`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub click_id: Optional,
    /// Name of the click id's parameter: `'gclid'`, `'fbclid'`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub click_id_kind: Optional,
    /// What else is kept, without personal fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<PropertyFields>,
}

/// What else is kept of a row, without personal fields: `$rest`, `$all`, or names and expressions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PropertyFields {
    /// All columns at once.
    Columns(PropertyColumns),
    /// A name and an expression each.
    Named(BTreeMap<String, Expression>),
}

/// Which columns are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PropertyColumns {
    /// Every column that no other expression of the mapping reads.
    #[serde(rename = "$rest")]
    Rest,
    /// Every column.
    #[serde(rename = "$all")]
    All,
}

/// `order`: an order, or one row of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderFields {
    /// Shop that sold. Left out: the mapping's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shop: Optional,
    /// The shop's id of the order.
    pub order_id: Expression,
    /// What the shop's people call it, such as `#5001`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Optional,
    /// Instant at which it was placed: the order's date.
    pub placed_at: Expression,
    /// Instant of this version; the newest counts. Left out: of grouped rows when they came, else `placed_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Optional,
    /// Instant at which it was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Optional,
    /// True for a test order, which is in no measure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Optional,
    /// `'web'`, `'pos'`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sales_channel: Optional,
    /// `'paid'`, `'pending'`, `'voided'`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub financial_status: Optional,
    /// ISO 4217 code of all amounts.
    pub currency: Expression,
    /// ISO 4217 code of what the buyer saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presentment_currency: Optional,
    /// True where prices include tax. Left out: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taxes_included: Optional,
    /// Total, all in. Left out or null: the sum of what is stated, so that it foots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Optional,
    /// Tax in the total. Left out or null: the sum of the taxes on lines and shipping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Optional,
    /// Tip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tip: Optional,
    /// Duties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duties: Optional,
    /// Additional fees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fees: Optional,
    /// What is booked on the order beside lines and refunds, with its sign: a bad debt is negative. In net revenue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjustment: Optional,
    /// Cart that became the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cart_token: Optional,
    /// Checkout that became the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkout_token: Optional,
    /// Anonymous id of the buyer's device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Optional,
    /// Plain: the source whose anonymous ids `device` holds. Left out: the mapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_source: Option<String>,
    /// The shop's id of the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Optional,
    /// The buyer's e-mail address; kept as a keyed hash only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Optional,
    /// The buyer's phone number; kept as a keyed hash only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Optional,
    /// What else metrics may be split by, such as `country`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<PropertyFields>,
    /// Plain: true where several rows of one file make up one order.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub grouped: bool,
    /// What was bought.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<LineFields>,
    /// How it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping: Option<ShippingFields>,
}

/// One of `lines`: without `each` the row itself is a line, with it each element of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LineFields {
    /// A list, such as `line_items`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub each: Optional,
    /// Plain: what expressions call the element. Left out: `item`.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// The line is made only where this is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Optional,
    /// Id of the line, unique in the order. Left out: the row's number of grouped rows, else the line's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Optional,
    /// Stock keeping unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Optional,
    /// Product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Optional,
    /// Units, a whole number; negative for goods taken back. Left out: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Optional,
    /// Price of one unit before discounts.
    pub price: Expression,
    /// Discount on the whole line, positive. Left out: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Optional,
    /// Tax on the whole line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Optional,
    /// Rate of `tax` in percent, such as 19.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_rate: Optional,
    /// True for a gift card, which is a liability and in no measure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gift_card: Optional,
}

/// `shipping` of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShippingFields {
    /// Price before its discount. Null: no shipping.
    pub price: Expression,
    /// Discount, positive. Left out: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Optional,
    /// Tax on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Optional,
}

/// `refund`: money or goods going back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundFields {
    /// Shop that sold. Left out: the mapping's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shop: Optional,
    /// The shop's id of the refund.
    pub refund_id: Expression,
    /// Order that it belongs to.
    pub order_id: Expression,
    /// Instant at which it was booked.
    pub processed_at: Expression,
    /// What went back, positive, where it is not said by line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Optional,
    /// Goods that went back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<RefundLineFields>,
    /// Shipping that went back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping: Option<RefundShippingFields>,
}

/// One of a refund's `lines`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundLineFields {
    /// A list, such as `refund_line_items`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub each: Optional,
    /// Plain: what expressions call the element. Left out: `item`.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// The line is made only where this is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Optional,
    /// Id of the refund's line. Left out: its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Optional,
    /// Line of the order that goes back.
    pub line_id: Expression,
    /// Units, a whole number. Left out: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Optional,
    /// What went back for it after discounts, positive. Left out or null: its share of the sale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtotal: Optional,
    /// Tax on it, positive. Left out or null: its share of the line's tax.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Optional,
}

/// `shipping` of a refund.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundShippingFields {
    /// What went back of shipping, positive. Null: nothing.
    pub amount: Expression,
    /// Tax on it, positive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Optional,
}

/// `edge`: two ids belong to one person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EdgeFields {
    /// One id.
    pub left: NodeFields,
    /// The other id.
    pub right: NodeFields,
    /// Instant at which it became known.
    pub at: Expression,
}

/// One id: exactly one of the kinds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NodeFields {
    /// A user id, unique in the workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Optional,
    /// A customer id of `shop`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Optional,
    /// An e-mail address; kept as a keyed hash only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_email: Optional,
    /// A phone number; kept as a keyed hash only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_phone: Optional,
    /// An anonymous id of `device_source`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Optional,
    /// An order id of `shop`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Optional,
    /// Shop of a customer or an order. Left out: the mapping's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shop: Optional,
    /// Plain: the source whose anonymous ids `device` holds. Left out: the mapping.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_source: Option<String>,
}

/// `rate`: what one currency was worth in another on a day. Either `quote` and `rate`, or `columns: all`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateFields {
    /// ISO 4217 code of the currency of which one unit is priced.
    pub base: Expression,
    /// Day of publication.
    pub on: Expression,
    /// ISO 4217 code of the currency in which it is priced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Optional,
    /// Units of `quote` for one of `base`: above 0, at most 12 decimal places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Optional,
    /// Plain: `all`, where every column that is named by an ISO 4217 code is a quote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<RateColumns>,
}

/// Which columns of a wide table are quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RateColumns {
    /// Every column that is named by an ISO 4217 code.
    All,
}

/// `cost`: what an ad platform delivered and charged. Rows of one account, entity and day add up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CostFields {
    /// The platform: `'tiktok_ads'`, …
    pub platform: Expression,
    /// Account id. Left out or null: what the import says with `--account`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Optional,
    /// `'account'`, `'campaign'`, `'ad_group'` or `'ad'`.
    pub level: Expression,
    /// Id of the account, campaign, ad group or ad.
    pub entity_id: Expression,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_name: Optional,
    /// Civil day in the account's zone.
    pub day: Expression,
    /// The account's IANA zone. Left out or null: what the import says with `--zone`, else the mapping's `zone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Optional,
    /// Impressions, a whole number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impressions: Optional,
    /// Clicks, a whole number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clicks: Optional,
    /// Charge; digits beyond the sixth place are rounded.
    pub cost: Expression,
    /// ISO 4217 code of the account. Left out or null: what the import says with `--currency`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Optional,
}

/// `claim`: what an ad platform says its ads brought. Rows of one account, entity, day and action add up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimFields {
    /// The platform: `'tiktok_ads'`, …
    pub platform: Expression,
    /// Account id. Left out or null: what the import says with `--account`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Optional,
    /// `'account'`, `'campaign'`, `'ad_group'` or `'ad'`.
    pub level: Expression,
    /// Id of the account, campaign, ad group or ad.
    pub entity_id: Expression,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_name: Optional,
    /// Civil day in the account's zone.
    pub day: Expression,
    /// The account's IANA zone. Left out or null: what the import says with `--zone`, else the mapping's `zone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Optional,
    /// Whose day it is: `'touch'` or `'conversion'`.
    pub date_basis: Expression,
    /// What it rests on: `'click'`, `'engaged_view'` or `'view'`. Left out: `'click'`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Optional,
    /// The platform's name of the action, such as `'purchase'`.
    pub action: Expression,
    /// Hours after the contact within which it counts. Left out or null: not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_hours: Optional,
    /// Conversions; platforms report fractions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Optional,
    /// Their value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Optional,
    /// ISO 4217 code of the account. Left out or null: what the import says with `--currency`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Optional,
}

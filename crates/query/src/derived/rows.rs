//! The derived tables as SQL sees them: one place where their columns are named.

use std::{borrow::Cow, collections::HashMap};

use arrow::array::RecordBatch;
use identity::HubReason;
use journey::Assignment;
use model::{Claim, Cost, Currency, Node};
use reconcile::{LedgerEntry, OrderMeasures};
use tables::{Column, Stored, Value, encode_columns, optional, required};

use crate::{
    derived::{Derived, attribution, load::KnownTraffic, purchases::OrderRow, visits},
    error::EngineError,
};

/// `persons`: a row for each node of each person that an edge names.
///
/// # Errors
/// [`EngineError::Table`] where rows cannot be arranged.
pub fn persons(derived: &Derived) -> Result<RecordBatch, EngineError> {
    struct Row {
        person: String,
        node: Node,
        hub: bool,
        hub_reason: Option<String>,
    }
    let persons = &derived.facts.persons;
    let reasons: HashMap<&Node, HubReason> = persons.hubs().iter().map(|hub| (&hub.node, hub.reason)).collect();
    let mut rows: Vec<Row> = persons
        .iter()
        .flat_map(|(person, nodes)| nodes.iter().map(move |node| (person, node)))
        .map(|(person, node)| Row {
            person: person.to_string(),
            node: node.clone(),
            hub: persons.is_hub(node),
            hub_reason: reasons.get(node).map(ToString::to_string),
        })
        .collect();
    rows.sort_by(|a, b| (&a.person, &a.node).cmp(&(&b.person, &b.node)));
    let columns: Vec<Column<Row>> = vec![
        required("person_id", "The person", Value::Text(|r| Some(Cow::Borrowed(&r.person)))),
        required("kind", "user, customer, contact, order, device", Value::Text(|r| Some(r.node.kind.name().into()))),
        required("node", "kind:scope:id", Value::Text(|r| Some(r.node.to_text().into()))),
        required("hub", "True where its edges are not followed", Value::Flag(|r| Some(r.hub))),
        optional("hub_reason", "Why not", Value::Text(|r| r.hub_reason.as_deref().map(Cow::from))),
    ];
    Ok(encode_columns(&columns, &rows)?)
}

/// `sessions`.
///
/// # Errors
/// [`EngineError::Table`] where rows cannot be arranged.
pub fn sessions(derived: &Derived) -> Result<RecordBatch, EngineError> {
    struct Row<'a> {
        session: &'a visits::SessionRow,
        known: &'a KnownTraffic,
        currency: Option<&'a str>,
        person: Option<String>,
        device: Option<&'a str>,
        landing: Option<&'a str>,
    }
    let facts = &derived.facts;
    let currencies = crate::derived::purchases::currency_by_shop(&derived.orders);
    let mut rows: Vec<Row<'_>> = derived
        .sessions
        .iter()
        .map(|session| Row {
            known: &facts.traffic[session.traffic as usize],
            currency: session.shop.as_ref().and_then(|shop| currencies.get(shop)).map(String::as_str),
            person: derived.person_id(session.person),
            device: facts.devices.text(session.device),
            landing: facts.paths.text(session.landing),
            session,
        })
        .collect();
    rows.sort_by_key(|row| (row.session.started_at, row.session.key));
    let columns: Vec<Column<Row<'_>>> = vec![
        required("session_id", "Key of its first event", Value::Text(|r| Some(id(r.session.key)))),
        optional("person_id", "The person", Value::Text(|r| r.person.as_deref().map(Cow::from))),
        optional("device", "device:source:id", Value::Text(|r| r.device.map(Cow::from))),
        required("web_source", "The configured source", Value::Text(|r| Some(Cow::Borrowed(&r.session.source)))),
        optional("shop", "Shop that the source sells for", Value::Text(|r| r.session.shop.as_deref().map(Cow::from))),
        optional("currency", "Currency of that shop's orders", Value::Text(|r| r.currency.map(Cow::from))),
        required("started_at", "First event, UTC", Value::Instant(|r| Some(r.session.started_at))),
        required("ended_at", "Last event, UTC", Value::Instant(|r| Some(r.session.ended_at))),
        required("events", "Events in it", Value::Int(|r| Some(r.session.events))),
        required("page_views", "Page and screen views in it", Value::Int(|r| Some(r.session.page_views))),
        required("channel", "By config/channels.yaml", Value::Text(|r| Some(Cow::Borrowed(&r.known.traffic.channel)))),
        required("source", "Traffic source", Value::Text(|r| Some(Cow::Borrowed(&r.known.traffic.source)))),
        required("medium", "Traffic medium", Value::Text(|r| Some(Cow::Borrowed(&r.known.traffic.medium)))),
        required("campaign", "Campaign", Value::Text(|r| Some(Cow::Borrowed(&r.known.traffic.campaign)))),
        optional("campaign_id", "utm_id", Value::Text(|r| r.known.signals.utm_id.as_deref().map(Cow::from))),
        optional("landing_page", "Path of the first page", Value::Text(|r| r.landing.map(Cow::from))),
        required("viewed_item", "Holds a view_item", Value::Flag(|r| Some(r.session.viewed_item))),
        required("added_to_cart", "Holds an add_to_cart", Value::Flag(|r| Some(r.session.added_to_cart))),
        required("began_checkout", "Holds a begin_checkout", Value::Flag(|r| Some(r.session.began_checkout))),
        required("converted", "An order, not a test, is assigned", Value::Flag(|r| Some(r.session.converted))),
        required("is_bot", "A bot's user agent", Value::Flag(|r| Some(r.known.traffic.bot))),
        required("is_internal", "Our own people", Value::Flag(|r| Some(r.known.traffic.internal))),
    ];
    Ok(encode_columns(&columns, &rows)?)
}

/// `orders`: one row an order, with the sums of its entries as known now.
///
/// # Errors
/// [`EngineError::Table`] where rows cannot be arranged.
pub fn orders(derived: &Derived) -> Result<RecordBatch, EngineError> {
    let own = |order: &OrderRow| OrderAmounts {
        currency: order.posted.currency,
        measures: order.measures,
        placement_total_micros: order.placement_total_micros,
        rate_missing: None,
        rate_provisional: false,
    };
    orders_as(derived, derived.orders.iter().map(own))
}

/// What an order adds up to in one currency.
#[derive(Debug, Clone)]
pub struct OrderAmounts {
    /// The currency.
    pub currency: Currency,
    /// Sums, micros.
    pub measures: OrderMeasures,
    /// Total at placement, micros.
    pub placement_total_micros: i64,
    /// Why the order has no amounts in that currency; the sums are 0 then and must not be used.
    pub rate_missing: Option<String>,
    /// True where the rate may still be replaced by a later publication.
    pub rate_provisional: bool,
}

/// `orders` with amounts other than its own, in the order of `derived.orders`.
///
/// # Errors
/// [`EngineError::Table`] where rows cannot be arranged.
pub fn orders_as(derived: &Derived, amounts: impl Iterator<Item = OrderAmounts>) -> Result<RecordBatch, EngineError> {
    struct Row<'a> {
        order: &'a OrderRow,
        amounts: OrderAmounts,
        person: Option<String>,
        session: Option<String>,
        reason: Option<&'static str>,
        gap_micros: i64,
    }
    let rows: Vec<Row<'_>> = derived
        .orders
        .iter()
        .zip(amounts)
        .map(|(order, amounts)| {
            let (session, reason) = match order.assignment {
                Assignment::Session(number) => {
                    (derived.sessions.get(number as usize).map(|session| format!("{:032x}", session.key)), None)
                }
                Assignment::Unassigned(reason) => (None, Some(reason.name())),
            };
            Row {
                order,
                amounts,
                person: derived.person_id(order.person),
                session,
                reason,
                gap_micros: order.posted.footing.iter().map(|footing| footing.gap_micros).sum(),
            }
        })
        .collect();
    let columns: Vec<Column<Row<'_>>> = vec![
        required("order_key", "shop/order_id", Value::Text(|r| Some(order_key(r.order).into()))),
        required("shop", "The configured source", Value::Text(|r| Some(Cow::Borrowed(&r.order.posted.shop)))),
        required("order_id", "The shop's id", Value::Text(|r| Some(Cow::Borrowed(&r.order.posted.order_id)))),
        required("order_name", "What the shop's people call it", Value::Text(|r| Some(Cow::Borrowed(&r.order.name)))),
        optional("person_id", "The person", Value::Text(|r| r.person.as_deref().map(Cow::from))),
        required("placed_at", "The order's date, UTC", Value::Instant(|r| Some(r.order.posted.placed_at))),
        required("currency", "The shop's", Value::Text(|r| Some(r.amounts.currency.code().to_owned().into()))),
        required("sales_channel", "web, pos, …", Value::Text(|r| Some(Cow::Borrowed(&r.order.sales_channel)))),
        required("test", "In no measure", Value::Flag(|r| Some(r.order.posted.test))),
        required("cancelled", "Cancelled", Value::Flag(|r| Some(r.order.posted.cancelled))),
        required("over_refunded", "More went back than came", Value::Flag(|r| Some(r.order.posted.over_refunded))),
        required("assigned", "A session led to it", Value::Flag(|r| Some(r.session.is_some()))),
        optional("session_id", "That session", Value::Text(|r| r.session.as_deref().map(Cow::from))),
        optional("unassigned_reason", "Why there is none", Value::Text(|r| r.reason.map(Cow::from))),
        required("gross_sales", "Sales ex tax", Value::Amount(|r| Some(r.amounts.measures.gross_sales))),
        required("discounts", "Negative", Value::Amount(|r| Some(r.amounts.measures.discounts))),
        required("refunds", "Goods that went back, negative", Value::Amount(|r| Some(r.amounts.measures.refunds))),
        required("adjustments", "Refund adjustments", Value::Amount(|r| Some(r.amounts.measures.adjustments))),
        required("net_revenue", "Ex tax, with all refunds", Value::Amount(|r| Some(r.amounts.measures.net_revenue))),
        required("shipping", "Net of refunds", Value::Amount(|r| Some(r.amounts.measures.shipping))),
        required("tax", "Net of refunds", Value::Amount(|r| Some(r.amounts.measures.tax))),
        required("total", "All in, with all refunds", Value::Amount(|r| Some(r.amounts.measures.total))),
        required("placement_total", "All in, at placement", Value::Amount(|r| Some(r.amounts.placement_total_micros))),
        optional(
            "properties",
            "The rest, a JSON object",
            Value::Text(|r| r.order.properties.as_deref().map(Cow::from)),
        ),
        required("footing_gap", "What the entries do not explain", Value::Amount(|r| Some(r.gap_micros))),
        optional(
            "rate_missing",
            "Why there are no amounts in the currency asked for",
            Value::Text(|r| r.amounts.rate_missing.as_deref().map(Cow::from)),
        ),
        required(
            "rate_provisional",
            "A later rate may replace its own",
            Value::Flag(|r| Some(r.amounts.rate_provisional)),
        ),
    ];
    Ok(encode_columns(&columns, &rows)?)
}

/// `ledger`: every entry of every order.
///
/// # Errors
/// [`EngineError::Table`] where rows cannot be arranged.
pub fn ledger(derived: &Derived) -> Result<RecordBatch, EngineError> {
    let own = |entry: &LedgerEntry| (entry.micros, entry.currency);
    ledger_as(derived, derived.orders.iter().map(|order| order.posted.entries.iter().map(own).collect()))
}

/// `ledger` with amounts other than its own, by order in the order of `derived.orders` and by entry in theirs.
///
/// # Errors
/// [`EngineError::Table`] where rows cannot be arranged.
pub fn ledger_as(
    derived: &Derived,
    amounts: impl Iterator<Item = Vec<(i64, Currency)>>,
) -> Result<RecordBatch, EngineError> {
    struct Row<'a> {
        order: &'a OrderRow,
        entry: &'a LedgerEntry,
        micros: i64,
        currency: Currency,
    }
    let mut rows: Vec<Row<'_>> = derived
        .orders
        .iter()
        .zip(amounts)
        .flat_map(|(order, amounts)| {
            let entries = order.posted.entries.iter().zip(amounts);
            entries.map(move |(entry, (micros, currency))| Row { order, entry, micros, currency })
        })
        .collect();
    rows.sort_by(|a, b| (a.entry.occurred_at, &a.entry.entry_id).cmp(&(b.entry.occurred_at, &b.entry.entry_id)));
    let columns: Vec<Column<Row<'_>>> = vec![
        required("entry_id", "The same for the same documents", Value::Text(|r| Some((&r.entry.entry_id).into()))),
        required("order_key", "shop/order_id", Value::Text(|r| Some(order_key(r.order).into()))),
        required("shop", "The configured source", Value::Text(|r| Some(Cow::Borrowed(&r.order.posted.shop)))),
        required("order_id", "The shop's id", Value::Text(|r| Some(Cow::Borrowed(&r.order.posted.order_id)))),
        required("entry", "sale, discount, refund_sale, …", Value::Text(|r| Some(r.entry.kind.name().into()))),
        optional(
            "component",
            "What a cancellation takes back",
            Value::Text(|r| r.entry.component_of_cancellation.map(|kind| kind.name().into())),
        ),
        required("occurred_at", "The entry's own date, UTC", Value::Instant(|r| Some(r.entry.occurred_at))),
        required("placed_at", "The order's date, UTC", Value::Instant(|r| Some(r.order.posted.placed_at))),
        required("amount", "In `currency`, signed", Value::Amount(|r| Some(r.micros))),
        required("currency", "The shop's", Value::Text(|r| Some(r.currency.code().to_owned().into()))),
        required("in_net_revenue", "Counts into net revenue", Value::Flag(|r| Some(in_net_revenue(r.entry)))),
        required("derived", "No document states it", Value::Flag(|r| Some(r.entry.derived))),
        required("test", "Of a test order: in no measure", Value::Flag(|r| Some(r.entry.test))),
        optional("line_id", "Order line", Value::Text(|r| r.entry.line_id.as_deref().map(Cow::from))),
        required("document", "Version or refund", Value::Text(|r| Some((&r.entry.document).into()))),
    ];
    Ok(encode_columns(&columns, &rows)?)
}

/// `carts`.
///
/// # Errors
/// [`EngineError::Table`] where rows cannot be arranged.
pub fn carts(derived: &Derived) -> Result<RecordBatch, EngineError> {
    let rows: Vec<(&visits::CartRow, Option<String>)> = derived
        .carts
        .iter()
        .map(|cart| {
            let session = cart.session.and_then(|position| derived.sessions.get(position));
            (cart, session.map(|session| format!("{:032x}", session.key)))
        })
        .collect();
    let columns: Vec<Column<(&visits::CartRow, Option<String>)>> = vec![
        required("cart_id", "shop/cart", Value::Text(|r| Some(Cow::Borrowed(&r.0.cart)))),
        optional("session_id", "Session of the first add", Value::Text(|r| r.1.as_deref().map(Cow::from))),
        optional("shop", "The shop", Value::Text(|r| r.0.shop.as_deref().map(Cow::from))),
        required("first_add_at", "First add, UTC", Value::Instant(|r| Some(r.0.first_add_at))),
        required("age_ms", "First add to the question, ms", Value::Int(|r| Some(r.0.age_ms))),
        optional("order_delay_ms", "First add to the order, ms", Value::Int(|r| r.0.order_delay_ms)),
    ];
    Ok(encode_columns(&columns, &rows)?)
}

/// `touches`.
///
/// # Errors
/// [`EngineError::Table`] where rows cannot be arranged.
pub fn touches(derived: &Derived) -> Result<RecordBatch, EngineError> {
    type Row<'a> = (&'a attribution::TouchRow, Option<String>, Option<String>);
    let mut rows: Vec<Row<'_>> = derived
        .touches
        .iter()
        .map(|touch| {
            let session = derived.sessions.get(touch.touch.session as usize);
            (touch, derived.person_id(touch.person), session.map(|session| format!("{:032x}", session.key)))
        })
        .collect();
    rows.sort_by_key(|row| (row.0.touch.at, row.0.touch.key));
    let columns: Vec<Column<Row<'_>>> = vec![
        required("touch_id", "Key of its event", Value::Text(|r| Some(id(r.0.touch.key)))),
        optional("person_id", "The person", Value::Text(|r| r.1.as_deref().map(Cow::from))),
        optional("session_id", "Its session", Value::Text(|r| r.2.as_deref().map(Cow::from))),
        required("touched_at", "When, UTC", Value::Instant(|r| Some(r.0.touch.at))),
        required("channel", "By config/channels.yaml", Value::Text(|r| Some(Cow::Borrowed(&r.0.channel)))),
        required("source", "Traffic source", Value::Text(|r| Some(Cow::Borrowed(&r.0.source)))),
        required("medium", "Traffic medium", Value::Text(|r| Some(Cow::Borrowed(&r.0.medium)))),
        required("campaign", "Campaign", Value::Text(|r| Some(Cow::Borrowed(&r.0.campaign)))),
        optional("campaign_id", "utm_id", Value::Text(|r| r.0.campaign_id.as_deref().map(Cow::from))),
        optional("platform", "Whose paid click it is", Value::Text(|r| r.0.platform.as_deref().map(Cow::from))),
        optional("click_id", "kind=value", Value::Text(|r| r.0.click_id.as_deref().map(Cow::from))),
        required("direct", "Came without any signal", Value::Flag(|r| Some(r.0.touch.direct))),
    ];
    Ok(encode_columns(&columns, &rows)?)
}

/// `credits`: every house policy's split of every order.
///
/// # Errors
/// [`EngineError::Table`] where rows cannot be arranged.
pub fn credits(derived: &Derived) -> Result<RecordBatch, EngineError> {
    struct Row<'a> {
        credit: &'a attribution::CreditRow,
        touch: Option<&'a attribution::TouchRow>,
    }
    let rows: Vec<Row<'_>> = derived
        .credits
        .iter()
        .map(|credit| Row { credit, touch: credit.touch.and_then(|position| derived.touches.get(position)) })
        .collect();
    let columns: Vec<Column<Row<'_>>> = vec![
        required("policy", "House policy", Value::Text(|r| Some(Cow::Borrowed(&r.credit.policy)))),
        required("shop", "The configured source", Value::Text(|r| Some(Cow::Borrowed(&r.credit.shop)))),
        required("order_id", "The shop's id", Value::Text(|r| Some(Cow::Borrowed(&r.credit.order_id)))),
        optional("touch_id", "The touch; none: unattributed", Value::Text(|r| r.touch.map(|t| id(t.touch.key)))),
        required("channel", "Of the touch, or unattributed", Value::Text(|r| Some(receiver(r.touch).into()))),
        optional("platform", "Of the touch", Value::Text(|r| r.touch?.platform.as_deref().map(Cow::from))),
        optional("campaign", "Of the touch", Value::Text(|r| r.touch.map(|t| Cow::Borrowed(t.campaign.as_str())))),
        optional("campaign_id", "Of the touch", Value::Text(|r| r.touch?.campaign_id.as_deref().map(Cow::from))),
        optional("touched_at", "When, UTC", Value::Instant(|r| r.touch.map(|t| t.touch.at))),
        required("booked_at", "Whose day it falls on, UTC", Value::Instant(|r| Some(r.credit.booked_at))),
        required("currency", "The order's", Value::Text(|r| Some(r.credit.currency.code().to_owned().into()))),
        required("value", "Share of net revenue", Value::Amount(|r| Some(r.credit.value_micros))),
        required("orders", "Share of the order's count", Value::Amount(|r| Some(r.credit.count_micros))),
    ];
    Ok(encode_columns(&columns, &rows)?)
}

/// `claims`: of each scope the newest complete pull's.
///
/// # Errors
/// [`EngineError::Table`] where rows cannot be arranged.
pub fn claims(derived: &Derived) -> Result<RecordBatch, EngineError> {
    let newest: Vec<Claim> =
        reconcile::newest_claims(&derived.facts.pulls, &derived.facts.claims).into_iter().cloned().collect();
    Ok(encode_columns(&Claim::columns(), &newest)?)
}

/// `costs`: of each scope the newest complete pull's.
///
/// # Errors
/// [`EngineError::Table`] where rows cannot be arranged.
pub fn costs(derived: &Derived) -> Result<RecordBatch, EngineError> {
    let newest: Vec<Cost> =
        reconcile::newest_costs(&derived.facts.pulls, &derived.facts.costs).into_iter().cloned().collect();
    Ok(encode_columns(&Cost::columns(), &newest)?)
}

/// A touch's channel, or `unattributed`.
#[must_use]
pub fn receiver(touch: Option<&attribution::TouchRow>) -> &str {
    touch.map_or("unattributed", |touch| touch.channel.as_str())
}

fn order_key(order: &OrderRow) -> String {
    format!("{}/{}", order.posted.shop, order.posted.order_id)
}

fn in_net_revenue(entry: &LedgerEntry) -> bool {
    entry.kind.in_net_revenue() || entry.component_of_cancellation.is_some_and(|kind| kind.in_net_revenue())
}

fn id(key: u128) -> Cow<'static, str> {
    format!("{key:032x}").into()
}

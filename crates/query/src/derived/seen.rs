//! `purchases`: what browsers, apps and servers say that they saw bought. A witness's claim, never ledger money.

use std::{borrow::Cow, collections::HashSet};

use arrow::array::RecordBatch;
use tables::{Column, Value, encode_columns, optional, required};

use crate::{
    derived::{
        Derived,
        load::{NONE, PathEvent, SeenPurchase},
        purchases::currency_by_shop,
    },
    error::EngineError,
};

/// One purchase event.
struct Row<'a> {
    event: &'a PathEvent,
    seen: &'a SeenPurchase,
    order_key: Option<String>,
    currency: Option<&'a str>,
    person: Option<String>,
    session: Option<String>,
    repeated: bool,
    bot: bool,
    internal: bool,
}

/// `purchases`: a row for each purchase event, by (instant, key).
///
/// An order is named as `orders` does, `shop/order_id`; where the source sells for no shop, by the source. An event
/// repeats another where that one is earlier, names the same order, and was seen from the same side: by visitors'
/// devices (browser or app), or by servers.
///
/// # Errors
/// [`EngineError::Table`] where rows cannot be arranged.
pub fn purchases(derived: &Derived) -> Result<RecordBatch, EngineError> {
    let facts = &derived.facts;
    let currencies = currency_by_shop(&derived.orders);
    let mut events: Vec<&PathEvent> = facts.events.iter().filter(|event| event.purchase != NONE).collect();
    events.sort_unstable_by_key(|event| (event.at, event.key));
    let mut met = Met::default();
    let rows: Vec<Row<'_>> = events
        .into_iter()
        .filter_map(|event| {
            let seen = facts.purchases.get(event.purchase as usize)?;
            let traffic = &facts.traffic.get(event.traffic as usize)?.traffic;
            let seller = seen.shop.as_ref().unwrap_or(&seen.source);
            let order_key = seen.order_id.as_ref().map(|order| format!("{seller}/{order}"));
            let shop_currency = || seen.shop.as_ref().and_then(|shop| currencies.get(shop)).map(String::as_str);
            Some(Row {
                event,
                seen,
                currency: seen.currency.as_deref().or_else(shop_currency),
                person: derived.person_id(event.person),
                session: derived.sessions.get(event.session as usize).map(|session| format!("{:032x}", session.key)),
                repeated: met.again(order_key.as_deref(), &seen.origin),
                bot: traffic.bot,
                internal: traffic.internal,
                order_key,
            })
        })
        .collect();
    Ok(encode_columns(&columns(), &rows)?)
}

/// Orders that were seen so far, and from which side: true for servers, false for visitors' devices.
#[derive(Default)]
struct Met(HashSet<(String, bool)>);

impl Met {
    /// True where the order was seen from this side before; from now on it was. A sighting of no order repeats none.
    fn again(&mut self, order_key: Option<&str>, origin: &str) -> bool {
        order_key.is_some_and(|order| !self.0.insert((order.to_owned(), origin == "server")))
    }
}

fn columns<'a>() -> Vec<Column<Row<'a>>> {
    vec![
        required("purchase_id", "Key of the event", Value::Text(|r| Some(format!("{:032x}", r.event.key).into()))),
        optional("order_key", "shop/order_id, as in orders", Value::Text(|r| r.order_key.as_deref().map(Cow::from))),
        required("web_source", "The configured source", Value::Text(|r| Some(Cow::Borrowed(&r.seen.source)))),
        optional("shop", "Shop that the source sells for", Value::Text(|r| r.seen.shop.as_deref().map(Cow::from))),
        optional("order_id", "The shop's id", Value::Text(|r| r.seen.order_id.as_deref().map(Cow::from))),
        optional("person_id", "The person", Value::Text(|r| r.person.as_deref().map(Cow::from))),
        optional("session_id", "Its session", Value::Text(|r| r.session.as_deref().map(Cow::from))),
        required("origin", "browser, app or server", Value::Text(|r| Some(Cow::Borrowed(&r.seen.origin)))),
        required("occurred_at", "When, UTC", Value::Instant(|r| Some(r.event.at))),
        optional("value", "As stated, in `currency`; null where no currency is", Value::Amount(stated_value)),
        optional("currency", "As stated, else the shop's", Value::Text(|r| r.currency.map(Cow::from))),
        required("repeated", "Seen before, from the same side", Value::Flag(|r| Some(r.repeated))),
        required("is_bot", "A bot's user agent", Value::Flag(|r| Some(r.bot))),
        required("is_internal", "Our own people", Value::Flag(|r| Some(r.internal))),
    ]
}

/// An amount that states no currency is none: it would be added to amounts of the shop's.
fn stated_value(row: &Row<'_>) -> Option<i64> {
    row.seen.currency.as_ref().and(row.seen.value_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_repeated_where_the_same_side_saw_it_before() {
        let mut met = Met::default();
        let sightings = [
            (Some("eu/1"), "server", false),
            (Some("eu/1"), "browser", false),
            (Some("eu/1"), "app", true),
            (Some("us/1"), "app", false),
            (Some("eu/1"), "server", true),
            (None, "browser", false),
            (None, "browser", false),
        ];
        for (order_key, origin, repeated) in sightings {
            assert_eq!(met.again(order_key, origin), repeated, "{order_key:?} {origin}");
        }
    }
}

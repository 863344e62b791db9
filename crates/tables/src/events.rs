//! `facts.events`: typed columns for what folds read, one `properties` JSON for the rest.

use std::borrow::Cow;

use model::{Event, EventKind, FactMeta, Node, Origin};

use crate::{
    column::{Column, HasMeta, Stored, Value, fact_columns, optional, required},
    table::Table,
};

/// An event and where its row lies.
#[derive(Debug)]
pub struct PlacedEvent {
    /// The place: rows of one person lie together. Says nothing about who is who.
    pub place: i64,
    /// The event.
    pub event: Box<Event>,
}

impl HasMeta for PlacedEvent {
    fn meta(&self) -> &FactMeta {
        &self.event.meta
    }
}

impl Stored for PlacedEvent {
    const TABLE: Table = Table::Events;

    fn columns() -> Vec<Column<Self>> {
        let mut columns = fact_columns(
            vec![required("place", "Where the person's rows lie", Value::Int(|e: &Self| Some(e.place)))],
            subject_columns(),
        );
        columns.extend(signal_columns());
        columns
    }
}

/// The stored name of a message kind.
#[must_use]
pub fn kind_name(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Track => "track",
        EventKind::Page => "page",
        EventKind::Screen => "screen",
        EventKind::Identify => "identify",
        EventKind::Group => "group",
        EventKind::Alias => "alias",
    }
}

/// The stored name of an origin.
#[must_use]
pub fn origin_name(origin: Origin) -> &'static str {
    match origin {
        Origin::Browser => "browser",
        Origin::App => "app",
        Origin::Server => "server",
    }
}

fn subject_columns() -> Vec<Column<PlacedEvent>> {
    vec![
        optional("original_at", "The client's own instant, UTC", Value::Instant(|e| e.event.original_at)),
        required(
            "kind",
            "track, page, screen, identify, group, alias",
            Value::Text(|e| Some(kind_name(e.event.kind).into())),
        ),
        required("event", "Harmonised event name", Value::Text(|e| Some(Cow::Borrowed(&e.event.name)))),
        required("origin", "browser, app or server", Value::Text(|e| Some(origin_name(e.event.origin).into()))),
        required("in_session", "True where sessions are made of it", Value::Flag(|e| Some(e.event.in_session()))),
        optional("device", "device:source:anonymous id", Value::Text(|e| node_text(e.event.device.as_ref()))),
        required(
            "device_place",
            "Home place of the device, by which sessions are cut; 0 where there is none",
            Value::Int(|e| Some(e.event.device.as_ref().map_or(0, Node::home_place))),
        ),
        optional("user", "user::id or contact::keyed hash", Value::Text(|e| node_text(e.event.user.as_ref()))),
        optional(
            "order_id",
            "Order that the event speaks of",
            Value::Text(|e| e.event.order_id.as_deref().map(Cow::from)),
        ),
        optional("checkout_id", "Checkout token", Value::Text(|e| e.event.checkout_id.as_deref().map(Cow::from))),
        optional("cart_id", "Cart token", Value::Text(|e| e.event.cart_id.as_deref().map(Cow::from))),
        optional("value", "Amount stated, in `currency`; a witness", Value::Amount(|e| e.event.value_micros)),
        optional("currency", "ISO 4217", Value::Text(|e| e.event.currency.map(|c| c.code().to_owned().into()))),
    ]
}

fn signal_columns() -> Vec<Column<PlacedEvent>> {
    vec![
        required(
            "traffic",
            "Hash of the signals that source, medium, channel and flags are read from",
            Value::Text(|e| Some(Cow::Owned(e.event.signals.traffic_hash()))),
        ),
        optional("utm_source", "utm_source", Value::Text(|e| e.event.signals.utm_source.as_deref().map(Cow::from))),
        optional("utm_medium", "utm_medium", Value::Text(|e| e.event.signals.utm_medium.as_deref().map(Cow::from))),
        optional(
            "utm_campaign",
            "utm_campaign",
            Value::Text(|e| e.event.signals.utm_campaign.as_deref().map(Cow::from)),
        ),
        optional("utm_id", "utm_id, campaign id", Value::Text(|e| e.event.signals.utm_id.as_deref().map(Cow::from))),
        optional("utm_term", "utm_term", Value::Text(|e| e.event.signals.utm_term.as_deref().map(Cow::from))),
        optional("utm_content", "utm_content", Value::Text(|e| e.event.signals.utm_content.as_deref().map(Cow::from))),
        optional(
            "click_id_kind",
            "gclid, fbclid, …",
            Value::Text(|e| e.event.signals.click_id_kind.as_deref().map(Cow::from)),
        ),
        optional("click_id", "Click id as sent", Value::Text(|e| e.event.signals.click_id.as_deref().map(Cow::from))),
        optional(
            "referrer_host",
            "Referring host",
            Value::Text(|e| e.event.signals.referrer_host.as_deref().map(Cow::from)),
        ),
        optional("page_host", "Host of the page", Value::Text(|e| e.event.signals.page_host.as_deref().map(Cow::from))),
        optional("page_path", "Path of the page", Value::Text(|e| e.event.signals.page_path.as_deref().map(Cow::from))),
        optional(
            "user_agent",
            "User agent as sent",
            Value::Text(|e| e.event.signals.user_agent.as_deref().map(Cow::from)),
        ),
        required("properties", "The rest, a JSON object", Value::Text(|e| Some(Cow::Borrowed(&e.event.properties)))),
    ]
}

pub(crate) fn node_text(node: Option<&Node>) -> Option<Cow<'static, str>> {
    node.map(|node| Cow::Owned(node.to_text()))
}

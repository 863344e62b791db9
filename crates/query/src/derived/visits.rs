//! Sessions and carts: what devices did.

use std::collections::BTreeMap;

use journey::{SessionEvent, SessionRule, SessionSpan};
use model::{Node, UtcMillis};

use crate::{
    derived::{
        load::{Facts, NONE, PathEvent},
        purchases::OrderRow,
    },
    engine::EngineSettings,
};

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Key of its first event: the session's id.
    pub key: u128,
    /// Code of the device.
    pub device: u32,
    /// Code of the person that its first event belongs to.
    pub person: u32,
    /// The configured source of its events.
    pub source: String,
    /// The shop that the source sells for, if any.
    pub shop: Option<String>,
    /// Instant of the first event.
    pub started_at: UtcMillis,
    /// Instant of the last event.
    pub ended_at: UtcMillis,
    /// Events in it.
    pub events: i64,
    /// Page and screen views in it.
    pub page_views: i64,
    /// Code of the signals with which it started.
    pub traffic: u32,
    /// Code of the first page's path.
    pub landing: u32,
    /// True where it holds a `view_item`.
    pub viewed_item: bool,
    /// True where it holds an `add_to_cart`.
    pub added_to_cart: bool,
    /// True where it holds a `begin_checkout`.
    pub began_checkout: bool,
    /// True where an order, not a test, is assigned to it.
    pub converted: bool,
}

/// One cart into which something was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CartRow {
    /// `shop/cart`.
    pub cart: String,
    /// Position of the session of the first add, if any.
    pub session: Option<usize>,
    /// The shop, if any.
    pub shop: Option<String>,
    /// Instant of the first add.
    pub first_add_at: UtcMillis,
    /// Milliseconds from the first add to the instant of the question.
    pub age_ms: i64,
    /// Milliseconds from the first add to the order, where there is one.
    pub order_delay_ms: Option<i64>,
}

/// Cuts every device's events into sessions and writes each event's session beside it.
pub fn sessions(facts: &mut Facts, settings: &EngineSettings) -> Vec<SessionRow> {
    let names = Names::of(facts);
    let mut rows = Vec::new();
    let mut start = 0;
    while start < facts.events.len() {
        let device = facts.events[start].device;
        let end = start + facts.events[start..].partition_point(|event| event.device == device);
        if device != NONE {
            device_sessions(facts, (start, end), &names, settings, &mut rows);
        }
        start = end;
    }
    rows
}

/// Positions of the events that belong to somebody, by (person, instant, key).
#[must_use]
pub fn by_person(facts: &Facts) -> Vec<u32> {
    let mut positions: Vec<u32> =
        (0_u32..).zip(&facts.events).filter(|(_, event)| event.person != NONE).map(|(position, _)| position).collect();
    positions.sort_unstable_by_key(|&position| {
        let event = &facts.events[position as usize];
        (event.person, event.at, event.key)
    });
    positions
}

/// Carts by their first add. An order belongs to a cart by its cart token.
#[must_use]
pub fn carts(
    facts: &Facts,
    sessions: &[SessionRow],
    orders: &[OrderRow],
    as_of: UtcMillis,
    settings: &EngineSettings,
) -> Vec<CartRow> {
    let Some(add) = facts.names.known("add_to_cart") else { return Vec::new() };
    let mut first: BTreeMap<u32, &PathEvent> = BTreeMap::new();
    for event in facts.events.iter().filter(|event| event.name == add && event.cart != NONE) {
        let earliest = first.entry(event.cart).or_insert(event);
        if (event.at, event.key) < (earliest.at, earliest.key) {
            *earliest = event;
        }
    }
    let mut ordered: BTreeMap<&str, UtcMillis> = BTreeMap::new();
    for order in orders.iter().filter(|order| !order.posted.test) {
        if let Some(cart) = order.cart.as_deref() {
            let placed = ordered.entry(cart).or_insert(order.posted.placed_at);
            *placed = order.posted.placed_at.min(*placed);
        }
    }
    let mut rows: Vec<CartRow> = first
        .into_iter()
        .filter_map(|(cart, event)| {
            let cart = facts.carts.text(cart)?.to_owned();
            let shop = cart.split('/').next().filter(|shop| settings.shop_by_web_source.values().any(|s| s == shop));
            let delay = ordered.get(cart.as_str()).map(|placed| placed.0 - event.at.0);
            Some(CartRow {
                session: Some(event.session as usize).filter(|&session| session < sessions.len()),
                shop: shop.map(str::to_owned),
                first_add_at: event.at,
                age_ms: as_of.0 - event.at.0,
                order_delay_ms: delay,
                cart,
            })
        })
        .collect();
    rows.sort_by(|a, b| (a.first_add_at, &a.cart).cmp(&(b.first_add_at, &b.cart)));
    rows
}

/// Codes of the events that sessions are asked about.
struct Names {
    page_views: [Option<u32>; 2],
    view_item: Option<u32>,
    add_to_cart: Option<u32>,
    begin_checkout: Option<u32>,
}

impl Names {
    fn of(facts: &Facts) -> Self {
        let known = |name| facts.names.known(name);
        Self {
            page_views: [known("page_view"), known("screen_view")],
            view_item: known("view_item"),
            add_to_cart: known("add_to_cart"),
            begin_checkout: known("begin_checkout"),
        }
    }
}

fn device_sessions(
    facts: &mut Facts,
    (start, end): (usize, usize),
    names: &Names,
    settings: &EngineSettings,
    rows: &mut Vec<SessionRow>,
) {
    let positions: Vec<usize> = (start..end).filter(|&position| facts.events[position].in_session).collect();
    let events: Vec<SessionEvent> = positions
        .iter()
        .map(|&position| &facts.events[position])
        .map(|event| SessionEvent { at: event.at, key: event.key, campaign: None })
        .collect();
    for span in journey::sessions(&events, SessionRule::default()) {
        let Some(members) = positions.get(span.first..=span.last) else { continue };
        let number = u32::try_from(rows.len()).unwrap_or(NONE);
        for &position in members {
            facts.events[position].session = number;
        }
        rows.push(session_row(facts, members, span, names, settings));
    }
}

fn session_row(
    facts: &Facts,
    members: &[usize],
    span: SessionSpan,
    names: &Names,
    settings: &EngineSettings,
) -> SessionRow {
    let (first, last) = (&facts.events[members[0]], &facts.events[members[members.len() - 1]]);
    let source = facts.devices.text(first.device).and_then(Node::from_text).map(|node| node.scope).unwrap_or_default();
    let has = |name: Option<u32>| name.is_some() && members.iter().any(|&p| Some(facts.events[p].name) == name);
    let is_view = |name: u32| names.page_views.contains(&Some(name));
    SessionRow {
        key: first.key,
        device: first.device,
        person: first.person,
        shop: settings.shop_by_web_source.get(&source).cloned(),
        source,
        started_at: first.at,
        ended_at: last.at,
        events: (span.last - span.first + 1) as i64,
        page_views: members.iter().filter(|&&p| is_view(facts.events[p].name)).count() as i64,
        traffic: first.traffic,
        landing: first.path,
        viewed_item: has(names.view_item),
        added_to_cart: has(names.add_to_cart),
        began_checkout: has(names.begin_checkout),
        converted: false,
    }
}

//! Touches of every person, and the credits that each house policy gives them.

use std::collections::BTreeMap;

use journey::{Shares, Touch};
use model::{CreditBasis, HousePolicy, PlatformPolicy, UtcMillis};

use crate::{
    derived::{
        load::{Codes, Facts, KnownTraffic, NONE},
        purchases::OrderRow,
        visits::SessionRow,
    },
    people::signals::DIRECT,
};

/// One touch with what the channel rules and platform policies make of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TouchRow {
    /// As the folds read it; `source` is the code of its signals.
    pub touch: Touch,
    /// Code of the person.
    pub person: u32,
    /// Channel, such as `Paid Search`.
    pub channel: String,
    /// Source.
    pub source: String,
    /// Medium.
    pub medium: String,
    /// Campaign.
    pub campaign: String,
    /// The platform's campaign id, where the link carried it.
    pub campaign_id: Option<String>,
    /// `kind=value` of the click id.
    pub click_id: Option<String>,
    /// The platform whose paid click it is, by the platform policies.
    pub platform: Option<String>,
}

/// What a policy gives of one order to one touch, or to nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditRow {
    /// The policy.
    pub policy: String,
    /// Shop.
    pub shop: String,
    /// Order.
    pub order_id: String,
    /// The order's currency.
    pub currency: model::Currency,
    /// Position of the touch; none: unattributed.
    pub touch: Option<usize>,
    /// Share of the order's net revenue, micros.
    pub value_micros: i64,
    /// Share of the order's count, millionths; a cancelled order counts 0.
    pub count_micros: i64,
    /// Whose day the credit falls on: the order's or the touch's.
    pub booked_at: UtcMillis,
}

/// Channels that platforms charge for.
const PAID_CHANNELS: [&str; 7] =
    ["Paid Search", "Paid Shopping", "Paid Social", "Paid Video", "Paid Other", "Display", "Cross-network"];

/// Touches of every person, by (person, instant, key). Bots and our own people have none.
#[must_use]
pub fn touches(
    facts: &Facts,
    sessions: &[SessionRow],
    by_person: &[u32],
    platforms: &[PlatformPolicy],
) -> Vec<TouchRow> {
    let mut campaigns = Codes::default();
    let mut channels = Codes::default();
    let known: Vec<(Option<u32>, u32)> = facts
        .traffic
        .iter()
        .map(|known| (campaign_code(known, &mut campaigns), channels.code(&known.traffic.channel)))
        .collect();
    let mut rows = Vec::new();
    for events in by_person.chunk_by(|a, b| person_at(facts, *a) == person_at(facts, *b)) {
        let candidates: Vec<Touch> = events
            .iter()
            .map(|&position| &facts.events[position as usize])
            .filter(|event| event.in_session && event.session != NONE && (event.session as usize) < sessions.len())
            .filter(|event| !flagged(facts, event.traffic))
            .map(|event| {
                let (campaign, channel) = known[event.traffic as usize];
                Touch {
                    at: event.at,
                    key: event.key,
                    session: event.session,
                    source: Some(event.traffic),
                    campaign,
                    channel,
                    direct: facts.traffic[event.traffic as usize].traffic.channel == DIRECT,
                    click_id: Some(event.click).filter(|&click| click != NONE),
                }
            })
            .collect();
        let Some(person) = events.first().map(|&first| person_at(facts, first)) else { continue };
        rows.extend(journey::touches(&candidates).into_iter().map(|touch| touch_row(facts, touch, person, platforms)));
    }
    rows
}

/// Credits of every policy for every order that is no test, by (policy, shop, order id, touch).
#[must_use]
pub fn credits(touches: &[TouchRow], orders: &[OrderRow], policies: &[HousePolicy]) -> Vec<CreditRow> {
    let spans = touches_by_person(touches);
    let previous = previous_orders(orders);
    let mut rows = Vec::new();
    for policy in policies {
        for (order, previous) in orders.iter().zip(&previous).filter(|(order, _)| !order.posted.test) {
            let (start, end) = spans.get(&order.person).copied().unwrap_or((0, 0));
            rows.extend(order_credits(policy, order, *previous, start, &touches[start..end]));
        }
    }
    rows
}

/// Each person's touches: the first position and one past the last.
#[must_use]
pub fn touches_by_person(touches: &[TouchRow]) -> BTreeMap<u32, (usize, usize)> {
    let mut spans = BTreeMap::new();
    for (position, touch) in touches.iter().enumerate() {
        spans.entry(touch.person).or_insert((position, position)).1 = position + 1;
    }
    spans
}

/// The platform whose paid click a touch is.
#[must_use]
pub fn platform_of(known: &KnownTraffic, platforms: &[PlatformPolicy]) -> Option<String> {
    if !PAID_CHANNELS.contains(&known.traffic.channel.as_str()) {
        return None;
    }
    let has = |list: &[String], value: &Option<String>| value.as_ref().is_some_and(|value| list.contains(value));
    let by_click = platforms.iter().find(|policy| has(&policy.click_ids, &known.signals.click_id_kind));
    let by_source = || {
        let unmarked = known.signals.click_id_kind.is_none();
        platforms.iter().find(|policy| unmarked && has(&policy.utm_sources, &known.signals.utm_source))
    };
    by_click.or_else(by_source).map(|policy| policy.platform.clone())
}

fn order_credits(
    policy: &HousePolicy,
    order: &OrderRow,
    previous: Option<UtcMillis>,
    offset: usize,
    touches: &[TouchRow],
) -> Vec<CreditRow> {
    let posted = &order.posted;
    let path: Vec<Touch> = touches.iter().map(|row| row.touch).collect();
    let shares = Shares::of(&path, posted.placed_at, previous, policy);
    let counted = if posted.cancelled { 0 } else { 1_000_000 };
    let values = shares.credit(order.measures.net_revenue, posted.currency.minor_micros());
    let counts = shares.credit(counted, 1);
    let row = |touch: Option<usize>, value_micros, count_micros| CreditRow {
        policy: policy.name.clone(),
        shop: posted.shop.clone(),
        order_id: posted.order_id.clone(),
        currency: posted.currency,
        booked_at: match (policy.basis, touch) {
            (CreditBasis::TouchDate, Some(touch)) => path[touch].at,
            _ => posted.placed_at,
        },
        touch: touch.map(|touch| touch + offset),
        value_micros,
        count_micros,
    };
    if values.parts.is_empty() {
        return vec![row(None, values.unattributed_micros, counts.unattributed_micros)];
    }
    let parts = values.parts.iter().zip(&counts.parts);
    parts.map(|(&(touch, value), &(_, count))| row(Some(touch), value, count)).collect()
}

/// The placement of each order's predecessor by the same person.
fn previous_orders(orders: &[OrderRow]) -> Vec<Option<UtcMillis>> {
    let mut by_person: BTreeMap<u32, Vec<UtcMillis>> = BTreeMap::new();
    for order in orders.iter().filter(|order| !order.posted.test) {
        by_person.entry(order.person).or_default().push(order.posted.placed_at);
    }
    by_person.values_mut().for_each(|placed| placed.sort_unstable());
    orders
        .iter()
        .map(|order| {
            let placed = by_person.get(&order.person)?;
            let before = placed.partition_point(|at| *at < order.posted.placed_at);
            before.checked_sub(1).map(|position| placed[position])
        })
        .collect()
}

fn touch_row(facts: &Facts, touch: Touch, person: u32, platforms: &[PlatformPolicy]) -> TouchRow {
    let known = &facts.traffic[touch.source.map_or(0, |code| code as usize)];
    TouchRow {
        touch,
        person,
        channel: known.traffic.channel.clone(),
        source: known.traffic.source.clone(),
        medium: known.traffic.medium.clone(),
        campaign: known.traffic.campaign.clone(),
        campaign_id: known.signals.utm_id.clone(),
        click_id: touch.click_id.and_then(|code| facts.clicks.text(code)).map(str::to_owned),
        platform: platform_of(known, platforms),
    }
}

fn campaign_code(known: &KnownTraffic, campaigns: &mut Codes) -> Option<u32> {
    let signals = &known.signals;
    let parts = [&signals.utm_source, &signals.utm_medium, &signals.utm_campaign, &signals.utm_id];
    let present = known.traffic.campaign_present && !known.traffic.continues_session;
    present.then(|| campaigns.code(&format!("{parts:?} {:?}", signals.click_id_kind)))
}

fn person_at(facts: &Facts, position: u32) -> u32 {
    facts.events[position as usize].person
}

fn flagged(facts: &Facts, traffic: u32) -> bool {
    let traffic = &facts.traffic[traffic as usize].traffic;
    traffic.bot || traffic.internal
}

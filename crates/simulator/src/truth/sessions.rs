//! Sessions: the events of a device in order, cut where more than 30 minutes pass without one.

use super::assignment::Assigned;
use super::persons::Persons;
use super::{EntryTruth, SessionTruth};
use crate::scene::{Action, Scene, WebEvent};
use crate::shops::shop;
use std::collections::BTreeMap;

const GAP_MS: i64 = 30 * 60_000;

/// Sessions with a way back from their events.
pub(super) struct Cut {
    pub(super) sessions: Vec<SessionTruth>,
    /// By index of the event; `None` for what is no session event.
    pub(super) session_of_event: Vec<Option<usize>>,
}

/// Cuts every device's events into sessions.
pub(super) fn cut(scene: &Scene, persons: &Persons) -> Cut {
    let mut by_device: BTreeMap<u32, Vec<(i64, usize)>> = BTreeMap::new();
    for (index, event) in scene.events.iter().enumerate().filter(|(_, event)| event.in_session()) {
        by_device.entry(event.device).or_default().push((event.at_ms, index));
    }
    let mut cut = Cut { sessions: Vec::new(), session_of_event: vec![None; scene.events.len()] };
    for events in by_device.values_mut() {
        events.sort_unstable();
        for session in events.chunk_by(|a, b| b.0 - a.0 <= GAP_MS) {
            let members: Vec<&WebEvent> = session.iter().filter_map(|(_, index)| scene.events.get(*index)).collect();
            for (_, index) in session {
                if let Some(slot) = cut.session_of_event.get_mut(*index) {
                    *slot = Some(cut.sessions.len());
                }
            }
            cut.sessions.extend(describe(scene, persons, &members));
        }
    }
    cut
}

/// Enters each assigned order in its session.
pub(super) fn enter_orders(scene: &Scene, cut: &mut Cut, assigned: &[Assigned]) {
    for (order, assigned) in scene.orders.iter().zip(assigned) {
        if let Some(session) = assigned.session().and_then(|session| cut.sessions.get_mut(session)) {
            session.order_ids.push(order.id.to_string());
            session.order_ids.sort_unstable();
        }
    }
}

/// By (source, start, anonymous id).
pub(super) fn sorted(cut: Cut) -> Vec<SessionTruth> {
    let mut sessions = cut.sessions;
    sessions.sort_by(|a, b| (&a.source, a.start_ms, &a.anonymous_id).cmp(&(&b.source, b.start_ms, &b.anonymous_id)));
    sessions
}

fn describe(scene: &Scene, persons: &Persons, events: &[&WebEvent]) -> Option<SessionTruth> {
    let (first, last) = (events.first()?, events.last()?);
    let device = scene.device(first.device);
    Some(SessionTruth {
        source: shop(device.shop).web_source.to_owned(),
        anonymous_id: device.anonymous_id.to_string(),
        start_ms: first.at_ms,
        end_ms: last.at_ms,
        events: events.len() as u64,
        page_views: events.iter().filter(|event| event.action == Action::Page).count() as u64,
        bot: device.bot,
        entry: entry(scene, first),
        person: persons.of_device(first.device),
        order_ids: Vec::new(),
    })
}

/// The signals on an event; a page after the landing page shows the shop itself as its referrer.
fn entry(scene: &Scene, event: &WebEvent) -> EntryTruth {
    let arrival = scene.visit(event.visit).arrival;
    if !event.landed {
        let referrer = format!("{}/", shop(scene.device(event.device).shop).storefront);
        return EntryTruth { referrer: Some(referrer), ..EntryTruth::default() };
    }
    let utm = arrival.utm();
    let (click_id_kind, click_id) = arrival.click_id().unzip();
    EntryTruth {
        utm_source: utm.map(|utm| utm.source.to_owned()),
        utm_medium: utm.map(|utm| utm.medium.to_owned()),
        utm_campaign: utm.map(|utm| utm.campaign.to_owned()),
        utm_id: utm.and_then(|utm| utm.id).map(str::to_owned),
        click_id_kind: click_id_kind.map(str::to_owned),
        click_id,
        referrer: Some(arrival.referrer().to_owned()).filter(|referrer| !referrer.is_empty()),
    }
}

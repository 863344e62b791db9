//! Assignment: an oracle that looks at every event, and the reasons for having no session.

use journey::{
    Assignment, IndexedSession, OrderHints, Reason, SessionEvent, SessionIndex, SessionRule, Sighting, assign, sessions,
};
use model::UtcMillis;
use proptest::prelude::*;

const MINUTE: i64 = 60_000;
const HOUR: i64 = UtcMillis::HOUR_MS;

/// Devices 0 and 1 are person 0, device 2 is person 1.
fn person_of(device: u32) -> u32 {
    device / 2
}

/// One event with the ids it may carry: bit 0 the order (a purchase), 1 the checkout, 2 the cart, 3 the session id.
#[derive(Debug, Clone, Copy)]
struct Seen {
    sighting: Sighting,
    carries: u32,
    session: u32,
}

/// Cuts sessions device by device.
fn world(events: &[(u32, i64, u32)]) -> (Vec<Seen>, Vec<IndexedSession>) {
    let (mut all, mut index) = (Vec::new(), Vec::new());
    for device in 0..3 {
        let mut own: Vec<Seen> = (1_u128..)
            .zip(events)
            .filter(|(_, event)| event.0 == device)
            .map(|(key, event)| {
                let sighting = Sighting { device, at: UtcMillis(event.1), key };
                Seen { sighting, carries: event.2, session: 0 }
            })
            .collect();
        own.sort_by_key(|seen| (seen.sighting.at, seen.sighting.key));
        let folded: Vec<SessionEvent> = own
            .iter()
            .map(|seen| SessionEvent { at: seen.sighting.at, key: seen.sighting.key, campaign: None })
            .collect();
        for span in sessions(&folded, SessionRule::default()) {
            own[span.first..=span.last].iter_mut().for_each(|seen| seen.session = index.len() as u32);
            let (first, last) = (own[span.first].sighting, own[span.last].sighting);
            let person = person_of(device);
            index.push(IndexedSession { device, person, start_at: first.at, end_at: last.at, key: first.key });
        }
        all.extend(own);
    }
    (all, index)
}

/// The rules of section 6, by looking at every event.
fn oracle(events: &[Seen], placed: i64, client: Option<u32>, person: Option<u32>) -> Option<u32> {
    let order = |seen: &&Seen| (seen.sighting.at, seen.sighting.key);
    let carrying = |bit: u32| events.iter().filter(move |seen| seen.carries & (1 << bit) != 0);
    let near = |seen: &&Seen, hours: i64| {
        let at = seen.sighting.at.0;
        placed - hours * HOUR <= at && at <= placed + 5 * MINUTE
    };
    let starts = |seen: &&Seen| {
        let before = |other: &Seen| other.session == seen.session && order(&other) < order(seen);
        !events.iter().any(before)
    };
    carrying(0)
        .min_by_key(order)
        .or_else(|| carrying(1).filter(|seen| near(seen, 24)).max_by_key(order))
        .or_else(|| carrying(2).filter(|seen| near(seen, 30 * 24)).max_by_key(order))
        .or_else(|| carrying(3).filter(|seen| near(seen, 24)).max_by_key(order))
        .or_else(|| {
            events.iter().filter(|seen| Some(seen.sighting.device) == client && near(seen, 24)).max_by_key(order)
        })
        .or_else(|| {
            let own = events.iter().filter(|seen| Some(person_of(seen.sighting.device)) == person).filter(starts);
            own.filter(|seen| (placed - 24 * HOUR..=placed).contains(&seen.sighting.at.0)).max_by_key(order)
        })
        .map(|seen| seen.session)
}

fn carrying(events: &[Seen], bit: u32) -> Vec<Sighting> {
    events.iter().filter(|seen| seen.carries & (1 << bit) != 0).map(|seen| seen.sighting).collect()
}

/// Instants in steps of five minutes within a day either side, some on the edges of the rules.
fn instant() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => (-30 * 12..4_i64).prop_map(|step| step * 5 * MINUTE),
        1 => prop::sample::select(vec![
            -24 * HOUR, -24 * HOUR - 1, 5 * MINUTE, 5 * MINUTE + 1, 0, 1, -30 * 24 * HOUR, -30 * 24 * HOUR - 1
        ]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn the_session_is_the_one_that_every_event_tells(
        events in prop::collection::vec((0..3_u32, instant(), prop_oneof![6 => Just(0_u32), 2 => 0..16_u32]), 0..9),
        client in prop::option::of(0..4_u32),
        person in prop::option::of(0..3_u32),
    ) {
        let (events, index) = world(&events);
        let lists = [0, 1, 2, 3].map(|bit| carrying(&events, bit));
        let [purchases, checkout, cart, session_id] = lists.each_ref().map(Vec::as_slice);
        let hints = OrderHints { purchases, checkout, cart, session_id, client, person, ..OrderHints::default() };
        let expected = oracle(&events, 0, client, person);
        let seen = lists.iter().any(|list| !list.is_empty());
        let reason = if seen { Reason::Unknown } else { Reason::NoWebEvent };
        let expected = expected.map_or(Assignment::Unassigned(reason), Assignment::Session);
        prop_assert_eq!(assign(&hints, &SessionIndex::build(&index)), expected);
    }
}

#[test]
fn the_reason_is_what_the_order_says_then_what_witnesses_it() {
    let stray = [Sighting { device: 9, at: UtcMillis(0), key: 1 }];
    let reason = |hints: OrderHints<'_>| assign(&hints, &SessionIndex::default());
    let nothing = OrderHints::default();
    let server = OrderHints { server_seen: true, ..nothing };
    let web = OrderHints { cart: &stray, ..server };
    let refused = OrderHints { consent_refused: true, ..web };
    let till = OrderHints { channel_reason: Reason::of_sales_channel("pos"), ..refused };
    let expected = [Reason::NoWebEvent, Reason::ServerSide, Reason::Unknown, Reason::NoConsent, Reason::PointOfSale];
    assert_eq!([nothing, server, web, refused, till].map(reason), expected.map(Assignment::Unassigned));
}

#[test]
fn sales_channels_name_their_reasons() {
    let names = ["pos", "shopify_draft_order", "subscription_contract_checkout_one", "web", ""]
        .map(|channel| Reason::of_sales_channel(channel).map(Reason::name));
    assert_eq!(names, [Some("point_of_sale"), Some("draft"), Some("subscription_renewal"), None, None]);
}

#[test]
fn a_till_order_of_a_person_with_a_session_that_day_is_assigned_to_it() {
    let (_, index) = world(&[(2, -HOUR, 0)]);
    let hints = OrderHints { person: Some(1), channel_reason: Some(Reason::PointOfSale), ..OrderHints::default() };
    assert_eq!(assign(&hints, &SessionIndex::build(&index)), Assignment::Session(0));
}

#[test]
fn a_purchase_outside_every_session_names_none() {
    let (_, index) = world(&[(0, -HOUR, 0), (0, HOUR, 0)]);
    let between = [Sighting { device: 0, at: UtcMillis(0), key: 9 }];
    let hints = OrderHints { purchases: &between, ..OrderHints::default() };
    assert_eq!(assign(&hints, &SessionIndex::build(&index)), Assignment::Unassigned(Reason::Unknown));
}

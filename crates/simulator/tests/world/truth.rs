//! The truth is consistent in itself, and the world holds what it promises.

use crate::bytes::{messages, webhooks};
use crate::world;
use simulator::{AssignmentTruth, Truth, World, WorldConfig};
use std::collections::{BTreeMap, BTreeSet};

/// How each order came to its session, or why to none.
fn ways(truth: &Truth) -> BTreeMap<String, usize> {
    let mut ways = BTreeMap::new();
    for order in truth.orders.iter().filter(|order| !order.test) {
        let way = match &order.assignment {
            AssignmentTruth::Session { rule, .. } => format!("rule {rule}"),
            AssignmentTruth::Unassigned(reason) => reason.clone(),
        };
        *ways.entry(way).or_default() += 1;
    }
    ways
}

#[test]
fn revenue_of_sessions_and_unassigned_orders_is_the_ledger_in_every_currency() {
    let small = |seed| World::new(WorldConfig { seed, events: 4_000, ..WorldConfig::default() }).truth();
    for truth in (1..6).map(small).chain([world().truth()]) {
        add_up(&truth);
    }
    assert!(world().truth().months.iter().any(|month| month.by_entry_date_micros != month.by_order_date_micros));
}

fn add_up(truth: &Truth) {
    for shop in &truth.shops {
        let weeks = truth.weeks.iter().filter(|week| week.currency == shop.currency);
        let by_session: i64 =
            weeks.map(|w| w.net_revenue_micros + w.excluded_net_revenue_micros + w.unassigned_net_revenue_micros).sum();
        let months = || truth.months.iter().filter(|month| month.currency == shop.currency);
        assert_eq!(by_session, shop.net_revenue_micros);
        assert_eq!(months().map(|month| month.by_order_date_micros).sum::<i64>(), shop.net_revenue_micros);
        assert_eq!(months().map(|month| month.by_entry_date_micros).sum::<i64>(), shop.net_revenue_micros);
    }
}

#[test]
fn weeks_count_every_session_and_every_order_once() {
    let truth = world().truth();
    let sessions: u64 = truth.weeks.iter().map(|week| week.sessions + week.sessions_excluded).sum();
    let orders: u64 = truth.weeks.iter().map(|week| week.orders + week.unassigned_orders).sum();
    let real = truth.orders.iter().filter(|order| !order.test && !order.cancelled).count();
    assert_eq!((sessions, orders), (truth.sessions.len() as u64, real as u64));
    assert!(truth.weeks.iter().all(|week| week.sessions_converted <= week.sessions.min(week.orders)));
}

#[test]
fn the_parts_of_an_order_sum_to_its_total_and_a_cancelled_one_is_worth_nothing() {
    let truth = world().truth();
    for order in &truth.orders {
        let parts = order.gross_sales_micros + order.discount_micros + order.shipping_micros + order.tax_micros;
        assert_eq!(parts, order.total_micros);
        let kept = order.gross_sales_micros + order.discount_micros + order.refunded_micros;
        assert_eq!(order.net_revenue_micros, if order.cancelled { 0 } else { kept });
        assert!(order.discount_micros <= 0 && order.refunded_micros <= 0 && kept >= 0);
    }
    let some = |holds: fn(&simulator::OrderTruth) -> bool| truth.orders.iter().any(holds);
    assert!(
        some(|o| o.test)
            && some(|o| o.cancelled && o.refunded_micros == 0)
            && some(|o| o.cancelled && o.refunded_micros < 0)
    );
    assert!(some(|o| !o.cancelled && o.refunded_micros < 0 && o.net_revenue_micros > 0));
    assert!(some(|o| !o.cancelled && o.refunded_micros < 0 && o.net_revenue_micros == 0));
}

#[test]
fn orders_reach_their_sessions_by_every_rule_and_some_by_none() {
    let ways = ways(&world().truth());
    let names: Vec<&str> = ways.keys().map(String::as_str).collect();
    assert_eq!(names, ["no_web_event", "point_of_sale", "rule 1", "rule 2", "rule 3", "rule 4"]);
    assert!(ways["rule 1"] * 100 > ways.values().sum::<usize>() * 75, "{ways:?}");
}

#[test]
fn an_order_is_entered_in_exactly_the_session_it_is_assigned_to() {
    let truth = world().truth();
    let entered: BTreeSet<(&str, &str, i64)> = truth
        .sessions
        .iter()
        .flat_map(|s| s.order_ids.iter().map(move |id| (id.as_str(), s.anonymous_id.as_str(), s.start_ms)))
        .collect();
    let assigned: BTreeSet<(&str, &str, i64)> = truth
        .orders
        .iter()
        .filter_map(|order| match &order.assignment {
            AssignmentTruth::Session { anonymous_id, start_ms, .. } => {
                Some((order.order_id.as_str(), anonymous_id.as_str(), *start_ms))
            }
            AssignmentTruth::Unassigned(_) => None,
        })
        .collect();
    assert_eq!(entered, assigned);
}

#[test]
fn the_kiosk_is_a_hub_and_merges_nobody() {
    let world = world();
    let truth = world.truth();
    let [kiosk] = truth.hubs.as_slice() else { panic!("one kiosk, not {:?}", truth.hubs) };
    let messages = messages();
    let users = |device: &str| -> BTreeSet<&str> {
        messages.iter().filter(|m| m.device() == device).filter_map(|m| m.text("userId")).collect()
    };
    assert!(users(kiosk).len() > 10);
    let alone = truth.persons.values().find(|devices| devices.contains(kiosk)).expect("the kiosk is somebody");
    assert_eq!(alone.len(), 1);
    assert!(truth.persons.values().all(|devices| devices.len() <= 3));
}

#[test]
fn no_two_events_of_a_person_share_an_instant() {
    let world = world();
    let truth = world.truth();
    let mut person_of: BTreeMap<&str, u32> = BTreeMap::new();
    for (person, devices) in &truth.persons {
        person_of.extend(devices.iter().map(|device| (device.as_str(), *person)));
    }
    let mut instants = BTreeSet::new();
    for message in messages() {
        assert!(instants.insert((person_of[message.device().as_str()], message.at_ms)));
    }
}

#[test]
fn silences_of_a_device_are_clearly_shorter_or_longer_than_the_session_gap() {
    let world = world();
    let hubs = world.truth().hubs;
    let mut last: BTreeMap<String, i64> = BTreeMap::new();
    for message in messages().iter().filter(|message| message.in_session() && !hubs.contains(&message.device())) {
        if let Some(before) = last.insert(message.device(), message.at_ms) {
            let minutes = (message.at_ms - before) as f64 / 60_000.0;
            let referrer = message.json["context"]["page"]["referrer"].as_str().expect("text, perhaps empty");
            let landing = message.text("type") == Some("page") && !referrer.contains("shop.example");
            assert!(if landing { minutes >= 35.0 } else { minutes <= 25.0 }, "{minutes} minutes");
        }
    }
}

#[test]
fn bots_visit_and_neither_log_in_nor_buy() {
    let truth = world().truth();
    let bots: Vec<_> = truth.sessions.iter().filter(|session| session.bot).collect();
    assert!(bots.len() > 10 && bots.iter().all(|session| session.order_ids.is_empty()));
}

#[test]
fn accounts_are_the_sums_of_their_claims_and_hold_what_was_planted() {
    let truth = world().truth();
    assert_eq!(truth.accounts.len(), 4);
    for account in &truth.accounts {
        let rows = || truth.claims.iter().filter(|claim| claim.account == account.account);
        assert_eq!(rows().map(|claim| claim.cost_micros).sum::<i64>(), account.cost_micros);
        for (column, sum) in &account.columns {
            let parts = || rows().filter_map(|claim| claim.columns.get(column));
            assert_eq!(parts().map(|claimed| claimed.count).sum::<i64>(), sum.count);
            assert_eq!(parts().map(|claimed| claimed.value_micros).sum::<i64>(), sum.value_micros);
        }
        assert!(account.planted.count > 0);
        match account.source.as_str() {
            "google_ads" => {
                assert_eq!(account.columns["conversions"], account.columns["conversions_by_conversion_date"]);
            }
            _ => {
                let [all, clicks, views] = ["value", "7d_click", "1d_view"].map(|column| account.columns[column]);
                assert_eq!(
                    (all.count, all.value_micros),
                    (clicks.count + views.count, clicks.value_micros + views.value_micros)
                );
                assert_eq!(views, account.planted);
                assert!(account.columns["1d_click"].count < clicks.count);
            }
        }
    }
}

#[test]
fn every_record_is_new_or_a_duplicate() {
    let world = world();
    let truth = world.truth();
    let deliveries: u64 = truth.intake.values().map(|intake| intake.deliveries).sum();
    assert_eq!(deliveries, world.payloads().len() as u64);
    for web in ["web_eu", "web_us"] {
        let intake = &truth.intake[web];
        assert_eq!(intake.records - intake.duplicates, intake.events.values().sum::<u64>());
    }
    let unique: usize = messages().len();
    let stated: u64 = truth.intake.values().flat_map(|intake| intake.events.values()).sum();
    assert_eq!(unique as u64, stated);
}

#[test]
fn an_order_said_to_have_no_web_event_is_named_by_no_message() {
    let named: BTreeSet<&str> = messages()
        .iter()
        .flat_map(|message| ["order_id", "checkout_id", "cart_id"].map(|name| message.property(name)))
        .flatten()
        .collect();
    let truth = world().truth();
    let mut unseen = 0;
    for webhook in webhooks().iter().filter(|webhook| webhook.topic == "orders/create") {
        let id = webhook.json["id"].as_i64().expect("an id").to_string();
        let order = truth.orders.iter().find(|order| order.order_id == id).expect("every order is in the truth");
        if order.assignment == AssignmentTruth::Unassigned("no_web_event".to_owned()) {
            let tokens = ["checkout_token", "cart_token"].map(|name| webhook.json[name].as_str().expect("a token"));
            assert!(!named.contains(id.as_str()) && tokens.iter().all(|token| !named.contains(token)));
            unseen += 1;
        }
    }
    assert!(unseen > 0);
}

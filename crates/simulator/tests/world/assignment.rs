//! Orders of which no purchase event was seen, brought to their sessions again from nothing but the bytes.

use crate::agreement::people;
use crate::bytes::{Message, list, messages, millis, webhooks};
use crate::world;
use serde_json::Value;
use simulator::{AssignmentTruth, SessionTruth, Truth};
use std::collections::BTreeSet;

const DAY_MS: i64 = 86_400_000;

/// The session that holds a message.
fn session_of<'a>(truth: &'a Truth, message: &Message) -> &'a SessionTruth {
    let holds = |session: &&SessionTruth| {
        message.device() == format!("{}/{}", session.source, session.anonymous_id)
            && (session.start_ms..=session.end_ms).contains(&message.at_ms)
    };
    truth.sessions.iter().find(holds).expect("every session event lies in a session")
}

/// The last session event that fits, up to five minutes after the order.
fn last(order: &Value, before_ms: i64, fits: impl Fn(&Message) -> bool) -> Option<&'static Message> {
    let order_ms = millis(&order["processed_at"]);
    let near = |message: &&Message| (order_ms - before_ms..=order_ms + 300_000).contains(&message.at_ms);
    messages().iter().rfind(|message| message.in_session() && near(message) && fits(message))
}

/// The session by tokens or device, with the rule.
fn by_message<'a>(truth: &'a Truth, source: &str, order: &Value) -> Option<(&'a SessionTruth, u8)> {
    let carries = |name: &'static str, token: &str| {
        let token = order[token].as_str().map(str::to_owned);
        move |message: &Message| message.property(name).is_some() && message.property(name) == token.as_deref()
    };
    let device = list(order, "note_attributes")
        .iter()
        .find(|note| note["name"] == "anonymous_id")
        .and_then(|note| note["value"].as_str())
        .map(|id| format!("{}/{id}", source.replace("shop", "web")));
    last(order, DAY_MS, carries("checkout_id", "checkout_token"))
        .or_else(|| last(order, 30 * DAY_MS, carries("cart_id", "cart_token")))
        .map(|message| (session_of(truth, message), 2))
        .or_else(|| {
            let message = last(order, DAY_MS, |message| Some(message.device()) == device)?;
            Some((session_of(truth, message), 3))
        })
}

#[test]
fn orders_without_a_purchase_event_reach_the_session_that_their_ids_lead_to() {
    let truth = world().truth();
    let groups = people(&truth.hubs);
    let purchased: BTreeSet<&str> = messages().iter().filter_map(|message| message.property("order_id")).collect();
    let mut found = BTreeSet::new();
    for webhook in webhooks().iter().filter(|webhook| webhook.topic == "orders/create") {
        let (order, id) = (&webhook.json, webhook.json["id"].to_string());
        if purchased.contains(id.as_str()) {
            continue;
        }
        let order_ms = millis(&order["processed_at"]);
        let person = groups.root(&format!("order {id}"));
        let of_person = |session: &&SessionTruth| {
            (order_ms - DAY_MS..=order_ms).contains(&session.start_ms)
                && groups.root(&format!("{}/{}", session.source, session.anonymous_id)) == person
        };
        let by_person =
            || truth.sessions.iter().filter(of_person).max_by_key(|s| s.start_ms).map(|session| (session, 4));
        let expected = by_message(&truth, &webhook.source, order).or_else(by_person);
        let expected = expected.map(|(s, rule)| (s.anonymous_id.clone(), s.start_ms, rule));
        let stated = truth.orders.iter().find(|stated| stated.order_id == id).expect("every order is in the truth");
        let stated = match stated.assignment.clone() {
            AssignmentTruth::Session { anonymous_id, start_ms, rule, .. } => Some((anonymous_id, start_ms, rule)),
            AssignmentTruth::Unassigned(_) => None,
        };
        assert_eq!(expected, stated, "order {id}");
        found.insert(stated.map(|(_, _, rule)| rule));
    }
    assert_eq!(found, BTreeSet::from([None, Some(2), Some(3), Some(4)]));
}

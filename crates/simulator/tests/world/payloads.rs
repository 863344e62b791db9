//! What is handed over looks and arrives as the real senders' payloads do.

use crate::bytes::{cents, header, json, list, messages, webhooks};
use crate::world;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use simulator::{BrokenOutcome, Door, Payload, SHOPS, World, WorldConfig};
use std::collections::{BTreeMap, BTreeSet};

fn signed(payload: &Payload, secret: &str) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key will do");
    mac.update(&payload.body);
    let expected = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    header(payload, "X-Shopify-Hmac-Sha256") == Some(expected.as_str())
}

fn secret_of(source: &str) -> &'static str {
    SHOPS.iter().find(|shop| shop.source == source).expect("webhooks are of the two shops").secret
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let small = |seed| World::new(WorldConfig { seed, events: 3_000, ..WorldConfig::default() });
    let all = |seed| small(seed).payloads().collect::<Vec<Payload>>();
    assert_eq!(all(5), all(5));
    assert_eq!(small(5).truth(), small(5).truth());
    assert_ne!(all(5), all(6));
}

#[test]
fn payloads_come_in_the_order_of_their_arrival() {
    let world = world();
    let arrivals: Vec<i64> = world.payloads().map(|payload| payload.received_at_ms).collect();
    assert!(arrivals.is_sorted());
    assert_eq!(arrivals.len(), world.payloads().len());
}

#[test]
fn the_number_of_web_messages_is_about_what_was_asked_for() {
    for events in [5_000_u64, 40_000] {
        let truth = World::new(WorldConfig { events, ..WorldConfig::default() }).truth();
        let sent: u64 = truth.intake.values().flat_map(|intake| intake.events.values()).sum();
        assert!((events..events + 500).contains(&sent), "{sent} for {events}");
    }
}

#[test]
fn the_smallest_world_has_everything_but_size() {
    let world = World::new(WorldConfig { events: 0, days: 0, ..WorldConfig::default() });
    let doors: BTreeSet<&str> = world.payloads().map(|payload| payload.door.kind()).collect();
    assert_eq!(doors.into_iter().collect::<Vec<_>>(), ["google_ads", "meta_ads", "segment", "shopify"]);
    assert_eq!(world.config().end_on(), world.config().start_on);
    assert!(!world.truth().sessions.is_empty());
}

#[test]
fn every_webhook_is_signed_over_its_exact_body() {
    for payload in world().payloads() {
        if let Door::ShopifyWebhook { source, topic } = &payload.door {
            assert!(signed(&payload, secret_of(source)));
            assert!(!signed(&payload, "another secret"));
            assert_eq!(header(&payload, "X-Shopify-Topic"), Some(topic.as_str()));
        }
    }
}

#[test]
fn a_repeated_delivery_is_the_same_to_the_last_byte_and_about_three_in_a_hundred_are() {
    let world = world();
    let mut seen = BTreeSet::new();
    let repeated =
        world.payloads().filter(|payload| !seen.insert((payload.body.clone(), payload.headers.clone()))).count() as u64;
    let stated: u64 = world.truth().intake.values().map(|intake| intake.deliveries_repeated).sum();
    assert_eq!(repeated, stated);
    let share = repeated * 1_000 / world.payloads().len() as u64;
    assert!((22..=38).contains(&share), "{share} of 1000");
}

#[test]
fn a_batch_holds_up_to_twenty_messages_of_one_device() {
    for payload in world().payloads().filter(|payload| payload.door.kind() == "segment") {
        let body = json(&payload);
        let batch = list(&body, "batch");
        let devices: BTreeSet<&str> = batch.iter().filter_map(|message| message["anonymousId"].as_str()).collect();
        assert!((1..=20).contains(&batch.len()) && devices.len() == 1);
        assert!(payload.body.len() < 500_000);
    }
}

#[test]
fn some_clocks_are_minutes_off_and_some_batches_are_late() {
    let messages = messages();
    let off = messages.iter().filter(|message| (message.original_ms - message.at_ms).abs() > 60_000).count();
    assert!(off * 100 / messages.len() >= 3, "{off} of {}", messages.len());
    let world = world();
    let late = world.payloads().filter(|payload| payload.door.kind() == "segment").filter(|payload| {
        let body = json(payload);
        let written = list(&body, "batch").iter().map(|message| crate::bytes::millis(&message["timestamp"])).max();
        crate::bytes::millis(&body["sentAt"]) - written.unwrap_or_default() > 60_000
    });
    assert!(late.count() > 50);
}

#[test]
fn documents_of_one_order_overtake_one_another() {
    let mut latest: BTreeMap<i64, String> = BTreeMap::new();
    let mut overtaken = 0;
    for webhook in webhooks().iter().filter(|webhook| webhook.topic.starts_with("orders/")) {
        let id = webhook.json["id"].as_i64().expect("an order has an id");
        let updated = webhook.json["updated_at"].as_str().expect("an order has a version").to_owned();
        overtaken += usize::from(latest.get(&id).is_some_and(|seen| *seen > updated));
        latest.insert(id, updated);
    }
    assert!(overtaken > 5, "{overtaken}");
}

#[test]
fn every_order_document_foots() {
    for webhook in webhooks().iter().filter(|webhook| webhook.topic.starts_with("orders/")) {
        let order = &webhook.json;
        let lines = list(order, "line_items");
        let gross: i64 =
            lines.iter().map(|line| cents(&line["price"]) * line["quantity"].as_i64().expect("a count")).sum();
        let allocated: i64 =
            lines.iter().flat_map(|line| list(line, "discount_allocations")).map(|part| cents(&part["amount"])).sum();
        let shipping: i64 = list(order, "shipping_lines").iter().map(|line| cents(&line["discounted_price"])).sum();
        let taxed = lines.iter().chain(list(order, "shipping_lines"));
        let tax: i64 = taxed.flat_map(|line| list(line, "tax_lines")).map(|part| cents(&part["price"])).sum();
        assert_eq!(gross, cents(&order["total_line_items_price"]));
        assert_eq!(allocated, cents(&order["total_discounts"]));
        assert_eq!(gross - allocated, cents(&order["subtotal_price"]));
        assert_eq!(tax, cents(&order["total_tax"]));
        let added = if order["taxes_included"] == Value::Bool(true) { 0 } else { tax };
        assert_eq!(gross - allocated + shipping + added, cents(&order["total_price"]));
    }
}

#[test]
fn every_refund_pays_back_exactly_what_it_says() {
    let hooks = webhooks();
    let included: BTreeMap<i64, bool> = hooks
        .iter()
        .filter(|webhook| webhook.topic == "orders/create")
        .map(|webhook| {
            (webhook.json["id"].as_i64().expect("an id"), webhook.json["taxes_included"] == Value::Bool(true))
        })
        .collect();
    let mut kinds = BTreeSet::new();
    for refund in hooks.iter().filter(|webhook| webhook.topic == "refunds/create").map(|webhook| &webhook.json) {
        let with_tax = !included[&refund["order_id"].as_i64().expect("an order id")];
        let lines: i64 = list(refund, "refund_line_items")
            .iter()
            .map(|line| cents(&line["subtotal"]) + if with_tax { cents(&line["total_tax"]) } else { 0 })
            .sum();
        let adjusted: i64 = list(refund, "order_adjustments")
            .iter()
            .map(|part| cents(&part["amount"]) + cents(&part["tax_amount"]))
            .sum();
        let paid: i64 = list(refund, "transactions").iter().map(|part| cents(&part["amount"])).sum();
        assert_eq!(paid, lines - adjusted);
        kinds.insert((with_tax, adjusted != 0));
    }
    assert_eq!(kinds.len(), 4, "both shops refund with and without shipping");
}

#[test]
fn later_documents_of_an_order_show_its_refunds_with_the_same_content() {
    let hooks = webhooks();
    let mut refunds: BTreeMap<i64, &Value> = BTreeMap::new();
    for refund in hooks.iter().filter(|webhook| webhook.topic == "refunds/create").map(|webhook| &webhook.json) {
        refunds.insert(refund["id"].as_i64().expect("an id"), refund);
    }
    let shown: Vec<&Value> = hooks.iter().flat_map(|webhook| list(&webhook.json, "refunds")).collect();
    assert!(shown.len() >= refunds.len() && !refunds.is_empty());
    assert!(shown.iter().all(|refund| refunds[&refund["id"].as_i64().expect("an id")] == *refund));
}

#[test]
fn broken_payloads_have_labels_of_their_own_and_are_broken_as_they_say() {
    let broken = world().broken_payloads();
    let labels: BTreeSet<&str> = broken.iter().map(|broken| broken.label).collect();
    assert!(labels.len() == broken.len() && broken.len() >= 12);
    for broken in &broken {
        let readable = serde_json::from_slice::<Value>(&broken.payload.body).is_ok();
        assert_eq!(
            !readable,
            broken.label.contains("truncated") || broken.label.contains("no_json"),
            "{}",
            broken.label
        );
        if let Door::ShopifyWebhook { source, .. } = &broken.payload.door {
            let forged = broken.outcome == BrokenOutcome::Refused { status: 401 };
            assert_eq!(signed(&broken.payload, secret_of(source)), !forged, "{}", broken.label);
        }
    }
}

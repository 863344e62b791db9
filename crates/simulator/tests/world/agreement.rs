//! The truth and the payloads tell one story: each part of the truth, reckoned again from nothing but the bytes.

use crate::bytes::{Message, cents, header, json, list, messages, millis, webhooks};
use crate::world;
use serde_json::Value;
use simulator::{AssignmentTruth, Door, SessionTruth};
use std::collections::{BTreeMap, BTreeSet};

/// Ids that stand for one person, merged pair by pair.
#[derive(Default)]
pub struct Groups(BTreeMap<String, String>);

impl Groups {
    /// The id that stands for the whole group.
    pub fn root(&self, id: &str) -> String {
        let mut root = id;
        while let Some(next) = self.0.get(root) {
            root = next;
        }
        root.to_owned()
    }

    fn merge(&mut self, a: &str, b: &str) {
        let (a, b) = (self.root(a), self.root(b));
        if a != b {
            self.0.insert(a, b);
        }
    }
}

fn order_id(order: &Value) -> String {
    order["id"].as_i64().expect("an order has an id").to_string()
}

/// Who is whom, from identify calls, purchase events and order documents; `hubs` link nobody.
pub fn people(hubs: &[String]) -> Groups {
    let mut groups = Groups::default();
    let followed = |device: &String| !hubs.contains(device);
    for message in messages() {
        let device = message.device();
        if let (Some("identify"), Some(user)) = (message.text("type"), message.text("userId")) {
            if followed(&device) {
                groups.merge(&device, user);
            }
            groups.merge(user, message.json["traits"]["email"].as_str().expect("identify names an address"));
        }
        if let Some(order) = message.property("order_id").filter(|_| followed(&device)) {
            groups.merge(&device, &format!("order {order}"));
        }
    }
    for webhook in webhooks().iter().filter(|webhook| webhook.topic.starts_with("orders/")) {
        let order = format!("order {}", order_id(&webhook.json));
        for note in list(&webhook.json, "note_attributes").iter().filter(|note| note["name"] == "anonymous_id") {
            let web = webhook.source.replace("shop", "web");
            groups.merge(&order, &format!("{web}/{}", note["value"].as_str().expect("a device")));
        }
        if let Some(customer) = webhook.json["customer"]["id"].as_i64() {
            groups.merge(&order, &format!("customer {customer}"));
            groups.merge(&order, webhook.json["customer"]["email"].as_str().expect("a customer has an address"));
        }
    }
    groups
}

#[test]
fn sessions_cut_again_from_the_bytes_are_the_sessions_of_the_truth() {
    let world = world();
    let mut by_device: BTreeMap<String, Vec<&Message>> = BTreeMap::new();
    for message in messages().iter().filter(|message| message.in_session()) {
        by_device.entry(message.device()).or_default().push(message);
    }
    let mut cut = Vec::new();
    for (device, messages) in &by_device {
        for session in messages.chunk_by(|a, b| b.at_ms - a.at_ms <= 1_800_000) {
            let (first, last) = (session.first().expect("not empty"), session.last().expect("not empty"));
            let pages = session.iter().filter(|message| message.text("type") == Some("page")).count();
            let search = first.json["context"]["page"]["search"].as_str().unwrap_or_default();
            let parameter = |name: &str| {
                let pairs = search.trim_start_matches('?').split('&').filter_map(|pair| pair.split_once('='));
                pairs.filter(|(found, _)| *found == name).map(|(_, value)| value.to_owned()).next()
            };
            let signals = (parameter("utm_source"), parameter("utm_id"), parameter("gclid").or(parameter("fbclid")));
            let utm = first.json["context"]["campaign"]["name"].as_str().map(str::to_owned);
            cut.push((
                device.clone(),
                first.at_ms,
                last.at_ms,
                session.len() as u64,
                pages as u64,
                first.bot(),
                signals,
                utm,
            ));
        }
    }
    let stated = |session: &SessionTruth| {
        let entry = session.entry.clone();
        (
            format!("{}/{}", session.source, session.anonymous_id),
            session.start_ms,
            session.end_ms,
            session.events,
            session.page_views,
            session.bot,
            (entry.utm_source, entry.utm_id, entry.click_id),
            entry.utm_campaign,
        )
    };
    let mut truth: Vec<_> = world.truth().sessions.iter().map(stated).collect();
    cut.sort();
    truth.sort();
    assert_eq!(cut, truth);
}

#[test]
fn persons_merged_again_from_the_bytes_are_the_persons_of_the_truth() {
    let world = world();
    let truth = world.truth();
    let groups = people(&truth.hubs);
    let mut roots = BTreeSet::new();
    for devices in truth.persons.values() {
        let of_person: BTreeSet<String> = devices.iter().map(|device| groups.root(device)).collect();
        assert_eq!(of_person.len(), 1, "one person's devices are merged");
        assert!(roots.insert(of_person), "two persons are not merged");
    }
    assert!(truth.persons.values().any(|devices| devices.len() > 1));
}

#[test]
fn orders_reckoned_again_from_their_documents_are_the_orders_of_the_truth() {
    let world = world();
    let mut newest: BTreeMap<(String, String), &Value> = BTreeMap::new();
    for webhook in webhooks().iter().filter(|webhook| webhook.topic.starts_with("orders/")) {
        let key = (webhook.source.clone(), order_id(&webhook.json));
        let older =
            newest.get(&key).is_none_or(|seen| millis(&seen["updated_at"]) <= millis(&webhook.json["updated_at"]));
        if older {
            newest.insert(key, &webhook.json);
        }
    }
    let truth = world.truth();
    assert_eq!(newest.len(), truth.orders.len());
    for ((_, order), stated) in newest.iter().zip(&truth.orders) {
        let ex_tax =
            |amount: i64, tax: i64| if order["taxes_included"] == Value::Bool(true) { amount - tax } else { amount };
        let line_tax: i64 = list(order, "line_items")
            .iter()
            .flat_map(|line| list(line, "tax_lines"))
            .map(|tax| cents(&tax["price"]))
            .sum();
        let refunded: i64 = list(order, "refunds")
            .iter()
            .flat_map(|refund| list(refund, "refund_line_items"))
            .map(|line| ex_tax(cents(&line["subtotal"]), cents(&line["total_tax"])))
            .sum();
        let net = if order["cancelled_at"].is_null() {
            ex_tax(cents(&order["subtotal_price"]), line_tax) - refunded
        } else {
            0
        };
        assert_eq!(order_id(order), stated.order_id);
        assert_eq!(stated.net_revenue_micros, net * 10_000);
        assert_eq!(stated.refunded_micros, -refunded * 10_000);
        assert_eq!(stated.total_micros, cents(&order["total_price"]) * 10_000);
        assert_eq!(stated.placed_at_ms, millis(&order["processed_at"]));
        assert_eq!(stated.cancelled, !order["cancelled_at"].is_null());
        assert_eq!(stated.test, order["test"] == Value::Bool(true));
    }
}

#[test]
fn an_order_whose_purchase_event_was_seen_belongs_to_the_session_of_that_event() {
    let world = world();
    let truth = world.truth();
    let messages = messages();
    let purchases: BTreeMap<&str, &Message> =
        messages.iter().filter_map(|message| Some((message.property("order_id")?, message))).collect();
    for order in &truth.orders {
        let purchase = purchases.get(order.order_id.as_str());
        match &order.assignment {
            AssignmentTruth::Session { source, anonymous_id, start_ms, rule: 1 } => {
                let purchase = purchase.expect("rule 1 needs a purchase event");
                assert_eq!(purchase.device(), format!("{source}/{anonymous_id}"));
                let session =
                    truth.sessions.iter().find(|s| s.anonymous_id == *anonymous_id && s.start_ms == *start_ms);
                let session = session.expect("the session is in the truth");
                assert!((session.start_ms..=session.end_ms).contains(&purchase.at_ms));
                assert!(session.order_ids.contains(&order.order_id));
            }
            _ => assert!(purchase.is_none()),
        }
    }
}

#[test]
fn the_funnel_tried_in_every_way_gives_the_funnel_of_the_truth() {
    let world = world();
    let truth = world.truth();
    let messages = messages();
    let groups = people(&truth.hubs);
    let mut people: BTreeMap<String, [Vec<i64>; 4]> = BTreeMap::new();
    let steps = ["Product Viewed", "Product Added", "Checkout Started", "Order Completed"];
    for message in messages.iter().filter(|message| !message.bot()) {
        if let Some(step) = steps.iter().position(|step| message.text("event") == Some(step)) {
            people.entry(groups.root(&message.device())).or_default()[step].push(message.at_ms);
        }
    }
    fn deepest(steps: &[Vec<i64>], after_ms: i64, until_ms: i64) -> usize {
        let Some((step, later)) = steps.split_first() else { return 0 };
        let matches = step.iter().filter(|at_ms| (after_ms..=until_ms).contains(*at_ms));
        matches.map(|at_ms| 1 + deepest(later, *at_ms, until_ms)).max().unwrap_or(0)
    }
    let mut reached = vec![0_u64; 4];
    for steps in people.values() {
        let chains = steps[0].iter().map(|at_ms| 1 + deepest(&steps[1..], *at_ms, at_ms + 7 * 86_400_000));
        reached.iter_mut().take(chains.max().unwrap_or(0)).for_each(|count| *count += 1);
    }
    assert_eq!(reached, truth.funnel.persons);
    assert!(reached.is_sorted_by(|a, b| a > b) && reached[3] > 0);
}

#[test]
fn the_newest_report_of_each_account_is_the_claim_of_the_truth() {
    let world = world();
    let mut newest: BTreeMap<String, (String, Value)> = BTreeMap::new();
    let mut covered = BTreeSet::new();
    for payload in world.payloads() {
        let (Door::GoogleAdsReport { account, .. } | Door::MetaReport { account, .. }) = &payload.door else {
            continue;
        };
        // A file that was handed in before says nothing new, however late it comes again.
        if covered.insert(payload.body.clone()) {
            let to = header(&payload, "tributary-pull-to").expect("a pull names its days").to_owned();
            newest.insert(account.clone(), (to, json(&payload)));
        }
    }
    let mut read: BTreeMap<(String, String, String, String), (i64, i64)> = BTreeMap::new();
    for (account, (to, report)) in &newest {
        assert_eq!(*to, world.config().end_on().to_string());
        for row in report.as_array().into_iter().flatten().flat_map(|chunk| list(chunk, "results")) {
            let campaign = row["campaign"]["id"].as_str().expect("an id");
            let day = row["segments"]["date"].as_str().expect("a day");
            for (column, count, value) in [
                ("conversions", "conversions", "conversionsValue"),
                ("conversions_by_conversion_date", "conversionsByConversionDate", "conversionsValueByConversionDate"),
            ] {
                let count = row["metrics"][count].as_i64().expect("a whole count");
                let value = (row["metrics"][value].as_f64().expect("a number") * 100.0).round() as i64;
                if count != 0 {
                    read.insert(
                        (account.clone(), campaign.to_owned(), day.to_owned(), column.to_owned()),
                        (count, value),
                    );
                }
            }
        }
        for row in list(report, "data") {
            let purchases = |name: &str| list(row, name).iter().find(|part| part["action_type"] == "omni_purchase");
            let (Some(counts), Some(values)) = (purchases("actions"), purchases("action_values")) else { continue };
            for column in
                ["value", "1d_click", "7d_click", "1d_view"].into_iter().filter(|name| counts.get(*name).is_some())
            {
                let count = counts[column].as_str().expect("text").parse().expect("a whole count");
                let (campaign, day) = (row["campaign_id"].as_str(), row["date_start"].as_str());
                let (campaign, day) = (campaign.expect("an id").to_owned(), day.expect("a day").to_owned());
                read.insert((account.clone(), campaign, day, column.to_owned()), (count, cents(&values[column])));
            }
        }
    }
    let truth = world.truth();
    let stated: BTreeMap<_, _> = truth
        .claims
        .iter()
        .flat_map(|claim| {
            claim.columns.iter().map(|(column, claimed)| {
                let key = (claim.account.clone(), claim.campaign.clone(), claim.on.to_string(), column.clone());
                (key, (claimed.count, claimed.value_micros / 10_000))
            })
        })
        .collect();
    assert_eq!(read, stated);
    assert!(stated.len() > 100);
}

#[test]
fn platforms_restate_past_days_upwards() {
    let world = world();
    let mut first_said: BTreeMap<(String, String), i64> = BTreeMap::new();
    let mut grown = 0;
    for payload in world.payloads().filter(|payload| payload.door.kind() == "google_ads") {
        for row in json(&payload).as_array().into_iter().flatten().flat_map(|chunk| list(chunk, "results")) {
            let key = (row["campaign"]["id"].to_string(), row["segments"]["date"].to_string());
            let count = row["metrics"]["conversions"].as_i64().expect("a whole count");
            let before = *first_said.entry(key).or_insert(count);
            assert!(count >= before);
            grown += i64::from(count > before);
        }
    }
    assert!(grown > 20, "{grown}");
}

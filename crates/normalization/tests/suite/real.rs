//! Payloads that nobody here made: Shopify's own fixtures, beside the repository.

use std::{fs, path::Path};

use model::{Fact, money::format_micros};
use normalization::Verdict;
use serde_json::Value;

use crate::support::{normalizer, record};

/// One fixture file; none where the folder is not there, which only a developer's machine may say.
fn fixture(name: &str) -> Option<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/real");
    if !root.exists() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "no ../shared/real under CI");
        println!("skipped: no ../shared/real");
        return None;
    }
    let text = fs::read(root.join("payload_fixtures/shopify_rest").join(name)).unwrap();
    Some(serde_json::from_slice(&text).unwrap())
}

fn delivered(topic: &str, document: &Value) -> Verdict {
    let raw = record("shopify", &[("x-shopify-topic", topic)], document.to_string().as_bytes());
    normalizer().normalize(&raw).verdict
}

#[test]
fn shopifys_order_is_a_version_with_its_own_arithmetic() {
    let Some(file) = fixture("order.json") else { return };
    let Verdict::Facts(facts) = delivered("orders/updated", &file["order"]) else { panic!("no facts") };
    let Fact::OrderVersion(version) = &facts[0] else { panic!("no version") };
    assert_eq!(version.order_id, "450789469");
    assert_eq!(version.processed_at, version.updated_at, "created_at stands in for processed_at");
    assert_eq!(format_micros(version.total_micros.into()), "409.94");
    assert_eq!(format_micros(version.total_tax_micros.into()), "11.94");
    let gross: i64 = version.lines.iter().map(|line| line.price_micros * line.quantity).sum();
    assert_eq!((version.lines.len(), format_micros(gross.into()).as_str()), (3, "597.00"));
    assert_eq!(version.lines.iter().map(|line| line.discount_micros).sum::<i64>(), 0, "nothing proves a discount");
    assert_eq!(facts.len(), 3, "version, customer edge, contact edge");
}

#[test]
fn shopifys_order_without_lines_is_partial() {
    let Some(file) = fixture("orders.json") else { return };
    assert_eq!(delivered("orders/updated", &file["orders"][0]), Verdict::Ignored { reason: "partial" });
}

#[test]
fn shopifys_refund_without_subtotals_is_a_refund() {
    let Some(file) = fixture("refund.json") else { return };
    let Verdict::Facts(facts) = delivered("refunds/create", &file["refund"]) else { panic!("no facts") };
    let [Fact::Refund(refund)] = facts.as_slice() else { panic!("no single refund") };
    assert_eq!((refund.refund_id.as_str(), refund.order_id.as_str()), ("509562969", "450789469"));
    assert_eq!(
        refund.lines.iter().map(|line| (line.quantity, line.subtotal_micros)).collect::<Vec<_>>(),
        [(1, None); 2]
    );
    assert_eq!(format_micros(refund.transactions[0].micros.into()), "209.00");
}

#[test]
fn shopifys_transactions_inside_an_order_take_its_currency() {
    let (Some(file), Some(transactions)) = (fixture("order.json"), fixture("transactions.json")) else { return };
    let mut order = file["order"].clone();
    order["transactions"] = transactions;
    let Verdict::Facts(facts) = delivered("orders/updated", &order) else { panic!("no facts") };
    let Fact::OrderVersion(version) = &facts[0] else { panic!("no version") };
    let payment = &version.transactions[0];
    assert_eq!((payment.kind.as_str(), payment.currency.code(), payment.micros), ("authorization", "USD", 409_940_000));
}

#[test]
fn shopifys_other_resources_are_left_alone_whatever_they_hold() {
    for (topic, name) in [("checkouts/update", "checkouts.json"), ("customers/update", "customer.json")] {
        let Some(file) = fixture(name) else { return };
        assert_eq!(delivered(topic, &file), Verdict::Ignored { reason: "not_used_yet" });
    }
}

//! Shopify's own example orders and refunds as signed webhooks: each order's footing holds or is flagged with its gap.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use end_to_end::house::repository;

use crate::serving::Doors;

#[tokio::test(flavor = "multi_thread")]
async fn shopifys_own_examples_go_in_as_signed_webhooks_and_foot() {
    let folder = repository().parent().unwrap().join("shared/real/payload_fixtures/shopify_rest");
    if !folder.is_dir() {
        assert!(std::env::var("CI").is_err(), "no ../shared/real");
        println!("skipped: no ../shared/real");
        return;
    }
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
    };
    let mut sent = vec![("orders/create", read("order.json")["order"].clone())];
    sent.extend(
        read("orders.json")["orders"].as_array().unwrap().iter().map(|order| ("orders/updated", order.clone())),
    );
    sent.push(("refunds/create", read("refund.json")["refund"].clone()));
    let lake = tempfile::tempdir().unwrap();
    let doors = Doors::open(lake.path()).await;
    for (number, (topic, document)) in sent.iter().enumerate() {
        let body = document.to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(b"demo-secret-shop-us").unwrap();
        mac.update(body.as_bytes());
        let answer = reqwest::Client::new()
            .post(format!("{}/webhooks/shopify/shop_us", doors.base))
            .header("X-Shopify-Topic", *topic)
            .header("X-Shopify-Webhook-Id", format!("fixture-{number}"))
            .header("X-Shopify-Shop-Domain", "apple.myshopify.com")
            .header("X-Shopify-Hmac-Sha256", STANDARD.encode(mac.finalize().into_bytes()))
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{topic} {number}");
    }
    doors.normalise().await;
    let house = doors.close().await;
    assert_eq!(house.sql("SELECT reason, message FROM facts.rejects").await, Vec::<Vec<String>>::new());
    let derived = house.derived().await;
    assert!(!derived.orders.is_empty());
    for order in &derived.orders {
        let unfooted: i64 = order.posted.entries.iter().filter(|e| e.kind.name() == "unfooted").map(|e| e.micros).sum();
        for footing in &order.posted.footing {
            let gap = footing.stated_micros - footing.posted_micros;
            assert_eq!(gap, footing.gap_micros, "{}: a gap that is not flagged", order.posted.order_id);
            println!("order {}: {footing:?}, unfooted {unfooted}", order.posted.order_id);
        }
    }
    let broken = end_to_end::laws::entries(&derived.orders, &derived.credits);
    assert_eq!(broken, Vec::<String>::new());
}

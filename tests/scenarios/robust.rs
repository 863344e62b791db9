//! What one bad neighbour must not do to the house: a contradictory order, a runaway question, two writers of one channel.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use end_to_end::house::{House, repository};
use ingestion::Incoming;
use lake::{DiskSyncs, Lake};
use model::{Headers, UtcMillis};
use pipeline::append_records;
use serde_json::{Value, json};

use crate::process::Serving;

fn record(source: &str, headers: &Headers, payload: &Value) -> Incoming {
    let received_at = UtcMillis(1_767_607_880_000);
    let payload = payload.to_string().into_bytes().into();
    Incoming { source: source.into(), received_at, headers: headers.clone().into(), payload }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_documents_contradict_each_other_is_set_aside_and_said() {
    let text = std::fs::read_to_string(repository().join("tests/sql/shop.ndjson")).unwrap();
    let orders: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let topic = |line: &&Value| line["headers"]["x-shopify-topic"] == "orders/create";
    let folder = tempfile::tempdir().unwrap();
    let mut house = House::open(folder.path()).await;
    let mut records = Vec::new();
    for order in orders.iter().filter(topic) {
        let headers: Headers = serde_json::from_value(order["headers"].clone()).unwrap();
        records.push(record("shop_eu", &headers, &order["payload"]));
    }
    let mut other = orders.iter().find(topic).unwrap()["payload"].clone();
    other["currency"] = json!("CAD");
    other["updated_at"] = json!("2026-01-05T11:12:00+01:00");
    let headers = Headers::from([
        ("x-shopify-topic".to_owned(), "orders/updated".to_owned()),
        ("x-shopify-webhook-id".to_owned(), "other".to_owned()),
        ("x-shopify-shop-domain".to_owned(), "shop-eu.myshopify.com".to_owned()),
    ]);
    let orders = records.len();
    records.push(record("shop_eu", &headers, &other));
    house.append("collector", records).await;
    house.stage.drain().await.unwrap();
    assert_eq!(house.sql("SELECT count(*) FROM orders").await[0][0], (orders - 1).to_string());
    let plain = house.answer("SELECT count(*) FROM orders").await;
    assert!(plain.stamp.notes.iter().any(|note| note.contains("set aside")), "{:?}", plain.stamp);
    let answer = house.answer("SELECT * FROM metric('orders')").await;
    let said = answer.stamp.notes.iter().any(|note| note.contains("set aside") && note.contains("5001"));
    assert!(said && !answer.stamp.certified, "{:?}", answer.stamp);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_never_give_two_records_one_position() {
    let folder = tempfile::tempdir().unwrap();
    let mut writers = Vec::new();
    for writer in 0..8 {
        let lake = Arc::new(Lake::open(folder.path(), Arc::new(DiskSyncs)).await.unwrap());
        writers.push(tokio::spawn(async move {
            for number in 0..5 {
                let payload = json!({ "writer": writer, "number": number });
                append_records(&lake, "shared", vec![record("web_eu", &Headers::new(), &payload)]).await.unwrap();
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let house = House::open(folder.path()).await;
    let rows = house.sql("SELECT \"offset\" FROM raw.inbox WHERE channel = 'shared'").await;
    let offsets: BTreeSet<u64> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
    assert_eq!(rows.len(), 40);
    assert_eq!(offsets, (0..40).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_never_yields_is_stopped_and_holds_up_no_door() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start_with(folder.path(), "system", &[("TRIBUTARY__SERVER__ANSWER_MS_MAX", "500")]).await;
    let many =
        "SELECT count(*) FROM generate_series(1, 3000000) a, generate_series(1, 3000000) b WHERE a.value + b.value = 7";
    let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    let asked = client.post(format!("{}/v1/sql", serving.base)).json(&json!({ "sql": many })).send();
    assert_eq!(asked.await.unwrap().status(), 408);
    let event = json!({ "writeKey": "wk_demo_eu", "anonymousId": "a", "event": "Ping", "messageId": "m" });
    let sent = client.post(format!("{}/v1/track", serving.base)).json(&event).send().await.unwrap();
    assert_eq!(sent.status(), 200);
}

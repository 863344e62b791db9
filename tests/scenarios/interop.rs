//! Another engine reads the Delta tables and agrees.

use std::process::Command;

use end_to_end::{doors, house::House};
use simulator::{World, WorldConfig};

use crate::{clients::python, truth::grouped};

#[tokio::test(flavor = "multi_thread")]
async fn duckdb_reads_the_tables_and_agrees_on_three_totals() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(WorldConfig { seed: 9, events: 2_000, ..WorldConfig::default() });
    let mut house = House::open(folder.path()).await;
    let mut records = doors::records(&world).await;
    // Backwards, so that better copies come later and rows are superseded.
    records.reverse();
    for part in records.chunks(records.len() / 3 + 1) {
        for (channel, group) in grouped(part.to_vec()) {
            house.append(&channel, group).await;
        }
        house.stage.drain().await.unwrap();
    }
    let superseded = house.sql("SELECT count(*) FROM facts.outcomes WHERE outcome = 'duplicate'").await;
    assert_ne!(superseded[0][0], "0");
    let script = end_to_end::house::repository().join("tests/clients/other_engine.py");
    let done = Command::new(python).arg(script).arg(folder.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let theirs: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    for (total, sql) in [
        ("events", "SELECT count(*) FROM facts.events WHERE event = 'page_view'"),
        ("orders", "SELECT sum(total) FROM facts.order_versions WHERE NOT test"),
        ("claims", "SELECT sum(value) FROM facts.claims WHERE action = 'conversions'"),
    ] {
        let ours = house.sql(sql).await[0][0].clone();
        let theirs = theirs[total].as_str().unwrap();
        let same = model::money::parse_micros(&ours) == model::money::parse_micros(theirs);
        assert!(same && ours != "0", "{total}: {ours} here, {theirs} there");
    }
}

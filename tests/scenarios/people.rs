//! The person engine beside ingest: plans, answers while rows come, end and move, small pools.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use end_to_end::{
    doors,
    house::{House, engine, texts},
};
use query::{Engine, Question};
use simulator::{World, WorldConfig};

use crate::truth::grouped;

/// Questions that the person engine answers.
const ASKED: [&str; 10] = [
    "SELECT step, units FROM funnel('checkout')",
    "SELECT * FROM funnel('checkout', by => 'channel')",
    "SELECT * FROM funnel('checkout', currency => 'USD')",
    "SELECT * FROM funnel_people('checkout', 2)",
    "SELECT * FROM funnel_trend('checkout', grain => 'week')",
    "SELECT period, breakdown, sessions, events, purchases FROM session_series(by => 'channel')",
    "SELECT * FROM active_people(grain => 'week')",
    "SELECT * FROM retention('view_item', returned => 'purchase', grain => 'week')",
    "SELECT * FROM paths('view_item', steps => 2)",
    "SELECT event, count(*), count(DISTINCT person_id) FROM events GROUP BY event ORDER BY event",
];

async fn answers(engine: &Engine, as_of: model::UtcMillis) -> Vec<Vec<Vec<String>>> {
    let mut all = Vec::new();
    for sql in ASKED {
        let question = Question { sql: sql.to_owned(), as_of: Some(as_of), ..Question::default() };
        all.push(texts(&engine.answer(&question).await.unwrap_or_else(|error| panic!("{sql}: {error}"))));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_stays_as_it_was_while_rows_come_end_and_move() {
    let world = World::new(WorldConfig { seed: 12, events: 4_000, ..WorldConfig::default() });
    let folder = tempfile::tempdir().unwrap();
    let mut house = House::open(folder.path()).await;
    let records = doors::records(&world).await;
    // The later part first, so that much of what follows is a better copy of what is there.
    let (first, rest) = records.split_at(records.len() / 2);
    for (channel, group) in grouped(rest.to_vec()) {
        house.append(&channel, group).await;
    }
    house.stage.drain().await.unwrap();
    let then = house.stage.last().unwrap().known_at;
    let before = answers(&house.engine, then).await;
    assert!(before.iter().all(|rows| rows.len() > 1), "every question has an answer worth comparing");

    let done = Arc::new(AtomicBool::new(false));
    let mut askers = Vec::new();
    for _ in 0..2 {
        // With nothing kept yet, so that files are opened while others are merged.
        let (done, other, before) = (Arc::clone(&done), engine(Arc::clone(&house.lake)), before.clone());
        askers.push(tokio::spawn(async move {
            let mut asked = 0;
            while !done.load(Ordering::Relaxed) || asked < 2 {
                assert_eq!(answers(&other, then).await, before);
                asked += 1;
            }
            asked
        }));
    }
    let mut merged = 0;
    for part in first.chunks(first.len() / 12) {
        for (channel, group) in grouped(part.to_vec()) {
            house.append(&channel, group).await;
        }
        house.stage.drain().await.unwrap();
        while house.stage.compact().await.unwrap() {
            merged += 1;
        }
    }
    done.store(true, Ordering::Relaxed);
    for asker in askers {
        assert!(asker.await.unwrap() > 1);
    }
    assert!(merged > 2, "files were merged meanwhile: {merged}");
    assert_eq!(answers(&house.engine, then).await, before);

    // And what came to be is what comes to be of the same records at once.
    let now = house.stage.last().unwrap().known_at;
    let (whole, elsewhere) = (answers(&house.engine, now).await, tempfile::tempdir().unwrap());
    let mut other = House::open(elsewhere.path()).await;
    for (channel, group) in grouped(records) {
        other.append(&channel, group).await;
    }
    other.stage.drain().await.unwrap();
    assert_eq!(answers(&other.engine, other.stage.last().unwrap().known_at).await, whole);
    let checked = lake::fsck(&house.lake).await.unwrap();
    assert!(checked.findings.is_empty(), "{:?}", checked.findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_about_people_is_planned_without_sort_and_repartition() {
    let world = World::new(WorldConfig { seed: 5, events: 500, ..WorldConfig::default() });
    let folder = tempfile::tempdir().unwrap();
    let mut house = House::open(folder.path()).await;
    for (channel, group) in grouped(doors::records(&world).await) {
        house.append(&channel, group).await;
    }
    house.stage.drain().await.unwrap();
    for (sql, leaf) in [
        ("SELECT step, units FROM funnel('checkout') ORDER BY step", "PeopleScan: funnel=checkout"),
        ("SELECT period, sessions FROM session_series()", "PeopleScan: activity=Sessions"),
        ("SELECT period, breakdown, value FROM session_series(by => 'channel')", "PeopleScan: activity=Sessions"),
        ("SELECT period, people FROM active_people()", "PeopleScan: activity=People"),
    ] {
        let plan = house.sql(&format!("EXPLAIN {sql}")).await;
        let plan = &plan.iter().find(|row| row[0] == "physical_plan").expect("a physical plan")[1];
        let (above, _) = plan.split_once(leaf).unwrap_or_else(|| panic!("no {leaf} in {plan}"));
        assert!(!plan.contains("Repartition") && !plan.contains("DataSourceExec"), "{plan}");
        assert!(!above.contains("Sort") || sql.contains("ORDER BY"), "{plan}");
        let analysed = house.sql(&format!("EXPLAIN ANALYZE {sql}")).await.concat().join(" ");
        assert!(analysed.contains("rows_read=") && analysed.contains("elapsed_compute="), "{analysed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_is_too_small_is_an_error_and_not_the_end() {
    let world = World::new(WorldConfig { seed: 5, events: 2_000, ..WorldConfig::default() });
    let folder = tempfile::tempdir().unwrap();
    let mut house = House::open(folder.path()).await;
    for (channel, group) in grouped(doors::records(&world).await) {
        house.append(&channel, group).await;
    }
    house.stage.drain().await.unwrap();
    let settings = query::EngineSettings { memory_bytes_max: 1 << 10, ..end_to_end::house::settings() };
    let small = end_to_end::house::engine_of(Arc::clone(&house.lake), settings);
    let question = Question { sql: ASKED[3].to_owned(), ..Question::default() };
    let error = small.answer(&question).await.expect_err("a kilobyte is not enough").to_string();
    assert!(error.contains("Resources exhausted"), "{error}");
    assert!(!house.sql(ASKED[3]).await.is_empty());
}

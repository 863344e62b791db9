//! The person engine beside ingest: plans, answers while rows come, end and move, small pools.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use end_to_end::{
    doors,
    house::{House, csv_records, engine, engine_of, settings, texts},
};
use model::UtcMillis;
use query::{Engine, EngineSettings, Question};
use simulator::{World, WorldConfig};

use crate::truth::grouped;

/// Questions that the person engine answers.
const ASKED: [&str; 11] = [
    "SELECT step, units FROM funnel('checkout')",
    "SELECT * FROM funnel('checkout', by => 'channel')",
    "SELECT * FROM funnel('checkout', currency => 'USD')",
    "SELECT * FROM funnel_people('checkout', 2)",
    "SELECT * FROM funnel_trend('checkout', grain => 'week')",
    "SELECT period, breakdown, sessions, events, purchases FROM session_series(by => 'channel')",
    "SELECT * FROM active_people(grain => 'week')",
    "SELECT * FROM credit_series('campaign', grain => 'week', currency => 'EUR')",
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
        ("SELECT policy, value FROM credit_series()", "PeopleScan: credits=house+house_linear"),
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

/// Every session event that counts, in order: whose, where, when, and what tells whether it is a touch or a purchase.
const VISITS: &str = "
    SELECT e.person_id, e.device, e.occurred_at, e.event, e.channel, e.campaign,
        CASE WHEN coalesce(f.utm_source, f.utm_medium, f.utm_campaign, f.utm_id, f.click_id_kind) IS NOT NULL THEN
            concat_ws('|', coalesce(f.utm_source, '-'), coalesce(f.utm_medium, '-'), coalesce(f.utm_campaign, '-'),
                coalesce(f.utm_id, '-'), coalesce(f.click_id_kind, '-')) END,
        f.click_id_kind || '=' || f.click_id,
        CASE WHEN e.currency = 'EUR' THEN e.value END
    FROM events e JOIN facts.events f ON f.key = e.event_id
    WHERE e.in_session AND NOT e.is_bot AND NOT e.is_internal AND e.device IS NOT NULL
    ORDER BY e.occurred_at, e.event_id";

/// Millionths of orders and cents, by policy and campaign.
type Credited = BTreeMap<(String, String), (i64, i64)>;

/// A touch of somebody, as the slow count keeps it.
struct SlowTouch<'a> {
    at: i64,
    campaign: &'a str,
    direct: bool,
}

/// The shipped policies said again in the plainest way: lists of all touches and purchases, and a look at each pair.
fn credited_slowly(visits: &[Vec<String>]) -> Credited {
    let mut last: HashMap<(&str, &str), (i64, usize)> = HashMap::new();
    let (mut campaigns, mut clicks, mut sessions) = (HashSet::new(), HashSet::new(), 0);
    let mut touches: HashMap<&str, Vec<SlowTouch<'_>>> = HashMap::new();
    let mut purchases = Vec::new();
    for row in visits {
        let visit: Vec<&str> = row.iter().map(String::as_str).collect();
        let &[person, device, at, event, channel, campaign, sign, click, value] = visit.as_slice() else {
            panic!("a visit of nine columns, found {row:?}")
        };
        let at = UtcMillis::parse(at).unwrap().0;
        let before = last.get(&(person, device)).filter(|(then, _)| at - then <= 30 * 60_000);
        let (starts, session) = before.map_or((true, sessions), |(_, session)| (false, *session));
        sessions += usize::from(starts);
        last.insert((person, device), (at, session));
        let anew = !sign.is_empty() && campaigns.insert((person, session, sign));
        let touch = if click.is_empty() { starts || anew } else { clicks.insert((person, click)) };
        if touch {
            touches.entry(person).or_default().push(SlowTouch { at, campaign, direct: channel == "Direct" });
        }
        if event == "purchase" {
            let cents = if value.is_empty() { 0 } else { (value.parse::<f64>().unwrap() * 100.0).round() as i64 };
            purchases.push((person, at, cents));
        }
    }
    let mut credited = Credited::new();
    let mut add = |policy: &str, campaign: &str, orders: i64, cents: i64| {
        let sum = credited.entry((policy.to_owned(), campaign.to_owned())).or_default();
        (sum.0, sum.1) = (sum.0 + orders, sum.1 + cents);
    };
    for (person, at, cents) in purchases {
        let reaches = |touch: &&SlowTouch<'_>| touch.at <= at && at - touch.at <= 720 * 3_600_000 && !touch.direct;
        let path: Vec<_> = touches.get(person).into_iter().flatten().filter(reaches).collect();
        let count = path.len() as i64;
        add("house", path.last().map_or("(unattributed)", |touch| touch.campaign), 1_000_000, cents);
        if path.is_empty() {
            add("house_linear", "(unattributed)", 1_000_000, cents);
        }
        for (place, touch) in (0..).zip(path) {
            let part = |whole: i64| whole / count + i64::from(place < whole % count);
            add("house_linear", touch.campaign, part(1_000_000), part(cents));
        }
    }
    credited
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_are_what_a_slow_count_of_the_same_events_gives() {
    let world = World::new(WorldConfig { seed: 21, events: 8_000, ..WorldConfig::default() });
    let folder = tempfile::tempdir().unwrap();
    let mut house = House::open(folder.path()).await;
    for (channel, group) in grouped(doors::records(&world).await) {
        house.append(&channel, group).await;
    }
    house.stage.drain().await.unwrap();
    let slow = credited_slowly(&house.sql(VISITS).await);
    assert!(slow.len() > 8 && slow.values().any(|(orders, _)| orders % 1_000_000 != 0), "shared orders: {slow:?}");
    let claimed = house.sql("SELECT sum(purchases), sum(value) FROM session_series(currency => 'EUR')").await;
    for threads in [1, 8] {
        let engine = engine_of(Arc::clone(&house.lake), EngineSettings { threads: Some(threads), ..settings() });
        let ask = async |sql: &str| {
            let question = Question { sql: sql.to_owned(), ..Question::default() };
            texts(&engine.answer(&question).await.unwrap_or_else(|error| panic!("{sql}: {error}")))
        };
        let whole = |text: &str, scale: f64| (text.parse::<f64>().unwrap() * scale).round() as i64;
        let rows =
            ask("SELECT policy, breakdown, orders, value FROM credit_series('campaign', currency => 'EUR')").await;
        let fast: Credited = rows
            .into_iter()
            .map(|row| ((row[0].clone(), row[1].clone()), (whole(&row[2], 1e6), whole(&row[3], 100.0))))
            .collect();
        assert_eq!(fast, slow, "{threads} threads");
        // Every policy gives out exactly what session_series counts.
        for policy in ["house", "house_linear"] {
            let sql =
                format!("SELECT sum(orders), sum(value) FROM credit_series(policy => '{policy}', currency => 'EUR')");
            let given = ask(&sql).await;
            assert_eq!(given[0][0], format!("{}.00", claimed[0][0]), "{policy}");
            assert_eq!(given[0][1], claimed[0][1], "{policy}");
        }
    }
}

/// Purchases as a till wrote them down.
const TILL: &str = r#"
mapping: till
status: approved
format: csv
zone: UTC
key: [$file, $row]
facts:
  - event:
      name: "'purchase'"
      occurred_at: at
      device: device
      user: buyer
      value: value
      currency: currency
"#;

#[tokio::test(flavor = "multi_thread")]
async fn currencies_outside_the_range_and_of_no_session_leave_values_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let mut house = House::open(folder.path()).await;
    house.apply_mapping(TILL).await;
    let rows = [
        "d1,ann,2025-03-01T10:00:00Z,7.00,EUR",
        "d1,ann,2026-03-01T10:00:00Z,5.00,USD",
        ",bob,2026-03-01T11:00:00Z,9.00,GBP",
    ];
    let rows = rows.into_iter().map(str::to_owned);
    let header = "device,buyer,at,value,currency";
    house.append("file/till", csv_records("till", header, UtcMillis(1_780_000_000_000), rows)).await;
    house.stage.drain().await.unwrap();
    for (columns, function) in
        [("purchases", "session_series(grain => 'all'"), ("orders", "credit_series('channel', 'house'")]
    {
        let of = async |range: &str| {
            house.sql(&format!("SELECT {columns} = 1, value = 5, currency FROM {function}{range})")).await
        };
        assert_eq!(of(", from => '2026-01-01', to => '2026-12-31'").await, [["true", "true", "USD"]], "{function}");
        // All of them are of two currencies, which nothing adds.
        assert!(of("").await.iter().all(|row| row[1..] == ["", ""]), "{function}");
    }
}

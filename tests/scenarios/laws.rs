//! L1 to L6 over many worlds: any order, duplicates, delays, a replay between.

use std::{collections::BTreeMap, path::Path};

use end_to_end::{
    doors,
    house::{House, csv_records},
    laws::{self, SeriesCell},
};
use fastrand::Rng;
use ingestion::Incoming;
use model::UtcMillis;
use query::derived::{CreditRow, OrderRow};
use simulator::{World, WorldConfig};

use crate::{serving::Doors, truth::grouped};

const SEEDS: std::ops::RangeInclusive<u64> = 1..=20;

fn world(seed: u64) -> World {
    World::new(WorldConfig { seed, events: 2_000, ..WorldConfig::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn arrival_order_never_shows() {
    for seed in SEEDS {
        let world = world(seed);
        let records = doors::records(&world).await;
        let clean = tempfile::tempdir().unwrap();
        let expected = clean_run(clean.path(), records.clone()).await;
        let folder = tempfile::tempdir().unwrap();
        let shuffled = shuffled_run(folder.path(), records, seed).await;
        let found = laws::same_answers(&expected, &shuffled);
        assert!(found.is_empty(), "seed {seed}: {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn arrival_order_never_shows_through_http() {
    for seed in 21..=25 {
        let world = world(seed);
        let clean = tempfile::tempdir().unwrap();
        let expected = clean_run(clean.path(), doors::records(&world).await).await;
        let folder = tempfile::tempdir().unwrap();
        let mut rng = Rng::with_seed(seed);
        let mut payloads: Vec<_> = world.payloads().collect();
        let again: Vec<_> = payloads.iter().filter(|_| rng.f64() < 0.3).cloned().collect();
        payloads.extend(again);
        rng.shuffle(&mut payloads);
        let doors = Doors::open(folder.path()).await;
        for part in payloads.chunks(payloads.len() / 5 + 1) {
            doors.send(part).await;
            doors.normalise().await;
        }
        let mut house = doors.close().await;
        house.apply_mapping(STALL).await;
        house.append(STALL_CHANNEL, receipts()).await;
        house.stage.drain().await.unwrap();
        let found = laws::same_answers(&expected, &house.hashes().await);
        assert!(found.is_empty(), "seed {seed}: {found:?}");
        assert_eq!(laws::all(&house).await, Vec::<String>::new(), "seed {seed}");
    }
}

#[test]
fn each_checker_names_falsified_answers() {
    let text = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    };
    let tables = text(&[("orders", "a"), ("ledger", "b")]);
    assert!(laws::same_answers(&tables, &tables).is_empty());
    for falsified in [text(&[("orders", "x"), ("ledger", "b")]), text(&[("orders", "a")]), text(&[])] {
        assert!(!laws::same_answers(&tables, &falsified).is_empty());
    }
    assert!(!laws::same_answers(&text(&[]), &tables).is_empty());

    let records = BTreeMap::from([("web".to_owned(), 3)]);
    let outcomes = |kept, duplicate| {
        BTreeMap::from([
            (("web".to_owned(), "kept".to_owned()), kept),
            (("web".to_owned(), "duplicate".to_owned()), duplicate),
        ])
    };
    assert!(laws::conservation(&records, &outcomes(2, 1)).is_empty());
    for falsified in [outcomes(2, 0), outcomes(3, 1), BTreeMap::new()] {
        assert!(laws::conservation(&records, &falsified)[0].contains("web"));
    }
    let stranger = BTreeMap::from([(("shop".to_owned(), "kept".to_owned()), 1)]);
    assert!(laws::conservation(&BTreeMap::new(), &stranger)[0].contains("shop"));

    let cell = |parts, ledger| SeriesCell { name: "week 1".to_owned(), parts, ledger };
    assert!(laws::tie_out(&[cell([5, 1, 2], 8)]).is_empty());
    for falsified in [cell([5, 1, 0], 8), cell([5, 1, 2], 9), cell([10, 1, 2], 8), cell([5, 1, -2], 8)] {
        assert!(laws::tie_out(&[falsified])[0].contains("week 1"));
    }

    let bridge = |claimed, shared, house| {
        BTreeMap::from([
            (("1010".to_owned(), 0), claimed),
            (("1010".to_owned(), 15), shared),
            (("1010".to_owned(), 16), house),
        ])
    };
    assert!(laws::closure(&bridge((3, 30), (-1, -10), (2, 20))).is_empty());
    for falsified in [((3, 30), (-1, -10), (2, 21)), ((3, 30), (-1, -10), (1, 20)), ((3, 30), (0, 0), (2, 20))] {
        assert!(laws::closure(&bridge(falsified.0, falsified.1, falsified.2))[0].contains("1010"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_were_changed_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let house = filled(folder.path(), doors::records(&world(1)).await).await;
    let sound = house.derived().await;
    let falsified = |change: &dyn Fn(&mut Vec<OrderRow>, &mut Vec<CreditRow>)| {
        let (mut orders, mut credits) = (sound.orders.clone(), sound.credits.clone());
        change(&mut orders, &mut credits);
        laws::entries(&orders, &credits)
    };
    assert_eq!(falsified(&|_, _| ()), Vec::<String>::new());
    let order = sound.orders.iter().position(|order| !order.posted.test && !order.posted.entries.is_empty()).unwrap();
    let id = &sound.orders[order].posted.order_id;
    let doubled = falsified(&|orders, _| {
        let footed = &mut orders[order].posted.footing[0];
        footed.posted_micros += 10_000;
        footed.gap_micros -= 10_000;
    });
    assert!(doubled.iter().any(|violation| violation.contains(id)), "{doubled:?}");
    let moved = falsified(&|_, credits| {
        credits.iter_mut().find(|c| c.order_id == *id).unwrap().value_micros += 10_000;
    });
    assert!(moved.iter().any(|violation| violation.contains(id)), "{moved:?}");
    let dropped = falsified(&|_, credits| {
        let position = credits.iter().position(|c| c.value_micros != 0).unwrap();
        credits.remove(position);
    });
    assert!(!dropped.is_empty());
}

async fn filled(folder: &Path, records: Vec<(String, Incoming)>) -> House {
    let mut house = House::open(folder).await;
    for (channel, group) in grouped(records) {
        house.append(&channel, group).await;
    }
    house.stage.drain().await.unwrap();
    house
}

/// A stall's receipts, read by a mapping beside what comes through the doors.
const STALL: &str = r#"
mapping: stall
status: approved
format: csv
zone: Europe/Berlin
key: [$file, $row]
facts:
  - order:
      grouped: true
      order_id: receipt
      placed_at: sold_at
      currency: "'EUR'"
      lines: [{ price: price, quantity: pieces }]
"#;
const STALL_CHANNEL: &str = "file/stall/stall";

/// Rows of a file as an import appends them; some are unreadable, some stand twice.
fn receipts() -> Vec<Incoming> {
    let row = |number: usize| {
        let price = if number % 17 == 3 { "much".to_owned() } else { format!("{}.50", number % 9) };
        format!("r{},2026-01-{:02} 10:00:00,{},{price}", number / 3, number % 28 + 1, number % 4)
    };
    csv_records("stall", "receipt,sold_at,pieces,price", UtcMillis(1_790_000_000_000), (0..60).map(row))
}

async fn clean_run(folder: &Path, records: Vec<(String, Incoming)>) -> BTreeMap<String, String> {
    let mut house = filled(folder, records).await;
    house.apply_mapping(STALL).await;
    house.append(STALL_CHANNEL, receipts()).await;
    house.stage.drain().await.unwrap();
    let stall = house.sql("SELECT count(*) FROM orders WHERE shop = 'stall'").await;
    assert_eq!(stall, [["20"]]);
    assert_eq!(laws::all(&house).await, Vec::<String>::new());
    house.hashes().await
}

/// Random order, 30% duplicates, random batches; a file imported piece by piece, compactions, replays of a source and of
/// the quarantine, and a rebuild somewhere between.
async fn shuffled_run(folder: &Path, records: Vec<(String, Incoming)>, seed: u64) -> BTreeMap<String, String> {
    let mut rng = Rng::with_seed(seed);
    let mut records = records;
    let again: Vec<_> = records.iter().filter(|_| rng.f64() < 0.3).cloned().collect();
    records.extend(again);
    rng.shuffle(&mut records);
    let mut house = House::open(folder).await;
    house.apply_mapping(STALL).await;
    let batches = rng.usize(3..7);
    let rebuild = rng.usize(0..batches);
    let mut rows = receipts();
    for (number, part) in records.chunks(records.len() / batches + 1).enumerate() {
        for (channel, group) in grouped(part.to_vec()) {
            house.append(&channel, group).await;
        }
        let piece = if number + 1 == batches { rows.len() } else { rng.usize(0..=rows.len()) };
        house.append(STALL_CHANNEL, rows.drain(..piece).collect()).await;
        house.stage.drain().await.unwrap();
        match rng.u8(0..4) {
            0 => drop(house.replay(Some("web_eu"), false).await),
            1 => drop(house.replay(Some("stall"), false).await),
            2 => drop(house.replay(None, true).await),
            _ => {}
        }
        if number == rebuild {
            house.stage.rebuild(|_| ()).await.unwrap();
        }
        house.stage.compact().await.unwrap();
    }
    house.append(STALL_CHANNEL, rows).await;
    house.stage.drain().await.unwrap();
    assert_eq!(laws::all(&house).await, Vec::<String>::new(), "seed {seed}");
    house.hashes().await
}

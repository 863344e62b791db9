//! Quarantine, mend, replay: what was wrong is mended, and no earlier answer changes.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use end_to_end::{
    house::{House, csv_records},
    laws,
};
use ingestion::Incoming;
use model::UtcMillis;
use pipeline::{ReplayRequest, decisions};

use crate::crash::FailingSyncs;

/// Prices stand in two columns, and the mapping reads the wrong one.
const WRONG: &str = r#"
mapping: fair
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
      lines:
        - { price: list_price, quantity: pieces }
"#;

const HEADER: &str = "receipt,sold_at,pieces,list_price,price";
const ROWS: [&str; 6] = [
    "1,2026-03-01 10:00:00,2,10.00,9.00",
    "1,2026-03-01 10:00:00,1,5.00,4.50",
    "2,2026-03-01 11:30:00,1,20.00,20.00",
    "3,01.03.2026 12:00,1,7.00,6.00",
    "4,2026-03-02 09:00:00,3,1.00,0.90",
    "5,02.03.2026 09:30,1,8.00,8.00",
];

const QUESTIONS: [&str; 6] = [
    "SELECT order_id, placed_at, gross_sales, net_revenue FROM orders ORDER BY order_id",
    "SELECT order_key, entry, amount FROM ledger ORDER BY order_key, entry, amount",
    "SELECT * FROM metric('net_revenue', grain => 'day')",
    "SELECT outcome, reason, count(*) FROM facts.outcomes WHERE source = 'fair' GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT reason, message FROM facts.rejects ORDER BY channel, \"offset\"",
    "SELECT order_id, total FROM facts.order_versions ORDER BY order_id, total",
];

fn right() -> String {
    WRONG.replace("list_price, quantity", "price, quantity").replace(
        "placed_at: sold_at",
        "placed_at: if(contains(sold_at, '.'), instant(sold_at, '%d.%m.%Y %H:%M'), instant(sold_at, '%Y-%m-%d %H:%M:%S'))",
    )
}

fn records(rows: &[&str]) -> Vec<Incoming> {
    csv_records("fair", HEADER, UtcMillis(1_780_000_000_000), rows.iter().map(|row| (*row).to_owned()))
}

async fn answers(house: &House, as_of: UtcMillis) -> Vec<Vec<Vec<String>>> {
    let mut all = Vec::new();
    for question in QUESTIONS {
        all.push(house.sql_as_of(question, as_of).await);
    }
    all
}

/// A house that took six rows in by the wrong mapping.
async fn wrongly_mapped(folder: &Path) -> House {
    let mut house = House::open(folder).await;
    house.apply_mapping(WRONG).await;
    house.append("file/fair", records(&ROWS)).await;
    house.stage.drain().await.unwrap();
    house
}

fn last(house: &House) -> UtcMillis {
    house.stage.last().unwrap().known_at
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_mend_old_instants_answer_as_before_and_a_rebuild_gives_both() {
    let folder = tempfile::tempdir().unwrap();
    let mut house = wrongly_mapped(folder.path()).await;
    let (wrong_at, wrong) = (last(&house), answers(&house, last(&house)).await);
    assert_eq!(wrong[0], [["1", "25.00"], ["2", "20.00"], ["4", "3.00"]].map(|[id, sum]| order(&wrong[0], id, sum)));

    house.apply_mapping(&right()).await;
    assert_eq!(answers(&house, last(&house)).await[0], wrong[0], "a mapping alone changes no fact");
    let replayed = house.replay(Some("fair"), false).await;
    // Row 3 says the same by both mappings.
    assert_eq!((replayed.records, replayed.changed), (6, 5));
    let (right_at, mended) = (last(&house), answers(&house, last(&house)).await);
    let sums: BTreeMap<String, String> = mended[0].iter().map(|row| (row[0].clone(), row[3].clone())).collect();
    let expected = [("1", "22.50"), ("2", "20.00"), ("3", "6.00"), ("4", "2.70"), ("5", "8.00")];
    assert_eq!(sums, expected.map(|(id, sum)| (id.to_owned(), sum.to_owned())).into());
    assert!(mended[4].is_empty(), "nothing is in quarantine any more: {:?}", mended[4]);
    assert_eq!(answers(&house, wrong_at).await, wrong, "the answers before the mend");

    house.stage.rebuild(|_| ()).await.unwrap();
    assert_eq!(answers(&house, wrong_at).await, wrong, "the answers before the mend, rebuilt");
    assert_eq!(answers(&house, right_at).await, mended, "the answers after the mend, rebuilt");
    assert_eq!(laws::conservation(&laws::records(&house).await, &laws::outcomes(&house).await), Vec::<String>::new());

    // Opened again, the house reads new rows by the mended mapping.
    drop(house);
    let mut house = House::open(folder.path()).await;
    house.append("file/later", records(&["9,03.03.2026 10:00,1,4.00,3.00"])).await;
    house.stage.drain().await.unwrap();
    let ninth = house.sql("SELECT net_revenue FROM orders WHERE order_id = '9'").await;
    assert_eq!(ninth, [["3.00"]]);
}

fn order(rows: &[Vec<String>], id: &str, sum: &str) -> Vec<String> {
    let placed = rows.iter().find(|row| row[0] == id).map(|row| row[1].clone()).unwrap_or_default();
    vec![id.to_owned(), placed, sum.to_owned(), sum.to_owned()]
}

#[tokio::test(flavor = "multi_thread")]
async fn only_rejected_leaves_what_was_readable_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut house = wrongly_mapped(folder.path()).await;
    house.apply_mapping(&right()).await;
    let replayed = house.replay(None, true).await;
    assert_eq!((replayed.records, replayed.changed), (2, 2));
    let sums = house.sql("SELECT order_id, net_revenue FROM orders ORDER BY order_id").await;
    let expected = [["1", "25.00"], ["2", "20.00"], ["3", "6.00"], ["4", "3.00"], ["5", "8.00"]];
    assert_eq!(sums, expected);
    let again = house.replay(None, true).await;
    assert_eq!((again.records, again.changed), (0, 0));
    let all = house.replay(Some("fair"), false).await;
    assert_eq!((all.records, all.changed), (6, 3));
    let nothing = house.replay(Some("fair"), false).await;
    assert_eq!((nothing.records, nothing.changed), (6, 0), "a second replay changes nothing");
    assert_eq!(laws::conservation(&laws::records(&house).await, &laws::outcomes(&house).await), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mended_key_finds_the_copies_that_it_missed() {
    let folder = tempfile::tempdir().unwrap();
    let mut house = House::open(folder.path()).await;
    // By (file, row) the same row of two files is two facts; by the row's content it is one.
    house.apply_mapping(&right()).await;
    house.append("file/one", records(&ROWS[2..3])).await;
    house.append("file/two", records(&ROWS[2..3])).await;
    house.stage.drain().await.unwrap();
    let kept = "SELECT outcome, count(*) FROM facts.outcomes WHERE source = 'fair' GROUP BY 1 ORDER BY 1";
    assert_eq!(house.sql(kept).await, [["kept", "2"]]);
    house.apply_mapping(&right().replace("[$file, $row]", "[receipt, $content]")).await;
    let replayed = house.replay(Some("fair"), false).await;
    assert_eq!(replayed.records, 2);
    assert_eq!(house.sql(kept).await, [["duplicate", "1"], ["kept", "1"]]);
    assert_eq!(house.sql("SELECT count(*) FROM facts.order_versions").await, [["1"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_is_cut_off_anywhere_is_finished_and_keeps_history() {
    let clean = tempfile::tempdir().unwrap();
    let mut house = wrongly_mapped(clean.path()).await;
    house.apply_mapping(&right()).await;
    house.replay(Some("fair"), false).await;
    let expected = answers(&house, last(&house)).await;
    let mut cut_off = 0;
    for allowed in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        drop(wrongly_mapped(folder.path()).await);
        let syncs = Arc::new(FailingSyncs { left: std::sync::atomic::AtomicI64::new(i64::MAX) });
        let mut house = House::try_open(folder.path(), syncs.clone()).await.unwrap();
        let (wrong_at, wrong) = (last(&house), answers(&house, last(&house)).await);
        house.apply_mapping(&right()).await;
        let request = ReplayRequest { source: Some("fair".to_owned()), only_rejected: false, part: 0, parts: 1 };
        let order = decisions::replay_record(&request, UtcMillis(0)).unwrap();
        house.append(decisions::CHANNEL, vec![order]).await;
        syncs.left.store(allowed, Ordering::SeqCst);
        cut_off += u32::from(house.stage.drain().await.is_err());
        syncs.left.store(i64::MAX, Ordering::SeqCst);
        if allowed % 2 == 0 {
            drop(house);
            house = House::try_open(folder.path(), syncs.clone()).await.unwrap();
        }
        house.stage.drain().await.unwrap();
        assert_eq!(answers(&house, last(&house)).await, expected, "after {allowed} syncs");
        assert_eq!(answers(&house, wrong_at).await, wrong, "before the mend, after {allowed} syncs");
    }
    assert!(cut_off > 10, "only {cut_off} replays were cut off");
}

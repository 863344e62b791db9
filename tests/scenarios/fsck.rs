//! `fsck` and `vacuum` on lakes that the house itself filled: sound at every moment, and each planted corruption named by
//! the real binary. Files whose rows were changed are among the tests of `lake`.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use end_to_end::{doors, house::House, laws};
use ingestion::Incoming;
use lake::{DiskSyncs, Lake, VacuumRequest, fsck};
use model::UtcMillis;
use serde_json::{Value, json};
use simulator::{World, WorldConfig};
use tables::Table;

use crate::{
    crash::FailingSyncs,
    process::{free_port, tributary},
    truth::grouped,
};

const QUESTIONS: [&str; 4] = [
    "SELECT outcome, count(*) FROM facts.outcomes GROUP BY 1 ORDER BY 1",
    "SELECT count(*), sum(total) FROM facts.order_versions",
    "SELECT event, count(*), min(occurred_at) FROM facts.events GROUP BY 1 ORDER BY 1",
    "SELECT order_id, net_revenue FROM orders ORDER BY order_id",
];

/// A world's records backwards, so that better copies come later and supersede, in a dozen batches.
async fn batches(seed: u64) -> Vec<Vec<(String, Incoming)>> {
    let world = World::new(WorldConfig { seed, events: 1_500, ..WorldConfig::default() });
    let mut records = doors::records(&world).await;
    records.reverse();
    records.chunks(records.len() / 12 + 1).map(<[_]>::to_vec).collect()
}

async fn take_in(house: &mut House, batch: Vec<(String, Incoming)>) -> UtcMillis {
    for (channel, group) in grouped(batch) {
        house.append(&channel, group).await;
    }
    house.stage.drain().await.unwrap();
    house.stage.last().unwrap().known_at
}

async fn filled(folder: &Path, seed: u64) -> (House, Vec<UtcMillis>) {
    let mut house = House::open(folder).await;
    let mut instants = Vec::new();
    for batch in batches(seed).await {
        instants.push(take_in(&mut house, batch).await);
    }
    while house.stage.compact().await.unwrap() {}
    (house, instants)
}

async fn answers(house: &House, instants: &[UtcMillis]) -> Vec<Vec<Vec<String>>> {
    let mut answers = Vec::new();
    for instant in instants {
        for question in QUESTIONS {
            answers.push(house.sql_as_of(question, *instant).await);
        }
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn vacuum_after_a_compaction_changes_no_answer_of_any_instant() {
    let folder = tempfile::tempdir().unwrap();
    let (house, instants) = filled(folder.path(), 5).await;
    let checkup = fsck(&house.lake).await.unwrap();
    assert_eq!(checkup.findings, []);
    assert!(checkup.removed > 20, "{checkup:?}");
    let asked: Vec<UtcMillis> = instants.iter().step_by(4).chain(instants.last()).copied().collect();
    let before = answers(&house, &asked).await;
    assert!(before[0] != before[before.len() - QUESTIONS.len()], "history differs from what is known now");
    drop(house);

    let lake = Lake::open(folder.path(), Arc::new(DiskSyncs)).await.unwrap();
    let vacuumed = lake.vacuum(VacuumRequest { keep: Duration::ZERO, dry_run: false }).await.unwrap();
    assert_eq!((vacuumed.files.len(), vacuumed.waiting), (checkup.removed, 0));
    drop(lake);
    let house = House::open(folder.path()).await;
    assert_eq!(answers(&house, &asked).await, before);
    let swept = fsck(&house.lake).await.unwrap();
    assert_eq!((swept.findings, swept.removed, swept.rows), (vec![], 0, checkup.rows));
    assert_eq!(laws::all(&house).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_is_sound_while_it_is_filled_replayed_and_compacted() {
    let folder = tempfile::tempdir().unwrap();
    let mut house = House::open(folder.path()).await;
    let done = Arc::new(AtomicBool::new(false));
    let beside = tokio::spawn({
        let (done, folder) = (Arc::clone(&done), folder.path().to_owned());
        async move {
            let mut checkups = 0;
            while !done.load(Ordering::SeqCst) || checkups == 0 {
                let lake = Lake::open(&folder, Arc::new(DiskSyncs)).await.unwrap();
                assert_eq!(fsck(&lake).await.unwrap().findings, []);
                checkups += 1;
            }
            checkups
        }
    });
    for (number, batch) in batches(6).await.into_iter().enumerate() {
        take_in(&mut house, batch).await;
        if number % 4 == 3 {
            house.replay(Some("web_eu"), false).await;
        }
        house.stage.compact().await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    assert!(beside.await.unwrap() > 1);
    assert_eq!(fsck(&house.lake).await.unwrap().findings, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_that_is_cut_off_anywhere_leaves_a_sound_lake() {
    let folder = tempfile::tempdir().unwrap();
    let syncs = Arc::new(FailingSyncs { left: AtomicI64::new(i64::MAX) });
    let mut house = House::try_open(folder.path(), syncs.clone()).await.unwrap();
    for batch in batches(7).await {
        take_in(&mut house, batch).await;
    }
    let expected = house.hashes().await;
    let (mut cut_off, mut unpublished) = (0, 0);
    for allowed in 0..12 {
        syncs.left.store(allowed, Ordering::SeqCst);
        cut_off += u32::from(house.stage.compact().await.is_err());
        syncs.left.store(i64::MAX, Ordering::SeqCst);
        let checkup = fsck(&house.lake).await.unwrap();
        assert_eq!(checkup.findings, [], "after {allowed} syncs");
        unpublished = unpublished.max(checkup.unpublished);
    }
    assert!(cut_off > 0 && unpublished > 0, "{cut_off} compactions were cut off, {unpublished} files left behind");
    assert!(laws::same_answers(&expected, &house.hashes().await).is_empty());
}

/// What is planted in a table's folder: by the name of one of its files in force, the name of the file that is then wrong.
type Plant = fn(&Path, &str) -> String;

const CORRUPTIONS: [(&str, Plant); 5] = [
    ("duplicate", |folder, file| {
        let copy = "sorted-cell-9999999999999-00000001-000001.parquet";
        fs::copy(folder.join(file), folder.join(copy)).unwrap();
        edit_log(folder, file, |action| {
            let mut second = action.clone();
            second["add"]["path"] = copy.into();
            vec![action, second]
        });
        copy.to_owned()
    }),
    ("wrong count", |folder, file| {
        edit_statistics(folder, file, |statistics| {
            statistics["numRecords"] = json!(statistics["numRecords"].as_u64().unwrap() + 1);
        });
        file.to_owned()
    }),
    ("missing file", |folder, file| {
        fs::remove_file(folder.join(file)).unwrap();
        file.to_owned()
    }),
    ("stale filter", |folder, file| {
        edit_statistics(folder, file, |statistics| {
            statistics["minValues"]["occurred_at"] = statistics["maxValues"]["occurred_at"].clone();
        });
        file.to_owned()
    }),
    ("foreign file", |folder, file| {
        fs::copy(folder.join(file), folder.join("part-00000.snappy.parquet")).unwrap();
        "part-00000.snappy.parquet".to_owned()
    }),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_binary_names_each_planted_corruption_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (house, _) = filled(folder.path(), 8).await;
    let snapshot = house.lake.snapshot(Table::Events).await.unwrap();
    let file = snapshot.files.iter().max_by_key(|entry| entry.rows).unwrap().name.clone();
    drop(house);
    let (sound, lines) = fsck_lines(folder.path());
    assert!(sound && lines.len() == 1 && lines[0].starts_with("sound: 14 tables"), "{lines:?}");
    for (kind, plant) in CORRUPTIONS {
        let copied = tempfile::tempdir().unwrap();
        copy(folder.path(), copied.path());
        let wrong = plant(&copied.path().join("facts/events"), &file);
        let (sound, lines) = fsck_lines(copied.path());
        assert!(!sound && lines.len() == 1, "{kind}: {lines:?}");
        assert!(lines[0].starts_with(&format!("{kind}: facts/events/{wrong}")), "{kind}: {lines:?}");
        assert!(lines[0].contains("mend: "), "{lines:?}");
    }
}

/// True where the binary found nothing, and what it wrote.
fn fsck_lines(folder: &Path) -> (bool, Vec<String>) {
    let done = tributary(folder, free_port()).arg("fsck").output().unwrap();
    let lines = String::from_utf8(done.stdout).unwrap().lines().map(str::to_owned).collect();
    (done.status.success(), lines)
}

/// Puts other actions in the place of the one that adds a file.
fn edit_log(folder: &Path, file: &str, change: impl Fn(Value) -> Vec<Value>) {
    for entry in fs::read_dir(folder.join("_delta_log")).unwrap().map(|entry| entry.unwrap().path()) {
        let text = fs::read_to_string(&entry).unwrap();
        let actions = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let edited =
            actions.flat_map(|action| if action["add"]["path"] == file { change(action) } else { vec![action] });
        fs::write(entry, edited.map(|action| action.to_string()).collect::<Vec<_>>().join("\n")).unwrap();
    }
}

fn edit_statistics(folder: &Path, file: &str, change: impl Fn(&mut Value)) {
    edit_log(folder, file, |mut action| {
        let mut statistics = serde_json::from_str(action["add"]["stats"].as_str().unwrap()).unwrap();
        change(&mut statistics);
        action["add"]["stats"] = statistics.to_string().into();
        vec![action]
    });
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

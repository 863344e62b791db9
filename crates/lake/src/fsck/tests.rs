//! Corruptions planted by hand in copies of a sound lake: each is named with its table and file, and nothing else is.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use arrow::{
    array::{RecordBatch, UInt32Array},
    compute::{concat_batches, take_record_batch},
};
use model::{Digest, FactMeta, Node, RawRecord, Witness, WitnessKind};
use object_store::ObjectStoreExt;
use serde_json::{Value, json};
use tables::{Outcome, OutcomeRow, encode, encode_facts};

use super::*;
use crate::{
    disk::DiskSyncs,
    file::{self, FileWriter, Layout},
    lake::Commit,
    vacuum::VacuumRequest,
};

const BATCHES: i64 = 8;
/// So many that a file of all is read in more than one piece.
const BATCH_ROWS: i64 = 700;
const CHANNEL: &str = "door";

/// The instant of a batch.
fn instant(batch: i64) -> UtcMillis {
    UtcMillis(1_767_600_000_000 + batch * 1000)
}

fn record(offset: i64) -> RawRecord {
    RawRecord {
        source: "web".into(),
        channel: CHANNEL.into(),
        offset,
        received_at: UtcMillis(1_767_600_000_000 + offset),
        headers: Arc::default(),
        payload: format!("payload {offset}").into_bytes().into(),
    }
}

/// Every fifth record has the key of the one before.
fn key(offset: i64) -> Digest {
    Digest::of(&(offset - i64::from(offset % 5 == 4)).to_le_bytes())
}

fn outcome(offset: i64) -> OutcomeRow {
    OutcomeRow {
        channel: CHANNEL.into(),
        offset,
        source: "web".into(),
        key: key(offset),
        content_hash: Digest::of(b"content"),
        received_at: UtcMillis(0),
        outcome: if offset % 5 == 4 { Outcome::Duplicate } else { Outcome::Kept },
        reason: None,
        conflicting: false,
    }
}

fn witness(offset: i64) -> Witness {
    let occurred_at = UtcMillis(1_767_600_000_000 + offset * 7 % 1000);
    let meta = FactMeta { key: key(offset), ordinal: 0, source: "web".into(), occurred_at, received_at: occurred_at };
    let device = Node::device("web", &(offset % 97).to_string());
    Witness { meta, kind: WitnessKind::Order, id: offset.to_string(), device, purchase: true }
}

async fn open(folder: &Path) -> Lake {
    Lake::open(folder, Arc::new(DiskSyncs)).await.unwrap()
}

async fn commit_facts(lake: &Lake, table: Table, rows: RecordBatch, ending: &HashSet<Digest>, known_at: UtcMillis) {
    let mut commit = lake.end_rows(table, ending, known_at).await.unwrap().commit;
    commit.runs.push(vec![rows]);
    lake.commit(table, commit).await.unwrap();
}

/// A lake of eight batches; each ends, and writes anew, the first three keys of the one before.
async fn sound(folder: &Path) -> Lake {
    let lake = open(folder).await;
    for batch in 0..BATCHES {
        let (first, end) = (batch * BATCH_ROWS, (batch + 1) * BATCH_ROWS);
        let records = (first..end).map(record).collect();
        let appending = lake.write_records(CHANNEL, (first > 0).then(|| first - 1), records).await.unwrap().unwrap();
        lake.publish_records(appending).await.map_err(|(error, _)| error).unwrap();
        let again = if batch == 0 { 0..0 } else { first - BATCH_ROWS..first - BATCH_ROWS + 3 };
        let ending: HashSet<Digest> = again.clone().map(key).collect();
        let offsets: Vec<i64> = again.chain(first..end).collect();
        let (at, outcomes) = (instant(batch), offsets.iter().map(|offset| outcome(*offset)).collect::<Vec<_>>());
        let rows = encode_facts::<OutcomeRow>(&outcomes, at).unwrap();
        commit_facts(&lake, Table::Outcomes, rows, &ending, at).await;
        let kept = offsets.iter().filter(|offset| *offset % 5 != 4);
        let rows = encode_facts::<Witness>(&kept.map(|offset| witness(*offset)).collect::<Vec<_>>(), at).unwrap();
        commit_facts(&lake, Table::Witnesses, rows, &ending, at).await;
        publish(&lake, batch, end - 1).await;
    }
    lake
}

async fn publish(lake: &Lake, batch: i64, last: i64) {
    let positions = BTreeMap::from([(CHANNEL.to_owned(), last)]);
    let row = InstantRow { known_at: instant(batch), positions, adapters: "1".to_owned(), simulated: true };
    let runs = vec![vec![encode::<InstantRow>(&[row]).unwrap()]];
    lake.commit(Table::Instants, Commit { runs, ..Commit::default() }).await.unwrap();
}

/// Every table merged as far as it goes.
async fn compact(lake: &Lake) {
    let positions = BTreeMap::from([(CHANNEL.to_owned(), BATCHES * BATCH_ROWS - 1)]);
    let lock = lake.lock_writer().unwrap();
    for table in Table::ALL {
        while lake.compact(table, &positions, &lock).await.unwrap() {}
    }
}

fn copy(from: &Path, to: &Path) {
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

/// Changes the log entry that adds a file.
fn edit_log(folder: &Path, file: &str, change: impl Fn(&mut Value, &mut Value)) {
    for entry in fs::read_dir(folder.join("_delta_log")).unwrap().map(|entry| entry.unwrap().path()) {
        let text = fs::read_to_string(&entry).unwrap();
        if !text.lines().any(|line| line.starts_with("{\"add\"") && line.contains(file)) {
            continue;
        }
        let lines = text.lines().map(|line| {
            let mut action: Value = serde_json::from_str(line).unwrap();
            if action["add"]["path"] == file {
                let mut statistics: Value = serde_json::from_str(action["add"]["stats"].as_str().unwrap()).unwrap();
                change(&mut action["add"], &mut statistics);
                action["add"]["stats"] = statistics.to_string().into();
            }
            action.to_string()
        });
        fs::write(entry, lines.collect::<Vec<_>>().join("\n")).unwrap();
        return;
    }
    panic!("no log entry adds {file}");
}

/// Writes the chosen rows of a file in its place, and what the log says of size and count with them.
fn rewrite(folder: &Path, table: Table, file: &str, choose: impl Fn(Vec<u32>) -> Vec<u32>) {
    let path = folder.join(file);
    let batches = file::from_parquet(fs::read(&path).unwrap().into(), &[]).unwrap();
    let all = concat_batches(&table.schema(), &batches).unwrap();
    let rows = UInt32Array::from(choose((0..all.num_rows() as u32).collect()));
    let mut writer = FileWriter::new(table, Layout::Run).unwrap();
    writer.write(&take_record_batch(&all, &rows).unwrap()).unwrap();
    let written = writer.finish().unwrap().unwrap();
    fs::write(&path, &written.bytes).unwrap();
    edit_log(folder, file, |add, statistics| {
        add["size"] = written.bytes.len().into();
        *statistics = serde_json::from_str(&written.statistics).unwrap();
    });
}

/// The largest file in force of every table that has one.
async fn largest(lake: &Lake) -> BTreeMap<Table, String> {
    let mut files = BTreeMap::new();
    for table in Table::ALL {
        let snapshot = lake.snapshot(table).await.unwrap();
        if let Some(entry) = snapshot.files.iter().max_by_key(|entry| entry.rows) {
            files.insert(table, entry.name.clone());
        }
    }
    files
}

fn named(checkup: &Checkup) -> Vec<(FindingKind, Table, Option<String>)> {
    checkup.findings.iter().map(|finding| (finding.kind, finding.table, finding.file.clone())).collect()
}

#[tokio::test]
async fn a_sound_lake_is_sound_before_and_after_compaction_and_vacuum() {
    let folder = tempfile::tempdir().unwrap();
    let lake = sound(folder.path()).await;
    let before = fsck(&lake).await.unwrap();
    assert_eq!(before.findings, [], "before compaction");
    compact(&lake).await;
    let after = fsck(&lake).await.unwrap();
    assert_eq!(after.findings, [], "after compaction");
    assert_eq!(after.rows, before.rows);
    // Its former files, and those that superseding took out of force before.
    assert!(after.files < before.files && after.removed == before.removed + before.files && after.unpublished == 0);

    let nothing = lake.vacuum(VacuumRequest { keep: Duration::from_secs(24 * 3600), dry_run: false }).await.unwrap();
    assert_eq!((nothing.files.len(), nothing.waiting), (0, after.removed));
    let at = instant(3);
    let history = rows_at(&lake, at).await;
    let request = VacuumRequest { keep: Duration::ZERO, dry_run: true };
    let planned = lake.vacuum(request).await.unwrap();
    let done = lake.vacuum(VacuumRequest { dry_run: false, ..request }).await.unwrap();
    assert_eq!((done.files.len(), &done), (after.removed, &planned));
    assert_eq!(rows_at(&lake, at).await, history, "AS OF an earlier instant");
    let reopened = open(folder.path()).await;
    let swept = fsck(&reopened).await.unwrap();
    assert_eq!((swept.findings, swept.removed, swept.rows), (vec![], 0, after.rows));
    assert_eq!(rows_at(&reopened, at).await, history);
}

async fn rows_at(lake: &Lake, at: UtcMillis) -> Vec<RecordBatch> {
    let snapshot = lake.snapshot(Table::Witnesses).await.unwrap();
    let rows = lake.read(&snapshot, &[], Some(at)).await.unwrap();
    vec![concat_batches(&Table::Witnesses.schema(), &rows).unwrap()]
}

#[tokio::test]
async fn each_planted_corruption_is_named_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let lake = sound(folder.path()).await;
    compact(&lake).await;
    let files = largest(&lake).await;
    drop(lake);
    // Plants something in a table's folder beside or in its largest file, and names the file that is then wrong.
    type Plant = fn(&Path, Table, &str) -> String;
    let corruptions: [(FindingKind, &[Table], Plant); 11] = [
        (FindingKind::Order, &[Table::Witnesses, Table::Outcomes, Table::Inbox], |folder, table, file| {
            // Rows 4095 and 4096 are read in two pieces.
            let at = if table == Table::Witnesses { 10 } else { 4095 };
            rewrite(folder, table, file, |mut rows| {
                rows.swap(at, at + 1);
                rows
            });
            file.to_owned()
        }),
        (FindingKind::Duplicate, &[Table::Witnesses, Table::Outcomes, Table::Inbox], |folder, table, file| {
            rewrite(folder, table, file, |mut rows| {
                rows.insert(2000, 2000);
                rows
            });
            file.to_owned()
        }),
        (FindingKind::Count, &[Table::Witnesses, Table::Inbox, Table::Instants], |folder, _, file| {
            edit_log(folder, file, |_, statistics| {
                statistics["numRecords"] = json!(statistics["numRecords"].as_u64().unwrap() - 1);
            });
            file.to_owned()
        }),
        (FindingKind::Count, &[Table::Outcomes], |folder, _, file| {
            edit_log(folder, file, |_, statistics| {
                let open = statistics["nullCount"]["known_until"].as_u64().unwrap();
                statistics["nullCount"]["known_until"] = json!(open + 1);
            });
            file.to_owned()
        }),
        (
            FindingKind::Missing,
            &[Table::Witnesses, Table::Outcomes, Table::Inbox, Table::Instants],
            |folder, _, file| {
                fs::remove_file(folder.join(file)).unwrap();
                file.to_owned()
            },
        ),
        (FindingKind::Filter, &[Table::Witnesses, Table::Outcomes], |folder, _, file| {
            edit_log(folder, file, |_, statistics| {
                statistics["minValues"]["known_at"] = json!(instant(1).to_string());
            });
            file.to_owned()
        }),
        (FindingKind::Filter, &[Table::Inbox], |folder, _, file| {
            edit_log(folder, file, |_, statistics| {
                statistics["maxValues"]["offset"] = json!(statistics["maxValues"]["offset"].as_i64().unwrap() - 1);
            });
            file.to_owned()
        }),
        (FindingKind::Count, &[Table::Inbox], |folder, _, file| {
            edit_log(folder, file, |_, statistics| statistics["maxValues"]["channel"] = json!("doors"));
            file.to_owned()
        }),
        (FindingKind::Foreign, &[Table::Witnesses, Table::Inbox], |folder, _, file| {
            fs::copy(folder.join(file), folder.join("part-00000.parquet")).unwrap();
            "part-00000.parquet".to_owned()
        }),
        (FindingKind::Size, &[Table::Witnesses, Table::Inbox], |folder, _, file| {
            let bytes = fs::read(folder.join(file)).unwrap();
            fs::write(folder.join(file), &bytes[..bytes.len() / 2]).unwrap();
            file.to_owned()
        }),
        (FindingKind::Unreadable, &[Table::Witnesses, Table::Outcomes, Table::Instants], |folder, _, file| {
            let bytes = fs::read(folder.join(file)).unwrap();
            fs::write(folder.join(file), vec![b'x'; bytes.len()]).unwrap();
            file.to_owned()
        }),
    ];
    for (kind, tables, plant) in corruptions {
        for table in tables {
            let copied = tempfile::tempdir().unwrap();
            copy(folder.path(), copied.path());
            let file = plant(&copied.path().join(table.folder()), *table, &files[table]);
            let checkup = fsck(&open(copied.path()).await).await.unwrap();
            assert_eq!(named(&checkup), [(kind, *table, Some(file))], "{:#?}", checkup.findings);
        }
    }
}

#[tokio::test]
async fn rows_that_are_lost_or_doubled_between_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let lake = sound(folder.path()).await;
    let inbox = lake.snapshot(Table::Inbox).await.unwrap().files[3].clone();
    let commit = Commit { remove: vec![inbox], ..Commit::default() };
    lake.commit(Table::Inbox, commit).await.unwrap();
    let outcomes = lake.snapshot(Table::Outcomes).await.unwrap().files[5].clone();
    lake.commit(Table::Outcomes, Commit { remove: vec![outcomes], ..Commit::default() }).await.unwrap();
    // A witness of the first batch again, and one that a batch brought which nobody published.
    let of = |offset, at| encode_facts::<Witness>(&[witness(offset)], at).unwrap();
    let runs = vec![vec![of(10, instant(2))], vec![of(-1, UtcMillis(instant(2).0 + 1))]];
    lake.commit(Table::Witnesses, Commit { runs, ..Commit::default() }).await.unwrap();
    publish(&lake, 2, BATCH_ROWS).await;
    let checkup = fsck(&lake).await.unwrap();
    let mut kinds: Vec<_> = checkup.findings.iter().map(|finding| (finding.kind, finding.table)).collect();
    kinds.sort();
    let expected = [
        (FindingKind::Duplicate, Table::Witnesses),
        (FindingKind::Gap, Table::Inbox),
        (FindingKind::Instant, Table::Instants),
        (FindingKind::Instant, Table::Witnesses),
        (FindingKind::Outcome, Table::Outcomes),
    ];
    assert_eq!(kinds, expected, "{:#?}", checkup.findings);
    let gap = checkup.findings.iter().find(|finding| finding.kind == FindingKind::Gap).unwrap().to_string();
    assert!(gap.contains("of which 700 are missing") && gap.contains("mend: "), "{gap}");
}

#[tokio::test]
async fn what_is_not_published_yet_is_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let lake = sound(folder.path()).await;
    let at = instant(BATCHES);
    let rows = encode_facts::<Witness>(&[witness(BATCHES * BATCH_ROWS)], at).unwrap();
    commit_facts(&lake, Table::Witnesses, rows, &HashSet::from([key(0)]), at).await;
    let rows = encode_facts::<OutcomeRow>(&[outcome(BATCHES * BATCH_ROWS)], at).unwrap();
    commit_facts(&lake, Table::Outcomes, rows.clone(), &HashSet::new(), at).await;
    let written = lake.write(Table::Outcomes, Commit { runs: vec![vec![rows]], ..Commit::default() }).await.unwrap();
    drop(written);
    let checkup = fsck(&lake).await.unwrap();
    assert_eq!((checkup.findings, checkup.unpublished), (vec![], 1));
}

#[tokio::test]
async fn garbage_is_a_finding_and_never_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let lake = sound(folder.path()).await;
    let file = largest(&lake).await[&Table::Witnesses].clone();
    let path = lake.root().join(Table::Witnesses.folder()).join(&file);
    let whole = fs::read(&path).unwrap();
    let mut noticed = 0;
    for turn in 0..60_usize {
        let mut bytes = whole.clone();
        for number in 0..1 + turn % 4 {
            let at = (turn * 7_919 + number * 104_729) % bytes.len();
            bytes[at] ^= 1 << (turn % 8);
        }
        fs::write(&path, &bytes).unwrap();
        let checkup = fsck(&lake).await.unwrap();
        noticed += usize::from(!checkup.findings.is_empty());
        let elsewhere = |finding: &&Finding| finding.table != Table::Witnesses;
        assert_eq!(checkup.findings.iter().find(elsewhere), None);
    }
    // Other texts and flags are other facts, about which a table alone can say nothing.
    assert!(noticed > 20, "{noticed}");
}

#[tokio::test]
async fn vacuum_spares_what_is_young_and_what_may_be_published_yet() {
    let folder = tempfile::tempdir().unwrap();
    let lake = sound(folder.path()).await;
    compact(&lake).await;
    let removed = fsck(&lake).await.unwrap().removed;
    let files = lake.root().join(Table::Witnesses.folder());
    let old = SystemTime::now() - Duration::from_secs(2 * 3600);
    for (name, is_old) in
        [("part-0.parquet", true), ("part-1.parquet", false), ("sorted-1767600000000-00000001-000000.parquet#12", true)]
    {
        fs::write(files.join(name), b"x").unwrap();
        if is_old {
            fs::File::options().write(true).open(files.join(name)).unwrap().set_modified(old).unwrap();
        }
    }
    let lock = lake.lock_writer().unwrap();
    let request = VacuumRequest { keep: Duration::from_secs(60), dry_run: false };
    assert!(matches!(lake.vacuum(request).await, Err(LakeError::Busy { .. })));
    drop(lock);
    let done = lake.vacuum(VacuumRequest { keep: Duration::from_secs(3600), ..request }).await.unwrap();
    let names: Vec<&str> = done.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["part-0.parquet", "sorted-1767600000000-00000001-000000.parquet#12"]);
    assert_eq!(done.waiting, removed + 1);
    let now = lake.vacuum(VacuumRequest { keep: Duration::ZERO, ..request }).await.unwrap();
    assert_eq!((now.files.len(), now.waiting), (removed, 1));
    assert!(files.join("part-1.parquet").exists());
}

#[tokio::test]
async fn who_opens_a_file_after_it_is_gone_is_told_to_ask_again() {
    let folder = tempfile::tempdir().unwrap();
    let lake = sound(folder.path()).await;
    let began = lake.snapshot(Table::Witnesses).await.unwrap();
    let open = lake.open_files(&began).unwrap();
    compact(&lake).await;
    lake.vacuum(VacuumRequest { keep: Duration::ZERO, dry_run: false }).await.unwrap();
    let refused = lake.read(&began, &[], None).await.unwrap_err().to_string();
    assert!(refused.contains("is gone; ask again"), "{refused}");
    let name = &began.files[0].name;
    let scanned = lake.store().get(&lake.location(Table::Witnesses, name).unwrap()).await.unwrap_err().to_string();
    assert!(scanned.contains("ask again"), "{scanned}");
    // What was open when the question began can be read to its end.
    let reading = crate::Reading { columns: &["key"], as_of: None };
    let rows = |file: &crate::SortedFile| {
        let groups = (0..file.groups()).map(|group| file.read(group, reading).unwrap());
        groups.flatten().map(|batch| batch.unwrap().num_rows()).sum::<usize>()
    };
    let expected: usize = began.files.iter().map(|entry| entry.rows).sum();
    assert_eq!(open.iter().map(|file| rows(file)).sum::<usize>(), expected);
}

#[tokio::test]
async fn facts_that_are_being_rebuilt_are_one_finding() {
    let folder = tempfile::tempdir().unwrap();
    let lake = sound(folder.path()).await;
    let lock = lake.lock_writer().unwrap();
    lake.begin_rebuild(&lock).await.unwrap();
    let checkup = fsck(&lake).await.unwrap();
    assert_eq!((named(&checkup), checkup.tables), (vec![(FindingKind::Rebuild, Table::Outcomes, None)], 2));
    lake.end_rebuild(&lock).unwrap();
    assert_eq!(fsck(&lake).await.unwrap().findings, []);
}

#[tokio::test]
async fn rows_that_ended_at_no_instant_or_too_early_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let lake = sound(folder.path()).await;
    // The last batch's rows: no batch was published then, and this one before they were known.
    for (row, until) in [(5, UtcMillis(instant(2).0 + 1)), (6, instant(1))] {
        let key = key((BATCHES - 1) * BATCH_ROWS + row);
        let ended = lake.end_rows(Table::Witnesses, &HashSet::from([key]), until).await.unwrap();
        lake.commit(Table::Witnesses, ended.commit).await.unwrap();
    }
    let found: Vec<String> = fsck(&lake).await.unwrap().findings.iter().map(|finding| finding.found.clone()).collect();
    assert!(found.iter().any(|found| found.contains("known_until is not after the last")), "{found:?}");
    assert!(found.iter().any(|found| found == "the row ended before it was known (2 such rows)"), "{found:?}");
    assert_eq!(found.len(), 2, "{found:?}");
}

#[tokio::test]
async fn a_file_that_comes_into_force_after_the_snapshot_is_no_leftover() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open(folder.path()).await;
    let before = lake.snapshot(Table::Instants).await.unwrap();
    publish(&lake, 0, 1).await;
    let path = lake.root().join(Table::Instants.folder());
    let listed = folder::list(&path).unwrap();
    assert_eq!(listed.len(), 1);
    let leftovers = folder::leftovers(Table::Instants, &path, listed, &before.files).unwrap();
    assert!(leftovers.is_empty(), "{leftovers:?}");
}

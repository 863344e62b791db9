//! Crashes: `kill -9` of the real process, and a disk that fails at every commit boundary. Nothing lost, nothing twice.

use std::{
    fs, io,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use end_to_end::{doors, house::House, laws};
use fastrand::Rng;
use futures::{StreamExt, stream};
use lake::{DiskSyncs, Syncs};
use simulator::{Payload, World, WorldConfig};

use crate::{
    process::Serving,
    serving::{Doors, post},
    truth::grouped,
};

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_loses_nothing_and_doubles_nothing() {
    let world = World::new(WorldConfig { seed: 7, events: 3_000, ..WorldConfig::default() });
    let payloads: Vec<Payload> = world.payloads().filter(|payload| doors::path(payload).is_some()).collect();
    let clean = tempfile::tempdir().unwrap();
    let mut house = House::open(clean.path()).await;
    let records: Vec<_> = doors::records(&world).await.into_iter().filter(|(c, _)| c == "collector").collect();
    for (channel, group) in grouped(records) {
        house.append(&channel, group).await;
    }
    house.stage.drain().await.unwrap();
    let expected = hashes_without_claims(&house).await;

    let folder = tempfile::tempdir().unwrap();
    let mut rng = Rng::with_seed(7);
    let bytes: u64 = payloads.iter().map(|payload| payload.body.len() as u64).sum();
    let mut waiting = payloads;
    let mut between_commits = 0;
    for _ in 0..10 {
        let mut serving = Serving::start(folder.path(), "simulated").await;
        let offset = rng.u64(1..bytes / 12);
        waiting = send_until(&mut serving, waiting, offset).await;
        serving.kill();
        between_commits += u32::from(inbox_is_ahead(folder.path()).await);
    }
    assert!(between_commits > 0, "no kill fell between the inbox's and the facts' commit");
    let doors = Doors::open(folder.path()).await;
    doors.send(&waiting).await;
    doors.normalise().await;
    let house = doors.close().await;
    assert_eq!(laws::conservation(&laws::records(&house).await, &laws::outcomes(&house).await), Vec::<String>::new());
    let found = laws::same_answers(&expected, &hashes_without_claims(&house).await);
    assert!(found.is_empty(), "{found:?}");
    let checked = lake::fsck(&house.lake).await.unwrap();
    assert!(checked.findings.is_empty(), "{:?}", checked.findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_at_any_commit_leaves_the_same_answers() {
    let world = World::new(WorldConfig { seed: 3, events: 600, ..WorldConfig::default() });
    let records = doors::records(&world).await;
    let half = records.len() / 2;
    let clean = tempfile::tempdir().unwrap();
    let mut house = House::open(clean.path()).await;
    for (channel, group) in grouped(records.clone()) {
        house.append(&channel, group).await;
    }
    house.stage.drain().await.unwrap();
    let expected = house.hashes().await;
    let mut failures = 0;
    for allowed in (0..60).step_by(3) {
        let folder = tempfile::tempdir().unwrap();
        let syncs = Arc::new(FailingSyncs { left: AtomicI64::new(i64::MAX) });
        let mut house = House::try_open(folder.path(), syncs.clone()).await.unwrap();
        // The later half first, so that the second batch supersedes rows of the first.
        for part in [&records[half..], &records[..half]] {
            for (channel, group) in grouped(part.to_vec()) {
                house.append(&channel, group).await;
            }
            syncs.left.store(allowed, Ordering::SeqCst);
            let outcome = house.stage.drain().await;
            syncs.left.store(i64::MAX, Ordering::SeqCst);
            failures += u32::from(outcome.is_err());
            // Every other time the process lives on, and its next batch must mend what this one left.
            if allowed % 2 == 0 {
                drop(house);
                house = House::try_open(folder.path(), syncs.clone()).await.unwrap();
            }
            house.stage.drain().await.unwrap();
        }
        let found = laws::same_answers(&expected, &house.hashes().await);
        assert!(found.is_empty(), "after {allowed} syncs: {found:?}");
        assert_eq!(laws::all(&house).await, Vec::<String>::new(), "after {allowed} syncs");
    }
    assert!(failures > 20, "only {failures} batches were cut off");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_is_cut_off_is_started_again() {
    let world = World::new(WorldConfig { seed: 4, events: 600, ..WorldConfig::default() });
    let folder = tempfile::tempdir().unwrap();
    let syncs = Arc::new(FailingSyncs { left: AtomicI64::new(i64::MAX) });
    let mut house = House::try_open(folder.path(), syncs.clone()).await.unwrap();
    for (channel, group) in grouped(doors::records(&world).await) {
        house.append(&channel, group).await;
    }
    house.stage.drain().await.unwrap();
    let expected = house.hashes().await;
    syncs.left.store(30, Ordering::SeqCst);
    assert!(house.stage.rebuild(|_| ()).await.is_err());
    let question = query::Question { sql: "SELECT count(*) FROM orders".to_owned(), ..query::Question::default() };
    let refused = house.engine.answer(&question).await.unwrap_err().to_string();
    assert!(refused.contains("being rebuilt"), "{refused}");
    syncs.left.store(i64::MAX, Ordering::SeqCst);
    drop(house);
    let house = House::open(folder.path()).await;
    assert!(laws::same_answers(&expected, &house.hashes().await).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn file_and_directory_are_synced_before_the_200() {
    let world = World::new(WorldConfig { seed: 1, events: 200, ..WorldConfig::default() });
    let payload = world.payloads().find(|payload| doors::path(payload).is_some()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let recorder = Arc::new(RecordingSyncs::default());
    let lake = Arc::new(lake::Lake::open(folder.path(), recorder.clone()).await.unwrap());
    let (queue, receiver) = ingestion::intake_queue(ingestion::QueueLimits::default());
    let routes = ingestion::router(ingestion::Collector::new(doors::collector_config(), queue));
    tokio::spawn(pipeline::run_intake(lake, receiver, Arc::default()));
    recorder.calls.lock().unwrap().clear();
    let answer = tower::ServiceExt::oneshot(routes, doors::request(&payload)).await.unwrap();
    let calls = recorder.calls.lock().unwrap().clone();
    assert_eq!(answer.status(), 200);
    let position = |what: &str| {
        calls.iter().position(|call| call.starts_with(what)).unwrap_or_else(|| panic!("{what}: {calls:?}"))
    };
    assert!(position("file sorted-") < position("directory inbox"), "{calls:?}");
    assert!(position("directory inbox") < position("file 0000"), "data before log: {calls:?}");
    assert!(position("file 0000") < position("directory _delta_log"), "{calls:?}");
}

/// Sends until about `bytes` went out; the payloads that got no 200.
async fn send_until(serving: &mut Serving, payloads: Vec<Payload>, bytes: u64) -> Vec<Payload> {
    let client = reqwest::Client::new();
    let left = Arc::new(AtomicI64::new(bytes as i64));
    let unacknowledged = Mutex::new(Vec::new());
    let base = serving.base.clone();
    let killed = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let serving = Mutex::new(serving);
    stream::iter(payloads)
        .for_each_concurrent(8, |payload| {
            let (client, base, left, killed) = (client.clone(), base.clone(), left.clone(), killed.clone());
            let (unacknowledged, serving) = (&unacknowledged, &serving);
            async move {
                if left.fetch_sub(payload.body.len() as i64, Ordering::SeqCst) <= 0
                    && !killed.swap(true, Ordering::SeqCst)
                {
                    serving.lock().unwrap().kill();
                }
                let status = match killed.load(Ordering::SeqCst) {
                    true => 0,
                    false => post(&client, &base, &payload).await.unwrap_or(0),
                };
                if status != 200 {
                    unacknowledged.lock().unwrap().push(payload);
                }
            }
        })
        .await;
    unacknowledged.into_inner().unwrap()
}

/// True where the inbox holds records that no instant has published.
async fn inbox_is_ahead(folder: &Path) -> bool {
    let lake = lake::Lake::open(folder, Arc::new(DiskSyncs)).await.unwrap();
    let stored = pipeline::intake::inbox_positions(&lake).await.unwrap();
    let published = lake.last_instant().await.unwrap().map(|row| row.positions).unwrap_or_default();
    stored.iter().any(|(channel, last)| published.get(channel).is_none_or(|taken| taken < last))
}

async fn hashes_without_claims(house: &House) -> std::collections::BTreeMap<String, String> {
    let mut hashes = std::collections::BTreeMap::new();
    for table in ["persons", "sessions", "orders", "ledger", "touches", "credits"] {
        let rows = house.sql(&format!("SELECT * FROM {table}")).await;
        hashes.insert(table.to_owned(), blake3::hash(format!("{rows:?}").as_bytes()).to_hex().to_string());
    }
    hashes
}

/// Fails once its allowance is used up, as a full or broken disk does.
#[derive(Debug)]
pub struct FailingSyncs {
    /// Syncs that still work.
    pub left: AtomicI64,
}

impl FailingSyncs {
    fn take(&self) -> io::Result<()> {
        if self.left.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Ok(());
        }
        Err(io::Error::other("the disk fails"))
    }
}

impl Syncs for FailingSyncs {
    fn file(&self, _file: &fs::File, _path: &Path) -> io::Result<()> {
        self.take()
    }

    fn directory(&self, _path: &Path) -> io::Result<()> {
        self.take()
    }
}

#[derive(Debug, Default)]
struct RecordingSyncs {
    calls: Mutex<Vec<String>>,
}

impl Syncs for RecordingSyncs {
    fn file(&self, file: &fs::File, path: &Path) -> io::Result<()> {
        DiskSyncs.file(file, path)?;
        self.calls.lock().unwrap().push(format!("file {}", path.file_name().unwrap().to_string_lossy()));
        Ok(())
    }

    fn directory(&self, path: &Path) -> io::Result<()> {
        DiskSyncs.directory(path)?;
        self.calls.lock().unwrap().push(format!("directory {}", path.file_name().unwrap().to_string_lossy()));
        Ok(())
    }
}

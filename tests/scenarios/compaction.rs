//! `kill -9` in the middle of a compaction that settles events: nothing lost, nothing twice.
//!
//! The process that is killed is this test binary, asked for one test alone, on a disk that takes its time. It says when
//! each compaction begins and ends. The kill comes at a random moment after the first beginning, within a span that grows
//! and shrinks with where the kills fell. One counts as halfway where it left files that no log entry names: then the
//! compaction was writing, and had not committed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use end_to_end::{doors, house::House, laws};
use fastrand::Rng;
use lake::{
    Checkup, DiskSyncs, FileEntry, Lake, Syncs, VacuumRequest,
    file::{SETTLED_MARK, SORTED_MARK},
    fsck,
};
use simulator::{World, WorldConfig};
use tables::Table;

use crate::{fsck::copy, truth::grouped};

/// The test that the child process runs, and the variable with the lake's folder, without which it does nothing.
const CHILD: &str = "compaction::a_child_settles_the_lake_that_it_is_given";
const ROOT: &str = "TRIBUTARY_TEST_SETTLED_LAKE";

/// What the child says: before each compaction, after it, and where there was nothing to merge any more.
const BEGINS: &str = "compaction begins";
const ENDS: &str = "compaction ends";
const NOTHING_LEFT: &str = "nothing left to compact";

/// Batches that fill the lake. The first are settled as they come: with the rows of the others, which lie in runs, their
/// cells have enough files to be merged in turn.
const BATCHES: usize = 10;
const SETTLED_BATCHES: usize = 3;

/// Rows in runs from which on they are settled; four times as many are a cell.
const SETTLE_ROWS: usize = 100;

/// Fewest kills, and fewest of them halfway.
const KILLS_MIN: u32 = 12;
const HALFWAY_MIN: u32 = 4;
/// Kills after which there should have been enough.
const KILLS_MAX: u32 = 80;
/// Longest silence of a child, however busy the machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// Beside what every house is asked: questions that read people in stretches of files.
const QUESTIONS: [&str; 3] = [
    "SELECT period, breakdown, sessions, events, purchases FROM session_series(by => 'channel')",
    "SELECT * FROM retention('view_item', returned => 'purchase', grain => 'week')",
    "SELECT * FROM paths('view_item', steps => 2)",
];

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_in_the_middle_of_a_compaction_loses_nothing_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (filled, root) = (folder.path().join("filled"), folder.path().join("lake"));
    fill(&filled).await;
    let (truth, _) = seen(&filled).await;
    let runs = run_files(&filled);
    copy(&filled, &root);
    let mut span = time_to_settle(&root);

    let mut rng = Rng::with_seed(15);
    let (mut kills, mut halfway_kills, mut leftovers, mut last) = (0, 0, 0, NOTHING_LEFT);
    loop {
        if last == NOTHING_LEFT {
            fs::remove_dir_all(&root).unwrap();
            copy(&filled, &root);
            leftovers = 0;
        }
        last = Settling::start(&root).kill_after(span.mul_f64(rng.f64()));
        kills += 1;
        let (found, checkup) = seen(&root).await;
        assert_eq!(laws::same_answers(&truth, &found), Vec::<String>::new(), "after kill {kills}");
        assert_eq!(run_files(&root), runs, "whatever the child writes lies in cells");
        let halfway = checkup.unpublished > leftovers;
        assert!(!halfway || last == BEGINS, "left files behind after it said \"{last}\"");
        leftovers = checkup.unpublished;
        halfway_kills += u32::from(halfway);
        // The last kill is one of them, so that vacuum finds what it left.
        if halfway && halfway_kills >= HALFWAY_MIN && kills >= KILLS_MIN {
            break;
        }
        assert!(kills < KILLS_MAX, "of {kills} kills only {halfway_kills} fell halfway; the last came within {span:?}");
        span = match last {
            _ if halfway => span,
            NOTHING_LEFT => span * 3 / 4,
            _ => span * 5 / 4,
        };
    }
    settle(&open(&root, SETTLE_ROWS).await, |_| ()).await;
    let (found, checkup) = seen(&root).await;
    assert_eq!(laws::same_answers(&truth, &found), Vec::<String>::new(), "when all is settled");
    one_file_a_cell(&root).await;
    assert!(checkup.unpublished > 0, "{checkup:?}");
    sweep(&root, &checkup).await;
    let (found, swept) = seen(&root).await;
    assert_eq!(laws::same_answers(&truth, &found), Vec::<String>::new(), "when vacuum has been there");
    assert_eq!((swept.removed, swept.unpublished, swept.rows), (0, 0, checkup.rows));
}

/// The process that is killed. In an ordinary run it is given no lake.
#[tokio::test(flavor = "multi_thread")]
async fn a_child_settles_the_lake_that_it_is_given() {
    let Some(root) = std::env::var_os(ROOT) else { return };
    let lake = Lake::open(Path::new(&root), Arc::new(SlowSyncs)).await.unwrap().settling_from(SETTLE_ROWS);
    settle(&lake, |mark| println!("{mark}")).await;
}

/// Two months of events in cells and in runs. No tier of runs is full: all that is left to do is to settle them.
async fn fill(root: &Path) {
    let world = World::new(WorldConfig { seed: 15, events: 4_000, days: 59, ..WorldConfig::default() });
    let records = doors::records(&world).await;
    for number in 0..BATCHES {
        let mut house = House::open(root).await;
        // Of all days, so that each batch has rows for every cell and better copies of rows that are there.
        let batch: Vec<_> = records.iter().skip(number).step_by(BATCHES).cloned().collect();
        for (channel, group) in grouped(batch) {
            house.append(&channel, group).await;
        }
        house.stage.drain().await.unwrap();
        drop(house);
        if number < SETTLED_BATCHES {
            settle(&open(root, SETTLE_ROWS).await, |_| ()).await;
        }
    }
    let lake = open(root, usize::MAX).await;
    let lock = lake.lock_writer().unwrap();
    while lake.compact(Table::Events, &BTreeMap::new(), &lock).await.unwrap() {}
}

async fn open(root: &Path, settle_rows: usize) -> Lake {
    Lake::open(root, Arc::new(DiskSyncs)).await.unwrap().settling_from(settle_rows)
}

/// Merges events until each cell has one file.
async fn settle(lake: &Lake, say: impl Fn(&str)) {
    let lock = lake.lock_writer().unwrap();
    loop {
        say(BEGINS);
        if !lake.tidy(&lock).await.unwrap() {
            return say(NOTHING_LEFT);
        }
        say(ENDS);
    }
}

/// How long a child takes that nobody kills.
fn time_to_settle(root: &Path) -> Duration {
    let child = Settling::start(root);
    let started_at = Instant::now();
    assert_eq!(child.end(), NOTHING_LEFT);
    started_at.elapsed()
}

/// Hashes of all answers and of all rows of events, ended ones too, and what `fsck` counts in a sound lake. Opening the
/// house takes the lock that a killed process held.
async fn seen(root: &Path) -> (BTreeMap<String, String>, Checkup) {
    let house = House::open(root).await;
    let checkup = fsck(&house.lake).await.unwrap();
    assert_eq!(checkup.findings, []);
    let mut hashes = house.hashes().await;
    for sql in QUESTIONS {
        hashes.insert(sql.to_owned(), hash(sql, &house.sql(sql).await));
    }
    let mut rows = rows(&house.lake).await;
    rows.sort_unstable();
    hashes.insert("facts.events".to_owned(), hash("facts.events", &rows));
    (hashes, checkup)
}

fn hash(name: &str, rows: &[Vec<String>]) -> String {
    assert!(rows.len() > 1, "{name} has rows worth comparing");
    blake3::hash(format!("{rows:?}").as_bytes()).to_hex().to_string()
}

async fn rows(lake: &Lake) -> Vec<Vec<String>> {
    let snapshot = lake.snapshot(Table::Events).await.unwrap();
    let mut rows = Vec::new();
    for batch in lake.read(&snapshot, &[], None).await.unwrap() {
        let columns: Vec<Vec<String>> =
            batch.columns().iter().map(|column| server::format::text_column(column).unwrap()).collect();
        rows.extend((0..batch.num_rows()).map(|row| columns.iter().map(|c| c[row].clone()).collect::<Vec<_>>()));
    }
    rows
}

/// Names of the files of events, in force or not, that are runs.
fn run_files(root: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(root.join(Table::Events.folder())).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(SORTED_MARK) && !name.starts_with(SETTLED_MARK)).collect()
}

/// No two files of a month have places in common, and months with many rows have several files.
async fn one_file_a_cell(root: &Path) {
    let files = open(root, SETTLE_ROWS).await.snapshot(Table::Events).await.unwrap().files;
    let mut cells: Vec<_> = files
        .iter()
        .map(|file| {
            let (first, last) = file.instants("occurred_at").unwrap();
            let month = first.to_string()[..7].to_owned();
            assert_eq!(month, last.to_string()[..7], "{file:?}");
            (month, file.integers("place").unwrap())
        })
        .collect();
    cells.sort();
    assert!(cells.windows(2).all(|pair| pair[0].0 != pair[1].0 || pair[0].1.1 < pair[1].1.0), "{cells:?}");
    let months: BTreeSet<&String> = cells.iter().map(|(month, _)| month).collect();
    assert!(months.len() > 1 && cells.len() > 2 * months.len(), "ranges were cut: {cells:?}");
}

/// Lets vacuum delete what is not in force, as if it had lain there for long.
async fn sweep(root: &Path, checkup: &Checkup) {
    let old = SystemTime::now() - Duration::from_secs(2 * 3600);
    for entry in fs::read_dir(root.join(Table::Events.folder())).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            fs::File::options().write(true).open(entry.path()).unwrap().set_modified(old).unwrap();
        }
    }
    let lake = open(root, SETTLE_ROWS).await;
    let files = lake.snapshot(Table::Events).await.unwrap().files;
    assert!(files.len() > 1 && files.iter().all(FileEntry::settled), "{files:?}");
    let vacuumed = lake.vacuum(VacuumRequest { keep: Duration::ZERO, dry_run: false }).await.unwrap();
    assert_eq!((vacuumed.files.len(), vacuumed.waiting), (checkup.removed + checkup.unpublished, 0));
}

/// A child process that settles a lake; killed hard when dropped.
struct Settling {
    child: Child,
    /// What it says, as it says it.
    said: Receiver<&'static str>,
}

impl Settling {
    /// Starts a child and waits until its first compaction begins.
    fn start(root: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([CHILD, "--exact", "--nocapture"])
            .env(ROOT, root)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, said) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // The test's name may stand before what it says.
                let mark = [BEGINS, ENDS, NOTHING_LEFT].into_iter().find(|mark| line.ends_with(*mark));
                let _ = mark.map(|mark| sender.send(mark));
            }
        });
        let settling = Self { child, said };
        assert_eq!(settling.next(), Some(BEGINS), "\"{CHILD}\" is a test and has a lake");
        settling
    }

    /// What it says next; none where it has ended.
    fn next(&self) -> Option<&'static str> {
        match self.said.recv_timeout(DEADLINE) {
            Ok(mark) => Some(mark),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the child was silent for {DEADLINE:?}"),
        }
    }

    /// `kill -9` after a while. What it said last.
    fn kill_after(mut self, delay: Duration) -> &'static str {
        thread::sleep(delay);
        self.child.kill().unwrap();
        self.end()
    }

    /// Waits until it has ended, by itself or killed. What it said last.
    fn end(mut self) -> &'static str {
        let mut last = BEGINS;
        while let Some(mark) = self.next() {
            last = mark;
        }
        let status = self.child.wait().unwrap();
        // A signal leaves no code.
        assert!(status.success() || status.code().is_none(), "the child failed: {status}");
        last
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A disk on which each sync takes a while, and one of the log longer: writing is most of a compaction, and its last step,
/// after which it must be whole, is where many a kill falls.
#[derive(Debug)]
struct SlowSyncs;

impl SlowSyncs {
    fn wait(path: &Path) {
        let of_log = path.components().any(|part| part.as_os_str() == "_delta_log");
        thread::sleep(Duration::from_millis(if of_log { 10 } else { 2 }));
    }
}

impl Syncs for SlowSyncs {
    fn file(&self, file: &fs::File, path: &Path) -> io::Result<()> {
        Self::wait(path);
        DiskSyncs.file(file, path)
    }

    fn directory(&self, path: &Path) -> io::Result<()> {
        DiskSyncs.directory(path)?;
        Self::wait(path);
        Ok(())
    }
}

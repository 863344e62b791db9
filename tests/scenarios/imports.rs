//! `tributary import` as a user runs it: killed and run again, the same file under other names, beside a running server.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use fastrand::Rng;

use crate::process::{Serving, free_port, tributary};

/// Columns that say nothing of when a row was taken in.
const TABLES: [(&str, &str); 4] = [
    ("facts.outcomes", "channel, \"offset\", source, key, content_hash, outcome, reason, conflicting"),
    ("facts.events", "key, ordinal, source, occurred_at, event, device, value, currency, properties"),
    ("facts.rejects", "channel, \"offset\", source, key, reason, message"),
    ("orders", "order_key, placed_at, currency, gross_sales, net_revenue, total"),
];

const MAPPING: &str = r#"
mapping: stall
status: approved
zone: Europe/Berlin
key: [$file, $row]
facts:
  - event:
      name: what
      occurred_at: at
      device: visitor
      value: amount
      currency: "'EUR'"
      properties: $rest
  - when: what = 'purchase'
    order:
      order_id: receipt
      placed_at: at
      currency: "'EUR'"
      lines: [{ price: amount }]
"#;

/// A CSV file with a mistake in every 97th row.
fn sales(path: &Path, rows: usize) {
    let mut text = String::from("at,visitor,what,amount,receipt\n");
    for row in 0..rows {
        let what = ["page_view", "view_item", "add_to_cart", "purchase"][row % 4];
        let amount = if row % 97 == 5 { "much".to_owned() } else { format!("{}.{:02}", row % 90, row % 100) };
        text.push_str(&format!(
            "2026-03-{:02} 10:{:02}:{:02},v{},{what},{amount},r{row}\n",
            row % 28 + 1,
            row % 60,
            row / 7 % 60,
            row % 500
        ));
    }
    fs::write(path, text).unwrap();
}

fn import(data: &Path, mapping: &Path, file: &Path) -> std::process::Command {
    let mut command = tributary(data, free_port());
    command.args(["import", "--mapping"]).arg(mapping).arg(file);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn done(mut command: std::process::Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The tables' rows as one text each, whatever the batches.
fn tables(data: &Path) -> Vec<String> {
    let ask = |(table, columns): &(&str, &str)| {
        let sql = format!("SELECT {columns} FROM {table} WHERE source <> 'tributary.definitions' ORDER BY 1, 2, 3, 4");
        let sql = if *table == "orders" { format!("SELECT {columns} FROM orders ORDER BY 1") } else { sql };
        let mut command = tributary(data, free_port());
        command.args(["sql", &sql, "--format", "csv"]);
        done(command)
    };
    TABLES.iter().map(ask).collect()
}

struct Stall {
    folder: tempfile::TempDir,
    mapping: PathBuf,
    file: PathBuf,
}

fn stall(rows: usize) -> Stall {
    let folder = tempfile::tempdir().unwrap();
    let (mapping, file) = (folder.path().join("stall.yaml"), folder.path().join("sales.csv"));
    fs::write(&mapping, MAPPING).unwrap();
    sales(&file, rows);
    Stall { folder, mapping, file }
}

#[test]
fn an_import_that_is_killed_goes_on_where_it_stopped() {
    let stall = stall(100_000);
    let clean = stall.folder.path().join("clean");
    let told = done(import(&clean, &stall.mapping, &stall.file));
    assert!(told.contains("100000 rows taken in, 0 were in already"), "{told}");
    let expected = tables(&clean);
    assert!(expected[0].lines().count() == 100_001 && expected[2].lines().count() > 500, "{}", expected[2]);

    let (data, mut rng) = (stall.folder.path().join("killed"), Rng::with_seed(11));
    let mut killed = 0;
    for _ in 0..30 {
        if killed == 10 {
            break;
        }
        let mut child = import(&data, &stall.mapping, &stall.file).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(rng.u64(60..300)));
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(killed >= 6, "only {killed} imports were still at work when they were killed");
    let told = done(import(&data, &stall.mapping, &stall.file));
    assert!(!told.contains(" 0 were in already"), "no kill left rows behind: {told}");
    assert_eq!(tables(&data), expected);
    // All rows came at the instant of the first run, whichever run took them in.
    let mut command = tributary(&data, free_port());
    let instants = "SELECT count(DISTINCT received_at) FROM facts.outcomes WHERE source = 'stall'";
    command.args(["sql", instants, "--format", "csv"]);
    assert!(done(command).ends_with("\n1\n"));
}

#[test]
fn the_same_file_under_any_name_and_packing_changes_nothing() {
    let stall = stall(500);
    let data = stall.folder.path().join("lake");
    done(import(&data, &stall.mapping, &stall.file));
    let before = tables(&data);
    let packed = stall.folder.path().join("other-name.bin");
    let mut encoder = flate2::write::GzEncoder::new(fs::File::create(&packed).unwrap(), flate2::Compression::fast());
    encoder.write_all(&fs::read(&stall.file).unwrap()).unwrap();
    encoder.finish().unwrap();
    for file in [&stall.file, &packed] {
        let told = done(import(&data, &stall.mapping, file));
        assert!(told.contains("0 rows taken in, 500 were in already"), "{told}");
        assert_eq!(tables(&data), before);
    }
    // From standard input as well.
    let mut command = import(&data, &stall.mapping, Path::new("-"));
    command.stdin(fs::File::open(&stall.file).unwrap());
    assert!(done(command).contains("500 were in already"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_beside_a_running_server_is_answered_by_it() {
    let stall = stall(400);
    let data = stall.folder.path().join("lake");
    let serving = Serving::start(&data, "system").await;
    let (mapping, file, lake) = (stall.mapping.clone(), stall.file.clone(), data.clone());
    let told = tokio::task::spawn_blocking(move || done(import(&lake, &mapping, &file))).await.unwrap();
    assert!(told.contains("400 rows taken in"), "{told}");
    serving.wait_for("SELECT count(*) FROM facts.outcomes WHERE source = 'stall'", 400).await;
    let rejected = "SELECT count(*) FROM facts.rejects";
    serving.wait_for(rejected, 5).await;
}

#[test]
fn a_mapping_that_does_not_fit_its_file_takes_nothing_in() {
    let stall = stall(20);
    let wrong = MAPPING.replace("device: visitor", "device: vistor");
    fs::write(&stall.mapping, wrong).unwrap();
    let data = stall.folder.path().join("lake");
    let output = import(&data, &stall.mapping, &stall.file).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("vistor") && told.contains("visitor"), "{told}");
    let mut command = tributary(&data, free_port());
    command.args(["sql", "SELECT count(*) FROM raw.inbox WHERE source = 'stall'", "--format", "csv"]);
    assert!(done(command).ends_with("\n0\n"));
}

#[test]
fn of_two_imports_of_one_file_at_once_each_row_comes_once() {
    let stall = stall(60_000);
    let data = stall.folder.path().join("lake");
    // The lake's tables are made by neither of the two.
    let small = stall.folder.path().join("small.csv");
    sales(&small, 10);
    done(import(&data, &stall.mapping, &small));
    let both = [0, 1].map(|_| import(&data, &stall.mapping, &stall.file).spawn().unwrap());
    let told = both.map(|child| child.wait_with_output().unwrap());
    assert!(told.iter().any(|output| output.status.success()), "{told:?}");
    for output in told.iter().filter(|output| !output.status.success()) {
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains("another import of this file is at work; wait for it to end"), "{error}");
    }
    done(import(&data, &stall.mapping, &stall.file));
    let mut command = tributary(&data, free_port());
    let rows = "SELECT count(*), count(DISTINCT \"offset\"), max(\"offset\") FROM raw.inbox WHERE source = 'stall'
        GROUP BY channel ORDER BY 1";
    command.args(["sql", rows, "--format", "csv"]);
    assert!(done(command).ends_with("\n60000,60000,59999\n"));
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn a_preview_says_what_a_replay_would_change_and_changes_nothing() {
    let stall = stall(500);
    let (data, config) = (stall.folder.path().join("lake"), stall.folder.path().join("config"));
    copy_folder(&end_to_end::house::repository().join("config"), &config);
    let mended = MAPPING.replace("price: amount", "price: amount * 2");
    assert_ne!(mended, MAPPING);
    fs::write(config.join("mappings/stall.yaml"), mended).unwrap();
    done(import(&data, &stall.mapping, &stall.file));
    let before = tables(&data);
    let replay = |more: &[&str]| {
        let mut command = tributary(&data, free_port());
        command.arg("--config").arg(&config).args(["replay", "--source", "stall"]).args(more);
        done(command)
    };
    let told = replay(&["--preview"]);
    assert!(told.contains("preview, nothing is changed") && told.contains("gross_sales"), "{told}");
    assert_eq!(tables(&data), before, "a preview changes nothing");
    let moved = |told: &str| -> Vec<String> {
        told.lines().filter(|line| line.contains("gross_sales")).map(str::to_owned).collect()
    };
    assert_eq!(moved(&replay(&["--preview"])), moved(&told), "and says the same again");
    replay(&[]);
    assert_ne!(tables(&data), before, "the replay changes it");
}

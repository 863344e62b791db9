//! `tributary import` of Segment NDJSON into facts, beside DuckDB turning the same file into Parquet in the same run.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail};

use crate::{Arguments, process};

/// What DuckDB does with the file: the same columns as facts have, typed, as Parquet.
const DUCKDB: &str = include_str!("duckdb_ndjson.py");

/// Events a second of both, in turns, and the ratio of their medians.
///
/// # Errors
/// Where either fails, or not every event is a fact.
pub fn run(arguments: &Arguments) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("segment.ndjson");
    let bytes = write(&file, arguments.events)?;
    println!("file          {:>10} events of {} bytes", arguments.events, bytes / arguments.events);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..arguments.rounds {
        ours.push(import(arguments, &file, &folder.path().join(format!("lake-{round}")))?);
        if let Some(python) = &arguments.python {
            theirs.push(duckdb(python, &file, &folder.path().join("duckdb.parquet"))?);
        }
    }
    let rate = |seconds: &mut Vec<f64>| {
        seconds.sort_by(f64::total_cmp);
        arguments.events as f64 / seconds[seconds.len() / 2]
    };
    let own = rate(&mut ours);
    println!("import        {own:>10.0} events/s into facts (median of {})", ours.len());
    if !theirs.is_empty() {
        let peer = rate(&mut theirs);
        println!("DuckDB        {peer:>10.0} events/s into Parquet");
        println!("ratio         {:>10.2} of DuckDB's rate", own / peer);
    }
    Ok(())
}

fn import(arguments: &Arguments, file: &Path, lake: &Path) -> Result<f64> {
    let started = Instant::now();
    let mut child = Command::new(&arguments.binary)
        .args(["import", "--source", "web_eu", "--data"])
        .args([lake, file])
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .with_context(|| format!("cannot start {}", arguments.binary.display()))?;
    let (status, memory) = process::watched(&mut child)?;
    let seconds = started.elapsed().as_secs_f64();
    if !status.success() {
        bail!("the import failed");
    }
    let counted = Command::new(&arguments.binary)
        .args(["sql", "SELECT count(*) AS n FROM facts.events", "--format", "csv", "--data"])
        .arg(lake)
        .output()?;
    let counted = String::from_utf8_lossy(&counted.stdout).lines().nth(1).and_then(|line| line.parse::<u64>().ok());
    if counted != Some(arguments.events) {
        bail!("{counted:?} events are facts, expected {}", arguments.events);
    }
    println!("import        {seconds:>10.2} s, {memory} MB at its highest");
    std::fs::remove_dir_all(lake)?;
    Ok(seconds)
}

fn duckdb(python: &Path, file: &Path, parquet: &Path) -> Result<f64> {
    let output = Command::new(python).args(["-c", DUCKDB]).args([file, parquet]).output()?;
    if !output.status.success() {
        bail!("DuckDB failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let seconds: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().context("no time from DuckDB")?;
    println!("DuckDB        {seconds:>10.2} s");
    Ok(seconds)
}

/// Writes `events` lines of about 660 bytes: a day of a shop's visitors.
fn write(path: &Path, events: u64) -> Result<u64> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut bytes = 0;
    let pages = ["mug", "cup", "plate", "bowl", "jug", "tray", "spoon"];
    for event in 0..events {
        let (visitor, page) =
            (event.wrapping_mul(2_654_435_761) % (events / 12 + 1), pages[event as usize % pages.len()]);
        let (seconds, millis) = (event / 20 % 86_400, event * 37 % 1000);
        let time =
            format!("2026-01-05T{:02}:{:02}:{:02}.{millis:03}Z", seconds / 3600, seconds / 60 % 60, seconds % 60);
        let line = format!(
            r#"{{"type":"track","event":"Product Viewed","messageId":"import-{event:012}","anonymousId":"a-{visitor:09}","timestamp":"{time}","sentAt":"{time}","properties":{{"product_id":"p{}","sku":"{page}-RED","name":"{page}","price":{}.50,"quantity":1,"category":"Kitchen","brand":"Thames","currency":"EUR"}},"context":{{"page":{{"path":"/p/{page}","url":"https://shop.example/p/{page}?utm_source=google&utm_medium=cpc&utm_campaign=c{}","referrer":"https://www.google.com/","title":"{page}"}},"userAgent":"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0","locale":"de-DE","library":{{"name":"analytics.js","version":"next-1.81.0"}}}}}}"#,
            event % 500,
            event % 90 + 5,
            event % 40
        );
        out.write_all(line.as_bytes())?;
        out.write_all(b"\n")?;
        bytes += line.len() as u64 + 1;
    }
    out.flush()?;
    Ok(bytes)
}

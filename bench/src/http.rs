//! Throughput of the HTTP door and freshness of answers, against a real `tributary serve` on this machine.
//!
//! Bodies are made before the clock starts; while it runs only the digits of message ids change. The generator's own CPU
//! time is printed, since it shares the cores.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{Arguments, process};

/// Messages in one request.
const BATCH: u64 = 100;
/// Digits of a message's number.
const DIGITS: usize = 12;

/// A serving process over a lake that goes with it.
struct Serving {
    child: Child,
    base: String,
    _data: tempfile::TempDir,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Events a second from eight connections into facts, with the highest memory.
///
/// # Errors
/// Where the door refuses, or facts do not come.
pub async fn throughput(arguments: &Arguments) -> Result<()> {
    let numbers = Arc::new(AtomicU64::new(0));
    let serving = start(&arguments.binary).await?;
    let (started, cpu) = (Instant::now(), process::cpu_seconds());
    let until = started + Duration::from_secs(arguments.seconds);
    let mut senders = Vec::new();
    for _ in 0..arguments.connections {
        let (base, numbers) = (serving.base.clone(), Arc::clone(&numbers));
        senders.push(tokio::spawn(async move {
            let (client, mut body, mut sent) = (reqwest::Client::new(), Body::new(), 0);
            while Instant::now() < until {
                post(&client, &base, body.next(&numbers)).await?;
                sent += BATCH;
            }
            anyhow::Ok(sent)
        }));
    }
    let mut sent = 0;
    for sender in senders {
        sent += sender.await??;
    }
    let accepted = started.elapsed().as_secs_f64();
    let generator = process::cpu_seconds() - cpu;
    wait_for(&serving.base, sent).await?;
    let settled = started.elapsed().as_secs_f64();
    println!(
        "accepted      {:>10.0} events/s ({sent} events in {accepted:.1} s, synced before each 200)",
        sent as f64 / accepted
    );
    println!("into facts    {:>10.0} events/s (all answered in SQL after {settled:.1} s)", sent as f64 / settled);
    println!("memory        {:>10} MB at its highest", process::peak_memory_mb(serving.child.id()));
    println!("generator     {generator:>10.1} CPU seconds");
    Ok(())
}

/// Time from the 200 until the event is in an answer.
///
/// # Errors
/// As [`throughput`].
pub async fn freshness(arguments: &Arguments) -> Result<()> {
    let numbers = Arc::new(AtomicU64::new(0));
    let serving = start(&arguments.binary).await?;
    let accepted: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let pause = Duration::from_secs_f64(BATCH as f64 / arguments.rate as f64);
    let mut ticks = tokio::time::interval(pause);
    let client = reqwest::Client::new();
    let until = Instant::now() + Duration::from_secs(arguments.seconds);
    let base = serving.base.clone();
    let seen = tokio::spawn(async move { watch(&base, until + Duration::from_secs(30)).await });
    let mut body = Body::new();
    let mut senders = Vec::new();
    while Instant::now() < until {
        ticks.tick().await;
        let (client, base, accepted) = (client.clone(), serving.base.clone(), Arc::clone(&accepted));
        let request = body.next(&numbers);
        senders.push(tokio::spawn(async move {
            post(&client, &base, request).await?;
            accepted.lock().expect("no sender panics").push(Instant::now());
            anyhow::Ok(())
        }));
    }
    for sender in senders {
        sender.await??;
    }
    let mut accepted = accepted.lock().expect("no sender panics").clone();
    accepted.sort();
    wait_for(&serving.base, accepted.len() as u64 * BATCH).await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    seen.abort();
    let polls = POLLS.lock().expect("no watcher panics").clone();
    let mut delays: Vec<f64> = (1..)
        .zip(&accepted)
        .filter_map(|(batches, at)| {
            let seen = polls.iter().find(|(when, count)| *count >= batches * BATCH && when >= at)?;
            Some((seen.0 - *at).as_secs_f64())
        })
        .collect();
    if delays.is_empty() {
        bail!("nothing was seen in an answer");
    }
    delays.sort_by(f64::total_cmp);
    let nearest = |percent: usize| delays[(delays.len() * percent).div_ceil(100).clamp(1, delays.len()) - 1];
    println!(
        "freshness     {:>10.2} s median, {:.2} s at the 99th percentile, accepted to answered, at {} events/s",
        nearest(50),
        nearest(99),
        arguments.rate
    );
    Ok(())
}

/// What the watcher saw: when an answer came, and how many events it counted.
static POLLS: Mutex<Vec<(Instant, u64)>> = Mutex::new(Vec::new());

async fn watch(base: &str, until: Instant) {
    while Instant::now() < until {
        if let Ok(count) = counted(base).await {
            POLLS.lock().expect("no watcher panics").push((Instant::now(), count));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A request body whose message ids change in place.
struct Body {
    text: Vec<u8>,
    ids: Vec<usize>,
}

impl Body {
    fn new() -> Self {
        let (mut text, mut ids) = (b"{\"batch\":[".to_vec(), Vec::new());
        for message in 0..BATCH {
            if message > 0 {
                text.push(b',');
            }
            text.extend(br#"{"type":"track","event":"Product Viewed","messageId":"smoke-"#);
            ids.push(text.len());
            text.extend([b'0'; DIGITS]);
            let rest = format!(
                r#"","anonymousId":"a-{}","timestamp":"2026-01-05T10:11:12.345Z","properties":{{"product_id":"p{}","sku":"MUG-RED","name":"Mug","price":50.00,"quantity":1,"category":"Kitchen","brand":"Thames","variant":"red","position":3,"currency":"EUR"}},"context":{{"page":{{"path":"/p/mug","url":"https://shop.example/p/mug?utm_source=google&utm_medium=cpc&utm_campaign=brand","referrer":"https://www.google.com/","title":"Mug"}},"userAgent":"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0","locale":"de-DE","library":{{"name":"analytics.js","version":"next-1.81.0"}}}}}}"#,
                message % 37,
                message % 11
            );
            text.extend(rest.as_bytes());
        }
        text.extend(br#"],"writeKey":"wk_demo_eu","sentAt":"2026-01-05T10:11:12.400Z"}"#);
        Self { text, ids }
    }

    fn next(&mut self, numbers: &AtomicU64) -> Vec<u8> {
        let first = numbers.fetch_add(BATCH, Ordering::Relaxed);
        for (number, at) in (first..).zip(&self.ids) {
            let digits = format!("{number:0DIGITS$}");
            self.text[*at..*at + DIGITS].copy_from_slice(digits.as_bytes());
        }
        self.text.clone()
    }
}

async fn post(client: &reqwest::Client, base: &str, body: Vec<u8>) -> Result<()> {
    loop {
        let answer = client.post(format!("{base}/v1/batch")).body(body.clone()).send().await?;
        match answer.status().as_u16() {
            200 => return Ok(()),
            429 | 503 => tokio::time::sleep(Duration::from_millis(20)).await,
            status => bail!("the door answered {status}"),
        }
    }
}

async fn counted(base: &str) -> Result<u64> {
    let body = serde_json::json!({ "sql": "SELECT count(*) FROM facts.events" });
    let answer = reqwest::Client::new().post(format!("{base}/v1/sql")).json(&body).send().await?;
    let value: serde_json::Value = answer.json().await?;
    value["rows"][0][0].as_u64().context("no count in the answer")
}

async fn wait_for(base: &str, events: u64) -> Result<()> {
    let started = Instant::now();
    while counted(base).await? < events {
        if started.elapsed() > Duration::from_secs(300) {
            bail!("not all facts after 300 s");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn start(binary: &Path) -> Result<Serving> {
    let data = tempfile::tempdir()?;
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let child = Command::new(binary)
        .arg("--data")
        .arg(data.path())
        .arg("serve")
        .env("TRIBUTARY__SERVER__LISTEN", format!("127.0.0.1:{port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", binary.display()))?;
    let serving = Serving { child, base: format!("http://127.0.0.1:{port}"), _data: data };
    for _ in 0..600 {
        if reqwest::get(format!("{}/readyz", serving.base)).await.is_ok() {
            return Ok(serving);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("not ready after 30 s")
}

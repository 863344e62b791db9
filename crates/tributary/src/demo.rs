//! The demo: a simulated shop's native payloads through the real doors, on a simulated clock, and what comes out.

use std::{fs, path::Path, sync::Arc, time::Instant};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use futures::{StreamExt, TryStreamExt, stream};
use ingestion::{ReportScope, report_record};
use model::UtcMillis;
use pipeline::append_records;
use query::{Answer, Question};
use reqwest::{Client, StatusCode};
use simulator::{Door, Payload, World, WorldConfig};

use crate::{
    node::{Node, NodeOptions, Serving, told_to_stop},
    output::{progress, spinner, table},
};

/// Requests under way at once.
const REQUESTS: usize = 256;
/// Stands in the folder of a demo's lake, so that the next demo may replace it.
const MARK: &str = ".demo";

/// Arguments of `demo`.
#[derive(Debug, Clone, Args)]
pub struct DemoArguments {
    /// Which world: another seed is another shop.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// About how many web events.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// End after the screen instead of serving.
    #[arg(long)]
    exit: bool,
}

/// Runs the demo.
///
/// # Errors
/// Where a door refuses a sound payload, or the lake cannot be written.
pub async fn run(arguments: DemoArguments, options: NodeOptions) -> Result<()> {
    let started = Instant::now();
    prepare(&options.data)?;
    let world_bar = spinner("imagining the shop");
    let config = WorldConfig { seed: arguments.seed, events: arguments.events, ..WorldConfig::default() };
    let world = tokio::task::spawn_blocking(move || World::new(config)).await?;
    world_bar.finish_and_clear();
    let serving = Node::start(&NodeOptions { simulated: true, ..options }).await?.serve().await?;
    println!("sending {} days of payloads through http://{}", world.config().days, serving.address());
    send(&serving, Arc::new(world)).await?;
    screen(serving.node()).await?;
    println!("\ndone in {:.0} s", started.elapsed().as_secs_f64());
    if !arguments.exit {
        println!("serving on http://{}; Ctrl-C ends", serving.address());
        told_to_stop().await?;
        println!("stopping");
    }
    serving.stop().await
}

/// A demo starts from nothing. It replaces the lake of an earlier demo, and no other.
fn prepare(data: &Path) -> Result<()> {
    if data.join(MARK).is_file() {
        let lock = fs::OpenOptions::new().create(true).write(true).truncate(false).open(data.join(".writer.lock"))?;
        if lock.try_lock().is_err() {
            bail!("a demo is running over {}; stop it, or name another folder with --data", data.display());
        }
        fs::remove_dir_all(data).with_context(|| format!("cannot replace the earlier demo in {}", data.display()))?;
    } else if fs::read_dir(data).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("\"{}\" is not empty and holds no demo; name another folder with --data", data.display());
    }
    fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
    fs::write(data.join(MARK), "a demo may replace this folder\n")?;
    Ok(())
}

async fn send(serving: &Serving, world: Arc<World>) -> Result<()> {
    let total = world.payloads().len() as u64;
    let sent = progress("payloads sent", total);
    let client = Client::builder().pool_max_idle_per_host(REQUESTS).build()?;
    let base = format!("http://{}", serving.address());
    stream::iter(world.payloads())
        .map(|payload| deliver(&client, &base, serving.node(), payload))
        .buffer_unordered(REQUESTS)
        .try_for_each(|()| {
            sent.inc(1);
            async { Ok(()) }
        })
        .await?;
    sent.finish();
    let records = pipeline::intake::inbox_positions(&serving.node().lake).await?;
    let facts = progress("records into facts", records.values().map(|last| *last as u64 + 1).sum());
    serving.node().settle(|taken| facts.set_position(taken)).await?;
    facts.finish();
    Ok(())
}

async fn deliver(client: &Client, base: &str, node: &Node, payload: Payload) -> Result<()> {
    let received_at = UtcMillis(payload.received_at_ms);
    let path = match &payload.door {
        Door::SegmentBatch { .. } => "/v1/batch".to_owned(),
        Door::ShopifyWebhook { source, .. } => format!("/webhooks/shopify/{source}"),
        Door::GoogleAdsReport { source, .. } | Door::MetaReport { source, .. } => {
            return import(node, source, received_at, &payload).await;
        }
    };
    loop {
        let mut request = client.post(format!("{base}{path}")).body(payload.body.clone());
        for (name, value) in &payload.headers {
            request = request.header(name, value);
        }
        let answer = request.header(ingestion::clock::RECEIVED_AT_HEADER, received_at.to_string()).send().await?;
        match answer.status() {
            status if status.is_success() => return Ok(()),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            status => bail!("{path} answered {status}: {}", answer.text().await.unwrap_or_default()),
        }
    }
}

async fn import(node: &Node, source: &str, received_at: UtcMillis, payload: &Payload) -> Result<()> {
    let header = |name: &str| payload.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let scope = ReportScope {
        from_on: header("tributary-pull-from"),
        to_on: header("tributary-pull-to"),
        zone: header("tributary-account-zone"),
        ..ReportScope::default()
    };
    let (channel, record) = report_record(source, received_at, &scope, payload.body.clone())?;
    append_records(&node.lake, &channel, vec![record]).await?;
    Ok(())
}

async fn screen(node: &Node) -> Result<()> {
    show(
        node,
        "What came in",
        "SELECT source, \
        count(*) FILTER (WHERE outcome = 'kept') AS kept, count(*) FILTER (WHERE outcome = 'duplicate') AS duplicate, \
        count(*) FILTER (WHERE outcome = 'quarantined') AS quarantined, \
        count(*) FILTER (WHERE outcome = 'ignored') AS ignored, count(*) AS records \
        FROM facts.outcomes WHERE source <> 'tributary.definitions' GROUP BY source ORDER BY source",
    )
    .await?;
    show(
        node,
        "The checkout funnel: people, within 7 days",
        "SELECT step, label, units AS people, drop_off, \
        round(100 * from_entry, 2) AS percent_of_entry, round(100 * from_previous, 2) AS percent_of_previous \
        FROM funnel('checkout')",
    )
    .await?;
    show(
        node,
        "Revenue per session by week, beside the order ledger",
        "SELECT period AS week, currency, sessions, \
        net_revenue, round(revenue_per_session, 4) AS per_session, excluded, unassigned, ledger, difference, \
        ledger_entry_date, timing FROM revenue_series(grain => 'week')",
    )
    .await?;
    for platform in ["google_ads", "meta_ads"] {
        show(
            node,
            &format!("{platform}: from the claim to the house number"),
            &format!(
                "SELECT account, line, label, count, value, currency FROM bridge('{platform}') \
             WHERE line IN (0, 2, 4, 8, 13, 15, 16)"
            ),
        )
        .await?;
    }
    let (files, bytes) = size_of(node.lake.root())?;
    println!(
        "\nWhere the data lies\n  {}: {files} files, {} MB of open Delta tables",
        node.lake.root().display(),
        bytes / 1_000_000
    );
    let data = node.lake.root().display();
    println!("\nTry next");
    println!("  target/debug/tributary --data {data} metric revenue_per_session --grain month --by channel");
    println!("  target/debug/tributary --data {data} sql \"SELECT * FROM bridge_orders('meta_ads', 15) LIMIT 10\"");
    println!(
        "  curl -s -H 'content-type: application/json' http://{}/v1/sql \\\n    \
         -d \"{{\\\"sql\\\":\\\"SELECT * FROM funnel('checkout')\\\",\\\"format\\\":\\\"csv\\\"}}\"",
        node.settings.server.listen
    );
    Ok(())
}

async fn show(node: &Node, title: &str, sql: &str) -> Result<()> {
    let question = Question { sql: sql.to_owned(), ..Question::default() };
    let answer: Answer = node.engine.answer(&question).await.map_err(|error| anyhow!("{title}: {error}"))?;
    println!("\n{title}\n{}", table(&answer)?);
    Ok(())
}

fn size_of(folder: &Path) -> Result<(u64, u64)> {
    let mut total = (0, 0);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let (files, bytes) = if kind.is_dir() { size_of(&entry.path())? } else { (1, entry.metadata()?.len()) };
        total = (total.0 + files, total.1 + bytes);
    }
    Ok(total)
}

//! `tributary replay` and `tributary rebuild`: records read again by what is in force now.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use comfy_table::{Table, presets};
use pipeline::{ReplayRequest, Replayed, decisions};
use query::{Answer, Question};
use server::format::text_column;

use crate::{
    decide,
    node::{Node, NodeOptions, now},
    output,
};

/// Keys that one batch of a replay reads again at most: what it holds in memory.
const KEYS_MAX: usize = 250_000;

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArguments {
    /// Records of one source or mapping only.
    #[arg(long)]
    source: Option<String>,
    /// Records in quarantine only.
    #[arg(long)]
    only_rejected: bool,
    /// Say what would change, and change nothing.
    #[arg(long)]
    preview: bool,
}

/// Reads records again and keeps the history: earlier instants answer as before.
///
/// # Errors
/// Where neither a source nor the quarantine is named, or the lake is unreadable.
pub async fn run(arguments: ReplayArguments, options: &NodeOptions) -> Result<()> {
    if arguments.source.is_none() && !arguments.only_rejected {
        bail!("say what to read again: --source NAME, --only-rejected, or both; `tributary rebuild` does it for all");
    }
    let node = Node::open(options).await?;
    if let Some(source) = &arguments.source {
        node.check_source(source).await?;
    }
    if arguments.preview {
        return preview(&node, &arguments, options).await;
    }
    order(&node, &arguments).await?;
    let replayed = node.take_in_decisions().await?;
    match replayed {
        Some(replayed) => output::say(&summary(&replayed)),
        None => output::say("the running process has read the records again"),
    }
    Ok(())
}

/// Builds all facts anew from the inbox.
///
/// # Errors
/// Where another process writes, or the inbox is unreadable.
pub async fn rebuild(options: &NodeOptions) -> Result<()> {
    let node = Node::open(options).await?;
    let mut stage = node.stage().await?;
    let bar = output::spinner("records read again");
    let records = stage.rebuild(|records| bar.set_position(records as u64)).await?;
    bar.finish_and_clear();
    output::say(&format!(
        "facts are built anew from {records} records, at the instants at which they were first known"
    ));
    Ok(())
}

/// Records the mapping, where its file says something new, and the order to replay.
async fn order(node: &Node, arguments: &ReplayArguments) -> Result<()> {
    let mapping = node.mappings.iter().find(|mapping| Some(&mapping.name) == arguments.source.as_ref());
    let rows = match (mapping, &arguments.source) {
        (Some(mapping), _) => vec![decide::mapping_row(mapping, node.clock_now())],
        (None, Some(_)) => Vec::new(),
        (None, None) => node.mappings.iter().map(|mapping| decide::mapping_row(mapping, node.clock_now())).collect(),
    };
    let proposals = decide::compare(&node.lake, rows, None).await?;
    for proposal in proposals.iter().filter(|proposal| proposal.change == decide::Change::Changed) {
        output::say(&format!("mapping {} is applied as it stands in its file now", proposal.row.name));
    }
    decide::record(&node.lake, &proposals).await?;
    let parts = u32::try_from(count(node, arguments).await?.div_ceil(KEYS_MAX).max(1)).context("too many records")?;
    let mut orders = Vec::new();
    for part in 0..parts {
        let request =
            ReplayRequest { source: arguments.source.clone(), only_rejected: arguments.only_rejected, part, parts };
        orders.push(decisions::replay_record(&request, node.clock_now())?);
    }
    pipeline::append_records(&node.lake, decisions::CHANNEL, orders).await?;
    Ok(())
}

async fn count(node: &Node, arguments: &ReplayArguments) -> Result<usize> {
    let rejected = if arguments.only_rejected { "outcome = 'quarantined'" } else { "true" };
    let of_source = match &arguments.source {
        Some(source) => format!("source = '{}'", source.replace('\'', "''")),
        None => "true".to_owned(),
    };
    let answer =
        ask(node, format!("SELECT count(*) FROM facts.outcomes WHERE {rejected} AND {of_source}"), None).await?;
    let counted = answer.batches.first().map(|batch| text_column(batch.column(0))).transpose()?;
    Ok(counted.and_then(|column| column.first()?.parse().ok()).unwrap_or(0))
}

/// Does the replay on a copy of the lake that shares its files, and compares outcomes and metrics before and after.
async fn preview(node: &Node, arguments: &ReplayArguments, options: &NodeOptions) -> Result<()> {
    let copy = copied(node).await?;
    let there = Node::open(&NodeOptions { data: copy.folder.clone(), ..options.clone() }).await?;
    there.take_in().await?;
    let before = there.lake.last_instant().await?.context("the lake is empty, so nothing can be replayed")?.known_at;
    order(&there, arguments).await?;
    let replayed = there.take_in_decisions().await?.unwrap_or_default();
    output::say(&format!("preview, nothing is changed: {}", summary(&replayed)));
    let mut table = Table::new();
    table.load_style(presets::ASCII_BORDERS_ONLY_CONDENSED);
    table.set_header(["metric", "currency", "before", "after"]);
    let mut moved = 0;
    for name in there.engine.definitions().metrics.keys() {
        let sql = format!("SELECT * FROM metric('{}')", name.replace('\'', "''"));
        let (was, is) = (ask(&there, sql.clone(), Some(before)).await, ask(&there, sql, None).await);
        let (was, is) = (values(was)?, values(is)?);
        let rows: std::collections::BTreeSet<&String> = was.keys().chain(is.keys()).collect();
        for currency in rows {
            let of = |values: &BTreeMap<String, String>| values.get(currency).cloned().unwrap_or_default();
            if of(&was) != of(&is) {
                moved += 1;
                table.add_row([name.clone(), currency.clone(), of(&was), of(&is)]);
            }
        }
    }
    if moved == 0 {
        output::say("no metric moves")
    } else {
        output::say(&table.to_string())
    }
    Ok(())
}

/// A metric's values by currency; one that has no answer shows why.
fn values(answer: Result<Answer>) -> Result<BTreeMap<String, String>> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Ok([(String::new(), format!("{error:#}"))].into()),
    };
    let mut values = BTreeMap::new();
    for batch in &answer.batches {
        let column = |name: &str| batch.column_by_name(name).map(|column| text_column(column)).transpose();
        let (currency, value) = (column("currency")?, column("value")?.unwrap_or_default());
        for (row, value) in value.into_iter().enumerate() {
            let currency = currency.as_ref().and_then(|codes| codes.get(row)).cloned().unwrap_or_default();
            values.insert(currency, value);
        }
    }
    Ok(values)
}

async fn ask(node: &Node, sql: String, as_of: Option<model::UtcMillis>) -> Result<Answer> {
    Ok(node.engine.answer(&Question { sql, as_of, ..Question::default() }).await?)
}

fn summary(replayed: &Replayed) -> String {
    let mut text = format!("{} records read again, {} come out otherwise", replayed.records, replayed.changed);
    for ((was, is), records) in replayed.outcomes.iter().filter(|((was, is), _)| was != is) {
        text.push_str(&format!("\n  {records} from {} to {}", was.name(), is.name()));
    }
    text
}

/// A copy between two publications: a batch that is published meanwhile would be in some tables only.
async fn copied(node: &Node) -> Result<Copied> {
    for _ in 0..20 {
        let before = node.lake.last_instant().await?.map(|row| row.known_at);
        let copy = Copied::of(node.lake.root())?;
        if node.lake.last_instant().await?.map(|row| row.known_at) == before {
            return Ok(copy);
        }
    }
    bail!("the running process publishes too often for a preview; try again when less comes in")
}

/// A copy of a lake that shares its files: they are never changed once written. Gone when dropped.
struct Copied {
    folder: PathBuf,
}

impl Copied {
    /// Links `raw/instants` first and `raw/inbox` last: what a running process adds in between then looks like a batch
    /// that was not published, which the copy finishes by itself.
    fn of(root: &Path) -> Result<Self> {
        let folder = root.join(format!(".preview-{}-{}", std::process::id(), now().0));
        let copy = Self { folder };
        let link = |part: &str| {
            link_all(&root.join(part), &copy.folder.join(part))
                .with_context(|| format!("cannot link {part} of the lake"))
        };
        link("raw/instants")?;
        link("facts")?;
        link("raw/inbox")?;
        Ok(copy)
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        // What stays behind is only links; the next preview makes its own.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Log entries are linked before data files, so that every file that an entry names is there.
fn link_all(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    let mut entries = fs::read_dir(from)?.collect::<std::io::Result<Vec<_>>>()?;
    entries.sort_by_key(|entry| (entry.file_name() != "_delta_log", entry.file_name()));
    for entry in entries {
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            link_all(&entry.path(), &target)?;
        } else {
            match fs::hard_link(entry.path(), &target) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    fs::copy(entry.path(), &target)?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

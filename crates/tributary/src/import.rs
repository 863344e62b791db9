//! `tributary import`: report files of ad platforms into the inbox, and into facts where nobody else does it.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use ingestion::{ReportScope, read_report, report_record};
use model::UtcMillis;
use normalization::SourceKind;
use pipeline::{PipelineError, append_records};

use crate::node::{Node, NodeOptions, now};

/// Arguments of `import`.
#[derive(Debug, Args)]
pub struct ImportArguments {
    /// Report files: JSON as the platform's API answers, plain, gzip or zstd.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The configured source, such as `google_ads`.
    #[arg(long)]
    source: String,
    /// First day that the report covers; without it the first day in it.
    #[arg(long)]
    from: Option<String>,
    /// Last day that the report covers; without it the last day in it.
    #[arg(long)]
    to: Option<String>,
    /// The account's IANA zone, where the report does not say it.
    #[arg(long)]
    zone: Option<String>,
    /// When the report was taken, RFC 3339; without it now. The newest report wins.
    #[arg(long)]
    received_at: Option<String>,
}

/// Takes the files in. The same file again is a duplicate and changes nothing.
///
/// # Errors
/// Where a file is unreadable or the source unknown; files before it are in.
pub async fn run(arguments: ImportArguments, options: &NodeOptions) -> Result<()> {
    let node = Node::open(options).await?;
    let kind = node.settings.sources.iter().find(|source| source.name == arguments.source).map(|source| source.kind);
    match kind {
        Some(SourceKind::GoogleAds | SourceKind::MetaAds) => {}
        Some(_) => bail!("source \"{}\" sends over HTTP; `tributary serve` opens its door", arguments.source),
        None => {
            let known: Vec<&str> = node.settings.sources.iter().map(|source| source.name.as_str()).collect();
            bail!("there is no source \"{}\", expected one of {}", arguments.source, known.join(", "));
        }
    }
    let received_at = match arguments.received_at.as_deref() {
        Some(text) => UtcMillis::parse(text).context("--received-at")?,
        None => now(),
    };
    let scope = ReportScope { from_on: arguments.from, to_on: arguments.to, zone: arguments.zone };
    let mut end = BTreeMap::new();
    for path in &arguments.paths {
        let payload = read_report(path).with_context(|| format!("cannot import {}", path.display()))?;
        let (channel, record) = report_record(&arguments.source, received_at, &scope, payload)?;
        if let Some(last) = append_records(&node.lake, &channel, vec![record]).await? {
            end.insert(channel, last);
        }
    }
    settle(&node, &end).await?;
    println!("{} files taken in; `tributary rejects` shows what could not be read", arguments.paths.len());
    Ok(())
}

/// Waits until records up to `end` are facts: by our own hand, or by the process that holds the writer's lock. Whoever
/// holds it may end before it sees our records, so the lock is tried again and again.
async fn settle(node: &Node, end: &BTreeMap<String, i64>) -> Result<()> {
    for _ in 0..600 {
        match node.stage().await {
            Ok(mut stage) => {
                stage.drain().await?;
                return Ok(());
            }
            Err(error) if matches!(error.downcast_ref(), Some(PipelineError::Lake(lake::LakeError::Busy { .. }))) => {}
            Err(error) => return Err(error),
        }
        let taken = node.lake.last_instant().await?.map(|row| row.positions).unwrap_or_default();
        if end.iter().all(|(channel, last)| taken.get(channel).is_some_and(|offset| offset >= last)) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(anyhow!("the files are stored, but the running process has not taken them in after 60 s"))
}

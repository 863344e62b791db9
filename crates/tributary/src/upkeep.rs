//! `tributary fsck`, `compact` and `vacuum`: is what is stored sound, lies it together, and what of it does nobody need any more?

use std::{sync::Arc, time::Duration, time::Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use lake::{Checkup, DiskSyncs, Lake, LakeError, VacuumRequest, Vacuumed};
use tables::Table;

use crate::{node::NodeOptions, output};

/// Arguments of `vacuum`.
#[derive(Debug, Args)]
pub struct VacuumArguments {
    /// Hours that a file is kept after it went out of force; more than the longest question takes. Below 1 nobody may
    /// write to the lake meanwhile.
    #[arg(long, default_value_t = 24)]
    keep: u32,
    /// Say what would be deleted, and delete nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Proves what is stored, beside whatever runs: a line for everything that is wrong, then a summary.
///
/// # Errors
/// Where something is wrong, so that the process ends with 1.
pub async fn fsck(options: &NodeOptions) -> Result<()> {
    let started = Instant::now();
    let lake = open(options).await?;
    let checkup = lake::fsck(&lake).await?;
    for finding in &checkup.findings {
        output::say(&finding.to_string());
    }
    let summary = summary(&checkup, started.elapsed());
    if checkup.findings.is_empty() {
        output::say(&format!("sound: {summary}"));
        return Ok(());
    }
    bail!("{} findings in {summary}", checkup.findings.len())
}

/// Merges all events, while nobody normalises.
///
/// # Errors
/// Where another process normalises: that one merges beside its batches.
pub async fn compact(options: &NodeOptions) -> Result<()> {
    let lake = open(options).await?;
    let before = lake.snapshot(Table::Events).await?.files.len();
    tidy(&lake).await?;
    let after = lake.snapshot(Table::Events).await?.files.len();
    output::say(&format!("{}: {before} files, now {after}", Table::Events.folder()));
    Ok(())
}

/// Merges events until nothing is left to merge.
///
/// # Errors
/// [`LakeError::Busy`] where another process normalises.
pub async fn tidy(lake: &Lake) -> Result<(), LakeError> {
    let lock = lake.lock_writer()?;
    let bar = output::spinner("merges of files");
    while lake.tidy(&lock).await? {
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

/// Deletes files that no question needs any more.
///
/// # Errors
/// Where a file cannot be deleted, or less than an hour is to be kept while another process writes.
pub async fn vacuum(arguments: VacuumArguments, options: &NodeOptions) -> Result<()> {
    let lake = open(options).await?;
    let keep = Duration::from_secs(u64::from(arguments.keep) * 3600);
    let vacuumed = match lake.vacuum(VacuumRequest { keep, dry_run: arguments.dry_run }).await {
        Err(error @ LakeError::Busy { .. }) => {
            return Err(error).context("less than 1 hour can be kept only while nobody writes");
        }
        vacuumed => vacuumed?,
    };
    say(&vacuumed, arguments.dry_run);
    Ok(())
}

async fn open(options: &NodeOptions) -> Result<Lake> {
    options.refuse_absent()?;
    Ok(Lake::open(&options.data, Arc::new(DiskSyncs)).await?)
}

fn say(vacuumed: &Vacuumed, dry_run: bool) {
    if dry_run {
        for file in &vacuumed.files {
            output::say(&format!("{}/{} · {} bytes", file.table.folder(), file.name, file.size));
        }
        output::say("dry run, nothing is deleted");
    }
    let bytes: u64 = vacuumed.files.iter().map(|file| file.size).sum();
    let what = if dry_run { "would be deleted" } else { "deleted" };
    output::say(&format!(
        "{} files, {bytes} bytes {what}; {} more are out of force and not old enough",
        vacuumed.files.len(),
        vacuumed.waiting
    ));
}

fn summary(checkup: &Checkup, took: Duration) -> String {
    let mut summary = format!(
        "{} tables, {} files, {} rows in {:.1} s",
        checkup.tables,
        checkup.files,
        checkup.rows,
        took.as_secs_f64()
    );
    let notes = [
        (checkup.unordered, "read as unordered"),
        (checkup.removed, "awaiting vacuum"),
        (checkup.unpublished, "written and not published"),
    ];
    for (files, note) in notes.into_iter().filter(|(files, _)| *files > 0) {
        summary.push_str(&format!("; {files} files {note}"));
    }
    summary
}

//! `tributary import`: files of any shape into the inbox, and into facts where nobody else does it.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, ValueEnum};
use ingestion::{
    CsvLayout, ImportFile, ImportFormat, ImportOptions, ImportUnit, Incoming, ReportScope, expand, report_headers,
};
use model::{Headers, UtcMillis};
use normalization::{FileFormat, Mapping, MappingFile, RecordUnit, SourceKind};
use pipeline::{append_records, append_rows};

use crate::{
    decide,
    node::{Beside, Node, NodeOptions},
    output, upkeep,
};

/// Rows in the first commit to the inbox; each has twice as many as the one before, so that what a short run took in is
/// in, and a long one writes few files.
const FIRST_BATCH_ROWS: usize = 4_096;
/// Rows in one commit at most.
const BATCH_ROWS_MAX: usize = 32_768;
/// Bytes of rows in one commit to the inbox, about.
const BATCH_BYTES: usize = 24 << 20;

/// Rows from which on an import leaves everything merged.
const TIDY_ROWS: u64 = 1_000_000;

/// Arguments of `import`.
#[derive(Debug, Args)]
pub struct ImportArguments {
    /// Files, folders or quoted globs, plain, gzip or zstd; `-` reads standard input.
    #[arg(required = true)]
    paths: Vec<String>,
    /// The configured source that the records are of, such as `web_eu` or `google_ads`.
    #[arg(long, conflicts_with = "mapping", required_unless_present = "mapping")]
    source: Option<String>,
    /// The mapping that reads the rows: its name in config/mappings/, or a file.
    #[arg(long)]
    mapping: Option<String>,
    /// How the files are written; without it their content tells.
    #[arg(long, value_enum)]
    format: Option<FormatArgument>,
    /// Reports: first day that the report covers; without it the first day in it.
    #[arg(long)]
    from: Option<String>,
    /// Reports: last day that the report covers; without it the last day in it.
    #[arg(long)]
    to: Option<String>,
    /// Reports: the account's IANA zone, where the report does not say it.
    #[arg(long)]
    zone: Option<String>,
    /// Reports: the account, where the report does not say it.
    #[arg(long)]
    account: Option<String>,
    /// Reports: the account's currency, ISO 4217, where the report does not say it.
    #[arg(long)]
    currency: Option<String>,
    /// Empty reports: `delivery` or `conversions`.
    #[arg(long)]
    report: Option<String>,
    /// Empty reports: `account`, `campaign`, `ad_group` or `ad`.
    #[arg(long)]
    level: Option<String>,
    /// When the file was taken from its system, RFC 3339; without it now. Of reports the newest wins.
    #[arg(long)]
    received_at: Option<String>,
    /// What stands beside every record, as NAME=VALUE, such as `x-shopify-topic=orders/updated`.
    #[arg(long = "header", value_parser = header)]
    headers: Vec<(String, String)>,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatArgument {
    Csv,
    Json,
    Ndjson,
    Parquet,
}

/// What reads the files: a source that is built in, or a mapping.
struct Reader {
    source: String,
    mapping: Option<Mapping>,
    options: ImportOptions,
    headers: Headers,
}

/// What an import did.
#[derive(Debug, Default)]
struct Taken {
    files: usize,
    rows: u64,
    already: u64,
    channels: Vec<String>,
}

/// Takes the files in. What is in already is left alone, so that an import that was cut off goes on where it stopped and
/// the same file again changes nothing.
///
/// # Errors
/// Where a file is unreadable, or the source or mapping is unknown; what was read before is in.
pub async fn run(arguments: ImportArguments, options: &NodeOptions) -> Result<()> {
    let paths = files(&arguments.paths)?;
    let node = Node::open(options).await?;
    let reader = reader(&node, &arguments).await?;
    let received_at = match arguments.received_at.as_deref() {
        Some(text) => Some(UtcMillis::parse(text).context("--received-at")?),
        None => None,
    };
    let taking = node.take_in_beside().await?;
    let mut taken = Taken::default();
    let read = take_all(&node, &reader, &taking, &paths, received_at, &mut taken).await;
    // What was read becomes facts, also where a file failed.
    taking.finish(&node).await?;
    read?;
    if taken.rows >= TIDY_ROWS {
        match upkeep::tidy(&node.lake).await {
            // Another process normalises, and merges beside its batches.
            Err(lake::LakeError::Busy { .. }) => {}
            tidied => tidied?,
        }
    }
    report(&node, &taken).await
}

async fn take_all(
    node: &Node,
    reader: &Reader,
    taking: &Beside,
    paths: &[PathBuf],
    received_at: Option<UtcMillis>,
    taken: &mut Taken,
) -> Result<()> {
    for path in paths {
        let file = ImportFile::open(path, &reader.options)?;
        take(node, reader, taking, file, received_at, taken).await.with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn files(paths: &[String]) -> Result<Vec<PathBuf>> {
    if paths.iter().any(|path| path == "-") {
        if paths.len() > 1 {
            bail!("standard input (-) cannot be imported together with files");
        }
        return Ok(vec![PathBuf::from("-")]);
    }
    Ok(expand(paths)?)
}

async fn reader(node: &Node, arguments: &ImportArguments) -> Result<Reader> {
    let mut headers: Headers = arguments.headers.iter().cloned().collect();
    if let Some(code) = &arguments.currency {
        let currency = model::Currency::try_from(code.as_str()).context("--currency")?;
        headers.insert("tributary-currency".to_owned(), currency.code().to_owned());
    }
    let format = arguments.format.map(|format| match format {
        FormatArgument::Csv => ImportFormat::Csv,
        FormatArgument::Json => ImportFormat::Json,
        FormatArgument::Ndjson => ImportFormat::Ndjson,
        FormatArgument::Parquet => ImportFormat::Parquet,
    });
    let scope = ReportScope {
        from_on: arguments.from.clone(),
        to_on: arguments.to.clone(),
        zone: arguments.zone.clone(),
        account: arguments.account.clone(),
        report: arguments.report.clone(),
        level: arguments.level.clone(),
        pulled_at: arguments.received_at.clone(),
    };
    if let Some(name) = &arguments.mapping {
        let file = node.mapping(name)?;
        let mapping =
            node.normalizer.mapping(&file).map_err(|problems| anyhow!(crate::mapping::problems(&problems)))?;
        let proposals = decide::compare(&node.lake, vec![decide::mapping_row(&file, node.clock_now())], None).await?;
        decide::record(&node.lake, &proposals).await?;
        if file.record == RecordUnit::File {
            headers.extend(report_headers(&scope)?);
        }
        let options = mapping_options(&file, format, copies_dir(node));
        return Ok(Reader { source: file.name.clone(), mapping: Some(mapping), options, headers });
    }
    let source = arguments.source.clone().unwrap_or_default();
    let kind = node.settings.sources.iter().find(|known| known.name == source).map(|known| known.kind);
    let unit = match kind {
        Some(SourceKind::GoogleAds | SourceKind::MetaAds) => {
            headers.extend(report_headers(&scope)?);
            ImportUnit::File
        }
        Some(SourceKind::Segment | SourceKind::Shopify) => ImportUnit::Row,
        None => {
            let known: Vec<&str> = node.settings.sources.iter().map(|known| known.name.as_str()).collect();
            bail!(
                "there is no source \"{source}\", expected one of {}; a mapping is named by --mapping",
                known.join(", ")
            );
        }
    };
    let options = ImportOptions { format, unit, csv: CsvLayout::default(), copies_dir: copies_dir(node) };
    Ok(Reader { source, mapping: None, options, headers })
}

/// How the files of a mapping are read: as the command says, else as the mapping says.
pub fn mapping_options(file: &MappingFile, format: Option<ImportFormat>, copies_dir: PathBuf) -> ImportOptions {
    let said = file.format.map(|format| match format {
        FileFormat::Csv => ImportFormat::Csv,
        FileFormat::Json => ImportFormat::Json,
        FileFormat::Ndjson => ImportFormat::Ndjson,
        FileFormat::Parquet => ImportFormat::Parquet,
    });
    let unit = match file.record {
        RecordUnit::Row => ImportUnit::Row,
        RecordUnit::File => ImportUnit::File,
    };
    let byte = |letter: Option<char>| letter.and_then(|letter| u8::try_from(letter).ok());
    let csv = CsvLayout {
        delimiter: byte(file.csv.delimiter).unwrap_or(b','),
        quote: byte(file.csv.quote).or(Some(b'"')),
        skip_lines: file.csv.skip_lines.and_then(|lines| u32::try_from(lines).ok()).unwrap_or(0),
        has_header: file.csv.columns.is_none(),
    };
    ImportOptions { format: format.or(said), unit, csv, copies_dir }
}

/// Takes one file in, from where an earlier import of the same content stopped.
async fn take(
    node: &Node,
    reader: &Reader,
    taking: &Beside,
    file: ImportFile,
    received_at: Option<UtcMillis>,
    taken: &mut Taken,
) -> Result<()> {
    if let (Some(mapping), Some(columns)) = (&reader.mapping, file.columns()) {
        mapping.check_columns(columns)?;
    }
    let channel = channel(reader, &file);
    let last = append_records(&node.lake, &channel, Vec::new()).await?;
    let done = last.map_or(0, |last| u64::try_from(last + 1).unwrap_or(0));
    // The rows of one file came at one instant, also where a second run had to finish what the first began.
    let earlier = match last {
        Some(_) => {
            node.lake.inbox_records(&[(channel.clone(), [0].into())].into()).await?.first().map(|r| r.received_at)
        }
        None => None,
    };
    let received_at = earlier.or(received_at).unwrap_or_else(|| node.clock_now());
    let mut headers = reader.headers.clone();
    headers.extend(file.headers());
    let (source, headers): (Arc<str>, _) = (reader.source.as_str().into(), Arc::new(headers));
    let bar = output::bytes_bar("import", file.bytes_total());
    let mut rows = file.rows(done)?;
    let mut batch_rows = FIRST_BATCH_ROWS;
    loop {
        let (returned, batch) = tokio::task::spawn_blocking(move || {
            let batch = rows.next_batch(batch_rows, BATCH_BYTES);
            (rows, batch)
        })
        .await?;
        rows = returned;
        batch_rows = (batch_rows * 2).min(BATCH_ROWS_MAX);
        let Some(batch) = batch else { break };
        let batch = batch?;
        let Some(first) = batch.first().and_then(|row| i64::try_from(row.number).ok()) else { break };
        let records: Vec<Incoming> = batch
            .into_iter()
            .map(|row| Incoming {
                source: Arc::clone(&source),
                received_at,
                headers: Arc::clone(&headers),
                payload: row.payload.into(),
            })
            .collect();
        taken.rows += records.len() as u64;
        append_rows(&node.lake, &channel, first, records).await.map_err(|error| match error {
            lake::LakeError::Conflict { .. } => anyhow!("another import of this file is at work; wait for it to end"),
            error => error.into(),
        })?;
        node.arrived();
        taking.keep_pace(node).await;
        bar.set_position(rows.bytes_read());
    }
    bar.finish_and_clear();
    taken.files += 1;
    taken.already += done;
    taken.channels.push(channel);
    Ok(())
}

/// The channel of a file: named by its content and its source, since two mappings may read one file. A report whose scope
/// is stated goes through a channel of its own, since the same content says something else of another scope.
fn channel(reader: &Reader, file: &ImportFile) -> String {
    let channel = format!("{}/{}", file.file_channel(), reader.source);
    if reader.options.unit == ImportUnit::Row || reader.headers.is_empty() {
        return channel;
    }
    let said: Vec<String> = reader.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let hash: String = blake3::hash(said.join("\n").as_bytes()).to_hex().chars().take(16).collect();
    format!("{channel}/{hash}")
}

/// Where what cannot be read twice is copied to while it is imported.
fn copies_dir(node: &Node) -> PathBuf {
    node.lake.root().join(".imports")
}

/// Says what came of the files, outcome by outcome.
async fn report(node: &Node, taken: &Taken) -> Result<()> {
    output::say(&format!("{} files: {} rows taken in, {} were in already", taken.files, taken.rows, taken.already));
    let channels: Vec<String> = taken.channels.iter().map(|channel| format!("'{channel}'")).collect();
    let sql = format!(
        "SELECT outcome, count(*) AS records FROM facts.outcomes WHERE channel IN ({}) GROUP BY outcome ORDER BY outcome",
        channels.join(", ")
    );
    let answer = node.engine.answer(&query::Question { sql, ..query::Question::default() }).await?;
    output::say(&output::table(&answer)?.to_string());
    output::say("`tributary rejects` shows what could not be read, and how to mend it");
    Ok(())
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.trim().to_lowercase(), value.trim().to_owned()))
}

//! `tributary mapping check`: what a mapping makes of a sample, before anything is taken in.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use anyhow::{Result, anyhow, bail};
use clap::Subcommand;
use comfy_table::{Table, presets};
use ingestion::ImportFile;
use model::{Fact, Headers, RawRecord};
use normalization::{Mapping, MappingError, MappingFile, Normalizer, Verdict};

use crate::{
    import,
    node::{NodeOptions, now},
    output, settings,
};

/// What may be asked of mappings.
#[derive(Debug, Subcommand)]
pub enum MappingCommand {
    /// Check a mapping: its file, the tests in it, and what it makes of a sample.
    Check {
        /// The mapping's file.
        file: PathBuf,
        /// A file that it should read.
        #[arg(long)]
        sample: Option<PathBuf>,
        /// Reports: the account, where the report does not say it.
        #[arg(long)]
        account: Option<String>,
        /// Reports: the account's IANA zone, where neither report nor mapping says it.
        #[arg(long)]
        zone: Option<String>,
        /// Reports: the account's currency, ISO 4217, where the report does not say it.
        #[arg(long)]
        currency: Option<String>,
        /// How many facts are shown.
        #[arg(long, default_value_t = 5)]
        facts: usize,
    },
}

/// Why rows of the sample were refused: how many, the first of them, and what was said of it.
#[derive(Debug, Default)]
struct Refused {
    rows: usize,
    first_row: i64,
    message: String,
    fix: String,
}

/// A file to try a mapping on.
struct Sample<'a> {
    path: &'a std::path::Path,
    /// What an import would say beside it.
    beside: Headers,
    /// How many facts are shown.
    facts: usize,
}

/// What a mapping makes of a sample.
#[derive(Debug, Default)]
struct Outcome {
    rows: usize,
    facts: BTreeMap<&'static str, usize>,
    shown: Vec<String>,
    ignored: BTreeMap<&'static str, usize>,
    /// Ids of orders that rows state alone, with how many do.
    orders: BTreeMap<String, usize>,
    refused: BTreeMap<&'static str, Refused>,
}

/// Does what the command says.
///
/// # Errors
/// Where the mapping has mistakes, one of its tests fails, or the sample cannot be read.
pub fn run(command: MappingCommand, options: &NodeOptions) -> Result<()> {
    let MappingCommand::Check { file, sample, account, zone, currency, facts } = command;
    let loaded = settings::load(options.config.as_deref())?;
    let normalizer = crate::node::normalizer(&loaded.settings)?;
    let text = settings::read_mapping(&file)?;
    let mapping = normalizer.mapping(&text).map_err(|mistakes| anyhow!(problems(&mistakes)))?;
    run_tests(&mapping)?;
    let Some(sample) = sample else {
        output::say("sound; --sample DATA shows what it makes of a file");
        return Ok(());
    };
    let said = [("tributary-account", account), ("tributary-account-zone", zone), ("tributary-currency", currency)];
    let beside: Headers = said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    let outcome = read_sample(&normalizer, &text, mapping, &Sample { path: &sample, beside, facts })?;
    print(&outcome);
    if outcome.facts.is_empty() { bail!("the sample gives no fact") } else { Ok(()) }
}

/// Every mistake of a mapping, a line each.
#[must_use]
pub fn problems(mistakes: &[MappingError]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn run_tests(mapping: &Mapping) -> Result<()> {
    let results = mapping.run_tests();
    let failed: Vec<String> = results
        .iter()
        .filter(|result| !result.passed)
        .map(|result| format!("test \"{}\" fails: {}", result.name, result.detail))
        .collect();
    if !failed.is_empty() {
        bail!("{}", failed.join("\n"));
    }
    output::say(&format!("{} tests pass", results.len()));
    Ok(())
}

fn read_sample(normalizer: &Normalizer, file: &MappingFile, mapping: Mapping, sample: &Sample<'_>) -> Result<Outcome> {
    let options = import::mapping_options(file, None, std::env::temp_dir());
    let data = ImportFile::open(sample.path, &options)?;
    if let Some(columns) = data.columns() {
        mapping.check_columns(columns)?;
    }
    let normalizer = normalizer.with_mappings(vec![mapping])?;
    let mut headers: Headers = data.headers();
    headers.extend(sample.beside.clone());
    let (source, channel, headers) = (Arc::from(file.name.as_str()), Arc::from(data.file_channel()), Arc::new(headers));
    let mut outcome = Outcome::default();
    for (offset, row) in (0..).zip(data.rows(0)?) {
        let record = RawRecord {
            source: Arc::clone(&source),
            channel: Arc::clone(&channel),
            offset,
            received_at: now(),
            headers: Arc::clone(&headers),
            payload: row?.payload.into(),
        };
        outcome.take(offset, normalizer.normalize(&record).verdict, sample.facts);
    }
    Ok(outcome)
}

impl Outcome {
    fn take(&mut self, row: i64, verdict: Verdict, facts_shown: usize) {
        self.rows += 1;
        match verdict {
            Verdict::Facts(facts) => {
                for fact in facts {
                    if let Fact::OrderVersion(order) = &fact
                        && order.part.is_none()
                    {
                        *self.orders.entry(order.order_id.clone()).or_insert(0) += 1;
                    }
                    *self.facts.entry(kind(&fact)).or_insert(0) += 1;
                    if self.shown.len() < facts_shown {
                        self.shown.push(format!("row {row}: {}", normalization::readable_fact(&fact)));
                    }
                }
            }
            Verdict::Ignored { reason } => *self.ignored.entry(reason).or_insert(0) += 1,
            Verdict::Rejected(reject) => {
                let entry = self.refused.entry(reject.reason).or_default();
                if entry.rows == 0 {
                    *entry = Refused { rows: 0, first_row: row, message: reject.message, fix: reject.fix };
                }
                entry.rows += 1;
            }
        }
    }
}

fn print(outcome: &Outcome) {
    outcome.shown.iter().for_each(|fact| output::say(fact));
    let facts: Vec<String> = outcome.facts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    output::say(&format!(
        "{} rows give {}",
        outcome.rows,
        if facts.is_empty() { "nothing".to_owned() } else { facts.join(", ") }
    ));
    if let Some((id, rows)) = outcome.orders.iter().find(|(_, rows)| **rows > 1) {
        let several = outcome.orders.values().filter(|rows| **rows > 1).count();
        output::say(&format!(
            "warning: {several} orders stand in several rows each, such as \"{id}\" in {rows}, and each row replaces the \
             one before it; is `grouped: true` missing in the order?"
        ));
    }
    for (reason, rows) in &outcome.ignored {
        output::say(&format!("{rows} rows are ignored: {reason}"));
    }
    if outcome.refused.is_empty() {
        output::say("no row is refused");
        return;
    }
    let mut table = Table::new();
    table.load_style(presets::ASCII_BORDERS_ONLY_CONDENSED);
    table.set_header(["refused", "reason", "first row", "what", "how to mend it"]);
    for (reason, refused) in &outcome.refused {
        let (rows, first) = (refused.rows.to_string(), refused.first_row.to_string());
        table.add_row([rows.as_str(), reason, &first, &refused.message, &refused.fix]);
    }
    output::say(&table.to_string());
}

fn kind(fact: &Fact) -> &'static str {
    match fact {
        Fact::Event(_) => "events",
        Fact::OrderVersion(_) => "order versions",
        Fact::Refund(_) => "refunds",
        Fact::Pull(_) => "pulls",
        Fact::Claim(_) => "claims",
        Fact::Cost(_) => "costs",
        Fact::Rate(_) => "rates",
        Fact::Edge(_) => "edges",
        Fact::Witness(_) => "witnesses",
    }
}

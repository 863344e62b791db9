//! The command line.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use model::UtcMillis;
use query::{Answer, Question};

use crate::{
    decide, demo, identity, import, mapping,
    node::{Node, NodeOptions, told_to_stop},
    output, replay, settings, upkeep,
};

/// Many streams of events, one river of truth.
#[derive(Debug, Parser)]
#[command(name = "tributary", version)]
pub struct Arguments {
    /// Folder of the lake.
    #[arg(long, global = true, default_value = "data")]
    data: PathBuf,
    /// Folder with tributary.toml, channels.yaml and definitions/; without it `config/`, else what is shipped.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// How logs are written, to standard error. `TRIBUTARY_LOG=debug` shows more.
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum LogFormat {
    /// A line each.
    Text,
    /// A JSON object each.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Simulate a shop, send its payloads through the real doors, and show what comes out.
    Demo(demo::DemoArguments),
    /// Take in what shops and pages send, and answer questions, until Ctrl-C.
    Serve,
    /// Take in files: exports of any shape by a mapping, events and orders line by line, reports of ad platforms.
    Import(import::ImportArguments),
    /// Read records again by the mapping or adapter in force now; earlier instants keep their answers.
    Replay(replay::ReplayArguments),
    /// Forget all facts and build them anew from the inbox, at the instants at which they were first known.
    Rebuild,
    /// Prove what is stored: order, uniqueness, counts, bounds, positions. Names what is wrong and ends with 1.
    Fsck,
    /// Merge all events into as few files as there should be: what was imported is asked soon, and no more comes.
    Compact,
    /// Delete files that compaction and superseding took out of force. History is in the rows and stays.
    Vacuum(upkeep::VacuumArguments),
    /// Mappings: how rows of files become facts.
    Mapping {
        #[command(subcommand)]
        command: mapping::MappingCommand,
    },
    /// What stewards decide: definitions, channel rules, mappings.
    Definitions {
        #[command(subcommand)]
        command: DefinitionsCommand,
    },
    /// Who is who: look, link two nodes, unlink them, and see before what would move.
    Identity {
        #[command(subcommand)]
        command: identity::IdentityCommand,
    },
    /// Answer a question in SQL (read-only).
    Sql {
        /// The statement.
        sql: String,
        #[command(flatten)]
        asking: Asking,
    },
    /// Answer a metric by its contract.
    Metric {
        /// Its name, such as `revenue_per_session`.
        name: String,
        /// day, week, month or all.
        #[arg(long)]
        grain: Option<String>,
        /// A dimension that the contract reaches, such as `channel`.
        #[arg(long)]
        by: Option<String>,
        /// ISO 4217; without it a row for each currency.
        #[arg(long)]
        currency: Option<String>,
        #[command(flatten)]
        range: Range,
        #[command(flatten)]
        asking: Asking,
    },
    /// Answer a funnel by its definition.
    Funnel {
        /// Its name, such as `checkout`.
        name: String,
        #[command(flatten)]
        range: Range,
        #[command(flatten)]
        asking: Asking,
    },
    /// Walk a platform's claim down to the house number, line by line.
    Bridge {
        /// Such as `google_ads`.
        platform: String,
        /// One account only.
        #[arg(long)]
        account: Option<String>,
        /// House policy.
        #[arg(long)]
        policy: Option<String>,
        #[command(flatten)]
        range: Range,
        #[command(flatten)]
        asking: Asking,
    },
    /// What could not be read, by source and reason, with an example and how to mend it.
    Rejects {
        #[command(flatten)]
        asking: Asking,
    },
    /// How much came in, and how fresh the answers are.
    Status {
        #[command(flatten)]
        asking: Asking,
    },
    /// Settings and definitions.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
}

#[derive(Debug, Subcommand)]
enum DefinitionsCommand {
    /// Put what the files say in force, from now on.
    Apply {
        /// Say what would change, and change nothing.
        #[arg(long)]
        preview: bool,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Read every file and say what is wrong with it.
    Check,
}

/// As of when a question is asked, and how its answer is written.
#[derive(Debug, Args)]
pub struct Asking {
    /// As of an instant, RFC 3339; without it the last published.
    #[arg(long)]
    pub as_of: Option<String>,
    /// By the definitions in force at another instant, RFC 3339: old facts under other rules.
    #[arg(long)]
    definitions_as_of: Option<String>,
    /// How the answer is written.
    #[arg(long, value_enum, default_value = "table")]
    pub format: output::OutputFormat,
}

#[derive(Debug, Args)]
struct Range {
    /// First day, such as 2026-01-01.
    #[arg(long)]
    from: Option<String>,
    /// Last day, included.
    #[arg(long)]
    to: Option<String>,
    /// IANA zone in which days are cut; without it the reporting zone.
    #[arg(long)]
    zone: Option<String>,
}

const REJECTS: &str = "SELECT source, reason, count(*) AS records, min(received_at) AS first_at, \
    max(received_at) AS last_at, \
    first_value(message ORDER BY received_at, channel, \"offset\") AS example, \
    first_value(fix ORDER BY received_at, channel, \"offset\") AS fix \
    FROM facts.rejects GROUP BY source, reason ORDER BY records DESC, source, reason";
const STATUS: &str = "SELECT source, outcome, count(*) AS records, max(received_at) AS newest_at \
    FROM facts.outcomes GROUP BY source, outcome ORDER BY source, outcome";

/// Does what the arguments say.
///
/// # Errors
/// One line that says what is wrong and how to mend it.
pub async fn run(arguments: Arguments) -> Result<()> {
    let options = NodeOptions { data: arguments.data, config: arguments.config, simulated: false };
    match arguments.command {
        Command::Demo(demo) => demo::run(demo, options).await,
        Command::Serve => serve(options).await,
        Command::Import(arguments) => import::run(arguments, &options).await,
        Command::Replay(arguments) => replay::run(arguments, &options).await,
        Command::Rebuild => replay::rebuild(&options).await,
        Command::Fsck => upkeep::fsck(&options).await,
        Command::Compact => upkeep::compact(&options).await,
        Command::Vacuum(arguments) => upkeep::vacuum(arguments, &options).await,
        Command::Mapping { command } => mapping::run(command, &options),
        Command::Definitions { command: DefinitionsCommand::Apply { preview } } => apply(&options, preview).await,
        Command::Identity { command } => identity::run(command, &options).await,
        Command::Sql { sql, asking } => ask(&options, sql, &asking).await,
        Command::Metric { name, grain, by, currency, range, asking } => {
            let named = [("grain", grain), ("by", by), ("currency", currency)];
            ask(&options, call("metric", &name, &named, range), &asking).await
        }
        Command::Funnel { name, range, asking } => ask(&options, call("funnel", &name, &[], range), &asking).await,
        Command::Bridge { platform, account, policy, range, asking } => {
            let named = [("account", account), ("policy", policy)];
            ask(&options, call("bridge", &platform, &named, range), &asking).await
        }
        Command::Rejects { asking } => ask(&options, REJECTS.to_owned(), &asking).await,
        Command::Status { asking } => ask(&options, STATUS.to_owned(), &asking).await,
        Command::Config { command: ConfigCommand::Check } => check(options.config.as_deref()),
    }
}

async fn serve(options: NodeOptions) -> Result<()> {
    let node = Node::start(&options).await?;
    let serving = node.serve().await?;
    output::say(&format!("listening on http://{}", serving.address()));
    told_to_stop().await?;
    output::say("stopping");
    serving.stop().await
}

async fn apply(options: &NodeOptions, preview: bool) -> Result<()> {
    let node = Node::open(options).await?;
    let proposals = node.proposals().await?;
    for proposal in proposals.iter().filter(|proposal| proposal.change != decide::Change::Unchanged) {
        let row = &proposal.row;
        let version = row.hash.get(..12).unwrap_or(&row.hash);
        output::say(&format!("{} {} {} · {version} · {}", proposal.change.word(), row.kind, row.name, row.status));
    }
    let unchanged = proposals.iter().filter(|proposal| proposal.change == decide::Change::Unchanged).count();
    output::say(&format!("{unchanged} unchanged"));
    if preview {
        output::say("preview, nothing is changed");
        return Ok(());
    }
    decide::record(&node.lake, &proposals).await?;
    node.take_in().await?;
    if let Some(last) = node.lake.last_instant().await? {
        output::say(&format!("in force as of {}", last.known_at));
    }
    Ok(())
}

async fn ask(options: &NodeOptions, sql: String, asking: &Asking) -> Result<()> {
    options.refuse_absent()?;
    let answer = answer(&Node::open(options).await?, sql, asking).await?;
    output::print(&answer, asking.format)
}

/// Answers SQL as it is asked.
///
/// # Errors
/// What is wrong with the question, or what failed.
pub async fn answer(node: &Node, sql: String, asking: &Asking) -> Result<Answer> {
    let as_of = asking.as_of.as_deref().map(UtcMillis::parse).transpose().context("--as-of")?;
    let definitions_as_of =
        asking.definitions_as_of.as_deref().map(UtcMillis::parse).transpose().context("--definitions-as-of")?;
    let question = Question { sql, as_of, definitions_as_of, ..Question::default() };
    Ok(node.engine.answer(&question).await?)
}

fn check(config: Option<&std::path::Path>) -> Result<()> {
    let loaded = settings::load(config)?;
    if !loaded.mapping_mistakes.is_empty() {
        bail!("{}", loaded.mapping_mistakes.join("\n"));
    }
    output::say(&format!(
        "sound: {} sources, {} metrics, {} funnels, {} house policies, {} platform policies, {} channels",
        loaded.settings.sources.len(),
        loaded.definitions.metrics.len(),
        loaded.definitions.funnels.len(),
        loaded.definitions.house_policies.len(),
        loaded.definitions.platform_policies.len(),
        loaded.channels.channels.len(),
    ));
    Ok(())
}

/// A text as SQL writes it, so that an argument can never become SQL.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The SQL of a table function's call.
fn call(function: &str, name: &str, named: &[(&str, Option<String>)], range: Range) -> String {
    let mut arguments = vec![quoted(name)];
    let range = [("from", range.from), ("to", range.to), ("zone", range.zone)];
    for (key, value) in named.iter().chain(&range) {
        if let Some(value) = value {
            arguments.push(format!("{key} => {}", quoted(value)));
        }
    }
    format!("SELECT * FROM {function}({})", arguments.join(", "))
}

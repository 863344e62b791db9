//! `tributary identity`: who is who, what a steward's decision would move, and the decision itself.

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use model::UtcMillis;
use normalization::{PairDecision, StewardDecision, steward};
use pipeline::decisions;

use crate::{
    cli::{self, Asking},
    node::{Node, NodeOptions},
    output,
};

/// What may be asked of identity. Nodes are written as table `persons` shows them.
#[derive(Debug, Subcommand)]
pub enum IdentityCommand {
    /// Say that two nodes are one person, from now on.
    Link(Decided),
    /// Say that the edges between two nodes do not count, from now on; until they are linked again.
    Unlink(Decided),
    /// Show whom and what a link or unlink would move, and change nothing.
    Preview {
        /// `link` or `unlink`.
        #[arg(value_parser = decision_named)]
        decision: PairDecision,
        #[command(flatten)]
        pair: Pair,
        #[command(flatten)]
        asking: Asking,
    },
    /// Show the person of a node: all nodes of it, and which of them are hubs.
    Show {
        /// Such as `user::u1`, `device:web:d1`, `customer:shop:5`, `contact::<hash>`.
        node: String,
        #[command(flatten)]
        asking: Asking,
    },
}

/// Two nodes.
#[derive(Debug, Args)]
pub struct Pair {
    /// Such as `user::u1`, `device:web:d1`, `customer:shop:5`, `contact::<hash>`.
    a: String,
    /// Another node.
    b: String,
}

/// A decision with who takes it and why. Both stand in the inbox alone.
#[derive(Debug, Args)]
pub struct Decided {
    #[command(flatten)]
    pair: Pair,
    /// Who decides.
    #[arg(long)]
    by: String,
    /// Why, such as a ticket.
    #[arg(long)]
    reason: String,
}

/// Does what the command says.
///
/// # Errors
/// Where a node is none, an unlink names no edge, or the lake is unreadable.
pub async fn run(command: IdentityCommand, options: &NodeOptions) -> Result<()> {
    options.refuse_absent()?;
    let node = Node::open(options).await?;
    match command {
        IdentityCommand::Link(decided) => decide(&node, PairDecision::Link, decided).await,
        IdentityCommand::Unlink(decided) => decide(&node, PairDecision::Unlink, decided).await,
        IdentityCommand::Preview { decision, pair, asking } => preview(&node, decision, &pair, &asking).await,
        IdentityCommand::Show { node: shown, asking } => show(&node, &shown, &asking).await,
    }
}

/// Records the decision, beside a running process too, and waits until it is known.
async fn decide(node: &Node, decision: PairDecision, decided: Decided) -> Result<()> {
    let Decided { pair: Pair { a, b }, by, reason } = decided;
    if by.trim().is_empty() || reason.trim().is_empty() {
        bail!("--by or --reason is empty, expected who decides, and why");
    }
    let (one, other) = steward::read_pair(&a, &b)?;
    // What waits may hold the edge that is to be unlinked, or an earlier decision on the pair.
    node.take_in().await?;
    if decision == PairDecision::Unlink {
        let as_of = node.engine.moment(None).await?.known_at;
        let settings = node.settings.engine();
        query::identity_preview::check_unlink(&node.lake, as_of, &settings, (&one, &other)).await?;
    }
    let at = decided_at(node).await?;
    let record = decisions::identity_record(&StewardDecision { decision, a, b, by, reason, at })?;
    pipeline::append_records(&node.lake, decisions::IDENTITY, vec![record]).await?;
    node.take_in().await?;
    let last = node.lake.last_instant().await?.context("the decision is stored and not taken in yet")?;
    output::say(&format!("known as of {}; answers as of earlier instants stay as they were", last.known_at));
    Ok(())
}

async fn preview(node: &Node, decision: PairDecision, pair: &Pair, asking: &Asking) -> Result<()> {
    let mut arguments = vec![cli::quoted(decision.name()), cli::quoted(&pair.a), cli::quoted(&pair.b)];
    if asking.as_of.is_none() {
        arguments.push(cli::quoted(&decided_at(node).await?.to_string()));
    }
    let sql = format!("SELECT * FROM identity_preview({})", arguments.join(", "));
    output::print(&cli::answer(node, sql, asking).await?, asking.format)
}

async fn show(node: &Node, shown: &str, asking: &Asking) -> Result<()> {
    let read = steward::read_node("NODE", shown)?;
    let person = format!("(SELECT person_id FROM persons WHERE node = {})", cli::quoted(shown));
    let sql = format!("SELECT * FROM persons WHERE person_id = {person} ORDER BY kind, node");
    let answer = cli::answer(node, sql, asking).await?;
    if answer.rows() == 0 {
        bail!("no edge names \"{shown}\": it stands alone, as the person {}", read.person_id());
    }
    output::print(&answer, asking.format)
}

fn decision_named(name: &str) -> Result<PairDecision, String> {
    PairDecision::from_name(name).ok_or_else(|| "expected link or unlink".to_owned())
}

/// The instant of a decision that is taken now: later than all that is known, so that it is the latest on its pair.
async fn decided_at(node: &Node) -> Result<UtcMillis> {
    let last = node.lake.last_instant().await?;
    Ok(last.map_or(node.clock_now(), |last| node.clock_now().max(last.known_at.plus_ms(1))))
}

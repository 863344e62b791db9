//! Definitions, channel rules and mappings: the files are proposals, what was applied is in force.
//!
//! A start of the house or `tributary definitions apply` records what is new, changed or gone as records of the inbox, so
//! that every instant answers by what was in force at it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use definitions::Definitions;
use lake::Lake;
use model::{UtcMillis, traffic::ChannelRules};
use normalization::{MappingFile, MappingStatus};
use pipeline::decisions;
use tables::DefinitionRow;

use crate::settings::Loaded;

/// What applying a proposal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing of this kind and name was in force.
    New,
    /// Another text or status was in force.
    Changed,
    /// It is in force already.
    Unchanged,
    /// Its file is gone.
    Withdrawn,
}

impl Change {
    /// As it is shown.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// One definition beside what applying it does.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// What it says.
    pub row: DefinitionRow,
    /// What applying it does.
    pub change: Change,
}

/// Every definition of the configuration, channel rules and mappings included, that would come into force at `at`.
///
/// # Errors
/// Where one cannot be written as canonical text, which would be a defect.
pub fn rows(
    definitions: &Definitions,
    channels: &ChannelRules,
    mappings: &[MappingFile],
    at: UtcMillis,
) -> Result<Vec<DefinitionRow>> {
    let mut rows: Vec<DefinitionRow> = definitions
        .stored_rows()
        .into_iter()
        .map(|stored| DefinitionRow {
            kind: stored.kind.to_owned(),
            name: stored.name.to_owned(),
            hash: stored.hash.to_owned(),
            status: stored.status.name().to_owned(),
            text: stored.text.to_owned(),
            in_force_at: at,
        })
        .collect();
    let channels = serde_json::to_string(channels).context("channel rules cannot be written")?;
    rows.push(row("channels", "default", "approved", channels, at));
    rows.extend(mappings.iter().map(|mapping| mapping_row(mapping, at)));
    Ok(rows)
}

/// A mapping as it would come into force at `at`.
#[must_use]
pub fn mapping_row(mapping: &MappingFile, at: UtcMillis) -> DefinitionRow {
    row(pipeline::adapters::MAPPING, &mapping.name, status(mapping), mapping.canonical_text(), at)
}

/// What applying `proposed` would do. With `all`, definitions in force that are not among them are withdrawn; mappings
/// never are, since a mapping may be applied from any place and its records stay.
///
/// # Errors
/// Where the lake is unreadable.
pub async fn compare(lake: &Lake, proposed: Vec<DefinitionRow>, all: Option<UtcMillis>) -> Result<Vec<Proposal>> {
    let mut in_force: BTreeMap<(String, String), DefinitionRow> = decisions::in_force(lake).await?;
    let mut proposals = Vec::new();
    for row in proposed {
        let change = match in_force.remove(&(row.kind.clone(), row.name.clone())) {
            None => Change::New,
            Some(old) if old.hash == row.hash && old.status == row.status => Change::Unchanged,
            Some(_) => Change::Changed,
        };
        proposals.push(Proposal { row, change });
    }
    if let Some(at) = all {
        let gone = in_force.into_values().filter(|row| row.kind != pipeline::adapters::MAPPING);
        proposals.extend(gone.map(|row| Proposal {
            row: DefinitionRow { status: decisions::WITHDRAWN.to_owned(), in_force_at: at, ..row },
            change: Change::Withdrawn,
        }));
    }
    Ok(proposals)
}

/// Records what is new, changed or gone. They are in force once the normaliser has taken them in.
///
/// # Errors
/// Where the inbox takes no records.
pub async fn record(lake: &Lake, proposals: &[Proposal]) -> Result<()> {
    let changed = proposals.iter().filter(|proposal| proposal.change != Change::Unchanged);
    let records: Vec<_> = changed.map(|proposal| decisions::record(&proposal.row)).collect();
    pipeline::append_records(lake, decisions::CHANNEL, records).await?;
    Ok(())
}

/// Everything that the configuration proposes, against what is in force.
///
/// # Errors
/// Where the lake is unreadable.
pub async fn proposals(lake: &Lake, loaded: &Loaded, at: UtcMillis) -> Result<Vec<Proposal>> {
    let rows = rows(&loaded.definitions, &loaded.channels, &loaded.mappings, at)?;
    compare(lake, rows, Some(at)).await
}

fn status(mapping: &MappingFile) -> &'static str {
    match mapping.status {
        MappingStatus::Approved => "approved",
        MappingStatus::Draft => "draft",
    }
}

fn row(kind: &str, name: &str, status: &str, text: String, in_force_at: UtcMillis) -> DefinitionRow {
    DefinitionRow {
        kind: kind.to_owned(),
        name: name.to_owned(),
        hash: blake3::hash(text.as_bytes()).to_hex().to_string(),
        status: status.to_owned(),
        text,
        in_force_at,
    }
}

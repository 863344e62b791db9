//! What the house knows about its own work: instants, outcomes, rejects, definitions in force.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use arrow_array::RecordBatch;
use model::{Digest, UtcMillis};

use crate::{
    cells::{Cells, TableError, text_at},
    column::{Column, Stored, Value, optional, required},
    table::Table,
};

/// One published batch: what no instant has published does not exist for a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstantRow {
    /// The instant, strictly increasing.
    pub known_at: UtcMillis,
    /// Channel → last offset taken in, up to and with this batch.
    pub positions: BTreeMap<String, i64>,
    /// Version of the adapters that normalised it.
    pub adapters: String,
    /// True where the lake is filled on a simulated clock; nothing in it is ever certified.
    pub simulated: bool,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Its facts are in force.
    Kept,
    /// Another copy of its key is in force.
    Duplicate,
    /// Unreadable; stands in `rejects`.
    Quarantined,
    /// Readable, and by rule without facts.
    Ignored,
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeRow {
    /// Door.
    pub channel: Arc<str>,
    /// Count within the door.
    pub offset: i64,
    /// The configured source.
    pub source: Arc<str>,
    /// Digest of the record's key.
    pub key: Digest,
    /// Hash of its payload.
    pub content_hash: Digest,
    /// When it came.
    pub received_at: UtcMillis,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, for quarantined and ignored records.
    pub reason: Option<Cow<'static, str>>,
    /// True for a duplicate whose content differs from the copy in force.
    pub conflicting: bool,
}

/// A record that became no fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectRow {
    /// Door.
    pub channel: Arc<str>,
    /// Count within the door.
    pub offset: i64,
    /// The configured source.
    pub source: Arc<str>,
    /// Digest of the record's key.
    pub key: Digest,
    /// When it came.
    pub received_at: UtcMillis,
    /// Stable code.
    pub reason: String,
    /// What was found, where, and what was expected.
    pub message: String,
    /// How to mend it.
    pub fix: String,
}

/// A definition as it came into force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionRow {
    /// `semantic_model`, `metric`, `funnel`, `policy`, `platform_policy`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Hash of its canonical text.
    pub hash: String,
    /// `draft` or `approved`.
    pub status: String,
    /// Its text.
    pub text: String,
    /// From when on it is in force.
    pub in_force_at: UtcMillis,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Kept, Self::Duplicate, Self::Quarantined, Self::Ignored];

    /// The stored name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Duplicate => "duplicate",
            Self::Quarantined => "quarantined",
            Self::Ignored => "ignored",
        }
    }
}

impl Stored for InstantRow {
    const TABLE: Table = Table::Instants;

    fn columns() -> Vec<Column<Self>> {
        vec![
            required("known_at", "The instant, UTC", Value::Instant(|r| Some(r.known_at))),
            required(
                "positions",
                "Channel to last offset taken in, a JSON object",
                Value::Text(|r| Some(Cow::Owned(serde_json::to_string(&r.positions).unwrap_or_default()))),
            ),
            required("adapters", "Version of the adapters", Value::Text(|r| Some(Cow::Borrowed(&r.adapters)))),
            required("simulated", "True on a simulated clock", Value::Flag(|r| Some(r.simulated))),
        ]
    }
}

impl InstantRow {
    /// Reads instants back.
    ///
    /// # Errors
    /// [`TableError`] where a column is missing or positions are unreadable.
    pub fn read(batch: &RecordBatch) -> Result<Vec<Self>, TableError> {
        let cells = Cells::new(batch);
        let (known_at, positions) = (cells.instant("known_at")?, cells.text("positions")?);
        let (adapters, simulated) = (cells.text("adapters")?, cells.flag("simulated")?);
        (0..cells.rows())
            .map(|row| {
                let positions = serde_json::from_str(positions.value(row)).map_err(|error| TableError::Value {
                    column: "positions",
                    row,
                    reason: error.to_string(),
                })?;
                Ok(Self {
                    known_at: known_at.get(row),
                    positions,
                    adapters: adapters.value(row).to_owned(),
                    simulated: simulated.value(row),
                })
            })
            .collect()
    }
}

impl Stored for OutcomeRow {
    const TABLE: Table = Table::Outcomes;

    fn columns() -> Vec<Column<Self>> {
        vec![
            required("channel", "Door it came through", Value::Text(|r| Some(Cow::Borrowed(&r.channel)))),
            required("offset", "Count within the channel", Value::Int(|r| Some(r.offset))),
            required("source", "The configured source", Value::Text(|r| Some(Cow::Borrowed(&r.source)))),
            required("key", "Digest of the record's key", Value::Digest(|r| r.key)),
            required("content_hash", "Hash of its payload", Value::Digest(|r| r.content_hash)),
            required("received_at", "When it came, UTC", Value::Instant(|r| Some(r.received_at))),
            required(
                "outcome",
                "kept, duplicate, quarantined or ignored",
                Value::Text(|r| Some(Cow::Borrowed(r.outcome.name()))),
            ),
            optional(
                "reason",
                "Why it was quarantined or ignored",
                Value::Text(|r| r.reason.as_deref().map(Cow::from)),
            ),
            required("conflicting", "A duplicate with other content", Value::Flag(|r| Some(r.conflicting))),
        ]
    }
}

impl OutcomeRow {
    /// Reads outcomes back.
    ///
    /// # Errors
    /// [`TableError`] where a column is missing or an outcome is unknown.
    pub fn read(batch: &RecordBatch) -> Result<Vec<Self>, TableError> {
        let cells = Cells::new(batch);
        let (mut channel, offset, mut source) =
            (cells.shared_text("channel")?, cells.int("offset")?, cells.shared_text("source")?);
        let (key, content_hash) = (cells.digest("key")?, cells.digest("content_hash")?);
        let (received_at, outcome) = (cells.instant("received_at")?, cells.text("outcome")?);
        let (reason, conflicting) = (cells.text("reason")?, cells.flag("conflicting")?);
        (0..cells.rows())
            .map(|row| {
                let name = outcome.value(row);
                let outcome = Outcome::ALL.into_iter().find(|o| o.name() == name).ok_or_else(|| TableError::Value {
                    column: "outcome",
                    row,
                    reason: format!("\"{name}\" is no outcome"),
                })?;
                Ok(Self {
                    channel: channel.get(row),
                    offset: offset.value(row),
                    source: source.get(row),
                    key: key.get(row)?,
                    content_hash: content_hash.get(row)?,
                    received_at: received_at.get(row),
                    outcome,
                    reason: text_at(reason, row).map(|reason| Cow::Owned(reason.to_owned())),
                    conflicting: conflicting.value(row),
                })
            })
            .collect()
    }
}

impl Stored for RejectRow {
    const TABLE: Table = Table::Rejects;

    fn columns() -> Vec<Column<Self>> {
        vec![
            required("channel", "Door it came through", Value::Text(|r| Some(Cow::Borrowed(&r.channel)))),
            required("offset", "Count within the channel", Value::Int(|r| Some(r.offset))),
            required("source", "The configured source", Value::Text(|r| Some(Cow::Borrowed(&r.source)))),
            required("key", "Digest of the record's key", Value::Digest(|r| r.key)),
            required("received_at", "When it came, UTC", Value::Instant(|r| Some(r.received_at))),
            required("reason", "Stable code, such as clock_in_future", Value::Text(|r| Some(Cow::Borrowed(&r.reason)))),
            required("message", "What was found, and where", Value::Text(|r| Some(Cow::Borrowed(&r.message)))),
            required("fix", "How to mend it", Value::Text(|r| Some(Cow::Borrowed(&r.fix)))),
        ]
    }
}

impl Stored for DefinitionRow {
    const TABLE: Table = Table::Definitions;

    fn columns() -> Vec<Column<Self>> {
        vec![
            required("kind", "metric, funnel, policy, …", Value::Text(|r| Some(Cow::Borrowed(&r.kind)))),
            required("name", "Its name", Value::Text(|r| Some(Cow::Borrowed(&r.name)))),
            required("hash", "Hash of its canonical text", Value::Text(|r| Some(Cow::Borrowed(&r.hash)))),
            required("status", "draft or approved", Value::Text(|r| Some(Cow::Borrowed(&r.status)))),
            required("text", "Its text", Value::Text(|r| Some(Cow::Borrowed(&r.text)))),
            required("in_force_at", "From when on it is in force, UTC", Value::Instant(|r| Some(r.in_force_at))),
        ]
    }
}

impl DefinitionRow {
    /// Reads definitions back.
    ///
    /// # Errors
    /// [`TableError`] where a column is missing.
    pub fn read(batch: &RecordBatch) -> Result<Vec<Self>, TableError> {
        let cells = Cells::new(batch);
        let (kind, name, hash) = (cells.text("kind")?, cells.text("name")?, cells.text("hash")?);
        let (status, text, in_force_at) = (cells.text("status")?, cells.text("text")?, cells.instant("in_force_at")?);
        Ok((0..cells.rows())
            .map(|row| Self {
                kind: kind.value(row).to_owned(),
                name: name.value(row).to_owned(),
                hash: hash.value(row).to_owned(),
                status: status.value(row).to_owned(),
                text: text.value(row).to_owned(),
                in_force_at: in_force_at.get(row),
            })
            .collect())
    }
}

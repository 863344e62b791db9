//! Decisions come in through the inbox like everything else: definitions that come into force, replays that somebody
//! ordered, and who stewards say is who. So a rebuild from the inbox takes each of them again, at its own instant.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ingestion::Incoming;
use lake::{Lake, LakeError};
use model::{Headers, RawRecord, RecordKey, UtcMillis};
use normalization::{Reject, StewardDecision};
use serde::{Deserialize, Serialize};
use tables::{Cells, DefinitionRow, Table};

/// Channel of decisions on how records are read and answered: one after the other, in the order in which they were taken.
pub const CHANNEL: &str = "tributary.definitions";
/// Source of definitions.
pub const DEFINITIONS: &str = "tributary.definitions";
/// Source of orders to replay.
pub const REPLAYS: &str = "tributary.replay";

/// Source and channel of what stewards decide about who is who. These decisions change how no record is read, so they are
/// taken in among senders' records.
pub const IDENTITY: &str = normalization::steward::SOURCE;

/// Status of a definition that is no longer in force.
pub const WITHDRAWN: &str = "withdrawn";

/// Which records are read again by the adapters and mappings now in force.
///
/// Whatever comes out otherwise than before is superseded, so that earlier instants keep their answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayRequest {
    /// The source; none: all of them.
    pub source: Option<String>,
    /// True: only records in quarantine.
    pub only_rejected: bool,
    /// This request's share of the records, `0..parts`, told by their keys: a large replay is done in several batches,
    /// so that none holds too much in memory.
    pub part: u32,
    /// How many shares there are, at least 1.
    pub parts: u32,
}

/// A definition as a record for the inbox.
#[must_use]
pub fn record(row: &DefinitionRow) -> Incoming {
    let headers: Headers = [("kind", &row.kind), ("name", &row.name), ("hash", &row.hash), ("status", &row.status)]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect();
    Incoming {
        source: DEFINITIONS.into(),
        received_at: row.in_force_at,
        headers: Arc::new(headers),
        payload: row.text.clone().into_bytes().into(),
    }
}

/// An order to replay as a record for the inbox.
///
/// # Errors
/// Where the request cannot be written, which would be a defect.
pub fn replay_record(request: &ReplayRequest, ordered_at: UtcMillis) -> Result<Incoming, serde_json::Error> {
    let payload = serde_json::to_vec(request)?;
    Ok(Incoming { source: REPLAYS.into(), received_at: ordered_at, headers: Arc::default(), payload: payload.into() })
}

/// A steward's decision as a record for the inbox.
///
/// # Errors
/// Where it cannot be written, which would be a defect.
pub fn identity_record(decision: &StewardDecision) -> Result<Incoming, serde_json::Error> {
    let payload = serde_json::to_vec(decision)?.into();
    Ok(Incoming { source: IDENTITY.into(), received_at: decision.at, headers: Arc::default(), payload })
}

/// Definitions as they came into force up to the last published instant, oldest first; later ones take the place of
/// earlier ones of the same kind and name.
///
/// # Errors
/// [`LakeError`] where the lake is unreadable.
pub async fn recorded(lake: &Lake) -> Result<Vec<DefinitionRow>, LakeError> {
    let Some(last) = lake.last_instant().await? else { return Ok(Vec::new()) };
    recorded_until(lake, last.known_at).await
}

/// As [`recorded`], up to the instant `as_of`.
pub(crate) async fn recorded_until(lake: &Lake, as_of: UtcMillis) -> Result<Vec<DefinitionRow>, LakeError> {
    let snapshot = lake.snapshot(Table::Definitions).await?;
    let mut rows: Vec<(UtcMillis, DefinitionRow)> = Vec::new();
    for batch in lake.read(&snapshot, &[], Some(as_of)).await? {
        let known_at = Cells::new(&batch).instant("known_at")?;
        rows.extend((0..).zip(DefinitionRow::read(&batch)?).map(|(row, definition)| (known_at.get(row), definition)));
    }
    rows.sort_by(|(a_at, a), (b_at, b)| (a_at, a.in_force_at, &a.hash).cmp(&(b_at, b.in_force_at, &b.hash)));
    Ok(rows.into_iter().map(|(_, definition)| definition).collect())
}

/// The definitions in force at the last published instant, by kind and name.
///
/// # Errors
/// [`LakeError`] where the lake is unreadable.
pub async fn in_force(lake: &Lake) -> Result<BTreeMap<(String, String), DefinitionRow>, LakeError> {
    let mut rows: BTreeMap<_, _> =
        recorded(lake).await?.into_iter().map(|row| ((row.kind.clone(), row.name.clone()), row)).collect();
    rows.retain(|_, row| row.status != WITHDRAWN);
    Ok(rows)
}

/// True for records that decide how others are read or answered, or that they are read again.
pub(crate) fn is_decision(record: &RawRecord) -> bool {
    *record.channel == *CHANNEL
}

/// Of waiting decisions those that make up the next batch: definitions up to the next replay or up to a second decision on
/// the same one, so that each has an instant of its own; or one replay alone.
pub(crate) fn next_batch(mut waiting: Vec<RawRecord>) -> Vec<RawRecord> {
    let mut met = BTreeSet::new();
    let alone = |record: &&RawRecord| {
        let name = |header| record.header(header).unwrap_or_default().to_owned();
        *record.source != *REPLAYS && met.insert((name("kind"), name("name")))
    };
    let definitions = waiting.iter().take_while(alone).count();
    waiting.truncate(definitions.max(1));
    waiting
}

/// Reads a definition's record back. Its key is its place among the decisions: one may be taken again.
pub(crate) fn read_definition(record: &RawRecord) -> (RecordKey, Result<DefinitionRow, Reject>) {
    let header = |name| record.header(name).unwrap_or_default().to_owned();
    let key = key(record);
    let row = String::from_utf8(record.payload.to_vec())
        .map(|text| DefinitionRow {
            kind: header("kind"),
            name: header("name"),
            hash: header("hash"),
            status: header("status"),
            text,
            in_force_at: record.received_at,
        })
        .map_err(|_| Reject {
            reason: "malformed_definition",
            message: "a definition's text is not UTF-8".to_owned(),
            fix: "apply the definition again".to_owned(),
        });
    (key, row)
}

fn key(record: &RawRecord) -> RecordKey {
    RecordKey { source: Arc::clone(&record.source), node: String::new(), id: record.offset.to_string() }
}

/// Reads an order to replay back.
pub(crate) fn read_replay(record: &RawRecord) -> (RecordKey, Result<ReplayRequest, Reject>) {
    let key = key(record);
    let request = serde_json::from_slice(&record.payload).map_err(|error| Reject {
        reason: "malformed_replay",
        message: format!("the order to replay is unreadable: {error}"),
        fix: "order the replay again".to_owned(),
    });
    (key, request)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(sources: &[&str]) -> Vec<RawRecord> {
        (0..)
            .zip(sources)
            .map(|(offset, source)| RawRecord {
                source: (*source).into(),
                channel: CHANNEL.into(),
                offset,
                received_at: UtcMillis(0),
                headers: Arc::new([("name".to_owned(), offset.to_string())].into()),
                payload: Vec::new().into(),
            })
            .collect()
    }

    #[test]
    fn two_decisions_on_one_definition_have_an_instant_each() {
        let mut records = waiting(&[DEFINITIONS; 3]);
        for (record, name) in records.iter_mut().zip(["a", "b", "a"]) {
            let headers = [("kind", "mapping"), ("name", name)].map(|(k, v)| (k.to_owned(), v.to_owned()));
            record.headers = Arc::new(headers.into());
        }
        assert_eq!(next_batch(records).len(), 2);
    }

    #[test]
    fn definitions_before_a_replay_come_into_force_first_and_a_replay_stands_alone() {
        let taken = |sources: &[&str]| next_batch(waiting(sources)).len();
        assert_eq!(taken(&[DEFINITIONS, DEFINITIONS, REPLAYS, DEFINITIONS]), 2);
        assert_eq!(taken(&[REPLAYS, REPLAYS]), 1);
        assert_eq!(taken(&[DEFINITIONS]), 1);
        assert_eq!(taken(&[]), 0);
    }

    #[test]
    fn a_replay_is_read_back_as_it_was_ordered() {
        let request = ReplayRequest { source: Some("shop".to_owned()), only_rejected: true, part: 1, parts: 3 };
        let Incoming { source, received_at, headers, payload } = replay_record(&request, UtcMillis(7)).unwrap();
        let record = RawRecord { source, channel: CHANNEL.into(), offset: 0, received_at, headers, payload };
        assert_eq!(read_replay(&record).1, Ok(request));
    }
}

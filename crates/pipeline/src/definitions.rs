//! Definitions come in through the inbox like everything else, so that a replay brings them back.

use ingestion::Incoming;
use model::{Headers, RawRecord, RecordKey, UtcMillis};
use normalization::Reject;
use tables::DefinitionRow;

/// The source under which definitions stand in the inbox, and their channel.
pub const SOURCE: &str = "tributary.definitions";

/// A definition as a record for the inbox.
#[must_use]
pub fn record(row: &DefinitionRow) -> Incoming {
    let headers: Headers = [("kind", &row.kind), ("name", &row.name), ("hash", &row.hash), ("status", &row.status)]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect();
    Incoming {
        source: SOURCE.to_owned(),
        received_at: row.in_force_at,
        headers,
        payload: row.text.clone().into_bytes(),
    }
}

/// Reads a definition's record back. Its key holds the instant too: a definition may come into force again.
pub(crate) fn read(record: &RawRecord) -> (RecordKey, Result<DefinitionRow, Reject>) {
    let header = |name| record.header(name).unwrap_or_default().to_owned();
    let UtcMillis(at) = record.received_at;
    let id = format!("{}/{}/{}/{}/{at}", header("kind"), header("name"), header("status"), header("hash"));
    let key = RecordKey { source: record.source.clone(), node: String::new(), id };
    let row = String::from_utf8(record.payload.clone())
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

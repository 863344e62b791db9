//! `raw.inbox`: records exactly as received.

use std::{borrow::Cow, sync::Arc};

use arrow_array::RecordBatch;
use model::{Headers, RawRecord};

use crate::{
    cells::{Cells, TableError},
    column::{Column, Stored, Value, required},
    table::Table,
};

impl Stored for RawRecord {
    const TABLE: Table = Table::Inbox;

    fn columns() -> Vec<Column<Self>> {
        vec![
            required("source", "The configured source", Value::Text(|r| Some(Cow::Borrowed(&r.source)))),
            required("channel", "Door it came through", Value::Text(|r| Some(Cow::Borrowed(&r.channel)))),
            required("offset", "Count within the channel, from 0", Value::Int(|r| Some(r.offset))),
            required("received_at", "The door's clock, UTC", Value::Instant(|r| Some(r.received_at))),
            required(
                "headers",
                "What stood beside the payload, a JSON object of texts",
                Value::Text(|r| Some(Cow::Owned(serde_json::to_string(&r.headers).unwrap_or_default()))),
            ),
            required("codec", "How the payload is stored: `plain`", Value::Text(|_| Some(Cow::Borrowed("plain")))),
            required("payload", "The bytes as sent", Value::Bytes(|r| &r.payload)),
            required("content_hash", "BLAKE3 of the payload, 128 bits", Value::Digest(RawRecord::content_hash)),
        ]
    }
}

/// Reads records back.
///
/// # Errors
/// [`TableError`] where a column is missing, or a row's headers or codec are unreadable.
pub fn read(batch: &RecordBatch) -> Result<Vec<RawRecord>, TableError> {
    let cells = Cells::new(batch);
    let (mut source, mut channel) = (cells.shared_text("source")?, cells.shared_text("channel")?);
    let (offset, received_at, headers) = (cells.int("offset")?, cells.instant("received_at")?, cells.text("headers")?);
    let (codec, payload) = (cells.text("codec")?, cells.bytes("payload")?);
    let mut last: Option<(&str, Arc<Headers>)> = None;
    (0..cells.rows())
        .map(|row| {
            if codec.value(row) != "plain" {
                let reason = format!("codec \"{}\" is unknown, expected \"plain\"", codec.value(row));
                return Err(TableError::Value { column: "codec", row, reason });
            }
            // Neighbours mostly have the same.
            let text = headers.value(row);
            let headers = match &last {
                Some((same, headers)) if *same == text => Arc::clone(headers),
                _ => Arc::new(serde_json::from_str(text).map_err(|error| TableError::Value {
                    column: "headers",
                    row,
                    reason: error.to_string(),
                })?),
            };
            last = Some((text, Arc::clone(&headers)));
            Ok(RawRecord {
                source: source.get(row),
                channel: channel.get(row),
                offset: offset.value(row),
                received_at: received_at.get(row),
                headers,
                payload: payload.value(row).to_vec().into(),
            })
        })
        .collect()
}

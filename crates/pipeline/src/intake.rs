//! The doors' batches: a position for each record, one commit to the inbox, then the acknowledgement.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ingestion::{BatchReceiver, Incoming};
use lake::{Lake, LakeError};
use model::RawRecord;
use tables::Table;
use tokio::sync::Notify;
use tracing::{error, info_span};

/// The collector's channel.
pub const COLLECTOR: &str = "collector";

/// Most records in one commit to the inbox.
const BATCH_RECORDS_MAX: usize = 50_000;
/// Longest time that a record waits for others.
const BATCH_WAIT: Duration = Duration::from_millis(5);

/// Takes batches from the doors until all of them are gone. A record is acknowledged when its batch is committed and
/// synced; `arrived` is told after each.
pub async fn run_intake(lake: Arc<Lake>, mut doors: BatchReceiver, arrived: Arc<Notify>) {
    while let Some(mut batch) = doors.next_batch(BATCH_RECORDS_MAX, BATCH_WAIT).await {
        let span = info_span!("intake", records = batch.records.len());
        let records = std::mem::take(&mut batch.records);
        match tracing::Instrument::instrument(append_records(&lake, COLLECTOR, records), span).await {
            Ok(_) => {
                batch.ack();
                arrived.notify_one();
            }
            Err(failure) => {
                error!(error = %failure, "batch not stored; its senders are told to retry");
                batch.fail("storage is not available");
            }
        }
    }
}

/// Appends records to a channel of the inbox, at the positions after its last. Returns the last offset, if any.
///
/// The position is read back from the table before every write and checked again by the commit itself, so that neither
/// a crash nor another process on the same channel gives two records one position.
///
/// # Errors
/// [`LakeError`]; nothing is stored then.
pub async fn append_records(lake: &Lake, channel: &str, records: Vec<Incoming>) -> Result<Option<i64>, LakeError> {
    let mut positioned: Vec<RawRecord> =
        (0..).zip(records).map(|(offset, record)| at_position(record, channel, offset)).collect();
    loop {
        let last = lake.transaction(Table::Inbox, channel).await?;
        if positioned.is_empty() {
            return Ok(last);
        }
        let first = last.map_or(0, |last| last + 1);
        (first..).zip(&mut positioned).for_each(|(offset, record)| record.offset = offset);
        let end = first + positioned.len() as i64 - 1;
        match lake.append(channel, last, &mut positioned).await {
            Err(LakeError::Conflict { .. }) => {}
            done => return done.map(|()| Some(end)),
        }
    }
}

/// Appends rows of a file, the first of which is row `first`: a row's number is its offset, for ever.
///
/// # Errors
/// [`LakeError::Conflict`] where the channel does not stand before `first`, because another import of the same file is at
/// work; [`LakeError`] where storage refuses. Nothing is stored then.
pub async fn append_rows(lake: &Lake, channel: &str, first: i64, rows: Vec<Incoming>) -> Result<(), LakeError> {
    let mut positioned: Vec<RawRecord> =
        (first..).zip(rows).map(|(offset, row)| at_position(row, channel, offset)).collect();
    let last = (first > 0).then_some(first - 1);
    lake.append(channel, last, &mut positioned).await
}

fn at_position(record: Incoming, channel: &str, offset: i64) -> RawRecord {
    RawRecord {
        source: record.source,
        channel: channel.to_owned(),
        offset,
        received_at: record.received_at,
        headers: record.headers,
        payload: record.payload,
    }
}

/// The last offset of every channel in the inbox.
///
/// # Errors
/// [`LakeError`] where the inbox is unreadable.
pub async fn inbox_positions(lake: &Lake) -> Result<BTreeMap<String, i64>, LakeError> {
    let mut positions = BTreeMap::new();
    for entry in lake.snapshot(Table::Inbox).await?.files.iter() {
        if let (Some(channel), Some((_, last))) = (entry.constant_text("channel"), entry.integers("offset")) {
            let known = positions.entry(channel.to_owned()).or_insert(last);
            *known = last.max(*known);
        }
    }
    Ok(positions)
}

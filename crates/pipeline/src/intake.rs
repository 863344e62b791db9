//! The doors' batches: a position for each record, one commit to the inbox, then the acknowledgement.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ingestion::{Batch, BatchReceiver, Incoming};
use lake::{Appending, Lake, LakeError};
use model::RawRecord;
use tables::Table;
use tokio::{sync::Notify, task::JoinHandle};
use tracing::error;

/// The collector's channel.
pub const COLLECTOR: &str = "collector";

/// Most records in one commit to the inbox.
const BATCH_RECORDS_MAX: usize = 50_000;
/// Longest time that a record waits for others. While one batch is committed the next gathers anyway.
const BATCH_WAIT: Duration = Duration::from_millis(1);

/// A batch whose file is written and whose log entry is on its way.
struct Publishing {
    /// The last offset of the batch, where it comes through.
    end: i64,
    published: JoinHandle<()>,
}

/// Takes batches from the doors until all of them are gone. A record is acknowledged when its batch is committed and
/// synced; `arrived` is told after each. While one batch's log entry is written, the next batch's file is.
pub async fn run_intake(lake: Arc<Lake>, mut doors: BatchReceiver, arrived: Arc<Notify>) {
    let mut before: Option<Publishing> = None;
    while let Some(mut batch) = doors.next_batch(BATCH_RECORDS_MAX, BATCH_WAIT).await {
        let records = std::mem::take(&mut batch.records);
        let written = write_next(&lake, before.as_ref().map(|before| before.end), records).await;
        settled(before.take()).await;
        match written {
            Ok(Some(appending)) => {
                let (end, lake, arrived) = (appending.end(), Arc::clone(&lake), Arc::clone(&arrived));
                let published = tokio::spawn(async move { publish(&lake, batch, appending, &arrived).await });
                before = Some(Publishing { end, published });
            }
            Ok(None) => batch.ack(),
            Err(failure) => refuse(batch, &failure),
        }
    }
    settled(before).await;
}

/// A batch whose task broke off was dropped by it, so that its senders are told to come again.
async fn settled(publishing: Option<Publishing>) {
    if let Some(Publishing { published, .. }) = publishing
        && let Err(failure) = published.await
    {
        error!(error = %failure, "a batch was not stored; its senders are told to retry");
    }
}

/// Writes the file of a batch that follows `end`, or else what the table holds. None where the batch has no records.
async fn write_next(lake: &Lake, end: Option<i64>, records: Vec<Incoming>) -> Result<Option<Appending>, LakeError> {
    let last = match end {
        Some(end) => Some(end),
        None => lake.transaction(Table::Inbox, COLLECTOR).await?,
    };
    lake.write_records(COLLECTOR, last, positioned(COLLECTOR, following(last), records)).await
}

async fn publish(lake: &Lake, batch: Batch, appending: Appending, arrived: &Notify) {
    let stored = match lake.publish_records(appending).await {
        // The batch before did not come through, or another process stood at the same place.
        Err((LakeError::Conflict { .. }, records)) => append(lake, COLLECTOR, records).await.map(drop),
        Err((failure, _)) => Err(failure),
        Ok(()) => Ok(()),
    };
    match stored {
        Ok(()) => {
            batch.ack();
            arrived.notify_one();
        }
        Err(failure) => refuse(batch, &failure),
    }
}

fn refuse(batch: Batch, failure: &LakeError) {
    error!(error = %failure, "batch not stored; its senders are told to retry");
    batch.fail("storage is not available");
}

/// Appends records to a channel of the inbox, at the positions after its last. Returns the last offset, if any.
///
/// The position is read back from the table before every write and checked again by the commit itself, so that neither
/// a crash nor another process on the same channel gives two records one position.
///
/// # Errors
/// [`LakeError`]; nothing is stored then.
pub async fn append_records(lake: &Lake, channel: &str, records: Vec<Incoming>) -> Result<Option<i64>, LakeError> {
    append(lake, channel, positioned(channel, 0, records)).await
}

async fn append(lake: &Lake, channel: &str, mut records: Vec<RawRecord>) -> Result<Option<i64>, LakeError> {
    loop {
        let last = lake.transaction(Table::Inbox, channel).await?;
        (following(last)..).zip(&mut records).for_each(|(offset, record)| record.offset = offset);
        let Some(appending) = lake.write_records(channel, last, records).await? else { return Ok(last) };
        let end = appending.end();
        match lake.publish_records(appending).await {
            Ok(()) => return Ok(Some(end)),
            Err((LakeError::Conflict { .. }, returned)) => records = returned,
            Err((failure, _)) => return Err(failure),
        }
    }
}

/// Appends rows of a file, the first of which is row `first`: a row's number is its offset, for ever.
///
/// # Errors
/// [`LakeError::Conflict`] where the channel does not stand before `first`, because another import of the same file is at
/// work; [`LakeError`] where storage refuses. Nothing is stored then.
pub async fn append_rows(lake: &Lake, channel: &str, first: i64, rows: Vec<Incoming>) -> Result<(), LakeError> {
    let last = (first > 0).then_some(first - 1);
    match lake.write_records(channel, last, positioned(channel, first, rows)).await? {
        Some(appending) => lake.publish_records(appending).await.map_err(|(failure, _)| failure),
        None => Ok(()),
    }
}

fn following(last: Option<i64>) -> i64 {
    last.map_or(0, |last| last + 1)
}

fn positioned(channel: &str, first: i64, records: Vec<Incoming>) -> Vec<RawRecord> {
    let channel: Arc<str> = channel.into();
    let at = |(offset, record): (i64, Incoming)| RawRecord {
        source: record.source,
        channel: Arc::clone(&channel),
        offset,
        received_at: record.received_at,
        headers: record.headers,
        payload: record.payload,
    };
    (first..).zip(records).map(at).collect()
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

//! One batch on its way into the tables: every table's file is made at once, then the log entries follow one by one, those
//! of `outcomes` first.

use std::{borrow::Borrow, collections::HashSet, num::NonZeroUsize, sync::Arc, thread};

use arrow::array::RecordBatch;
use lake::{Commit, Lake, Written};
use model::{Claim, Cost, Digest, Edge, OrderVersion, Pull, Rate, Refund, UtcMillis, Witness};
use tables::{DefinitionRow, OutcomeRow, RejectRow, Stored, Table, encode_facts, events::PlacedEvent};

use crate::{
    plan::{self, BatchPlan, Supersession},
    stage::{APPLICATION, PipelineError},
};

/// Commits a batch's rows to every fact table. With `again`, tables that hold it already are left alone.
pub(crate) async fn commit(
    lake: &Arc<Lake>,
    mut plan: BatchPlan,
    known_at: UtcMillis,
    again: bool,
) -> Result<(), PipelineError> {
    let batch = Committing { lake, known_at, again, ending: plan.ending() };
    // In the table's order, while a row is still one pointer and not thirty columns.
    plan.events.sort_by_cached_key(|event| {
        let meta = &event.event.meta;
        (event.place, meta.occurred_at, meta.key, meta.ordinal)
    });
    let written = tokio::try_join!(
        batch.outcomes(plan.outcomes, &plan.superseded),
        batch.rows::<RejectRow>(plan.rejects),
        batch.rows::<PlacedEvent>(plan.events),
        batch.rows::<OrderVersion>(plan.order_versions),
        batch.rows::<Refund>(plan.refunds),
        batch.rows::<Pull>(plan.pulls),
        batch.rows::<Claim>(plan.claims),
        batch.rows::<Cost>(plan.costs),
        batch.rows::<Rate>(plan.rates),
        batch.rows::<Edge>(plan.edges),
        batch.rows::<Witness>(plan.witnesses),
        batch.definitions(plan.definitions),
    )?;
    let (outcomes, rejects, events, versions, refunds, pulls, claims, costs, rates, edges, witnesses, definitions) =
        written;
    // Files without a log entry do not exist; the entry of the outcomes says to a recovery which records the batch holds.
    let tables =
        [outcomes, rejects, events, versions, refunds, pulls, claims, costs, rates, edges, witnesses, definitions];
    for written in tables.into_iter().flatten() {
        lake.publish(written).await?;
    }
    Ok(())
}

/// Fewer rows are not worth a thread.
const PART_ROWS_MIN: usize = 8_192;

struct Committing<'a> {
    lake: &'a Arc<Lake>,
    known_at: UtcMillis,
    again: bool,
    /// Keys whose rows end.
    ending: HashSet<Digest>,
}

impl Committing<'_> {
    async fn outcomes(
        &self,
        rows: Vec<OutcomeRow>,
        superseded: &Supersession,
    ) -> Result<Option<Written>, PipelineError> {
        if self.done(Table::Outcomes).await? {
            return Ok(None);
        }
        let ended = self.lake.end_rows(Table::Outcomes, &self.ending, self.known_at).await?;
        let mut former = Vec::new();
        for batch in &ended.rows {
            former.extend(OutcomeRow::read(batch)?);
        }
        let mut all = plan::reassess(former, superseded);
        all.extend(rows);
        let encoded = self.encoded::<OutcomeRow>(all).await?;
        self.write(Table::Outcomes, ended.commit, encoded).await.map(Some)
    }

    async fn rows<R: Stored>(
        &self,
        rows: Vec<impl Borrow<R> + Send + 'static>,
    ) -> Result<Option<Written>, PipelineError> {
        if (rows.is_empty() && self.ending.is_empty()) || self.done(R::TABLE).await? {
            return Ok(None);
        }
        let ended = self.lake.end_rows(R::TABLE, &self.ending, self.known_at).await?;
        if rows.is_empty() && ended.rows.is_empty() {
            return Ok(None);
        }
        let encoded = self.encoded::<R>(rows).await?;
        self.write(R::TABLE, ended.commit, encoded).await.map(Some)
    }

    /// Definitions have no key column and are never superseded: a later one comes into force beside them.
    async fn definitions(&self, rows: Vec<DefinitionRow>) -> Result<Option<Written>, PipelineError> {
        if rows.is_empty() || self.done(Table::Definitions).await? {
            return Ok(None);
        }
        let encoded = self.encoded::<DefinitionRow>(rows).await?;
        self.write(Table::Definitions, Commit::default(), encoded).await.map(Some)
    }

    async fn done(&self, table: Table) -> Result<bool, PipelineError> {
        Ok(self.again && self.lake.transaction(table, APPLICATION).await? >= Some(self.known_at.0))
    }

    async fn encoded<R: Stored>(
        &self,
        rows: Vec<impl Borrow<R> + Send + 'static>,
    ) -> Result<Vec<RecordBatch>, PipelineError> {
        let known_at = self.known_at;
        let mut parts = Vec::new();
        for part in parted(rows) {
            parts.push(tokio::task::spawn_blocking(move || encode_facts::<R>(&part, known_at)));
        }
        let mut encoded = Vec::with_capacity(parts.len());
        for part in parts {
            encoded.push(part.await??);
        }
        Ok(encoded)
    }

    async fn write(&self, table: Table, mut commit: Commit, rows: Vec<RecordBatch>) -> Result<Written, PipelineError> {
        commit.runs.push(rows);
        commit.transactions.push((APPLICATION.to_owned(), self.known_at.0));
        Ok(self.lake.write(table, commit).await?)
    }
}

/// Rows in their order, in as many parts as can be worked on at once.
fn parted<T>(mut rows: Vec<T>) -> Vec<Vec<T>> {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let length = rows.len().div_ceil(cores).max(PART_ROWS_MIN);
    let mut parts = Vec::new();
    while rows.len() > length {
        let rest = rows.split_off(length);
        parts.push(std::mem::replace(&mut rows, rest));
    }
    parts.push(rows);
    parts
}

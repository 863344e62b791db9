//! Records read again by the adapters and mappings now in force, with history: what comes out otherwise than before is
//! superseded at the replay's own instant, what comes out the same is left alone.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use arrow::{
    array::RecordBatch,
    compute::filter_record_batch,
    row::{RowConverter, SortField},
};
use model::{Claim, Cost, Digest, Edge, OrderVersion, Pull, Rate, Refund, UtcMillis, Witness};
use tables::{Cells, Outcome, OutcomeRow, RejectRow, Stored, Table, TableError, encode, events::PlacedEvent};

use crate::{
    decisions::{self, ReplayRequest},
    plan::{self, BatchPlan},
    stage::{PipelineError, Stage},
};

/// What a replay did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Records read again.
    pub records: usize,
    /// Of them, those that came out otherwise: another outcome, or other facts.
    pub changed: usize,
    /// How many records went from which outcome to which, the unchanged included.
    pub outcomes: BTreeMap<(Outcome, Outcome), usize>,
}

/// The records that a request speaks of, as they stand.
struct Selection {
    /// Keys of the records. A key's copies are always chosen together.
    keys: HashSet<Digest>,
    /// What became of each record, by position.
    outcomes: BTreeMap<(Arc<str>, i64), Outcome>,
    /// The rows that hang on the keys, as one number a key.
    rows: Fingerprints,
}

/// For each key the sum of the hashes of its rows: equal sums, equal rows, in whatever order.
#[derive(Default)]
struct Fingerprints(HashMap<Digest, u128>);

impl Stage {
    /// Replaces the plan's rows of everything that `request` speaks of, as known at the last published instant.
    pub(crate) async fn read_again(
        &mut self,
        request: &ReplayRequest,
        plan: &mut BatchPlan,
    ) -> Result<Replayed, PipelineError> {
        let Some(as_of) = self.last().map(|row| row.known_at) else { return Ok(Replayed::default()) };
        let before = self.select(request, as_of).await?;
        for key in &before.keys {
            self.copies.remove(*key);
        }
        let mut wanted: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
        for (channel, offset) in before.outcomes.keys() {
            wanted.entry(channel.to_string()).or_default().insert(*offset);
        }
        let records = self.lake.inbox_records(&wanted).await?;
        let mut again = plan::plan(self.read(records).await?, &mut self.copies);
        let mut replayed = Replayed { records: before.outcomes.len(), ..Replayed::default() };
        for row in &again.outcomes {
            if let Some(old) = before.outcomes.get(&(row.channel.clone(), row.offset)) {
                *replayed.outcomes.entry((*old, row.outcome)).or_insert(0) += 1;
            }
        }
        let same = before.unchanged(&again)?;
        again.retain(|key| !same.contains(&key));
        replayed.changed = again.outcomes.len();
        again.ended = before.keys.into_iter().filter(|key| !same.contains(key)).collect();
        plan.extend(again);
        Ok(replayed)
    }

    async fn select(&self, request: &ReplayRequest, as_of: UtcMillis) -> Result<Selection, PipelineError> {
        let mut chosen = Selection { keys: HashSet::new(), outcomes: BTreeMap::new(), rows: Fingerprints::default() };
        let mut rows: Vec<OutcomeRow> = Vec::new();
        let outcomes = self.lake.snapshot(Table::Outcomes).await?;
        for entry in outcomes.files.iter().filter(|entry| entry.known_at(as_of)) {
            let of_source = |row: &OutcomeRow| match &request.source {
                Some(source) => *row.source == **source,
                None => !matches!(&*row.source, decisions::DEFINITIONS | decisions::REPLAYS),
            };
            for batch in self.lake.read_file(Table::Outcomes, entry.clone(), &[], Some(as_of)).await? {
                for row in OutcomeRow::read(&batch)?.into_iter().filter(of_source) {
                    let share = row.key.to_u128() % u128::from(request.parts.max(1));
                    if share == u128::from(request.part) {
                        if !request.only_rejected || row.outcome == Outcome::Quarantined {
                            chosen.keys.insert(row.key);
                        }
                        rows.push(row);
                    }
                }
            }
        }
        for row in rows.into_iter().filter(|row| chosen.keys.contains(&row.key)) {
            chosen.outcomes.insert((row.channel, row.offset), row.outcome);
        }
        for table in Table::ALL.into_iter().filter(|table| table.is_keyed_fact()) {
            // File by file: only the sums stay in memory.
            for entry in self.lake.snapshot(table).await?.files.iter().filter(|entry| entry.known_at(as_of)) {
                for batch in self.lake.read_file(table, entry.clone(), &[], Some(as_of)).await? {
                    chosen.rows.add(table, &batch, &chosen.keys)?;
                }
            }
        }
        Ok(chosen)
    }
}

impl Selection {
    /// Keys whose rows the plan would write just as they stand.
    fn unchanged(&self, plan: &BatchPlan) -> Result<HashSet<Digest>, PipelineError> {
        let mut now = Fingerprints::default();
        let keys = &self.keys;
        now.add_rows::<OutcomeRow>(&plan.outcomes, keys)?;
        now.add_rows::<RejectRow>(&plan.rejects, keys)?;
        now.add_rows::<PlacedEvent>(&plan.events, keys)?;
        now.add_rows::<OrderVersion>(&plan.order_versions, keys)?;
        now.add_rows::<Refund>(&plan.refunds, keys)?;
        now.add_rows::<Pull>(&plan.pulls, keys)?;
        now.add_rows::<Claim>(&plan.claims, keys)?;
        now.add_rows::<Cost>(&plan.costs, keys)?;
        now.add_rows::<Rate>(&plan.rates, keys)?;
        now.add_rows::<Edge>(&plan.edges, keys)?;
        now.add_rows::<Witness>(&plan.witnesses, keys)?;
        let same = |key: &&Digest| self.rows.0.get(*key).is_some_and(|sum| now.0.get(*key) == Some(sum));
        Ok(keys.iter().filter(same).copied().collect())
    }
}

impl Fingerprints {
    fn add_rows<R: Stored>(&mut self, rows: &[impl Borrow<R>], keys: &HashSet<Digest>) -> Result<(), TableError> {
        if rows.is_empty() { Ok(()) } else { self.add(R::TABLE, &encode::<R>(rows)?, keys) }
    }

    fn add(&mut self, table: Table, batch: &RecordBatch, keys: &HashSet<Digest>) -> Result<(), TableError> {
        let key = Cells::new(batch).digest("key")?;
        let wanted = (0..batch.num_rows()).map(|row| Ok(Some(keys.contains(&key.get(row)?))));
        let mask = wanted.collect::<Result<_, TableError>>()?;
        let chosen = filter_record_batch(batch, &mask)?;
        // When a row was known and where it lies is no part of what it says.
        let beside = ["known_at", "known_until", "place"];
        let said: Vec<usize> = (0..chosen.num_columns())
            .filter(|&column| !beside.contains(&chosen.schema_ref().field(column).name().as_str()))
            .collect();
        let chosen = chosen.project(&said)?;
        let fields = chosen.schema_ref().fields().iter().map(|field| SortField::new(field.data_type().clone()));
        let rows = RowConverter::new(fields.collect())?.convert_columns(chosen.columns())?;
        let key = Cells::new(&chosen).digest("key")?;
        for (row, content) in rows.iter().enumerate() {
            let mut hasher = blake3::Hasher::new();
            hasher.update(table.folder().as_bytes());
            hasher.update(content.as_ref());
            let sum = self.0.entry(key.get(row)?).or_insert(0);
            *sum = sum.wrapping_add(Digest::from(hasher.finalize()).to_u128());
        }
        Ok(())
    }
}

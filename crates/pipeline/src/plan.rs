//! What each record of a batch becomes: pure, so that the order of arrival can be tried in every way.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use model::{Claim, Cost, Digest, Edge, Event, Fact, Node, OrderVersion, Pull, Rate, RawRecord, Refund, Witness};
use normalization::{Normalized, Verdict};
use tables::{DefinitionRow, Outcome, OutcomeRow, RejectRow, events::PlacedEvent};

use crate::{
    copies::{Copies, Rank},
    decisions::{self, ReplayRequest},
};

/// A record beside what its adapter made of it.
#[derive(Debug)]
pub struct Read {
    /// Where the record stands.
    pub channel: Arc<str>,
    /// Count within the channel.
    pub offset: i64,
    /// The configured source.
    pub source: Arc<str>,
    /// Digest of its key.
    pub key: Digest,
    /// How it ranks among its copies.
    pub rank: Rank,
    /// What it says.
    pub says: Says,
}

/// What a record says.
#[derive(Debug)]
pub enum Says {
    /// Facts, an ignored message, or something unreadable.
    Payload(Verdict),
    /// A definition came into force.
    Definition(Box<DefinitionRow>),
    /// Somebody ordered a replay.
    Replay(ReplayRequest),
}

/// The rows that one batch adds, by table.
#[derive(Debug, Default)]
pub struct BatchPlan {
    /// One row a record of the batch.
    pub outcomes: Vec<OutcomeRow>,
    /// Unreadable records.
    pub rejects: Vec<RejectRow>,
    /// Events.
    pub events: Vec<PlacedEvent>,
    /// Order versions.
    pub order_versions: Vec<Box<OrderVersion>>,
    /// Refunds.
    pub refunds: Vec<Refund>,
    /// Pulls.
    pub pulls: Vec<Pull>,
    /// Claims.
    pub claims: Vec<Claim>,
    /// Costs.
    pub costs: Vec<Cost>,
    /// Rates.
    pub rates: Vec<Rate>,
    /// Edges.
    pub edges: Vec<Edge>,
    /// Witnesses.
    pub witnesses: Vec<Witness>,
    /// Definitions.
    pub definitions: Vec<DefinitionRow>,
    /// Keys of which an earlier batch holds a copy that is no longer the best.
    pub superseded: Supersession,
    /// Keys whose rows end because their records were read again and say something else now.
    pub ended: HashSet<Digest>,
    /// The replay to do with this batch.
    pub replay: Option<ReplayRequest>,
    /// Ids that stand for nobody.
    rejected_ids: BTreeSet<String>,
}

/// Where an event's row goes: to the home of whom it belongs to, its known id before its device. An id that stands for
/// nobody is none: else everybody without a name would lie at one place.
fn place(event: &Event, rejected_ids: &BTreeSet<String>) -> i64 {
    let known = event.user.as_ref().filter(|user| !identity::is_rejected(user, rejected_ids));
    known.or(event.device.as_ref()).map_or(0, Node::home_place)
}

/// Keys that a better copy takes over, with its content hash.
#[derive(Debug, Default)]
pub struct Supersession {
    /// The keys.
    pub keys: HashSet<Digest>,
    /// Content in force from now on, by key.
    pub content: BTreeMap<Digest, Digest>,
}

/// Reads one record.
#[must_use]
pub fn read(record: &RawRecord, normalizer: &normalization::Normalizer) -> Read {
    let rejected = |reject| Says::Payload(Verdict::Rejected(reject));
    let (key, says) = match &*record.source {
        decisions::DEFINITIONS => {
            let (key, row) = decisions::read_definition(record);
            (key, row.map_or_else(rejected, |row| Says::Definition(Box::new(row))))
        }
        decisions::REPLAYS => {
            let (key, request) = decisions::read_replay(record);
            (key, request.map_or_else(rejected, Says::Replay))
        }
        _ => {
            let Normalized { key, verdict } = normalizer.normalize(record);
            (key, Says::Payload(verdict))
        }
    };
    Read {
        channel: Arc::clone(&record.channel),
        offset: record.offset,
        source: Arc::clone(&record.source),
        key: key.digest(),
        rank: Rank { received_at: record.received_at, content: record.content_hash() },
        says,
    }
}

/// The best copy of a key within a batch.
#[derive(Clone, Copy)]
struct Best {
    rank: Rank,
    index: usize,
}

/// Decides which records of a batch are in force, which are copies, and what rows they bring.
pub fn plan(batch: Vec<Read>, copies: &mut Copies) -> BatchPlan {
    // Of the copies of a key within the batch the best; where one in force before is better still, that one.
    let mut best: HashMap<Digest, Best> = HashMap::with_capacity(batch.len());
    for (index, record) in batch.iter().enumerate() {
        let entry = best.entry(record.key).or_insert(Best { rank: record.rank, index });
        if record.rank < entry.rank {
            *entry = Best { rank: record.rank, index };
        }
    }
    let rejected_ids = identity::default_rejected_ids();
    let mut plan = BatchPlan { outcomes: Vec::with_capacity(batch.len()), rejected_ids, ..BatchPlan::default() };
    for (index, record) in batch.into_iter().enumerate() {
        let best = best[&record.key];
        let wins = best.index == index;
        let former = if wins { copies.offer(record.key, best.rank) } else { copies.get(record.key) };
        let in_force = former.map_or(best.rank, |former| former.min(best.rank));
        if wins && former.is_none_or(|former| best.rank < former) {
            if former.is_some() {
                plan.superseded.keys.insert(record.key);
                plan.superseded.content.insert(record.key, record.rank.content);
            }
            plan.keep(record);
        } else {
            let conflicting = in_force.content != record.rank.content;
            plan.outcomes.push(OutcomeRow { conflicting, ..outcome(&record, Outcome::Duplicate, None) });
        }
    }
    plan
}

/// What the outcome rows of superseded keys become: the former copy is a duplicate, and every duplicate is compared
/// with the copy now in force.
#[must_use]
pub fn reassess(ended: Vec<OutcomeRow>, superseded: &Supersession) -> Vec<OutcomeRow> {
    ended
        .into_iter()
        .filter(|row| superseded.keys.contains(&row.key))
        .map(|row| OutcomeRow {
            outcome: Outcome::Duplicate,
            reason: None,
            conflicting: superseded.content.get(&row.key) != Some(&row.content_hash),
            ..row
        })
        .collect()
}

impl BatchPlan {
    /// Keys whose rows in the tables end with this batch.
    #[must_use]
    pub fn ending(&self) -> HashSet<Digest> {
        self.superseded.keys.union(&self.ended).copied().collect()
    }

    /// Leaves out the rows of keys that are not `wanted`.
    pub fn retain(&mut self, wanted: impl Fn(Digest) -> bool) {
        self.outcomes.retain(|row| wanted(row.key));
        self.rejects.retain(|row| wanted(row.key));
        self.events.retain(|row| wanted(row.event.meta.key));
        self.order_versions.retain(|row| wanted(row.meta.key));
        self.refunds.retain(|row| wanted(row.meta.key));
        self.pulls.retain(|row| wanted(row.meta.key));
        self.claims.retain(|row| wanted(row.meta.key));
        self.costs.retain(|row| wanted(row.meta.key));
        self.rates.retain(|row| wanted(row.meta.key));
        self.edges.retain(|row| wanted(row.meta.key));
        self.witnesses.retain(|row| wanted(row.meta.key));
    }

    /// Adds the rows of another plan.
    pub fn extend(&mut self, other: Self) {
        self.outcomes.extend(other.outcomes);
        self.rejects.extend(other.rejects);
        self.events.extend(other.events);
        self.order_versions.extend(other.order_versions);
        self.refunds.extend(other.refunds);
        self.pulls.extend(other.pulls);
        self.claims.extend(other.claims);
        self.costs.extend(other.costs);
        self.rates.extend(other.rates);
        self.edges.extend(other.edges);
        self.witnesses.extend(other.witnesses);
        self.definitions.extend(other.definitions);
        self.superseded.keys.extend(other.superseded.keys);
        self.superseded.content.extend(other.superseded.content);
        self.ended.extend(other.ended);
    }

    fn keep(&mut self, record: Read) {
        let kept = outcome(&record, Outcome::Kept, None);
        match record.says {
            Says::Definition(row) => {
                self.outcomes.push(kept);
                self.definitions.push(*row);
            }
            Says::Replay(request) => {
                self.outcomes.push(kept);
                self.replay = Some(request);
            }
            Says::Payload(Verdict::Facts(facts)) => {
                self.outcomes.push(kept);
                facts.into_iter().for_each(|fact| self.add(fact));
            }
            Says::Payload(Verdict::Ignored { reason }) => {
                self.outcomes.push(OutcomeRow { outcome: Outcome::Ignored, reason: Some(reason.into()), ..kept });
            }
            Says::Payload(Verdict::Rejected(reject)) => {
                self.rejects.push(RejectRow {
                    channel: record.channel,
                    offset: record.offset,
                    source: record.source,
                    key: record.key,
                    received_at: record.rank.received_at,
                    reason: reject.reason.to_owned(),
                    message: reject.message,
                    fix: reject.fix,
                });
                let reason = Some(reject.reason.into());
                self.outcomes.push(OutcomeRow { outcome: Outcome::Quarantined, reason, ..kept });
            }
        }
    }

    fn add(&mut self, fact: Fact) {
        match fact {
            Fact::Event(event) => self.events.push(PlacedEvent { place: place(&event, &self.rejected_ids), event }),
            Fact::OrderVersion(fact) => self.order_versions.push(fact),
            Fact::Refund(fact) => self.refunds.push(fact),
            Fact::Pull(fact) => self.pulls.push(fact),
            Fact::Claim(fact) => self.claims.push(fact),
            Fact::Cost(fact) => self.costs.push(fact),
            Fact::Edge(fact) => self.edges.push(fact),
            Fact::Rate(fact) => self.rates.push(fact),
            Fact::Witness(fact) => self.witnesses.push(fact),
        }
    }
}

fn outcome(record: &Read, outcome: Outcome, reason: Option<Cow<'static, str>>) -> OutcomeRow {
    OutcomeRow {
        channel: Arc::clone(&record.channel),
        offset: record.offset,
        source: Arc::clone(&record.source),
        key: record.key,
        content_hash: record.rank.content,
        received_at: record.rank.received_at,
        outcome,
        reason,
        conflicting: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::UtcMillis;

    /// A readable record without facts: copy `copy` of the one key, which came at `copy` ms.
    fn record(copy: i64) -> Read {
        Read {
            channel: "collector".into(),
            offset: copy,
            source: "web".into(),
            key: 7.into(),
            rank: Rank { received_at: UtcMillis(copy), content: (copy as u128).into() },
            says: Says::Payload(Verdict::Ignored { reason: "partial" }),
        }
    }

    /// Every order of four copies, cut into batches in every way: what the tables hold in the end.
    fn in_the_end(order: &[i64], cuts: u32) -> BTreeMap<i64, (Outcome, bool)> {
        let mut copies = Copies::default();
        let mut stored: BTreeMap<i64, OutcomeRow> = BTreeMap::new();
        let mut batch = Vec::new();
        for (position, copy) in order.iter().enumerate() {
            batch.push(record(*copy));
            if cuts & (1 << position) != 0 || position + 1 == order.len() {
                let plan = plan(std::mem::take(&mut batch), &mut copies);
                if !plan.superseded.keys.is_empty() {
                    let former = reassess(stored.values().cloned().collect(), &plan.superseded);
                    stored = former.into_iter().map(|row| (row.offset, row)).collect();
                }
                stored.extend(plan.outcomes.into_iter().map(|row| (row.offset, row)));
            }
        }
        stored.into_iter().map(|(copy, row)| (copy, (row.outcome, row.conflicting))).collect()
    }

    #[test]
    fn the_earliest_copy_stays_whatever_the_order_and_the_batches() {
        let expected: BTreeMap<i64, (Outcome, bool)> = (1..=4)
            .map(|copy| (copy, (if copy == 1 { Outcome::Ignored } else { Outcome::Duplicate }, copy != 1)))
            .collect();
        let mut orders = vec![vec![]];
        for copy in 1..=4 {
            orders = orders
                .into_iter()
                .flat_map(|order: Vec<i64>| {
                    (0..=order.len()).map(move |at| {
                        let mut longer = order.clone();
                        longer.insert(at, copy);
                        longer
                    })
                })
                .collect();
        }
        assert_eq!(orders.len(), 24);
        for order in &orders {
            for cuts in 0..8 {
                assert_eq!(in_the_end(order, cuts), expected, "{order:?} cut at {cuts:b}");
            }
        }
    }
}

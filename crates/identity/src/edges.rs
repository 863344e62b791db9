//! Edges, as far as persons are a function of them: which nodes met on which UTC day, and what stewards decided last.
//!
//! Shops repeat themselves: ten million events of people who are logged in name some hundred thousand pairs. So each node
//! is held once, each pair once a day, and of a steward's decisions on a pair the latest.

use std::collections::{BTreeMap, BTreeSet};

use model::{Digest, Edge, EdgeRule, Node, UtcMillis};

use crate::names::{Name, Names};

/// A UTC day, in milliseconds.
pub(crate) const DAY_MS: i64 = 24 * UtcMillis::HOUR_MS;

/// Meetings that are taken unsorted at least, before repetitions are looked for.
const UNSORTED_MIN: usize = 1 << 18;

/// Two nodes by their numbers, the smaller first.
pub(crate) type Pair = (u32, u32);

/// A set of edges. Neither the order in which they were added nor copies of them show in any answer.
#[derive(Debug, Clone, Default)]
pub struct Edges {
    names: Names,
    /// Ascending and without repetitions up to `sorted`, then as they came.
    meetings: Vec<Meeting>,
    sorted: usize,
    decisions: BTreeMap<Pair, Decision>,
}

/// Two nodes have an edge of one UTC day. A steward's link is one, an unlink is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Meeting {
    low: u32,
    high: u32,
    /// Days since 1970-01-01 in UTC; the greatest, where it is further away than five million years.
    pub(crate) utc_day: i32,
}

/// What a steward decided on a pair. The greater holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Decision {
    decided_at: UtcMillis,
    key: Digest,
    ordinal: i32,
    rule: EdgeRule,
}

impl Edges {
    /// Adds an edge by any rule.
    pub fn add(&mut self, edge: &Edge) {
        let (a, b) = (self.node(&edge.a), self.node(&edge.b));
        let (meta, rule) = (&edge.meta, edge.rule);
        if a != b && matches!(rule, EdgeRule::StewardLink | EdgeRule::StewardUnlink) {
            let decided_at = meta.occurred_at;
            self.decide(ordered(a, b), Decision { decided_at, key: meta.key, ordinal: meta.ordinal, rule });
        }
        if rule != EdgeRule::StewardUnlink {
            self.meet(a, b, meta.occurred_at);
        }
    }

    /// The number of a node that an edge names, for [`Edges::meet`]. Of no use in another set.
    pub fn node(&mut self, node: &Node) -> u32 {
        self.names.number(Name::of(node))
    }

    /// Adds an edge that is no steward's between two nodes by their numbers: what [`Edges::add`] does, without a look-up.
    pub fn meet(&mut self, a: u32, b: u32, occurred_at: UtcMillis) {
        let utc_day = i32::try_from(occurred_at.0.div_euclid(DAY_MS)).unwrap_or(i32::MAX);
        let (low, high) = ordered(a, b);
        let meeting = Meeting { low, high, utc_day };
        if low == high || self.meetings.last() == Some(&meeting) {
            return;
        }
        if self.meetings.len() >= 2 * self.sorted.max(UNSORTED_MIN) {
            self.sort();
        }
        self.meetings.push(meeting);
    }

    /// Gives back what was kept for adding more: for a set that is done.
    pub fn settle(&mut self) {
        self.sort();
        self.meetings.shrink_to_fit();
        self.names.shrink();
    }

    /// Every node that an edge names, by number.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// The days on which nodes met, in no order and perhaps repeated.
    pub(crate) fn meetings(&self) -> &[Meeting] {
        &self.meetings
    }

    /// Every pair that met, in no order and perhaps repeated.
    pub(crate) fn pairs(&self) -> Vec<Pair> {
        let mut pairs: Vec<Pair> = Vec::new();
        for pair in self.meetings.iter().map(|meeting| meeting.pair()) {
            if pairs.last() != Some(&pair) {
                pairs.push(pair);
            }
        }
        pairs
    }

    /// The pairs whose latest decision, by (instant, key), is an unlink.
    pub(crate) fn unlinked(&self) -> BTreeSet<Pair> {
        let parted = |decision: &Decision| decision.rule == EdgeRule::StewardUnlink;
        self.decisions.iter().filter(|(_, decision)| parted(decision)).map(|(&pair, _)| pair).collect()
    }

    fn decide(&mut self, pair: Pair, decision: Decision) {
        self.decisions.entry(pair).and_modify(|known| *known = decision.max(*known)).or_insert(decision);
    }

    fn sort(&mut self) {
        self.meetings[self.sorted..].sort_unstable();
        // Two ascending runs: a stable sort merges them in one pass.
        self.meetings.sort();
        self.meetings.dedup();
        self.sorted = self.meetings.len();
    }
}

impl Meeting {
    /// The two that met.
    pub(crate) fn pair(self) -> Pair {
        (self.low, self.high)
    }
}

impl<'a> FromIterator<&'a Edge> for Edges {
    fn from_iter<I: IntoIterator<Item = &'a Edge>>(all: I) -> Self {
        let mut edges = Self::default();
        all.into_iter().for_each(|edge| edges.add(edge));
        edges
    }
}

/// The pair of two numbers.
pub(crate) fn ordered(a: u32, b: u32) -> Pair {
    (a.min(b), a.max(b))
}

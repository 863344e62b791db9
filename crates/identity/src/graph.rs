//! The graph of distinct pairs: nodes interned once, stewards' decisions applied, unlinked pairs left out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{Digest, Edge, EdgeRule, Node, NodeKind, UtcMillis, WitnessKind};

use crate::input::{IdentityInput, is_rejected};

const DAY_MS: i64 = 24 * UtcMillis::HOUR_MS;

/// Two nodes by their positions, the smaller first.
pub(crate) type Pair = (u32, u32);

/// A known id met another node on one UTC day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Meeting {
    /// Position of the known id.
    pub(crate) known: u32,
    /// Position of the node at the edge's other end.
    pub(crate) other: u32,
    /// Days since 1970-01-01 in UTC.
    pub(crate) utc_day: i64,
}

/// Nodes and the pairs that hold between them.
pub(crate) struct Graph {
    /// Every node that an edge names, hubs and rejected ids included; a position in this list is a node's number.
    pub(crate) nodes: Vec<Node>,
    /// By position: the id stands for nobody.
    pub(crate) rejected: Vec<bool>,
    /// Distinct pairs with an edge that no steward has parted, ascending.
    pub(crate) pairs: Vec<Pair>,
    /// Pairs that a steward has parted.
    pub(crate) unlinked: BTreeSet<Pair>,
    /// The days on which known ids met others, without those of unlinked pairs.
    pub(crate) meetings: Vec<Meeting>,
}

/// For each node the nodes next to it.
#[derive(Debug, Clone)]
pub(crate) struct Neighbours {
    ends: Vec<usize>,
    flat: Vec<u32>,
}

/// Positions by node, given out in the order of first mention.
#[derive(Default)]
struct Interner<'a> {
    positions: HashMap<&'a Node, u32>,
    nodes: Vec<&'a Node>,
}

impl Graph {
    /// Reads every kind of edge.
    pub(crate) fn new(input: &IdentityInput<'_>) -> Self {
        let witnessed = witnessed_orders(input);
        let mut interner = Interner::default();
        let mut pairs: Vec<Pair> = Vec::with_capacity(input.edges.len());
        for (order, device) in input.order_devices {
            pairs.extend(interner.pair(order, device));
        }
        for (order, device) in &witnessed {
            pairs.extend(interner.pair(order, device));
        }
        let unlinked = parted_by_stewards(input.edges, &mut interner);
        let mut meetings = Vec::new();
        for edge in input.edges.iter().filter(|edge| edge.rule != EdgeRule::StewardUnlink) {
            let Some(pair) = interner.pair(&edge.a, &edge.b).filter(|pair| !unlinked.contains(pair)) else { continue };
            pairs.push(pair);
            meetings.extend(meetings_of(edge, &mut interner));
        }
        pairs.retain(|pair| !unlinked.contains(pair));
        pairs.sort_unstable();
        pairs.dedup();
        meetings.sort_unstable();
        meetings.dedup();
        let rejected = interner.nodes.iter().map(|node| is_rejected(node, input.rejected_ids)).collect();
        Self { nodes: interner.nodes.into_iter().cloned().collect(), rejected, pairs, unlinked, meetings }
    }

    /// The kind of the node at `position`.
    pub(crate) fn kind(&self, position: u32) -> NodeKind {
        self.nodes[position as usize].kind
    }

    /// True where the node at `position` stands for nobody.
    pub(crate) fn is_rejected(&self, position: u32) -> bool {
        self.rejected[position as usize]
    }

    /// True where the node at `position` is a user, a customer or a contact, and stands for somebody.
    pub(crate) fn is_known_id(&self, position: u32) -> bool {
        is_known(self.kind(position)) && !self.is_rejected(position)
    }

    /// True where a steward has parted the two.
    pub(crate) fn is_unlinked(&self, one: u32, other: u32) -> bool {
        self.unlinked.contains(&ordered(one, other))
    }
}

impl Neighbours {
    /// Lists both ends of each pair under the other.
    pub(crate) fn new(node_count: usize, pairs: &[Pair]) -> Self {
        let mut both: Vec<Pair> = pairs.iter().flat_map(|&(a, b)| [(a, b), (b, a)]).collect();
        both.sort_unstable();
        let mut ends = vec![0; node_count];
        for &(node, _) in &both {
            ends[node as usize] += 1;
        }
        let mut end = 0;
        for slot in &mut ends {
            end += *slot;
            *slot = end;
        }
        Self { ends, flat: both.into_iter().map(|(_, next)| next).collect() }
    }

    /// Positions of the nodes next to the one at `position`, ascending.
    pub(crate) fn of(&self, position: u32) -> &[u32] {
        let position = position as usize;
        let start = position.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.flat[start..self.ends[position]]
    }
}

impl<'a> Interner<'a> {
    fn position(&mut self, node: &'a Node) -> u32 {
        *self.positions.entry(node).or_insert_with(|| {
            self.nodes.push(node);
            u32::try_from(self.nodes.len() - 1).expect("four thousand million nodes do not fit in memory")
        })
    }

    /// The pair of two nodes; none for a node and itself.
    fn pair(&mut self, a: &'a Node, b: &'a Node) -> Option<Pair> {
        let (a, b) = (self.position(a), self.position(b));
        (a != b).then(|| ordered(a, b))
    }
}

/// Ids that a person is known by.
pub(crate) fn is_known(kind: NodeKind) -> bool {
    matches!(kind, NodeKind::User | NodeKind::Customer | NodeKind::Contact)
}

/// Orders whose id web events saw on exactly one device, each with that device. A rejected device is no device.
fn witnessed_orders<'a>(input: &IdentityInput<'a>) -> Vec<(Node, &'a Node)> {
    let mut devices: BTreeMap<(&str, &str), BTreeSet<&'a Node>> = BTreeMap::new();
    for witness in input.witnesses.iter().filter(|witness| witness.kind == WitnessKind::Order) {
        if let Some(shop) = input.shop_by_web_source.get(&*witness.meta.source)
            && !is_rejected(&witness.device, input.rejected_ids)
        {
            devices.entry((shop, &witness.id)).or_default().insert(&witness.device);
        }
    }
    devices
        .into_iter()
        .filter(|(_, devices)| devices.len() == 1)
        .filter_map(|((shop, id), devices)| Some((Node::order(shop, id), devices.into_iter().next()?)))
        .collect()
}

/// The pairs whose latest steward's decision, by (instant, key), is an unlink.
fn parted_by_stewards<'a>(edges: &'a [Edge], interner: &mut Interner<'a>) -> BTreeSet<Pair> {
    let mut latest: BTreeMap<Pair, (UtcMillis, Digest, i32, EdgeRule)> = BTreeMap::new();
    for edge in edges.iter().filter(|edge| matches!(edge.rule, EdgeRule::StewardLink | EdgeRule::StewardUnlink)) {
        let Some(pair) = interner.pair(&edge.a, &edge.b) else { continue };
        let decision = (edge.meta.occurred_at, edge.meta.key, edge.meta.ordinal, edge.rule);
        latest.entry(pair).and_modify(|known| *known = decision.max(*known)).or_insert(decision);
    }
    latest.into_iter().filter(|(_, decision)| decision.3 == EdgeRule::StewardUnlink).map(|(pair, _)| pair).collect()
}

/// What an edge says about the days of its known ends.
fn meetings_of<'a>(edge: &'a Edge, interner: &mut Interner<'a>) -> Vec<Meeting> {
    let utc_day = edge.meta.occurred_at.0.div_euclid(DAY_MS);
    let (a, b) = (interner.position(&edge.a), interner.position(&edge.b));
    [(&edge.a, a, b), (&edge.b, b, a)]
        .into_iter()
        .filter(|(node, ..)| is_known(node.kind))
        .map(|(_, known, other)| Meeting { known, other, utc_day })
        .collect()
}

fn ordered(a: u32, b: u32) -> Pair {
    (a.min(b), a.max(b))
}

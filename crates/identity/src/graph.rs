//! The graph of distinct pairs: what edges, witnesses and order documents join, without what stewards have parted.

use std::collections::{BTreeMap, BTreeSet};

use model::{Node, NodeKind, WitnessKind};

use crate::{
    edges::{Edges, Pair, ordered},
    input::{IdentityInput, is_rejected},
    names::{Name, Names},
};

/// A node met another on one UTC day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Met {
    /// Number of the node.
    pub(crate) who: u32,
    /// Number of the node at the edge's other end.
    pub(crate) other: u32,
    /// Days since 1970-01-01 in UTC.
    pub(crate) utc_day: i32,
}

/// Nodes by number, hubs and rejected ids included, and the pairs that hold between them.
pub(crate) struct Graph<'a> {
    /// Their nodes are the first.
    edges: &'a Edges,
    /// Nodes that no edge names, numbered on from there.
    others: Names,
    /// By number: the id stands for nobody.
    rejected: Vec<bool>,
    /// Distinct pairs that no steward has parted, ascending.
    pub(crate) pairs: Vec<Pair>,
    /// Pairs that a steward has parted.
    unlinked: BTreeSet<Pair>,
}

/// For each node the nodes next to it.
#[derive(Debug, Clone)]
pub(crate) struct Neighbours {
    ends: Vec<usize>,
    flat: Vec<u32>,
}

impl<'a> Graph<'a> {
    /// Reads every kind of edge.
    pub(crate) fn new(input: &IdentityInput<'a>) -> Self {
        let edges = input.edges;
        let (pairs, unlinked) = (edges.pairs(), edges.unlinked());
        let mut graph = Self { edges, others: Names::default(), rejected: Vec::new(), pairs, unlinked };
        for (order, device) in input.order_devices {
            graph.join(order, device);
        }
        for (order, device) in &witnessed_orders(input) {
            graph.join(order, device);
        }
        let Self { unlinked, pairs, .. } = &mut graph;
        pairs.retain(|pair| !unlinked.contains(pair));
        pairs.sort_unstable();
        pairs.dedup();
        let stands_for_nobody = |number| is_rejected(&graph.name(number).to_node(), input.rejected_ids);
        graph.rejected = graph.numbers().map(stands_for_nobody).collect();
        graph
    }

    /// The numbers of all nodes.
    pub(crate) fn numbers(&self) -> std::ops::Range<u32> {
        0..self.edges.names().len() + self.others.len()
    }

    /// The node with a number.
    pub(crate) fn name(&self, number: u32) -> Name<'_> {
        match number.checked_sub(self.edges.names().len()) {
            Some(other) => self.others.name(other),
            None => self.edges.names().name(number),
        }
    }

    /// The kind of a node.
    pub(crate) fn kind(&self, number: u32) -> NodeKind {
        match number.checked_sub(self.edges.names().len()) {
            Some(other) => self.others.kind(other),
            None => self.edges.names().kind(number),
        }
    }

    /// True where a node stands for nobody.
    pub(crate) fn is_rejected(&self, number: u32) -> bool {
        self.rejected[number as usize]
    }

    /// True where a node is a user, a customer or a contact, and stands for somebody.
    pub(crate) fn is_known_id(&self, number: u32) -> bool {
        is_known(self.kind(number)) && !self.is_rejected(number)
    }

    /// True where a steward has parted the two.
    pub(crate) fn is_unlinked(&self, one: u32, other: u32) -> bool {
        self.unlinked.contains(&ordered(one, other))
    }

    /// Who met whom on which UTC day: each edge once from either end, without unlinked pairs, in no order.
    pub(crate) fn meetings(&self) -> impl Iterator<Item = Met> {
        let joined = self.edges.meetings().iter().filter(|meeting| !self.unlinked.contains(&meeting.pair()));
        joined.flat_map(|meeting| {
            let ((a, b), utc_day) = (meeting.pair(), meeting.utc_day);
            [Met { who: a, other: b, utc_day }, Met { who: b, other: a, utc_day }]
        })
    }

    fn join(&mut self, a: &Node, b: &Node) {
        let (a, b) = (self.number(a), self.number(b));
        if a != b {
            self.pairs.push(ordered(a, b));
        }
    }

    fn number(&mut self, node: &Node) -> u32 {
        let (name, of_edges) = (Name::of(node), self.edges.names());
        of_edges.find(name).unwrap_or_else(|| of_edges.len() + self.others.number(name))
    }
}

impl Neighbours {
    /// Lists both ends of each pair under the other.
    pub(crate) fn new(node_count: usize, pairs: impl Iterator<Item = Pair>) -> Self {
        let mut both: Vec<Pair> = pairs.flat_map(|(a, b)| [(a, b), (b, a)]).collect();
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

    /// The nodes next to one, ascending.
    pub(crate) fn of(&self, node: u32) -> &[u32] {
        let node = node as usize;
        let start = node.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.flat[start..self.ends[node]]
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

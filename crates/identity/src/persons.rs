//! Persons: the connected components of the edges, hubs apart.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use model::{Node, NodeKind};

use crate::{
    graph::{Graph, Neighbours, Pair, is_known},
    hubs::{Hub, find_hubs},
    input::{IdentityInput, is_rejected},
};

/// A person: the kind and hash of the least node. The same at every instant at which that node is the least.
///
/// Written as text it is [`Node::person_id`] of that node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonId {
    kind: NodeKind,
    hash: u128,
}

/// Who is who at one instant.
#[derive(Debug, Clone)]
pub struct Persons {
    positions: HashMap<Node, u32>,
    nodes: Vec<Node>,
    person_by_position: Vec<PersonId>,
    members: BTreeMap<PersonId, Vec<Node>>,
    followed: Neighbours,
    hubs: Vec<Hub>,
    rejected_ids: BTreeSet<String>,
}

impl Persons {
    /// Finds the persons of everything known.
    #[must_use]
    pub fn build(input: &IdentityInput<'_>) -> Self {
        let graph = Graph::new(input);
        let neighbours = Neighbours::new(graph.nodes.len(), &graph.pairs);
        let reasons = find_hubs(&graph, &neighbours, input.limits);
        let is_hub = |position: u32| reasons[position as usize].is_some();
        let followed: Vec<Pair> = graph.pairs.iter().copied().filter(|&(a, b)| !is_hub(a) && !is_hub(b)).collect();

        let named = |positions: &[u32]| sorted(positions.iter().map(|&p| graph.nodes[p as usize].clone()));
        let hubs = sorted((0_u32..).zip(&graph.nodes).zip(&reasons).filter_map(|((position, node), reason)| {
            Some(Hub { node: node.clone(), reason: (*reason)?, linked: named(neighbours.of(position)) })
        }));

        let person_by_position = least_of_components(&graph.nodes, &followed);
        let mut members: BTreeMap<PersonId, Vec<Node>> = BTreeMap::new();
        for (node, person) in graph.nodes.iter().zip(&person_by_position) {
            members.entry(*person).or_default().push(node.clone());
        }
        members.values_mut().for_each(|nodes| nodes.sort_unstable());
        Self {
            positions: graph.nodes.iter().cloned().zip(0_u32..).collect(),
            followed: Neighbours::new(graph.nodes.len(), &followed),
            nodes: graph.nodes,
            person_by_position,
            members,
            hubs,
            rejected_ids: input.rejected_ids.clone(),
        }
    }

    /// The person of a node. A node that no edge names is a person of its own, and so is a hub.
    #[must_use]
    pub fn person_of(&self, node: &Node) -> PersonId {
        self.position(node).map_or_else(|| PersonId::of(node), |position| self.person_by_position[position as usize])
    }

    /// The person that a fact belongs to: that of its known id if that is no hub, else that of its device.
    ///
    /// `None` where it names no device, and no known id or one that is a hub.
    #[must_use]
    pub fn belongs(&self, device: Option<&Node>, user: Option<&Node>) -> Option<PersonId> {
        let owner = user.filter(|user| !self.is_hub(user)).or(device)?;
        Some(self.person_of(owner))
    }

    /// True for a node that is not followed, or whose id stands for nobody.
    #[must_use]
    pub fn is_hub(&self, node: &Node) -> bool {
        self.hubs.binary_search_by(|hub| hub.node.cmp(node)).is_ok() || is_rejected(node, &self.rejected_ids)
    }

    /// The nodes that are not followed although edges name them, ascending.
    #[must_use]
    pub fn hubs(&self) -> &[Hub] {
        &self.hubs
    }

    /// The nodes of a person, ascending; empty for a person whose only node no edge names.
    #[must_use]
    pub fn members(&self, person: PersonId) -> &[Node] {
        self.members.get(&person).map_or(&[], Vec::as_slice)
    }

    /// Every person that an edge names, with its nodes, by id.
    pub fn iter(&self) -> impl Iterator<Item = (PersonId, &[Node])> {
        self.members.iter().map(|(person, nodes)| (*person, nodes.as_slice()))
    }

    /// A shortest path of followed edges between two nodes, both ends included: what a steward is shown who wants to
    /// unlink two that have no edge. Empty where they are not one person.
    #[must_use]
    pub fn path(&self, from: &Node, to: &Node) -> Vec<Node> {
        let (Some(from), Some(to)) = (self.position(from), self.position(to)) else { return Vec::new() };
        // Searched from the far end, so that the chain of predecessors reads from `from` to `to`.
        let mut next_on_path = BTreeMap::from([(to, to)]);
        let mut queue = VecDeque::from([to]);
        while let Some(reached) = queue.pop_front().filter(|_| !next_on_path.contains_key(&from)) {
            let mut around = self.followed.of(reached).to_vec();
            around.sort_unstable_by_key(|&position| &self.nodes[position as usize]);
            for position in around {
                next_on_path.entry(position).or_insert_with(|| {
                    queue.push_back(position);
                    reached
                });
            }
        }
        let mut path = Vec::new();
        let mut step = next_on_path.contains_key(&from).then_some(from);
        while let Some(position) = step {
            path.push(self.nodes[position as usize].clone());
            step = next_on_path.get(&position).copied().filter(|_| position != to);
        }
        path
    }

    fn position(&self, node: &Node) -> Option<u32> {
        self.positions.get(node).copied()
    }
}

impl PersonId {
    /// The person that a node is when it is alone.
    #[must_use]
    pub fn of(node: &Node) -> Self {
        Self { kind: node.kind, hash: node.hash128() }
    }

    /// True where the person has a user, customer or contact.
    #[must_use]
    pub fn is_known(self) -> bool {
        is_known(self.kind)
    }
}

impl std::fmt::Display for PersonId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}_{:032x}", self.kind.name(), self.hash)
    }
}

/// By node position: the least node of its component, by (kind, hash).
fn least_of_components(nodes: &[Node], followed: &[Pair]) -> Vec<PersonId> {
    let mut roots: Vec<u32> = (0_u32..).zip(nodes).map(|(position, _)| position).collect();
    for &(a, b) in followed {
        let (a, b) = (root(&mut roots, a), root(&mut roots, b));
        roots[b as usize] = a;
    }
    let tops: Vec<u32> = (0_u32..).zip(nodes).map(|(position, _)| root(&mut roots, position)).collect();
    let mut least: Vec<PersonId> = nodes.iter().map(PersonId::of).collect();
    for (position, &top) in tops.iter().enumerate() {
        least[top as usize] = least[top as usize].min(least[position]);
    }
    tops.iter().map(|&top| least[top as usize]).collect()
}

/// The root of `position`, with the way to it halved so that the next look-up is short.
fn root(roots: &mut [u32], mut position: u32) -> u32 {
    while roots[position as usize] != position {
        roots[position as usize] = roots[roots[position as usize] as usize];
        position = roots[position as usize];
    }
    position
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items
}

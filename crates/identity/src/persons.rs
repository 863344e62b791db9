//! Persons: the connected components of the edges, hubs apart.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use model::{Node, NodeKind};

use crate::{
    edges::Pair,
    graph::{Graph, Neighbours, is_known},
    hubs::{Hub, HubReason, find_hubs},
    input::{IdentityInput, is_rejected},
    slots::Slots,
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
///
/// Nodes are told apart by their 128-bit hashes, as persons are by theirs: that two nodes share one is ruled out.
#[derive(Debug, Clone)]
pub struct Persons {
    /// Every node that an edge names, person by person; a place in this list is a node's position.
    nodes: Vec<Node>,
    person_by_position: Vec<u32>,
    /// Ascending; a place in this list is a person's number.
    persons: Vec<PersonId>,
    /// By person: where its nodes end.
    ends: Vec<usize>,
    /// By position: the node's hash.
    hashes: Vec<u128>,
    positions: Slots,
    followed: Neighbours,
    hubs: Vec<Hub>,
    rejected_ids: BTreeSet<String>,
}

impl Persons {
    /// Finds the persons of everything known.
    #[must_use]
    pub fn build(input: &IdentityInput<'_>) -> Self {
        let graph = Graph::new(input);
        let neighbours = Neighbours::new(graph.numbers().len(), graph.pairs.iter().copied());
        let reasons = find_hubs(&graph, &neighbours, input.limits);
        let hubs = named(&graph, &neighbours, &reasons);
        drop(neighbours);
        let is_followed = |&(a, b): &Pair| !reasons.contains_key(&a) && !reasons.contains_key(&b);
        let followed: Vec<Pair> = graph.pairs.iter().copied().filter(is_followed).collect();

        let alone: Vec<PersonId> = graph.numbers().map(|number| PersonId::of(&graph.name(number).to_node())).collect();
        let (persons, person_by_number) = components(&alone, &followed);
        let mut order: Vec<u32> = graph.numbers().collect();
        order.sort_unstable_by(|&a, &b| {
            let persons = person_by_number[a as usize].cmp(&person_by_number[b as usize]);
            persons.then_with(|| graph.name(a).cmp(&graph.name(b)))
        });
        let mut position_by_number = vec![0; order.len()];
        for (position, &number) in (0..).zip(&order) {
            position_by_number[number as usize] = position;
        }
        let position = |number: u32| position_by_number[number as usize];
        let hashes: Vec<u128> = order.iter().map(|&number| alone[number as usize].hash).collect();
        drop(alone);

        let person_by_position: Vec<u32> = order.iter().map(|&number| person_by_number[number as usize]).collect();
        let mut end = 0;
        let ends = person_by_position.chunk_by(|a, b| a == b).map(|nodes| {
            end += nodes.len();
            end
        });
        Self {
            nodes: order.iter().map(|&number| graph.name(number).to_node()).collect(),
            ends: ends.collect(),
            persons,
            positions: Slots::of(hashes.iter()),
            hashes,
            followed: Neighbours::new(order.len(), followed.iter().map(|&(a, b)| (position(a), position(b)))),
            person_by_position,
            hubs,
            rejected_ids: input.rejected_ids.clone(),
        }
    }

    /// The person of a node. A node that no edge names is a person of its own, and so is a hub.
    #[must_use]
    pub fn person_of(&self, node: &Node) -> PersonId {
        let alone = PersonId::of(node);
        let position = self.position(alone);
        position.map_or(alone, |position| self.persons[self.person_by_position[position as usize] as usize])
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
        self.persons.binary_search(&person).map_or(&[], |number| self.nodes_of(number))
    }

    /// Every person that an edge names, with its nodes, by id.
    pub fn iter(&self) -> impl Iterator<Item = (PersonId, &[Node])> {
        self.persons.iter().enumerate().map(|(number, person)| (*person, self.nodes_of(number)))
    }

    /// A shortest path of followed edges between two nodes, both ends included: what a steward is shown who wants to
    /// unlink two that have no edge. Empty where they are not one person.
    #[must_use]
    pub fn path(&self, from: &Node, to: &Node) -> Vec<Node> {
        let (Some(from), Some(to)) = (self.position(PersonId::of(from)), self.position(PersonId::of(to))) else {
            return Vec::new();
        };
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

    /// The position of a node by the person that it is when it is alone.
    fn position(&self, alone: PersonId) -> Option<u32> {
        self.positions.find(alone.hash, |position| self.hashes[position as usize] == alone.hash)
    }

    fn nodes_of(&self, person: usize) -> &[Node] {
        let start = person.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.nodes[start..self.ends[person]]
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

/// The hubs with their names, ascending.
fn named(graph: &Graph<'_>, neighbours: &Neighbours, reasons: &BTreeMap<u32, HubReason>) -> Vec<Hub> {
    let node = |number: u32| graph.name(number).to_node();
    let linked = |hub: u32| sorted(neighbours.of(hub).iter().map(|&next| node(next)));
    sorted(reasons.iter().map(|(&hub, &reason)| Hub { node: node(hub), reason, linked: linked(hub) }))
}

/// The persons that followed pairs make of nodes, ascending, and by node the place of its person among them. A person is
/// the least of its nodes by (kind, hash).
fn components(alone: &[PersonId], followed: &[Pair]) -> (Vec<PersonId>, Vec<u32>) {
    let mut roots: Vec<u32> = (0..).zip(alone).map(|(number, _)| number).collect();
    for &(a, b) in followed {
        let (a, b) = (root(&mut roots, a), root(&mut roots, b));
        // The lesser node is the root, so that a root is its person's name.
        let (least, other) = if alone[a as usize] < alone[b as usize] { (a, b) } else { (b, a) };
        roots[other as usize] = least;
    }
    let mut tops: Vec<u32> =
        (0..).zip(&roots).filter(|(number, root)| number == *root).map(|(number, _)| number).collect();
    tops.sort_unstable_by_key(|&top| alone[top as usize]);
    let mut person_by_number = vec![0; alone.len()];
    for (person, &top) in (0..).zip(&tops) {
        person_by_number[top as usize] = person;
    }
    for number in (0..).take(alone.len()) {
        person_by_number[number as usize] = person_by_number[root(&mut roots, number) as usize];
    }
    (tops.iter().map(|&top| alone[top as usize]).collect(), person_by_number)
}

/// The root of `number`, with the way to it halved so that the next look-up is short.
fn root(roots: &mut [u32], mut number: u32) -> u32 {
    while roots[number as usize] != number {
        roots[number as usize] = roots[roots[number as usize] as usize];
        number = roots[number as usize];
    }
    number
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items
}

//! What a steward's link or unlink would move, before it is decided.
//!
//! Not only the pair moves: a link may lift a node over its limit and make it a hub, which parts people, and an unlink
//! may unmake one, which joins them. So two whole states are compared, and nothing is guessed from the pair.

use std::collections::{BTreeMap, BTreeSet};

use model::Node;

use crate::{
    hubs::Hub,
    persons::{PersonId, Persons},
};

/// The difference between two states of identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blast {
    /// Nodes that change their person, ascending by node.
    pub moved: Vec<NodeMove>,
    /// Persons that become one: person after → two or more before.
    pub joined: BTreeMap<PersonId, BTreeSet<PersonId>>,
    /// Persons that are parted: person before → two or more after.
    pub parted: BTreeMap<PersonId, BTreeSet<PersonId>>,
    /// Nodes that become hubs, ascending: they are followed before and not after.
    pub hubs_made: Vec<Hub>,
    /// Nodes that are hubs no more, ascending, as they were before.
    pub hubs_unmade: Vec<Hub>,
}

/// A node that changes its person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeMove {
    /// The node.
    pub node: Node,
    /// Whose it was.
    pub from: PersonId,
    /// Whose it becomes.
    pub to: PersonId,
}

/// Why a pair cannot be unlinked: no edge joins it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoEdge {
    /// The pair, as it was asked for.
    pub pair: Box<(Node, Node)>,
    /// A shortest path between them; empty where they are not one person.
    pub path: Vec<Node>,
}

/// Compares two states: persons of everything known, and of that with one more decision among its edges.
#[must_use]
pub fn preview(before: &Persons, after: &Persons) -> Blast {
    let mut moved: Vec<NodeMove> = before
        .iter()
        .chain(after.iter())
        .flat_map(|(_, nodes)| nodes)
        .map(|node| (node, before.person_of(node), after.person_of(node)))
        .filter(|(_, from, to)| from != to)
        .map(|(node, from, to)| NodeMove { node: node.clone(), from, to })
        .collect();
    moved.sort_unstable();
    moved.dedup();
    let hubs_of = |one: &Persons, other: &Persons| {
        one.hubs().iter().filter(|hub| !other.is_hub(&hub.node)).cloned().collect::<Vec<_>>()
    };
    Blast {
        joined: counterparts(moved.iter().map(|node| (node.to, node.from)), after, before),
        parted: counterparts(moved.iter().map(|node| (node.from, node.to)), before, after),
        hubs_made: hubs_of(after, before),
        hubs_unmade: hubs_of(before, after),
        moved,
    }
}

/// Says whether an unlink of the pair would be obeyed.
///
/// # Errors
/// [`NoEdge`] where no edge joins the two, or a steward has parted them already.
pub fn check_unlink(persons: &Persons, a: &Node, b: &Node) -> Result<(), NoEdge> {
    if has_edge(persons, a, b) {
        return Ok(());
    }
    Err(NoEdge { pair: Box::new((a.clone(), b.clone())), path: persons.path(a, b) })
}

impl Blast {
    /// True where nothing changes, for anybody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.moved.is_empty() && self.hubs_made.is_empty() && self.hubs_unmade.is_empty()
    }

    /// True where a fact that names `node` may change its person. A fact none of whose nodes is touched does not; of
    /// one that is touched, [`Persons::belongs`] before and after tells.
    #[must_use]
    pub fn touches(&self, node: &Node) -> bool {
        let is_in = |hubs: &[Hub]| hubs.binary_search_by(|hub| hub.node.cmp(node)).is_ok();
        self.moved.binary_search_by(|moved| moved.node.cmp(node)).is_ok()
            || is_in(&self.hubs_made)
            || is_in(&self.hubs_unmade)
    }
}

impl std::fmt::Display for NoEdge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (a, b) = (self.pair.0.to_text(), self.pair.1.to_text());
        write!(f, "no edge joins \"{a}\" and \"{b}\", expected a pair that has one; ")?;
        if self.path.is_empty() {
            return write!(f, "they are not one person, so there is nothing to unlink");
        }
        let path: Vec<String> = self.path.iter().map(Node::to_text).collect();
        write!(f, "they are one person by way of \"{}\": unlink two neighbours of that", path.join("\" – \""))
    }
}

impl std::error::Error for NoEdge {}

/// True where an edge joins the two, be it followed or a hub's, and no steward has parted them.
fn has_edge(persons: &Persons, a: &Node, b: &Node) -> bool {
    let of_hub = |end: &Node, linked: &Node| {
        persons.hubs().iter().any(|hub| hub.node == *end && hub.linked.binary_search(linked).is_ok())
    };
    // A followed edge is the shortest path that there can be between two nodes.
    persons.path(a, b).len() == 2 || of_hub(a, b) || of_hub(b, a)
}

/// For persons of one state that moved nodes touch: those of the other state with whom they share nodes, where these are
/// two or more.
fn counterparts(
    moved: impl Iterator<Item = (PersonId, PersonId)>,
    state: &Persons,
    other_state: &Persons,
) -> BTreeMap<PersonId, BTreeSet<PersonId>> {
    let mut counterparts: BTreeMap<PersonId, BTreeSet<PersonId>> = BTreeMap::new();
    for (person, other) in moved {
        counterparts.entry(person).or_default().insert(other);
    }
    for (person, others) in &mut counterparts {
        for node in state.members(*person) {
            others.insert(other_state.person_of(node));
        }
    }
    counterparts.retain(|_, others| others.len() > 1);
    counterparts
}

//! Nodes by number: the texts of each are held once, one after the other, however many edges name it.

use model::{Node, NodeKind};

use crate::slots::Slots;

/// A node as it lies in [`Names`], in the order of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name<'a> {
    kind: NodeKind,
    scope: &'a str,
    id: &'a str,
}

/// Distinct nodes, numbered from 0 in the order in which they were met.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    kinds: Vec<NodeKind>,
    /// Scopes and ids of all nodes.
    texts: String,
    /// By number: where in `texts` its scope ends, and where its id does.
    ends: Vec<(usize, usize)>,
    numbers: Slots,
}

impl Names {
    /// How many there are.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.kinds.len()).expect("four thousand million nodes do not fit in memory")
    }

    /// The number of a node; a new one where it was not met yet.
    pub(crate) fn number(&mut self, name: Name<'_>) -> u32 {
        if let Some(known) = self.find(name) {
            return known;
        }
        let number = self.len();
        self.kinds.push(name.kind);
        self.texts.push_str(name.scope);
        let scope_end = self.texts.len();
        self.texts.push_str(name.id);
        self.ends.push((scope_end, self.texts.len()));
        if self.numbers.is_full(self.kinds.len()) {
            self.numbers = Slots::of(self.iter());
        } else {
            self.numbers.put(name, number);
        }
        number
    }

    /// The number of a node that was met.
    pub(crate) fn find(&self, name: Name<'_>) -> Option<u32> {
        self.numbers.find(name, |number| self.name(number) == name)
    }

    /// The kind of the node with a number that was given out.
    pub(crate) fn kind(&self, number: u32) -> NodeKind {
        self.kinds[number as usize]
    }

    /// The node with a number that was given out.
    pub(crate) fn name(&self, number: u32) -> Name<'_> {
        let number = number as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before].1);
        let (scope_end, end) = self.ends[number];
        Name { kind: self.kinds[number], scope: &self.texts[start..scope_end], id: &self.texts[scope_end..end] }
    }

    /// Every node, by number.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = Name<'_>> {
        (0..self.len()).map(|number| self.name(number))
    }

    /// Gives back the room that was kept for more.
    pub(crate) fn shrink(&mut self) {
        self.kinds.shrink_to_fit();
        self.texts.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}

impl<'a> Name<'a> {
    /// The name of a node.
    pub(crate) fn of(node: &'a Node) -> Self {
        Self { kind: node.kind, scope: &node.scope, id: &node.id }
    }

    /// The node by itself.
    pub(crate) fn to_node(self) -> Node {
        Node { kind: self.kind, scope: self.scope.to_owned(), id: self.id.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_nodes_have_one_number_and_others_another_however_their_texts_meet() {
        let nodes = [Node::device("web", "1"), Node::device("we", "b1"), Node::order("web", "1"), Node::user("")];
        let mut names = Names::default();
        assert_eq!(names.find(Name::of(&nodes[0])), None);
        for _ in 0..2 {
            let numbers: Vec<u32> = nodes.iter().map(|node| names.number(Name::of(node))).collect();
            assert_eq!(numbers, [0, 1, 2, 3]);
        }
        assert_eq!(names.iter().map(Name::to_node).collect::<Vec<_>>(), nodes);
        assert_eq!(names.find(Name::of(&Node::device("web", "2"))), None);
    }

    #[test]
    fn numbers_stay_while_the_names_become_many() {
        let nodes: Vec<Node> = (0..1000).map(|n| Node::user(&n.to_string())).collect();
        let mut names = Names::default();
        for (node, number) in nodes.iter().zip(0..) {
            assert_eq!(names.number(Name::of(node)), number);
        }
        for (node, number) in nodes.iter().zip(0..) {
            assert_eq!((names.find(Name::of(node)), names.name(number)), (Some(number), Name::of(node)));
        }
    }
}

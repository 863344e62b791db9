//! A group of paths: those of many units as counts that add and subtract exactly, and what a Sankey diagram draws of them.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    ops::{AddAssign, SubAssign},
};

use super::Paths;

/// How many paths there are of each sequence of names. Adding in any order gives the same; what is subtracted before it is
/// added is owed until then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathsGroup {
    question: Paths,
    /// By names; no count of 0.
    counts: BTreeMap<Box<[u32]>, i64>,
}

/// The most frequent paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopPaths {
    /// Most frequent first, of equally frequent ones the least codes.
    pub lines: Vec<PathLine>,
    /// Paths of all other sequences.
    pub other: u64,
}

/// All paths of one sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathLine {
    /// Codes of the names from the anchor's on.
    pub names: Vec<u32>,
    /// True where *end* comes next: the sequence has fewer names than asked.
    pub ended: bool,
    /// How many paths.
    pub paths: u64,
}

/// What leads from one position to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathColumn {
    /// Where its edges begin; 0 is the anchor.
    pub position: usize,
    /// Most frequent first, of equally frequent ones the least codes, *end* before all.
    pub edges: Vec<PathEdge>,
    /// Paths of all other edges. With the edges' paths they are all paths that have a name at this position.
    pub other: u64,
}

/// All paths that go from one name at a position to another at the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathEdge {
    /// Code of the name nearer to the anchor.
    pub from: u32,
    /// Code of the name farther from it; `None` is *end*.
    pub to: Option<u32>,
    /// How many paths.
    pub paths: u64,
}

impl PathsGroup {
    /// Of no path.
    #[must_use]
    pub fn new(paths: &Paths) -> Self {
        Self { question: *paths, counts: BTreeMap::new() }
    }

    /// What it counts.
    #[must_use]
    pub fn question(&self) -> &Paths {
        &self.question
    }

    /// Adds a path, by its names.
    pub fn add(&mut self, names: &[u32]) {
        self.count(names, 1);
    }

    /// Subtracts a path that was or will be added.
    pub fn subtract(&mut self, names: &[u32]) {
        self.count(names, -1);
    }

    /// How many paths there are.
    ///
    /// # Panics
    /// Where more was subtracted than added.
    #[must_use]
    pub fn paths(&self) -> u64 {
        self.counts.values().map(|paths| whole(*paths)).sum()
    }

    /// The `most` most frequent sequences.
    ///
    /// # Panics
    /// Where more was subtracted than added.
    #[must_use]
    pub fn top(&self, most: usize) -> TopPaths {
        let line = |names: &[u32], paths: i64| PathLine {
            names: names.to_vec(),
            ended: names.len() <= self.question.terms().steps,
            paths: whole(paths),
        };
        let mut lines: Vec<PathLine> = self.counts.iter().map(|(names, paths)| line(names, *paths)).collect();
        // They come by their codes, and the sort is stable.
        lines.sort_by_key(|line| Reverse(line.paths));
        let other = lines.iter().skip(most).map(|line| line.paths).sum();
        lines.truncate(most);
        TopPaths { lines, other }
    }

    /// The `most` most frequent edges of every position but the last.
    ///
    /// # Panics
    /// Where more was subtracted than added.
    #[must_use]
    pub fn columns(&self, most: usize) -> Vec<PathColumn> {
        (0..self.question.terms().steps).map(|position| self.column(position, most)).collect()
    }

    fn column(&self, position: usize, most: usize) -> PathColumn {
        let mut counts: BTreeMap<(u32, Option<u32>), u64> = BTreeMap::new();
        for (names, paths) in &self.counts {
            if let Some(from) = names.get(position) {
                *counts.entry((*from, names.get(position + 1).copied())).or_default() += whole(*paths);
            }
        }
        let edge = |((from, to), paths)| PathEdge { from, to, paths };
        let mut edges: Vec<PathEdge> = counts.into_iter().map(edge).collect();
        edges.sort_by_key(|edge| (Reverse(edge.paths), edge.to.is_some()));
        let other = edges.iter().skip(most).map(|edge| edge.paths).sum();
        edges.truncate(most);
        PathColumn { position, edges, other }
    }

    fn count(&mut self, names: &[u32], times: i64) {
        let longest = self.question.terms().steps + 1;
        assert!((1..=longest).contains(&names.len()), "a path is counted in the group of its own paths");
        let Some(paths) = self.counts.get_mut(names) else {
            self.counts.insert(names.into(), times);
            return;
        };
        *paths += times;
        if *paths == 0 {
            self.counts.remove(names);
        }
    }

    fn add_all(&mut self, other: &Self, sign: i64) {
        assert!(self.question == other.question, "groups of different paths are never added");
        for (names, paths) in &other.counts {
            self.count(names, sign * paths);
        }
    }
}

impl AddAssign<&Self> for PathsGroup {
    /// Panics for a group of other paths.
    fn add_assign(&mut self, other: &Self) {
        self.add_all(other, 1);
    }
}

impl SubAssign<&Self> for PathsGroup {
    /// Panics for a group of other paths.
    fn sub_assign(&mut self, other: &Self) {
        self.add_all(other, -1);
    }
}

/// A count of what is there.
fn whole(count: i64) -> u64 {
    u64::try_from(count).expect("nothing is subtracted that was not added")
}

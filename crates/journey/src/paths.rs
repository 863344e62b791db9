//! Paths (section 8): what units did next after an anchor, or just before it.
//!
//! In reading order: [`PathTerms`] say what is asked and [`Paths`] is what can be, [`PathEvent`]s are what a unit did, a
//! [`PathsFold`] makes [`PathRuns`] of them, and a [`PathsGroup`] counts these by their sequence of names. A path begins
//! with its anchor at position 0 and goes away from it; one that stops before its last position ends in *end*.

mod fold;
mod group;

use model::UtcMillis;

use crate::FoldError;

pub use fold::{PathRun, PathRuns, PathsFold};
pub use group::{PathColumn, PathEdge, PathLine, PathsGroup, TopPaths};

/// Which anchors of a unit in the range have a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AnchorRule {
    /// The first by (instant, key).
    #[default]
    First,
    /// The last by (instant, key).
    Last,
    /// All, each a path of its own.
    Every,
}

/// Where a path goes from its anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PathDirection {
    /// To the events that follow, nearest first.
    #[default]
    After,
    /// To the events that precede, nearest first.
    Before,
}

/// Paths as they are written down; [`Paths::new`] judges them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathTerms {
    /// Which anchors count.
    pub anchor: AnchorRule,
    /// Where paths go.
    pub direction: PathDirection,
    /// Most names after the anchor's, `1..=10`.
    pub steps: usize,
    /// Whether consecutive events of one name are one step; the anchor too.
    pub collapsed: bool,
    /// Longest time between consecutive events that count, closed, in milliseconds; not negative. A longer one ends the
    /// path. `None`: nothing does.
    pub gap_ms_max: Option<i64>,
    /// Whether another anchor ends the path before itself, in the range or not.
    pub until_next_anchor: bool,
}

/// Paths that can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paths {
    terms: PathTerms,
}

/// One event of a unit, as paths see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PathEvent {
    /// When.
    pub at: UtcMillis,
    /// [`ANCHOR`](Self::ANCHOR), [`COUNTS`](Self::COUNTS), both or neither; one that does not count is passed over.
    pub mask: u32,
    /// Code of its name.
    pub name: u32,
}

impl Paths {
    /// Most names after the anchor's.
    pub const STEPS_MAX: usize = 10;

    /// Judges the terms.
    ///
    /// # Errors
    /// [`FoldError`] names the first term that is out of its range.
    pub fn new(terms: PathTerms) -> Result<Self, FoldError> {
        if !(1..=Self::STEPS_MAX).contains(&terms.steps) {
            return Err(FoldError::PathSteps { found: terms.steps });
        }
        match terms.gap_ms_max {
            Some(found) if found < 0 => Err(FoldError::PathGap { found }),
            _ => Ok(Self { terms }),
        }
    }

    /// What they ask.
    #[must_use]
    pub fn terms(&self) -> &PathTerms {
        &self.terms
    }
}

impl PathEvent {
    /// Bit 0: a path can begin at it.
    pub const ANCHOR: u32 = 1;
    /// Bit 1: it can be a step of a path.
    pub const COUNTS: u32 = 2;

    fn is_anchor(&self) -> bool {
        self.mask & Self::ANCHOR != 0
    }

    fn counts(&self) -> bool {
        self.mask & Self::COUNTS != 0
    }
}

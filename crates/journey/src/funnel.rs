//! Funnels (section 8): how far each unit got through a series of steps, N events × n steps.
//!
//! In reading order: a [`Funnel`] is what is asked, [`FunnelEvent`]s are what a unit did, a [`FunnelFold`] makes
//! [`FunnelOutcomes`] of them, and a [`FunnelGroup`] adds these up to a [`FunnelReport`].
//!
//! A chain is a sequence of distinct events with non-decreasing instants, one a step from the first on. Events at one
//! instant match in any needed order, whatever their keys. The best chain is the one with the furthest required step;
//! then the earliest entry, completion and required matches between in step order; then the most optional steps; then
//! the earliest instants and least keys in step order.

mod any_order;
mod backward;
mod counts;
mod fill;
mod fold;
mod forward;
mod group;
mod levels;
mod log;
mod matching;
mod passes;
mod plain;
mod report;
mod runs;
mod shape;
mod track;
mod unit;

use model::UtcMillis;

pub use fold::FunnelFold;
pub use group::FunnelGroup;
pub use levels::FunnelLevels;
pub use log::FunnelColumns;
pub use report::{FunnelLine, FunnelReport, FunnelTable, SurvivalStep};
pub use runs::{BreakdownRow, FunnelEvent, FunnelOutcome, FunnelOutcomes, StepMatch};
pub use shape::{BreakdownRule, EntryRule, Funnel, FunnelExclusion, FunnelMode, FunnelTerms, StepRule};

/// Instants at which a unit may enter: half open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryRange {
    /// First instant inside.
    pub from: UtcMillis,
    /// First instant after.
    pub to: UtcMillis,
}

impl EntryRange {
    /// Every instant.
    pub const ALL: Self = Self { from: UtcMillis(i64::MIN), to: UtcMillis(i64::MAX) };

    /// True where an entry at this instant counts.
    #[must_use]
    pub fn contains(&self, at: UtcMillis) -> bool {
        self.from <= at && at < self.to
    }
}

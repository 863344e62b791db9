//! Folds over one path: what a device's or a person's ordered events amount to (`docs/semantics.md`, sections 6 to 9).
//!
//! In reading order: events become [sessions](mod@sessions), orders meet them by [assignment], signals become
//! [touches](mod@touches), an order's value becomes [credits] of touches by [weights](mod@weights), all of that in one pass
//! is [crediting], steps become [funnel] runs, starts and returns become [retention], and what follows an event becomes
//! [paths]; [window_funnel] is for SQL of one's own. All of it is plain functions on slices of small values; strings are
//! dictionary codes before they get here, and events are sorted by (instant, key). What counts is a group that adds and
//! subtracts.

pub mod sessions;

pub mod assignment;

pub mod touches;

pub mod weights;

pub mod credits;

pub mod crediting;

pub mod funnel;

pub mod retention;

pub mod paths;

pub mod window_funnel;

pub mod fold_error;

mod decay;

pub use assignment::{Assignment, IndexedSession, OrderHints, Reason, SessionIndex, Sighting, assign};
pub use crediting::{Arrival, Bought, Crediting, PathTouch, PolicyCredit};
pub use credits::{Credits, Shares, split};
pub use fold_error::FoldError;
pub use funnel::{
    BreakdownRow, BreakdownRule, EntryRange, EntryRule, Funnel, FunnelColumns, FunnelEvent, FunnelExclusion,
    FunnelFold, FunnelGroup, FunnelLevels, FunnelLine, FunnelMode, FunnelOutcome, FunnelOutcomes, FunnelReport,
    FunnelTable, FunnelTerms, StepMatch, StepRule, SurvivalStep,
};
pub use paths::{
    AnchorRule, PathColumn, PathDirection, PathEdge, PathEvent, PathLine, PathRun, PathRuns, PathTerms, Paths,
    PathsFold, PathsGroup, TopPaths,
};
pub use retention::{
    Periods, Retention, RetentionCell, RetentionEvent, RetentionFold, RetentionGroup, RetentionOutcome,
    RetentionReport, RetentionRow, ReturnRule,
};
pub use sessions::{SessionEvent, SessionRule, SessionSpan, sessions};
pub use touches::{Touch, touches};
pub use weights::{eligible, weights};
pub use window_funnel::{LevelGroup, WindowFunnel};

/// Why a setting of a fold is not one.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum JourneyError {
    /// A session's gap is out of range.
    #[error("session gap is {found} min, expected {min} to {max}", min = SessionRule::GAP_MIN_MIN, max = SessionRule::GAP_MIN_MAX)]
    Gap {
        /// The gap as given, in minutes.
        found: i64,
    },
    /// A funnel has too few or too many steps.
    #[error("funnel has {found} steps, expected 1 to {max}", max = Funnel::STEPS_MAX)]
    Steps {
        /// How many it has.
        found: usize,
    },
    /// A funnel's first step asks for what only a later one can have.
    #[error("first step {found}, expected a required step without a window, since it follows nothing")]
    FirstStep {
        /// What is wrong with it.
        found: &'static str,
    },
    /// A window of a funnel is negative.
    #[error("funnel window is {found} ms, expected 0 or more")]
    WindowMs {
        /// The window as given, in milliseconds.
        found: i64,
    },
    /// A funnel has too many exclusions.
    #[error("funnel has {found} exclusions, expected 0 to {max}", max = Funnel::EXCLUSIONS_MAX)]
    Exclusions {
        /// How many it has.
        found: usize,
    },
    /// An exclusion does not go from a required step to a later one.
    #[error("exclusion goes from step {} to step {}, expected a required step and a later one", from.saturating_add(1), to.saturating_add(1))]
    ExclusionSteps {
        /// Where it begins, from 0.
        from: usize,
        /// Where it ends, from 0.
        to: usize,
    },
    /// A breakdown names a step that the funnel does not have.
    #[error("breakdown names step {}, expected 1 to {steps}", found.saturating_add(1))]
    BreakdownStep {
        /// The step as named, from 0.
        found: usize,
        /// How many the funnel has.
        steps: usize,
    },
    /// A funnel whose steps come in any order asks for what needs an order.
    #[error(
        "mode any_order has {found}, expected required steps under a total window, entry rule \"first\", a breakdown by the first or last match"
    )]
    AnyOrder {
        /// What it asks for.
        found: &'static str,
    },
}

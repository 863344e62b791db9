//! Folds over one path: what a device's or a person's ordered events amount to (`docs/semantics.md`, sections 6 to 9).
//!
//! In reading order: events become [sessions](mod@sessions), orders meet them by [assignment], signals become
//! [touches](mod@touches), an order's value becomes [credits] of touches by [weights](mod@weights), and steps become a
//! [funnel] run, counted in a [tally](mod@tally). All of it is plain functions on slices of small values; strings are
//! dictionary codes before they get here, and events are sorted by (instant, key).

pub mod sessions;

pub mod assignment;

pub mod touches;

pub mod weights;

pub mod credits;

pub mod funnel;

pub mod tally;

mod decay;
mod instant;

pub use assignment::{Assignment, IndexedSession, OrderHints, Reason, SessionIndex, Sighting, assign};
pub use credits::{Credits, Shares, split};
pub use funnel::{EntryRange, FunnelRun, FunnelShape, StepEvent, run};
pub use sessions::{SessionEvent, SessionRule, SessionSpan, sessions};
pub use tally::{FunnelTally, tally};
pub use touches::{Touch, touches};
pub use weights::{eligible, weights};

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
    #[error("funnel has {found} steps, expected 1 to {max}", max = FunnelShape::STEPS_MAX)]
    Steps {
        /// How many it has.
        found: usize,
    },
    /// A funnel's window is out of range.
    #[error("funnel window is {found} h, expected 0 to {max}", max = FunnelShape::WINDOW_HOURS_MAX)]
    Window {
        /// The window as given, in hours.
        found: i64,
    },
}

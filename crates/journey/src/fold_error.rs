//! Why a retention, a path or a `window_funnel` cannot be asked as it was.

use crate::{JourneyError, Paths, WindowFunnel};

/// Why a question to a fold is not one.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum FoldError {
    /// Periods have no end.
    #[error("periods have {found} cuts, expected at least 2: the start of each period and the end of the last")]
    Cuts {
        /// How many there are.
        found: usize,
    },
    /// Periods overlap or hold nothing.
    #[error("cut {} of the periods is not after the one before, expected ascending instants", position.saturating_add(1))]
    CutOrder {
        /// Which one, from 0.
        position: usize,
    },
    /// A retention asks about instants or periods that its list of periods does not have.
    #[error("retention {found}, expected periods from the range's start to {after} after the one of its last instant")]
    Uncovered {
        /// What the periods lack.
        found: &'static str,
        /// How many periods must follow the last cohort's.
        after: usize,
    },
    /// A path has too few or too many steps.
    #[error("path has {found} steps, expected 1 to {max}", max = Paths::STEPS_MAX)]
    PathSteps {
        /// How many were asked.
        found: usize,
    },
    /// The gap that ends a path is negative.
    #[error("gap of a path is {found} ms, expected 0 or more")]
    PathGap {
        /// The gap as given, in milliseconds.
        found: i64,
    },
    /// A mode that is none of ClickHouse's, or none that chains have.
    #[error("window_funnel mode \"{found}\" {reason}, expected some of: {known}", known = WindowFunnel::MODES.join(", "))]
    WindowMode {
        /// The mode as given, cut to 64 characters.
        found: String,
        /// Why it is refused.
        reason: &'static str,
    },
    /// The steps or the window of a `window_funnel` are none of a funnel.
    #[error(transparent)]
    Funnel(#[from] JourneyError),
}

//! Funnel definitions.

use serde::{Deserialize, Serialize};

/// Whose path a funnel follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FunnelUnit {
    /// A person, as known at the instant of the question.
    Person,
    /// A device.
    Device,
    /// A session.
    Session,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunnelStep {
    /// What people call it.
    pub label: String,
    /// Harmonised event name that satisfies it.
    pub event: String,
}

/// An ordered funnel: the best chain of distinct events with non-decreasing instants, within one total window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunnelDefinition {
    /// Name, such as `checkout`.
    pub name: String,
    /// Whose path is followed.
    pub unit: FunnelUnit,
    /// Hours from the first step within which the others count; closed at both ends.
    pub window_hours: i64,
    /// Two or more steps, all required.
    pub steps: Vec<FunnelStep>,
}

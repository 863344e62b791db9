//! Paths: `paths(anchor, …)`, what people do next after an event, or before it, as sequences of names; and
//! `path_steps(anchor, …)`, the same as edges from position to position, as a Sankey diagram draws them.
//!
//! In reading order: [`asking`] reads a call, [`folding`] is what becomes of each unit's events, [`answers`] are the two
//! tables.

mod answers;
mod asking;
mod folding;

pub(crate) use asking::{PathsTable, expand};

//! Retention: `retention(start, …)`, how many of those who started in a period returned k periods later, and
//! `retention_people(start, cohort, …)`, the units behind a count.
//!
//! In reading order: [`asking`] reads a call, [`folding`] is what becomes of each unit's events, [`answers`] are the two
//! tables.

mod answers;
mod asking;
mod folding;

pub(crate) use asking::{RetentionTable, expand};

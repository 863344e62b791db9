//! The person engine: a question about people is a fold over each one's events in order, read where they lie.
//!
//! In reading order: [`ground`] is what a question is asked of (the open files and who is who as of an instant);
//! [`lanes`] are the few numbers of each event that a fold reads, made of stored rows by [`reader`] and kept in [`hot`]
//! for the next; [`walk`] brings every person's events in order, merging
//! persons and not rows; [`gather`] does so for persons whose rows lie in several places; [`units`] tells a person's events
//! apart by device or session; [`leaf`] is the operator that DataFusion sees, and [`table`] the events as plain SQL does. A
//! fold itself is a pure function of `journey`.

pub mod ground;

pub mod signals;
pub mod spread;
pub mod whereabouts;

mod expressions;
pub mod lanes;
pub mod reader;

pub mod hot;

pub mod columns;

mod cursor;
pub mod gather;
pub mod walk;

pub mod stated;
pub mod units;

pub mod leaf;

pub mod table;

pub(crate) use ground::{Ground, GroundCache};
pub(crate) use lanes::{Condition, LanePlan, Lanes};
pub(crate) use leaf::{Ask, AskTable, Run};
pub(crate) use stated::Stated;
pub(crate) use units::{UnitEvent, UnitId, Units};
pub(crate) use walk::{PersonFold, Who};

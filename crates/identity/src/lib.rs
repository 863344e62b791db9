//! Who is who: edges known at an instant become persons (`docs/semantics.md`, section 4).
//!
//! In reading order: what is read ([`input`], and what is kept of [`edges`]), what comes out ([`persons`]), and the two
//! steps between: the graph of distinct pairs, and the hubs in it that are not followed. All that is a pure function of the
//! set of edges: neither their order nor their number of copies can be seen in the answer. Then what a decision would move
//! ([`blast`]).

pub mod input;

pub mod edges;

pub mod persons;

pub mod hubs;

pub mod blast;

mod graph;
mod names;
mod slots;

pub use blast::{Blast, NoEdge, NodeMove, check_unlink, preview};
pub use edges::Edges;
pub use hubs::{Hub, HubReason};
pub use input::{HubLimits, IdentityInput, default_rejected_ids, is_rejected};
pub use persons::{PersonId, Persons};

//! The lake: open Delta tables in one folder, every commit synced, every row with the instant at which it was known.
//!
//! In reading order: [`disk`] (what "durable" means), [`lake`] (tables, commits, snapshots), `log` (one table's Delta log),
//! [`mod@file`] (one Parquet file), [`sorted_file`] (held open, read where it lies), [`supersede`] (rows that a better copy
//! ends), [`compact`] (many small runs into few) by `merge` (as streams) and into `cells` (ranges of places by month),
//! [`inbox`] (records by position), [`instants`] (what is published); then [`mod@fsck`] (what is wrong), [`vacuum`] (what
//! nobody needs) and what both look at, `folder`.

pub mod disk;

pub mod lake;

mod cells;
pub mod file;
mod log;

pub mod compact;
mod folder;
pub mod fsck;
pub mod inbox;
pub mod instants;
mod merge;
pub mod sorted_file;
pub mod supersede;
pub mod vacuum;

pub use disk::{DiskSyncs, Syncs};
pub use file::{FileEntry, WrittenFile};
pub use fsck::{Checkup, Finding, FindingKind, fsck};
pub use inbox::{Appending, BatchLimit};
pub use lake::{Commit, Lake, LakeError, Snapshot, WriterLock, Written};
pub use sorted_file::{Reading, Rows, SortedFile};
pub use vacuum::{VacuumRequest, Vacuumed, VacuumedFile};

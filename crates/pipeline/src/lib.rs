//! Inbox → facts, exactly once.
//!
//! In reading order: [`intake`] (a door's batch becomes durable, then is acknowledged), [`stage`] (waiting records become
//! facts under one new instant: `reading`, then `committing`), [`plan`] (the pure part: what each record of a batch becomes), [`copies`] (which copy of
//! a key is in force), [`decisions`] (definitions and replays stand in the inbox too), [`adapters`] (the mappings in
//! force), [`replay`] (records read again, with history), [`rebuild`] (facts built anew from the inbox).

pub mod intake;

pub mod stage;

mod committing;
mod reading;

pub mod adapters;
pub mod copies;
pub mod decisions;
pub mod plan;
pub mod rebuild;
pub mod replay;

pub use decisions::ReplayRequest;
pub use intake::{append_records, append_rows, run_intake};
pub use plan::{BatchPlan, Supersession};
pub use replay::Replayed;
pub use stage::{BatchReport, PipelineError, Stage, StageClock};

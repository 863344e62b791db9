//! Inbox → facts, exactly once.
//!
//! In reading order: [`intake`] (a door's batch becomes durable, then is acknowledged), [`stage`] (waiting records become
//! facts under one new instant), [`plan`] (the pure part: what each record of a batch becomes), [`copies`] (which copy of
//! a key is in force), [`replay`] (facts built anew from the inbox).

pub mod intake;

pub mod stage;

pub mod copies;
pub mod definitions;
pub mod plan;
pub mod replay;

pub use intake::{append_records, run_intake};
pub use plan::{BatchPlan, Supersession};
pub use stage::{BatchReport, PipelineError, Stage, StageClock};

//! End to end, in one binary: what a user must be able to rely on.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod bad_input;
mod clients;
mod compaction;
mod crash;
mod demo;
mod fsck;
mod funnels;
mod identity;
mod imports;
mod interop;
mod laws;
mod people;
mod process;
mod replays;
mod robust;
mod serving;
mod shopify_fixtures;
mod truth;

// The funnel oracle and its generator, which use nothing of the product. They call each other by these paths.
#[path = "../../crates/journey/tests/funnels/case.rs"]
mod case;
#[path = "../../crates/journey/tests/funnels/generator.rs"]
mod generator;
#[path = "../../crates/journey/tests/funnels/oracle.rs"]
mod oracle;
#[path = "../../crates/journey/tests/funnels/report.rs"]
#[expect(dead_code, reason = "the oracle's own tests ask more of it")]
mod report;

//! End to end, in one binary: what a user must be able to rely on.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod bad_input;
mod clients;
mod crash;
mod demo;
mod fsck;
mod imports;
mod interop;
mod laws;
mod process;
mod replays;
mod robust;
mod serving;
mod shopify_fixtures;
mod truth;

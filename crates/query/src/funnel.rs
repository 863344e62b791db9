//! Funnels: `funnel(name, …)` and what stands behind its counts, by the definition's terms.
//!
//! In reading order: `asking` reads a call, `folding` is what becomes of each unit's events, `answers` are the tables
//! that come out: steps, trend, times, survival, and the list behind any count.

mod answers;
mod asking;
mod folding;

pub(crate) use asking::{FunnelTable, expand};

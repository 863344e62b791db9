//! A second opinion on retention, paths and `window_funnel`: each is said again by brute force from the words of
//! `docs/semantics.md`, section 8, and asked about small random logs with many ties. `clickhouse` says how ClickHouse
//! counts levels, and `differences` where that is another answer.

mod cases;
mod clickhouse;
mod differences;
mod examples;
mod levels;
mod paths;
mod retention;

//! A second opinion on funnels: an oracle that writes down every chain, cases to ask it about, examples worked out by
//! hand, and the laws of section 8 asked of the oracle itself. It uses nothing of the product, so that what both say
//! is said twice; only `agreement` and `plain` know both, and
//! `long_logs` asks the product what no oracle can.

mod agreement;
mod case;
mod example_results;
mod examples;
mod generator;
mod laws;
mod long_logs;
mod oracle;
mod plain;
mod report;

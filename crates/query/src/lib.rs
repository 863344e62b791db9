//! Answers: SQL and metric questions over the lake, as of any published instant, each with its stamp.
//!
//! In reading order: [`engine`] (a question comes in), [`answer`] (what goes out, or [`error`]), [`in_force`] (the
//! definitions as of an instant), [`calls`] (table functions with named arguments), `catalog` (the tables that a question
//! sees), [`facts_table`] (stored ones),
//! [`derived`] (persons, sessions, orders, ledger, touches, credits: pure functions of the facts at an instant),
//! [`property`] (values out of JSON), `currency` and [`exchange`] (amounts in another currency), [`window_funnel`] (funnels
//! over rows of one's own), `people` (everybody's events in order, folded where they lie), and the questions that have a
//! definition: [`metric`], [`funnel`], [`compare`], [`bridge`]. What is asked of people without one: `retention`, `paths` and
//! `activity`; what policies make of their purchases: `credit_series`; and what a steward's decision would move:
//! [`identity_preview`].

pub mod engine;

pub mod answer;
pub mod calls;
mod catalog;
pub mod error;
pub mod identity_config;
pub mod in_force;

mod currency;
pub mod derived;
pub mod exchange;
mod expansion;
pub mod facts_table;
pub mod property;
pub mod window_funnel;

mod people;
mod people_table;

pub(crate) mod activity;
pub mod bridge;
pub mod compare;
pub(crate) mod credit_series;
pub mod funnel;
pub mod identity_preview;
pub mod metric;
pub mod period;

mod paths;
mod retention;

pub use answer::{Answer, DefinitionStamp, Stamp};
pub use derived::Derived;
pub use engine::{Engine, EngineSettings, Question};
pub use error::EngineError;
pub use identity_config::IdentityConfig;

//! The doors in: takes what shops and pages send, exactly as sent, and hands it on in order.
//!
//! A door reads no more of a payload than it must to name its sender and to split a batch. It answers a sender only
//! when the consumer of the [`queue`] has made the records durable. In reading order: how records are handed on
//! ([`queue`]), which doors there are ([`segment`], [`shopify`], [`reports`],
//! [`files`]), what they share ([`collector`], [`clock`], [`counters`]) and how they are configured ([`config`]).

pub mod queue;

pub mod collector;
pub mod files;
pub mod reports;
pub mod segment;
pub mod shopify;

pub mod clock;
pub mod config;
pub mod counters;
pub mod error;

mod answer;

pub use clock::Clock;
pub use collector::{Collector, router};
pub use config::{CollectorConfig, CollectorLimits, ShopifySecrets};
pub use counters::{CounterSnapshot, Door, DoorCounts};
pub use error::IntakeError;
pub use files::{CsvLayout, ImportFile, ImportFormat, ImportOptions, ImportRow, ImportRows, ImportUnit, expand};
pub use queue::{Batch, BatchReceiver, Incoming, IntakeQueue, QueueLimits, intake_queue};
pub use reports::{ReportScope, file_channel, report_headers, report_record};

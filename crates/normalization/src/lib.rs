//! One source's payload → facts, or a reject with its reason. Nothing here asks a clock, a disk or a random number:
//! the same record gives the same facts, so a year of raw records can be replayed and compared.
//!
//! In reading order: the front door ([`normalizer`]), what an adapter is ([`source`]), the adapters ([`segment`],
//! [`shopify`], [`google_ads`], [`meta_ads`]), files that stewards map ([`mapping`]), what stewards
//! decide about who is who ([`steward`]), why a record is refused ([`error`]), and how stored traffic signals are
//! read as channels ([`traffic`]). A new source is one file and one line in [`normalizer`]'s list.

pub mod normalizer;
pub mod source;

pub mod google_ads;
pub mod meta_ads;
pub mod segment;
pub mod shopify;

pub mod mapping;
pub mod steward;

pub mod error;
pub mod traffic;

mod address;
mod contact;
mod glob;
mod json;
mod personal;
mod report;
mod signals;

pub use error::NormalizeError;
pub use mapping::{
    CsvOptions, FileFormat, Mapping, MappingError, MappingFile, MappingStatus, MappingTestResult, RecordUnit,
    mapping_schema, readable_fact,
};
pub use normalizer::Normalizer;
pub use source::{Normalized, Reject, Source, SourceConfig, SourceKind, Verdict};
pub use steward::{PairDecision, StewardDecision};
pub use traffic::{Traffic, classify};

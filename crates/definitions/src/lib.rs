//! What stewards decide: metric contracts, conversions, funnels and attribution policies, written as YAML, checked, and
//! hashed.
//!
//! Pure: the binary reads the files and hands their text to [`Definitions::parse`]. A mistake names the file, the line,
//! what is wrong, what was expected, and the nearest right spelling.
//!
//! In reading order: the collection ([`registry`]), how it is stored ([`stored`]), what is in it ([`metric`],
//! [`conversion`], [`funnel`], [`semantic_model`], [`filter`]), two conversions side by side ([`comparison`]), what can go wrong
//! ([`error`]). The types of policies are those of `model`.

pub mod registry;
pub mod stored;

pub mod comparison;
pub mod conversion;
pub mod filter;
pub mod funnel;
pub mod metric;
pub mod semantic_model;

pub mod error;

mod conversion_reader;
mod document;
mod duration;
mod event_columns;
mod filter_parser;
mod funnel_reader;
mod metric_reader;
mod model_reader;
mod policy;
mod section;
mod spelling;

pub use comparison::{Compared, ComparedLine, ConversionRow, Counted, CountedUnit};
pub use conversion::{ConversionDefinition, Counting};
pub use document::parse_yaml;
pub use error::DefinitionError;
pub use filter::{ColumnRef, Comparison, Filter, Literal, PropertyRef};
pub use funnel::{
    FunnelBreakdown, FunnelBreakdownRule, FunnelDefinition, FunnelExclusionDefinition, FunnelStep, ORDER_EVENT,
};
pub use metric::{
    Additivity, Direction, Formula, MetricBasis, MetricContract, MetricCurrency, MetricPart, MetricZone, Signatory,
};
pub use registry::{Defined, DefinitionStatus, Definitions};
pub use semantic_model::{Aggregate, ColumnKind, Join, Measure, ModelColumn, RowSql, SemanticModel};
pub use stored::{DefinitionText, StoredDefinition, WITHDRAWN, hash_of};

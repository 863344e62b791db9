//! Conversion definitions: which fact counts as a conversion, what it is worth, and how often it counts.

use crate::{
    filter::{ColumnRef, Filter},
    metric::{MetricBasis, Signatory},
};

/// A conversion as its stewards define it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversionDefinition {
    /// Name, such as `purchases`.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// One sentence that says what counts.
    pub description: String,
    /// The semantic model whose rows count.
    pub of: String,
    /// The text that names the order (or lead, …). All rows of one unit are one conversion.
    pub unit: ColumnRef,
    /// Rows that count, beside those that the measure leaves out; none: all.
    pub filter: Option<Filter>,
    /// The measure of that model which says what a conversion is worth.
    pub value: String,
    /// Whose day a conversion falls on: that of the unit's first row.
    pub date_basis: MetricBasis,
    /// How often one visitor counts.
    pub counting: Counting,
    /// Hours until late facts and refunds are expected to have landed, `0..=8760`.
    pub maturity_hours: i64,
    /// The function that answers for it.
    pub owner: String,
    /// Who must sign before it is approved; at least one.
    pub signatures_required: Vec<Signatory>,
}

/// How often one visitor counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counting {
    /// Every unit.
    Every,
    /// The first unit of each session.
    OnePerSession,
    /// The first unit of each person, ever.
    OnePerPerson,
}

/// Ways of counting by how they are written.
pub(crate) const COUNTINGS: [(&str, Counting); 3] = [
    ("every", Counting::Every),
    ("one_per_session", Counting::OnePerSession),
    ("one_per_person", Counting::OnePerPerson),
];

impl Counting {
    /// The column that names what counts once; none where every unit counts.
    #[must_use]
    pub fn column(self) -> Option<&'static str> {
        match self {
            Self::Every => None,
            Self::OnePerSession => Some("session_id"),
            Self::OnePerPerson => Some("person_id"),
        }
    }
}

//! Metric contracts: what a number is, whose it is, and when it may be believed.

use model::Currency;

use crate::filter::Filter;

/// A metric as its stewards promise it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricContract {
    /// Name, such as `revenue_per_session`.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// One sentence that says what is counted.
    pub description: String,
    /// How it is computed.
    pub formula: Formula,
    /// `count`, `currency`, `ratio`, or one `_per_` something. Numbers of different units are never added.
    pub unit: String,
    /// Over what its answers may be added.
    pub additivity: Additivity,
    /// Whose day a number falls on.
    pub date_basis: MetricBasis,
    /// For amounts: in which currency. None for counts and ratios of like with like.
    pub currency: Option<MetricCurrency>,
    /// Where days are cut.
    pub zone: MetricZone,
    /// What it can be split by; every part of the formula reaches each of them.
    pub dimensions: Vec<String>,
    /// Hours until refunds and late facts are expected to have landed, `0..=8760`.
    pub maturity_hours: i64,
    /// The function that answers for it.
    pub owner: String,
    /// Which way is better.
    pub direction: Direction,
    /// Who must sign before it is approved; at least one.
    pub signatures_required: Vec<Signatory>,
}

/// How a metric is computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Formula {
    /// One measure.
    Simple {
        /// The measure.
        value: MetricPart,
    },
    /// One measure divided by another, each put together before the division. Null where the denominator is 0.
    Ratio {
        /// What is divided.
        numerator: MetricPart,
        /// By what.
        denominator: MetricPart,
    },
}

/// One measure of one semantic model, on the rows that a condition keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricPart {
    /// The measure, such as `net_revenue`.
    pub measure: String,
    /// The semantic model, such as `orders`.
    pub of: String,
    /// Rows that count; none: all that the measure counts.
    pub filter: Option<Filter>,
}

/// Over what the answers of a metric may be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Additivity {
    /// Over every dimension and over time.
    Full,
    /// Over these dimensions only.
    Over(Vec<String>),
    /// Over nothing: it is computed anew from its parts.
    None,
}

/// Whose day a number falls on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetricBasis {
    /// The order's day.
    OrderDate,
    /// The day of each ledger entry.
    EntryDate,
    /// The credited touch's day.
    TouchDate,
    /// The day on which the session started.
    SessionStart,
    /// The day of the first step of a path, such as a cart's first add. Not for money.
    FirstStep,
    /// The platform's own day. Not for money.
    AccountDay,
    /// The day on which an event happened.
    EventDate,
}

/// In which currency amounts are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricCurrency {
    /// The workspace's.
    Reporting,
    /// Always this one.
    Fixed(Currency),
}

/// Where days are cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetricZone {
    /// The workspace's zone.
    Reporting,
    /// Always this IANA zone.
    Named(String),
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// More is better.
    Up,
    /// Less is better.
    Down,
}

/// A function that signs definitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signatory {
    /// Marketing.
    Marketing,
    /// Product.
    Product,
    /// Engineering.
    Engineering,
    /// Finance.
    Finance,
}

/// Date bases by how they are written.
pub(crate) const METRIC_BASES: [(&str, MetricBasis); 7] = [
    ("order_date", MetricBasis::OrderDate),
    ("entry_date", MetricBasis::EntryDate),
    ("touch_date", MetricBasis::TouchDate),
    ("session_start", MetricBasis::SessionStart),
    ("first_step", MetricBasis::FirstStep),
    ("account_day", MetricBasis::AccountDay),
    ("event_date", MetricBasis::EventDate),
];

impl Formula {
    /// The measures that the formula is made of, the numerator first.
    #[must_use]
    pub fn parts(&self) -> Vec<&MetricPart> {
        match self {
            Self::Simple { value } => vec![value],
            Self::Ratio { numerator, denominator } => vec![numerator, denominator],
        }
    }
}

impl MetricBasis {
    /// As written in a contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OrderDate => "order_date",
            Self::EntryDate => "entry_date",
            Self::TouchDate => "touch_date",
            Self::SessionStart => "session_start",
            Self::FirstStep => "first_step",
            Self::AccountDay => "account_day",
            Self::EventDate => "event_date",
        }
    }
}

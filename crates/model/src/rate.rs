//! Rates of exchange, as published.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{fact::FactMeta, money::Currency};

/// Parts of one unit in which a rate is counted: 10^12.
pub const RATE_PARTS: i64 = 1_000_000_000_000;

/// What one unit of `base` was worth in `quote`, as its publisher (the source) said for one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Key, source (the publisher) and instants; `occurred_at` is the day's start, UTC.
    pub meta: FactMeta,
    /// The currency of which one unit is priced: EUR for the European Central Bank.
    pub base: Currency,
    /// The currency in which it is priced.
    pub quote: Currency,
    /// The day of publication.
    pub on: Date,
    /// Units of `quote` for one of `base`, in 10^-12; greater than 0.
    pub rate_e12: i64,
}

//! A retention's group: the outcomes of many units as numbers that add and subtract exactly, and the table they make.

use std::ops::{AddAssign, SubAssign};

use model::UtcMillis;

use super::{Retention, RetentionOutcome};

/// The sum of a retention's outcomes. Adding in any order gives the same; what is subtracted before it is added is owed
/// until then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionGroup {
    retention: Retention,
    /// By cohort: units.
    units: Vec<i64>,
    /// By cohort, then k: units that returned.
    returned: Vec<i64>,
}

/// Everything that a retention answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionReport {
    /// A row for each period that the range touches, by time, also where nobody started.
    pub rows: Vec<RetentionRow>,
}

/// The units that first started in one period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRow {
    /// The period: its place in [`Periods`](super::Periods).
    pub period: usize,
    /// How many there are.
    pub units: u64,
    /// By k, from 0.
    pub cells: Vec<RetentionCell>,
}

/// One cohort, k periods later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionCell {
    /// Units that returned.
    pub returned: u64,
    /// True where the k-th period has ended by the horizon. Otherwise returns can still come, and the count is no drop.
    pub complete: bool,
}

impl RetentionGroup {
    /// Of no outcome.
    #[must_use]
    pub fn new(retention: &Retention) -> Self {
        let cells = retention.cohorts * (retention.after + 1);
        Self { retention: retention.clone(), units: vec![0; retention.cohorts], returned: vec![0; cells] }
    }

    /// Adds an outcome of the same retention.
    pub fn add(&mut self, outcome: &RetentionOutcome<'_>) {
        self.count(outcome, 1);
    }

    /// Subtracts an outcome that was or will be added.
    pub fn subtract(&mut self, outcome: &RetentionOutcome<'_>) {
        self.count(outcome, -1);
    }

    /// All cells as they stand at `horizon`, by default the AS OF instant. It hides no event: it only judges maturity.
    ///
    /// # Panics
    /// Where more was subtracted than added.
    #[must_use]
    pub fn report(&self, horizon: UtcMillis) -> RetentionReport {
        let width = self.retention.after + 1;
        let row = |(cohort, units): (usize, &i64)| {
            let period = self.retention.first + cohort;
            let cell = |(k, returned): (usize, &i64)| RetentionCell {
                returned: whole(*returned),
                complete: self.retention.periods.end(period + k).is_some_and(|end| end <= horizon),
            };
            let cells = self.returned.iter().skip(cohort * width).take(width);
            RetentionRow { period, units: whole(*units), cells: cells.enumerate().map(cell).collect() }
        };
        RetentionReport { rows: self.units.iter().enumerate().map(row).collect() }
    }

    fn count(&mut self, outcome: &RetentionOutcome<'_>, sign: i64) {
        let cohort = outcome.period.checked_sub(self.retention.first).filter(|cohort| *cohort < self.units.len());
        let cohort = cohort.expect("an outcome is counted in the group of its own retention");
        self.units[cohort] += sign;
        let cells = self.returned.iter_mut().skip(cohort * (self.retention.after + 1));
        for (cell, returned) in cells.zip(outcome.returned) {
            *cell += if *returned { sign } else { 0 };
        }
    }

    fn add_all(&mut self, other: &Self, sign: i64) {
        assert!(self.retention == other.retention, "groups of different retentions are never added");
        let ours = self.units.iter_mut().chain(&mut self.returned);
        for (count, other) in ours.zip(other.units.iter().chain(&other.returned)) {
            *count += sign * other;
        }
    }
}

impl AddAssign<&Self> for RetentionGroup {
    /// Panics for a group of another retention.
    fn add_assign(&mut self, other: &Self) {
        self.add_all(other, 1);
    }
}

impl SubAssign<&Self> for RetentionGroup {
    /// Panics for a group of another retention.
    fn sub_assign(&mut self, other: &Self) {
        self.add_all(other, -1);
    }
}

impl RetentionRow {
    /// Share of the cohort that returned at k. `None` where nobody started or the cell is not complete.
    #[must_use]
    pub fn rate(&self, k: usize) -> Option<f64> {
        let cell = self.cells.get(k).filter(|cell| cell.complete && self.units > 0)?;
        Some(cell.returned as f64 / self.units as f64)
    }
}

/// A count of what is there.
fn whole(count: i64) -> u64 {
    u64::try_from(count).expect("nothing is subtracted that was not added")
}

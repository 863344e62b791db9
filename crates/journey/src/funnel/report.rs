//! A funnel's answer: what its group says at one instant.

use super::runs::BreakdownRow;

/// Everything that a funnel answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunnelReport {
    /// All runs.
    pub whole: FunnelTable,
    /// The runs of each breakdown row that has one, ascending.
    pub rows: Vec<(BreakdownRow, FunnelTable)>,
}

/// The numbers of a set of runs. Under entry rule `every` units are runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunnelTable {
    /// How many entered.
    pub entrants: u64,
    /// How many of them are mature.
    pub mature_entrants: u64,
    /// A line a step, optional ones too; in `any_order` line k is "at least k steps".
    pub lines: Vec<FunnelLine>,
    /// Kaplan-Meier, by time: each at which someone converted.
    pub survival: Vec<SurvivalStep>,
    /// Entrants by the day of their entry, as days since 1970-01-01 in the reporting zone, ascending.
    pub trend: Vec<(i32, u64)>,
}

/// The numbers of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunnelLine {
    /// How many matched it.
    pub units: u64,
    /// How many matched the required step before; for the first step the entrants.
    pub previous_units: u64,
    /// How many mature ones matched it.
    pub mature: u64,
    /// How many matched the required step before and not this one. Nobody drops off at an optional step.
    pub dropped: u64,
    /// What they claimed, in millionths of the major unit; never added to ledger money.
    pub dropped_value_micros: i128,
    /// Distribution of the time from entry to this step: (milliseconds, units), ascending.
    pub times_ms: Vec<(i64, u64)>,
}

/// One factor of a Kaplan-Meier rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SurvivalStep {
    /// Time after entry, milliseconds.
    pub observed_ms: i64,
    /// Runs that neither converted nor were lost from sight before it.
    pub at_risk: u64,
    /// Runs that converted at it.
    pub converted: u64,
}

impl FunnelTable {
    /// Share of entrants that matched `step`, counted from 0. `None` without entrants or without such a step.
    #[must_use]
    pub fn conversion_from_entry(&self, step: usize) -> Option<f64> {
        ratio(self.lines.get(step)?.units, self.entrants)
    }

    /// Share of those at the required step before that matched `step`. `None` where nobody was there.
    #[must_use]
    pub fn conversion_from_previous(&self, step: usize) -> Option<f64> {
        let line = self.lines.get(step)?;
        ratio(line.units, line.previous_units)
    }

    /// Share of mature entrants that matched `step`. `None` where none is mature.
    #[must_use]
    pub fn matured_conversion(&self, step: usize) -> Option<f64> {
        ratio(self.lines.get(step)?.mature, self.mature_entrants)
    }

    /// The Kaplan-Meier rate of conversion: 1 − Π (at risk − converted) ÷ at risk. `None` without entrants.
    #[must_use]
    pub fn survival_conversion(&self) -> Option<f64> {
        let left = |step: &SurvivalStep| (step.at_risk - step.converted) as f64 / step.at_risk as f64;
        (self.entrants > 0).then(|| 1.0 - self.survival.iter().map(left).product::<f64>())
    }
}

impl FunnelLine {
    /// Milliseconds from entry within which `percent` (`1..=100`) of those at the step came to it, by nearest rank.
    /// `None` where none did.
    #[must_use]
    pub fn time_ms(&self, percent: u64) -> Option<i64> {
        let rank = (self.units * percent).div_ceil(100);
        let mut within = 0;
        let reaches = |(_, units): &&(i64, u64)| {
            within += units;
            within >= rank
        };
        self.times_ms.iter().find(reaches).map(|(ms, _)| *ms)
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

//! A funnel's group: the outcomes of many units as numbers that add and subtract exactly. So the answer after a commit is
//! the cached one, minus the touched units as they were, plus the touched units as they are.

use std::{
    collections::BTreeMap,
    ops::{AddAssign, SubAssign},
};

use super::{
    counts::Counts,
    report::{FunnelLine, FunnelReport, FunnelTable, SurvivalStep},
    runs::{BreakdownRow, FunnelOutcome},
    shape::Funnel,
};

/// The sum of a funnel's outcomes, by breakdown row. Adding in any order gives the same; what is subtracted before it is
/// added is owed until then.
#[derive(Debug, Clone)]
pub struct FunnelGroup {
    funnel: Funnel,
    rows: BTreeMap<BreakdownRow, RowCounts>,
}

/// The sum of one row.
#[derive(Debug, Clone, Default)]
struct RowCounts {
    entrants: i64,
    mature_entrants: i64,
    steps: Vec<StepCounts>,
    /// Kaplan-Meier times of those that did not complete, milliseconds; of those that did, they are the times from entry
    /// to the last required step.
    censored_ms: Counts,
    /// Days of the entries.
    days: Counts,
}

/// The sum of one step of a row.
#[derive(Debug, Clone, Default)]
struct StepCounts {
    units: i64,
    mature: i64,
    dropped: i64,
    dropped_value_micros: i128,
    /// Times from entry, milliseconds.
    times_ms: Counts,
}

impl FunnelGroup {
    /// Of no outcome.
    #[must_use]
    pub fn new(funnel: &Funnel) -> Self {
        Self { funnel: funnel.clone(), rows: BTreeMap::new() }
    }

    /// Adds an outcome. `entered_on` is the day of its entry in the reporting zone, as days since 1970-01-01.
    pub fn add(&mut self, outcome: &FunnelOutcome<'_>, entered_on: i32) {
        self.count(outcome, entered_on, 1);
    }

    /// Subtracts an outcome that was or will be added with the same day.
    pub fn subtract(&mut self, outcome: &FunnelOutcome<'_>, entered_on: i32) {
        self.count(outcome, entered_on, -1);
    }

    /// All numbers of a funnel.
    ///
    /// # Panics
    /// Where more was subtracted than added.
    #[must_use]
    pub fn report(&self) -> FunnelReport {
        let mut settled = self.clone();
        settled.settle();
        let mut whole = RowCounts { steps: vec![StepCounts::default(); self.funnel.steps()], ..RowCounts::default() };
        settled.rows.values().for_each(|row| whole.add_all(row, 1));
        whole.settle();
        let rows = settled.rows.iter().map(|(name, row)| (*name, row.table(&self.funnel)));
        FunnelReport { whole: whole.table(&self.funnel), rows: rows.collect() }
    }

    fn count(&mut self, outcome: &FunnelOutcome<'_>, entered_on: i32, sign: i64) {
        let row = self.rows.entry(outcome.row).or_default();
        row.steps.resize_with(self.funnel.steps(), StepCounts::default);
        row.entrants += sign;
        let mature = if outcome.mature { sign } else { 0 };
        row.mature_entrants += mature;
        for (step, matched) in row.steps.iter_mut().zip(outcome.matched) {
            if let Some(matched) = matched {
                step.units += sign;
                step.mature += mature;
                step.times_ms.add(matched.at.0.saturating_sub(outcome.entry.at.0), sign);
            }
        }
        if let Some(&dropped) = self.funnel.required().get(outcome.reached as usize) {
            let step = &mut row.steps[dropped];
            step.dropped += sign;
            step.dropped_value_micros += i128::from(sign) * i128::from(outcome.value_micros.unwrap_or(0));
        }
        if outcome.completed_at.is_none() {
            row.censored_ms.add(outcome.observed_ms, sign);
        }
        row.days.add(i64::from(entered_on), sign);
    }

    fn add_all(&mut self, other: &Self, sign: i64) {
        assert!(self.funnel == other.funnel, "groups of different funnels are never added");
        for (name, row) in &other.rows {
            self.rows.entry(*name).or_default().add_all(row, sign);
        }
    }

    /// Brings everything in order; a row of nothing is no row.
    fn settle(&mut self) {
        self.rows.values_mut().for_each(RowCounts::settle);
        self.rows.retain(|_, row| !row.is_nothing());
    }
}

impl AddAssign<&Self> for FunnelGroup {
    /// Panics for a group of another funnel.
    fn add_assign(&mut self, other: &Self) {
        self.add_all(other, 1);
    }
}

impl SubAssign<&Self> for FunnelGroup {
    /// Panics for a group of another funnel.
    fn sub_assign(&mut self, other: &Self) {
        self.add_all(other, -1);
    }
}

impl PartialEq for FunnelGroup {
    fn eq(&self, other: &Self) -> bool {
        let mut difference = self.clone();
        if self.funnel != other.funnel {
            return false;
        }
        difference -= other;
        difference.settle();
        difference.rows.is_empty()
    }
}

impl Eq for FunnelGroup {}

impl RowCounts {
    fn add_all(&mut self, other: &Self, sign: i64) {
        self.entrants += sign * other.entrants;
        self.mature_entrants += sign * other.mature_entrants;
        self.steps.resize_with(other.steps.len(), StepCounts::default);
        for (step, other) in self.steps.iter_mut().zip(&other.steps) {
            step.units += sign * other.units;
            step.mature += sign * other.mature;
            step.dropped += sign * other.dropped;
            step.dropped_value_micros += i128::from(sign) * other.dropped_value_micros;
            step.times_ms.add_all(&other.times_ms, sign);
        }
        self.censored_ms.add_all(&other.censored_ms, sign);
        self.days.add_all(&other.days, sign);
    }

    fn settle(&mut self) {
        self.steps.iter_mut().for_each(|step| step.times_ms.settle());
        [&mut self.censored_ms, &mut self.days].into_iter().for_each(Counts::settle);
    }

    fn is_nothing(&self) -> bool {
        let is_nothing = |step: &StepCounts| {
            [step.units, step.mature, step.dropped] == [0; 3]
                && step.dropped_value_micros == 0
                && step.times_ms.pairs().is_empty()
        };
        [self.entrants, self.mature_entrants] == [0; 2]
            && self.steps.iter().all(is_nothing)
            && [&self.censored_ms, &self.days].iter().all(|counts| counts.pairs().is_empty())
    }

    fn table(&self, funnel: &Funnel) -> FunnelTable {
        let line = |(step, counts): (usize, &StepCounts)| {
            let previous = funnel.previous_required(step).map_or(self.entrants, |previous| self.steps[previous].units);
            FunnelLine {
                units: whole(counts.units),
                previous_units: whole(previous),
                mature: whole(counts.mature),
                dropped: whole(counts.dropped),
                dropped_value_micros: counts.dropped_value_micros,
                times_ms: counts.times_ms.pairs().iter().map(|&(ms, units)| (ms, whole(units))).collect(),
            }
        };
        let day = |day: i64| i32::try_from(day).expect("days were added as such");
        FunnelTable {
            entrants: whole(self.entrants),
            mature_entrants: whole(self.mature_entrants),
            lines: self.steps.iter().enumerate().map(line).collect(),
            survival: self.survival(funnel),
            trend: self.days.pairs().iter().map(|&(on, entrants)| (day(on), whole(entrants))).collect(),
        }
    }

    /// Kaplan-Meier: who is censored at a time is at risk at it.
    fn survival(&self, funnel: &Funnel) -> Vec<SurvivalStep> {
        let mut censored = self.censored_ms.pairs().iter().peekable();
        let completed = funnel.required().last().map(|&step| &self.steps[step]).into_iter();
        let mut at_risk = self.entrants;
        let mut step = |&(observed_ms, converted): &(i64, i64)| {
            while let Some((_, lost)) = censored.next_if(|(ms, _)| *ms < observed_ms) {
                at_risk -= lost;
            }
            let step = SurvivalStep { observed_ms, at_risk: whole(at_risk), converted: whole(converted) };
            at_risk -= converted;
            step
        };
        completed.flat_map(|counts| counts.times_ms.pairs()).map(&mut step).collect()
    }
}

/// A count of what is there.
fn whole(count: i64) -> u64 {
    u64::try_from(count).expect("nothing is subtracted that was not added")
}

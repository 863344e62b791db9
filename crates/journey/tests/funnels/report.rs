//! The results of section 8 from the oracle's runs: counted one by one, nothing incremental.

use std::collections::BTreeMap;

use crate::case::{Event, Options};
use crate::oracle::{Row, Run, runs};

/// Milliseconds of a UTC day.
const DAY_MS: i64 = 86_400_000;

/// Everything a funnel answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Every run beside the index of its unit, by unit and entry.
    pub runs: Vec<(usize, Run)>,
    /// All runs.
    pub whole: Table,
    /// The runs of each breakdown value.
    pub rows: BTreeMap<Row, Table>,
}

/// The numbers of a set of runs. Under `every` "units" are runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// How many entered.
    pub entrants: usize,
    /// How many of them are mature.
    pub mature_entrants: usize,
    /// A line a step, optional ones too; under `any_order` line k is "at least k + 1 steps".
    pub steps: Vec<Line>,
    /// Kaplan-Meier: at each time after entry at which someone converted, who was at risk and who converted.
    pub survival: Vec<AtTime>,
    /// Entries by UTC day, as days since 1970-01-01.
    pub trend: BTreeMap<i64, usize>,
}

/// One step of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How many matched the step.
    pub units: usize,
    /// Index of the unit of each of them, ascending.
    pub people: Vec<usize>,
    /// Conversion from entry: numerator, denominator.
    pub from_entry: (usize, usize),
    /// Conversion from the previous required step; the first step's is from entry.
    pub from_previous: (usize, usize),
    /// How many matched the previous required step and not this one. Nobody drops off at an optional step.
    pub dropped: usize,
    /// Index of the unit of each of them, ascending.
    pub dropped_people: Vec<usize>,
    /// Sum of their claimed values, millionths.
    pub dropped_value_micros: i64,
    /// Times from entry to this step, ascending, milliseconds.
    pub times_ms: Vec<i64>,
    /// Median of the times by nearest rank.
    pub p50_ms: Option<i64>,
    /// Ninetieth percentile of the times by nearest rank.
    pub p90_ms: Option<i64>,
    /// How many mature runs matched the step.
    pub mature: usize,
}

/// One factor of a Kaplan-Meier estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtTime {
    /// Time after entry, milliseconds.
    pub time_ms: i64,
    /// Runs neither converted nor lost from sight before it.
    pub at_risk: usize,
    /// Runs that converted at it.
    pub converted: usize,
}

impl Table {
    /// The Kaplan-Meier rate, 1 − Π (at risk − converted) ÷ at risk, in lowest terms; `None` without entrants.
    pub fn survival_rate(&self) -> Option<(u128, u128)> {
        let (mut left, mut of) = (1_u128, 1_u128);
        for at in &self.survival {
            left *= (at.at_risk - at.converted) as u128;
            of *= at.at_risk as u128;
            let common = greatest_common_divisor(left, of);
            (left, of) = (left / common, of / common);
        }
        (self.entrants > 0).then_some((of - left, of))
    }
}

/// All results for all units.
pub fn report(units: &[Vec<Event>], options: &Options) -> Report {
    let of = |(unit, log): (usize, &Vec<Event>)| runs(log, options).into_iter().map(move |run| (unit, run));
    let runs: Vec<(usize, Run)> = units.iter().enumerate().flat_map(of).collect();
    let mut by_row: BTreeMap<Row, Vec<&(usize, Run)>> = BTreeMap::new();
    for run in &runs {
        by_row.entry(run.1.row).or_default().push(run);
    }
    let rows = by_row.iter().map(|(row, runs)| (*row, table(runs, options))).collect();
    let whole = table(&runs.iter().collect::<Vec<_>>(), options);
    Report { runs, whole, rows }
}

/// The nearest-rank percentile: the value of rank ⌈percent ÷ 100 · n⌉, from 1, of ascending values.
pub fn nearest_rank(ascending: &[i64], percent: usize) -> Option<i64> {
    let rank = (percent * ascending.len()).div_ceil(100);
    ascending.get(rank.checked_sub(1)?).copied()
}

/// The numbers of these runs.
fn table(runs: &[&(usize, Run)], options: &Options) -> Table {
    let mut trend = BTreeMap::new();
    for (_, run) in runs {
        *trend.entry(run.entry_at.div_euclid(DAY_MS)).or_default() += 1;
    }
    Table {
        entrants: runs.len(),
        mature_entrants: runs.iter().filter(|(_, run)| run.mature).count(),
        steps: (0..options.steps.len()).map(|index| line(runs, index, options)).collect(),
        survival: survival(runs),
        trend,
    }
}

/// The numbers of one step.
fn line(runs: &[&(usize, Run)], index: usize, options: &Options) -> Line {
    let previous = options.required().into_iter().rfind(|required| *required < index);
    let came = |run: &Run| previous.is_none_or(|previous| run.matched[previous].is_some());
    let (counted, others): (Vec<&(usize, Run)>, Vec<_>) =
        runs.iter().copied().filter(|(_, run)| came(run)).partition(|(_, run)| run.matched[index].is_some());
    let dropped = if options.steps[index].optional { Vec::new() } else { others };
    let time = |run: &Run| run.matched[index].map(|(at, _)| at - run.entry_at);
    let mut times_ms: Vec<i64> = counted.iter().filter_map(|(_, run)| time(run)).collect();
    times_ms.sort_unstable();
    Line {
        units: counted.len(),
        people: counted.iter().map(|(unit, _)| *unit).collect(),
        from_entry: (counted.len(), runs.len()),
        from_previous: (counted.len(), runs.iter().filter(|(_, run)| came(run)).count()),
        dropped: dropped.len(),
        dropped_people: dropped.iter().map(|(unit, _)| *unit).collect(),
        dropped_value_micros: dropped.iter().filter_map(|(_, run)| run.value_micros).sum(),
        p50_ms: nearest_rank(&times_ms, 50),
        p90_ms: nearest_rank(&times_ms, 90),
        times_ms,
        mature: counted.iter().filter(|(_, run)| run.mature).count(),
    }
}

/// The factors of the Kaplan-Meier estimate, by time.
fn survival(runs: &[&(usize, Run)]) -> Vec<AtTime> {
    let mut times: Vec<i64> =
        runs.iter().filter(|(_, run)| run.completed_at.is_some()).map(|(_, run)| run.observed_ms).collect();
    times.sort_unstable();
    times.dedup();
    let at = |time_ms: i64| AtTime {
        time_ms,
        at_risk: runs.iter().filter(|(_, run)| run.observed_ms >= time_ms).count(),
        converted: runs.iter().filter(|(_, run)| run.completed_at.is_some() && run.observed_ms == time_ms).count(),
    };
    times.into_iter().map(at).collect()
}

/// Euclid's.
fn greatest_common_divisor(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

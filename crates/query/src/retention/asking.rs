//! A call becomes a question about people.

use std::{collections::BTreeMap, fmt, sync::Arc};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use datafusion::catalog::TableProvider;
use jiff::civil::Date;
use journey::{EntryRange, Periods, Retention, ReturnRule};
use model::{FunnelUnit, UtcMillis};
use tables::column::days_since_1970;

use crate::{
    calls::Call,
    engine::Rules,
    error::EngineError,
    people::{Ask, AskTable, Condition, Ground, LanePlan, Run, Units, lanes::Kept, units},
    people_table,
    period::{Grain, Span, day, horizon},
    retention::{answers, folding::Folding},
};

/// The largest k where the call says none.
const PERIODS: usize = 8;
/// The largest k that can be asked.
const PERIODS_MAX: usize = 366;
/// Most periods, times returns of each, that one question counts.
const CELLS_MAX: usize = 1_000_000;

/// Whose events can be followed.
const UNITS: [(&str, FunnelUnit); 2] = [("person", FunnelUnit::Person), ("device", FunnelUnit::Device)];
/// Which returns can be counted.
const RULES: [(&str, ReturnRule); 2] = [("on", ReturnRule::On), ("on_or_after", ReturnRule::OnOrAfter)];

/// Which table is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetentionTable {
    /// A row a cohort and period.
    Cohorts,
    /// The units behind a count.
    People,
}

/// One retention, asked.
pub(super) struct RetentionAsk {
    pub(super) ground: Arc<Ground>,
    pub(super) retention: Retention,
    /// By the place of a period: its first day, as days since 1970-01-01.
    pub(super) starts: Vec<i32>,
    pub(super) span: Span,
    pub(super) horizon: UtcMillis,
    /// The units to list; none: they are counted.
    pub(super) chosen: Option<Chosen>,
    unit: FunnelUnit,
    marks: Vec<Condition>,
}

/// Which units a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chosen {
    /// Those that started in the period that starts on this day, as days since 1970-01-01.
    pub(super) cohort: i32,
    /// Those of them that returned so many periods later; none: all.
    pub(super) after: Option<usize>,
}

/// Reads a call of one of the functions about retention.
///
/// # Errors
/// [`EngineError::Asked`] for an argument that is wrong.
pub(crate) fn expand(
    rules: &Rules<'_>,
    call: &Call,
    table: RetentionTable,
    ground: &Arc<Ground>,
) -> Result<Arc<dyn TableProvider>, EngineError> {
    let span = Span::of(call, &rules.settings().zone, Grain::Week)?;
    if span.grain == Grain::All {
        let message = "\"grain\" is \"all\", expected day, week or month: retention is by period".to_owned();
        return Err(EngineError::Asked { message });
    }
    let chosen = match table {
        RetentionTable::Cohorts => None,
        RetentionTable::People => chosen(call, span.grain)?,
    };
    let after = match chosen {
        None => call.number("periods", 0..=PERIODS_MAX)?.unwrap_or(PERIODS),
        Some(chosen) => chosen.after.unwrap_or(0),
    };
    let range = known_range(&span, ground);
    let (periods, starts) = periods(&span, range, after)?;
    let rule = call.word("rule", &RULES)?.unwrap_or_default();
    let ask = RetentionAsk {
        retention: Retention::new(periods, range, rule, after).map_err(people_table::refused)?,
        starts,
        horizon: horizon(call, &span)?.map_or(ground.as_of, |asked| asked.min(ground.as_of)),
        chosen,
        unit: people_table::unit(call, &UNITS)?,
        marks: vec![people_table::events(call, "start")?, people_table::events(call, "returned")?],
        ground: Arc::clone(ground),
        span,
    };
    Ok(Arc::new(AskTable::new(Arc::new(ask))))
}

impl RetentionAsk {
    fn plan(&self) -> LanePlan {
        LanePlan {
            marks: self.marks.clone(),
            device: self.unit == FunnelUnit::Device,
            kept: Kept::Marked,
            ..LanePlan::default()
        }
    }
}

impl Ask for RetentionAsk {
    fn describe(&self) -> String {
        let (files, places) = (self.ground.files.len(), self.ground.spread.exceptions().len());
        format!("retention by {}, files={files}, scattered places={places}", self.span.grain.name())
    }

    fn schema(&self) -> SchemaRef {
        answers::schema(self.chosen.is_some())
    }

    fn answer(&self, run: &Run, _wanted: &[usize]) -> Result<RecordBatch, EngineError> {
        let plan = self.plan();
        let texts = self.ground.texts(&plan);
        let make = || Folding::new(self, Units::of(self.unit));
        let folds = run.fold(&self.ground, &plan, &texts, units::gathered(self.unit), make)?;
        answers::table(self, folds, &texts)
    }
}

impl fmt::Debug for RetentionAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetentionAsk")
            .field("retention", &self.retention)
            .field("chosen", &self.chosen)
            .finish_non_exhaustive()
    }
}

fn chosen(call: &Call, grain: Grain) -> Result<Option<Chosen>, EngineError> {
    let after = call.number("period", 0..=PERIODS_MAX)?;
    let cohort = day(call, "cohort")?.map(|on| days_since_1970(grain.start(on)));
    Ok(cohort.map(|cohort| Chosen { cohort, after }))
}

/// The range that the span says; where it leaves an end open, as far as there are events.
fn known_range(span: &Span, ground: &Ground) -> EntryRange {
    let (from, to) = span.instants();
    let (first, last) = ground.occurred().unwrap_or_default();
    EntryRange {
        from: if span.from_on.is_some() { from } else { first },
        to: if span.to_on.is_some() { to } else { last.plus_ms(1) },
    }
}

/// The periods from the one of the range's first instant to `after` of them after that of its last, and the first day of
/// each, as days since 1970-01-01.
fn periods(span: &Span, range: EntryRange, after: usize) -> Result<(Periods, Vec<i32>), EngineError> {
    // By instant: a day that a zone left out begins where the next one does.
    let mut starts: BTreeMap<UtcMillis, i32> = BTreeMap::new();
    let (mut day, mut beyond) = (span.grain.start(range.from.day_in(&span.zone)), 0);
    while beyond <= after || starts.len() < 2 {
        let at = UtcMillis::start_of(day, &span.zone);
        if starts.insert(at, days_since_1970(day)).is_none() && at >= range.to {
            beyond += 1;
        }
        day = next(span.grain, day)?;
    }
    let periods = Periods::new(starts.keys().copied().collect()).map_err(people_table::refused)?;
    let (count, returns) = (periods.count(), after + 1);
    if count.saturating_mul(returns) > CELLS_MAX {
        let message = format!(
            "{count} periods with {returns} returns each are too much to count, expected at most {CELLS_MAX} in all: \
             ask for fewer periods, a coarser grain or a shorter span"
        );
        return Err(EngineError::Asked { message });
    }
    Ok((periods, starts.into_values().collect()))
}

/// The first day of the period after the one that starts on a day.
fn next(grain: Grain, start: Date) -> Result<Date, EngineError> {
    let length = match grain {
        Grain::Day | Grain::All => jiff::Span::new().days(1),
        Grain::Week => jiff::Span::new().weeks(1),
        Grain::Month => jiff::Span::new().months(1),
    };
    let message = format!("there is no {} after {start}: ask for fewer periods", grain.name());
    start.checked_add(length).map_err(|_| EngineError::Asked { message })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    /// First days of the periods of a range that is given by its first day and the one after its last.
    fn first_days(zone: &str, grain: Grain, (from, to): (Date, Date), after: usize) -> Vec<i32> {
        let zone_name = zone.to_owned();
        let span = Span { from_on: None, to_on: None, zone: model::time::zone(zone).unwrap(), zone_name, grain };
        let [from, to] = [from, to].map(|day| UtcMillis::start_of(day, &span.zone));
        let range = EntryRange { from, to };
        let (periods, starts) = periods(&span, range, after).unwrap();
        Retention::new(periods, range, ReturnRule::On, after).unwrap();
        starts
    }

    #[test]
    fn periods_reach_from_the_week_of_the_first_day_to_the_last_return() {
        let range = (date(2026, 1, 7), date(2026, 1, 20));
        let days = [date(2026, 1, 5), date(2026, 1, 12), date(2026, 1, 19), date(2026, 1, 26), date(2026, 2, 2)];
        assert_eq!(first_days("Europe/Berlin", Grain::Week, range, 1), days.map(days_since_1970));
    }

    #[test]
    fn a_range_of_nothing_has_periods_all_the_same() {
        let days = [date(2026, 1, 1), date(2026, 2, 1)];
        let range = (date(2026, 1, 7), date(2026, 1, 7));
        assert_eq!(first_days("UTC", Grain::Month, range, 0), days.map(days_since_1970));
    }

    #[test]
    fn a_day_that_a_zone_left_out_is_no_period() {
        let range = (date(2011, 12, 29), date(2012, 1, 1));
        let days = [date(2011, 12, 29), date(2011, 12, 31), date(2012, 1, 1)];
        assert_eq!(first_days("Pacific/Apia", Grain::Day, range, 0), days.map(days_since_1970));
    }

    #[test]
    fn more_cells_than_can_be_counted_are_refused() {
        let zone = model::time::zone("UTC").unwrap();
        let span = Span { from_on: None, to_on: None, zone, zone_name: "UTC".to_owned(), grain: Grain::Day };
        let range = EntryRange { from: UtcMillis(0), to: UtcMillis::start_of(date(2199, 1, 1), &span.zone) };
        assert!(periods(&span, range, PERIODS_MAX).unwrap_err().to_string().contains("ask for fewer periods"));
    }
}

//! Retention by the words: a unit is in a cell when some choice of its first start and some other event say so.

use fastrand::Rng;
use journey::{
    EntryRange, FoldError, Periods, Retention, RetentionCell, RetentionEvent, RetentionFold, RetentionGroup,
    RetentionReport, RetentionRow, ReturnRule,
};
use model::UtcMillis;

use crate::cases;

/// A question and the logs of the units it is put to.
#[derive(Debug)]
struct Case {
    cuts: Vec<i64>,
    range: EntryRange,
    rule: ReturnRule,
    after: usize,
    horizon: i64,
    units: Vec<Vec<RetentionEvent>>,
}

fn log(rng: &mut Rng) -> Vec<RetentionEvent> {
    let instants = cases::instants(rng, 8);
    let event = |at| RetentionEvent { at: UtcMillis(at), mask: rng.u32(0..4) };
    instants.into_iter().map(event).collect()
}

fn case(rng: &mut Rng) -> Case {
    let mut cuts: Vec<i64> = (0..rng.usize(2..9)).map(|_| rng.i64(-3..20)).collect();
    cuts.sort_unstable();
    cuts.dedup();
    Case {
        cuts,
        range: cases::range(rng),
        rule: if rng.bool() { ReturnRule::On } else { ReturnRule::OnOrAfter },
        after: rng.usize(0..5),
        horizon: rng.i64(-3..22),
        units: (0..rng.usize(1..4)).map(|_| log(rng)).collect(),
    }
}

/// Which cells a unit is in: its period and the ks; by the words.
fn cells(case: &Case, log: &[RetentionEvent]) -> Option<(usize, Vec<bool>)> {
    let starts = |event: &RetentionEvent| event.mask & 1 == 1;
    let in_range = |event: &&RetentionEvent| case.range.from <= event.at && event.at < case.range.to;
    let first_at = log.iter().filter(in_range).filter(|event| starts(event)).map(|event| event.at.0).min()?;
    let within = |at: i64, period: usize| case.cuts[period] <= at && at < case.cuts[period + 1];
    let period = (0..case.cuts.len() - 1).find(|period| within(first_at, *period)).expect("the periods are enough");
    let returned = |k: usize| {
        log.iter().enumerate().any(|(start, event)| {
            let is_start = starts(event) && event.at.0 == first_at;
            is_start
                && log.iter().enumerate().any(|(other, event)| {
                    let counts = match case.rule {
                        ReturnRule::On => within(event.at.0, period + k),
                        ReturnRule::OnOrAfter => case.cuts[period + k] <= event.at.0,
                    };
                    other != start && event.mask & 2 == 2 && event.at.0 >= first_at && counts
                })
        })
    };
    Some((period, (0..=case.after).map(returned).collect()))
}

/// The whole table; by the words.
fn report(case: &Case) -> RetentionReport {
    let touched = |period: &usize| {
        (case.range.from.0..case.range.to.0).any(|at| case.cuts[*period] <= at && at < case.cuts[period + 1])
    };
    let row = |period: usize| {
        let cohort: Vec<Vec<bool>> = (case.units.iter().filter_map(|log| cells(case, log)))
            .filter(|(other, _)| *other == period)
            .map(|(_, returned)| returned)
            .collect();
        let cell = |k: usize| RetentionCell {
            returned: cohort.iter().filter(|returned| returned[k]).count() as u64,
            complete: case.cuts[period + k + 1] <= case.horizon,
        };
        RetentionRow { period, units: cohort.len() as u64, cells: (0..=case.after).map(cell).collect() }
    };
    RetentionReport { rows: (0..case.cuts.len() - 1).filter(touched).map(row).collect() }
}

/// Whether every instant of the range has a period, with `after` more behind it.
fn is_covered(case: &Case) -> bool {
    (case.range.from.0..case.range.to.0).all(|at| {
        let period = (0..case.cuts.len() - 1).find(|period| case.cuts[*period] <= at && at < case.cuts[period + 1]);
        period.is_some_and(|period| period + case.after + 1 < case.cuts.len())
    })
}

fn retention(case: &Case) -> Result<Retention, FoldError> {
    let periods = Periods::new(case.cuts.iter().copied().map(UtcMillis).collect())?;
    Retention::new(periods, case.range, case.rule, case.after)
}

fn group(fold: &mut RetentionFold, units: &[Vec<RetentionEvent>]) -> RetentionGroup {
    let mut group = RetentionGroup::new(fold.retention());
    for log in units {
        if let Some(outcome) = fold.run(log) {
            group.add(&outcome);
        }
    }
    group
}

#[test]
fn retention_is_what_the_words_say() {
    let (mut asked, mut started) = (0_u64, 0_u64);
    cases::each(|seed, rng| {
        let case = case(rng);
        let question = retention(&case);
        assert_eq!(question.is_ok(), case.cuts.len() >= 2 && is_covered(&case), "seed {seed} {case:?} {question:?}");
        let Ok(question) = question else { return };
        let mut fold = RetentionFold::new(question);
        for log in &case.units {
            let found = fold.run(log).map(|outcome| (outcome.period, outcome.returned.to_vec()));
            assert_eq!(found, cells(&case, log), "seed {seed} {case:?}");
            started += u64::from(found.is_some());
        }
        let found = group(&mut fold, &case.units).report(UtcMillis(case.horizon));
        assert_eq!(found, report(&case), "seed {seed} {case:?}");
        asked += 1;
    });
    assert!(asked > 1_000 && started > 1_000, "only {asked} cases were questions and {started} units started");
}

#[test]
fn retention_groups_add_and_subtract_exactly() {
    cases::each(|seed, rng| {
        let case = case(rng);
        let Ok(question) = retention(&case) else { return };
        let mut fold = RetentionFold::new(question.clone());
        let later: Vec<_> =
            case.units.iter().map(|log| if rng.bool() { self::log(rng) } else { log.clone() }).collect();
        let (before, after) = (group(&mut fold, &case.units), group(&mut fold, &later));
        let mut cached = before.clone();
        for (log, new) in case.units.iter().zip(&later).filter(|(log, new)| log != new) {
            if let Some(outcome) = fold.run(log) {
                cached.subtract(&outcome);
            }
            if let Some(outcome) = fold.run(new) {
                cached.add(&outcome);
            }
        }
        assert_eq!(cached, after, "seed {seed} {case:?}");
        let mut owed = RetentionGroup::new(&question);
        owed -= &before;
        owed += &after;
        owed += &before;
        assert_eq!(owed, after, "seed {seed} {case:?}");
        owed -= &after;
        assert_eq!(owed, RetentionGroup::new(&question), "seed {seed}, nothing is left");
    });
}

#[test]
fn retention_hides_the_order_of_one_instant() {
    cases::each(|seed, rng| {
        let mut case = case(rng);
        let Ok(question) = retention(&case) else { return };
        let mut fold = RetentionFold::new(question);
        let before = group(&mut fold, &case.units);
        for log in &mut case.units {
            rng.shuffle(log);
            log.sort_by_key(|event| event.at);
        }
        assert_eq!(group(&mut fold, &case.units), before, "seed {seed} {case:?}");
    });
}

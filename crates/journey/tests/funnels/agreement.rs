//! The product's fold against the oracle, on the generator's cases: every run and the whole report must be equal.
//!
//! `TRIBUTARY_FUNNEL_CASES=1000000` asks about as many; `TRIBUTARY_FUNNEL_SEED=7` starts at another seed.

use std::collections::BTreeMap;

use fastrand::Rng;
use journey::{
    BreakdownRow, BreakdownRule, EntryRange, EntryRule, Funnel, FunnelEvent, FunnelExclusion, FunnelFold, FunnelGroup,
    FunnelMode, FunnelOutcome, FunnelTable, FunnelTerms, StepRule,
};
use model::UtcMillis;

use crate::case::{Breakdown, Entry, Event, Exclusion, Mode, Options, refused};
use crate::generator::case;
use crate::oracle::{Row, Run};
use crate::report::{AtTime, Line, Report, Table, report};

/// Cases of an ordinary run.
pub const CASES: u64 = 20_000;
/// Milliseconds of a UTC day.
const DAY_MS: i64 = 86_400_000;

/// A number of the environment.
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The oracle's options in the product's words.
pub fn terms(options: &Options) -> FunnelTerms {
    FunnelTerms {
        steps: options
            .steps
            .iter()
            .map(|step| StepRule { optional: step.optional, window_ms: step.window_ms })
            .collect(),
        mode: match options.mode {
            Mode::Ordered => FunnelMode::Ordered,
            Mode::Strict => FunnelMode::Strict,
            Mode::AnyOrder => FunnelMode::AnyOrder,
        },
        total_window_ms: options.total_window_ms,
        exclusions: options.exclusions.iter().map(|e| FunnelExclusion { from: e.from, to: e.to }).collect(),
        held: options.hold,
        entry: match options.entry {
            Entry::First => EntryRule::First,
            Entry::Every => EntryRule::Every,
        },
        breakdown: match options.breakdown {
            Breakdown::None => BreakdownRule::None,
            Breakdown::First => BreakdownRule::First,
            Breakdown::Last => BreakdownRule::Last,
            Breakdown::Step(step) => BreakdownRule::Step(step),
        },
    }
}

/// A unit's log, by place, and as the product reads it.
pub fn events(log: &[Event], options: &Options) -> (Vec<Event>, Vec<FunnelEvent>) {
    let mut log = log.to_vec();
    log.sort_by_key(Event::place);
    let mask = |matching: &mut dyn Iterator<Item = bool>| {
        matching.zip(0..).fold(0, |mask, (matches, bit)| mask | u32::from(matches) << bit)
    };
    let seen = |event: &Event| FunnelEvent {
        at: UtcMillis(event.at),
        step_mask: mask(&mut options.steps.iter().map(|step| event.is_in(step.matches))),
        exclusion_mask: mask(&mut options.exclusions.iter().map(|exclusion| event.is_in(exclusion.matches))),
        held: event.held.map(u32::from),
        in_session: event.session_event,
        value_micros: event.value_micros,
        breakdown: event.breakdown.map(u32::from),
    };
    let seen = log.iter().map(seen).collect();
    (log, seen)
}

/// The product's run in the oracle's words.
fn run(outcome: &FunnelOutcome<'_>, log: &[Event]) -> Run {
    let code = |code: u32| u8::try_from(code).expect("codes of small cases");
    Run {
        entry_at: outcome.entry.at.0,
        entry_key: log[outcome.entry.position as usize].key,
        reached: outcome.reached as usize,
        matched: outcome.matched.iter().map(|step| step.map(|step| log[step.position as usize].place())).collect(),
        held: outcome.held.map(code),
        row: row(outcome.row),
        value_micros: outcome.value_micros,
        completed_at: outcome.completed_at.map(|at| at.0),
        mature: outcome.mature,
        observed_ms: outcome.observed_ms,
    }
}

fn row(row: BreakdownRow) -> Row {
    match row {
        BreakdownRow::Whole => Row::Whole,
        BreakdownRow::Value(value) => Row::Value(value.map(|value| u8::try_from(value).expect("a small code"))),
        BreakdownRow::NotReached => Row::NotReached,
    }
}

/// Whom a number is about: by row (`None`: all) and step, the units that match it and those that drop off at it.
type People = BTreeMap<(Option<Row>, usize), (Vec<usize>, Vec<usize>)>;

/// The product's whole answer in the oracle's words.
fn answer(units: &[Vec<Event>], options: &Options) -> Report {
    let funnel = Funnel::new(terms(options)).expect("the law accepts the generator's cases");
    let mut group = FunnelGroup::new(&funnel);
    let mut fold = FunnelFold::new(funnel.clone());
    let range = EntryRange { from: UtcMillis(options.range.0), to: UtcMillis(options.range.1) };
    let (mut runs, mut people) = (Vec::new(), People::new());
    for (unit, log) in units.iter().enumerate() {
        let (log, events) = events(log, options);
        for outcome in fold.run(&events, range, UtcMillis(options.horizon)).iter() {
            let day = i32::try_from(outcome.entry.at.0.div_euclid(DAY_MS)).expect("days of small cases");
            group.add(&outcome, day);
            for step in 0..funnel.steps() {
                for row in [None, Some(row(outcome.row))] {
                    let (counted, dropped) = people.entry((row, step)).or_default();
                    counted.extend(outcome.is_at(step).then_some(unit));
                    dropped.extend(outcome.dropped_at(step, &funnel).then_some(unit));
                }
            }
            runs.push((unit, run(&outcome, &log)));
        }
    }
    let report = group.report();
    let rows = report.rows.iter().map(|(name, numbers)| (row(*name), table(numbers, Some(row(*name)), &people)));
    Report { runs, whole: table(&report.whole, None, &people), rows: rows.collect() }
}

/// The product's numbers in the oracle's words.
fn table(table: &FunnelTable, row: Option<Row>, people: &People) -> Table {
    let count = |number: u64| usize::try_from(number).expect("counts of small cases");
    let line = |(step, line): (usize, &journey::FunnelLine)| {
        let (counted, dropped_people) = people.get(&(row, step)).cloned().unwrap_or_default();
        Line {
            units: count(line.units),
            people: counted,
            from_entry: (count(line.units), count(table.entrants)),
            from_previous: (count(line.units), count(line.previous_units)),
            dropped: count(line.dropped),
            dropped_people,
            dropped_value_micros: i64::try_from(line.dropped_value_micros).expect("values of small cases"),
            times_ms: line.times_ms.iter().flat_map(|&(ms, units)| std::iter::repeat_n(ms, count(units))).collect(),
            p50_ms: line.time_ms(50),
            p90_ms: line.time_ms(90),
            mature: count(line.mature),
        }
    };
    Table {
        entrants: count(table.entrants),
        mature_entrants: count(table.mature_entrants),
        steps: table.lines.iter().enumerate().map(line).collect(),
        survival: table
            .survival
            .iter()
            .map(|at| AtTime { time_ms: at.observed_ms, at_risk: count(at.at_risk), converted: count(at.converted) })
            .collect(),
        trend: table.trend.iter().map(|&(day, entrants)| (i64::from(day), count(entrants))).collect(),
    }
}

#[test]
fn the_fold_says_what_the_oracle_says() {
    compare(CASES, case);
}

/// The generator seldom draws all at once: a strict funnel of many optional steps, each with a window that ends exactly
/// at an event, and few events that do not break a chain.
#[test]
fn the_fold_says_what_the_oracle_says_where_optional_steps_excuse_others() {
    compare(CASES, |rng| {
        let (mut units, mut options) = case(rng);
        let instants: Vec<i64> = units.iter().flatten().map(|event| event.at).collect();
        let apart = |rng: &mut Rng| {
            let [one, other] = [0, 1].map(|_| *rng.choice(&instants).unwrap_or(&0));
            (one - other).abs()
        };
        if options.mode == Mode::AnyOrder {
            options.breakdown = Breakdown::Last;
        }
        options.mode = Mode::Strict;
        options.exclusions.retain(|_| rng.bool());
        let kept = |options: &Options, step: usize| options.exclusions.iter().any(|e| e.from == step || e.to == step);
        for step in 1..options.steps.len() {
            options.steps[step].optional = !kept(&options, step) && rng.u8(0..10) < 6;
            options.steps[step].window_ms = (rng.u8(0..10) < 6).then(|| apart(rng));
        }
        for event in units.iter_mut().flatten() {
            event.session_event |= rng.u8(0..10) < 7;
        }
        (units, options)
    });
}

/// Asks both about as many cases as the environment says. How many that was.
pub fn compare(cases: u64, case: impl Fn(&mut Rng) -> (Vec<Vec<Event>>, Options)) -> u64 {
    let cases = setting("TRIBUTARY_FUNNEL_CASES").unwrap_or(cases);
    let first = setting("TRIBUTARY_FUNNEL_SEED").unwrap_or(0);
    let mut compared = 0_u64;
    for seed in first..first + cases {
        let (units, options) = case(&mut Rng::with_seed(seed));
        assert_eq!(refused(&options), None);
        let (expected, found) = (report(&units, &options), answer(&units, &options));
        if expected != found {
            let (units, options) = shrink(units, options);
            let (expected, found) = (report(&units, &options), answer(&units, &options));
            panic!("seed {seed}\nunits {units:#?}\noptions {options:#?}\noracle {expected:#?}\nfold {found:#?}");
        }
        compared += expected.runs.len() as u64;
        if (seed - first + 1).is_multiple_of(100_000) {
            println!("{} of {cases} cases agree, {compared} runs", seed - first + 1);
        }
    }
    println!("{cases} cases from seed {first} agree: {compared} runs and their reports");
    cases
}

/// A cached answer minus the touched units as they were plus the same as they are is the fresh answer, in any order.
#[test]
fn groups_add_and_subtract_exactly() {
    for seed in 0..CASES / 4 {
        let mut rng = Rng::with_seed(seed);
        let (before, options) = case(&mut rng);
        // The units of another case as others of this one: what they did after a commit.
        let after: Vec<Vec<Event>> = case(&mut rng).0.into_iter().cycle().take(before.len()).collect();
        let funnel = Funnel::new(terms(&options)).expect("the law accepts the generator's cases");
        let of = |log: &Vec<Event>| group(std::slice::from_ref(log), &options, &funnel);
        let mut fresh = before.clone();
        let mut cached = group(&before, &options, &funnel);
        let (mut earlier, mut later) = (FunnelGroup::new(&funnel), FunnelGroup::new(&funnel));
        for unit in (0..before.len()).filter(|_| rng.bool()) {
            fresh[unit].clone_from(&after[unit]);
            earlier += &of(&before[unit]);
            later += &of(&after[unit]);
        }
        let fresh = group(&fresh, &options, &funnel);
        let mut owed = cached.clone();
        owed -= &earlier;
        owed += &later;
        assert_eq!(owed, fresh, "seed {seed}");
        assert_eq!(owed.report(), fresh.report(), "seed {seed}");
        cached += &later;
        cached -= &earlier;
        assert_eq!(cached.report(), fresh.report(), "seed {seed}, in the other order");
        cached -= &fresh;
        assert_eq!(cached, FunnelGroup::new(&funnel), "seed {seed}, nothing is left");
    }
}

/// The group of these units.
fn group(units: &[Vec<Event>], options: &Options, funnel: &Funnel) -> FunnelGroup {
    let mut group = FunnelGroup::new(funnel);
    let mut fold = FunnelFold::new(funnel.clone());
    let range = EntryRange { from: UtcMillis(options.range.0), to: UtcMillis(options.range.1) };
    for log in units {
        let events = events(log, options).1;
        for outcome in fold.run(&events, range, UtcMillis(options.horizon)).iter() {
            group.add(&outcome, i32::try_from(outcome.entry.at.0.div_euclid(DAY_MS)).expect("days of small cases"));
        }
    }
    group
}

/// What one refuses the other refuses.
#[test]
fn both_refuse_the_same_terms() {
    let mut refusals = 0;
    for seed in 0..CASES {
        let mut rng = Rng::with_seed(seed);
        let (_, mut options) = case(&mut rng);
        let steps = options.steps.len();
        match rng.u8(0..7) {
            0 => options.mode = Mode::AnyOrder,
            1 => options.steps[rng.usize(0..steps)].optional = true,
            2 => options.steps[rng.usize(0..steps)].window_ms = Some(1),
            3 => options.entry = Entry::Every,
            4 => options.breakdown = Breakdown::Step(rng.usize(0..steps + 2)),
            5 => options.exclusions.push(Exclusion {
                matches: 1,
                from: rng.usize(0..steps + 1),
                to: rng.usize(0..steps + 1),
            }),
            _ => options.steps.truncate(rng.usize(0..steps)),
        }
        let found = Funnel::new(terms(&options));
        assert_eq!(found.is_err(), refused(&options).is_some(), "seed {seed}: {found:?} {options:?}");
        refusals += u64::from(found.is_err());
    }
    assert!(refusals * 5 > CASES, "only {refusals} of {CASES} are refused");
}

/// The same disagreement on fewer events, options and steps.
fn shrink(mut units: Vec<Vec<Event>>, mut options: Options) -> (Vec<Vec<Event>>, Options) {
    loop {
        let mut smaller: Vec<(Vec<Vec<Event>>, Options)> = Vec::new();
        for unit in 0..units.len() {
            for event in 0..units[unit].len() {
                let mut fewer = units.clone();
                fewer[unit].remove(event);
                smaller.push((fewer, options.clone()));
            }
        }
        smaller.extend(simpler(&options).into_iter().map(|options| (units.clone(), options)));
        let disagrees = |(units, options): &(Vec<Vec<Event>>, Options)| {
            refused(options).is_none() && report(units, options) != answer(units, options)
        };
        match smaller.into_iter().find(disagrees) {
            Some(found) => (units, options) = found,
            None => return (units, options),
        }
    }
}

/// Each with one thing less.
fn simpler(options: &Options) -> Vec<Options> {
    let mut all = Vec::new();
    let mut try_this = |change: &dyn Fn(&mut Options)| {
        let mut changed = options.clone();
        change(&mut changed);
        all.extend((changed != *options).then_some(changed));
    };
    try_this(&|options| options.total_window_ms = None);
    try_this(&|options| options.exclusions.clear());
    try_this(&|options| options.exclusions.truncate(1));
    try_this(&|options| options.hold = false);
    try_this(&|options| options.entry = Entry::First);
    try_this(&|options| options.range = (i64::MIN, i64::MAX));
    try_this(&|options| options.breakdown = Breakdown::None);
    try_this(&|options| options.mode = Mode::Ordered);
    try_this(&|options| {
        options.steps.pop();
    });
    for step in 0..options.steps.len() {
        try_this(&|options| options.steps[step].optional = false);
        try_this(&|options| options.steps[step].window_ms = None);
    }
    all
}

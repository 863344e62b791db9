//! The laws that section 8 states about its own numbers, asked of the oracle on random cases.

use std::cell::Cell;

use fastrand::Rng;

use crate::case::{Breakdown, Entry, Event, Mode, Options, refused};
use crate::generator::case;
use crate::report::{Report, Table, report};

/// Cases a law is asked about.
const CASES: u64 = 20_000;

/// Asks `law` about many cases; each has its own seed, which a failure names.
fn for_many_cases(law: impl Fn(&mut Rng, &[Vec<Event>], &Options)) {
    for seed in 0..CASES {
        let mut rng = Rng::with_seed(seed);
        let (units, options) = case(&mut rng);
        let named = NamesTheSeed(seed);
        law(&mut rng, &units, &options);
        drop(named);
    }
}

/// Says which seed was being asked about when a law failed.
struct NamesTheSeed(u64);

impl Drop for NamesTheSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the law failed on the case of seed {}", self.0);
        }
    }
}

#[test]
fn cases_are_accepted_and_most_reach_the_second_step() {
    let (reaching, converting) = (Cell::new(0_u64), Cell::new(0_u64));
    for_many_cases(|_, units, options| {
        assert_eq!(refused(options), None);
        let report = report(units, options);
        reaching.set(reaching.get() + u64::from(report.runs.iter().any(|(_, run)| run.reached >= 2)));
        converting.set(converting.get() + u64::from(report.runs.iter().any(|(_, run)| run.completed_at.is_some())));
    });
    assert!(reaching.get() * 100 > CASES * 60, "only {} of {CASES} reach step 2", reaching.get());
    assert!(converting.get() * 100 > CASES * 40, "only {} of {CASES} convert", converting.get());
}

/// A generator whose options decide nothing would prove nothing: each must change many answers when it is taken away.
#[test]
fn every_option_decides_many_cases() {
    type Without = fn(&mut Options);
    // With the least share of cases, in percent, whose answer must be another without it.
    let without: [(&str, Without, u64); 9] = [
        ("total window", |options| options.total_window_ms = None, 20),
        ("step windows", |options| options.steps.iter_mut().for_each(|step| step.window_ms = None), 5),
        ("exclusions", |options| options.exclusions.clear(), 2),
        ("held constants", |options| options.hold = false, 5),
        ("every", |options| options.entry = Entry::First, 5),
        ("range", |options| options.range = (i64::MIN, i64::MAX), 10),
        ("strict", |options| options.mode = if options.mode == Mode::Strict { Mode::Ordered } else { options.mode }, 2),
        ("optional", |options| options.steps.iter_mut().for_each(|step| step.optional = false), 5),
        ("breakdown", |options| options.breakdown = Breakdown::None, 20),
    ];
    for (name, without, percent) in without {
        let changed = |seed: &u64| {
            let (units, options) = case(&mut Rng::with_seed(*seed));
            let mut fewer = options.clone();
            without(&mut fewer);
            report(&units, &options) != report(&units, &fewer)
        };
        let decided = (0..CASES / 10).filter(changed).count() as u64;
        assert!(decided * 1_000 > CASES * percent, "{name} decides only {decided} of {}", CASES / 10);
    }
}

#[test]
fn arrival_changes_nothing() {
    for_many_cases(|rng, units, options| {
        let mut shuffled = units.to_vec();
        shuffled.iter_mut().for_each(|log| rng.shuffle(log));
        assert_eq!(report(units, options), report(&shuffled, options));
    });
}

#[test]
fn a_wider_window_never_lowers_a_required_step() {
    for_many_cases(|rng, units, options| {
        let mut wider = options.clone();
        let ms = 1 + rng.i64(0..options.horizon - options.range.0.min(options.horizon) + 2);
        let windows = wider.steps.iter_mut().map(|step| &mut step.window_ms).chain([&mut wider.total_window_ms]);
        for window in windows {
            match rng.u8(0..4) {
                0 => *window = None,
                1 => *window = window.map(|width| width + ms),
                2 => *window = window.map(|width| width * 2 + 1),
                _ => {}
            }
        }
        let (before, after) = (report(units, options), report(units, &wider));
        for index in options.required() {
            assert!(
                before.whole.steps[index].units <= after.whole.steps[index].units,
                "{units:?} {options:?} {wider:?}"
            );
        }
        assert_eq!(before.whole.entrants, after.whole.entrants);
    });
}

#[test]
fn an_event_that_matches_nothing_changes_nothing_outside_strict() {
    for_many_cases(|rng, units, options| {
        let mut more = units.to_vec();
        let known: Vec<i64> = units.iter().flatten().map(|event| event.at).collect();
        for (log, key) in more.iter_mut().zip(1_000..) {
            let session_event = options.mode != Mode::Strict && rng.bool();
            let at = *rng.choice(&known).unwrap_or(&0);
            let [held, breakdown] = [0, 1].map(|_| Some(rng.u8(0..3)));
            log.push(Event { at, key, name: 31, held, session_event, value_micros: Some(1), breakdown });
        }
        assert_eq!(report(units, options), report(&more, options));
    });
}

/// The same funnel without the step of this index.
fn without_step(options: &Options, index: usize) -> Options {
    let shifted = |other: usize| if other > index { other - 1 } else { other };
    let mut fewer = options.clone();
    fewer.steps.remove(index);
    for exclusion in &mut fewer.exclusions {
        (exclusion.from, exclusion.to) = (shifted(exclusion.from), shifted(exclusion.to));
    }
    if let Breakdown::Step(named) = options.breakdown {
        fewer.breakdown = Breakdown::Step(shifted(named));
    }
    fewer
}

/// A run's entry, how far it got, the instants of its required matches, its completion, maturity and observed time.
type Bones = (usize, i64, usize, Vec<Option<i64>>, Option<i64>, bool, i64);

/// What optional steps must not move.
fn bones(report: &Report, options: &Options) -> Vec<Bones> {
    let of = |(unit, run): &(usize, crate::oracle::Run)| {
        let required = options.required().into_iter().map(|index| run.matched[index].map(|(at, _)| at)).collect();
        (*unit, run.entry_at, run.reached, required, run.completed_at, run.mature, run.observed_ms)
    };
    report.runs.iter().map(of).collect()
}

#[test]
fn an_optional_step_moves_no_instant_and_no_count_of_required_steps() {
    for_many_cases(|_, units, options| {
        let options = Options {
            mode: if options.mode == Mode::Strict { Mode::Ordered } else { options.mode },
            breakdown: Breakdown::None,
            ..options.clone()
        };
        let with = report(units, &options);
        for index in (0..options.steps.len()).filter(|&index| options.steps[index].optional) {
            let fewer = without_step(&options, index);
            let without = report(units, &fewer);
            assert_eq!(bones(&with, &options), bones(&without, &fewer));
            assert_eq!(with.whole.survival, without.whole.survival);
            assert_eq!(with.whole.trend, without.whole.trend);
        }
    });
}

/// Every number of a table that rows share out.
fn numbers(table: &Table) -> Vec<i64> {
    let count = |number: usize| i64::try_from(number).expect("counts of small cases");
    let mut numbers = vec![count(table.entrants), count(table.mature_entrants), count(table.trend.values().sum())];
    for line in &table.steps {
        numbers.extend([line.units, line.dropped, line.mature].map(count));
        numbers.push(line.dropped_value_micros);
    }
    numbers
}

#[test]
fn rows_of_a_breakdown_add_up_to_the_whole() {
    for_many_cases(|_, units, options| {
        let report = report(units, options);
        let mut sums = vec![0; numbers(&report.whole).len()];
        for row in report.rows.values() {
            sums.iter_mut().zip(numbers(row)).for_each(|(sum, number)| *sum += number);
        }
        assert_eq!(sums, numbers(&report.whole));
        assert_eq!(report.whole.entrants, report.runs.len(), "a run is in exactly one row");
    });
}

#[test]
fn lists_are_exactly_the_counted_sets() {
    for_many_cases(|_, units, options| {
        let report = report(units, options);
        for (index, line) in report.whole.steps.iter().enumerate() {
            let counted = report.runs.iter().filter(|(_, run)| run.matched[index].is_some()).map(|(unit, _)| *unit);
            assert_eq!(line.people, counted.collect::<Vec<_>>());
            assert_eq!((line.people.len(), line.dropped_people.len()), (line.units, line.dropped));
            assert_eq!(line.from_entry.0, line.from_previous.0);
            assert_eq!(line.times_ms.len(), line.units);
        }
        for pair in options.required().windows(2) {
            let [before, after] = [&report.whole.steps[pair[0]], &report.whole.steps[pair[1]]];
            let mut both = [after.people.clone(), after.dropped_people.clone()].concat();
            both.sort_unstable();
            assert_eq!(before.people, both, "who reached a step goes on or drops off");
            assert_eq!(after.from_previous.1, before.units);
        }
    });
}

/// The short way to the counts says what the fold does, wherever it is open.
#[test]
fn levels_are_how_far_the_fold_gets() {
    use journey::{EntryRange, Funnel, FunnelEvent, FunnelFold, FunnelLevels, FunnelTerms, StepRule};
    use model::UtcMillis;
    let mut rng = Rng::with_seed(77);
    let mut beyond = 0;
    for _ in 0..20_000 {
        let steps = rng.usize(1..=5);
        let terms = FunnelTerms {
            steps: vec![StepRule::default(); steps],
            total_window_ms: (rng.u8(0..4) > 0).then(|| rng.i64(0..8)),
            ..FunnelTerms::default()
        };
        let funnel = Funnel::new(terms).expect("a sound funnel");
        let masks: Vec<u32> = (0..6).map(|bit| 1 << bit).collect();
        let mut levels = FunnelLevels::of(&funnel, masks.clone()).expect("a plain funnel");
        let mut at = 0;
        let events: Vec<FunnelEvent> = (0..rng.usize(0..14))
            .map(|_| {
                at += i64::from(rng.u8(0..3));
                FunnelEvent { at: UtcMillis(at), step_mask: masks[rng.usize(0..masks.len())], ..FunnelEvent::default() }
            })
            .collect();
        let range = EntryRange { from: UtcMillis(rng.i64(-1..3)), to: UtcMillis(rng.i64(3..20)) };
        let mut fold = FunnelFold::new(funnel);
        let expected = fold.run(&events, range, UtcMillis(100)).iter().next().map_or(0, |run| run.reached as usize);
        let (instants, bits): (Vec<i64>, Vec<u32>) = events.iter().map(|event| (event.at.0, event.step_mask)).unzip();
        let cut = rng.usize(0..=events.len());
        levels.begin();
        levels.events(&instants[..cut], &bits[..cut], range);
        levels.events(&instants[cut..], &bits[cut..], range);
        assert_eq!(levels.reached(), expected, "{events:?} {range:?} cut at {cut}");
        beyond += usize::from(expected > 1);
    }
    assert!(beyond > 2_000, "{beyond} units come beyond the first step");
}

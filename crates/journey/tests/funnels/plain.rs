//! The short way of plain funnels: against the oracle as often as all else, against the product's general way on logs
//! that no oracle can read, and over columns.

use std::cell::Cell;

use fastrand::Rng;
use journey::{
    BreakdownRule, EntryRange, Funnel, FunnelColumns, FunnelEvent, FunnelFold, FunnelOutcome, FunnelTerms, StepRule,
};
use model::UtcMillis;

use crate::agreement::{CASES, compare, events, terms};
use crate::case::Options;
use crate::generator::{case, plain_case};

/// Long logs of an ordinary run.
const LONG_LOGS: u64 = 4_000;

/// True where the unit can be run the short way: it enters, and no event satisfies two steps.
fn is_short(log: &[FunnelEvent], options: &Options) -> bool {
    let enters = |event: &FunnelEvent| event.step_mask & 1 == 1 && options.admits(event.at.0);
    log.iter().any(enters) && log.iter().all(|event| event.step_mask.count_ones() <= 1)
}

#[test]
fn the_fold_says_what_the_oracle_says_of_plain_funnels() {
    let (short, far) = (Cell::new(0), Cell::new(0));
    let cases = compare(CASES, |rng| {
        let (units, options) = plain_case(rng);
        let mut fold = FunnelFold::new(Funnel::new(terms(&options)).expect("the law accepts it"));
        let range = EntryRange { from: UtcMillis(options.range.0), to: UtcMillis(options.range.1) };
        for log in units.iter().map(|log| events(log, &options).1).filter(|log| is_short(log, &options)) {
            short.set(short.get() + 1);
            let reached = fold.run(&log, range, UtcMillis(0)).iter().map(|outcome| outcome.reached).sum::<u32>();
            far.set(far.get() + u64::from(reached > 1));
        }
        (units, options)
    });
    println!("{} units were run the short way, {} of them beyond the first step", short.get(), far.get());
    assert!(short.get() >= cases, "only {} units in {cases} cases are run the short way", short.get());
    assert!(far.get() * 2 >= cases, "only {} of them go beyond the first step", far.get());
}

/// A plain funnel, and one that means the same and is not plain: a step's window that never closes.
fn plain_and_general(rng: &mut Rng) -> [FunnelFold; 2] {
    let steps = rng.usize(3..=7);
    let plain = FunnelTerms {
        steps: vec![StepRule::default(); steps],
        total_window_ms: (rng.u8(0..5) > 0).then(|| rng.i64(0..60)),
        breakdown: [BreakdownRule::None, BreakdownRule::First, BreakdownRule::Last][rng.usize(0..3)],
        ..FunnelTerms::default()
    };
    let mut general = plain.clone();
    general.steps[1].window_ms = Some(i64::MAX);
    [plain, general].map(|terms| FunnelFold::new(Funnel::new(terms).expect("the law accepts it")))
}

/// Hundreds of events, many at one instant, of which the steps' share falls steeply or not.
fn long_log(rng: &mut Rng, steps: usize) -> Vec<FunnelEvent> {
    let (crowd, steep) = (rng.i64(1..8), rng.bool());
    let overlaps = rng.u8(0..8) == 0;
    let mut at = if rng.u8(0..20) == 0 { i64::MAX - 300 } else { rng.i64(-500..0) };
    let mut event = || {
        at = at.saturating_add(i64::from(rng.i64(0..crowd) == 0) * rng.i64(1..6));
        let step = rng.usize(0..=steps);
        let step = if steep { step.min(rng.usize(0..=steps)).min(rng.usize(0..=steps)) } else { step };
        let other = if overlaps && rng.u8(0..50) == 0 { 1 << rng.usize(0..steps) } else { 0 };
        FunnelEvent {
            at: UtcMillis(at),
            step_mask: 1 << step | other,
            value_micros: (rng.u8(0..3) == 0).then(|| rng.i64(0..9)),
            breakdown: (rng.u8(0..3) > 0).then(|| rng.u32(0..8)),
            ..FunnelEvent::default()
        }
    };
    (0..300).map(|_| event()).collect()
}

/// What a unit came to, with its matches.
fn outcomes(fold: &mut FunnelFold, log: &[FunnelEvent], range: EntryRange, horizon: UtcMillis) -> Vec<String> {
    fold.run(log, range, horizon).iter().map(|outcome| format!("{outcome:?}")).collect()
}

#[test]
fn the_short_way_and_the_general_way_say_the_same_of_long_logs() {
    let (mut reached, mut entered) = ([0; 8], 0);
    for seed in 0..LONG_LOGS {
        let rng = &mut Rng::with_seed(seed);
        let [mut plain, mut general] = plain_and_general(rng);
        let steps = plain.funnel().steps();
        let log = long_log(rng, steps);
        let instant = |rng: &mut Rng| log[rng.usize(0..log.len())].at;
        let range = if rng.bool() { EntryRange::ALL } else { EntryRange { from: instant(rng), to: instant(rng) } };
        let horizon = instant(rng);
        let found = outcomes(&mut plain, &log, range, horizon);
        assert_eq!(found, outcomes(&mut general, &log, range, horizon), "seed {seed}");
        entered += found.len();
        plain.run(&log, range, horizon).iter().for_each(|outcome| reached[outcome.reached as usize] += 1);
    }
    println!("{entered} of {LONG_LOGS} long logs entered, by steps reached {reached:?}");
    assert!(entered as u64 * 2 > LONG_LOGS && reached[2..].iter().all(|units| *units > 20), "{entered} {reached:?}");
}

/// A unit's columns, those empty of which it has nothing.
#[derive(Debug, Default)]
struct Columns {
    at: Vec<i64>,
    step_mask: Vec<u32>,
    exclusion_mask: Vec<u32>,
    held: Vec<u32>,
    in_session: Vec<bool>,
    value_micros: Vec<i64>,
    breakdown: Vec<u32>,
}

/// A column, or nothing where all of it is one that may be left out.
fn column<T: PartialEq + Copy>(log: &[FunnelEvent], none: T, of: impl Fn(&FunnelEvent) -> T) -> Vec<T> {
    let column: Vec<T> = log.iter().map(of).collect();
    if column.iter().all(|value| *value == none) { Vec::new() } else { column }
}

impl Columns {
    fn of(log: &[FunnelEvent]) -> Self {
        let none = FunnelColumns::NO_CODE;
        Self {
            at: log.iter().map(|event| event.at.0).collect(),
            step_mask: log.iter().map(|event| event.step_mask).collect(),
            exclusion_mask: column(log, 0, |event| event.exclusion_mask),
            held: column(log, none, |event| event.held.unwrap_or(none)),
            in_session: column(log, false, |event| event.in_session),
            value_micros: column(log, FunnelColumns::NO_VALUE, |event| {
                event.value_micros.unwrap_or(FunnelColumns::NO_VALUE)
            }),
            breakdown: column(log, none, |event| event.breakdown.unwrap_or(none)),
        }
    }

    /// Gives a fold all of them in pieces of this length.
    fn give(&self, fold: &mut FunnelFold, length: usize) {
        for start in (0..self.at.len()).step_by(length) {
            let end = (start + length).min(self.at.len());
            fold.take(FunnelColumns {
                at: &self.at[start..end],
                step_mask: &self.step_mask[start..end],
                exclusion_mask: self.exclusion_mask.get(start..end).unwrap_or_default(),
                held: self.held.get(start..end).unwrap_or_default(),
                in_session: self.in_session.get(start..end).unwrap_or_default(),
                value_micros: self.value_micros.get(start..end).unwrap_or_default(),
                breakdown: self.breakdown.get(start..end).unwrap_or_default(),
            });
        }
    }
}

#[test]
fn columns_in_pieces_say_what_events_say() {
    for seed in 0..CASES {
        let rng = &mut Rng::with_seed(seed);
        let (units, options) = if seed % 2 == 0 { plain_case(rng) } else { case(rng) };
        let funnel = Funnel::new(terms(&options)).expect("the law accepts it");
        let [mut by_events, mut by_columns] = [0; 2].map(|_| FunnelFold::new(funnel.clone()));
        let range = EntryRange { from: UtcMillis(options.range.0), to: UtcMillis(options.range.1) };
        let horizon = UtcMillis(options.horizon);
        for log in &units {
            let log = events(log, &options).1;
            Columns::of(&log).give(&mut by_columns, rng.usize(1..=9));
            let found = by_columns.end(range, horizon);
            let expected = by_events.run(&log, range, horizon);
            let [found, expected] =
                [found, expected].map(|outcomes| outcomes.iter().collect::<Vec<FunnelOutcome<'_>>>());
            assert_eq!(found, expected, "seed {seed}");
        }
    }
}

#[test]
#[should_panic(expected = "a column has an entry for each event, or none at all")]
fn a_column_that_stops_midway_is_refused() {
    let funnel = Funnel::new(FunnelTerms { steps: vec![StepRule::default()], ..FunnelTerms::default() });
    let mut fold = FunnelFold::new(funnel.expect("the law accepts it"));
    fold.take(FunnelColumns { at: &[1, 2], step_mask: &[1, 1], breakdown: &[3, 3], ..FunnelColumns::default() });
    fold.take(FunnelColumns { at: &[3], step_mask: &[1], ..FunnelColumns::default() });
}

//! Sentences of section 8 about results, each with logs worked out by hand. Written as in `examples`.

use crate::case::{Breakdown, Event, Mode, Options};
use crate::examples::{any_order, every, funnel, log, run, within};
use crate::oracle::{Row, runs};
use crate::report::{AtTime, Line, Report, nearest_rank, report};

/// The results for these logs.
fn results(logs: &[&str], options: &Options) -> Report {
    let units: Vec<Vec<Event>> = logs.iter().map(|text| log(text)).collect();
    report(&units, options)
}

/// A number of each step.
fn each(report: &Report, number: impl Fn(&Line) -> usize) -> Vec<usize> {
    report.whole.steps.iter().map(number).collect()
}

/// Asked at this instant.
fn at(horizon: i64, options: Options) -> Options {
    Options { horizon, ..options }
}

/// By this rule.
fn by(breakdown: Breakdown, steps: &str) -> Options {
    Options { breakdown, ..funnel(steps) }
}

#[test]
fn units_conversions_and_drop_off_of_each_step() {
    let report = results(&["a0 b1 c2", "a0 b1", "a0", "b1", "a0 b1 b2"], &funnel("a b c"));
    assert_eq!(report.whole.entrants, 4);
    assert_eq!(each(&report, |line| line.units), [4, 3, 1]);
    assert_eq!(each(&report, |line| line.dropped), [0, 1, 2]);
    let last = &report.whole.steps[2];
    assert_eq!((last.from_entry, last.from_previous), ((1, 4), (1, 3)));
    assert_eq!(last.people, [0]);
    assert_eq!(last.dropped_people, [1, 4]);
}

#[test]
fn an_optional_step_is_counted_and_nobody_drops_off_at_it() {
    let report = results(&["a0 b1 c2", "a0 c1", "a0 b1"], &funnel("a b? c"));
    assert_eq!(each(&report, |line| line.units), [3, 2, 2]);
    assert_eq!(each(&report, |line| line.dropped), [0, 0, 1]);
    assert_eq!(report.whole.steps[2].from_previous, (2, 3), "the previous required step is the first");
}

#[test]
fn step_k_of_any_order_is_at_least_k_steps() {
    let report = results(&["c0 b1", "b0", "a0 b1 c2"], &any_order("a b c"));
    assert_eq!(each(&report, |line| line.units), [3, 2, 1]);
}

#[test]
fn under_every_counts_are_of_runs() {
    let report = results(&["a0 b1 a2", "a0"], &every(funnel("a b")));
    assert_eq!(each(&report, |line| line.units), [3, 1]);
    assert_eq!(report.whole.steps[0].people, [0, 0, 1]);
    assert_eq!(report.whole.steps[1].dropped_people, [0, 1]);
}

#[test]
fn percentiles_are_by_nearest_rank() {
    let ten: Vec<i64> = (1..=10).collect();
    assert_eq!((nearest_rank(&ten, 50), nearest_rank(&ten, 90)), (Some(5), Some(9)));
    assert_eq!((nearest_rank(&[1, 2], 50), nearest_rank(&[1, 2], 90)), (Some(1), Some(2)));
    assert_eq!((nearest_rank(&[1, 2, 3], 50), nearest_rank(&[7], 90)), (Some(2), Some(7)));
    assert_eq!(nearest_rank(&[], 50), None);
}

#[test]
fn time_to_convert_runs_from_the_entry_of_the_best_chain() {
    let report = results(&["a0 b10", "a5 b5", "a0 a7 b10 b20"], &within(10, "a b"));
    let line = &report.whole.steps[1];
    assert_eq!(line.times_ms, [0, 10, 10]);
    assert_eq!((line.p50_ms, line.p90_ms), (Some(10), Some(10)));
}

#[test]
fn value_behind_a_drop_off_is_on_the_last_matched_event_that_has_one() {
    let logs = ["a0:v3 b1", "a0:v3 b1:v5", "a0:v7 x1:v9", "a0 b1", "a0:v100 b1 c2"];
    let report = results(&logs, &funnel("a b c"));
    let values: Vec<i64> = report.whole.steps.iter().map(|line| line.dropped_value_micros).collect();
    assert_eq!(values, [0, 7, 8]);
    assert_eq!(run("a0:v3 b1:v-4", &funnel("a b c")).value_micros, Some(-4));
}

#[test]
fn a_breakdown_takes_the_first_or_last_matched_event_that_has_a_value() {
    let text = "a0 b1:r1 x2:r9 c3:r2 d4";
    assert_eq!(run(text, &by(Breakdown::First, "a b c d")).row, Row::Value(Some(1)));
    assert_eq!(run(text, &by(Breakdown::Last, "a b c d")).row, Row::Value(Some(2)));
    assert_eq!(run("a0 b1", &by(Breakdown::Last, "a b")).row, Row::Value(None));
    assert_eq!(run("b0:r1 a0:r2", &by(Breakdown::First, "a b")).row, Row::Value(Some(2)), "step order");
}

#[test]
fn a_named_step_gives_its_value_null_or_not_reached() {
    let report = results(&["a0 b1:r1", "a0 b1", "a0:r1", "a0 b2:r1"], &by(Breakdown::Step(1), "a b"));
    let rows: Vec<(Row, usize)> = report.rows.iter().map(|(row, table)| (*row, table.entrants)).collect();
    assert_eq!(rows, [(Row::Value(None), 1), (Row::Value(Some(1)), 2), (Row::NotReached, 1)]);
}

#[test]
fn under_first_a_unit_is_mature_when_the_windows_of_all_its_entries_have_closed() {
    assert!(run("a0", &at(10, within(10, "a b"))).mature);
    assert!(!run("a0", &at(9, within(10, "a b"))).mature);
    assert!(!run("a0 a1", &at(10, within(10, "a b"))).mature);
    assert!(!run("a0 b1 a1", &at(10, within(10, "a b"))).mature, "a converted one, too");
    assert!(run("a0 a1", &Options { range: (0, 1), ..at(10, within(10, "a b")) }).mature, "entries in the range");
    let each = runs(&log("a0 a1"), &every(at(10, within(10, "a b"))));
    assert_eq!(each.iter().map(|run| run.mature).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn the_window_of_maturity_is_the_smaller_of_total_and_sum() {
    assert!(run("a0", &at(7, within(10, "a b<3 x?<50 c<4"))).mature);
    assert!(!run("a0", &at(6, within(10, "a b<3 c<4"))).mature);
    assert!(run("a0", &at(5, within(5, "a b<3 c<4"))).mature);
    assert!(!run("a0", &at(900, funnel("a b<3 c"))).mature, "one required step may come at any time");
    assert!(!run("a0 b1", &funnel("a b")).mature, "no window, never mature");
}

#[test]
fn the_matured_only_rate_stands_beside_the_raw_one() {
    let report = results(&["a0 b1", "a0", "a5 b6", "a6"], &at(10, within(10, "a b")));
    assert_eq!(each(&report, |line| line.units), [4, 2]);
    assert_eq!(report.whole.mature_entrants, 2);
    assert_eq!(each(&report, |line| line.mature), [2, 1]);
}

#[test]
fn kaplan_meier_by_hand() {
    // Converted after 2 and 5; lost after 3 and, the window's end, after 10.
    let report = results(&["a0 b2", "a17", "a0 b5", "a0"], &at(20, within(10, "a b")));
    let [first, second] = [(2, 4), (5, 2)].map(|(time_ms, at_risk)| AtTime { time_ms, at_risk, converted: 1 });
    assert_eq!(report.whole.survival, [first, second]);
    assert_eq!(report.whole.survival_rate(), Some((5, 8)));
    assert_eq!(results(&["a0"], &funnel("a b")).whole.survival_rate(), Some((0, 1)));
    assert_eq!(results(&["b0"], &funnel("a b")).whole.survival_rate(), None);
}

#[test]
fn an_unconverted_unit_is_censored_at_its_latest_entry() {
    assert_eq!(run("a0 a8", &at(12, within(10, "a b"))).observed_ms, 4);
    assert_eq!(run("a0", &at(12, within(10, "a b"))).observed_ms, 10, "no longer than the window");
    assert_eq!(run("a0 a8 b9", &at(12, within(10, "a b"))).observed_ms, 9, "a converted one at its completion");
    let each = runs(&log("a0 a8"), &every(at(12, within(20, "a b"))));
    assert_eq!(each.iter().map(|run| run.observed_ms).collect::<Vec<_>>(), [12, 4]);
}

#[test]
fn the_trend_is_by_the_utc_day_of_the_entry() {
    let report = results(&["a-1 b5", "a0", "a86399999", "a86400000"], &funnel("a b"));
    assert_eq!(report.whole.trend.into_iter().collect::<Vec<_>>(), [(-1, 1), (0, 2), (1, 1)]);
}

/// The text says that an optional step moves no other number. It does so of instants and of counts of required steps in
/// `ordered`; these are the smallest cases in which it cannot.
#[test]
fn where_an_optional_step_moves_a_number_all_the_same() {
    let strict = |steps| Options { mode: Mode::Strict, ..funnel(steps) };
    assert_eq!(run("a0 b1 c2", &strict("a c")).reached, 1);
    assert_eq!(run("a0 b1 c2", &strict("a b? c")).reached, 2);

    assert_eq!(run("a0:v1 b1:v2", &funnel("a c")).value_micros, Some(1));
    assert_eq!(run("a0:v1 b1:v2", &funnel("a b? c")).value_micros, Some(2));

    assert_eq!(run("a0:r1 b1:r2", &by(Breakdown::Last, "a c")).row, Row::Value(Some(1)));
    assert_eq!(run("a0:r1 b1:r2", &by(Breakdown::Last, "a b? c")).row, Row::Value(Some(2)));

    // Of two events at one instant the optional step can use only the first, so the required one takes the second.
    assert_eq!(run("b0:r1 c0:r2", &by(Breakdown::Step(0), "bc")).row, Row::Value(Some(1)));
    assert_eq!(run("b0:r1 c0:r2", &by(Breakdown::Step(0), "bc b?")).row, Row::Value(Some(2)));
}

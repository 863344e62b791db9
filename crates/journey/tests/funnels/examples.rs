//! Sentences of section 8 about chains, each with a log worked out by hand.
//!
//! A log is written `a0 b5:h1`: name and instant, keys in the order of writing; `:h1` holds 1, `:h-` null (else 0),
//! `:v3` is worth 3 micros, `:r2` has breakdown value 2 (else null), `:server` is no session event. Steps are written
//! `a bc? d<5`: any of the letters, `?` optional, `<5` a window of 5 ms.

use crate::case::{Breakdown, Entry, Event, Exclusion, Mode, Options, Step, refused};
use crate::oracle::{Run, runs};

/// `a` is 0, `b` is 1, ….
fn name(letter: char) -> u8 {
    u8::try_from(letter).expect("an ASCII letter") - b'a'
}

/// The set of the letters of a text.
fn mask(letters: &str) -> u32 {
    letters.chars().filter(char::is_ascii_alphabetic).fold(0, |mask, letter| mask | 1 << name(letter))
}

/// A log as described above.
pub fn log(text: &str) -> Vec<Event> {
    let parse = |(key, word): (usize, &str)| {
        let mut parts = word.split(':');
        let (letter, at) = parts.next().and_then(|event| event.split_at_checked(1)).expect("a letter and an instant");
        let name = letter.chars().map(name).sum();
        let (at, key) = (at.parse().expect("an instant"), u32::try_from(key).expect("a short log"));
        let mut event =
            Event { at, key, name, held: Some(0), session_event: true, value_micros: None, breakdown: None };
        for part in parts {
            match part.split_at(1) {
                ("h", value) => event.held = value.parse().ok(),
                ("v", value) => event.value_micros = value.parse().ok(),
                ("r", value) => event.breakdown = value.parse().ok(),
                _ => event.session_event = false,
            }
        }
        event
    };
    text.split_whitespace().enumerate().map(parse).collect()
}

/// An ordered funnel without windows, asked about all time.
pub fn funnel(steps: &str) -> Options {
    let step = |word: &str| {
        let (event, window) = word.split_once('<').unwrap_or((word, ""));
        Step { matches: mask(event), optional: event.ends_with('?'), window_ms: window.parse().ok() }
    };
    Options {
        steps: steps.split_whitespace().map(step).collect(),
        mode: Mode::Ordered,
        total_window_ms: None,
        exclusions: Vec::new(),
        hold: false,
        entry: Entry::First,
        range: (i64::MIN, i64::MAX),
        breakdown: Breakdown::None,
        horizon: 1_000,
    }
}

/// With this total window.
pub fn within(ms: i64, steps: &str) -> Options {
    Options { total_window_ms: Some(ms), ..funnel(steps) }
}

/// Strict.
fn strict(steps: &str) -> Options {
    Options { mode: Mode::Strict, ..funnel(steps) }
}

/// In any order.
pub fn any_order(steps: &str) -> Options {
    Options { mode: Mode::AnyOrder, ..funnel(steps) }
}

/// Without `x` between these steps.
fn without_x(from: usize, to: usize, steps: &str) -> Options {
    Options { exclusions: vec![Exclusion { matches: mask("x"), from, to }], ..funnel(steps) }
}

/// With held constants.
fn holding(options: Options) -> Options {
    Options { hold: true, ..options }
}

/// An entry a match of step 1.
pub fn every(options: Options) -> Options {
    Options { entry: Entry::Every, ..options }
}

/// The one run of a log.
pub fn run(text: &str, options: &Options) -> Run {
    let [run] = <[Run; 1]>::try_from(runs(&log(text), options)).expect("one run");
    run
}

/// How far the one run got.
fn reached(text: &str, options: &Options) -> usize {
    run(text, options).reached
}

/// Keys of the matches, step by step, `-` for none: one word a run.
fn keys(text: &str, options: &Options) -> String {
    let key = |place: &Option<(i64, u32)>| place.map_or("-".to_owned(), |(_, key)| key.to_string());
    let word = |run: &Run| run.matched.iter().map(key).collect::<String>();
    runs(&log(text), options).iter().map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn events_at_one_instant_match_in_any_order_whatever_their_keys() {
    assert_eq!(keys("b0 a0", &funnel("a b")), "10");
    assert_eq!(keys("c0 b0 a0", &funnel("a b c")), "210");
    assert_eq!(keys("b0 a1", &funnel("a b")), "1-");
}

#[test]
fn one_event_never_satisfies_two_steps() {
    assert_eq!(keys("a0", &funnel("a a")), "0-");
    assert_eq!(keys("a0 a0", &funnel("a a")), "01");
    // The a is needed by step 2, so step 1 takes the b.
    assert_eq!(keys("a0 b0", &funnel("ab a")), "10");
}

#[test]
fn a_unit_without_the_first_step_has_no_run() {
    assert_eq!(keys("b0 c1", &funnel("a b c")), "");
    assert_eq!(keys("", &funnel("a b")), "");
}

#[test]
fn the_best_chain_wins_where_a_greedy_scan_fails() {
    assert_eq!(keys("a0 a10 b15", &within(5, "a b")), "12", "the first entry is too early");
    assert_eq!(keys("a0 b1 b10 c14", &funnel("a b c<5")), "023", "the first b is too early");
    assert_eq!(keys("a0 b1 a2 b3 c4", &within(2, "a b c")), "234", "reaching further beats entering earlier");
}

#[test]
fn of_chains_that_reach_as_far_the_earliest_entry_then_completion_then_matches_between() {
    assert_eq!(keys("a0 a1 b2", &funnel("a b")), "02");
    assert_eq!(keys("a0 b5 b3", &funnel("a b")), "02");
    assert_eq!(keys("a0 b1 b2 c3", &funnel("a b c")), "013");
    assert_eq!(keys("a0 b2 b1 c3", &funnel("a b c")), "023");
    assert_eq!(keys("a0 a0 b1", &funnel("a b")), "02", "keys speak last");
    assert_eq!(keys("a0 a5 b6 a10 b11", &within(1, "a b")), "12");
}

#[test]
fn of_held_values_that_enter_at_one_instant_the_one_that_completes_first() {
    let text = "a0:h2 b0:h2 a0:h1 b1:h1 c1:h1 c2:h2";
    assert_eq!(keys(text, &holding(funnel("a b c"))), "234", "though the other has the earlier match between");
    assert_eq!(keys(text, &holding(any_order("a b c"))), "234");
}

#[test]
fn the_total_window_is_closed() {
    assert_eq!(reached("a0 b10", &within(10, "a b")), 2);
    assert_eq!(reached("a0 b10", &within(9, "a b")), 1);
    assert_eq!(reached("a0 b0", &within(0, "a b")), 2);
    assert_eq!(reached("a0 b6 c11", &within(10, "a b c")), 2, "it runs from the first step");
}

#[test]
fn a_step_window_is_closed_and_runs_from_the_last_matched_required_step() {
    assert_eq!(reached("a0 b5", &funnel("a b<5")), 2);
    assert_eq!(reached("a0 b6", &funnel("a b<5")), 1);
    assert_eq!(reached("a0 b5 c10", &funnel("a b<5 c<5")), 3);
    assert_eq!(keys("a0 b4 c6", &funnel("a b? c<5")), "01-", "an optional step does not extend it");
    assert_eq!(keys("a0 b6 c7", &funnel("a b?<5 c")), "0-2", "an optional step has its own");
}

#[test]
fn an_exclusion_lies_strictly_between() {
    let funnel = without_x(0, 1, "a b");
    assert_eq!(reached("a0 x3 b5", &funnel), 1);
    assert_eq!(reached("a0 x0 b5", &funnel), 2);
    assert_eq!(reached("a0 x5 b5", &funnel), 2);
    assert_eq!(keys("a0 x1 a2 b3", &funnel), "23", "a later entry escapes it");
}

#[test]
fn an_exclusion_ends_the_chain_and_what_it_reached_stands() {
    assert_eq!(keys("a0 b1 x2 c3", &without_x(0, 2, "a b c")), "01-");
    assert_eq!(keys("a0 b1 x2 c3", &without_x(0, 1, "a b c")), "013", "steps after j are free");
    assert_eq!(keys("a0 x1 b2 c3", &without_x(1, 2, "a b c")), "023", "steps up to i are free");
    assert_eq!(keys("a0 x1 b2", &without_x(0, 2, "a b? c")), "0--", "optional steps between are forbidden too");
}

#[test]
fn an_event_of_the_chain_can_be_its_exclusion() {
    assert_eq!(keys("a0 x1 c2", &without_x(0, 2, "a x c")), "01-");
    assert_eq!(keys("a0 x0 c2", &without_x(0, 2, "a x c")), "012");
}

#[test]
fn held_properties_are_constant_and_null_matches_nothing() {
    assert_eq!(reached("a0:h1 b1:h2", &holding(funnel("a b"))), 1);
    assert_eq!(reached("a0:h1 b1:h2", &funnel("a b")), 2);
    assert_eq!(keys("a0:h1 a1:h2 b2:h2", &holding(funnel("a b"))), "12");
    assert_eq!(run("a0:h1 a1:h2 b2:h2", &holding(funnel("a b"))).held, Some(2));
    assert_eq!(keys("a0:h- b1:h-", &holding(funnel("a b"))), "");
    assert_eq!(keys("a0:h- b1:h-", &funnel("a b")), "01");
}

#[test]
fn an_exclusion_needs_the_same_held_values() {
    let funnel = holding(without_x(0, 1, "a b"));
    assert_eq!(reached("a0:h1 x1:h2 b2:h1", &funnel), 2);
    assert_eq!(reached("a0:h1 x1:h- b2:h1", &funnel), 2);
    assert_eq!(reached("a0:h1 x1:h1 b2:h1", &funnel), 1);
}

#[test]
fn an_optional_step_never_takes_what_a_required_step_needs() {
    assert_eq!(keys("a0 b1", &funnel("a b? b")), "0-1");
    assert_eq!(keys("a0 b1 b2", &funnel("a b? b")), "0-1", "earliest completion before most optional steps");
    assert_eq!(keys("a0 b1 c2", &funnel("a b? c")), "012");
    assert_eq!(keys("a0 c2", &funnel("a b? c")), "0-1");
}

#[test]
fn most_optional_steps_then_the_first_of_them() {
    assert_eq!(keys("a0 b1 c2 b3 d4", &funnel("a b? c? d")), "0124");
    assert_eq!(keys("a0 c1 b2 d3", &funnel("a b? c? d")), "02-3", "one of two: the step that comes first");
    assert_eq!(keys("a0 b1 c2", &funnel("a b? x")), "01-", "behind the last match, too");
    assert_eq!(keys("a0 c1", &funnel("a b c?")), "0--", "not behind a required step that was not reached");
}

#[test]
fn strict_is_broken_by_another_session_event_only() {
    assert_eq!(reached("a0 x1 b2", &strict("a b")), 1);
    assert_eq!(reached("a0 x1:server b2", &strict("a b")), 2);
    assert_eq!(reached("a0 x0 x2 b2", &strict("a b")), 2, "not strictly between");
    assert_eq!(reached("a0 b1 x1 c2", &strict("a b c")), 3, "at a matched instant");
    assert_eq!(keys("a0 a1 b2", &strict("a b")), "12", "the earlier a would have the later one between");
    assert_eq!(reached("a0:h1 x1:h2 b2:h1", &holding(strict("a b"))), 1, "of any held value");
}

#[test]
fn a_range_bounds_the_entry_half_open() {
    let options = Options { range: (5, 10), ..funnel("a b") };
    assert_eq!(keys("a4 b5", &options), "");
    assert_eq!(keys("a5 b11", &options), "01", "later steps may lie after its end");
    assert_eq!(keys("a9 b9", &options), "01");
    assert_eq!(keys("a10 b11", &options), "");
}

#[test]
fn every_gives_events_to_the_latest_entry_before() {
    assert_eq!(keys("a0 b1 a2 b3", &every(funnel("a b"))), "01 23");
    assert_eq!(keys("a0 a1 b2", &every(funnel("a b"))), "0- 12");
    assert_eq!(keys("b5 a5", &every(funnel("a b"))), "10", "at its instant, whatever the keys");
    assert_eq!(keys("a0 b0 a0", &every(funnel("a b"))), "0- 21", "of one instant the last");
}

#[test]
fn an_entry_of_every_is_never_a_later_step() {
    assert_eq!(keys("a0 a1", &funnel("a ab")), "01");
    assert_eq!(keys("a0 a1 b2", &every(funnel("a ab"))), "0- 12");
}

#[test]
fn entries_of_every_outside_the_range_capture_too() {
    let options = Options { range: (0, 5), ..every(funnel("a b")) };
    assert_eq!(keys("a0 a6 b7", &options), "0-");
    assert_eq!(keys("a0 b7", &options), "01");
}

#[test]
fn every_with_held_values_gives_events_to_the_latest_entry_of_their_value() {
    assert_eq!(keys("a0:h1 a1:h2 b2:h1", &holding(every(funnel("a b")))), "02 1-");
    assert_eq!(keys("a0:h1 a1:h- b2:h1", &holding(every(funnel("a b")))), "02", "a null is no entry");
}

#[test]
fn any_order_matches_as_many_steps_as_one_window_holds() {
    assert_eq!(keys("c0 x1 a1 b2", &any_order("a b c")), "023");
    let narrow = Options { total_window_ms: Some(1), ..any_order("a b c") };
    assert_eq!(keys("c0 a1 b2", &narrow), "01-", "the earliest of the best windows; closed");
    assert_eq!(keys("c0 a5 b6", &narrow), "12-");
    assert_eq!(keys("a0 b0", &Options { range: (1, 9), ..any_order("a b") }), "");
}

#[test]
fn any_order_counts_an_event_that_raises_the_maximum_matching() {
    assert_eq!(keys("a0 b1", &any_order("ab a")), "01", "the a moves to step 2 to make room");
    assert_eq!(keys("a0 a1 b2", &any_order("a b")), "02", "a second a raises nothing");
    assert_eq!(keys("b0 b1 a2", &any_order("ab a c")), "02-");
    assert_eq!(keys("b0:h1 a1:h2 b2:h2", &holding(any_order("a b"))), "12");
}

#[test]
fn what_any_order_refuses() {
    let exclusions = without_x(0, 1, "a b").exclusions;
    assert!(refused(&any_order("a b")).is_none());
    assert!(refused(&Options { exclusions, ..any_order("a b") }).is_some());
    assert!(refused(&any_order("a b?")).is_some());
    assert!(refused(&any_order("a b<5")).is_some());
    assert!(refused(&every(any_order("a b"))).is_some());
    assert!(refused(&Options { breakdown: Breakdown::Step(0), ..any_order("a b") }).is_some());
}

#[test]
fn what_every_mode_refuses() {
    assert!(refused(&funnel("a b? c")).is_none());
    assert!(refused(&funnel("a? b")).is_some());
    assert!(refused(&without_x(0, 1, "a b? c")).is_some(), "exclusions lie between required steps");
    assert!(refused(&without_x(1, 1, "a b c")).is_some());
}

//! Each way in which the level of ClickHouse's `windowFunnel` is another than ours, by example: `docs/semantics.md`,
//! section 8, lists them in the same words.

use journey::WindowFunnel;

use crate::clickhouse::{ClickHouseModes, clickhouse_level};

/// Conditions of an event: met alone, together, or none.
const A: u32 = 1;
const B: u32 = 2;
const C: u32 = 4;
const NONE: u32 = 0;

const PLAIN: ClickHouseModes = ClickHouseModes {
    strict_order: false,
    strict_increase: false,
    strict_deduplication: false,
    strict_once: false,
    allow_reentry: false,
};
const ORDER: ClickHouseModes = ClickHouseModes { strict_order: true, ..PLAIN };

/// Levels of A, B, C within 10: ClickHouse's and ours.
fn levels(rows: &[(i64, u32)], theirs: ClickHouseModes, ours: &[&str]) -> (usize, u32) {
    let mut funnel = WindowFunnel::new(3, 10, ours).expect("modes of chains");
    (clickhouse_level(rows, 3, 10, theirs), funnel.level(&mut rows.to_vec()))
}

#[test]
fn one_event_satisfies_several_conditions_there() {
    assert_eq!(levels(&[(1, A | B | C)], PLAIN, &[]), (3, 1));
    assert_eq!(levels(&[(1, A | B), (2, A | B), (3, C)], PLAIN, &[]), (3, 3));
    let once = ClickHouseModes { strict_once: true, ..PLAIN };
    assert_eq!(levels(&[(1, A | B | C)], once, &["strict_once"]), (1, 1));
    // The condition that is not next interrupts there.
    let ordered_once = ClickHouseModes { strict_order: true, ..once };
    assert_eq!(levels(&[(1, A | C), (2, B)], ordered_once, &["strict_order", "strict_once"]), (1, 2));
}

#[test]
fn strict_increase_forgets_the_earlier_entry_there() {
    let increase = ClickHouseModes { strict_increase: true, ..PLAIN };
    // The entry at 2 overwrites the one at 1, and nothing grows from 2 to 2.
    assert_eq!(levels(&[(1, A), (2, A), (2, B)], increase, &["strict_increase"]), (1, 2));
    assert_eq!(levels(&[(1, A), (2, A | B)], increase, &["strict_increase"]), (1, 2));
    let once = ClickHouseModes { strict_once: true, ..increase };
    assert_eq!(levels(&[(1, A), (2, A), (2, B)], once, &["strict_increase", "strict_once"]), (2, 2));
}

#[test]
fn strict_order_lets_repeats_of_reached_conditions_pass_there() {
    assert_eq!(levels(&[(1, A), (2, B), (3, B), (4, C)], ORDER, &["strict_order"]), (3, 2));
    assert_eq!(levels(&[(1, A), (2, B), (3, A), (4, C)], ORDER, &["strict_order"]), (3, 2));
}

#[test]
fn strict_order_stops_for_good_at_an_event_in_between_there() {
    assert_eq!(levels(&[(1, A), (2, NONE), (3, A), (4, B)], ORDER, &["strict_order"]), (1, 2));
    assert_eq!(levels(&[(1, A), (2, C), (3, A), (4, B)], ORDER, &["strict_order"]), (1, 2));
    let reentry = ClickHouseModes { allow_reentry: true, ..ORDER };
    let ours = ["strict_order", "allow_reentry"];
    assert_eq!(levels(&[(1, A), (2, NONE), (3, A), (4, B)], reentry, &ours), (1, 2));
    assert_eq!(levels(&[(1, A), (2, C), (3, B), (4, C)], reentry, &ours), (3, 3));
}

#[test]
fn strict_order_stops_at_an_event_of_the_same_instant_there() {
    assert_eq!(levels(&[(1, A), (2, B), (2, NONE)], ORDER, &["strict_order"]), (1, 2));
    assert_eq!(levels(&[(1, A), (1, C), (1, B)], ORDER, &["strict_order"]), (3, 3));
    // One of a condition further on than the next, at the instant of a match.
    assert_eq!(levels(&[(1, A), (1, C), (2, B)], ORDER, &["strict_order"]), (1, 2));
}

#[test]
fn strict_deduplication_stops_at_a_repeat_there_and_is_refused_here() {
    let deduplication = ClickHouseModes { strict_deduplication: true, ..PLAIN };
    let level = |rows: &[(i64, u32)]| clickhouse_level(rows, 3, 10, deduplication);
    assert_eq!(level(&[(1, A), (2, B), (3, B), (4, C)]), 2);
    assert_eq!(level(&[(1, A), (2, A), (3, B), (4, C)]), 3, "a repeat of the first condition is none");
    assert!(WindowFunnel::new(3, 10, &["strict_deduplication"]).is_err());
}

#[test]
fn an_event_of_one_condition_is_level_one_of_one_there_too() {
    let mut funnel = WindowFunnel::new(1, 10, &[]).expect("no mode");
    assert_eq!((clickhouse_level(&[(1, A)], 1, 10, PLAIN), funnel.level(&mut [(1, A)])), (1, 1));
    assert_eq!((clickhouse_level(&[(1, NONE)], 1, 10, PLAIN), funnel.level(&mut [(1, NONE)])), (0, 0));
}

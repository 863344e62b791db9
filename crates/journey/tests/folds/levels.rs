//! `window_funnel` against every chain that can be written down, and against ClickHouse where both mean the same.

use fastrand::Rng;
use journey::{FoldError, LevelGroup, WindowFunnel};

use crate::{
    cases,
    clickhouse::{ClickHouseModes, clickhouse_level},
};

/// A unit's rows (instant, mask) and what is asked of them.
#[derive(Debug)]
struct Case {
    rows: Vec<(i64, u32)>,
    conditions: usize,
    window: i64,
    modes: Vec<&'static str>,
}

/// What the rows of a case may be like.
#[derive(Debug, Clone, Copy)]
enum Rows {
    /// Anything.
    Any,
    /// None meets two conditions.
    Single,
    /// Nor are two at one instant.
    Apart,
    /// Nor do two meet one condition.
    Unique,
}

fn case(rng: &mut Rng, kind: Rows, modes: &[&'static str]) -> Case {
    let conditions = rng.usize(1..=4);
    let mut rows: Vec<(i64, u32)> = Vec::new();
    let mut next = 0;
    for mut at in cases::instants(rng, 8) {
        // Often the next condition, so that chains are long; a mask of nothing, or of a bit beyond the conditions, meets none.
        next = if rng.u8(0..3) > 0 { next % conditions } else { rng.usize(0..=conditions) };
        let mut mask = if next == conditions && rng.bool() { 0 } else { 1 << next };
        next += 1;
        match (kind, rows.last()) {
            (Rows::Any, _) => mask |= rng.u32(0..2 << conditions) & rng.u32(0..2 << conditions),
            (Rows::Apart | Rows::Unique, Some(last)) => at = last.0 + rng.i64(1..=3),
            _ => {}
        }
        let is_new = mask == 0 || mask >> conditions == 1 || rows.iter().all(|row| row.1 != mask);
        if is_new || !matches!(kind, Rows::Unique) {
            rows.push((at, mask));
        }
    }
    rng.shuffle(&mut rows);
    Case { rows, conditions, window: rng.i64(0..18), modes: modes.to_vec() }
}

/// All that can be asked together; `strict_once` is always so.
const MODES: [&[&str]; 7] = [
    &[],
    &["strict_once"],
    &["strict_increase"],
    &["strict_order"],
    &["strict_order", "allow_reentry"],
    &["strict_order", "strict_increase"],
    &["strict_order", "strict_increase", "allow_reentry"],
];

/// The product's answer.
fn level(case: &Case) -> usize {
    let mut funnel = WindowFunnel::new(case.conditions, case.window, &case.modes).expect("modes of chains");
    funnel.level(&mut case.rows.clone()) as usize
}

/// The length of the longest chain of all that can be written down; by the words.
fn longest_chain(case: &Case) -> usize {
    let mut longest = 0;
    let mut chains: Vec<Vec<usize>> = vec![Vec::new()];
    while let Some(chain) = chains.pop() {
        if !is_chain(case, &chain) {
            continue;
        }
        longest = longest.max(chain.len());
        if chain.len() < case.conditions {
            let free = (0..case.rows.len()).filter(|row| !chain.contains(row));
            chains.extend(free.map(|row| chain.iter().copied().chain([row]).collect()));
        }
    }
    longest
}

/// Whether the rows of these places, one a condition from the first on, are a chain.
fn is_chain(case: &Case, chain: &[usize]) -> bool {
    let has = |mode: &str| case.modes.contains(&mode);
    let meets = |row: usize, condition: usize| case.rows[row].1 >> condition & 1 == 1;
    let meets_none = |row: usize| (0..case.conditions).all(|condition| !meets(row, condition));
    let at = |row: usize| case.rows[row].0;
    let in_order = chain
        .windows(2)
        .all(|pair| if has("strict_increase") { at(pair[0]) < at(pair[1]) } else { at(pair[0]) <= at(pair[1]) });
    let in_time = chain.iter().all(|row| at(*row) <= at(chain[0]) + case.window);
    let between = |row: usize| chain.windows(2).any(|pair| at(pair[0]) < at(row) && at(row) < at(pair[1]));
    let breaks = |row: &usize| !chain.contains(row) && between(*row) && (meets_none(*row) || !has("allow_reentry"));
    let undisturbed = !has("strict_order") || !(0..case.rows.len()).any(|row| breaks(&row));
    chain.iter().enumerate().all(|(condition, row)| meets(*row, condition)) && in_order && in_time && undisturbed
}

/// The modes of a case as ClickHouse has them.
fn theirs(case: &Case) -> usize {
    let has = |mode: &str| case.modes.contains(&mode);
    let modes = ClickHouseModes {
        strict_order: has("strict_order"),
        strict_increase: has("strict_increase"),
        strict_deduplication: false,
        strict_once: has("strict_once"),
        allow_reentry: has("allow_reentry"),
    };
    clickhouse_level(&case.rows, case.conditions, case.window, modes)
}

/// Asks both of random cases of a kind under each of these modes.
fn agree(kind: Rows, modes: &[&[&'static str]]) {
    let mut reached = [0_u64; 5];
    cases::each(|seed, rng| {
        for modes in modes {
            let case = case(rng, kind, modes);
            let found = level(&case);
            assert_eq!(found, theirs(&case), "seed {seed} {case:?}");
            reached[found] += 1;
        }
    });
    assert!(reached.iter().all(|cases| *cases > 100), "too few cases of a level: {reached:?}");
}

#[test]
fn the_level_is_the_longest_chain() {
    cases::each(|seed, rng| {
        let mut case = case(rng, Rows::Any, &[]);
        for modes in MODES {
            case.modes = modes.to_vec();
            assert_eq!(level(&case), longest_chain(&case), "seed {seed} {case:?}");
        }
    });
}

#[test]
fn clickhouse_strict_once_is_the_same_on_every_log() {
    agree(Rows::Any, &[&["strict_once"], &["strict_once", "strict_increase"]]);
}

#[test]
fn clickhouse_without_modes_is_the_same_where_no_event_meets_two_conditions() {
    agree(Rows::Single, &[&[]]);
}

#[test]
fn clickhouse_strict_increase_is_the_same_where_moreover_instants_are_distinct() {
    agree(Rows::Apart, &[&["strict_increase"]]);
}

#[test]
fn clickhouse_strict_order_is_the_same_where_moreover_no_condition_is_met_twice() {
    agree(Rows::Unique, &[&["strict_order"], &["strict_order", "strict_increase"]]);
    agree(Rows::Unique, &[&["strict_order", "allow_reentry"], &["strict_order", "strict_once"]]);
}

#[test]
fn clickhouse_without_modes_is_never_lower() {
    cases::each(|seed, rng| {
        let case = case(rng, Rows::Any, &[]);
        assert!(theirs(&case) >= level(&case), "seed {seed} {case:?}");
    });
}

#[test]
fn a_wider_window_and_an_order_of_arrival_lower_no_level() {
    cases::each(|seed, rng| {
        let modes = *rng.choice(&MODES).expect("seven sets");
        let mut case = case(rng, Rows::Any, modes);
        let before = level(&case);
        rng.shuffle(&mut case.rows);
        assert_eq!(level(&case), before, "seed {seed} {case:?}");
        case.window += rng.i64(0..4);
        assert!(level(&case) >= before, "seed {seed} {case:?}");
    });
}

#[test]
fn level_groups_add_and_subtract_exactly() {
    let of = |levels: &[u32]| {
        let mut group = LevelGroup::new(3);
        levels.iter().for_each(|level| group.add(*level));
        group
    };
    let mut cached = of(&[0, 3, 3]);
    cached -= &of(&[3, 1]);
    cached += &of(&[1, 2]);
    cached.subtract(0);
    assert_eq!(cached, of(&[2, 3]));
    assert_eq!(cached.units(), [0, 0, 1, 1]);
}

#[test]
fn what_no_chain_has_is_refused() {
    let error = |conditions, window, modes: &[&str]| {
        WindowFunnel::new(conditions, window, modes).expect_err("it is refused").to_string()
    };
    let known = "expected some of: strict_increase, strict_order, strict_once, allow_reentry";
    assert_eq!(
        error(2, 10, &["strict_increase", "strict_deduplication"]),
        format!(
            "window_funnel mode \"strict_deduplication\" stops a scan at a repeated condition, and no rule of chains \
             does, {known}"
        )
    );
    assert_eq!(
        error(2, 10, &["allow_reentry"]),
        format!(
            "window_funnel mode \"allow_reentry\" says what \"strict_order\" forgives and was given without it, {known}"
        )
    );
    assert_eq!(error(2, 10, &["strickt"]), format!("window_funnel mode \"strickt\" is none of ClickHouse's, {known}"));
    assert_eq!(error(33, 10, &[]), "funnel has 33 steps, expected 1 to 32");
    assert_eq!(error(2, -1, &[]), "funnel window is -1 ms, expected 0 or more");
    assert!(matches!(WindowFunnel::new(0, 1, &[]), Err(FoldError::Funnel(_))));
}

//! Funnel runs against an oracle that writes down every chain and takes the best, as section 8 words it.

use std::cmp::Reverse;

use journey::{EntryRange, FunnelShape, StepEvent, run};
use model::UtcMillis;
use proptest::prelude::*;

const HOUR: i64 = UtcMillis::HOUR_MS;

/// One chain, as positions of events.
type Chain = Vec<usize>;

/// How good a chain is; the least is the best.
type Rank = (Reverse<usize>, i64, i64, Vec<i64>, Vec<u128>);

fn rank(events: &[StepEvent], chain: &Chain) -> Rank {
    let at: Vec<i64> = chain.iter().map(|&position| events[position].at.0).collect();
    let keys = chain.iter().map(|&position| events[position].key).collect();
    (Reverse(chain.len()), at[0], at[at.len() - 1], at, keys)
}

/// Appends every chain that continues `chain`.
fn extend(events: &[StepEvent], steps: usize, window: i64, chain: &Chain, all: &mut Vec<Chain>) {
    all.push(chain.clone());
    if chain.len() == steps {
        return;
    }
    for (position, event) in events.iter().enumerate() {
        let (first, last) = (events[chain[0]].at.0, events[chain[chain.len() - 1]].at.0);
        let satisfies = event.step_mask & (1 << chain.len()) != 0;
        if satisfies && !chain.contains(&position) && event.at.0 >= last && event.at.0 - first <= window {
            let mut longer = chain.clone();
            longer.push(position);
            extend(events, steps, window, &longer, all);
        }
    }
}

fn best(events: &[StepEvent], steps: usize, window: i64, range: (i64, i64)) -> Option<Chain> {
    let mut all = Vec::new();
    for (position, event) in events.iter().enumerate() {
        if event.step_mask & 1 != 0 && range.0 <= event.at.0 && event.at.0 < range.1 {
            extend(events, steps, window, &vec![position], &mut all);
        }
    }
    all.into_iter().min_by_key(|chain| rank(events, chain))
}

/// Small logs in which most events share their instant with others. Keys are in an order of their own.
fn log() -> impl Strategy<Value = Vec<StepEvent>> {
    let event = (0..6_i64, any::<u64>(), 0..16_u32).prop_map(|(hour, key, step_mask)| StepEvent {
        at: UtcMillis(hour * HOUR),
        key: key.into(),
        step_mask,
    });
    prop::collection::vec(event, 0..9).prop_map(|mut events| {
        events.sort_by_key(|event| (event.at, event.key));
        events
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6000))]

    #[test]
    fn the_run_is_the_best_of_all_chains(
        events in log(), steps in 1..5_usize, window in 0..5_i64, from in 0..3_i64, hours in 0..7_i64
    ) {
        let range = (from * HOUR, (from + hours) * HOUR);
        let shape = FunnelShape::new(steps, window).expect("in range");
        let found = run(&events, shape, EntryRange { from: UtcMillis(range.0), to: UtcMillis(range.1) });
        let expected = best(&events, steps, window * HOUR, range);
        prop_assert_eq!(found.as_ref().map(|run| run.matched.clone()), expected);
        if let Some(run) = found {
            let entry = |event: &&StepEvent| event.step_mask & 1 != 0 && (range.0..range.1).contains(&event.at.0);
            let last_entry = events.iter().filter(entry).map(|event| event.at.0).max();
            prop_assert_eq!(run.reached, run.matched.len());
            prop_assert_eq!(Some(run.entered_at), run.matched.first().map(|&first| events[first].at));
            prop_assert_eq!(Some(run.completed_at), run.matched.last().map(|&last| events[last].at));
            prop_assert_eq!(Some(run.last_entry_at.0), last_entry);
            prop_assert_eq!(run.mature_at.0, run.last_entry_at.0 + window * HOUR);
        }
    }

    #[test]
    fn events_that_match_no_step_change_nothing(events in log(), noise in log(), window in 0..5_i64) {
        let shape = FunnelShape::new(4, window).expect("in range");
        let mut noisy = events.clone();
        noisy.extend(noise.iter().map(|event| StepEvent { step_mask: 16, ..*event }));
        noisy.sort_by_key(|event| (event.at, event.key));
        let matched = |log: &[StepEvent]| {
            let found = run(log, shape, EntryRange::ALL);
            found.map(|run| run.matched.iter().map(|&position| log[position]).collect::<Vec<_>>())
        };
        prop_assert_eq!(matched(&noisy), matched(&events));
    }

    #[test]
    fn a_wider_window_never_reaches_less(events in log(), window in 0..5_i64) {
        let reached = |hours| {
            let shape = FunnelShape::new(4, hours).expect("in range");
            run(&events, shape, EntryRange::ALL).map_or(0, |run| run.reached)
        };
        prop_assert!(reached(window) <= reached(window + 1));
    }
}

#[test]
fn a_long_log_is_one_pass() {
    // 200,000 events in 40,000 instants, some of several events, thirty-two steps.
    let event = |n: u32| StepEvent {
        at: UtcMillis(i64::from(n) / 5 * 60_000),
        key: n.into(),
        step_mask: 1 << (n.wrapping_mul(2_654_435_761) >> 27),
    };
    let events: Vec<StepEvent> = (0..200_000).map(event).collect();
    let shape = FunnelShape::new(32, 24 * 365).expect("in range");
    assert_eq!(run(&events, shape, EntryRange::ALL).map(|run| run.reached), Some(32));
}

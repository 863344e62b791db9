//! Logs that are long, crowded or of many held values: what costs more than a pass would not end.

use fastrand::Rng;
use journey::{
    EntryRange, EntryRule, Funnel, FunnelEvent, FunnelExclusion, FunnelFold, FunnelMode, FunnelTerms, StepRule,
};
use model::UtcMillis;

/// Events of a log.
const EVENTS: i64 = 200_000;

/// A log whose instants have `crowd` events each and whose events hold one of `values` values.
fn log(crowd: i64, values: u32) -> Vec<FunnelEvent> {
    let mut rng = Rng::with_seed(7);
    let event = |number: i64| FunnelEvent {
        at: UtcMillis(number / crowd * 1_000),
        // Two steps in common, so that events can be matched in several ways.
        step_mask: [0b1, 0b10, 0b110, 0b1100, 0b1000, 0b1_0000, 0b10_0001][rng.usize(0..7)],
        exclusion_mask: u32::from(rng.u16(0..5_000) == 0),
        held: Some(rng.u32(0..values)),
        in_session: rng.u8(0..10) == 0,
        ..FunnelEvent::default()
    };
    (0..EVENTS).map(event).collect()
}

/// Six steps, the third optional, within an hour.
fn terms() -> FunnelTerms {
    let step = |step| StepRule { optional: step == 2, window_ms: (step == 4).then_some(600_000) };
    FunnelTerms {
        steps: (0..6).map(step).collect(),
        total_window_ms: Some(3_600_000),
        exclusions: vec![FunnelExclusion { from: 0, to: 5 }],
        ..FunnelTerms::default()
    }
}

#[test]
fn a_long_log_is_a_pass_in_every_mode() {
    let any_order = FunnelTerms {
        steps: vec![StepRule::default(); 7],
        mode: FunnelMode::AnyOrder,
        exclusions: Vec::new(),
        ..terms()
    };
    let cases = [
        terms(),
        FunnelTerms { total_window_ms: None, ..terms() },
        FunnelTerms { mode: FunnelMode::Strict, ..terms() },
        FunnelTerms { entry: EntryRule::Every, total_window_ms: None, ..terms() },
        FunnelTerms { held: true, ..terms() },
        FunnelTerms { held: true, entry: EntryRule::Every, mode: FunnelMode::Strict, ..terms() },
        FunnelTerms { held: true, ..any_order.clone() },
        // Nothing satisfies its seventh step, so no window is the best at once.
        any_order,
    ];
    for (crowd, values) in [(1, 1), (3, 50_000), (1_000, 3), (EVENTS, 1)] {
        let log = log(crowd, values);
        for terms in &cases {
            let mut fold = FunnelFold::new(Funnel::new(terms.clone()).expect("the law accepts it"));
            let outcomes = fold.run(&log, EntryRange::ALL, UtcMillis(0));
            assert!(outcomes.iter().any(|outcome| outcome.reached > 1), "{crowd} {values} {terms:?}");
        }
    }
}

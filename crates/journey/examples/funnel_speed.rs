//! How many events a second a fold takes, on one core: `cargo run --release -p journey --example funnel_speed`.

use std::time::Instant;

use fastrand::Rng;
use journey::{
    EntryRange, EntryRule, Funnel, FunnelEvent, FunnelExclusion, FunnelFold, FunnelGroup, FunnelMode, FunnelTerms,
    StepRule,
};
use model::UtcMillis;

/// Few enough to stay in a cache, as decoded columns do.
const UNITS: usize = 500;
const EVENTS_A_UNIT: usize = 100;
/// The best of these counts.
const ROUNDS: usize = 100;
const HOUR_MS: i64 = UtcMillis::HOUR_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Units whose events match one of four steps each, the later the fewer, and a fifth name that matches none.
fn units() -> Vec<Vec<FunnelEvent>> {
    let mut rng = Rng::with_seed(1);
    let mut event = |at: &mut i64| {
        *at += rng.i64(1..HOUR_MS);
        let name = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 4, 4, 4, 4][rng.usize(0..16)];
        FunnelEvent {
            at: UtcMillis(*at),
            step_mask: (1 << name) & 15,
            exclusion_mask: u32::from(rng.u8(0..64) == 0),
            held: Some(rng.u32(0..3)),
            in_session: true,
            value_micros: (name == 3).then_some(1_000_000),
            breakdown: Some(rng.u32(0..8)),
        }
    };
    (0..UNITS)
        .map(|_| {
            let mut at = 0;
            (0..EVENTS_A_UNIT).map(|_| event(&mut at)).collect()
        })
        .collect()
}

fn main() {
    let units = units();
    let plain = FunnelTerms {
        steps: vec![StepRule::default(); 4],
        total_window_ms: Some(2 * HOUR_MS),
        ..FunnelTerms::default()
    };
    let optional = |step: usize| StepRule { optional: step == 1, window_ms: (step > 1).then_some(HOUR_MS) };
    let cases = [
        ("ordered, 4 steps", plain.clone()),
        ("ordered, a week", FunnelTerms { total_window_ms: Some(7 * DAY_MS), ..plain.clone() }),
        (
            "ordered, an exclusion",
            FunnelTerms { exclusions: vec![FunnelExclusion { from: 0, to: 3 }], ..plain.clone() },
        ),
        ("ordered, held", FunnelTerms { held: true, ..plain.clone() }),
        ("ordered, optional", FunnelTerms { steps: (0..4).map(optional).collect(), ..plain.clone() }),
        ("ordered, every", FunnelTerms { entry: EntryRule::Every, ..plain.clone() }),
        ("strict", FunnelTerms { mode: FunnelMode::Strict, ..plain.clone() }),
        ("any order", FunnelTerms { mode: FunnelMode::AnyOrder, ..plain }),
    ];
    for (name, terms) in cases {
        let funnel = Funnel::new(terms).expect("the law accepts it");
        let mut fold = FunnelFold::new(funnel.clone());
        let best = |round: &mut dyn FnMut()| {
            let seconds = (0..ROUNDS).map(|_| {
                let start = Instant::now();
                round();
                start.elapsed().as_secs_f64()
            });
            (UNITS * EVENTS_A_UNIT) as f64 / seconds.fold(f64::INFINITY, f64::min) / 1e6
        };
        let horizon = UtcMillis(365 * DAY_MS);
        let mut runs = 0;
        let folded = best(&mut || {
            runs = units.iter().map(|events| fold.run(events, EntryRange::ALL, horizon).len()).sum::<usize>();
        });
        let counted = best(&mut || {
            let mut group = FunnelGroup::new(&funnel);
            for events in &units {
                let outcomes = fold.run(events, EntryRange::ALL, horizon);
                outcomes.iter().for_each(|outcome| group.add(&outcome, (outcome.entry.at.0 / DAY_MS) as i32));
            }
            assert_eq!(group.report().whole.entrants, runs as u64);
        });
        println!("{name:<24}{folded:>8.1} M events/s, with counting {counted:>8.1}, {runs} runs");
    }
}

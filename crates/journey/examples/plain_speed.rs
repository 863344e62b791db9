//! What an event costs a plain funnel of many people, on one core: `cargo run --release -p journey --example plain_speed`.
//!
//! The people of a shop, most with few events and some with hundreds, in visits that go from a product to an order; five
//! steps within a week, by the first value of a breakdown, with all that a group counts.

use std::time::Instant;

use fastrand::Rng;
use journey::{
    BreakdownRule, EntryRange, Funnel, FunnelColumns, FunnelEvent, FunnelFold, FunnelGroup, FunnelOutcome,
    FunnelReport, FunnelTerms, StepRule,
};
use model::UtcMillis;

/// People.
const UNITS: usize = 156_000;
/// Median of their events; the mean is about 32.
const EVENTS_MEDIAN: f64 = 15.0;
/// The best of these counts.
const ROUNDS: usize = 5;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// All events, unit after unit.
#[derive(Default)]
struct Log {
    /// One after the last event of each unit.
    ends: Vec<usize>,
    at: Vec<i64>,
    step_mask: Vec<u32>,
    value_micros: Vec<i64>,
    breakdown: Vec<u32>,
}

impl Log {
    fn new() -> Self {
        let (mut log, mut rng) = (Self::default(), Rng::with_seed(1));
        for _ in 0..UNITS {
            log.visit_often(&mut rng);
            log.ends.push(log.at.len());
        }
        log
    }

    /// One unit's visits in 90 days.
    fn visit_often(&mut self, rng: &mut Rng) {
        // Twelve evens make a bell; the logarithm of the count is normal.
        let bell = (0..12).map(|_| rng.f64()).sum::<f64>() - 6.0;
        let wanted = ((EVENTS_MEDIAN.ln() + 1.23 * bell).exp() as usize).clamp(1, 3_000);
        // Visits have three events on average; who comes often comes again and again.
        let mut starts: Vec<i64> = (0..1 + wanted / 3).map(|_| rng.i64(0..90 * DAY_MS)).collect();
        starts.sort_unstable();
        for start in starts {
            let code = rng.u32(0..8);
            let mut at = start.max(self.at.last().map_or(start, |last| if self.is_begun() { last + 1 } else { start }));
            for (step, goes_on) in [0.3, 0.6, 0.55, 0.8, 0.0].into_iter().enumerate() {
                let times = if step == 0 { 1 + rng.usize(0..4) } else { 1 };
                for _ in 0..times {
                    self.push(at, step, code);
                    at += rng.i64(1..5 * MINUTE_MS);
                }
                if rng.f64() >= goes_on {
                    break;
                }
            }
        }
    }

    /// True where the unit at hand has an event.
    fn is_begun(&self) -> bool {
        self.at.len() > self.ends.last().copied().unwrap_or(0)
    }

    fn push(&mut self, at: i64, step: usize, code: u32) {
        self.at.push(at);
        self.step_mask.push(1 << step);
        self.value_micros.push(if step == 4 { 1_000_000 } else { FunnelColumns::NO_VALUE });
        self.breakdown.push(code);
    }

    /// The columns of each unit.
    fn units(&self) -> impl Iterator<Item = FunnelColumns<'_>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| FunnelColumns {
            at: &self.at[start..end],
            step_mask: &self.step_mask[start..end],
            value_micros: &self.value_micros[start..end],
            breakdown: &self.breakdown[start..end],
            ..FunnelColumns::default()
        })
    }
}

/// The events of columns.
fn events(columns: FunnelColumns<'_>, events: &mut Vec<FunnelEvent>) {
    events.clear();
    events.extend((0..columns.at.len()).map(|position| FunnelEvent {
        at: UtcMillis(columns.at[position]),
        step_mask: columns.step_mask[position],
        value_micros: Some(columns.value_micros[position]).filter(|value| *value != FunnelColumns::NO_VALUE),
        breakdown: Some(columns.breakdown[position]),
        ..FunnelEvent::default()
    }));
}

/// Asks every unit, and says what an event cost; all in, and without what the report costs in the end.
fn measure(
    name: &str,
    log: &Log,
    funnel: &Funnel,
    mut ask: impl FnMut(FunnelColumns<'_>, &mut FunnelGroup),
) -> FunnelReport {
    let ns = |start: Instant| start.elapsed().as_secs_f64() * 1e9 / log.at.len() as f64;
    let (mut best, mut last) = ([f64::INFINITY; 2], None);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let mut group = FunnelGroup::new(funnel);
        log.units().for_each(|columns| ask(columns, &mut group));
        let asked = ns(start);
        let report = group.report();
        best = [best[0].min(asked), best[1].min(ns(start))];
        last = Some(report);
    }
    println!("{name:<40}{:>7.1} ns an event, with the report{:>7.1}", best[0], best[1]);
    last.expect("there are rounds")
}

fn main() {
    let log = Log::new();
    let funnel = Funnel::new(FunnelTerms {
        steps: vec![StepRule::default(); 5],
        total_window_ms: Some(7 * DAY_MS),
        breakdown: BreakdownRule::First,
        ..FunnelTerms::default()
    })
    .expect("the law accepts it");
    let horizon = UtcMillis(91 * DAY_MS);
    let mut fold = FunnelFold::new(funnel.clone());
    let add = |group: &mut FunnelGroup, outcome: FunnelOutcome<'_>| {
        group.add(&outcome, (outcome.entry.at.0 / DAY_MS) as i32);
    };
    let mut buffer = Vec::new();
    measure("events, no group", &log, &funnel, |columns, _| {
        events(columns, &mut buffer);
        assert!(fold.run(&buffer, EntryRange::ALL, horizon).len() <= 1);
    });
    let by_events = measure("events", &log, &funnel, |columns, group| {
        events(columns, &mut buffer);
        fold.run(&buffer, EntryRange::ALL, horizon).iter().for_each(|outcome| add(group, outcome));
    });
    measure("columns, no group", &log, &funnel, |columns, _| {
        fold.take(columns);
        assert!(fold.end(EntryRange::ALL, horizon).len() <= 1);
    });
    let by_columns = measure("columns", &log, &funnel, |columns, group| {
        fold.take(columns);
        fold.end(EntryRange::ALL, horizon).iter().for_each(|outcome| add(group, outcome));
    });
    assert_eq!(by_events, by_columns);
    let units: Vec<u64> = by_columns.whole.lines.iter().map(|line| line.units).collect();
    println!("{} events of {UNITS} people, at each step {units:?}", log.at.len());
}

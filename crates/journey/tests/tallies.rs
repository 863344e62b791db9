//! Counts of funnel runs.

use journey::{FunnelRun, FunnelShape, JourneyError, tally};
use model::UtcMillis;

fn converted_after(ms: i64, mature_at: i64) -> FunnelRun {
    FunnelRun {
        reached: 2,
        matched: vec![0, 1],
        entered_at: UtcMillis(1_000),
        completed_at: UtcMillis(1_000 + ms),
        last_entry_at: UtcMillis(1_000),
        mature_at: UtcMillis(mature_at),
    }
}

fn only_entered(mature_at: i64) -> FunnelRun {
    FunnelRun { reached: 1, matched: vec![0], completed_at: UtcMillis(1_000), ..converted_after(0, mature_at) }
}

#[test]
fn steps_rates_and_maturity_are_counted() {
    let shape = FunnelShape::new(2, 1).expect("in range");
    let runs = [converted_after(5, 20), only_entered(20), only_entered(21), converted_after(7, 30)];
    let counts = tally(&runs, shape, UtcMillis(20));
    assert_eq!(counts.units, [4, 2]);
    assert_eq!((counts.entrants(), counts.converted()), (4, 2));
    assert_eq!((counts.mature_entrants, counts.mature_converted), (2, 1));
    assert_eq!([0, 1, 2].map(|step| counts.conversion_from_entry(step)), [Some(1.0), Some(0.5), None]);
    assert_eq!([0, 1, 2].map(|step| counts.conversion_from_previous(step)), [None, Some(0.5), None]);
    assert_eq!(counts.matured_conversion(), Some(0.5));
}

#[test]
fn percentiles_are_taken_by_nearest_rank() {
    let shape = FunnelShape::new(2, 1).expect("in range");
    let runs: Vec<FunnelRun> = [9, 1, 3, 3, 5, 7, 2, 8, 6, 4, 10].map(|ms| converted_after(ms, 0)).into();
    let counts = tally(&runs, shape, UtcMillis(0));
    assert_eq!([1, 50, 90, 100].map(|percent| counts.time_to_convert_ms(percent)), [1, 5, 9, 10].map(Some));
    assert_eq!(tally(&runs[..2], shape, UtcMillis(0)).time_to_convert_ms(50), Some(1));
}

#[test]
fn an_empty_funnel_has_counts_and_no_rates() {
    let shape = FunnelShape::new(2, 1).expect("in range");
    let counts = tally(&[], shape, UtcMillis(0));
    assert_eq!(counts.units, [0, 0]);
    assert_eq!((counts.conversion_from_entry(1), counts.matured_conversion()), (None, None));
    assert_eq!(counts.time_to_convert_ms(50), None);
}

#[test]
fn a_shape_outside_its_range_is_refused() {
    assert_eq!(FunnelShape::new(33, 1), Err(JourneyError::Steps { found: 33 }));
    assert_eq!(FunnelShape::new(0, 1), Err(JourneyError::Steps { found: 0 }));
    let error = FunnelShape::new(2, -1).expect_err("negative");
    assert_eq!(error.to_string(), "funnel window is -1 h, expected 0 to 87600");
}

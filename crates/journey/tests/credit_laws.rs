//! Credits: the laws that every split keeps, and an oracle that hands out minor units one at a time.

use journey::{Shares, Touch, eligible, split};
use model::{AttributionModel, CreditBasis, HousePolicy, UtcMillis};
use proptest::prelude::*;

const CENT: i64 = 10_000;
const MODELS: [AttributionModel; 6] = [
    AttributionModel::First,
    AttributionModel::Last,
    AttributionModel::LastNonDirect,
    AttributionModel::Linear,
    AttributionModel::PositionBased,
    AttributionModel::TimeDecay,
];

fn policy(model: AttributionModel) -> HousePolicy {
    HousePolicy {
        name: "house".to_owned(),
        model,
        click_window_hours: 24,
        direct_counts: true,
        order_resets_path: false,
        first_weight_percent: 40,
        last_weight_percent: 40,
        half_life_hours: 5,
        basis: CreditBasis::OrderDate,
    }
}

fn touch(hour: i64, direct: bool) -> Touch {
    let at = UtcMillis(hour * UtcMillis::HOUR_MS);
    Touch { at, key: 0, session: 0, source: None, campaign: None, channel: 0, direct, click_id: None }
}

/// Hands out a positive amount a minor unit at a time: to whom most is missing, the earlier of equals. The rest last.
fn naive_split(value: i64, minor: i64, weights: &[i64]) -> Vec<i64> {
    let weights: Vec<i128> = if weights.iter().all(|w| *w == 0) {
        vec![1; weights.len()]
    } else {
        weights.iter().map(|w| i128::from(*w)).collect()
    };
    let total: i128 = weights.iter().sum();
    let mut parts = vec![0_i128; weights.len()];
    let mut left = i128::from(value);
    for (part, weight) in parts.iter_mut().zip(&weights) {
        while *part + i128::from(minor) <= i128::from(value)
            && (*part + i128::from(minor)) * total <= i128::from(value) * weight
        {
            *part += i128::from(minor);
            left -= i128::from(minor);
        }
    }
    let mut served = vec![false; weights.len()];
    while left > 0 {
        let missing = |position: usize| i128::from(value) * weights[position] - parts[position] * total;
        let waiting = (0..weights.len()).filter(|position| !served[*position]);
        let next = waiting.rev().max_by_key(|position| missing(*position)).expect("more touches than left-over units");
        served[next] = true;
        let given = left.min(i128::from(minor));
        parts[next] += given;
        left -= given;
    }
    parts.into_iter().map(|part| part as i64).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_split_is_that_of_the_naive_hand_out(
        value in 0..2_000_i64, minor in 1..40_i64, weights in prop::collection::vec(0..6_i64, 1..6)
    ) {
        prop_assert_eq!(split(value, minor, &weights), naive_split(value, minor, &weights));
    }

    #[test]
    fn parts_sum_to_the_value_and_stay_within_a_minor_unit_of_their_share(
        value in -1_000_000_000_000_000_000..1_000_000_000_000_000_000_i64,
        weights in prop::collection::vec(0..1_000_000_i64, 1..8),
    ) {
        let parts = split(value, CENT, &weights);
        prop_assert_eq!(parts.iter().sum::<i64>(), value);
        let total: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
        for (part, weight) in parts.iter().zip(&weights).filter(|_| total > 0) {
            let off = (i128::from(*part) * total - i128::from(value) * i128::from(*weight)).abs();
            prop_assert!(off < i128::from(CENT) * total);
            prop_assert!(*weight > 0 || *part == 0);
        }
        let negated: Vec<i64> = parts.iter().map(|part| -part).collect();
        prop_assert_eq!(split(-value, CENT, &weights), negated);
    }

    #[test]
    fn entries_net_to_the_split_of_their_sum(
        hours in prop::collection::vec((0..40_i64, any::<bool>()), 0..6),
        entries in prop::collection::vec(-5_000_000..9_000_000_i64, 0..6),
        model in prop::sample::select(MODELS.to_vec()),
        direct_counts in any::<bool>(),
    ) {
        let mut touches: Vec<Touch> = hours.iter().map(|(hour, direct)| touch(*hour, *direct)).collect();
        touches.sort_by_key(|touch| touch.at);
        let policy = HousePolicy { direct_counts, ..policy(model) };
        let shares = Shares::of(&touches, UtcMillis(30 * UtcMillis::HOUR_MS), None, &policy);
        let dated: Vec<(UtcMillis, i64)> = entries.iter().zip(0..).map(|(micros, at)| (UtcMillis(at), *micros)).collect();
        let posted = shares.credit_entries(&dated, CENT);
        let net = shares.credit(entries.iter().sum(), CENT);
        prop_assert_eq!(posted.len(), entries.len());
        for ((_, micros), (_, credits)) in dated.iter().zip(&posted) {
            let parts: i64 = credits.parts.iter().map(|(_, part)| part).sum();
            prop_assert_eq!(parts + credits.unattributed_micros, *micros);
        }
        for (position, (touch, micros)) in net.parts.iter().enumerate() {
            let of_touch = posted.iter().map(|(_, credits)| credits.parts[position]);
            prop_assert!(of_touch.clone().all(|(posted_to, _)| posted_to == *touch));
            prop_assert_eq!(of_touch.map(|(_, part)| part).sum::<i64>(), *micros);
        }
        prop_assert_eq!(net.parts.is_empty(), eligible(&touches, UtcMillis(30 * UtcMillis::HOUR_MS), None, &policy).is_empty());
    }
}

#[test]
fn weights_that_are_all_zero_are_linear() {
    let policy =
        HousePolicy { first_weight_percent: 0, last_weight_percent: 0, ..policy(AttributionModel::PositionBased) };
    let shares = Shares::of(&[touch(1, false), touch(2, false)], UtcMillis(3 * UtcMillis::HOUR_MS), None, &policy);
    assert_eq!(shares.iter().collect::<Vec<_>>(), [(0, 1), (1, 1)]);
}

#[test]
#[should_panic(expected = "negative weight")]
fn a_negative_weight_splits_no_money() {
    let _ = split(100, 1, &[3, -1]);
}

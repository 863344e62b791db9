//! Weights: which touches of an order count under a house policy, and for how much (section 9).

use model::{AttributionModel, HousePolicy, UtcMillis};

use crate::{decay::halved_ppm, touches::Touch};

/// Positions of the touches that count for an order, in their order. `touches` are one person's, sorted by (at, key).
///
/// A touch counts if touch ≤ order ≤ touch + window, both ends closed. Where the policy says so, direct touches do not
/// count, nor do those before the person's previous order.
#[must_use]
pub fn eligible(
    touches: &[Touch],
    order_at: UtcMillis,
    previous_order_at: Option<UtcMillis>,
    policy: &HousePolicy,
) -> Vec<usize> {
    let window_ms = policy.click_window_hours.saturating_mul(UtcMillis::HOUR_MS);
    let path_start = previous_order_at.filter(|_| policy.order_resets_path).unwrap_or(UtcMillis(i64::MIN));
    let counts = |touch: &Touch| {
        path_start <= touch.at
            && touch.at <= order_at
            && order_at <= touch.at.plus_ms(window_ms)
            && (policy.direct_counts || !touch.direct)
    };
    touches.iter().enumerate().filter(|(_, touch)| counts(touch)).map(|(position, _)| position).collect()
}

/// The weight of each eligible touch, an integer of no unit and never negative for a policy that was checked.
#[must_use]
pub fn weights(policy: &HousePolicy, eligible: &[Touch]) -> Vec<i64> {
    let count = eligible.len();
    let only = |chosen: usize| (0..count).map(|position| i64::from(position == chosen)).collect();
    let last = count.saturating_sub(1);
    match policy.model {
        AttributionModel::First => only(0),
        AttributionModel::Last => only(last),
        AttributionModel::LastNonDirect => only(eligible.iter().rposition(|touch| !touch.direct).unwrap_or(last)),
        AttributionModel::Linear => vec![1; count],
        AttributionModel::PositionBased => by_position(policy, count),
        AttributionModel::TimeDecay => by_age(policy, eligible),
    }
}

/// One touch takes all; two, the first and last weights; from three on the middle weight in equal parts.
fn by_position(policy: &HousePolicy, count: usize) -> Vec<i64> {
    let (first, last) = (policy.first_weight_percent, policy.last_weight_percent);
    match count {
        0 => Vec::new(),
        1 => vec![1],
        2 => vec![first, last],
        _ => {
            // Scaled by the number of middle touches, so that their parts stay whole.
            let between = count - 2;
            let mut weights = vec![100 - first - last; count];
            weights[0] = first * between as i64;
            weights[count - 1] = last * between as i64;
            weights
        }
    }
}

/// Half the weight for every half-life before the newest touch.
fn by_age(policy: &HousePolicy, eligible: &[Touch]) -> Vec<i64> {
    let half_life_ms = policy.half_life_hours.saturating_mul(UtcMillis::HOUR_MS);
    let Some(newest) = eligible.iter().map(|touch| touch.at).max() else { return Vec::new() };
    eligible.iter().map(|touch| halved_ppm(newest.0.abs_diff(touch.at.0), half_life_ms)).collect()
}

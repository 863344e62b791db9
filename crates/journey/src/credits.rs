//! Credits: an order's value split over its touches, to the minor unit, so that parts + unattributed = value (L4).

use model::{HousePolicy, UtcMillis};

use crate::{
    touches::Touch,
    weights::{eligible, weights},
};

/// Which touches share an order, and by what weights. Empty: nobody does, and everything is unattributed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shares {
    /// Positions of the touches that get something, ascending.
    touches: Vec<usize>,
    /// The weight of each, positive.
    weights: Vec<i64>,
}

/// One amount, credited. `parts` and `unattributed_micros` sum exactly to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credits {
    /// Touch by its position, and its part in micros; ascending.
    pub parts: Vec<(usize, i64)>,
    /// What no touch gets, in micros.
    pub unattributed_micros: i64,
}

impl Shares {
    /// The shares of an order under a policy. `touches` are the person's, sorted by (at, key).
    #[must_use]
    pub fn of(
        touches: &[Touch],
        order_at: UtcMillis,
        previous_order_at: Option<UtcMillis>,
        policy: &HousePolicy,
    ) -> Self {
        let positions = eligible(touches, order_at, previous_order_at, policy);
        let chosen: Vec<Touch> = positions.iter().map(|&position| touches[position]).collect();
        let mut weights = weights(policy, &chosen);
        if weights.iter().all(|&weight| weight == 0) {
            weights.fill(1);
        }
        let (touches, weights) = positions.into_iter().zip(weights).filter(|&(_, weight)| weight != 0).unzip();
        Self { touches, weights }
    }

    /// Positions of the touches that get something, each with its weight, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (usize, i64)> {
        self.touches.iter().copied().zip(self.weights.iter().copied())
    }

    /// Credits one value, in micros, to the minor unit of `minor_micros` micros.
    ///
    /// # Panics
    /// As [`split`] does.
    #[must_use]
    pub fn credit(&self, value_micros: i64, minor_micros: i64) -> Credits {
        let parts = split(value_micros, minor_micros, &self.weights);
        let unattributed_micros = if parts.is_empty() { value_micros } else { 0 };
        Credits { parts: self.touches.iter().copied().zip(parts).collect(), unattributed_micros }
    }

    /// Credits an order's entries, (instant, micros) in their order: each posts the split of the running value after it
    /// less the split before it. So the sum of all is the split of the sum, whatever the number of entries.
    ///
    /// # Panics
    /// As [`split`] does, and where the running value leaves 64 bits.
    #[must_use]
    pub fn credit_entries(&self, entries: &[(UtcMillis, i64)], minor_micros: i64) -> Vec<(UtcMillis, Credits)> {
        let mut running_micros = 0_i64;
        let mut before = self.credit(0, minor_micros);
        let mut post = |&(at, micros): &(UtcMillis, i64)| {
            running_micros = running_micros.checked_add(micros).expect("an order is below 9·10^12 major units");
            let after = self.credit(running_micros, minor_micros);
            let posted = difference(&after, &before);
            before = after;
            (at, posted)
        };
        entries.iter().map(&mut post).collect()
    }
}

/// Splits a value by weights: each part is its exact share, cut to the minor unit; what is left goes out by largest
/// remainder, a minor unit each, ties to the earlier. A negative value is split by magnitude, then signed.
///
/// A value with a rest below the minor unit (of `minor_micros` micros) is split all the same: the rest goes, uncut, to
/// the one who is next in line after the last whole minor unit. All weights zero: equal parts. No weights: no parts.
///
/// # Panics
/// Where `minor_micros` is not positive or a weight is negative: money is never split by such numbers.
#[must_use]
pub fn split(value_micros: i64, minor_micros: i64, weights: &[i64]) -> Vec<i64> {
    assert!(minor_micros > 0, "minor unit of {minor_micros} micros");
    assert!(weights.iter().all(|&weight| weight >= 0), "negative weight among {weights:?}");
    let even = weights.iter().all(|&weight| weight == 0);
    let weight_of = |&weight: &i64| if even { 1 } else { i128::from(weight) };
    let total: i128 = weights.iter().map(weight_of).sum();
    let (value, minor) = (i128::from(value_micros).abs(), i128::from(minor_micros));

    let mut parts: Vec<i128> = weights.iter().map(|weight| value * weight_of(weight) / total / minor * minor).collect();
    // By what is missing to the exact share, as a numerator over `total`; the sort is stable, so ties stay in order.
    let mut line: Vec<(i128, &mut i128)> = weights
        .iter()
        .zip(&mut parts)
        .map(|(weight, part)| (value * weight_of(weight) - *part * total, part))
        .collect();
    line.sort_by_key(|(missing, _)| std::cmp::Reverse(*missing));
    let mut left = value - line.iter().map(|(_, part)| **part).sum::<i128>();
    for (_, part) in line {
        let given = left.min(minor);
        *part += given;
        left -= given;
    }
    let sign = i128::from(value_micros.signum());
    parts.into_iter().map(|part| i64::try_from(sign * part).expect("a part is not larger than the whole")).collect()
}

/// What [`split`] makes of a value and equal weights, one part after the other and without a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EqualParts {
    /// What each part has at least, by magnitude.
    each: i128,
    /// What is left, by magnitude: a minor unit goes to each of the first.
    left: i128,
    minor: i128,
    sign: i128,
}

impl EqualParts {
    /// A value in micros in `count` parts, to the minor unit of `minor_micros` micros. There are no parts where `count` is 0.
    pub(crate) fn of(value_micros: i64, minor_micros: i64, count: usize) -> Self {
        assert!(minor_micros > 0, "minor unit of {minor_micros} micros");
        let (value, minor, count) = (i128::from(value_micros).abs(), i128::from(minor_micros), count.max(1) as i128);
        let each = value / count / minor * minor;
        Self { each, left: value - each * count, minor, sign: i128::from(value_micros.signum()) }
    }

    /// The part at a position, from 0, in micros.
    pub(crate) fn part(&self, position: usize) -> i64 {
        let given = (self.left - self.minor * position as i128).clamp(0, self.minor);
        i64::try_from(self.sign * (self.each + given)).expect("a part is not larger than the whole")
    }
}

/// What was posted between two states of the same shares.
fn difference(after: &Credits, before: &Credits) -> Credits {
    let parts = after.parts.iter().zip(&before.parts);
    Credits {
        parts: parts.map(|(&(touch, micros), &(_, earlier))| (touch, micros - earlier)).collect(),
        unattributed_micros: after.unattributed_micros - before.unattributed_micros,
    }
}

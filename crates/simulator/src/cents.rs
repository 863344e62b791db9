//! Money as the simulator reckons it: whole cents (both shops sell in currencies with two decimals), split and rounded
//! with integers only.

use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::fmt;

/// An amount in hundredths of the currency's major unit, any sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Cents(pub i64);

impl Cents {
    /// The amount in millionths of the major unit, as the truth states it.
    pub(crate) fn micros(self) -> i64 {
        self.0 * 10_000
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(out, "{sign}{}.{:02}", self.0.abs() / 100, self.0.abs() % 100)
    }
}

/// Written as a JSON number with two decimals, exactly, without a float on the way.
impl Serialize for Cents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string()).expect("digits and a point are a JSON number").serialize(serializer)
    }
}

/// `amount · numerator ÷ denominator`, half away from zero, as shop software rounds.
pub(crate) fn share(amount: i64, numerator: i64, denominator: i64) -> i64 {
    let product = amount * numerator;
    let rounded = (2 * product.abs() + denominator) / (2 * denominator);
    if product < 0 { -rounded } else { rounded }
}

/// `amount · numerator ÷ denominator`, half to even, as the ledger of the semantics rounds.
pub(crate) fn share_half_even(amount: i64, numerator: i64, denominator: i64) -> i64 {
    let product = i128::from(amount) * i128::from(numerator);
    let (quotient, rest) = (product.div_euclid(i128::from(denominator)), product.rem_euclid(i128::from(denominator)));
    let up = match (2 * rest).cmp(&i128::from(denominator)) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Greater => 1,
        std::cmp::Ordering::Equal => quotient.rem_euclid(2),
    };
    i64::try_from(quotient + up).expect("a share of an order's amount fits 64 bits")
}

/// Splits `total` over `weights` by largest remainder, ties to the earlier. The parts sum to `total`.
pub(crate) fn allocate(total: i64, weights: &[i64]) -> Vec<i64> {
    let whole: i64 = weights.iter().sum();
    if whole == 0 {
        return vec![0; weights.len()];
    }
    let mut parts: Vec<i64> = weights.iter().map(|weight| total * weight / whole).collect();
    let mut by_remainder: Vec<(i64, usize)> =
        weights.iter().enumerate().map(|(index, weight)| (-(total * weight % whole), index)).collect();
    by_remainder.sort_unstable();
    let missing = usize::try_from(total - parts.iter().sum::<i64>()).unwrap_or(0);
    for (_, index) in by_remainder.into_iter().take(missing) {
        if let Some(part) = parts.get_mut(index) {
            *part += 1;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_with_two_decimals_and_their_sign() {
        assert_eq!(
            serde_json::to_string(&[Cents(5), Cents(-1250), Cents(8000)]).expect("amounts are writable"),
            "[0.05,-12.50,80.00]"
        );
    }

    #[test]
    fn a_split_sums_to_the_whole_and_ties_go_to_the_earlier() {
        assert_eq!(allocate(100, &[1, 1, 1]), [34, 33, 33]);
        assert_eq!(allocate(500, &[1990, 4950]).iter().sum::<i64>(), 500);
        assert_eq!(allocate(7, &[0, 0]), [0, 0]);
    }

    #[test]
    fn halves_go_away_from_zero_for_the_shop_and_to_even_for_the_ledger() {
        assert_eq!((share(5, 1, 2), share(-5, 1, 2), share(3, 1, 2)), (3, -3, 2));
        assert_eq!((share_half_even(5, 1, 2), share_half_even(3, 1, 2), share_half_even(-5, 1, 2)), (2, 2, -2));
    }
}

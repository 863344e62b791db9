//! Exact decimal numbers: whole digits and where the point stands. No float, so a sum of cents is a sum of cents.

use std::{cmp::Ordering, fmt};

use model::money::div_round_half_even;

/// Decimal places of a quotient.
const QUOTIENT_PLACES: i32 = 12;
/// Most decimal places that a number keeps; a product with more loses zeros first.
const PLACES_MAX: u32 = 36;
/// Beyond this magnitude a division could overflow, so it is refused.
const DIVISION_MAX: u128 = 1 << 124;

/// `digits / 10^places`, exactly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decimal {
    digits: i128,
    /// `0..=36`.
    places: u32,
}

impl Decimal {
    /// A whole number.
    pub(crate) fn whole(digits: i64) -> Self {
        Self { digits: i128::from(digits), places: 0 }
    }

    /// Reads `-12.50` or `1.2e-3`. None for anything else, and beyond 38 digits or 36 decimal places.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok().filter(|e| e.abs() <= 60)?),
            None => (text, 0),
        };
        let (negative, written) = match mantissa.as_bytes().first() {
            Some(b'-') => (true, mantissa.get(1..)?),
            Some(b'+') => (false, mantissa.get(1..)?),
            _ => (false, mantissa),
        };
        let (mut digits, mut seen, mut places, mut point) = (0_i128, false, 0_i32, false);
        for byte in written.bytes() {
            match byte {
                b'0'..=b'9' => {
                    digits = digits.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
                    places += i32::from(point);
                    seen = true;
                }
                b'.' if !point => point = true,
                _ => return None,
            }
        }
        let digits = if negative { -digits } else { digits };
        seen.then(|| Self::shifted(digits, places - exponent))?
    }

    /// `digits / 10^places`, where `places` may be negative.
    fn shifted(digits: i128, places: i32) -> Option<Self> {
        if places < 0 {
            return Some(Self { digits: digits.checked_mul(power(places.unsigned_abs())?)?, places: 0 });
        }
        let mut number = Self { digits, places: places.unsigned_abs() };
        while number.places > PLACES_MAX {
            number = number.without_zero()?;
        }
        Some(number)
    }

    fn without_zero(self) -> Option<Self> {
        (self.places > 0 && self.digits % 10 == 0).then(|| Self { digits: self.digits / 10, places: self.places - 1 })
    }

    /// The same number without zeros at the end of its decimal places.
    fn shortest(mut self) -> Self {
        while let Some(shorter) = self.without_zero() {
            self = shorter;
        }
        self
    }

    /// `self + other`; none beyond 38 digits.
    pub(crate) fn add(self, other: Self) -> Option<Self> {
        let (a, b) = (self.shortest(), other.shortest());
        let places = a.places.max(b.places);
        Some(Self { digits: a.scaled(places)?.checked_add(b.scaled(places)?)?, places })
    }

    /// `self - other`; none beyond 38 digits.
    pub(crate) fn subtract(self, other: Self) -> Option<Self> {
        self.add(other.negated())
    }

    /// `self · other`; none beyond 38 digits.
    pub(crate) fn multiply(self, other: Self) -> Option<Self> {
        let (a, b) = (self.shortest(), other.shortest());
        Self::shifted(a.digits.checked_mul(b.digits)?, i32::try_from(a.places + b.places).ok()?)
    }

    /// `self / other` to 12 decimal places, half to even; none for a zero `other` and for numbers beyond 37 digits.
    pub(crate) fn divide(self, other: Self) -> Option<Self> {
        let (a, b) = (self.shortest(), other.shortest());
        let shift = QUOTIENT_PLACES + i32::try_from(b.places).ok()? - i32::try_from(a.places).ok()?;
        let scale = power(shift.unsigned_abs())?;
        let (numerator, denominator) = match shift >= 0 {
            true => (a.digits.checked_mul(scale)?, b.digits),
            false => (a.digits, b.digits.checked_mul(scale)?),
        };
        let safe = numerator.unsigned_abs() < DIVISION_MAX && denominator.unsigned_abs() < DIVISION_MAX;
        let quotient = (safe && denominator != 0).then(|| div_round_half_even(numerator, denominator))?;
        Self::shifted(quotient, QUOTIENT_PLACES).map(Self::shortest)
    }

    /// The number with its sign turned.
    pub(crate) fn negated(self) -> Self {
        Self { digits: self.digits.saturating_neg(), ..self }
    }

    /// The number without its sign.
    pub(crate) fn magnitude(self) -> Self {
        Self { digits: self.digits.saturating_abs(), ..self }
    }

    /// True for zero.
    pub(crate) fn is_zero(self) -> bool {
        self.digits == 0
    }

    /// Rounded half to even to `places` decimal places.
    pub(crate) fn round(self, places: u32) -> Option<Self> {
        if self.places <= places {
            return Some(self);
        }
        let scale = power(self.places - places)?;
        let safe = self.digits.unsigned_abs() < DIVISION_MAX && scale.unsigned_abs() < DIVISION_MAX;
        safe.then(|| Self { digits: div_round_half_even(self.digits, scale), places })
    }

    /// The greatest whole number that is not above it.
    pub(crate) fn floor(self) -> Option<Self> {
        Some(Self { digits: self.digits.div_euclid(power(self.places)?), places: 0 })
    }

    /// The count of `10^-places`, where no digit is lost and it fits.
    pub(crate) fn count_of(self, places: u32) -> Option<i64> {
        let short = self.shortest();
        if short.places > places { None } else { i64::try_from(short.scaled(places)?).ok() }
    }

    /// `digits` as it would be with `places` decimal places, at least those it has.
    fn scaled(self, places: u32) -> Option<i128> {
        self.digits.checked_mul(power(places.checked_sub(self.places)?)?)
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    /// Compares the whole parts, then what follows the point: nothing here can overflow.
    fn cmp(&self, other: &Self) -> Ordering {
        let parts = |number: &Self| {
            let one = power(number.places).unwrap_or(i128::MAX);
            (number.digits.div_euclid(one), number.digits.rem_euclid(one), number.places)
        };
        let (a, b) = (parts(self), parts(other));
        a.0.cmp(&b.0).then_with(|| {
            let places = a.2.max(b.2);
            let fraction = |part: i128, from: u32| part * power(places - from).unwrap_or(1);
            fraction(a.1, a.2).cmp(&fraction(b.1, b.2))
        })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.digits < 0 { "-" } else { "" };
        let digits = self.digits.unsigned_abs().to_string();
        let places = self.places as usize;
        if places == 0 {
            return write!(f, "{sign}{digits}");
        }
        let padded = format!("{digits:0>width$}", width = places + 1);
        let (whole, fraction) = padded.split_at(padded.len() - places);
        write!(f, "{sign}{whole}.{fraction}")
    }
}

fn power(exponent: u32) -> Option<i128> {
    10_i128.checked_pow(exponent)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text).expect("a number")
    }

    #[test]
    fn numbers_are_read_and_written_with_all_their_digits() {
        for text in ["0", "-12.50", "0.000001", "123456789012345678901234567890", "-0.5"] {
            assert_eq!(number(text).to_string(), text);
        }
        assert_eq!(number("1.5e3").to_string(), "1500");
        assert_eq!(number("39.980000000000004e-1").to_string(), "3.9980000000000004");
        for text in ["", "-", ".", "1,5", "1.2.3", "NaN", "1e", "1e99", "0x1", "९"] {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn quotients_and_rounding_go_half_to_even() {
        assert_eq!(number("1").divide(number("3")).expect("fits").to_string(), "0.333333333333");
        assert_eq!(number("10").divide(number("4")).expect("fits").to_string(), "2.5");
        assert!(number("1").divide(number("0")).is_none());
        for (text, places, rounded) in [("2.5", 0, "2"), ("-3.5", 0, "-4"), ("1.005", 2, "1.00"), ("7", 2, "7")] {
            assert_eq!(number(text).round(places).expect("fits").to_string(), rounded);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_never_wraps() {
        let large = number("99999999999999999999999999999999999999");
        assert!(large.add(large).is_none() && large.multiply(large).is_none() && large.divide(number("0.1")).is_none());
        assert!(large > number("-0.1") && large.negated() < number("0"));
        assert_eq!(number("1.50").count_of(1), Some(15));
        assert_eq!(number("1.55").count_of(1), None);
    }

    /// Digits of a number as people add and multiply them on paper: lowest first, no shared code with the product.
    mod paper {
        pub(super) fn add(a: &[u8], b: &[u8]) -> Vec<u8> {
            let (mut sum, mut carry) = (Vec::new(), 0);
            for at in 0..a.len().max(b.len()) + 1 {
                let column = a.get(at).unwrap_or(&0) + b.get(at).unwrap_or(&0) + carry;
                sum.push(column % 10);
                carry = column / 10;
            }
            sum
        }

        pub(super) fn multiply(a: &[u8], b: &[u8]) -> Vec<u8> {
            let mut product = Vec::new();
            for (shift, digit) in b.iter().enumerate() {
                for _ in 0..*digit {
                    let shifted = [vec![0; shift], a.to_vec()].concat();
                    product = add(&product, &shifted);
                }
            }
            product
        }

        pub(super) fn text(digits: &[u8], places: usize) -> String {
            let mut digits = digits.to_vec();
            digits.resize(digits.len().max(places + 1), 0);
            let (fraction, whole) = digits.split_at(places);
            let show = |part: &[u8]| part.iter().rev().map(|d| char::from(b'0' + d)).collect::<String>();
            let (whole, fraction) = (show(whole), show(fraction));
            let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
            let point = if fraction.is_empty() { "" } else { "." };
            format!("{}{point}{fraction}", if whole.is_empty() { "0" } else { whole })
        }
    }

    fn on_paper(digits: u64) -> Vec<u8> {
        digits.to_string().bytes().rev().map(|byte| byte - b'0').collect()
    }

    proptest! {
        #[test]
        fn sums_and_products_are_those_on_paper(a in 0_u64..1 << 60, b in 0_u64..1 << 50, places in 0_u32..8) {
            let decimal = |digits: u64| Decimal { digits: i128::from(digits), places };
            let (left, right, places) = (decimal(a), decimal(b), places as usize);
            let sum = left.add(right).expect("fits").shortest().to_string();
            prop_assert_eq!(sum, paper::text(&paper::add(&on_paper(a), &on_paper(b)), places));
            let product = left.multiply(right).expect("fits").shortest().to_string();
            prop_assert_eq!(product, paper::text(&paper::multiply(&on_paper(a), &on_paper(b)), 2 * places));
        }

        #[test]
        fn a_quotient_is_the_nearest_number_of_twelve_places(a in -1_000_000_i64..1_000_000, b in 1_i64..1_000_000) {
            let quotient = Decimal::whole(a).divide(Decimal::whole(b)).expect("fits");
            let times = i128::from(quotient.count_of(12).expect("twelve places")) * i128::from(b);
            let off = (times - i128::from(a) * 1_000_000_000_000).abs();
            prop_assert!(2 * off <= i128::from(b));
        }

        #[test]
        fn order_does_not_depend_on_how_many_zeros_are_written(a in any::<i64>(), b in any::<i64>(), zeros in 0_u32..10) {
            let long = Decimal { digits: i128::from(a) * 10_i128.pow(zeros), places: zeros };
            prop_assert_eq!(long.cmp(&Decimal::whole(b)), a.cmp(&b));
        }
    }
}

//! Money: whole micros (10^-6 of the major unit) with an ISO 4217 currency beside them. No float, ever.

use serde::{Deserialize, Serialize};

/// Micros in one major unit.
pub const MICROS_PER_UNIT: i64 = 1_000_000;

/// An ISO 4217 currency code that is in use.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// An exact amount: `micros` of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Millionths of the major unit, signed.
    pub micros: i64,
    /// What the amount is counted in.
    pub currency: Currency,
}

/// Why a text is not an amount or a currency.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MoneyError {
    /// Not a code of ISO 4217.
    #[error("\"{found}\" is not an ISO 4217 currency code")]
    UnknownCurrency {
        /// The text, cut to 16 characters.
        found: String,
    },
    /// Not a decimal number of at most 6 decimal places and 12 digits before the point.
    #[error("\"{found}\" is not an amount, expected a decimal number with at most 6 decimal places")]
    Malformed {
        /// The text, cut to 32 characters.
        found: String,
    },
}

impl Currency {
    /// The three letters, such as `EUR`.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("only ASCII codes are ever stored")
    }

    /// Decimal places of the minor unit by ISO 4217: 2 for most, 0 for JPY, 3 for KWD.
    #[must_use]
    pub fn minor_digits(&self) -> u32 {
        iso_currency::Currency::from_code(self.code()).and_then(|c| c.exponent()).map_or(2, u32::from)
    }

    /// Micros in one minor unit: 10,000 for EUR, 1,000,000 for JPY.
    #[must_use]
    pub fn minor_micros(&self) -> i64 {
        10_i64.pow(6_u32.saturating_sub(self.minor_digits()))
    }
}

/// Codes that need not be looked for among all the others.
const OFTEN: [&[u8; 3]; 6] = [b"EUR", b"USD", b"GBP", b"CHF", b"CAD", b"JPY"];

impl TryFrom<&str> for Currency {
    type Error = MoneyError;

    fn try_from(code: &str) -> Result<Self, MoneyError> {
        if let Some(known) = OFTEN.iter().find(|known| code.as_bytes() == **known) {
            return Ok(Self(**known));
        }
        let unknown = || MoneyError::UnknownCurrency { found: code.chars().take(16).collect() };
        let upper = code.trim().to_ascii_uppercase();
        iso_currency::Currency::from_code(&upper).ok_or_else(unknown)?;
        Ok(Self(upper.as_bytes().try_into().map_err(|_| unknown())?))
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;

    fn try_from(code: String) -> Result<Self, MoneyError> {
        Self::try_from(code.as_str())
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl std::fmt::Display for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

impl std::fmt::Debug for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

/// Reads a decimal text such as `-19.99` or `1.2e2` as micros, exactly.
///
/// # Errors
/// [`MoneyError::Malformed`] where the text is no number, has digits beyond the sixth decimal place, or is larger than
/// 10^12 major units.
pub fn parse_micros(text: &str) -> Result<i64, MoneyError> {
    exact_micros(text.trim()).ok_or_else(|| MoneyError::Malformed { found: text.chars().take(32).collect() })
}

/// Reads a decimal text as micros; digits beyond the sixth decimal place are rounded, half to even. For numbers that
/// their senders keep as floats (`39.980000000000004`), never for a shop's own documents.
///
/// # Errors
/// [`MoneyError::Malformed`] where the text is no number or is larger than 10^12 major units.
pub fn parse_micros_rounded(text: &str) -> Result<i64, MoneyError> {
    let rounded = |text| decimal(text).and_then(|(value, scale)| scaled(value, scale, div_rounded));
    rounded(text.trim()).ok_or_else(|| MoneyError::Malformed { found: text.chars().take(32).collect() })
}

/// Writes micros with at least two and at most six decimal places: `85.00`, `0.004375`.
#[must_use]
pub fn format_micros(micros: i128) -> String {
    let magnitude = micros.unsigned_abs();
    let mut text =
        format!("{}{}.{:06}", if micros < 0 { "-" } else { "" }, magnitude / 1_000_000, magnitude % 1_000_000);
    let shortest = text.len() - 4;
    while text.len() > shortest && text.ends_with('0') {
        text.pop();
    }
    text
}

/// `numerator / denominator` to the nearest integer, half to even. `denominator` must not be zero.
#[must_use]
pub fn div_round_half_even(numerator: i128, denominator: i128) -> i128 {
    assert!(denominator != 0, "rounded division by zero");
    let (n, d) = if denominator < 0 { (-numerator, -denominator) } else { (numerator, denominator) };
    let (floor, rest) = (n.div_euclid(d), n.rem_euclid(d));
    match (rest * 2).cmp(&d) {
        std::cmp::Ordering::Less => floor,
        std::cmp::Ordering::Greater => floor + 1,
        std::cmp::Ordering::Equal => floor + (floor & 1),
    }
}

fn exact_micros(text: &str) -> Option<i64> {
    let (value, scale) = decimal(text)?;
    scaled(value, scale, |value, power| (value % power == 0).then(|| value / power))
}

/// The signed digits of a decimal text, and the power of ten that makes micros of them.
fn decimal(text: &str) -> Option<(i128, i32)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok().filter(|e| e.abs() <= 30)?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.len() + fraction.len() == 0 || whole.len() + fraction.len() > 30 {
        return None;
    }
    let mut value: i128 = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        value = value * 10 + i128::from(byte.is_ascii_digit().then(|| byte - b'0')?);
    }
    let scale = 6 + exponent - i32::try_from(fraction.len()).ok()?;
    Some((if negative { -value } else { value }, scale))
}

/// `value · 10^scale` below 10^12 major units; `divide` says what becomes of digits beyond the last micro.
fn scaled(value: i128, scale: i32, divide: fn(i128, i128) -> Option<i128>) -> Option<i64> {
    let power = 10_i128.checked_pow(scale.unsigned_abs()).unwrap_or(i128::MAX);
    let micros = if scale >= 0 { value.checked_mul(power)? } else { divide(value, power)? };
    let limit = 1_000_000_000_000_i128 * i128::from(MICROS_PER_UNIT);
    (micros.abs() < limit).then(|| i64::try_from(micros).ok())?
}

fn div_rounded(value: i128, power: i128) -> Option<i128> {
    let below_half = value.abs() < power / 2;
    Some(if below_half { 0 } else { div_round_half_even(value, power) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly() {
        for (text, micros) in
            [("85.00", 85_000_000), ("-0.01", -10_000), ("1e2", 100_000_000), ("1.5E-3", 1_500), ("0.1000000", 100_000)]
        {
            assert_eq!(parse_micros(text), Ok(micros), "{text}");
        }
        for text in ["", "-", "1.2345678", "abc", "1,5", "1e99", "9999999999999", "NaN", "."] {
            assert!(parse_micros(text).is_err(), "{text}");
        }
    }

    #[test]
    fn digits_beyond_the_micro_are_rounded_half_to_even_only_where_asked() {
        for (text, micros) in [
            ("39.980000000000004", 39_980_000),
            ("0.0000005", 0),
            ("-0.0000015", -2),
            ("1e-9", 0),
            ("-1.5e-30", 0),
            ("7.5", 7_500_000),
        ] {
            assert_eq!(parse_micros_rounded(text), Ok(micros), "{text}");
        }
        assert!(parse_micros_rounded("abc").is_err());
        assert!(parse_micros("39.980000000000004").is_err());
    }

    #[test]
    fn amounts_are_written_with_at_least_two_places() {
        assert_eq!(format_micros(85_000_000), "85.00");
        assert_eq!(format_micros(-4_375), "-0.004375");
    }

    #[test]
    fn halves_go_to_even() {
        assert_eq!([5, 15, 25, -5, -15].map(|n| div_round_half_even(n, 10)), [0, 2, 2, 0, -2]);
        assert_eq!(div_round_half_even(7, -2), -4);
    }

    #[test]
    fn minor_units_follow_iso_4217() {
        let digits = |code| Currency::try_from(code).unwrap().minor_digits();
        assert_eq!([digits("EUR"), digits("JPY"), digits("kwd")], [2, 0, 3]);
        assert!(Currency::try_from("EUX").is_err());
    }
}

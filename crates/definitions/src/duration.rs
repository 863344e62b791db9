//! How durations are written: a whole number and its unit, such as `7d`.

/// Units by how they are written, in milliseconds. None is longer than a day: weeks and months are not of one length to
/// everybody.
const UNITS: [(&str, i64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1)];

/// One of each unit, for messages.
pub(crate) const EXAMPLES: &str = "7d, 36h, 30min, 90s or 500ms";

/// Milliseconds of a number and its unit; none where one of them is not one, or the product is too large.
pub(crate) fn millis(digits: &str, unit: &str) -> Option<i64> {
    let (_, unit_ms) = UNITS.iter().find(|(word, _)| *word == unit)?;
    digits.parse::<i64>().ok()?.checked_mul(*unit_ms)
}

/// Milliseconds of a whole text such as `7d`.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let (digits, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    millis(digits, unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read_to_the_millisecond() {
        assert_eq!(["1d", "1h", "1min", "1s", "1ms"].map(parse), [86_400_000, 3_600_000, 60_000, 1000, 1].map(Some));
        assert_eq!(parse("0s"), Some(0));
    }

    #[test]
    fn what_is_no_number_with_a_unit_is_no_duration() {
        for wrong in ["", "7", "d", "7w", "1.5h", "7 d", "7d ", "7dd", "9223372036854775807d", "٧d"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}

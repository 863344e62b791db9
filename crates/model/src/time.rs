//! Instants: UTC, whole milliseconds. Days are cut by the caller, in a named zone.

use jiff::{Timestamp, civil, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// An instant, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct UtcMillis(pub i64);

/// Why a text is not an instant or a zone.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TimeError {
    /// The text is not RFC 3339, or outside the years that can be written.
    #[error("\"{found}\" is not an instant, expected RFC 3339 such as 2026-01-05T10:11:12.345Z")]
    Malformed {
        /// The text, cut to 64 characters.
        found: String,
    },
    /// No such zone in the IANA database.
    #[error("\"{found}\" is not an IANA time zone such as Europe/Berlin")]
    UnknownZone {
        /// The text as given.
        found: String,
    },
}

impl UtcMillis {
    /// One hour, in milliseconds.
    pub const HOUR_MS: i64 = 3_600_000;

    /// Reads RFC 3339 with any offset; digits beyond the millisecond are cut, not rounded.
    ///
    /// # Errors
    /// [`TimeError::Malformed`] for anything else.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let text = text.trim();
        if let Some(millis) = plain(text.as_bytes()) {
            return Ok(Self(millis));
        }
        let malformed = || TimeError::Malformed { found: text.chars().take(64).collect() };
        let stamp: Timestamp = text.parse().map_err(|_| malformed())?;
        Ok(Self(stamp.as_nanosecond().div_euclid(1_000_000) as i64))
    }

    /// The civil day of this instant in `zone`.
    #[must_use]
    pub fn day_in(self, zone: &TimeZone) -> civil::Date {
        zone.to_datetime(self.to_timestamp()).date()
    }

    /// This instant as jiff sees it; clamped to the years that jiff can write.
    #[must_use]
    pub fn to_timestamp(self) -> Timestamp {
        Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 { Timestamp::MIN } else { Timestamp::MAX })
    }

    /// The first instant of `day` in `zone`.
    #[must_use]
    pub fn start_of(day: civil::Date, zone: &TimeZone) -> Self {
        zone.to_ambiguous_zoned(day.at(0, 0, 0, 0))
            .compatible()
            .map_or(Self(i64::MAX), |zoned| Self(zoned.timestamp().as_millisecond()))
    }

    /// This instant, `millis` later (saturating).
    #[must_use]
    pub fn plus_ms(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

impl std::fmt::Display for UtcMillis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3}", self.to_timestamp())
    }
}

/// Milliseconds of an instant as nearly every sender writes it: `2026-01-05T10:11:12.345Z`, with or without milliseconds.
/// None for everything else, which jiff reads.
fn plain(text: &[u8]) -> Option<i64> {
    let (seconds, millis) = match text {
        [seconds @ .., b'.', a, b, c, b'Z'] if seconds.len() == 19 => (seconds, number(&[*a, *b, *c])?),
        [seconds @ .., b'Z'] if seconds.len() == 19 => (seconds, 0),
        _ => return None,
    };
    let &[y1, y2, y3, y4, b'-', o1, o2, b'-', d1, d2, b'T', h1, h2, b':', m1, m2, b':', s1, s2] = seconds else {
        return None;
    };
    let (year, month, day) = (number(&[y1, y2, y3, y4])?, number(&[o1, o2])?, number(&[d1, d2])?);
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[m1, m2])?, number(&[s1, s2])?);
    let days_max = match month {
        // The 29th is left to jiff, which knows leap years.
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days_max).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days of the proleptic Gregorian calendar, counted in years that begin in March.
    let year = if month < 3 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + millis)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

/// Finds a zone by its IANA name.
///
/// # Errors
/// [`TimeError::UnknownZone`] names the text.
pub fn zone(name: &str) -> Result<TimeZone, TimeError> {
    TimeZone::get(name).map_err(|_| TimeError::UnknownZone { found: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finer_digits_are_cut_and_offsets_are_applied() {
        assert_eq!(UtcMillis::parse("2026-01-05T11:11:13.0019+01:00"), Ok(UtcMillis(1_767_607_873_001)));
        assert_eq!(UtcMillis(1_767_607_873_001).to_string(), "2026-01-05T10:11:13.001Z");
        assert!(UtcMillis::parse("yesterday").is_err());
    }

    #[test]
    fn plain_instants_are_what_jiff_reads() {
        let mut plain_ones = 0;
        for at in (-62_167_219_200_000..253_402_300_799_999_i64).step_by(86_399_777 * 131) {
            let text = UtcMillis(at).to_string();
            let whole = format!("{}Z", &text[..text.len() - 5]);
            plain_ones += usize::from(plain(text.as_bytes()).is_some());
            assert_eq!(UtcMillis::parse(&text), Ok(UtcMillis(at)), "{text}");
            assert_eq!(UtcMillis::parse(&whole), Ok(UtcMillis(at - at.rem_euclid(1000))), "{whole}");
        }
        assert!(plain_ones > 20_000);
        for odd in
            ["2026-02-29T00:00:00Z", "2026-01-05T24:00:00Z", "2026-1-05T00:00:00.00Z", "2026-01-05T00:00:00:000Z"]
        {
            assert!(UtcMillis::parse(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_day_with_a_clock_change_has_23_hours() {
        let berlin = zone("Europe/Berlin").unwrap();
        let day = civil::date(2026, 3, 29);
        let hours = (UtcMillis::start_of(day.tomorrow().unwrap(), &berlin).0 - UtcMillis::start_of(day, &berlin).0)
            / UtcMillis::HOUR_MS;
        assert_eq!(hours, 23);
        assert_eq!(UtcMillis::start_of(day, &berlin).day_in(&berlin), day);
    }
}

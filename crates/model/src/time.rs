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
        let malformed = || TimeError::Malformed { found: text.chars().take(64).collect() };
        let stamp: Timestamp = text.trim().parse().map_err(|_| malformed())?;
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
    fn a_day_with_a_clock_change_has_23_hours() {
        let berlin = zone("Europe/Berlin").unwrap();
        let day = civil::date(2026, 3, 29);
        let hours = (UtcMillis::start_of(day.tomorrow().unwrap(), &berlin).0 - UtcMillis::start_of(day, &berlin).0)
            / UtcMillis::HOUR_MS;
        assert_eq!(hours, 23);
        assert_eq!(UtcMillis::start_of(day, &berlin).day_in(&berlin), day);
    }
}

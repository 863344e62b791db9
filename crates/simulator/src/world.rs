//! The world: a configuration in; payloads and, apart from them, the truth out.

use crate::broken::{BrokenPayload, broken_payloads};
use crate::delivery::{Delivery, Payload, schedule};
use crate::people::{Season, populate};
use crate::platforms::Platforms;
use crate::scene::Scene;
use crate::truth::Truth;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// Fewest and most days of a world.
const DAYS: std::ops::RangeInclusive<u32> = 1..=3650;
const HOUR_MS: i64 = 3_600_000;

/// What world to make. The same configuration makes the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorldConfig {
    /// Any number; another seed is another world.
    pub seed: u64,
    /// About how many web messages are sent. A world has at least some hundred.
    pub events: u64,
    /// Length in days, `1..=3650`; a number outside is taken as the nearest bound.
    pub days: u32,
    /// The first day, in every zone of the world.
    pub start_on: Date,
}

/// 90 days from 2026-01-01 with about 100,000 web messages.
impl Default for WorldConfig {
    fn default() -> Self {
        Self { seed: 1, events: 100_000, days: 90, start_on: date(2026, 1, 1) }
    }
}

impl WorldConfig {
    /// The last day, in every zone of the world. Refunds, late deliveries and pulls may come after it.
    #[must_use]
    pub fn end_on(&self) -> Date {
        self.start_on.saturating_add(Span::new().days(i64::from(self.days) - 1))
    }

    fn season(&self) -> Season {
        Season {
            first_ms: midnight_ms(self.start_on) + 6 * HOUR_MS,
            last_ms: midnight_ms(self.end_on()) + 17 * HOUR_MS,
        }
    }
}

/// A shop with known truth.
#[derive(Debug)]
pub struct World {
    pub(crate) config: WorldConfig,
    pub(crate) scene: Scene,
    pub(crate) platforms: Platforms,
    pub(crate) schedule: Vec<Delivery>,
}

impl World {
    /// Lets the world happen. Costs about 100 bytes of memory for each message; payloads are written only when asked for.
    #[must_use]
    pub fn new(config: WorldConfig) -> Self {
        let config = WorldConfig { days: config.days.clamp(*DAYS.start(), *DAYS.end()), ..config };
        let scene = populate(&config, config.season());
        let platforms = Platforms::watch(&scene, &config);
        let schedule = schedule(&scene, &config);
        Self { config, scene, platforms, schedule }
    }

    /// The configuration, with its days within bounds.
    #[must_use]
    pub fn config(&self) -> &WorldConfig {
        &self.config
    }

    /// Every payload in the order of arrival.
    pub fn payloads(&self) -> impl ExactSizeIterator<Item = Payload> + '_ {
        self.schedule.iter().map(|delivery| delivery.payload(self))
    }

    /// What a right product must answer. It hangs on nothing that `payloads` does.
    #[must_use]
    pub fn truth(&self) -> Truth {
        Truth::of(self)
    }

    /// Malformed payloads, none of them among `payloads`, each with what a door or normaliser must do about it. They
    /// arrive at noon UTC of the first day.
    #[must_use]
    pub fn broken_payloads(&self) -> Vec<BrokenPayload> {
        broken_payloads(midnight_ms(self.config.start_on) + 12 * HOUR_MS)
    }
}

/// Midnight UTC of a day in UTC milliseconds.
pub(crate) fn midnight_ms(on: Date) -> i64 {
    let midnight =
        on.to_zoned(TimeZone::UTC).expect("every midnight exists in UTC, and worlds lie in the years of dates");
    midnight.timestamp().as_millisecond()
}

/// The instant of a count of milliseconds.
pub(crate) fn instant(at_ms: i64) -> Timestamp {
    Timestamp::from_millisecond(at_ms).expect("instants of a world lie in the years of dates")
}

/// The day of an instant in a zone.
pub(crate) fn day_in(zone: &TimeZone, at_ms: i64) -> Date {
    zone.to_datetime(instant(at_ms)).date()
}

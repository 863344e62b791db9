//! The doors' clock: stamps `received_at`, once, for everything that one request brings.

use axum::http::HeaderMap;
use model::{TimeError, UtcMillis};
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

/// The request header that a simulated clock trusts, holding RFC 3339.
pub const RECEIVED_AT_HEADER: &str = "tributary-received-at";

/// Where `received_at` comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The machine's clock. What a request says of time is ignored.
    #[default]
    System,
    /// The request's [`RECEIVED_AT_HEADER`], else the machine's clock. A lake filled so must be marked `simulated`.
    Simulated,
}

impl Clock {
    /// The instant at which a request with these headers counts as received.
    ///
    /// # Errors
    /// [`TimeError::Malformed`] where the trusted header is there and unreadable: taking the machine's clock instead
    /// would place a simulated record years from where it belongs.
    pub fn received_at(self, headers: &HeaderMap) -> Result<UtcMillis, TimeError> {
        match headers.get(RECEIVED_AT_HEADER) {
            Some(stated) if self == Self::Simulated => UtcMillis::parse(&String::from_utf8_lossy(stated.as_bytes())),
            _ => Ok(now()),
        }
    }
}

fn now() -> UtcMillis {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UtcMillis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn stating(text: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(RECEIVED_AT_HEADER.parse().expect("a header name"), HeaderValue::from_static(text))])
    }

    #[test]
    fn only_a_simulated_clock_believes_the_header() {
        let headers = stating("2020-01-05T10:11:12.345Z");
        assert_eq!(Clock::Simulated.received_at(&headers), Ok(UtcMillis(1_578_219_072_345)));
        assert!(Clock::System.received_at(&headers).expect("the header is ignored") > UtcMillis(1_700_000_000_000));
    }

    #[test]
    fn an_unreadable_header_is_refused_and_none_means_now() {
        assert!(Clock::Simulated.received_at(&stating("soon")).is_err());
        assert!(Clock::System.received_at(&stating("soon")).is_ok());
        assert!(Clock::Simulated.received_at(&HeaderMap::new()).expect("now") > UtcMillis(1_700_000_000_000));
    }
}

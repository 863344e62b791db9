//! Reports as records: a report is one record, its payload is the unpacked file, its channel is named by that content. What
//! it covers stands beside it in headers. Files are read and unpacked by [`files`](crate::files).

use model::{Headers, UtcMillis, time::zone};

use crate::{error::IntakeError, queue::Incoming};

/// Most bytes of an unpacked report: it is held in memory as one record.
pub const REPORT_BYTES_MAX: u64 = 256 << 20;

/// What a report covers, where its rows do not say so themselves: a file without rows says nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportScope {
    /// First day, as `2026-01-05`, in `zone`.
    pub from_on: Option<String>,
    /// Last day, as `2026-01-05`, in `zone`.
    pub to_on: Option<String>,
    /// The account's IANA zone.
    pub zone: Option<String>,
    /// The account's id, as `1234567890`.
    pub account: Option<String>,
    /// `delivery` or `conversions` (by action).
    pub report: Option<String>,
    /// `account`, `campaign`, `ad_group` or `ad`.
    pub level: Option<String>,
    /// When the platform was asked, RFC 3339. Equal reports of other times are pulls of their own; without a time the
    /// same report again is a duplicate.
    pub pulled_at: Option<String>,
}

/// The channel of a report: `file/` and the hash of its content, unpacked.
#[must_use]
pub fn file_channel(report: &[u8]) -> String {
    let hash: String = blake3::hash(report).to_hex().chars().take(32).collect();
    format!("file/{hash}")
}

/// The headers that carry a report's scope.
///
/// # Errors
/// [`IntakeError::MalformedScope`] for what is no day, zone, account, report, level or instant.
pub fn report_headers(scope: &ReportScope) -> Result<Headers, IntakeError> {
    let mut headers = Headers::new();
    for (part, name, day) in
        [("from", "tributary-pull-from", &scope.from_on), ("to", "tributary-pull-to", &scope.to_on)]
    {
        if let Some(day) = day {
            check(is_day(day), part, day, "a day such as 2026-01-05")?;
            headers.insert(name.to_owned(), day.clone());
        }
    }
    if let (Some(from), Some(to)) = (&scope.from_on, &scope.to_on) {
        // Days written so sort as texts.
        check(from <= to, "to", to, "a day not before \"from\"")?;
    }
    let mut put = |(part, name): (&'static str, &str), said: &Option<String>, right: fn(&str) -> bool, expected| {
        let Some(text) = said else { return Ok(()) };
        headers.insert(name.to_owned(), text.clone());
        check(right(text), part, text, expected)
    };
    let is_zone = |text: &str| zone(text).is_ok();
    put(("zone", "tributary-account-zone"), &scope.zone, is_zone, "an IANA time zone such as Europe/Berlin")?;
    let expected = "the account's id without spaces, such as 1234567890";
    put(("account", "tributary-account"), &scope.account, is_account, expected)?;
    let is_report = |text: &str| ["delivery", "conversions"].contains(&text);
    put(("report", "tributary-report"), &scope.report, is_report, "delivery or conversions")?;
    let is_level = |text: &str| ["account", "campaign", "ad_group", "ad"].contains(&text);
    put(("level", "tributary-level"), &scope.level, is_level, "account, campaign, ad_group or ad")?;
    let is_instant = |text: &str| UtcMillis::parse(text).is_ok();
    let expected = "an RFC 3339 instant such as 2026-01-06T05:00:00Z";
    put(("pulled_at", "tributary-pulled-at"), &scope.pulled_at, is_instant, expected)?;
    Ok(headers)
}

/// Whether the text can be an account's id: what platforms write has no spaces and no separators of lists.
fn is_account(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Whether the text is a day: one that can be given a midnight.
fn is_day(text: &str) -> bool {
    text.len() == "2026-01-05".len() && UtcMillis::parse(&format!("{text}T00:00:00Z")).is_ok()
}

fn check(right: bool, part: &'static str, found: &str, expected: &'static str) -> Result<(), IntakeError> {
    let found = || found.chars().take(64).collect();
    if right { Ok(()) } else { Err(IntakeError::MalformedScope { part, found: found(), expected }) }
}

/// A report as a record, with the channel that it goes through.
///
/// # Errors
/// [`IntakeError::MalformedScope`] where the scope cannot be read.
pub fn report_record(
    source: &str,
    received_at: UtcMillis,
    scope: &ReportScope,
    report: Vec<u8>,
) -> Result<(String, Incoming), IntakeError> {
    let headers = report_headers(scope)?;
    let channel = file_channel(&report);
    Ok((channel, Incoming { source: source.into(), received_at, headers: headers.into(), payload: report.into() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use model::RawRecord;

    const REPORT: &[u8] = br#"{"data":[],"paging":{}}"#;

    #[test]
    fn the_channel_is_the_records_content_hash() {
        let record = RawRecord {
            source: "".into(),
            channel: file_channel(REPORT).into(),
            offset: 0,
            received_at: UtcMillis(0),
            headers: Arc::default(),
            payload: REPORT.to_vec().into(),
        };
        assert_eq!(*record.channel, format!("file/{}", record.content_hash()));
    }

    #[test]
    fn a_scope_becomes_headers_and_a_wrong_one_is_named() {
        let scope = |from: &str, zone: &str| ReportScope {
            from_on: Some(from.to_owned()),
            to_on: Some("2026-01-31".to_owned()),
            zone: Some(zone.to_owned()),
            ..ReportScope::default()
        };
        let headers = report_headers(&scope("2026-01-05", "Europe/Berlin")).expect("a scope");
        let expected = [
            ("tributary-account-zone", "Europe/Berlin"),
            ("tributary-pull-from", "2026-01-05"),
            ("tributary-pull-to", "2026-01-31"),
        ];
        assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert_eq!(report_headers(&ReportScope::default()), Ok(Headers::new()));
        for (from, zone, part) in [
            ("2026-02-30", "Europe/Berlin", "from"),
            ("05.01.2026", "Europe/Berlin", "from"),
            ("20260105", "Europe/Berlin", "from"),
            ("2026-02-01", "Europe/Berlin", "to"),
            ("2026-01-05", "Berlin", "zone"),
        ] {
            let error = report_headers(&scope(from, zone)).expect_err("malformed");
            assert!(matches!(error, IntakeError::MalformedScope { part: named, .. } if named == part), "{error}");
        }
    }

    #[test]
    fn what_an_empty_report_is_empty_of_and_when_it_was_taken_become_headers() {
        let said = |text: &str| Some(text.to_owned());
        let scope = ReportScope {
            account: said("123-456-7890"),
            report: said("delivery"),
            level: said("ad_group"),
            pulled_at: said("2026-01-06T05:00:00Z"),
            ..ReportScope::default()
        };
        let expected = [
            ("tributary-account", "123-456-7890"),
            ("tributary-level", "ad_group"),
            ("tributary-pulled-at", "2026-01-06T05:00:00Z"),
            ("tributary-report", "delivery"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(report_headers(&scope), Ok(expected));
        let none = ReportScope::default;
        for (part, wrong) in [
            ("account", ReportScope { account: said("12 34"), ..none() }),
            ("account", ReportScope { account: said(""), ..none() }),
            ("report", ReportScope { report: said("clicks"), ..none() }),
            ("level", ReportScope { level: said("adset"), ..none() }),
            ("pulled_at", ReportScope { pulled_at: said("2026-01-06"), ..none() }),
        ] {
            let error = report_headers(&wrong).expect_err("malformed");
            assert!(matches!(error, IntakeError::MalformedScope { part: named, .. } if named == part), "{error}");
        }
    }
}

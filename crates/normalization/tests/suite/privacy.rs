//! No clear e-mail address or phone number leaves this crate, and no payload makes it fail.

use std::fmt::Write;

use model::RawRecord;
use normalization::{Normalized, Verdict};
use proptest::prelude::*;
use serde_json::Value;

use crate::{
    payloads::{cases, read},
    support::{normalizer, record},
};

/// Everything that others see of a normalised record.
fn all_texts(normalized: &Normalized) -> String {
    let mut text = format!("{:?} ", normalized.key);
    match &normalized.verdict {
        Verdict::Facts(facts) => write!(text, "{}", serde_json::to_string(facts).unwrap()).unwrap(),
        Verdict::Ignored { reason } => text.push_str(reason),
        Verdict::Rejected(reject) => write!(text, "{} {}", reject.message, reject.fix).unwrap(),
    }
    text
}

#[test]
fn no_contact_of_a_payload_case_is_in_a_fact_or_an_error() {
    for case in cases() {
        let text = all_texts(&normalizer().normalize(&read(&case)));
        for clear in ["ana@", "Ana@", "ana%40", "bo@", "1701234567", "Ana Muster"] {
            assert!(!text.contains(clear), "{clear} of {} is in {text}", case.display());
        }
    }
}

fn records() -> Vec<RawRecord> {
    cases().iter().map(|case| read(case)).collect()
}

/// Every text of every payload becomes an address in turn: facts, edges and errors must not show it.
#[test]
fn an_address_in_any_field_is_never_shown() {
    for case in cases() {
        let raw = read(&case);
        let Ok(document) = serde_json::from_slice::<Value>(&raw.payload) else { continue };
        for at in 0..texts(&mut document.clone(), usize::MAX) {
            let mut changed = document.clone();
            texts(&mut changed, at);
            let raw = RawRecord { payload: changed.to_string().into_bytes().into(), ..raw.clone() };
            let text = all_texts(&normalizer().normalize(&raw));
            assert!(!text.contains("planted"), "text {at} of {} is in {text}", case.display());
        }
    }
}

/// Counts the texts of a document, and writes an address into the one numbered `change`.
fn texts(value: &mut Value, change: usize) -> usize {
    fn walk(value: &mut Value, change: usize, seen: &mut usize) {
        match value {
            Value::String(text) => {
                if *seen == change {
                    *text = "Planted.planted@example.com".to_owned();
                }
                *seen += 1;
            }
            Value::Array(elements) => elements.iter_mut().for_each(|element| walk(element, change, seen)),
            Value::Object(fields) => fields.values_mut().for_each(|field| walk(field, change, seen)),
            _ => {}
        }
    }
    let mut seen = 0;
    walk(value, change, &mut seen);
    seen
}

const HEADERS: &[(&str, &str)] = &[
    ("path", "track"),
    ("x-shopify-topic", "orders/create"),
    ("tributary-account-zone", "Europe/Berlin"),
    ("tributary-account", "1"),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arbitrary_bytes_never_make_it_fail(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
        for source in ["segment", "shopify", "google_ads", "meta_ads", "nobody"] {
            let normalized = normalizer().normalize(&record(source, HEADERS, &payload));
            prop_assert!(matches!(normalized.verdict, Verdict::Rejected(_)), "{normalized:?}");
        }
    }

    /// Real payloads with one value replaced: nearly right is what breaks readers.
    #[test]
    fn payloads_with_a_changed_value_never_make_it_fail(
        raw in prop::sample::select(records()),
        place in any::<prop::sample::Index>(),
        value in prop::sample::select(vec![
            "null", "0", "-1", "1e999", "9223372036854775807", "99999999999999999999", "\"\"", "\"\\ud800\"", "\"9e11\"",
            "[]", "{}", "[[]]", "true", "\"2026-01-05\"", "\"9999-12-31T23:59:59Z\"", "\"-009999-01-01T00:00:00Z\"", "\"%40\"", "\"@\"",
        ]),
    ) {
        let Ok(text) = String::from_utf8(raw.payload.to_vec()) else { return Ok(()) };
        let colons: Vec<usize> = text.match_indices(':').map(|(at, _)| at).collect();
        if colons.is_empty() {
            return Ok(());
        }
        let at = place.get(&colons) + 1;
        let end = text[at..].find([',', '}', ']']).map_or(text.len(), |length| at + length);
        let payload = format!("{}{value}{}", &text[..at], &text[end..]).into_bytes();
        let raw = RawRecord { payload: payload.into(), ..raw };
        let normalizer = normalizer();
        prop_assert_eq!(normalizer.normalize(&raw), normalizer.normalize(&raw));
    }

    #[test]
    fn cutting_a_payload_short_is_always_noticed(mut raw in prop::sample::select(records()), keep in 1_usize..1_000) {
        let whole = normalizer().normalize(&raw);
        let end = raw.payload.len().saturating_sub(keep).max(1);
        if raw.payload[end..].iter().all(u8::is_ascii_whitespace) || matches!(whole.verdict, Verdict::Ignored { .. }) {
            return Ok(());
        }
        raw.payload = raw.payload[..end].to_vec().into();
        let cut = normalizer().normalize(&raw);
        prop_assert!(matches!(cut.verdict, Verdict::Rejected(_)), "{cut:?}");
    }
}

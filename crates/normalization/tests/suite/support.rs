//! Sources, records and a readable rendering of what a record becomes.

use std::fmt::Write;

use model::{Headers, RawRecord, UtcMillis};
use normalization::{Normalized, Normalizer, Source, SourceConfig, SourceKind, Verdict};
use serde_json::Value;

/// The sources that the payload cases name.
pub fn normalizer() -> Normalizer {
    let source = |name: &str, kind| SourceConfig {
        name: name.to_owned(),
        kind,
        default_currency: None,
        web_source: None,
        zone: None,
    };
    let sources = [
        SourceConfig { default_currency: Some("EUR".try_into().unwrap()), ..source("segment", SourceKind::Segment) },
        source("segment_plain", SourceKind::Segment),
        SourceConfig { web_source: Some("segment".to_owned()), ..source("shopify", SourceKind::Shopify) },
        source("google_ads", SourceKind::GoogleAds),
        source("meta_ads", SourceKind::MetaAds),
        SourceConfig { zone: Some("America/New_York".to_owned()), ..source("meta_zoned", SourceKind::MetaAds) },
    ];
    Normalizer::new(&sources, [7; 32]).unwrap()
}

/// A record that came at the instant of the format sheets' batch.
pub fn record(source: &str, headers: &[(&str, &str)], payload: &[u8]) -> RawRecord {
    let headers: Headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    RawRecord {
        source: source.into(),
        channel: "test".into(),
        offset: 0,
        received_at: UtcMillis::parse("2026-01-05T10:11:14.200Z").unwrap(),
        headers: headers.into(),
        payload: payload.to_vec().into(),
    }
}

/// Key and verdict, a line a field; fields that are null or empty are left out.
pub fn render(normalized: &Normalized) -> String {
    let key = &normalized.key;
    let mut text = format!("key {} | {} | {}\n", key.source, key.node, key.id);
    match &normalized.verdict {
        Verdict::Ignored { reason } => writeln!(text, "ignored {reason}").unwrap(),
        Verdict::Rejected(reject) => {
            write!(text, "rejected {}\n  {}\n  fix: {}\n", reject.reason, reject.message, reject.fix).unwrap();
        }
        Verdict::Facts(facts) => {
            for fact in facts {
                assert_eq!(fact.meta().key, key.digest(), "facts carry the digest of their record's key");
                let value = serde_json::to_value(fact).unwrap();
                let (kind, fields) = value.as_object().unwrap().iter().next().unwrap();
                writeln!(text, "\n{kind} {}", fact.meta().ordinal).unwrap();
                write_fields(&mut text, "", fields);
            }
        }
    }
    text
}

fn write_fields(text: &mut String, path: &str, value: &Value) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(fields) if fields.contains_key("scope") => {
            let part = |name: &str| fields[name].as_str().unwrap().to_owned();
            writeln!(text, "  {path}: {}:{}:{}", part("kind"), part("scope"), part("id")).unwrap();
        }
        Value::Object(fields) => {
            for (name, field) in fields.iter().filter(|(name, _)| !matches!(name.as_str(), "key" | "ordinal")) {
                write_fields(text, &below(name), field);
            }
        }
        Value::Array(elements) => {
            for (at, element) in elements.iter().enumerate() {
                write_fields(text, &format!("{path}[{at}]"), element);
            }
        }
        Value::Null => {}
        Value::String(string) if string.is_empty() => {}
        Value::String(string) => writeln!(text, "  {path}: {string}").unwrap(),
        Value::Number(number) if path.ends_with("_at") => {
            writeln!(text, "  {path}: {}", UtcMillis(number.as_i64().unwrap())).unwrap();
        }
        other => writeln!(text, "  {path}: {other}").unwrap(),
    }
}

/// A hand-written adapter can be used like the shipped ones.
#[test]
fn an_adapter_is_an_object_safe_source() {
    fn takes(_: Option<&dyn Source>) {}
    takes(None);
}

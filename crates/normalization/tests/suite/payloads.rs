//! Runs every `payloads/<source>/<case>.json` and compares with `<case>.facts` beside it.
//!
//! `<case>.headers` holds what stands beside the payload, a line each: `name: value`; there `source` and `received-at`
//! set the record's own fields. After a wanted change: `UPDATE_FACTS=1 cargo test -p normalization`, then read the diff.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use model::{RawRecord, UtcMillis};
use normalization::Verdict;

use crate::support::{normalizer, record, render};

/// All cases, by folder and name.
pub fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("payloads");
    let folders = fs::read_dir(root).unwrap().map(|folder| folder.unwrap().path());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()));
    let mut cases: Vec<PathBuf> = files.filter(|file| file.extension().is_some_and(|e| e == "json")).collect();
    cases.sort();
    cases
}

/// The record that a case describes.
pub fn read(case: &Path) -> RawRecord {
    let folder = case.parent().unwrap().file_name().unwrap().to_str().unwrap();
    let mut raw = record(folder, &[], &fs::read(case).unwrap());
    for line in fs::read_to_string(case.with_extension("headers")).unwrap_or_default().lines() {
        let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line:?} in {}", case.display()));
        match name {
            "source" => raw.source = value.into(),
            "received-at" => raw.received_at = UtcMillis::parse(value).unwrap(),
            _ => {
                Arc::make_mut(&mut raw.headers).insert(name.to_owned(), value.to_owned());
            }
        }
    }
    raw
}

#[test]
fn every_payload_becomes_the_facts_beside_it() {
    let normalizer = normalizer();
    let update = std::env::var_os("UPDATE_FACTS").is_some();
    let mut wrong = Vec::new();
    for case in cases() {
        let facts = render(&normalizer.normalize(&read(&case)));
        let beside = case.with_extension("facts");
        if update {
            fs::write(&beside, &facts).unwrap();
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        if expected != facts {
            let at = expected.lines().zip(facts.lines()).take_while(|(a, b)| a == b).count();
            let line = |text: &str| text.lines().nth(at).unwrap_or("(end)").to_owned();
            let (was, is) = (line(&expected), line(&facts));
            wrong.push(format!("{} line {}\n  expected {was}\n  found    {is}", beside.display(), at + 1));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases().len() >= 45, "cases are found");
}

#[test]
fn cases_of_the_rejects_folder_are_rejected_and_no_others() {
    let normalizer = normalizer();
    let mut reasons = std::collections::BTreeSet::new();
    for case in cases() {
        let normalized = normalizer.normalize(&read(&case));
        let bad = case.parent().unwrap().ends_with("rejects");
        match normalized.verdict {
            Verdict::Rejected(reject) => {
                assert!(bad, "{} is rejected: {}", case.display(), reject.message);
                let id = normalized.key.id.as_str();
                assert!(normalized.key.node.is_empty() && id.starts_with("rejected/"), "{id}");
                reasons.insert(reject.reason);
            }
            _ => assert!(!bad, "{} is not rejected", case.display()),
        }
    }
    let expected = [
        "clock_in_future",
        "malformed_field",
        "malformed_json",
        "missing_field",
        "missing_header",
        "missing_zone",
        "oversize",
        "platform_error",
        "unknown_column",
        "unknown_currency",
        "unknown_source",
        "unknown_zone",
    ];
    assert_eq!(reasons.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn the_same_record_gives_the_same_facts_whatever_its_position() {
    for case in cases() {
        let raw = read(&case);
        let moved = RawRecord { channel: "elsewhere".into(), offset: 99, ..raw.clone() };
        assert_eq!(normalizer().normalize(&raw), normalizer().normalize(&moved), "{}", case.display());
    }
}

/// formats/segment.md section 8: a device two minutes fast.
#[test]
fn a_fast_clock_is_corrected_by_the_time_between_recording_and_sending() {
    let mut raw = record(
        "segment",
        &[("path", "page")],
        br#"{"anonymousId":"a-77","originalTimestamp":"2026-01-05T10:10:00.000Z","sentAt":"2026-01-05T10:10:00.120Z"}"#,
    );
    raw.received_at = UtcMillis::parse("2026-01-05T10:08:00.300Z").unwrap();
    let Verdict::Facts(facts) = normalizer().normalize(&raw).verdict else { panic!("rejected") };
    assert_eq!(facts[0].meta().occurred_at.to_string(), "2026-01-05T10:08:00.180Z");
}

#[test]
fn facts_of_one_kind_are_counted_from_zero() {
    let case = cases().into_iter().find(|case| case.ends_with("shopify/order_with_refunds.json")).unwrap();
    let Verdict::Facts(facts) = normalizer().normalize(&read(&case)).verdict else { panic!("rejected") };
    let ordinals: Vec<i32> = facts.iter().map(|fact| fact.meta().ordinal).collect();
    assert_eq!(ordinals, [0, 0, 1, 0, 1, 2]);
}

//! Runs every `payloads/<source>/csv/<case>.csv`, and `csv/rejects/`, and compares with `<case>.facts` beside it.
//!
//! `<case>.headers` is as for the other payload cases; besides, `same-as: delivery.json` names the API's report of the
//! same numbers, whose facts must be equal, and `default-currency` sets the source's. After a wanted change:
//! `UPDATE_FACTS=1 cargo test -p normalization --lib`, then read the diff.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use model::{Fact, RawRecord, UtcMillis};
use proptest::prelude::*;

use crate::{Normalized, Normalizer, SourceConfig, SourceKind, Verdict};

/// A file, what is said beside it, and the API's report that says the same.
struct Case {
    path: PathBuf,
    raw: RawRecord,
    currency: Option<String>,
    same_as: Option<PathBuf>,
}

impl Case {
    fn read(path: PathBuf) -> Self {
        let folder = path.ancestors().find(|folder| folder.parent().unwrap().ends_with("payloads")).unwrap();
        let raw = record(folder.file_name().unwrap().to_str().unwrap(), fs::read(&path).unwrap());
        let mut case = Self { path: path.clone(), raw, currency: None, same_as: None };
        for line in fs::read_to_string(path.with_extension("headers")).unwrap_or_default().lines() {
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line:?} in {}", path.display()));
            match name {
                "received-at" => case.raw.received_at = UtcMillis::parse(value).unwrap(),
                "default-currency" => case.currency = Some(value.to_owned()),
                "same-as" => case.same_as = Some(folder.join(value)),
                _ => drop(Arc::make_mut(&mut case.raw.headers).insert(name.to_owned(), value.to_owned())),
            }
        }
        case
    }

    fn normalized(&self) -> Normalized {
        let source = |name: &str, kind| SourceConfig {
            name: name.to_owned(),
            kind,
            default_currency: self.currency.as_deref().map(|code| code.try_into().unwrap()),
            web_source: None,
            zone: None,
        };
        let sources = [source("google_ads", SourceKind::GoogleAds), source("meta_ads", SourceKind::MetaAds)];
        Normalizer::new(&sources, [7; 32]).unwrap().normalize(&self.raw)
    }

    fn is_reject(&self) -> bool {
        self.path.parent().unwrap().ends_with("rejects")
    }
}

fn record(source: &str, payload: Vec<u8>) -> RawRecord {
    RawRecord {
        source: source.into(),
        channel: "test".into(),
        offset: 0,
        received_at: UtcMillis::parse("2026-01-05T10:11:14.200Z").unwrap(),
        headers: Arc::default(),
        payload: payload.into(),
    }
}

fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("payloads");
    let folders = ["google_ads/csv", "google_ads/csv/rejects", "meta_ads/csv", "meta_ads/csv/rejects"];
    let files = folders.iter().flat_map(|folder| fs::read_dir(root.join(folder)).unwrap());
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "csv"));
    paths.sort();
    paths.into_iter().map(Case::read).collect()
}

/// The facts without the key of their record: what can be compared across forms.
fn contents(normalized: &Normalized) -> Vec<serde_json::Value> {
    let Verdict::Facts(facts) = &normalized.verdict else { panic!("{normalized:?}") };
    let content = |fact: &Fact| {
        let mut value = serde_json::to_value(fact).unwrap();
        let (_, fields) = value.as_object_mut().unwrap().iter_mut().next().unwrap();
        fields["meta"].as_object_mut().unwrap().remove("key");
        value
    };
    facts.iter().map(content).collect()
}

fn render(normalized: &Normalized) -> String {
    let key = &normalized.key;
    let mut text = format!("key {} | {} | {}\n", key.source, key.node, key.id);
    if let Verdict::Rejected(reject) = &normalized.verdict {
        write!(text, "rejected {}\n  {}\n  fix: {}\n", reject.reason, reject.message, reject.fix).unwrap();
    } else {
        contents(normalized).iter().for_each(|fact| writeln!(text, "{fact}").unwrap());
    }
    text
}

#[test]
fn every_exported_file_becomes_the_facts_beside_it() {
    let mut wrong = Vec::new();
    for case in cases() {
        let facts = render(&case.normalized());
        let beside = case.path.with_extension("facts");
        if std::env::var_os("UPDATE_FACTS").is_some() {
            fs::write(&beside, &facts).unwrap();
        }
        if fs::read_to_string(&beside).unwrap_or_default() != facts {
            wrong.push(format!("{}\n{facts}", beside.display()));
        }
        let rejected = matches!(case.normalized().verdict, Verdict::Rejected(_));
        assert_eq!(rejected, case.is_reject(), "{}\n{facts}", case.path.display());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases().len() >= 40, "cases are found");
}

#[test]
fn an_exported_file_and_the_apis_report_of_the_same_numbers_give_equal_facts() {
    let mut compared = 0;
    for case in cases() {
        let Some(path) = case.same_as.clone() else { continue };
        let twin = Case {
            raw: RawRecord { received_at: case.raw.received_at, ..Case::read(path).raw },
            ..Case::read(case.path.clone())
        };
        assert_ne!(twin.raw.payload, case.raw.payload);
        assert_eq!(contents(&case.normalized()), contents(&twin.normalized()), "{}", case.path.display());
        compared += 1;
    }
    assert!(compared >= 10, "cases are compared");
}

/// What a report is known by: its content, and when it was taken where somebody says so.
#[test]
fn a_restatement_back_to_older_numbers_is_a_pull_of_its_own_where_its_time_is_said() {
    let case =
        |name: &str| Case::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("payloads/google_ads/csv").join(name));
    let key = |name: &str, pulled_at: Option<&str>| {
        let mut case = case(name);
        Arc::make_mut(&mut case.raw.headers)
            .extend(pulled_at.map(|at| ("tributary-pulled-at".to_owned(), at.to_owned())));
        assert!(matches!(case.normalized().verdict, Verdict::Facts(_)), "{name}");
        case.normalized().key
    };
    let (a, b) = ("delivery.csv", "device_rows_add_up.csv");
    let (first, third) = (Some("2026-01-06T05:00:00Z"), Some("2026-01-08T05:00:00Z"));
    let keys = [key(a, first), key(b, Some("2026-01-07T05:00:00Z")), key(a, third)];
    assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2], "{keys:?}");
    assert_eq!(key(a, None), key(a, None), "without a time a copy is a copy");
    assert_eq!(key(a, first), key(a, Some("2026-01-06T06:00:00.000+01:00")), "one instant, however written");
}

#[test]
fn a_report_that_names_no_currency_takes_that_of_the_import_which_is_part_of_its_key() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("payloads/google_ads/csv/rejects/no_currency.csv");
    let taken = |code: &str| {
        let mut case = Case::read(path.clone());
        Arc::make_mut(&mut case.raw.headers).insert("tributary-currency".to_owned(), code.to_owned());
        case.currency = Some("GBP".to_owned());
        case.normalized()
    };
    let (euros, dollars) = (taken("EUR"), taken("USD"));
    assert!(contents(&euros).iter().filter_map(|fact| fact.get("Cost")).all(|cost| cost["currency"] == "EUR"));
    assert_ne!(euros.key, dollars.key);
    let Verdict::Rejected(reject) = taken("euros").verdict else { panic!("kept in no currency") };
    assert!(reject.fix.contains("--currency"), "{}", reject.fix);
}

#[test]
fn equal_reports_of_two_accounts_are_two_reports() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("payloads/google_ads/csv/rejects/no_account.csv");
    let key = |account: &str| {
        let mut case = Case::read(path.clone());
        Arc::make_mut(&mut case.raw.headers).insert("tributary-account".to_owned(), account.to_owned());
        assert!(matches!(case.normalized().verdict, Verdict::Facts(_)));
        case.normalized().key
    };
    assert_ne!(key("7"), key("8"));
    assert_eq!(key("123-456-7890"), key("1234567890"));
}

#[test]
fn reports_without_rows_are_known_by_their_scope() {
    let key = |name: &str, value: &str| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("payloads/google_ads/empty.json");
        let mut case = Case::read(root);
        Arc::make_mut(&mut case.raw.headers).insert(name.to_owned(), value.to_owned());
        case.normalized().key
    };
    let keys = [
        key("tributary-report", "conversions"),
        key("tributary-report", "delivery"),
        key("tributary-level", "ad"),
        key("tributary-account", "7"),
    ];
    let distinct: std::collections::BTreeSet<_> = keys.iter().map(|key| (&key.node, &key.id)).collect();
    assert_eq!(distinct.len(), keys.len(), "{keys:?}");
    assert_eq!(key("tributary-account", "123-456-7890"), key("tributary-account", "1234567890"));
}

#[test]
fn no_error_shows_an_address() {
    for case in cases() {
        let text = String::from_utf8_lossy(&case.raw.payload).into_owned();
        for (from, _) in text.match_indices([',', '\n', ';']) {
            let after = text[from + 1..].find([',', '\n', ';']).map_or("", |end| &text[from + 1 + end..]);
            let payload = format!("{}Planted.planted@example.com{after}", &text[..=from]).into_bytes();
            let planted = Case {
                raw: RawRecord { payload: payload.into(), ..case.raw.clone() },
                ..Case::read(case.path.clone())
            };
            let shown = render(&planted.normalized());
            assert!(!shown.contains("lanted@"), "{shown}");
        }
    }
}

proptest! {
    /// Cut anywhere but at the end of a line, a file is refused or its last number is shorter: no row moves to other
    /// columns, nothing panics.
    #[test]
    fn a_file_that_is_cut_gives_a_prefix_of_its_rows_or_is_refused(at in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>()) {
        let mut accepted = cases();
        accepted.retain(|case| !case.is_reject());
        let case = at.get(&accepted);
        let mut raw = case.raw.clone();
        raw.payload = raw.payload[..cut.index(raw.payload.len())].to_vec().into();
        let whole = days(&case.normalized());
        let cut = Case { raw, ..Case::read(case.path.clone()) }.normalized();
        if matches!(cut.verdict, Verdict::Facts(_)) {
            prop_assert!(days(&cut).is_subset(&whole), "{cut:?}");
        }
    }

    #[test]
    fn arbitrary_text_never_makes_it_fail(text in "(Day|Campaign ID|Cost|Total|[0-9.,;\t\"\n -]){0,60}") {
        for source in ["google_ads", "meta_ads"] {
            let raw = record(source, text.clone().into_bytes());
            let case = Case { raw, path: PathBuf::new(), currency: None, same_as: None };
            prop_assert!(matches!(case.normalized().verdict, Verdict::Rejected(_)));
        }
    }
}

/// Entities and days of all costs.
fn days(normalized: &Normalized) -> std::collections::BTreeSet<(String, String)> {
    let costs = contents(normalized);
    let costs = costs.iter().filter_map(|fact| fact.get("Cost"));
    costs.map(|cost| (cost["entity_id"].to_string(), cost["on"].to_string())).collect()
}

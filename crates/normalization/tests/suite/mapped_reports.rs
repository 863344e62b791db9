//! Mapped reports: by what they are known, and what they ask of the import.

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use model::Fact;
use normalization::{Source, Verdict};

use crate::{
    mappings::compiled,
    support::{normalizer, record},
};

fn report_yaml() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/report.yaml")).unwrap()
}

/// What an import says beside a report without rows.
const EMPTY_OF: [(&str, &str); 6] = [
    ("tributary-format", "csv"),
    ("tributary-pull-from", "2026-01-06"),
    ("tributary-pull-to", "2026-01-07"),
    ("tributary-account", "7"),
    ("tributary-report", "delivery"),
    ("tributary-level", "campaign"),
];

#[test]
fn a_report_taken_in_with_another_scope_is_another_record() {
    let report = compiled(&report_yaml());
    let text = b"Account ID,Campaign ID,Campaign,Day,Impressions,Clicks,Cost,Conversions\n,c,n,2026-01-05,1,1,2,-\n";
    let key = |headers: &[(&str, &str)]| {
        let headers = [&[("tributary-format", "csv")], headers].concat();
        report.normalize(&record("tiktok_report", &headers, text)).unwrap().key.id
    };
    let plain = key(&[]);
    assert_eq!(plain.len(), 32);
    assert_eq!(key(&[("tributary-pull-to", "2026-01-31")]), format!("{plain}/tributary-pull-to=2026-01-31"));
    let said = [
        ("tributary-account", "7"),
        ("tributary-account", "8"),
        ("tributary-account-zone", "Europe/Paris"),
        ("tributary-currency", "USD"),
        ("tributary-level", "ad"),
        ("tributary-pull-from", "2026-01-01"),
        ("tributary-pulled-at", "2026-02-01T00:00:00Z"),
        ("tributary-report", "delivery"),
    ];
    let keys: BTreeSet<String> = said.iter().map(|said| key(&[*said])).chain([plain]).collect();
    assert_eq!(keys.len(), said.len() + 1, "each word makes another report: {keys:#?}");
}

#[test]
fn a_report_without_rows_is_known_by_what_the_import_says_it_is_empty_of() {
    let report = compiled(&report_yaml());
    let text = b"Account ID,Campaign ID,Campaign,Day,Impressions,Clicks,Cost,Conversions\n";
    let key = |name: &str, value: &str| {
        let mut raw = record("tiktok_report", &EMPTY_OF, text);
        Arc::make_mut(&mut raw.headers).insert(name.to_owned(), value.to_owned());
        report.normalize(&raw).unwrap().key
    };
    let keys = [
        key("tributary-report", "delivery"),
        key("tributary-report", "conversions"),
        key("tributary-level", "ad"),
        key("tributary-account", "8"),
    ];
    let distinct: BTreeSet<_> = keys.iter().collect();
    assert_eq!(distinct.len(), keys.len(), "{keys:#?}");
    let mappings = normalizer().with_mappings(vec![report]).unwrap();
    for (absent, flag) in [
        ("tributary-account", "--account"),
        ("tributary-report", "--report"),
        ("tributary-level", "--level"),
        ("tributary-pull-from", "--from"),
        ("tributary-pull-to", "--to"),
    ] {
        let mut raw = record("tiktok_report", &EMPTY_OF, text);
        Arc::make_mut(&mut raw.headers).remove(absent);
        let Verdict::Rejected(reject) = mappings.normalize(&raw).verdict else { panic!("kept without {absent}") };
        assert_eq!(reject.reason, "missing_header");
        assert!(reject.message.ends_with(&format!("empty of: {flag} is missing")), "{}", reject.message);
        assert!(
            reject.fix.starts_with(&format!("import the file again with {flag} (header \"{absent}\")")),
            "{}",
            reject.fix
        );
    }
}

#[test]
fn what_a_report_leaves_unsaid_is_asked_of_the_import() {
    let bare = report_yaml()
        .replace("zone: Europe/Berlin\n", "")
        .replace("      currency: \"'EUR'\"\n", "")
        .replace("      account: account\n", "");
    let mappings = normalizer().with_mappings(vec![compiled(&bare)]).unwrap();
    let text = b"Account ID,Campaign ID,Campaign,Day,Impressions,Clicks,Cost,Conversions\n,c,n,2026-01-05,1,1,2,1\n";
    let whole = [
        ("tributary-format", "csv"),
        ("tributary-account", "7"),
        ("tributary-account-zone", "Europe/Paris"),
        ("tributary-currency", " sek "),
    ];
    let Verdict::Facts(facts) = mappings.normalize(&record("tiktok_report", &whole, text)).verdict else {
        panic!("rejected")
    };
    let code = |fact: &Fact| match fact {
        Fact::Cost(cost) => Some(cost.currency.code().to_owned()),
        Fact::Claim(claim) => Some(claim.currency.code().to_owned()),
        _ => None,
    };
    assert_eq!(facts.iter().filter_map(code).collect::<Vec<_>>(), ["SEK", "SEK"]);
    for (absent, reason, field, flag) in [
        ("tributary-account", "missing_field", "account", "--account"),
        ("tributary-account-zone", "missing_zone", "zone", "--zone"),
        ("tributary-currency", "missing_field", "currency", "--currency"),
    ] {
        let mut raw = record("tiktok_report", &whole, text);
        Arc::make_mut(&mut raw.headers).remove(absent);
        let Verdict::Rejected(reject) = mappings.normalize(&raw).verdict else { panic!("kept without {absent}") };
        let at = format!("row[0].facts[0].cost.{field}");
        assert_eq!(reject.reason, reason);
        assert_eq!(reject.message, format!("missing field \"{at}\", and the import does not say it with {flag}"));
        let fix = format!(
            "import the file again with {flag} (header \"{absent}\"), or let the mapping fill \"{at}\" and replay"
        );
        assert_eq!(reject.fix, fix);
    }
    let mut raw = record("tiktok_report", &whole, text);
    Arc::make_mut(&mut raw.headers).insert("tributary-currency".to_owned(), "euros".to_owned());
    let Verdict::Rejected(reject) = mappings.normalize(&raw).verdict else { panic!("kept in no currency") };
    assert_eq!(reject.reason, "unknown_currency");
    assert!(reject.fix.contains("--currency"), "{}", reject.fix);
}

//! Which pulls speak.

use jiff::civil::{Date, date};
use model::{Claim, ClaimKind, DateBasis, Digest, FactMeta, Pull, UtcMillis};
use proptest::prelude::*;
use reconcile::newest_claims;

use crate::shop::currency;

pub fn day(day: i8) -> Date {
    date(2026, 1, day)
}

fn meta(key: &str, received_at: i64, ordinal: i32) -> FactMeta {
    let received_at = UtcMillis(received_at);
    FactMeta { key: Digest::of(key.as_bytes()), ordinal, source: "ads".into(), occurred_at: received_at, received_at }
}

fn pull(key: &str, received_at: i64, from: i8, to: i8) -> Pull {
    Pull {
        meta: meta(key, received_at, 0),
        platform: "google_ads".to_owned(),
        account: "1".to_owned(),
        report: "delivery".to_owned(),
        level: "campaign".to_owned(),
        from_on: day(from),
        to_on: day(to),
        zone: "Europe/Berlin".to_owned(),
        complete: true,
    }
}

/// One conversion by click, booked by touch date.
pub fn claim(key: &str, on: i8, value_micros: i64) -> Claim {
    Claim {
        meta: meta(key, 0, i32::from(on)),
        platform: "google_ads".to_owned(),
        account: "1".to_owned(),
        level: "campaign".to_owned(),
        entity_id: "111".to_owned(),
        entity_name: "Brand".to_owned(),
        on: day(on),
        zone: "Europe/Berlin".to_owned(),
        date_basis: DateBasis::Touch,
        kind: ClaimKind::Click,
        action: "conversions".to_owned(),
        window_hours: None,
        count_micros: 1_000_000,
        value_micros,
        currency: currency("EUR"),
    }
}

/// The claims that speak, as (day, value).
fn spoken(pulls: &[Pull], claims: &[Claim]) -> Vec<(i8, i64)> {
    newest_claims(pulls, claims).iter().map(|claim| (claim.on.day(), claim.value_micros)).collect()
}

#[test]
fn a_newer_pull_replaces_its_days_and_what_it_leaves_out_is_zero() {
    let pulls = [pull("new", 20, 2, 3), pull("old", 10, 1, 3)];
    let claims = [claim("old", 1, 11), claim("old", 2, 12), claim("old", 3, 13), claim("new", 2, 22)];
    assert_eq!(spoken(&pulls, &claims), [(1, 11), (2, 22)]);
}

#[test]
fn an_incomplete_pull_says_nothing() {
    let pulls = [pull("old", 10, 1, 3), Pull { complete: false, ..pull("new", 20, 1, 3) }];
    assert_eq!(spoken(&pulls, &[claim("old", 1, 11), claim("new", 1, 21)]), [(1, 11)]);
}

#[test]
fn pulls_of_another_account_report_or_level_replace_nothing() {
    let old = pull("old", 10, 1, 3);
    let others = [
        Pull { account: "2".to_owned(), ..pull("new", 20, 1, 3) },
        Pull { report: "conversions".to_owned(), ..pull("new", 20, 1, 3) },
        Pull { level: "account".to_owned(), ..pull("new", 20, 1, 3) },
        Pull { platform: "meta_ads".to_owned(), ..pull("new", 20, 1, 3) },
    ];
    for other in others {
        assert_eq!(spoken(&[old.clone(), other.clone()], &[claim("old", 2, 12)]), [(2, 12)], "{other:?}");
    }
}

#[test]
fn of_pulls_of_one_instant_the_greater_key_speaks() {
    let mut keys = ["a", "b"];
    keys.sort_by_key(|key| Digest::of(key.as_bytes()));
    let [lesser, greater] = keys;
    let claims = [claim(lesser, 1, 1), claim(greater, 1, 2)];
    assert_eq!(spoken(&[pull(greater, 10, 1, 1), pull(lesser, 10, 1, 1)], &claims), [(1, 2)]);
}

#[test]
fn a_row_outside_the_days_of_its_pull_and_one_without_a_pull_say_nothing() {
    let claims = [claim("a", 2, 1), claim("a", 3, 2), claim("stray", 2, 3)];
    assert_eq!(spoken(&[pull("a", 10, 1, 2)], &claims), [(2, 1)]);
}

#[test]
fn copies_of_a_row_count_once() {
    let pulls = [pull("a", 10, 1, 2), pull("a", 10, 1, 2)];
    assert_eq!(spoken(&pulls, &[claim("a", 1, 5), claim("a", 1, 5)]), [(1, 5)]);
}

proptest! {
    #[test]
    fn each_day_is_said_by_the_last_complete_pull_that_covers_it(
        drawn in prop::collection::vec((0..6_i64, 1..9_i8, 0..4_i8, any::<bool>(), 0..255_u8), 0..8),
        order in Just((0..8).collect::<Vec<usize>>()).prop_shuffle(),
    ) {
        let pulls: Vec<Pull> = drawn.iter().enumerate().map(|(i, &(received, from, days, complete, _))| {
            Pull { complete, ..pull(&format!("p{i}"), received, from, from + days) }
        }).collect();
        let mut claims = Vec::new();
        for (i, &(_, from, days, _, rows)) in drawn.iter().enumerate() {
            let reported = (from..=from + days).filter(|day| rows & (1 << (day % 8)) != 0);
            claims.extend(reported.map(|day| claim(&format!("p{i}"), day, i as i64)));
        }
        let mut expected = Vec::new();
        for on in 1..15 {
            let covering = pulls.iter().filter(|pull| pull.complete && pull.from_on <= day(on) && day(on) <= pull.to_on);
            let last = covering.max_by_key(|pull| (pull.meta.received_at, pull.meta.key));
            expected.extend(last.and_then(|last| claims.iter().find(|c| c.meta.key == last.meta.key && c.on == day(on))));
        }
        let shuffled: Vec<Pull> = order.iter().filter_map(|&i| pulls.get(i).cloned()).collect();
        prop_assert_eq!(newest_claims(&shuffled, &claims), expected);
    }
}

//! Rates: whose, of which day, how exact; and what is said where there is none.

use jiff::civil::{Date, date};
use model::{Currency, Digest, FactMeta, Rate, UtcMillis};
use proptest::prelude::*;
use reconcile::{ExactRate, RateError, Rates};

use crate::{
    digits::{Digits, rounded},
    shop::{at, currency},
};

/// Units of `quote` for one of `base`, in 10^-12.
pub fn rate(pair: &str, on: Date, rate_e12: i64) -> Rate {
    let (base, quote) = pair.split_once('/').expect("pairs are written EUR/USD");
    Rate {
        meta: FactMeta {
            key: Digest::of(format!("{pair} {on}").as_bytes()),
            source: "ecb".into(),
            ..FactMeta::default()
        },
        base: currency(base),
        quote: currency(quote),
        on,
        rate_e12,
    }
}

const WHOLE: i64 = 1_000_000_000_000;

fn known(facts: &[Rate]) -> Rates {
    Rates::new(facts, None).expect("one publisher")
}

fn ask(facts: &[Rate], from: &str, to: &str, on: Date) -> Result<ExactRate, RateError> {
    known(facts).exact(currency(from), currency(to), on)
}

fn refusal(facts: &[Rate], from: &str, to: &str, on: Date) -> String {
    ask(facts, from, to, on).expect_err("refused").to_string()
}

#[test]
fn published_conversions_come_out_before_rounding() {
    // European Central Bank reference rates, units for one euro, and conversions that another program made of them.
    let facts = [
        rate("EUR/GBP", date(2022, 8, 19), 849_380_000_000),
        rate("EUR/PLN", date(2022, 8, 19), 4_751_000_000_000),
        rate("EUR/CAD", date(2019, 10, 25), 1_451_100_000_000),
        rate("EUR/USD", date(2019, 10, 25), 1_110_700_000_000),
        rate("EUR/PLN", date(2025, 3, 7), 4_178_800_000_000),
        rate("EUR/CAD", date(2021, 6, 25), 1_469_600_000_000),
        rate("EUR/JPY", date(2020, 5, 22), 117_260_000_000_000),
        rate("EUR/BRL", date(2020, 5, 22), 6_085_700_000_000),
    ];
    for (amount, from, to, on, expected) in [
        (3254.68, "GBP", "PLN", date(2022, 8, 20), 18_205.025_642_233_16),
        (1828.45, "CAD", "USD", date(2019, 10, 25), 1_399.530_986_837_571_4),
        (4134.26, "PLN", "EUR", date(2025, 3, 8), 989.341_437_733_320_6),
        (4292.34, "EUR", "CAD", date(2021, 6, 25), 6_308.022_864),
        (4738.55, "JPY", "BRL", date(2020, 5, 23), 245.926_946_401_159_8),
    ] {
        let (numerator, denominator) = ask(&facts, from, to, on).expect("published").fraction();
        let found = amount * numerator as f64 / denominator as f64;
        assert!((found / expected - 1.0_f64).abs() < 1e-9, "{amount} {from} to {to}: {found}, expected {expected}");
    }
}

#[test]
fn the_newest_publication_on_or_before_the_day_counts_and_is_at_most_seven_days_old() {
    let friday = date(2026, 1, 9);
    let facts = [rate("EUR/USD", date(2026, 1, 8), 2 * WHOLE), rate("EUR/USD", friday, 3 * WHOLE)];
    let of_day = |on| ask(&facts, "EUR", "USD", on).map(|rate| (rate.fraction(), rate.published_on()));
    assert_eq!(of_day(date(2026, 1, 8)), Ok(((2, 1), Some(date(2026, 1, 8)))));
    assert_eq!(of_day(friday), Ok(((3, 1), Some(friday))));
    assert_eq!(of_day(date(2026, 1, 16)), Ok(((3, 1), Some(friday))), "seven days old");
    assert_eq!(
        refusal(&facts, "EUR", "USD", date(2026, 1, 17)),
        "no rate from EUR to USD for 2026-01-17: the last of \"ecb\" from EUR to USD is of 2026-01-09; \
         expected one of that day or of the 7 days before"
    );
    let early = refusal(&facts, "USD", "EUR", date(2026, 1, 7));
    assert!(
        early.contains("USD to EUR for 2026-01-07: rates of \"ecb\" from EUR to USD begin on 2026-01-08"),
        "{early}"
    );
}

#[test]
fn a_rate_is_provisional_until_a_publication_of_that_day_or_later_is_known() {
    let provisional = |facts: &[Rate], to, on| ask(facts, "EUR", to, on).expect("published").provisional();
    let monday = date(2026, 1, 12);
    let friday = rate("EUR/USD", date(2026, 1, 9), WHOLE);
    assert!(!provisional(std::slice::from_ref(&friday), "USD", date(2026, 1, 9)));
    assert!(provisional(std::slice::from_ref(&friday), "USD", date(2026, 1, 10)));
    let facts = [friday, rate("EUR/USD", monday, WHOLE), rate("EUR/PLN", date(2026, 1, 9), WHOLE)];
    assert!(!provisional(&facts, "USD", date(2026, 1, 10)), "Monday is known, so Friday's is final for Saturday");
    assert!(provisional(&facts, "PLN", date(2026, 1, 10)), "each currency waits for its own");
    let crossed = ask(&facts, "USD", "PLN", monday).expect("published");
    assert!(crossed.provisional(), "one leg is");
    assert_eq!(crossed.published_on(), Some(date(2026, 1, 9)), "the older of the two");
}

#[test]
fn a_currency_is_worth_itself_without_any_rate_and_is_never_rounded() {
    let same = ask(&[], "JPY", "JPY", date(1950, 1, 1)).expect("needs nothing");
    assert_eq!((same.fraction(), same.published_on(), same.provisional()), ((1, 1), None, false));
    assert_eq!([1, -1_234_567, 0].map(|micros| same.convert(micros)), [Some(1), Some(-1_234_567), Some(0)]);
    assert_eq!(same.convert(i128::from(i64::MAX) + 1), None);
    let pegged = ask(&[rate("EUR/JPY", date(2026, 1, 9), WHOLE)], "EUR", "JPY", date(2026, 1, 9)).expect("published");
    assert_eq!(pegged.convert(1_500_001), Some(2_000_000), "a rate that happens to be 1 rounds");
}

#[test]
fn halves_go_to_the_even_minor_unit_of_the_target() {
    let facts = [rate("EUR/USD", date(2026, 1, 9), WHOLE), rate("EUR/KWD", date(2026, 1, 9), WHOLE / 3)];
    let usd = ask(&facts, "EUR", "USD", date(2026, 1, 9)).expect("published");
    let cents = [5_000, 15_000, 15_001, 24_999, -5_000, -15_000].map(|micros| usd.convert(micros));
    assert_eq!(cents, [0, 20_000, 20_000, 20_000, 0, -20_000].map(Some));
    let kwd = ask(&facts, "EUR", "KWD", date(2026, 1, 9)).expect("published");
    assert_eq!(kwd.convert(1_501), Some(1_000), "500.333 micros is more than half");
    assert_eq!(kwd.convert(1_500), Some(0), "a rate cut at 10^-12 stays below half");
}

#[test]
fn of_several_facts_for_one_day_the_newest_counts_in_any_order() {
    let received = |at, key: u128, rate_e12| {
        let mut fact = rate("EUR/USD", date(2026, 1, 9), rate_e12);
        (fact.meta.received_at, fact.meta.key) = (at, key.into());
        fact
    };
    let mut facts = vec![received(at(1), 9, WHOLE), received(at(2), 2, 3 * WHOLE), received(at(2), 1, 2 * WHOLE)];
    for _ in 0..facts.len() {
        facts.rotate_left(1);
        assert_eq!(ask(&facts, "EUR", "USD", date(2026, 1, 9)).expect("published").fraction(), (3, 1));
    }
    let nonsense = received(UtcMillis(0), 9, 0);
    facts.push(nonsense.clone());
    assert!(Rates::new(&facts, None).is_ok(), "a copy that does not count is not judged");
    assert_eq!(
        Rates::new(&[nonsense], None).expect_err("refused").to_string(),
        "the rate of \"ecb\" from EUR to USD of 2026-01-09 is 0 (in 10^-12), expected more than 0"
    );
}

#[test]
fn one_publisher_is_used_and_of_several_one_must_be_named() {
    let mut bank = rate("EUR/USD", date(2026, 1, 9), 5 * WHOLE);
    bank.meta.source = "house_bank".into();
    let facts = [rate("EUR/USD", date(2026, 1, 9), 2 * WHOLE), bank];
    let named =
        |name| Rates::new(&facts, Some(name)).expect("named").exact(currency("EUR"), currency("USD"), date(2026, 1, 9));
    assert_eq!(named("ecb").map(|rate| rate.fraction()), Ok((2, 1)));
    assert_eq!(named("house_bank").map(|rate| rate.fraction()), Ok((5, 1)));
    let unknown = named("fed").expect_err("refused").to_string();
    assert!(unknown.contains("EUR to USD for 2026-01-09: no rates of \"fed\" are known"), "{unknown}");
    assert_eq!(
        Rates::new(&facts, None).expect_err("refused").to_string(),
        "rates of several publishers are known (\"ecb\", \"house_bank\"), expected one of them to be named"
    );
    assert_eq!(known(&facts[..1]).publisher(), Some("ecb"));
}

#[test]
fn what_is_not_priced_is_named() {
    let on = date(2026, 1, 9);
    assert!(refusal(&[], "EUR", "USD", on).contains("no rates are known"));
    let facts = [rate("EUR/USD", on, WHOLE), rate("GBP/INR", on, WHOLE)];
    let found = refusal(&facts, "PLN", "USD", on);
    assert!(found.contains("no rate from PLN to USD for 2026-01-09: \"ecb\" has no rate of PLN;"), "{found}");
    assert!(refusal(&facts, "PLN", "SEK", on).contains("\"ecb\" has no rate of PLN, SEK;"));
    assert!(refusal(&facts, "USD", "INR", on).contains("\"ecb\" prices the two in no common currency"));
    let aged = [rate("EUR/USD", on, WHOLE), rate("EUR/PLN", date(2026, 1, 1), WHOLE)];
    assert!(
        refusal(&aged, "USD", "PLN", on).contains("from EUR to PLN is of 2026-01-01"),
        "the leg that lacks is named"
    );
}

#[test]
fn pairs_cross_through_what_prices_both_whichever_way_they_are_published() {
    let on = date(2026, 1, 9);
    // A finance team's own list prices every currency in euro.
    let facts = [rate("USD/EUR", on, WHOLE / 2), rate("GBP/EUR", on, WHOLE / 4 * 5)];
    let fraction = |from, to| ask(&facts, from, to, on).map(|rate| rate.fraction());
    assert_eq!([fraction("USD", "EUR"), fraction("EUR", "USD")], [Ok((1, 2)), Ok((2, 1))]);
    assert_eq!([fraction("GBP", "USD"), fraction("USD", "GBP")], [Ok((5, 2)), Ok((2, 5))]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn conversion_is_exact_and_rounded_once(
        rates in [1..=i64::MAX, 1..=i64::MAX],
        inverse in [any::<bool>(), any::<bool>()],
        shrunk in 0..62_u32,
        micros in any::<i64>(),
        to in prop_oneof![Just("JPY"), Just("EUR"), Just("KWD")],
    ) {
        let rates = [rates[0] >> shrunk, rates[1] >> (shrunk / 2)].map(|rate| rate.max(1));
        let (on, via) = (date(2026, 1, 9), "CHF");
        let pair = |from: &str, to: &str, inverse| if inverse { format!("{to}/{from}") } else { format!("{from}/{to}") };
        let facts = [
            rate(&pair("USD", via, inverse[0]), on, rates[0]),
            rate(&pair(via, to, inverse[1]), on, rates[1]),
        ];
        let exact = ask(&facts, "USD", to, on).expect("published");
        // The fraction by itself: numerators times denominators crosswise.
        let (mut top, mut bottom) = (Digits::of(1), Digits::of(1));
        for (rate, inverse) in rates.iter().zip(inverse) {
            let (rate, whole) = (Digits::of(u128::from(rate.unsigned_abs())), Digits::of(10_u128.pow(12)));
            let (over, under) = if inverse { (whole, rate) } else { (rate, whole) };
            (top, bottom) = (top.times(&over), bottom.times(&under));
        }
        let (numerator, denominator) = exact.fraction();
        prop_assert_eq!(top.times(&Digits::of(denominator)), bottom.times(&Digits::of(numerator)));
        let minor = match to { "JPY" => 1_000_000, "EUR" => 10_000, _ => 1_000 };
        let by_hand = rounded(i128::from(micros), (top.number().expect("fits"), bottom.number().expect("fits")), minor);
        prop_assert_eq!(exact.convert(i128::from(micros)), by_hand);
    }

    #[test]
    fn the_day_chosen_is_what_looking_at_every_day_finds(
        days in prop::collection::btree_set(0..40_i32, 1..12),
        asked in 0..50_i32,
        order in any::<prop::sample::Index>(),
    ) {
        let on = |day: i32| date(2026, 1, 1).checked_add(jiff::Span::new().days(day)).expect("a day of 2026");
        let mut facts: Vec<Rate> = days.iter().map(|&day| rate("EUR/USD", on(day), i64::from(day + 1) * WHOLE)).collect();
        let turn = order.index(facts.len());
        facts.rotate_left(turn);
        let expected = (0..=7).map(|back| asked - back).find(|day| days.contains(day));
        let found = ask(&facts, "EUR", "USD", on(asked));
        prop_assert_eq!(found.as_ref().ok().and_then(|rate| rate.published_on()), expected.map(on));
        if let (Ok(rate), Some(day)) = (found, expected) {
            prop_assert_eq!(rate.fraction().0, u128::from((day + 1).unsigned_abs()));
            prop_assert_eq!(rate.provisional(), days.iter().all(|&day| day < asked));
        }
    }
}

/// Currencies that tests convert to.
pub fn euro_rates(on: Date) -> Rates {
    let facts = [("EUR/USD", 1_084_200_000_000), ("EUR/JPY", 163_070_000_000_000), ("EUR/KWD", 333_300_000_000)];
    known(&facts.map(|(pair, rate_e12)| rate(pair, on, rate_e12)))
}

pub fn targets() -> [Currency; 4] {
    ["EUR", "USD", "JPY", "KWD"].map(currency)
}

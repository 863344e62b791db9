//! Conversion of the value book: what nets to zero in the shop's currency nets to zero in every other.

use std::collections::BTreeMap;

use jiff::{civil::date, tz::TimeZone};
use model::{Currency, OrderVersion, Refund, UtcMillis};
use proptest::prelude::*;
use reconcile::{ConvertedOrder, EntryGroup, EntryKind, PostedOrder, ReconcileError, convert};

use crate::{
    digits::rounded,
    rates::{euro_rates, targets},
    shop::{CENT, at, currency, line, measured, order_5001, posted, refund, refund_line, sealed, shipping, version},
};

/// Days of tests count from 1970: day 1 is the 2nd of January.
fn converted<'a>(order: &'a PostedOrder, to: Currency) -> ConvertedOrder<'a> {
    convert(order, &euro_rates(date(1970, 1, 2)), to, &TimeZone::UTC).expect("published")
}

fn by_group(order: &ConvertedOrder<'_>) -> BTreeMap<Option<EntryGroup>, i64> {
    let mut sums = BTreeMap::new();
    for converted in &order.entries {
        *sums.entry(converted.entry.group()).or_default() += converted.micros;
    }
    sums
}

#[test]
fn entries_round_so_that_they_sum_to_the_rounded_whole() {
    let order = posted(&[order_5001()], &[]);
    let usd = converted(&order, currency("USD"));
    let entries: Vec<_> = usd.entries.iter().map(|e| (e.entry.kind.name(), e.micros / CENT)).collect();
    // 84.04 · 1.0842 = 91.116; with −16.81: 67.23 · 1.0842 = 72.891, so −18.23; tax 0.80 · 1.0842 = 0.867, with 12.77:
    // 14.713.
    assert_eq!(entries, [("sale", 9112), ("discount", -1823), ("shipping", 455), ("tax", 87), ("tax", 1384)]);
    let sums = usd.measures().expect("small");
    assert_eq!((sums.gross_sales, sums.discounts, sums.net_revenue), (9112 * CENT, -1823 * CENT, 7289 * CENT));
    assert_eq!((sums.tax, sums.shipping, sums.total), (1471 * CENT, 455 * CENT, 9215 * CENT));
    assert_eq!(usd.placement_total(), Ok(9215 * CENT));
    assert_eq!((usd.rate.to(), usd.rate.published_on()), (currency("USD"), Some(date(1970, 1, 2))));
}

#[test]
fn in_its_own_currency_nothing_changes_and_nothing_is_rounded() {
    let mut odd = line("mug", 1, 0, 0, 0);
    odd.price_micros = 1_234_567;
    let order = posted(&[sealed(OrderVersion { total_micros: 1_234_567, ..version(1, vec![odd], 0) })], &[]);
    let same = convert(&order, &reconcile::Rates::default(), currency("EUR"), &TimeZone::UTC).expect("needs no rate");
    assert_eq!(same.entries.iter().map(|e| e.micros).collect::<Vec<_>>(), [1_234_567]);
    assert_eq!(same.measures(), Ok(measured(&order)));
}

#[test]
fn a_test_order_counts_in_no_measure_in_any_currency() {
    let order = posted(&[sealed(OrderVersion { test: true, ..order_5001() })], &[]);
    let usd = converted(&order, currency("USD"));
    assert_eq!(usd.measures(), Ok(reconcile::OrderMeasures::default()));
    assert_eq!(usd.placement_total(), Ok(9215 * CENT));
}

#[test]
fn the_rate_is_that_of_the_orders_day_in_the_workspaces_zone() {
    let late = sealed(OrderVersion { processed_at: UtcMillis(at(2).0 - 1), ..order_5001() });
    let order = posted(&[late], &[]);
    let rates = euro_rates(date(1970, 1, 3));
    let missing = convert(&order, &rates, currency("USD"), &TimeZone::UTC).expect_err("still the 2nd");
    assert!(matches!(missing, ReconcileError::Rate(_)), "{missing}");
    assert!(missing.to_string().starts_with("no rate from EUR to USD for 1970-01-02: "), "{missing}");
    let east = TimeZone::fixed(jiff::tz::offset(1));
    assert!(convert(&order, &rates, currency("USD"), &east).is_ok_and(|order| !order.rate.provisional()));
}

#[test]
fn a_refund_long_after_converts_at_the_orders_rate() {
    let mut back = refund("r", 400);
    back.lines = vec![refund_line("mug", 1, Some(4000), Some(639))];
    let order = posted(&[order_5001()], &[back]);
    let usd = converted(&order, currency("USD"));
    // 67.23 − 33.61 = 33.62 and 33.62 · 1.0842 = 36.451
    assert_eq!(usd.measures().map(|sums| sums.net_revenue), Ok(3645 * CENT));
}

#[test]
fn an_amount_that_does_not_fit_is_refused_by_order() {
    let mut dear = line("mug", 1, 0, 0, 0);
    dear.price_micros = i64::MAX / 2;
    let order = posted(&[sealed(OrderVersion { total_micros: i64::MAX / 2, ..version(1, vec![dear], 0) })], &[]);
    let error = convert(&order, &euro_rates(date(1970, 1, 2)), currency("JPY"), &TimeZone::UTC).expect_err("refused");
    assert_eq!(error.to_string(), "order \"shop/1\": an amount does not fit 64 bits of micros");
}

/// A paid order of up to three lines with tax, discount and shipping, refunded whole in the parts that are drawn.
fn whole_refund(lines: &[(i64, i64, i64, i64)], shipped: i64, parts: &[i64]) -> (OrderVersion, Vec<Refund>) {
    let order_lines = (1..)
        .zip(lines)
        .map(|(id, &(units, price, off, tax))| line(&format!("line-{id}"), units, price, off.min(price * units), tax));
    let order_lines: Vec<_> = order_lines.collect();
    let worth: i64 = order_lines.iter().map(|l| l.price_micros * l.quantity - l.discount_micros).sum::<i64>() / CENT;
    let taxes: i64 = lines.iter().map(|line| line.3).sum();
    let order =
        OrderVersion { shipping: vec![shipping(shipped, 0, 0)], ..version(1, order_lines, worth + taxes + shipped) };
    let mut left: Vec<i64> = lines.iter().map(|line| line.0).collect();
    let mut refunds = Vec::new();
    for (day, &units) in (10..).zip(parts) {
        let mut back = refund(&day.to_string(), day);
        for (number, left) in (1..).zip(&mut left) {
            let units = units.min(*left);
            *left -= units;
            back.lines.extend((units > 0).then(|| refund_line(&format!("line-{number}"), units, None, None)));
        }
        refunds.push(back);
    }
    let mut last = refund("last", 60);
    last.lines = (1..).zip(left).map(|(id, left)| refund_line(&format!("line-{id}"), left, None, None)).collect();
    last.shipping = vec![(shipped * CENT, 0)];
    refunds.push(last);
    (sealed(order), refunds)
}

fn lines() -> impl Strategy<Value = Vec<(i64, i64, i64, i64)>> {
    prop::collection::vec((1..6_i64, 1..9_999_i64, 0..3_000_i64, 0..999_i64), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_full_refund_nets_to_zero_in_every_currency_and_group(
        lines in lines(),
        shipped in 0..900_i64,
        parts in prop::collection::vec(0..3_i64, 0..5),
    ) {
        let (order, refunds) = whole_refund(&lines, shipped, &parts);
        let order = posted(&[order], &refunds);
        for to in targets() {
            let converted = converted(&order, to);
            prop_assert!(by_group(&converted).values().all(|sum| *sum == 0), "{:?}", by_group(&converted));
            let sums = converted.measures().expect("small");
            prop_assert_eq!((sums.net_revenue, sums.shipping, sums.tax, sums.total), (0, 0, 0, 0));
        }
    }

    #[test]
    fn the_parts_of_a_refund_net_like_the_whole(
        lines in lines(),
        shipped in 0..900_i64,
        parts in prop::collection::vec(0..3_i64, 0..5),
        taken in 1..4_i64,
    ) {
        let (order, _) = whole_refund(&lines, shipped, &[]);
        // Units of the first line, at once and one by one.
        let taken = taken.min(lines[0].0);
        let mut whole = refund("whole", 10);
        whole.lines = vec![refund_line("line-1", taken, None, None)];
        let pieces: Vec<Refund> = (0..taken).map(|piece| {
            let day = 10 + parts.get(usize::try_from(piece).expect("small")).copied().unwrap_or(0);
            let mut back = refund(&format!("piece-{piece}"), day);
            back.lines = vec![refund_line("line-1", 1, None, None)];
            back
        }).collect();
        let (whole, pieces) = (posted(std::slice::from_ref(&order), &[whole]), posted(&[order], &pieces));
        for to in targets() {
            let (whole, pieces) = (converted(&whole, to), converted(&pieces, to));
            let net = |order: &ConvertedOrder<'_>| {
                let sums = order.measures().expect("small");
                (sums.net_revenue, sums.shipping, sums.tax, sums.total)
            };
            prop_assert_eq!(net(&whole), net(&pieces));
        }
    }

    #[test]
    fn a_group_sums_to_its_rounded_whole_and_the_order_of_entries_does_not_matter(
        lines in lines(),
        shipped in 0..900_i64,
        parts in prop::collection::vec(0..3_i64, 0..5),
        kept in 0..6_usize,
        cancelled in any::<bool>(),
        turns in prop::collection::vec(any::<prop::sample::Index>(), 8),
    ) {
        let (mut order, refunds) = whole_refund(&lines, shipped, &parts);
        order.cancelled_at = cancelled.then(|| at(30));
        let mut order = posted(&[sealed(order)], &refunds[..kept.min(refunds.len())]);
        for to in targets() {
            let before = order.clone();
            let converted_before = converted(&before, to);
            let fraction = converted_before.rate.fraction();
            let minor = match to.code() { "EUR" => 1, "USD" => 10_000, "JPY" => 1_000_000, _ => 1_000 };
            let mut exact: BTreeMap<Option<EntryGroup>, i128> = BTreeMap::new();
            for entry in &before.entries {
                let kind = if entry.kind == EntryKind::Cancellation { entry.component_of_cancellation } else { Some(entry.kind) };
                *exact.entry(kind.and_then(EntryKind::group)).or_default() += i128::from(entry.micros);
            }
            let wholes: BTreeMap<_, _> =
                exact.into_iter().map(|(group, sum)| (group, rounded(sum, fraction, minor).expect("small"))).collect();
            prop_assert_eq!(by_group(&converted_before), wholes);
            for (place, turn) in turns.iter().enumerate().take(order.entries.len()) {
                let other = turn.index(order.entries.len());
                order.entries.swap(place, other);
            }
            prop_assert_eq!(&converted(&order, to).entries, &converted_before.entries);
        }
    }
}

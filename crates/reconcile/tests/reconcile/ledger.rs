//! What versions post: the sale side, its differences, cancellations, footing.

use model::{Digest, OrderVersion, TaxLine};
use proptest::prelude::*;
use reconcile::{EntryKind, OrderDocuments, group, placement_total, post};

use crate::shop::{
    CENT, adjustment, at, balance, currency, line, measured, of_kind, order_5001, posted, refund, refund_line, sealed,
    shipping, short, transaction, version,
};

#[test]
fn order_5001_is_8404_less_1681_plus_420_plus_1357() {
    let order = posted(&[order_5001()], &[]);
    assert_eq!(
        short(&order),
        [
            (1, "sale", "mug".to_owned(), 8404),
            (1, "discount", "mug".to_owned(), -1681),
            (1, "shipping", String::new(), 420),
            (1, "tax", String::new(), 80),
            (1, "tax", "mug".to_owned(), 1277),
        ]
    );
    let sums = measured(&order);
    assert_eq!((sums.gross_sales, sums.net_revenue, sums.total), (8404 * CENT, 6723 * CENT, 8500 * CENT));
    assert_eq!(placement_total(&order), Ok(8500 * CENT));
}

#[test]
fn tax_exclusive_prices_are_sales_as_they_stand() {
    let order = OrderVersion {
        shipping: vec![shipping(1000, 400, 0)],
        tip_micros: 300 * CENT,
        duties_micros: 200 * CENT,
        fees_micros: 100 * CENT,
        ..version(1, vec![line("mug", 3, 1000, 500, 250)], 2500 + 600 + 250 + 600)
    };
    let order = posted(&[sealed(order)], &[]);
    let kinds = [EntryKind::Sale, EntryKind::Discount, EntryKind::Shipping, EntryKind::Tax];
    assert_eq!(kinds.map(|kind| of_kind(&order, kind)), [3000, -500, 600, 250]);
    let sums = measured(&order);
    assert_eq!((sums.net_revenue, sums.total), (2500 * CENT, 3950 * CENT));
    assert_eq!(of_kind(&order, EntryKind::Unfooted), 0);
}

#[test]
fn a_removed_line_and_an_added_one_post_differences_on_the_day_of_the_edit() {
    let before = version(1, vec![line("mug", 2, 1000, 0, 0), line("cup", 1, 700, 0, 0)], 2700);
    let after = version(4, vec![line("mug", 1, 1000, 0, 0), line("jug", 1, 900, 0, 0)], 1900);
    let order = posted(&[after, before], &[]);
    let edit: Vec<_> = short(&order).into_iter().filter(|entry| entry.0 == 4).collect();
    assert_eq!(
        edit,
        [(4, "sale", "cup".to_owned(), -700), (4, "sale", "jug".to_owned(), 900), (4, "sale", "mug".to_owned(), -1000),]
    );
    assert_eq!(placement_total(&order), Ok(2700 * CENT));
    assert_eq!(measured(&order).gross_sales, 1900 * CENT);
}

#[test]
fn of_versions_written_in_one_second_the_greater_is_the_later() {
    let triggered = OrderVersion { triggered_at: Some(at(9)), ..version(1, vec![line("mug", 1, 1000, 0, 0)], 1000) };
    let polled = version(1, vec![line("mug", 3, 1000, 0, 0)], 3000);
    assert_eq!(measured(&posted(&[triggered.clone(), polled.clone()], &[])).gross_sales, 1000 * CENT, "none is first");
    let untriggered = OrderVersion { triggered_at: None, ..triggered };
    assert_eq!(measured(&posted(&[polled.clone(), untriggered.clone()], &[])).gross_sales, 3000 * CENT, "then units");
    let held = refund("r", 1);
    let holds_refund = OrderVersion { meta: held.meta.clone(), ..untriggered.clone() };
    assert_eq!(measured(&posted(&[polled, holds_refund], &[held])).gross_sales, 3000 * CENT, "units before refunds");
    let tip_is_later = |key_with_tip, key_without| {
        let delivered = |key, tip| {
            let mut version = sealed(OrderVersion { tip_micros: tip, ..untriggered.clone() });
            version.meta.key = key;
            version
        };
        let order = posted(&[delivered(key_with_tip, CENT), delivered(key_without, 0)], &[refund("r", 1)]);
        of_kind(&order, EntryKind::Tip) == 1
    };
    let (holds_refund, other) = (refund("r", 1).meta.key, Digest::of(b"other"));
    assert!(tip_is_later(holds_refund, other), "then the version that holds more refunds");
    assert!(!tip_is_later(other, holds_refund), "then the version that holds more refunds");
}

#[test]
fn a_deeply_discounted_tax_inclusive_line_is_sold_at_its_rates() {
    let sale_of = |line| {
        let total = (line_total(&line)) / CENT;
        let order = sealed(OrderVersion { taxes_included: true, ..version(1, vec![line], total) });
        let order = posted(&[order], &[]);
        (of_kind(&order, EntryKind::Sale), of_kind(&order, EntryKind::Discount))
    };
    assert_eq!(sale_of(line("mug", 1, 11900, 11900, 0)), (11900, -11900), "nothing is taxed where no rate stands");
    let mut free = line("mug", 1, 11900, 11900, 0);
    free.taxes = vec![TaxLine { micros: 0, rate_ppm: 190_000 }];
    assert_eq!(sale_of(free), (10000, -10000), "at 100% the rate tells");
    assert_eq!(sale_of(line("mug", 1, 11900, 11895, 1)), (10000, -9996), "1 cent of 5 is the rate's tax to a cent");
    assert_eq!(sale_of(line("mug", 1, 11900, 11895, 4)), (2380, -2379), "4 cents of 5 is not");
    assert_eq!(sale_of(line("mug", 1, 11900, 5000, 1102)), (9999, -4201), "less than half is scaled");
    assert_eq!(sale_of(line("gift", 1, 0, 0, 0)), (0, 0), "a free line is 0");
    assert_eq!(sale_of(line("mug", 1, 11900, 5950, 951)), (9998, -4999), "half is not more than half");
    assert_eq!(sale_of(line("mug", 1, 11900, 11900, 3)), (10000, -10003), "at 100% whatever the tax is");
    let mut absurd = line("mug", 1, 11900, 11900, 0);
    absurd.taxes = vec![TaxLine { micros: 0, rate_ppm: -1_000_000 }];
    assert_eq!(sale_of(absurd), (11900, -11900), "no rate is below zero");
}

fn line_total(line: &model::OrderLine) -> i64 {
    line.price_micros * line.quantity - line.discount_micros
}

#[test]
fn the_orders_date_is_the_current_versions() {
    let moved = sealed(OrderVersion { updated_at: at(3), processed_at: at(2), ..order_5001() });
    let order = posted(&[order_5001(), moved], &[]);
    assert_eq!(order.placed_at, at(2));
    assert!(order.entries.iter().all(|entry| entry.occurred_at == at(2)));
}

#[test]
fn a_version_was_triggered_when_its_first_delivery_was() {
    let triggered = |day, units| {
        let mug = version(1, vec![line("mug", units, 1000, 0, 0)], units * 1000);
        OrderVersion { triggered_at: Some(at(day)), ..mug }
    };
    let order = posted(&[triggered(9, 1), triggered(5, 2), triggered(3, 1)], &[]);
    assert_eq!(measured(&order).gross_sales, 2000 * CENT, "the retry on day 9 is no news");
}

#[test]
fn a_total_that_its_parts_do_not_reach_is_unfooted_and_shown() {
    let order = posted(&[version(1, vec![line("mug", 1, 1000, 0, 0)], 1010)], &[]);
    assert_eq!(of_kind(&order, EntryKind::Unfooted), 10);
    assert_eq!(order.footing.iter().map(|footing| footing.gap_micros).collect::<Vec<_>>(), [10 * CENT]);
    assert_eq!(measured(&order).total, 1000 * CENT, "it is in no measure");
    assert_eq!(placement_total(&order), Ok(1010 * CENT), "the platform was told the document's total");
}

#[test]
fn tax_that_no_line_carries_is_unfooted_with_the_opposite_sign_where_prices_contain_it() {
    let mug = || vec![line("mug", 1, 1190, 0, 0)];
    let inclusive = OrderVersion { taxes_included: true, total_tax_micros: 190 * CENT, ..version(1, mug(), 1190) };
    let order = posted(&[sealed(inclusive)], &[]);
    assert_eq!((of_kind(&order, EntryKind::Tax), of_kind(&order, EntryKind::Unfooted)), (190, -190));
    let exclusive = OrderVersion { total_tax_micros: 190 * CENT, ..version(1, mug(), 1380) };
    let order = posted(&[sealed(exclusive)], &[]);
    assert_eq!((of_kind(&order, EntryKind::Tax), of_kind(&order, EntryKind::Unfooted)), (190, 0));
}

#[test]
fn a_gift_card_is_in_the_footing_and_in_no_measure() {
    let mut card = line("card", 1, 5000, 1000, 0);
    card.gift_card = true;
    let order = posted(&[version(1, vec![line("mug", 1, 1000, 0, 0), card], 5000)], &[]);
    assert_eq!((of_kind(&order, EntryKind::GiftCard), of_kind(&order, EntryKind::Unfooted)), (4000, 0));
    assert_eq!((measured(&order).gross_sales, measured(&order).total), (1000 * CENT, 1000 * CENT));
    let mut back = refund("r", 2);
    back.lines = vec![refund_line("card", 1, Some(4000), None)];
    let mut card = line("card", 1, 5000, 1000, 0);
    card.gift_card = true;
    let order = posted(&[version(1, vec![line("mug", 1, 1000, 0, 0), card], 5000)], &[back]);
    assert_eq!((of_kind(&order, EntryKind::RefundGiftCard), measured(&order).total), (-4000, 1000 * CENT));
}

#[test]
fn cash_rounding_is_outside_footing_and_total() {
    let order = OrderVersion { cash_rounding_micros: 2 * CENT, ..version(1, vec![line("mug", 1, 998, 0, 0)], 998) };
    let order = posted(&[sealed(order)], &[]);
    assert_eq!((of_kind(&order, EntryKind::CashRounding), of_kind(&order, EntryKind::Unfooted)), (2, 0));
    assert_eq!(measured(&order).total, 998 * CENT);
}

#[test]
fn yen_are_rounded_to_whole_yen() {
    let yen = 1_000_000;
    let mut mug = line("mug", 1, 0, 0, 0);
    (mug.price_micros, mug.discount_micros) = (1000 * yen, 99 * yen);
    mug.taxes = vec![TaxLine { micros: 82 * yen, rate_ppm: 100_000 }];
    let order = OrderVersion {
        currency: currency("JPY"),
        taxes_included: true,
        total_micros: 901 * yen,
        ..version(1, vec![mug], 0)
    };
    let order = posted(&[sealed(order)], &[]);
    // 1000 · 819 ÷ 901 = 908.99
    assert_eq!(of_kind(&order, EntryKind::Sale) * CENT, 909 * yen);
    assert_eq!(of_kind(&order, EntryKind::Discount) * CENT, -90 * yen);
}

#[test]
fn a_cancellation_takes_every_component_back_on_its_own_day() {
    let cancelled = sealed(OrderVersion { updated_at: at(3), cancelled_at: Some(at(2)), ..order_5001() });
    let order = posted(&[order_5001(), cancelled.clone()], &[]);
    assert!(order.cancelled && !order.over_refunded);
    assert_eq!((balance(&order), measured(&order).net_revenue, measured(&order).tax), (0, 0, 0));
    assert_eq!(measured(&order).gross_sales, 8404 * CENT, "the sale was made");
    assert!(order.entries.is_sorted_by_key(|entry| (entry.occurred_at, entry.kind, entry.entry_id.clone())));
    assert!(order.entries.iter().all(|entry| (entry.kind == EntryKind::Cancellation) == (entry.occurred_at == at(2))));
    assert_eq!(placement_total(&order), Ok(8500 * CENT), "what the platform was told stays");
    let later = sealed(OrderVersion { updated_at: at(8), ..cancelled.clone() });
    assert_eq!(
        posted(&[order_5001(), cancelled, later], &[]).entries,
        order.entries,
        "a later version changes nothing"
    );
}

#[test]
fn a_cancellation_takes_back_what_refunds_leave_whenever_they_come() {
    let mut late = refund("r", 9);
    late.lines = vec![refund_line("mug", 1, Some(4000), Some(639))];
    let order = posted(&[sealed(OrderVersion { cancelled_at: Some(at(2)), ..order_5001() })], &[late]);
    assert_eq!((balance(&order), measured(&order).net_revenue), (0, 0));
    assert_eq!((of_kind(&order, EntryKind::Cancellation), of_kind(&order, EntryKind::RefundSale)), (-4500, -4202));
}

#[test]
fn of_a_cancelled_order_stay_what_the_shop_kept_and_what_it_refunded_too_much() {
    let cancelled = |refund| {
        let order = version(1, vec![line("mug", 2, 5000, 0, 0)], 10000);
        let order = posted(&[sealed(OrderVersion { cancelled_at: Some(at(2)), ..order })], &[refund]);
        (measured(&order).net_revenue / CENT, balance(&order), of_kind(&order, EntryKind::Cancellation))
    };
    let mut fee = refund("r", 2);
    fee.lines = vec![refund_line("mug", 2, Some(10000), None)];
    fee.adjustments = vec![adjustment("refund_discrepancy", 500, 0)];
    fee.transactions = vec![transaction("t", "refund", "success", 9500, 2)];
    assert_eq!(cancelled(fee.clone()), (500, 500, 0), "kept of a refund");
    fee.transactions = vec![transaction("t", "refund", "pending", 9500, 2)];
    assert_eq!(cancelled(fee), (0, 0, -500), "a pending refund keeps nothing yet");
    let mut silent = refund("r", 2);
    silent.lines = vec![refund_line("mug", 2, Some(10000), None)];
    silent.transactions = vec![transaction("t", "refund", "success", 9500, 2)];
    assert_eq!(cancelled(silent), (0, 0, -500), "what only follows from the payment is no word of the shop's");
    let mut beyond = refund("r", 2);
    beyond.lines = vec![refund_line("mug", 1, Some(5000), None)];
    beyond.transactions = vec![transaction("t", "refund", "success", 12000, 2)];
    assert_eq!(cancelled(beyond), (-2000, -2000, 0), "an over-refund");
}

#[test]
fn voided_counts_from_the_first_version_of_the_run_that_shows_it_unless_money_came() {
    let status = |updated, status: &str| {
        let paid = version(updated, vec![line("mug", 1, 1000, 0, 0)], 1000);
        sealed(OrderVersion { financial_status: status.to_owned(), ..paid })
    };
    let versions =
        [status(1, "voided"), status(2, "pending"), status(3, "expired"), status(4, "voided"), status(5, "voided")];
    let order = posted(&versions, &[]);
    assert!(
        order.cancelled && order.entries.iter().any(|e| e.kind == EntryKind::Cancellation && e.occurred_at == at(3))
    );
    let payment = vec![transaction("p", "sale", "success", 1000, 1)];
    let charged = sealed(OrderVersion { transactions: payment, ..status(6, "voided") });
    assert!(!posted(&[status(5, "voided"), charged], &[]).cancelled);
    assert!(!posted(&[status(1, "voided"), status(2, "pending")], &[]).cancelled, "judged by the current version");
}

#[test]
fn a_deleted_order_is_cancelled_when_the_deletion_was_triggered() {
    let deletion = OrderVersion { deleted: true, triggered_at: Some(at(7)), ..version(6, Vec::new(), 0) };
    let order = posted(&[deletion, order_5001()], &[]);
    assert!(order.cancelled && order.entries.iter().any(|entry| entry.occurred_at == at(7)));
    assert_eq!((balance(&order), order.footing.len()), (0, 1));
}

#[test]
fn a_test_order_posts_flagged_entries_and_counts_in_no_measure() {
    let order = posted(&[sealed(OrderVersion { test: true, ..order_5001() })], &[]);
    assert!(order.test && order.entries.len() == 5 && order.entries.iter().all(|entry| entry.test));
    assert_eq!(measured(&order), reconcile::OrderMeasures::default());
    assert_eq!(placement_total(&order), Ok(8500 * CENT));
}

#[test]
fn orders_come_grouped_and_sorted_and_refunds_without_their_order_wait() {
    let named = |shop: &str, order: &str| OrderVersion {
        shop: shop.to_owned(),
        order_id: order.to_owned(),
        ..version(1, vec![line("mug", 1, 1000, 0, 0)], 1000)
    };
    let gone = OrderVersion { deleted: true, ..named("b", "9") };
    let versions = [named("b", "1"), named("a", "2"), gone, named("a", "1"), named("b", "1")];
    let refunds = ["1", "9", "7"].map(|order| model::Refund {
        shop: "b".to_owned(),
        order_id: order.to_owned(),
        ..refund(order, 1)
    });
    let (orders, waiting) = group(&versions, &refunds);
    let keys: Vec<_> =
        orders.iter().map(|o| (o.versions[0].shop.as_str(), o.versions.len(), o.refunds.len())).collect();
    assert_eq!(keys, [("a", 1, 0), ("a", 1, 0), ("b", 2, 1)]);
    assert_eq!(waiting.iter().map(|refund| refund.order_id.as_str()).collect::<Vec<_>>(), ["7", "9"]);
}

#[test]
fn documents_that_do_not_belong_together_are_refused_by_name() {
    let one = version(1, vec![line("mug", 1, 1000, 0, 0)], 1000);
    let error = |versions: &[&OrderVersion]| {
        post(&OrderDocuments { versions: versions.iter().copied().map(Into::into).collect(), refunds: Vec::new() })
            .expect_err("refused")
            .to_string()
    };
    let (other, usd) = (
        OrderVersion { order_id: "2".to_owned(), ..one.clone() },
        OrderVersion { currency: currency("USD"), ..one.clone() },
    );
    let dear = version(1, vec![line("mug", i64::MAX, 1000, 0, 0)], 1000);
    assert!(error(&[]).contains("no order version"));
    assert_eq!(error(&[&one, &other]), "documents of order \"shop/2\" stand among those of order \"shop/1\"");
    assert!(error(&[&one, &usd]).contains("order \"shop/1\" is in USD, expected EUR"));
    assert_eq!(error(&[&dear]), "order \"shop/1\": an amount does not fit 64 bits of micros");
}

proptest! {
    #[test]
    fn shuffled_and_copied_documents_give_the_same_entries(
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        order in Just((0..9).collect::<Vec<usize>>()).prop_shuffle(),
    ) {
        let (versions, refunds) = busy_order();
        let expected = posted(&versions, &refunds);
        let count = versions.len() + refunds.len();
        let picked: Vec<usize> = order.into_iter().chain(picks.iter().map(|pick| pick.index(count))).collect();
        let documents = OrderDocuments {
            versions: picked.iter().filter_map(|&i| versions.get(i)).map(Into::into).collect(),
            refunds: picked.iter().filter_map(|&i| refunds.get(i.checked_sub(versions.len())?)).collect(),
        };
        prop_assert_eq!(post(&documents), Ok(expected));
    }
}

/// Four versions with ties, five copies of three refunds: pending and settled, of versions and of their own.
fn busy_order() -> (Vec<OrderVersion>, Vec<model::Refund>) {
    let edited = |updated, units| {
        let lines = vec![line("mug", units, 5000, 2000, 1277), line("cup", 1, 300, 0, 48)];
        let total = units * 5000 - 2000 + 300 + 500;
        sealed(OrderVersion {
            taxes_included: true,
            shipping: vec![shipping(500, 0, 80)],
            total_tax_micros: 1405 * CENT,
            transactions: vec![transaction("p", "sale", "success", 13800, 1)],
            ..version(updated, lines, total)
        })
    };
    let versions = vec![order_5001(), edited(2, 2), edited(2, 3), edited(5, 3)];
    let goods = |id: &str, day, status: &str, paid| {
        let mut goods = refund(id, day);
        goods.lines = vec![refund_line("mug", 1, Some(4333), Some(426)), refund_line("cup", 1, None, None)];
        goods.transactions = vec![transaction(&format!("t{id}"), "refund", status, paid, day + 1)];
        goods.content_hash = format!("{id}-{status}");
        goods
    };
    let mut pending = goods("a", 3, "pending", 4000);
    pending.adjustments = vec![adjustment("refund_discrepancy", 4633, 0)];
    pending.version_updated_at = Some(at(2));
    let mut settled = goods("a", 3, "success", 4000);
    settled.triggered_at = Some(at(4));
    let mut late_copy = goods("b", 4, "success", 4700);
    late_copy.version_updated_at = Some(at(5));
    let refunds = vec![pending, settled, goods("b", 4, "success", 4700), late_copy, goods("c", 4, "failure", 1)];
    (versions, refunds)
}

//! What refunds post, and what follows from them.

use model::{OrderVersion, Refund};
use reconcile::{EntryKind, checks};

use crate::shop::{
    CENT, adjustment, at, balance, currency, line, measured, of_kind, order_5001, posted, refund, refund_line, sealed,
    shipping, short, transaction, version,
};

/// One mug of order 5001 goes back, as the shop's format shows it.
fn refund_of_5001() -> Refund {
    Refund {
        lines: vec![refund_line("mug", 1, Some(4000), Some(639))],
        transactions: vec![transaction("t", "refund", "success", 4000, 5)],
        ..refund("929361463", 5)
    }
}

#[test]
fn one_mug_of_order_5001_goes_back_at_half_its_sale() {
    let order = posted(&[order_5001()], &[refund_of_5001()]);
    let refunded: Vec<_> = short(&order).into_iter().filter(|entry| entry.0 == 5).collect();
    assert_eq!(
        refunded,
        [
            (5, "refund_sale", "mug".to_owned(), -4202),
            (5, "refund_discount", "mug".to_owned(), 841),
            (5, "refund_tax", "mug".to_owned(), -639),
        ]
    );
    assert_eq!((measured(&order).net_revenue, measured(&order).total), (3362 * CENT, 4500 * CENT));
    assert!(!order.over_refunded && order.entries.iter().all(|entry| !entry.derived));
}

#[test]
fn partial_refunds_sum_to_the_whole() {
    // 7 · 10.03 less 1.00 with tax 11.05 contained: nothing divides by seven.
    let order = sealed(OrderVersion {
        taxes_included: true,
        total_tax_micros: 1105 * CENT,
        ..version(1, vec![line("mug", 7, 1003, 100, 1105)], 6921)
    });
    let one = |day: i64| Refund { lines: vec![refund_line("mug", 1, None, None)], ..refund(&day.to_string(), day) };
    let order = posted(&[order], &(2..9).map(one).collect::<Vec<_>>());
    let sum = |kinds: [EntryKind; 2]| kinds.map(|kind| of_kind(&order, kind)).iter().sum::<i64>();
    assert_eq!(sum([EntryKind::Sale, EntryKind::RefundSale]), 0);
    assert_eq!(sum([EntryKind::Discount, EntryKind::RefundDiscount]), 0);
    assert_eq!(sum([EntryKind::Tax, EntryKind::RefundTax]), 0);
    assert!(order.entries.iter().all(|entry| !entry.derived), "nothing is left to balance out");
}

#[test]
fn a_full_refund_brings_every_component_to_zero() {
    let mut full = refund_of_5001();
    full.lines = vec![refund_line("mug", 2, Some(8000), Some(1277))];
    full.adjustments = vec![adjustment("shipping_refund", -420, -80)];
    full.transactions = vec![transaction("t", "refund", "success", 8500, 5)];
    let order = posted(&[order_5001()], &[full]);
    for pair in [
        [EntryKind::Sale, EntryKind::RefundSale],
        [EntryKind::Discount, EntryKind::RefundDiscount],
        [EntryKind::Shipping, EntryKind::RefundShipping],
        [EntryKind::Tax, EntryKind::RefundTax],
    ] {
        assert_eq!(of_kind(&order, pair[0]), -of_kind(&order, pair[1]), "{pair:?}");
    }
    assert!(!order.over_refunded && !order.cancelled);
    let sums = measured(&order);
    assert_eq!((sums.net_revenue, sums.shipping, sums.tax, sums.total), (0, 0, 0, 0));
}

#[test]
fn a_full_refund_balances_what_was_unfooted_and_the_versions_still_foot() {
    let order = version(1, vec![line("mug", 1, 1000, 0, 0)], 1010);
    let full = Refund {
        lines: vec![refund_line("mug", 1, Some(1000), None)],
        transactions: vec![transaction("t", "refund", "success", 1010, 5)],
        ..refund("r", 5)
    };
    let order = posted(&[order], &[full]);
    assert_eq!((of_kind(&order, EntryKind::Unfooted), measured(&order).net_revenue, balance(&order)), (0, 0, 0));
    assert_eq!(checks::footing(&order), Vec::new());
}

#[test]
fn the_refund_that_brings_the_total_to_exactly_zero_balances_every_group() {
    // The whole 85.00 goes back as goods: shipping and its tax are still in the books, the goods 5.00 below zero.
    let full = Refund {
        lines: vec![refund_line("mug", 2, Some(8500), Some(1277))],
        transactions: vec![transaction("t", "refund", "success", 8500, 5)],
        ..refund("r", 5)
    };
    let order = posted(&[order_5001()], &[full]);
    let sums = measured(&order);
    assert_eq!((sums.net_revenue, sums.shipping, sums.tax, sums.total), (0, 0, 0, 0));
    let derived: Vec<_> = order.entries.iter().filter(|e| e.derived).map(|e| (e.kind, e.micros / CENT)).collect();
    assert_eq!(
        derived,
        [(EntryKind::RefundShipping, -420), (EntryKind::RefundTax, -80), (EntryKind::RefundAdjustment, 500)]
    );
}

#[test]
fn a_refund_near_zero_balances_nothing() {
    let nearly = Refund { lines: vec![refund_line("mug", 2, Some(8499), Some(1277))], ..refund("r", 5) };
    let order = posted(&[order_5001()], &[nearly]);
    assert_eq!((measured(&order).shipping, balance(&order)), (420 * CENT, 1));
}

#[test]
fn a_pending_refund_is_balanced_by_its_discrepancy_until_it_succeeds() {
    let mut pending = refund_of_5001();
    pending.adjustments = vec![adjustment("refund_discrepancy", 4000, 0)];
    pending.transactions = vec![transaction("t", "refund", "pending", 4000, 5)];
    pending.version_updated_at = Some(at(5));
    let order = posted(&[order_5001()], std::slice::from_ref(&pending));
    assert_eq!(measured(&order).total, 8500 * CENT);
    let mut success = refund_of_5001();
    success.triggered_at = Some(at(6));
    let order = posted(&[order_5001()], &[success, pending]);
    assert_eq!((measured(&order).total, of_kind(&order, EntryKind::RefundAdjustment)), (4500 * CENT, 0));
}

#[test]
fn of_copies_of_a_refund_the_newest_counts() {
    let copy = |hash: &str, subtotal, triggered, held| Refund {
        lines: vec![refund_line("mug", 1, Some(subtotal), Some(0))],
        triggered_at: triggered,
        version_updated_at: held,
        content_hash: hash.to_owned(),
        ..refund("r", 2)
    };
    let net = |copies: [Refund; 2]| measured(&posted(&[order_5001()], &copies)).refunds / CENT;
    assert_eq!(net([copy("x", 100, Some(at(3)), None), copy("y", 200, None, Some(at(4)))]), -200, "version's date");
    assert_eq!(net([copy("x", 100, Some(at(5)), None), copy("y", 200, None, Some(at(4)))]), -100, "triggered-at");
    let both = copy("x", 100, Some(at(5)), Some(at(2)));
    assert_eq!(net([both, copy("y", 200, None, Some(at(4)))]), -100, "triggered-at before the version's date");
    assert_eq!(net([copy("x", 100, None, None), copy("y", 200, Some(at(1)), None)]), -100, "its own date");
    assert_eq!(net([copy("x", 100, None, None), copy("y", 200, None, None)]), -200, "the content hash");
}

#[test]
fn money_that_was_kept_or_added_is_a_derived_adjustment_on_the_day_of_the_last_success() {
    let paid_back = |cents, status: &str| {
        let mut goods = refund_of_5001();
        goods.transactions =
            vec![transaction("t1", "refund", "success", cents, 6), transaction("t2", "refund", status, 500, 7)];
        let order = posted(&[order_5001()], &[goods]);
        let derived = order.entries.iter().filter(|entry| entry.derived);
        derived.map(|entry| (entry.kind, entry.occurred_at, entry.micros / CENT)).collect::<Vec<_>>()
    };
    assert_eq!(paid_back(3500, "success"), []);
    assert_eq!(paid_back(3000, "success"), [(EntryKind::RefundAdjustment, at(7), 500)]);
    assert_eq!(paid_back(4000, "success"), [(EntryKind::RefundAdjustment, at(7), -500)]);
    assert_eq!(paid_back(4500, "failure"), [(EntryKind::RefundAdjustment, at(6), -500)]);
    assert_eq!(paid_back(4500, "pending"), [], "not settled yet");
}

#[test]
fn a_refund_paid_in_the_buyers_currency_or_not_at_all_derives_nothing() {
    let mut foreign = refund_of_5001();
    foreign.transactions[0].currency = currency("USD");
    foreign.transactions[0].micros = 5200 * CENT;
    let order = posted(&[order_5001()], &[foreign]);
    assert_eq!(measured(&order).total, 4500 * CENT);
    let mut restock = refund_of_5001();
    restock.transactions.clear();
    let order = posted(&[order_5001()], &[restock]);
    assert_eq!(measured(&order).total, 4500 * CENT);
}

#[test]
fn an_exchange_derives_nothing() {
    // 100.00 paid; a 40.00 line goes back for one of 30.00, and 10.00 is paid back.
    let payment = vec![transaction("p", "capture", "success", 10000, 1)];
    let before = version(1, vec![line("mug", 1, 6000, 0, 0), line("cup", 1, 4000, 0, 0)], 10000);
    let mut lines = before.lines.clone();
    lines.push(line("jug", 1, 3000, 0, 0));
    let after = sealed(OrderVersion { transactions: payment, ..version(3, lines, 13000) });
    let goods = Refund {
        lines: vec![refund_line("cup", 1, Some(4000), None)],
        transactions: vec![transaction("t", "refund", "success", 1000, 3)],
        ..refund("r", 3)
    };
    let order = posted(&[before.clone(), after.clone()], std::slice::from_ref(&goods));
    assert_eq!((measured(&order).total, of_kind(&order, EntryKind::RefundAdjustment)), (9000 * CENT, 0));
    let unknown_payment = sealed(OrderVersion { transactions: Vec::new(), ..after });
    let order = posted(&[before, unknown_payment], &[goods]);
    assert_eq!(measured(&order).total, 9000 * CENT, "a paid order's first total stands for unknown payments");
}

#[test]
fn a_positive_gap_counts_only_as_far_as_money_is_held() {
    // 40.00 of 100.00 goes back, 35.00 is paid back: with 60.00 due, only what came beyond 95.00 can be kept.
    let received = |cents| {
        let order = OrderVersion {
            transactions: vec![transaction("p", "sale", "success", cents, 1)],
            ..version(1, vec![line("mug", 10, 1000, 0, 0)], 10000)
        };
        let goods = Refund {
            lines: vec![refund_line("mug", 4, Some(4000), None)],
            transactions: vec![transaction("t", "refund", "success", 3500, 3)],
            ..refund("r", 3)
        };
        of_kind(&posted(&[sealed(order)], &[goods]), EntryKind::RefundAdjustment)
    };
    assert_eq!([received(10000), received(9700), received(9000)], [500, 200, 0]);
}

#[test]
fn refund_shipping_lines_count_only_without_a_shipping_adjustment() {
    let mut back = refund_of_5001();
    back.lines.clear();
    back.transactions.clear();
    back.shipping = vec![(500 * CENT, 80 * CENT)];
    let order = posted(&[order_5001()], std::slice::from_ref(&back));
    assert_eq!((of_kind(&order, EntryKind::RefundShipping), of_kind(&order, EntryKind::RefundTax)), (-420, -80));
    back.adjustments = vec![adjustment("shipping_refund", -210, -40)];
    let order = posted(&[order_5001()], &[back]);
    assert_eq!((of_kind(&order, EntryKind::RefundShipping), of_kind(&order, EntryKind::RefundTax)), (-210, -40));
}

#[test]
fn an_over_refund_posts_and_is_flagged() {
    let money = Refund {
        lines: vec![refund_line("mug", 2, Some(8000), Some(1277))],
        transactions: vec![transaction("t", "refund", "success", 9000, 5)],
        ..refund("r", 5)
    };
    let order = posted(&[order_5001()], &[money]);
    assert!(order.over_refunded);
    assert_eq!(measured(&order).total, -500 * CENT);
    let units = Refund { lines: vec![refund_line("mug", 3, Some(0), Some(0))], ..refund("r", 5) };
    assert!(posted(&[order_5001()], &[units]).over_refunded);
    assert!(!posted(&[order_5001()], &[refund_of_5001()]).over_refunded);
}

#[test]
fn a_refunded_line_that_no_version_holds_counts_whole_as_sale() {
    let stray = Refund { lines: vec![refund_line("ghost", 1, Some(1000), Some(160))], ..refund("r", 5) };
    let order = posted(&[order_5001()], &[stray]);
    assert_eq!((of_kind(&order, EntryKind::RefundSale), of_kind(&order, EntryKind::RefundTax)), (-840, -160));
}

#[test]
fn a_line_edited_away_is_refunded_at_what_it_was_sold_for() {
    let before = version(1, vec![line("mug", 2, 1000, 400, 0), line("cup", 1, 500, 0, 0)], 2100);
    let after =
        sealed(OrderVersion { shipping: vec![shipping(0, 0, 0)], ..version(2, vec![line("cup", 1, 500, 0, 0)], 500) });
    let emptied = version(4, vec![line("mug", 0, 1000, 0, 0), line("cup", 1, 500, 0, 0)], 500);
    let back = Refund { lines: vec![refund_line("mug", 1, Some(800), None)], ..refund("r", 3) };
    let order = posted(&[before, after, emptied], &[back]);
    assert_eq!((of_kind(&order, EntryKind::RefundSale), of_kind(&order, EntryKind::RefundDiscount)), (-1000, 200));
}

#[test]
fn units_go_back_in_the_order_of_their_dates() {
    let one = |id: &str, day| Refund { lines: vec![refund_line("mug", 1, None, None)], ..refund(id, day) };
    let mut thirds = line("mug", 3, 0, 0, 0);
    (thirds.quantity, thirds.price_micros) = (3, 333_333);
    let order = OrderVersion { total_micros: 999_999, ..version(1, vec![thirds], 0) };
    let order = posted(&[sealed(order)], &[one("a", 4), one("b", 3), one("c", 5)]);
    let sales = order.entries.iter().filter(|entry| entry.kind == EntryKind::RefundSale);
    let sales: Vec<_> = sales.map(|entry| (entry.document.as_str(), entry.micros)).collect();
    assert_eq!(sales, [("refund/b", -330_000), ("refund/a", -340_000), ("refund/c", -329_999)]);
    assert_eq!(measured(&order).total, 0, "finer than a cent, the whole goes back all the same");
}

#[test]
fn the_date_of_a_balance_is_that_of_the_payment_that_brought_it() {
    let goods = Refund {
        lines: vec![refund_line("mug", 2, Some(8000), Some(1277))],
        transactions: vec![transaction("t", "refund", "success", 8500, 7)],
        ..refund("r", 5)
    };
    let order = posted(&[order_5001()], &[goods]);
    let derived: Vec<_> = short(&order).into_iter().filter(|entry| entry.0 == 7).map(|e| (e.1, e.3)).collect();
    let expected =
        [("refund_shipping", -420), ("refund_tax", -80), ("refund_adjustment", 500), ("refund_adjustment", -500)];
    assert_eq!(derived, expected);
}

#[test]
fn an_order_that_was_worth_nothing_is_not_balanced_by_a_restock() {
    let free =
        OrderVersion { shipping: vec![shipping(500, 0, 0)], ..version(1, vec![line("mug", 1, 1000, 1500, 0)], 0) };
    let restock = Refund { lines: vec![refund_line("mug", 1, Some(0), None)], ..refund("r", 2) };
    let order = posted(&[sealed(free)], &[restock]);
    assert!(order.entries.iter().all(|entry| !entry.derived));
}

#[test]
fn a_full_refund_balances_cash_rounding_too() {
    let order = OrderVersion { cash_rounding_micros: 2 * CENT, ..version(1, vec![line("mug", 1, 998, 0, 0)], 998) };
    let back = Refund { lines: vec![refund_line("mug", 1, Some(998), None)], ..refund("r", 2) };
    assert_eq!(balance(&posted(&[sealed(order)], &[back])), 0);
}

/// Ten mugs at 10.00, of which refunds take back what `parts` say: (units, paid back).
fn gaps(payments: &[(&str, &str, i64)], parts: &[(i64, Option<i64>)]) -> i64 {
    let paid =
        |(i, &(kind, status, cents)): (usize, &(&str, &str, i64))| transaction(&i.to_string(), kind, status, cents, 1);
    let order = OrderVersion {
        transactions: payments.iter().enumerate().map(paid).collect(),
        financial_status: "pending".to_owned(),
        ..version(1, vec![line("mug", 10, 1000, 0, 0)], 10000)
    };
    let refunds = parts.iter().enumerate().map(|(i, &(units, paid_back))| Refund {
        lines: vec![refund_line("mug", units, Some(units * 1000), None)],
        transactions: paid_back
            .map(|cents| transaction(&format!("t{i}"), "refund", "success", cents, 3))
            .into_iter()
            .collect(),
        ..refund(&i.to_string(), 3)
    });
    of_kind(&posted(&[sealed(order)], &refunds.collect::<Vec<_>>()), EntryKind::RefundAdjustment)
}

#[test]
fn money_held_is_what_was_received_less_all_that_went_or_will_go_back() {
    let received = [("capture", "success", 10000)];
    assert_eq!(gaps(&received, &[(4, Some(3500))]), 500);
    assert_eq!(gaps(&[("capture", "success", 9800), ("sale", "pending", 200)], &[(4, Some(3500))]), 300);
    assert_eq!(gaps(&[], &[(4, Some(3500))]), 0, "of an unpaid order nothing is held");
    assert_eq!(gaps(&[("sale", "success", 9700)], &[(4, Some(3500)), (1, None)]), 200, "what is owed is not held");
    let two = [(2, Some(1500)), (3, Some(2500))];
    assert_eq!(gaps(&[("sale", "success", 9700)], &two), 700, "the first keeps 5.00, the second 2.00");
}

#[test]
fn a_payment_in_the_buyers_currency_is_taken_at_the_paid_orders_first_total() {
    let mut payment = transaction("p", "sale", "success", 9000, 1);
    payment.currency = currency("USD");
    let order = OrderVersion { transactions: vec![payment], ..version(1, vec![line("mug", 10, 1000, 0, 0)], 10000) };
    let goods = Refund {
        lines: vec![refund_line("mug", 4, Some(4000), None)],
        transactions: vec![transaction("t", "refund", "success", 3400, 3), transaction("v", "void", "success", 100, 3)],
        ..refund("r", 3)
    };
    let order = posted(&[sealed(order)], &[goods]);
    assert_eq!(of_kind(&order, EntryKind::RefundAdjustment), 600, "a void pays nothing back");
}

#[test]
fn of_copies_of_a_transaction_the_newest_counts_wherever_it_stands() {
    let failed = OrderVersion {
        transactions: vec![transaction("t", "refund", "failure", 4500, 5)],
        updated_at: at(8),
        ..order_5001()
    };
    let order = posted(
        &[order_5001(), sealed(failed)],
        &[Refund { transactions: vec![transaction("t", "refund", "success", 4500, 5)], ..refund_of_5001() }],
    );
    assert_eq!(of_kind(&order, EntryKind::RefundAdjustment), 0, "it failed after all");
}

#[test]
fn a_transaction_that_only_an_older_copy_lists_still_counts() {
    let older = Refund { transactions: vec![transaction("t", "refund", "success", 4500, 5)], ..refund_of_5001() };
    let newer = Refund { transactions: Vec::new(), triggered_at: Some(at(9)), ..refund_of_5001() };
    let order = posted(&[order_5001()], &[newer, older]);
    assert_eq!(of_kind(&order, EntryKind::RefundAdjustment), -500);
}

//! Lines of negative quantity and adjustments on the order: goods taken back and debts written off without a refund.

use model::{OrderVersion, TaxLine};
use proptest::prelude::*;
use reconcile::{EntryKind, PostedOrder, checks, placement_total};

use crate::shop::{CENT, at, balance, line, measured, of_kind, posted, refund, refund_line, sealed, short, version};

#[test]
fn goods_taken_back_are_refunds_and_gross_sales_hold_what_was_sold() {
    let lines = vec![line("mug", 2, 1000, 300, 200), line("cup", -1, 500, -100, -76)];
    let order = posted(&[version(1, lines, 1700 + 200 - 400 - 76)], &[]);
    assert_eq!(
        short(&order),
        [
            (1, "sale", "mug".to_owned(), 2000),
            (1, "discount", "mug".to_owned(), -300),
            (1, "tax", "mug".to_owned(), 200),
            (1, "refund_sale", "cup".to_owned(), -500),
            (1, "refund_discount", "cup".to_owned(), 100),
            (1, "refund_tax", "cup".to_owned(), -76),
        ]
    );
    let sums = measured(&order);
    assert_eq!((sums.gross_sales, sums.discounts, sums.refunds), (2000 * CENT, -300 * CENT, -400 * CENT));
    assert_eq!((sums.net_revenue, sums.tax, sums.total), (1300 * CENT, 124 * CENT, 1424 * CENT));
    assert_eq!(placement_total(&order), Ok(1424 * CENT));
    assert_eq!(checks::footing(&order), Vec::new());
    assert!(!order.over_refunded);
}

#[test]
fn an_adjustment_is_signed_foots_and_is_in_net_revenue_but_in_no_refund() {
    let debt = |updated, cents: i64| {
        let version = version(updated, vec![line("mug", 1, 1000, 0, 0)], 1000 + cents);
        sealed(OrderVersion { adjustment_micros: cents * CENT, ..version })
    };
    let order = posted(&[debt(1, -1100), debt(5, -300)], &[]);
    assert_eq!(
        short(&order)[1..],
        [(1, "refund_adjustment", String::new(), -1100), (5, "refund_adjustment", String::new(), 800)]
    );
    let sums = measured(&order);
    assert_eq!((sums.refunds, sums.adjustments, sums.net_revenue), (0, -300 * CENT, 700 * CENT));
    assert_eq!(sums.gross_sales + sums.discounts + sums.refunds + sums.adjustments, sums.net_revenue);
    assert_eq!((of_kind(&order, EntryKind::Unfooted), checks::footing(&order)), (0, Vec::new()));
}

#[test]
fn a_line_that_changes_its_sign_posts_the_difference_of_each_component() {
    let of = |updated, units| version(updated, vec![line("mug", units, 500, 0, 0)], units * 500);
    let order = posted(&[of(1, 2), of(4, -1), of(6, -3)], &[]);
    assert_eq!(
        short(&order),
        [
            (1, "sale", "mug".to_owned(), 1000),
            (4, "sale", "mug".to_owned(), -1000),
            (4, "refund_sale", "mug".to_owned(), -500),
            (6, "refund_sale", "mug".to_owned(), -1000),
        ]
    );
    assert_eq!(checks::footing(&order), Vec::new());
    let sums = measured(&order);
    assert_eq!((sums.gross_sales, sums.refunds, balance(&order)), (0, -1500 * CENT, -1500));
}

#[test]
fn a_gift_card_taken_back_is_in_no_measure() {
    let mut card = line("card", -1, 5000, 0, 0);
    card.gift_card = true;
    let order = posted(&[version(1, vec![card], -5000)], &[]);
    assert_eq!((of_kind(&order, EntryKind::RefundGiftCard), measured(&order).total), (-5000, 0));
}

#[test]
fn a_cancelled_credit_note_leaves_nothing() {
    let note = version(1, vec![line("mug", -2, 500, 0, -95)], -1095);
    let note = OrderVersion { adjustment_micros: -200 * CENT, total_micros: -1295 * CENT, ..note };
    let order = posted(&[sealed(OrderVersion { cancelled_at: Some(at(3)), ..note })], &[]);
    assert!(order.cancelled && !order.over_refunded);
    let sums = measured(&order);
    assert_eq!((balance(&order), sums.net_revenue, sums.total), (0, 0, 0));
    assert_eq!(sums.refunds, -1000 * CENT, "as with sales, what was taken back stays said");
}

#[test]
fn a_refund_of_a_credit_note_is_an_over_refund() {
    let mut back = refund("r", 3);
    back.lines = vec![refund_line("mug", 1, Some(500), None)];
    let note =
        sealed(OrderVersion { cancelled_at: Some(at(4)), ..version(1, vec![line("cup", -2, 500, 0, 0)], -1000) });
    let order = posted(&[note], &[back]);
    assert!(order.over_refunded);
    assert_eq!(
        (balance(&order), measured(&order).net_revenue),
        (-500, -500 * CENT),
        "the note is cancelled, it is not"
    );
}

/// A line as (units, cents of price, percent off, tax percent), sold (`sign` 1) or taken back (-1).
fn mirrored(sign: i64, inclusive: bool, plan: &[(i64, i64, i64, i64)]) -> PostedOrder {
    let mut total = 0;
    let lines = (0..).zip(plan).map(|(id, &(units, price, percent, rate))| {
        let off = units * price * percent / 100;
        let left = units * price - off;
        let tax = if inclusive { left * rate / (100 + rate) } else { left * rate / 100 };
        total += sign * (left + if inclusive { 0 } else { tax });
        let mut line = line(&format!("line-{id}"), sign * units, price, sign * off, 0);
        line.taxes = vec![TaxLine { micros: sign * tax * CENT, rate_ppm: rate * 10_000 }];
        line
    });
    let lines = lines.collect();
    posted(&[sealed(OrderVersion { taxes_included: inclusive, ..version(1, lines, total) })], &[])
}

proptest! {
    #[test]
    fn what_is_taken_back_mirrors_what_is_sold(
        inclusive in any::<bool>(),
        plan in prop::collection::vec((1..5_i64, 1..9000_i64, 0..101_i64, prop_oneof![Just(0), Just(7), Just(19)]), 1..4),
    ) {
        let (sold, back) = (mirrored(1, inclusive, &plan), mirrored(-1, inclusive, &plan));
        let kinds = [
            (EntryKind::Sale, EntryKind::RefundSale),
            (EntryKind::Discount, EntryKind::RefundDiscount),
            (EntryKind::Tax, EntryKind::RefundTax),
        ];
        for (sale, refund) in kinds {
            prop_assert_eq!(of_kind(&sold, sale), -of_kind(&back, refund));
        }
        prop_assert_eq!(sold.entries.len(), back.entries.len());
        prop_assert_eq!((of_kind(&back, EntryKind::Unfooted), checks::footing(&back)), (0, Vec::new()));
    }
}

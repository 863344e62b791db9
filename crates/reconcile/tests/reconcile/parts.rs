//! Orders spread over rows: all parts of one document and instant are one version, whatever their order.

use model::{Digest, OrderLine, OrderPart, OrderVersion, UtcMillis};
use proptest::prelude::*;
use reconcile::{EntryKind, OrderDocuments, PostedOrder, ReconcileError, group, post};

use crate::shop::{CENT, at, balance, currency, line, measured, of_kind, short, version};

/// Row `number` of file `document`, its total that of its own lines.
fn part(document: &str, number: i64, lines: Vec<OrderLine>) -> OrderVersion {
    let total = lines.iter().map(|line| line.price_micros * line.quantity).sum::<i64>() / CENT;
    let part = OrderPart { document: document.to_owned(), number, total_stated: false };
    let mut part = OrderVersion { part: Some(part), ..version(2, lines, total) };
    part.meta.key = Digest::of(format!("{document}/{number}").as_bytes());
    part.content_hash = format!("row-{number}");
    part
}

fn orders(versions: &[OrderVersion]) -> Vec<OrderVersion> {
    let (orders, _) = group(versions, &[]);
    orders.iter().flat_map(|order| &order.versions).map(|version| (**version).clone()).collect()
}

fn posted(versions: &[OrderVersion]) -> PostedOrder {
    let (orders, _) = group(versions, &[]);
    let [order] = orders.as_slice() else { panic!("expected one order, found {}", orders.len()) };
    post(order).expect("the parts belong together")
}

#[test]
fn rows_of_one_file_are_one_order_and_their_totals_add_up() {
    let order = posted(&[part("f", 7, vec![line("mug", 2, 500, 0, 0)]), part("f", 3, vec![line("cup", 1, 700, 0, 0)])]);
    assert_eq!(short(&order), [(1, "sale", "cup".to_owned(), 700), (1, "sale", "mug".to_owned(), 1000)]);
    assert_eq!(order.footing.iter().map(|f| (f.stated_micros, f.gap_micros)).collect::<Vec<_>>(), [(1700 * CENT, 0)]);
}

#[test]
fn what_stands_once_is_that_of_the_least_row_and_the_order_is_dated_by_its_first_instant() {
    let first = OrderVersion { name: "first".to_owned(), tip_micros: 30, ..part("f", 3, Vec::new()) };
    let second = OrderVersion {
        name: "second".to_owned(),
        tip_micros: 70,
        processed_at: UtcMillis(5),
        adjustment_micros: -40,
        ..part("f", 10, vec![line("mug", 1, 500, 0, 0)])
    };
    let found = orders(&[second.clone(), first.clone()]);
    let [version] = found.as_slice() else { panic!("one version") };
    assert_eq!((version.name.as_str(), version.tip_micros, &version.meta.key), ("first", 30, &first.meta.key));
    assert_eq!((version.processed_at, version.meta.occurred_at), (UtcMillis(5), UtcMillis(5)));
    assert_eq!((version.adjustment_micros, version.lines.len(), version.part.is_none()), (-40, 1, true));
    let changed = OrderVersion { content_hash: "other".to_owned(), ..second };
    assert_ne!(orders(&[first, changed])[0].content_hash, version.content_hash, "the hash is of all rows");
}

#[test]
fn a_stated_total_counts_once_and_others_add_up() {
    let stated = |number, total_stated, total: i64, tax: i64| {
        let mut row = part("f", number, Vec::new());
        row.part = Some(OrderPart { document: "f".to_owned(), number, total_stated });
        (row.total_micros, row.total_tax_micros) = (total, tax);
        row
    };
    let sums = |rows: [OrderVersion; 2]| (orders(&rows)[0].total_micros, orders(&rows)[0].total_tax_micros);
    assert_eq!(sums([stated(1, true, 900, 90), stated(2, true, 900, 90)]), (900, 90));
    assert_eq!(sums([stated(1, false, 900, 90), stated(2, false, 500, 50)]), (1400, 140));
    assert_eq!(sums([stated(2, true, 900, 90), stated(1, false, 500, 50)]), (1400, 140), "the least row says which");
}

#[test]
fn rows_of_one_article_stay_lines_of_their_own() {
    let rows = [
        part("f", 1, vec![line("mug", 1, 500, 0, 0)]),
        part("f", 2, vec![line("mug", 1, 500, 0, 0)]),
        part("f", 5, vec![line("mug", -1, 400, 0, 0), line("mug#2", 1, 10, 0, 0), line("mug", 2, 1, 0, 0)]),
    ];
    let ids: Vec<String> = orders(&rows)[0].lines.iter().map(|line| line.line_id.clone()).collect();
    assert_eq!(ids, ["mug", "mug#3", "mug#4", "mug#2", "mug#4"], "an id that a row gives is not taken by another");
    let order = posted(&rows);
    assert_eq!((of_kind(&order, EntryKind::Sale), of_kind(&order, EntryKind::RefundSale)), (1012, -400));
}

#[test]
fn a_later_file_restates_the_order_as_a_whole() {
    let before = [part("a", 1, vec![line("mug", 1, 500, 0, 0)]), part("a", 2, vec![line("cup", 1, 700, 0, 0)])];
    let after = OrderVersion { updated_at: at(4), ..part("b", 9, vec![line("mug", 3, 500, 0, 0)]) };
    let order = posted(&[after, before[0].clone(), before[1].clone()]);
    let edit: Vec<_> = short(&order).into_iter().filter(|entry| entry.0 == 4).collect();
    assert_eq!(edit, [(4, "sale", "cup".to_owned(), -700), (4, "sale", "mug".to_owned(), 1000)]);
    assert_eq!((balance(&order), order.footing.len()), (1500, 2));
}

#[test]
fn rows_of_two_files_or_orders_never_make_up_one_version() {
    let mug = || vec![line("mug", 1, 500, 0, 0)];
    let other = OrderVersion { order_id: "2".to_owned(), ..part("a", 2, mug()) };
    let rows = [part("a", 1, mug()), other, part("b", 1, mug()), version(2, mug(), 500)];
    let (orders, _) = group(&rows, &[]);
    assert_eq!(orders.iter().map(|order| order.versions.len()).collect::<Vec<_>>(), [3, 1]);
}

#[test]
fn of_copies_of_one_row_the_newest_counts() {
    let received = |day, units| {
        let mut row = part("f", 1, vec![line("mug", units, 500, 0, 0)]);
        row.meta.received_at = at(day);
        row
    };
    for rows in [[received(3, 1), received(4, 2)], [received(4, 2), received(3, 1)]] {
        assert_eq!(measured(&posted(&rows)).gross_sales, 1000 * CENT);
    }
}

#[test]
fn parts_that_do_not_add_up_are_refused_by_order() {
    let refused = |rows: &[OrderVersion]| post(&group(rows, &[]).0[0]).expect_err("refused");
    let huge = |number| OrderVersion { total_micros: i64::MAX, ..part("f", number, Vec::new()) };
    let error = refused(&[huge(1), huge(2)]);
    assert!(matches!(error, ReconcileError::LooseParts { .. }));
    assert!(error.to_string().starts_with("order \"shop/1\" stands in loose parts, expected"), "{error}");
    let usd = OrderVersion { currency: currency("USD"), ..part("f", 2, Vec::new()) };
    assert!(refused(&[part("f", 1, Vec::new()), usd]).to_string().contains("two currencies are never added"));
    let loose = part("f", 1, Vec::new());
    let documents = OrderDocuments { versions: vec![(&loose).into()], refunds: Vec::new() };
    assert!(matches!(post(&documents), Err(ReconcileError::LooseParts { .. })), "they did not go through group");
}

#[test]
fn the_newest_version_can_be_asked_for_what_it_says() {
    let whole = version(1, vec![line("mug", 1, 500, 0, 0)], 500);
    let rows = [whole, OrderVersion { name: "later".to_owned(), ..part("f", 1, Vec::new()) }];
    let (orders, _) = group(&rows, &[]);
    let newest = orders[0].versions.iter().max_by_key(|v| (v.updated_at, v.triggered_at, &v.content_hash));
    assert_eq!(newest.map(|version| version.name.clone()).as_deref(), Some("later"));
}

proptest! {
    #[test]
    fn arrival_never_shows_and_all_lines_are_there(
        rows in prop::collection::vec((0..4_i64, -3..4_i64, 1..500_i64), 1..9),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        seed in any::<prop::sample::Index>(),
    ) {
        let parts: Vec<OrderVersion> = (0..).zip(&rows).map(|(number, &(id, units, price))| {
            part("f", number, vec![line(&id.to_string(), units, price, 0, 0)])
        }).collect();
        let expected = posted(&parts);
        let sold: i64 = rows.iter().filter(|row| row.1 > 0).map(|row| row.1 * row.2).sum();
        let back: i64 = rows.iter().filter(|row| row.1 < 0).map(|row| row.1 * row.2).sum();
        prop_assert_eq!((of_kind(&expected, EntryKind::Sale), of_kind(&expected, EntryKind::RefundSale)), (sold, back));
        prop_assert_eq!(of_kind(&expected, EntryKind::Unfooted), 0);
        let mut arrived = parts.clone();
        arrived.extend(picks.iter().map(|pick| parts[pick.index(parts.len())].clone()));
        let turn = seed.index(arrived.len());
        arrived.rotate_left(turn);
        arrived.reverse();
        prop_assert_eq!(posted(&arrived), expected);
    }
}

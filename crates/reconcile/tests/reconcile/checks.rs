//! The checkers name what is false: each is handed falsified answers that it must catch.

use reconcile::{
    BridgeOrder, EntryKind, HouseCredit, LedgerEntry, PostedOrder, Statement, TieOutCell, Violation, checks,
};

use crate::bridge::{World, order};
use crate::claims::claim;
use crate::shop::{CENT, currency, line, order_5001, posted, refund, refund_line, version};

/// What the checker says of an answer once `falsify` has had its hand in it.
fn caught<T: Clone>(answer: &T, check: impl Fn(&T) -> Vec<Violation>, falsify: impl Fn(&mut T)) -> String {
    assert_eq!(check(answer), Vec::new(), "the true answer is accepted");
    let mut falsified = answer.clone();
    falsify(&mut falsified);
    check(&falsified).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn edited_order() -> PostedOrder {
    let whole = refund_line("mug", 2, Some(8000), Some(1277));
    let refund = model::Refund { lines: vec![whole], ..refund("r", 5) };
    let edited = version(4, vec![line("mug", 2, 5000, 2000, 1277), line("jug", 1, 900, 0, 0)], 10200);
    posted(&[order_5001(), edited], &[refund])
}

fn entry(order: &mut PostedOrder, kind: EntryKind) -> &mut LedgerEntry {
    order.entries.iter_mut().find(|entry| entry.kind == kind).expect("the order has one")
}

#[test]
fn footing_names_the_version_whose_entries_are_not_its_total() {
    let caught = |falsify: fn(&mut PostedOrder)| caught(&edited_order(), checks::footing, falsify);
    let found = caught(|order| entry(order, EntryKind::Sale).micros += CENT);
    assert!(found.starts_with("L6: order \"shop/1\", version/86400000/"), "{found}");
    assert!(found.contains("sale-side entries are 85.01, expected 85.00"), "{found}");
    let found = caught(|order| order.entries.retain(|entry| entry.line_id.as_deref() != Some("jug")));
    assert!(found.contains("version/345600000/") && found.contains("are 93.00, expected 102.00"), "{found}");
    let found = caught(|order| order.footing[1].gap_micros = 0);
    assert!(found.contains("unfooted entries are 0.23, expected 0.00"), "{found}");
    let found = caught(|order| entry(order, EntryKind::Shipping).document = "version/0/forged".to_owned());
    assert!(found.contains("version/0/forged: entries of a version that is in no footing are 4.20"), "{found}");
    let found = caught(|order| drop(order.footing.remove(0)));
    assert!(found.contains("in no footing"), "{found}");
}

#[test]
fn closure_names_the_line_that_does_not_add_up() {
    let shared = BridgeOrder { net_revenue_micros: 9000 * CENT, ..order("1") };
    let mut house_credits = shared.house_credits.clone();
    house_credits[0].value_micros = 9000 * CENT;
    let email = HouseCredit { to: "email".to_owned(), this_platform: false, ..house_credits[0].clone() };
    house_credits[0].count_micros = 0;
    house_credits[0].value_micros = 0;
    house_credits.push(email);
    let world = World::new(vec![claim("pull", 12, 10000 * CENT)], vec![BridgeOrder { house_credits, ..shared }]);
    let caught = |falsify: fn(&mut Statement)| caught(&world.statement(), checks::closure, falsify);
    let found = caught(|statement| statement.lines[4].value_micros += CENT);
    assert_eq!(found, "L5: statement \"google_ads/1\": values of lines 0 to 15 less line 16 are 0.01, expected 0.00");
    let found = caught(|statement| statement.lines[16].count_micros += 1);
    assert!(found.contains("counts of lines 0 to 15 less line 16 are -0.000001"), "{found}");
    let found = caught(|statement| drop(statement.moves.pop()));
    assert!(found.contains("line 15 (shared credit): values of its orders are 0.00, expected -90.00"), "{found}");
    let found = caught(|statement| {
        statement.lines[5].value_micros += CENT;
        statement.lines[6].value_micros -= CENT;
    });
    assert!(found.contains("line 5 (repeat counting)") && found.contains("line 6 (browser"), "{found}");
    let found = caught(|statement| statement.moves[0].line = 4);
    assert!(found.contains("line 4: moves orders, expected a line from 5 to 15"), "{found}");
    let found = caught(|statement| drop(statement.lines.remove(1)));
    assert!(found.contains("expected 0 to 16 in order"), "{found}");
}

#[test]
fn tie_out_names_the_cell_whose_sides_differ() {
    let cell = |cell: &str| TieOutCell {
        cell: cell.to_owned(),
        currency: currency("EUR"),
        counted_micros: 700,
        excluded_micros: 200,
        unassigned_micros: -100,
        ledger_micros: 800,
    };
    let cells = vec![cell("2026-01-05 order_date"), cell("2026-01-06 order_date")];
    let caught = |falsify: fn(&mut Vec<TieOutCell>)| caught(&cells, |cells| checks::tie_out(cells), falsify);
    let expected = "are 0.0007, expected 0.0008";
    let found = caught(|cells| cells[1].excluded_micros -= 100);
    assert_eq!(found, format!("L3: 2026-01-06 order_date EUR: counted + excluded + unassigned {expected}"));
    assert!(caught(|cells| cells[0].unassigned_micros = -200).contains("2026-01-05"));
    assert!(caught(|cells| cells[0].counted_micros = 701).contains("0.000801, expected 0.0008"));
    assert!(caught(|cells| cells[1].ledger_micros = 0).contains("expected 0.00"));
}

#[test]
fn double_entry_names_the_order_whose_credits_are_not_its_value() {
    let truth = (8500 * CENT, vec![4000 * CENT, 4500 * CENT], 0);
    let check = |(value, credits, unattributed): &(i64, Vec<i64>, i64)| {
        checks::double_entry("shop/1", *value, credits, *unattributed)
    };
    let caught = |falsify: fn(&mut (i64, Vec<i64>, i64))| caught(&truth, check, falsify);
    let found = caught(|truth| truth.1.truncate(1));
    assert_eq!(found, "L4: order \"shop/1\": credits + unattributed are 40.00, expected 85.00");
    assert!(caught(|truth| truth.2 = 1).contains("85.000001"));
    assert!(caught(|truth| truth.0 = -truth.0).contains("expected -85.00"));
    assert!(caught(|truth| truth.1[0] += CENT).contains("85.01"));
}

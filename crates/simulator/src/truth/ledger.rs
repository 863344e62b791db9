//! The money of each order, from its clean amounts: ex tax, at placement and as known at the end.

use super::assignment::Assigned;
use super::persons::Persons;
use super::sessions::Cut;
use super::{AssignmentTruth, OrderTruth};
use crate::cents::{Cents, share_half_even};
use crate::orders::{Line, Order, Refund};
use crate::scene::Scene;

/// A change of net revenue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) at_ms: i64,
    pub(super) net: Cents,
}

/// Every change of an order's net revenue on its own date. A cancellation takes back what all refunds leave.
pub(super) fn changes(order: &Order) -> Vec<Change> {
    let placed: i64 = order.lines.iter().map(|line| net(order, line)).sum();
    let mut changes = vec![Change { at_ms: order.placed_ms(), net: Cents(placed) }];
    for refund in &order.refunds {
        changes.push(Change { at_ms: refund.at_s * 1000, net: Cents(-given_back(order, refund)) });
    }
    if let Some(cancelled_s) = order.cancelled_s {
        let left: i64 = changes.iter().map(|change| change.net.0).sum();
        changes.push(Change { at_ms: cancelled_s * 1000, net: Cents(-left) });
    }
    changes
}

/// One truth for each order of the scene, in the scene's order.
pub(super) fn orders(scene: &Scene, persons: &Persons, cut: &Cut, assigned: &[Assigned]) -> Vec<OrderTruth> {
    let indexed = (0_u32..).zip(&scene.orders).zip(assigned);
    indexed.map(|((index, order), assigned)| describe(order, persons.of_order(index), place(cut, *assigned))).collect()
}

/// By (shop, order id).
pub(super) fn sorted(mut orders: Vec<OrderTruth>) -> Vec<OrderTruth> {
    orders.sort_by(|a, b| (&a.shop, &a.order_id).cmp(&(&b.shop, &b.order_id)));
    orders
}

fn describe(order: &Order, person: u32, assignment: AssignmentTruth) -> OrderTruth {
    let totals = order.totals();
    let net_placed: i64 = order.lines.iter().map(|line| net(order, line)).sum();
    let gross: i64 = order.lines.iter().map(|line| gross_sales(order, line)).sum();
    let refunded: i64 = order.refunds.iter().map(|refund| given_back(order, refund)).sum();
    let shipping = totals.shipping.0 - if order.shop().taxes_included { order.shipping_tax.0 } else { 0 };
    OrderTruth {
        shop: order.shop().source.to_owned(),
        order_id: order.id.to_string(),
        currency: order.shop().currency.to_owned(),
        placed_at_ms: order.placed_ms(),
        test: order.placement.test,
        cancelled: order.cancelled_s.is_some(),
        cancelled_at_ms: order.cancelled_s.map(|at_s| at_s * 1000),
        person,
        gross_sales_micros: Cents(gross).micros(),
        discount_micros: Cents(net_placed - gross).micros(),
        shipping_micros: Cents(shipping).micros(),
        tax_micros: totals.tax.micros(),
        total_micros: totals.total.micros(),
        refunded_micros: Cents(-refunded).micros(),
        net_revenue_micros: changes(order).iter().map(|change| change.net.micros()).sum(),
        assignment,
    }
}

fn place(cut: &Cut, assigned: Assigned) -> AssignmentTruth {
    match assigned {
        Assigned::Unassigned(reason) => AssignmentTruth::Unassigned(reason.to_owned()),
        Assigned::Session { session, rule } => {
            let session = cut.sessions.get(session).expect("orders are assigned to sessions that were cut");
            let (source, anonymous_id) = (session.source.clone(), session.anonymous_id.clone());
            AssignmentTruth::Session { source, anonymous_id, start_ms: session.start_ms, rule }
        }
    }
}

/// A line after discounts, ex tax.
fn net(order: &Order, line: &Line) -> i64 {
    line.after_discount().0 - if order.shop().taxes_included { line.tax.0 } else { 0 }
}

/// A line before discounts, ex tax: where prices contain the tax, at the ratio of the discounted line.
fn gross_sales(order: &Order, line: &Line) -> i64 {
    if order.shop().taxes_included {
        share_half_even(line.gross().0, net(order, line), line.after_discount().0)
    } else {
        line.gross().0
    }
}

/// What a refund takes from net revenue, as a positive amount.
fn given_back(order: &Order, refund: &Refund) -> i64 {
    let included = order.shop().taxes_included;
    refund.lines.iter().map(|line| line.subtotal.0 - if included { line.tax.0 } else { 0 }).sum()
}

//! Sums by week, by month and by shop.

use super::assignment::Assigned;
use super::ledger::changes;
use super::sessions::Cut;
use super::{MonthTruth, OrderTruth, ShopTruth, WeekTruth};
use crate::scene::Scene;
use crate::shops::{REPORTING_ZONE, SHOPS, zone};
use crate::world::day_in;
use jiff::Span;
use jiff::civil::Date;
use std::collections::BTreeMap;

/// Rows by (week, currency).
struct Weeks(BTreeMap<(Date, String), WeekTruth>);

impl Weeks {
    fn at(&mut self, on: Date, currency: &str) -> &mut WeekTruth {
        let week = monday(on);
        self.0.entry((week, currency.to_owned())).or_insert_with(|| WeekTruth {
            week,
            currency: currency.to_owned(),
            sessions: 0,
            sessions_excluded: 0,
            sessions_converted: 0,
            orders: 0,
            net_revenue_micros: 0,
            excluded_net_revenue_micros: 0,
            unassigned_orders: 0,
            unassigned_net_revenue_micros: 0,
        })
    }
}

/// Revenue per session by week. `orders` stand in the scene's order, like `assigned`.
pub(super) fn weeks(scene: &Scene, cut: &Cut, assigned: &[Assigned], orders: &[OrderTruth]) -> Vec<WeekTruth> {
    debug_assert_eq!(scene.orders.len(), orders.len());
    let zone = zone(REPORTING_ZONE);
    let mut weeks = Weeks(BTreeMap::new());
    let mut converted = vec![false; cut.sessions.len()];
    for (order, assigned) in orders.iter().zip(assigned).filter(|(order, _)| !order.test) {
        let counted = u64::from(!order.cancelled);
        if let Some((index, session)) = assigned.session().and_then(|i| cut.sessions.get(i).map(|found| (i, found))) {
            let row = weeks.at(day_in(&zone, session.start_ms), &order.currency);
            if session.bot {
                row.excluded_net_revenue_micros += order.net_revenue_micros;
            } else {
                row.net_revenue_micros += order.net_revenue_micros;
                row.orders += counted;
                if let Some(flag) = converted.get_mut(index).filter(|_| !order.cancelled) {
                    *flag = true;
                }
            }
        } else {
            let row = weeks.at(day_in(&zone, order.placed_at_ms), &order.currency);
            row.unassigned_net_revenue_micros += order.net_revenue_micros;
            row.unassigned_orders += counted;
        }
    }
    for (session, converted) in cut.sessions.iter().zip(converted) {
        let row = weeks.at(day_in(&zone, session.start_ms), currency_of(&session.source));
        row.sessions += u64::from(!session.bot);
        row.sessions_excluded += u64::from(session.bot);
        row.sessions_converted += u64::from(converted);
    }
    weeks.0.into_values().collect()
}

/// The ledger's net revenue by month, straight from the clean orders.
pub(super) fn months(scene: &Scene) -> Vec<MonthTruth> {
    let zone = zone(REPORTING_ZONE);
    let mut months: BTreeMap<(Date, &str), (i64, i64)> = BTreeMap::new();
    for order in scene.orders.iter().filter(|order| !order.placement.test) {
        let placed = day_in(&zone, order.placed_ms()).first_of_month();
        for change in changes(order) {
            let entered = day_in(&zone, change.at_ms).first_of_month();
            months.entry((placed, order.shop().currency)).or_default().0 += change.net.micros();
            months.entry((entered, order.shop().currency)).or_default().1 += change.net.micros();
        }
    }
    let row = |((month, currency), (by_order_date_micros, by_entry_date_micros)): ((Date, &str), (i64, i64))| {
        MonthTruth { month, currency: currency.to_owned(), by_order_date_micros, by_entry_date_micros }
    };
    months.into_iter().map(row).collect()
}

/// Sums by shop.
pub(super) fn shops(orders: &[OrderTruth]) -> Vec<ShopTruth> {
    let sum = |shop: &crate::shops::Shop| {
        let mut sums =
            ShopTruth { shop: shop.source.to_owned(), currency: shop.currency.to_owned(), ..ShopTruth::default() };
        for order in orders.iter().filter(|order| order.shop == shop.source) {
            if order.test {
                sums.orders_test += 1;
                continue;
            }
            sums.orders += 1;
            sums.orders_cancelled += u64::from(order.cancelled);
            sums.total_micros += order.total_micros;
            sums.net_revenue_micros += order.net_revenue_micros;
            sums.refunded_micros += order.refunded_micros;
        }
        sums
    };
    SHOPS.iter().map(sum).collect()
}

fn monday(on: Date) -> Date {
    on.saturating_sub(Span::new().days(i64::from(on.weekday().to_monday_zero_offset())))
}

fn currency_of(web_source: &str) -> &'static str {
    let shop = SHOPS.iter().find(|shop| shop.web_source == web_source);
    shop.expect("sessions are of the shops' web sources").currency
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_week_starts_on_monday() {
        assert_eq!(monday(date(2026, 1, 1)), date(2025, 12, 29));
        assert_eq!(monday(date(2026, 1, 5)), date(2026, 1, 5));
        assert_eq!(monday(date(2026, 1, 11)), date(2026, 1, 5));
    }
}

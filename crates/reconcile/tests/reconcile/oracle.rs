//! Generated orders against a naive oracle that counts in cents, knows the clean numbers and shares no code.

use std::collections::BTreeMap;

use model::{OrderVersion, Refund, TaxLine};
use proptest::prelude::*;
use reconcile::{EntryKind, PostedOrder, checks};

use crate::shop::{
    CENT, at, line, measured, of_kind, posted, refund, refund_line, sealed, shipping, transaction, version,
};

/// What the generator draws: cents, percent.
#[derive(Debug, Clone)]
struct Plan {
    inclusive: bool,
    /// Units, unit price, percent off, tax percent.
    lines: Vec<(i64, i64, i64, i64)>,
    shipping: i64,
    /// Units of the first line after an edit on day 2; 0 removes it.
    edit: Option<i64>,
    /// Line, units, paid back.
    refunds: Vec<(usize, i64, bool)>,
    cancelled: bool,
}

/// What one line comes to, in cents.
#[derive(Debug, Clone, Copy)]
struct Clean {
    units: i64,
    price: i64,
    off: i64,
    rate: i64,
    tax: i64,
}

#[derive(Debug, Default)]
struct Truth {
    by_day: BTreeMap<i64, i64>,
    gross: i64,
    net_revenue: i64,
    total: i64,
}

fn plan() -> impl Strategy<Value = Plan> {
    let line =
        (1..5_i64, 1..9000_i64, prop_oneof![Just(0), Just(100), 0..100_i64], prop_oneof![Just(0), Just(7), Just(19)]);
    let refunds = prop::collection::vec((0..3_usize, 1..4_i64, any::<bool>()), 0..5);
    let head = (any::<bool>(), prop::collection::vec(line, 1..4), 0..600_i64);
    (head, prop::option::of(0..5_i64), refunds, prop::bool::weighted(0.2)).prop_map(
        |((inclusive, lines, shipping), edit, refunds, cancelled)| Plan {
            inclusive,
            lines,
            shipping,
            edit,
            refunds,
            cancelled,
        },
    )
}

impl Plan {
    fn clean(&self, edited: bool) -> Vec<Clean> {
        let clean = |(i, &(units, price, percent, rate)): (usize, &(i64, i64, i64, i64))| {
            let units = if edited && i == 0 { self.edit.unwrap_or(units) } else { units };
            let off = units * price * percent / 100;
            let left = units * price - off;
            let tax = if self.inclusive { left * rate / (100 + rate) } else { left * rate / 100 };
            Clean { units, price, off, rate, tax }
        };
        self.lines.iter().enumerate().map(clean).filter(|line| line.units > 0).collect()
    }

    fn document(&self, edited: bool) -> OrderVersion {
        let clean = self.clean(edited);
        let total = clean.iter().map(|line| line.charged(self.inclusive)).sum::<i64>() + self.shipping;
        let lines = clean.iter().map(|clean| {
            let mut line = line(&clean.price.to_string(), clean.units, clean.price, clean.off, 0);
            line.taxes = vec![TaxLine { micros: clean.tax * CENT, rate_ppm: clean.rate * 10_000 }];
            line
        });
        sealed(OrderVersion {
            taxes_included: self.inclusive,
            cancelled_at: self.cancelled.then(|| at(30)),
            shipping: vec![shipping(self.shipping, 0, 0)],
            ..version(if edited { 2 } else { 1 }, lines.collect(), total)
        })
    }

    /// Refund documents, and with them the day, the amount and the part of it that is tax.
    fn refunds(&self) -> (Vec<Refund>, Vec<(i64, i64, i64)>) {
        let clean = self.clean(self.edit.is_some());
        let mut left: Vec<i64> = clean.iter().map(|line| line.units).collect();
        let (mut documents, mut amounts) = (Vec::new(), Vec::new());
        for (day, &(i, wanted, paid)) in (10..).zip(&self.refunds) {
            let Some((line, left)) = clean.get(i).zip(left.get_mut(i)) else { continue };
            let units = wanted.min(*left);
            let whole = units == line.units;
            *left -= units;
            let discounted = line.units * line.price - line.off;
            let subtotal = if whole { discounted } else { discounted * units / line.units };
            let tax = if whole { line.tax } else { line.tax * units / line.units };
            let amount = if self.inclusive { subtotal } else { subtotal + tax };
            let mut document = refund(&day.to_string(), day);
            document.lines = vec![refund_line(&line.price.to_string(), units, Some(subtotal), Some(tax))];
            if paid {
                document.transactions = vec![transaction(&format!("t{day}"), "refund", "success", amount, day)];
            }
            documents.push(document);
            amounts.push((day, amount, tax));
        }
        (documents, amounts)
    }

    fn truth(&self, refunds: &[(i64, i64, i64)]) -> Truth {
        let lines = self.clean(self.edit.is_some());
        let charged = |lines: &[Clean]| lines.iter().map(|l| l.charged(self.inclusive)).sum::<i64>() + self.shipping;
        let (first, last) = (charged(&self.clean(false)), charged(&lines));
        let mut truth = Truth { total: last, ..Truth::default() };
        truth.by_day.insert(1, first);
        truth.by_day.insert(2, last - first);
        truth.gross = lines.iter().map(|line| line.gross(self.inclusive)).sum();
        truth.net_revenue = lines.iter().map(|line| line.charged(self.inclusive) - line.tax).sum();
        for (day, amount, tax) in refunds {
            truth.by_day.insert(*day, -amount);
            truth.total -= amount;
            truth.net_revenue -= amount - tax;
        }
        let refunded = refunds.iter().any(|(_, amount, _)| *amount != 0);
        if self.cancelled {
            truth.by_day.insert(30, -truth.total);
        }
        if self.cancelled || truth.total == 0 && refunded {
            (truth.total, truth.net_revenue) = (0, 0);
        }
        truth.by_day.retain(|_, cents| *cents != 0);
        truth
    }
}

impl Clean {
    fn charged(&self, inclusive: bool) -> i64 {
        self.units * self.price - self.off + if inclusive { 0 } else { self.tax }
    }

    /// Sale ex tax, to the nearest cent and to the even one of two as near.
    fn gross(&self, inclusive: bool) -> i64 {
        let price = self.units * self.price;
        let (numerator, denominator) = match inclusive {
            false => (price, 1),
            true if 2 * self.off > price => (100 * price, 100 + self.rate),
            true => (price * (price - self.off - self.tax), price - self.off),
        };
        let below = numerator / denominator;
        let distance = |cents: i64| (numerator - cents * denominator).abs();
        match distance(below).cmp(&distance(below + 1)) {
            std::cmp::Ordering::Less => below,
            std::cmp::Ordering::Greater => below + 1,
            std::cmp::Ordering::Equal => below + below % 2,
        }
    }
}

fn by_day(order: &PostedOrder) -> BTreeMap<i64, i64> {
    let mut days = BTreeMap::new();
    for entry in &order.entries {
        *days.entry(entry.occurred_at.0 / at(1).0).or_default() += entry.micros / CENT;
    }
    days.retain(|_, cents| *cents != 0);
    days
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_ledger_agrees_with_clean_numbers_and_foots(plan in plan()) {
        // Equal prices would be equal line ids.
        let prices: std::collections::BTreeSet<i64> = plan.lines.iter().map(|line| line.1).collect();
        prop_assume!(prices.len() == plan.lines.len());
        let mut versions = vec![plan.document(false)];
        versions.extend(plan.edit.map(|_| plan.document(true)));
        let (refunds, amounts) = plan.refunds();
        let order = posted(&versions, &refunds);
        let truth = plan.truth(&amounts);
        let sums = measured(&order);
        prop_assert_eq!(by_day(&order), truth.by_day);
        prop_assert_eq!(of_kind(&order, EntryKind::Sale), truth.gross);
        prop_assert_eq!((sums.net_revenue, sums.total), (truth.net_revenue * CENT, truth.total * CENT));
        prop_assert_eq!(of_kind(&order, EntryKind::Unfooted), 0);
        prop_assert_eq!(checks::footing(&order), Vec::new());
        let ids: std::collections::BTreeSet<_> = order.entries.iter().map(|entry| &entry.entry_id).collect();
        prop_assert_eq!(ids.len(), order.entries.len(), "ids are unique");
    }
}

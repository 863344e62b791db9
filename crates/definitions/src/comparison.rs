//! Two conversion definitions side by side: what each counts alone and both together, order by order, closing.
//!
//! A unit (an order, a lead) is one conversion, whatever its rows: it falls on the day of the first, belongs to the
//! session and person of the first, and is worth what all add up to. Which units count once is decided over all time, so
//! that asking a shorter span never turns a second conversion into a first.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use model::UtcMillis;

/// One row that a definition counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConversionRow {
    /// When it falls; none: on no day, so it cannot count.
    pub at: Option<UtcMillis>,
    /// What names the order; none: it cannot be told from others, so it cannot count.
    pub unit: Option<String>,
    /// Currency of the value; none for counts.
    pub currency: Option<String>,
    /// The session or person that counts once; none: the unit counts by itself.
    pub once_for: Option<String>,
    /// What the row adds, in micros.
    pub value_micros: i64,
}

/// What names a conversion: its unit and its currency, since amounts of different currencies are never compared.
pub type ConversionKey = (String, Option<String>);

/// One conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountedUnit {
    /// When its first row falls.
    pub at: UtcMillis,
    /// What its rows add up to, in micros.
    pub value_micros: i128,
}

/// Everything that one definition counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// Conversions by unit and currency.
    pub units: BTreeMap<ConversionKey, CountedUnit>,
    /// Rows without a unit or an instant, which cannot count.
    pub left_out: usize,
}

/// One conversion by both definitions; at least one of them counts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// What names the order.
    pub unit: String,
    /// Currency of the values.
    pub currency: Option<String>,
    /// As the first definition counts it.
    pub a: Option<CountedUnit>,
    /// As the second definition counts it.
    pub b: Option<CountedUnit>,
}

/// One line of the walk from the first definition's total to the second's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparedLine {
    /// Currency of the value.
    pub currency: Option<String>,
    /// Number of the line, `1..=5`: the first and the last are totals, the others lead from one to the other.
    pub number: i64,
    /// What the line says.
    pub label: &'static str,
    /// Conversions, signed.
    pub orders: i64,
    /// Their value in micros, signed.
    pub value_micros: i128,
    /// Conversions of this currency that both definitions count.
    pub both: i64,
}

impl Counted {
    /// Counts rows, whatever their order, and keeps the conversions that fall within `span`.
    #[must_use]
    pub fn of(mut rows: Vec<ConversionRow>, span: &Range<UtcMillis>) -> Self {
        let all = rows.len();
        rows.sort();
        let mut units: BTreeMap<ConversionKey, (CountedUnit, Option<String>)> = BTreeMap::new();
        let mut counting = 0;
        for row in rows {
            let (Some(at), Some(unit)) = (row.at, row.unit) else { continue };
            counting += 1;
            let first = (CountedUnit { at, value_micros: 0 }, row.once_for);
            let (unit, _) = units.entry((unit, row.currency)).or_insert(first);
            unit.value_micros += i128::from(row.value_micros);
        }
        let mut by_instant: Vec<_> = units.into_iter().collect();
        by_instant.sort_by(|(a_key, (a, _)), (b_key, (b, _))| (a.at, a_key).cmp(&(b.at, b_key)));
        let mut met = BTreeSet::new();
        by_instant.retain(|(_, (_, once_for))| once_for.as_ref().is_none_or(|once_for| met.insert(once_for.clone())));
        let within = by_instant.into_iter().filter(|(_, (unit, _))| span.contains(&unit.at));
        Self { units: within.map(|(key, (unit, _))| (key, unit)).collect(), left_out: all - counting }
    }
}

/// Every conversion that one of the two counts, by unit and currency.
#[must_use]
pub fn compare(a: &Counted, b: &Counted) -> Vec<Compared> {
    let keys: BTreeSet<&ConversionKey> = a.units.keys().chain(b.units.keys()).collect();
    keys.into_iter()
        .map(|key| Compared {
            unit: key.0.clone(),
            currency: key.1.clone(),
            a: a.units.get(key).copied(),
            b: b.units.get(key).copied(),
        })
        .collect()
}

/// The five lines of every currency: `a total`, `only a` (negative), `valued differently` (of the orders that both
/// count: what the second says less what the first says), `only b`, `b total`. The totals are what each definition
/// counts by itself, so that the lines between them can be checked against them.
#[must_use]
pub fn lines(a: &Counted, b: &Counted) -> Vec<ComparedLine> {
    let orders = compare(a, b);
    let currencies: BTreeSet<&Option<String>> = orders.iter().map(|order| &order.currency).collect();
    let mut lines = Vec::new();
    for currency in currencies {
        let [only_a, differently, only_b, both] = walk(orders.iter().filter(|order| order.currency == *currency));
        let told = [
            ("a total", total(a, currency)),
            ("only a", only_a),
            ("valued differently", differently),
            ("only b", only_b),
            ("b total", total(b, currency)),
        ];
        lines.extend(told.into_iter().zip(1..).map(|((label, (orders, value_micros)), number)| ComparedLine {
            currency: currency.clone(),
            number,
            label,
            orders,
            value_micros,
            both: both.0,
        }));
    }
    lines
}

/// Conversions and value of the lines between the totals; last, what both count.
fn walk<'a>(orders: impl Iterator<Item = &'a Compared>) -> [(i64, i128); 4] {
    let mut walk = [(0, 0); 4];
    let [only_a, differently, only_b, both] = &mut walk;
    for order in orders {
        match (order.a, order.b) {
            (Some(a), Some(b)) => {
                differently.1 += b.value_micros - a.value_micros;
                *both = (both.0 + 1, both.1 + b.value_micros);
            }
            (Some(a), None) => *only_a = (only_a.0 - 1, only_a.1 - a.value_micros),
            (None, Some(b)) => *only_b = (only_b.0 + 1, only_b.1 + b.value_micros),
            (None, None) => {}
        }
    }
    walk
}

/// Law L5: in each currency the first four lines add up to the fifth.
#[must_use]
pub fn closes(lines: &[ComparedLine]) -> bool {
    let mut left: BTreeMap<&Option<String>, (i64, i128)> = BTreeMap::new();
    for line in lines {
        let sign = if line.label == "b total" { -1 } else { 1 };
        let rest = left.entry(&line.currency).or_default();
        *rest = (rest.0 + sign * line.orders, rest.1 + i128::from(sign) * line.value_micros);
    }
    left.values().all(|rest| *rest == (0, 0))
}

fn total(counted: &Counted, currency: &Option<String>) -> (i64, i128) {
    let of_currency = counted.units.iter().filter(|((_, of), _)| of == currency);
    of_currency.fold((0, 0), |(orders, value), (_, unit)| (orders + 1, value + unit.value_micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALWAYS: Range<UtcMillis> = UtcMillis(i64::MIN)..UtcMillis(i64::MAX);

    fn row(at: i64, unit: &str, once_for: Option<&str>, value_micros: i64) -> ConversionRow {
        ConversionRow {
            at: Some(UtcMillis(at)),
            unit: Some(unit.to_owned()),
            currency: Some("EUR".to_owned()),
            once_for: once_for.map(str::to_owned),
            value_micros,
        }
    }

    fn units(counted: &Counted) -> Vec<(&str, i64, i128)> {
        counted.units.iter().map(|((name, _), unit)| (name.as_str(), unit.at.0, unit.value_micros)).collect()
    }

    #[test]
    fn rows_of_one_unit_are_one_conversion_on_the_first_day() {
        let rows = vec![row(5, "o1", None, -2), row(3, "o1", None, 10), row(4, "o2", None, 1)];
        assert_eq!(units(&Counted::of(rows.clone(), &ALWAYS)), [("o1", 3, 8), ("o2", 4, 1)]);
        let later = Counted::of(rows, &(UtcMillis(4)..UtcMillis(9)));
        assert_eq!(units(&later), [("o2", 4, 1)], "o1 belongs to its first day, whatever its later rows");
    }

    #[test]
    fn a_visitor_counts_once_over_all_time_and_unknown_visitors_by_themselves() {
        let rows = vec![
            row(2, "o2", Some("ann"), 1),
            row(1, "o1", Some("ann"), 1),
            row(3, "o3", None, 1),
            row(4, "o4", None, 1),
        ];
        assert_eq!(units(&Counted::of(rows.clone(), &ALWAYS)), [("o1", 1, 1), ("o3", 3, 1), ("o4", 4, 1)]);
        assert!(units(&Counted::of(rows, &(UtcMillis(2)..UtcMillis(3)))).is_empty(), "o2 is ann's second order");
    }

    #[test]
    fn rows_without_a_unit_or_an_instant_are_left_out_and_numbered() {
        let nameless = ConversionRow { unit: None, ..row(1, "", None, 7) };
        let dayless = ConversionRow { at: None, ..row(1, "o1", None, 7) };
        assert_eq!(Counted::of(vec![nameless, dayless], &ALWAYS), Counted { left_out: 2, ..Counted::default() });
    }

    #[test]
    fn the_lines_say_what_each_counts_alone_and_both_value_differently() {
        let a = Counted::of(vec![row(1, "o1", None, 10), row(1, "o2", None, 5)], &ALWAYS);
        let b = Counted::of(vec![row(9, "o1", None, 12), row(1, "o3", None, 1)], &ALWAYS);
        let lines = lines(&a, &b);
        let told: Vec<_> = lines.iter().map(|line| (line.label, line.orders, line.value_micros, line.both)).collect();
        let expected = [
            ("a total", 2, 15, 1),
            ("only a", -1, -5, 1),
            ("valued differently", 0, 2, 1),
            ("only b", 1, 1, 1),
            ("b total", 2, 13, 1),
        ];
        assert_eq!(told, expected);
        assert!(closes(&lines));
    }

    #[test]
    fn one_order_in_two_currencies_is_only_in_each() {
        let dollars = ConversionRow { currency: Some("USD".to_owned()), ..row(1, "o1", None, 10) };
        let (a, b) = (Counted::of(vec![row(1, "o1", None, 10)], &ALWAYS), Counted::of(vec![dollars], &ALWAYS));
        assert!(compare(&a, &b).iter().all(|order| order.a.is_none() != order.b.is_none()));
        assert_eq!(lines(&a, &b).len(), 10);
    }

    /// Small worlds, all different, by a counter that is read digit by digit.
    fn world(mut seed: u32) -> Vec<ConversionRow> {
        let mut digit = |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) % below
        };
        (0..digit(7))
            .map(|_| ConversionRow {
                at: Some(digit(6)).filter(|at| *at > 0).map(|at| UtcMillis(i64::from(at))),
                unit: Some(digit(5)).filter(|unit| *unit > 0).map(|unit| unit.to_string()),
                currency: Some(digit(3)).filter(|code| *code > 0).map(|code| code.to_string()),
                once_for: Some(digit(3)).filter(|who| *who > 0).map(|who| who.to_string()),
                value_micros: i64::from(digit(9)) - 4,
            })
            .collect()
    }

    #[test]
    fn every_comparison_closes_whatever_the_order_of_rows_and_a_forged_line_does_not() {
        let span = UtcMillis(1)..UtcMillis(4);
        let mut told = 0;
        for seed in 0..3000 {
            let (rows, others) = (world(seed), world(seed + 7919));
            let (a, b) = (Counted::of(rows.clone(), &span), Counted::of(others, &span));
            let reversed = Counted::of(rows.into_iter().rev().collect(), &span);
            assert_eq!(a, reversed);
            let lines = lines(&a, &b);
            assert!(closes(&lines), "{a:?} {b:?}");
            told += usize::from(!lines.is_empty());
            for forged in 0..lines.len() {
                let mut lines = lines.clone();
                lines[forged].value_micros += 1;
                assert!(!closes(&lines));
            }
        }
        assert!(told > 1000, "most worlds have something to compare");
    }
}

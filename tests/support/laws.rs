//! The laws of `docs/semantics.md` as functions on answers. Each is tested with falsified answers that it must name.

use std::collections::{BTreeMap, BTreeSet};

use query::derived::{CreditRow, OrderRow};
use reconcile::checks;

use crate::house::House;

/// L1: two runs over the same records gave the same answers. Names the tables that differ.
#[must_use]
pub fn same_answers(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Vec<String> {
    let differ = a.iter().filter(|(table, hash)| b.get(*table) != Some(*hash)).map(|(table, _)| table);
    let missing = b.keys().filter(|table| !a.contains_key(*table));
    differ.chain(missing).map(|table| format!("L1: \"{table}\" differs")).collect()
}

/// L2: by source, the outcomes add up to the records in.
#[must_use]
pub fn conservation(records: &BTreeMap<String, u64>, outcomes: &BTreeMap<(String, String), u64>) -> Vec<String> {
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for ((source, _), count) in outcomes {
        *sums.entry(source).or_default() += count;
    }
    let mut violations: Vec<String> = records
        .iter()
        .filter(|(source, count)| sums.get(source.as_str()) != Some(*count))
        .map(|(source, count)| {
            let found = sums.get(source.as_str()).copied().unwrap_or(0);
            format!("L2: \"{source}\" sent {count} records, {found} have an outcome")
        })
        .collect();
    let unsent = sums.keys().filter(|source| !records.contains_key(**source));
    violations.extend(unsent.map(|source| format!("L2: \"{source}\" has outcomes and sent nothing")));
    violations
}

/// L3: one row of a revenue series by its parts, in micros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesCell {
    /// Period and currency.
    pub name: String,
    /// Counted, excluded and unassigned revenue.
    pub parts: [i128; 3],
    /// The ledger on the same basis, computed from entries.
    pub ledger: i128,
}

/// L3: counted + excluded + unassigned = the ledger, in every cell.
#[must_use]
pub fn tie_out(cells: &[SeriesCell]) -> Vec<String> {
    let off = cells.iter().filter(|cell| cell.parts.iter().sum::<i128>() != cell.ledger);
    off.map(|cell| format!("L3: {} gives {:?}, the ledger says {}", cell.name, cell.parts, cell.ledger)).collect()
}

/// L5: a bridge by (account, line): lines 0 to 15 add up to line 16, in count and in value (micros).
#[must_use]
pub fn closure(lines: &BTreeMap<(String, u8), (i128, i128)>) -> Vec<String> {
    let mut gaps: BTreeMap<&str, (i128, i128)> = BTreeMap::new();
    for ((account, line), (count, value)) in lines {
        let sign = if *line == 16 { -1 } else { 1 };
        let gap = gaps.entry(account).or_default();
        *gap = (gap.0 + sign * count, gap.1 + sign * value);
    }
    let open = gaps.into_iter().filter(|(_, gap)| *gap != (0, 0));
    open.map(|(account, gap)| format!("L5: the bridge of \"{account}\" misses by {gap:?}")).collect()
}

/// L4 and L6 of orders and their credits, by the checkers of `reconcile`.
#[must_use]
pub fn entries(orders: &[OrderRow], credits: &[CreditRow]) -> Vec<String> {
    let mut violations: Vec<String> =
        orders.iter().flat_map(|order| checks::footing(&order.posted)).map(|v| v.to_string()).collect();
    let mut split: BTreeMap<(&str, &str, &str), (Vec<i64>, i64)> = BTreeMap::new();
    for credit in credits {
        let parts = split.entry((&credit.policy, &credit.shop, &credit.order_id)).or_default();
        match credit.touch {
            Some(_) => parts.0.push(credit.value_micros),
            None => parts.1 += credit.value_micros,
        }
    }
    let policies: BTreeSet<&str> = split.keys().map(|(policy, ..)| *policy).collect();
    for order in orders.iter().filter(|order| !order.posted.test) {
        for policy in &policies {
            let name = format!("{policy}: {}/{}", order.posted.shop, order.posted.order_id);
            let key = (*policy, order.posted.shop.as_str(), order.posted.order_id.as_str());
            let (parts, unattributed) = split.get(&key).cloned().unwrap_or_default();
            let found = checks::double_entry(&name, order.measures.net_revenue, &parts, unattributed);
            violations.extend(found.into_iter().map(|violation| violation.to_string()));
        }
    }
    violations
}

/// L2 to L6 of a house.
pub async fn all(house: &House) -> Vec<String> {
    let mut violations = conservation(&records(house).await, &outcomes(house).await);
    for zone in ["Europe/Berlin", "America/New_York", "Asia/Kolkata"] {
        for grain in ["day", "week", "month", "all"] {
            violations.extend(tie_out(&series(house, zone, grain).await));
        }
    }
    for platform in ["google_ads", "meta_ads"] {
        violations.extend(closure(&bridge(house, platform).await));
    }
    let derived = house.derived().await;
    violations.extend(entries(&derived.orders, &derived.credits));
    violations
}

/// Records in the inbox by source.
pub async fn records(house: &House) -> BTreeMap<String, u64> {
    let rows = house.sql("SELECT source, count(*) FROM raw.inbox GROUP BY source").await;
    rows.into_iter().map(|row| (row[0].clone(), number(&row[1]))).collect()
}

/// Outcomes by source and outcome.
pub async fn outcomes(house: &House) -> BTreeMap<(String, String), u64> {
    let rows = house.sql("SELECT source, outcome, count(*) FROM facts.outcomes GROUP BY 1, 2").await;
    rows.into_iter().map(|row| ((row[0].clone(), row[1].clone()), number(&row[2]))).collect()
}

/// A revenue series as cells.
pub async fn series(house: &House, zone: &str, grain: &str) -> Vec<SeriesCell> {
    let sql = format!(
        "SELECT period, currency, net_revenue, excluded, unassigned, ledger \
         FROM revenue_series(grain => '{grain}', zone => '{zone}')"
    );
    let rows = house.sql(&sql).await;
    rows.into_iter()
        .map(|row| SeriesCell {
            name: format!("{grain} {} {} in {zone}", row[0], row[1]),
            parts: [micros(&row[2]), micros(&row[3]), micros(&row[4])],
            ledger: micros(&row[5]),
        })
        .collect()
}

/// A platform's bridge by account and line.
pub async fn bridge(house: &House, platform: &str) -> BTreeMap<(String, u8), (i128, i128)> {
    let rows = house.sql(&format!("SELECT account, line, count, value FROM bridge('{platform}')")).await;
    rows.into_iter()
        .map(|row| ((row[0].clone(), row[1].parse().expect("a line")), (micros(&row[2]), micros(&row[3]))))
        .collect()
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("\"{text}\" is no count"))
}

fn micros(text: &str) -> i128 {
    model::money::parse_micros(text).unwrap_or_else(|error| panic!("{error}")).into()
}

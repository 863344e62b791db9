//! The product's answers beside the simulator's truth: every difference, in words.

use std::collections::{BTreeMap, BTreeSet};

use journey::Assignment;
use model::{Node, money::format_micros};
use simulator::{AssignmentTruth, Truth};

use crate::house::House;

/// One answer by name, as texts.
pub type Answers = BTreeMap<String, String>;

/// Everything that differs between two sets of answers; empty where they are equal.
#[must_use]
pub fn differences(product: &Answers, truth: &Answers) -> Vec<String> {
    let names: BTreeSet<&String> = product.keys().chain(truth.keys()).collect();
    names
        .into_iter()
        .filter(|name| product.get(*name) != truth.get(*name))
        .map(|name| {
            let shown = |answers: &Answers| answers.get(name).map_or("nothing", String::as_str).to_owned();
            format!("{name}: answered {}, the truth is {}", shown(product), shown(truth))
        })
        .collect()
}

/// What the simulator knows to be true, by name.
#[must_use]
pub fn of_world(truth: &Truth) -> Answers {
    let mut answers = Answers::new();
    for session in &truth.sessions {
        let name = format!("session {}/{} {}", session.source, session.anonymous_id, session.start_ms);
        let (end, events, views) = (session.end_ms, session.events, session.page_views);
        answers.insert(name, format!("end {end}, events {events}, views {views}, bot {}", session.bot));
    }
    for order in &truth.orders {
        let assigned = match &order.assignment {
            AssignmentTruth::Session { source, anonymous_id, start_ms, .. } => {
                format!("session {source}/{anonymous_id} {start_ms}")
            }
            AssignmentTruth::Unassigned(reason) => reason.clone(),
        };
        let name = format!("order {}/{}", order.shop, order.order_id);
        let placed = [order.gross_sales_micros, order.discount_micros, order.shipping_micros, order.tax_micros];
        let net = if order.test { 0 } else { order.net_revenue_micros };
        answers.insert(
            name,
            format!(
                "placed {:?}, total {}, net {}, test {}, cancelled {}, {assigned}",
                placed.map(|micros| format_micros(micros.into())),
                format_micros(order.total_micros.into()),
                format_micros(net.into()),
                order.test,
                order.cancelled
            ),
        );
    }
    answers.extend(
        (1..).zip(&truth.funnel.persons).map(|(step, persons)| (format!("funnel step {step}"), persons.to_string())),
    );
    for week in truth.weeks.iter().filter(|week| week.sessions > 0 || week.net_revenue_micros != 0) {
        let amounts = [week.net_revenue_micros, week.excluded_net_revenue_micros, week.unassigned_net_revenue_micros];
        answers.insert(
            format!("week {} {}", week.week, week.currency),
            format!("sessions {}, {:?}", week.sessions, amounts.map(|micros| format_micros(micros.into()))),
        );
    }
    for claim in &truth.claims {
        for (column, claimed) in &claim.columns {
            let name = format!("claim {}/{}/{} {} {column}", claim.source, claim.account, claim.campaign, claim.on);
            let value = format_micros(claimed.value_micros.into());
            answers.insert(name, format!("{} for {value} {}", claimed.count, claim.currency));
        }
    }
    answers
}

/// What the product answers, by the same names.
pub async fn of_house(house: &House) -> Answers {
    let mut answers = Answers::new();
    sessions_and_orders(house, &mut answers).await;
    for row in house.sql("SELECT step, units FROM funnel('checkout')").await {
        answers.insert(format!("funnel step {}", row[0]), row[1].clone());
    }
    let weeks = "SELECT period, currency, sessions, net_revenue, excluded, unassigned, difference \
                 FROM revenue_series(grain => 'week')";
    for row in house.sql(weeks).await {
        assert_eq!(row[6], "0.00", "week {} does not tie to the ledger", row[0]);
        if row[2] == "0" && row[3..6].iter().all(|amount| amount == "0.00") {
            continue; // A week of which only the books have entries.
        }
        answers.insert(format!("week {} {}", row[0], row[1]), format!("sessions {}, {:?}", row[2], &row[3..6]));
    }
    claims(house, &mut answers).await;
    answers
}

async fn sessions_and_orders(house: &House, answers: &mut Answers) {
    let derived = house.derived().await;
    let session_name = |number: usize| {
        let session = &derived.sessions[number];
        let device = derived.facts.devices.text(session.device).and_then(Node::from_text).expect("a device");
        format!("session {}/{} {}", device.scope, device.id, session.started_at.0)
    };
    for (number, session) in derived.sessions.iter().enumerate() {
        let bot = derived.facts.traffic[session.traffic as usize].traffic.bot;
        let (end, events, views) = (session.ended_at.0, session.events, session.page_views);
        answers.insert(session_name(number), format!("end {end}, events {events}, views {views}, bot {bot}"));
    }
    for order in &derived.orders {
        let posted = &order.posted;
        let placed = ["sale", "discount", "shipping", "tax"].map(|kind| {
            let of_kind = posted.entries.iter().filter(|entry| entry.kind.name() == kind);
            format_micros(of_kind.map(|entry| i128::from(entry.micros)).sum())
        });
        let assigned = match order.assignment {
            Assignment::Session(number) => session_name(number as usize),
            Assignment::Unassigned(reason) => reason.name().to_owned(),
        };
        answers.insert(
            format!("order {}/{}", posted.shop, posted.order_id),
            format!(
                "placed {placed:?}, total {}, net {}, test {}, cancelled {}, {assigned}",
                format_micros(order.placement_total_micros.into()),
                format_micros(order.measures.net_revenue.into()),
                posted.test,
                posted.cancelled
            ),
        );
    }
}

/// Claims under the simulator's names of columns.
async fn claims(house: &House, answers: &mut Answers) {
    let sql = "SELECT platform, account, entity_id, on_day, action, date_basis, kind, window_hours, count, value, \
               currency FROM claims WHERE action IN ('conversions', 'omni_purchase')";
    for row in house.sql(sql).await {
        let column = match (row[4].as_str(), row[5].as_str(), row[6].as_str(), row[7].as_str()) {
            ("conversions", "touch", ..) => "conversions",
            ("conversions", ..) => "conversions_by_conversion_date",
            (_, _, "click", "24") => "1d_click",
            (_, _, "click", "168") => "7d_click",
            (_, _, "view", _) => "1d_view",
            _ => continue,
        };
        let count = row[8].trim_end_matches('0').trim_end_matches('.');
        let name = format!("claim {}/{}/{} {} {column}", row[0], row[1], row[2], row[3]);
        answers.insert(name, format!("{count} for {} {}", row[9], row[10]));
    }
    // Meta's default setting is no row of its own: it is what clicks within 7 days and views within one add up to.
    let totals = "SELECT platform, account, entity_id, on_day, currency, sum(count), sum(value) FROM claims \
                  WHERE action = 'omni_purchase' AND (kind = 'view' OR window_hours = 168) GROUP BY 1, 2, 3, 4, 5";
    for row in house.sql(totals).await {
        let count = row[5].trim_end_matches('0').trim_end_matches('.');
        let name = format!("claim {}/{}/{} {} value", row[0], row[1], row[2], row[3]);
        answers.insert(name, format!("{count} for {} {}", row[6], row[4]));
    }
}

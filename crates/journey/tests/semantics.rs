//! Runs the cases of `semantics/*.md`: prose that is executed.
//!
//! A case is a heading, prose, one table, and statements, one a line. A statement is `premise: outcome.`; the runner
//! works the outcome out from table and premise, and the line it would write must be the line that stands there.

use std::collections::BTreeMap;

use journey::{
    EntryRange, Funnel, FunnelEvent, FunnelFold, FunnelTerms, SessionEvent, SessionRule, Shares, StepRule, Touch,
    sessions,
};
use model::{
    AttributionModel, CreditBasis, HousePolicy, UtcMillis,
    money::{format_micros, parse_micros},
};

/// One case of a file.
struct Case {
    title: String,
    rows: Vec<BTreeMap<String, String>>,
    statements: Vec<String>,
}

#[test]
fn sessions_are_as_written() {
    assert_eq!(failures(include_str!("../semantics/sessions.md"), session_outcome), "");
}

#[test]
fn funnels_are_as_written() {
    assert_eq!(failures(include_str!("../semantics/funnels.md"), funnel_outcome), "");
}

#[test]
fn credits_are_as_written() {
    assert_eq!(failures(include_str!("../semantics/credits.md"), credit_outcome), "");
}

#[test]
fn a_falsified_statement_is_caught() {
    let falsified = [
        ("../sessions", include_str!("../semantics/sessions.md").replace("to 10:30:00,", "to 10:00:00,")),
        ("../funnels", include_str!("../semantics/funnels.md").replacen("never entered", "reached step 1 of 2", 1)),
        ("../credits", include_str!("../semantics/credits.md").replace("video 1.00", "video 1.01")),
    ];
    let outcomes: [fn(&Case, usize) -> String; 3] = [session_outcome, funnel_outcome, credit_outcome];
    for ((file, text), outcome) in falsified.iter().zip(outcomes) {
        assert_eq!(failures(text, outcome).lines().count(), 1, "{file}");
    }
}

/// A line for every statement that is not true.
fn failures(text: &str, outcome: fn(&Case, usize) -> String) -> String {
    let mut lines = String::new();
    for case in cases(text) {
        for (position, statement) in case.statements.iter().enumerate() {
            let (premise, _) = statement.rsplit_once(": ").expect("a statement is `premise: outcome.`");
            let found = format!("{premise}: {}.", outcome(&case, position));
            if found != *statement {
                lines += &format!("{}: stands \"{statement}\", is \"{found}\"\n", case.title);
            }
        }
    }
    lines
}

fn cases(text: &str) -> Vec<Case> {
    let cases: Vec<Case> = text.split("\n## ").skip(1).map(case).collect();
    assert!(!cases.is_empty(), "a file has cases");
    cases
}

fn case(text: &str) -> Case {
    let (title, rest) = text.split_once('\n').expect("a case has lines below its heading");
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let table: Vec<&str> =
        rest.lines().skip_while(|l| !l.starts_with('|')).take_while(|l| l.starts_with('|')).collect();
    let names = cells(table.first().unwrap_or_else(|| panic!("{title}: no table")));
    let rows = table.iter().skip(2).map(|line| names.iter().cloned().zip(cells(line)).collect()).collect();
    let after = rest.lines().skip_while(|l| !l.starts_with('|')).skip_while(|l| l.starts_with('|'));
    let statements: Vec<String> = after.filter(|line| !line.is_empty()).map(str::to_owned).collect();
    assert!(!statements.is_empty(), "{title}: no statement");
    Case { title: title.to_owned(), rows, statements }
}

/// `Gap 30 min[, new on campaign change]: sessions FROM to UNTIL, …`
fn session_outcome(case: &Case, position: usize) -> String {
    let statement = &case.statements[position];
    let events: Vec<SessionEvent> = (0_u128..)
        .zip(&case.rows)
        .map(|(key, row)| {
            let campaign = row.get("campaign").filter(|name| !name.is_empty());
            SessionEvent { at: instant(&row["at"]), key, campaign: campaign.map(|name| code(name)) }
        })
        .collect();
    let mut rule = SessionRule::new(number(statement, "Gap ", " min")).expect("a gap in range");
    if statement.contains("new on campaign change") {
        rule = rule.splitting_on_campaign_change();
    }
    let spans: Vec<String> = sessions(&events, rule)
        .iter()
        .map(|span| format!("{} to {}", written(events[span.first].at), written(events[span.last].at)))
        .collect();
    assert_eq!(spans.is_empty(), events.is_empty());
    format!("sessions {}", if spans.is_empty() { "none".to_owned() } else { spans.join(", ") })
}

/// ``Funnel `A > B` within N h[, entered from T until T]: reached step K of N at T, …`` or `never entered`, and
/// ``Maturity of `A > B` within N h: T``.
fn funnel_outcome(case: &Case, position: usize) -> String {
    let statement = &case.statements[position];
    let steps: Vec<&str> = between(statement, "`", "`").split(" > ").collect();
    let seen = |row: &BTreeMap<String, String>| {
        let satisfied = (0..).zip(&steps).filter(|(_, step)| **step == row["event"]);
        let step_mask = satisfied.map(|(bit, _)| 1 << bit).sum();
        FunnelEvent { at: instant(&row["at"]), step_mask, ..FunnelEvent::default() }
    };
    let events: Vec<FunnelEvent> = case.rows.iter().map(seen).collect();
    let range = if statement.contains("entered from ") {
        let to = between(statement, " until ", ": ");
        EntryRange { from: instant(between(statement, "entered from ", " until ")), to: instant(to) }
    } else {
        EntryRange::ALL
    };
    let window_ms = number(statement, " within ", " h") * UtcMillis::HOUR_MS;
    let funnel = Funnel::new(FunnelTerms {
        steps: vec![StepRule::default(); steps.len()],
        total_window_ms: Some(window_ms),
        ..FunnelTerms::default()
    });
    let mut fold = FunnelFold::new(funnel.expect("a sound funnel"));
    let outcomes = fold.run(&events, range, UtcMillis(i64::MAX));
    let Some(found) = outcomes.iter().next() else { return "never entered".to_owned() };
    if statement.starts_with("Maturity of ") {
        return written(found.last_entry_at.plus_ms(window_ms));
    }
    let at: Vec<String> = found.matched.iter().flatten().map(|matched| written(matched.at)).collect();
    format!("reached step {} of {} at {}", found.reached, steps.len(), at.join(", "))
}

/// `Order of V at T, MODEL[, without direct][, window N h][, [not ]reset by an order at T]: TOUCH V, …, unattributed V`; lines
/// `Then V: …` under it are later entries of the same order.
fn credit_outcome(case: &Case, position: usize) -> String {
    let first = case.statements[..=position].iter().rposition(|line| line.starts_with("Order of ")).expect("an order");
    let premise = &case.statements[first];
    let order_at = instant(between(premise, " at ", ", "));
    let mut values = vec![amount(between(premise, "Order of ", " at "))];
    let later = case.statements[first + 1..].iter().map_while(|line| line.strip_prefix("Then "));
    values.extend(later.map(|line| amount(line.split(": ").next().unwrap_or_default())));
    let entries: Vec<(UtcMillis, i64)> = values.into_iter().map(|micros| (order_at, micros)).collect();
    let previous =
        premise.contains("reset by an order at ").then(|| instant(between(premise, "reset by an order at ", ": ")));

    let touches: Vec<Touch> = (0_u128..).zip(&case.rows).map(|(key, row)| touch(key, row)).collect();
    let shares = Shares::of(&touches, order_at, previous, &policy(premise));
    let (_, credits) = &shares.credit_entries(&entries, 10_000)[position - first];
    let parts =
        credits.parts.iter().map(|&(touch, micros)| format!("{} {}, ", case.rows[touch]["touch"], euros(micros)));
    format!("{}unattributed {}", parts.collect::<String>(), euros(credits.unattributed_micros))
}

fn touch(key: u128, row: &BTreeMap<String, String>) -> Touch {
    let (at, direct) = (instant(&row["at"]), row["touch"] == "direct");
    Touch { at, key, session: 0, source: None, campaign: None, channel: 0, direct, click_id: None }
}

fn policy(premise: &str) -> HousePolicy {
    let options: Vec<&str> = premise.split(": ").next().unwrap_or_default().split(", ").skip(1).collect();
    let mut policy = HousePolicy {
        name: "case".to_owned(),
        model: AttributionModel::Linear,
        click_window_hours: 720,
        direct_counts: true,
        order_resets_path: false,
        first_weight_percent: 0,
        last_weight_percent: 0,
        half_life_hours: 1,
        basis: CreditBasis::OrderDate,
    };
    for option in options {
        match option {
            "first" => policy.model = AttributionModel::First,
            "last" => policy.model = AttributionModel::Last,
            "last non-direct" => policy.model = AttributionModel::LastNonDirect,
            "linear" => policy.model = AttributionModel::Linear,
            "without direct" => policy.direct_counts = false,
            _ if option.starts_with("window ") => policy.click_window_hours = number(option, "window ", " h"),
            _ if option.starts_with("not reset by ") => policy.order_resets_path = false,
            _ if option.starts_with("reset by ") => policy.order_resets_path = true,
            _ if option.starts_with("by position ") => {
                policy.model = AttributionModel::PositionBased;
                policy.first_weight_percent = number(option, "by position ", "/");
                policy.last_weight_percent = number(&format!("{option}."), "/", ".");
            }
            _ if option.starts_with("half-life ") => {
                policy.model = AttributionModel::TimeDecay;
                policy.half_life_hours = number(option, "half-life ", " h");
            }
            _ => panic!("\"{option}\" is no part of a policy"),
        }
    }
    policy
}

/// `[MM-DD ]HH:MM:SS[.mmm]` in 2026; without a day it is 5 January.
fn instant(text: &str) -> UtcMillis {
    let (day, time) = text.split_once(' ').unwrap_or(("01-05", text));
    UtcMillis::parse(&format!("2026-{day}T{time}Z")).unwrap_or_else(|error| panic!("{error}"))
}

/// As [`instant`] reads it, in the shortest form.
fn written(at: UtcMillis) -> String {
    let text = at.to_string().replace("2026-01-05T", "").replace("2026-", "").replace('T', " ");
    text.trim_end_matches('Z').trim_end_matches(".000").to_owned()
}

fn amount(text: &str) -> i64 {
    parse_micros(text).unwrap_or_else(|error| panic!("{error}"))
}

fn euros(micros: i64) -> String {
    format_micros(micros.into())
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let found = text.split_once(start).and_then(|(_, rest)| rest.split_once(end));
    found.unwrap_or_else(|| panic!("\"{text}\" has nothing between \"{start}\" and \"{end}\"")).0
}

fn number(text: &str, start: &str, end: &str) -> i64 {
    between(text, start, end).parse().unwrap_or_else(|error| panic!("\"{text}\": {error}"))
}

/// A code of a name: names are few and short.
fn code(name: &str) -> u32 {
    name.bytes().fold(0, |code, byte| code.wrapping_mul(31).wrapping_add(byte.into()))
}

//! The definitions that the house ships are sound, and say what `design/metrics.md` says.

use std::{fs, path::Path};

use definitions::{Additivity, DefinitionStatus, Definitions, Formula, MetricBasis};
use model::{AttributionModel, CreditBasis, FunnelUnit};

fn shipped_files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/definitions");
    let paths = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    paths
        .map(|path| {
            (path.file_name().expect("a name").to_string_lossy().into(), fs::read_to_string(path).expect("a text"))
        })
        .collect()
}

fn shipped() -> Definitions {
    match Definitions::parse(&shipped_files()) {
        Ok(definitions) => definitions,
        Err(errors) => panic!("{}", errors.iter().map(|e| format!("{e}\n")).collect::<String>()),
    }
}

/// Every aggregate of a metric in SQL, the numerator first.
fn aggregates(definitions: &Definitions, metric: &str) -> Vec<String> {
    let contract = &definitions.metric(metric).expect("shipped").value;
    let sql = |part: &definitions::MetricPart| {
        definitions.semantic_model(&part.of).expect("shipped").value.aggregate_sql(part).expect("a known measure")
    };
    contract.formula.parts().into_iter().map(sql).collect()
}

#[test]
fn every_shipped_definition_is_there() {
    let definitions = shipped();
    let metrics: Vec<&String> = definitions.metrics.keys().collect();
    let expected = [
        "average_order_value",
        "cart_abandonment_rate",
        "conversion_rate",
        "net_revenue",
        "orders",
        "revenue_per_session",
        "sessions",
    ];
    assert_eq!(metrics, expected);
    assert!(definitions.metrics.values().all(|metric| metric.status == DefinitionStatus::Approved));
    assert_eq!(definitions.house_policy("house").expect("shipped").status, DefinitionStatus::Approved);
    assert_eq!(definitions.house_policy("house_linear").expect("shipped").status, DefinitionStatus::Draft);
}

#[test]
fn session_metrics_divide_by_sessions_on_the_day_of_the_session() {
    let definitions = shipped();
    let sessions = "count(*) FILTER (WHERE (sessions.is_bot) IS NOT TRUE AND (sessions.is_internal) IS NOT TRUE)";
    insta::assert_snapshot!(aggregates(&definitions, "conversion_rate")[0], @"count(*) FILTER (WHERE sessions.converted AND (sessions.is_bot) IS NOT TRUE AND (sessions.is_internal) IS NOT TRUE)");
    insta::assert_snapshot!(aggregates(&definitions, "revenue_per_session")[0], @"sum(orders.net_revenue) FILTER (WHERE (orders.test) IS NOT TRUE AND orders.assigned AND (session.is_bot) IS NOT TRUE AND (session.is_internal) IS NOT TRUE)");
    for metric in ["conversion_rate", "revenue_per_session"] {
        let contract = &definitions.metric(metric).expect("shipped").value;
        assert_eq!(contract.date_basis, MetricBasis::SessionStart);
        assert_eq!(contract.additivity, Additivity::None);
        assert_eq!(aggregates(&definitions, metric)[1], sessions);
    }
}

#[test]
fn average_order_value_leaves_out_test_and_cancelled_orders_on_both_sides() {
    let definitions = shipped();
    let contract = &definitions.metric("average_order_value").expect("shipped").value;
    assert_eq!(contract.date_basis, MetricBasis::OrderDate);
    assert!(
        matches!(&contract.formula, Formula::Ratio { numerator, denominator } if numerator.filter == denominator.filter)
    );
    insta::assert_snapshot!(aggregates(&definitions, "average_order_value").join("\n"), @r#"
    sum(orders.net_revenue) FILTER (WHERE (orders.test) IS NOT TRUE AND (orders.test) IS NOT TRUE AND (orders.cancelled) IS NOT TRUE)
    count(*) FILTER (WHERE (orders.test) IS NOT TRUE AND (orders.test) IS NOT TRUE AND (orders.cancelled) IS NOT TRUE)
    "#);
}

#[test]
fn carts_are_abandoned_seven_days_after_their_first_add() {
    let definitions = shipped();
    assert_eq!(definitions.metric("cart_abandonment_rate").expect("shipped").value.date_basis, MetricBasis::FirstStep);
    insta::assert_snapshot!(aggregates(&definitions, "cart_abandonment_rate").join("\n"), @r#"
    count(*) FILTER (WHERE carts.age_ms >= 604800000 AND (carts.order_delay_ms <= 604800000) IS NOT TRUE AND (session.is_bot) IS NOT TRUE AND (session.is_internal) IS NOT TRUE)
    count(*) FILTER (WHERE carts.age_ms >= 604800000 AND (session.is_bot) IS NOT TRUE AND (session.is_internal) IS NOT TRUE)
    "#);
}

#[test]
fn orders_are_joined_with_the_one_session_that_they_are_assigned_to() {
    insta::assert_snapshot!(shipped().semantic_model("orders").expect("shipped").value.from_sql(), @"orders AS orders LEFT JOIN sessions AS session ON orders.session_id = session.session_id");
}

#[test]
fn the_checkout_funnel_has_four_steps_within_a_week_per_person() {
    let definitions = shipped();
    let funnel = &definitions.funnel("checkout").expect("shipped").value;
    let events: Vec<&str> = funnel.steps.iter().map(|step| step.event.as_str()).collect();
    assert_eq!(events, ["view_item", "add_to_cart", "begin_checkout", "purchase"]);
    assert_eq!((funnel.unit, funnel.window_hours), (FunnelUnit::Person, 168));
}

#[test]
fn policies_say_what_the_house_and_the_platforms_do() {
    let definitions = shipped();
    let house = &definitions.house_policy("house").expect("shipped").value;
    assert_eq!((house.model, house.click_window_hours), (AttributionModel::LastNonDirect, 720));
    assert_eq!((house.direct_counts, house.order_resets_path, house.basis), (false, false, CreditBasis::OrderDate));
    let google = &definitions.platform_policy("google_ads").expect("shipped").value;
    assert_eq!((google.click_window_hours, google.booking), (720, CreditBasis::TouchDate));
    let meta = &definitions.platform_policy("meta_ads").expect("shipped").value;
    assert_eq!((meta.click_window_hours, meta.booking), (168, CreditBasis::OrderDate));
    assert_eq!((google.action.as_str(), meta.action.as_str()), ("conversions", "omni_purchase"));
}

#[test]
fn the_order_of_files_does_not_show() {
    let files = shipped_files();
    let reversed: Vec<_> = files.iter().rev().cloned().collect();
    assert_eq!(Definitions::parse(&files), Definitions::parse(&reversed));
}

#[test]
fn approving_or_commenting_keeps_the_version_and_any_other_change_makes_a_new_one() {
    let version = |from: &str, to: &str| {
        let files: Vec<_> = shipped_files().into_iter().map(|(file, text)| (file, text.replace(from, to))).collect();
        let definitions = Definitions::parse(&files).expect("shipped");
        definitions.funnel("checkout").expect("shipped").version().to_owned()
    };
    let shipped = version("", "");
    assert_eq!(shipped.len(), 12);
    assert_eq!(version("status: approved", "status: draft # not yet"), shipped);
    assert_ne!(version("window_hours: 168 ", "window_hours: 169 "), shipped);
}

#[test]
fn a_look_up_names_the_nearest_name_and_all_that_exist() {
    let definitions = shipped();
    insta::assert_snapshot!(definitions.metric("convertion_rate").expect_err("no such name"), @r#"unknown metric "convertion_rate"; did you mean "conversion_rate"?; there are: average_order_value, cart_abandonment_rate, conversion_rate, net_revenue, orders, revenue_per_session, sessions"#);
    insta::assert_snapshot!(definitions.house_policy("mine").expect_err("no such name"), @r#"unknown policy "mine"; there are: house, house_linear"#);
    insta::assert_snapshot!(Definitions::default().funnel("checkout").expect_err("no such name"), @r#"unknown funnel "checkout"; there are: none"#);
}

/// How many definitions there are.
fn count(definitions: &Definitions) -> usize {
    definitions.semantic_models.len()
        + definitions.metrics.len()
        + definitions.funnels.len()
        + definitions.house_policies.len()
        + definitions.platform_policies.len()
}

#[test]
fn no_definition_is_lost_without_an_error_whatever_line_is_dropped_or_misspelt() {
    let files = shipped_files();
    let whole = count(&shipped());
    for (file_index, (_, text)) in files.iter().enumerate() {
        let lines: Vec<&str> = text.lines().collect();
        for line_index in (0..lines.len()).filter(|index| !lines[*index].trim_start().starts_with('#')) {
            for replacement in ["", &lines[line_index].replacen(':', "x:", 1)] {
                let mut changed = files.clone();
                let kept = |index| if index == line_index { replacement } else { lines[index] };
                changed[file_index].1 = (0..lines.len()).map(|index| format!("{}\n", kept(index))).collect();
                if let Ok(definitions) = Definitions::parse(&changed) {
                    assert_eq!(count(&definitions), whole, "{} without an error", lines[line_index]);
                }
            }
        }
    }
}

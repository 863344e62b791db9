//! The definitions that the house ships are sound, and say what `design/metrics.md` says.

use std::{fs, path::Path};

use definitions::{
    Additivity, Counting, DefinitionError, DefinitionStatus, Definitions, Formula, MetricBasis, StoredDefinition,
    hash_of,
};
use model::{AttributionModel, CreditBasis, EntryRule, FunnelMode, FunnelUnit};

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
        "gross_sales",
        "net_revenue",
        "orders",
        "refunds",
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
    let events: Vec<&str> = funnel.steps.iter().flat_map(|step| &step.events).map(String::as_str).collect();
    assert_eq!(events, ["view_item", "add_to_cart", "begin_checkout", "purchase"]);
    assert!(funnel.steps.iter().all(|step| !step.optional && step.filter.is_none() && step.window_ms.is_none()));
    assert_eq!((funnel.unit, funnel.window_ms), (FunnelUnit::Person, Some(604_800_000)));
    assert_eq!((funnel.mode, funnel.entry), (FunnelMode::Ordered, EntryRule::First));
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
    assert_ne!(version("window: 7d ", "window: 8d "), shipped);
}

#[test]
fn a_look_up_names_the_nearest_name_and_all_that_exist() {
    let definitions = shipped();
    insta::assert_snapshot!(definitions.metric("convertion_rate").expect_err("no such name"), @r#"unknown metric "convertion_rate"; did you mean "conversion_rate"?; there are: average_order_value, cart_abandonment_rate, conversion_rate, gross_sales, net_revenue, orders, refunds, revenue_per_session, sessions"#);
    insta::assert_snapshot!(definitions.house_policy("mine").expect_err("no such name"), @r#"unknown policy "mine"; there are: house, house_linear"#);
    insta::assert_snapshot!(Definitions::default().funnel("checkout").expect_err("no such name"), @r#"unknown funnel "checkout"; there are: none"#);
}

/// How many definitions there are.
fn count(definitions: &Definitions) -> usize {
    definitions.semantic_models.len()
        + definitions.metrics.len()
        + definitions.conversions.len()
        + definitions.funnels.len()
        + definitions.house_policies.len()
        + definitions.platform_policies.len()
}

#[test]
fn no_definition_is_lost_without_an_error_whatever_line_is_dropped_or_misspelt() {
    let (models, others): (Vec<_>, Vec<_>) =
        shipped_files().into_iter().partition(|(file, _)| file == "semantic_models.yaml");
    // Nothing rests on another file but the models', so each file is read with that one alone.
    for alone in others.into_iter().map(|file| [models.clone(), vec![file]].concat()).chain([models.clone()]) {
        let whole = count(&Definitions::parse(&alone).expect("shipped"));
        let changing = alone.len() - 1;
        let lines: Vec<&str> = alone[changing].1.lines().collect();
        for line_index in (0..lines.len()).filter(|index| !lines[*index].trim_start().starts_with('#')) {
            for replacement in ["", &lines[line_index].replacen(':', "x:", 1)] {
                let mut changed = alone.clone();
                let kept = |index| if index == line_index { replacement } else { lines[index] };
                changed[changing].1 = (0..lines.len()).map(|index| format!("{}\n", kept(index))).collect();
                if let Ok(definitions) = Definitions::parse(&changed) {
                    assert_eq!(count(&definitions), whole, "{} without an error", lines[line_index]);
                }
            }
        }
    }
}

/// What a table would hold of the shipped definitions.
fn stored() -> Vec<StoredDefinition> {
    let row = |row: definitions::DefinitionText<'_>| StoredDefinition {
        kind: row.kind.to_owned(),
        name: row.name.to_owned(),
        status: row.status.name().to_owned(),
        text: row.text.to_owned(),
    };
    shipped().stored_rows().into_iter().map(row).collect()
}

#[test]
fn every_shipped_definition_comes_back_from_its_stored_text_with_its_hash() {
    let definitions = shipped();
    let mut rows = stored();
    assert_eq!(rows.len(), count(&definitions));
    rows.reverse();
    let read = Definitions::from_stored(&rows).expect("what was stored is sound");
    assert_eq!(definitions.stored_rows(), read.stored_rows());
    assert!(read.stored_rows().iter().all(|row| row.hash == hash_of(row.text)));
    for (name, metric) in &definitions.metrics {
        assert_eq!(metric.value, read.metrics[name].value);
    }
    for (name, funnel) in &definitions.funnels {
        assert_eq!(funnel.value, read.funnels[name].value);
    }
    for (name, conversion) in &definitions.conversions {
        assert_eq!(conversion.value, read.conversions[name].value);
    }
}

#[test]
fn withdrawn_texts_and_kinds_of_others_are_left_aside() {
    let mut rows = stored();
    rows.push(StoredDefinition {
        kind: "channels".to_owned(),
        name: "default".to_owned(),
        status: "approved".to_owned(),
        text: "{}".to_owned(),
    });
    let orders = rows.iter_mut().find(|row| (row.kind.as_str(), row.name.as_str()) == ("metric", "orders"));
    orders.expect("shipped").status = "withdrawn".to_owned();
    let read = Definitions::from_stored(&rows).expect("what is left is sound");
    assert_eq!(count(&read), count(&shipped()) - 1);
    assert!(read.metric("orders").is_err());
}

#[test]
fn a_stored_text_that_cannot_be_read_names_the_definition() {
    let messages = |kind: &str, change: &dyn Fn(&mut StoredDefinition)| {
        let mut rows = stored();
        change(rows.iter_mut().find(|row| row.kind == kind).expect("shipped"));
        let errors: Vec<DefinitionError> = Definitions::from_stored(&rows).expect_err("a mistake");
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(messages("funnel", &|row| row.name = "other".to_owned()), @r#"facts.definitions/funnel/other:1: the stored text does not define funnel "other""#);
    insta::assert_snapshot!(messages("funnel", &|row| row.text = "[]".to_owned()), @"facts.definitions/funnel/checkout:1: the stored text is not one mapping");
    insta::assert_snapshot!(messages("funnel", &|row| row.status = "aproved".to_owned()), @r#"facts.definitions/funnel/checkout:1: unknown status "aproved"; did you mean "approved"?"#);
    insta::assert_snapshot!(messages("funnel", &|row| row.text = row.text.replace("7d", "0")), @r#"facts.definitions/funnel/checkout:1: "window" is "0", expected a duration from 0s to 3650d, such as 7d, 36h, 30min, 90s or 500ms"#);
    let carts_withdrawn = messages("semantic_model", &|row| row.status = "withdrawn".to_owned());
    insta::assert_snapshot!(carts_withdrawn, @r#"
    facts.definitions/metric/cart_abandonment_rate:1: unknown semantic model "carts", expected one of: events, orders, purchases, sessions
    facts.definitions/metric/cart_abandonment_rate:1: unknown semantic model "carts", expected one of: events, orders, purchases, sessions
    "#);
}

#[test]
fn a_column_out_of_properties_is_read_by_sql_as_its_kind() {
    let model = "semantic_model: buyers\nstatus: draft\ntable: facts.events\ncolumns:\n  at: instant\n  age: { kind: number, property: /buyer/age }\n  tip: { kind: money, property: \"the 'tip'\" }\n  news: { kind: boolean, property: news }\nmeasures:\n  tips: { agg: sum, column: tip, where: news and age >= 18 }\n";
    let definitions = Definitions::parse(&[("a.yaml".to_owned(), model.to_owned())]).expect("a sound model");
    let model = &definitions.semantic_model("buyers").expect("there").value;
    insta::assert_snapshot!(model.from_sql(), @"facts.events AS buyers");
    let tips = model.row_sql("tips", None).expect("a known measure");
    insta::assert_snapshot!(format!("{} WHERE {}", tips.value, tips.condition), @"CAST(property(buyers.properties, 'the ''tip''') AS DECIMAL(38, 6)) WHERE CAST(property(buyers.properties, 'news') AS BOOLEAN) AND CAST(property(buyers.properties, '/buyer/age') AS BIGINT) >= 18");
}

#[test]
fn finance_and_marketing_name_the_same_orders_by_the_same_unit() {
    let definitions = shipped();
    let finance = &definitions.conversion("purchases").expect("shipped").value;
    let marketing = &definitions.conversion("web_purchases").expect("shipped").value;
    assert_eq!((finance.unit.column.as_str(), marketing.unit.column.as_str()), ("order_key", "order_key"));
    assert_eq!((finance.counting, marketing.counting), (Counting::Every, Counting::Every));
    assert_eq!((finance.date_basis, marketing.date_basis), (MetricBasis::OrderDate, MetricBasis::EventDate));
}

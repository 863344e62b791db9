//! A funnel is read as it was written, and a question may name another breakdown of it.

use std::{fs, path::Path};

use definitions::{
    ColumnRef, Comparison, DefinitionText, Definitions, Filter, FunnelBreakdown, FunnelBreakdownRule, FunnelDefinition,
    FunnelExclusionDefinition, FunnelStep, Literal, StoredDefinition,
};
use model::{EntryRule, FunnelMode, FunnelUnit};

const MINIMAL: &str = "funnel: pair
status: draft
unit: device
steps:
  - { label: One, event: view_item }
  - { label: Two, event: purchase }
";

const FULL: &str = "funnel: carts
status: draft
unit: cart
mode: strict
entry: every
window: 500ms
steps:
  - { label: Viewed, event: view_item, where: channel = 'Email' and value > 10 }
  - { label: Added, event: [add_to_cart, quick_add], optional: true, window: 90s }
  - { label: Ordered, event: order_placed, optional: false, window: 0s }
  - { label: Thanked, event: page_view, optional: true }
exclude:
  - { event: remove_from_cart }
  - { event: [refund], where: in_session, from: Viewed, to: Ordered }
hold: [cart_id, shop]
breakdown: { by: campaign, rule: { step: Added } }
";

fn parsed(funnel: &str) -> Definitions {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/definitions/semantic_models.yaml");
    let models = ("models.yaml".to_owned(), fs::read_to_string(path).expect("a text"));
    Definitions::parse(&[models, ("funnel.yaml".to_owned(), funnel.to_owned())]).expect("a sound funnel")
}

fn read(text: &str) -> FunnelDefinition {
    let definitions = parsed(text);
    definitions.funnels.into_values().next().expect("one funnel").value
}

fn column(name: &str) -> ColumnRef {
    ColumnRef { relation: "events".to_owned(), column: name.to_owned(), property: None }
}

fn step(label: &str, event: &str) -> FunnelStep {
    FunnelStep {
        label: label.to_owned(),
        events: vec![event.to_owned()],
        filter: None,
        optional: false,
        window_ms: None,
    }
}

#[test]
fn what_a_funnel_does_not_say_is_ordered_first_without_window_and_whole() {
    let expected = FunnelDefinition {
        name: "pair".to_owned(),
        unit: FunnelUnit::Device,
        mode: FunnelMode::Ordered,
        entry: EntryRule::First,
        window_ms: None,
        steps: vec![step("One", "view_item"), step("Two", "purchase")],
        exclusions: Vec::new(),
        hold: Vec::new(),
        breakdown: None,
    };
    assert_eq!(read(MINIMAL), expected);
}

#[test]
fn every_key_of_a_funnel_is_read() {
    let compare = |name, operator, literal| Filter::Compare { column: column(name), operator, literal };
    let viewed = Filter::And(vec![
        compare("channel", Comparison::Equal, Literal::Text("Email".to_owned())),
        compare("value", Comparison::More, Literal::Amount(10_000_000)),
    ]);
    let expected = FunnelDefinition {
        name: "carts".to_owned(),
        unit: FunnelUnit::Cart,
        mode: FunnelMode::Strict,
        entry: EntryRule::Every,
        window_ms: Some(500),
        steps: vec![
            FunnelStep { filter: Some(viewed), ..step("Viewed", "view_item") },
            FunnelStep {
                events: vec!["add_to_cart".to_owned(), "quick_add".to_owned()],
                optional: true,
                window_ms: Some(90_000),
                ..step("Added", "")
            },
            FunnelStep { window_ms: Some(0), ..step("Ordered", definitions::ORDER_EVENT) },
            FunnelStep { optional: true, ..step("Thanked", "page_view") },
        ],
        exclusions: vec![
            FunnelExclusionDefinition { events: vec!["remove_from_cart".to_owned()], filter: None, from: 0, to: 2 },
            FunnelExclusionDefinition {
                events: vec!["refund".to_owned()],
                filter: Some(Filter::Column(column("in_session"))),
                from: 0,
                to: 2,
            },
        ],
        hold: vec![column("cart_id"), column("shop")],
        breakdown: Some(FunnelBreakdown { by: column("campaign"), rule: FunnelBreakdownRule::Step(1) }),
    };
    assert_eq!(read(FULL), expected);
}

#[test]
fn a_funnel_comes_back_whole_from_its_stored_text() {
    let definitions = parsed(FULL);
    let row = |row: DefinitionText<'_>| StoredDefinition {
        kind: row.kind.to_owned(),
        name: row.name.to_owned(),
        status: row.status.name().to_owned(),
        text: row.text.to_owned(),
    };
    let rows: Vec<StoredDefinition> = definitions.stored_rows().into_iter().map(row).collect();
    let stored = Definitions::from_stored(&rows).expect("what was stored is sound");
    assert_eq!(stored.funnel("carts").expect("there").value, read(FULL));
}

#[test]
fn every_word_for_a_choice_is_its_own() {
    let unit = |word: &str| read(&MINIMAL.replace("device", word)).unit;
    let units = ["person", "device", "session", "cart", "order"].map(unit);
    let expected = [FunnelUnit::Person, FunnelUnit::Device, FunnelUnit::Session, FunnelUnit::Cart, FunnelUnit::Order];
    assert_eq!(units, expected);
    let mode = |word: &str| read(&format!("{MINIMAL}mode: {word}\n")).mode;
    let modes = ["ordered", "strict", "any_order"].map(mode);
    assert_eq!(modes, [FunnelMode::Ordered, FunnelMode::Strict, FunnelMode::AnyOrder]);
    let entry = |word: &str| read(&format!("{MINIMAL}entry: {word}\n")).entry;
    assert_eq!(["first", "every"].map(entry), [EntryRule::First, EntryRule::Every]);
    let rule = |text: &str| {
        read(&format!("{MINIMAL}breakdown: {{ by: channel{text} }}\n")).breakdown.expect("a breakdown").rule
    };
    let rules = ["", ", rule: first", ", rule: last", ", rule: { step: Two }"].map(rule);
    let (first, last) = (FunnelBreakdownRule::First, FunnelBreakdownRule::Last);
    assert_eq!(rules, [first, first, last, FunnelBreakdownRule::Step(1)]);
}

#[test]
fn the_longest_window_is_ten_years() {
    assert_eq!(read(&format!("{MINIMAL}window: 3650d\n")).window_ms, Some(315_360_000_000));
}

#[test]
fn an_any_order_funnel_may_filter_hold_and_break_down() {
    let text = MINIMAL.replace("event: purchase", "event: purchase, where: value > 1, optional: false");
    let funnel = read(&format!(
        "{text}mode: any_order\nentry: first\nwindow: 1d\nhold: [shop]\nbreakdown: {{ by: shop, rule: last }}\n"
    ));
    assert_eq!((funnel.mode, funnel.hold), (FunnelMode::AnyOrder, vec![column("shop")]));
}

#[test]
fn a_funnel_that_names_no_column_needs_no_model() {
    assert!(Definitions::parse(&[("funnel.yaml".to_owned(), MINIMAL.to_owned())]).is_ok());
}

#[test]
fn a_question_names_a_rule_by_its_word_or_by_a_label() {
    let funnel = read(FULL);
    let rules = ["first", "last", "Ordered"].map(|text| funnel.breakdown_rule(text).expect("a rule"));
    assert_eq!(rules, [FunnelBreakdownRule::First, FunnelBreakdownRule::Last, FunnelBreakdownRule::Step(2)]);
    insta::assert_snapshot!(funnel.breakdown_rule("Ordred").expect_err("no rule"), @r#"unknown breakdown rule "Ordred"; did you mean "Ordered"?; there are: first, last, Viewed, Added, Ordered, Thanked"#);
    let unordered = read(&format!("{MINIMAL}mode: any_order\n"));
    insta::assert_snapshot!(unordered.breakdown_rule("Two").expect_err("no rule"), @r#"unknown breakdown rule "Two"; there are: first, last"#);
}

#[test]
fn a_question_breaks_down_by_a_dimension_or_a_text_column_of_events() {
    let definitions = parsed(MINIMAL);
    assert_eq!(definitions.event_column("channel"), Ok(column("channel")));
    assert_eq!(definitions.event_column("cart_id"), Ok(column("cart_id")));
    insta::assert_snapshot!(definitions.event_column("chanel").expect_err("no column"), @r#"unknown text column of events "chanel"; did you mean "channel"?; there are: campaign, campaign_id, cart_id, channel, checkout_id, click_id_kind, currency, device, event, kind, medium, order_id, origin, page_host, page_path, person_id, referrer_host, shop, source, web_source"#);
    assert!(definitions.event_column("value").is_err(), "an amount names no row");
    insta::assert_snapshot!(Definitions::default().event_column("channel").expect_err("no model"), @r#"unknown semantic_model "events"; there are: none"#);
}

#[test]
fn a_breakdown_names_a_dimension_before_a_column_and_nothing_of_a_join() {
    let models = "semantic_model: events
status: draft
table: events
columns: { id: text, shop: text, seller: text, country: { kind: text, property: country } }
joins: { other: { model: others, by: id } }
dimensions: { shop: seller, land: country, far: other.name }
---
semantic_model: others
status: draft
table: others
key: name
columns: { name: text }
";
    let parse =
        |funnel: String| Definitions::parse(&[("a.yaml".to_owned(), models.to_owned()), ("b.yaml".to_owned(), funnel)]);
    let definitions = parse(format!("{MINIMAL}hold: [shop]\nbreakdown: {{ by: shop }}\n")).expect("sound");
    let funnel = &definitions.funnel("pair").expect("there").value;
    assert_eq!(funnel.hold, [column("shop")]);
    assert_eq!(funnel.breakdown.as_ref().expect("a breakdown").by, column("seller"));
    assert_eq!(definitions.event_column("shop"), Ok(column("seller")));
    assert!(definitions.event_column("land").expect("a dimension").property.is_some());
    assert!(definitions.event_column("far").is_err());
    assert!(parse(format!("{MINIMAL}hold: [other.name]\n")).is_err());
}

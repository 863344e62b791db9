//! Every mistake in a funnel names file, line, what is wrong, and what was expected.

use definitions::Definitions;
use insta::assert_snapshot;

const PATH: &str = "funnel: path
status: draft
unit: person
mode: ordered
entry: first
window: 7d
steps:
  - { label: Viewed, event: view_item, where: channel = 'Email' }
  - { label: Added, event: [add_to_cart, quick_add], optional: true, window: 1d }
  - { label: Bought, event: purchase }
exclude:
  - { event: remove_from_cart, where: not is_bot, from: Viewed, to: Bought }
hold: [shop]
breakdown: { by: channel, rule: { step: Added } }
";

const EVENTS: &str = "semantic_model: events
status: draft
table: events
columns: { channel: text, shop: text, value: money, is_bot: boolean }
dimensions: { channel: channel }
";

/// The messages about several files, one a line.
fn messages(files: &[(&str, &str)]) -> String {
    let files: Vec<_> = files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
    let errors = Definitions::parse(&files).err().unwrap_or_default();
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The messages after a change to a funnel that says everything.
fn path(from: &str, to: &str) -> String {
    assert_eq!(messages(&[("path.yaml", PATH), ("events.yaml", EVENTS)]), "", "path.yaml is sound before the change");
    assert_eq!(PATH.matches(from).count(), 1, "{from} stands once in path.yaml");
    messages(&[("path.yaml", &PATH.replace(from, to)), ("events.yaml", EVENTS)])
}

/// The messages about a funnel in any order, with more keys of its second step and of itself.
fn any_order(steps: &str, keys: &str) -> String {
    let text = format!(
        "funnel: path\nstatus: draft\nunit: person\nmode: any_order\n{keys}steps:\n  - {{ label: A, event: search }}\n  - {{ label: B, event: purchase{steps} }}\n"
    );
    messages(&[("path.yaml", &text), ("events.yaml", EVENTS)])
}

#[test]
fn a_column_that_events_do_not_have_is_refused_wherever_a_funnel_names_it() {
    assert_snapshot!(path("channel = 'Email'", "chanel = 'Email'"), @r#"path.yaml:8: in "where": unknown column "chanel"; did you mean "channel"?"#);
    assert_snapshot!(path("not is_bot", "not bot"), @r#"path.yaml:12: in "where": unknown column "bot", expected one of: channel, is_bot, shop, value"#);
    assert_snapshot!(path("hold: [shop]", "hold: [shp]"), @r#"path.yaml:13: in "hold": unknown column "shp"; did you mean "shop"?"#);
    assert_snapshot!(path("hold: [shop]", "hold: [value]"), @r#"path.yaml:13: in "hold": column "value" is money, expected a text column"#);
    assert_snapshot!(path("hold: [shop]", "hold: [shop, shop]"), @r#"path.yaml:13: "shop" stands twice in "hold""#);
    assert_snapshot!(path("by: channel", "by: value"), @r#"path.yaml:14: in "by": column "value" is money, expected a text column"#);
    assert_snapshot!(path("by: channel", "by: chanel"), @r#"path.yaml:14: in "by": unknown column "chanel"; did you mean "channel"?"#);
    assert_snapshot!(path("by: channel, ", ""), @r#"path.yaml:14: missing key "by" in breakdown of funnel "path", expected a dimension of the semantic model "events""#);
}

#[test]
fn a_funnel_that_names_columns_needs_the_model_of_events() {
    assert_snapshot!(messages(&[("path.yaml", PATH), ("others.yaml", &EVENTS.replace("semantic_model: events", "semantic_model: others"))]), @r#"
    path.yaml:8: "where" names columns of the semantic model "events", which is not defined; define it, or leave "where" out
    path.yaml:13: "hold" names columns of the semantic model "events", which is not defined; define it, or leave "hold" out
    "#);
}

#[test]
fn a_path_begins_with_a_required_step_that_follows_nothing() {
    assert_snapshot!(path("where: channel = 'Email'", "optional: true"), @r#"
    path.yaml:8: step 1 of funnel "path" has the key "optional", which belongs to later steps: a path begins with it; leave the key out
    path.yaml:12: "from" is "Viewed", which is optional, expected a required step
    "#);
    assert_snapshot!(path("where: channel = 'Email'", "window: 1d"), @r#"path.yaml:8: step 1 of funnel "path" has the key "window", which belongs to later steps: a path begins with it; leave the key out"#);
    assert_snapshot!(path("optional: true", "optional: maybe"), @r#"path.yaml:9: "optional" is the text "maybe", expected true or false"#);
}

#[test]
fn a_window_of_a_step_is_read_like_that_of_the_funnel() {
    assert_snapshot!(path("window: 1d", "window: 1w"), @r#"path.yaml:9: "window" is "1w", expected a duration from 0s to 3650d, such as 7d, 36h, 30min, 90s or 500ms"#);
    assert_snapshot!(path("window: 1d", "window: -1d"), @r#"path.yaml:9: "window" is "-1d", expected a duration from 0s to 3650d, such as 7d, 36h, 30min, 90s or 500ms"#);
    assert_snapshot!(path("window: 7d", "window: 7"), @r#"path.yaml:6: "window" is 7, expected a duration from 0s to 3650d, such as 7d, 36h, 30min, 90s or 500ms"#);
}

#[test]
fn every_event_of_a_list_is_checked() {
    assert_snapshot!(path("quick_add", "add_to_crat"), @r#"path.yaml:9: unknown event "add_to_crat"; did you mean "add_to_cart"? (a custom event's name must differ from it by more than 2 letters)"#);
    assert_snapshot!(path("quick_add", "add_to_cart"), @r#"path.yaml:9: "add_to_cart" stands twice in "event""#);
    assert_snapshot!(path("event: purchase", "event: []"), @r#"path.yaml:10: "event" is a list of 0, expected a list of at least one text"#);
    assert_snapshot!(path("event: purchase", "event: 7"), @r#"path.yaml:10: "event" is 7, expected an event or a list of events"#);
    assert_snapshot!(path("event: purchase", "event: order_plced"), @r#"path.yaml:10: unknown event "order_plced"; did you mean "order_placed"? (a custom event's name must differ from it by more than 2 letters)"#);
    assert_snapshot!(path("event: remove_from_cart", "event: remove_from_crt"), @r#"path.yaml:12: unknown event "remove_from_crt"; did you mean "remove_from_cart"? (a custom event's name must differ from it by more than 2 letters)"#);
    assert_snapshot!(path("event: remove_from_cart, ", ""), @r#"path.yaml:12: missing key "event" in exclusion 1 of funnel "path", expected an event or a list of events"#);
}

#[test]
fn an_exclusion_lies_between_two_required_steps() {
    assert_snapshot!(path("from: Viewed", "from: Seen"), @r#"path.yaml:12: unknown step "Seen", expected one of: Viewed, Added, Bought"#);
    assert_snapshot!(path("to: Bought", "to: Added"), @r#"path.yaml:12: "to" is "Added", which is optional, expected a required step"#);
    assert_snapshot!(path("from: Viewed, to: Bought", "from: Bought, to: Viewed"), @r#"path.yaml:12: exclusion 1 of funnel "path" goes from "Bought" to "Viewed", expected a later required step in "to""#);
    assert_snapshot!(path("from: Viewed", "from: Bought"), @r#"path.yaml:12: exclusion 1 of funnel "path" goes from "Bought" to "Bought", expected a later required step in "to""#);
    assert_snapshot!(path("exclude:\n", "exclude: []\nunread:\n"), @r#"
    path.yaml:11: "exclude" is a list of 0, expected a list of 1 to 32 exclusions
    path.yaml:12: unknown key "unread", expected one of: breakdown, entry, exclude, funnel, hold, mode, status, steps, unit, window
    "#);
    let many = "  - { event: refund }\n".repeat(33);
    assert_snapshot!(path("exclude:\n", &format!("exclude:\n{many}")), @r#"path.yaml:11: "exclude" is a list of 34, expected a list of 1 to 32 exclusions"#);
    let alone = PATH
        .replace("event: purchase }", "event: purchase, optional: true }")
        .replace("from: Viewed, to: Bought", "to: Viewed");
    assert_snapshot!(messages(&[("path.yaml", &alone), ("events.yaml", EVENTS)]), @r#"path.yaml:12: exclusion 1 of funnel "path" goes from "Viewed" to "Viewed", expected a later required step in "to""#);
}

#[test]
fn a_breakdown_names_a_rule_or_a_step() {
    assert_snapshot!(path("rule: { step: Added }", "rule: Added"), @r#"path.yaml:14: "rule" is "Added", expected first, last or { step: label }"#);
    assert_snapshot!(path("rule: { step: Added }", "rule: { step: Aded }"), @r#"path.yaml:14: unknown step "Aded"; did you mean "Added"?"#);
    assert_snapshot!(path("rule: { step: Added }", "rule: { stp: Added }"), @r#"path.yaml:14: unknown key "stp"; did you mean "step"?"#);
    assert_snapshot!(path("breakdown: { by: channel, rule: { step: Added } }", "breakdown: channel"), @r#"path.yaml:14: breakdown of funnel "path" is the text "channel", expected a mapping"#);
}

#[test]
fn what_needs_an_order_is_refused_in_any_order() {
    assert_eq!(any_order("", "window: 1d\n"), "");
    assert_snapshot!(any_order(", optional: true", ""), @r#"path.yaml:7: key "optional" of a step belongs to modes ordered and strict only"#);
    assert_snapshot!(any_order(", window: 1d", ""), @r#"path.yaml:7: key "window" of a step belongs to modes ordered and strict only"#);
    assert_snapshot!(any_order("", "entry: every\n"), @r#"path.yaml:5: entry "every" belongs to modes ordered and strict only, expected first"#);
    assert_snapshot!(any_order("", "exclude: [{ event: refund }]\n"), @r#"path.yaml:5: key "exclude" belongs to modes ordered and strict only"#);
    assert_snapshot!(any_order("", "breakdown: { by: channel, rule: { step: B } }\n"), @"path.yaml:5: a breakdown by a step belongs to modes ordered and strict only, expected first or last");
    assert_snapshot!(path("mode: ordered", "mode: any_order"), @r#"
    path.yaml:9: key "optional" of a step belongs to modes ordered and strict only
    path.yaml:9: key "window" of a step belongs to modes ordered and strict only
    path.yaml:11: key "exclude" belongs to modes ordered and strict only
    path.yaml:14: a breakdown by a step belongs to modes ordered and strict only, expected first or last
    "#);
}

#[test]
fn an_unknown_mode_or_entry_gets_the_nearest_of_the_choices() {
    assert_snapshot!(path("mode: ordered", "mode: orderd"), @r#"path.yaml:4: unknown mode "orderd"; did you mean "ordered"?"#);
    assert_snapshot!(path("entry: first", "entry: last"), @r#"path.yaml:5: unknown entry "last", expected one of: first, every"#);
}

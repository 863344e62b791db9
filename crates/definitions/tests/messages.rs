//! Every mistake names file, line, what is wrong, what was expected, and the nearest right spelling.

use definitions::{Definitions, parse_yaml};
use insta::assert_snapshot;
use model::traffic::ClickIdRule;

const MODEL: &str = "semantic_model: visits
status: approved
table: visits
key: id
columns: { id: text, at: instant, channel: text, spent: money, pages: number, bot: boolean, stay_ms: duration }
date_bases: { session_start: at, first_step: at }
dimensions: { channel: channel }
measures:
  count: { agg: count }
  spent: { agg: sum, column: spent }
";

const METRIC: &str = "metric: spend
status: draft
label: Spend
description: What visitors spend.
type: simple
value: { measure: spent, of: visits, where: not bot }
unit: currency
additivity: full
date_basis: session_start
currency: EUR
zone: Europe/Berlin
dimensions: [channel]
maturity: 36h
owner: finance
direction: up
signatures_required: [finance]
";

const FUNNEL: &str = "funnel: checkout
status: approved
unit: person
window: 7d
steps:
  - { label: Viewed, event: view_item }
  - { label: Bought, event: purchase }
";

const POLICY: &str = "policy: shaped
status: draft
model: position_based
first_weight_percent: 40
middle_weight_percent: 20
last_weight_percent: 40
click_window_hours: 720
direct_counts: false
order_resets_path: false
basis: order_date
";

const PLATFORM: &str = "platform_policy: meta_ads
status: draft
click_window_hours: 168
click_ids: [fbclid]
utm_sources: [facebook]
action: omni_purchase
booking: order_date
";

const CONVERSION: &str = "conversion: visits_paid
status: draft
label: Visits paid
description: Visits that somebody paid for.
of: buyers
unit: name
where: not bot
value: spent
date_basis: session_start
counting: one_per_person
maturity: 36h
owner: finance
signatures_required: [finance]
";

const BUYERS: &str = "---
semantic_model: buyers
status: approved
table: facts.events
columns:
  name: text
  at: instant
  person_id: text
  currency: text
  spent: money
  country: { kind: text, property: country }
  age: { kind: number, property: /buyer/age }
  tip: { kind: money, property: tip }
  bot: boolean
date_bases: { session_start: at, first_step: at }
dimensions: { country: country }
measures:
  count: { agg: count }
  spent: { agg: sum, column: spent }
  tips: { agg: sum, column: tip, where: age >= 18 }
";

/// The messages about several files, one a line.
fn messages(files: &[(&str, &str)]) -> String {
    let files: Vec<_> = files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
    let errors = Definitions::parse(&files).err().unwrap_or_default();
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The messages after `from` was replaced by `to`, which must be there, in a text without mistakes.
fn changed(file: &str, text: &str, from: &str, to: &str) -> String {
    assert_eq!(messages(&[(file, text), ("visits.yaml", MODEL)]), "", "{file} is sound before the change");
    assert_eq!(text.matches(from).count(), 1, "{from} stands once in {file}");
    messages(&[(file, &text.replace(from, to)), ("visits.yaml", MODEL)])
}

fn funnel(from: &str, to: &str) -> String {
    changed("checkout.yaml", FUNNEL, from, to)
}

fn metric(from: &str, to: &str) -> String {
    changed("spend.yaml", METRIC, from, to)
}

fn policy(from: &str, to: &str) -> String {
    changed("policies.yaml", POLICY, from, to)
}

fn model(from: &str, to: &str) -> String {
    assert_eq!(MODEL.matches(from).count(), 1, "{from} stands once");
    messages(&[("spend.yaml", METRIC), ("visits.yaml", &MODEL.replace(from, to))])
}

#[test]
fn an_unknown_key_gets_the_nearest_spelling() {
    assert_snapshot!(funnel("window", "windwo"), @r#"checkout.yaml:4: unknown key "windwo"; did you mean "window"?"#);
    assert_snapshot!(funnel("unit: person", "unit: person\ncolour: red"), @r#"checkout.yaml:4: unknown key "colour", expected one of: breakdown, entry, exclude, funnel, hold, mode, status, steps, unit, window"#);
    assert_snapshot!(funnel("event: purchase", "evnt: purchase"), @r#"checkout.yaml:7: unknown key "evnt"; did you mean "event"?"#);
}

#[test]
fn an_unknown_kind_gets_the_nearest_spelling() {
    assert_snapshot!(funnel("funnel: checkout", "funel: checkout"), @r#"checkout.yaml:1: unknown kind of definition "funel"; did you mean "funnel"?"#);
    assert_snapshot!(funnel("funnel: checkout", "dashboard: checkout"), @r#"checkout.yaml:1: unknown kind of definition "dashboard", expected one of: metric, conversion, funnel, policy, platform_policy, semantic_model"#);
}

#[test]
fn a_missing_key_is_named_with_what_was_expected() {
    assert_snapshot!(funnel("unit: person\n", ""), @r#"checkout.yaml:1: missing key "unit" in funnel "checkout", expected one of: person, device, session, cart, order"#);
    assert_snapshot!(funnel("status: approved\n", ""), @r#"checkout.yaml:1: missing key "status" in funnel "checkout", expected one of: draft, approved"#);
    assert_snapshot!(policy("middle_weight_percent: 20\n", ""), @r#"policies.yaml:1: missing key "middle_weight_percent" in policy "shaped", expected a whole number from 0 to 100"#);
}

#[test]
fn a_value_of_the_wrong_type_is_shown() {
    assert_snapshot!(funnel("7d", "a week"), @r#"checkout.yaml:4: "window" is "a week", expected a duration from 0s to 3650d, such as 7d, 36h, 30min, 90s or 500ms"#);
    assert_snapshot!(funnel("7d", "1.5d"), @r#"checkout.yaml:4: "window" is "1.5d", expected a duration from 0s to 3650d, such as 7d, 36h, 30min, 90s or 500ms"#);
    assert_snapshot!(funnel("window: 7d", "window:"), @r#"checkout.yaml:4: "window" is empty, expected a duration from 0s to 3650d, such as 7d, 36h, 30min, 90s or 500ms"#);
    assert_snapshot!(policy("direct_counts: false", "direct_counts: no"), @r#"policies.yaml:8: "direct_counts" is the text "no", expected true or false"#);
    assert_snapshot!(funnel("{ label: Viewed, event: view_item }", "view_item"), @r#"checkout.yaml:6: step 1 of funnel "checkout" is the text "view_item", expected a mapping"#);
    assert_snapshot!(metric("label: Spend", "label: [Spend]"), @r#"spend.yaml:3: "label" is a list, expected a text"#);
}

#[test]
fn a_value_out_of_range_is_shown_with_the_range() {
    assert_snapshot!(funnel("7d", "0"), @r#"checkout.yaml:4: "window" is 0, expected a duration from 0s to 3650d, such as 7d, 36h, 30min, 90s or 500ms"#);
    assert_snapshot!(funnel("7d", "3651d"), @r#"checkout.yaml:4: "window" is "3651d", expected a duration from 0s to 3650d, such as 7d, 36h, 30min, 90s or 500ms"#);
    assert_snapshot!(policy("click_window_hours: 720", "click_window_hours: -1"), @r#"policies.yaml:7: "click_window_hours" is -1, expected a whole number from 1 to 8760"#);
    assert_snapshot!(metric("36h", "400d"), @r#"spend.yaml:13: "maturity" is "400d", expected days or hours from 0d to 365d, such as 30d"#);
    assert_snapshot!(metric("36h", "a month"), @r#"spend.yaml:13: "maturity" is "a month", expected days or hours from 0d to 365d, such as 30d"#);
}

#[test]
fn a_funnel_of_one_step_or_too_many_is_refused() {
    assert_snapshot!(funnel("  - { label: Bought, event: purchase }\n", ""), @r#"checkout.yaml:5: "steps" is a list of 1, expected a list of 2 to 32 steps"#);
    let many: String = (0..31).map(|step| format!("  - {{ label: Step {step}, event: search }}\n")).collect();
    assert_snapshot!(funnel("steps:\n", &format!("steps:\n{many}")), @r#"checkout.yaml:5: "steps" is a list of 33, expected a list of 2 to 32 steps"#);
    assert_snapshot!(funnel("label: Bought", "label: Viewed"), @r#"checkout.yaml:7: two steps have the label "Viewed""#);
}

#[test]
fn a_misspelt_event_is_refused_and_a_custom_event_is_not() {
    assert_snapshot!(funnel("event: purchase", "event: puchase"), @r#"checkout.yaml:7: unknown event "puchase"; did you mean "purchase"? (a custom event's name must differ from it by more than 2 letters)"#);
    assert_snapshot!(funnel("event: purchase", "event: quiz_completed"), @"");
}

#[test]
fn an_unknown_word_gets_the_nearest_of_the_choices() {
    assert_snapshot!(funnel("approved", "aproved"), @r#"checkout.yaml:2: unknown status "aproved"; did you mean "approved"?"#);
    assert_snapshot!(funnel("person", "household"), @r#"checkout.yaml:3: unknown unit "household", expected one of: person, device, session, cart, order"#);
    assert_snapshot!(policy("position_based", "postion_based"), @r#"policies.yaml:3: unknown model "postion_based"; did you mean "position_based"?"#);
    assert_snapshot!(metric("direction: up", "direction: sideways"), @r#"spend.yaml:15: unknown direction "sideways", expected one of: up, down"#);
    assert_snapshot!(metric("type: simple", "type: derived"), @r#"spend.yaml:5: unknown type "derived", expected one of: ratio, simple"#);
    assert_snapshot!(metric("[finance]", "[finnance]"), @r#"spend.yaml:16: unknown signatory "finnance"; did you mean "finance"?"#);
}

#[test]
fn weights_must_add_up_to_100() {
    assert_snapshot!(policy("middle_weight_percent: 20", "middle_weight_percent: 30"), @"policies.yaml:4: first, middle and last weight add up to 110 percent, expected 100");
    assert_snapshot!(policy("first_weight_percent: 40\nmiddle_weight_percent: 20\nlast_weight_percent: 40", "first_weight_percent: 0\nmiddle_weight_percent: 100\nlast_weight_percent: 0"), @"policies.yaml:4: first and last weight are both 0, so a path of two touches would have no credit");
    assert_snapshot!(policy("position_based", "linear"), @r#"
    policies.yaml:4: key "first_weight_percent" belongs to model position_based only
    policies.yaml:5: key "middle_weight_percent" belongs to model position_based only
    policies.yaml:6: key "last_weight_percent" belongs to model position_based only
    "#);
    assert_snapshot!(policy("position_based", "time_decay"), @r#"
    policies.yaml:1: missing key "half_life_hours" in policy "shaped", expected a whole number from 1 to 8760
    policies.yaml:4: key "first_weight_percent" belongs to model position_based only
    policies.yaml:5: key "middle_weight_percent" belongs to model position_based only
    policies.yaml:6: key "last_weight_percent" belongs to model position_based only
    "#);
}

#[test]
fn an_unknown_measure_model_or_column_gets_the_nearest_spelling() {
    assert_snapshot!(metric("measure: spent", "measure: spnt"), @r#"spend.yaml:6: unknown measure of visits "spnt"; did you mean "spent"?"#);
    assert_snapshot!(metric("of: visits", "of: visit"), @r#"spend.yaml:6: unknown semantic model "visit"; did you mean "visits"?"#);
    assert_snapshot!(metric("not bot", "not bott"), @r#"spend.yaml:6: in "where": unknown column "bott"; did you mean "bot"?"#);
    assert_snapshot!(metric("not bot", "landing_page = 'x'"), @r#"spend.yaml:6: in "where": unknown column "landing_page", expected one of: at, bot, channel, id, pages, spent, stay_ms"#);
}

#[test]
fn a_condition_that_cannot_be_read_says_what_was_expected() {
    assert_snapshot!(metric("not bot", "not bot and"), @r#"spend.yaml:6: in "where": expected a column, "not" or "(" after "and", found the end"#);
    assert_snapshot!(metric("not bot", "(bot"), @r#"spend.yaml:6: in "where": expected ")" after "bot", found the end"#);
    assert_snapshot!(metric("not bot", "bot bot"), @r#"spend.yaml:6: in "where": expected "and", "or" or the end after "bot", found "bot""#);
    assert_snapshot!(metric("not bot", "bot == true"), @r#"spend.yaml:6: in "where": expected true or false for column "bot" after "=", found "=""#);
    assert_snapshot!(metric("not bot", "channel"), @r#"spend.yaml:6: in "where": column "channel" is text, expected a comparison with a text such as 'Direct'"#);
    assert_snapshot!(metric("not bot", "channel = 7"), @r#"spend.yaml:6: in "where": expected a text such as 'Direct' for column "channel" after "=", found "7""#);
    assert_snapshot!(metric("not bot", "channel > 'A'"), @r#"spend.yaml:6: in "where": column "channel" is text, expected "=" or "!=", found ">""#);
    assert_snapshot!(metric("not bot", "pages >= 2.5"), @r#"spend.yaml:6: in "where": expected a whole number such as 3 for column "pages" after ">=", found "2.5""#);
    assert_snapshot!(metric("not bot", "stay_ms <= 7w"), @r#"spend.yaml:6: in "where": "7w" is no duration such as 7d, 36h, 30min, 90s or 500ms"#);
    assert_snapshot!(metric("not bot", "at > 7"), @r#"spend.yaml:6: in "where": column "at" is an instant; the days are chosen by who asks, not by the definition"#);
    assert_snapshot!(metric("not bot", "\"channel = 'A\""), @r#"spend.yaml:6: in "where": a text in single quotes has no end"#);
    assert_snapshot!(metric("not bot", "channel ~ 1"), @r#"spend.yaml:6: in "where": unexpected "~"; texts stand in single quotes"#);
}

#[test]
fn a_metric_that_its_models_cannot_answer_is_refused() {
    assert_snapshot!(metric("[channel]", "[chanel]"), @r#"spend.yaml:12: unknown dimension of visits "chanel"; did you mean "channel"?"#);
    assert_snapshot!(metric("date_basis: session_start", "date_basis: order_date"), @r#"spend.yaml:9: "visits" has no date basis "order_date", expected one of: session_start, first_step"#);
    assert_snapshot!(metric("date_basis: session_start", "date_basis: first_step"), @r#"spend.yaml:9: date basis "first_step" is not for amounts of money"#);
    assert_snapshot!(metric("additivity: full", "additivity: { over: [shop] }"), @r#"spend.yaml:8: unknown dimension "shop", expected one of: channel"#);
    assert_snapshot!(metric("additivity: full", "additivity: some"), @r#"spend.yaml:8: "additivity" is "some", expected full, none, or over: [dimension, …]"#);
}

#[test]
fn a_unit_that_does_not_fit_the_formula_is_refused() {
    assert_snapshot!(metric("unit: currency", "unit: count"), @r#"spend.yaml:7: "unit" is "count", but the formula gives currency"#);
    assert_snapshot!(metric("currency: EUR\n", ""), @r#"spend.yaml:1: missing key "currency", expected reporting or a code such as EUR: the formula has amounts"#);
    assert_snapshot!(metric("measure: spent", "measure: count"), @r#"
    spend.yaml:7: "unit" is "currency", but the formula gives count
    spend.yaml:10: key "currency" stands here, but the formula has no amounts
    "#);
    assert_snapshot!(metric("type: simple\nvalue: { measure: spent, of: visits, where: not bot }\nunit: currency", "type: ratio\nnumerator: { measure: spent, of: visits }\ndenominator: { measure: count, of: visits }\nunit: ratio"), @r#"
    spend.yaml:8: "unit" is "ratio", but the formula gives currency_per_ and what it is divided by
    spend.yaml:9: a ratio cannot be added over anything, expected additivity: none
    "#);
}

#[test]
fn an_unknown_currency_or_zone_is_refused() {
    assert_snapshot!(metric("EUR", "EURO"), @r#"spend.yaml:10: in "currency": "EURO" is not an ISO 4217 currency code, expected reporting or a code such as EUR"#);
    assert_snapshot!(metric("Europe/Berlin", "Europe/Berln"), @r#"spend.yaml:11: in "zone": "Europe/Berln" is not an IANA time zone such as Europe/Berlin, nor the word reporting"#);
}

#[test]
fn a_semantic_model_is_checked_against_its_own_columns() {
    assert_snapshot!(model("key: id", "key: at"), @r#"visits.yaml:4: "key" is "at", expected a text column of this model"#);
    assert_snapshot!(model("spent: money", "spent: mony"), @r#"visits.yaml:5: unknown column kind "mony"; did you mean "money"?"#);
    assert_snapshot!(model("column: spent", "column: spend"), @r#"visits.yaml:10: unknown column "spend"; did you mean "spent"?"#);
    assert_snapshot!(model("column: spent", "column: channel"), @r#"visits.yaml:10: column "channel" is text, expected money or a number"#);
    assert_snapshot!(model("{ channel: channel }", "{ channel: at }"), @r#"visits.yaml:7: column "at" is an instant, expected text"#);
    assert_snapshot!(model("session_start: at", "sesion_start: at"), @r#"visits.yaml:6: unknown date basis "sesion_start"; did you mean "session_start"?"#);
    assert_snapshot!(model("measures:", "joins: { visit: { model: visit, by: id } }\nmeasures:"), @r#"visits.yaml:8: unknown semantic model "visit"; did you mean "visits"?"#);
    let keyless = MODEL.replace("key: id\n", "joins: { other: { model: visits, by: id } }\n");
    assert_snapshot!(messages(&[("visits.yaml", &keyless)]), @r#"visits.yaml:4: "visits" has no key, so a join could meet many of its rows"#);
    assert_snapshot!(model("measures:", "joins: { other: { model: visits, by: pages } }\nmeasures:"), @r#"visits.yaml:8: "by" is "pages", expected a text column of "visits""#);
}

#[test]
fn capital_letters_that_would_match_nothing_are_refused() {
    assert_snapshot!(changed("meta.yaml", PLATFORM, "[facebook]", "[Facebook]"), @r#"meta.yaml:5: "Facebook" in "utm_sources" has capital letters, expected "facebook""#);
}

#[test]
fn a_name_must_be_a_name() {
    assert_snapshot!(funnel("funnel: checkout", "funnel: Check out"), @r#"checkout.yaml:1: "funnel" is "Check out", expected a name such as revenue_per_session"#);
    assert_snapshot!(funnel("funnel: checkout", "funnel:"), @r#"checkout.yaml:1: "funnel" is empty, expected a text"#);
}

#[test]
fn a_second_definition_of_a_name_points_at_the_first() {
    assert_snapshot!(messages(&[("b.yaml", FUNNEL), ("a.yaml", &format!("{FUNNEL}---\n{FUNNEL}"))]), @r#"
    a.yaml:9: funnel "checkout" is defined a second time; the first is at a.yaml:1
    b.yaml:1: funnel "checkout" is defined a second time; the first is at a.yaml:1
    "#);
}

#[test]
fn an_empty_file_and_an_empty_document_are_refused() {
    assert_snapshot!(messages(&[("empty.yaml", "# nothing yet\n")]), @"empty.yaml:1: the file holds no definition");
    assert_snapshot!(messages(&[("empty.yaml", "{}")]), @"empty.yaml:1: the definition is empty, expected one of: metric, conversion, funnel, policy, platform_policy, semantic_model");
    assert_snapshot!(messages(&[("list.yaml", "- funnel: a\n")]), @"list.yaml:1: a definition is a list, expected a mapping");
}

#[test]
fn bad_yaml_is_refused_with_its_line() {
    assert_snapshot!(messages(&[("bad.yaml", "funnel: checkout\nsteps: [a, b\nunit: person\n")]), @"bad.yaml:3: cannot be read: illegal placement of ':' indicator");
    assert_snapshot!(messages(&[("twice.yaml", "funnel: checkout\nunit: person\nunit: device\n")]), @r#"twice.yaml:3: key "unit" stands here twice"#);
    assert_snapshot!(messages(&[("tab.yaml", "funnel: checkout\n\tunit: person\n")]), @"tab.yaml:1: cannot be read: while scanning a plain scalar, found a tab");
}

#[test]
fn yaml_of_other_crates_is_refused_in_the_same_words() {
    let message = |text: &str| parse_yaml::<ClickIdRule>("channels.yaml", text).expect_err("wrong").to_string();
    assert!(parse_yaml::<ClickIdRule>("channels.yaml", "{ source: google, medium: cpc, paid: true }").is_ok());
    assert_snapshot!(message("source: google\nmedum: cpc\npaid: true\n"), @r#"channels.yaml:2: unknown key "medum"; did you mean "medium"?"#);
    assert_snapshot!(message("source: google\nmedium: cpc\npaid: yes\n"), @"channels.yaml:3: cannot be read: invalid boolean (true or false expected)");
    assert_snapshot!(message("source: google\nmedium: cpc\n"), @r#"channels.yaml:2: missing key "paid""#);
}

#[test]
fn yaml_that_nests_too_deep_is_refused() {
    assert_snapshot!(messages(&[("deep.yaml", &"[".repeat(100_000))]), @"deep.yaml:1: cannot be read: recursion limit exceeded");
}

#[test]
fn a_metric_waits_until_its_semantic_models_are_sound() {
    assert_snapshot!(model("key: id\n", "key: spent\n"), @r#"visits.yaml:4: "key" is "spent", expected a text column of this model"#);
    assert_snapshot!(model("table: visits\n", ""), @r#"visits.yaml:1: missing key "table" in semantic_model "visits", expected a text"#);
}

#[test]
fn a_key_of_another_model_of_attribution_is_refused() {
    assert_snapshot!(policy("basis: order_date", "basis: order_date\nhalf_life_hours: 24"), @r#"policies.yaml:11: key "half_life_hours" belongs to model time_decay only"#);
}

#[test]
fn all_mistakes_are_reported_at_once_by_file_and_line() {
    assert_snapshot!(messages(&[("b.yaml", &FUNNEL.replace("7d", "0")), ("a.yaml", &POLICY.replace("model: position_based", "model: best").replace("720", "0").replace("basis: order_date", "basis: today"))]), @r#"
    a.yaml:3: unknown model "best", expected one of: first, last, last_non_direct, linear, position_based, time_decay
    a.yaml:7: "click_window_hours" is 0, expected a whole number from 1 to 8760
    a.yaml:10: unknown basis "today", expected one of: order_date, touch_date
    b.yaml:4: "window" is 0, expected a duration from 0s to 3650d, such as 7d, 36h, 30min, 90s or 500ms
    "#);
}

/// The messages after a change to the conversion or to its model.
fn conversion(from: &str, to: &str) -> String {
    let text = format!("{CONVERSION}{BUYERS}");
    assert_eq!(messages(&[("paid.yaml", &text)]), "", "paid.yaml is sound before the change");
    assert_eq!(text.matches(from).count(), 1, "{from} stands once in paid.yaml");
    messages(&[("paid.yaml", &text.replace(from, to))])
}

#[test]
fn a_conversion_that_its_model_cannot_count_is_refused() {
    assert_snapshot!(conversion("of: buyers", "of: buyer"), @r#"paid.yaml:5: unknown semantic model "buyer"; did you mean "buyers"?"#);
    assert_snapshot!(conversion("unit: name", "unit: nam"), @r#"paid.yaml:6: in "unit": unknown column "nam"; did you mean "name"?"#);
    assert_snapshot!(conversion("unit: name", "unit: at"), @r#"paid.yaml:6: in "unit": column "at" is an instant, expected a text column"#);
    assert_snapshot!(conversion("unit: name\n", ""), @r#"paid.yaml:1: missing key "unit" in conversion "visits_paid", expected the text column that names the order, such as order_key"#);
    assert_snapshot!(conversion("value: spent", "value: spend"), @r#"paid.yaml:8: unknown measure of buyers "spend"; did you mean "spent"?"#);
    assert_snapshot!(conversion("not bot", "not bott"), @r#"paid.yaml:7: in "where": unknown column "bott"; did you mean "bot"?"#);
    assert_snapshot!(conversion("counting: one_per_person", "counting: one_per_sesion"), @r#"paid.yaml:10: unknown counting "one_per_sesion"; did you mean "one_per_session"?"#);
    assert_snapshot!(conversion("counting: one_per_person", "counting: one_per_session"), @r#"paid.yaml:10: "counting" is "one_per_session", but "buyers" has no text column "session_id""#);
    assert_snapshot!(conversion("date_basis: session_start", "date_basis: order_date"), @r#"paid.yaml:9: "buyers" has no date basis "order_date", expected one of: session_start, first_step"#);
    assert_snapshot!(conversion("date_basis: session_start", "date_basis: first_step"), @r#"paid.yaml:9: date basis "first_step" is not for amounts of money"#);
    assert_snapshot!(conversion("  currency: text\n", ""), @r#"paid.yaml:8: measure "spent" is money, but "buyers" has no text column "currency""#);
    assert_snapshot!(conversion("owner: finance\n", "ownr: finance\n"), @r#"paid.yaml:12: unknown key "ownr"; did you mean "owner"?"#);
}

#[test]
fn a_column_out_of_properties_is_checked_like_any_other() {
    assert_snapshot!(conversion("kind: text, property: country", "kind: txt, property: country"), @r#"paid.yaml:24: unknown kind "txt"; did you mean "text"?"#);
    assert_snapshot!(conversion("kind: text, property: country", "kind: text, propery: country"), @r#"paid.yaml:24: unknown key "propery"; did you mean "property"?"#);
    assert_snapshot!(conversion("kind: text, property: country", "kind: instant, property: country"), @"paid.yaml:24: a property cannot be an instant: the days are cut by columns of the table");
    assert_snapshot!(conversion("kind: text, property: country", "kind: number, property: country"), @r#"paid.yaml:29: column "country" is a number, expected text"#);
    assert_snapshot!(conversion("kind: text, property: country", "kind: text"), @r#"paid.yaml:24: missing key "property" in column "country", expected a text"#);
    assert_snapshot!(conversion("table: facts.events", "table: facts.events\nkey: country"), @r#"paid.yaml:18: "key" is "country", expected a text column of this model"#);
}

#[test]
fn a_table_is_a_derived_one_or_a_stored_fact() {
    assert_snapshot!(conversion("table: facts.events", "table: raw.inbox"), @r#"paid.yaml:17: "table" is "raw.inbox", expected a table such as orders or facts.events"#);
    assert_snapshot!(conversion("table: facts.events", "table: facts.events; DROP"), @r#"paid.yaml:17: "table" is "facts.events; DROP", expected a table such as orders or facts.events"#);
}

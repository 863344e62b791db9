//! Reads attribution policies: the house's own, and each platform's rule as far as our facts can replay it.

use model::{AttributionModel, CreditBasis, HousePolicy, PlatformPolicy};

use crate::section::Section;

/// The longest window that a steward may set, in hours: 365 days.
const WINDOW_HOURS_MAX: i64 = 8760;

const MODELS: [(&str, AttributionModel); 6] = [
    ("first", AttributionModel::First),
    ("last", AttributionModel::Last),
    ("last_non_direct", AttributionModel::LastNonDirect),
    ("linear", AttributionModel::Linear),
    ("position_based", AttributionModel::PositionBased),
    ("time_decay", AttributionModel::TimeDecay),
];

const BASES: [(&str, CreditBasis); 2] =
    [("order_date", CreditBasis::OrderDate), ("touch_date", CreditBasis::TouchDate)];

const KEYS_OF_MODELS: [(&str, AttributionModel, &str); 4] = [
    ("first_weight_percent", AttributionModel::PositionBased, "position_based"),
    ("middle_weight_percent", AttributionModel::PositionBased, "position_based"),
    ("last_weight_percent", AttributionModel::PositionBased, "position_based"),
    ("half_life_hours", AttributionModel::TimeDecay, "time_decay"),
];

/// Reads the keys of `policy: name` beside name and status.
pub(crate) fn read_house(name: &str, section: &Section<'_>) -> Option<HousePolicy> {
    let model = section.choice("model", &MODELS);
    let click_window_hours = section.integer("click_window_hours", 1..=WINDOW_HOURS_MAX);
    let direct_counts = section.flag("direct_counts");
    let order_resets_path = section.flag("order_resets_path");
    let basis = section.choice("basis", &BASES);
    refuse_keys_of_other_models(section, model);
    let weights = match model {
        Some(AttributionModel::PositionBased) => read_weights(section),
        _ => Some((0, 0)),
    };
    let half_life_hours = match model {
        Some(AttributionModel::TimeDecay) => section.integer("half_life_hours", 1..=WINDOW_HOURS_MAX),
        _ => Some(0),
    };
    section.finish();
    let (first, last) = weights?;
    Some(HousePolicy {
        name: name.to_owned(),
        model: model?,
        click_window_hours: click_window_hours?,
        direct_counts: direct_counts?,
        order_resets_path: order_resets_path?,
        first_weight_percent: first,
        last_weight_percent: last,
        half_life_hours: half_life_hours?,
        basis: basis?,
    })
}

/// A half-life without `time_decay`, say, would look as if it did something.
fn refuse_keys_of_other_models(section: &Section<'_>, model: Option<AttributionModel>) {
    for (key, owner, word) in KEYS_OF_MODELS {
        let stands = section.optional(key).is_some();
        if stands && model.is_some_and(|model| model != owner) {
            section.mistake(section.line_of(key), format!("key \"{key}\" belongs to model {word} only"));
        }
    }
}

/// First and last weight. The middle one is the rest to 100; it is written all the same, so that the steward sees it.
fn read_weights(section: &Section<'_>) -> Option<(i64, i64)> {
    let first = section.integer("first_weight_percent", 0..=100);
    let middle = section.integer("middle_weight_percent", 0..=100);
    let last = section.integer("last_weight_percent", 0..=100);
    let (first, middle, last) = (first?, middle?, last?);
    let line = section.line_of("first_weight_percent");
    if first + middle + last != 100 {
        let sum = first + middle + last;
        section.mistake(line, format!("first, middle and last weight add up to {sum} percent, expected 100"));
        return None;
    }
    if first + last == 0 {
        section.mistake(line, "first and last weight are both 0, so a path of two touches would have no credit");
        return None;
    }
    Some((first, last))
}

/// Reads the keys of `platform_policy: platform` beside name and status.
pub(crate) fn read_platform(platform: &str, section: &Section<'_>) -> Option<PlatformPolicy> {
    let click_window_hours = section.integer("click_window_hours", 1..=WINDOW_HOURS_MAX);
    let click_ids = lower_case_texts(section, "click_ids");
    let utm_sources = lower_case_texts(section, "utm_sources");
    let action = section.text("action");
    let booking = section.choice("booking", &BASES);
    section.finish();
    Some(PlatformPolicy {
        platform: platform.to_owned(),
        click_window_hours: click_window_hours?,
        click_ids: click_ids?,
        utm_sources: utm_sources?,
        action: action?.text.to_owned(),
        booking: booking?,
    })
}

/// Texts that are compared with facts, where they are stored in lower case: a capital letter would match nothing.
fn lower_case_texts(section: &Section<'_>, key: &'static str) -> Option<Vec<String>> {
    let spots = section.texts(key)?;
    for spot in spots.iter().filter(|spot| spot.text.to_lowercase() != spot.text) {
        let (text, lower) = (spot.text, spot.text.to_lowercase());
        section.mistake(spot.line, format!("\"{text}\" in \"{key}\" has capital letters, expected \"{lower}\""));
    }
    Some(spots.iter().map(|spot| spot.text.to_owned()).collect())
}

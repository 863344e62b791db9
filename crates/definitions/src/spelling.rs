//! Finds the name that somebody meant.

use crate::funnel::ORDER_EVENT;

/// Names that sources are harmonised to, and the one that stands for the orders of the shop. Others are custom events, unless they look like a misspelt one of these.
pub(crate) const KNOWN_EVENTS: [&str; 21] = [
    "add_payment_info",
    "add_shipping_info",
    "add_to_cart",
    "add_to_wishlist",
    "alias",
    "begin_checkout",
    "group",
    "identify",
    ORDER_EVENT,
    "page_view",
    "purchase",
    "refund",
    "remove_from_cart",
    "screen_view",
    "search",
    "select_item",
    "select_promotion",
    "view_cart",
    "view_item",
    "view_item_list",
    "view_promotion",
];

/// Letters by which a custom event's name must at least differ from every known one, less one.
const EVENT_DISTANCE_MAX: usize = 2;

/// The known name with the fewest different letters, if they are few for the length; ties by name.
pub(crate) fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance_max = (found.chars().count() / 3).clamp(1, 3);
    within(found, known, distance_max)
}

/// The known event that `name` probably misspells; none for a known name and for a custom event.
pub(crate) fn misspelt_event(name: &str) -> Option<&'static str> {
    within(name, KNOWN_EVENTS, EVENT_DISTANCE_MAX).filter(|known| *known != name)
}

/// `unknown measure "cuont"; did you mean "count"?`
pub(crate) fn unknown(kind: &str, found: &str, known: &[impl AsRef<str>]) -> String {
    match nearest(found, known.iter().map(AsRef::as_ref)) {
        Some(near) => format!("unknown {kind} \"{found}\"; did you mean \"{near}\"?"),
        None => format!("unknown {kind} \"{found}\""),
    }
}

/// The same, and where nothing is near, what there is instead.
pub(crate) fn unknown_among(kind: &str, found: &str, known: &[impl AsRef<str>]) -> String {
    match nearest(found, known.iter().map(AsRef::as_ref)) {
        Some(_) => unknown(kind, found, known),
        None => format!("{}, expected one of: {}", unknown(kind, found, known), or_none(known)),
    }
}

/// Names as a list for people.
pub(crate) fn or_none(names: &[impl AsRef<str>]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}

/// True for a name that a definition, column or dimension may have: `a-z`, digits and single underscores, at most 64.
pub(crate) fn is_name(text: &str) -> bool {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('_')
        && !text.contains("__")
        && text.chars().all(letters)
}

fn within<'a>(found: &str, known: impl IntoIterator<Item = &'a str>, distance_max: usize) -> Option<&'a str> {
    let lower = found.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= distance_max)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_event_is_recognised_and_a_custom_one_is_left_alone() {
        assert_eq!(misspelt_event("add_to_crat"), Some("add_to_cart"));
        assert_eq!(misspelt_event("Purchase"), Some("purchase"));
        assert_eq!(misspelt_event("purchase"), None);
        assert_eq!(misspelt_event("quiz_completed"), None);
    }

    #[test]
    fn short_names_need_a_closer_match_than_long_ones() {
        assert_eq!(nearest("up", ["on", "of"]), None);
        assert_eq!(nearest("windw_hours", ["steps", "window_hours"]), Some("window_hours"));
        assert_eq!(nearest("b", ["c", "a"]), Some("a"), "ties go to the first by name");
        assert_eq!(nearest("aded", ["Viewed", "Added"]), Some("Added"), "capitals make no difference");
    }

    #[test]
    fn names_are_lower_case_words_with_single_underscores() {
        assert!(is_name("revenue_per_session"));
        for wrong in ["", "Revenue", "a__b", "a_", "1st", "a-b", "ä"] {
            assert!(!is_name(wrong), "{wrong}");
        }
    }
}

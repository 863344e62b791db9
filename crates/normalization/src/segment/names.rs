//! Segment's ecommerce spec in the house's words: harmonised event names, and which property is an event's amount.

use std::borrow::Cow;

use model::money::{MICROS_PER_UNIT, div_round_half_even};

use crate::{error::NormalizeError, json::Object};

/// Names of version 2 of the spec in lower case, their alias of version 1 where it has one, and the house's name:
/// Google Analytics 4's where it has one.
const NAMES: &[(&str, &str, &str)] = &[
    ("products searched", "", "search"),
    ("product list viewed", "viewed product category", "view_item_list"),
    ("product list filtered", "filtered product list", "product_list_filtered"),
    ("promotion viewed", "viewed promotion", "view_promotion"),
    ("promotion clicked", "clicked promotion", "select_promotion"),
    ("product clicked", "clicked product", "select_item"),
    ("product viewed", "viewed product", "view_item"),
    ("product added", "added product", "add_to_cart"),
    ("product removed", "removed product", "remove_from_cart"),
    ("cart viewed", "viewed cart", "view_cart"),
    ("checkout started", "started order", "begin_checkout"),
    ("checkout step viewed", "viewed checkout step", "checkout_step_viewed"),
    ("checkout step completed", "completed checkout step", "checkout_step_completed"),
    ("shipping info entered", "", "add_shipping_info"),
    ("payment info entered", "", "add_payment_info"),
    ("order updated", "updated order", "order_updated"),
    ("order completed", "completed order", "purchase"),
    ("order refunded", "refunded order", "refund"),
    ("order cancelled", "cancelled order", "order_cancelled"),
    ("coupon entered", "", "coupon_entered"),
    ("coupon applied", "", "coupon_applied"),
    ("coupon denied", "", "coupon_denied"),
    ("coupon removed", "", "coupon_removed"),
    ("product added to wishlist", "", "add_to_wishlist"),
    ("product removed from wishlist", "", "remove_from_wishlist"),
    ("wishlist product added to cart", "", "add_to_cart"),
    ("product shared", "", "share"),
    ("cart shared", "", "cart_shared"),
    ("product reviewed", "", "product_reviewed"),
    ("experiment viewed", "", "experiment_viewed"),
];

/// The house's name of a spec event, whatever its case; none for other events, which keep theirs.
pub(crate) fn harmonised(sent: &str) -> Option<&'static str> {
    let lower = if sent.is_ascii() { Cow::Borrowed(sent) } else { Cow::Owned(sent.to_lowercase()) };
    let is = |known: &str| known.eq_ignore_ascii_case(&lower);
    NAMES.iter().find(|(v2, v1, _)| is(v2) || (is(v1) && !lower.is_empty())).map(|(_, _, name)| *name)
}

/// The amount that an event states, in micros: an order's is its total, anything else its value. Senders keep amounts
/// as floats, so digits beyond the micro are rounded; a price stands for `quantity` pieces.
pub(crate) fn amount(name: &str, properties: &Object<'_>) -> Result<Option<i64>, NormalizeError> {
    let of_order = matches!(name, "purchase" | "refund" | "order_updated" | "order_cancelled");
    for key in if of_order { ["total", "revenue", "value"] } else { ["value", "revenue", "total"] } {
        if let Some(micros) = properties.micros_rounded(key)? {
            return Ok(Some(micros));
        }
    }
    if of_order {
        return Ok(None);
    }
    let Some(price) = properties.micros_rounded("price")? else { return Ok(None) };
    let quantity = properties.micros_rounded("quantity")?.unwrap_or(MICROS_PER_UNIT);
    let product = div_round_half_even(i128::from(price) * i128::from(quantity), i128::from(MICROS_PER_UNIT));
    i64::try_from(product).map(Some).map_err(|_| {
        NormalizeError::malformed("quantity", &quantity.to_string(), "a quantity whose price is an amount")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{readable, top_object};

    #[test]
    fn both_versions_of_the_spec_have_one_name() {
        assert_eq!(harmonised("Completed Order"), Some("purchase"));
        assert_eq!(harmonised("order completed"), Some("purchase"));
        assert_eq!(harmonised("Quiz Finished"), None);
        assert_eq!(harmonised(""), None);
    }

    #[test]
    fn an_amount_is_read_from_the_property_that_fits_the_event() {
        let amount = |name, text: &str| {
            let text = readable(text.as_bytes()).expect("readable");
            amount(name, &top_object(&text).expect("readable"))
        };
        assert_eq!(amount("purchase", r#"{"revenue":67.23,"total":"85.00"}"#), Ok(Some(85_000_000)));
        assert_eq!(amount("begin_checkout", r#"{"revenue":67.23,"total":85}"#), Ok(Some(67_230_000)));
        assert_eq!(amount("add_to_cart", r#"{"price":13.33,"quantity":3}"#), Ok(Some(39_990_000)));
        assert_eq!(amount("view_item", r#"{"price":39.980000000000004}"#), Ok(Some(39_980_000)));
        assert_eq!(amount("purchase", r#"{"price":1}"#), Ok(None));
        assert!(amount("view_item", r#"{"price":1e11,"quantity":1e11}"#).is_err());
        assert!(amount("view_item", r#"{"value":"12,50"}"#).is_err());
    }
}

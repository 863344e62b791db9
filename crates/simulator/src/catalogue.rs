//! What the shops sell: the same goods in both, each at its own price.

use crate::cents::Cents;

/// One product with one variant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Product {
    pub sku: &'static str,
    pub name: &'static str,
    pub slug: &'static str,
    pub category: &'static str,
    /// Unit price in euro cents, tax included.
    euro_cents: i64,
    /// Unit price in US cents, before tax.
    dollar_cents: i64,
}

/// Every product; a product is named by its index.
const PRODUCTS: [Product; 24] = [
    product(["MUG-RED", "Mug Red", "mug-red", "Kitchen"], [1290, 1399]),
    product(["MUG-BLU", "Mug Blue", "mug-blue", "Kitchen"], [1290, 1399]),
    product(["MUG-XL", "Mug Extra Large", "mug-xl", "Kitchen"], [1695, 1849]),
    product(["PLATE-S", "Side Plate", "side-plate", "Kitchen"], [990, 1099]),
    product(["PLATE-L", "Dinner Plate", "dinner-plate", "Kitchen"], [1475, 1599]),
    product(["BOWL", "Soup Bowl", "soup-bowl", "Kitchen"], [1149, 1249]),
    product(["TEAPOT", "Teapot", "teapot", "Kitchen"], [3999, 4350]),
    product(["PRESS", "Coffee Press", "coffee-press", "Kitchen"], [4495, 4799]),
    product(["BEANS-250", "Coffee Beans 250 g", "coffee-beans-250", "Coffee"], [790, 899]),
    product(["BEANS-1K", "Coffee Beans 1 kg", "coffee-beans-1kg", "Coffee"], [2490, 2699]),
    product(["GRINDER", "Hand Grinder", "hand-grinder", "Coffee"], [8900, 9450]),
    product(["SCALE", "Brewing Scale", "brewing-scale", "Coffee"], [5995, 6499]),
    product(["FILTER", "Paper Filters", "paper-filters", "Coffee"], [490, 549]),
    product(["KETTLE", "Gooseneck Kettle", "gooseneck-kettle", "Coffee"], [11990, 12900]),
    product(["TOWEL", "Linen Towel", "linen-towel", "Home"], [1890, 1999]),
    product(["APRON", "Apron", "apron", "Home"], [3450, 3699]),
    product(["CANDLE", "Candle", "candle", "Home"], [1595, 1725]),
    product(["VASE", "Vase", "vase", "Home"], [2795, 2999]),
    product(["LAMP", "Table Lamp", "table-lamp", "Home"], [7450, 7999]),
    product(["CUSHION", "Cushion", "cushion", "Home"], [2999, 3249]),
    product(["BLANKET", "Wool Blanket", "wool-blanket", "Home"], [9995, 10800]),
    product(["BOTTLE", "Steel Bottle", "steel-bottle", "Outdoor"], [2650, 2849]),
    product(["FLASK", "Thermos Flask", "thermos-flask", "Outdoor"], [3375, 3599]),
    product(["CAMPMUG", "Camping Mug", "camping-mug", "Outdoor"], [995, 1050]),
];

/// `texts` are stock-keeping unit, name, slug and category; `prices` are in euro and dollar cents.
const fn product(texts: [&'static str; 4], prices: [i64; 2]) -> Product {
    let ([sku, name, slug, category], [euro_cents, dollar_cents]) = (texts, prices);
    Product { sku, name, slug, category, euro_cents, dollar_cents }
}

impl Product {
    /// The unit price in the currency of shop number `shop`.
    pub(crate) fn price(&self, shop: u8) -> Cents {
        Cents(if shop == 0 { self.euro_cents } else { self.dollar_cents })
    }
}

/// How many products there are.
pub(crate) const PRODUCT_COUNT: i64 = PRODUCTS.len() as i64;

/// The product with this index.
pub(crate) fn product_at(index: u8) -> &'static Product {
    PRODUCTS.get(usize::from(index)).expect("an index of a product is below their count")
}

/// Shopify's numeric id of a product.
pub(crate) fn product_id(index: u8) -> i64 {
    7_234_590_400_000 + i64::from(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_discount_of_five_never_makes_a_line_free() {
        assert!(PRODUCTS.iter().all(|p| p.price(0).0 >= 490 && p.price(1).0 >= 490));
    }
}

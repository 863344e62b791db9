//! Orders with the arithmetic of the shop's own software: discounts allocated to the cent, tax by line, refunds that
//! add up. Every amount is in cents of the shop's currency.

use crate::cents::{Cents, allocate, share};
use crate::chance::{Chance, Id128};
use crate::shops::{Shop, shop};

/// A placed order and all that later happened to it.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub placement: Placement,
    /// Shopify's id, unique in the world.
    pub id: i64,
    pub lines: Vec<Line>,
    pub code: Option<DiscountCode>,
    pub shipping: Cents,
    /// Tax on (tax-exclusive) or within (tax-inclusive) the shipping price.
    pub shipping_tax: Cents,
    /// In the order of time.
    pub refunds: Vec<Refund>,
    /// UTC seconds.
    pub cancelled_s: Option<i64>,
}

/// Who ordered what way, as known before anything is reckoned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placement {
    pub shop: u8,
    /// UTC seconds, `processed_at`.
    pub placed_s: i64,
    pub customer: Customer,
    /// The visit in which the order was placed, where the web saw it at all.
    pub visit: Option<u32>,
    pub channel: Channel,
    pub test: bool,
    pub checkout_token: Id128,
    pub cart_token: Id128,
    /// True where the shop's script wrote the device's anonymous id on the order.
    pub device_noted: bool,
}

/// Who the order document says bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Customer {
    /// Nobody: cash at the till.
    Anonymous,
    /// A person, by index.
    Person(u32),
    /// The shop's own tester.
    Staff { shop: u8 },
}

/// Where an order was placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    Web,
    PointOfSale,
}

/// One line of an order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    pub product: u8,
    pub quantity: i64,
    /// Per unit, before discounts.
    pub price: Cents,
    /// Allocated to the whole line.
    pub discount: Cents,
    pub tax: Cents,
}

/// A code that the buyer typed in; it works across all lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DiscountCode {
    /// Percent off.
    Percentage(i64),
    /// Cents off.
    Fixed(i64),
}

/// One refund; its transaction succeeded with exactly what it says.
#[derive(Debug, Clone)]
pub(crate) struct Refund {
    /// UTC seconds.
    pub at_s: i64,
    pub lines: Vec<RefundLine>,
    /// Shipping given back, ex tax.
    pub shipping: Cents,
    pub shipping_tax: Cents,
}

/// Units of one line given back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RefundLine {
    /// Position of the order's line.
    pub line: usize,
    pub quantity: i64,
    /// After discounts; contains the tax where the shop's prices do.
    pub subtotal: Cents,
    pub tax: Cents,
}

/// The amounts of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Price × quantity.
    pub gross: Cents,
    pub discount: Cents,
    /// Gross less discount.
    pub subtotal: Cents,
    pub shipping: Cents,
    /// On lines and shipping.
    pub tax: Cents,
    /// All in.
    pub total: Cents,
}

impl Line {
    pub(crate) fn gross(&self) -> Cents {
        Cents(self.price.0 * self.quantity)
    }

    pub(crate) fn after_discount(&self) -> Cents {
        Cents(self.gross().0 - self.discount.0)
    }
}

impl DiscountCode {
    pub(crate) fn code(self) -> String {
        match self {
            Self::Percentage(percent) => format!("SAVE{percent}"),
            Self::Fixed(cents) => format!("MINUS{}", cents / 100),
        }
    }

    fn amount(self, gross: i64) -> i64 {
        match self {
            Self::Percentage(percent) => share(gross, percent, 100),
            // Capped, so that a discount stays well below half of what it is taken from.
            Self::Fixed(cents) => cents.min(gross * 2 / 5),
        }
    }
}

impl Order {
    /// An order of `basket`, products with quantities; `number` is its place among all orders.
    pub(crate) fn place(placement: Placement, number: u32, basket: &[(u8, i64)], chance: &mut Chance) -> Self {
        let shop = shop(placement.shop);
        let code = draw_code(chance);
        let prices: Vec<Cents> =
            basket.iter().map(|(product, _)| crate::catalogue::product_at(*product).price(placement.shop)).collect();
        let gross: Vec<i64> = prices.iter().zip(basket).map(|(price, (_, quantity))| price.0 * quantity).collect();
        let discounts = allocate(code.map_or(0, |code| code.amount(gross.iter().sum())), &gross);
        let lines: Vec<Line> = basket
            .iter()
            .zip(prices)
            .zip(discounts)
            .map(|((&(product, quantity), price), discount)| {
                let tax = tax(shop, price.0 * quantity - discount);
                Line { product, quantity, price, discount: Cents(discount), tax }
            })
            .collect();
        let subtotal = lines.iter().map(|line| line.after_discount().0).sum();
        let shipping =
            Cents(if placement.channel == Channel::Web { draw_shipping(placement.shop, subtotal, chance) } else { 0 });
        let shipping_tax = if shop.taxes_included { tax(shop, shipping.0) } else { Cents(0) };
        let id = 5_778_367_000_000 + i64::from(number);
        Self { placement, id, lines, code, shipping, shipping_tax, refunds: Vec::new(), cancelled_s: None }
    }

    pub(crate) fn shop(&self) -> &'static Shop {
        shop(self.placement.shop)
    }

    /// The order's instant in UTC milliseconds; always a whole second, as Shopify writes it.
    pub(crate) fn placed_ms(&self) -> i64 {
        self.placement.placed_s * 1000
    }

    /// The amounts at placement.
    pub(crate) fn totals(&self) -> Totals {
        let gross: i64 = self.lines.iter().map(|line| line.gross().0).sum();
        let discount: i64 = self.lines.iter().map(|line| line.discount.0).sum();
        let tax = self.lines.iter().map(|line| line.tax.0).sum::<i64>() + self.shipping_tax.0;
        let subtotal = gross - discount;
        let added_tax = if self.shop().taxes_included { 0 } else { tax };
        Totals {
            gross: Cents(gross),
            discount: Cents(discount),
            subtotal: Cents(subtotal),
            shipping: self.shipping,
            tax: Cents(tax),
            total: Cents(subtotal + self.shipping.0 + added_tax),
        }
    }

    /// What a refund pays back, all in.
    pub(crate) fn paid_back(&self, refund: &Refund) -> Cents {
        let included = self.shop().taxes_included;
        let lines: i64 = refund.lines.iter().map(|l| l.subtotal.0 + if included { 0 } else { l.tax.0 }).sum();
        Cents(lines + refund.shipping.0 + refund.shipping_tax.0)
    }

    /// Units of line `line` given back by refunds up to `until_s`, that second included.
    pub(crate) fn units_refunded(&self, line: usize, until_s: i64) -> i64 {
        let refunds = self.refunds.iter().filter(|refund| refund.at_s <= until_s);
        refunds.flat_map(|refund| &refund.lines).filter(|l| l.line == line).map(|l| l.quantity).sum()
    }

    /// Lets the order be cancelled or refunded, or neither.
    pub(crate) fn meet_its_fate(&mut self, chance: &mut Chance) {
        let placed_s = self.placement.placed_s;
        if chance.hits(20) {
            let cancelled_s = placed_s + chance.between(3_600, 172_800);
            self.cancelled_s = Some(cancelled_s);
            if chance.hits(500) {
                self.refund_rest(cancelled_s, true);
            }
        } else if chance.hits(70) {
            let first_s = placed_s + chance.between(2 * 86_400, 25 * 86_400);
            match chance.weighted(&[(5, 0), (3, 1), (2, 2)]) {
                0 => self.refund_some(first_s, chance),
                1 => self.refund_rest(first_s, true),
                _ => self.refund_rest(first_s, false),
            }
            if chance.hits(250) && self.units_left().iter().sum::<i64>() > 0 {
                self.refund_some(first_s + chance.between(86_400, 9 * 86_400), chance);
            }
        }
    }

    /// Units of each line that no refund has given back.
    fn units_left(&self) -> Vec<i64> {
        self.lines.iter().enumerate().map(|(i, line)| line.quantity - self.units_refunded(i, i64::MAX)).collect()
    }

    /// Gives back some units of one line.
    fn refund_some(&mut self, at_s: i64, chance: &mut Chance) {
        let open: Vec<(usize, i64)> =
            self.units_left().into_iter().enumerate().filter(|(_, units)| *units > 0).collect();
        if open.is_empty() {
            return;
        }
        let (line, units) = chance.pick(&open);
        let quantity = chance.between(1, units);
        let lines = vec![self.refund_line(line, quantity)];
        self.refunds.push(Refund { at_s, lines, shipping: Cents(0), shipping_tax: Cents(0) });
    }

    /// Gives back every unit that is left, and the shipping if `with_shipping`.
    fn refund_rest(&mut self, at_s: i64, with_shipping: bool) {
        let left = self.units_left().into_iter().enumerate().filter(|(_, units)| *units > 0);
        let lines = left.map(|(line, units)| self.refund_line(line, units)).collect();
        let included = if self.shop().taxes_included { self.shipping_tax.0 } else { 0 };
        let (shipping, shipping_tax) =
            if with_shipping { (Cents(self.shipping.0 - included), self.shipping_tax) } else { (Cents(0), Cents(0)) };
        self.refunds.push(Refund { at_s, lines, shipping, shipping_tax });
    }

    /// The next `quantity` units of a line: cumulative shares, so that all units together give the line exactly.
    fn refund_line(&self, line: usize, quantity: i64) -> RefundLine {
        let before = self.units_refunded(line, i64::MAX);
        let of = self.lines.get(line).expect("the line was taken from this order");
        let step = |amount: Cents| {
            Cents(share(amount.0, before + quantity, of.quantity) - share(amount.0, before, of.quantity))
        };
        RefundLine { line, quantity, subtotal: step(of.after_discount()), tax: step(of.tax) }
    }
}

/// The tax within (tax-inclusive shop) or on an amount.
fn tax(shop: &Shop, amount: i64) -> Cents {
    Cents(share(amount, shop.tax_percent, if shop.taxes_included { 100 + shop.tax_percent } else { 100 }))
}

fn draw_code(chance: &mut Chance) -> Option<DiscountCode> {
    let codes = [
        DiscountCode::Percentage(10),
        DiscountCode::Percentage(15),
        DiscountCode::Percentage(20),
        DiscountCode::Fixed(500),
    ];
    chance.hits(270).then(|| chance.pick(&codes))
}

fn draw_shipping(shop: u8, subtotal: i64, chance: &mut Chance) -> i64 {
    let (standard, express) = if shop == 0 { (495, 995) } else { (595, 1250) };
    match chance.hits(100) {
        true => express,
        false if subtotal >= 5_000 => 0,
        false => standard,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Subject;

    fn order(shop: u8, seed: u64) -> Order {
        let mut chance = Chance::of(seed, Subject::Person, 1);
        let placement = Placement {
            shop,
            placed_s: 1_767_607_872,
            customer: Customer::Anonymous,
            visit: None,
            channel: Channel::Web,
            test: false,
            checkout_token: Id128(1),
            cart_token: Id128(2),
            device_noted: false,
        };
        Order::place(placement, 0, &[(0, 3), (12, 1), (16, 2)], &mut chance)
    }

    #[test]
    fn taxes_of_the_sample_order_of_the_format_notes_come_out() {
        assert_eq!((tax(shop(0), 8_000), tax(shop(0), 500)), (Cents(1_277), Cents(80)));
        assert_eq!(tax(shop(1), 1_250), Cents(100));
    }

    #[test]
    fn giving_back_everything_in_steps_pays_back_the_total() {
        for seed in 0..60 {
            for shop in [0, 1] {
                let mut order = order(shop, seed);
                order.refund_some(10, &mut Chance::of(seed, Subject::Staff, 0));
                order.refund_some(20, &mut Chance::of(seed, Subject::Staff, 1));
                order.refund_rest(30, true);
                let paid_back: i64 = order.refunds.iter().map(|refund| order.paid_back(refund).0).sum();
                assert_eq!(paid_back, order.totals().total.0);
                assert!(order.units_left().iter().all(|units| *units == 0));
            }
        }
    }

    #[test]
    fn discounts_stay_below_half_of_every_line() {
        for seed in 0..200 {
            assert!(order(0, seed).lines.iter().all(|line| line.discount.0 * 2 < line.gross().0));
        }
    }
}

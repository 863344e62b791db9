//! The order side: where each order stands after each built line, and the moves between.

use jiff::civil::Date;
use model::CreditBasis;

use super::{BridgeInput, BridgeOrder, HouseCredit, PlatformTouch, amount::Amount};

/// One conversion, in millionths.
const ONE: i128 = 1_000_000;

/// One order's way through the lines: what it counts for after each line that is built; nothing where it does not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk<'a> {
    pub order: &'a BridgeOrder,
    /// By the platform's rule on our facts: what line 4 leads to.
    pub replayed: Amount,
    /// Within the house window: what line 8 leads to.
    pub windowed: Amount,
    /// As the house values and dates it: what line 13 leads to.
    pub valued: Amount,
    /// True where it stands in `valued`, be it with nothing.
    pub in_house: bool,
    /// What line 15 moves, from the credits of others.
    pub shared: Amount,
    /// What the house credits: line 16, from this platform's credits alone.
    pub credited: Amount,
}

impl<'a> Walk<'a> {
    pub fn of(order: &'a BridgeOrder, input: &BridgeInput<'_>) -> Self {
        let placed = Amount { count: ONE, value: i128::from(order.placement_total_micros) };
        let booked = |touch: &Option<PlatformTouch>| {
            let in_range = |touch| input.in_range(platform_day(order, touch, input.policy.booking));
            if touch.as_ref().is_some_and(in_range) { placed } else { Amount::default() }
        };
        let in_range = |touch| input.in_range(house_day(order, touch, input.house.basis));
        let in_house = !order.test && order.platform_touch_house.as_ref().is_some_and(in_range);
        let valued = Amount { count: order.counted(), value: i128::from(order.net_revenue_micros) };
        Self {
            order,
            replayed: booked(&order.platform_touch),
            windowed: booked(&order.platform_touch_house),
            valued: if in_house { valued } else { Amount::default() },
            in_house,
            shared: shared(order, in_house, input),
            credited: sum(order, |credit| other_receiver(credit, input).is_none()),
        }
    }

    /// What an order-level line moves of this order: after − before.
    pub fn moved(&self, line: u8) -> Amount {
        match line {
            8 => self.windowed - self.replayed,
            13 => self.valued - self.windowed,
            15 => self.shared,
            _ => Amount::default(),
        }
    }
}

impl BridgeOrder {
    /// A test or cancelled order does not count; a refunded one does.
    fn counted(&self) -> i128 {
        if self.test || self.cancelled { 0 } else { ONE }
    }
}

/// Who gets a credit, as line 15 names it: `None` where it is this platform, within the range.
pub(super) fn other_receiver<'a>(credit: &'a HouseCredit, input: &BridgeInput<'_>) -> Option<&'a str> {
    match credit.this_platform {
        true if input.in_range(credit.on) => None,
        true => Some("other days"),
        false => Some(&credit.to),
    }
}

/// The credits of an order that counts at line 13 and that this platform does not get leave; what it gets of an order
/// that does not count there comes in.
fn shared(order: &BridgeOrder, in_house: bool, input: &BridgeInput<'_>) -> Amount {
    if in_house {
        -sum(order, |credit| other_receiver(credit, input).is_some())
    } else {
        sum(order, |credit| other_receiver(credit, input).is_none())
    }
}

fn sum(order: &BridgeOrder, counts: impl Fn(&HouseCredit) -> bool) -> Amount {
    let mut sum = Amount::default();
    if order.test {
        return sum;
    }
    for credit in order.house_credits.iter().filter(|credit| counts(credit)) {
        let count = if order.cancelled { 0 } else { i128::from(credit.count_micros) };
        sum += Amount { count, value: i128::from(credit.value_micros) };
    }
    sum
}

/// The day on which the platform books, in the account's zone.
fn platform_day(order: &BridgeOrder, touch: &PlatformTouch, booking: CreditBasis) -> Date {
    match booking {
        CreditBasis::TouchDate => touch.on_account,
        CreditBasis::OrderDate => order.placed_on_account,
    }
}

/// The day on which the house books, in the reporting zone.
fn house_day(order: &BridgeOrder, touch: &PlatformTouch, basis: CreditBasis) -> Date {
    match basis {
        CreditBasis::TouchDate => touch.on_reporting,
        CreditBasis::OrderDate => order.placed_on_reporting,
    }
}

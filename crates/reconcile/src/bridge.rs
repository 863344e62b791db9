//! The bridge: from what a platform claims to what the house credits it with, one cause per line.
//!
//! Each line is after − before, so lines 0 to 15 add up to line 16, which is computed on its own, from credits. A line
//! that is not built yet is 0 and its part falls to the next one built: 1 and 3 to 4, 5 to 7 to 8, 9 to 12 to 13, 14 to
//! 15. The rules are section 10 of `docs/semantics.md`.

use jiff::civil::Date;
use model::{Claim, Currency, HousePolicy, PlatformPolicy, UtcMillis};

use crate::ReconcileError;

mod amount;
mod claims;
mod evidence;
mod replay;

use amount::Amount;
pub use claims::{newest_claims, newest_costs};
use replay::Walk;

/// The labels of the lines, by number.
pub const LINES: [&str; 17] = [
    "claimed",
    "other actions",
    "views, engaged views",
    "booking date, reported",
    "unexplained",
    "repeat counting",
    "browser + server duplicates",
    "views we hold",
    "window",
    "booking date",
    "time zone",
    "value basis",
    "currency",
    "test, cancelled, refunded",
    "between campaigns",
    "shared credit",
    "house",
];

/// The lines that name the orders they move.
const ORDER_LINES: [u8; 3] = [8, 13, 15];

/// Everything that one statement is a function of.
#[derive(Debug, Clone)]
pub struct BridgeInput<'a> {
    /// The platform's rule; its `platform` says whose statement this is.
    pub policy: &'a PlatformPolicy,
    /// The house's rule, which made the credits.
    pub house: &'a HousePolicy,
    /// Account id at the platform.
    pub account: &'a str,
    /// The account's currency. Orders of other currencies are left out and named in the evidence.
    pub currency: Currency,
    /// First day: of the account's zone for claims, of the reporting zone for the house.
    pub from_on: Date,
    /// Last day, included.
    pub to_on: Date,
    /// What [`newest_claims`] gave; claims of other accounts and days are passed over.
    pub claims: &'a [&'a Claim],
    /// Every order with a touch or a credit of this platform, whatever its day.
    pub orders: &'a [BridgeOrder],
}

/// One order as the bridge sees it, as known at the statement's instant.
///
/// The last click within one window is the last within any other that holds it, so where both touches are there they
/// are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BridgeOrder {
    /// Shop: the configured source.
    pub shop: String,
    /// The shop's id of the order.
    pub order_id: String,
    /// The shop's currency: of every amount here.
    pub currency: Currency,
    /// When it was placed.
    pub placed_at: UtcMillis,
    /// Its day in the reporting zone.
    pub placed_on_reporting: Date,
    /// Its day in the account's zone.
    pub placed_on_account: Date,
    /// What the platform was told: the total of the first version, in micros.
    pub placement_total_micros: i64,
    /// Net revenue with all its refunds, in micros.
    pub net_revenue_micros: i64,
    /// A test order: replayed with the rest, gone by line 13.
    pub test: bool,
    /// A cancelled order: counts 0 from line 13 on; what stays of its revenue is valued.
    pub cancelled: bool,
    /// Last click of this platform by the order's person within the platform's window.
    pub platform_touch: Option<PlatformTouch>,
    /// The same within the house's window.
    pub platform_touch_house: Option<PlatformTouch>,
    /// How the house splits the order, `unattributed` included: adds up to its net revenue and to one conversion.
    pub house_credits: Vec<HouseCredit>,
}

/// A click of the platform that an order can rest on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformTouch {
    /// When.
    pub at: UtcMillis,
    /// Its day in the account's zone.
    pub on_account: Date,
    /// Its day in the reporting zone.
    pub on_reporting: Date,
    /// The campaign, where the click names one.
    pub campaign: Option<String>,
}

/// One receiver's part of an order under the house policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HouseCredit {
    /// Platform or channel, or `unattributed`.
    pub to: String,
    /// True for the statement's own platform.
    pub this_platform: bool,
    /// Its day by the house basis, in the reporting zone.
    pub on: Date,
    /// Part of the order's conversion, in millionths; ignored for test and cancelled orders, which count 0.
    pub count_micros: i64,
    /// Part of the order's net revenue, in micros; ignored for test orders.
    pub value_micros: i64,
}

/// The walk from one account's claim to the house number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// `google_ads`, `meta_ads`.
    pub platform: String,
    /// Account id.
    pub account: String,
    /// Of every value here.
    pub currency: Currency,
    /// First day.
    pub from_on: Date,
    /// Last day, included.
    pub to_on: Date,
    /// Lines 0 to 16, in order.
    pub lines: Vec<BridgeLine>,
    /// What each order-level line (8, 13, 15) moved, by line, shop and order id.
    pub moves: Vec<BridgeOrderMove>,
}

/// One line of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BridgeLine {
    /// `0..=16`.
    pub line: u8,
    /// Its label in [`LINES`].
    pub label: &'static str,
    /// Conversions, in millionths.
    pub count_micros: i64,
    /// Value, in micros.
    pub value_micros: i64,
    /// Least value, where evidence gives only bounds.
    pub low: Option<i64>,
    /// Greatest value, where evidence gives only bounds.
    pub high: Option<i64>,
    /// What the line rests on, in words.
    pub evidence: String,
}

/// What one line moved of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BridgeOrderMove {
    /// Number of the line.
    pub line: u8,
    /// Shop: the configured source.
    pub shop: String,
    /// The shop's id of the order.
    pub order_id: String,
    /// Campaign of the platform's touch; `none` where no campaign carries it.
    pub campaign: String,
    /// When the order was placed.
    pub placed_at: UtcMillis,
    /// When the platform's touch was, where there is one.
    pub touched_at: Option<UtcMillis>,
    /// Conversions, in millionths.
    pub count_delta: i64,
    /// Value, in micros.
    pub value_delta: i64,
}

/// Walks from the claim to the house number.
///
/// # Errors
/// [`ReconcileError::MixedCurrencies`] for a claim that is not in the account's currency, [`ReconcileError::Overflow`]
/// for a sum beyond 64 bits.
pub fn bridge(input: &BridgeInput<'_>) -> Result<Statement, ReconcileError> {
    let claimed = claims::claimed(input)?;
    let of_currency = input.orders.iter().filter(|order| order.currency == input.currency);
    let mut walks: Vec<Walk<'_>> = of_currency.map(|order| Walk::of(order, input)).collect();
    walks.sort_by_key(|walk| (&walk.order.shop, &walk.order.order_id));
    let total = |of: fn(&Walk<'_>) -> Amount| walks.iter().map(of).sum::<Amount>();
    let views = claimed.views + claimed.engaged_views;
    let unexplained = total(|walk| walk.replayed) - (claimed.all - views);
    let lines = (0_u8..).zip(LINES).map(|(line, label)| {
        let (amount, evidence) = match line {
            0 => (claimed.all, evidence::claimed(&claimed, input)),
            2 => (-views, evidence::views(&claimed)),
            4 => (unexplained, evidence::unexplained(&claimed, &walks, input)),
            8 => (total(|walk| walk.moved(8)), evidence::window(&walks, input)),
            13 => (total(|walk| walk.moved(13)), evidence::value(&walks)),
            15 => (total(|walk| walk.moved(15)), evidence::share(&walks, input)),
            16 => (total(|walk| walk.credited), evidence::house(&walks)),
            1 | 3 => (Amount::default(), evidence::not_built(4)),
            5..=7 => (Amount::default(), evidence::not_built(8)),
            9..=12 => (Amount::default(), evidence::not_built(13)),
            _ => (Amount::default(), evidence::not_built(15)),
        };
        let (count_micros, value_micros) = amount.to_micros(|| format!("line {line} of \"{}\"", input.account))?;
        Ok(BridgeLine { line, label, count_micros, value_micros, low: None, high: None, evidence })
    });
    Ok(Statement {
        platform: input.policy.platform.clone(),
        account: input.account.to_owned(),
        currency: input.currency,
        from_on: input.from_on,
        to_on: input.to_on,
        lines: lines.collect::<Result<_, ReconcileError>>()?,
        moves: moves(&walks)?,
    })
}

impl BridgeInput<'_> {
    fn in_range(&self, day: Date) -> bool {
        (self.from_on..=self.to_on).contains(&day)
    }
}

impl Statement {
    /// True where lines 0 to 15 add up to line 16, in count and in value.
    ///
    /// They do whenever each order's credits add up to its net revenue and to one conversion; [`crate::checks::closure`]
    /// says what does not.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.gap() == (0, 0)
    }

    /// Count and value by which lines 0 to 15 miss line 16.
    pub(crate) fn gap(&self) -> (i128, i128) {
        let signed = |line: &BridgeLine, micros: i64| if line.line == 16 { -i128::from(micros) } else { micros.into() };
        let count = self.lines.iter().map(|line| signed(line, line.count_micros)).sum();
        let value = self.lines.iter().map(|line| signed(line, line.value_micros)).sum();
        (count, value)
    }
}

fn moves(walks: &[Walk<'_>]) -> Result<Vec<BridgeOrderMove>, ReconcileError> {
    let mut moves = Vec::new();
    for line in ORDER_LINES {
        for walk in walks {
            let (delta, order) = (walk.moved(line), walk.order);
            if delta == Amount::default() {
                continue;
            }
            let touch = order.platform_touch_house.as_ref().or(order.platform_touch.as_ref());
            let (count_delta, value_delta) =
                delta.to_micros(|| format!("order \"{}/{}\" at line {line}", order.shop, order.order_id))?;
            moves.push(BridgeOrderMove {
                line,
                shop: order.shop.clone(),
                order_id: order.order_id.clone(),
                campaign: touch.and_then(|touch| touch.campaign.clone()).unwrap_or_else(|| "none".to_owned()),
                placed_at: order.placed_at,
                touched_at: touch.map(|touch| touch.at),
                count_delta,
                value_delta,
            });
        }
    }
    Ok(moves)
}

//! The truth about a world: what a right product must answer, reckoned by brute force from what really happened.
//!
//! Nothing here shares code with the product. The rules are those of the semantics; the code is the most obvious one.
//! Every amount is in micros (10^-6 of the major unit) of the currency beside it; every instant is UTC milliseconds.

mod assignment;
mod claims;
mod funnel;
mod intake;
mod ledger;
mod persons;
mod series;
mod sessions;

use crate::world::World;
use jiff::civil::Date;
use serde::Serialize;
use std::collections::BTreeMap;

/// Everything that is known to be true of a world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// What was handed over and how much of it is new, by source.
    pub intake: BTreeMap<String, IntakeTruth>,
    /// By (source, start, anonymous id).
    pub sessions: Vec<SessionTruth>,
    /// By (shop, order id).
    pub orders: Vec<OrderTruth>,
    /// Devices that each person, as the data can know it, is made of: `source/anonymous_id`, by person.
    pub persons: BTreeMap<u32, Vec<String>>,
    /// Devices with too many known ids, which link nobody.
    pub hubs: Vec<String>,
    /// view_item → add_to_cart → begin_checkout → purchase.
    pub funnel: FunnelTruth,
    /// Revenue per session by week and currency.
    pub weeks: Vec<WeekTruth>,
    /// The ledger's net revenue by month and currency.
    pub months: Vec<MonthTruth>,
    /// What the platforms claim at last, by (platform, account, campaign, day); rows with delivery or claims.
    pub claims: Vec<ClaimTruth>,
    /// Sums of the claims by (platform, account).
    pub accounts: Vec<AccountTruth>,
    /// Sums of the orders by shop.
    pub shops: Vec<ShopTruth>,
}

/// What one source handed over. A Segment record is a message; elsewhere a payload is a record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct IntakeTruth {
    /// Requests and files, repetitions included.
    pub deliveries: u64,
    /// Of these, repetitions of an earlier one.
    pub deliveries_repeated: u64,
    /// Records, repetitions included.
    pub records: u64,
    /// Of these, repetitions: what de-duplication must drop.
    pub duplicates: u64,
    /// Unique web messages by type and event name, `page`, `identify` or such as `Product Viewed`.
    pub events: BTreeMap<String, u64>,
}

/// One session of one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionTruth {
    /// Source of the web events.
    pub source: String,
    /// The device.
    pub anonymous_id: String,
    /// Its first event.
    pub start_ms: i64,
    /// Its last event.
    pub end_ms: i64,
    /// Pages and tracks; identify calls are no session events.
    pub events: u64,
    /// Pages.
    pub page_views: u64,
    /// True for crawlers, which metrics leave out.
    pub bot: bool,
    /// Signals of the first event.
    pub entry: EntryTruth,
    /// The person of the device, a key of [`Truth::persons`].
    pub person: u32,
    /// Orders assigned to it, test and cancelled ones included, in ascending order of their ids.
    pub order_ids: Vec<String>,
}

/// Raw signals on a session's first event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct EntryTruth {
    /// `utm_source`.
    pub utm_source: Option<String>,
    /// `utm_medium`.
    pub utm_medium: Option<String>,
    /// `utm_campaign`.
    pub utm_campaign: Option<String>,
    /// `utm_id`, the platform's campaign id.
    pub utm_id: Option<String>,
    /// Parameter name of the click id: `gclid` or `fbclid`.
    pub click_id_kind: Option<String>,
    /// The click id, case-sensitive.
    pub click_id: Option<String>,
    /// The full referrer.
    pub referrer: Option<String>,
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderTruth {
    /// Source of the shop.
    pub shop: String,
    /// Shopify's id.
    pub order_id: String,
    /// The shop's currency.
    pub currency: String,
    /// `processed_at`, always a whole second.
    pub placed_at_ms: i64,
    /// In no measure.
    pub test: bool,
    /// As known at the end.
    pub cancelled: bool,
    /// When it was cancelled.
    pub cancelled_at_ms: Option<i64>,
    /// The person, a key of [`Truth::persons`] where the person has a device.
    pub person: u32,
    /// `sale` entries of the placement, ex tax.
    pub gross_sales_micros: i64,
    /// `discount` entries of the placement, ex tax, zero or negative.
    pub discount_micros: i64,
    /// `shipping` entries of the placement, ex tax.
    pub shipping_micros: i64,
    /// `tax` entries of the placement, on lines and shipping.
    pub tax_micros: i64,
    /// The document's `total_price`: the sum of the four above.
    pub total_micros: i64,
    /// Refunds as known at the end, ex tax and without shipping, zero or negative.
    pub refunded_micros: i64,
    /// Net revenue as known at the end: sale + discount + refunds + cancellation. Of a test order, too, though it is in
    /// no sum.
    pub net_revenue_micros: i64,
    /// Where the order belongs.
    pub assignment: AssignmentTruth,
}

/// The session of an order, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AssignmentTruth {
    /// The session of this source and device with this start.
    Session {
        /// Source of the web events.
        source: String,
        /// The device.
        anonymous_id: String,
        /// Start of the session.
        start_ms: i64,
        /// Which rule of the semantics found it: 1 purchase event, 2 checkout or cart token, 3 client id, 4 person.
        rule: u8,
    },
    /// `no_web_event` or `point_of_sale`.
    Unassigned(String),
}

/// The checkout funnel: unit person as known at the end, ordered, 7 days in all, best chain, entries on all days, bots
/// left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FunnelTruth {
    /// Total window, closed.
    pub window_ms: i64,
    /// Names of the steps.
    pub steps: Vec<String>,
    /// Persons that reached at least each step; the first are the entrants.
    pub persons: Vec<u64>,
}

/// Revenue per session of one week and one currency, basis `session_start`: an assigned order counts in the week of its
/// session, an unassigned one in the week it was placed. Test orders are nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WeekTruth {
    /// A Monday in [`crate::REPORTING_ZONE`].
    pub week: Date,
    /// Currency of the orders; sessions count where their shop sells.
    pub currency: String,
    /// Sessions that count.
    pub sessions: u64,
    /// Sessions of bots.
    pub sessions_excluded: u64,
    /// Counted sessions with at least one assigned order, neither test nor cancelled.
    pub sessions_converted: u64,
    /// Assigned orders, neither test nor cancelled.
    pub orders: u64,
    /// Net revenue of counted sessions' orders.
    pub net_revenue_micros: i64,
    /// Net revenue of excluded sessions' orders; bots buy nothing.
    pub excluded_net_revenue_micros: i64,
    /// Unassigned orders, neither test nor cancelled.
    pub unassigned_orders: u64,
    /// Net revenue of unassigned orders.
    pub unassigned_net_revenue_micros: i64,
}

/// The ledger of one month and one currency. Test orders are nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MonthTruth {
    /// First of the month in [`crate::REPORTING_ZONE`].
    pub month: Date,
    /// Currency of the orders.
    pub currency: String,
    /// Net revenue, all entries in the month of their order (basis `order_date`).
    pub by_order_date_micros: i64,
    /// Net revenue, each entry in its own month (basis `entry_date`).
    pub by_entry_date_micros: i64,
}

/// What a platform says of one campaign on one day in its newest report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClaimTruth {
    /// Source of the reports: `google_ads` or `meta_ads`.
    pub source: String,
    /// Account id.
    pub account: String,
    /// Campaign id.
    pub campaign: String,
    /// Day in the account's zone.
    pub on: Date,
    /// Currency of the account.
    pub currency: String,
    /// Impressions.
    pub impressions: i64,
    /// Link clicks.
    pub clicks: i64,
    /// Cost.
    pub cost_micros: i64,
    /// By column, only those with something in them. Google: `conversions` (by click day),
    /// `conversions_by_conversion_date`. Meta: `1d_click`, `7d_click` (which contains the former), `1d_view`, `value` (the
    /// default setting, 7d_click + 1d_view).
    pub columns: BTreeMap<String, ClaimedTruth>,
}

/// A count and its value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ClaimedTruth {
    /// Whole conversions.
    pub count: i64,
    /// Value in micros of the account's currency.
    pub value_micros: i64,
}

/// Sums over one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountTruth {
    /// Source of the reports.
    pub source: String,
    /// Account id.
    pub account: String,
    /// Currency of the account.
    pub currency: String,
    /// Cost.
    pub cost_micros: i64,
    /// By column, as in [`ClaimTruth::columns`].
    pub columns: BTreeMap<String, ClaimedTruth>,
    /// Of Google, conversions that it modelled and that match no order; of Meta, orders it gave to a view. Both are
    /// within the columns.
    pub planted: ClaimedTruth,
}

/// Sums over one shop's orders that are no tests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ShopTruth {
    /// Source of the shop.
    pub shop: String,
    /// Its currency.
    pub currency: String,
    /// Orders, cancelled ones included.
    pub orders: u64,
    /// Of these, cancelled.
    pub orders_cancelled: u64,
    /// Test orders, counted nowhere else.
    pub orders_test: u64,
    /// Total at placement.
    pub total_micros: i64,
    /// Net revenue as known at the end.
    pub net_revenue_micros: i64,
    /// Refunds ex tax and without shipping, zero or negative.
    pub refunded_micros: i64,
}

impl Truth {
    /// Reckons the truth of a world.
    pub(crate) fn of(world: &World) -> Self {
        let scene = &world.scene;
        let persons = persons::Persons::known(scene);
        let mut cut = sessions::cut(scene, &persons);
        let assigned = assignment::assign(scene, &persons, &cut);
        let orders = ledger::orders(scene, &persons, &cut, &assigned);
        sessions::enter_orders(scene, &mut cut, &assigned);
        let accounts = claims::accounts(world);
        Self {
            intake: intake::count(world),
            weeks: series::weeks(scene, &cut, &assigned, &orders),
            months: series::months(scene),
            shops: series::shops(&orders),
            funnel: funnel::run(scene, &persons),
            hubs: persons.hubs(scene),
            persons: persons.devices_by_person(scene),
            sessions: sessions::sorted(cut),
            orders: ledger::sorted(orders),
            claims: accounts.iter().flat_map(|account| account.rows.clone()).collect(),
            accounts: accounts.into_iter().map(|account| account.sums).collect(),
        }
    }
}

//! What the ad platforms count, by their own rules and from what they alone see: their clicks on one device.
//!
//! Google gives an order to the last Google click within 30 days on the same device and books it on the day of the
//! click; Meta to its last click within 7 days, else to a view, on the day of the order. Values are the order's total at
//! placement; nobody takes back a cancelled or refunded order. Google adds modelled conversions that match no order.

use crate::cents::{Cents, share};
use crate::chance::{Chance, Subject};
use crate::orders::{Channel, Order};
use crate::scene::{Action, Arrival, Scene};
use crate::shops::{CAMPAIGNS, Platform, SHOPS, campaign, campaigns_of};
use crate::world::{WorldConfig, day_in, midnight_ms};
use jiff::civil::Date;
use std::collections::BTreeMap;

const DAY_MS: i64 = 86_400_000;
/// Google's click window, closed.
const GOOGLE_WINDOW_MS: i64 = 30 * DAY_MS;
/// Meta's click windows, closed.
const META_WINDOW_MS: i64 = 7 * DAY_MS;
const META_SHORT_WINDOW_MS: i64 = DAY_MS;
/// Of 1000 orders without a Meta click, how many Meta gives to a view.
const VIEWS_PER_MILLE: u32 = 60;

/// A column of a platform's report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Column {
    Conversions,
    ConversionsByConversionDate,
    Click1d,
    Click7d,
    View1d,
}

/// One conversion in one column.
#[derive(Debug, Clone, Copy)]
struct Booking {
    campaign: u8,
    /// Day in the account's zone.
    on: Date,
    column: Column,
    /// From when on reports show it, UTC milliseconds.
    known_ms: i64,
    value: Cents,
}

/// A count and what it is worth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub count: i64,
    pub value: Cents,
}

/// Delivery of one campaign on one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Spend {
    pub impressions: i64,
    pub clicks: i64,
    pub cost: Cents,
}

/// One row of a report, before either platform's JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReportRow {
    pub campaign: u8,
    /// Day in the account's zone.
    pub on: Date,
    pub spend: Spend,
    /// Columns with something in them.
    pub columns: BTreeMap<Column, Tally>,
}

/// What a report is asked for: one account, days with both ends, as known at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReportScope {
    pub shop: u8,
    pub platform: Platform,
    pub from: Date,
    pub to: Date,
    /// UTC milliseconds.
    pub known_ms: i64,
}

/// A click that a platform remembers.
#[derive(Debug, Clone, Copy)]
struct Click {
    at_ms: i64,
    campaign: u8,
}

/// The platforms' books.
#[derive(Debug, Default)]
pub(crate) struct Platforms {
    bookings: Vec<Booking>,
    spend: BTreeMap<(u8, Date), Spend>,
    /// Modelled conversions of Google and planted views of Meta, by account.
    pub planted: BTreeMap<(u8, Platform), Tally>,
}

impl Platforms {
    /// Lets the platforms watch what happens.
    pub(crate) fn watch(scene: &Scene, config: &WorldConfig) -> Self {
        let clicks = clicks_by_device(scene);
        let mut books = Self::default();
        let mut views = Chance::of(config.seed, Subject::Platform, 100);
        for order in scene.orders.iter().filter(|o| o.placement.channel == Channel::Web && !o.placement.test) {
            let seen = scene.device_of(order).map(|device| clicks.get(&device).map_or(&[][..], Vec::as_slice));
            if let Some(clicks) = seen {
                books.claim_for_google(order, clicks);
                books.claim_for_meta(order, clicks, &mut views);
            }
        }
        for shop in [0, 1] {
            books.model_conversions(shop, config);
        }
        books.count_clicks(clicks.values().flatten());
        books.fill_spend(config);
        books
    }

    /// The rows of a report, by campaign and day.
    pub(crate) fn report(&self, scope: ReportScope) -> Vec<ReportRow> {
        let campaigns = campaigns_of(scope.shop, scope.platform);
        let asked = |campaign: u8, on: Date| campaigns.contains(&campaign) && (scope.from..=scope.to).contains(&on);
        let mut rows: BTreeMap<(u8, Date), ReportRow> = BTreeMap::new();
        for (&(campaign, on), &spend) in self.spend.iter().filter(|((campaign, on), _)| asked(*campaign, *on)) {
            rows.insert((campaign, on), ReportRow { campaign, on, spend, columns: BTreeMap::new() });
        }
        for booking in &self.bookings {
            if let Some(row) =
                rows.get_mut(&(booking.campaign, booking.on)).filter(|_| booking.known_ms <= scope.known_ms)
            {
                row.columns.entry(booking.column).or_default().add(booking.value);
            }
        }
        rows.into_values().collect()
    }

    fn claim_for_google(&mut self, order: &Order, clicks: &[Click]) {
        let Some(click) = last_click(clicks, order, Platform::Google, GOOGLE_WINDOW_MS) else { return };
        let zone = order.shop().time_zone();
        let dates = (day_in(&zone, click.at_ms), day_in(&zone, order.placed_ms()));
        self.book_google(click.campaign, dates, order.placed_ms(), order.totals().total);
    }

    /// Books one Google conversion in both columns: by click day and by conversion day.
    fn book_google(&mut self, campaign: u8, (clicked_on, converted_on): (Date, Date), known_ms: i64, value: Cents) {
        for (column, on) in [(Column::Conversions, clicked_on), (Column::ConversionsByConversionDate, converted_on)] {
            self.bookings.push(Booking { campaign, on, column, known_ms, value });
        }
    }

    fn claim_for_meta(&mut self, order: &Order, clicks: &[Click], views: &mut Chance) {
        let (known_ms, value) = (order.placed_ms(), order.totals().total);
        let on = day_in(&order.shop().time_zone(), known_ms);
        if let Some(Click { at_ms, campaign }) = last_click(clicks, order, Platform::Meta, META_WINDOW_MS) {
            self.bookings.push(Booking { campaign, on, column: Column::Click7d, known_ms, value });
            if known_ms - at_ms <= META_SHORT_WINDOW_MS {
                self.bookings.push(Booking { campaign, on, column: Column::Click1d, known_ms, value });
            }
        } else if views.hits(VIEWS_PER_MILLE) {
            let shop = order.placement.shop;
            let campaign = views.pick(&campaigns_of(shop, Platform::Meta));
            self.bookings.push(Booking { campaign, on, column: Column::View1d, known_ms, value });
            self.planted.entry((shop, Platform::Meta)).or_default().add(value);
        }
    }

    /// Google's guesses at what it could not see.
    fn model_conversions(&mut self, shop: u8, config: &WorldConfig) {
        let mut chance = Chance::of(config.seed, Subject::Platform, u64::from(shop));
        for _ in 0..2 + config.days / 9 {
            let clicked = chance.between(0, i64::from(config.days) - 1);
            let converted = (clicked + chance.between(0, 3)).min(i64::from(config.days) - 1);
            let day = |days| config.start_on.saturating_add(jiff::Span::new().days(days));
            let value = Cents(chance.between(1_500, 14_000));
            let campaign = chance.pick(&campaigns_of(shop, Platform::Google));
            self.book_google(campaign, (day(clicked), day(converted)), midnight_ms(day(converted)) + 2 * DAY_MS, value);
            self.planted.entry((shop, Platform::Google)).or_default().add(value);
        }
    }

    /// The clicks that reached the storefront.
    fn count_clicks<'a>(&mut self, clicks: impl Iterator<Item = &'a Click>) {
        let zones: Vec<_> = SHOPS.iter().map(crate::shops::Shop::time_zone).collect();
        for click in clicks {
            let zone = zones.get(usize::from(campaign(click.campaign).shop)).expect("there is a zone for each shop");
            self.spend.entry((click.campaign, day_in(zone, click.at_ms))).or_default().clicks += 1;
        }
    }

    /// Adds clicks that never arrived, impressions and cost, for every campaign on every day.
    fn fill_spend(&mut self, config: &WorldConfig) {
        for (index, campaign) in (0_u8..).zip(&CAMPAIGNS) {
            let days = config.start_on.series(jiff::Span::new().days(1)).take_while(|on| *on <= config.end_on());
            for (number, on) in (0_u64..).zip(days) {
                let mut chance = Chance::of(config.seed, Subject::Spend, u64::from(index) * 10_000 + number);
                let spend = self.spend.entry((index, on)).or_default();
                spend.clicks += chance.between(0, 3);
                spend.impressions = spend.clicks * chance.between(18, 60) + chance.between(0, 400);
                spend.cost = Cents(share(spend.clicks * campaign.click_cents, chance.between(80, 120), 100));
            }
        }
    }
}

impl Tally {
    fn add(&mut self, value: Cents) {
        self.count += 1;
        self.value.0 += value.0;
    }
}

/// The landings with a platform's click id, by device, in the order of time.
fn clicks_by_device(scene: &Scene) -> BTreeMap<u32, Vec<Click>> {
    let mut clicks: BTreeMap<u32, Vec<Click>> = BTreeMap::new();
    for event in scene.events.iter().filter(|event| event.landed && event.action == Action::Page) {
        if let Arrival::Ad { campaign, .. } = scene.visit(event.visit).arrival {
            clicks.entry(event.device).or_default().push(Click { at_ms: event.at_ms, campaign });
        }
    }
    for list in clicks.values_mut() {
        list.sort_by_key(|click| click.at_ms);
    }
    clicks
}

/// The platform's last click within its window before the order, both ends closed.
fn last_click(clicks: &[Click], order: &Order, platform: Platform, window_ms: i64) -> Option<Click> {
    let order_ms = order.placed_ms();
    let eligible = |click: &&Click| {
        campaign(click.campaign).platform == platform && (order_ms - window_ms..=order_ms).contains(&click.at_ms)
    };
    clicks.iter().rfind(eligible).copied()
}

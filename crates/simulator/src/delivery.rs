//! Who sends what when, and when it arrives: late, twice, out of order. What is said does not change on the way.

use crate::chance::Chance;
use crate::chance::Subject;
use crate::scene::Scene;
use crate::shops::{Platform, shop};
use crate::world::{World, WorldConfig, midnight_ms};
use crate::{google_ads, meta_ads, segment, shopify};
use jiff::Span;
use jiff::civil::Date;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Of 1000 deliveries, how many arrive again later.
const DUPLICATES_PER_MILLE: u32 = 30;
/// Of 1000 deliveries, how many arrive minutes to days late.
const LATE_PER_MILLE: u32 = 20;
/// Days that a weekly pull covers.
const PULL_DAYS: i64 = 35;

/// One request or file as a sender hands it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// Where it is handed over.
    pub door: Door,
    /// What the door's clock shows, UTC milliseconds.
    pub received_at_ms: i64,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// Header names as the sender writes them, with their values.
    pub headers: Vec<(String, String)>,
}

/// Where a payload is handed over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    /// `POST /v1/batch`.
    SegmentBatch {
        /// The write key, which also stands in the body.
        write_key: String,
    },
    /// `POST /webhooks/shopify/{source}`.
    ShopifyWebhook {
        /// Source of the shop.
        source: String,
        /// Such as `orders/create`.
        topic: String,
    },
    /// One answer of `googleAds:searchStream`.
    GoogleAdsReport {
        /// Source of the platform's reports.
        source: String,
        /// Customer id, ten digits.
        account: String,
    },
    /// One answer of Meta's Insights.
    MetaReport {
        /// Source of the platform's reports.
        source: String,
        /// Account id without `act_`.
        account: String,
    },
}

impl Door {
    /// The kind of door: `segment`, `shopify`, `google_ads` or `meta_ads`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::SegmentBatch { .. } => "segment",
            Self::ShopifyWebhook { .. } => "shopify",
            Self::GoogleAdsReport { .. } => "google_ads",
            Self::MetaReport { .. } => "meta_ads",
        }
    }
}

/// A payload that will be written when its time comes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivery {
    pub received_at_ms: i64,
    pub parcel: Parcel,
    /// True where the same was delivered before.
    pub again: bool,
}

/// What is in a delivery. Indexes are into the scene.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Parcel {
    /// Consecutive messages of one visit; `sent_ms` is true time.
    Batch { first: u32, count: u32, sent_ms: i64 },
    /// One document of an order.
    Webhook { order: u32, document: u32 },
    /// One pull; its instant is when it first arrives.
    Pull { shop: u8, platform: Platform, from: Date, to: Date, pulled_ms: i64 },
}

impl Delivery {
    pub(crate) fn payload(&self, world: &World) -> Payload {
        let (door, body, headers) = match self.parcel {
            Parcel::Batch { first, count, sent_ms } => segment::batch(world, first..first + count, sent_ms),
            Parcel::Webhook { order, document } => shopify::webhook(world, order, document),
            Parcel::Pull { shop, platform, from, to, pulled_ms } => {
                let scope = crate::platforms::ReportScope { shop, platform, from, to, known_ms: pulled_ms };
                match platform {
                    Platform::Google => google_ads::report(world, scope),
                    Platform::Meta => meta_ads::report(world, scope),
                }
            }
        };
        Payload { door, received_at_ms: self.received_at_ms, body, headers }
    }
}

/// Every delivery in the order of arrival.
pub(crate) fn schedule(scene: &Scene, config: &WorldConfig) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    send_batches(scene, &mut Chance::of(config.seed, Subject::Delivery, 0), &mut deliveries);
    send_webhooks(scene, &mut Chance::of(config.seed, Subject::Delivery, 1), &mut deliveries);
    for shop in [0, 1] {
        for platform in [Platform::Google, Platform::Meta] {
            pull_reports(shop, platform, config, &mut deliveries);
        }
    }
    // Stable: what arrives in one millisecond stays in the order of sending.
    deliveries.sort_by_key(|delivery| delivery.received_at_ms);
    deliveries
}

/// Cuts each visit's messages into batches, as a browser's queue does.
fn send_batches(scene: &Scene, chance: &mut Chance, deliveries: &mut Vec<Delivery>) {
    let mut first = 0;
    for visit in scene.events.chunk_by(|a, b| a.visit == b.visit) {
        let mut rest = visit;
        while !rest.is_empty() {
            let wanted = chance.weighted(&[(4, 1), (4, 3), (2, 8), (1, 20)]);
            let (batch, later) = rest.split_at(rest.len().min(wanted));
            let count = u32::try_from(batch.len()).expect("a batch holds at most 20 messages");
            let written_ms = batch.last().expect("a batch holds a message").at_ms;
            let sent_ms = written_ms + draw_lag(chance, 3_000);
            deliver(Parcel::Batch { first, count, sent_ms }, sent_ms, chance, deliveries);
            (first, rest) = (first + count, later);
        }
    }
}

fn send_webhooks(scene: &Scene, chance: &mut Chance, deliveries: &mut Vec<Delivery>) {
    for (index, order) in (0_u32..).zip(&scene.orders) {
        for (number, document) in (0_u32..).zip(shopify::documents(order)) {
            // Some wait for minutes, so that documents of one order overtake one another.
            let hurry_ms = if chance.hits(50) { 10 * MINUTE_MS } else { 2_500 };
            let received_ms = document.triggered_ms() + draw_lag(chance, hurry_ms);
            deliver(Parcel::Webhook { order: index, document: number }, received_ms, chance, deliveries);
        }
    }
}

/// A pull every seven days over the last 35, then one over everything. The second pull's file is handed in again at the
/// very end: an old report that must not replace a newer one.
fn pull_reports(shop: u8, platform: Platform, config: &WorldConfig, deliveries: &mut Vec<Delivery>) {
    let parcel = |made_on: Date, from: Date, to: Date| {
        let pulled_ms = midnight_ms(made_on) + 9 * HOUR_MS + i64::from(shop) * MINUTE_MS + platform as i64 * 1_000;
        Delivery {
            received_at_ms: pulled_ms,
            parcel: Parcel::Pull { shop, platform, from, to, pulled_ms },
            again: false,
        }
    };
    let mut pulls: Vec<Delivery> = Vec::new();
    let mut made_on = config.start_on.saturating_add(Span::new().days(7));
    while made_on <= config.end_on() {
        let from = made_on.saturating_sub(Span::new().days(PULL_DAYS)).max(config.start_on);
        pulls.push(parcel(made_on, from, made_on.saturating_sub(Span::new().days(1))));
        made_on = made_on.saturating_add(Span::new().days(7));
    }
    let last = parcel(config.end_on().saturating_add(Span::new().days(6)), config.start_on, config.end_on());
    let stale =
        pulls.get(1).map(|pull| Delivery { received_at_ms: last.received_at_ms + DAY_MS, again: true, ..*pull });
    deliveries.extend(pulls);
    deliveries.push(last);
    deliveries.extend(stale);
}

/// From writing to sending: mostly moments, sometimes the sender was offline for minutes to days.
fn draw_lag(chance: &mut Chance, usual_ms_max: i64) -> i64 {
    match chance.hits(LATE_PER_MILLE) {
        true => {
            let most_ms = chance.weighted(&[(4, HOUR_MS), (4, DAY_MS), (1, 5 * DAY_MS)]);
            chance.between(3 * MINUTE_MS, most_ms)
        }
        false => chance.between(100, usual_ms_max),
    }
}

/// Delivers at `received_at_ms`, and sometimes once more.
fn deliver(parcel: Parcel, received_at_ms: i64, chance: &mut Chance, deliveries: &mut Vec<Delivery>) {
    deliveries.push(Delivery { received_at_ms, parcel, again: false });
    if chance.hits(DUPLICATES_PER_MILLE) {
        let most_ms = chance.pick(&[MINUTE_MS, HOUR_MS, 2 * DAY_MS]);
        let again_ms = received_at_ms + chance.between(1_000, most_ms);
        deliveries.push(Delivery { received_at_ms: again_ms, parcel, again: true });
    }
}

/// Source name under which a parcel's records are kept.
pub(crate) fn source_of(scene: &Scene, parcel: Parcel) -> &'static str {
    match parcel {
        Parcel::Batch { first, .. } => shop(scene.device(scene.event(first).device).shop).web_source,
        Parcel::Webhook { order, .. } => scene.order(order).shop().source,
        Parcel::Pull { platform, .. } => platform.source(),
    }
}

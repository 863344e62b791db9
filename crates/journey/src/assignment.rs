//! Assignment: which session an order belongs to, or why to none (section 6).

use model::UtcMillis;

use crate::sessions::SessionRule;

const DAY_MS: i64 = 24 * UtcMillis::HOUR_MS;
const CART_DAYS: i64 = 30;
const GRACE_MS: i64 = 5 * 60_000;

// `SessionIndex::last_before` tells from a session's ends alone whether an event lies within the last day.
const _: () = assert!(SessionRule::GAP_MIN_MAX * 60_000 <= DAY_MS + GRACE_MS);

/// One session as an order meets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexedSession {
    /// Code of the device.
    pub device: u32,
    /// Code of the person.
    pub person: u32,
    /// Instant of the first event.
    pub start_at: UtcMillis,
    /// Instant of the last event.
    pub end_at: UtcMillis,
    /// Key of the first event.
    pub key: u128,
}

/// All sessions, by device and by person. A session's number is its position in the list it was built from.
#[derive(Debug, Clone, Default)]
pub struct SessionIndex {
    by_device: Vec<Start>,
    by_person: Vec<Start>,
}

/// A session's start under its owner (a device or a person); sorts by owner, then in the owner's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Start {
    owner: u32,
    start_at: UtcMillis,
    key: u128,
    end_at: UtcMillis,
    session: u32,
}

/// A web event (one that sessions are made of) that carries an id of the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// Code of the event's device.
    pub device: u32,
    /// When.
    pub at: UtcMillis,
    /// The event's key.
    pub key: u128,
}

/// What is known of one order. Lists may be in any order; an event of a server is in none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OrderHints<'a> {
    /// When the order was placed.
    pub placed_at: UtcMillis,
    /// Purchase events that carry the order's id.
    pub purchases: &'a [Sighting],
    /// Events that carry its checkout token.
    pub checkout: &'a [Sighting],
    /// Events that carry its cart token.
    pub cart: &'a [Sighting],
    /// Events of the session id written on it.
    pub session_id: &'a [Sighting],
    /// Code of the device whose client id is written on it.
    pub client: Option<u32>,
    /// Code of the person it belongs to.
    pub person: Option<u32>,
    /// What its sales channel says; see [`Reason::of_sales_channel`].
    pub channel_reason: Option<Reason>,
    /// True where the buyer is known to have refused to be measured.
    pub consent_refused: bool,
    /// True where an event of a server names the order.
    pub server_seen: bool,
}

/// Where an order belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assignment {
    /// Number of its session.
    Session(u32),
    /// None, and why.
    Unassigned(Reason),
}

/// Why an order has no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Nothing on the web tells of it.
    NoWebEvent,
    /// The buyer refused to be measured.
    NoConsent,
    /// Only servers tell of it.
    ServerSide,
    /// A subscription placed it.
    SubscriptionRenewal,
    /// A till placed it.
    PointOfSale,
    /// A merchant wrote it.
    Draft,
    /// The web tells of it, in no session that counts.
    Unknown,
}

impl SessionIndex {
    /// Indexes the sessions of a house.
    #[must_use]
    pub fn build(sessions: &[IndexedSession]) -> Self {
        let sorted = |owner: fn(&IndexedSession) -> u32| {
            let start = |(session, of): (u32, &IndexedSession)| Start {
                owner: owner(of),
                start_at: of.start_at,
                key: of.key,
                end_at: of.end_at,
                session,
            };
            let mut starts: Vec<Start> = (0_u32..).zip(sessions).map(start).collect();
            starts.sort_unstable();
            starts
        };
        Self { by_device: sorted(|session| session.device), by_person: sorted(|session| session.person) }
    }

    /// The session that a web event lies in.
    #[must_use]
    pub fn containing(&self, event: &Sighting) -> Option<u32> {
        let start = latest(&self.by_device, event.device, (event.at, event.key))?;
        (event.at <= start.end_at).then_some(start.session)
    }

    /// The session of the device's last web event within `[from, to]`, where that span is longer than any session's gap.
    fn last_before(&self, device: u32, from: UtcMillis, to: UtcMillis) -> Option<u32> {
        // A session that runs on after `to` has an event less than a gap before `to`, so after `from`.
        latest(&self.by_device, device, (to, u128::MAX)).filter(|start| start.end_at >= from).map(|start| start.session)
    }
}

impl Reason {
    /// What a shop's sales channel says about orders without a session.
    #[must_use]
    pub fn of_sales_channel(sales_channel: &str) -> Option<Self> {
        match sales_channel {
            "pos" => Some(Self::PointOfSale),
            "draft" | "shopify_draft_order" => Some(Self::Draft),
            name if name.starts_with("subscription_contract") => Some(Self::SubscriptionRenewal),
            _ => None,
        }
    }

    /// The stored name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoWebEvent => "no_web_event",
            Self::NoConsent => "no_consent",
            Self::ServerSide => "server_side",
            Self::SubscriptionRenewal => "subscription_renewal",
            Self::PointOfSale => "point_of_sale",
            Self::Draft => "draft",
            Self::Unknown => "unknown",
        }
    }
}

/// Finds an order's session by the first rule that names one, else the reason why there is none.
#[must_use]
pub fn assign(order: &OrderHints<'_>, index: &SessionIndex) -> Assignment {
    let day_before = order.placed_at.plus_ms(-DAY_MS);
    let grace = order.placed_at.plus_ms(GRACE_MS);
    let last_seen = |sightings: &[Sighting], days: i64| {
        let from = order.placed_at.plus_ms(-days * DAY_MS);
        let near = sightings.iter().filter(|seen| from <= seen.at && seen.at <= grace);
        in_session(near, index).max().map(|(.., session)| session)
    };
    in_session(order.purchases.iter(), index)
        .min()
        .map(|(.., session)| session)
        .or_else(|| last_seen(order.checkout, 1))
        .or_else(|| last_seen(order.cart, CART_DAYS))
        .or_else(|| last_seen(order.session_id, 1))
        .or_else(|| index.last_before(order.client?, day_before, grace))
        .or_else(|| {
            let latest = latest(&index.by_person, order.person?, (order.placed_at, u128::MAX))?;
            (latest.start_at >= day_before).then_some(latest.session)
        })
        .map_or_else(|| Assignment::Unassigned(reason(order)), Assignment::Session)
}

/// The events that lie in a session, each as (at, key, session).
fn in_session<'a>(
    events: impl Iterator<Item = &'a Sighting>,
    index: &SessionIndex,
) -> impl Iterator<Item = (UtcMillis, u128, u32)> {
    events.filter_map(|event| Some((event.at, event.key, index.containing(event)?)))
}

/// The owner's latest session that starts at or before (instant, key).
fn latest(starts: &[Start], owner: u32, to: (UtcMillis, u128)) -> Option<&Start> {
    let after = starts.partition_point(|start| (start.owner, start.start_at, start.key) <= (owner, to.0, to.1));
    starts.get(after.checked_sub(1)?).filter(|start| start.owner == owner)
}

/// What the order itself says comes first, then what witnesses it.
fn reason(order: &OrderHints<'_>) -> Reason {
    let web_seen = [order.purchases, order.checkout, order.cart, order.session_id].iter().any(|seen| !seen.is_empty());
    match order.channel_reason {
        Some(reason) => reason,
        None if order.consent_refused => Reason::NoConsent,
        None if web_seen => Reason::Unknown,
        None if order.server_seen => Reason::ServerSide,
        None => Reason::NoWebEvent,
    }
}

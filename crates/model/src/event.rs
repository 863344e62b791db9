//! Events: somebody viewed, added, bought, logged in.

use serde::{Deserialize, Serialize};

use crate::{digest::Digest, fact::FactMeta, money::Currency, node::Node, time::UtcMillis};

/// What kind of message an event came as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Something done.
    #[default]
    Track,
    /// A page viewed.
    Page,
    /// A screen viewed.
    Screen,
    /// A device said who uses it. No session event.
    Identify,
    /// A user joined a group. No session event.
    Group,
    /// Two user ids are one. No session event.
    Alias,
}

/// Where an event was recorded. Only browser and app events make sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A web page.
    #[default]
    Browser,
    /// A mobile or desktop app.
    App,
    /// The shop's own servers.
    Server,
}

/// Raw traffic signals, as found. What they mean (channel, bot) is decided on reading.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Signals {
    /// `utm_source`.
    pub utm_source: Option<String>,
    /// `utm_medium`.
    pub utm_medium: Option<String>,
    /// `utm_campaign`.
    pub utm_campaign: Option<String>,
    /// `utm_id`: the platform's campaign id, where links carry it.
    pub utm_id: Option<String>,
    /// `utm_term`.
    pub utm_term: Option<String>,
    /// `utm_content`.
    pub utm_content: Option<String>,
    /// Name of the click id parameter, lower case: `gclid`, `fbclid`, …
    pub click_id_kind: Option<String>,
    /// Value of the click id; case matters.
    pub click_id: Option<String>,
    /// Host of the referring page, lower case.
    pub referrer_host: Option<String>,
    /// Host of the page.
    pub page_host: Option<String>,
    /// Path of the page, without query.
    pub page_path: Option<String>,
    /// User agent as sent.
    pub user_agent: Option<String>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Event {
    /// Key, source and instants.
    pub meta: FactMeta,
    /// The client's own instant, where the client gave one.
    pub original_at: Option<UtcMillis>,
    /// What kind of message it came as.
    pub kind: EventKind,
    /// Harmonised name (`page_view`, `view_item`, `add_to_cart`, `begin_checkout`, `purchase`, …), else as sent.
    pub name: String,
    /// Where it was recorded.
    pub origin: Origin,
    /// The device, where the sender named one.
    pub device: Option<Node>,
    /// The user (or hashed contact), where the sender named one.
    pub user: Option<Node>,
    /// Order that the event speaks of.
    pub order_id: Option<String>,
    /// Checkout that the event speaks of.
    pub checkout_id: Option<String>,
    /// Cart that the event speaks of.
    pub cart_id: Option<String>,
    /// Amount that the event states, in micros: a witness, never ledger money.
    pub value_micros: Option<i64>,
    /// Currency of `value_micros`.
    pub currency: Option<Currency>,
    /// Raw traffic signals.
    pub signals: Signals,
    /// Everything else the sender said, as a JSON object without personal fields.
    pub properties: String,
}

impl Signals {
    /// A stable 64-bit hash, in hexadecimal digits, of what source, medium, channel and flags are read from: everything but the click id's own
    /// value and the page's path. Equal signals have equal hashes on every machine and in every version.
    #[must_use]
    pub fn traffic_hash(&self) -> String {
        let read = [
            &self.utm_source,
            &self.utm_medium,
            &self.utm_campaign,
            &self.utm_id,
            &self.utm_term,
            &self.utm_content,
            &self.click_id_kind,
            &self.referrer_host,
            &self.page_host,
            &self.user_agent,
        ];
        let mut bytes = Vec::with_capacity(256);
        for text in read {
            // A length no text has stands for none, so that no two lists of texts share their bytes.
            bytes.extend_from_slice(&text.as_ref().map_or(u32::MAX, |text| text.len() as u32).to_le_bytes());
            bytes.extend_from_slice(text.as_deref().unwrap_or_default().as_bytes());
        }
        format!("{:016x}", (Digest::of(&bytes).to_u128() >> 64) as u64)
    }
}

impl Event {
    /// True for events that sessions are made of: browser or app, and not identify, group or alias.
    #[must_use]
    pub fn in_session(&self) -> bool {
        self.origin != Origin::Server && matches!(self.kind, EventKind::Track | EventKind::Page | EventKind::Screen)
    }
}

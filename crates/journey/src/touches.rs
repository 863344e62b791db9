//! Touches: the moments at which somebody came, or came anew (section 9).

use std::collections::BTreeSet;

use model::UtcMillis;

/// One web event with its traffic signals: a touch, where [`touches`] says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touch {
    /// When.
    pub at: UtcMillis,
    /// The event's key; breaks ties of `at`.
    pub key: u128,
    /// Number of its session.
    pub session: u32,
    /// Code of the source.
    pub source: Option<u32>,
    /// Code of the campaign.
    pub campaign: Option<u32>,
    /// Code of the channel.
    pub channel: u32,
    /// True where the channel is direct.
    pub direct: bool,
    /// Code of the click id, its kind included.
    pub click_id: Option<u32>,
}

/// Chooses the touches among ONE person's session events, sorted by (at, key), whatever their devices.
///
/// A touch is the first event of a session, or one with a campaign or click id that is new within its session. One click
/// id is one touch, at its earliest sighting: any later event that carries it, be it the first of a session, is none.
#[must_use]
pub fn touches(events: &[Touch]) -> Vec<Touch> {
    debug_assert!(events.is_sorted_by_key(|event| (event.at, event.key)), "touches are sorted by (at, key)");
    let mut sessions = BTreeSet::new();
    let mut campaigns = BTreeSet::new();
    let mut clicks = BTreeSet::new();
    let is_touch = |event: &&Touch| {
        let starts = sessions.insert(event.session);
        let new_campaign = event.campaign.is_some_and(|campaign| campaigns.insert((event.session, campaign)));
        match event.click_id {
            Some(click) => clicks.insert(click),
            None => starts || new_campaign,
        }
    };
    events.iter().filter(is_touch).copied().collect()
}

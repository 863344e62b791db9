//! Sessions: one device's events, cut where nothing happened for a while.

use model::UtcMillis;

use crate::JourneyError;

const MINUTE_MS: i64 = 60_000;

/// One browser or app event of a device (no server-side event, identify, group or alias).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionEvent {
    /// When.
    pub at: UtcMillis,
    /// The event's key; breaks ties of `at`.
    pub key: u128,
    /// Code of the campaign (utm or click id) that the event carries.
    pub campaign: Option<u32>,
}

/// When a new session starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRule {
    /// Longest gap within a session, a whole number of minutes.
    gap_ms: i64,
    /// True: a campaign other than the session's last starts a new session; so does one after none.
    split_on_campaign_change: bool,
}

/// One session: positions of its first and last event, both inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionSpan {
    /// Position of the first event.
    pub first: usize,
    /// Position of the last event.
    pub last: usize,
}

impl SessionRule {
    /// Shortest gap that a definition may name, in minutes.
    pub const GAP_MIN_MIN: i64 = 1;
    /// Longest gap that a definition may name, in minutes: a day. Assignment looks back no less than that.
    pub const GAP_MIN_MAX: i64 = 1440;

    /// A rule with a gap of `gap_min` minutes that splits at no campaign.
    ///
    /// # Errors
    /// [`JourneyError::Gap`] outside `1..=1440` minutes.
    pub fn new(gap_min: i64) -> Result<Self, JourneyError> {
        if !(Self::GAP_MIN_MIN..=Self::GAP_MIN_MAX).contains(&gap_min) {
            return Err(JourneyError::Gap { found: gap_min });
        }
        Ok(Self { gap_ms: gap_min * MINUTE_MS, split_on_campaign_change: false })
    }

    /// Longest gap within a session, in milliseconds.
    #[must_use]
    pub fn gap_ms(&self) -> i64 {
        self.gap_ms
    }

    /// The same rule, with a new session wherever the campaign changes.
    #[must_use]
    pub fn splitting_on_campaign_change(self) -> Self {
        Self { split_on_campaign_change: true, ..self }
    }
}

impl Default for SessionRule {
    /// 30 minutes, and no new session when the campaign changes.
    fn default() -> Self {
        Self { gap_ms: 30 * MINUTE_MS, split_on_campaign_change: false }
    }
}

/// Cuts the events of ONE device, sorted by (at, key), into sessions, in order. Every event is in exactly one.
#[must_use]
pub fn sessions(events: &[SessionEvent], rule: SessionRule) -> Vec<SessionSpan> {
    debug_assert!(events.is_sorted_by_key(|event| (event.at, event.key)), "session events are sorted by (at, key)");
    let mut spans: Vec<SessionSpan> = Vec::new();
    let mut last_at = UtcMillis(i64::MIN);
    let mut campaign = None;
    for (position, event) in events.iter().enumerate() {
        let changed = rule.split_on_campaign_change && event.campaign.is_some() && event.campaign != campaign;
        match spans.last_mut() {
            Some(open) if event.at <= last_at.plus_ms(rule.gap_ms) && !changed => {
                open.last = position;
                campaign = event.campaign.or(campaign);
            }
            _ => {
                spans.push(SessionSpan { first: position, last: position });
                campaign = event.campaign;
            }
        }
        last_at = event.at;
    }
    spans
}

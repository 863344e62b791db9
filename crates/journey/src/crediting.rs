//! Crediting: what one person bought, credited to the touches before it, in one pass over the person's events (section 9).
//!
//! It says what [`sessions`](crate::sessions()), [`touches`](crate::touches()) and [`Shares`] say one after the other, and
//! makes no list of events: touches are kept as long as a window reaches, and a purchase is credited as soon as no touch of
//! its own instant can follow. Room is kept from person to person.

use std::collections::BTreeSet;

use model::{AttributionModel, CreditBasis, HousePolicy, UtcMillis};

use crate::{
    credits::{EqualParts, Shares},
    sessions::SessionRule,
    touches::Touch,
};

mod devices;

use devices::Devices;

/// One purchase counts as a million millionths.
const ONE_ORDER_MICROS: i64 = 1_000_000;

/// What is asked of a session event to tell whether it is a touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// When.
    pub at: UtcMillis,
    /// Its device, in which sessions are cut.
    pub device: i64,
    /// Code of the campaign.
    pub campaign: Option<u32>,
    /// Code of the click id, its kind included.
    pub click_id: Option<u32>,
}

/// A touch, as far as credit asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathTouch {
    /// When.
    pub at: UtcMillis,
    /// True where the channel is direct.
    pub direct: bool,
    /// Code of the row that its credit is counted in.
    pub code: u32,
}

/// Something bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bought {
    /// When.
    pub at: UtcMillis,
    /// What it is worth, in micros; 0 where nobody says.
    pub value_micros: i64,
    /// Micros in a minor unit of its currency, positive.
    pub minor_micros: i64,
    /// Code of that currency; none where nobody says what it is worth.
    pub currency: Option<u32>,
}

/// What one policy gives to one touch, or to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyCredit {
    /// Position of the policy.
    pub policy: usize,
    /// The touch's code; none: unattributed.
    pub code: Option<u32>,
    /// Whose day it falls on by the policy's basis: the purchase's or the touch's.
    pub booked_at: UtcMillis,
    /// Share of the purchase's count, millionths.
    pub orders_micros: i64,
    /// Share of its value, micros.
    pub value_micros: i64,
    /// Code of the purchase's currency.
    pub currency: Option<u32>,
}

/// The credits of one person after the other.
#[derive(Debug)]
pub struct Crediting<'a> {
    policies: &'a [HousePolicy],
    /// The longest of their windows, in milliseconds.
    window_ms: i64,
    gap_ms: i64,
    devices: Devices,
    clicks: BTreeSet<u32>,
    /// Those that a window may still reach, ascending.
    touches: Vec<PathTouch>,
    /// Purchases of the newest instant, of which more touches may come, beside what the person bought before.
    waiting: Vec<(Bought, Option<UtcMillis>)>,
    /// Instants of the person's newest purchases: the last, and the last before that one's instant.
    bought_at: [Option<UtcMillis>; 2],
}

impl<'a> Crediting<'a> {
    /// With nobody's events yet.
    #[must_use]
    pub fn new(policies: &'a [HousePolicy], rule: SessionRule) -> Self {
        Self {
            policies,
            window_ms: policies.iter().map(window_ms).max().unwrap_or(0),
            gap_ms: rule.gap_ms(),
            devices: Devices::default(),
            clicks: BTreeSet::new(),
            touches: Vec::new(),
            waiting: Vec::new(),
            bought_at: [None; 2],
        }
    }

    /// Takes in a session event of the person at hand; they come by (instant, key). True where it is a touch: then
    /// [`Crediting::touch`] is next.
    #[inline]
    pub fn comes(&mut self, arrival: &Arrival) -> bool {
        let device = self.devices.of(arrival.device);
        let starts = arrival.at.0.saturating_sub(device.at.0) > self.gap_ms;
        device.at = arrival.at;
        if starts {
            device.campaigns.clear();
        }
        let anew = arrival.campaign.is_some_and(|campaign| {
            let new = !device.campaigns.contains(&campaign);
            if new {
                device.campaigns.push(campaign);
            }
            new
        });
        match arrival.click_id {
            Some(click) => self.clicks.insert(click),
            None => starts || anew,
        }
    }

    /// Takes in a touch.
    pub fn touch(&mut self, touch: PathTouch, give: &mut impl FnMut(PolicyCredit)) {
        self.settle(touch.at, give);
        if self.touches.len() == self.touches.capacity() {
            // Before more room is taken: what no purchase from now on can reach.
            let out = self.touches.partition_point(|old| old.at.plus_ms(self.window_ms) < touch.at);
            self.touches.drain(..out);
        }
        self.touches.push(touch);
    }

    /// Takes in a purchase. Its own event comes before, as any other.
    pub fn buy(&mut self, bought: Bought) {
        let [last, _] = self.bought_at;
        if last != Some(bought.at) {
            self.bought_at = [Some(bought.at), last];
        }
        self.waiting.push((bought, self.bought_at[1]));
    }

    /// There are no more of the person's events.
    pub fn end(&mut self, give: &mut impl FnMut(PolicyCredit)) {
        self.settle(UtcMillis(i64::MAX), give);
        self.devices.clear();
        self.touches.clear();
        self.bought_at = [None; 2];
        if !self.clicks.is_empty() {
            self.clicks.clear();
        }
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.devices.bytes()
            + size_of::<PathTouch>() * self.touches.capacity()
            + size_of::<(Bought, Option<UtcMillis>)>() * self.waiting.capacity()
            + 2 * size_of::<u32>() * self.clicks.len()
    }

    /// Credits what was bought before an instant: all touches up to it are known, and none after it.
    fn settle(&mut self, before: UtcMillis, give: &mut impl FnMut(PolicyCredit)) {
        if self.waiting.is_empty() {
            return;
        }
        let due = self.waiting.partition_point(|(bought, _)| bought.at < before);
        for (bought, previous_at) in self.waiting.iter().take(due) {
            for (position, policy) in self.policies.iter().enumerate() {
                let from = path_start(&self.touches, bought.at, *previous_at, policy);
                let path = self.touches.get(from..).unwrap_or_default();
                credit(bought, path, (position, policy), give);
            }
        }
        self.waiting.drain(..due);
    }
}

/// The first touch that is in the policy's window and not before what resets the path.
fn path_start(touches: &[PathTouch], at: UtcMillis, previous_at: Option<UtcMillis>, policy: &HousePolicy) -> usize {
    let window_ms = window_ms(policy);
    let reset_at = previous_at.filter(|_| policy.order_resets_path).unwrap_or(UtcMillis(i64::MIN));
    touches.partition_point(|touch| touch.at < reset_at || touch.at.plus_ms(window_ms) < at)
}

/// Gives out one purchase by one policy; `path` are the touches in its window, direct ones too.
fn credit(
    bought: &Bought,
    path: &[PathTouch],
    (position, policy): (usize, &HousePolicy),
    give: &mut impl FnMut(PolicyCredit),
) {
    let counts = |touch: &&PathTouch| policy.direct_counts || !touch.direct;
    let mut part = |touch: Option<&PathTouch>, orders_micros: i64, value_micros: i64| {
        let booked_at = match (policy.basis, touch) {
            (CreditBasis::TouchDate, Some(touch)) => touch.at,
            _ => bought.at,
        };
        give(PolicyCredit {
            policy: position,
            code: touch.map(|touch| touch.code),
            booked_at,
            orders_micros,
            value_micros,
            currency: bought.currency,
        });
    };
    let mut eligible = path.iter().filter(counts);
    let taker = match policy.model {
        AttributionModel::First => eligible.next(),
        AttributionModel::Last => eligible.next_back(),
        AttributionModel::LastNonDirect => {
            path.iter().rev().find(|touch| !touch.direct).or_else(|| eligible.next_back())
        }
        AttributionModel::Linear => {
            let count = eligible.clone().count();
            let orders = EqualParts::of(ONE_ORDER_MICROS, 1, count);
            let values = EqualParts::of(bought.value_micros, bought.minor_micros, count);
            for (place, touch) in eligible.enumerate() {
                part(Some(touch), orders.part(place), values.part(place));
            }
            if count > 0 {
                return;
            }
            None
        }
        AttributionModel::PositionBased | AttributionModel::TimeDecay => {
            let chosen: Vec<&PathTouch> = eligible.collect();
            let weighed: Vec<Touch> = chosen.iter().map(|touch| weighed(touch)).collect();
            let shares = Shares::of(&weighed, bought.at, None, policy);
            let orders = shares.credit(ONE_ORDER_MICROS, 1).parts;
            let values = shares.credit(bought.value_micros, bought.minor_micros).parts;
            for (&(place, orders_micros), &(_, value_micros)) in orders.iter().zip(&values) {
                part(chosen.get(place).copied(), orders_micros, value_micros);
            }
            if !orders.is_empty() {
                return;
            }
            None
        }
    };
    part(taker, ONE_ORDER_MICROS, bought.value_micros);
}

fn window_ms(policy: &HousePolicy) -> i64 {
    policy.click_window_hours.saturating_mul(UtcMillis::HOUR_MS)
}

/// A touch as weights ask for it: by its instant, and whether it is direct.
fn weighed(touch: &PathTouch) -> Touch {
    Touch {
        at: touch.at,
        key: 0,
        session: 0,
        source: None,
        campaign: None,
        channel: touch.code,
        direct: touch.direct,
        click_id: None,
    }
}

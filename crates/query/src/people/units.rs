//! One person's events, told apart by the unit that a question follows.

use std::{collections::HashMap, ops::Range};

use journey::{SessionEvent, SessionRule};
use model::{FunnelUnit, UtcMillis};

use crate::people::{Lanes, Who, columns::Texts, gather::Gathered, lanes::NONE, whereabouts::Place};

/// An event as a fold sees it.
pub trait UnitEvent {
    /// When it happened.
    fn at(&self) -> UtcMillis;
}

/// Whose run it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnitId {
    /// A person.
    Person(Who),
    /// A device, by its home place.
    Device(Place),
    /// A session, by the key of its first event; 0 where keys are not read.
    Session(u128),
    /// A cart or an order, by the code of its name.
    Named(u32),
}

/// The events of the person at hand, or of all named units until the end.
#[derive(Debug)]
pub enum Units<E> {
    /// The person is the unit.
    Person(Vec<E>),
    /// Each device is one; with its sessions where these are.
    Devices {
        /// Those of the person at hand.
        by_device: Vec<Device<E>>,
        /// True where each session is a unit.
        in_sessions: bool,
    },
    /// Carts and orders, whose events come from anywhere.
    Named(Box<Lanes>),
}

/// One device's events.
#[derive(Debug)]
pub struct Device<E> {
    home: Place,
    events: Vec<E>,
    /// Key of each, where keys are read.
    keys: Vec<u128>,
}

impl UnitId {
    /// Whose name it has to be looked up.
    #[must_use]
    pub fn owner(self) -> Option<Who> {
        match self {
            Self::Person(who) => Some(who),
            Self::Device(home) => Some(Who::Device(home)),
            Self::Session(_) | Self::Named(_) => None,
        }
    }

    /// How it is shown.
    #[must_use]
    pub fn name(self, names: &HashMap<Who, String>, texts: &Texts) -> String {
        match self {
            Self::Session(key) => format!("{key:032x}"),
            Self::Named(code) => texts.text(code).unwrap_or_default().to_string(),
            _ => self.owner().and_then(|who| names.get(&who).cloned()).unwrap_or_default(),
        }
    }
}

impl<E: UnitEvent> Units<E> {
    /// With nothing in them.
    #[must_use]
    pub fn of(unit: FunnelUnit) -> Self {
        match unit {
            FunnelUnit::Person => Self::Person(Vec::new()),
            FunnelUnit::Device => Self::Devices { by_device: Vec::new(), in_sessions: false },
            FunnelUnit::Session => Self::Devices { by_device: Vec::new(), in_sessions: true },
            FunnelUnit::Cart | FunnelUnit::Order => Self::Named(Box::default()),
        }
    }

    /// Takes in events of the person at hand, each as `event` makes it of its row.
    pub fn take(&mut self, lanes: &Lanes, range: Range<usize>, event: impl Fn(&Lanes, usize) -> E) {
        match self {
            Self::Person(events) => events.extend(range.map(|row| event(lanes, row))),
            Self::Devices { by_device, in_sessions } => {
                for row in range {
                    let (home, in_session) = (lanes.device[row], !*in_sessions || lanes.in_session[row]);
                    if home == 0 || !in_session {
                        continue;
                    }
                    let device = match by_device.iter().position(|device| device.home == home) {
                        Some(known) => &mut by_device[known],
                        None => {
                            by_device.push(Device { home, events: Vec::new(), keys: Vec::new() });
                            let last = by_device.len() - 1;
                            &mut by_device[last]
                        }
                    };
                    device.events.push(event(lanes, row));
                    device.keys.extend(lanes.key.get(row));
                }
            }
            Self::Named(all) => {
                let named = |row: &usize| lanes.unit[*row] != NONE;
                let rows: Vec<u32> = range.filter(named).map(|row| row as u32).collect();
                all.append(&lanes.picked(&rows), 0..rows.len());
            }
        }
    }

    /// Gives each unit of the person at hand, which is then forgotten.
    pub fn end(&mut self, who: Who, rule: SessionRule, mut give: impl FnMut(UnitId, &[E])) {
        match self {
            Self::Person(events) => {
                give(UnitId::Person(who), events);
                events.clear();
            }
            Self::Devices { by_device, in_sessions } => {
                for device in by_device.drain(..) {
                    if *in_sessions {
                        device.sessions(rule, &mut give);
                    } else {
                        give(UnitId::Device(device.home), &device.events);
                    }
                }
            }
            Self::Named(_) => {}
        }
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Person(events) => size_of::<E>() * events.capacity(),
            Self::Devices { by_device, .. } => by_device
                .iter()
                .map(|device| size_of::<E>() * device.events.capacity() + 16 * device.keys.capacity())
                .sum(),
            Self::Named(lanes) => lanes.bytes(),
        }
    }
}

impl<E: UnitEvent> Device<E> {
    /// Gives each session; its events are its own only.
    fn sessions(&self, rule: SessionRule, give: &mut impl FnMut(UnitId, &[E])) {
        // Positions stand for keys: the events are in order.
        let session_event =
            |(position, event): (u128, &E)| SessionEvent { at: event.at(), key: position, campaign: None };
        let events: Vec<SessionEvent> = (0..).zip(&self.events).map(session_event).collect();
        for span in journey::sessions(&events, rule) {
            let key = self.keys.get(span.first).copied().unwrap_or(0);
            give(UnitId::Session(key), &self.events[span.first..=span.last]);
        }
    }
}

/// How rows are told apart for a unit.
#[must_use]
pub fn gathered(unit: FunnelUnit) -> Gathered {
    match unit {
        FunnelUnit::Person => Gathered::ByPerson,
        FunnelUnit::Device | FunnelUnit::Session => Gathered::ByDevice,
        FunnelUnit::Cart | FunnelUnit::Order => Gathered::Together,
    }
}

/// Gives each cart or order out of the events of all, each as `event` makes it of its row.
pub fn named<E>(lanes: &Lanes, event: impl Fn(&Lanes, usize) -> E, mut give: impl FnMut(UnitId, &[E])) {
    let mut order: Vec<u32> = (0..lanes.len() as u32).collect();
    order.sort_by_key(|&row| {
        let row = row as usize;
        (lanes.unit[row], lanes.at[row], lanes.key[row])
    });
    for unit in order.chunk_by(|a, b| lanes.unit[*a as usize] == lanes.unit[*b as usize]) {
        let events: Vec<E> = unit.iter().map(|&row| event(lanes, row as usize)).collect();
        give(UnitId::Named(lanes.unit[unit[0] as usize]), &events);
    }
}

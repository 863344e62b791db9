//! Which session an order belongs to: the four rules of the semantics, one after another.

use super::persons::Persons;
use super::sessions::Cut;
use crate::chance::Id128;
use crate::orders::{Channel, Order};
use crate::scene::{Action, Scene};
use std::collections::BTreeMap;

const DAY_MS: i64 = 86_400_000;
/// How long after the order a web event may still name its session.
const AFTERMATH_MS: i64 = 5 * 60_000;
/// How long before the order a cart's last event may lie.
const CART_MS: i64 = 30 * DAY_MS;

/// The verdict on one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Assigned {
    /// Position among the sessions as they were cut, and the rule that found it.
    Session {
        session: usize,
        rule: u8,
    },
    Unassigned(&'static str),
}

/// A web event by its instant, with its session.
type Sighting = (i64, usize);

/// Where the ids that an order may carry were seen on the web.
#[derive(Default)]
struct Sightings {
    purchase: BTreeMap<u32, Vec<Sighting>>,
    checkout: BTreeMap<Id128, Vec<Sighting>>,
    cart: BTreeMap<Id128, Vec<Sighting>>,
    device: BTreeMap<u32, Vec<Sighting>>,
    /// Sessions by their start.
    person: BTreeMap<u32, Vec<Sighting>>,
}

impl Assigned {
    pub(super) fn session(self) -> Option<usize> {
        match self {
            Self::Session { session, .. } => Some(session),
            Self::Unassigned(_) => None,
        }
    }
}

/// One verdict for each order of the scene.
pub(super) fn assign(scene: &Scene, persons: &Persons, cut: &Cut) -> Vec<Assigned> {
    let seen = look_around(scene, cut);
    (0_u32..).zip(&scene.orders).map(|(index, order)| judge(scene, persons, &seen, index, order)).collect()
}

fn judge(scene: &Scene, persons: &Persons, seen: &Sightings, index: u32, order: &Order) -> Assigned {
    let order_ms = order.placed_ms();
    let day = (order_ms - DAY_MS, order_ms + AFTERMATH_MS);
    let month = (order_ms - CART_MS, order_ms + AFTERMATH_MS);
    let noted = scene.device_of(order).filter(|_| order.placement.device_noted);

    let purchase = seen.purchase.get(&index).and_then(|events| events.iter().min()).copied();
    let by_checkout = || last_within(seen.checkout.get(&order.placement.checkout_token), day);
    let by_cart = || last_within(seen.cart.get(&order.placement.cart_token), month);
    let by_device = || last_within(noted.and_then(|device| seen.device.get(&device)), day);
    let by_person = || last_within(seen.person.get(&persons.of_order(index)), (order_ms - DAY_MS, order_ms));

    let found = |sighting: Option<Sighting>, rule| sighting.map(|(_, session)| Assigned::Session { session, rule });
    found(purchase, 1)
        .or_else(|| found(by_checkout(), 2))
        .or_else(|| found(by_cart(), 2))
        .or_else(|| found(by_device(), 3))
        .or_else(|| found(by_person(), 4))
        .unwrap_or(Assigned::Unassigned(match order.placement.channel {
            Channel::Web => "no_web_event",
            Channel::PointOfSale => "point_of_sale",
        }))
}

/// The last sighting from `from_ms` to `to_ms`, both ends closed.
fn last_within(sightings: Option<&Vec<Sighting>>, (from_ms, to_ms): (i64, i64)) -> Option<Sighting> {
    sightings?.iter().filter(|(at_ms, _)| (from_ms..=to_ms).contains(at_ms)).max().copied()
}

fn look_around(scene: &Scene, cut: &Cut) -> Sightings {
    let mut seen = Sightings::default();
    for (event, session) in scene.events.iter().zip(&cut.session_of_event) {
        let Some(session) = *session else { continue };
        let sighting = (event.at_ms, session);
        seen.device.entry(event.device).or_default().push(sighting);
        match event.action {
            Action::ProductAdded { cart, .. } | Action::CartViewed { cart, .. } => {
                seen.cart.entry(scene.cart(cart).token).or_default().push(sighting);
            }
            Action::CheckoutStarted { checkout } => {
                let checkout = scene.checkout(checkout);
                seen.checkout.entry(checkout.token).or_default().push(sighting);
                seen.cart.entry(scene.cart(checkout.cart).token).or_default().push(sighting);
            }
            Action::PaymentEntered { checkout } => {
                seen.checkout.entry(scene.checkout(checkout).token).or_default().push(sighting);
            }
            Action::OrderCompleted { order } => {
                seen.purchase.entry(order).or_default().push(sighting);
                seen.checkout.entry(scene.order(order).placement.checkout_token).or_default().push(sighting);
            }
            Action::Page | Action::Identify | Action::ListViewed | Action::ProductViewed { .. } => {}
        }
    }
    for (index, session) in cut.sessions.iter().enumerate() {
        seen.person.entry(session.person).or_default().push((session.start_ms, index));
    }
    seen
}

//! How people shop: visits, what they look at, what they put into the cart, and how far they get.

use crate::catalogue::PRODUCT_COUNT;
use crate::chance::Chance;
use crate::orders::{Channel, Customer, Order, Placement};
use crate::scene::{Action, Arrival, Cart, Checkout, Person, Place, Scene, Visit, WebEvent, push};
use crate::shops::{Platform, campaigns_of};

/// A session ends after more than 30 minutes of silence. Inside a visit people pause less than this.
const PAUSE_MS_MAX: i64 = 24 * 60_000;
/// Two visits of one device lie further apart than this.
pub(crate) const ABSENCE_MS_MIN: i64 = 35 * 60_000;
/// Most lines of a cart.
const CART_LINES_MAX: usize = 4;

/// What one device remembers between visits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeviceState {
    /// Index of the device.
    pub device: u32,
    /// True once its person has logged in on it.
    pub known: bool,
    /// The open cart.
    pub cart: Option<u32>,
    /// Earliest instant of the next visit, UTC milliseconds.
    pub free_from_ms: i64,
}

/// What the web shows of a checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tracking {
    /// Everything.
    Full,
    /// All but the purchase event: the tab was closed, or a blocker ate it.
    NoPurchase,
    /// The cart, and nothing after it.
    NoCheckout,
    /// Nothing: an express button with a cart of its own.
    Express,
    /// Nothing, from a browser that was never seen.
    Ghost,
}

/// One visit while it goes on.
pub(crate) struct Walk<'a> {
    pub scene: &'a mut Scene,
    pub chance: &'a mut Chance,
    pub state: &'a mut DeviceState,
    shop: u8,
    person: Option<u32>,
    visit: u32,
    now_ms: i64,
    place: Place,
    landed: bool,
}

impl<'a> Walk<'a> {
    /// A visit of `state`'s device that starts at about `at_ms`; `person` is who sits before it.
    pub(crate) fn start(
        scene: &'a mut Scene,
        chance: &'a mut Chance,
        state: &'a mut DeviceState,
        person: Option<u32>,
        at_ms: i64,
    ) -> Self {
        let device = *scene.device(state.device);
        let visit = Visit { device: state.device, arrival: Arrival::Direct, landing: Place::Home };
        let visit = push(&mut scene.visits, visit);
        let now_ms = at_ms - at_ms.rem_euclid(4) + i64::from(device.slot);
        Self { scene, chance, state, shop: device.shop, person, visit, now_ms, place: Place::Home, landed: true }
    }

    /// Lets the visit have come about by `arrival`, on page `landing`.
    pub(crate) fn arrive(&mut self, arrival: Arrival, landing: Place) {
        if let Some(visit) = self.scene.visits.last_mut() {
            (visit.arrival, visit.landing) = (arrival, landing);
        }
        self.place = landing;
        self.emit(Action::Page);
        if let Place::Product(product) = landing {
            self.look(product);
        }
    }

    /// Looks at the product whose page is open.
    pub(crate) fn look(&mut self, product: u8) {
        self.emit(Action::ProductViewed { product });
    }

    /// Ends the visit: the device rests for a while.
    pub(crate) fn leave(self) {
        self.state.free_from_ms = self.now_ms + ABSENCE_MS_MIN;
    }

    /// Logs the person in; further messages carry the user id. A page follows, so no visit ends or starts with this.
    pub(crate) fn log_in(&mut self) {
        self.state.known = true;
        self.emit(Action::Identify);
    }

    /// Opens a page within the shop.
    pub(crate) fn open(&mut self, place: Place) {
        self.place = place;
        self.landed = false;
        self.emit(Action::Page);
    }

    /// Looks around, up to `rounds` products.
    pub(crate) fn browse(&mut self, rounds: i64) {
        for _ in 0..rounds {
            if self.chance.hits(300) {
                self.open(Place::Collection);
                self.emit(Action::ListViewed);
            }
            let product = draw_product(self.chance);
            self.open(Place::Product(product));
            self.look(product);
            if self.chance.hits(90) {
                self.add(product);
            }
        }
    }

    /// Goes on with what lies in the cart, perhaps as far as an order.
    pub(crate) fn go_to_cart(&mut self, person: &Person) {
        let Some(cart) = self.state.cart else { return };
        if person.account && !self.state.known && self.chance.hits(400) {
            self.log_in();
        }
        let lines = u8::try_from(self.scene.cart(cart).lines.len()).expect("a cart has at most four lines");
        self.open(Place::Cart);
        self.emit(Action::CartViewed { cart, lines });
        if self.chance.hits(550) {
            let token = self.chance.id();
            self.check_out(person, Checkout { token, cart, lines });
        }
    }

    fn add(&mut self, product: u8) {
        let cart = match self.state.cart {
            Some(cart) => cart,
            None => push(&mut self.scene.carts, Cart { token: self.chance.id(), lines: Vec::new() }),
        };
        self.state.cart = Some(cart);
        let quantity = self.chance.weighted(&[(7, 1), (2, 2), (1, 3)]);
        let lines = &mut self.scene.cart_mut(cart).lines;
        if lines.len() < CART_LINES_MAX && lines.iter().all(|(present, _)| *present != product) {
            let line = u8::try_from(push(lines, (product, quantity))).expect("a cart has at most four lines");
            self.emit(Action::ProductAdded { cart, line });
        }
    }

    fn check_out(&mut self, person: &Person, checkout: Checkout) {
        let tracking = match person.kiosk_member {
            true => Tracking::Full,
            false => self.chance.weighted(&[
                (935, Tracking::Full),
                (20, Tracking::NoPurchase),
                (10, Tracking::NoCheckout),
                (20, Tracking::Express),
                (15, Tracking::Ghost),
            ]),
        };
        let pays = self.chance.hits(850);
        let orders = pays && self.chance.hits(900);
        if matches!(tracking, Tracking::Full | Tracking::NoPurchase) {
            let checkout = push(&mut self.scene.checkouts, checkout);
            self.open(Place::Checkout);
            self.emit(Action::CheckoutStarted { checkout });
            if pays {
                self.emit(Action::PaymentEntered { checkout });
            }
        }
        if orders {
            self.order(person, checkout, tracking);
        }
    }

    fn order(&mut self, person: &Person, checkout: Checkout, tracking: Tracking) {
        let unseen = matches!(tracking, Tracking::Express | Tracking::Ghost);
        let placement = Placement {
            shop: self.shop,
            placed_s: (self.now_ms + self.chance.between(5_000, 180_000)) / 1000 + 1,
            customer: self.person.map_or(Customer::Anonymous, Customer::Person),
            visit: (tracking != Tracking::Ghost).then_some(self.visit),
            channel: Channel::Web,
            test: self.chance.hits(6),
            checkout_token: if unseen { self.chance.id() } else { checkout.token },
            cart_token: if unseen { self.chance.id() } else { self.scene.cart(checkout.cart).token },
            // Where only the cart was seen, the note is what ties an old cart's order to this visit.
            device_noted: match tracking {
                Tracking::Ghost => false,
                Tracking::NoCheckout => true,
                _ => person.kiosk_member || self.chance.hits(850),
            },
        };
        let basket = self.scene.cart_lines(checkout.cart, checkout.lines).to_vec();
        let mut order = Order::place(placement, self.scene.next_order(), &basket, self.chance);
        if !placement.test {
            order.meet_its_fate(self.chance);
        }
        self.now_ms = order.placed_ms();
        let order = push(&mut self.scene.orders, order);
        self.state.cart = None;
        if tracking == Tracking::Full {
            self.emit(Action::OrderCompleted { order });
            self.open(Place::ThankYou);
        }
    }

    /// Writes down one message, a moment after the one before.
    fn emit(&mut self, action: Action) {
        self.now_ms += match self.chance.hits(960) {
            _ if matches!(action, Action::OrderCompleted { .. } | Action::Identify) => {
                self.chance.between(100, 1_000) * 4
            }
            true => self.chance.between(300, 15_000) * 4,
            false => self.chance.between(15_000, PAUSE_MS_MAX / 4) * 4,
        };
        let slot = i64::from(self.scene.device(self.state.device).slot);
        self.now_ms += slot - self.now_ms.rem_euclid(4);
        self.scene.events.push(WebEvent {
            at_ms: self.now_ms,
            device: self.state.device,
            visit: self.visit,
            user: if self.state.known { self.person } else { None },
            place: self.place,
            landed: self.landed,
            action,
        });
    }
}

/// How a person of shop `shop` comes: the first time mostly by an ad or a search, later more often directly.
pub(crate) fn draw_arrival(shop: u8, first: bool, chance: &mut Chance) -> Arrival {
    #[derive(Clone, Copy)]
    enum Way {
        Ad(Platform),
        Search,
        Social,
        Newsletter,
        Direct,
    }
    let weights = if first { [27, 20, 20, 8, 2, 23] } else { [11, 9, 10, 5, 13, 52] };
    let ways =
        [Way::Ad(Platform::Google), Way::Ad(Platform::Meta), Way::Search, Way::Social, Way::Newsletter, Way::Direct];
    let choices: Vec<(u32, Way)> = weights.into_iter().zip(ways).collect();
    match chance.weighted(&choices) {
        Way::Ad(platform) => Arrival::Ad { campaign: chance.pick(&campaigns_of(shop, platform)), click: chance.id() },
        Way::Search => Arrival::OrganicSearch,
        Way::Social => Arrival::OrganicSocial { click: chance.hits(500).then(|| chance.id()) },
        Way::Newsletter => Arrival::Newsletter,
        Way::Direct => Arrival::Direct,
    }
}

/// Any product.
pub(crate) fn draw_product(chance: &mut Chance) -> u8 {
    u8::try_from(chance.between(0, PRODUCT_COUNT - 1)).expect("there are fewer than 256 products")
}

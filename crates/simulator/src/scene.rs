//! What really happened: people, devices, visits, events and orders, before any sender, clock or network touched them.
//!
//! Things name one another by index. An index that stands in the scene always points into it, because things are only
//! ever appended.

use crate::chance::Id128;
use crate::orders::Order;

/// Everything that happened in the world.
#[derive(Debug, Default)]
pub(crate) struct Scene {
    pub devices: Vec<Device>,
    pub people: Vec<Person>,
    pub visits: Vec<Visit>,
    pub carts: Vec<Cart>,
    pub checkouts: Vec<Checkout>,
    /// The events of a visit stand together, in order.
    pub events: Vec<WebEvent>,
    pub orders: Vec<Order>,
}

/// A person of one shop, or a bot (then without account, orders or logins).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person {
    pub shop: u8,
    /// Number of the person, the same in every id: `u_7`, `p7@example.com`.
    pub number: u32,
    /// True where the person has a user id to log in with.
    pub account: bool,
    /// True for the few who log in at the kiosk.
    pub kiosk_member: bool,
}

/// A browser with an anonymous id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Device {
    pub anonymous_id: Id128,
    pub shop: u8,
    pub user_agent: &'static str,
    /// How far its clock is ahead, in milliseconds.
    pub clock_ahead_ms: i64,
    /// True for crawlers.
    pub bot: bool,
    /// Remainder by 4 of all its instants, so that no two devices of a person ever share a millisecond.
    pub slot: u8,
}

/// One arrival at the storefront, and what stands in the address bar because of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visit {
    pub device: u32,
    pub arrival: Arrival,
    /// The page on which the visit landed.
    pub landing: Place,
}

/// How a visit came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    Direct,
    /// A click on an ad of this campaign; the click id is the platform's.
    Ad {
        campaign: u8,
        click: Id128,
    },
    OrganicSearch,
    /// A link in a post. Facebook adds `fbclid` to those, too; it names no campaign.
    OrganicSocial {
        click: Option<Id128>,
    },
    Newsletter,
}

/// A kind of page of the storefront.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Home,
    Collection,
    Product(u8),
    Cart,
    Checkout,
    ThankYou,
    Account,
}

/// A cart; lines are only ever appended, so "the cart at that time" is a prefix.
#[derive(Debug, Clone)]
pub(crate) struct Cart {
    pub token: Id128,
    /// Products with quantities; no product twice.
    pub lines: Vec<(u8, i64)>,
}

/// One start of the checkout with the first `lines` lines of a cart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checkout {
    pub token: Id128,
    pub cart: u32,
    pub lines: u8,
}

/// One message of a browser.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WebEvent {
    /// True instant, UTC milliseconds.
    pub at_ms: i64,
    pub device: u32,
    pub visit: u32,
    /// The person whose user id stands on the message.
    pub user: Option<u32>,
    /// The page on which it happened.
    pub place: Place,
    /// True while the landing page, with its query and referrer, is still open.
    pub landed: bool,
    pub action: Action,
}

/// What a message says. Indexes are into the scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Page,
    Identify,
    ListViewed,
    ProductViewed { product: u8 },
    ProductAdded { cart: u32, line: u8 },
    CartViewed { cart: u32, lines: u8 },
    CheckoutStarted { checkout: u32 },
    PaymentEntered { checkout: u32 },
    OrderCompleted { order: u32 },
}

impl WebEvent {
    /// True for what a session is made of; an identify call is not.
    pub(crate) fn in_session(&self) -> bool {
        self.action != Action::Identify
    }
}

/// Appends and says where.
pub(crate) fn push<T>(list: &mut Vec<T>, item: T) -> u32 {
    list.push(item);
    u32::try_from(list.len() - 1).expect("a world holds fewer than 2^32 things of a kind")
}

/// What stands at an index of the scene.
fn at<T>(list: &[T], index: u32) -> &T {
    usize::try_from(index).ok().and_then(|index| list.get(index)).expect("an index in the scene points into it")
}

impl Scene {
    pub(crate) fn device(&self, index: u32) -> &Device {
        at(&self.devices, index)
    }

    pub(crate) fn person(&self, index: u32) -> &Person {
        at(&self.people, index)
    }

    pub(crate) fn visit(&self, index: u32) -> &Visit {
        at(&self.visits, index)
    }

    pub(crate) fn checkout(&self, index: u32) -> &Checkout {
        at(&self.checkouts, index)
    }

    pub(crate) fn event(&self, index: u32) -> &WebEvent {
        at(&self.events, index)
    }

    pub(crate) fn order(&self, index: u32) -> &Order {
        at(&self.orders, index)
    }

    pub(crate) fn cart(&self, index: u32) -> &Cart {
        at(&self.carts, index)
    }

    pub(crate) fn cart_mut(&mut self, index: u32) -> &mut Cart {
        let cart = usize::try_from(index).ok().and_then(|index| self.carts.get_mut(index));
        cart.expect("an index in the scene points into it")
    }

    /// The first `lines` lines of a cart.
    pub(crate) fn cart_lines(&self, cart: u32, lines: u8) -> &[(u8, i64)] {
        self.cart(cart).lines.get(..usize::from(lines)).expect("a cart never shrinks")
    }

    /// The device on which an order was placed, where the web saw it at all.
    pub(crate) fn device_of(&self, order: &Order) -> Option<u32> {
        order.placement.visit.map(|visit| self.visit(visit).device)
    }

    /// Index of the order that is appended next.
    pub(crate) fn next_order(&self) -> u32 {
        u32::try_from(self.orders.len()).expect("a world holds fewer than 2^32 orders")
    }
}

/// The user id of a person with an account.
pub(crate) fn user_id(person: &Person) -> String {
    format!("u_{}", person.number)
}

/// The e-mail address of a person; the names are reserved, so nobody has it.
pub(crate) fn email(person: &Person) -> String {
    format!("p{}@example.com", person.number)
}

//! Who lives in the world: shoppers with their devices and habits, a few crawlers, a kiosk, and the shops' testers.

use crate::behaviour::{DeviceState, Walk, draw_arrival, draw_product};
use crate::chance::{Chance, Subject};
use crate::orders::{Channel, Customer, Order, Placement};
use crate::scene::{Arrival, Device, Person, Place, Scene, push};
use crate::world::WorldConfig;

/// Persons who log in at the kiosk: more than a device may have without being a hub (10).
const KIOSK_MEMBERS: u32 = 14;
/// Persons that even the smallest world has.
const PEOPLE_MIN: u32 = 40;
/// One in so many is a crawler.
const BOT_EVERY: u32 = 40;
/// The kiosk's remainder by 4; persons' own devices have 0, 1 and 2.
const KIOSK_SLOT: u8 = 3;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

const BROWSERS: [&str; 5] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Mobile Safari/537.36",
];

const CRAWLERS: [&str; 3] = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/143.0.0.0 Safari/537.36",
    "python-requests/2.32.4",
];

/// When visits may start, UTC milliseconds. It leaves the edges of the first and the last day free, so that in every
/// zone of the world all of it lies on the days of the range.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Season {
    pub first_ms: i64,
    pub last_ms: i64,
}

/// Lets everybody live until about `config.events` messages were sent.
pub(crate) fn populate(config: &WorldConfig, season: Season) -> Scene {
    let mut scene = Scene::default();
    let mut number = 0;
    while number < PEOPLE_MIN || (scene.events.len() as u64) < config.events {
        let mut chance = Chance::of(config.seed, Subject::Person, u64::from(number));
        if number % BOT_EVERY == BOT_EVERY - 1 {
            crawl(&mut scene, &mut chance, number, season);
        } else {
            live(&mut scene, &mut chance, number, season);
        }
        number += 1;
    }
    open_kiosk(&mut scene, config.seed, season);
    for shop in [0, 1] {
        test_the_till(&mut scene, config, shop, season);
    }
    scene
}

/// The whole life of person `number`.
fn live(scene: &mut Scene, chance: &mut Chance, number: u32, season: Season) {
    let kiosk_member = number < KIOSK_MEMBERS;
    let shop = if kiosk_member || chance.hits(600) { 0 } else { 1 };
    let person = Person { shop, number, account: kiosk_member || chance.hits(550), kiosk_member };
    let index = push(&mut scene.people, person);
    let mut states: Vec<DeviceState> = (0..chance.weighted(&[(6, 1), (3, 2), (1, 3)]))
        .map(|slot| DeviceState {
            device: unpack(scene, chance, shop, slot),
            known: false,
            cart: None,
            free_from_ms: 0,
        })
        .collect();
    let mut next_ms = chance.between(season.first_ms, season.last_ms);
    for visit in 0..chance.weighted(&[(30, 1), (22, 2), (16, 3), (12, 4), (9, 6), (7, 9), (4, 14)]) {
        let main = chance.hits(650);
        let other = usize::try_from(chance.between(0, 2)).unwrap_or(0) % states.len();
        let Some(state) = states.get_mut(if main { 0 } else { other }) else { return };
        let start_ms = next_ms.max(state.free_from_ms);
        if start_ms > season.last_ms {
            break;
        }
        let arrival = draw_arrival(shop, visit == 0, chance);
        shop_around(Walk::start(scene, chance, state, Some(index), start_ms), &person, arrival);
        next_ms = start_ms + draw_pause(chance);
    }
    if !kiosk_member && chance.hits(25) {
        buy_at_the_till(scene, chance, index, season);
    }
}

/// One visit, from the landing page to wherever it ends.
fn shop_around(mut walk: Walk<'_>, person: &Person, arrival: Arrival) {
    let landing = match arrival {
        Arrival::Direct => walk.chance.weighted(&[(8, Place::Home), (2, Place::Collection)]),
        _ if walk.chance.hits(600) => Place::Product(draw_product(walk.chance)),
        _ => walk.chance.weighted(&[(1, Place::Home), (1, Place::Collection)]),
    };
    walk.arrive(arrival, landing);
    if person.account && !walk.state.known && walk.chance.hits(150) {
        walk.log_in();
        walk.open(Place::Account);
    }
    let rounds = walk.chance.between(0, 5);
    walk.browse(rounds);
    if walk.chance.hits(600) {
        walk.go_to_cart(person);
    }
    walk.leave();
}

/// From the start of one visit to the start of the next: minutes (another device may overlap) to more than a month.
fn draw_pause(chance: &mut Chance) -> i64 {
    let (low, high) = chance.weighted(&[
        (4, (HOUR_MS / 20, HOUR_MS / 4)),
        (22, (HOUR_MS, 10 * HOUR_MS)),
        (34, (DAY_MS, 3 * DAY_MS)),
        (28, (3 * DAY_MS, 10 * DAY_MS)),
        (12, (10 * DAY_MS, 45 * DAY_MS)),
    ]);
    chance.between(low, high)
}

/// A new device; one in ten has a clock that is minutes off.
fn unpack(scene: &mut Scene, chance: &mut Chance, shop: u8, slot: u8) -> u32 {
    let clock_ahead_ms = if chance.hits(100) { chance.between(-9 * 60_000, 9 * 60_000) } else { 0 };
    let user_agent = chance.pick(&BROWSERS);
    let device = Device { anonymous_id: chance.id(), shop, user_agent, clock_ahead_ms, bot: false, slot };
    push(&mut scene.devices, device)
}

/// A crawler's visits: pages and products, nothing else.
fn crawl(scene: &mut Scene, chance: &mut Chance, number: u32, season: Season) {
    let shop = if chance.hits(500) { 0 } else { 1 };
    let user_agent = chance.pick(&CRAWLERS);
    let device = Device { anonymous_id: chance.id(), shop, user_agent, clock_ahead_ms: 0, bot: true, slot: 0 };
    let mut state = DeviceState { device: push(&mut scene.devices, device), known: false, cart: None, free_from_ms: 0 };
    // A crawler is nobody: it stands among the people only so that numbers stay in step.
    push(&mut scene.people, Person { shop, number, account: false, kiosk_member: false });
    for _ in 0..chance.between(1, 4) {
        let start_ms = chance.between(season.first_ms, season.last_ms).max(state.free_from_ms);
        if start_ms > season.last_ms {
            break;
        }
        let mut walk = Walk::start(scene, chance, &mut state, None, start_ms);
        walk.arrive(Arrival::Direct, Place::Home);
        for _ in 0..walk.chance.between(3, 20) {
            let product = draw_product(walk.chance);
            walk.open(Place::Product(product));
            walk.look(product);
        }
        walk.leave();
    }
}

/// The kiosk in the first shop's showroom: many people log in on one device, one after another.
fn open_kiosk(scene: &mut Scene, seed: u64, season: Season) {
    let mut chance = Chance::of(seed, Subject::Kiosk, 0);
    let user_agent = chance.pick(&BROWSERS);
    let device =
        Device { anonymous_id: chance.id(), shop: 0, user_agent, clock_ahead_ms: 0, bot: false, slot: KIOSK_SLOT };
    let device = push(&mut scene.devices, device);
    let step_ms = (season.last_ms - season.first_ms) / i64::from(KIOSK_MEMBERS);
    for member in 0..KIOSK_MEMBERS {
        let mut state = DeviceState { device, known: false, cart: None, free_from_ms: 0 };
        let start_ms = season.first_ms + step_ms * i64::from(member);
        let mut walk = Walk::start(scene, &mut chance, &mut state, Some(member), start_ms);
        walk.arrive(Arrival::Direct, Place::Home);
        walk.log_in();
        walk.open(Place::Account);
        walk.leave();
    }
}

/// A purchase in the showroom; some pay cash and leave no name.
fn buy_at_the_till(scene: &mut Scene, chance: &mut Chance, person: u32, season: Season) {
    let customer = if chance.hits(700) { Customer::Person(person) } else { Customer::Anonymous };
    let shop = scene.person(person).shop;
    let mut order = order_unseen(scene, chance, Channel::PointOfSale, (shop, customer), season);
    order.meet_its_fate(chance);
    scene.orders.push(order);
}

/// Orders of the shop's staff to see whether everything works: one in about ten days.
fn test_the_till(scene: &mut Scene, config: &WorldConfig, shop: u8, season: Season) {
    let mut chance = Chance::of(config.seed, Subject::Staff, u64::from(shop));
    for _ in 0..=config.days / 10 {
        let order = order_unseen(scene, &mut chance, Channel::Web, (shop, Customer::Staff { shop }), season);
        scene.orders.push(order);
    }
}

/// An order of which no web event tells.
fn order_unseen(
    scene: &Scene,
    chance: &mut Chance,
    channel: Channel,
    (shop, customer): (u8, Customer),
    season: Season,
) -> Order {
    let placement = Placement {
        shop,
        placed_s: chance.between(season.first_ms / 1000, season.last_ms / 1000),
        customer,
        visit: None,
        channel,
        test: matches!(customer, Customer::Staff { .. }),
        checkout_token: chance.id(),
        cart_token: chance.id(),
        device_noted: false,
    };
    let product = draw_product(chance);
    let basket = [(product, chance.between(1, 2))];
    Order::place(placement, scene.next_order(), &basket, chance)
}

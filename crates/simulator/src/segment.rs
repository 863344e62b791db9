//! Batches of web messages as the browser SDK writes them, with the clock of the device they come from.

use crate::catalogue::{product_at, product_id};
use crate::cents::Cents;
use crate::chance::Id128;
use crate::delivery::Door;
use crate::orders::DiscountCode;
use crate::scene::{Action, Device, Scene, WebEvent, email, user_id};
use crate::shops::{Shop, shop};
use crate::world::{World, instant};
use serde::Serialize;
use std::ops::Range;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Batch {
    batch: Vec<Message>,
    write_key: &'static str,
    sent_at: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'static str>,
    message_id: String,
    anonymous_id: String,
    user_id: Option<String>,
    timestamp: String,
    context: Context,
    #[serde(skip_serializing_if = "Option::is_none")]
    traits: Option<Traits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<Properties>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    page: Page,
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign: Option<Campaign>,
    user_agent: &'static str,
    locale: &'static str,
    timezone: &'static str,
    library: Library,
}

#[derive(Serialize, Clone)]
struct Page {
    path: String,
    referrer: String,
    search: String,
    title: &'static str,
    url: String,
}

#[derive(Serialize)]
struct Campaign {
    source: &'static str,
    medium: &'static str,
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'static str>,
}

#[derive(Serialize)]
struct Library {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Traits {
    email: String,
}

#[derive(Serialize)]
struct Product {
    product_id: String,
    sku: &'static str,
    name: &'static str,
    category: &'static str,
    price: Cents,
    quantity: i64,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Properties {
    Page(Page),
    List {
        list_id: &'static str,
        category: &'static str,
        products: Vec<Product>,
    },
    Viewed {
        #[serde(flatten)]
        product: Product,
        currency: &'static str,
        value: Cents,
    },
    Added {
        cart_id: String,
        #[serde(flatten)]
        product: Product,
        currency: &'static str,
    },
    Cart {
        cart_id: String,
        currency: &'static str,
        products: Vec<Product>,
    },
    Checkout {
        checkout_id: String,
        cart_id: String,
        value: Cents,
        currency: &'static str,
        products: Vec<Product>,
    },
    Payment {
        checkout_id: String,
        payment_method: &'static str,
        value: Cents,
        currency: &'static str,
    },
    Order {
        checkout_id: String,
        order_id: String,
        subtotal: Cents,
        revenue: Cents,
        total: Cents,
        shipping: Cents,
        tax: Cents,
        discount: Cents,
        #[serde(skip_serializing_if = "Option::is_none")]
        coupon: Option<String>,
        currency: &'static str,
        products: Vec<Product>,
    },
}

/// The request that carries the messages `range` of the scene, sent at `sent_ms` true time.
pub(crate) fn batch(world: &World, range: Range<u32>, sent_ms: i64) -> (Door, Vec<u8>, Vec<(String, String)>) {
    let device = world.scene.device(world.scene.event(range.start).device);
    let write_key = shop(device.shop).write_key;
    let batch = range.map(|index| message(world, index, device)).collect();
    let body = Batch { batch, write_key, sent_at: clock(sent_ms + device.clock_ahead_ms) };
    let body = serde_json::to_vec(&body).expect("maps with text keys are always writable");
    let headers = vec![("content-type".to_owned(), "text/plain;charset=UTF-8".to_owned())];
    (Door::SegmentBatch { write_key: write_key.to_owned() }, body, headers)
}

/// An instant as JavaScript writes it.
fn clock(at_ms: i64) -> String {
    format!("{:.3}", instant(at_ms))
}

fn message(world: &World, index: u32, device: &Device) -> Message {
    let event = world.scene.event(index);
    let shop = shop(device.shop);
    let client_ms = event.at_ms + device.clock_ahead_ms;
    let page = page(&world.scene, event, shop);
    let person = event.user.map(|user| world.scene.person(user));
    let (kind, name) = name(event.action);
    Message {
        r#type: kind,
        event: name,
        message_id: format!("ajs-next-{client_ms}-{}", Id128::derived(world.config.seed, u64::from(index), 0)),
        anonymous_id: device.anonymous_id.to_string(),
        user_id: person.map(user_id),
        timestamp: clock(client_ms),
        traits: person.filter(|_| event.action == Action::Identify).map(|person| Traits { email: email(person) }),
        properties: properties(&world.scene, event, device, &page),
        context: Context {
            page,
            campaign: campaign(&world.scene, event),
            user_agent: device.user_agent,
            locale: shop.locale,
            timezone: shop.zone,
            library: Library { name: "analytics.js", version: "next-1.81.0" },
        },
    }
}

/// The name of a track call, else the message's type.
pub(crate) fn event_name(action: Action) -> &'static str {
    let (kind, name) = name(action);
    name.unwrap_or(kind)
}

fn name(action: Action) -> (&'static str, Option<&'static str>) {
    match action {
        Action::Page => ("page", None),
        Action::Identify => ("identify", None),
        Action::ListViewed => ("track", Some("Product List Viewed")),
        Action::ProductViewed { .. } => ("track", Some("Product Viewed")),
        Action::ProductAdded { .. } => ("track", Some("Product Added")),
        Action::CartViewed { .. } => ("track", Some("Cart Viewed")),
        Action::CheckoutStarted { .. } => ("track", Some("Checkout Started")),
        Action::PaymentEntered { .. } => ("track", Some("Payment Info Entered")),
        Action::OrderCompleted { .. } => ("track", Some("Order Completed")),
    }
}

/// The open page; the landing page still shows query and referrer of the arrival.
fn page(scene: &Scene, event: &WebEvent, shop: &Shop) -> Page {
    let arrival = scene.visit(event.visit).arrival;
    let (search, referrer) = match event.landed {
        true => (arrival.query(), arrival.referrer().to_owned()),
        false => (String::new(), format!("{}/", shop.storefront)),
    };
    let url = format!("{}{search}", event.place.url(shop));
    Page { path: event.place.path(), referrer, search, title: event.place.title(), url }
}

/// The SDK reads the campaign from the address bar, so it is gone with the landing page.
fn campaign(scene: &Scene, event: &WebEvent) -> Option<Campaign> {
    let utm = scene.visit(event.visit).arrival.utm().filter(|_| event.landed)?;
    Some(Campaign { source: utm.source, medium: utm.medium, name: utm.campaign, id: utm.id })
}

fn properties(scene: &Scene, event: &WebEvent, device: &Device, page: &Page) -> Option<Properties> {
    let currency = shop(device.shop).currency;
    let products =
        |lines: &[(u8, i64)]| lines.iter().map(|&(index, n)| product(device.shop, index, n)).collect::<Vec<_>>();
    let checkout_parts = |index: u32| {
        let checkout = scene.checkout(index);
        (checkout.token.to_string(), checkout.cart, scene.cart_lines(checkout.cart, checkout.lines))
    };
    Some(match event.action {
        Action::Identify => return None,
        Action::Page => Properties::Page(page.clone()),
        Action::ListViewed => {
            Properties::List { list_id: "all", category: "All products", products: products(&[(0, 1), (1, 1), (2, 1)]) }
        }
        Action::ProductViewed { product: index } => Properties::Viewed {
            product: product(device.shop, index, 1),
            currency,
            value: product_at(index).price(device.shop),
        },
        Action::ProductAdded { cart, line } => {
            let (index, quantity) = *scene.cart_lines(cart, line + 1).last().expect("the line was added");
            let cart_id = scene.cart(cart).token.to_string();
            Properties::Added { cart_id, product: product(device.shop, index, quantity), currency }
        }
        Action::CartViewed { cart, lines } => {
            let products = products(scene.cart_lines(cart, lines));
            Properties::Cart { cart_id: scene.cart(cart).token.to_string(), currency, products }
        }
        Action::CheckoutStarted { checkout } => {
            let (checkout_id, cart, lines) = checkout_parts(checkout);
            let cart_id = scene.cart(cart).token.to_string();
            let value = worth(device.shop, lines);
            Properties::Checkout { checkout_id, cart_id, value, currency, products: products(lines) }
        }
        Action::PaymentEntered { checkout } => {
            let (checkout_id, _, lines) = checkout_parts(checkout);
            Properties::Payment { checkout_id, payment_method: "card", value: worth(device.shop, lines), currency }
        }
        Action::OrderCompleted { order } => completed(scene, order, currency),
    })
}

fn completed(scene: &Scene, order: u32, currency: &'static str) -> Properties {
    let order = scene.order(order);
    let totals = order.totals();
    let line_tax: i64 = order.lines.iter().map(|line| line.tax.0).sum();
    Properties::Order {
        checkout_id: order.placement.checkout_token.to_string(),
        order_id: order.id.to_string(),
        subtotal: totals.subtotal,
        revenue: Cents(totals.subtotal.0 - if order.shop().taxes_included { line_tax } else { 0 }),
        total: totals.total,
        shipping: totals.shipping,
        tax: totals.tax,
        discount: totals.discount,
        coupon: order.code.map(DiscountCode::code),
        currency,
        products: order.lines.iter().map(|line| product(order.placement.shop, line.product, line.quantity)).collect(),
    }
}

fn worth(shop: u8, lines: &[(u8, i64)]) -> Cents {
    Cents(lines.iter().map(|(index, quantity)| product_at(*index).price(shop).0 * quantity).sum())
}

fn product(shop: u8, index: u8, quantity: i64) -> Product {
    let product = product_at(index);
    Product {
        product_id: product_id(index).to_string(),
        sku: product.sku,
        name: product.name,
        category: product.category,
        price: product.price(shop),
        quantity,
    }
}

//! The REST-shaped JSON of orders and refunds. All amounts are decimal text in the shop's currency, all instants carry
//! the shop's offset.

use crate::catalogue::{product_at, product_id};
use crate::cents::Cents;
use crate::orders::{Channel, Customer, Line, Order, Refund, RefundLine};
use crate::scene::{Scene, email};
use crate::shops::Shop;
use crate::world::instant;
use serde_json::{Map, Value, json};

/// An order as it stood at `as_of_s`, which becomes its `updated_at`.
pub(crate) fn order(scene: &Scene, order: &Order, as_of_s: i64) -> Value {
    let mut document = Map::new();
    for part in [identity(order), state(order, as_of_s), amounts(order), now(order, as_of_s), people(scene, order)] {
        document.extend(members(part));
    }
    document.extend(members(marketing(scene, order)));
    document.extend(members(lists(order, as_of_s)));
    Value::Object(document)
}

/// Refund number `index` of an order.
pub(crate) fn refund(order: &Order, index: usize) -> Value {
    let refund = order.refunds.get(index).expect("the schedule holds only refunds that exist");
    let id = refund_id(order, index);
    let shop = order.shop();
    let at = local(shop, refund.at_s);
    let lines: Vec<Value> =
        (0..).zip(&refund.lines).map(|(part, line)| refund_line(order, line, id * 10 + part)).collect();
    json!({
        "id": id,
        "admin_graphql_api_id": format!("gid://shopify/Refund/{id}"),
        "order_id": order.id,
        "created_at": at,
        "processed_at": at,
        "note": "returned",
        "restock": true,
        "refund_line_items": lines,
        "order_adjustments": adjustments(order, refund, id),
        "duties": [],
        "transactions": [{
            "id": id * 10 + 9,
            "order_id": order.id,
            "parent_id": order.id * 10 + 1,
            "kind": "refund",
            "gateway": "shopify_payments",
            "status": "success",
            "amount": order.paid_back(refund).to_string(),
            "currency": shop.currency,
            "test": order.placement.test,
            "created_at": at,
            "processed_at": at,
        }],
    })
}

fn identity(order: &Order) -> Value {
    let placement = &order.placement;
    let number = order.id % 1_000_000 + 1_001;
    json!({
        "id": order.id,
        "admin_graphql_api_id": format!("gid://shopify/Order/{}", order.id),
        "name": format!("#{number}"),
        "order_number": number,
        "token": format!("{:032x}", placement.checkout_token.0 ^ placement.cart_token.0),
        "cart_token": placement.cart_token.to_string(),
        "checkout_token": placement.checkout_token.to_string(),
        "checkout_id": order.id + 29_000_000_000_000,
        "source_name": match placement.channel { Channel::Web => "web", Channel::PointOfSale => "pos" },
        "test": placement.test,
        "confirmed": true,
    })
}

/// Times and statuses at `as_of_s`.
fn state(order: &Order, as_of_s: i64) -> Value {
    let shop = order.shop();
    let cancelled = order.cancelled_s.filter(|at_s| *at_s <= as_of_s);
    json!({
        "created_at": local(shop, order.placement.placed_s + 1),
        "processed_at": local(shop, order.placement.placed_s),
        "updated_at": local(shop, as_of_s),
        "cancelled_at": cancelled.map(|at_s| local(shop, at_s)),
        "cancel_reason": cancelled.map(|_| "customer"),
        "closed_at": null,
        "financial_status": financial_status(order, as_of_s),
        "fulfillment_status": null,
    })
}

fn financial_status(order: &Order, as_of_s: i64) -> &'static str {
    let paid_back: i64 = known(order, as_of_s).map(|refund| order.paid_back(refund).0).sum();
    match paid_back {
        // A bank transfer that never came is cancelled without a refund.
        0 if order.cancelled_s.is_some() && order.refunds.is_empty() => "pending",
        0 => "paid",
        all if all == order.totals().total.0 => "refunded",
        _ => "partially_refunded",
    }
}

/// Amounts at placement.
fn amounts(order: &Order) -> Value {
    let (totals, shop) = (order.totals(), order.shop());
    json!({
        "currency": shop.currency,
        "presentment_currency": shop.currency,
        "taxes_included": shop.taxes_included,
        "total_line_items_price": totals.gross.to_string(),
        "total_discounts": totals.discount.to_string(),
        "subtotal_price": totals.subtotal.to_string(),
        "total_tax": totals.tax.to_string(),
        "total_price": totals.total.to_string(),
        "total_price_set": money_set(shop, totals.total),
        "total_shipping_price_set": money_set(shop, totals.shipping),
        "total_tip_received": "0.00",
        "original_total_duties_set": null,
        "tax_lines": [tax_line(shop, totals.tax)],
    })
}

/// Amounts after what happened until `as_of_s`; an answer must never be reckoned from these.
fn now(order: &Order, as_of_s: i64) -> Value {
    let (totals, shop) = (order.totals(), order.shop());
    let cancelled = order.cancelled_s.is_some_and(|at_s| at_s <= as_of_s);
    let (mut subtotal, mut tax, mut total) = (totals.subtotal.0, totals.tax.0, totals.total.0);
    for refund in known(order, as_of_s) {
        subtotal -= refund.lines.iter().map(|line| line.subtotal.0).sum::<i64>();
        tax -= refund.lines.iter().map(|line| line.tax.0).sum::<i64>() + refund.shipping_tax.0;
        total -= order.paid_back(refund).0;
    }
    let text = |amount: i64| Cents(if cancelled { 0 } else { amount }).to_string();
    json!({
        "current_total_discounts": text(totals.discount.0),
        "current_subtotal_price": text(subtotal),
        "current_total_tax": text(tax),
        "current_total_price": text(total),
        "current_total_price_set": money_set(shop, Cents(if cancelled { 0 } else { total })),
        "total_outstanding": "0.00",
    })
}

fn people(scene: &Scene, order: &Order) -> Value {
    let (id, email) = match order.placement.customer {
        Customer::Anonymous => return json!({"customer": null, "email": null, "contact_email": null, "phone": null}),
        Customer::Person(person) => (i64::from(person) + 1_000, email(scene.person(person))),
        Customer::Staff { shop } => (i64::from(shop) + 1, format!("qa@{}", order.shop().domain)),
    };
    let country = if order.shop().taxes_included { "DE" } else { "US" };
    let address = json!({"first_name": "Pat", "last_name": "Example", "city": "Exampleton", "country_code": country});
    json!({
        "customer": {
            "id": 7_358_220_000_000 + id,
            "email": email,
            "first_name": "Pat",
            "last_name": "Example",
            "phone": null,
            "currency": order.shop().currency,
        },
        "email": email,
        "contact_email": email,
        "phone": null,
        "billing_address": address,
        "shipping_address": address,
    })
}

/// What the storefront wrote on the order.
fn marketing(scene: &Scene, order: &Order) -> Value {
    let visit = order.placement.visit.map(|visit| scene.visit(visit));
    let device = visit.map(|visit| scene.device(visit.device));
    let noted = device.filter(|_| order.placement.device_noted);
    let notes: Vec<Value> =
        noted.iter().map(|device| json!({"name": "anonymous_id", "value": device.anonymous_id.to_string()})).collect();
    json!({
        "note_attributes": notes,
        "landing_site": visit.map(|visit| format!("{}{}", visit.landing.path(), visit.arrival.query())),
        "referring_site": visit.map(|visit| visit.arrival.referrer()),
        "client_details": device.map(|device| json!({
            "browser_ip": "203.0.113.7",
            "user_agent": device.user_agent,
            "accept_language": order.shop().locale,
        })),
        "tags": "",
        "note": null,
    })
}

fn lists(order: &Order, as_of_s: i64) -> Value {
    let lines: Vec<Value> =
        order.lines.iter().enumerate().map(|(i, line)| line_item(order, i, line, as_of_s)).collect();
    let shipping: Vec<Value> =
        (order.placement.channel == Channel::Web).then(|| shipping_line(order)).into_iter().collect();
    let refunds: Vec<Value> = known(order, as_of_s).enumerate().map(|(index, _)| refund(order, index)).collect();
    let (codes, applications) = discounts(order);
    json!({
        "line_items": lines,
        "shipping_lines": shipping,
        "discount_codes": codes,
        "discount_applications": applications,
        "refunds": refunds,
        "fulfillments": [],
        "payment_gateway_names": ["shopify_payments"],
    })
}

fn line_item(order: &Order, index: usize, line: &Line, as_of_s: i64) -> Value {
    let (shop, product) = (order.shop(), product_at(line.product));
    let allocations: Vec<Value> = (line.discount.0 > 0)
        .then(|| {
            json!({
                "amount": line.discount.to_string(),
                "amount_set": money_set(shop, line.discount),
                "discount_application_index": 0,
            })
        })
        .into_iter()
        .collect();
    json!({
        "id": line_id(order, index),
        "product_id": product_id(line.product),
        "variant_id": product_id(line.product) + 34_000_000_000_000,
        "sku": product.sku,
        "name": product.name,
        "title": product.name,
        "vendor": "Example",
        "quantity": line.quantity,
        "current_quantity": line.quantity - order.units_refunded(index, as_of_s),
        "price": line.price.to_string(),
        "price_set": money_set(shop, line.price),
        "total_discount": "0.00",
        "discount_allocations": allocations,
        "tax_lines": [tax_line(shop, line.tax)],
        "taxable": true,
        "gift_card": false,
        "requires_shipping": true,
    })
}

fn shipping_line(order: &Order) -> Value {
    let shop = order.shop();
    let taxes: Vec<Value> = shop.taxes_included.then(|| tax_line(shop, order.shipping_tax)).into_iter().collect();
    json!({
        "id": order.id * 10 + 8,
        "title": "Standard",
        "code": "standard",
        "price": order.shipping.to_string(),
        "price_set": money_set(shop, order.shipping),
        "discounted_price": order.shipping.to_string(),
        "discount_allocations": [],
        "tax_lines": taxes,
    })
}

/// `discount_codes` and `discount_applications`.
fn discounts(order: &Order) -> (Value, Value) {
    use crate::orders::DiscountCode::{Fixed, Percentage};
    let Some(code) = order.code else { return (json!([]), json!([])) };
    let (kind, value) = match code {
        Percentage(percent) => ("percentage", format!("{percent}.0")),
        Fixed(cents) => ("fixed_amount", Cents(cents).to_string()),
    };
    let amount = order.totals().discount.to_string();
    let application = json!({
        "type": "discount_code", "code": code.code(), "value": value, "value_type": kind,
        "allocation_method": "across", "target_type": "line_item", "target_selection": "all",
    });
    (json!([{"code": code.code(), "amount": amount, "type": kind}]), json!([application]))
}

fn refund_line(order: &Order, line: &RefundLine, id: i64) -> Value {
    let shop = order.shop();
    json!({
        "id": id,
        "line_item_id": line_id(order, line.line),
        "quantity": line.quantity,
        "restock_type": "return",
        "subtotal": line.subtotal.to_string(),
        "subtotal_set": money_set(shop, line.subtotal),
        "total_tax": line.tax.to_string(),
        "total_tax_set": money_set(shop, line.tax),
    })
}

fn adjustments(order: &Order, refund: &Refund, id: i64) -> Value {
    if refund.shipping.0 == 0 {
        return json!([]);
    }
    json!([{
        "id": id * 10 + 8,
        "order_id": order.id,
        "refund_id": id,
        "amount": Cents(-refund.shipping.0).to_string(),
        "tax_amount": Cents(-refund.shipping_tax.0).to_string(),
        "kind": "shipping_refund",
        "reason": "Shipping refund",
    }])
}

/// The refunds that exist at `as_of_s`.
fn known(order: &Order, as_of_s: i64) -> impl Iterator<Item = &Refund> {
    order.refunds.iter().filter(move |refund| refund.at_s <= as_of_s)
}

fn line_id(order: &Order, index: usize) -> i64 {
    order.id * 10 + i64::try_from(index).expect("an order has at most four lines")
}

fn refund_id(order: &Order, index: usize) -> i64 {
    order.id * 10 + i64::try_from(index).expect("an order has at most two refunds")
}

fn tax_line(shop: &Shop, amount: Cents) -> Value {
    let rate = shop.tax_percent as f64 / 100.0;
    json!({"title": shop.tax_title, "price": amount.to_string(), "rate": rate, "channel_liable": false})
}

fn money_set(shop: &Shop, amount: Cents) -> Value {
    let money = json!({"amount": amount.to_string(), "currency_code": shop.currency});
    json!({"shop_money": money, "presentment_money": money})
}

/// An instant with the shop's offset, whole seconds.
fn local(shop: &Shop, at_s: i64) -> String {
    instant(at_s * 1000).to_zoned(shop.time_zone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

fn members(part: Value) -> Map<String, Value> {
    match part {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

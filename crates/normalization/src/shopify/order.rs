//! One order document: a version of the order, its refunds, and who bought.

use model::{
    Currency, Edge, EdgeRule, Fact, Node, OrderLine, OrderVersion, ShippingLine, UtcMillis, money::div_round_half_even,
};

use super::{
    Delivery,
    money::{allocated, amount, amount_or_zero, shop_money, sum, taxes, too_large, transactions},
    refund,
};
use crate::{
    error::NormalizeError,
    json::{Object, required},
};

/// Names under which scripts write the anonymous id on the cart.
const DEVICE_ATTRIBUTES: [&str; 4] = ["anonymous_id", "anonymousId", "rudderAnonymousId", "_anonymous_id"];
/// Names under which scripts write the session id on the cart.
const SESSION_ATTRIBUTES: [&str; 2] = ["session_id", "sessionId"];

/// The version, then one refund for each in the document, then the edges.
pub(super) fn facts(delivery: &Delivery<'_>) -> Result<Vec<Fact>, NormalizeError> {
    let version = version(delivery)?;
    let mut facts = refund::held(delivery, &version)?;
    facts.extend(edges(delivery, &version)?);
    facts.insert(0, Fact::OrderVersion(Box::new(version)));
    Ok(facts)
}

fn version(delivery: &Delivery<'_>) -> Result<OrderVersion, NormalizeError> {
    let (document, shop) = (&delivery.document, delivery.shop);
    let text = |key| document.text(key).map(Option::unwrap_or_default);
    let token = |key| document.personal(key).map(|id| id.map(|id| shop.contacts.id(&id)));
    let order_id = required(document.id("id")?, "id")?;
    let processed_at = processed_at(document)?;
    let currency = required(document.currency("currency")?.or(shop.default_currency), "currency")?;
    let people = People::read(delivery)?;
    Ok(OrderVersion {
        meta: delivery.stamp.meta(processed_at),
        shop: shop.name.clone(),
        name: text("name")?,
        updated_at: document.instant("updated_at")?.unwrap_or(processed_at),
        triggered_at: delivery.triggered_at,
        processed_at,
        cancelled_at: document.instant("cancelled_at")?,
        deleted: false,
        test: document.flag("test")?.unwrap_or_default(),
        sales_channel: text("source_name")?,
        financial_status: text("financial_status")?,
        currency,
        presentment_currency: document.currency("presentment_currency")?,
        taxes_included: document.flag("taxes_included")?.unwrap_or_default(),
        total_micros: required(amount(document, "total_price")?, "total_price")?,
        total_tax_micros: amount_or_zero(document, "total_tax")?,
        tip_micros: amount_or_zero(document, "total_tip_received")?,
        duties_micros: shop_money(document, "original_total_duties_set")?.unwrap_or_default(),
        fees_micros: shop_money(document, "original_total_additional_fees_set")?.unwrap_or_default(),
        cash_rounding_micros: shop_money(document, "total_cash_rounding_payment_adjustment_set")?.unwrap_or_default(),
        cart_token: token("cart_token")?,
        checkout_token: token("checkout_token")?,
        device: device(delivery)?,
        session_id: attribute(delivery, &SESSION_ATTRIBUTES)?,
        customer: people.customer,
        contact: people.contacts.into_iter().next(),
        lines: lines(document, currency)?,
        shipping: document.each("shipping_lines", shipping_line)?,
        transactions: transactions(document, Some(currency), processed_at)?,
        adjustment_micros: 0,
        properties: String::new(),
        part: None,
        content_hash: delivery.content_hash.clone(),
        order_id,
    })
}

fn processed_at(document: &Object<'_>) -> Result<UtcMillis, NormalizeError> {
    required(document.instant("processed_at")?.or(document.instant("created_at")?), "processed_at")
}

fn lines(document: &Object<'_>, currency: Currency) -> Result<Vec<OrderLine>, NormalizeError> {
    let mut lines = document.each("line_items", order_line)?;
    let objects = document.objects("line_items")?;
    if objects.iter().all(|line| line.get("discount_allocations").is_none()) {
        spread_order_discount(document, &mut lines, currency)?;
    }
    Ok(lines)
}

fn order_line(line: &Object<'_>) -> Result<OrderLine, NormalizeError> {
    let discount_micros = match allocated(line)? {
        Some(micros) => micros,
        None => amount_or_zero(line, "total_discount")?,
    };
    Ok(OrderLine {
        line_id: required(line.id("id")?, "id")?,
        product_id: line.id("product_id")?,
        sku: line.id("sku")?,
        quantity: required(line.count("quantity")?, "quantity")?,
        price_micros: required(amount(line, "price")?, "price")?,
        discount_micros,
        taxes: taxes(line)?,
        gift_card: line.flag("gift_card")?.unwrap_or_default(),
    })
}

fn shipping_line(line: &Object<'_>) -> Result<ShippingLine, NormalizeError> {
    let price_micros = required(amount(line, "price")?, "price")?;
    let discount_micros = match (allocated(line)?, amount(line, "discounted_price")?) {
        (Some(micros), _) => micros,
        (None, Some(discounted)) => price_micros.saturating_sub(discounted),
        (None, None) => 0,
    };
    Ok(ShippingLine { price_micros, discount_micros, taxes: taxes(line)? })
}

/// Documents from before discount allocations say a discount on the whole order once. What the subtotal proves to be
/// missing from the lines is spread over them by their net amounts, cumulatively rounded to the minor unit.
fn spread_order_discount(
    document: &Object<'_>,
    lines: &mut [OrderLine],
    currency: Currency,
) -> Result<(), NormalizeError> {
    let Some(subtotal) = amount(document, "subtotal_price")? else { return Ok(()) };
    let nets: Option<Vec<i64>> =
        lines.iter().map(|l| l.price_micros.checked_mul(l.quantity)?.checked_sub(l.discount_micros)).collect();
    let nets = nets.ok_or_else(|| too_large("line_items"))?;
    let net = sum(&nets).ok_or_else(|| too_large("line_items"))?;
    let on_lines = sum(&lines.iter().map(|line| line.discount_micros).collect::<Vec<_>>());
    let unplaced = amount_or_zero(document, "total_discounts")?.saturating_sub(on_lines.unwrap_or_default());
    let missing = net.saturating_sub(subtotal);
    if missing <= 0 || missing > unplaced || net <= 0 {
        return Ok(());
    }
    let minor = i128::from(currency.minor_micros());
    let (mut running, mut spread) = (0_i128, 0_i128);
    for (line, line_net) in lines.iter_mut().zip(&nets) {
        running += i128::from(*line_net);
        let due = match running == i128::from(net) {
            true => i128::from(missing),
            false => div_round_half_even(i128::from(missing) * running, i128::from(net) * minor) * minor,
        };
        line.discount_micros += i64::try_from(due - spread).map_err(|_| too_large("line_items"))?;
        spread = due;
    }
    Ok(())
}

fn device(delivery: &Delivery<'_>) -> Result<Option<Node>, NormalizeError> {
    let Some(web_source) = &delivery.shop.web_source else { return Ok(None) };
    Ok(attribute(delivery, &DEVICE_ATTRIBUTES)?.map(|id| Node::device(web_source, &id)))
}

/// The value of the first cart attribute that has one of `names`.
fn attribute(delivery: &Delivery<'_>, names: &[&str]) -> Result<Option<String>, NormalizeError> {
    for attribute in delivery.document.objects("note_attributes")? {
        let named =
            attribute.get("name").and_then(|name| name.text()).is_some_and(|name| names.contains(&name.as_ref()));
        let value = attribute.get("value").filter(|_| named).and_then(|value| value.digits_or_text());
        if let Some(value) = value.filter(|value| !value.trim().is_empty()) {
            return Ok(Some(delivery.shop.contacts.id(value.trim())));
        }
    }
    Ok(None)
}

/// Who bought.
struct People {
    customer: Option<Node>,
    /// Hashed e-mail address, then phone number.
    contacts: Vec<Node>,
}

impl People {
    fn read(delivery: &Delivery<'_>) -> Result<Self, NormalizeError> {
        let (document, shop) = (&delivery.document, delivery.shop);
        let customer = document.object("customer")?;
        let within = |error: NormalizeError| error.within("customer");
        let first = |found: [Option<String>; 3], node: &dyn Fn(&str) -> Option<Node>| {
            found.into_iter().flatten().find_map(|text| node(&text))
        };
        let emails = [
            document.personal("email")?,
            document.personal("contact_email")?,
            customer.personal("email").map_err(within)?,
        ];
        let phones = [document.personal("phone")?, customer.personal("phone").map_err(within)?, None];
        let contacts =
            [first(emails, &|text| shop.contacts.email(text)), first(phones, &|text| shop.contacts.phone(text))];
        let id = customer.personal("id").map_err(within)?;
        Ok(Self {
            customer: id.map(|id| Node::customer(&shop.name, &shop.contacts.id(&id))),
            contacts: contacts.into_iter().flatten().collect(),
        })
    }
}

/// Order to customer, and the contacts to the customer, or to the order where nobody is named.
fn edges(delivery: &Delivery<'_>, version: &OrderVersion) -> Result<Vec<Fact>, NormalizeError> {
    let order = Node::order(&version.shop, &version.order_id);
    let edge = |a: &Node, b: Node, rule| Fact::Edge(Edge { meta: version.meta.clone(), a: a.clone(), b, rule });
    let people = People::read(delivery)?;
    let known = people.customer.clone().unwrap_or_else(|| order.clone());
    let customer = people.customer.map(|customer| edge(&order, customer, EdgeRule::Customer));
    let contacts = people.contacts.into_iter().map(|contact| edge(&known, contact, EdgeRule::Contact));
    Ok(customer.into_iter().chain(contacts).collect())
}

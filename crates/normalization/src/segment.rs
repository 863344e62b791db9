//! Segment's tracking API (and RudderStack's): one message becomes an event, the edges it states, and a witness for
//! each order, checkout or cart id that it names.
//!
//! A record is one message as sent. What a batch says once for all stands in the headers `sentat` and `context`; the
//! header `path` names the call.

mod identity;
mod message;
mod names;
mod time;

use std::sync::Arc;

use model::{Currency, Event, EventKind, Fact, Origin, RawRecord, RecordKey, Witness, WitnessKind};

use crate::{
    contact::Contacts,
    error::NormalizeError,
    json::{self, Object},
    source::{Normalized, Source, SourceConfig, Stamp},
};
use message::Message;

/// Which properties name an order, a checkout and a cart, the surest first. A token joins a Shopify order, an id may.
const WITNESSED: [(WitnessKind, &[&str]); 3] = [
    (WitnessKind::Order, &["order_id", "orderId"]),
    (WitnessKind::Checkout, &["checkout_token", "checkoutToken", "checkout_id", "checkoutId"]),
    (WitnessKind::Cart, &["cart_token", "cartToken", "cart_id", "cartId"]),
];

/// One Segment source.
pub struct Segment {
    name: String,
    default_currency: Option<Currency>,
    contacts: Contacts,
}

impl Segment {
    /// The adapter of the source that `config` names.
    pub(crate) fn new(config: &SourceConfig, contacts: &Contacts) -> Self {
        Self { name: config.name.clone(), default_currency: config.default_currency, contacts: contacts.clone() }
    }
}

impl Source for Segment {
    fn normalize(&self, raw: &RawRecord) -> Result<Normalized, NormalizeError> {
        if let Some(problem) = raw.header("unparsed") {
            return Err(NormalizeError::shape(&format!("the collector could not split the request ({problem})")));
        }
        if let Some(bytes) = raw.header("oversize") {
            return Err(NormalizeError::Oversize { bytes: bytes.to_owned() });
        }
        let payload = json::readable(&raw.payload)?;
        let shared = raw.header("context").map(|text| json::readable(text.as_bytes())).transpose()?;
        let shared = shared.as_ref().map(json::top_object).transpose()?.unwrap_or_default();
        let message = Message::read(json::top_object(&payload)?, shared, raw)?;
        let ids = identity::Ids::read(&message, &self.name, &self.contacts)?;
        let key = RecordKey {
            source: Arc::clone(&raw.source),
            node: ids.sender(),
            id: message
                .body
                .personal("messageId")?
                .map_or_else(|| raw.content_hash().to_hex(), |id| self.contacts.id(&id)),
        };
        let stamp = Stamp::new(raw, &key);
        let event = self.event(raw, &message, &ids, &stamp)?;
        let edges = identity::edges(&message, &ids, &self.contacts, &event.meta)?;
        let witnesses = witnesses(&event);
        let mut facts = Vec::with_capacity(1 + edges.len() + witnesses.len());
        facts.push(Fact::Event(Box::new(event)));
        facts.extend(edges);
        facts.extend(witnesses);
        Ok(Normalized::facts(key, facts))
    }
}

impl Segment {
    fn event(
        &self,
        raw: &RawRecord,
        message: &Message<'_>,
        ids: &identity::Ids,
        stamp: &Stamp,
    ) -> Result<Event, NormalizeError> {
        let origin = message.origin()?;
        let clock = time::Clock::read(message, raw, origin)?;
        let name = event_name(message)?;
        let properties = message.properties()?;
        let (value_micros, currency) = self.value(message.kind, &name, &properties)?;
        let [order_id, checkout_id, cart_id] = self.witnessed(message.kind, &properties)?;
        Ok(Event {
            meta: stamp.meta(clock.occurred_at),
            original_at: clock.original_at,
            kind: message.kind,
            name: name.shown,
            origin,
            device: ids.device.clone(),
            user: ids.user.clone(),
            order_id,
            checkout_id,
            cart_id,
            value_micros,
            currency,
            signals: message.signals()?,
            properties: message.redacted_properties(&properties, &self.contacts)?,
        })
    }

    /// The amount that an event states. Without a currency it is no amount and stays in the properties, and so does
    /// what an event outside the ecommerce spec calls its value and is no number.
    fn value(
        &self,
        kind: EventKind,
        name: &EventName,
        properties: &Object<'_>,
    ) -> Result<(Option<i64>, Option<Currency>), NormalizeError> {
        let within = |error: NormalizeError| error.within("properties");
        if kind != EventKind::Track {
            return Ok((None, None));
        }
        let amount = if name.known {
            names::amount(&name.shown, properties).map_err(within)?
        } else {
            names::amount(&name.shown, properties).unwrap_or(None)
        };
        let stated = if name.known {
            properties.currency("currency").map_err(within)?
        } else {
            properties.currency("currency").unwrap_or(None)
        };
        let currency = stated.or(self.default_currency.filter(|_| name.known));
        Ok(amount.zip(currency).map_or((None, None), |(amount, currency)| (Some(amount), Some(currency))))
    }

    fn witnessed(&self, kind: EventKind, properties: &Object<'_>) -> Result<[Option<String>; 3], NormalizeError> {
        let mut found = [None, None, None];
        if !matches!(kind, EventKind::Track | EventKind::Page | EventKind::Screen) {
            return Ok(found);
        }
        for (place, (_, keys)) in found.iter_mut().zip(WITNESSED) {
            for key in keys {
                let id = properties.personal(key).map_err(|error| error.within("properties"))?;
                *place = place.take().or(id.map(|id| self.contacts.id(plain_id(&id))));
            }
        }
        Ok(found)
    }
}

/// An event's name as facts keep it.
struct EventName {
    shown: String,
    /// True where it is one of the ecommerce spec's.
    known: bool,
}

fn event_name(message: &Message<'_>) -> Result<EventName, NormalizeError> {
    let fixed = match message.kind {
        EventKind::Track => {
            let sent = json::required(message.body.text("event")?, "event")?;
            let harmonised = names::harmonised(&sent);
            let shown = harmonised.unwrap_or(&sent).to_owned();
            return Ok(EventName { shown, known: harmonised.is_some() });
        }
        EventKind::Page => "page_view",
        EventKind::Screen => "screen_view",
        EventKind::Identify => "identify",
        EventKind::Group => "group",
        EventKind::Alias => "alias",
    };
    Ok(EventName { shown: fixed.to_owned(), known: true })
}

/// What an event saw on its device. A server is nobody's device.
pub(crate) fn witnesses(event: &Event) -> Vec<Fact> {
    let Some(device) = event.device.as_ref().filter(|_| event.origin != Origin::Server) else { return Vec::new() };
    let seen = [
        (WitnessKind::Order, &event.order_id),
        (WitnessKind::Checkout, &event.checkout_id),
        (WitnessKind::Cart, &event.cart_id),
    ];
    seen.into_iter()
        .filter_map(|(kind, id)| id.clone().map(|id| (kind, id)))
        .map(|(kind, id)| {
            let purchase = event.name == "purchase";
            Fact::Witness(Witness { meta: event.meta.clone(), kind, id, device: device.clone(), purchase })
        })
        .collect()
}

/// `gid://shopify/Order/5001`, as pixels write it, is `5001` on the order.
fn plain_id(id: &str) -> &str {
    match id.strip_prefix("gid://shopify/").and_then(|rest| rest.rsplit('/').next()) {
        Some(last) => last.split('?').next().unwrap_or(last),
        None => id,
    }
}

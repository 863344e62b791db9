//! Events of mapped files.

use model::{Edge, EdgeRule, Event, EventKind, Fact, Node, Origin, Signals, UtcMillis};

use super::{
    Build,
    compile::Compiler,
    evaluate::Frame,
    field::{Field, optional, required},
    fields::EventFields,
    properties::Properties,
    value::EvalError,
};
use crate::{error::NormalizeError, segment, signals::SignalReader};

const KINDS: [(&str, EventKind); 6] = [
    ("track", EventKind::Track),
    ("page", EventKind::Page),
    ("screen", EventKind::Screen),
    ("identify", EventKind::Identify),
    ("group", EventKind::Group),
    ("alias", EventKind::Alias),
];
const ORIGINS: [(&str, Origin); 3] = [("browser", Origin::Browser), ("app", Origin::App), ("server", Origin::Server)];
/// How far after its arrival an event may claim to lie before it is refused.
const FUTURE_MS_MAX: i64 = 24 * UtcMillis::HOUR_MS;

/// `event`, ready to read rows.
#[derive(Debug, Clone)]
pub(crate) struct EventTemplate {
    name: Field,
    occurred_at: Field,
    kind: Option<Field>,
    origin: Option<Field>,
    device: Option<Field>,
    device_source: String,
    user: Option<Field>,
    email: Option<Field>,
    phone: Option<Field>,
    order_id: Option<Field>,
    checkout_id: Option<Field>,
    cart_id: Option<Field>,
    value: Option<Field>,
    currency: Option<Field>,
    signals: SignalFields,
    properties: Option<Properties>,
}

#[derive(Debug, Clone)]
struct SignalFields {
    page_url: Option<Field>,
    page_path: Option<Field>,
    referrer: Option<Field>,
    user_agent: Option<Field>,
    /// By what follows `utm_`.
    campaign: Vec<(&'static str, Field)>,
    /// Value, then name of its parameter.
    click_id: Option<(Field, Field)>,
}

impl EventTemplate {
    /// Reads `event` at `path`.
    pub(crate) fn compile(compiler: &mut Compiler<'_>, path: &str, fields: &EventFields, mapping: &str) -> Self {
        let at = |name: &str| format!("{path}.{name}");
        if fields.value.is_some() && fields.currency.is_none() {
            compiler.mistake(&at("value"), "an amount needs \"currency\" beside it");
        }
        let choice = |compiler: &mut Compiler<'_>, name: &str, text: &Option<_>, known: &[&str]| {
            text.as_ref().map(|text| compiler.choice(&at(name), text, known))
        };
        Self {
            name: compiler.field(&at("name"), &fields.name),
            occurred_at: compiler.field(&at("occurred_at"), &fields.occurred_at),
            kind: choice(compiler, "kind", &fields.kind, &KINDS.map(|(name, _)| name)),
            origin: choice(compiler, "origin", &fields.origin, &ORIGINS.map(|(name, _)| name)),
            device: compiler.optional(&at("device"), &fields.device),
            device_source: fields.device_source.clone().unwrap_or_else(|| mapping.to_owned()),
            user: compiler.optional(&at("user"), &fields.user),
            email: compiler.optional(&at("email"), &fields.email),
            phone: compiler.optional(&at("phone"), &fields.phone),
            order_id: compiler.optional(&at("order_id"), &fields.order_id),
            checkout_id: compiler.optional(&at("checkout_id"), &fields.checkout_id),
            cart_id: compiler.optional(&at("cart_id"), &fields.cart_id),
            value: compiler.optional(&at("value"), &fields.value),
            currency: compiler.optional(&at("currency"), &fields.currency),
            signals: SignalFields::compile(compiler, path, fields),
            properties: Properties::compile(compiler, path, &fields.properties),
        }
    }

    /// The event, the edges that it states, and a witness for each id that it saw.
    pub(crate) fn facts<'r>(
        &'r self,
        frame: Frame<'_, 'r>,
        build: &Build<'_>,
        out: &mut Vec<Fact>,
    ) -> Result<(), NormalizeError> {
        let occurred_at = required(&self.occurred_at, |field| field.instant(frame))?;
        if occurred_at > build.record.received_at.plus_ms(FUTURE_MS_MAX) {
            let (field, received_at) = (self.occurred_at.path.clone(), build.record.received_at);
            return Err(NormalizeError::ClockInFuture { field, found: occurred_at, received_at });
        }
        let id = |field| {
            optional(field, |field: &'r Field| field.personal(frame)).map(|id| id.map(|id| build.contacts.id(&id)))
        };
        let contacts = build.contacts_of(&self.email, &self.phone, frame)?;
        let user = optional(&self.user, |field| field.personal(frame))?.map(|id| build.contacts.user(&id));
        let value_micros = optional(&self.value, |field| field.micros_rounded(frame))?;
        let currency = match (value_micros, &self.currency) {
            (Some(_), Some(currency)) => Some(required(currency, |field| field.currency(frame))?),
            _ => None,
        };
        let event = Event {
            meta: build.stamp.meta(occurred_at),
            original_at: Some(occurred_at),
            kind: optional(&self.kind, |field| field.one_of(frame, &KINDS))?.unwrap_or_default(),
            name: required(&self.name, |field| field.text(frame))?,
            origin: optional(&self.origin, |field| field.one_of(frame, &ORIGINS))?.unwrap_or_default(),
            device: id(&self.device)?.map(|id| Node::device(&self.device_source, &id)),
            user: user.or_else(|| contacts.first().cloned()),
            order_id: id(&self.order_id)?,
            checkout_id: id(&self.checkout_id)?,
            cart_id: id(&self.cart_id)?,
            value_micros,
            currency,
            signals: self.signals.read(frame)?,
            properties: self.properties.as_ref().map_or(Ok("{}".to_owned()), |properties| properties.text(frame))?,
        };
        let edges = edges(&event, contacts);
        let witnesses = segment::witnesses(&event);
        out.push(Fact::Event(Box::new(event)));
        out.extend(edges);
        out.extend(witnesses);
        Ok(())
    }
}

impl SignalFields {
    fn compile(compiler: &mut Compiler<'_>, path: &str, fields: &EventFields) -> Self {
        let at = |name: &str| format!("{path}.{name}");
        let campaign = [
            ("source", &fields.utm_source),
            ("medium", &fields.utm_medium),
            ("campaign", &fields.utm_campaign),
            ("id", &fields.utm_id),
            ("term", &fields.utm_term),
            ("content", &fields.utm_content),
        ];
        let campaign = campaign
            .into_iter()
            .filter_map(|(name, text)| compiler.optional(&at(&format!("utm_{name}")), text).map(|field| (name, field)));
        let campaign = campaign.collect();
        if fields.click_id.is_some() != fields.click_id_kind.is_some() {
            compiler.mistake(&at("click_id"), "\"click_id\" and \"click_id_kind\" need each other");
        }
        let click_id = compiler.optional(&at("click_id"), &fields.click_id);
        Self {
            page_url: compiler.optional(&at("page_url"), &fields.page_url),
            page_path: compiler.optional(&at("page_path"), &fields.page_path),
            referrer: compiler.optional(&at("referrer"), &fields.referrer),
            user_agent: compiler.optional(&at("user_agent"), &fields.user_agent),
            campaign,
            click_id: click_id.zip(compiler.optional(&at("click_id_kind"), &fields.click_id_kind)),
        }
    }

    /// What is said by a field of its own wins over what the page's address says.
    fn read<'r>(&'r self, frame: Frame<'_, 'r>) -> Result<Signals, NormalizeError> {
        let text = |field| optional(field, |field: &'r Field| field.personal(frame));
        let mut reader = SignalReader::default();
        for (name, field) in &self.campaign {
            if let Some(value) = field.personal(frame)? {
                reader.campaign(name, &value);
            }
        }
        if let Some((id, kind)) = &self.click_id
            && let Some(id) = id.personal(frame)?
        {
            let name = required(kind, |field| field.personal(frame))?;
            if !reader.click_id(&name, &id) {
                return Err(
                    kind.unreadable(EvalError::of_text(&name, "a click id's parameter such as gclid or fbclid"))
                );
            }
        }
        if let Some(path) = text(&self.page_path)? {
            reader.path(&path);
        }
        if let Some(address) = text(&self.page_url)? {
            reader.page(&address);
        }
        if let Some(address) = text(&self.referrer)? {
            reader.referrer(&address);
        }
        if let Some(agent) = text(&self.user_agent)? {
            reader.user_agent(&agent);
        }
        Ok(reader.finish())
    }
}

/// Device and user are one person; so are the user (else the device) and the contacts.
fn edges(event: &Event, contacts: Vec<Node>) -> Vec<Fact> {
    let edge = |a: &Node, b: Node, rule| Fact::Edge(Edge { meta: event.meta.clone(), a: a.clone(), b, rule });
    let known = event.user.as_ref().or(event.device.as_ref());
    let mut edges = Vec::new();
    if let (Some(device), Some(user)) = (&event.device, &event.user) {
        edges.push(edge(device, user.clone(), EdgeRule::Identify));
    }
    if let Some(known) = known {
        let others = contacts.into_iter().filter(|contact| contact != known);
        edges.extend(others.map(|contact| edge(known, contact, EdgeRule::Contact)));
    }
    edges
}

//! Who sent a message, and which nodes it joins.

use model::{Edge, EdgeRule, EventKind, Fact, FactMeta, Node};

use super::message::Message;
use crate::{contact::Contacts, error::NormalizeError, json};

/// The nodes of a message's sender; at least one is there.
pub(crate) struct Ids {
    /// The device.
    pub(crate) device: Option<Node>,
    /// The user, or the hashed contact where the user id is one.
    pub(crate) user: Option<Node>,
}

impl Ids {
    /// Reads `anonymousId` and `userId`, texts or numbers. Ids such as `null` or `0` are kept: whether they are hubs
    /// is for identity to say.
    pub(crate) fn read(message: &Message<'_>, source: &str, contacts: &Contacts) -> Result<Self, NormalizeError> {
        let device = message.body.personal("anonymousId")?.map(|id| Node::device(source, &contacts.id(&id)));
        let user = message.body.personal("userId")?.map(|id| contacts.user(&id));
        if device.is_none() && user.is_none() {
            return Err(NormalizeError::missing("anonymousId or userId"));
        }
        Ok(Self { device, user })
    }

    /// The node part of the record's key.
    pub(crate) fn sender(&self) -> String {
        self.device.as_ref().or(self.user.as_ref()).map(|node| node.id.clone()).unwrap_or_default()
    }
}

/// The edges that a message states: identify joins device, user and contacts; alias joins two ids.
pub(crate) fn edges(
    message: &Message<'_>,
    ids: &Ids,
    contacts: &Contacts,
    meta: &FactMeta,
) -> Result<Vec<Fact>, NormalizeError> {
    let pairs = match message.kind {
        EventKind::Identify => identified(message, ids, contacts)?,
        EventKind::Alias => vec![aliased(message, ids, contacts)?],
        _ => Vec::new(),
    };
    let stated = pairs.into_iter().filter(|(a, b, _)| a != b);
    Ok(stated.map(|(a, b, rule)| Fact::Edge(Edge { meta: meta.clone(), a, b, rule })).collect())
}

type Pair = (Node, Node, EdgeRule);

fn identified(message: &Message<'_>, ids: &Ids, contacts: &Contacts) -> Result<Vec<Pair>, NormalizeError> {
    let mut pairs = Vec::new();
    if let (Some(device), Some(user)) = (&ids.device, &ids.user) {
        pairs.push((device.clone(), user.clone(), EdgeRule::Identify));
    }
    let Some(known) = ids.user.as_ref().or(ids.device.as_ref()) else { return Ok(pairs) };
    let traits = message.body.object("traits")?;
    let within = |error: NormalizeError| error.within("traits");
    let email = traits.personal("email").map_err(within)?.and_then(|text| contacts.email(&text));
    let phone = traits.personal("phone").map_err(within)?.and_then(|text| contacts.phone(&text));
    for contact in [email, phone].into_iter().flatten() {
        pairs.push((known.clone(), contact, EdgeRule::Contact));
    }
    Ok(pairs)
}

/// `previousId` is a user id, unless it is the message's own anonymous id: `analytics.alias(userId)` of the browser
/// SDK sends that one.
fn aliased(message: &Message<'_>, ids: &Ids, contacts: &Contacts) -> Result<Pair, NormalizeError> {
    let previous = json::required(message.body.personal("previousId")?, "previousId")?;
    let user = json::required(ids.user.clone(), "userId")?;
    let own = ids.device.clone().filter(|device| device.id == contacts.id(&previous));
    Ok((own.unwrap_or_else(|| contacts.user(&previous)), user, EdgeRule::Alias))
}

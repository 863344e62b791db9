//! Facts about who is who: edges between nodes, and witnesses of orders on devices.

use serde::{Deserialize, Serialize};

use crate::{fact::FactMeta, node::Node};

/// By which rule two nodes were joined or parted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeRule {
    /// A device said who uses it.
    Identify,
    /// Two user ids were declared one.
    Alias,
    /// An order names its customer.
    Customer,
    /// A user, customer or order names a contact.
    Contact,
    /// A steward joined the pair.
    StewardLink,
    /// A steward parted the pair.
    StewardUnlink,
}

/// Two nodes belong to one person, says a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// Key, source and instants.
    pub meta: FactMeta,
    /// One end.
    pub a: Node,
    /// The other end.
    pub b: Node,
    /// Why.
    pub rule: EdgeRule,
}

/// What kind of id a witness saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WitnessKind {
    /// An order id.
    Order,
    /// A checkout token.
    Checkout,
    /// A cart token.
    Cart,
}

/// An order, checkout or cart id was seen on a device, by an event with the same key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// Key, source and instants: those of the event.
    pub meta: FactMeta,
    /// What kind of id.
    pub kind: WitnessKind,
    /// The id.
    pub id: String,
    /// The device.
    pub device: Node,
    /// True where the event is a purchase.
    pub purchase: bool,
}

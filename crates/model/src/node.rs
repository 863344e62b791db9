//! Nodes of the identity graph: a device, an order, or a known id.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// What a node stands for. The order is the order of preference for a person's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// A user id of the shop's own systems.
    User,
    /// A customer id of one shop.
    Customer,
    /// A keyed hash of a normalised e-mail address or phone number.
    Contact,
    /// An order of one shop.
    Order,
    /// An anonymous id within one source.
    Device,
}

/// One node: a kind, the source or shop in which the id is unique, and the id.
///
/// `scope` is empty for users and contacts, which are unique in the workspace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Node {
    /// What it stands for.
    pub kind: NodeKind,
    /// Source or shop within which `id` is unique; empty: the workspace.
    pub scope: String,
    /// The id, as the source wrote it; for contacts the keyed hash in hex, never the clear value.
    pub id: String,
}

impl NodeKind {
    /// The stored name: `user`, `customer`, `contact`, `order`, `device`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Customer => "customer",
            Self::Contact => "contact",
            Self::Order => "order",
            Self::Device => "device",
        }
    }

    /// The kind of a stored name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::User, Self::Customer, Self::Contact, Self::Order, Self::Device].into_iter().find(|k| k.name() == name)
    }
}

impl Node {
    /// A user id, unique in the workspace.
    #[must_use]
    pub fn user(id: &str) -> Self {
        Self { kind: NodeKind::User, scope: String::new(), id: id.to_owned() }
    }

    /// A customer of `shop`.
    #[must_use]
    pub fn customer(shop: &str, id: &str) -> Self {
        Self { kind: NodeKind::Customer, scope: shop.to_owned(), id: id.to_owned() }
    }

    /// A contact by its keyed hash in hex.
    #[must_use]
    pub fn contact(keyed_hash: &str) -> Self {
        Self { kind: NodeKind::Contact, scope: String::new(), id: keyed_hash.to_owned() }
    }

    /// An order of `shop`.
    #[must_use]
    pub fn order(shop: &str, id: &str) -> Self {
        Self { kind: NodeKind::Order, scope: shop.to_owned(), id: id.to_owned() }
    }

    /// An anonymous id within `source`.
    #[must_use]
    pub fn device(source: &str, id: &str) -> Self {
        Self { kind: NodeKind::Device, scope: source.to_owned(), id: id.to_owned() }
    }

    /// A stable 128-bit hash of kind, scope and id: the same on every machine and in every version.
    #[must_use]
    pub fn hash128(&self) -> u128 {
        Digest::of_parts([self.kind.name(), &self.scope, &self.id]).to_u128()
    }

    /// Where an unlinked node's rows lie in storage: the upper half of the hash, as a signed integer.
    #[must_use]
    pub fn home_place(&self) -> i64 {
        (self.hash128() >> 64) as u64 as i64
    }

    /// The node as stored in text columns: `kind:scope:id`.
    #[must_use]
    pub fn to_text(&self) -> String {
        [self.kind.name(), &self.scope, &self.id].join(":")
    }

    /// Reads [`Node::to_text`] back. `None` where the text was not written by it.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let (scope, id) = rest.split_once(':')?;
        Some(Self { kind: NodeKind::from_name(kind)?, scope: scope.to_owned(), id: id.to_owned() })
    }

    /// The id of a person whose least node is this one: `user_3f…`, kind and hash, so that it shows no clear id.
    #[must_use]
    pub fn person_id(&self) -> String {
        format!("{}_{:032x}", self.kind.name(), self.hash128())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_node_do_not_run_into_each_other() {
        assert_ne!(Node::device("a", "bc").hash128(), Node::device("ab", "c").hash128());
        let node = Node::device("web", "a:77");
        assert_eq!(Node::from_text(&node.to_text()), Some(node));
    }
}

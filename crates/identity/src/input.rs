//! What identity is computed from: edges, witnesses and order documents known at one instant, and the house's limits.

use std::collections::{BTreeMap, BTreeSet};

use model::{Node, Witness};

use crate::edges::Edges;

/// Everything that persons are a function of. The caller has cut it at its instant.
#[derive(Debug, Clone, Copy)]
pub struct IdentityInput<'a> {
    /// Edges, stewards' decisions among them.
    pub edges: &'a Edges,
    /// Witnesses; only those of order ids are read.
    pub witnesses: &'a [Witness],
    /// Order and the device that the shop's own script wrote on its document.
    pub order_devices: &'a [(Node, Node)],
    /// Web source → shop, so that a witness's order id names an order. A source without a shop names none.
    pub shop_by_web_source: &'a BTreeMap<String, String>,
    /// From which degree on a node is a hub.
    pub limits: HubLimits,
    /// Ids that stand for nobody, in lower case; see [`default_rejected_ids`].
    pub rejected_ids: &'a BTreeSet<String>,
}

/// From which degree on a node is a hub: one more than each of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HubLimits {
    /// Most distinct known ids (user, customer, contact) on one device or contact.
    pub known_ids_per_device_max: usize,
    /// Most distinct devices of one known id in one UTC day.
    pub devices_per_id_per_day_max: usize,
}

impl Default for HubLimits {
    fn default() -> Self {
        Self { known_ids_per_device_max: 10, devices_per_id_per_day_max: 20 }
    }
}

/// The shipped reject list: what programs write where they know nobody, in lower case.
#[must_use]
pub fn default_rejected_ids() -> BTreeSet<String> {
    [
        "",
        "-",
        "-1",
        "0",
        "00000000-0000-0000-0000-000000000000",
        "(not set)",
        "[object object]",
        "anon",
        "anonymous",
        "anonymous_user",
        "false",
        "guest",
        "n/a",
        "na",
        "nan",
        "nil",
        "none",
        "not set",
        "null",
        "true",
        "undefined",
        "unknown",
    ]
    .map(str::to_owned)
    .into()
}

/// True where `node`'s id stands for nobody. Case and surrounding blanks do not matter.
#[must_use]
pub fn is_rejected(node: &Node, rejected_ids: &BTreeSet<String>) -> bool {
    rejected_ids.contains(node.id.trim().to_ascii_lowercase().as_str())
}

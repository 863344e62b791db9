//! Hubs: nodes that belong to nobody or to everybody. They are kept, shown to a steward, and never followed.
//!
//! Degrees count distinct ids met by an edge or through one order, never components; so what is a hub does not depend on
//! what else is one.

use std::collections::BTreeMap;

use model::{Node, NodeKind, UtcMillis};

use crate::{
    edges::DAY_MS,
    graph::{Graph, Neighbours},
    input::HubLimits,
};

/// A node that is not followed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hub {
    /// The node.
    pub node: Node,
    /// Why it is not followed.
    pub reason: HubReason,
    /// The nodes at the other ends of its edges, ascending.
    pub linked: Vec<Node>,
}

/// Why a node is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HubReason {
    /// Its id is in the reject list.
    RejectedId,
    /// A kiosk or shared till: a device or contact with too many distinct known ids.
    KnownIds {
        /// How many it has.
        count: usize,
    },
    /// A test account: a known id with too many distinct devices in one UTC day.
    DevicesInOneDay {
        /// How many it had on its busiest day.
        count: usize,
        /// Start of that day; of equally busy ones the first.
        day_at: UtcMillis,
    },
}

impl std::fmt::Display for HubReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::RejectedId => write!(f, "its id is in the reject list"),
            Self::KnownIds { count } => write!(f, "{count} known ids"),
            // The day alone, of an instant in RFC 3339.
            Self::DevicesInOneDay { count, day_at } => write!(f, "{count} devices on {:.10}", day_at.to_string()),
        }
    }
}

/// The hubs by number, each with what makes it one.
pub(crate) fn find_hubs(graph: &Graph<'_>, neighbours: &Neighbours, limits: HubLimits) -> BTreeMap<u32, HubReason> {
    let mut reasons = busy_ids(graph, neighbours, limits);
    for number in graph.numbers() {
        if graph.is_rejected(number) {
            reasons.insert(number, HubReason::RejectedId);
        } else if matches!(graph.kind(number), NodeKind::Device | NodeKind::Contact) {
            let count = known_ids_met(graph, neighbours, number);
            if count > limits.known_ids_per_device_max {
                reasons.insert(number, HubReason::KnownIds { count });
            }
        }
    }
    reasons
}

/// How many distinct known ids the node meets by an edge or through one order.
fn known_ids_met(graph: &Graph<'_>, neighbours: &Neighbours, number: u32) -> usize {
    let mut met = Vec::new();
    for &next in neighbours.of(number).iter().filter(|&&next| !graph.is_rejected(next)) {
        if graph.is_known_id(next) {
            met.push(next);
        } else if graph.kind(next) == NodeKind::Order {
            let through = neighbours.of(next).iter().copied();
            met.extend(through.filter(|&id| id != number && graph.is_known_id(id) && !graph.is_unlinked(number, id)));
        }
    }
    met.sort_unstable();
    met.dedup();
    met.len()
}

/// Known ids with too many devices in one UTC day. A device met through an order counts on the day of the edge between
/// the id and the order.
fn busy_ids(graph: &Graph<'_>, neighbours: &Neighbours, limits: HubLimits) -> BTreeMap<u32, HubReason> {
    // Who met so few in all met no more in a day: days need not be looked at for them, and that is nearly everybody.
    let most_devices =
        |number| -> usize { neighbours.of(number).iter().map(|&next| most(graph, neighbours, next)).sum() };
    let may_be_busy = |number| graph.is_known_id(number) && most_devices(number) > limits.devices_per_id_per_day_max;
    let candidates: Vec<bool> = graph.numbers().map(may_be_busy).collect();
    let mut met = Vec::new();
    for meeting in graph.meetings().filter(|m| candidates[m.who as usize] && !graph.is_rejected(m.other)) {
        let of_day = |device| (meeting.who, meeting.utc_day, device);
        match graph.kind(meeting.other) {
            NodeKind::Device => met.push(of_day(meeting.other)),
            NodeKind::Order => met.extend(
                neighbours
                    .of(meeting.other)
                    .iter()
                    .filter(|&&next| graph.kind(next) == NodeKind::Device && !graph.is_rejected(next))
                    .filter(|&&device| !graph.is_unlinked(meeting.who, device))
                    .map(|&device| of_day(device)),
            ),
            _ => {}
        }
    }
    met.sort_unstable();
    met.dedup();
    met.chunk_by(|a, b| a.0 == b.0).filter_map(|of_id| busiest_day(of_id, limits)).collect()
}

/// How many devices an id meets by its edge to a node, at most.
fn most(graph: &Graph<'_>, neighbours: &Neighbours, next: u32) -> usize {
    match graph.kind(next) {
        NodeKind::Device => 1,
        NodeKind::Order => neighbours.of(next).len(),
        _ => 0,
    }
}

/// The busiest day of one id (`(id, UTC day, device)`, sorted), where it is busier than allowed.
fn busiest_day(of_id: &[(u32, i32, u32)], limits: HubLimits) -> Option<(u32, HubReason)> {
    let days = of_id.chunk_by(|a, b| a.1 == b.1).rev();
    let busiest = days.max_by_key(|day| day.len())?;
    let &(known, utc_day, _) = busiest.first()?;
    let day_at = UtcMillis(i64::from(utc_day) * DAY_MS);
    (busiest.len() > limits.devices_per_id_per_day_max)
        .then_some((known, HubReason::DevicesInOneDay { count: busiest.len(), day_at }))
}

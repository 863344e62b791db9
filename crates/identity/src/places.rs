//! Where a person's rows lie: write-time placement by union by size.
//!
//! Rows are clustered by place. A node's rows lie at its home place until an edge links it; then the two components
//! share the place that holds the most rows, so that a login moves nothing of the main device. A place is never shown
//! and never decides who is who: what placement gets wrong (a hub, an unlink, rows written before the link) costs
//! [`crate::Spread`] an exception and no answer its truth.
//!
//! What must hold, and all that [`crate::Spread`] relies on: **of every row `(device, user)` at a place, the records say
//! that rows of each of the two may lie there**: it is the node's home place, or reached from it by records of
//! [`StayReason::Moved`], or by one record of another reason. Only a rejected user needs none, since it owns nothing.
//! So the records are committed with the rows or before them, and whoever moves a row asks [`Places::place`] again.
//!
//! Memory, at the load of the standard library's maps: 20 to 39 bytes for every place at which a row came since the
//! start, as much again for every linked node that left its home and for every pair of a device and a user that are not
//! linked and share rows, and about 100 for the degrees of a linked node.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap, HashSet},
};

use model::{Node, NodeKind};

use crate::{
    graph::is_known,
    input::{HubLimits, is_rejected},
};

/// One record of placement: rows of the node whose home place is `home` may lie at `place`.
///
/// It names no node, so it holds no id. It is never taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stay {
    /// [`Node::home_place`] of a node.
    pub home: i64,
    /// Another place.
    pub place: i64,
    /// Why, and of which of its rows it is true.
    pub reason: StayReason,
}

/// Why rows of a node may lie at a place that is not its home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StayReason {
    /// From now on all rows that went to `home` go to `place`, or wherever that one moves.
    Moved,
    /// `home` is a device's; rows that also name a user lie at the user's place. They are the device's only where that
    /// user is a hub.
    WithUser,
    /// `home` is a user's; rows that also name a device lie at the device's place, since the user looked like a hub.
    WithDevice,
}

/// The state of placement: one per writer.
#[derive(Debug)]
pub struct Places {
    rejected_ids: BTreeSet<String>,
    limits: HubLimits,
    /// Place → the place that took it over; what is not in it is its own.
    moved: HashMap<i64, i64>,
    /// Place that no other took over → rows placed there since the start, and one for each record loaded.
    rows: HashMap<i64, u32>,
    /// Homes and places of the records that are no moves.
    shared: HashSet<(i64, i64)>,
    /// By home of a device or contact: homes of the known ids (and a device's orders) linked to it, to one past the limit.
    ids_met: HashMap<i64, Vec<i64>>,
    /// By home of a known id: homes of the devices linked to it, to one past the limit.
    devices_met: HashMap<i64, Vec<i64>>,
    changes: Vec<Stay>,
}

impl Places {
    /// A state in which every node is at home. The rejected ids must be those with which persons are asked for; the
    /// limits need not be.
    #[must_use]
    pub fn new(rejected_ids: BTreeSet<String>, limits: HubLimits) -> Self {
        Self {
            rejected_ids,
            limits,
            moved: HashMap::new(),
            rows: HashMap::new(),
            shared: HashSet::new(),
            ids_met: HashMap::new(),
            devices_met: HashMap::new(),
            changes: Vec::new(),
        }
    }

    /// Takes over what was recorded before, in any order. Degrees and counts of rows begin anew; a place to which
    /// others have moved goes before one that nobody knows.
    pub fn load(&mut self, recorded: impl IntoIterator<Item = Stay>) {
        for stay in recorded {
            if stay.reason != StayReason::Moved {
                self.shared.insert((stay.home, stay.place));
                continue;
            }
            let (left, kept) = (self.current(stay.home), self.current(stay.place));
            let mut rows = 1;
            if left != kept {
                rows += self.rows.remove(&left).unwrap_or(0);
                self.moved.insert(left, kept);
            }
            self.count(kept, rows);
        }
    }

    /// Takes in an edge: from now on the rows of both components go to one place, that with the most rows; of equals a
    /// device's, then the lesser.
    ///
    /// A rejected id is not followed, nor is a node beyond the limits. Its degree is an approximation of the hub's:
    /// counted since the start, of all days together, unlinks not taken off, a device's orders counting as ids.
    pub fn link(&mut self, a: &Node, b: &Node) {
        if a == b || is_rejected(a, &self.rejected_ids) || is_rejected(b, &self.rejected_ids) {
            return;
        }
        let (home_a, home_b) = (a.home_place(), b.home_place());
        self.meet((a.kind, home_a), (b.kind, home_b));
        self.meet((b.kind, home_b), (a.kind, home_a));
        if self.is_crowded(home_a) || self.is_crowded(home_b) {
            return;
        }
        let (one, other) = (self.current(home_a), self.current(home_b));
        if one == other {
            return;
        }
        let rank = |place: i64, node: &Node| {
            (self.rows.get(&place).copied().unwrap_or(0), node.kind == NodeKind::Device, Reverse(place))
        };
        let (kept, left) = if rank(one, a) > rank(other, b) { (one, other) } else { (other, one) };
        self.rows.remove(&left);
        self.moved.insert(left, kept);
        self.changes.push(Stay { home: left, place: kept, reason: StayReason::Moved });
    }

    /// The place of a row that names these nodes, and counts it: that of its user, if it has one that is neither
    /// rejected nor beyond the limits, else that of its device. `0` where it names neither.
    pub fn place(&mut self, device: Option<&Node>, user: Option<&Node>) -> i64 {
        let device = device.map(Node::home_place);
        let known = user.filter(|user| !is_rejected(user, &self.rejected_ids)).map(Node::home_place);
        let owner = known.filter(|&home| !self.is_crowded(home)).or(device);
        // Without a device the row of a hub belongs to nobody. It lies with its user, so that it moves when that one is
        // no hub any more.
        let Some(home) = owner.or_else(|| user.map(Node::home_place)) else { return 0 };
        let place = self.current(home);
        self.count(place, 1);
        self.share(device, place, StayReason::WithUser);
        self.share(known, place, StayReason::WithDevice);
        place
    }

    /// What is to be recorded since the last call, ascending: with the rows placed since, or before them.
    #[must_use]
    pub fn take_changes(&mut self) -> Vec<Stay> {
        let mut changes = std::mem::take(&mut self.changes);
        changes.sort_unstable();
        changes
    }

    /// Sees to it that the records say that rows of the node at `home` may lie at `place`.
    fn share(&mut self, home: Option<i64>, place: i64, reason: StayReason) {
        let Some(home) = home else { return };
        if self.current(home) != place && self.shared.insert((home, place)) {
            self.changes.push(Stay { home, place, reason });
        }
    }

    fn count(&mut self, place: i64, more: u32) {
        let rows = self.rows.entry(place).or_default();
        *rows = rows.saturating_add(more);
    }

    /// Where rows that belong at `home` go now, with the way to it halved so that the next look-up is short.
    fn current(&mut self, home: i64) -> i64 {
        let mut place = home;
        while let Some(&next) = self.moved.get(&place) {
            if let Some(&after) = self.moved.get(&next) {
                self.moved.insert(place, after);
            }
            place = next;
        }
        place
    }

    /// Counts `other` to the degree of `node`; each is a kind and a home.
    fn meet(&mut self, node: (NodeKind, i64), other: (NodeKind, i64)) {
        let (met, max) = match (node.0, other.0) {
            (NodeKind::Device, NodeKind::Order) => (&mut self.ids_met, self.limits.known_ids_per_device_max),
            (NodeKind::Device | NodeKind::Contact, kind) if is_known(kind) => {
                (&mut self.ids_met, self.limits.known_ids_per_device_max)
            }
            (kind, NodeKind::Device) if is_known(kind) => {
                (&mut self.devices_met, self.limits.devices_per_id_per_day_max)
            }
            _ => return,
        };
        let met = met.entry(node.1).or_default();
        if met.len() <= max && !met.contains(&other.1) {
            met.push(other.1);
        }
    }

    /// True where the node at `home` has met more nodes than it may.
    fn is_crowded(&self, home: i64) -> bool {
        let beyond = |met: &HashMap<i64, Vec<i64>>, max| met.get(&home).is_some_and(|met| met.len() > max);
        beyond(&self.ids_met, self.limits.known_ids_per_device_max)
            || beyond(&self.devices_met, self.limits.devices_per_id_per_day_max)
    }
}

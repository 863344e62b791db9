//! Which places cannot be read as one person each, as of an instant.
//!
//! A place is *plain* where all its rows belong to one person, none of whose rows lie elsewhere, and no row of whose devices
//! does. The others are read row by row, all places of a group together. A place that might be plain but is not proven so
//! counts among the others: that costs time, never truth.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use identity::{PersonId, Persons};
use model::NodeKind;

use crate::people::whereabouts::{Place, Whereabouts};

/// The places that are not plain, and the persons of those that are.
#[derive(Debug, Default)]
pub struct Spread {
    /// Places that are not plain with the group they are read in, ascending.
    exceptions: Vec<(Place, u32)>,
    groups: u32,
    /// Persons that edges name, by the home place of each of their nodes.
    person_by_home: HashMap<Place, PersonId>,
}

/// Sets of places that are read together.
#[derive(Debug, Default)]
struct Together {
    parent: BTreeMap<Place, Place>,
}

impl Spread {
    /// Judges every place where rows lie; `unordered` are the whereabouts of files in no known order.
    #[must_use]
    pub fn find(persons: &Persons, whereabouts: &Whereabouts, unordered: &[Arc<Whereabouts>]) -> Self {
        let mut person_by_home = HashMap::new();
        let hubs: HashSet<Place> = persons.hubs().iter().map(|hub| hub.node.home_place()).collect();
        let mut together = Together::default();
        let mut shared: BTreeSet<Place> = whereabouts.ownerless.iter().copied().collect();
        let of = |list: &[(Place, Place)], home: Place| -> Vec<Place> {
            let from = list.partition_point(|(owner, _)| *owner < home);
            list[from..].iter().take_while(|(owner, _)| *owner == home).map(|(_, place)| *place).collect()
        };
        for (person, nodes) in persons.iter() {
            let homes = nodes.iter().filter(|node| owns_events(node.kind)).map(model::Node::home_place);
            let mut first = None;
            for home in homes {
                person_by_home.insert(home, person);
                let own = Some(home).filter(|home| whereabouts.has_rows(*home));
                // What a device did under the name of a hub is the device's, and lies at the hub's place.
                let under_hubs = of(&whereabouts.devices, home).into_iter().filter(|place| hubs.contains(place));
                for place in own.into_iter().chain(of(&whereabouts.away, home)).chain(under_hubs) {
                    together.unite(*first.get_or_insert(place), place);
                }
            }
        }
        // A device's rows are read together, whoever they belong to: sessions are cut by device.
        for (device, place) in whereabouts.devices.iter().chain(&whereabouts.away) {
            if whereabouts.has_rows(*device) {
                together.unite(*device, *place);
            }
        }
        for list in [&whereabouts.devices, &whereabouts.away] {
            for pair in list.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
                together.unite(pair[0].1, pair[1].1);
            }
        }
        let person = |home: Place| person_by_home.get(&home).copied();
        for (owner, place) in &whereabouts.away {
            if person(*owner).is_none() || person(*owner) != person(*place) || hubs.contains(owner) {
                shared.insert(*place);
            }
        }
        shared.extend(hubs.iter().filter(|home| whereabouts.has_rows(**home)));
        // Files that somebody else wrote may be in any order: what lies in them is put in order as it is gathered.
        shared.extend(unordered.iter().flat_map(|file| &file.places));
        let (exceptions, groups) = together.exceptions(&shared);
        Self { exceptions, groups, person_by_home }
    }

    /// Places that are not plain with their group, ascending by place.
    #[must_use]
    pub fn exceptions(&self) -> &[(Place, u32)] {
        &self.exceptions
    }

    /// How many groups there are.
    #[must_use]
    pub fn groups(&self) -> u32 {
        self.groups
    }

    /// The person whose rows lie at a plain place, where an edge names it. Otherwise it is its own node's.
    #[must_use]
    pub fn person_at(&self, place: Place) -> Option<PersonId> {
        self.person_by_home.get(&place).copied()
    }
}

impl Together {
    fn root(&self, place: Place) -> Place {
        let mut at = place;
        while let Some(&parent) = self.parent.get(&at).filter(|parent| **parent != at) {
            at = parent;
        }
        at
    }

    fn unite(&mut self, one: Place, other: Place) {
        let (one_root, other_root) = (self.root(one), self.root(other));
        let least = one_root.min(other_root);
        for place in [one, other, one_root, other_root] {
            self.parent.insert(place, least);
        }
    }

    /// Every place that shares its set with another, or is in `shared`, by place, with the number of its set.
    fn exceptions(&self, shared: &BTreeSet<Place>) -> (Vec<(Place, u32)>, u32) {
        let mut sets: BTreeMap<Place, BTreeSet<Place>> = BTreeMap::new();
        for place in self.parent.keys().chain(shared) {
            sets.entry(self.root(*place)).or_default().insert(*place);
        }
        let (mut exceptions, mut groups) = (Vec::new(), 0);
        for places in sets.into_values() {
            if places.len() > 1 || places.iter().any(|place| shared.contains(place)) {
                exceptions.extend(places.into_iter().map(|place| (place, groups)));
                groups += 1;
            }
        }
        exceptions.sort_unstable();
        (exceptions, groups)
    }
}

/// True for the kinds of nodes that events name.
fn owns_events(kind: NodeKind) -> bool {
    matches!(kind, NodeKind::Device | NodeKind::User | NodeKind::Contact)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use identity::{Edges, HubLimits, IdentityInput};
    use model::{Node, UtcMillis};

    use super::*;

    fn persons(pairs: &[(&Node, &Node)]) -> Persons {
        let mut edges = Edges::default();
        for (a, b) in pairs {
            let (a, b) = (edges.node(a), edges.node(b));
            edges.meet(a, b, UtcMillis(0));
        }
        Persons::build(&IdentityInput {
            edges: &edges,
            witnesses: &[],
            order_devices: &[],
            shop_by_web_source: &BTreeMap::new(),
            limits: HubLimits { known_ids_per_device_max: 9, devices_per_id_per_day_max: 2 },
            rejected_ids: &identity::default_rejected_ids(),
        })
    }

    fn excepted(spread: &Spread) -> Vec<Place> {
        spread.exceptions().iter().map(|(place, _)| *place).collect()
    }

    fn sorted(mut places: Vec<Place>) -> Vec<Place> {
        places.sort_unstable();
        places
    }

    #[test]
    fn what_a_device_did_under_a_hubs_name_is_read_with_its_person() {
        let [one, two, three, four] = ["1", "2", "3", "4"].map(|id| Node::device("web", id));
        let (hub, user) = (Node::user("kiosk"), Node::user("ann"));
        let persons = persons(&[(&one, &hub), (&two, &hub), (&three, &hub), (&four, &user)]);
        assert!(persons.is_hub(&hub) && !persons.is_hub(&user));
        let (at_hub, at_user) = (hub.home_place(), user.home_place());
        let whereabouts = Whereabouts {
            places: sorted(vec![at_hub, at_user]),
            devices: vec![(four.home_place(), at_hub)],
            ..Whereabouts::default()
        };
        assert_eq!(excepted(&Spread::find(&persons, &whereabouts, &[])), sorted(vec![at_hub, at_user]));
        // Without such rows, ann's are all at her place.
        let apart = Whereabouts { devices: Vec::new(), ..whereabouts };
        assert_eq!(excepted(&Spread::find(&persons, &apart, &[])), [at_hub]);
    }

    #[test]
    fn a_place_is_plain_where_all_its_rows_are_one_persons_and_all_of_that_persons_are_there() {
        let (device, user) = (Node::device("web", "1"), Node::user("ann"));
        let (at_device, at_user) = (device.home_place(), user.home_place());
        let linked = persons(&[(&device, &user)]);
        let before_login = Whereabouts { places: sorted(vec![at_device, at_user]), ..Whereabouts::default() };
        assert_eq!(excepted(&Spread::find(&linked, &before_login, &[])), sorted(vec![at_device, at_user]));
        let always =
            Whereabouts { places: vec![at_user], devices: vec![(at_device, at_user)], ..Whereabouts::default() };
        let spread = Spread::find(&linked, &always, &[]);
        assert_eq!((excepted(&spread), spread.person_at(at_user)), (vec![], Some(linked.person_of(&device))));
        // Rows of a stranger at one's place, and a file in no order.
        let strangers = Whereabouts { places: vec![at_user], away: vec![(7, at_user)], ..Whereabouts::default() };
        assert_eq!(excepted(&Spread::find(&linked, &strangers, &[])), [at_user]);
        let unordered = Arc::new(Whereabouts { places: vec![at_user], ..Whereabouts::default() });
        assert_eq!(excepted(&Spread::find(&linked, &always, &[unordered])), [at_user]);
    }
}

//! Which places cannot be read as "one place is one person": read-time, at any asked instant.
//!
//! **Theorem.** Let every row lie where the records allow rows of each node that it names ([`crate::places`] says how),
//! and let no two nodes share a home place by chance (64 bits). Then for any [`Persons`], whatever edges, unlinks and
//! hubs they come from and whether or not the rows were placed by the same: reading each exception group row by row
//! ([`Persons::belongs`]) and every other place as one person (that of [`Spread::person_at`], else that of any of its
//! rows) gives every person the same rows as reading everything row by row, and no person is met in two such readings.
//!
//! **Proof.** Draw an edge between an owner and a place with rows wherever the records allow rows *owned* by one of its
//! nodes. A row is owned by its user, if that is no hub, else by its device; so an owner is allowed wherever its node
//! is, but a device at `WithUser` only where some hub's rows may lie. Owners are the persons of the nodes that edges
//! name, and one for each home in the records whose node no edge names.
//! (1) *Each row's owner has an edge to the row's place, or its node is at home there and neither an edge nor a record
//! names the two*: by the premise; where the owner is a device beside a hub, the premise for the hub makes the place one
//! where a hub's rows may lie. A place of the second kind holds rows of that one node alone, since any other node allowed
//! there would be so by a record that names the place. (2) *Rows without an owner* name a hub alone; they lie where that
//! hub's rows may, and all such places are exceptions; or they name a rejected id that no edge names, or nothing, and
//! lie with their like alone. (3) A group is a connected component, so with an owner's one place all its places are in
//! it. (4) A component that is no exception is one owner and one place, so all rows there are that owner's, and all rows
//! of that owner are there. ∎
//!
//! More records than needed (those of a later instant) make more exceptions and no wrong answer; fewer may.

use std::collections::{BTreeSet, HashMap, HashSet};

use model::NodeKind;

use crate::{
    persons::{PersonId, Persons, root},
    places::{Stay, StayReason},
};

/// The places at which rows are told apart one by one, and whose the others are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spread {
    exceptions: Vec<(i64, u32)>,
    groups: usize,
    persons: Vec<(i64, PersonId)>,
}

/// A place with rows, and the number of somebody who may own some of them.
type Allowed = (i64, u32);

impl Spread {
    /// Finds the exceptions for the persons of an instant. `recorded`: at least every record made up to the newest row
    /// that will be read, in any order; all there ever were is always right.
    #[must_use]
    pub fn find(persons: &Persons, recorded: &[Stay], has_rows: &dyn Fn(i64) -> bool) -> Self {
        let mut trails = Trails::new(recorded);
        let with_hubs = places_of_hubs(persons, &trails, has_rows);
        trails.admit_devices_beside(&with_hubs, recorded);
        let allowed = allowed(persons, &trails, has_rows);
        let mut places: Vec<i64> = allowed.iter().map(|&(place, _)| place).chain(with_hubs.iter().copied()).collect();
        places.sort_unstable();
        places.dedup();
        Components::new(&places, allowed).spread(persons, &with_hubs)
    }

    /// `(place, group)`, ascending by place. The places of a group are read together and their rows one by one.
    #[must_use]
    pub fn exceptions(&self) -> &[(i64, u32)] {
        &self.exceptions
    }

    /// How many groups there are; they are numbered from 0 by their least place.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Whose all rows at `place` are, where it is no exception and the owner is one that an edge names. Where this is
    /// `None` for a place that is no exception, any of its rows tells.
    #[must_use]
    pub fn person_at(&self, place: i64) -> Option<PersonId> {
        let at = self.persons.binary_search_by_key(&place, |&(place, _)| place).ok()?;
        self.persons.get(at).map(|&(_, person)| person)
    }
}

/// The records, by home.
struct Trails {
    moved: HashMap<i64, Vec<i64>>,
    beside: HashMap<i64, Vec<i64>>,
    /// Every home and place that a record names.
    named: HashSet<i64>,
}

impl Trails {
    fn new(recorded: &[Stay]) -> Self {
        let mut trails = Self { moved: HashMap::new(), beside: HashMap::new(), named: HashSet::new() };
        for stay in recorded {
            trails.named.extend([stay.home, stay.place]);
            match stay.reason {
                StayReason::Moved => trails.moved.entry(stay.home).or_default().push(stay.place),
                StayReason::WithDevice => trails.beside.entry(stay.home).or_default().push(stay.place),
                StayReason::WithUser => {}
            }
        }
        trails
    }

    /// A device owns rows beside a user only where that is a hub.
    fn admit_devices_beside(&mut self, with_hubs: &BTreeSet<i64>, recorded: &[Stay]) {
        for stay in recorded.iter().filter(|stay| stay.reason == StayReason::WithUser) {
            if with_hubs.contains(&stay.place) {
                self.beside.entry(stay.home).or_default().push(stay.place);
            }
        }
    }

    /// Every place at which rows of the node at `home` may lie, home first.
    fn of(&self, home: i64) -> Vec<i64> {
        let mut places = vec![home];
        let mut next = 0;
        while let Some(moved) = places.get(next).map(|place| self.moved.get(place)) {
            for place in moved.into_iter().flatten() {
                if !places.contains(place) {
                    places.push(*place);
                }
            }
            next += 1;
        }
        places.extend(self.beside.get(&home).into_iter().flatten());
        places
    }
}

/// True for the kinds that events name. Customers and orders only join others.
fn owns_rows(kind: NodeKind) -> bool {
    matches!(kind, NodeKind::Device | NodeKind::User | NodeKind::Contact)
}

/// Places with rows at which those of a hub that is no device may lie. They are nobody's, or those of the device beside.
fn places_of_hubs(persons: &Persons, trails: &Trails, has_rows: &dyn Fn(i64) -> bool) -> BTreeSet<i64> {
    let hubs = persons.hubs().iter().map(|hub| &hub.node).filter(|node| node.kind != NodeKind::Device);
    let homes = hubs.filter(|node| owns_rows(node.kind)).map(model::Node::home_place);
    homes.flat_map(|home| trails.of(home)).filter(|&place| has_rows(place)).collect()
}

/// Who may own rows where. Persons keep their numbers; behind them come the unknown nodes that only records speak of.
fn allowed(persons: &Persons, trails: &Trails, has_rows: &dyn Fn(i64) -> bool) -> Vec<Allowed> {
    let mut unknown = trails.named.clone();
    let mut allowed = Vec::new();
    let mut allow = |home, owner| {
        if trails.named.contains(&home) {
            allowed.extend(trails.of(home).into_iter().filter(|&place| has_rows(place)).map(|place| (place, owner)));
        } else if has_rows(home) {
            allowed.push((home, owner));
        }
    };
    for (node, home, person) in persons.homes() {
        unknown.remove(&home);
        let is_hub = node.kind != NodeKind::Device && persons.is_hub(node);
        if owns_rows(node.kind) && !is_hub {
            allow(home, person);
        }
    }
    let unknown: BTreeSet<i64> = unknown.into_iter().collect();
    for (owner, home) in (persons.numbers()..).zip(unknown) {
        allow(home, owner);
    }
    allowed
}

/// Places joined by their owners.
struct Components<'a> {
    /// Ascending.
    places: &'a [i64],
    /// By place: the number of a place of the same component, in the end the same for all of it.
    roots: Vec<u32>,
    /// By root: how many owners.
    owners: Vec<u32>,
    /// By root: how many places.
    sizes: Vec<u32>,
    /// By root: the number of one owner.
    owner: Vec<Option<u32>>,
}

impl<'a> Components<'a> {
    fn new(places: &'a [i64], mut allowed: Vec<Allowed>) -> Self {
        allowed.sort_unstable_by_key(|&(place, owner)| (owner, place));
        let number = |place| {
            let at = places.binary_search(&place).expect("every place of an owner is in the list");
            u32::try_from(at).expect("four thousand million places do not fit in memory")
        };
        let mut roots: Vec<u32> = (0_u32..).zip(places).map(|(number, _)| number).collect();
        let of_owners = || allowed.chunk_by(|a, b| a.1 == b.1);
        for of_owner in of_owners() {
            let Some((&(first, _), others)) = of_owner.split_first() else { continue };
            let first = number(first);
            for &(other, _) in others {
                let (one, other) = (root(&mut roots, first), root(&mut roots, number(other)));
                roots[other as usize] = one;
            }
        }
        let mut sizes = vec![0; places.len()];
        for place in 0..places.len() {
            let place = u32::try_from(place).expect("numbered above");
            let top = root(&mut roots, place);
            roots[place as usize] = top;
            sizes[top as usize] += 1;
        }
        let (mut owners, mut owner) = (vec![0; places.len()], vec![None; places.len()]);
        for &(place, number_of_owner) in of_owners().filter_map(<[Allowed]>::first) {
            let top = roots[number(place) as usize] as usize;
            owners[top] += 1;
            owner[top] = Some(number_of_owner);
        }
        Self { places, roots, owners, sizes, owner }
    }

    fn spread(&self, persons: &Persons, with_hubs: &BTreeSet<i64>) -> Spread {
        let with_hub: HashSet<u32> = self
            .places
            .iter()
            .zip(&self.roots)
            .filter(|(place, _)| with_hubs.contains(place))
            .map(|(_, &r)| r)
            .collect();
        let mut groups: HashMap<u32, u32> = HashMap::new();
        let (mut exceptions, mut single) = (Vec::new(), Vec::new());
        for (&place, top) in self.places.iter().zip(&self.roots) {
            let at = *top as usize;
            if self.owners[at] > 1 || self.sizes[at] > 1 || with_hub.contains(top) {
                let next = u32::try_from(groups.len()).expect("there are no more groups than places");
                exceptions.push((place, *groups.entry(*top).or_insert(next)));
            } else if let Some(person) = self.owner[at].filter(|&owner| owner < persons.numbers()) {
                single.push((place, persons.person_at(person)));
            }
        }
        Spread { exceptions, groups: groups.len(), persons: single }
    }
}

//! Persons as the data can know them: connected components over devices, users, contacts, customers and orders, by
//! breadth-first search. A device or contact that meets too many known ids links nobody.

use crate::orders::Customer;
use crate::scene::{Action, Scene};
use crate::shops::shop;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Most distinct known ids of a device or contact that still links them.
const KNOWN_IDS_MAX: usize = 10;

/// A node of the graph. Indexes are into the scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Device(u32),
    User(u32),
    Contact(Customer),
    Customer(Customer),
    Order(u32),
}

type Graph = BTreeMap<Node, BTreeSet<Node>>;

/// Who is whom.
pub(super) struct Persons {
    person_of: BTreeMap<Node, u32>,
    hubs: BTreeSet<Node>,
}

impl Persons {
    /// What is known at the end.
    pub(super) fn known(scene: &Scene) -> Self {
        let graph = edges(scene);
        let hubs: BTreeSet<Node> = graph.keys().copied().filter(|node| is_hub(&graph, *node)).collect();
        let mut person_of: BTreeMap<Node, u32> = BTreeMap::new();
        let mut persons = 0;
        for start in graph.keys() {
            if !person_of.contains_key(start) {
                label_component(&graph, &hubs, *start, persons, &mut person_of);
                persons += 1;
            }
        }
        Self { person_of, hubs }
    }

    pub(super) fn of_device(&self, device: u32) -> u32 {
        self.of(Node::Device(device))
    }

    pub(super) fn of_order(&self, order: u32) -> u32 {
        self.of(Node::Order(order))
    }

    /// The person of a message: of its known id, else of its device.
    pub(super) fn of_event(&self, device: u32, user: Option<u32>) -> u32 {
        user.map_or_else(|| self.of_device(device), |user| self.of(Node::User(user)))
    }

    /// `source/anonymous_id` of every device, by person.
    pub(super) fn devices_by_person(&self, scene: &Scene) -> BTreeMap<u32, Vec<String>> {
        let mut devices: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for (node, person) in &self.person_of {
            if let Node::Device(device) = node {
                devices.entry(*person).or_default().push(device_name(scene, *device));
            }
        }
        devices
    }

    /// `source/anonymous_id` of every device that is a hub.
    pub(super) fn hubs(&self, scene: &Scene) -> Vec<String> {
        let devices = self.hubs.iter().filter_map(|node| match node {
            Node::Device(device) => Some(device_name(scene, *device)),
            _ => None,
        });
        devices.collect()
    }

    fn of(&self, node: Node) -> u32 {
        *self.person_of.get(&node).expect("every device, user and order of the scene is in the graph")
    }
}

fn device_name(scene: &Scene, device: u32) -> String {
    let device = scene.device(device);
    format!("{}/{}", shop(device.shop).web_source, device.anonymous_id)
}

/// Every edge that a payload tells of.
fn edges(scene: &Scene) -> Graph {
    let mut graph = Graph::new();
    for device in (0_u32..).take(scene.devices.len()) {
        graph.entry(Node::Device(device)).or_default();
    }
    for event in &scene.events {
        if let (Action::Identify, Some(user)) = (event.action, event.user) {
            link(&mut graph, Node::Device(event.device), Node::User(user));
            link(&mut graph, Node::User(user), Node::Contact(Customer::Person(user)));
        }
        if let Action::OrderCompleted { order } = event.action {
            link(&mut graph, Node::Device(event.device), Node::Order(order));
        }
    }
    for (index, order) in (0_u32..).zip(&scene.orders) {
        graph.entry(Node::Order(index)).or_default();
        if let Some(device) = scene.device_of(order).filter(|_| order.placement.device_noted) {
            link(&mut graph, Node::Device(device), Node::Order(index));
        }
        let customer = order.placement.customer;
        if customer != Customer::Anonymous {
            link(&mut graph, Node::Order(index), Node::Customer(customer));
            link(&mut graph, Node::Customer(customer), Node::Contact(customer));
        }
    }
    graph
}

fn link(graph: &mut Graph, a: Node, b: Node) {
    graph.entry(a).or_default().insert(b);
    graph.entry(b).or_default().insert(a);
}

/// A device or contact with more known ids, met directly or through one order, than it may have.
fn is_hub(graph: &Graph, node: Node) -> bool {
    let known = |n: &Node| matches!(n, Node::User(_) | Node::Contact(_) | Node::Customer(_));
    let near = |n: &Node| graph.get(n).into_iter().flatten().copied();
    let through_orders = near(&node).filter(|n| matches!(n, Node::Order(_))).flat_map(|order| near(&order));
    let met: BTreeSet<Node> = near(&node).chain(through_orders).filter(|n| known(n) && *n != node).collect();
    matches!(node, Node::Device(_) | Node::Contact(_)) && met.len() > KNOWN_IDS_MAX
}

fn label_component(
    graph: &Graph,
    hubs: &BTreeSet<Node>,
    start: Node,
    person: u32,
    person_of: &mut BTreeMap<Node, u32>,
) {
    let mut queue = VecDeque::from([start]);
    person_of.insert(start, person);
    while let Some(node) = queue.pop_front() {
        if hubs.contains(&node) {
            continue;
        }
        for next in graph.get(&node).into_iter().flatten() {
            if !hubs.contains(next) && !person_of.contains_key(next) {
                person_of.insert(*next, person);
                queue.push_back(*next);
            }
        }
    }
}

//! Persons against a naive oracle: sets of nodes and breadth-first search, written from section 4 alone.

use std::collections::{BTreeMap, BTreeSet};

use identity::{Edges, HubLimits, IdentityInput, Persons};
use model::{Digest, Edge, EdgeRule, FactMeta, Node, NodeKind, UtcMillis, Witness, WitnessKind};
use proptest::prelude::*;

const DAY_MS: i64 = 24 * UtcMillis::HOUR_MS;
const LIMITS: HubLimits = HubLimits { known_ids_per_device_max: 3, devices_per_id_per_day_max: 2 };

type World = (Vec<Edge>, Vec<Witness>, Vec<(Node, Node)>);

fn rejected() -> BTreeSet<String> {
    BTreeSet::from(["0".to_owned()])
}

fn build((edges, witnesses, order_devices): &World) -> Persons {
    build_of(&edges.iter().collect(), witnesses, order_devices)
}

fn build_of(edges: &Edges, witnesses: &[Witness], order_devices: &[(Node, Node)]) -> Persons {
    let shops = BTreeMap::from([("web".to_owned(), "shop".to_owned())]);
    Persons::build(&IdentityInput {
        edges,
        witnesses,
        order_devices,
        shop_by_web_source: &shops,
        limits: LIMITS,
        rejected_ids: &rejected(),
    })
}

/// Every node named, each with its component, and the hubs.
fn oracle((edges, witnesses, order_devices): &World) -> (BTreeMap<Node, BTreeSet<Node>>, BTreeSet<Node>) {
    let nobody = |node: &Node| node.id == "0";
    let known = |node: &Node| matches!(node.kind, NodeKind::User | NodeKind::Customer | NodeKind::Contact);
    let pair = |a: &Node, b: &Node| BTreeSet::from([a.clone(), b.clone()]);

    // Edges: (ends, UTC day).
    let mut all: BTreeSet<(BTreeSet<Node>, i64)> = BTreeSet::new();
    for (order, device) in order_devices {
        all.insert((pair(order, device), -1));
    }
    for witness in witnesses.iter().filter(|w| w.kind == WitnessKind::Order && !nobody(&w.device)) {
        let elsewhere = |w: &&Witness| w.kind == WitnessKind::Order && w.id == witness.id && w.device != witness.device;
        if !witnesses.iter().filter(|w| !nobody(&w.device)).any(|w| elsewhere(&w)) {
            all.insert((pair(&Node::order("shop", &witness.id), &witness.device), -1));
        }
    }
    for edge in edges.iter().filter(|e| e.rule != EdgeRule::StewardUnlink) {
        all.insert((pair(&edge.a, &edge.b), edge.meta.occurred_at.0.div_euclid(DAY_MS)));
    }
    let mut nodes: BTreeSet<Node> = all.iter().flat_map(|(ends, _)| ends.clone()).collect();
    nodes.extend(edges.iter().flat_map(|e| [e.a.clone(), e.b.clone()]));
    let parted = |ends: &BTreeSet<Node>| {
        let steward = |e: &&Edge| matches!(e.rule, EdgeRule::StewardLink | EdgeRule::StewardUnlink);
        let of_pair = edges.iter().filter(steward).filter(|e| pair(&e.a, &e.b) == *ends);
        let last = of_pair.max_by_key(|e| (e.meta.occurred_at, e.meta.key));
        last.is_some_and(|e| e.rule == EdgeRule::StewardUnlink)
    };
    all.retain(|(ends, _)| ends.len() == 2 && !parted(ends));
    let joined = |a: &Node, b: &Node| all.iter().any(|(ends, _)| *ends == pair(a, b));

    let hub = |node: &Node| {
        if nobody(node) {
            return true;
        }
        let orders: Vec<&Node> =
            nodes.iter().filter(|o| o.kind == NodeKind::Order && !nobody(o) && joined(node, o)).collect();
        let meets = |id: &&Node| {
            let through = || !parted(&pair(node, id)) && orders.iter().any(|o| joined(o, id));
            known(id) && !nobody(id) && *id != node && (joined(node, id) || through())
        };
        let ids = nodes.iter().filter(meets).count();
        let devices_on = |day: i64| {
            let on_day = |a: &Node, b: &Node| all.contains(&(pair(a, b), day));
            let meets = |device: &&Node| {
                let through =
                    || !parted(&pair(node, device)) && orders.iter().any(|o| on_day(node, o) && joined(o, device));
                device.kind == NodeKind::Device && !nobody(device) && (on_day(node, device) || through())
            };
            nodes.iter().filter(meets).count()
        };
        let crowded = matches!(node.kind, NodeKind::Device | NodeKind::Contact) && ids > 3;
        crowded || (known(node) && (0..4).any(|day| devices_on(day) > 2))
    };
    let hubs: BTreeSet<Node> = nodes.iter().filter(|n| hub(n)).cloned().collect();
    let mut components = BTreeMap::new();
    for start in &nodes {
        let mut reached = BTreeSet::from([start.clone()]);
        loop {
            let follows = |n: &&Node| !hubs.contains(n) && reached.iter().any(|r| !hubs.contains(r) && joined(r, n));
            let more: Vec<Node> = nodes.iter().filter(|n| !reached.contains(n)).filter(follows).cloned().collect();
            if more.is_empty() {
                break;
            }
            reached.extend(more);
        }
        components.insert(start.clone(), reached);
    }
    (components, hubs)
}

fn node() -> impl Strategy<Value = Node> {
    prop_oneof![
        (0..4_u8).prop_map(|n| Node::user(&n.to_string())),
        (0..3_u8).prop_map(|n| Node::customer("shop", &n.to_string())),
        (1..3_u8).prop_map(|n| Node::contact(&n.to_string())),
        (0..3_u8).prop_map(|n| Node::order("shop", &n.to_string())),
        device(),
    ]
}

fn device() -> impl Strategy<Value = Node> {
    (0..6_u8).prop_map(|n| Node::device("web", &n.to_string()))
}

fn edge() -> impl Strategy<Value = Edge> {
    let rule = prop_oneof![
        8 => Just(EdgeRule::Identify),
        2 => Just(EdgeRule::Customer),
        1 => Just(EdgeRule::StewardLink),
        2 => Just(EdgeRule::StewardUnlink)
    ];
    // Stewards' ties are broken by key, so keys are made to differ.
    (node(), node(), rule, 0..8_i64, 0..u32::MAX).prop_map(|(a, b, rule, half_day, key)| {
        let occurred_at = UtcMillis(half_day * DAY_MS / 2);
        let meta = FactMeta { key: Digest::from(u128::from(key)), occurred_at, ..FactMeta::default() };
        Edge { meta, a, b, rule }
    })
}

fn witness() -> impl Strategy<Value = Witness> {
    (0..4_u8, device(), any::<bool>()).prop_map(|(id, device, order)| {
        let meta = FactMeta { source: "web".into(), ..FactMeta::default() };
        let kind = if order { WitnessKind::Order } else { WitnessKind::Cart };
        Witness { meta, kind, id: id.to_string(), device, purchase: order }
    })
}

fn world() -> impl Strategy<Value = World> {
    let order_device = ((0..3_u8).prop_map(|n| Node::order("shop", &n.to_string())), device());
    (
        prop::collection::vec(edge(), 0..22),
        prop::collection::vec(witness(), 0..5),
        prop::collection::vec(order_device, 0..3),
    )
}

/// The same facts in another order, some of them twice.
fn shuffled() -> impl Strategy<Value = (World, World)> {
    world().prop_flat_map(|world| {
        let (edges, witnesses, order_devices) = world.clone();
        let some_edges = edges.iter().cloned().chain(edges.iter().take(5).cloned()).collect::<Vec<_>>();
        let again = (
            Just(some_edges).prop_shuffle(),
            Just([witnesses.clone(), witnesses].concat()).prop_shuffle(),
            Just(order_devices).prop_shuffle(),
        );
        (Just(world), again)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn persons_and_hubs_are_those_of_the_naive_search(world in world()) {
        let persons = build(&world);
        let (components, hubs) = oracle(&world);
        prop_assert_eq!(persons.hubs().iter().map(|hub| hub.node.clone()).collect::<BTreeSet<_>>(), hubs);
        for (node, component) in &components {
            let person = persons.person_of(node);
            let least = component.iter().min_by_key(|n| (n.kind, n.hash128())).expect("a component has its start");
            prop_assert_eq!(person.to_string(), least.person_id());
            prop_assert_eq!(persons.members(person), component.iter().cloned().collect::<Vec<_>>());
            for other in &components[node] {
                let path = persons.path(node, other);
                prop_assert_eq!((path.first(), path.last()), (Some(node), Some(other)));
            }
        }
        prop_assert_eq!(persons.iter().map(|(_, nodes)| nodes.len()).sum::<usize>(), components.len());
    }

    #[test]
    fn edges_settled_between_are_those_kept_at_once((world, again) in shuffled(), parts in 1..4_usize) {
        let (edges, witnesses, order_devices) = &again;
        let part = |number: usize| edges.iter().enumerate().filter(move |(at, _)| at % parts == number).map(|(_, e)| e);
        let mut united = Edges::default();
        for number in 0..parts {
            part(number).for_each(|edge| united.add(edge));
            united.settle();
        }
        let at_once = build(&world);
        let in_parts = build_of(&united, witnesses, order_devices);
        prop_assert_eq!(at_once.hubs(), in_parts.hubs());
        prop_assert_eq!(at_once.iter().collect::<Vec<_>>(), in_parts.iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_meeting_by_numbers_is_an_edge(world in world()) {
        let (edges, witnesses, order_devices) = &world;
        let mut kept = Edges::default();
        for edge in edges {
            if matches!(edge.rule, EdgeRule::StewardLink | EdgeRule::StewardUnlink) {
                kept.add(edge);
            } else {
                let (a, b) = (kept.node(&edge.a), kept.node(&edge.b));
                kept.meet(a, b, edge.meta.occurred_at);
            }
        }
        let (one, other) = (build(&world), build_of(&kept, witnesses, order_devices));
        prop_assert_eq!(one.hubs(), other.hubs());
        prop_assert_eq!(one.iter().collect::<Vec<_>>(), other.iter().collect::<Vec<_>>());
    }

    #[test]
    fn order_and_copies_of_the_input_never_show((world, again) in shuffled()) {
        let (one, other) = (build(&world), build(&again));
        prop_assert_eq!(one.hubs(), other.hubs());
        prop_assert_eq!(one.iter().collect::<Vec<_>>(), other.iter().collect::<Vec<_>>());
    }
}

/// More edges than are ever kept unsorted, most of them copies, in an order that jumps about.
#[test]
fn half_a_million_edges_are_no_burden() {
    const PAIRS: i64 = 100_000;
    let edge = |n: i64| {
        let meta = FactMeta { occurred_at: UtcMillis(n / PAIRS * DAY_MS), ..FactMeta::default() };
        let pair = n * 7919 % PAIRS;
        let (a, b) = (Node::device("web", &format!("anonymous-{pair}")), Node::user(&format!("user-{}", pair / 2)));
        Edge { meta, a, b, rule: EdgeRule::Identify }
    };
    let mut edges = Edges::default();
    (0..6 * PAIRS).for_each(|n| edges.add(&edge(n)));
    let persons = build_of(&edges, &[], &[]);
    assert_eq!(persons.iter().map(|(_, nodes)| nodes.len()).collect::<Vec<_>>(), vec![3; 50_000]);
}

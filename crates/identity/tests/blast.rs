//! What a decision would move, against persons before and after.

use std::collections::{BTreeMap, BTreeSet};

use identity::{
    Blast, HubLimits, HubReason, IdentityInput, PersonId, Persons, check_unlink, default_rejected_ids, preview,
};
use model::{Edge, EdgeRule, FactMeta, Node, UtcMillis};
use proptest::prelude::*;

fn edge(at: i64, rule: EdgeRule, a: &Node, b: &Node) -> Edge {
    let meta = FactMeta { key: (at as u128).into(), occurred_at: UtcMillis(at), ..FactMeta::default() };
    Edge { meta, a: a.clone(), b: b.clone(), rule }
}

/// Persons before and, with the last edge as the decision, after.
fn states(edges: &[Edge], decision: &Edge) -> (Persons, Persons) {
    let (shops, rejected_ids) = (BTreeMap::new(), default_rejected_ids());
    let input = IdentityInput {
        edges: &edges.iter().collect(),
        witnesses: &[],
        order_devices: &[],
        shop_by_web_source: &shops,
        limits: HubLimits { known_ids_per_device_max: 2, devices_per_id_per_day_max: 2 },
        rejected_ids: &rejected_ids,
    };
    let known: Vec<Edge> = edges.iter().chain([decision]).cloned().collect();
    (Persons::build(&input), Persons::build(&IdentityInput { edges: &known.iter().collect(), ..input }))
}

fn decide(edges: &[Edge], rule: EdgeRule, a: &Node, b: &Node) -> Blast {
    let (before, after) = states(edges, &edge(1000, rule, a, b));
    preview(&before, &after)
}

fn device(id: &str) -> Node {
    Node::device("web", id)
}

fn moved(blast: &Blast) -> Vec<(&Node, PersonId, PersonId)> {
    blast.moved.iter().map(|node| (&node.node, node.from, node.to)).collect()
}

#[test]
fn a_link_joins_two_persons_and_an_unlink_parts_them_again() {
    let (ann, bob) = (Node::user("ann"), Node::user("bob"));
    let edges = [edge(1, EdgeRule::Identify, &device("a"), &ann), edge(2, EdgeRule::Identify, &device("b"), &bob)];
    let joined = decide(&edges, EdgeRule::StewardLink, &ann, &bob);
    let (least, other) = if PersonId::of(&ann) < PersonId::of(&bob) { (&ann, &bob) } else { (&bob, &ann) };
    let with = if other == &bob { device("b") } else { device("a") };
    let (to, from) = (PersonId::of(least), PersonId::of(other));
    assert_eq!(moved(&joined), [(other, from, to), (&with, from, to)]);
    assert_eq!(joined.joined, BTreeMap::from([(to, BTreeSet::from([to, from]))]));
    assert!(joined.parted.is_empty() && joined.hubs_made.is_empty() && joined.hubs_unmade.is_empty());

    let linked = [edges.as_slice(), &[edge(3, EdgeRule::StewardLink, &ann, &bob)]].concat();
    let parted = decide(&linked, EdgeRule::StewardUnlink, &bob, &ann);
    assert_eq!(moved(&parted), [(other, to, from), (&with, to, from)]);
    assert_eq!(parted.parted, joined.joined);
    assert!(parted.joined.is_empty());
}

#[test]
fn a_link_over_the_limit_makes_a_hub_and_parts_those_it_held() {
    let [ann, bob, cleo] = ["ann", "bob", "cleo"].map(Node::user);
    let kiosk = device("kiosk");
    let edges = [edge(1, EdgeRule::Identify, &kiosk, &ann), edge(2, EdgeRule::Identify, &kiosk, &bob)];
    let blast = decide(&edges, EdgeRule::StewardLink, &kiosk, &cleo);
    assert_eq!(
        blast.hubs_made.iter().map(|hub| (&hub.node, hub.reason)).collect::<Vec<_>>(),
        [(&kiosk, HubReason::KnownIds { count: 3 })]
    );
    let least = PersonId::of(&ann).min(PersonId::of(&bob));
    let alone = [&ann, &bob, &kiosk].map(PersonId::of);
    assert_eq!(blast.parted, BTreeMap::from([(least, BTreeSet::from(alone))]));
    assert!(blast.joined.is_empty() && blast.touches(&kiosk) && !blast.touches(&cleo));

    let linked = [edges.as_slice(), &[edge(3, EdgeRule::StewardLink, &kiosk, &cleo)]].concat();
    let undone = decide(&linked, EdgeRule::StewardUnlink, &kiosk, &cleo);
    assert_eq!(undone.hubs_unmade.iter().map(|hub| &hub.node).collect::<Vec<_>>(), [&kiosk]);
    assert_eq!(undone.joined, blast.parted);
}

#[test]
fn an_unlink_of_a_pair_without_an_edge_is_refused_with_the_path() {
    let (ann, stranger) = (Node::user("ann"), device("stranger"));
    let edges = [edge(1, EdgeRule::Identify, &device("a"), &ann), edge(2, EdgeRule::Identify, &device("b"), &ann)];
    let (before, after) = states(&edges, &edge(3, EdgeRule::StewardUnlink, &device("a"), &ann));
    assert_eq!(check_unlink(&before, &ann, &device("a")), Ok(()));
    let refused = check_unlink(&before, &device("a"), &device("b")).expect_err("no edge joins the devices");
    assert_eq!(refused.path, [device("a"), ann.clone(), device("b")]);
    assert_eq!(
        refused.to_string(),
        "no edge joins \"device:web:a\" and \"device:web:b\", expected a pair that has one; they are one person by way \
         of \"device:web:a\" – \"user::ann\" – \"device:web:b\": unlink two neighbours of that"
    );
    assert!(check_unlink(&after, &ann, &device("a")).is_err_and(|refused| refused.path.is_empty()), "parted already");
    assert!(check_unlink(&before, &ann, &stranger).is_err());
}

#[test]
fn the_edges_of_a_hub_can_be_unlinked() {
    let kiosk = device("kiosk");
    let users = ["ann", "bob", "cleo"].map(Node::user);
    let edges: Vec<Edge> = users.iter().map(|user| edge(1, EdgeRule::Identify, &kiosk, user)).collect();
    let (before, _) = states(&edges, &edge(2, EdgeRule::StewardUnlink, &kiosk, &users[0]));
    assert_eq!(before.hubs().len(), 1);
    assert_eq!(check_unlink(&before, &users[0], &kiosk), Ok(()));
    assert_eq!(check_unlink(&before, &kiosk, &users[0]), Ok(()));
    assert!(check_unlink(&before, &users[0], &users[1]).is_err());
}

fn node() -> impl Strategy<Value = Node> {
    prop_oneof![
        3 => (0..5_u8).prop_map(|n| device(&n.to_string())),
        3 => (0..4_u8).prop_map(|n| Node::user(&n.to_string())),
        1 => (1..3_u8).prop_map(|n| Node::contact(&n.to_string())),
        1 => (1..3_u8).prop_map(|n| Node::order("shop", &n.to_string())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn a_fact_changes_its_person_only_where_the_preview_touches_a_node_of_it(
        pairs in prop::collection::vec((node(), node()), 0..14),
        (a, b, linked) in (node(), node(), any::<bool>()),
    ) {
        let edges: Vec<Edge> = pairs.iter().map(|(a, b)| edge(1, EdgeRule::Identify, a, b)).collect();
        let rule = if linked { EdgeRule::StewardLink } else { EdgeRule::StewardUnlink };
        let (before, after) = states(&edges, &edge(1000, rule, &a, &b));
        let blast = preview(&before, &after);
        let nodes: BTreeSet<Node> = pairs.iter().flat_map(|(a, b)| [a, b]).chain([&a, &b]).cloned().collect();
        for node in &nodes {
            let expected = (before.person_of(node) != after.person_of(node))
                .then(|| (before.person_of(node), after.person_of(node)));
            let found = blast.moved.iter().find(|moved| moved.node == *node).map(|moved| (moved.from, moved.to));
            prop_assert_eq!(found, expected);
        }
        let back = preview(&after, &before);
        prop_assert_eq!((&back.joined, &back.parted), (&blast.parted, &blast.joined));
        let returned = back.moved.iter().map(|moved| (&moved.node, moved.to, moved.from)).collect::<Vec<_>>();
        prop_assert_eq!(returned, moved(&blast));
        for one in &nodes {
            for other in &nodes {
                if before.belongs(Some(one), Some(other)) != after.belongs(Some(one), Some(other)) {
                    prop_assert!(blast.touches(one) || blast.touches(other));
                }
            }
        }
        // Joined and parted, from the pairs of (before, after) that share a node.
        let shared: BTreeSet<(PersonId, PersonId)> =
            nodes.iter().map(|node| (before.person_of(node), after.person_of(node))).collect();
        let (mut by_before, mut by_after) = (BTreeMap::new(), BTreeMap::new());
        for &(one, other) in &shared {
            by_before.entry(one).or_insert_with(BTreeSet::new).insert(other);
            by_after.entry(other).or_insert_with(BTreeSet::new).insert(one);
        }
        by_before.retain(|_, others| others.len() > 1);
        by_after.retain(|_, others| others.len() > 1);
        prop_assert_eq!((&blast.parted, &blast.joined), (&by_before, &by_after));
        let changes_as_hub: Vec<&Node> = nodes.iter().filter(|node| before.is_hub(node) != after.is_hub(node)).collect();
        let hubs: BTreeSet<&Node> = blast.hubs_made.iter().chain(&blast.hubs_unmade).map(|hub| &hub.node).collect();
        prop_assert_eq!(hubs.into_iter().collect::<Vec<_>>(), changes_as_hub.clone());
        prop_assert_eq!(blast.is_empty(), blast.moved.is_empty() && changes_as_hub.is_empty());
        let mut pairs_with_edge = pairs.iter().filter(|(one, other)| one != other);
        prop_assert_eq!(
            check_unlink(&before, &a, &b).is_ok(),
            pairs_with_edge.any(|(one, other)| (one, other) == (&a, &b) || (one, other) == (&b, &a))
        );
    }
}

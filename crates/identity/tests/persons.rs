//! Persons on hand-written edges: each rule of section 4 by the smallest case that shows it.

use std::collections::BTreeMap;

use identity::{HubLimits, HubReason, IdentityInput, PersonId, Persons, default_rejected_ids};
use model::{Edge, EdgeRule, FactMeta, Node, UtcMillis, Witness, WitnessKind};

const DAY_MS: i64 = 24 * UtcMillis::HOUR_MS;

#[derive(Default)]
struct World {
    edges: Vec<Edge>,
    witnesses: Vec<Witness>,
    order_devices: Vec<(Node, Node)>,
}

impl World {
    fn edge(mut self, at: i64, rule: EdgeRule, a: &Node, b: &Node) -> Self {
        let meta = FactMeta { key: (at as u128).into(), occurred_at: UtcMillis(at), ..FactMeta::default() };
        self.edges.push(Edge { meta, a: a.clone(), b: b.clone(), rule });
        self
    }

    fn sighting(mut self, source: &str, order: &str, device: &Node) -> Self {
        let meta = FactMeta { source: source.into(), ..FactMeta::default() };
        let (kind, id) = (WitnessKind::Order, order.to_owned());
        self.witnesses.push(Witness { meta, kind, id, device: device.clone(), purchase: true });
        self
    }

    fn persons(&self) -> Persons {
        let shops = BTreeMap::from([("web".to_owned(), "shop".to_owned())]);
        Persons::build(&IdentityInput {
            edges: &self.edges.iter().collect(),
            witnesses: &self.witnesses,
            order_devices: &self.order_devices,
            shop_by_web_source: &shops,
            limits: HubLimits { known_ids_per_device_max: 2, devices_per_id_per_day_max: 2 },
            rejected_ids: &default_rejected_ids(),
        })
    }
}

fn device(id: &str) -> Node {
    Node::device("web", id)
}

#[test]
fn devices_of_one_user_are_one_person_named_by_the_user() {
    let ann = Node::user("ann");
    let persons = World::default()
        .edge(1, EdgeRule::Identify, &device("phone"), &ann)
        .edge(2, EdgeRule::Identify, &device("desk"), &ann)
        .persons();
    let person = persons.person_of(&device("phone"));
    assert_eq!(person, persons.person_of(&device("desk")));
    assert_eq!(person.to_string(), ann.person_id());
    assert_eq!(persons.members(person), [ann, device("desk"), device("phone")]);
    assert!(person.is_known());
}

#[test]
fn a_node_that_no_edge_names_is_a_person_of_its_own() {
    let persons = World::default().persons();
    let stranger = device("stranger");
    assert_eq!(persons.person_of(&stranger), PersonId::of(&stranger));
    assert_eq!(persons.person_of(&stranger).to_string(), stranger.person_id());
    assert!(persons.members(PersonId::of(&stranger)).is_empty());
}

#[test]
fn an_order_seen_on_one_device_joins_it_and_on_two_joins_none() {
    let order = Node::order("shop", "5001");
    let once = World::default().sighting("web", "5001", &device("a")).sighting("web", "5001", &device("a"));
    assert_eq!(once.persons().person_of(&order), once.persons().person_of(&device("a")));
    let elsewhere = World::default().sighting("app_without_shop", "5001", &device("a")).persons();
    assert!(elsewhere.iter().next().is_none());
    let nobody = once.sighting("web", "5001", &device("null"));
    assert_eq!(nobody.persons().person_of(&order), nobody.persons().person_of(&device("a")));
    let twice = nobody.sighting("web", "5001", &device("b")).persons();
    assert_eq!(twice.person_of(&order), PersonId::of(&order));
}

#[test]
fn the_device_on_the_order_document_counts_even_where_two_devices_saw_the_order() {
    let order = Node::order("shop", "5001");
    let mut world = World::default().sighting("web", "5001", &device("a")).sighting("web", "5001", &device("b"));
    world.order_devices.push((order.clone(), device("a")));
    let persons = world.persons();
    assert_eq!(persons.person_of(&order), persons.person_of(&device("a")));
    assert_ne!(persons.person_of(&order), persons.person_of(&device("b")));
}

#[test]
fn a_kiosk_is_a_hub_and_its_facts_belong_to_the_user_where_one_is_named() {
    let users = ["ann", "bob", "cleo"].map(Node::user);
    let kiosk = device("kiosk");
    let two = users.iter().take(2).fold(World::default(), |w, u| w.edge(1, EdgeRule::Identify, &kiosk, u));
    assert!(two.persons().hubs().is_empty());
    let three = two.edge(2, EdgeRule::Identify, &kiosk, &users[2]).persons();
    let [hub] = three.hubs() else { panic!("one hub expected, found {:?}", three.hubs()) };
    assert_eq!((&hub.node, hub.reason), (&kiosk, HubReason::KnownIds { count: 3 }));
    assert_eq!(hub.linked, users);
    assert_eq!(three.belongs(Some(&kiosk), Some(&users[1])), Some(PersonId::of(&users[1])));
    assert_eq!(three.belongs(Some(&kiosk), None), Some(PersonId::of(&kiosk)));
}

#[test]
fn customers_met_through_orders_count_to_the_degree_of_the_till() {
    let mut world = World::default();
    for number in ["1", "2", "3"] {
        let order = Node::order("shop", number);
        world = world.edge(1, EdgeRule::Customer, &order, &Node::customer("shop", number));
        world.order_devices.push((order, device("till")));
    }
    assert_eq!(world.persons().hubs().first().map(|hub| hub.reason), Some(HubReason::KnownIds { count: 3 }));
}

#[test]
fn a_test_account_is_a_hub_by_its_devices_in_one_utc_day() {
    let tester = Node::user("tester");
    let spread = ["a", "b", "c"].iter().zip(1..).fold(World::default(), |world, (id, day)| {
        world.edge(day * DAY_MS - 1, EdgeRule::Identify, &device(id), &tester)
    });
    assert!(spread.persons().hubs().is_empty());
    let busy = spread
        .edge(DAY_MS, EdgeRule::Identify, &device("c"), &tester)
        .edge(DAY_MS, EdgeRule::Identify, &device("d"), &tester)
        .persons();
    let reason = HubReason::DevicesInOneDay { count: 3, day_at: UtcMillis(DAY_MS) };
    assert_eq!(busy.hubs().first().map(|hub| hub.reason), Some(reason));
    assert_eq!(busy.belongs(Some(&device("c")), Some(&tester)), Some(PersonId::of(&device("c"))));
    assert_eq!(busy.belongs(None, Some(&tester)), None);
}

#[test]
fn an_id_that_stands_for_nobody_joins_nobody_and_counts_nothing() {
    let (null, ann) = (Node::user(" NULL "), Node::user("ann"));
    let persons = World::default()
        .edge(1, EdgeRule::Identify, &device("a"), &null)
        .edge(1, EdgeRule::Identify, &device("b"), &null)
        .edge(1, EdgeRule::Identify, &device("a"), &ann)
        .edge(1, EdgeRule::Identify, &device("a"), &Node::user("bob"))
        .persons();
    assert_ne!(persons.person_of(&device("a")), persons.person_of(&device("b")));
    assert_eq!(persons.hubs().iter().map(|hub| hub.reason).collect::<Vec<_>>(), [HubReason::RejectedId]);
    assert_eq!(persons.belongs(Some(&device("c")), Some(&Node::user("0"))), Some(PersonId::of(&device("c"))));
}

#[test]
fn an_unlink_holds_until_a_stewards_later_link() {
    let (a, ann) = (device("a"), Node::user("ann"));
    let parted = World::default()
        .edge(1, EdgeRule::Identify, &a, &ann)
        .edge(5, EdgeRule::StewardUnlink, &ann, &a)
        .edge(9, EdgeRule::Identify, &a, &ann);
    assert_ne!(parted.persons().person_of(&a), parted.persons().person_of(&ann));
    let joined = parted.edge(10, EdgeRule::StewardLink, &a, &ann);
    assert_eq!(joined.persons().person_of(&a), joined.persons().person_of(&ann));
    let parted_again = joined.edge(11, EdgeRule::StewardUnlink, &a, &ann).persons();
    assert_ne!(parted_again.person_of(&a), parted_again.person_of(&ann));
    assert_eq!(parted_again.members(PersonId::of(&a)), [a]);
}

#[test]
fn an_unlinked_pair_counts_nothing_even_through_an_order() {
    let (till, order) = (device("till"), Node::order("shop", "1"));
    let (ann, bob, cleo) = (Node::user("ann"), Node::user("bob"), Node::customer("shop", "cleo"));
    let mut world = World::default()
        .edge(1, EdgeRule::Identify, &till, &ann)
        .edge(1, EdgeRule::Identify, &till, &bob)
        .edge(1, EdgeRule::Identify, &till, &cleo)
        .edge(1, EdgeRule::Customer, &order, &cleo);
    world.order_devices.push((order, till.clone()));
    assert_eq!(world.persons().hubs().len(), 1);
    assert!(world.edge(2, EdgeRule::StewardUnlink, &till, &cleo).persons().hubs().is_empty());
}

#[test]
fn a_path_shows_why_two_nodes_are_one_person() {
    let (ann, contact) = (Node::user("ann"), Node::contact("c0"));
    let persons = World::default()
        .edge(1, EdgeRule::Identify, &device("a"), &ann)
        .edge(1, EdgeRule::Contact, &ann, &contact)
        .edge(1, EdgeRule::Identify, &device("b"), &contact)
        .persons();
    let path = [device("a"), ann.clone(), contact.clone(), device("b")];
    assert_eq!(persons.path(&device("a"), &device("b")), path);
    assert_eq!(persons.path(&ann, &ann), std::slice::from_ref(&ann));
    assert!(persons.path(&ann, &device("z")).is_empty());
}

#[test]
fn devices_met_through_orders_count_on_the_orders_day_and_not_where_a_steward_parted_them() {
    let tester = Node::user("tester");
    let mut world = World::default().edge(9 * DAY_MS, EdgeRule::Identify, &device("c"), &tester);
    for id in ["a", "b", "c"] {
        let order = Node::order("shop", id);
        world = world.edge(DAY_MS, EdgeRule::Customer, &order, &tester);
        world.order_devices.push((order, device(id)));
    }
    let reason = HubReason::DevicesInOneDay { count: 3, day_at: UtcMillis(DAY_MS) };
    assert_eq!(world.persons().hubs().first().map(|hub| hub.reason), Some(reason));
    assert!(world.edge(10 * DAY_MS, EdgeRule::StewardUnlink, &tester, &device("c")).persons().hubs().is_empty());
}

#[test]
fn of_equally_busy_days_the_first_is_named() {
    let tester = Node::user("tester");
    let world = ["a", "b", "c"].iter().fold(World::default(), |world, id| {
        world.edge(3 * DAY_MS, EdgeRule::Identify, &device(id), &tester).edge(
            DAY_MS,
            EdgeRule::Identify,
            &device(id),
            &tester,
        )
    });
    let reason = HubReason::DevicesInOneDay { count: 3, day_at: UtcMillis(DAY_MS) };
    assert_eq!(world.persons().hubs().first().map(|hub| hub.reason), Some(reason));
    assert_eq!(reason.to_string(), "3 devices on 1970-01-02");
}

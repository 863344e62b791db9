//! Spread against a naive reader: whatever happened, places and exception groups give every person the rows that
//! reading everything row by row gives.

use std::collections::{BTreeMap, BTreeSet};

use identity::{HubLimits, IdentityInput, PersonId, Persons, Places, Spread, Stay};
use model::{Edge, EdgeRule, FactMeta, Node, UtcMillis};
use proptest::prelude::*;

const LIMITS: HubLimits = HubLimits { known_ids_per_device_max: 2, devices_per_id_per_day_max: 2 };

/// What the world does, one after the other. `Crash` loses what was not committed, and placement starts from the records.
#[derive(Debug, Clone)]
enum Step {
    Edge(EdgeRule, Node, Node),
    Row(Option<Node>, Option<Node>),
    Commit,
    Crash,
}

#[derive(Debug, Clone)]
struct Row {
    place: i64,
    device: Option<Node>,
    user: Option<Node>,
}

/// What one commit made known.
#[derive(Debug, Default)]
struct Batch {
    edges: Vec<Edge>,
    rows: Vec<Row>,
    recorded: Vec<Stay>,
}

fn rejected() -> BTreeSet<String> {
    BTreeSet::from(["0".to_owned()])
}

fn live(steps: &[Step], limits: HubLimits) -> Vec<Batch> {
    let mut places = Places::new(rejected(), limits);
    let (mut batches, mut open) = (Vec::<Batch>::new(), Batch::default());
    for (step, number) in steps.iter().zip(1_u32..) {
        match step {
            Step::Edge(rule, a, b) => {
                if *rule != EdgeRule::StewardUnlink {
                    places.link(a, b);
                }
                let occurred_at = UtcMillis(i64::from(number) * 2 * UtcMillis::HOUR_MS);
                let meta = FactMeta { key: u128::from(number).into(), occurred_at, ..FactMeta::default() };
                open.edges.push(Edge { meta, a: a.clone(), b: b.clone(), rule: *rule });
            }
            Step::Row(device, user) => {
                let place = places.place(device.as_ref(), user.as_ref());
                open.rows.push(Row { place, device: device.clone(), user: user.clone() });
            }
            Step::Commit => {
                open.recorded = places.take_changes();
                batches.push(std::mem::take(&mut open));
            }
            Step::Crash => {
                open = Batch::default();
                places = Places::new(rejected(), limits);
                places.load(batches.iter().rev().flat_map(|batch| batch.recorded.iter().copied()));
            }
        }
    }
    open.recorded = places.take_changes();
    batches.push(open);
    batches
}

fn persons(batches: &[Batch]) -> Persons {
    let edges: Vec<Edge> = batches.iter().flat_map(|batch| batch.edges.iter().cloned()).collect();
    Persons::build(&IdentityInput {
        edges: &edges,
        witnesses: &[],
        order_devices: &[],
        shop_by_web_source: &BTreeMap::new(),
        limits: LIMITS,
        rejected_ids: &rejected(),
    })
}

fn recorded(batches: &[Batch]) -> Vec<Stay> {
    batches.iter().flat_map(|batch| batch.recorded.iter().copied()).collect()
}

fn rows(batches: &[Batch]) -> Vec<Row> {
    batches.iter().flat_map(|batch| batch.rows.iter().cloned()).collect()
}

fn find(persons: &Persons, recorded: &[Stay], rows: &[Row]) -> Spread {
    let places: BTreeSet<i64> = rows.iter().map(|row| row.place).collect();
    Spread::find(persons, recorded, &|place| places.contains(&place))
}

/// Rows by number, by whose they are.
type Owned = BTreeMap<Option<PersonId>, BTreeSet<usize>>;

fn row_by_row(persons: &Persons, rows: &[Row]) -> Owned {
    let mut owned = Owned::new();
    for (number, row) in rows.iter().enumerate() {
        owned.entry(persons.belongs(row.device.as_ref(), row.user.as_ref())).or_default().insert(number);
    }
    owned
}

/// Reads each place and each group by itself; an error where a person is met in two of them.
fn by_places(persons: &Persons, spread: &Spread, rows: &[Row]) -> Result<Owned, TestCaseError> {
    let group_of: BTreeMap<i64, u32> = spread.exceptions().iter().copied().collect();
    let owner = |row: &Row| persons.belongs(row.device.as_ref(), row.user.as_ref());
    let mut readings: BTreeMap<(Option<u32>, i64), Owned> = BTreeMap::new();
    for (number, row) in rows.iter().enumerate() {
        let group = group_of.get(&row.place).copied();
        let reading = readings.entry((group, if group.is_some() { 0 } else { row.place })).or_default();
        let person = match reading.keys().next() {
            _ if group.is_some() => owner(row),
            Some(first) => *first,
            None => spread.person_at(row.place).or_else(|| owner(row)),
        };
        reading.entry(person).or_default().insert(number);
    }
    let mut owned = Owned::new();
    for (person, numbers) in readings.into_values().flatten() {
        prop_assert!(person.is_none() || !owned.contains_key(&person), "{person:?} is met in two readings");
        owned.entry(person).or_default().extend(numbers);
    }
    Ok(owned)
}

fn device() -> impl Strategy<Value = Node> {
    (0..6_u8).prop_map(|n| Node::device("web", &n.to_string()))
}

fn user() -> impl Strategy<Value = Node> {
    prop_oneof![
        4 => (0..4_u8).prop_map(|n| Node::user(&n.to_string())),
        1 => (1..3_u8).prop_map(|n| Node::contact(&n.to_string())),
    ]
}

fn joiner() -> impl Strategy<Value = Node> {
    prop_oneof![
        (0..3_u8).prop_map(|n| Node::order("shop", &n.to_string())),
        (0..2_u8).prop_map(|n| Node::customer("shop", &n.to_string())),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let any_node = || prop_oneof![3 => device(), 3 => user(), 1 => joiner()];
    let steward = prop_oneof![1 => Just(EdgeRule::StewardLink), 3 => Just(EdgeRule::StewardUnlink)];
    prop_oneof![
        5 => (device(), user()).prop_map(|(a, b)| Step::Edge(EdgeRule::Identify, a, b)),
        2 => (any_node(), any_node()).prop_map(|(a, b)| Step::Edge(EdgeRule::Alias, a, b)),
        2 => (steward, device(), user()).prop_map(|(rule, a, b)| Step::Edge(rule, a, b)),
        12 => (prop::option::weighted(0.8, device()), prop::option::of(user())).prop_map(|(d, u)| Step::Row(d, u)),
        2 => Just(Step::Commit),
        1 => Just(Step::Crash),
    ]
}

fn limits() -> impl Strategy<Value = HubLimits> {
    (0..4_usize, 0..4_usize).prop_map(|(known_ids_per_device_max, devices_per_id_per_day_max)| HubLimits {
        known_ids_per_device_max,
        devices_per_id_per_day_max,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    // Rows known at one instant, identity as of any other, earlier or later; placed under the house's limits or others.
    #[test]
    fn places_and_groups_give_every_person_the_rows_of_a_reading_row_by_row(
        steps in prop::collection::vec(step(), 0..60),
        limits in limits(),
    ) {
        let batches = live(&steps, limits);
        for asked in 0..=batches.len() {
            let persons = persons(&batches[..asked]);
            for known in 0..=batches.len() {
                let rows = rows(&batches[..known]);
                let expected = row_by_row(&persons, &rows);
                for records in [recorded(&batches[..known]), recorded(&batches)] {
                    let spread = find(&persons, &records, &rows);
                    prop_assert_eq!(&by_places(&persons, &spread, &rows)?, &expected);
                    let mut shuffled = records.clone();
                    shuffled.reverse();
                    prop_assert_eq!(find(&persons, &shuffled, &rows), spread);
                }
            }
        }
    }

    // An exception must be needed: with all links before the rows, nothing parted, no hub and no id rejected, there is
    // none, whatever was lost between.
    #[test]
    fn links_before_all_rows_leave_no_exception(
        links in prop::collection::vec((0..4_u8, 0..9_u8), 0..12),
        seen in prop::collection::vec((0..9_u8, any::<bool>()), 0..20),
    ) {
        let device = |n: u8| Node::device("web", &n.to_string());
        let users: BTreeMap<u8, Node> = links.iter().map(|&(u, d)| (d, Node::user(&(u + 1).to_string()))).collect();
        let mut steps: Vec<Step> =
            users.iter().map(|(&d, user)| Step::Edge(EdgeRule::Identify, device(d + 1), user.clone())).collect();
        steps.push(Step::Commit);
        for (d, crash) in seen {
            let more = if crash { vec![Step::Commit, Step::Crash] } else { Vec::new() };
            steps.extend(more);
            steps.push(Step::Row(Some(device(d + 1)), users.get(&d).cloned()));
        }
        let batches = live(&steps, HubLimits::default());
        let edges: Vec<Edge> = batches.iter().flat_map(|batch| batch.edges.iter().cloned()).collect();
        let persons = Persons::build(&IdentityInput {
            edges: &edges,
            witnesses: &[],
            order_devices: &[],
            shop_by_web_source: &BTreeMap::new(),
            limits: HubLimits::default(),
            rejected_ids: &rejected(),
        });
        let rows = rows(&batches);
        let spread = find(&persons, &recorded(&batches), &rows);
        prop_assert_eq!(spread.exceptions(), []);
        prop_assert_eq!(by_places(&persons, &spread, &rows)?, row_by_row(&persons, &rows));
    }
}

fn web(id: &str) -> Node {
    Node::device("web", id)
}

fn identify(device: &Node, user: &Node) -> Step {
    Step::Edge(EdgeRule::Identify, device.clone(), user.clone())
}

fn row(device: &Node) -> Step {
    Step::Row(Some(device.clone()), None)
}

fn row_of(device: &Node, user: &Node) -> Step {
    Step::Row(Some(device.clone()), Some(user.clone()))
}

fn now(batches: &[Batch]) -> Spread {
    find(&persons(batches), &recorded(batches), &rows(batches))
}

#[test]
fn nodes_that_no_edge_names_are_never_listed() {
    let steps: Vec<Step> = (1..200).flat_map(|n| [row(&web(&n.to_string())), Step::Commit]).collect();
    let spread = now(&live(&steps, LIMITS));
    assert_eq!((spread.exceptions(), spread.groups()), ([].as_slice(), 0));
    assert_eq!(spread.person_at(web("7").home_place()), None);
}

#[test]
fn a_second_device_met_before_its_login_is_read_with_the_first_and_nobody_else_is() {
    let (ann, bob) = (Node::user("ann"), Node::user("bob"));
    let (phone, desk, other) = (web("phone"), web("desk"), web("other"));
    let steps =
        [identify(&phone, &ann), row(&phone), row(&desk), identify(&desk, &ann), identify(&other, &bob), row(&other)];
    let spread = now(&live(&steps, HubLimits::default()));
    let mut group = [(phone.home_place(), 0), (desk.home_place(), 0)];
    group.sort_unstable();
    assert_eq!(spread.exceptions(), group);
    assert_eq!(spread.person_at(other.home_place()), Some(PersonId::of(&bob)));
}

#[test]
fn one_place_is_an_exception_after_an_unlink_and_as_of_before_the_link() {
    let (ann, phone) = (Node::user("ann"), web("phone"));
    let unlink = Step::Edge(EdgeRule::StewardUnlink, phone.clone(), ann.clone());
    let steps = [row(&phone), Step::Commit, identify(&phone, &ann), row_of(&phone, &ann), Step::Commit, unlink];
    let batches = live(&steps, LIMITS);
    let (rows, records) = (rows(&batches), recorded(&batches));
    let exceptions = |known| find(&persons(&batches[..known]), &records, &rows).exceptions().to_vec();
    assert_eq!(exceptions(1), [(phone.home_place(), 0)], "before the link the phone and ann are two");
    assert_eq!(exceptions(2), []);
    assert_eq!(exceptions(3), [(phone.home_place(), 0)], "after the unlink they are two again");
}

#[test]
fn users_of_a_kiosk_stay_single_once_it_is_beyond_its_limit() {
    let kiosk = web("kiosk");
    let users: Vec<Node> = (0..50).map(|n| Node::user(&format!("user-{n}"))).collect();
    let mut steps = vec![row(&kiosk)];
    for user in &users {
        steps.extend([identify(&kiosk, user), row_of(&kiosk, user), row(&kiosk)]);
    }
    let spread = now(&live(&steps, LIMITS));
    assert_eq!(spread.exceptions(), [(kiosk.home_place(), 0)], "only those of the first users lie with the kiosk's");
    assert_eq!(spread.person_at(users[2].home_place()), Some(PersonId::of(&users[2])));
}

#[test]
fn the_home_of_a_hub_is_read_row_by_row_and_with_the_devices_that_own_rows_there() {
    let (tester, stranger) = (Node::user("tester"), web("stranger"));
    // No edge joins the stranger and the tester: one row names both, and another the stranger alone.
    let mut steps = vec![Step::Row(None, Some(tester.clone())), row_of(&stranger, &tester), row(&stranger)];
    assert_eq!(now(&live(&steps, LIMITS)).exceptions(), []);
    steps.extend((0..3).map(|n| identify(&web(&format!("device-{n}")), &tester)));
    let spread = now(&live(&steps, LIMITS));
    let mut group = [(tester.home_place(), 0), (stranger.home_place(), 0)];
    group.sort_unstable();
    assert_eq!(spread.exceptions(), group);
}

#[test]
fn devices_of_a_test_account_beyond_its_limit_are_read_apart_from_each_other() {
    let tester = Node::user("tester");
    let devices = ["a", "b", "c", "d"].map(web);
    let mut steps: Vec<Step> = devices.iter().map(|device| identify(device, &tester)).collect();
    steps.extend(devices.iter().map(|device| row_of(device, &tester)));
    let spread = now(&live(&steps, LIMITS));
    // Two were followed and share a place; the home of the account itself holds no row.
    assert_eq!((spread.exceptions().len(), spread.groups()), (3, 3));
}

#[test]
fn a_rejected_device_is_a_person_at_its_home() {
    let (nobody, ann, bob) = (web("0"), Node::user("ann"), Node::user("bob"));
    let steps =
        [identify(&nobody, &ann), identify(&nobody, &bob), row(&nobody), row_of(&nobody, &ann), row_of(&nobody, &bob)];
    let spread = now(&live(&steps, LIMITS));
    assert_eq!(spread.exceptions(), []);
    assert_eq!(spread.person_at(nobody.home_place()), Some(PersonId::of(&nobody)));
    assert_eq!(spread.person_at(ann.home_place()), Some(PersonId::of(&ann)));
}

#[test]
fn an_order_that_was_parted_from_a_device_owns_none_of_its_rows() {
    let (phone, order) = (web("phone"), Node::order("shop", "5001"));
    let edge = |rule| Step::Edge(rule, order.clone(), phone.clone());
    let steps = [row(&phone), edge(EdgeRule::StewardLink), row(&phone), edge(EdgeRule::StewardUnlink)];
    let spread = now(&live(&steps, LIMITS));
    assert_eq!(spread.exceptions(), []);
    assert_eq!(spread.person_at(phone.home_place()), Some(PersonId::of(&phone)));
}

#[test]
fn two_hundred_thousand_devices_are_no_burden() {
    let mut steps = Vec::new();
    for n in 0..100_000 {
        let (phone, desk, user) = (web(&format!("p{n}")), web(&format!("d{n}")), Node::user(&format!("u{n}")));
        steps.extend([row(&phone), identify(&phone, &user), identify(&desk, &user), row(&desk)]);
    }
    let spread = now(&live(&steps, HubLimits::default()));
    assert_eq!(spread.exceptions(), []);
}

//! Placement on hand-written histories: where rows go, and what is recorded of it.

use std::collections::BTreeSet;

use identity::{HubLimits, Places, Stay, StayReason, default_rejected_ids};
use model::Node;

fn places() -> Places {
    let limits = HubLimits { known_ids_per_device_max: 2, devices_per_id_per_day_max: 3 };
    Places::new(default_rejected_ids(), limits)
}

fn device(id: &str) -> Node {
    Node::device("web", id)
}

fn stay(home: &Node, place: &Node, reason: StayReason) -> Stay {
    Stay { home: home.home_place(), place: place.home_place(), reason }
}

#[test]
fn a_row_lies_at_home_until_a_link_and_one_of_nobody_at_zero() {
    let (ann, phone, mut places) = (Node::user("ann"), device("phone"), places());
    assert_eq!(places.place(Some(&phone), None), phone.home_place());
    assert_eq!(places.place(None, Some(&ann)), ann.home_place());
    assert_eq!(places.place(None, None), 0);
    assert_eq!(places.take_changes(), []);
}

#[test]
fn a_login_moves_nothing_of_the_main_device() {
    let (ann, phone, desk, mut places) = (Node::user("ann"), device("phone"), device("desk"), places());
    places.link(&phone, &ann);
    for _ in 0..5 {
        places.place(Some(&phone), Some(&ann));
    }
    places.place(Some(&desk), None);
    places.link(&desk, &ann);
    let rows = [(Some(&desk), None), (Some(&desk), Some(&ann)), (None, Some(&ann)), (Some(&phone), None)];
    for (device, user) in rows {
        assert_eq!(places.place(device, user), phone.home_place());
    }
    let mut expected = [stay(&ann, &phone, StayReason::Moved), stay(&desk, &phone, StayReason::Moved)];
    expected.sort_unstable();
    assert_eq!(places.take_changes(), expected);
    assert_eq!(places.take_changes(), []);
}

#[test]
fn the_place_with_the_most_rows_stays_and_of_equals_the_devices_then_the_lesser() {
    let (ann, phone, desk, mut busier) = (Node::user("ann"), device("phone"), device("desk"), places());
    busier.place(Some(&phone), None);
    busier.place(None, Some(&ann));
    busier.place(None, Some(&ann));
    busier.link(&phone, &ann);
    assert_eq!(busier.place(Some(&phone), None), ann.home_place());
    for user in ["ann", "bob", "cleo", "dan", "eve"].map(Node::user) {
        let mut equal = places();
        equal.link(&user, &phone);
        assert_eq!(equal.place(None, Some(&user)), phone.home_place());
    }
    let mut devices = places();
    devices.link(&phone, &desk);
    assert_eq!(devices.place(Some(&phone), None), phone.home_place().min(desk.home_place()));
}

#[test]
fn a_rejected_id_takes_no_device_along_and_leaves_no_record() {
    let (null, phone, desk, mut places) = (Node::user(" NULL "), device("phone"), device("desk"), places());
    places.link(&phone, &null);
    places.link(&desk, &null);
    assert_eq!(places.place(Some(&phone), Some(&null)), phone.home_place());
    assert_eq!(places.place(None, Some(&null)), null.home_place());
    assert_eq!(places.take_changes(), []);
}

#[test]
fn a_node_beyond_its_limit_is_not_followed_and_its_rows_lie_with_the_other() {
    let (tester, mut places) = (Node::user("tester"), places());
    let devices = ["a", "b", "c", "d", "e"].map(device);
    for device in &devices {
        places.link(device, &tester);
        places.place(Some(device), None);
    }
    let [a, _, c, d, e] = &devices;
    assert_eq!(places.place(Some(d), Some(&tester)), d.home_place());
    assert_eq!(places.place(Some(e), Some(&tester)), e.home_place());
    let shared = places.place(Some(a), None);
    assert_eq!(places.place(Some(c), Some(&tester)), shared);
    assert_eq!(places.place(None, Some(&tester)), shared);
    let changes = places.take_changes();
    assert!(changes.contains(&stay(&tester, d, StayReason::WithDevice)));
    assert_eq!(changes.iter().filter(|stay| stay.reason == StayReason::WithDevice).count(), 2);
}

#[test]
fn a_till_does_not_gather_the_buyers_of_all_its_orders() {
    let (till, mut places) = (device("till"), places());
    let buyers: Vec<Node> = (0..5).map(|n| Node::user(&format!("user-{n}"))).collect();
    for (user, number) in buyers.iter().zip(0..) {
        let order = Node::order("shop", &format!("{number}"));
        places.link(&order, user);
        places.link(&order, &till);
    }
    let with_till = buyers.iter().filter(|user| places.place(None, Some(user)) == till.home_place());
    assert_eq!(with_till.count(), 2);
}

#[test]
fn a_row_that_names_a_stranger_beside_a_user_is_recorded_once() {
    let (ann, phone, mut places) = (Node::user("ann"), device("phone"), places());
    for _ in 0..3 {
        assert_eq!(places.place(Some(&phone), Some(&ann)), ann.home_place());
    }
    assert_eq!(places.take_changes(), [stay(&phone, &ann, StayReason::WithUser)]);
}

#[test]
fn what_was_recorded_holds_after_a_restart_in_any_order_and_a_known_place_goes_before_a_new_one() {
    let (ann, mut before) = (Node::user("ann"), places());
    let (phone, desk, tablet) = (device("phone"), device("desk"), device("tablet"));
    for (device, rows) in [(&phone, 1), (&desk, 3), (&tablet, 9)] {
        for _ in 0..rows {
            before.place(Some(device), None);
        }
        before.link(device, &ann);
    }
    let recorded = before.take_changes();
    assert_eq!(recorded.iter().map(|stay| stay.place).collect::<BTreeSet<_>>().len(), 3, "the place moved twice");
    for records in [recorded.clone(), recorded.into_iter().rev().collect()] {
        let mut after = places();
        after.load(records);
        for device in [&phone, &desk, &tablet] {
            assert_eq!(after.place(Some(device), None), tablet.home_place());
        }
        assert_eq!(after.take_changes(), []);
        // Five are fewer than the three rows above and the three records.
        for _ in 0..5 {
            after.place(Some(&device("new")), None);
        }
        after.link(&device("new"), &ann);
        assert_eq!(after.place(Some(&device("new")), None), tablet.home_place());
    }
}

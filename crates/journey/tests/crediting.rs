//! Crediting in one pass says what sessions, touches, weights and splits say one after the other.

use std::collections::BTreeMap;

use journey::{
    Arrival, Bought, Crediting, PathTouch, PolicyCredit, SessionEvent, SessionRule, Shares, Touch, sessions, touches,
};
use model::{AttributionModel, CreditBasis, HousePolicy, UtcMillis};
use proptest::prelude::*;

/// A session event of a small world: instants are quarters of an hour.
#[derive(Debug, Clone)]
struct Happened {
    at: UtcMillis,
    device: i64,
    campaign: Option<u32>,
    click_id: Option<u32>,
    direct: bool,
    bought_micros: Option<i64>,
}

const QUARTER_MS: i64 = UtcMillis::HOUR_MS / 4;
const CENT_MICROS: i64 = 10_000;

fn happened() -> impl Strategy<Value = Vec<Happened>> {
    let code = |most: u32| prop_oneof![3 => Just(None), 1 => (0..most).prop_map(Some)];
    let worth = prop_oneof![Just(0), -500_000_i64..5_000_000, Just(1_000_000)];
    let bought = prop_oneof![3 => Just(None), 1 => worth.prop_map(Some)];
    let one = (0_i64..60, 0_i64..3, code(3), code(4), any::<bool>(), bought);
    prop::collection::vec(one, 0..40).prop_map(|mut all| {
        all.sort_by_key(|one| one.0);
        let event = |(quarter, device, campaign, click_id, direct, bought_micros)| Happened {
            at: UtcMillis(quarter * QUARTER_MS),
            device,
            campaign,
            click_id,
            direct,
            bought_micros,
        };
        all.into_iter().map(event).collect()
    })
}

fn policies() -> Vec<HousePolicy> {
    use AttributionModel::{First, Last, LastNonDirect, Linear, PositionBased, TimeDecay};
    let mut all = Vec::new();
    for model in [First, Last, LastNonDirect, Linear, PositionBased, TimeDecay] {
        for (direct_counts, order_resets_path, basis) in [
            (false, false, CreditBasis::OrderDate),
            (true, false, CreditBasis::TouchDate),
            (false, true, CreditBasis::TouchDate),
            (true, true, CreditBasis::OrderDate),
        ] {
            let click_window_hours = if order_resets_path { 2 } else { 5 };
            all.push(HousePolicy {
                name: format!("{model:?} {direct_counts} {order_resets_path}"),
                model,
                click_window_hours,
                direct_counts,
                order_resets_path,
                first_weight_percent: 40,
                last_weight_percent: 35,
                half_life_hours: 1,
                basis,
            });
        }
    }
    all
}

/// What is credited, one list after the other.
fn slowly(events: &[Happened], policies: &[HousePolicy]) -> Vec<PolicyCredit> {
    let mut by_device: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (position, event) in events.iter().enumerate() {
        by_device.entry(event.device).or_default().push(position);
    }
    let (mut session_of, mut next) = (vec![0_u32; events.len()], 0);
    for positions in by_device.values() {
        let session_event = |&p: &usize| SessionEvent { at: events[p].at, key: p as u128, campaign: None };
        let own: Vec<SessionEvent> = positions.iter().map(session_event).collect();
        for span in sessions(&own, SessionRule::default()) {
            positions[span.first..=span.last].iter().for_each(|&position| session_of[position] = next);
            next += 1;
        }
    }
    let candidate = |(position, event): (usize, &Happened)| Touch {
        at: event.at,
        key: position as u128,
        session: session_of[position],
        source: None,
        campaign: event.campaign,
        channel: position as u32,
        direct: event.direct,
        click_id: event.click_id,
    };
    let path = touches(&events.iter().enumerate().map(candidate).collect::<Vec<_>>());
    let mut credits = Vec::new();
    for (policy, rule) in policies.iter().enumerate() {
        for event in events {
            let Some(bought_micros) = event.bought_micros else { continue };
            let before = |other: &&Happened| other.bought_micros.is_some() && other.at < event.at;
            let previous_at = events.iter().filter(before).map(|other| other.at).max();
            let shares = Shares::of(&path, event.at, previous_at, rule);
            let (orders, values) = (shares.credit(1_000_000, 1), shares.credit(bought_micros, CENT_MICROS));
            let credit = |touch: Option<&Touch>, orders_micros, value_micros| PolicyCredit {
                policy,
                code: touch.map(|touch| touch.channel),
                booked_at: touch.filter(|_| rule.basis == CreditBasis::TouchDate).map_or(event.at, |touch| touch.at),
                orders_micros,
                value_micros,
                currency: Some(3),
            };
            if orders.parts.is_empty() {
                credits.push(credit(None, orders.unattributed_micros, values.unattributed_micros));
            }
            let parts = orders.parts.iter().zip(&values.parts);
            credits.extend(parts.map(|(&(touch, orders), &(_, value))| credit(Some(&path[touch]), orders, value)));
        }
    }
    credits.sort_unstable();
    credits
}

/// What is credited in one pass; codes are positions, as of the slow way.
fn in_one_pass(crediting: &mut Crediting<'_>, events: &[Happened]) -> Vec<PolicyCredit> {
    let mut credits = Vec::new();
    for (code, event) in (0..).zip(events) {
        let Happened { at, device, campaign, click_id, direct, .. } = *event;
        if crediting.comes(&Arrival { at, device, campaign, click_id }) {
            crediting.touch(PathTouch { at, direct, code }, &mut |credit| credits.push(credit));
        }
        if let Some(value_micros) = event.bought_micros {
            crediting.buy(Bought { at, value_micros, minor_micros: CENT_MICROS, currency: Some(3) });
        }
    }
    crediting.end(&mut |credit| credits.push(credit));
    credits.sort_unstable();
    credits
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn one_pass_says_what_the_rules_say_one_after_the_other(persons in prop::collection::vec(happened(), 1..4)) {
        let policies = policies();
        let mut crediting = Crediting::new(&policies, SessionRule::default());
        for events in persons {
            prop_assert_eq!(in_one_pass(&mut crediting, &events), slowly(&events, &policies));
        }
    }

    #[test]
    fn credits_and_what_nobody_gets_add_up_to_what_was_bought(events in happened()) {
        let policies = policies();
        let found = in_one_pass(&mut Crediting::new(&policies, SessionRule::default()), &events);
        let bought = || events.iter().filter_map(|event| event.bought_micros);
        for policy in 0..policies.len() {
            let of = || found.iter().filter(|credit| credit.policy == policy);
            prop_assert_eq!(of().map(|credit| credit.value_micros).sum::<i64>(), bought().sum::<i64>());
            prop_assert_eq!(of().map(|credit| credit.orders_micros).sum::<i64>(), 1_000_000 * bought().count() as i64);
        }
    }
}

#[test]
fn a_touch_at_the_instant_of_a_purchase_counts_whichever_comes_first() {
    let policies = policies();
    let only = [policies.iter().find(|policy| policy.model == AttributionModel::Last).unwrap().clone()];
    let at = UtcMillis(0);
    let purchase =
        Happened { at, device: 1, campaign: None, click_id: None, direct: true, bought_micros: Some(1_000_000) };
    let landing = Happened { device: 2, direct: false, bought_micros: None, ..purchase.clone() };
    let found = in_one_pass(&mut Crediting::new(&only, SessionRule::default()), &[purchase, landing]);
    assert_eq!(found.iter().map(|credit| credit.code).collect::<Vec<_>>(), [Some(1)]);
}

#[test]
fn a_person_with_many_devices_is_credited_as_one_with_few() {
    let policies = policies();
    // Each device comes twice within its session, and every tenth event is a purchase.
    let event = |n: i64| Happened {
        at: UtcMillis(n * 1_000),
        device: n % 200,
        campaign: Some((n % 7) as u32),
        click_id: None,
        direct: n % 3 == 0,
        bought_micros: (n % 10 == 0).then_some(999_999 + n),
    };
    let events: Vec<Happened> = (0..400).map(event).collect();
    let found = in_one_pass(&mut Crediting::new(&policies, SessionRule::default()), &events);
    assert_eq!(found, slowly(&events, &policies));
}

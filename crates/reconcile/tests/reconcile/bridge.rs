//! The bridge: one cause in one case each, and closure on anything.

use jiff::civil::Date;
use model::{AttributionModel, Claim, ClaimKind, CreditBasis, DateBasis, HousePolicy, PlatformPolicy, UtcMillis};
use proptest::prelude::*;
use reconcile::{BridgeInput, BridgeOrder, HouseCredit, LINES, PlatformTouch, Statement, bridge, checks};

use crate::claims::{claim, day};
use crate::shop::{CENT, currency};

const ONE: i64 = 1_000_000;

/// One account, January 10 to 20, Google's rule: 30 days, touch date. The house: 30 days, order date.
#[derive(Debug, Clone)]
pub struct World {
    policy: PlatformPolicy,
    house: HousePolicy,
    claims: Vec<Claim>,
    orders: Vec<BridgeOrder>,
}

impl World {
    pub fn new(claims: Vec<Claim>, orders: Vec<BridgeOrder>) -> Self {
        let policy = PlatformPolicy {
            platform: "google_ads".to_owned(),
            click_window_hours: 720,
            click_ids: vec!["gclid".to_owned()],
            utm_sources: vec!["google".to_owned()],
            action: "conversions".to_owned(),
            booking: CreditBasis::TouchDate,
        };
        let house = HousePolicy {
            name: "house".to_owned(),
            model: AttributionModel::LastNonDirect,
            click_window_hours: 720,
            direct_counts: false,
            order_resets_path: false,
            first_weight_percent: 40,
            last_weight_percent: 40,
            half_life_hours: 168,
            basis: CreditBasis::OrderDate,
        };
        Self { policy, house, claims, orders }
    }

    fn meta(claims: Vec<Claim>, orders: Vec<BridgeOrder>) -> Self {
        let mut world = Self::new(claims, orders);
        world.policy.platform = "meta_ads".to_owned();
        world.policy.click_window_hours = 168;
        world.policy.action = "omni_purchase".to_owned();
        world.policy.booking = CreditBasis::OrderDate;
        world
    }

    pub fn statement(&self) -> Statement {
        let claims: Vec<&Claim> = self.claims.iter().collect();
        bridge(&self.input(&claims)).expect("one currency, small amounts")
    }

    fn input<'a>(&'a self, claims: &'a [&'a Claim]) -> BridgeInput<'a> {
        BridgeInput {
            policy: &self.policy,
            house: &self.house,
            account: "1",
            currency: currency("EUR"),
            from_on: day(10),
            to_on: day(20),
            claims,
            orders: &self.orders,
        }
    }
}

fn touch(on: i8) -> Option<PlatformTouch> {
    Some(PlatformTouch { at: UtcMillis(i64::from(on)), on_account: day(on), on_reporting: day(on), campaign: None })
}

fn credit(to: &str, on: Date, count_micros: i64, cents: i64) -> HouseCredit {
    let this_platform = to == "google_ads";
    HouseCredit { to: to.to_owned(), this_platform, on, count_micros, value_micros: cents * CENT }
}

/// An order of day 15 worth 100.00 placed and known, clicked on day 12, all credited to the platform.
pub fn order(id: &str) -> BridgeOrder {
    BridgeOrder {
        shop: "shop".to_owned(),
        order_id: id.to_owned(),
        currency: currency("EUR"),
        placed_at: UtcMillis(15),
        placed_on_reporting: day(15),
        placed_on_account: day(15),
        placement_total_micros: 10000 * CENT,
        net_revenue_micros: 10000 * CENT,
        test: false,
        cancelled: false,
        platform_touch: touch(12),
        platform_touch_house: touch(12),
        house_credits: vec![credit("google_ads", day(15), ONE, 10000)],
    }
}

/// Lines other than zero, as (line, conversions in millionths, cents), once closure is checked.
fn walked(world: &World) -> Vec<(u8, i64, i64)> {
    let statement = world.statement();
    assert_eq!(checks::closure(&statement), Vec::new(), "{statement:#?}");
    assert!(statement.closes());
    assert!(statement.lines.iter().map(|line| line.label).eq(LINES));
    let lines = statement.lines.iter().map(|line| (line.line, line.count_micros, line.value_micros / CENT));
    lines.filter(|(_, count, value)| (*count, *value) != (0, 0)).collect()
}

fn evidence(world: &World, line: usize) -> String {
    world.statement().lines.get(line).map(|line| line.evidence.clone()).unwrap_or_default()
}

fn claimed(on: i8) -> Vec<Claim> {
    vec![claim("pull", on, 10000 * CENT)]
}

#[test]
fn a_claim_that_the_house_shares_in_full_needs_no_line_between() {
    assert_eq!(walked(&World::new(claimed(12), vec![order("1")])), [(0, ONE, 10000), (16, ONE, 10000)]);
}

#[test]
fn conversions_that_no_order_matches_are_unexplained() {
    let world = World::new(claimed(12), Vec::new());
    assert_eq!(walked(&world), [(0, ONE, 10000), (4, -ONE, -10000)]);
    assert!(evidence(&world, 4).contains("views_unobservable"), "Google does not say what its conversions rest on");
}

#[test]
fn orders_that_the_platform_does_not_claim_are_unexplained() {
    assert_eq!(walked(&World::new(Vec::new(), vec![order("1")])), [(4, ONE, 10000), (16, ONE, 10000)]);
}

#[test]
fn the_claim_is_the_action_by_the_platforms_own_date_at_the_highest_level() {
    let claims = vec![
        claim("a", 12, 100 * CENT),
        Claim { action: "all_conversions".to_owned(), ..claim("b", 12, 200 * CENT) },
        Claim { date_basis: DateBasis::Conversion, ..claim("c", 12, 400 * CENT) },
        Claim { level: "ad_group".to_owned(), ..claim("d", 12, 800 * CENT) },
        Claim { level: "ad_group".to_owned(), ..claim("e", 13, 1600 * CENT) },
        Claim { account: "2".to_owned(), ..claim("f", 12, 3200 * CENT) },
        Claim { platform: "meta_ads".to_owned(), ..claim("g", 12, 6400 * CENT) },
        claim("h", 9, 12800 * CENT),
        claim("i", 21, 25600 * CENT),
    ];
    let world = World::new(claims, Vec::new());
    assert_eq!(walked(&world)[0], (0, 2 * ONE, 1700));
    let by_conversion_date =
        World { policy: PlatformPolicy { booking: CreditBasis::OrderDate, ..world.policy }, ..world };
    assert_eq!(walked(&by_conversion_date)[0], (0, ONE, 400));
}

/// The row of the formats' sample: 9 by click within 7 days, 2 by view, 1 by engaged view.
fn sample_of_meta() -> Vec<Claim> {
    let column = |kind, hours, count, cents| Claim {
        platform: "meta_ads".to_owned(),
        action: "omni_purchase".to_owned(),
        date_basis: DateBasis::Conversion,
        kind,
        window_hours: Some(hours),
        count_micros: count * ONE,
        ..claim("pull", 15, cents * CENT)
    };
    vec![
        column(ClaimKind::Click, 24, 6, 56000),
        column(ClaimKind::Click, 168, 9, 85000),
        column(ClaimKind::Click, 672, 10, 93000),
        column(ClaimKind::View, 24, 2, 19000),
        column(ClaimKind::EngagedView, 24, 1, 9000),
    ]
}

#[test]
fn meta_claims_its_click_window_and_views_and_the_views_go_first() {
    let world = World::meta(sample_of_meta(), Vec::new());
    assert_eq!(walked(&world), [(0, 12 * ONE, 113000), (2, -3 * ONE, -28000), (4, -9 * ONE, -85000)]);
    assert!(!evidence(&world, 4).contains("views_unobservable"));
    assert_eq!(evidence(&world, 2), "views 2.00 conversions worth 190.00, engaged views 1.00 conversions worth 90.00");
}

#[test]
fn a_shorter_or_longer_house_window_moves_orders_at_the_window() {
    let leaves = BridgeOrder {
        platform_touch_house: None,
        house_credits: vec![credit("unattributed", day(15), ONE, 10000)],
        ..order("1")
    };
    let world = World::new(claimed(12), vec![leaves]);
    assert_eq!(walked(&world), [(0, ONE, 10000), (8, -ONE, -10000)]);
    assert_eq!(evidence(&world, 8), "720 h to 720 h: 0 orders come in, 1 go");
    let enters = BridgeOrder { platform_touch: None, ..order("1") };
    assert_eq!(walked(&World::new(Vec::new(), vec![enters])), [(8, ONE, 10000), (16, ONE, 10000)]);
}

#[test]
fn value_basis_and_refunds_change_the_value_and_not_the_count() {
    let refunded = BridgeOrder {
        net_revenue_micros: 3300 * CENT,
        house_credits: vec![credit("google_ads", day(15), ONE, 3300)],
        ..order("1")
    };
    let world = World::new(claimed(12), vec![refunded]);
    assert_eq!(walked(&world), [(0, ONE, 10000), (13, 0, -6700), (16, ONE, 3300)]);
    let moved = &world.statement().moves;
    let moved: Vec<_> =
        moved.iter().map(|m| (m.line, m.order_id.as_str(), m.campaign.as_str(), m.value_delta)).collect();
    assert_eq!(moved, [(13, "1", "none", -6700 * CENT)]);
}

#[test]
fn a_test_order_is_replayed_and_leaves_at_line_13_whatever_its_credits_say() {
    let world = World::new(Vec::new(), vec![BridgeOrder { test: true, ..order("1") }]);
    assert_eq!(walked(&world), [(4, ONE, 10000), (13, -ONE, -10000)]);
}

#[test]
fn a_cancelled_order_counts_nothing_and_keeps_what_stays() {
    let cancelled = BridgeOrder {
        cancelled: true,
        net_revenue_micros: 500 * CENT,
        house_credits: vec![credit("google_ads", day(15), ONE, 500)],
        ..order("1")
    };
    let world = World::new(claimed(12), vec![cancelled]);
    assert_eq!(walked(&world), [(0, ONE, 10000), (13, -ONE, -9500), (16, 0, 500)]);
}

#[test]
fn an_order_whose_days_differ_moves_at_line_13() {
    let later = BridgeOrder {
        placed_on_reporting: day(21),
        house_credits: vec![credit("google_ads", day(21), ONE, 10000)],
        ..order("1")
    };
    assert_eq!(walked(&World::new(claimed(12), vec![later])), [(0, ONE, 10000), (13, -ONE, -10000)]);
    let earlier_click = BridgeOrder { platform_touch: touch(8), platform_touch_house: touch(8), ..order("1") };
    assert_eq!(walked(&World::new(Vec::new(), vec![earlier_click])), [(13, ONE, 10000), (16, ONE, 10000)]);
}

#[test]
fn the_platform_books_in_the_accounts_zone_and_the_house_in_its_own() {
    let zones = |account, reporting| {
        let touch = Some(PlatformTouch {
            at: UtcMillis(0),
            on_account: day(account),
            on_reporting: day(reporting),
            campaign: None,
        });
        BridgeOrder {
            platform_touch: touch.clone(),
            platform_touch_house: touch,
            placed_on_account: day(account),
            placed_on_reporting: day(reporting),
            house_credits: vec![credit("google_ads", day(reporting), ONE, 10000)],
            ..order("1")
        }
    };
    for booking in [CreditBasis::TouchDate, CreditBasis::OrderDate] {
        for basis in [CreditBasis::TouchDate, CreditBasis::OrderDate] {
            let walked = |account, reporting| {
                let mut world = World::new(Vec::new(), vec![zones(account, reporting)]);
                (world.policy.booking, world.house.basis) = (booking, basis);
                walked(&world)
            };
            assert_eq!(walked(10, 9), [(4, ONE, 10000), (13, -ONE, -10000)], "{booking:?} {basis:?}");
            assert_eq!(walked(21, 20), [(13, ONE, 10000), (16, ONE, 10000)], "{booking:?} {basis:?}");
        }
    }
}

#[test]
fn what_others_get_is_shared_credit_named_by_receiver() {
    let shared = BridgeOrder {
        house_credits: vec![
            credit("google_ads", day(15), 400_000, 4000),
            credit("email", day(15), 350_000, 3500),
            credit("unattributed", day(15), 250_000, 2500),
        ],
        ..order("1")
    };
    let world = World::new(claimed(12), vec![shared]);
    assert_eq!(walked(&world), [(0, ONE, 10000), (15, -600_000, -6000), (16, 400_000, 4000)]);
    assert_eq!(evidence(&world, 15), "email -35.00, unattributed -25.00");
}

#[test]
fn credit_without_a_click_that_counts_here_comes_in_as_shared_credit() {
    let unseen = BridgeOrder { platform_touch: None, platform_touch_house: None, ..order("1") };
    let world = World::new(Vec::new(), vec![unseen]);
    assert_eq!(walked(&world), [(15, ONE, 10000), (16, ONE, 10000)]);
    assert_eq!(evidence(&world, 15), "credited without a click that counts here 1.00 conversions worth 100.00");
}

#[test]
fn on_touch_date_credit_on_days_out_of_range_goes_to_other_days() {
    let split = BridgeOrder {
        house_credits: vec![credit("google_ads", day(12), 500_000, 5000), credit("google_ads", day(3), 500_000, 5000)],
        ..order("1")
    };
    let mut world = World::new(claimed(12), vec![split]);
    world.house.basis = CreditBasis::TouchDate;
    assert_eq!(walked(&world), [(0, ONE, 10000), (15, -500_000, -5000), (16, 500_000, 5000)]);
    assert_eq!(evidence(&world, 15), "other days -50.00");
}

#[test]
fn orders_of_another_currency_are_left_out_and_named() {
    let dollars = BridgeOrder { currency: currency("USD"), ..order("1") };
    let world = World::new(claimed(12), vec![dollars]);
    assert_eq!(walked(&world), [(0, ONE, 10000), (4, -ONE, -10000)]);
    assert!(evidence(&world, 4).ends_with("1 orders in USD left out"));
}

#[test]
fn a_claim_in_another_currency_is_refused() {
    let world = World::new(vec![Claim { currency: currency("USD"), ..claim("pull", 12, 1) }], Vec::new());
    let claims: Vec<&Claim> = world.claims.iter().collect();
    let error = bridge(&world.input(&claims)).expect_err("refused").to_string();
    assert!(error.starts_with("a claim of account \"1\" on 2026-01-12 is in USD, expected EUR"), "{error}");
}

#[test]
fn credits_that_do_not_add_up_to_the_order_leave_the_statement_open() {
    let lost = BridgeOrder { house_credits: vec![credit("google_ads", day(15), ONE, 9900)], ..order("1") };
    let statement = World::new(claimed(12), vec![lost]).statement();
    assert!(!statement.closes());
    let found: Vec<String> = checks::closure(&statement).iter().map(ToString::to_string).collect();
    let expected = "L5: statement \"google_ads/1\": values of lines 0 to 15 less line 16 are 1.00, expected 0.00";
    assert_eq!(found, [expected]);
}

fn any_order() -> impl Strategy<Value = BridgeOrder> {
    let any_touch = || {
        prop::option::of((5..25_i8, 0..2_i8)).prop_map(|drawn| {
            let (on, zone) = drawn?;
            let campaign = (on % 2 == 0).then(|| "brand".to_owned());
            Some(PlatformTouch { at: UtcMillis(0), on_account: day(on), on_reporting: day(on + zone), campaign })
        })
    };
    let amounts = (0..20000_i64, -500..20000_i64, prop::collection::vec((0..4_usize, 1..9_i64, 5..25_i8), 0..4));
    (0..99_u8, (5..25_i8, 0..2_i8), amounts, (any::<bool>(), any::<bool>()), any_touch(), any_touch()).prop_map(
        |(id, (on, zone), (placed, net, shares), (test, cancelled), platform_touch, platform_touch_house)| {
            // What the shares leave over is unattributed, so that credits add up to the order.
            let weights: i64 = shares.iter().map(|share| share.1).sum::<i64>() + 1;
            let mut house_credits: Vec<HouseCredit> = shares
                .iter()
                .map(|&(to, weight, on)| {
                    let to = ["google_ads", "meta_ads", "email", "organic"][to];
                    credit(to, day(on), ONE * weight / weights, net * weight / weights)
                })
                .collect();
            let count: i64 = house_credits.iter().map(|credit| credit.count_micros).sum();
            let value: i64 = house_credits.iter().map(|credit| credit.value_micros / CENT).sum();
            house_credits.push(credit("unattributed", day(on), ONE - count, net - value));
            BridgeOrder {
                order_id: id.to_string(),
                placed_on_reporting: day(on),
                placed_on_account: day(on + zone),
                placement_total_micros: placed * CENT,
                net_revenue_micros: net * CENT,
                test,
                cancelled,
                platform_touch,
                platform_touch_house,
                house_credits,
                ..order("")
            }
        },
    )
}

proptest! {
    #[test]
    fn every_statement_closes_and_does_not_know_the_order_of_its_input(
        claims in prop::collection::vec((8..23_i8, 0..9999_i64, 0..3_u8), 0..6),
        orders in prop::collection::vec(any_order(), 0..12),
        bases in (any::<bool>(), any::<bool>()),
    ) {
        let basis = |touch: bool| if touch { CreditBasis::TouchDate } else { CreditBasis::OrderDate };
        let kinds = [ClaimKind::Click, ClaimKind::View, ClaimKind::EngagedView];
        let claims = claims.iter().map(|&(on, cents, kind)| Claim {
            kind: kinds[usize::from(kind)],
            ..claim("pull", on, cents * CENT)
        });
        let mut world = World::new(claims.collect(), orders);
        world.orders.sort_by_key(|order| order.order_id.clone());
        world.orders.dedup_by_key(|order| order.order_id.clone());
        (world.policy.booking, world.house.basis) = (basis(bases.0), basis(bases.1));
        let statement = world.statement();
        prop_assert_eq!(checks::closure(&statement), Vec::new());
        let credited: i64 = world.orders.iter().filter(|order| !order.test).flat_map(|order| &order.house_credits)
            .filter(|credit| credit.this_platform && (day(10)..=day(20)).contains(&credit.on))
            .map(|credit| credit.value_micros).sum();
        prop_assert_eq!(statement.lines.last().map(|line| line.value_micros), Some(credited));
        world.orders.reverse();
        world.claims.reverse();
        prop_assert_eq!(world.statement(), statement);
    }
}

//! What each line rests on, in words. Nothing here changes a number.

use std::collections::BTreeMap;

use model::{CreditBasis, money::format_micros};

use super::{
    BridgeInput,
    amount::Amount,
    claims::Claimed,
    replay::{Walk, other_receiver},
};

pub(super) fn claimed(claimed: &Claimed, input: &BridgeInput<'_>) -> String {
    let levels: Vec<&str> = claimed.levels.iter().map(String::as_str).collect();
    let basis = match input.policy.booking {
        CreditBasis::TouchDate => "touch",
        CreditBasis::OrderDate => "conversion",
    };
    match claimed.rows {
        0 => format!("no row of action \"{}\" by {basis} date", input.policy.action),
        rows => {
            format!("{rows} rows of action \"{}\" by {basis} date, level {}", input.policy.action, levels.join(", "))
        }
    }
}

pub(super) fn views(claimed: &Claimed) -> String {
    format!("views {}, engaged views {}", amount(claimed.views), amount(claimed.engaged_views))
}

pub(super) fn unexplained(claimed: &Claimed, walks: &[Walk<'_>], input: &BridgeInput<'_>) -> String {
    let replayed = walks.iter().map(|walk| walk.replayed).sum::<Amount>();
    let left = claimed.all - claimed.views - claimed.engaged_views;
    let mut parts = vec![format!("replay finds {}, the claim has {} left", amount(replayed), amount(left))];
    if claimed.unsplit {
        parts.push("views_unobservable".to_owned());
    }
    let mut other_currencies: BTreeMap<&str, usize> = BTreeMap::new();
    for order in input.orders.iter().filter(|order| order.currency != input.currency) {
        *other_currencies.entry(order.currency.code()).or_default() += 1;
    }
    parts.extend(other_currencies.iter().map(|(code, count)| format!("{count} orders in {code} left out")));
    parts.join("; ")
}

pub(super) fn window(walks: &[Walk<'_>], input: &BridgeInput<'_>) -> String {
    let (platform, house) = (input.policy.click_window_hours, input.house.click_window_hours);
    format!("{platform} h to {house} h: {}", come_and_go(walks.iter().map(|walk| (walk.replayed, walk.windowed))))
}

pub(super) fn value(walks: &[Walk<'_>]) -> String {
    let gone = |of: fn(&Walk<'_>) -> bool| walks.iter().filter(|w| w.windowed != Amount::default() && of(w)).count();
    format!(
        "{} test, {} cancelled, {} on days out of range; {} come in by their day",
        gone(|walk| walk.order.test),
        gone(|walk| walk.in_house && walk.order.cancelled),
        gone(|walk| !walk.in_house && !walk.order.test),
        walks.iter().filter(|walk| walk.in_house && walk.windowed == Amount::default()).count(),
    )
}

/// Names every receiver that is not this platform, and what this platform gets without a click that we can replay.
pub(super) fn share(walks: &[Walk<'_>], input: &BridgeInput<'_>) -> String {
    let mut to_others: BTreeMap<&str, i128> = BTreeMap::new();
    for walk in walks.iter().filter(|walk| walk.in_house) {
        for credit in &walk.order.house_credits {
            if let Some(other) = other_receiver(credit, input) {
                *to_others.entry(other).or_default() += i128::from(credit.value_micros);
            }
        }
    }
    let mut parts: Vec<_> = to_others.iter().map(|(to, micros)| format!("{to} {}", format_micros(-micros))).collect();
    let unseen = walks.iter().filter(|walk| !walk.in_house).map(|walk| walk.shared).sum::<Amount>();
    if unseen != Amount::default() {
        parts.push(format!("credited without a click that counts here {}", amount(unseen)));
    }
    if parts.is_empty() { "nothing shared".to_owned() } else { parts.join(", ") }
}

pub(super) fn house(walks: &[Walk<'_>]) -> String {
    let credited = walks.iter().filter(|walk| walk.credited != Amount::default()).count();
    format!("credits of {credited} orders")
}

pub(super) fn not_built(falls_to: u8) -> String {
    format!("not built yet: part of line {falls_to}")
}

fn come_and_go(changes: impl Iterator<Item = (Amount, Amount)>) -> String {
    let none = Amount::default();
    let (mut come, mut go) = (0, 0);
    for (before, after) in changes {
        come += usize::from(before == none && after != none);
        go += usize::from(before != none && after == none);
    }
    format!("{come} orders come in, {go} go")
}

/// `3.00 conversions worth 120.00`.
fn amount(amount: Amount) -> String {
    format!("{} conversions worth {}", format_micros(amount.count), format_micros(amount.value))
}

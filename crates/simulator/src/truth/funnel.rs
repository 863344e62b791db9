//! The checkout funnel by brute force: from every entry of every person, as far as seven days carry.

use super::FunnelTruth;
use super::persons::Persons;
use crate::scene::{Action, Scene};
use std::collections::BTreeMap;

const WINDOW_MS: i64 = 7 * 86_400_000;
const STEPS: [&str; 4] = ["view_item", "add_to_cart", "begin_checkout", "purchase"];

/// Runs the funnel over everybody but crawlers.
pub(super) fn run(scene: &Scene, persons: &Persons) -> FunnelTruth {
    let mut by_person: BTreeMap<u32, Vec<(i64, usize)>> = BTreeMap::new();
    for event in scene.events.iter().filter(|event| !scene.device(event.device).bot) {
        if let Some(step) = step(event.action) {
            by_person.entry(persons.of_event(event.device, event.user)).or_default().push((event.at_ms, step));
        }
    }
    let mut reached = [0_u64; STEPS.len()];
    for events in by_person.values_mut() {
        events.sort_unstable();
        let best = (0..events.len()).map(|entry| reach(events.get(entry..).unwrap_or_default())).max().unwrap_or(0);
        reached.iter_mut().take(best).for_each(|persons| *persons += 1);
    }
    FunnelTruth {
        window_ms: WINDOW_MS,
        steps: STEPS.iter().map(|step| (*step).to_owned()).collect(),
        persons: reached.to_vec(),
    }
}

/// How many steps a chain from the first of `events` reaches. Taking the earliest match of each step loses nothing: it
/// leaves the most time for the steps that follow, and no event satisfies two steps.
fn reach(events: &[(i64, usize)]) -> usize {
    let Some(&(entered_ms, 0)) = events.first() else { return 0 };
    let mut reached = 0;
    for (at_ms, step) in events.iter().take_while(|(at_ms, _)| *at_ms <= entered_ms + WINDOW_MS) {
        debug_assert!(*at_ms >= entered_ms);
        if *step == reached {
            reached += 1;
        }
    }
    reached
}

fn step(action: Action) -> Option<usize> {
    match action {
        Action::ProductViewed { .. } => Some(0),
        Action::ProductAdded { .. } => Some(1),
        Action::CheckoutStarted { .. } => Some(2),
        Action::OrderCompleted { .. } => Some(3),
        Action::Page
        | Action::Identify
        | Action::ListViewed
        | Action::CartViewed { .. }
        | Action::PaymentEntered { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_counts_steps_in_order_and_within_the_closed_window() {
        assert_eq!(reach(&[(0, 0), (1, 2), (2, 1), (3, 2), (4, 3)]), 4);
        assert_eq!(reach(&[(0, 0), (1, 2), (2, 1)]), 2);
        assert_eq!(reach(&[(0, 0), (WINDOW_MS, 1)]), 2);
        assert_eq!(reach(&[(0, 0), (WINDOW_MS + 1, 1)]), 1);
        assert_eq!(reach(&[(0, 1), (1, 0)]), 0);
    }
}

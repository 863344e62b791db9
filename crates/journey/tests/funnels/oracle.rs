//! The funnel law, word by word and without any cleverness: every chain is written down, each rule is asked of each
//! chain, and the best by the written order is kept. Slow, and meant to be believed.
//!
//! # Where the text leaves a choice
//! Chains
//! 1. A chain satisfies a prefix of the required steps. An optional step may be matched when every required step before
//!    it is, also behind the last matched required step ("trailing"): it then counts among the most optional steps.
//! 2. "Earliest" compares instants; keys speak only in the last comparison. There, steps are compared one by one, as
//!    (instant, key); a step that is matched comes before one that is not.
//! 3. An optional match obeys the total window, and its own window, from the last matched required step.
//! 4. The first step follows nothing, so a window on it is refused.
//! 5. An exclusion event is any event of the unit, also one that the chain itself matched. With held properties it needs
//!    the run's value, so a null excludes nothing. It forbids optional matches between `from` and `to` as well.
//! 6. `strict` asks about neighbours in the chain, optional matches included: a session event at the instant of any match
//!    is not strictly between. So an optional step can excuse an event that would break the chain without it. Session
//!    events of other held values (null too) break it.
//!
//! `every`
//! 7. Each match of step 1 is an entry, in the range or not: it captures, and never is a later step. Only those in the
//!    range are runs. With held properties a null is no entry.
//! 8. "At or before its instant" compares instants, so an event belongs to an entry of its own instant whatever their
//!    keys; of several entries at one instant the one with the greatest key captures, and the others have nothing else.
//! 9. Counts are of runs: the list behind a count names a unit once for each of its counted runs.
//!
//! `any_order`
//! 10. A window holds the step events of the start's instant and after, whatever their keys, to the total window's end,
//!     or all of them without one. The start's instant must be in the range.
//! 11. The best window: most steps matched, then as for chains, the k-th raise standing for step k.
//! 12. Matched events are those that raised the count, in (instant, key) order. Entries, for maturity, are step events.
//!
//! Results
//! 13. First and last matched event mean step order. Optional matches have breakdown values and claimed values too, so
//!     an optional step can move a breakdown row and the value behind a drop-off, though the text says it moves nothing.
//! 14. No matched event with a value: the run is in the row of null, and has no value.
//! 15. A named optional step that is not matched is `(not reached)`.
//! 16. The sum of the required steps' windows exists if there is a required step after the first and each has a window.
//!     Optional steps are not asked: one behind the last required step may still be matched in a mature run.
//! 17. A window has closed when its last instant is at or before the horizon.
//! 18. Under `first` a converted unit, too, is mature only when the windows of all its entries have closed.
//! 19. The horizon hides no event: it only judges maturity and censors.
//! 20. Kaplan-Meier time of a converted run: completion − entry. Of another: horizon − latest entry (`every`: its own),
//!     at most the window, at least 0. Who is censored at a time is at risk at it.
//! 21. A drop-off stands at the required step that was not reached, and counts who reached the required step before.
//! 22. Unit keys that are null, and which session an order belongs to, are settled before a log exists.

use std::cmp::Reverse;

use crate::case::{Breakdown, Entry, Event, Mode, Options, Step, refused};

/// One slot a step: the event that satisfies it. Under `any_order` slot k is the event that raised the count to k + 1.
type Chain<'a> = Vec<Option<&'a Event>>;

/// What became of one entry, or under `first` of one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Instant of the first match.
    pub entry_at: i64,
    /// Key of the first match.
    pub entry_key: u32,
    /// How many required steps were matched, `1..`.
    pub reached: usize,
    /// Instant and key of each step's match; under `any_order` of each raise.
    pub matched: Vec<Option<(i64, u32)>>,
    /// The held value, where one is held.
    pub held: Option<u8>,
    /// The one row that the run is in.
    pub row: Row,
    /// The claimed value on the last matched event that has one, millionths.
    pub value_micros: Option<i64>,
    /// Instant of the last required match if all required steps were matched.
    pub completed_at: Option<i64>,
    /// Whether nothing is expected any more.
    pub mature: bool,
    /// Kaplan-Meier time: when it converted or was lost from sight, milliseconds after entry.
    pub observed_ms: i64,
}

/// A row of a breakdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// There is no breakdown.
    Whole,
    /// The property's value, or null.
    Value(Option<u8>),
    /// The named step has no match.
    NotReached,
}

/// All runs of one unit, by entry. Panics on options that the law refuses.
pub fn runs(log: &[Event], options: &Options) -> Vec<Run> {
    if let Some(why) = refused(options) {
        panic!("refused options: {why}");
    }
    let chains = match (options.mode, options.entry) {
        (Mode::AnyOrder, _) => Vec::from_iter(best(windows(log, options), options)),
        (_, Entry::First) => Vec::from_iter(best(lawful_chains(log, options), options)),
        (_, Entry::Every) => best_of_every_entry(log, options),
    };
    let mut runs: Vec<Run> = chains.iter().map(|chain| run(chain, log, options)).collect();
    runs.sort_by_key(|run| (run.entry_at, run.entry_key));
    runs
}

/// Every chain there is: each way to give distinct events with non-decreasing instants to a prefix of the required
/// steps, with any of the optional steps on the way.
fn chains<'a>(log: &'a [Event], steps: &[Step]) -> Vec<Chain<'a>> {
    let mut ended: Vec<Chain<'a>> = Vec::new();
    let mut open: Vec<Chain<'a>> = vec![Vec::new()];
    for step in steps {
        let mut extended = Vec::new();
        for chain in open {
            for event in log.iter().filter(|event| event.is_in(step.matches)) {
                let last = chain.iter().flatten().last();
                let distinct = chain.iter().flatten().all(|other| other.key != event.key);
                if distinct && last.is_none_or(|last| last.at <= event.at) {
                    extended.push([chain.as_slice(), &[Some(event)]].concat());
                }
            }
            match step.optional {
                true => extended.push([chain.as_slice(), &[None]].concat()),
                false => ended.push(chain),
            }
        }
        open = extended;
    }
    ended.extend(open);
    ended.retain(|chain| !chain.is_empty());
    ended.iter_mut().for_each(|chain| chain.resize(steps.len(), None));
    ended
}

/// The chains that break no rule and whose entry is in the range.
fn lawful_chains<'a>(log: &'a [Event], options: &Options) -> Vec<Chain<'a>> {
    let mut chains = chains(log, &options.steps);
    chains.retain(|chain| {
        options.admits(entry(chain).at)
            && constants_are_held(chain, options)
            && total_window_is_kept(chain, options)
            && step_windows_are_kept(chain, options)
            && nothing_excluded_lies_between(chain, log, options)
            && (options.mode != Mode::Strict || no_other_session_event_lies_between(chain, log))
    });
    chains
}

/// The first step's match.
fn entry<'a>(chain: &Chain<'a>) -> &'a Event {
    chain.first().copied().flatten().expect("a chain satisfies the first step")
}

/// A null in a held property matches nothing; the others must be equal.
fn constants_are_held(chain: &Chain<'_>, options: &Options) -> bool {
    let held = entry(chain).held;
    !options.hold || chain.iter().flatten().all(|event| event.held.is_some() && event.held == held)
}

/// The total window runs from the first step and is closed.
fn total_window_is_kept(chain: &Chain<'_>, options: &Options) -> bool {
    let age = |event: &&Event| event.at - entry(chain).at;
    options.total_window_ms.is_none_or(|window| chain.iter().flatten().all(|event| age(event) <= window))
}

/// A per-step window runs from the last matched required step and is closed.
fn step_windows_are_kept(chain: &Chain<'_>, options: &Options) -> bool {
    (1..chain.len()).all(|index| match (chain[index], options.steps[index].window_ms) {
        (Some(event), Some(window)) => {
            let before = (0..index).filter(|&earlier| !options.steps[earlier].optional);
            let last = before.filter_map(|earlier| chain[earlier]).next_back().expect("the first step is required");
            event.at - last.at <= window
        }
        _ => true,
    })
}

/// An exclusion from step i to j forbids matching any step after i up to j when an exclusion event with the same held
/// values lies strictly between i's instant and that match.
fn nothing_excluded_lies_between(chain: &Chain<'_>, log: &[Event], options: &Options) -> bool {
    options.exclusions.iter().all(|exclusion| {
        let Some(from) = chain[exclusion.from] else { return true };
        let excludes = |event: &Event| event.is_in(exclusion.matches) && (!options.hold || event.held == from.held);
        let forbidden = |later: &Event| log.iter().any(|e| excludes(e) && from.at < e.at && e.at < later.at);
        !chain[exclusion.from + 1..=exclusion.to].iter().flatten().any(|later| forbidden(later))
    })
}

/// `strict`: no other session event of the unit strictly between matched instants.
fn no_other_session_event_lies_between(chain: &Chain<'_>, log: &[Event]) -> bool {
    let matched: Vec<&Event> = chain.iter().flatten().copied().collect();
    matched.windows(2).all(|pair| !log.iter().any(|e| e.session_event && pair[0].at < e.at && e.at < pair[1].at))
}

/// All entries, in the range or not: matches of step 1, under `any_order` of any step.
fn entries<'a>(log: &'a [Event], options: &Options) -> Vec<&'a Event> {
    let steps = if options.mode == Mode::AnyOrder { options.steps.len() } else { 1 };
    let enters = |event: &Event| options.steps[..steps].iter().any(|step| event.is_in(step.matches));
    log.iter().filter(|event| options.sees(event) && enters(event)).collect()
}

/// `every`: the best chain of each entry in the range.
fn best_of_every_entry<'a>(log: &'a [Event], options: &Options) -> Vec<Chain<'a>> {
    let chains = lawful_chains(log, options);
    let best_of = |start: &Event| {
        let allowed = chains.iter().filter(|chain| every_allows(chain, start, log, options));
        best(allowed.cloned().collect(), options)
    };
    entries(log, options).into_iter().filter(|entry| options.admits(entry.at)).filter_map(best_of).collect()
}

/// `every`: the chain starts at `entry`, and its other events are no entries and belong to it: to the latest entry at or
/// before their instant and with their held values.
fn every_allows(chain: &Chain<'_>, start: &Event, log: &[Event], options: &Options) -> bool {
    let entries = entries(log, options);
    let is_entry = |event: &Event| entries.iter().any(|entry| entry.key == event.key);
    let owner = |event: &Event| {
        let before = entries.iter().filter(|entry| entry.at <= event.at && (!options.hold || entry.held == event.held));
        before.max_by_key(|entry| entry.place()).map(|entry| entry.key)
    };
    entry(chain).key == start.key
        && chain.iter().skip(1).flatten().all(|event| !is_entry(event) && owner(event) == Some(start.key))
}

/// `any_order`: for each window that starts at a step event in the range, the events that raise the number of steps
/// matched, in (instant, key) order.
fn windows<'a>(log: &'a [Event], options: &Options) -> Vec<Chain<'a>> {
    let step_events = entries(log, options);
    let mut windows = Vec::new();
    for start in step_events.iter().filter(|start| options.admits(start.at)) {
        let end = options.total_window_ms.map_or(i64::MAX, |window| start.at + window);
        let inside = |event: &&&Event| start.at <= event.at && event.at <= end;
        let alike = |event: &&&Event| !options.hold || event.held == start.held;
        let mut events: Vec<&Event> = step_events.iter().filter(inside).filter(alike).copied().collect();
        events.sort_by_key(|event| event.place());
        let sizes: Vec<usize> = (0..=events.len()).map(|count| most_steps(&events[..count], options)).collect();
        let raising = (0..events.len()).filter(|&index| sizes[index + 1] > sizes[index]);
        let mut window: Chain<'a> = raising.map(|index| Some(events[index])).collect();
        window.resize(options.steps.len(), None);
        windows.push(window);
    }
    windows
}

/// Size of a maximum matching: of all sets of steps that distinct events can fill, the largest.
fn most_steps(events: &[&Event], options: &Options) -> usize {
    let mut filled: Vec<Vec<bool>> = vec![vec![false; options.steps.len()]];
    for event in events {
        for before in filled.clone() {
            for index in 0..options.steps.len() {
                let mut after = before.clone();
                after[index] = true;
                if !before[index] && event.is_in(options.steps[index].matches) && !filled.contains(&after) {
                    filled.push(after);
                }
            }
        }
    }
    filled.iter().map(|steps| steps.iter().filter(|step| **step).count()).max().unwrap_or(0)
}

/// The best chain: the furthest required step, then the earliest entry, the earliest completion (its last required
/// match), the earliest required matches between in step order, then most optional steps, then instants and keys in
/// step order.
fn best<'a>(chains: Vec<Chain<'a>>, options: &Options) -> Option<Chain<'a>> {
    chains.into_iter().min_by_key(|chain| {
        let required = required_instants(chain, options);
        let optional = chain.iter().flatten().count() - required.len();
        let places: Vec<_> = chain.iter().map(|slot| (slot.is_none(), slot.map(Event::place))).collect();
        (
            Reverse(required.len()),
            required.first().copied(),
            required.last().copied(),
            required,
            Reverse(optional),
            places,
        )
    })
}

/// Instants of the required matches, in step order.
fn required_instants(chain: &Chain<'_>, options: &Options) -> Vec<i64> {
    options.required().into_iter().filter_map(|index| chain[index]).map(|event| event.at).collect()
}

/// What the best chain of a unit, or of one of its entries, says.
fn run(chain: &Chain<'_>, log: &[Event], options: &Options) -> Run {
    let entry = entry(chain);
    let required = required_instants(chain, options);
    let completed_at = required.last().copied().filter(|_| required.len() == options.required().len());
    let in_range = entries(log, options).into_iter().map(|entry| entry.at).filter(|at| options.admits(*at));
    let latest = match options.entry {
        Entry::First => in_range.max().expect("the chain's entry is in the range"),
        Entry::Every => entry.at,
    };
    let window = maturity_window(options);
    let lost_ms = (options.horizon - latest).min(window.unwrap_or(i64::MAX)).max(0);
    Run {
        entry_at: entry.at,
        entry_key: entry.key,
        reached: required.len(),
        matched: chain.iter().map(|slot| slot.map(Event::place)).collect(),
        held: entry.held.filter(|_| options.hold),
        row: row(chain, options),
        value_micros: chain.iter().flatten().rev().find_map(|event| event.value_micros),
        completed_at,
        mature: window.is_some_and(|window| latest + window <= options.horizon),
        observed_ms: completed_at.map_or(lost_ms, |at| at - entry.at),
    }
}

/// The smaller of the total window and the sum of the required steps' windows.
fn maturity_window(options: &Options) -> Option<i64> {
    let later: Vec<usize> = options.required().into_iter().skip(1).collect();
    let sum: Option<i64> = later.iter().map(|&index| options.steps[index].window_ms).sum();
    let sum = sum.filter(|_| !later.is_empty());
    options.total_window_ms.into_iter().chain(sum).min()
}

/// The row of a run: the first or last matched event that has a value, or the named step's match.
fn row(chain: &Chain<'_>, options: &Options) -> Row {
    let mut values = chain.iter().flatten().filter_map(|event| event.breakdown);
    match options.breakdown {
        Breakdown::None => Row::Whole,
        Breakdown::First => Row::Value(values.next()),
        Breakdown::Last => Row::Value(values.next_back()),
        Breakdown::Step(index) => chain[index].map_or(Row::NotReached, |event| Row::Value(event.breakdown)),
    }
}

//! Paths by the words: write down what lies beyond an anchor, then strike out what does not belong.

use std::collections::BTreeMap;

use fastrand::Rng;
use journey::{
    AnchorRule, EntryRange, PathColumn, PathDirection, PathEdge, PathEvent, PathLine, PathTerms, Paths, PathsFold,
    PathsGroup, TopPaths,
};
use model::UtcMillis;

use crate::cases;

fn terms(rng: &mut Rng) -> PathTerms {
    PathTerms {
        anchor: *rng.choice(&[AnchorRule::First, AnchorRule::Last, AnchorRule::Every]).expect("three rules"),
        direction: if rng.bool() { PathDirection::After } else { PathDirection::Before },
        steps: rng.usize(1..=4),
        collapsed: rng.bool(),
        gap_ms_max: rng.bool().then(|| rng.i64(0..6)),
        until_next_anchor: rng.bool(),
    }
}

fn log(rng: &mut Rng) -> Vec<PathEvent> {
    let instants = cases::instants(rng, 12);
    let (names, few_anchors) = (rng.u32(1..4), rng.bool());
    let event = |at| {
        let mask = rng.u32(0..4) & if few_anchors && rng.bool() { PathEvent::COUNTS } else { u32::MAX };
        PathEvent { at: UtcMillis(at), mask, name: rng.u32(0..names) }
    };
    instants.into_iter().map(event).collect()
}

/// (position of the anchor, names) of each path; by the words.
fn paths(log: &[PathEvent], terms: &PathTerms, range: EntryRange) -> Vec<(usize, Vec<u32>)> {
    let is_anchor = |event: &PathEvent| event.mask & 1 == 1;
    let in_range = |event: &PathEvent| range.from <= event.at && event.at < range.to;
    let anchors: Vec<usize> = (0..log.len()).filter(|&i| is_anchor(&log[i]) && in_range(&log[i])).collect();
    let chosen: Vec<usize> = match terms.anchor {
        AnchorRule::First => anchors.first().copied().into_iter().collect(),
        AnchorRule::Last => anchors.last().copied().into_iter().collect(),
        AnchorRule::Every => anchors,
    };
    let path = |anchor: usize| {
        let mut beyond: Vec<PathEvent> = match terms.direction {
            PathDirection::After => log[anchor + 1..].to_vec(),
            PathDirection::Before => log[..anchor].iter().rev().copied().collect(),
        };
        if let Some(next) = beyond.iter().position(is_anchor).filter(|_| terms.until_next_anchor) {
            beyond.truncate(next);
        }
        beyond.retain(|event| event.mask & 2 == 2);
        beyond.insert(0, log[anchor]);
        let too_far =
            |pair: &[PathEvent]| terms.gap_ms_max.is_some_and(|most| (pair[1].at.0 - pair[0].at.0).abs() > most);
        if let Some(last) = beyond.windows(2).position(too_far) {
            beyond.truncate(last + 1);
        }
        let mut names: Vec<u32> = beyond.iter().map(|event| event.name).collect();
        if terms.collapsed {
            names.dedup();
        }
        names.truncate(terms.steps + 1);
        (anchor, names)
    };
    chosen.into_iter().map(path).collect()
}

/// The most frequent of what is listed, most frequent first, and how many others there are.
fn top<T: Ord + Clone>(all: &[T], most: usize) -> (Vec<(T, u64)>, u64) {
    let mut kinds: Vec<(T, u64)> =
        all.iter().map(|one| (one.clone(), all.iter().filter(|other| *other == one).count() as u64)).collect();
    kinds.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    kinds.dedup();
    let kept: Vec<(T, u64)> = kinds.into_iter().take(most).collect();
    let other = all.len() as u64 - kept.iter().map(|(_, count)| count).sum::<u64>();
    (kept, other)
}

fn names_of(fold: &mut PathsFold, log: &[PathEvent], range: EntryRange) -> Vec<(usize, Vec<u32>)> {
    fold.run(log, range).iter().map(|run| (run.position as usize, run.names.to_vec())).collect()
}

#[test]
fn paths_are_what_the_words_say() {
    let mut by_rule: BTreeMap<String, u64> = BTreeMap::new();
    cases::each(|seed, rng| {
        let (terms, range) = (terms(rng), cases::range(rng));
        let mut fold = PathsFold::new(Paths::new(terms).expect("terms in their ranges"));
        let mut group = PathsGroup::new(fold.paths());
        let mut all: Vec<Vec<u32>> = Vec::new();
        for _ in 0..3 {
            let log = log(rng);
            let found = names_of(&mut fold, &log, range);
            assert_eq!(found, paths(&log, &terms, range), "seed {seed} {terms:?} {range:?} {log:?}");
            let runs = fold.run(&log, range);
            assert_eq!((runs.len(), runs.is_empty()), (found.len(), found.is_empty()));
            assert!(runs.iter().all(|run| log[run.position as usize].at == run.at));
            found.iter().for_each(|(_, names)| group.add(names));
            all.extend(found.into_iter().map(|(_, names)| names));
        }
        *by_rule.entry(format!("{:?}", terms.anchor)).or_default() += all.len() as u64;
        counts_are_of(&group, &all, rng.usize(0..5), &format!("seed {seed} {terms:?}"));
    });
    assert!(by_rule.len() == 3 && by_rule.values().all(|paths| *paths > 1_000), "too few paths: {by_rule:?}");
}

/// Holds the numbers of a group against the paths it is of.
fn counts_are_of(group: &PathsGroup, all: &[Vec<u32>], most: usize, case: &str) {
    let steps = group.question().terms().steps;
    assert_eq!(group.paths(), all.len() as u64, "{case}");
    let (lines, other) = top(all, most);
    let line = |(names, paths): (Vec<u32>, u64)| PathLine { ended: names.len() < steps + 1, names, paths };
    assert_eq!(group.top(most), TopPaths { lines: lines.into_iter().map(line).collect(), other }, "{case}");
    let column = |position: usize| {
        // *end* is less than every name, so that it comes before them in a tie.
        let leads = |names: &Vec<u32>| {
            let (from, to) = (*names.get(position)?, names.get(position + 1).copied());
            Some((to.is_some(), from, to))
        };
        let (edges, other) = top(&all.iter().filter_map(leads).collect::<Vec<_>>(), most);
        let edges = edges.into_iter().map(|((_, from, to), paths)| PathEdge { from, to, paths }).collect();
        PathColumn { position, edges, other }
    };
    assert_eq!(group.columns(most), (0..steps).map(column).collect::<Vec<_>>(), "{case}");
}

#[test]
fn path_groups_add_and_subtract_exactly() {
    cases::each(|seed, rng| {
        let (terms, range) = (terms(rng), EntryRange::ALL);
        let question = Paths::new(terms).expect("terms in their ranges");
        let mut fold = PathsFold::new(question);
        let mut group = |log: &[PathEvent]| {
            let mut group = PathsGroup::new(&question);
            fold.run(log, range).iter().for_each(|run| group.add(run.names));
            group
        };
        let (kept, before, after) = (group(&log(rng)), group(&log(rng)), group(&log(rng)));
        let mut fresh = kept.clone();
        fresh += &after;
        let mut cached = kept.clone();
        cached += &before;
        cached -= &before;
        cached += &after;
        assert_eq!(cached, fresh, "seed {seed} {terms:?}");
        let mut owed = PathsGroup::new(&question);
        owed -= &kept;
        owed += &fresh;
        assert_eq!(owed, after, "seed {seed} {terms:?}");
        for line in after.top(usize::MAX).lines {
            (0..line.paths).for_each(|_| owed.subtract(&line.names));
        }
        assert_eq!(owed, PathsGroup::new(&question), "seed {seed}, nothing is left");
    });
}

/// Nothing is gained or lost from one column to the next.
#[test]
fn what_enters_a_name_leaves_it() {
    cases::each(|seed, rng| {
        let terms = terms(rng);
        let mut fold = PathsFold::new(Paths::new(terms).expect("terms in their ranges"));
        let mut group = PathsGroup::new(fold.paths());
        for _ in 0..4 {
            fold.run(&log(rng), EntryRange::ALL).iter().for_each(|run| group.add(run.names));
        }
        let columns = group.columns(usize::MAX);
        for pair in columns.windows(2) {
            let mut flows: BTreeMap<u32, i128> = BTreeMap::new();
            for edge in &pair[0].edges {
                edge.to.into_iter().for_each(|name| *flows.entry(name).or_default() += i128::from(edge.paths));
            }
            for edge in &pair[1].edges {
                *flows.entry(edge.from).or_default() -= i128::from(edge.paths);
            }
            assert!(flows.values().all(|flow| *flow == 0), "seed {seed} {terms:?} {columns:?}");
        }
    });
}

/// A path through 200,000 repeats would be as many steps for each of as many anchors.
#[test]
fn a_long_log_of_one_name_is_one_pass() {
    let event = |at| PathEvent { at: UtcMillis(at), mask: PathEvent::ANCHOR | PathEvent::COUNTS, name: 7 };
    let log: Vec<PathEvent> = (0..200_000).map(event).collect();
    for direction in [PathDirection::After, PathDirection::Before] {
        let terms = PathTerms {
            anchor: AnchorRule::Every,
            direction,
            steps: Paths::STEPS_MAX,
            collapsed: true,
            gap_ms_max: Some(1),
            until_next_anchor: false,
        };
        let mut fold = PathsFold::new(Paths::new(terms).expect("terms in their ranges"));
        let runs = fold.run(&log, EntryRange::ALL);
        assert_eq!(runs.iter().filter(|run| run.names == [7]).count(), log.len());
    }
}

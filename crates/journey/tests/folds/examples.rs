//! Worked out by hand: what the words mean for one unit.

use journey::{
    AnchorRule, EntryRange, FoldError, PathDirection, PathEvent, PathTerms, Paths, PathsFold, Periods, Retention,
    RetentionEvent, RetentionFold, RetentionGroup, ReturnRule,
};
use model::UtcMillis;

const START: u32 = RetentionEvent::START;
const RETURN: u32 = RetentionEvent::RETURN;

/// Periods of 10 ms, three cohorts, returns up to two periods later.
fn retention(rule: ReturnRule) -> RetentionFold {
    let periods = Periods::new((0..6).map(|cut| UtcMillis(cut * 10)).collect()).expect("five periods");
    let range = EntryRange { from: UtcMillis(0), to: UtcMillis(30) };
    RetentionFold::new(Retention::new(periods, range, rule, 2).expect("the periods are enough"))
}

fn returned(rule: ReturnRule, events: &[(i64, u32)]) -> Option<(usize, Vec<bool>)> {
    let events: Vec<_> = events.iter().map(|&(at, mask)| RetentionEvent { at: UtcMillis(at), mask }).collect();
    retention(rule).run(&events).map(|outcome| (outcome.period, outcome.returned.to_vec()))
}

#[test]
fn a_start_is_no_return_of_itself() {
    let both = START | RETURN;
    assert_eq!(returned(ReturnRule::On, &[(12, both)]), Some((1, vec![false, false, false])));
    assert_eq!(returned(ReturnRule::On, &[(12, both), (12, both)]), Some((1, vec![true, false, false])));
    assert_eq!(returned(ReturnRule::On, &[(12, RETURN), (12, START)]), Some((1, vec![true, false, false])));
    assert_eq!(returned(ReturnRule::On, &[(11, RETURN), (12, START)]), Some((1, vec![false, false, false])));
}

#[test]
fn an_unbounded_return_counts_in_every_period_up_to_its_own() {
    let events = [(12, START), (39, RETURN)];
    assert_eq!(returned(ReturnRule::On, &events), Some((1, vec![false, false, true])));
    assert_eq!(returned(ReturnRule::OnOrAfter, &events), Some((1, vec![true, true, true])));
    let late = [(12, START), (99, RETURN)];
    assert_eq!(returned(ReturnRule::On, &late), Some((1, vec![false, false, false])));
    assert_eq!(returned(ReturnRule::OnOrAfter, &late), Some((1, vec![true, true, true])));
}

#[test]
fn a_cell_whose_period_has_not_ended_has_no_rate() {
    let mut fold = retention(ReturnRule::On);
    let mut group = RetentionGroup::new(fold.retention());
    let start = RetentionEvent { at: UtcMillis(12), mask: START };
    group.add(&fold.run(&[start]).expect("it starts"));
    let report = group.report(UtcMillis(30));
    let complete: Vec<Vec<bool>> =
        report.rows.iter().map(|row| row.cells.iter().map(|cell| cell.complete).collect()).collect();
    assert_eq!(complete, [[true, true, true], [true, true, false], [true, false, false]]);
    let rates: Vec<Option<f64>> = (0..4).map(|k| report.rows[1].rate(k)).collect();
    assert_eq!(rates, [Some(0.0), Some(0.0), None, None]);
    assert_eq!(report.rows[0].rate(0), None, "nobody started");
}

#[test]
fn periods_that_are_none_are_refused() {
    let periods = |cuts: &[i64]| Periods::new(cuts.iter().copied().map(UtcMillis).collect());
    assert_eq!(periods(&[1]), Err(FoldError::Cuts { found: 1 }));
    let error = periods(&[1, 5, 5]).expect_err("the second period holds nothing").to_string();
    assert_eq!(error, "cut 3 of the periods is not after the one before, expected ascending instants");
    let range = EntryRange { from: UtcMillis(1), to: UtcMillis(9) };
    let asked = |after| Retention::new(periods(&[0, 5, 10]).expect("two periods"), range, ReturnRule::On, after);
    assert!(asked(0).is_ok());
    let error = asked(1).expect_err("a third period is needed").to_string();
    assert_eq!(
        error,
        "retention asks about returns after the last period, expected periods from the range's start to 1 after the \
         one of its last instant"
    );
}

/// Paths of the anchor named 1 over events (instant, name) that all count.
fn paths(events: &[(i64, u32)], change: impl Fn(&mut PathTerms)) -> Vec<Vec<u32>> {
    let mut terms = PathTerms {
        anchor: AnchorRule::First,
        direction: PathDirection::After,
        steps: 3,
        collapsed: false,
        gap_ms_max: None,
        until_next_anchor: false,
    };
    change(&mut terms);
    let seen = |&(at, name): &(i64, u32)| PathEvent {
        at: UtcMillis(at),
        mask: PathEvent::COUNTS | if name == 1 { PathEvent::ANCHOR } else { 0 },
        name,
    };
    let events: Vec<PathEvent> = events.iter().map(seen).collect();
    let mut fold = PathsFold::new(Paths::new(terms).expect("terms in their ranges"));
    fold.run(&events, EntryRange::ALL).iter().map(|run| run.names.to_vec()).collect()
}

#[test]
fn a_path_goes_away_from_its_anchor() {
    let log = [(0, 7), (1, 2), (2, 1), (3, 3), (4, 1), (5, 4), (6, 5)];
    assert_eq!(paths(&log, |_| {}), [[1, 3, 1, 4]]);
    assert_eq!(paths(&log, |terms| terms.anchor = AnchorRule::Last), [[1, 4, 5]]);
    assert_eq!(paths(&log, |terms| terms.direction = PathDirection::Before), [[1, 2, 7]]);
    let every = |terms: &mut PathTerms| terms.anchor = AnchorRule::Every;
    assert_eq!(paths(&log, every), [vec![1, 3, 1, 4], vec![1, 4, 5]]);
    let until = |terms: &mut PathTerms| (terms.anchor, terms.until_next_anchor) = (AnchorRule::Every, true);
    assert_eq!(paths(&log, until), [vec![1, 3], vec![1, 4, 5]]);
}

#[test]
fn a_collapsed_repeat_keeps_a_path_alive() {
    let log = [(0, 1), (5, 2), (10, 2), (15, 2), (20, 3), (26, 4)];
    let gap = |terms: &mut PathTerms| terms.gap_ms_max = Some(5);
    assert_eq!(paths(&log, gap), [[1, 2, 2, 2]]);
    let collapsed = |terms: &mut PathTerms| (terms.gap_ms_max, terms.collapsed) = (Some(5), true);
    assert_eq!(paths(&log, collapsed), [[1, 2, 3]]);
}

#[test]
fn path_terms_out_of_range_are_refused() {
    let terms = |steps, gap_ms_max| PathTerms {
        anchor: AnchorRule::First,
        direction: PathDirection::After,
        steps,
        collapsed: false,
        gap_ms_max,
        until_next_anchor: false,
    };
    let error = |terms| Paths::new(terms).expect_err("it is refused").to_string();
    assert_eq!(error(terms(0, None)), "path has 0 steps, expected 1 to 10");
    assert_eq!(error(terms(11, None)), "path has 11 steps, expected 1 to 10");
    assert_eq!(error(terms(1, Some(-1))), "gap of a path is -1 ms, expected 0 or more");
}

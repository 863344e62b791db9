//! The laws asked of lakes, and every checker of falsified answers.

use std::{collections::BTreeMap, sync::Arc};

use definitions::Definitions;
use fastrand::Rng;

use super::{
    World,
    lake::{FunnelLake, engine},
    laws::{self, Answers},
    option_set::{DAY_MS, ORIGIN_MS, OptionSet, definitions},
    question::{Kind, Question},
    subject::{Subject, in_any_guise},
};
use crate::case::{Breakdown, Event, Mode};

/// Logs of a lake that laws are asked of.
const LOGS: usize = 80;
/// Sets of options that are asked of it.
const SETS: usize = 20;

/// Subjects, what is asked of them and how it is defined.
struct Asked {
    subjects: Vec<Subject>,
    sets: Vec<OptionSet>,
    definitions: Arc<Definitions>,
}

impl Asked {
    fn draw(rng: &mut Rng) -> Self {
        let world = World::draw(rng, LOGS, SETS);
        let subjects = world.logs.iter().zip(0..).map(|(log, number)| in_any_guise(rng, number, log)).collect();
        let definitions = Arc::new(definitions(&world.sets, &["person"]));
        Self { subjects, sets: world.sets, definitions }
    }

    /// Every answer to those sets, by the name of the funnel.
    async fn answers(&self, lake: &FunnelLake, asked: impl Fn(&OptionSet) -> bool) -> BTreeMap<String, Answers> {
        let mut answers = BTreeMap::new();
        for set in self.sets.iter().filter(|set| asked(set)) {
            let question = set.question("person");
            answers.insert(format!("f{}", set.number), answers_to(lake, &question, &Kind::ALL).await);
        }
        answers
    }
}

async fn answers_to(lake: &FunnelLake, question: &Question, kinds: &[Kind]) -> Answers {
    let mut answers = Answers::new();
    for kind in kinds {
        answers.insert(*kind, lake.ask(question, *kind).await);
    }
    answers
}

/// The answers with one count, or one row, made another.
fn falsified(answers: &Answers, kind: Kind, column: usize) -> Answers {
    let mut falsified = answers.clone();
    let rows = falsified.get_mut(&kind).expect("every kind is asked");
    let row = rows.iter_mut().find(|row| !row[column].is_empty()).expect("a row with a value");
    row[column] = if row[column] == "100" { "101" } else { "100" }.to_owned();
    falsified
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_arrival_never_shows() {
    let mut rng = Rng::with_seed(11);
    let asked = Asked::draw(&mut rng);
    let one = FunnelLake::fill(&asked.subjects, &mut rng, &asked.definitions).await;
    let expected = asked.answers(&one, |_| true).await;
    for _ in 0..2 {
        let other = FunnelLake::fill(&asked.subjects, &mut rng, &asked.definitions).await;
        let found = asked.answers(&other, |_| true).await;
        assert_eq!(laws::unlike(&expected, &found), Vec::<String>::new());
        let (name, answers) = found.iter().find(|(_, answers)| !answers[&Kind::People].is_empty()).unwrap();
        for (kind, column) in [(Kind::Steps, 3), (Kind::Trend, 3), (Kind::People, 3)] {
            let mut falsified_answers = found.clone();
            falsified_answers.insert(name.clone(), falsified(answers, kind, column));
            assert_eq!(laws::unlike(&expected, &falsified_answers).len(), 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_matches_nothing_changes_nothing_outside_strict() {
    let mut rng = Rng::with_seed(12);
    let asked = Asked::draw(&mut rng);
    let before = FunnelLake::fill(&asked.subjects, &mut rng, &asked.definitions).await;
    let mut more = asked.subjects.clone();
    for (subject, key) in more.iter_mut().zip(100_000..) {
        let at = ORIGIN_MS + rng.i64(0..=8) * DAY_MS;
        let [held, breakdown] = [0, 1].map(|_| Some(rng.u8(0..3)));
        // The last of the generator's names, which neither steps nor exclusions have.
        let event =
            Event { at, key, name: 7, held, session_event: rng.bool(), value_micros: Some(1_000_000), breakdown };
        subject.add(&mut rng, event);
    }
    let after = FunnelLake::fill(&more, &mut rng, &asked.definitions).await;
    let added = after.logs.iter().map(Vec::len).sum::<usize>() - before.logs.iter().map(Vec::len).sum::<usize>();
    assert!(added > LOGS / 2, "only {added} events were added");
    let lenient = |set: &OptionSet| set.options.mode != Mode::Strict;
    let (expected, found) = (asked.answers(&before, lenient).await, asked.answers(&after, lenient).await);
    assert!(expected.len() > SETS / 2);
    assert_eq!(laws::unlike(&expected, &found), Vec::<String>::new());
    let mut fewer = found.clone();
    fewer.pop_first();
    assert_eq!(laws::unlike(&expected, &fewer).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wider_window_never_lowers_a_required_step() {
    let mut rng = Rng::with_seed(13);
    let asked = Asked::draw(&mut rng);
    let lake = FunnelLake::fill(&asked.subjects, &mut rng, &asked.definitions).await;
    let mut risen = 0;
    for set in &asked.sets {
        let before = answers_to(&lake, &set.question("person"), &[Kind::Steps]).await;
        let after = answers_to(&lake, &set.wider().question("wider"), &[Kind::Steps]).await;
        let required = set.options.required();
        assert_eq!(laws::lowered(&before, &after, &required), Vec::<String>::new(), "f{}", set.number);
        risen += laws::lowered(&after, &before, &required).len();
    }
    // What rises by the wider windows is what the checker names where it is told the other way round.
    assert!(risen > SETS / 4, "only {risen} steps rise");
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_trend_times_and_lists_agree() {
    let mut rng = Rng::with_seed(14);
    let asked = Asked::draw(&mut rng);
    let lake = FunnelLake::fill(&asked.subjects, &mut rng, &asked.definitions).await;
    let answers = asked.answers(&lake, |_| true).await;
    for (name, answers) in &answers {
        assert_eq!(laws::untied(answers), Vec::<String>::new(), "{name}");
    }
    let answers = answers.values().find(|answers| !answers[&Kind::People].is_empty()).unwrap();
    for (kind, column) in [(Kind::Steps, 3), (Kind::Steps, 10), (Kind::Trend, 3), (Kind::Trend, 6), (Kind::Times, 3)] {
        assert!(!laws::untied(&falsified(answers, kind, column)).is_empty(), "{kind:?}, column {column}");
    }
    let mut fewer = answers.clone();
    fewer.get_mut(&Kind::People).unwrap().pop();
    assert!(!laws::untied(&fewer).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn breakdown_rows_add_up_to_the_whole() {
    let mut rng = Rng::with_seed(15);
    let mut asked = Asked::draw(&mut rng);
    // Their definitions name no breakdown, so that each is asked with one and without.
    asked.sets.retain(|set| set.asked_breakdown && set.options.breakdown != Breakdown::None);
    assert!(asked.sets.len() > 2);
    let lake = FunnelLake::fill(&asked.subjects, &mut rng, &asked.definitions).await;
    for set in &asked.sets {
        let mut whole = set.clone();
        whole.options.breakdown = Breakdown::None;
        let whole = answers_to(&lake, &whole.question("person"), &[Kind::Steps]).await;
        let parts = answers_to(&lake, &set.question("person"), &[Kind::Steps]).await;
        assert_eq!(laws::unsummed(&whole, &parts), Vec::<String>::new(), "f{}", set.number);
        if !parts[&Kind::Steps].is_empty() {
            for column in [3, 9, 10] {
                assert!(!laws::unsummed(&whole, &falsified(&parts, Kind::Steps, column)).is_empty());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_threads_never_shows() {
    let mut rng = Rng::with_seed(16);
    let asked = Asked::draw(&mut rng);
    let mut lake = FunnelLake::fill(&asked.subjects, &mut rng, &asked.definitions).await;
    let expected = asked.answers(&lake, |_| true).await;
    for threads in [1, 8] {
        lake.house.engine = engine(&lake.house, &asked.definitions, Some(threads));
        assert_eq!(laws::unlike(&expected, &asked.answers(&lake, |_| true).await), Vec::<String>::new());
    }
}

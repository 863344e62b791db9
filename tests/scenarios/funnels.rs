//! The funnel law proven from end to end: SQL text over stored facts against the oracle of `crates/journey/tests/funnels`,
//! which nobody of the product's side wrote.
//!
//! Many logs lie in one lake, a person each, and each set of options is asked over all of them: every pair is a case.
//! `TRIBUTARY_FUNNEL_SQL_CASES=100000` asks about as many; `TRIBUTARY_FUNNEL_SEED=7` starts at another seed.
//!
//! In reading order: [`option_set`] are the funnels, [`subject`] is how a log becomes records, [`lake`] is where they are
//! stored, [`question`] what is asked, [`expected`] the oracle's answer in the same words, [`laws`] what must hold
//! between answers.

mod expected;
mod lake;
mod laws;
mod laws_hold;
mod option_set;
mod question;
mod subject;

use std::sync::Arc;

use fastrand::Rng;

use self::{
    lake::FunnelLake,
    option_set::{OptionSet, case_in_days, definitions},
    question::{Kind, sorted},
    subject::{Subject, in_any_guise, on_one_device},
};
use crate::{case::Event, oracle::runs, report::report};

/// Cases of an ordinary run.
const CASES: u64 = 20_000;
/// Sets of options of one world.
const SETS: usize = 40;
/// Logs of a world whose persons come in any guise.
const LOGS: usize = 300;
/// Logs of a world that are one device's each, and one cart's.
const PLAIN_LOGS: usize = 200;
/// Whose path is asked of the logs of one device, in turn.
const UNITS: [&str; 4] = ["person", "device", "cart", "session"];

/// Logs and the funnels that are asked of them.
struct World {
    logs: Vec<Vec<Event>>,
    sets: Vec<OptionSet>,
}

/// What was compared.
#[derive(Debug, Default)]
struct Compared {
    cases: u64,
    runs: u64,
    reaching: u64,
    rows: u64,
}

impl World {
    /// As many logs and sets as that. The first logs are made for the sets; of the others, made for sets that nobody
    /// asks, those are taken that come beyond the first step of many.
    fn draw(rng: &mut Rng, logs: usize, sets: usize) -> Self {
        let mut world = Self { logs: Vec::new(), sets: Vec::new() };
        while world.sets.len() < sets {
            let (units, options) = case_in_days(rng);
            world.logs.extend(units);
            world.sets.push(OptionSet::draw(rng, world.sets.len(), options));
        }
        while world.logs.len() < logs {
            let more = case_in_days(rng).0.into_iter().filter(|log| world.answers_much(log)).collect::<Vec<_>>();
            world.logs.extend(more);
        }
        world.logs.truncate(logs);
        // Keys of a case are its own; here they are the numbers of rows until the lake says how it keys them.
        world.logs.iter_mut().flatten().zip(0..).for_each(|(event, number)| event.key = number);
        world
    }

    /// Whether a log comes beyond the first step of a third of the sets.
    fn answers_much(&self, log: &[Event]) -> bool {
        let beyond = |set: &&OptionSet| runs(log, &set.options).iter().any(|run| run.reached > 1);
        self.sets.iter().filter(beyond).count() * 3 >= self.sets.len()
    }
}

/// A number of the environment.
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_facts_say_through_sql_what_the_oracle_says() {
    let cases = setting("TRIBUTARY_FUNNEL_SQL_CASES").unwrap_or(CASES);
    let first = setting("TRIBUTARY_FUNNEL_SEED").unwrap_or(0);
    let mut compared = Compared::default();
    for seed in first.. {
        let mut rng = Rng::with_seed(seed);
        let world = World::draw(&mut rng, LOGS + PLAIN_LOGS, SETS);
        let definitions = Arc::new(definitions(&world.sets, &UNITS));
        let (mixed, plain) = world.logs.split_at(LOGS);
        let mixed: Vec<Subject> =
            mixed.iter().zip(0..).map(|(log, number)| in_any_guise(&mut rng, number, log)).collect();
        let plain: Vec<Subject> = plain.iter().zip(LOGS..).map(|(log, number)| on_one_device(number, log)).collect();
        for (subjects, units) in [(mixed, &UNITS[..1]), (plain, &UNITS[..])] {
            let lake = FunnelLake::fill(&subjects, &mut rng, &definitions).await;
            for (set, unit) in world.sets.iter().zip(units.iter().cycle()) {
                agree(&lake, set, unit, &mut compared).await.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            }
        }
        if compared.cases >= cases {
            break;
        }
    }
    let Compared { cases, runs, reaching, rows } = compared;
    println!("{cases} cases through SQL from seed {first} agree: {runs} runs, {reaching} beyond step 1, {rows} rows");
    assert!(reaching * 4 > runs, "only {reaching} of {runs} runs reach the second step: such cases prove little");
}

/// Asks both about one set of options over all logs.
async fn agree(lake: &FunnelLake, set: &OptionSet, unit: &str, compared: &mut Compared) -> Result<(), String> {
    let units = lake.units(unit);
    let (names, logs): (Vec<String>, Vec<Vec<Event>>) = units.into_iter().unzip();
    let report = report(&logs, &set.options);
    for kind in Kind::ALL {
        let expected = expected::answer(kind, &report, &set.options, &names);
        let found = lake.ask(&set.question(unit), kind).await;
        let differences = expected::differences(kind, &found, &expected);
        if !differences.is_empty() {
            let shown = differences[..differences.len().min(12)].join("\n");
            let sql = set.question(unit).statement(kind);
            return Err(format!("{kind:?} differ\n{shown}\n{sql}\n{}{:#?}", set.definition(unit), set.options));
        }
        compared.rows += found.len() as u64;
    }
    compared.cases += lake.logs.len() as u64;
    compared.runs += report.runs.len() as u64;
    compared.reaching += report.runs.iter().filter(|(_, run)| run.reached > 1).count() as u64;
    Ok(())
}

/// What is compared above is told apart from what is falsified in any one cell.
#[test]
fn the_comparison_names_every_falsified_cell() {
    let mut rng = Rng::with_seed(3);
    let world = World::draw(&mut rng, 40, 12);
    let names: Vec<String> = (0..world.logs.len()).map(|number| format!("person-{number}")).collect();
    let mut falsified_cells = 0;
    for set in &world.sets {
        let report = report(&world.logs, &set.options);
        for kind in Kind::ALL {
            let expected = expected::answer(kind, &report, &set.options, &names);
            let sound = expected::shown(&expected);
            assert_eq!(expected::differences(kind, &sound, &expected), Vec::<String>::new());
            let Some(row) = sound.len().checked_sub(1).map(|last| rng.usize(0..=last)) else { continue };
            for cell in 0..sound[row].len() {
                let mut falsified = sound.clone();
                falsified[row][cell] = if falsified[row][cell] == "7" { "8".to_owned() } else { "7".to_owned() };
                assert!(
                    !expected::differences(kind, &sorted(falsified), &expected).is_empty(),
                    "{kind:?}, cell {cell}"
                );
                falsified_cells += 1;
            }
            let doubled = [&sound[..], &sound[row..=row]].concat();
            let dropped = [&sound[..row], &sound[row + 1..]].concat();
            for falsified in [doubled, dropped] {
                assert!(!expected::differences(kind, &sorted(falsified), &expected).is_empty(), "{kind:?}");
            }
        }
    }
    assert!(falsified_cells > 100, "only {falsified_cells} cells were there to falsify");
}

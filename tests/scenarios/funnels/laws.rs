//! The laws of section 8 as functions on answers. Each names what breaks it.

use std::collections::{BTreeMap, BTreeSet};

use model::money::parse_micros;

use super::question::{Kind, Rows};

/// Everything that one funnel answers.
pub type Answers = BTreeMap<Kind, Rows>;

/// A sum: what is counted, of which breakdown value, at which step.
type Sum = (&'static str, String, String);

/// What steps and another kind both tell, in counts or micros.
const TOLD: [(Kind, &[&str]); 3] = [
    (Kind::Trend, &["units", "mature"]),
    (Kind::Times, &["units"]),
    (Kind::People, &["units", "mature", "dropped", "dropped value"]),
];

/// The same events gave the same answers. Names the funnels whose answers differ.
pub fn unlike(one: &BTreeMap<String, Answers>, other: &BTreeMap<String, Answers>) -> Vec<String> {
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let differ = names.into_iter().filter(|name| one.get(*name) != other.get(*name));
    differ.map(|name| format!("\"{name}\" is answered otherwise")).collect()
}

/// A wider window lowers no required step. `required` are their indexes, from 0.
pub fn lowered(before: &Answers, after: &Answers, required: &[usize]) -> Vec<String> {
    let (before, after) = (by_step(before), by_step(after));
    let mut lowered = Vec::new();
    for index in required {
        let name = ("units", String::new(), (index + 1).to_string());
        let [was, is] = [&before, &after].map(|sums| sums.get(&name).copied().unwrap_or(0));
        if is < was {
            lowered.push(format!("step {} had {was} units, with wider windows {is}", index + 1));
        }
    }
    lowered
}

/// Steps, trend, times and lists speak of the same runs.
pub fn untied(answers: &Answers) -> Vec<String> {
    let steps = sums(answers, Kind::Steps);
    let mut untied = Vec::new();
    for (kind, told) in TOLD {
        let of_steps = steps.iter().filter(|((what, ..), _)| told.contains(what));
        let of_steps: BTreeMap<&Sum, &i64> = of_steps.filter(|(_, sum)| **sum != 0).collect();
        let sums = sums(answers, kind);
        let sums: BTreeMap<&Sum, &i64> = sums.iter().filter(|(_, sum)| **sum != 0).collect();
        let names: BTreeSet<&Sum> = of_steps.keys().chain(sums.keys()).copied().collect();
        let differ = names.into_iter().filter(|name| of_steps.get(name) != sums.get(name));
        untied.extend(
            differ.map(|name| format!("{name:?}: {:?} of steps, {:?} of {kind:?}", of_steps.get(name), sums.get(name))),
        );
    }
    untied
}

/// The rows of a breakdown add up to the whole.
pub fn unsummed(whole: &Answers, parts: &Answers) -> Vec<String> {
    let (whole, parts) = (by_step(whole), by_step(parts));
    let names: BTreeSet<&Sum> = whole.keys().chain(parts.keys()).collect();
    let sum = |sums: &BTreeMap<Sum, i64>, name: &Sum| sums.get(name).copied().unwrap_or(0);
    let differ = names.into_iter().filter(|name| sum(&whole, name) != sum(&parts, name));
    differ.map(|name| format!("{name:?}: {} in all, rows add up to {}", sum(&whole, name), sum(&parts, name))).collect()
}

/// The sums of the steps, whatever the breakdown value.
fn by_step(answers: &Answers) -> BTreeMap<Sum, i64> {
    let mut by_step = BTreeMap::new();
    for ((what, _, step), sum) in sums(answers, Kind::Steps) {
        *by_step.entry((what, String::new(), step)).or_default() += sum;
    }
    by_step
}

/// What the rows of a kind add up to.
fn sums(answers: &Answers, kind: Kind) -> BTreeMap<Sum, i64> {
    let mut sums = BTreeMap::new();
    for row in answers.get(&kind).into_iter().flatten() {
        let cell = |column: usize| row.get(column).map_or("", String::as_str);
        let (value, step, told) = match kind {
            Kind::Steps => (
                cell(0),
                cell(1),
                vec![
                    ("units", number(cell(3))),
                    ("dropped", number(cell(4))),
                    ("mature entrants", number(cell(9))),
                    ("mature", number(cell(10))),
                    ("dropped value", micros(cell(13))),
                ],
            ),
            Kind::Trend => (cell(1), cell(2), vec![("units", number(cell(3))), ("mature", number(cell(6)))]),
            Kind::Times => (cell(1), cell(0), vec![("units", number(cell(3)))]),
            Kind::People if cell(0) == "dropped" => {
                (cell(6), cell(1), vec![("dropped", 1), ("dropped value", micros(cell(7)))])
            }
            Kind::People => (cell(6), cell(1), vec![("units", 1), ("mature", i64::from(cell(8) == "true"))]),
            Kind::Survival => ("", "", Vec::new()),
        };
        for (what, sum) in told {
            *sums.entry((what, value.to_owned(), step.to_owned())).or_default() += sum;
        }
    }
    sums
}

/// A count; null is none.
fn number(cell: &str) -> i64 {
    if cell.is_empty() { 0 } else { cell.parse().unwrap_or_else(|_| panic!("\"{cell}\" is no count")) }
}

/// An amount in micros; null is none.
fn micros(cell: &str) -> i64 {
    if cell.is_empty() { 0 } else { parse_micros(cell).unwrap_or_else(|error| panic!("{error}")) }
}

//! `funnel(name, …)` and `funnel_people(name, step, …)`: the counted set, and exactly that set.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray},
    datatypes::{Field, Schema},
};
use datafusion::datasource::MemTable;
use journey::{EntryRange, FunnelRun, FunnelShape, StepEvent};
use model::{FunnelDefinition, FunnelUnit};
use tables::column::instants;

use crate::{
    answer::{DefinitionStamp, Stamp},
    calls::Call,
    derived::{
        Derived,
        load::{NONE, PathEvent},
    },
    engine::{Expansion, Rules},
    error::EngineError,
    period::{Grain, Span},
};

/// One unit's run.
struct UnitRun {
    unit: String,
    run: FunnelRun,
}

/// Answers `funnel(name, from, to, zone)`: a row a step. `from` and `to` bound the entry; later steps may lie after.
///
/// # Errors
/// [`EngineError::Definition`] for an unknown funnel.
pub(crate) fn expand(
    rules: &Rules<'_>,
    call: &Call,
    derived: &Derived,
    stamp: &mut Stamp,
) -> Result<Expansion, EngineError> {
    let (definition, shape, runs) = runs(rules, call, derived, stamp)?;
    let tally = journey::tally(runs.iter().map(|unit| &unit.run), shape, derived.as_of);
    let steps = definition.steps.len();
    let last = |step: usize, value: Option<i64>| value.filter(|_| step + 1 == steps);
    let units = |step: usize| tally.units.get(step).copied().unwrap_or(0) as i64;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("step", Arc::new((1..=steps as i64).collect::<Int64Array>())),
        ("label", Arc::new(definition.steps.iter().map(|s| Some(s.label.as_str())).collect::<StringArray>())),
        ("event", Arc::new(definition.steps.iter().map(|s| Some(s.event.as_str())).collect::<StringArray>())),
        ("units", Arc::new((0..steps).map(units).collect::<Int64Array>())),
        (
            "drop_off",
            Arc::new((0..steps).map(|s| s.checked_sub(1).map(|p| units(p) - units(s))).collect::<Int64Array>()),
        ),
        ("from_entry", Arc::new((0..steps).map(|s| tally.conversion_from_entry(s)).collect::<Float64Array>())),
        ("from_previous", Arc::new((0..steps).map(|s| tally.conversion_from_previous(s)).collect::<Float64Array>())),
        ("p50_ms", Arc::new((0..steps).map(|s| last(s, tally.time_to_convert_ms(50))).collect::<Int64Array>())),
        ("p90_ms", Arc::new((0..steps).map(|s| last(s, tally.time_to_convert_ms(90))).collect::<Int64Array>())),
        (
            "mature_entrants",
            Arc::new((0..steps).map(|s| last(s, Some(tally.mature_entrants as i64))).collect::<Int64Array>()),
        ),
        (
            "mature_rate",
            Arc::new(
                (0..steps).map(|s| tally.matured_conversion().filter(|_| s + 1 == steps)).collect::<Float64Array>(),
            ),
        ),
    ];
    table(columns)
}

/// Answers `funnel_people(name, step, from, to, zone)`: the units that reached `step` (from 1), by id.
///
/// # Errors
/// [`EngineError::Asked`] for a step that the funnel does not have.
pub(crate) fn expand_people(
    rules: &Rules<'_>,
    call: &Call,
    derived: &Derived,
    stamp: &mut Stamp,
) -> Result<Expansion, EngineError> {
    let (definition, _, mut runs) = runs(rules, call, derived, stamp)?;
    let text = call.arguments.get("step").map_or("", String::as_str);
    let step = text.parse().ok().filter(|step| (1..=definition.steps.len()).contains(step)).ok_or_else(|| {
        let steps = definition.steps.len();
        EngineError::Asked { message: format!("\"step\" is \"{text}\", expected a number from 1 to {steps}") }
    })?;
    runs.retain(|unit| unit.run.reached >= step);
    runs.sort_by(|a, b| a.unit.cmp(&b.unit));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("unit_id", Arc::new(runs.iter().map(|unit| Some(unit.unit.as_str())).collect::<StringArray>())),
        ("reached", Arc::new(runs.iter().map(|unit| unit.run.reached as i64).collect::<Int64Array>())),
        ("entered_at", Arc::new(instants(runs.iter().map(|unit| Some(unit.run.entered_at))))),
        ("last_matched_at", Arc::new(instants(runs.iter().map(|unit| Some(unit.run.completed_at))))),
    ];
    table(columns)
}

fn runs<'a>(
    rules: &Rules<'a>,
    call: &Call,
    derived: &Derived,
    stamp: &mut Stamp,
) -> Result<(&'a FunnelDefinition, FunnelShape, Vec<UnitRun>), EngineError> {
    let name = call.arguments.get("name").map_or("", String::as_str);
    let defined = rules.definitions().funnel(name)?;
    stamp.definitions.push(DefinitionStamp::of("funnel", name, defined));
    let definition = &defined.value;
    let span = Span::of(call, &rules.settings().zone, Grain::All)?;
    let shape = FunnelShape::try_from(definition).map_err(|error| EngineError::Asked { message: error.to_string() })?;
    let (from, to) = span.instants();
    Ok((definition, shape, unit_runs(derived, definition, shape, EntryRange { from, to })))
}

fn unit_runs(derived: &Derived, definition: &FunnelDefinition, shape: FunnelShape, range: EntryRange) -> Vec<UnitRun> {
    let facts = &derived.facts;
    let masks: Vec<u32> = (0..facts.names.len() as u32)
        .map(|code| {
            let steps = definition.steps.iter().enumerate();
            steps.filter(|(_, s)| facts.names.text(code) == Some(&s.event)).fold(0, |mask, (step, _)| mask | 1 << step)
        })
        .collect();
    let counted: Vec<bool> = facts.traffic.iter().map(|t| !t.traffic.bot && !t.traffic.internal).collect();
    let run_of = |unit: &dyn Fn() -> Option<String>, events: &mut dyn Iterator<Item = &PathEvent>| {
        let steps: Vec<StepEvent> = events
            .filter(|event| masks[event.name as usize] != 0 && counted[event.traffic as usize])
            .map(|event| StepEvent { at: event.at, key: event.key, step_mask: masks[event.name as usize] })
            .collect();
        let run = journey::run(&steps, shape, range)?;
        Some(UnitRun { unit: unit()?, run })
    };
    let device_events = facts.events.iter().filter(|event| event.device != NONE).count();
    let by_device = &facts.events[..device_events];
    match definition.unit {
        FunnelUnit::Person => derived
            .by_person
            .chunk_by(|a, b| facts.events[*a as usize].person == facts.events[*b as usize].person)
            .filter_map(|positions| {
                let person = facts.events[positions[0] as usize].person;
                run_of(&|| derived.person_id(person), &mut positions.iter().map(|&p| &facts.events[p as usize]))
            })
            .collect(),
        FunnelUnit::Device => by_device
            .chunk_by(|a, b| a.device == b.device)
            .filter_map(|events| {
                run_of(&|| facts.devices.text(events[0].device).map(str::to_owned), &mut events.iter())
            })
            .collect(),
        FunnelUnit::Session => by_device
            .chunk_by(|a, b| a.device == b.device)
            .flat_map(session_chunks)
            .filter_map(|events| {
                let session = derived.sessions.get(events[0].session as usize);
                run_of(&|| session.map(|s| format!("{:032x}", s.key)), &mut events.into_iter())
            })
            .collect(),
    }
}

/// One device's events by session; those outside sessions (server-side, identify) are left out.
fn session_chunks(events: &[PathEvent]) -> Vec<Vec<&PathEvent>> {
    let inside: Vec<&PathEvent> = events.iter().filter(|event| event.session != NONE).collect();
    inside.chunk_by(|a, b| a.session == b.session).map(<[&PathEvent]>::to_vec).collect()
}

/// A small table as the answer of a call.
///
/// # Errors
/// [`EngineError`] where columns differ in length.
pub fn table(columns: Vec<(&str, ArrayRef)>) -> Result<Expansion, EngineError> {
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns.into_iter().map(|(_, array)| array).collect())?;
    Ok(Expansion::Table(Arc::new(MemTable::try_new(schema, vec![vec![batch]])?)))
}

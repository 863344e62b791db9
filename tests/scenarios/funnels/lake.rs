//! A lake that many logs were brought into, and the logs with the keys that their events have there.

use std::{collections::BTreeMap, sync::Arc};

use definitions::Definitions;
use end_to_end::house::{House, repository};
use fastrand::Rng;
use query::{Engine, EngineSettings};
use tempfile::TempDir;

use super::{
    question::{Kind, Question, Rows, sorted},
    subject::{MAPPING, SOURCE, Subject, delivered},
};
use crate::case::Event;

/// Fewest commits of a lake: so many files of events there are at least, before they are merged.
const BATCHES_MIN: usize = 10;

/// A filled lake.
pub struct FunnelLake {
    /// Its house, which answers by the definitions of the test.
    pub house: House,
    /// The logs in the order of their subjects. The key of each event is the place of its stored key among all.
    pub logs: Vec<Vec<Event>>,
    /// What every log is called.
    names: Vec<String>,
    /// The id of every log's person.
    persons: Vec<String>,
    /// Stored keys by their place.
    keys: Vec<String>,
    _folder: TempDir,
}

impl FunnelLake {
    /// Brings the subjects' rows in, as they happen to arrive, and merges files in between.
    ///
    /// # Panics
    /// Where anything is wrong: this is a test.
    pub async fn fill(subjects: &[Subject], rng: &mut Rng, definitions: &Arc<Definitions>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut house = House::open(folder.path()).await;
        house.engine = engine(&house, definitions, None);
        house.apply_mapping(MAPPING).await;
        let batches = rng.usize(BATCHES_MIN..BATCHES_MIN + 5);
        let mut compacted = false;
        for (number, batch) in (1..).zip(delivered(rng, subjects, batches)) {
            house.append(&format!("file/{SOURCE}"), batch).await;
            house.stage.drain().await.unwrap();
            if number + 1 == BATCHES_MIN || number == batches {
                while house.stage.compact().await.unwrap() {
                    compacted = true;
                }
            }
        }
        assert!(compacted, "files are merged while others come");
        let mut logs: Vec<Vec<Event>> = subjects.iter().map(Subject::log).collect();
        let keys = take_stored_keys(&house, &mut logs).await;
        let names = subjects.iter().map(|subject| subject.name.clone()).collect();
        let persons = subjects.iter().map(|subject| subject.node.person_id()).collect();
        Self { house, logs, names, persons, keys, _folder: folder }
    }

    /// The rows of an answer, in one order.
    pub async fn ask(&self, question: &Question, kind: Kind) -> Rows {
        sorted(self.house.sql(&question.statement(kind)).await)
    }

    /// The units of a kind: how answers name each, and its events.
    pub fn units(&self, unit: &str) -> Vec<(String, Vec<Event>)> {
        let named = |name: &dyn Fn(usize) -> String| {
            self.logs.iter().enumerate().map(|(number, log)| (name(number), log.clone())).collect()
        };
        match unit {
            "device" => named(&|number| format!("device:{SOURCE}:{}", self.names[number])),
            "cart" => named(&|number| format!("{SOURCE}/{}", self.names[number])),
            "session" => self.logs.iter().flat_map(|log| self.sessions(log)).collect(),
            _ => named(&|number| self.persons[number].clone()),
        }
    }

    /// A device's sessions: its session events of each instant, since the next instant is days away. The key of the first
    /// names it.
    fn sessions(&self, log: &[Event]) -> Vec<(String, Vec<Event>)> {
        let mut sessions: BTreeMap<i64, Vec<Event>> = BTreeMap::new();
        for event in log.iter().filter(|event| event.session_event) {
            sessions.entry(event.at).or_default().push(*event);
        }
        let first = |events: &[Event]| events.iter().map(|event| event.key as usize).min().unwrap_or(0);
        sessions.into_values().map(|events| (self.keys[first(&events)].clone(), events)).collect()
    }
}

/// Gives each event the place of its stored key among all keys, in place of its row's id. Returns the keys by place.
async fn take_stored_keys(house: &House, logs: &mut [Vec<Event>]) -> Vec<String> {
    let rows = house.sql("SELECT key, property(properties, 'id') FROM facts.events ORDER BY key").await;
    let stored: BTreeMap<u32, u32> =
        rows.iter().zip(0..).map(|(row, place)| (row[1].parse().unwrap(), place)).collect();
    let sent = logs.iter().map(Vec::len).sum::<usize>();
    assert_eq!((rows.len(), stored.len()), (sent, sent), "every event is stored once, whatever copies came");
    logs.iter_mut().flatten().for_each(|event| event.key = stored[&event.key]);
    rows.into_iter().map(|mut row| row.swap_remove(0)).collect()
}

/// An engine over the house's lake that answers by the test's definitions, in days of UTC.
pub fn engine(house: &House, definitions: &Arc<Definitions>, threads: Option<usize>) -> Engine {
    let channels = std::fs::read_to_string(repository().join("config/channels.yaml")).unwrap();
    let channels = definitions::parse_yaml("channels.yaml", &channels).expect("sound rules");
    let settings = EngineSettings {
        zone: "UTC".to_owned(),
        shop_by_web_source: BTreeMap::new(),
        rates: None,
        memory_bytes_max: 1 << 30,
        threads,
        // Little room, so that lanes make room for others; with one thread none.
        hot_bytes_max: if threads == Some(1) { 0 } else { 1 << 18 },
        identity: query::IdentityConfig::default(),
    };
    let definitions = Arc::clone(definitions);
    Engine::new(Arc::clone(&house.lake), definitions, Arc::new(channels), settings).expect("a sound engine")
}

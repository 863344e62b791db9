//! What was decided as of an instant: the definitions and channel rules in force, read from `facts.definitions`.
//!
//! Of each kind and name the newest row known at the instant is in force, draft or approved; a withdrawn one is not.
//! What a lake holds no definition of is answered by the files that the engine was given.

use std::{collections::BTreeMap, sync::Arc};

use definitions::{DefinitionError, Definitions, StoredDefinition, WITHDRAWN};
use lake::Lake;
use model::{UtcMillis, traffic::ChannelRules};
use tables::{Cells, Table};
use tokio::sync::Mutex;

use crate::{answer::DefinitionStamp, error::EngineError};

/// Kind of the channel rules in `facts.definitions`; their text is [`ChannelRules`] as JSON.
pub const CHANNELS: &str = "channels";

/// Contents that are kept in memory.
const CONTENTS_KEPT: usize = 8;

/// What questions are answered by.
#[derive(Debug)]
pub struct InForce {
    /// Metrics, conversions, funnels, policies and models.
    pub definitions: Arc<Definitions>,
    /// Channel rules.
    pub channels: Arc<ChannelRules>,
    /// What names the channel rules in a stamp; none where they are those of the files.
    pub channels_stamp: Option<DefinitionStamp>,
}

/// Reads what is in force as of instants, and keeps what it read.
#[derive(Debug)]
pub struct Decisions {
    files: Arc<InForce>,
    kept: Mutex<Vec<Kept>>,
}

/// One row of `facts.definitions`. The order of its fields is the order in which later rows win.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Recorded {
    known_at: UtcMillis,
    in_force_at: UtcMillis,
    hash: String,
    definition: StoredDefinition,
}

/// What was read as of an instant, or of several with the same content.
#[derive(Debug)]
struct Kept {
    known_at: UtcMillis,
    content: Vec<Recorded>,
    in_force: Arc<InForce>,
}

impl InForce {
    /// Hashes of everything that the derived tables depend on: equal hashes, equal tables of equal facts.
    #[must_use]
    pub fn derived_by(&self) -> Vec<&str> {
        let house = self.definitions.house_policies.values().map(|policy| policy.hash.as_str());
        let platforms = self.definitions.platform_policies.values().map(|policy| policy.hash.as_str());
        let channels = self.channels_stamp.as_ref().map_or("files", |stamp| stamp.hash.as_str());
        house.chain(platforms).chain([channels]).collect()
    }
}

impl Decisions {
    /// Starts with what the files say.
    #[must_use]
    pub fn new(definitions: Arc<Definitions>, channels: Arc<ChannelRules>) -> Self {
        let files = Arc::new(InForce { definitions, channels, channels_stamp: None });
        Self { files, kept: Mutex::new(Vec::new()) }
    }

    /// The definitions of the files.
    #[must_use]
    pub fn of_files(&self) -> &Definitions {
        &self.files.definitions
    }

    /// What was in force as of a published instant.
    ///
    /// # Errors
    /// [`EngineError::Unreadable`] where what is in force does not fit together.
    pub async fn as_of(&self, lake: &Lake, known_at: UtcMillis) -> Result<Arc<InForce>, EngineError> {
        let mut kept = self.kept.lock().await;
        if let Some(found) = kept.iter().find(|kept| kept.known_at == known_at) {
            return Ok(Arc::clone(&found.in_force));
        }
        let content = newest(recorded(lake, known_at).await?);
        let same = kept.iter().find(|kept| kept.content == content).map(|kept| Arc::clone(&kept.in_force));
        let in_force = match same {
            Some(same) => same,
            None => Arc::new(self.read(&content).map_err(|problems| EngineError::Unreadable { known_at, problems })?),
        };
        if kept.len() >= CONTENTS_KEPT {
            kept.remove(0);
        }
        kept.push(Kept { known_at, content, in_force: Arc::clone(&in_force) });
        Ok(in_force)
    }

    fn read(&self, content: &[Recorded]) -> Result<InForce, String> {
        let stored: Vec<StoredDefinition> = content.iter().map(|row| row.definition.clone()).collect();
        let definitions = match stored.iter().any(|row| Definitions::reads(&row.kind)) {
            true => Definitions::from_stored(&stored).map(Arc::new).map_err(|errors| in_words(&errors))?,
            false => Arc::clone(&self.files.definitions),
        };
        let rules = content.iter().find(|row| row.definition.kind == CHANNELS && row.definition.status != WITHDRAWN);
        let Some(Recorded { definition: row, hash, .. }) = rules else {
            return Ok(InForce { definitions, channels: Arc::clone(&self.files.channels), channels_stamp: None });
        };
        let channels =
            serde_json::from_str(&row.text).map_err(|error| format!("{CHANNELS} \"{}\": {error}", row.name))?;
        let channels_stamp = Some(DefinitionStamp {
            kind: row.kind.clone(),
            name: row.name.clone(),
            hash: hash.clone(),
            status: row.status.clone(),
        });
        Ok(InForce { definitions, channels: Arc::new(channels), channels_stamp })
    }
}

/// Every row known at an instant.
async fn recorded(lake: &Lake, known_at: UtcMillis) -> Result<Vec<Recorded>, EngineError> {
    let snapshot = lake.snapshot(Table::Definitions).await?;
    let mut rows = Vec::new();
    for batch in lake.read(&snapshot, &[], Some(known_at)).await? {
        let cells = Cells::new(&batch);
        let (kind, name, status) = (cells.text("kind")?, cells.text("name")?, cells.text("status")?);
        let (text, hash) = (cells.text("text")?, cells.text("hash")?);
        let (known, in_force) = (cells.instant("known_at")?, cells.instant("in_force_at")?);
        rows.extend((0..cells.rows()).map(|row| Recorded {
            known_at: known.get(row),
            in_force_at: in_force.get(row),
            hash: hash.value(row).to_owned(),
            definition: StoredDefinition {
                kind: kind.value(row).to_owned(),
                name: name.value(row).to_owned(),
                status: status.value(row).to_owned(),
                text: text.value(row).to_owned(),
            },
        }));
    }
    Ok(rows)
}

/// The newest row of each kind and name: the last to be known, then to come into force, then by hash and status.
fn newest(rows: Vec<Recorded>) -> Vec<Recorded> {
    let mut newest: BTreeMap<(String, String), Recorded> = BTreeMap::new();
    for row in rows {
        let key = (row.definition.kind.clone(), row.definition.name.clone());
        match newest.get_mut(&key) {
            Some(best) if *best < row => *best = row,
            Some(_) => {}
            None => {
                newest.insert(key, row);
            }
        }
    }
    newest.into_values().collect()
}

fn in_words(errors: &[DefinitionError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FUNNEL: &str = "funnel: checkout\nstatus: draft\nunit: person\nwindow: 168h\nsteps: [{ label: a, event: view_item }, { label: b, event: purchase }]\n";

    fn parsed(text: &str) -> Definitions {
        Definitions::parse(&[("a.yaml".to_owned(), text.to_owned())]).expect("a sound definition")
    }

    fn shipped_channels() -> ChannelRules {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/channels.yaml");
        let text = std::fs::read_to_string(file).expect("the shipped rules");
        definitions::parse_yaml("channels.yaml", &text).expect("sound rules")
    }

    /// Rows that one text puts into `facts.definitions`.
    fn rows(text: &str, known_at: i64, status: &str) -> Vec<Recorded> {
        let row = |row: definitions::DefinitionText<'_>| recorded_row(row.kind, row.name, row.text, known_at, status);
        parsed(text).stored_rows().into_iter().map(row).collect()
    }

    fn recorded_row(kind: &str, name: &str, text: &str, known_at: i64, status: &str) -> Recorded {
        Recorded {
            known_at: UtcMillis(known_at),
            in_force_at: UtcMillis(0),
            hash: definitions::hash_of(text),
            definition: StoredDefinition {
                kind: kind.to_owned(),
                name: name.to_owned(),
                status: status.to_owned(),
                text: text.to_owned(),
            },
        }
    }

    fn decisions() -> Decisions {
        Decisions::new(Arc::new(parsed(&FUNNEL.replace("168", "1"))), Arc::new(shipped_channels()))
    }

    /// Hours of the funnel's window and its hash, by what was known at an instant.
    fn checkout(rows: &[Recorded], known_at: i64) -> Option<(i64, String)> {
        let known = rows.iter().filter(|row| row.known_at.0 <= known_at).cloned().collect();
        let in_force = decisions().read(&newest(known)).expect("what is in force fits together");
        let funnel = in_force.definitions.funnel("checkout").ok()?;
        Some((funnel.value.window_ms? / UtcMillis::HOUR_MS, funnel.hash.clone()))
    }

    #[test]
    fn an_old_instant_is_answered_by_the_definition_of_then_under_its_hash() {
        let changed = FUNNEL.replace("168", "24");
        let mut all =
            [rows(FUNNEL, 10, "approved"), rows(&changed, 20, "draft"), rows(&changed, 30, "withdrawn")].concat();
        let hash = |text: &str| parsed(text).funnel("checkout").expect("there").hash.clone();
        for _ in 0..all.len() {
            all.rotate_left(1);
            assert_eq!(checkout(&all, 9).map(|found| found.0), Some(1), "a lake without any is answered by the files");
            assert_eq!(checkout(&all, 10), Some((168, hash(FUNNEL))));
            assert_eq!(checkout(&all, 25), Some((24, hash(&changed))));
            assert_eq!(checkout(&all, 30), None, "withdrawn, and the files do not bring it back");
        }
    }

    #[test]
    fn of_one_instant_the_last_to_come_into_force_counts_then_the_greater_hash() {
        let row = |in_force_at: i64, hash: &str| Recorded {
            in_force_at: UtcMillis(in_force_at),
            hash: hash.to_owned(),
            ..recorded_row("metric", "orders", "{}", 1, "draft")
        };
        let rows = vec![row(1, "f"), row(2, "a"), row(2, "b")];
        for turn in 0..rows.len() {
            let mut rows = rows.clone();
            rows.rotate_left(turn);
            assert_eq!(newest(rows), [row(2, "b")]);
        }
    }

    #[test]
    fn channel_rules_are_versioned_too_and_what_derives_from_them_with_them() {
        let mut rules = shipped_channels();
        rules.fallback_channel = "Elsewhere".to_owned();
        let json = serde_json::to_string(&rules).expect("rules as JSON");
        let row = recorded_row(CHANNELS, "default", &json, 1, "approved");
        let of_files = decisions().read(&[]).expect("the files");
        let stored = decisions().read(std::slice::from_ref(&row)).expect("what is stored");
        assert_eq!((&*stored.channels, &*of_files.channels), (&rules, &shipped_channels()));
        assert_eq!(stored.channels_stamp.as_ref().map(|stamp| &stamp.hash), Some(&row.hash));
        assert_eq!(stored.definitions, of_files.definitions, "no other definition is stored");
        assert_ne!(stored.derived_by(), of_files.derived_by());
    }

    #[test]
    fn what_cannot_be_read_says_which_definition_it_is() {
        let broken = recorded_row("funnel", "checkout", "{\"funnel\":\"checkout\"}", 1, "approved");
        let problems = decisions().read(&[broken]).expect_err("a funnel without steps");
        assert!(problems.contains("facts.definitions/funnel/checkout:1: missing key \"steps\""), "{problems}");
        let rules = recorded_row(CHANNELS, "default", "{}", 1, "approved");
        assert!(decisions().read(&[rules]).expect_err("no rules").starts_with("channels \"default\": missing field"));
    }
}

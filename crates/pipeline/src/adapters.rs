//! The adapters that read records: those that are built in, and the mappings in force.

use std::{collections::BTreeMap, sync::Arc};

use normalization::{MappingFile, Normalizer};
use tables::DefinitionRow;
use tracing::error;

use crate::decisions::WITHDRAWN;

/// Kind under which mappings stand among the definitions.
pub const MAPPING: &str = "mapping";

/// What reads records now.
pub(crate) struct Adapters {
    built_in: Arc<Normalizer>,
    mappings: BTreeMap<String, MappingFile>,
    in_force: Arc<Normalizer>,
}

impl Adapters {
    /// The built-in adapters, and no mapping.
    pub(crate) fn new(built_in: Arc<Normalizer>) -> Self {
        Self { in_force: Arc::clone(&built_in), mappings: BTreeMap::new(), built_in }
    }

    /// What reads records now.
    pub(crate) fn normalizer(&self) -> Arc<Normalizer> {
        Arc::clone(&self.in_force)
    }

    /// Leaves only the built-in adapters.
    pub(crate) fn forget_mappings(&mut self) {
        self.mappings.clear();
        self.in_force = Arc::clone(&self.built_in);
    }

    /// Puts the mappings among `definitions` in force, in their order. One that this version cannot read is left out, and
    /// its records are quarantined until it is mended: what is stored must never keep the house from starting.
    pub(crate) fn apply(&mut self, definitions: impl IntoIterator<Item = DefinitionRow>) {
        let mut changed = false;
        for row in definitions.into_iter().filter(|row| row.kind == MAPPING) {
            changed = true;
            self.mappings.remove(&row.name);
            if row.status == WITHDRAWN {
                continue;
            }
            match stored(&row) {
                Ok(file) => drop(self.mappings.insert(row.name, file)),
                Err(problem) => error!(mapping = row.name, %problem, "stored mapping is unreadable; apply it again"),
            }
        }
        if changed {
            self.compile();
        }
    }

    fn compile(&mut self) {
        let mut sound = Vec::new();
        for (name, file) in &self.mappings {
            if self.built_in.has_source(name) {
                error!(mapping = name, "mapping is left out: a configured source has its name; rename one of them");
                continue;
            }
            match self.built_in.mapping(file) {
                Ok(mapping) => sound.push(mapping),
                Err(problems) => {
                    let problem = problems.first().map(ToString::to_string).unwrap_or_default();
                    error!(mapping = name, problem, "mapping is left out; mend it and apply it again");
                }
            }
        }
        match self.built_in.with_mappings(sound) {
            Ok(normalizer) => self.in_force = Arc::new(normalizer),
            Err(problem) => error!(%problem, "mappings are left out; mend them and apply them again"),
        }
    }
}

/// A mapping as it was recorded: the canonical text leaves the status out, since approving changes nothing in it.
fn stored(row: &DefinitionRow) -> Result<MappingFile, serde_json::Error> {
    let mut text: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&row.text)?;
    text.insert("status".to_owned(), row.status.clone().into());
    serde_json::from_value(text.into())
}

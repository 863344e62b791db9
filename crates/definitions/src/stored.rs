//! Definitions as they are stored: the canonical texts that came into force, read back.

use crate::{
    document::{self, YamlEntry, YamlNode, YamlValue},
    error::DefinitionError,
    registry::{Defined, DefinitionStatus, Definitions},
    section::Mistakes,
};

/// The status of a definition that is in force no more.
pub const WITHDRAWN: &str = "withdrawn";

/// One definition as a table stores it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoredDefinition {
    /// `metric`, `funnel`, …
    pub kind: String,
    /// Its name.
    pub name: String,
    /// `draft`, `approved` or [`WITHDRAWN`].
    pub status: String,
    /// The canonical text: one line of JSON, without status.
    pub text: String,
}

/// One definition as a table is to store it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DefinitionText<'a> {
    /// `metric`, `funnel`, …
    pub kind: &'static str,
    /// Its name.
    pub name: &'a str,
    /// Whether it is signed.
    pub status: DefinitionStatus,
    /// BLAKE3 of the text, 64 hex digits.
    pub hash: &'a str,
    /// The canonical text.
    pub text: &'a str,
}

/// BLAKE3 of a canonical text, 64 hex digits: what names a version.
#[must_use]
pub fn hash_of(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

impl Definitions {
    /// Reads stored texts back, one of each kind and name: what is in force. Each has the hash under which it was
    /// stored. Withdrawn ones, and kinds that are not of this crate (such as `channels`), are left aside.
    ///
    /// # Errors
    /// Every mistake, under the file name `facts.definitions/kind/name`: a text may rest on another that is in force no
    /// more, or be from before a rule that it breaks.
    pub fn from_stored(rows: &[StoredDefinition]) -> Result<Self, Vec<DefinitionError>> {
        let mistakes = Mistakes::default();
        let mut in_force: Vec<&StoredDefinition> =
            rows.iter().filter(|row| Self::reads(&row.kind) && row.status != WITHDRAWN).collect();
        in_force.sort();
        let places: Vec<String> =
            in_force.iter().map(|row| format!("facts.definitions/{}/{}", row.kind, row.name)).collect();
        let mut documents = Vec::new();
        for (row, place) in in_force.into_iter().zip(&places) {
            match as_written(row, place) {
                Ok(node) => documents.push((place.as_str(), node)),
                Err(error) => mistakes.add(error),
            }
        }
        Self::from_documents(&documents, mistakes)
    }

    /// Every definition as a table is to store it, by kind and name.
    #[must_use]
    pub fn stored_rows(&self) -> Vec<DefinitionText<'_>> {
        let mut rows = Vec::new();
        push(&mut rows, "semantic_model", &self.semantic_models);
        push(&mut rows, "metric", &self.metrics);
        push(&mut rows, "conversion", &self.conversions);
        push(&mut rows, "funnel", &self.funnels);
        push(&mut rows, "policy", &self.house_policies);
        push(&mut rows, "platform_policy", &self.platform_policies);
        rows.sort();
        rows
    }
}

fn push<'a, T>(
    rows: &mut Vec<DefinitionText<'a>>,
    kind: &'static str,
    all: &'a std::collections::BTreeMap<String, Defined<T>>,
) {
    rows.extend(all.iter().map(|(name, defined)| DefinitionText {
        kind,
        name,
        status: defined.status,
        hash: &defined.hash,
        text: &defined.text,
    }));
}

/// A stored text as a file would say it: its kind first, and its status, which the canonical text leaves out.
fn as_written(row: &StoredDefinition, place: &str) -> Result<YamlNode, DefinitionError> {
    let refused = |problem: String| DefinitionError::Refused { file: place.to_owned(), line: 1, problem };
    let mut nodes = document::read(place, &row.text)?;
    let (Some(YamlNode { line, value: YamlValue::Mapping(mut entries) }), true) = (nodes.pop(), nodes.is_empty())
    else {
        return Err(refused("the stored text is not one mapping".to_owned()));
    };
    let named = |entry: &YamlEntry| {
        entry.key == row.kind && matches!(&entry.node.value, YamlValue::Text(name) if *name == row.name)
    };
    let Some(head) = entries.iter().position(named) else {
        return Err(refused(format!("the stored text does not define {} \"{}\"", row.kind, row.name)));
    };
    entries.swap(0, head);
    let status = YamlNode { line, value: YamlValue::Text(row.status.clone()) };
    entries.push(YamlEntry { line, key: "status".to_owned(), node: status });
    Ok(YamlNode { line, value: YamlValue::Mapping(entries) })
}

//! An answer and its stamp: from what, by which definitions, as of when.

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use model::UtcMillis;
use serde::Serialize;

/// Rows with the stamp that says what they were answered from.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Columns.
    pub schema: SchemaRef,
    /// Rows.
    pub batches: Vec<RecordBatch>,
    /// What they were answered from.
    pub stamp: Stamp,
}

/// What an answer was answered from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stamp {
    /// The instant of the data: the last one published at or before the asked one. RFC 3339, UTC.
    pub as_of: String,
    /// The reporting zone, IANA name.
    pub zone: String,
    /// Definitions that gave the answer; empty for plain SQL.
    pub definitions: Vec<DefinitionStamp>,
    /// True where every definition is approved, the question was asked through them alone, and the lake is not
    /// simulated. Plain SQL is never certified.
    pub certified: bool,
    /// True where the lake was filled on a simulated clock.
    pub simulated: bool,
    /// True where rows were cut at the caller's limit.
    pub truncated: bool,
    /// What a reader must know beside the numbers.
    pub notes: Vec<String>,
}

/// One definition at one version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct DefinitionStamp {
    /// `metric`, `funnel`, `policy`, `platform_policy`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// BLAKE3 of its canonical text.
    pub hash: String,
    /// `draft` or `approved`.
    pub status: String,
}

impl Answer {
    /// Rows in the answer.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

impl Stamp {
    /// Says that the answer rests on rates that later publications may replace (`provisional_rate`).
    pub fn note_provisional(&mut self) {
        let note = "provisional_rate: no rate of the last days is published yet, so amounts may move";
        if !self.notes.iter().any(|known| known == note) {
            self.notes.push(note.to_owned());
        }
    }

    /// The stamp of an answer from a lake in which nothing was published yet is dated at the epoch.
    #[must_use]
    pub fn new(as_of: UtcMillis, zone: &str, simulated: bool) -> Self {
        Self {
            as_of: as_of.to_string(),
            zone: zone.to_owned(),
            definitions: Vec::new(),
            certified: false,
            simulated,
            truncated: false,
            notes: Vec::new(),
        }
    }
}

//! `fsck`: proves that every table is what its log and the rules of the house say, and names what is not.
//!
//! It reads every row of every file in force once (a file at a time, some thousand rows of it in memory), and the key
//! columns once more for every two million rows. Beside that it holds one bit a record of a channel, and eight to
//! twenty-four bytes an instant. It changes nothing and needs no lock: `raw.instants` is looked at first, so whatever a
//! running process adds meanwhile is a batch that is not published yet.

use std::{fmt, path::PathBuf, sync::Arc};

use model::UtcMillis;
use tables::{InstantRow, Table};

use crate::{
    folder,
    lake::{Lake, LakeError},
};

mod file_check;
mod keys;
mod positions;
mod reading;
mod table_check;

/// What `fsck` says of a lake.
#[derive(Debug, Default)]
pub struct Checkup {
    /// What is wrong, in the order of tables; empty where all is well.
    pub findings: Vec<Finding>,
    /// Tables looked at.
    pub tables: usize,
    /// Files in force.
    pub files: usize,
    /// Rows read.
    pub rows: u64,
    /// Files in force without our mark: another writer's, read as unordered.
    pub unordered: usize,
    /// Files out of force that wait for vacuum.
    pub removed: usize,
    /// Files of ours that no log entry names: of a commit that was cut off, or one on its way.
    pub unpublished: usize,
}

/// One thing that is wrong, as one line: what, where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing.
    pub kind: FindingKind,
    /// In which table.
    pub table: Table,
    /// In which file of its folder; none where it is about the table.
    pub file: Option<String>,
    /// The first row that is wrong, counted from 0.
    pub row: Option<u64>,
    /// What was found, and what was expected.
    pub found: String,
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// A file that says it is sorted is not.
    Order,
    /// Two rows in force are the same fact, or the same record.
    Duplicate,
    /// A channel lacks records.
    Gap,
    /// The log counts other rows than the file holds, or bounds them too widely.
    Count,
    /// A file in force is not on disk.
    Missing,
    /// A file has another size than the log says.
    Size,
    /// A file, or the log, cannot be read.
    Unreadable,
    /// What leaves files out of a question does not know all of their rows: bounds that are too narrow.
    Filter,
    /// A Parquet file that is not the table's.
    Foreign,
    /// An instant that was not published, or twice.
    Instant,
    /// Outcomes do not add up to the records taken in.
    Outcome,
    /// Facts are being rebuilt, or a rebuild was cut off.
    Rebuild,
}

/// The table that is looked at.
#[derive(Debug)]
struct Subject {
    table: Table,
    folder: PathBuf,
}

/// What is published.
#[derive(Debug)]
struct Published {
    /// All instants, oldest first.
    instants: Vec<UtcMillis>,
    /// The newest row.
    last: Option<InstantRow>,
}

/// Checks every table of a lake, beside whatever runs.
///
/// # Errors
/// [`LakeError`] where a table's log or folder cannot be read at all. What is wrong with files is a finding.
pub async fn fsck(lake: &Lake) -> Result<Checkup, LakeError> {
    let mut checkup = Checkup::default();
    let rebuilding = lake.rebuilding();
    let others = Table::ALL.into_iter().filter(|table| *table != Table::Instants);
    let mut published = None;
    for table in [Table::Instants].into_iter().chain(others).filter(|table| !(rebuilding && table.is_fact())) {
        let subject = Subject { table, folder: lake.root().join(table.folder()) };
        let listed = folder::list(&subject.folder)?;
        let snapshot = lake.snapshot(table).await?;
        let known = published.clone();
        let check = move || table_check::check(&subject, &snapshot.files, listed, known.as_deref());
        let checked = tokio::task::spawn_blocking(check).await?;
        published = published.or(checked.published.map(Arc::new));
        checkup.tables += 1;
        checkup.files += checked.files;
        checkup.rows += checked.rows;
        checkup.unordered += checked.unordered;
        checkup.removed += checked.removed;
        checkup.unpublished += checked.unpublished;
        checkup.findings.extend(checked.findings);
    }
    if rebuilding || lake.rebuilding() {
        checkup.facts_are_rebuilt();
    }
    Ok(checkup)
}

impl Checkup {
    /// What was found in facts that went away meanwhile says nothing.
    fn facts_are_rebuilt(&mut self) {
        self.findings.retain(|finding| !finding.table.is_fact());
        self.findings.push(Finding {
            kind: FindingKind::Rebuild,
            table: Table::Outcomes,
            file: None,
            row: None,
            found: "facts are being rebuilt, or a rebuild was cut off: nothing is said of any table of facts"
                .to_owned(),
        });
    }
}

impl Subject {
    fn finding(&self, kind: FindingKind, file: &str, row: Option<u64>, found: &str) -> Finding {
        Finding { kind, table: self.table, file: Some(file.to_owned()), row, found: found.to_owned() }
    }

    fn of_table(&self, kind: FindingKind, found: &str) -> Finding {
        Finding { kind, table: self.table, file: None, row: None, found: found.to_owned() }
    }
}

impl Published {
    /// True for a published instant, and for any later one: its batch is on its way.
    fn may_hold(&self, at: UtcMillis) -> bool {
        self.last.as_ref().is_none_or(|last| at > last.known_at) || self.instants.binary_search(&at).is_ok()
    }
}

impl FindingKind {
    /// Its name at the start of a line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Order => "out of order",
            Self::Duplicate => "duplicate",
            Self::Gap => "gap",
            Self::Count => "wrong count",
            Self::Missing => "missing file",
            Self::Size => "wrong size",
            Self::Unreadable => "unreadable",
            Self::Filter => "stale filter",
            Self::Foreign => "foreign file",
            Self::Instant => "wrong instant",
            Self::Outcome => "open records",
            Self::Rebuild => "rebuild",
        }
    }
}

impl Finding {
    /// How to mend it.
    #[must_use]
    pub fn mend(&self) -> &'static str {
        match self.kind {
            FindingKind::Foreign => "move it away; `tributary vacuum` deletes it when it is old enough",
            FindingKind::Rebuild => "wait for it; one that was cut off starts again with `tributary rebuild`",
            _ if self.table.is_fact() => "`tributary rebuild` builds facts anew from the inbox",
            FindingKind::Count | FindingKind::Filter => "correct the statistics in the log entry that adds the file",
            _ => "restore the table from a backup: facts can be built anew from it, and it from nothing",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.table.folder())?;
        if let Some(file) = &self.file {
            write!(f, "/{file}")?;
        }
        if let Some(row) = self.row {
            write!(f, ", row {row}")?;
        }
        write!(f, ": {}; mend: {}", self.found, self.mend())
    }
}

#[cfg(test)]
mod tests;

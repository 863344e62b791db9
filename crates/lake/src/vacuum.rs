//! Vacuum: deletes files that no question can need any more.
//!
//! A row that was superseded stays in a file in force, with `known_until`: history is in the rows, so vacuum takes none
//! of it, and every AS OF answers as before. What it deletes are the *former files* of rows that moved: those that a log
//! entry took out of force, and those that no log entry names. The log itself is left alone: a process that was opened
//! earlier reads it entry by entry, and its entries tell removed files from foreign ones.
//!
//! A question holds the snapshot with which it began. Files that it has open stay readable; one that it opens after they
//! are gone is [`LakeError::Gone`]. So the time to keep must exceed the longest question.

use std::{fs, io, time::Duration};

use model::UtcMillis;
use tables::Table;

use crate::{
    folder::{self, Leftover, LeftoverReason},
    lake::{Lake, LakeError, unix_millis},
};

/// Shorter times to keep need a lake that nobody writes to. Files that no log entry names are kept so long in any case:
/// an import needs no lock, and may be about to publish them.
pub const KEEP_MIN: Duration = Duration::from_secs(3600);

/// What is to be deleted.
#[derive(Debug, Clone, Copy)]
pub struct VacuumRequest {
    /// How long a file must have been out of force; of one that no log entry names, how old it must be.
    pub keep: Duration,
    /// True where nothing is to be deleted, only said.
    pub dry_run: bool,
}

/// What was deleted, or would be.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Vacuumed {
    /// Files, in the order of tables and names.
    pub files: Vec<VacuumedFile>,
    /// Files that are out of force and not old enough.
    pub waiting: usize,
}

/// A file that was deleted, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VacuumedFile {
    /// Which table.
    pub table: Table,
    /// Name relative to the table's folder.
    pub name: String,
    /// Bytes.
    pub size: u64,
}

impl Lake {
    /// Deletes files that have been out of force for longer than the request says, beside whatever runs.
    ///
    /// # Errors
    /// [`LakeError::Busy`] where less than [`KEEP_MIN`] is to be kept and another process writes; other errors where a
    /// log is unreadable or a file cannot be deleted. What was deleted until then was out of force.
    pub async fn vacuum(&self, request: VacuumRequest) -> Result<Vacuumed, LakeError> {
        let short = request.keep < KEEP_MIN;
        let _lock = short.then(|| self.lock_writer()).transpose()?;
        let mut vacuumed = Vacuumed::default();
        for table in Table::ALL {
            let path = self.root().join(table.folder());
            let listed = folder::list(&path)?;
            let snapshot = self.snapshot(table).await?;
            let found = move || folder::leftovers(table, &path, listed, &snapshot.files);
            for leftover in tokio::task::spawn_blocking(found).await?? {
                if age(&leftover) < keep(&leftover, request.keep) {
                    vacuumed.waiting += 1;
                    continue;
                }
                if !request.dry_run {
                    delete(&leftover)?;
                }
                let Leftover { file, .. } = leftover;
                vacuumed.files.push(VacuumedFile { table, name: file.name, size: file.size });
            }
        }
        Ok(vacuumed)
    }
}

/// How long a file has been out of force, by the machine's clock.
fn age(leftover: &Leftover) -> Duration {
    let since = match leftover.reason {
        LeftoverReason::Removed(at) => at,
        LeftoverReason::Unpublished | LeftoverReason::Foreign => leftover.file.modified_at,
    };
    let UtcMillis(since) = since;
    Duration::from_millis(u64::try_from(unix_millis().saturating_sub(since)).unwrap_or(0))
}

fn keep(leftover: &Leftover, keep: Duration) -> Duration {
    match leftover.reason {
        LeftoverReason::Removed(_) => keep,
        LeftoverReason::Unpublished | LeftoverReason::Foreign => keep.max(KEEP_MIN),
    }
}

fn delete(leftover: &Leftover) -> Result<(), LakeError> {
    let path = &leftover.file.path;
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(LakeError::Folder { path: path.display().to_string(), source })
        }
        _ => Ok(()),
    }
}

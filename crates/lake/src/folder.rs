//! What lies in a table's folder beside the files in force: removed ones that wait for vacuum, ones that we wrote and
//! nobody published, and foreign ones. `fsck` counts and names them, `vacuum` deletes them.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use deltalake::kernel::Action;
use model::UtcMillis;
use tables::Table;

use crate::{
    file::{FileEntry, SETTLED_MARK, SORTED_MARK},
    lake::LakeError,
};

/// A Parquet file in a table's folder, in force or not.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    /// Name relative to the table's folder.
    pub(crate) name: String,
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// Bytes.
    pub(crate) size: u64,
    /// When it was written, by the machine's clock.
    pub(crate) modified_at: UtcMillis,
}

/// A Parquet file in a table's folder that is not in force.
#[derive(Debug)]
pub(crate) struct Leftover {
    pub(crate) file: Listed,
    pub(crate) reason: LeftoverReason,
}

/// Why a file lies there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeftoverReason {
    /// A log entry took it out of force then, by the machine's clock.
    Removed(UtcMillis),
    /// It has a name of ours and no log entry: its commit was cut off, or is on its way.
    Unpublished,
    /// Neither we nor the log know it.
    Foreign,
}

/// The last word of the log about a file that is not in force.
enum LastWord {
    Added,
    Removed(Option<i64>),
}

/// All Parquet files of a table's folder, those on their way to their name included. To be taken *before* the snapshot
/// with which they are compared: what is published in between is then in force.
pub(crate) fn list(folder: &Path) -> Result<Vec<Listed>, LakeError> {
    let failed = |source| LakeError::Folder { path: folder.display().to_string(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !is_parquet(&name) {
            continue;
        }
        let metadata = match entry.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            metadata => metadata.map_err(failed)?,
        };
        if metadata.is_file() {
            let since = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
            let modified_at = UtcMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
            files.push(Listed { name, path: entry.path(), size: metadata.len(), modified_at });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// Of the files listed those that are not in force, each with its reason. Reads the log backwards, only as far as it has
/// to: a foreign file costs a pass over all of its entries.
pub(crate) fn leftovers(
    table: Table,
    folder: &Path,
    listed: Vec<Listed>,
    in_force: &[FileEntry],
) -> Result<Vec<Leftover>, LakeError> {
    let known: HashSet<&str> = in_force.iter().map(|entry| entry.name.as_str()).collect();
    let others: Vec<Listed> = listed.into_iter().filter(|file| !known.contains(file.name.as_str())).collect();
    let words = last_words(table, folder, others.iter().map(|file| file.name.clone()).collect())?;
    let leftover = |file: Listed| {
        let reason = match words.get(&file.name) {
            // It came into force after the snapshot.
            Some(LastWord::Added) => return None,
            Some(LastWord::Removed(at)) => LeftoverReason::Removed(at.map_or(file.modified_at, UtcMillis)),
            None if is_ours(&file.name) => LeftoverReason::Unpublished,
            None => LeftoverReason::Foreign,
        };
        Some(Leftover { file, reason })
    };
    Ok(others.into_iter().filter_map(leftover).collect())
}

/// What the newest log entry that names a file says of it.
fn last_words(
    table: Table,
    folder: &Path,
    mut wanted: HashSet<String>,
) -> Result<HashMap<String, LastWord>, LakeError> {
    let mut words = HashMap::new();
    if wanted.is_empty() {
        return Ok(words);
    }
    for (version, path) in log_entries(folder)?.into_iter().rev() {
        if wanted.is_empty() {
            break;
        }
        let failed = |source| LakeError::Folder { path: path.display().to_string(), source };
        let text = fs::read_to_string(&path).map_err(failed)?;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let action: Action = serde_json::from_str(line).map_err(|error| LakeError::Corrupt {
                reason: format!("log entry {version} of {} is unreadable: {error}", table.folder()),
            })?;
            let (name, word) = match action {
                Action::Add(add) => (add.path, LastWord::Added),
                Action::Remove(remove) => (remove.path, LastWord::Removed(remove.deletion_timestamp)),
                _ => continue,
            };
            if wanted.remove(&name) {
                words.insert(name, word);
            }
        }
    }
    Ok(words)
}

/// The log's entries by version.
fn log_entries(folder: &Path) -> Result<BTreeMap<u64, PathBuf>, LakeError> {
    let folder = folder.join("_delta_log");
    let failed = |source| LakeError::Folder { path: folder.display().to_string(), source };
    let mut entries = BTreeMap::new();
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let version = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json")?.parse().ok());
        if let Some(version) = version {
            entries.insert(version, path);
        }
    }
    Ok(entries)
}

/// A Parquet file, or one that was cut off before it got its name (`….parquet#…`, see [`crate::disk`]).
fn is_parquet(name: &str) -> bool {
    named(name).ends_with(".parquet")
}

/// True for the names that [`crate::Lake::write`] gives: mark, clock, process, count.
fn is_ours(name: &str) -> bool {
    let named = named(name);
    let unmarked = named.strip_prefix(SETTLED_MARK).or_else(|| named.strip_prefix(SORTED_MARK));
    let parts = unmarked.and_then(|rest| rest.strip_suffix(".parquet"));
    let parts: Vec<&str> = parts.map(|rest| rest.split('-').collect()).unwrap_or_default();
    let [clock, process, count] = parts.as_slice() else { return false };
    let digits = |text: &str, least: usize| text.len() >= least && text.bytes().all(|byte| byte.is_ascii_digit());
    let hexadecimal = process.len() >= 8 && process.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits(clock, 13) && hexadecimal && digits(count, 6)
}

/// The name that a file has, or was to have.
fn named(name: &str) -> &str {
    match name.split_once('#') {
        Some((target, staging)) if staging.bytes().all(|byte| byte.is_ascii_digit()) => target,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_a_commit_gives_are_ours() {
        for ours in [
            "sorted-1767607880000-00001a2b-000017.parquet",
            "sorted-1767607880000-00001a2b-000017.parquet#67153",
            "sorted-cell-1767607880000-00001a2b-000017.parquet",
        ] {
            assert!(is_ours(ours) && is_parquet(ours), "{ours}");
        }
        for other in [
            "part-00000-c000.snappy.parquet",
            "sorted-copy.parquet",
            "sorted-1767607880000-00001a2b-000017-1.parquet",
            "sorted-1767607880000-00001a2b-000017 (copy).parquet",
        ] {
            assert!(!is_ours(other) && is_parquet(other), "{other}");
        }
        assert!(!is_parquet("notes.txt") && !is_parquet("_delta_log"));
    }
}

//! Uniqueness of facts: no two rows in force with one key and ordinal, across all files of a table.
//!
//! The keys of a table are looked at in shares, each read from all files and sorted: 64 MB at once, and one pass over
//! the key columns for every two million rows.

use std::collections::BTreeMap;

use tables::{Cells, Table};

use super::{Finding, FindingKind, Subject, reading};
use crate::file::FileEntry;

/// Rows of a share, 32 bytes each.
const SHARE_ROWS: usize = 2 << 20;

/// A row in force. Sorted, rows of one fact are neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    upper: u64,
    lower: u64,
    ordinal: i64,
    file: u32,
    row: u32,
}

/// Rows of one file that stand elsewhere too.
struct Doubles {
    first_row: u64,
    also_in: String,
    also_row: u64,
    rows: u64,
}

/// Names every file with rows in force that stand elsewhere too.
pub(super) fn duplicates(subject: &Subject, files: &[&FileEntry]) -> Vec<Finding> {
    duplicates_in_shares(subject, files, SHARE_ROWS)
}

fn duplicates_in_shares(subject: &Subject, files: &[&FileEntry], share_rows: usize) -> Vec<Finding> {
    let Some(ordinal) = ordinal_column(subject.table) else { return Vec::new() };
    let rows: usize = files.iter().map(|entry| entry.rows).sum();
    let shares = rows.div_ceil(share_rows).max(1) as u64;
    let mut unreadable: BTreeMap<&str, String> = BTreeMap::new();
    let mut doubles: BTreeMap<&str, Doubles> = BTreeMap::new();
    let mut held: Vec<Held> = Vec::new();
    for share in 0..shares {
        held.clear();
        for (number, entry) in files.iter().enumerate() {
            if unreadable.contains_key(entry.name.as_str()) {
                continue;
            }
            let wanted = |lower: u64| lower % shares == share;
            let read = reading::for_each_batch(
                &subject.folder.join(&entry.name),
                &["key", ordinal, "known_until"],
                |first_row, batch| {
                    let cells = Cells::new(batch);
                    let (key, ordinal) = (cells.digest("key")?, cells.int(ordinal)?);
                    let until = cells.instant("known_until")?;
                    for row in (0..cells.rows()).filter(|&row| until.get_opt(row).is_none()) {
                        let key = key.get(row)?.to_u128();
                        let (upper, lower) = ((key >> 64) as u64, key as u64);
                        if wanted(lower) {
                            let (file, at) = (number as u32, first_row as u32 + row as u32);
                            held.push(Held { upper, lower, ordinal: ordinal.value(row), file, row: at });
                        }
                    }
                    Ok(())
                },
            );
            if let Err(reason) = read {
                unreadable.insert(&entry.name, reason);
            }
        }
        held.sort_unstable();
        take_doubles(&held, files, &mut doubles);
    }
    let broken = unreadable.iter().map(|(name, reason)| subject.finding(FindingKind::Unreadable, name, None, reason));
    let doubled = doubles.iter().map(|(name, doubles)| {
        let found = format!(
            "a row in force has the key and ordinal of row {} of \"{}\", which is in force too ({} such rows)",
            doubles.also_row, doubles.also_in, doubles.rows
        );
        subject.finding(FindingKind::Duplicate, name, Some(doubles.first_row), &found)
    });
    broken.chain(doubled).collect()
}

fn take_doubles<'a>(held: &[Held], files: &[&'a FileEntry], doubles: &mut BTreeMap<&'a str, Doubles>) {
    let fact = |row: &Held| (row.upper, row.lower, row.ordinal);
    for same in held.chunk_by(|a, b| fact(a) == fact(b)) {
        let [first, others @ ..] = same else { continue };
        for other in others {
            let (Some(entry), Some(also)) = (files.get(other.file as usize), files.get(first.file as usize)) else {
                continue;
            };
            let (row, also_row) = (u64::from(other.row), u64::from(first.row));
            let found = doubles.entry(entry.name.as_str()).or_insert_with(|| Doubles {
                first_row: row,
                also_in: also.name.clone(),
                also_row,
                rows: 0,
            });
            found.rows += 1;
            if row < found.first_row {
                (found.first_row, found.also_row, found.also_in) = (row, also_row, also.name.clone());
            }
        }
    }
}

/// What tells the facts of one key apart; none for tables that are unique by position, or not at all.
fn ordinal_column(table: Table) -> Option<&'static str> {
    match table {
        Table::Inbox | Table::Instants | Table::Outcomes | Table::Definitions => None,
        Table::Rejects => Some("offset"),
        _ => Some("ordinal"),
    }
}

#[cfg(test)]
mod tests {
    use model::{Digest, UtcMillis};
    use tables::{RejectRow, encode_facts};

    use super::*;
    use crate::{
        file::{FileWriter, Layout},
        lake::LakeError,
    };

    fn reject(number: u64) -> RejectRow {
        RejectRow {
            channel: "door".into(),
            offset: number as i64,
            source: "web".into(),
            key: Digest::of(&number.to_le_bytes()),
            received_at: UtcMillis(0),
            reason: "malformed".to_owned(),
            message: String::new(),
            fix: String::new(),
        }
    }

    #[test]
    fn doubles_are_found_in_however_many_shares() -> Result<(), LakeError> {
        let folder = tempfile::tempdir().unwrap();
        let subject = Subject { table: Table::Rejects, folder: folder.path().to_owned() };
        let mut files = Vec::new();
        // Row 7 of the second file is row 93 of the first; within the third, row 5 is row 4.
        for (name, numbers) in [
            ("a", (0..100).collect::<Vec<_>>()),
            ("b", (86..93).map(|n| n + 100).chain([93]).collect()),
            ("c", vec![300, 301, 302, 303, 304, 304]),
        ] {
            let rows: Vec<RejectRow> = numbers.into_iter().map(reject).collect();
            let mut writer = FileWriter::new(Table::Rejects, Layout::Run)?;
            writer.write(&encode_facts::<RejectRow>(&rows, UtcMillis(1)).unwrap())?;
            let written = writer.finish()?.unwrap();
            std::fs::write(folder.path().join(name), &written.bytes).unwrap();
            files.push(FileEntry::from_log(name.to_owned(), written.bytes.len() as u64, Some(&written.statistics)));
        }
        let files: Vec<&FileEntry> = files.iter().collect();
        for share_rows in [1, 13, 1000] {
            let found = duplicates_in_shares(&subject, &files, share_rows);
            let places: Vec<_> = found.iter().map(|finding| (finding.file.as_deref(), finding.row)).collect();
            assert_eq!(places, [(Some("b"), Some(7)), (Some("c"), Some(5))], "in shares of {share_rows}");
            assert!(found[0].found.contains("of row 93 of \"a\""), "{}", found[0]);
        }
        Ok(())
    }
}

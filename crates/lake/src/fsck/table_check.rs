//! The checks of one table: what lies in its folder, each file in force, and what only all files together can say.

use std::collections::HashSet;

use model::UtcMillis;
use tables::Table;

use super::{Finding, FindingKind, Published, Subject, file_check, keys};
use crate::{
    file::FileEntry,
    folder::{self, LeftoverReason, Listed},
};

use super::file_check::AcrossFiles;

/// What was found in one table.
#[derive(Debug, Default)]
pub(super) struct CheckedTable {
    pub(super) findings: Vec<Finding>,
    pub(super) files: usize,
    pub(super) rows: u64,
    /// Files in force without our mark.
    pub(super) unordered: usize,
    /// Files that wait for vacuum.
    pub(super) removed: usize,
    /// Files of ours that no log entry names.
    pub(super) unpublished: usize,
    /// What is published; only of `raw.instants`, and only where all of it could be read.
    pub(super) published: Option<Published>,
}

/// Checks a table. Without `published`, what rests on it is not checked.
pub(super) fn check(
    subject: &Subject,
    files: &[FileEntry],
    listed: Vec<Listed>,
    published: Option<&Published>,
) -> CheckedTable {
    let mut checked = CheckedTable { files: files.len(), ..CheckedTable::default() };
    checked.look_around(subject, files, listed);
    let mut across = AcrossFiles::default();
    let mut readable: Vec<&FileEntry> = Vec::with_capacity(files.len());
    for (entry, number) in files.iter().zip(0..) {
        checked.unordered += usize::from(!entry.sorted());
        let file = file_check::check(subject, (number, entry), published, &mut across);
        checked.rows += file.rows;
        checked.findings.extend(file.findings);
        if file.whole {
            readable.push(entry);
        }
    }
    checked.findings.extend(keys::duplicates(subject, &readable));
    // What a file that cannot be read would have held is not missing a second time.
    if readable.len() == files.len() {
        match subject.table {
            Table::Inbox => checked.findings.extend(gaps(subject, &across, published)),
            Table::Outcomes => checked.findings.extend(open_records(subject, &across, published)),
            Table::Instants => checked.take_published(subject, files, across),
            _ => {}
        }
    }
    checked
}

impl CheckedTable {
    fn look_around(&mut self, subject: &Subject, files: &[FileEntry], listed: Vec<Listed>) {
        let leftovers = match folder::leftovers(subject.table, &subject.folder, listed, files) {
            Ok(leftovers) => leftovers,
            Err(error) => return self.findings.push(subject.of_table(FindingKind::Unreadable, &error.to_string())),
        };
        for leftover in leftovers {
            match leftover.reason {
                LeftoverReason::Removed(_) => self.removed += 1,
                LeftoverReason::Unpublished => self.unpublished += 1,
                LeftoverReason::Foreign => {
                    let found = format!("{} bytes that no log entry ever named", leftover.file.size);
                    self.findings.push(subject.finding(FindingKind::Foreign, &leftover.file.name, None, &found));
                }
            }
        }
    }

    /// Instants increase strictly: sorted, each is later than the one before.
    fn take_published(&mut self, subject: &Subject, files: &[FileEntry], mut across: AcrossFiles) {
        across.instants.sort_unstable();
        let mut named = HashSet::new();
        for (before, (at, file, row)) in across.instants.iter().zip(across.instants.iter().skip(1)) {
            if before.0 == *at
                && named.insert(*file)
                && let Some(entry) = files.get(*file as usize)
            {
                let found = format!("the instant {at} is published twice, and instants increase strictly");
                self.findings.push(subject.finding(FindingKind::Instant, &entry.name, Some(*row), &found));
            }
        }
        let instants: Vec<UtcMillis> = across.instants.into_iter().map(|(at, ..)| at).collect();
        self.published = Some(Published { instants, last: across.last });
    }
}

/// Offsets count from 0 without gaps, and what is published was taken in.
fn gaps(subject: &Subject, across: &AcrossFiles, published: Option<&Published>) -> Vec<Finding> {
    let last = published.and_then(|published| published.last.as_ref());
    let mut ends: Vec<(&str, i64)> =
        across.positions.channels().filter_map(|channel| Some((channel, across.positions.last(channel)?))).collect();
    for (channel, end) in last.into_iter().flat_map(|row| &row.positions) {
        match ends.iter_mut().find(|(known, _)| known == channel) {
            Some((_, last)) => *last = (*last).max(*end),
            None => ends.push((channel, *end)),
        }
    }
    let missing = ends.into_iter().filter_map(|(channel, end)| {
        let missing = across.positions.missing(channel, end)?;
        let found = format!(
            "channel \"{channel}\" has records up to offset {end}, of which {} are missing, the first at offset {}",
            missing.count, missing.first
        );
        Some(subject.of_table(FindingKind::Gap, &found))
    });
    missing.collect()
}

/// One outcome a record: those in force at the last published instant are just the records taken in until then.
fn open_records(subject: &Subject, across: &AcrossFiles, published: Option<&Published>) -> Vec<Finding> {
    let Some(last) = published.and_then(|published| published.last.as_ref()) else { return Vec::new() };
    let mut findings = Vec::new();
    for (channel, end) in &last.positions {
        if let Some(missing) = across.positions.missing(channel, *end) {
            let found = format!(
                "{} records of channel \"{channel}\" up to the published offset {end} have no outcome, the first at \
                 offset {}",
                missing.count, missing.first
            );
            findings.push(subject.of_table(FindingKind::Outcome, &found));
        }
    }
    for channel in across.positions.channels() {
        let end = last.positions.get(channel).copied().unwrap_or(-1);
        let beyond = across.positions.beyond(channel, end);
        if beyond > 0 {
            let found = format!(
                "{beyond} records of channel \"{channel}\" have an outcome at {} and lie beyond offset {end}, the last \
                 published",
                last.known_at
            );
            findings.push(subject.of_table(FindingKind::Outcome, &found));
        }
    }
    findings
}

//! The checks of one file, as its rows stream past: order, instants, positions, and what the log says of it.

use std::{cmp::Ordering, collections::BTreeMap, fs, io, mem};

use arrow::{array::RecordBatch, datatypes::DataType};
use model::UtcMillis;
use serde_json::Value;
use tables::{Cells, InstantRow, Table};

use super::{Finding, FindingKind, Published, Subject, positions::Positions, reading};
use crate::{
    file::{self, FileEntry, Statistics},
    lake::LakeError,
    merge,
};

/// What is collected over all files of a table.
#[derive(Debug, Default)]
pub(super) struct AcrossFiles {
    /// Positions: of the inbox all, of the outcomes those in force at the last published instant.
    pub(super) positions: Positions,
    /// Of `raw.instants`: instant, number of the file, row.
    pub(super) instants: Vec<(UtcMillis, u32, u64)>,
    /// Of `raw.instants`: the newest row.
    pub(super) last: Option<InstantRow>,
}

/// What was found in a file.
#[derive(Debug, Default)]
pub(super) struct CheckedFile {
    /// Rows read.
    pub(super) rows: u64,
    /// False where not all of them could be read.
    pub(super) whole: bool,
    /// What is wrong.
    pub(super) findings: Vec<Finding>,
}

struct FileCheck<'a> {
    table: Table,
    sorted: bool,
    number: u32,
    published: Option<&'a Published>,
    across: &'a mut AcrossFiles,
    statistics: Statistics,
    /// The last row of the batch before.
    before: Option<RecordBatch>,
    /// By what is wrong: the first row, and how many.
    failing: BTreeMap<(FindingKind, &'static str), (u64, u64)>,
}

/// Checks a file in force. `number` is its place among the table's files.
pub(super) fn check(
    subject: &Subject,
    (number, entry): (u32, &FileEntry),
    published: Option<&Published>,
    across: &mut AcrossFiles,
) -> CheckedFile {
    let path = subject.folder.join(&entry.name);
    let alone = |kind, found: &str| CheckedFile {
        findings: vec![subject.finding(kind, &entry.name, None, found)],
        ..CheckedFile::default()
    };
    match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return alone(FindingKind::Missing, "the log has it in force, and it is not on disk");
        }
        Err(error) => return alone(FindingKind::Unreadable, &error.to_string()),
        Ok(metadata) if metadata.len() != entry.size => {
            let found = format!("it has {} bytes, the log says {}", metadata.len(), entry.size);
            return alone(FindingKind::Size, &found);
        }
        Ok(_) => {}
    }
    let mut file = FileCheck {
        table: subject.table,
        sorted: entry.sorted(),
        number,
        published,
        across,
        statistics: Statistics::default(),
        before: None,
        failing: BTreeMap::new(),
    };
    let read = reading::for_each_batch(&path, &[], |first_row, batch| file.visit(first_row, batch));
    let rows = file.statistics.rows as u64;
    let mut findings: Vec<Finding> = mem::take(&mut file.failing)
        .into_iter()
        .map(|((kind, why), (row, rows))| {
            let more = if rows > 1 { format!(" ({rows} such rows)") } else { String::new() };
            subject.finding(kind, &entry.name, Some(row), &format!("{why}{more}"))
        })
        .collect();
    match &read {
        Ok(()) => findings.extend(against_log(subject, entry, &file.statistics)),
        Err(reason) => findings.push(subject.finding(FindingKind::Unreadable, &entry.name, None, reason)),
    }
    CheckedFile { rows, whole: read.is_ok(), findings }
}

impl FileCheck<'_> {
    fn visit(&mut self, first_row: u64, batch: &RecordBatch) -> Result<(), LakeError> {
        let rows = merge::conformed(self.table, batch)?;
        if rows.num_rows() == 0 {
            return Ok(());
        }
        self.statistics.add(self.table, &rows);
        if self.sorted {
            self.order(first_row, &rows)?;
        }
        if self.table.is_fact() {
            self.instants_of_facts(first_row, &rows)?;
        }
        match self.table {
            Table::Instants => self.instants(first_row, &rows)?,
            Table::Inbox | Table::Outcomes => self.positions(first_row, &rows)?,
            _ => {}
        }
        self.before = Some(rows.slice(rows.num_rows() - 1, 1));
        Ok(())
    }

    fn fail(&mut self, kind: FindingKind, why: &'static str, row: u64) {
        self.failing.entry((kind, why)).or_insert((row, 0)).1 += 1;
    }

    fn order(&mut self, first_row: u64, rows: &RecordBatch) -> Result<(), LakeError> {
        let before = self.before.take();
        let following: Vec<&RecordBatch> = before.iter().chain([rows]).collect();
        let ahead = u64::from(before.is_some());
        for row in file::steps_down(self.table, &following, usize::MAX)? {
            let why =
                "the row belongs before the one above it in the table's order, and the name says that it is sorted";
            self.fail(FindingKind::Order, why, first_row + row as u64 - ahead);
        }
        Ok(())
    }

    /// A row was known, and ended, by published batches, or by one that is not published yet.
    fn instants_of_facts(&mut self, first_row: u64, rows: &RecordBatch) -> Result<(), LakeError> {
        let Some(published) = self.published else { return Ok(()) };
        let cells = Cells::new(rows);
        let (from, until) = (cells.instant("known_at")?, cells.instant("known_until")?);
        for row in 0..cells.rows() {
            let (known_at, number) = (from.get(row), first_row + row as u64);
            if !published.may_hold(known_at) {
                self.fail(
                    FindingKind::Instant,
                    "known_at is not after the last published instant, and none of them",
                    number,
                );
            }
            let Some(known_until) = until.get_opt(row) else { continue };
            if !published.may_hold(known_until) {
                let why = "known_until is not after the last published instant, and none of them";
                self.fail(FindingKind::Instant, why, number);
            }
            if known_until <= known_at {
                self.fail(FindingKind::Instant, "the row ended before it was known", number);
            }
        }
        Ok(())
    }

    fn instants(&mut self, first_row: u64, rows: &RecordBatch) -> Result<(), LakeError> {
        for (row, instant) in InstantRow::read(rows)?.into_iter().enumerate() {
            self.across.instants.push((instant.known_at, self.number, first_row + row as u64));
            if self.across.last.as_ref().is_none_or(|last| last.known_at < instant.known_at) {
                self.across.last = Some(instant);
            }
        }
        Ok(())
    }

    /// The position of every record; of outcomes, those in force at the last published instant.
    fn positions(&mut self, first_row: u64, rows: &RecordBatch) -> Result<(), LakeError> {
        let cells = Cells::new(rows);
        let (mut channel, offset) = (cells.shared_text("channel")?, cells.int("offset")?);
        let known = match self.table {
            Table::Outcomes => Some((cells.instant("known_at")?, cells.instant("known_until")?)),
            _ => None,
        };
        let last = self.published.and_then(|published| published.last.as_ref()).map(|row| row.known_at);
        for row in 0..cells.rows() {
            let in_force = known.is_none_or(|(from, until)| {
                last.is_some_and(|at| from.get(row) <= at && until.get_opt(row).is_none_or(|until| until > at))
            });
            if !in_force {
                continue;
            }
            let number = first_row + row as u64;
            if offset.value(row) < 0 {
                self.fail(FindingKind::Gap, "the offset is negative, and offsets count from 0", number);
            }
            if !self.across.positions.insert(&channel.get(row), offset.value(row)) {
                self.fail(FindingKind::Duplicate, "another row in force has its channel and offset", number);
            }
        }
        Ok(())
    }
}

/// What the log says of a file, against its rows. A membership filter, too, is stale where it does not know a key of
/// these rows: its check belongs here.
fn against_log(subject: &Subject, entry: &FileEntry, statistics: &Statistics) -> Vec<Finding> {
    let found = FileEntry::from_log(entry.name.clone(), entry.size, Some(&statistics.to_json()));
    let mut findings = Vec::new();
    let in_force = |entry: &FileEntry| entry.rows - entry.ended.min(entry.rows);
    // A log without `nullCount` says nothing of ended rows, and readers take none to be ended.
    let ended_unsaid = subject.table.is_fact() && in_force(&found) != in_force(entry);
    if found.rows != entry.rows || ended_unsaid {
        let says = |entry: &FileEntry| format!("{} rows, {} of them ended", entry.rows, entry.ended);
        let text = format!("the log says {}; the file holds {}", says(entry), says(&found));
        findings.push(subject.finding(FindingKind::Count, &entry.name, None, &text));
    }
    for (column, (least, greatest)) in &found.bounds {
        // What the log does not bound is never left out.
        let Some((log_least, log_greatest)) = entry.bounds.get(column) else { continue };
        let compare = |log: &Value, file: &Value| compare(subject.table, column, log, file);
        let text = format!(
            "the log bounds {column} by {log_least} and {log_greatest}, its rows lie between {least} and {greatest}"
        );
        match (compare(log_least, least), compare(log_greatest, greatest)) {
            (Some(Ordering::Equal), Some(Ordering::Equal)) => {}
            // Wider bounds only read too much; of another writer they are no mistake.
            (Some(Ordering::Less | Ordering::Equal), Some(Ordering::Greater | Ordering::Equal)) => {
                if entry.sorted() {
                    findings.push(subject.finding(FindingKind::Count, &entry.name, None, &text));
                }
            }
            _ => findings.push(subject.finding(FindingKind::Filter, &entry.name, None, &text)),
        }
    }
    findings
}

/// Compares two values of a column as the log writes them; none where one cannot be read.
fn compare(table: Table, column: &str, a: &Value, b: &Value) -> Option<Ordering> {
    let schema = table.schema();
    let field = schema.field_with_name(column).ok()?;
    match field.data_type() {
        DataType::Int64 => Some(a.as_i64()?.cmp(&b.as_i64()?)),
        DataType::Timestamp(..) => Some(UtcMillis::parse(a.as_str()?).ok()?.cmp(&UtcMillis::parse(b.as_str()?).ok()?)),
        _ => Some(a.as_str()?.cmp(b.as_str()?)),
    }
}

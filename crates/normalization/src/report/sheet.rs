//! The table in an exported file: CSV as downloaded, which may begin with a title, end with totals, be separated by
//! tabs, and be UTF-16, whatever the file is called.

use std::borrow::Cow;

use csv::{ReaderBuilder, StringRecord};
use encoding_rs::{Encoding, UTF_8, UTF_16LE};

use crate::{
    report::refusal::{no_table, unknown_column},
    source::Reject,
};

/// Lines in which the header row is looked for.
const HEADER_LINES_MAX: usize = 20;
const EXPORT_AGAIN: &str =
    "export the report again in English as CSV, and import the file as downloaded, not saved by a spreadsheet";

/// A file's table: what stands before it, its header, and its rows, which are read anew by each that asks.
pub(crate) struct Sheet<'a> {
    /// The lines before the header: a title, the days that it covers.
    pub(crate) preamble: Vec<&'a str>,
    /// The header's names, trimmed.
    pub(crate) names: Vec<String>,
    body: &'a str,
    separator: u8,
    lines_before: u64,
}

/// One row and where it stands.
pub(crate) struct Row {
    /// Counted from 1.
    pub(crate) line: u64,
    cells: StringRecord,
}

/// True for what is no JSON: the first byte after a byte-order mark and blanks is neither `{` nor `[`. An empty payload
/// is cut JSON as well as cut CSV and stays with JSON.
pub(crate) fn is_csv(payload: &[u8]) -> bool {
    let mark = Encoding::for_bom(payload).map_or(0, |(_, length)| length);
    let text = payload.get(mark..).unwrap_or_default();
    text.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|first| !matches!(first, b'{' | b'['))
}

/// The payload as text: UTF-16 by its mark or its zero bytes, else UTF-8.
pub(crate) fn decoded(payload: &[u8]) -> Result<Cow<'_, str>, Reject> {
    let marked = Encoding::for_bom(payload);
    let wide = matches!(payload, [first, 0, ..] if *first != 0);
    let (encoding, mark) = marked.unwrap_or((if wide { UTF_16LE } else { UTF_8 }, 0));
    let text = payload.get(mark..).unwrap_or_default();
    let decoded = encoding.decode_without_bom_handling_and_without_replacement(text);
    decoded.ok_or_else(|| no_table(&format!("it is not {} throughout", encoding.name()), EXPORT_AGAIN))
}

impl<'a> Sheet<'a> {
    /// Finds the header row: the first with at least two columns that are `known`.
    pub(crate) fn find(text: &'a str, known: impl Fn(&str) -> bool, examples: &str) -> Result<Self, Reject> {
        let (mut rest, mut preamble) = (text, Vec::new());
        while preamble.len() < HEADER_LINES_MAX && !rest.is_empty() {
            let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
            for separator in *b"\t,;" {
                let names = names(line, separator);
                if names.iter().filter(|name| known(name)).count() >= 2 {
                    let lines_before = preamble.len() as u64 + 1;
                    return Self { preamble, names, body: after, separator, lines_before }.whole();
                }
            }
            preamble.push(line.trim());
            rest = after;
        }
        let problem = format!(
            "no header row in its first {HEADER_LINES_MAX} lines, expected columns such as {examples}, separated by comma, tab or semicolon"
        );
        Err(no_table(&problem, EXPORT_AGAIN))
    }

    /// A file that ends within quotes was cut, and its last rows would be one text.
    fn whole(self) -> Result<Self, Reject> {
        if self.body.bytes().filter(|byte| *byte == b'"').count() % 2 == 0 {
            return Ok(self);
        }
        let problem = "a quoted text does not end: the file may be cut short";
        Err(no_table(problem, "download the report again and import the file as downloaded"))
    }

    /// The role of each column; of a name that is not known the error names it.
    pub(crate) fn roles<R>(&self, role: impl Fn(&str) -> Option<R>, known: &str) -> Result<Vec<R>, Reject> {
        self.names.iter().map(|name| role(name).ok_or_else(|| unknown_column(name, known))).collect()
    }

    /// Refuses two columns of one role, but of those that are `free`: which one is right cannot be known.
    pub(crate) fn check_once<R: PartialEq>(&self, roles: &[R], free: impl Fn(&R) -> bool) -> Result<(), Reject> {
        let first = |role: &R| roles.iter().position(|other| other == role);
        for ((at, role), name) in roles.iter().enumerate().zip(&self.names) {
            if !free(role) && first(role) != Some(at) {
                let problem = format!("column {}, \"{name}\", says what another column already says", at + 1);
                return Err(no_table(&problem, "export the report again with one of the two columns"));
            }
        }
        Ok(())
    }

    /// The rows that hold anything.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Result<Row, Reject>> {
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.separator)
            .from_reader(self.body.as_bytes());
        let rows = reader.into_records().map(|cells| {
            let cells = cells.map_err(|error| no_table(&error.to_string(), EXPORT_AGAIN))?;
            let line = self.lines_before + cells.position().map_or(0, |position| self.line(position));
            Ok(Row { line, cells })
        });
        rows.filter(|row| row.as_ref().is_err() || row.as_ref().is_ok_and(|row| row.cells.iter().any(filled)))
    }

    /// The line of the body on which a row begins: the reader's position lies before the blank lines that it skips.
    fn line(&self, position: &csv::Position) -> u64 {
        let at = usize::try_from(position.byte()).unwrap_or(usize::MAX);
        let rest = self.body.as_bytes().get(at..).unwrap_or_default();
        let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|byte| **byte == b'\n').count();
        position.line() + blank as u64
    }

    /// Refuses a row of more or fewer cells than the header: they would be read as other columns.
    pub(crate) fn check_width(&self, row: &Row) -> Result<(), Reject> {
        if row.cells.len() == self.names.len() {
            return Ok(());
        }
        let (line, found, expected) = (row.line, row.cells.len(), self.names.len());
        let problem = format!(
            "line {line} has {found} of the header's {expected} columns: the file is cut short, or a text that holds the separator is not quoted"
        );
        Err(no_table(&problem, "download the report again and import the file as downloaded"))
    }
}

impl Row {
    /// The cell of a column, trimmed; none where it is empty or `--`.
    pub(crate) fn cell(&self, column: usize) -> Option<&str> {
        self.cells.get(column).map(str::trim).filter(|text| filled(text))
    }

    /// Whether this is a line of totals: it begins with `Total`, and no day stands in it.
    pub(crate) fn is_total(&self, day: usize) -> bool {
        let first = self.cells.get(0).unwrap_or_default().trim();
        let named = first == "Total" || first.starts_with("Total:");
        named && (day == 0 || self.cell(day).is_none())
    }
}

fn names(line: &str, separator: u8) -> Vec<String> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .delimiter(separator)
        .from_reader(line.trim_end_matches('\r').as_bytes());
    let record = reader.records().next().and_then(Result::ok).unwrap_or_default();
    record.iter().map(|name| name.trim().to_owned()).collect()
}

fn filled(text: &str) -> bool {
    !matches!(text.trim(), "" | "--" | "-" | "\u{2014}")
}

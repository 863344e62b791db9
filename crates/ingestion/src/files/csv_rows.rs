//! Rows that are CSV records, each the exact text between two record ends.
//!
//! Records end where the `csv` crate ends them: at `\n`, `\r\n` or `\r` outside quotes; a quote opens a quoted field
//! only at the field's start. Empty lines are no records. One thing is stricter: a quote that is never closed is
//! damage, where that crate would make one record of the rest of the file.

use super::{
    CsvLayout, ROW_BYTES_MAX,
    content::{Content, Damage, strip_line_end},
    rows::Splitter,
};

/// Bytes read at once where no newline comes: a record with long texts, or a file whose lines end in `\r`.
const PIECE_BYTES: usize = 1 << 20;

/// Splits CSV into records.
pub(super) struct CsvRows {
    content: Content,
    layout: CsvLayout,
    /// Content that was read and not yet handed out whole.
    pending: Vec<u8>,
    /// Where in `pending` the next record starts.
    start: usize,
}

impl CsvRows {
    /// The records of a content, after the lines to skip. The header, if any, is the first of them.
    pub fn new(content: Content, layout: CsvLayout) -> Result<Self, Damage> {
        let mut rows = Self { content, layout, pending: Vec::new(), start: 0 };
        for _ in 0..layout.skip_lines {
            rows.skip_line()?;
        }
        Ok(rows)
    }

    /// Skips a line as it lies there, empty or not, whatever its quotes: what stands above a header is no CSV.
    fn skip_line(&mut self) -> Result<(), Damage> {
        loop {
            let rest = self.pending.get(self.start..).unwrap_or_default();
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            if let Some(end) = end {
                let two = rest.get(end..end + 2) == Some(b"\r\n");
                // Whether a newline follows is not known before it is read.
                if two || rest.len() > end + 1 || rest.get(end) == Some(&b'\n') {
                    self.start += end + 1 + usize::from(two);
                    return Ok(());
                }
            }
            if self.read_piece()? == 0 {
                self.start = self.pending.len();
                return Ok(());
            }
        }
    }

    /// Reads on, at most to the next newline; 0 at the end.
    fn read_piece(&mut self) -> Result<usize, Damage> {
        self.pending.drain(..self.start);
        self.start = 0;
        self.content.read_line(&mut self.pending, PIECE_BYTES)
    }

    /// Reads a line into `row` and says whether it is a record by itself, which nearly all are. None at the end.
    fn read_plain_line(&mut self, row: &mut Vec<u8>) -> Result<Option<bool>, Damage> {
        if self.content.read_line(row, PIECE_BYTES)? == 0 {
            return Ok(None);
        }
        let line = row.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let quoted = |line: &[u8]| self.layout.quote.is_some_and(|quote| line.contains(&quote));
        Ok(Some(line.is_some_and(|line| !quoted(line) && !line.contains(&b'\r'))))
    }

    /// The next record in `pending`, reading on as needed. The record may be empty.
    fn next_pending(&mut self, row: &mut Vec<u8>) -> Result<(), Damage> {
        let starts_at = self.content.at() - (self.pending.len() - self.start) as u64;
        let mut scan = RecordScan::new(self.layout);
        let mut seen = self.start;
        loop {
            if let Some(end) = scan.record_end(self.pending.get(seen..).unwrap_or_default()) {
                let end = seen + end;
                row.extend_from_slice(self.pending.get(self.start..end).unwrap_or_default());
                self.start = end + 1;
                return Ok(());
            }
            let length = self.pending.len() - self.start;
            if length > ROW_BYTES_MAX {
                return Err(scan.endless(starts_at, &format!("within {ROW_BYTES_MAX} bytes")));
            }
            if self.read_piece()? == 0 {
                if scan.state == State::Quoted {
                    return Err(scan.endless(starts_at, "before the end of the file"));
                }
                row.append(&mut self.pending);
                return Ok(());
            }
            seen = length;
        }
    }
}

impl Splitter for CsvRows {
    fn next_row(&mut self, row: &mut Vec<u8>) -> Result<bool, Damage> {
        loop {
            row.clear();
            if self.start >= self.pending.len() {
                match self.read_plain_line(row)? {
                    None => return Ok(false),
                    Some(true) => strip_line_end(row),
                    Some(false) => {
                        std::mem::swap(&mut self.pending, row);
                        self.start = 0;
                        row.clear();
                        self.next_pending(row)?;
                    }
                }
            } else {
                self.next_pending(row)?;
            }
            if !row.is_empty() {
                return Ok(true);
            }
        }
    }
}

/// Where in a record one stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    FieldStart,
    Field,
    Quoted,
    /// After a quote within a quoted field: its end, or the first half of a quote that is meant.
    QuoteInQuoted,
}

/// Looks for a record's end, piece by piece.
struct RecordScan {
    layout: CsvLayout,
    state: State,
}

impl RecordScan {
    fn new(layout: CsvLayout) -> Self {
        Self { layout, state: State::FieldStart }
    }

    /// Where in the next piece the record ends: the place of its `\n` or `\r`.
    fn record_end(&mut self, piece: &[u8]) -> Option<usize> {
        let CsvLayout { delimiter, quote, .. } = self.layout;
        for (index, byte) in piece.iter().copied().enumerate() {
            let is_quote = Some(byte) == quote;
            self.state = match self.state {
                State::Quoted if is_quote => State::QuoteInQuoted,
                State::Quoted => State::Quoted,
                State::FieldStart | State::QuoteInQuoted if is_quote => State::Quoted,
                _ if byte == delimiter => State::FieldStart,
                _ if matches!(byte, b'\n' | b'\r') => return Some(index),
                _ => State::Field,
            };
        }
        None
    }

    fn endless(&self, byte: u64, limit: &str) -> Damage {
        let problem = if self.state == State::Quoted {
            format!("a quoted field is not closed {limit}; if quotes are ordinary letters in this file, say so")
        } else {
            format!("a record does not end {limit}")
        };
        Damage { byte: Some(byte), problem }
    }
}

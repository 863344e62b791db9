//! The rows of one file, in order, with the number that each has for ever.

use std::{
    io::Read,
    sync::{Arc, atomic::Ordering},
};

use super::{
    content::Damage,
    store::{Store, Stream},
};
use crate::error::IntakeError;

/// One row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// Its place in the file, from 0: the record's offset.
    pub number: u64,
    /// Its bytes, as written in the file; for Parquet a JSON object.
    pub payload: Vec<u8>,
}

/// The rows of one file. After an error there are no more.
pub struct ImportRows {
    splitter: Box<dyn Splitter>,
    source: RowSource,
    next_number: u64,
    /// An error met after rows that had to be handed out first.
    held: Option<IntakeError>,
    ended: bool,
}

/// Where rows come from.
#[derive(Debug, Clone)]
pub(super) struct RowSource {
    pub name: String,
    pub store: Arc<Store>,
}

/// Cuts a content into rows.
pub(super) trait Splitter: Send {
    /// Makes `row` the next row; false at the end.
    fn next_row(&mut self, row: &mut Vec<u8>) -> Result<bool, Damage>;
}

impl ImportRows {
    /// The rows of `splitter`, the first of which has `number`.
    pub(super) fn new(splitter: Box<dyn Splitter>, source: RowSource, number: u64) -> Self {
        Self { splitter, source, next_number: number, held: None, ended: false }
    }

    /// Goes over `rows` rows, or to the end.
    pub(super) fn skip_rows(&mut self, rows: u64) -> Result<(), IntakeError> {
        let mut row = Vec::new();
        for _ in 0..rows {
            if !self.read_into(&mut row)? {
                break;
            }
        }
        Ok(())
    }

    /// The next rows: at most `rows_max`, and no more once they hold `bytes_max` bytes; at least one row, except that
    /// either limit is 0. None at the end. An error comes only after the rows before it.
    pub fn next_batch(&mut self, rows_max: usize, bytes_max: usize) -> Option<Result<Vec<ImportRow>, IntakeError>> {
        let mut rows: Vec<ImportRow> = Vec::new();
        let mut bytes = 0;
        while rows.len() < rows_max && bytes < bytes_max {
            match self.next() {
                Some(Ok(row)) => {
                    bytes += row.payload.len();
                    rows.push(row);
                }
                Some(Err(error)) if rows.is_empty() => return Some(Err(error)),
                Some(Err(error)) => {
                    self.held = Some(error);
                    break;
                }
                None => break,
            }
        }
        (!rows.is_empty()).then_some(Ok(rows))
    }

    /// Bytes of the file that are read, of [`bytes_total`](super::ImportFile::bytes_total).
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.source.store.bytes_read.load(Ordering::Relaxed)
    }

    /// Makes `row` the next row; false at the end, where the file must still be the one that was hashed.
    fn read_into(&mut self, row: &mut Vec<u8>) -> Result<bool, IntakeError> {
        let read = if self.ended { Ok(false) } else { self.splitter.next_row(row) };
        let unchanged = |source: &RowSource| {
            source.store.unchanged().map_err(|error| Damage { byte: None, problem: error.to_string() })
        };
        let read = read.and_then(|more| if more { Ok(true) } else { unchanged(&self.source).map(|()| false) });
        self.ended = !matches!(read, Ok(true));
        if !self.ended {
            self.next_number += 1;
        }
        read.map_err(|damage| self.source.damaged(self.next_number, damage))
    }
}

impl Iterator for ImportRows {
    type Item = Result<ImportRow, IntakeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.held.take() {
            return Some(Err(error));
        }
        if self.ended {
            return None;
        }
        let number = self.next_number;
        let mut payload = Vec::new();
        match self.read_into(&mut payload) {
            Ok(true) => Some(Ok(ImportRow { number, payload })),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

impl RowSource {
    fn damaged(&self, row: u64, damage: Damage) -> IntakeError {
        let Damage { byte, problem } = damage;
        IntakeError::DamagedFile { path: self.name.clone(), row, byte, problem }
    }
}

/// The whole content as the only row.
pub(super) struct WholeRow {
    content: Option<Stream>,
}

impl WholeRow {
    /// The row that is all of `content`.
    pub fn new(content: Stream) -> Self {
        Self { content: Some(content) }
    }
}

impl Splitter for WholeRow {
    fn next_row(&mut self, row: &mut Vec<u8>) -> Result<bool, Damage> {
        let Some(mut content) = self.content.take() else { return Ok(false) };
        content.read_to_end(row).map_err(|error| Damage { byte: None, problem: error.to_string() })?;
        Ok(true)
    }
}

//! Which copy of each key is in force. De-duplication has no horizon, so every key ever kept stands here.

use std::collections::HashMap;

use arrow::array::{Array, RecordBatch};
use model::UtcMillis;
use tables::{Cells, Outcome, TableError};

/// How copies of one key are ranked: the least wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// When the copy came.
    pub received_at: UtcMillis,
    /// Its content hash; equal hashes are equal copies.
    pub content: u128,
}

/// Keys with the rank of the copy in force. About 50 bytes a key.
#[derive(Debug, Default)]
pub struct Copies {
    in_force: HashMap<u128, Rank>,
}

impl Copies {
    /// The rank of the copy in force.
    #[must_use]
    pub fn get(&self, key: u128) -> Option<Rank> {
        self.in_force.get(&key).copied()
    }

    /// Puts a copy in force.
    pub fn put(&mut self, key: u128, rank: Rank) {
        self.in_force.insert(key, rank);
    }

    /// Forgets a key, whose records are read again.
    pub fn remove(&mut self, key: u128) {
        self.in_force.remove(&key);
    }

    /// Keys known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.in_force.len()
    }

    /// True where no record was ever taken in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.in_force.is_empty()
    }

    /// Takes in outcomes as stored.
    ///
    /// # Errors
    /// [`TableError`] where a column is missing or a digest is unreadable.
    pub fn load(&mut self, outcomes: &RecordBatch) -> Result<(), TableError> {
        let cells = Cells::new(outcomes);
        let (key, content) = (cells.text("key")?, cells.text("content_hash")?);
        let (received_at, outcome) = (cells.instant("received_at")?, cells.text("outcome")?);
        for row in 0..cells.rows() {
            if outcome.value(row) != Outcome::Duplicate.name() && key.is_valid(row) {
                let rank = Rank {
                    received_at: received_at.get(row),
                    content: digest("content_hash", row, content.value(row))?,
                };
                self.put(digest("key", row, key.value(row))?, rank);
            }
        }
        Ok(())
    }
}

/// Reads a digest's hex.
///
/// # Errors
/// [`TableError::Value`] where it is none.
pub fn digest(column: &'static str, row: usize, hex: &str) -> Result<u128, TableError> {
    u128::from_str_radix(hex, 16).map_err(|_| TableError::Value {
        column,
        row,
        reason: "expected 32 hexadecimal digits".to_owned(),
    })
}

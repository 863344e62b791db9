//! Which copy of each key is in force. De-duplication has no horizon, so every key ever kept stands here.

use std::collections::{HashMap, hash_map::Entry};

use arrow::array::RecordBatch;
use model::{Digest, UtcMillis};
use tables::{Cells, Outcome, TableError};

/// How copies of one key are ranked: the least wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// When the copy came.
    pub received_at: UtcMillis,
    /// Its content hash; equal hashes are equal copies.
    pub content: Digest,
}

/// In how many parts keys are kept, so that they do not all grow at once.
const PARTS: usize = 32;

/// Keys with the rank of the copy in force. About 60 bytes a key.
#[derive(Debug, Default)]
pub struct Copies {
    parts: [HashMap<Digest, Rank>; PARTS],
}

impl Copies {
    /// The rank of the copy in force.
    #[must_use]
    pub fn get(&self, key: Digest) -> Option<Rank> {
        self.part(key).get(&key).copied()
    }

    /// Puts a copy in force where no better one is. Returns the one that was in force.
    pub fn offer(&mut self, key: Digest, rank: Rank) -> Option<Rank> {
        match self.part_mut(key).entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(rank);
                None
            }
            Entry::Occupied(mut entry) => {
                let former = *entry.get();
                entry.insert(former.min(rank));
                Some(former)
            }
        }
    }

    /// Forgets a key, whose records are read again.
    pub fn remove(&mut self, key: Digest) {
        self.part_mut(key).remove(&key);
    }

    /// Keys known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.iter().map(HashMap::len).sum()
    }

    /// True where no record was ever taken in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.iter().all(HashMap::is_empty)
    }

    /// Takes in outcomes as stored.
    ///
    /// # Errors
    /// [`TableError`] where a column is missing or a digest is unreadable.
    pub fn load(&mut self, outcomes: &RecordBatch) -> Result<(), TableError> {
        let cells = Cells::new(outcomes);
        let (key, content) = (cells.digest("key")?, cells.digest("content_hash")?);
        let (received_at, outcome) = (cells.instant("received_at")?, cells.text("outcome")?);
        for row in 0..cells.rows() {
            if outcome.value(row) != Outcome::Duplicate.name() {
                let rank = Rank { received_at: received_at.get(row), content: content.get(row)? };
                let key = key.get(row)?;
                self.part_mut(key).insert(key, rank);
            }
        }
        Ok(())
    }

    fn part(&self, key: Digest) -> &HashMap<Digest, Rank> {
        self.parts.get(number(key)).expect("a remainder is below the number of parts")
    }

    fn part_mut(&mut self, key: Digest) -> &mut HashMap<Digest, Rank> {
        self.parts.get_mut(number(key)).expect("a remainder is below the number of parts")
    }
}

fn number(key: Digest) -> usize {
    (key.to_u128() % PARTS as u128) as usize
}

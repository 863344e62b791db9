//! Where a reader stands in one sorted file: at the next person's events.

use std::{ops::Range, sync::Arc};

use lake::{Reading, Rows, SortedFile};

use crate::{
    error::EngineError,
    people::{
        columns::stored,
        ground::GroundFile,
        lanes::{LanePlan, Piece},
        reader::{LaneReader, keys},
        walk::{Interval, Walk},
        whereabouts::Place,
    },
};

/// Bytes of a decoded value, about.
const DECODED_BYTES: usize = 8;

/// A reader in one file.
pub(super) struct Cursor<'a> {
    ground: &'a GroundFile,
    lane_reader: LaneReader<'a>,
    next_group: usize,
    rows: Option<Rows>,
    columns: Vec<&'static str>,
    pub(super) piece: Arc<Piece>,
    from: Origin,
    /// The next of the piece's places.
    next_run: usize,
    /// The events of the place at hand.
    pub(super) slice: Range<usize>,
    pub(super) place: Option<Place>,
}

/// What a piece was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The whole file.
    File,
    /// One batch of a row group, counted from 0.
    Batch {
        /// The row group.
        group: usize,
        /// How many batches of it came before.
        before: usize,
    },
}

/// Some events of one person in one file, held while others are put among them.
pub(super) struct Part<'a> {
    ground: &'a GroundFile,
    from: Origin,
    pub(super) piece: Arc<Piece>,
    pub(super) slice: Range<usize>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(ground: &'a GroundFile, walk: &Walk<'a>, interval: Interval) -> Self {
        let held = walk.held.get(&ground.file.entry.name);
        let piece = held.cloned().unwrap_or_default();
        Self {
            from: if held.is_some() { Origin::File } else { Origin::Batch { group: 0, before: 0 } },
            next_run: piece.places.partition_point(|place| *place < interval.first),
            piece,
            columns: walk.plan.stored(&ground.traits),
            lane_reader: LaneReader::new(walk.plan, &ground.traits, &walk.ground.book, walk.texts),
            next_group: 0,
            rows: None,
            slice: 0..0,
            place: None,
            ground,
        }
    }

    /// Bytes of the rows at hand: decoded, and as lanes.
    pub(super) fn bytes(&self) -> usize {
        match self.from {
            Origin::File => 0,
            Origin::Batch { .. } => {
                let rows = self.piece.row.capacity().max(self.piece.lanes.at.capacity());
                DECODED_BYTES * self.columns.len() * rows + self.piece.bytes()
            }
        }
    }

    /// True where more events of the place at hand may follow in rows that are not decoded yet.
    pub(super) fn may_go_on(&self) -> bool {
        self.from != Origin::File && self.next_run == self.piece.places.len()
    }

    /// The events at hand, to be held while the cursor moves on.
    pub(super) fn part(&self) -> Part<'a> {
        Part { ground: self.ground, from: self.from, piece: Arc::clone(&self.piece), slice: self.slice.clone() }
    }

    /// Moves on to the next place, or to more rows of the same.
    pub(super) fn advance(&mut self, walk: &Walk<'_>, interval: Interval) -> Result<(), EngineError> {
        loop {
            let run = self.next_run;
            if let (Some(&place), Some(&end)) = (self.piece.places.get(run), self.piece.ends.get(run)) {
                let start = run.checked_sub(1).and_then(|before| self.piece.ends.get(before)).copied().unwrap_or(0);
                self.slice = start as usize..end as usize;
                self.place = Some(place).filter(|place| *place <= interval.last);
                self.next_run += usize::from(self.place.is_some());
                return Ok(());
            }
            if self.from == Origin::File || !self.load(walk, interval)? {
                self.place = None;
                return Ok(());
            }
            self.next_run = self.piece.places.partition_point(|place| *place < interval.first);
        }
    }

    /// Decodes the next rows; false where there are none.
    fn load(&mut self, walk: &Walk<'_>, interval: Interval) -> Result<bool, EngineError> {
        let file: &SortedFile = &self.ground.file;
        loop {
            if let Some(rows) = self.rows.as_mut().and_then(Iterator::next) {
                let rows = rows?;
                walk.read(rows.num_rows());
                walk.look()?;
                if let Origin::Batch { before, .. } = &mut self.from {
                    *before += 1;
                }
                // Where nobody else holds the piece its room is used again.
                if Arc::get_mut(&mut self.piece).is_none() {
                    self.piece = Arc::default();
                }
                if let Some(piece) = Arc::get_mut(&mut self.piece) {
                    self.lane_reader.read(&rows, piece)?;
                }
                return Ok(true);
            }
            let group = self.next_group;
            if group == file.groups() || file.group_places(group).0 > interval.last {
                return Ok(false);
            }
            self.next_group += 1;
            if file.group_places(group).1 >= interval.first {
                let reading = Reading { columns: &self.columns, as_of: Some(walk.ground.as_of) };
                // The first batch is counted as it is read.
                self.from = Origin::Batch { group, before: 0 };
                self.rows = Some(file.read(group, reading)?);
            }
        }
    }
}

impl Part<'_> {
    /// The keys of its events. They are read where they are first asked for, of the whole piece.
    pub(super) fn keys(&self, walk: &Walk<'_>) -> Result<&[u128], EngineError> {
        if let Some(keys) = self.piece.keys.get() {
            return Ok(&keys[self.slice.clone()]);
        }
        let read = match self.from {
            Origin::File => {
                let plan = LanePlan { key: true, ..walk.plan.clone() };
                Walk { plan: &plan, ..*walk }.whole(self.ground)?.lanes.key
            }
            Origin::Batch { group, before } => {
                let reading = Reading { columns: &["key"], as_of: Some(walk.ground.as_of) };
                // Counted as it was read.
                let rows = self.ground.file.read_batch(group, before.saturating_sub(1), reading)?;
                keys(stored(&rows, "key")?, &self.piece.row)?
            }
        };
        Ok(&self.piece.keys.get_or_init(|| read)[self.slice.clone()])
    }
}

//! Every person's events in order, out of sorted files: persons are merged, not rows.
//!
//! The least place of all files is next. Files whose times do not overlap are chained; only where slices of one person
//! overlap in time are their rows put in order one by one.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use datafusion::execution::memory_pool::MemoryReservation;

use identity::PersonId;
use lake::{Reading, Rows, SortedFile};

use crate::{
    error::EngineError,
    people::{
        columns::Texts,
        ground::{Ground, GroundFile},
        lanes::{LanePlan, LaneReader, Lanes, Piece},
        leaf,
        whereabouts::Place,
    },
};

/// Persons between two looks at whether anybody still waits for the answer.
const PERSONS_BETWEEN_LOOKS: usize = 512;

/// Bytes of a decoded value, about.
const DECODED_BYTES: usize = 8;

/// Whose events a fold was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// The person whose rows, all of them, lie at this place.
    At(Place),
    /// A person whose rows lie in several places, or beside others'.
    Person(PersonId),
    /// A device whose rows do.
    Device(Place),
}

/// What becomes of each person's events.
pub trait PersonFold {
    /// Some events of the person at hand; several calls give all of them in order.
    fn events(&mut self, lanes: &Lanes, range: Range<usize>);

    /// Bytes that it holds.
    fn bytes(&self) -> usize;

    /// There are no more of this person.
    ///
    /// # Errors
    /// [`EngineError`] where the events contradict the question.
    fn end(&mut self, who: Who) -> Result<(), EngineError>;
}

/// What all threads of one question share.
pub struct Walk<'a> {
    /// What is read.
    pub ground: &'a Ground,
    /// Which lanes.
    pub plan: &'a LanePlan,
    /// The question's texts.
    pub texts: &'a Texts,
    /// True when nobody waits any more.
    pub stopped: &'a (dyn Fn() -> bool + Sync),
    /// Files whose lanes are held in memory, by [`GroundFile::hot_name`].
    pub held: &'a HashMap<String, Arc<Piece>>,
    /// Rows that were decoded.
    pub rows_read: &'a AtomicUsize,
    /// Most bytes that a thread held.
    pub bytes_max: &'a AtomicUsize,
    /// What this thread holds of the pool's memory.
    pub memory: &'a Mutex<MemoryReservation>,
}

/// A span of places, both ends inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// First place.
    pub first: Place,
    /// Last place.
    pub last: Place,
}

/// Where a reader stands in one file.
struct Cursor<'a> {
    file: &'a SortedFile,
    lane_reader: LaneReader<'a>,
    next_group: usize,
    rows: Option<Rows>,
    columns: Vec<&'static str>,
    piece: Arc<Piece>,
    /// True where the piece is the whole file.
    whole: bool,
    /// The next of the piece's places.
    next_run: usize,
    /// The slice of the place at hand.
    slice: Range<usize>,
    place: Option<Place>,
}

impl Walk<'_> {
    /// Gives the fold every person of the interval whose rows lie at one place.
    ///
    /// # Errors
    /// [`EngineError`] where a file is damaged, or the question is stopped.
    pub fn plain(&self, interval: Interval, fold: &mut impl PersonFold) -> Result<(), EngineError> {
        let mut lines: Vec<Vec<Cursor<'_>>> = Vec::new();
        for line in self.ground.lines() {
            let mut cursors = Vec::new();
            for file in line {
                let mut cursor = Cursor::new(file, self, interval);
                cursor.advance(self, interval)?;
                if cursor.place.is_some() {
                    cursors.push(cursor);
                }
            }
            if !cursors.is_empty() {
                lines.push(cursors);
            }
        }
        let exceptions = self.ground.spread.exceptions();
        let mut next_exception = exceptions.partition_point(|(place, _)| *place < interval.first);
        let (mut persons, mut merged) = (0, Merged::default());
        while let Some(place) = lines.iter().flatten().filter_map(|cursor| cursor.place).min() {
            persons += 1;
            if persons % PERSONS_BETWEEN_LOOKS == 0 {
                self.look()?;
                let read: usize = lines.iter().flatten().map(Cursor::bytes).sum();
                leaf::account(self.memory, read + fold.bytes(), self.bytes_max)?;
            }
            while exceptions.get(next_exception).is_some_and(|(exception, _)| *exception < place) {
                next_exception += 1;
            }
            if exceptions.get(next_exception).is_some_and(|(exception, _)| *exception == place) {
                for cursor in lines.iter_mut().flatten() {
                    while cursor.place == Some(place) {
                        cursor.advance(self, interval)?;
                    }
                }
                continue;
            }
            for line in &mut lines {
                let mut here = line.iter_mut().filter(|cursor| cursor.place == Some(place));
                let Some(one) = here.next() else { continue };
                if here.next().is_none() {
                    while one.place == Some(place) {
                        fold.events(&one.piece.lanes, one.slice.clone());
                        one.advance(self, interval)?;
                    }
                } else {
                    merged.take(self, line, place, interval)?;
                    fold.events(&merged.lanes, 0..merged.lanes.len());
                }
            }
            fold.end(Who::At(place))?;
        }
        Ok(())
    }

    /// The lanes of a whole file.
    ///
    /// # Errors
    /// [`EngineError`] where it is damaged, or the question is stopped.
    pub fn whole(&self, ground: &GroundFile) -> Result<Piece, EngineError> {
        let (mut all, columns) = (Piece::default(), self.plan.stored(&ground.traits));
        let mut reader = LaneReader::new(self.plan, &self.ground.book, self.texts);
        for group in 0..ground.file.groups() {
            for rows in ground.file.read(group, Reading { columns: &columns, as_of: Some(self.ground.as_of) })? {
                self.look()?;
                let rows = rows?;
                self.rows_read.fetch_add(rows.num_rows(), Ordering::Relaxed);
                all.append(&reader.read(&rows)?);
            }
        }
        all.shrink();
        Ok(all)
    }

    /// An error where nobody waits for the answer any more.
    ///
    /// # Errors
    /// [`EngineError::Asked`] then.
    pub fn look(&self) -> Result<(), EngineError> {
        if (self.stopped)() {
            return Err(EngineError::Asked { message: "the question was withdrawn".to_owned() });
        }
        Ok(())
    }
}

impl<'a> Cursor<'a> {
    fn new(ground: &'a GroundFile, walk: &Walk<'a>, interval: Interval) -> Self {
        let held = walk.held.get(&ground.hot_name());
        let piece = held.cloned().unwrap_or_default();
        Self {
            whole: held.is_some(),
            next_run: piece.places.partition_point(|place| *place < interval.first),
            piece,
            file: &ground.file,
            columns: walk.plan.stored(&ground.traits),
            lane_reader: LaneReader::new(walk.plan, &walk.ground.book, walk.texts),
            next_group: 0,
            rows: None,
            slice: 0..0,
            place: None,
        }
    }

    /// Bytes of the rows at hand: decoded, and as lanes.
    fn bytes(&self) -> usize {
        if self.whole { 0 } else { DECODED_BYTES * self.columns.len() * self.piece.row.capacity() + self.piece.bytes() }
    }

    /// Moves on to the next place, or to more rows of the same.
    fn advance(&mut self, walk: &Walk<'_>, interval: Interval) -> Result<(), EngineError> {
        loop {
            let run = self.next_run;
            if let (Some(&place), Some(&end)) = (self.piece.places.get(run), self.piece.ends.get(run)) {
                let start = run.checked_sub(1).and_then(|before| self.piece.ends.get(before)).copied().unwrap_or(0);
                self.slice = start as usize..end as usize;
                self.place = Some(place).filter(|place| *place <= interval.last);
                self.next_run += usize::from(self.place.is_some());
                return Ok(());
            }
            if self.whole || !self.load(walk, interval)? {
                self.place = None;
                return Ok(());
            }
            self.next_run = self.piece.places.partition_point(|place| *place < interval.first);
        }
    }

    /// Decodes the next rows; false where there are none.
    fn load(&mut self, walk: &Walk<'_>, interval: Interval) -> Result<bool, EngineError> {
        loop {
            if let Some(rows) = self.rows.as_mut().and_then(Iterator::next) {
                let rows = rows?;
                walk.rows_read.fetch_add(rows.num_rows(), Ordering::Relaxed);
                walk.look()?;
                self.piece = Arc::new(self.lane_reader.read(&rows)?);
                return Ok(true);
            }
            let group = self.next_group;
            if group == self.file.groups() || self.file.group_places(group).0 > interval.last {
                return Ok(false);
            }
            self.next_group += 1;
            if self.file.group_places(group).1 >= interval.first {
                let reading = Reading { columns: &self.columns, as_of: Some(walk.ground.as_of) };
                self.rows = Some(self.file.read(group, reading)?);
            }
        }
    }
}

/// Rows of one person out of several files that overlap in time.
#[derive(Default)]
struct Merged {
    lanes: Lanes,
    together: Lanes,
}

impl Merged {
    /// Takes all rows of the place from the cursors and puts them in order.
    fn take(
        &mut self,
        walk: &Walk<'_>,
        cursors: &mut [Cursor<'_>],
        place: Place,
        interval: Interval,
    ) -> Result<(), EngineError> {
        self.together.clear();
        for cursor in cursors.iter_mut() {
            while cursor.place == Some(place) {
                self.together.append(&cursor.piece.lanes, cursor.slice.clone());
                // A file without keys shares no instant with another.
                self.together.key.resize(self.together.len(), 0);
                cursor.advance(walk, interval)?;
            }
        }
        let mut order: Vec<u32> = (0..self.together.len() as u32).collect();
        order.sort_by_key(|&row| (self.together.at[row as usize], self.together.key[row as usize]));
        self.lanes = self.together.picked(&order);
        Ok(())
    }
}

//! Every person's events in order, out of sorted files: persons are merged, not rows.
//!
//! The least place of all files is next. A person's slices that follow each other in time are chained; only where they
//! overlap are their rows put in order one by one, and only where rows of two files lie at one instant are keys read.

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
use lake::Reading;

use crate::{
    error::EngineError,
    people::{
        columns::Texts,
        cursor::Cursor,
        ground::{Ground, GroundFile},
        lanes::{LanePlan, Lanes, Piece},
        leaf,
        reader::LaneReader,
        whereabouts::Place,
    },
};

/// Persons between two looks at whether anybody still waits for the answer.
const PERSONS_BETWEEN_LOOKS: usize = 512;

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
    /// Files whose lanes are held in memory, by name.
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

impl Walk<'_> {
    /// Gives the fold every person of the interval whose rows lie at one place.
    ///
    /// # Errors
    /// [`EngineError`] where a file is damaged, or the question is stopped.
    pub fn plain(&self, interval: Interval, fold: &mut impl PersonFold) -> Result<(), EngineError> {
        let mut cursors = Vec::new();
        for file in self.ground.sorted() {
            let mut cursor = Cursor::new(file, self, interval);
            cursor.advance(self, interval)?;
            if cursor.place.is_some() {
                cursors.push(cursor);
            }
        }
        let exceptions = self.ground.spread.exceptions();
        let mut next_exception = exceptions.partition_point(|(place, _)| *place < interval.first);
        let (mut persons, mut among) = (0, Among::default());
        while let Some(place) = cursors.iter().filter_map(|cursor| cursor.place).min() {
            persons += 1;
            if persons % PERSONS_BETWEEN_LOOKS == 0 {
                self.look()?;
                let read: usize = cursors.iter().map(Cursor::bytes).sum();
                leaf::account(self.memory, read + fold.bytes(), self.bytes_max)?;
                cursors.retain(|cursor| cursor.place.is_some());
            }
            while exceptions.get(next_exception).is_some_and(|(exception, _)| *exception < place) {
                next_exception += 1;
            }
            if exceptions.get(next_exception).is_some_and(|(exception, _)| *exception == place) {
                for cursor in &mut cursors {
                    while cursor.place == Some(place) {
                        cursor.advance(self, interval)?;
                    }
                }
                continue;
            }
            if among.chained(&cursors, place) {
                for &index in &among.order {
                    let cursor = &mut cursors[index];
                    while cursor.place == Some(place) {
                        fold.events(&cursor.piece.lanes, cursor.slice.clone());
                        cursor.advance(self, interval)?;
                    }
                }
            } else {
                let lanes = among.merged(self, &mut cursors, place, interval)?;
                fold.events(&lanes, 0..lanes.len());
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
        let (mut all, mut piece, columns) = (Piece::default(), Piece::default(), self.plan.stored(&ground.traits));
        let mut reader = LaneReader::new(self.plan, &ground.traits, &self.ground.book, self.texts);
        for group in 0..ground.file.groups() {
            for rows in ground.file.read(group, Reading { columns: &columns, as_of: Some(self.ground.as_of) })? {
                self.look()?;
                let rows = rows?;
                self.read(rows.num_rows());
                reader.read(&rows, &mut piece)?;
                all.append(&piece);
            }
        }
        all.shrink();
        Ok(all)
    }

    /// Counts rows that were decoded.
    pub(super) fn read(&self, rows: usize) {
        self.rows_read.fetch_add(rows, Ordering::Relaxed);
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

/// The files in which one person's events lie, by time.
#[derive(Default)]
struct Among {
    order: Vec<usize>,
}

impl Among {
    /// Finds the files that have events of the place, by the first of them. True where one follows the other: nothing of a
    /// later file happened before or at the last instant of an earlier one.
    fn chained(&mut self, cursors: &[Cursor<'_>], place: Place) -> bool {
        self.order.clear();
        let here = cursors.iter().enumerate().filter(|(_, cursor)| cursor.place == Some(place));
        self.order.extend(here.map(|(index, _)| index));
        let first = |index: usize| cursors[index].piece.lanes.at[cursors[index].slice.start];
        if self.order.len() == 1 {
            return true;
        }
        if !self.order.is_sorted_by_key(|index| first(*index)) {
            self.order.sort_by_key(|index| first(*index));
        }
        self.order.windows(2).all(|pair| {
            let before = &cursors[pair[0]];
            !before.may_go_on() && before.piece.lanes.at[before.slice.end - 1] < first(pair[1])
        })
    }

    /// Takes all events of the place from the cursors and puts them in order.
    fn merged(
        &self,
        walk: &Walk<'_>,
        cursors: &mut [Cursor<'_>],
        place: Place,
        interval: Interval,
    ) -> Result<Lanes, EngineError> {
        let (mut parts, mut together, mut part_of) = (Vec::new(), Lanes::default(), Vec::new());
        for &index in &self.order {
            let cursor = &mut cursors[index];
            while cursor.place == Some(place) {
                together.append(&cursor.piece.lanes, cursor.slice.clone());
                part_of.resize(together.len(), (index, parts.len(), together.len() - cursor.slice.len()));
                parts.push(cursor.part());
                cursor.advance(walk, interval)?;
            }
        }
        if together.at.is_sorted_by(|a, b| a < b) {
            return Ok(together);
        }
        // Those of one file are in order already, and stay so.
        let mut order: Vec<u32> = (0..together.len() as u32).collect();
        order.sort_by_key(|&row| together.at[row as usize]);
        let mut start = 0;
        while start < order.len() {
            let at = together.at[order[start] as usize];
            let tied = order[start..].iter().take_while(|row| together.at[**row as usize] == at).count();
            let same = &mut order[start..start + tied];
            start += tied;
            let file = |row: u32| part_of[row as usize].0;
            if same.iter().any(|row| file(*row) != file(same[0])) {
                let key = |row: u32| -> Result<(u128, u32), EngineError> {
                    let (_, part, first) = part_of[row as usize];
                    Ok((parts[part].keys(walk)?[row as usize - first], row))
                };
                let mut keyed = same.iter().map(|row| key(*row)).collect::<Result<Vec<_>, _>>()?;
                keyed.sort_unstable();
                same.iter_mut().zip(keyed).for_each(|(row, (_, found))| *row = found);
            }
        }
        Ok(together.picked(&order))
    }
}

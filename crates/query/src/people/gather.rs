//! Persons whose rows lie in several places, or beside others': their rows are taken together, each row's person is looked
//! up, and they are put in order.

use std::collections::HashMap;

use arrow::{
    array::{AsArray, RecordBatch},
    datatypes::{Int32Type, Int64Type},
};
use identity::PersonId;
use lake::{Reading, SortedFile, sorted_file::RowSelection};
use model::Node;

use crate::{
    error::EngineError,
    people::{
        columns::stored,
        lanes::{FileTraits, Lanes, Piece},
        leaf,
        reader::LaneReader,
        walk::{PersonFold, Walk, Who},
        whereabouts::Place,
    },
};

/// By whom gathered rows are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gathered {
    /// By person; rows of nobody are left out.
    ByPerson,
    /// By device; rows without are left out.
    ByDevice,
    /// Not at all.
    Together,
}

/// Rows, and whose they are.
#[derive(Default)]
struct Rows {
    lanes: Lanes,
    who: Vec<Who>,
}

impl Rows {
    fn bytes(&self) -> usize {
        self.lanes.bytes() + size_of::<Who>() * self.who.capacity()
    }
}

impl Walk<'_> {
    /// Gives the fold every person, or device, of those groups of places of which `every` says true.
    ///
    /// # Errors
    /// [`EngineError`] where a file is damaged, or the question is stopped.
    pub fn gathered(
        &self,
        by: Gathered,
        group: &dyn Fn(u32) -> bool,
        fold: &mut impl PersonFold,
    ) -> Result<(), EngineError> {
        let exceptions = self.ground.spread.exceptions();
        let places: Vec<Place> = exceptions.iter().filter(|(_, of)| group(*of)).map(|(place, _)| *place).collect();
        if places.is_empty() {
            return Ok(());
        }
        let mut rows = Rows::default();
        for file in &self.ground.files {
            for group in 0..file.groups() {
                self.look()?;
                let (first, last) = file.group_places(group);
                let from = places.partition_point(|place| *place < first);
                if places.get(from).is_some_and(|place| *place <= last) {
                    self.take(file, group, &places, by, &mut rows)?;
                    leaf::account(self.memory, rows.bytes() + fold.bytes(), self.bytes_max)?;
                }
            }
        }
        // Once as gathered, once in order.
        leaf::account(self.memory, 2 * rows.bytes() + fold.bytes(), self.bytes_max)?;
        let mut order: Vec<u32> = (0..rows.lanes.len() as u32).collect();
        let Rows { lanes, who } = &rows;
        order.sort_by_key(|&row| (who[row as usize], lanes.at[row as usize], lanes.key[row as usize]));
        let sorted = lanes.picked(&order);
        let mut start = 0;
        for same in order.chunk_by(|a, b| who[*a as usize] == who[*b as usize]) {
            let end = start + same.len();
            fold.events(&sorted, start..end);
            fold.end(who[same[0] as usize])?;
            start = end;
        }
        Ok(())
    }

    /// Takes the rows of one row group that lie at these places.
    fn take(
        &self,
        file: &SortedFile,
        group: usize,
        places: &[Place],
        by: Gathered,
        rows: &mut Rows,
    ) -> Result<(), EngineError> {
        let as_of = Some(self.ground.as_of);
        let mut wanted = Vec::with_capacity(file.group_rows(group));
        for found in file.read(group, Reading { columns: &["place"], as_of: None })? {
            let found = found?;
            let found = stored(&found, "place")?.as_primitive::<Int64Type>().values();
            wanted.extend(found.iter().map(|place| places.binary_search(place).is_ok()));
        }
        let selection = RowSelection::from_filters(&[wanted.into()]);
        if !selection.selects_any() {
            return Ok(());
        }
        let mut columns = self.plan.stored(&FileTraits::default());
        let more = ["key", "device", "device_place", "user"].into_iter().filter(|name| !columns.contains(name));
        columns.extend(more.collect::<Vec<_>>());
        let mut reader = LaneReader::new(self.plan, &FileTraits::default(), &self.ground.book, self.texts);
        let (mut people, mut piece) = (HashMap::new(), Piece::default());
        for found in file.read_selected(group, Reading { columns: &columns, as_of }, selection)? {
            let found = found?;
            self.read(found.num_rows());
            reader.read(&found, &mut piece)?;
            people.clear();
            let mut kept = Vec::with_capacity(piece.lanes.len());
            for position in 0..piece.lanes.len() {
                let row = piece.row_at(position);
                let who = match by {
                    Gathered::ByPerson => self.person_of(&found, row, &mut people)?.map(Who::Person),
                    Gathered::ByDevice => {
                        let device = stored(&found, "device_place")?.as_primitive::<Int64Type>().value(row);
                        (device != 0).then_some(Who::Device(device))
                    }
                    Gathered::Together => Some(Who::Device(0)),
                };
                if let Some(who) = who {
                    rows.who.push(who);
                    kept.push(position as u32);
                }
            }
            let kept = piece.lanes.picked(&kept);
            rows.lanes.append(&kept, 0..kept.len());
        }
        Ok(())
    }

    /// The person of a row; each distinct pair of device and user in a batch is looked up once.
    fn person_of(
        &self,
        rows: &RecordBatch,
        row: usize,
        known: &mut HashMap<(Option<usize>, Option<usize>), Option<PersonId>>,
    ) -> Result<Option<PersonId>, EngineError> {
        let device = stored(rows, "device")?.as_dictionary::<Int32Type>();
        let user = stored(rows, "user")?.as_dictionary::<Int32Type>();
        let pair = (device.key(row), user.key(row));
        Ok(*known.entry(pair).or_insert_with(|| {
            let node = |texts: &arrow::array::DictionaryArray<Int32Type>, key: Option<usize>| {
                key.and_then(|key| Node::from_text(texts.values().as_string::<i32>().value(key)))
            };
            self.ground.persons.belongs(node(device, pair.0).as_ref(), node(user, pair.1).as_ref())
        }))
    }
}

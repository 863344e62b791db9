//! Where whose rows lie: read once from each file, whatever wrote it.
//!
//! An event belongs to its known id, else to its device: its *owner*. Most rows lie at the home place of their owner; what
//! lies elsewhere is noted here. Nothing says *who* anybody is: that is asked as of an instant, and files do not change.

use std::collections::BTreeSet;

use arrow::{
    array::{Array, AsArray, DictionaryArray, RecordBatch},
    datatypes::{Int32Type, Int64Type},
};
use identity::is_rejected;
use lake::{Reading, SortedFile};
use model::Node;

use crate::{error::EngineError, people::columns::stored};

/// A place, or the home place of a node: 64 bits of its hash.
pub type Place = i64;

/// Where the rows of some files lie. Every list is ascending and without repetitions.
#[derive(Debug, Default, Clone)]
pub struct Whereabouts {
    /// Places that have rows.
    pub places: Vec<Place>,
    /// (home of the owner, place) where rows lie away from their owner's home.
    pub away: Vec<(Place, Place)>,
    /// (home of the device, place) where rows that name a device lie away from its home.
    pub devices: Vec<(Place, Place)>,
    /// Places with rows that name neither a known id nor a device.
    pub ownerless: Vec<Place>,
    /// True where some row is no session event.
    pub outside_sessions: bool,
}

impl Whereabouts {
    /// Reads a file: every row, in force or not. An id in `rejected` owns nothing.
    ///
    /// # Errors
    /// [`EngineError`] where the file is damaged.
    pub fn of(file: &SortedFile, rejected: &BTreeSet<String>) -> Result<Self, EngineError> {
        let mut found = Self::default();
        for group in 0..file.groups() {
            let reading = Reading { columns: &["place", "in_session", "device_place", "user"], as_of: None };
            for rows in file.read(group, reading)? {
                found.add(&rows?, rejected)?;
            }
            found.settle();
        }
        Ok(found)
    }

    /// Adds what others found.
    pub fn add_all<'a>(&mut self, others: impl Iterator<Item = &'a Self>) {
        for other in others {
            self.places.extend(&other.places);
            self.away.extend(&other.away);
            self.devices.extend(&other.devices);
            self.ownerless.extend(&other.ownerless);
        }
        self.settle();
    }

    /// True where some row lies there.
    #[must_use]
    pub fn has_rows(&self, place: Place) -> bool {
        self.places.binary_search(&place).is_ok()
    }

    fn add(&mut self, rows: &RecordBatch, rejected: &BTreeSet<String>) -> Result<(), EngineError> {
        let places = stored(rows, "place")?.as_primitive::<Int64Type>().values();
        let devices = stored(rows, "device_place")?.as_primitive::<Int64Type>().values();
        let users: &DictionaryArray<Int32Type> = stored(rows, "user")?.as_dictionary();
        let texts = users.values().as_string::<i32>();
        self.outside_sessions |= stored(rows, "in_session")?.as_boolean().false_count() > 0;
        let mut homes: Vec<Option<Place>> = vec![None; texts.len()];
        let mut before = None;
        for row in 0..rows.num_rows() {
            let (place, device, user) = (places[row], devices[row], users.key(row));
            if before == Some((place, device, user)) {
                continue;
            }
            before = Some((place, device, user));
            let known = user.and_then(|key| match homes[key] {
                Some(home) => Some(home),
                None => {
                    // An id that stands for nobody owns nothing.
                    let node = Node::from_text(texts.value(key)).filter(|node| !is_rejected(node, rejected))?;
                    homes[key] = Some(node.home_place());
                    homes[key]
                }
            });
            if self.places.last() != Some(&place) {
                self.places.push(place);
            }
            match known.or(Some(device).filter(|device| *device != 0)) {
                Some(owner) if owner != place => self.away.push((owner, place)),
                Some(_) => {}
                None => self.ownerless.push(place),
            }
            if device != 0 && device != place {
                self.devices.push((device, place));
            }
        }
        Ok(())
    }

    fn settle(&mut self) {
        fn settled<T: Ord>(list: &mut Vec<T>) {
            list.sort_unstable();
            list.dedup();
        }
        settled(&mut self.places);
        settled(&mut self.away);
        settled(&mut self.devices);
        settled(&mut self.ownerless);
    }
}

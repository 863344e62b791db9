//! The few numbers of each event that a fold reads, side by side: rows of one person follow each other, in order.

use std::{
    collections::HashSet,
    ops::Range,
    sync::{Arc, OnceLock},
};

use datafusion::physical_expr::PhysicalExpr;
use model::Currency;

use crate::people::columns::EventColumns;

/// No code: the event has no value of the kind.
pub const NONE: u32 = u32::MAX;
/// No amount.
pub const NO_AMOUNT: i64 = i64::MIN;

/// Which events satisfy a step, an exclusion, or whatever a fold looks for.
#[derive(Debug, Clone)]
pub struct Condition {
    /// Harmonised names, of which it has one; none: any.
    pub events: Vec<String>,
    /// What else must be true of it.
    pub filter: Option<Arc<dyn PhysicalExpr>>,
}

/// Which lanes a fold reads, and how they come from stored columns.
#[derive(Debug, Default, Clone)]
pub struct LanePlan {
    /// Bit k of `mask`.
    pub marks: Vec<Condition>,
    /// Bit k of `exclusion`.
    pub exclusions: Vec<Condition>,
    /// Texts whose values, as one, become `held`; empty: not read.
    pub held: Vec<Arc<dyn PhysicalExpr>>,
    /// A text that becomes `code`.
    pub code: Option<Arc<dyn PhysicalExpr>>,
    /// A text that becomes `unit`; events without are left out.
    pub unit: Option<Arc<dyn PhysicalExpr>>,
    /// Whose amounts are read, with their currencies.
    pub value: Amounts,
    /// Amounts in other currencies are none.
    pub currency: Option<Currency>,
    /// Devices are read.
    pub device: bool,
    /// Whether sessions are made of the event is read.
    pub in_session: bool,
    /// Click ids are read.
    pub click: bool,
    /// Keys are read.
    pub key: bool,
    /// Which events are kept.
    pub kept: Kept,
    /// The columns that the expressions read.
    pub columns: EventColumns,
}

/// Of which events amounts are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Amounts {
    /// Of none.
    #[default]
    None,
    /// Of those with a mark.
    Marked,
    /// Of every one that is kept.
    All,
}

/// Which events a fold reads. Those of bots and internal visits it never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kept {
    /// Those with a mark or an exclusion.
    #[default]
    Marked,
    /// Those, and all session events.
    MarkedAndSession,
    /// Session events.
    Session,
    /// Every one.
    All,
}

/// What is known of all rows of a file, so that a column need not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileTraits {
    /// None is a bot's or of an internal visit.
    pub all_counted: bool,
    /// Sessions are made of every one.
    pub all_in_session: bool,
    /// None has a click id.
    pub no_clicks: bool,
}

/// Events, an entry in each lane that is read. Lanes that are not read are empty.
#[derive(Debug, Default)]
pub struct Lanes {
    /// Instant, milliseconds.
    pub at: Vec<i64>,
    /// Bits of the marks.
    pub mask: Vec<u32>,
    /// Bits of the exclusions.
    pub exclusion: Vec<u32>,
    /// Held value by its code, or [`NONE`].
    pub held: Vec<u32>,
    /// Text by its code, or [`NONE`].
    pub code: Vec<u32>,
    /// Unit by its code.
    pub unit: Vec<u32>,
    /// Amount in micros, or [`NO_AMOUNT`].
    pub value: Vec<i64>,
    /// Currency of the amount by its code, or [`NONE`].
    pub currency: Vec<u32>,
    /// Home place of the device, or 0.
    pub device: Vec<i64>,
    /// Click id with its kind by its code, or [`NONE`].
    pub click: Vec<u32>,
    /// True where sessions are made of it.
    pub in_session: Vec<bool>,
    /// Its key.
    pub key: Vec<u128>,
}

/// The lanes of a batch of stored rows, beside where each lies.
#[derive(Debug, Default)]
pub struct Piece {
    /// Lanes of the kept rows.
    pub lanes: Lanes,
    /// The places of the kept rows, ascending.
    pub places: Vec<i64>,
    /// The first row after each of them.
    pub ends: Vec<u32>,
    /// Which row of the batch it was; none where every row was kept, or of pieces put together.
    pub row: Vec<u32>,
    /// Keys of the kept rows, read where events of two files lie at one instant.
    pub keys: OnceLock<Vec<u128>>,
}

impl LanePlan {
    /// What questions that read the same lanes have in common, as text.
    #[must_use]
    pub fn shape(&self) -> String {
        let conditions = |conditions: &[Condition]| -> Vec<String> {
            let filter = |c: &Condition| c.filter.as_ref().map(ToString::to_string).unwrap_or_default();
            conditions.iter().map(|c| format!("{:?} {}", c.events, filter(c))).collect()
        };
        let expressions = |list: &mut dyn Iterator<Item = &Arc<dyn PhysicalExpr>>| -> Vec<String> {
            list.map(ToString::to_string).collect()
        };
        format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {} {} {} {} {:?}",
            conditions(&self.marks),
            conditions(&self.exclusions),
            expressions(&mut self.held.iter()),
            expressions(&mut self.code.iter()),
            expressions(&mut self.unit.iter()),
            self.value,
            self.currency,
            self.device,
            self.in_session,
            self.click,
            self.key,
            self.kept,
        )
    }

    /// Bytes that a kept row takes in the lanes, at most.
    #[must_use]
    pub fn row_bytes(&self) -> usize {
        let value = self.value != Amounts::None;
        let wide = [true, value, self.device].into_iter().filter(|read| *read).count();
        let narrow = [
            !self.marks.is_empty(),
            !self.exclusions.is_empty(),
            !self.held.is_empty(),
            self.code.is_some(),
            self.unit.is_some(),
            value,
            self.click,
        ];
        8 * wide
            + 4 * narrow.into_iter().filter(|read| *read).count()
            + usize::from(self.reads_in_session())
            + 16 * usize::from(self.key)
            + 4
    }

    /// The stored columns to read of a file.
    #[must_use]
    pub fn stored(&self, file: &FileTraits) -> Vec<&'static str> {
        let mut wanted: HashSet<&'static str> = self.columns.stored().collect();
        wanted.extend(["place", "occurred_at"]);
        if !(self.marks.is_empty() && self.exclusions.is_empty()) {
            wanted.insert("event");
        }
        let more = [
            (self.value != Amounts::None, "value"),
            (self.value != Amounts::None, "currency"),
            (self.device, "device_place"),
            (!file.all_counted, "traffic"),
            (self.reads_in_session() && !file.all_in_session, "in_session"),
            (self.click && !file.no_clicks, "click_id_kind"),
            (self.click && !file.no_clicks, "click_id"),
            (self.key, "key"),
        ];
        wanted.extend(more.into_iter().filter(|(read, _)| *read).map(|(_, name)| name));
        // In the table's order, in which they come from the file.
        let schema = tables::Table::Events.schema();
        let mut names: Vec<&'static str> = wanted.into_iter().collect();
        names.sort_unstable_by_key(|name| schema.index_of(name).unwrap_or(usize::MAX));
        names
    }

    /// True where a lane says whether sessions are made of the event.
    #[must_use]
    pub fn reads_in_session(&self) -> bool {
        self.in_session || matches!(self.kept, Kept::MarkedAndSession | Kept::Session)
    }
}

impl Lanes {
    /// How many events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// Forgets every event and keeps the room.
    pub fn clear(&mut self) {
        let Self { at, mask, exclusion, held, code, unit, value, currency, device, in_session, click, key } = self;
        [mask, exclusion, held, code, unit, currency, click].into_iter().for_each(Vec::clear);
        [at, value, device].into_iter().for_each(Vec::clear);
        in_session.clear();
        key.clear();
    }

    /// Adds some events of another, with the same lanes.
    pub fn append(&mut self, other: &Self, range: Range<usize>) {
        fn extend<T: Copy>(lane: &mut Vec<T>, other: &[T], range: &Range<usize>) {
            if let Some(more) = other.get(range.clone()) {
                lane.extend_from_slice(more);
            }
        }
        extend(&mut self.at, &other.at, &range);
        extend(&mut self.mask, &other.mask, &range);
        extend(&mut self.exclusion, &other.exclusion, &range);
        extend(&mut self.held, &other.held, &range);
        extend(&mut self.code, &other.code, &range);
        extend(&mut self.unit, &other.unit, &range);
        extend(&mut self.value, &other.value, &range);
        extend(&mut self.currency, &other.currency, &range);
        extend(&mut self.device, &other.device, &range);
        extend(&mut self.click, &other.click, &range);
        extend(&mut self.in_session, &other.in_session, &range);
        extend(&mut self.key, &other.key, &range);
    }

    /// The events at these positions, in this order.
    #[must_use]
    pub fn picked(&self, positions: &[u32]) -> Self {
        fn pick<T: Copy>(lane: &[T], positions: &[u32]) -> Vec<T> {
            if lane.is_empty() { Vec::new() } else { positions.iter().map(|&p| lane[p as usize]).collect() }
        }
        Self {
            at: pick(&self.at, positions),
            mask: pick(&self.mask, positions),
            exclusion: pick(&self.exclusion, positions),
            held: pick(&self.held, positions),
            code: pick(&self.code, positions),
            unit: pick(&self.unit, positions),
            value: pick(&self.value, positions),
            currency: pick(&self.currency, positions),
            device: pick(&self.device, positions),
            click: pick(&self.click, positions),
            in_session: pick(&self.in_session, positions),
            key: pick(&self.key, positions),
        }
    }

    /// Bytes that the lanes hold.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let numbers = [&self.mask, &self.exclusion, &self.held, &self.code, &self.unit, &self.currency, &self.click];
        let wide = [&self.at, &self.value, &self.device];
        numbers.iter().map(|lane| 4 * lane.capacity()).sum::<usize>()
            + wide.iter().map(|lane| 8 * lane.capacity()).sum::<usize>()
            + self.in_session.capacity()
            + 16 * self.key.capacity()
    }
}

impl Piece {
    /// Forgets every row and keeps the room.
    pub fn clear(&mut self) {
        self.lanes.clear();
        self.places.clear();
        self.ends.clear();
        self.row.clear();
        self.keys.take();
    }

    /// Adds the rows that follow.
    pub fn append(&mut self, next: &Self) {
        let before = self.lanes.len() as u32;
        self.lanes.append(&next.lanes, 0..next.lanes.len());
        if self.places.last().is_some_and(|last| next.places.first() == Some(last)) {
            self.places.pop();
            self.ends.pop();
        }
        self.places.extend(&next.places);
        self.ends.extend(next.ends.iter().map(|end| end + before));
    }

    /// Which row of the batch an event was.
    #[must_use]
    pub fn row_at(&self, position: usize) -> usize {
        self.row.get(position).map_or(position, |row| *row as usize)
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        16 * self.keys.get().map_or(0, Vec::capacity)
            + self.lanes.bytes()
            + 8 * self.places.capacity()
            + 4 * (self.ends.capacity() + self.row.capacity())
    }

    /// Gives back room that is not used.
    pub fn shrink(&mut self) {
        let positions: Vec<u32> = (0..self.lanes.len() as u32).collect();
        self.lanes = self.lanes.picked(&positions);
        self.places.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}

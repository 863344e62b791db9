//! Stored rows become lanes, batch after batch of one row group: the few rows and numbers that a fold reads.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    compute::cast,
    datatypes::{DataType, Decimal128Type, Int32Type, Int64Type, TimestampMicrosecondType},
};
use model::Digest;
use tables::TableError;

use crate::{
    error::EngineError,
    people::{
        columns::{Texts, same_texts, stored},
        expressions::{Learned, codes},
        lanes::{Amounts, Condition, FileTraits, Kept, LanePlan, Lanes, NO_AMOUNT, NONE, Piece},
        signals::TrafficBook,
    },
};

/// Makes lanes of batch after batch.
#[derive(Debug)]
pub struct LaneReader<'a> {
    plan: &'a LanePlan,
    book: &'a TrafficBook,
    texts: &'a Texts,
    /// For the event names of the row group at hand: which marks and exclusions they may have.
    names: Names,
    /// For its signals: which are counted.
    counted: Counted,
    /// Filters of the marks and exclusions, each with its bit.
    filters: [Vec<(usize, Learned<bool>)>; 2],
    /// True where no signals of the file are a bot's or of an internal visit.
    all_counted: bool,
    /// Places of the rows at hand, where not all are kept.
    places: Vec<i64>,
    code: Option<Learned<u32>>,
    unit: Option<Learned<u32>>,
    held: Vec<Learned<u32>>,
}

/// Event names of one dictionary.
#[derive(Debug, Default)]
struct Names {
    dictionary: Option<ArrayRef>,
    marks: Vec<u32>,
    exclusions: Vec<u32>,
    /// True for those with any of them.
    marked: Vec<bool>,
}

/// Signals of one dictionary.
#[derive(Debug, Default)]
struct Counted {
    dictionary: Option<ArrayRef>,
    counted: Vec<bool>,
    all: bool,
}

/// Fills a lane with what some rows hold: those at the positions, or all.
fn fill<T, U>(lane: &mut Vec<U>, values: &[T], all: bool, positions: &[u32], of: impl Fn(&T) -> U) {
    if all {
        lane.extend(values.iter().map(of));
    } else {
        lane.extend(positions.iter().map(|&row| of(&values[row as usize])));
    }
}

impl<'a> LaneReader<'a> {
    /// A reader that has met nothing yet.
    #[must_use]
    pub fn new(plan: &'a LanePlan, traits: &FileTraits, book: &'a TrafficBook, texts: &'a Texts) -> Self {
        let learned = |expression: &Arc<_>| Learned::new(expression, &plan.columns);
        let filters = |conditions: &[Condition]| {
            let filter = |(bit, condition): (usize, &Condition)| {
                Some((bit, Learned::new(condition.filter.as_ref()?, &plan.columns)))
            };
            conditions.iter().enumerate().filter_map(filter).collect()
        };
        Self {
            filters: [filters(&plan.marks), filters(&plan.exclusions)],
            code: plan.code.as_ref().map(learned),
            unit: plan.unit.as_ref().map(learned),
            held: plan.held.iter().map(learned).collect(),
            all_counted: traits.all_counted,
            places: Vec::new(),
            plan,
            book,
            texts,
            names: Names::default(),
            counted: Counted::default(),
        }
    }

    /// Fills a piece with the lanes of a batch of one row group.
    ///
    /// # Errors
    /// [`EngineError`] where a column is missing, or a condition meets what it cannot read.
    pub fn read(&mut self, rows: &RecordBatch, piece: &mut Piece) -> Result<(), EngineError> {
        piece.clear();
        let judged = self.judged(rows)?;
        let all = self.choose(rows, judged.as_ref(), &mut piece.row)?;
        if !all && piece.row.is_empty() {
            return Ok(());
        }
        let (lanes, row) = (&mut piece.lanes, &piece.row);
        let integers = |name: &str| Ok::<_, EngineError>(stored(rows, name)?.as_primitive::<Int64Type>().values());
        let at = stored(rows, "occurred_at")?.as_primitive::<TimestampMicrosecondType>().values();
        fill(&mut lanes.at, at, all, row, |at| millis(*at));
        self.mark(rows, judged.as_ref(), lanes, all, row)?;
        if self.plan.device {
            fill(&mut lanes.device, integers("device_place")?, all, row, |device| *device);
        }
        if let Some(key) = rows.column_by_name("key") {
            lanes.key = keys(key, row)?;
        }
        if self.plan.reads_in_session() {
            // A column that is not there says the same of every row.
            match rows.column_by_name("in_session").map(AsArray::as_boolean) {
                None => lanes.in_session.resize(lanes.at.len(), true),
                Some(flags) if all => lanes.in_session.extend(flags.values()),
                Some(flags) => lanes.in_session.extend(row.iter().map(|&row| flags.value(row as usize))),
            }
        }
        let place = integers("place")?;
        if all {
            runs(place, &mut piece.places, &mut piece.ends);
        } else {
            self.places.clear();
            fill(&mut self.places, place, all, row, |place| *place);
            runs(&self.places, &mut piece.places, &mut piece.ends);
        }
        self.read_amounts(rows, piece)?;
        if self.plan.click {
            piece.lanes.click = self.clicks(rows, piece)?;
        }
        self.read_texts(rows, piece)
    }

    /// The bits of every row where a filter takes some away; `None` where each has those of its name.
    fn judged(&mut self, rows: &RecordBatch) -> Result<Option<[Vec<u32>; 2]>, EngineError> {
        if self.plan.marks.is_empty() && self.plan.exclusions.is_empty() {
            return Ok(None);
        }
        let names = stored(rows, "event")?.as_dictionary::<Int32Type>();
        self.names.learn(names.values(), self.plan);
        if self.filters.iter().all(Vec::is_empty) {
            return Ok(None);
        }
        let bits = |of: &[u32]| names.keys().values().iter().map(|&key| of[key as usize]).collect::<Vec<u32>>();
        let exclusions = if self.plan.exclusions.is_empty() { Vec::new() } else { bits(&self.names.exclusions) };
        let mut judged = [bits(&self.names.marks), exclusions];
        for (filters, bits) in self.filters.iter_mut().zip(&mut judged) {
            for (bit, filter) in filters {
                filter.judge(rows, (bits, *bit), &self.plan.columns, self.book)?;
            }
        }
        Ok(Some(judged))
    }

    /// Marks and exclusions of the chosen rows: those that were judged, else those of their names.
    fn mark(
        &self,
        rows: &RecordBatch,
        judged: Option<&[Vec<u32>; 2]>,
        lanes: &mut Lanes,
        all: bool,
        row: &[u32],
    ) -> Result<(), EngineError> {
        if let Some([marks, exclusions]) = judged {
            fill(&mut lanes.mask, marks, all, row, |bits| *bits);
            if !exclusions.is_empty() {
                fill(&mut lanes.exclusion, exclusions, all, row, |bits| *bits);
            }
            return Ok(());
        }
        if self.plan.marks.is_empty() && self.plan.exclusions.is_empty() {
            return Ok(());
        }
        let keys = stored(rows, "event")?.as_dictionary::<Int32Type>().keys().values();
        let Names { marks, exclusions, .. } = &self.names;
        fill(&mut lanes.mask, keys, all, row, |key| marks[*key as usize]);
        if !self.plan.exclusions.is_empty() {
            fill(&mut lanes.exclusion, keys, all, row, |key| exclusions[*key as usize]);
        }
        Ok(())
    }

    /// Finds the rows that the fold reads. True where these are all, and no positions are given.
    fn choose(
        &mut self,
        rows: &RecordBatch,
        judged: Option<&[Vec<u32>; 2]>,
        positions: &mut Vec<u32>,
    ) -> Result<bool, EngineError> {
        // Columns that are not there say that every row is counted.
        let traffic = rows.column_by_name("traffic").filter(|_| !self.all_counted);
        let traffic = traffic.map(AsArray::as_dictionary::<Int32Type>);
        if let Some(traffic) = traffic {
            self.counted.learn(traffic.values(), self.book)?;
        }
        let in_session = rows.column_by_name("in_session").map(AsArray::as_boolean);
        let session = |row: usize| in_session.is_none_or(|flags| flags.value(row));
        let everything = in_session.is_none_or(|flags| flags.true_count() == flags.len());
        let (count, kept) = (rows.num_rows(), self.plan.kept);
        let mut all = false;
        if kept == Kept::All || (kept != Kept::Marked && everything) {
            all = true;
        } else if kept == Kept::Session {
            keep(positions, count, session);
        } else if let Some([marks, exclusions]) = judged {
            let marked = |row: usize| marks[row] != 0 || exclusions.get(row).is_some_and(|bits| *bits != 0);
            keep(positions, count, |row| marked(row) || (kept != Kept::Marked && session(row)));
        } else if self.plan.marks.is_empty() && self.plan.exclusions.is_empty() {
            keep(positions, count, |row| kept != Kept::Marked && session(row));
        } else {
            let (names, marked) = (stored(rows, "event")?.as_dictionary::<Int32Type>(), &self.names.marked);
            let keys = &names.keys().values()[..count];
            if kept == Kept::Marked {
                keep(positions, count, |row| marked[keys[row] as usize]);
            } else {
                keep(positions, count, |row| marked[keys[row] as usize] || session(row));
            }
        }
        if let Some(traffic) = traffic.filter(|_| !self.counted.all) {
            let (keys, counted) = (traffic.keys().values(), &self.counted.counted);
            let counts = |row: usize| counted[keys[row] as usize];
            if all {
                keep(positions, count, counts);
                all = false;
            } else {
                positions.retain(|&row| counts(row as usize));
            }
        }
        Ok(all)
    }

    fn read_amounts(&self, rows: &RecordBatch, piece: &mut Piece) -> Result<(), EngineError> {
        if self.plan.value == Amounts::None {
            return Ok(());
        }
        let values = stored(rows, "value")?.as_primitive::<Decimal128Type>();
        let count = piece.lanes.len();
        let stated = |position: usize| {
            let row = piece.row_at(position);
            values.is_valid(row).then_some((position, row as u32))
        };
        let with_value: Vec<(usize, u32)> = match self.plan.value {
            Amounts::Marked => {
                let marked = piece.lanes.mask.iter().enumerate().filter(|(_, mask)| **mask != 0);
                marked.filter_map(|(position, _)| stated(position)).collect()
            }
            _ => (0..count).filter_map(stated).collect(),
        };
        let (amounts, currencies) = (&mut piece.lanes.value, &mut piece.lanes.currency);
        amounts.resize(count, NO_AMOUNT);
        currencies.resize(count, NONE);
        if !with_value.is_empty() {
            let at: Vec<u32> = with_value.iter().map(|(_, row)| *row).collect();
            let codes = codes(self.texts, stored(rows, "currency")?, &at)?;
            let wanted = self.plan.currency.map(|currency| self.texts.code(currency.code()));
            for ((position, row), code) in with_value.into_iter().zip(codes) {
                // An amount that states no currency is none: it would be added to others'.
                if code != NONE && wanted.is_none_or(|wanted| wanted == code) {
                    amounts[position] = i64::try_from(values.value(row as usize)).unwrap_or(NO_AMOUNT);
                    currencies[position] = code;
                }
            }
        }
        Ok(())
    }

    /// Click ids by their codes. The kind is part of it: `gclid=…`.
    fn clicks(&self, rows: &RecordBatch, piece: &Piece) -> Result<Vec<u32>, EngineError> {
        let none = || vec![NONE; piece.lanes.len()];
        // Columns that are not there say that no row has any.
        let Some(kinds) = rows.column_by_name("click_id_kind") else { return Ok(none()) };
        let kinds = kinds.as_dictionary::<Int32Type>();
        if kinds.null_count() == kinds.len() {
            return Ok(none());
        }
        let ids = cast(stored(rows, "click_id")?, &DataType::Utf8)?;
        let (names, ids) = (kinds.values().as_string::<i32>(), ids.as_string::<i32>());
        let code = |position: usize| {
            let row = piece.row_at(position);
            match kinds.key(row) {
                Some(kind) if ids.is_valid(row) => {
                    self.texts.code(&format!("{}={}", names.value(kind), ids.value(row)))
                }
                _ => NONE,
            }
        };
        Ok((0..piece.lanes.len()).map(code).collect())
    }

    fn read_texts(&mut self, rows: &RecordBatch, piece: &mut Piece) -> Result<(), EngineError> {
        let (columns, known) = (&self.plan.columns, (self.book, self.texts));
        let mut codes = |learned: &mut Learned<u32>| learned.codes(rows, &piece.row, columns, known);
        if let Some(code) = &mut self.code {
            piece.lanes.code = codes(code)?;
        }
        if let Some(unit) = &mut self.unit {
            piece.lanes.unit = codes(unit)?;
        }
        let held = self.held.iter_mut().map(&mut codes).collect::<Result<Vec<_>, _>>()?;
        if let [one] = held.as_slice() {
            piece.lanes.held.clone_from(one);
        } else if !held.is_empty() {
            let together = |row: usize| {
                let parts: Vec<u32> = held.iter().map(|lane| lane[row]).collect();
                if parts.contains(&NONE) { NONE } else { self.texts.code(&format!("{parts:?}")) }
            };
            piece.lanes.held = (0..piece.lanes.len()).map(together).collect();
        }
        Ok(())
    }
}

impl Names {
    fn learn(&mut self, dictionary: &ArrayRef, plan: &LanePlan) {
        if self.dictionary.as_ref().is_some_and(|known| same_texts(known, dictionary)) {
            return;
        }
        let bits = |conditions: &[Condition]| -> Vec<u32> {
            let of = |name: Option<&str>| {
                let has =
                    |c: &Condition| c.events.is_empty() || c.events.iter().any(|event| Some(event.as_str()) == name);
                conditions.iter().zip(0..).fold(0, |bits, (condition, bit)| bits | u32::from(has(condition)) << bit)
            };
            dictionary.as_string::<i32>().iter().map(of).collect()
        };
        (self.marks, self.exclusions) = (bits(&plan.marks), bits(&plan.exclusions));
        self.marked = self.marks.iter().zip(&self.exclusions).map(|(marks, more)| marks | more != 0).collect();
        self.dictionary = Some(Arc::clone(dictionary));
    }
}

impl Counted {
    fn learn(&mut self, dictionary: &ArrayRef, book: &TrafficBook) -> Result<(), EngineError> {
        if self.dictionary.as_ref().is_some_and(|known| same_texts(known, dictionary)) {
            return Ok(());
        }
        let counted = |hash: Option<&str>| {
            let traffic = book.verdict(hash.unwrap_or_default())?;
            Ok(!traffic.bot && !traffic.internal)
        };
        self.counted = dictionary.as_string::<i32>().iter().map(counted).collect::<Result<_, EngineError>>()?;
        self.all = self.counted.iter().all(|counted| *counted);
        self.dictionary = Some(Arc::clone(dictionary));
        Ok(())
    }
}

/// Positions of the rows that are wanted. Without a branch a row: whether a row is kept cannot be foreseen.
fn keep(positions: &mut Vec<u32>, count: usize, wanted: impl Fn(usize) -> bool) {
    positions.resize(count, 0);
    let mut length = 0;
    for row in 0..count {
        positions[length] = row as u32;
        length += usize::from(wanted(row));
    }
    positions.truncate(length);
}

/// Distinct places that follow each other, and the first row after each. Without a branch a row: write always, advance
/// where the place changes.
fn runs(place: &[i64], places: &mut Vec<i64>, ends: &mut Vec<u32>) {
    let Some(&last) = place.last() else { return };
    places.resize(place.len(), 0);
    ends.resize(place.len(), 0);
    let mut run = 0;
    for (row, pair) in (1_u32..).zip(place.windows(2)) {
        places[run] = pair[0];
        ends[run] = row;
        run += usize::from(pair[0] != pair[1]);
    }
    places[run] = last;
    ends[run] = place.len() as u32;
    places.truncate(run + 1);
    ends.truncate(run + 1);
}

/// Milliseconds of microseconds, rounded down. As unsigned numbers, of which a division costs half.
fn millis(micros: i64) -> i64 {
    const BEFORE: i64 = 9_000_000_000_000_000;
    match micros.checked_add(1000 * BEFORE) {
        Some(shifted) if shifted >= 0 => (shifted as u64 / 1000) as i64 - BEFORE,
        _ => micros.div_euclid(1000),
    }
}

/// Keys of some rows; of all where there are no positions.
pub(super) fn keys(column: &ArrayRef, positions: &[u32]) -> Result<Vec<u128>, EngineError> {
    let texts = column.as_string::<i32>();
    let key = |row: usize| {
        let digest: Digest = texts.value(row).parse().map_err(|_| TableError::Value {
            column: "key",
            row,
            reason: "no digest".to_owned(),
        })?;
        Ok(digest.to_u128())
    };
    match positions {
        [] => (0..texts.len()).map(key).collect(),
        positions => positions.iter().map(|&row| key(row as usize)).collect(),
    }
}

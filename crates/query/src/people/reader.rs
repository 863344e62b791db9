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
        columns::{Texts, stored},
        expressions::{Learned, codes},
        lanes::{Condition, Kept, LanePlan, Lanes, NO_AMOUNT, NONE, Piece},
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

/// The rows of a batch that a fold reads.
enum Chosen {
    /// All of them.
    All,
    /// Those at these positions.
    At(Vec<u32>),
}

impl Chosen {
    /// The positions; empty where all are meant.
    fn positions(&self) -> &[u32] {
        match self {
            Self::All => &[],
            Self::At(positions) => positions,
        }
    }

    fn of<T, U>(&self, values: &[T], of: impl Fn(&T) -> U) -> Vec<U> {
        match self {
            Self::All => values.iter().map(of).collect(),
            Self::At(positions) => positions.iter().map(|&row| of(&values[row as usize])).collect(),
        }
    }
}

impl<'a> LaneReader<'a> {
    /// A reader that has met nothing yet.
    #[must_use]
    pub fn new(plan: &'a LanePlan, book: &'a TrafficBook, texts: &'a Texts) -> Self {
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
            plan,
            book,
            texts,
            names: Names::default(),
            counted: Counted::default(),
        }
    }

    /// The lanes of a batch of one row group.
    ///
    /// # Errors
    /// [`EngineError`] where a column is missing, or a condition meets what it cannot read.
    pub fn read(&mut self, rows: &RecordBatch) -> Result<Piece, EngineError> {
        let judged = self.judged(rows)?;
        let chosen = self.chosen(rows, judged.as_ref())?;
        if chosen.positions().is_empty() && matches!(chosen, Chosen::At(_)) {
            return Ok(Piece::default());
        }
        let integers = |name: &str| -> Result<Vec<i64>, EngineError> {
            Ok(chosen.of(stored(rows, name)?.as_primitive::<Int64Type>().values(), |value| *value))
        };
        let at = stored(rows, "occurred_at")?.as_primitive::<TimestampMicrosecondType>().values();
        let (mask, exclusion) = match judged {
            Some([marks, exclusions]) => (chosen.of(&marks, |bits| *bits), chosen.of(&exclusions, |bits| *bits)),
            None => self.marks(rows, &chosen)?,
        };
        let in_session = rows.column_by_name("in_session").map(AsArray::as_boolean);
        let mut lanes = Lanes {
            at: chosen.of(at, |at| at.div_euclid(1000)),
            mask,
            exclusion,
            device: if self.plan.device { integers("device_place")? } else { Vec::new() },
            key: rows.column_by_name("key").map(|key| keys(key, chosen.positions())).transpose()?.unwrap_or_default(),
            ..Lanes::default()
        };
        if self.plan.reads_in_session() {
            // A column that is not there says the same of every row.
            lanes.in_session = match (in_session, &chosen) {
                (None, _) => vec![true; lanes.at.len()],
                (Some(flags), Chosen::All) => flags.values().iter().collect(),
                (Some(flags), Chosen::At(rows)) => rows.iter().map(|&row| flags.value(row as usize)).collect(),
            };
        }
        let place = stored(rows, "place")?.as_primitive::<Int64Type>().values();
        let (places, ends) = match &chosen {
            Chosen::All => runs(place),
            Chosen::At(_) => runs(&integers("place")?),
        };
        let row = match chosen {
            Chosen::All => Vec::new(),
            Chosen::At(positions) => positions,
        };
        let mut piece = Piece { lanes, places, ends, row, ..Piece::default() };
        if self.plan.value {
            self.read_amounts(rows, &mut piece)?;
        }
        if self.plan.click {
            piece.lanes.click = self.clicks(rows, &piece)?;
        }
        self.read_texts(rows, &mut piece)?;
        Ok(piece)
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

    /// Marks and exclusions of the chosen rows by their names.
    fn marks(&self, rows: &RecordBatch, chosen: &Chosen) -> Result<(Vec<u32>, Vec<u32>), EngineError> {
        if self.plan.marks.is_empty() && self.plan.exclusions.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let keys = stored(rows, "event")?.as_dictionary::<Int32Type>().keys().values();
        let bits = |of: &[u32]| chosen.of(keys, |&key| of[key as usize]);
        let exclusions = if self.plan.exclusions.is_empty() { Vec::new() } else { bits(&self.names.exclusions) };
        Ok((bits(&self.names.marks), exclusions))
    }

    /// The rows that the fold reads.
    fn chosen(&mut self, rows: &RecordBatch, judged: Option<&[Vec<u32>; 2]>) -> Result<Chosen, EngineError> {
        let traffic = rows.column_by_name("traffic").map(AsArray::as_dictionary::<Int32Type>);
        if let Some(traffic) = traffic {
            self.counted.learn(traffic.values(), self.book)?;
        }
        let in_session = rows.column_by_name("in_session").map(AsArray::as_boolean);
        let session = |row: usize| in_session.is_none_or(|flags| flags.value(row));
        let everything = in_session.is_none_or(|flags| flags.true_count() == flags.len());
        let count = rows.num_rows();
        let kept = self.plan.kept;
        let mut chosen = if kept == Kept::All || (kept != Kept::Marked && everything) {
            Chosen::All
        } else if kept == Kept::Session {
            Chosen::At(keep(count, session))
        } else if let Some([marks, exclusions]) = judged {
            let marked = |row: usize| marks[row] != 0 || exclusions.get(row).is_some_and(|bits| *bits != 0);
            Chosen::At(keep(count, |row| marked(row) || (kept != Kept::Marked && session(row))))
        } else if self.plan.marks.is_empty() && self.plan.exclusions.is_empty() {
            Chosen::At(keep(count, |row| kept != Kept::Marked && session(row)))
        } else {
            let (names, marked) = (stored(rows, "event")?.as_dictionary::<Int32Type>(), &self.names.marked);
            let keys = names.keys().values();
            Chosen::At(if kept == Kept::Marked {
                keep(count, |row| marked[keys[row] as usize])
            } else {
                keep(count, |row| marked[keys[row] as usize] || session(row))
            })
        };
        if let Some(traffic) = traffic.filter(|_| !self.counted.all) {
            let (keys, counted) = (traffic.keys().values(), &self.counted.counted);
            let counts = |row: u32| counted[keys[row as usize] as usize];
            chosen = Chosen::At(match chosen {
                Chosen::All => keep(count, |row| counts(row as u32)),
                Chosen::At(mut positions) => {
                    positions.retain(|&row| counts(row));
                    positions
                }
            });
        }
        Ok(chosen)
    }

    fn read_amounts(&self, rows: &RecordBatch, piece: &mut Piece) -> Result<(), EngineError> {
        let (values, currencies) = (stored(rows, "value")?, stored(rows, "currency")?);
        let values = values.as_primitive::<Decimal128Type>();
        let mut codes = codes(self.texts, currencies, &piece.row)?;
        if let Some(wanted) = self.plan.currency {
            let wanted = self.texts.code(wanted.code());
            codes.iter_mut().filter(|code| **code != wanted).for_each(|code| *code = NONE);
        }
        let amount = |(position, &currency): (usize, &u32)| {
            let row = piece.row_at(position);
            // An amount that states no currency is none: it would be added to others'.
            let stated = values.is_valid(row) && currency != NONE;
            if stated { i64::try_from(values.value(row)).unwrap_or(NO_AMOUNT) } else { NO_AMOUNT }
        };
        piece.lanes.value = codes.iter().enumerate().map(|(position, code)| amount((position, code))).collect();
        piece.lanes.currency = codes;
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
        if self.dictionary.as_ref().is_some_and(|known| Arc::ptr_eq(known, dictionary)) {
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
        if self.dictionary.as_ref().is_some_and(|known| Arc::ptr_eq(known, dictionary)) {
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
fn keep(count: usize, wanted: impl Fn(usize) -> bool) -> Vec<u32> {
    let (mut kept, mut length) = (vec![0_u32; count], 0);
    for row in 0..count {
        kept[length] = row as u32;
        length += usize::from(wanted(row));
    }
    kept.truncate(length);
    kept
}

/// Distinct places that follow each other, and the first row after each. Without a branch a row: write always, advance
/// where the place changes.
fn runs(place: &[i64]) -> (Vec<i64>, Vec<u32>) {
    let Some(&last) = place.last() else { return (Vec::new(), Vec::new()) };
    let (mut places, mut ends) = (vec![0; place.len()], vec![0; place.len()]);
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
    (places, ends)
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

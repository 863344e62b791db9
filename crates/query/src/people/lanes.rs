//! The few numbers of each event that a fold reads, side by side: rows of one person follow each other, in order.

use std::{collections::HashSet, ops::Range, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, RecordBatch, StringArray},
    compute::{cast, filter_record_batch},
    datatypes::{DataType, Decimal128Type, Int32Type, Int64Type, TimestampMicrosecondType},
};
use datafusion::physical_expr::PhysicalExpr;
use model::{Currency, Digest};
use tables::TableError;

use crate::{
    error::EngineError,
    people::{
        columns::{EventColumns, Texts, stored},
        signals::TrafficBook,
    },
};

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
#[derive(Debug, Default)]
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
    /// Amounts are read, with their currencies.
    pub value: bool,
    /// Amounts in other currencies are none.
    pub currency: Option<Currency>,
    /// Devices are read.
    pub device: bool,
    /// Whether sessions are made of the event is read.
    pub in_session: bool,
    /// Keys are read.
    pub key: bool,
    /// Which events are kept.
    pub kept: Kept,
    /// The columns that the expressions read.
    pub columns: EventColumns,
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
    /// A person's rows may lie at the same time in another file: the key puts them in order.
    pub overlaps: bool,
    /// None is a bot's or of an internal visit.
    pub all_counted: bool,
    /// Sessions are made of every one.
    pub all_in_session: bool,
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
    /// Which row of the batch it was; of pieces put together none.
    pub row: Vec<u32>,
}

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
}

/// Event names of one dictionary.
#[derive(Debug, Default)]
struct Names {
    dictionary: Option<ArrayRef>,
    marks: Vec<u32>,
    exclusions: Vec<u32>,
}

/// Signals of one dictionary.
#[derive(Debug, Default)]
struct Counted {
    dictionary: Option<ArrayRef>,
    counted: Vec<bool>,
    all: bool,
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
            "{:?} {:?} {:?} {:?} {:?} {} {:?} {} {} {} {:?}",
            conditions(&self.marks),
            conditions(&self.exclusions),
            expressions(&mut self.held.iter()),
            expressions(&mut self.code.iter()),
            expressions(&mut self.unit.iter()),
            self.value,
            self.currency,
            self.device,
            self.in_session,
            self.key,
            self.kept,
        )
    }

    /// Bytes that a kept row takes in the lanes, at most.
    #[must_use]
    pub fn row_bytes(&self) -> usize {
        let wide = [true, self.value, self.device].into_iter().filter(|read| *read).count();
        let narrow = [
            !self.marks.is_empty(),
            !self.exclusions.is_empty(),
            !self.held.is_empty(),
            self.code.is_some(),
            self.unit.is_some(),
            self.value,
        ];
        8 * wide + 4 * narrow.into_iter().filter(|read| *read).count() + usize::from(self.reads_in_session()) + 4
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
            (self.value, "value"),
            (self.value, "currency"),
            (self.device, "device_place"),
            (!file.all_counted, "traffic"),
            (self.reads_in_session() && !file.all_in_session, "in_session"),
            (file.overlaps || self.key, "key"),
        ];
        wanted.extend(more.into_iter().filter(|(read, _)| *read).map(|(_, name)| name));
        // In the table's order, in which they come from the file.
        let schema = tables::Table::Events.schema();
        let mut names: Vec<&'static str> = wanted.into_iter().collect();
        names.sort_unstable_by_key(|name| schema.index_of(name).unwrap_or(usize::MAX));
        names
    }
}

impl LanePlan {
    fn reads_in_session(&self) -> bool {
        self.in_session || matches!(self.kept, Kept::MarkedAndSession | Kept::Session)
    }
}

impl Lanes {
    /// How many events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// Forgets every event.
    pub fn clear(&mut self) {
        *self = self.picked(&[]);
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
            in_session: pick(&self.in_session, positions),
            key: pick(&self.key, positions),
        }
    }

    /// Bytes that the lanes hold.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let numbers = [&self.mask, &self.exclusion, &self.held, &self.code, &self.unit, &self.currency];
        let wide = [&self.at, &self.value, &self.device];
        numbers.iter().map(|lane| 4 * lane.capacity()).sum::<usize>()
            + wide.iter().map(|lane| 8 * lane.capacity()).sum::<usize>()
            + self.in_session.capacity()
            + 16 * self.key.capacity()
    }
}

impl Piece {
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

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.lanes.bytes() + 8 * self.places.capacity() + 4 * (self.ends.capacity() + self.row.capacity())
    }

    /// Gives back room that is not used.
    pub fn shrink(&mut self) {
        let positions: Vec<u32> = (0..self.lanes.len() as u32).collect();
        self.lanes = self.lanes.picked(&positions);
        self.places.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
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

impl<'a> LaneReader<'a> {
    /// A reader that has met nothing yet.
    #[must_use]
    pub fn new(plan: &'a LanePlan, book: &'a TrafficBook, texts: &'a Texts) -> Self {
        Self { plan, book, texts, names: Names::default(), counted: Counted::default() }
    }

    /// The lanes of a batch of one row group.
    ///
    /// # Errors
    /// [`EngineError`] where a column is missing, or a condition meets what it cannot read.
    pub fn read(&mut self, rows: &RecordBatch) -> Result<Piece, EngineError> {
        let (mut mask, mut exclusion) = self.marked(rows)?;
        if !self.plan.columns.is_empty() {
            self.judge(rows, &mut mask, &mut exclusion)?;
        }
        // A column that is not there says the same of every row.
        let in_session = rows.column_by_name("in_session").map(AsArray::as_boolean);
        let row = self.kept(rows, &mask, &exclusion, in_session)?;
        let pick = |lane: &[u32]| -> Vec<u32> {
            if lane.is_empty() { Vec::new() } else { row.iter().map(|&row| lane[row as usize]).collect() }
        };
        let integers = |name: &str| -> Result<Vec<i64>, EngineError> {
            let values = stored(rows, name)?.as_primitive::<Int64Type>().values();
            Ok(row.iter().map(|&row| values[row as usize]).collect())
        };
        let at = stored(rows, "occurred_at")?.as_primitive::<TimestampMicrosecondType>().values();
        let lanes = Lanes {
            at: row.iter().map(|&row| at[row as usize].div_euclid(1000)).collect(),
            mask: pick(&mask),
            exclusion: pick(&exclusion),
            device: if self.plan.device { integers("device_place")? } else { Vec::new() },
            in_session: match in_session.filter(|_| self.plan.reads_in_session()) {
                Some(flags) => row.iter().map(|&row| flags.value(row as usize)).collect(),
                None if self.plan.reads_in_session() => vec![true; row.len()],
                None => Vec::new(),
            },
            key: rows.column_by_name("key").map(|key| keys(key, &row)).transpose()?.unwrap_or_default(),
            ..Lanes::default()
        };
        let (places, ends) = runs(&integers("place")?);
        let mut piece = Piece { lanes, places, ends, row };
        if self.plan.value {
            self.read_amounts(rows, &mut piece)?;
        }
        if !self.plan.columns.is_empty() {
            self.read_texts(rows, &mut piece)?;
        }
        Ok(piece)
    }

    /// The bits that each row has by its name.
    fn marked(&mut self, rows: &RecordBatch) -> Result<(Vec<u32>, Vec<u32>), EngineError> {
        if self.plan.marks.is_empty() && self.plan.exclusions.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let names = stored(rows, "event")?.as_dictionary::<Int32Type>();
        self.names.learn(names.values(), self.plan);
        let bits = |of: &[u32]| names.keys().values().iter().map(|&key| of[key as usize]).collect::<Vec<u32>>();
        let exclusions = if self.plan.exclusions.is_empty() { Vec::new() } else { bits(&self.names.exclusions) };
        Ok((bits(&self.names.marks), exclusions))
    }

    /// Takes away the bits whose filter says no.
    fn judge(&self, rows: &RecordBatch, mask: &mut [u32], exclusion: &mut [u32]) -> Result<(), EngineError> {
        for (conditions, bits) in [(&self.plan.marks, mask), (&self.plan.exclusions, exclusion)] {
            for (bit, condition) in conditions.iter().enumerate() {
                let Some(filter) = &condition.filter else { continue };
                // Only rows of the right name: elsewhere a property of that name may be anything.
                let named: BooleanArray = bits.iter().map(|bits| Some(bits >> bit & 1 == 1)).collect();
                if named.true_count() == 0 {
                    continue;
                }
                let view = self.plan.columns.of(&filter_record_batch(rows, &named)?, self.book)?;
                let verdict = filter.evaluate(&view)?.into_array(view.num_rows())?;
                let verdict = verdict.as_boolean();
                for (place, row) in named.values().set_indices().enumerate() {
                    if verdict.is_null(place) || !verdict.value(place) {
                        bits[row] &= !(1 << bit);
                    }
                }
            }
        }
        Ok(())
    }

    /// The rows that the fold reads.
    fn kept(
        &mut self,
        rows: &RecordBatch,
        mask: &[u32],
        exclusion: &[u32],
        in_session: Option<&BooleanArray>,
    ) -> Result<Vec<u32>, EngineError> {
        let traffic = rows.column_by_name("traffic").map(AsArray::as_dictionary::<Int32Type>);
        if let Some(traffic) = traffic {
            self.counted.learn(traffic.values(), self.book)?;
        }
        let count = u32::try_from(rows.num_rows()).unwrap_or(u32::MAX);
        let mut kept = vec![0_u32; rows.num_rows()];
        let mut length = 0;
        // Without a branch a row: whether a row is kept cannot be foreseen.
        let mut keep = |wanted: &dyn Fn(usize) -> bool| {
            for row in 0..count {
                kept[length] = row;
                length += usize::from(wanted(row as usize));
            }
        };
        let marked = |row: usize| mask.get(row).is_some_and(|m| *m != 0) || exclusion.get(row).is_some_and(|m| *m != 0);
        let session = |row: usize| in_session.is_none_or(|flags| flags.value(row));
        match self.plan.kept {
            Kept::All => keep(&|_| true),
            Kept::Marked => keep(&marked),
            Kept::Session => keep(&session),
            Kept::MarkedAndSession => keep(&|row| marked(row) || session(row)),
        }
        kept.truncate(length);
        if let Some(traffic) = traffic.filter(|_| !self.counted.all) {
            let keys = traffic.keys().values();
            kept.retain(|&row| self.counted.counted[keys[row as usize] as usize]);
        }
        Ok(kept)
    }

    fn read_amounts(&self, rows: &RecordBatch, piece: &mut Piece) -> Result<(), EngineError> {
        let (values, currencies) = (stored(rows, "value")?, stored(rows, "currency")?);
        let values = values.as_primitive::<Decimal128Type>();
        let mut codes = self.codes(currencies, &piece.row)?;
        if let Some(wanted) = self.plan.currency {
            let wanted = self.texts.code(wanted.code());
            codes.iter_mut().filter(|code| **code != wanted).for_each(|code| *code = NONE);
        }
        let amount = |(&row, &currency): (&u32, &u32)| {
            // An amount that states no currency is none: it would be added to others'.
            let stated = values.is_valid(row as usize) && currency != NONE;
            if stated { i64::try_from(values.value(row as usize)).unwrap_or(NO_AMOUNT) } else { NO_AMOUNT }
        };
        piece.lanes.value = piece.row.iter().zip(&codes).map(amount).collect();
        piece.lanes.currency = codes;
        Ok(())
    }

    fn read_texts(&self, rows: &RecordBatch, piece: &mut Piece) -> Result<(), EngineError> {
        if self.plan.held.is_empty() && self.plan.code.is_none() && self.plan.unit.is_none() {
            return Ok(());
        }
        let chosen = arrow::array::UInt32Array::from(piece.row.clone());
        let view = self.plan.columns.of(&arrow::compute::take_record_batch(rows, &chosen)?, self.book)?;
        let every: Vec<u32> = (0..u32::try_from(view.num_rows()).unwrap_or(u32::MAX)).collect();
        let codes = |expression: &Arc<dyn PhysicalExpr>| -> Result<Vec<u32>, EngineError> {
            self.codes(&expression.evaluate(&view)?.into_array(view.num_rows())?, &every)
        };
        if let Some(code) = &self.plan.code {
            piece.lanes.code = codes(code)?;
        }
        if let Some(unit) = &self.plan.unit {
            piece.lanes.unit = codes(unit)?;
        }
        let held = self.plan.held.iter().map(codes).collect::<Result<Vec<_>, _>>()?;
        if let [one] = held.as_slice() {
            piece.lanes.held = one.clone();
        } else if !held.is_empty() {
            let together = |row: usize| {
                let parts: Vec<u32> = held.iter().map(|lane| lane[row]).collect();
                if parts.contains(&NONE) { NONE } else { self.texts.code(&format!("{parts:?}")) }
            };
            piece.lanes.held = (0..view.num_rows()).map(together).collect();
        }
        Ok(())
    }

    /// Texts of some rows by their codes, each distinct text looked up once.
    fn codes(&self, texts: &ArrayRef, rows: &[u32]) -> Result<Vec<u32>, EngineError> {
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let texts = if *texts.data_type() == dictionary { Arc::clone(texts) } else { cast(texts, &dictionary)? };
        let texts: &DictionaryArray<Int32Type> = texts.as_dictionary();
        let values: &StringArray = texts.values().as_string();
        let mut known: Vec<Option<u32>> = vec![None; values.len()];
        let mut code = |row: &u32| match texts.key(*row as usize) {
            Some(key) if values.is_valid(key) => *known[key].get_or_insert_with(|| self.texts.code(values.value(key))),
            _ => NONE,
        };
        Ok(rows.iter().map(&mut code).collect())
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

/// Keys of some rows.
fn keys(column: &ArrayRef, rows: &[u32]) -> Result<Vec<u128>, EngineError> {
    let texts = column.as_string::<i32>();
    let key = |&row: &u32| {
        let digest: Digest = texts.value(row as usize).parse().map_err(|_| TableError::Value {
            column: "key",
            row: row as usize,
            reason: "no digest".to_owned(),
        })?;
        Ok(digest.to_u128())
    };
    rows.iter().map(key).collect()
}

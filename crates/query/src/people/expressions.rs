//! Conditions and texts over events, judged once for each distinct value where they read nothing but one column of names.

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, RecordBatch, StringArray, UInt32Array},
    compute::{cast, filter_record_batch, take_record_batch},
    datatypes::{DataType, Int32Type},
};
use datafusion::physical_expr::PhysicalExpr;

use crate::{
    error::EngineError,
    people::{
        columns::{EventColumns, Texts, same_texts, stored},
        lanes::NONE,
        signals::TrafficBook,
    },
};

/// An expression beside what it says of each value of the dictionary at hand.
#[derive(Debug)]
pub(super) struct Learned<T> {
    pub(super) expression: Arc<dyn PhysicalExpr>,
    /// The stored column that it reads, where that is one of repeated texts and the only one.
    sole: Option<&'static str>,
    dictionary: Option<ArrayRef>,
    /// By the dictionary's codes.
    by_code: Vec<T>,
    /// By value, of this dictionary and those before.
    known: HashMap<String, T>,
    /// Of rows without a value.
    of_null: Option<T>,
}

impl<T: Copy> Learned<T> {
    pub(super) fn new(expression: &Arc<dyn PhysicalExpr>, columns: &EventColumns) -> Self {
        let sole = columns.sole(expression);
        let expression = Arc::clone(expression);
        Self { expression, sole, dictionary: None, by_code: Vec::new(), known: HashMap::new(), of_null: None }
    }

    /// Asks for each value of a dictionary that was in none before, and for a row without.
    fn learn(
        &mut self,
        name: &'static str,
        values: &StringArray,
        learn: impl Fn(&RecordBatch) -> Result<Vec<T>, EngineError>,
    ) -> Result<(), EngineError> {
        let new: Vec<&str> = values.iter().flatten().filter(|value| !self.known.contains_key(*value)).collect();
        if !new.is_empty() || self.of_null.is_none() {
            let rows: DictionaryArray<Int32Type> = new.iter().map(|value| Some(*value)).chain([None]).collect();
            let rows: ArrayRef = Arc::new(rows);
            let mut said = learn(&RecordBatch::try_from_iter_with_nullable([(name, rows, true)])?)?;
            self.of_null = said.pop();
            self.known.extend(new.iter().map(|value| (*value).to_owned()).zip(said));
        }
        let none = self.of_null;
        let of = |value: Option<&str>| value.and_then(|value| self.known.get(value).copied()).or(none);
        self.by_code = values.iter().filter_map(of).collect();
        Ok(())
    }

    /// What it says of each of some rows; `None` where it has to be asked row by row. All rows, or those at `positions`.
    fn of_rows(
        &mut self,
        rows: &RecordBatch,
        positions: &[u32],
        learn: impl Fn(&RecordBatch) -> Result<Vec<T>, EngineError>,
    ) -> Result<Option<Vec<T>>, EngineError> {
        let Some(name) = self.sole else { return Ok(None) };
        let texts: &DictionaryArray<Int32Type> = stored(rows, name)?.as_dictionary();
        let values = texts.values();
        if !self.dictionary.as_ref().is_some_and(|known| same_texts(known, values)) {
            self.learn(name, values.as_string(), learn)?;
            self.dictionary = Some(Arc::clone(values));
        }
        let keys = texts.keys();
        let of = |row: usize| match self.of_null.filter(|_| keys.is_null(row)) {
            Some(said) => said,
            None => self.by_code[keys.value(row) as usize],
        };
        Ok(Some(match (keys.null_count(), positions) {
            (0, []) => keys.values().iter().map(|&key| self.by_code[key as usize]).collect(),
            (0, positions) => {
                let keys = keys.values();
                positions.iter().map(|&row| self.by_code[keys[row as usize] as usize]).collect()
            }
            (_, []) => (0..rows.num_rows()).map(of).collect(),
            (_, positions) => positions.iter().map(|&row| of(row as usize)).collect(),
        }))
    }
}

impl Learned<u32> {
    /// The codes of its texts at some rows; at all where there are no positions.
    pub(super) fn codes(
        &mut self,
        rows: &RecordBatch,
        positions: &[u32],
        columns: &EventColumns,
        (book, texts): (&TrafficBook, &Texts),
    ) -> Result<Vec<u32>, EngineError> {
        let expression = Arc::clone(&self.expression);
        let evaluate = |view: RecordBatch| codes(texts, &expression.evaluate(&view)?.into_array(view.num_rows())?, &[]);
        if let Some(codes) = self.of_rows(rows, positions, |distinct| evaluate(columns.of_sole(distinct, book)?))? {
            return Ok(codes);
        }
        if positions.is_empty() {
            return evaluate(columns.of(rows, book)?);
        }
        let positions = UInt32Array::from(positions.to_vec());
        evaluate(columns.of(&take_record_batch(rows, &positions)?, book)?)
    }
}

impl Learned<bool> {
    /// Takes a bit away from the rows of which the condition does not hold. Rows without the bit are not asked: elsewhere a
    /// property of that name may be anything.
    pub(super) fn judge(
        &mut self,
        rows: &RecordBatch,
        (bits, bit): (&mut [u32], usize),
        columns: &EventColumns,
        book: &TrafficBook,
    ) -> Result<(), EngineError> {
        let expression = Arc::clone(&self.expression);
        let holds = |view: RecordBatch| -> Result<Vec<bool>, EngineError> {
            let verdict = expression.evaluate(&view)?.into_array(view.num_rows())?;
            let verdict = verdict.as_boolean();
            Ok((0..verdict.len()).map(|row| verdict.is_valid(row) && verdict.value(row)).collect())
        };
        if let Some(verdicts) = self.of_rows(rows, &[], |distinct| holds(columns.of_sole(distinct, book)?))? {
            bits.iter_mut().zip(verdicts).for_each(|(bits, holds)| *bits &= !(u32::from(!holds) << bit));
            return Ok(());
        }
        let named: BooleanArray = bits.iter().map(|bits| Some(bits >> bit & 1 == 1)).collect();
        if named.true_count() == 0 {
            return Ok(());
        }
        let verdicts = holds(columns.of(&filter_record_batch(rows, &named)?, book)?)?;
        for (row, holds) in named.values().set_indices().zip(verdicts) {
            bits[row] &= !(u32::from(!holds) << bit);
        }
        Ok(())
    }
}

/// Texts of some rows by their codes, each distinct text looked up once; of all where there are no positions.
pub(super) fn codes(texts: &Texts, array: &ArrayRef, positions: &[u32]) -> Result<Vec<u32>, EngineError> {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let array = if *array.data_type() == dictionary { Arc::clone(array) } else { cast(array, &dictionary)? };
    let array: &DictionaryArray<Int32Type> = array.as_dictionary();
    let values: &StringArray = array.values().as_string();
    let mut known: Vec<Option<u32>> = vec![None; values.len()];
    let mut code = |row: usize| match array.key(row) {
        Some(key) if values.is_valid(key) => *known[key].get_or_insert_with(|| texts.code(values.value(key))),
        _ => NONE,
    };
    Ok(match positions {
        [] => (0..array.len()).map(&mut code).collect(),
        positions => positions.iter().map(|&row| code(row as usize)).collect(),
    })
}

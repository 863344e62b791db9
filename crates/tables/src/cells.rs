//! How columns are read back from Arrow, by name and type, with an error that says what was found.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, cast::AsArray, types,
};
use arrow_schema::ArrowError;
use jiff::civil::Date;
use model::{Digest, FactMeta, NoDigest, UtcMillis};

/// Why rows could not become Arrow or come back from it.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A column is absent or of another type.
    #[error("column \"{column}\" is {found}, expected {expected}")]
    Column {
        /// The column's name.
        column: String,
        /// What is there.
        found: String,
        /// What was looked for.
        expected: &'static str,
    },
    /// A stored value cannot be what its column says.
    #[error("column \"{column}\" holds an unreadable value in row {row}: {reason}")]
    Value {
        /// The column's name.
        column: &'static str,
        /// Row within the batch.
        row: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Arrow refused.
    #[error("arrow: {0}")]
    Arrow(#[from] ArrowError),
}

/// A batch whose columns are taken by name.
pub struct Cells<'a> {
    batch: &'a RecordBatch,
}

impl<'a> Cells<'a> {
    /// Looks at `batch`.
    #[must_use]
    pub fn new(batch: &'a RecordBatch) -> Self {
        Self { batch }
    }

    /// Rows in the batch.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// A text column.
    ///
    /// # Errors
    /// [`TableError::Column`] where it is absent or no text.
    pub fn text(&self, name: &str) -> Result<&'a StringArray, TableError> {
        self.typed(name, "text", |array| array.as_string_opt())
    }

    /// A text column whose rows repeat each other.
    ///
    /// # Errors
    /// [`TableError::Column`] where it is absent or no text.
    pub fn shared_text(&self, name: &str) -> Result<SharedTexts<'a>, TableError> {
        Ok(SharedTexts { array: self.text(name)?, last: Arc::default() })
    }

    /// A column of digests.
    ///
    /// # Errors
    /// [`TableError::Column`] where it is absent or no text.
    pub fn digest(&self, name: &'static str) -> Result<Digests<'a>, TableError> {
        Ok(Digests { name, array: self.text(name)? })
    }

    /// A column of whole numbers.
    ///
    /// # Errors
    /// [`TableError::Column`] where it is absent or of another type.
    pub fn int(&self, name: &str) -> Result<&'a Int64Array, TableError> {
        self.typed(name, "whole numbers", |array| array.as_primitive_opt::<types::Int64Type>())
    }

    /// A column of instants.
    ///
    /// # Errors
    /// [`TableError::Column`] where it is absent or of another type.
    pub fn instant(&self, name: &str) -> Result<Instants<'a>, TableError> {
        self.typed(name, "instants", |array| array.as_primitive_opt::<types::TimestampMicrosecondType>()).map(Instants)
    }

    /// A column of amounts.
    ///
    /// # Errors
    /// [`TableError::Column`] where it is absent or of another type.
    pub fn amount(&self, name: &str) -> Result<Amounts<'a>, TableError> {
        self.typed(name, "amounts", |array| array.as_primitive_opt::<types::Decimal128Type>()).map(Amounts)
    }

    /// A column of true and false.
    ///
    /// # Errors
    /// [`TableError::Column`] where it is absent or of another type.
    pub fn flag(&self, name: &str) -> Result<&'a BooleanArray, TableError> {
        self.typed(name, "true or false", |array| array.as_boolean_opt())
    }

    /// A column of civil days.
    ///
    /// # Errors
    /// [`TableError::Column`] where it is absent or of another type.
    pub fn day(&self, name: &str) -> Result<Days<'a>, TableError> {
        self.typed(name, "days", |array| array.as_primitive_opt::<types::Date32Type>()).map(Days)
    }

    /// A column of bytes.
    ///
    /// # Errors
    /// [`TableError::Column`] where it is absent or of another type.
    pub fn bytes(&self, name: &str) -> Result<&'a BinaryArray, TableError> {
        self.typed(name, "bytes", |array| array.as_binary_opt())
    }

    /// The five columns that every fact carries.
    ///
    /// # Errors
    /// [`TableError::Column`] where one is absent or of another type.
    pub fn metas(&self) -> Result<Vec<FactMeta>, TableError> {
        let (key, ordinal, mut source) = (self.digest("key")?, self.int("ordinal")?, self.shared_text("source")?);
        let (occurred_at, received_at) = (self.instant("occurred_at")?, self.instant("received_at")?);
        (0..self.rows())
            .map(|row| {
                Ok(FactMeta {
                    key: key.get(row)?,
                    ordinal: i32::try_from(ordinal.value(row)).unwrap_or(i32::MAX),
                    source: source.get(row),
                    occurred_at: occurred_at.get(row),
                    received_at: received_at.get(row),
                })
            })
            .collect()
    }

    fn typed<T>(
        &self,
        name: &str,
        expected: &'static str,
        cast: impl Fn(&'a ArrayRef) -> Option<&'a T>,
    ) -> Result<&'a T, TableError> {
        let error = |found: String| TableError::Column { column: name.to_owned(), found, expected };
        let array = self.batch.column_by_name(name).ok_or_else(|| error("absent".to_owned()))?;
        cast(array).ok_or_else(|| error(array.data_type().to_string()))
    }
}

/// A text column whose rows repeat each other: equal neighbours share one text.
pub struct SharedTexts<'a> {
    array: &'a StringArray,
    last: Arc<str>,
}

impl SharedTexts<'_> {
    /// The text in `row`.
    pub fn get(&mut self, row: usize) -> Arc<str> {
        let text = self.array.value(row);
        if *self.last != *text {
            self.last = text.into();
        }
        Arc::clone(&self.last)
    }
}

/// A column of digests.
#[derive(Clone, Copy)]
pub struct Digests<'a> {
    name: &'static str,
    array: &'a StringArray,
}

impl Digests<'_> {
    /// The digest in `row`.
    ///
    /// # Errors
    /// [`TableError::Value`] where the text is none.
    pub fn get(&self, row: usize) -> Result<Digest, TableError> {
        let digest = self.array.value(row).parse();
        digest.map_err(|error: NoDigest| TableError::Value { column: self.name, row, reason: error.to_string() })
    }
}

/// A column of instants.
#[derive(Clone, Copy)]
pub struct Instants<'a>(&'a TimestampMicrosecondArray);

impl Instants<'_> {
    /// The instant in `row`; the epoch where there is none.
    #[must_use]
    pub fn get(&self, row: usize) -> UtcMillis {
        UtcMillis(self.0.value(row).div_euclid(1000))
    }

    /// The instant in `row`, if any.
    #[must_use]
    pub fn get_opt(&self, row: usize) -> Option<UtcMillis> {
        self.0.is_valid(row).then(|| self.get(row))
    }
}

/// A column of amounts.
#[derive(Clone, Copy)]
pub struct Amounts<'a>(&'a Decimal128Array);

impl Amounts<'_> {
    /// Micros in `row`; 0 where there is no amount.
    #[must_use]
    pub fn get(&self, row: usize) -> i64 {
        i64::try_from(self.0.value(row)).expect("a decimal of 18 digits fits 64 bits")
    }

    /// Micros in `row`, if any.
    #[must_use]
    pub fn get_opt(&self, row: usize) -> Option<i64> {
        self.0.is_valid(row).then(|| self.get(row))
    }
}

/// A column of civil days.
#[derive(Clone, Copy)]
pub struct Days<'a>(&'a Date32Array);

impl Days<'_> {
    /// The day in `row`; 1970-01-01 where there is none.
    #[must_use]
    pub fn get(&self, row: usize) -> Date {
        let days = jiff::Span::new().try_days(self.0.value(row)).unwrap_or_default();
        jiff::civil::date(1970, 1, 1).checked_add(days).unwrap_or(Date::MAX)
    }
}

/// Text in `row`, if any.
#[must_use]
pub fn text_at(array: &StringArray, row: usize) -> Option<&str> {
    array.is_valid(row).then(|| array.value(row))
}

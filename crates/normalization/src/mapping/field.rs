//! One expression of a mapping file at its place, read as what its fact needs; its errors name both.

use jiff::civil::Date;
use model::{Currency, UtcMillis};

use super::{
    evaluate::{Frame, Item, evaluate, holds},
    expression::Expr,
    value::{EvalError, Value},
};
use crate::{error::NormalizeError, personal};

/// Amounts are below 10^12 major units: micros below this.
const MICROS_MAX: i64 = 1_000_000_000_000_000_000;

/// One expression at its place.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// Where it stands, such as `facts[0].order.price`.
    pub(crate) path: String,
    /// The expression's text.
    pub(crate) reads: String,
    /// The expression.
    pub(crate) tree: Expr,
    /// True where it reads a column whose name says that it is personal: no error shows the value.
    pub(crate) personal: bool,
}

/// A list to go through, if any, and which elements count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Each {
    /// The list; without one the row itself is taken once.
    pub(crate) list: Option<Field>,
    /// Only where this is true.
    pub(crate) when: Option<Field>,
}

type Read<T> = Result<Option<T>, NormalizeError>;

impl Field {
    /// The value.
    pub(crate) fn value<'r>(&'r self, frame: Frame<'_, 'r>) -> Result<Value<'r>, NormalizeError> {
        evaluate(&self.tree, frame).map_err(|error| self.unreadable(error))
    }

    /// True where the condition is.
    pub(crate) fn holds<'r>(&'r self, frame: Frame<'_, 'r>) -> Result<bool, NormalizeError> {
        holds(&self.tree, frame).map_err(|error| self.unreadable(error))
    }

    /// The error that a value which must be there is not.
    pub(crate) fn missing(&self) -> NormalizeError {
        NormalizeError::NoValue { field: self.path.clone(), reads: self.reads.clone() }
    }

    /// The error that a value is not what is needed.
    pub(crate) fn unreadable(&self, error: EvalError) -> NormalizeError {
        let found = if self.personal { "<hidden>".to_owned() } else { error.found };
        NormalizeError::Unreadable {
            field: self.path.clone(),
            reads: self.reads.clone(),
            found,
            expected: error.expected,
        }
    }

    /// The text or number as written, without space around it: it can be personal and must be hashed before it goes
    /// anywhere.
    pub(crate) fn personal<'r>(&'r self, frame: Frame<'_, 'r>) -> Read<String> {
        let value = self.value(frame)?;
        if matches!(value, Value::Json(_)) {
            let found = "a list or an object".to_owned();
            return Err(self.unreadable(EvalError { found, expected: "a text or a number".to_owned() }));
        }
        let text = value.to_text();
        let trimmed = text.trim();
        Ok((!trimmed.is_empty()).then(|| trimmed.to_owned()))
    }

    /// The text, e-mail addresses in it masked.
    pub(crate) fn text<'r>(&'r self, frame: Frame<'_, 'r>) -> Read<String> {
        Ok(self.personal(frame)?.map(personal::without_email))
    }

    /// The amount in micros, exactly.
    pub(crate) fn micros<'r>(&'r self, frame: Frame<'_, 'r>) -> Read<i64> {
        let expected = "an amount below 10^12 with at most 6 decimal places; write round(…, 2) to round it";
        self.counted(frame, 6, None, expected)
    }

    /// The number in millionths, rounded half to even.
    pub(crate) fn micros_rounded<'r>(&'r self, frame: Frame<'_, 'r>) -> Read<i64> {
        self.counted(frame, 6, Some(6), "a number below 10^12")
    }

    /// A rate in 10^-12, exactly.
    pub(crate) fn rate_e12<'r>(&'r self, frame: Frame<'_, 'r>) -> Read<i64> {
        self.of(frame, |value, frame| super::rate::rate_e12(value, frame.row.settings))
    }

    /// The whole number.
    pub(crate) fn count<'r>(&'r self, frame: Frame<'_, 'r>) -> Read<i64> {
        self.counted(frame, 0, None, "a whole number")
    }

    /// The percentage as millionths of one: 19 is 190,000.
    pub(crate) fn percent_ppm<'r>(&'r self, frame: Frame<'_, 'r>) -> Read<i64> {
        self.counted(frame, 4, Some(4), "a percentage such as 19")
    }

    /// The instant.
    pub(crate) fn instant<'r>(&'r self, frame: Frame<'_, 'r>) -> Read<UtcMillis> {
        self.of(frame, |value, frame| value.instant(frame.row.settings))
    }

    /// The civil day.
    pub(crate) fn day<'r>(&'r self, frame: Frame<'_, 'r>) -> Read<Date> {
        self.of(frame, |value, _| value.day())
    }

    /// The truth value.
    pub(crate) fn flag<'r>(&'r self, frame: Frame<'_, 'r>) -> Read<bool> {
        self.value(frame)?.flag().map_err(|error| self.unreadable(error))
    }

    /// The currency.
    pub(crate) fn currency<'r>(&'r self, frame: Frame<'_, 'r>) -> Read<Currency> {
        self.of(frame, |value, _| {
            let expected = "an ISO 4217 currency code such as EUR (a text constant is written \"'EUR'\")";
            Currency::try_from(value.to_text().as_ref()).map_err(|_| EvalError::of(value, expected))
        })
    }

    /// What the text stands for among `known`.
    pub(crate) fn one_of<'r, T: Copy>(&'r self, frame: Frame<'_, 'r>, known: &[(&str, T)]) -> Read<T> {
        self.of(frame, |value, _| {
            let text = value.to_text();
            let found = known.iter().find(|(name, _)| text.trim().eq_ignore_ascii_case(name));
            let names = || known.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            found.map(|(_, meaning)| *meaning).ok_or_else(|| EvalError::of(value, &format!("one of {}", names())))
        })
    }

    fn counted<'r>(&'r self, frame: Frame<'_, 'r>, places: u32, round_to: Option<u32>, expected: &str) -> Read<i64> {
        self.of(frame, |value, frame| {
            let number = value.number(frame.row.settings)?;
            let number = round_to.map_or(Some(number), |places| number.round(places));
            let count = number.and_then(|number| number.count_of(places)).filter(|count| count.abs() < MICROS_MAX);
            count.ok_or_else(|| EvalError::of(value, expected))
        })
    }

    /// Reads a value that is neither null nor an empty text.
    fn of<'r, T>(
        &'r self,
        frame: Frame<'_, 'r>,
        read: impl FnOnce(&Value<'r>, Frame<'_, 'r>) -> Result<T, EvalError>,
    ) -> Read<T> {
        let value = self.value(frame)?;
        let empty = matches!(&value, Value::Text(text) if text.trim().is_empty());
        if value.is_null() || empty {
            return Ok(None);
        }
        read(&value, frame).map(Some).map_err(|error| self.unreadable(error))
    }
}

/// The value of a field that may be left out.
pub(crate) fn optional<'f, T>(field: &'f Option<Field>, read: impl FnOnce(&'f Field) -> Read<T>) -> Read<T> {
    field.as_ref().map_or(Ok(None), read)
}

/// The value of a field that every row has.
pub(crate) fn required<'f, T>(field: &'f Field, read: impl FnOnce(&'f Field) -> Read<T>) -> Result<T, NormalizeError> {
    read(field)?.ok_or_else(|| field.missing())
}

impl Each {
    /// Calls `visit` for each element that counts; without a list once, for the row.
    pub(crate) fn visit<'r>(
        &'r self,
        frame: Frame<'_, 'r>,
        visit: &mut dyn FnMut(Frame<'_, 'r>) -> Result<(), NormalizeError>,
    ) -> Result<(), NormalizeError> {
        let counts = |frame: Frame<'_, 'r>| self.when.as_ref().map_or(Ok(true), |when| when.holds(frame));
        let Some(list) = &self.list else {
            return if counts(frame)? { visit(frame) } else { Ok(()) };
        };
        let elements = list.value(frame)?.elements().map_err(|error| list.unreadable(error))?;
        for (index, text) in elements.into_iter().enumerate() {
            let items = [frame.items, &[Item { text, index }]].concat();
            let inner = Frame { row: frame.row, items: &items };
            if counts(inner)? {
                visit(inner)?;
            }
        }
        Ok(())
    }
}

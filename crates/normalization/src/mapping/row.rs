//! What stands in a row: cells of a CSV file by their header, or members of a JSON object.

use std::borrow::Cow;

use model::Currency;

use super::{
    expression::Columns,
    spelling,
    value::{EvalError, Settings, Value},
};
use crate::{
    error::NormalizeError,
    json::{Json, Object},
    personal,
};

/// The header row of a CSV file, and where in it the columns of a mapping stand.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The header row as written.
    pub(crate) text: String,
    /// The columns' names, without space around them.
    names: Vec<String>,
    /// Where each column of the mapping stands, by its number.
    positions: Vec<usize>,
    /// Columns that a property may hold: position, name, and whether an expression reads it.
    kept: Vec<(usize, String, bool)>,
    /// Columns that are named by a currency.
    currencies: Vec<(usize, Currency)>,
}

/// What the columns of one row hold.
#[derive(Debug)]
pub(crate) enum Cells<'r> {
    /// A row of a CSV file.
    Csv {
        /// Its header.
        header: &'r Header,
        /// Its cells, one for each name of the header.
        cells: Vec<Cow<'r, str>>,
    },
    /// A JSON object.
    Json {
        /// The object.
        object: Object<'r>,
        /// The mapping's columns, by number.
        columns: &'r Columns,
    },
}

impl Header {
    /// Finds the mapping's columns among `names`.
    ///
    /// # Errors
    /// Every column that is used and not there, with the nearest that is, or that is there twice.
    pub(crate) fn new(text: &str, names: &[String], columns: &Columns) -> Result<Self, NormalizeError> {
        let names: Vec<String> =
            names.iter().map(|name| name.trim_start_matches('\u{feff}').trim().to_owned()).collect();
        let (mut positions, mut problems) = (Vec::new(), Vec::new());
        for wanted in columns.names() {
            let mut found = names.iter().enumerate().filter(|(_, name)| *name == wanted).map(|(at, _)| at);
            match (found.next(), found.next()) {
                (Some(at), None) => positions.push(at),
                (Some(_), Some(_)) => problems.push(format!("column \"{wanted}\" stands there twice")),
                (None, _) => problems.push(absent(wanted, &names)),
            }
        }
        if !problems.is_empty() {
            let problem = personal::masked(&problems.join("; ")).into_owned();
            return Err(NormalizeError::AbsentColumns { problem });
        }
        let kept = names.iter().enumerate().filter(|(_, name)| !name.is_empty() && !personal::is_personal_key(name));
        let kept = kept.map(|(at, name)| (at, name.clone(), positions.contains(&at))).collect();
        let currency = |name: &String| Currency::try_from(name.as_str()).ok().filter(|found| found.code() == name);
        let currencies = names.iter().enumerate().filter_map(|(at, name)| Some((at, currency(name)?))).collect();
        Ok(Self { text: text.to_owned(), names, positions, kept, currencies })
    }

    /// The cells as those of one row.
    ///
    /// # Errors
    /// A row with more or fewer cells than the header; an empty one at the end of the line is forgiven.
    pub(crate) fn row<'r>(&'r self, mut cells: Vec<Cow<'r, str>>) -> Result<Cells<'r>, NormalizeError> {
        let (found, expected) = (cells.len(), self.names.len());
        if found == expected + 1 && cells.last().is_some_and(|cell| cell.is_empty()) {
            cells.pop();
        }
        if cells.len() != expected {
            let problem = format!(
                "{found} values where the header has {expected} columns; is the delimiter right, is a value with a delimiter in it not quoted?"
            );
            return Err(NormalizeError::MalformedRow { problem });
        }
        Ok(Cells::Csv { header: self, cells })
    }
}

fn absent(wanted: &str, names: &[String]) -> String {
    let near = spelling::nearest(wanted, names.iter().map(String::as_str));
    let hint = match near {
        Some(near) if !is_plain(near) => {
            format!("; did you mean \"{near}\"? (a name with other signs stands in double quotes)")
        }
        Some(near) => format!("; did you mean \"{near}\"?"),
        None if Currency::try_from(wanted).is_ok() => format!(" (a text constant is written \"'{wanted}'\")"),
        None => format!(", there are: {}", names.join(", ")),
    };
    format!("no column \"{wanted}\"{hint}")
}

fn is_plain(name: &str) -> bool {
    name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

impl<'r> Cells<'r> {
    /// What the column with this number holds.
    pub(crate) fn value(&self, column: usize, settings: &Settings) -> Result<Value<'r>, EvalError> {
        match self {
            Self::Csv { header, cells } => {
                let cell = header.positions.get(column).and_then(|at| cells.get(*at));
                Ok(cell.map_or(Value::Null, |cell| Value::written(cell.clone(), settings)))
            }
            Self::Json { object, columns } => {
                let found = columns.names().get(column).and_then(|name| object.get(name));
                found.map_or(Ok(Value::Null), |value| Value::of_json(value, settings))
            }
        }
    }

    /// Writes all columns, or those that no expression reads, as properties.
    pub(crate) fn write(&self, rest_only: bool, settings: &Settings, out: &mut personal::Redacted) {
        match self {
            Self::Csv { header, cells } => {
                for (at, name, _) in header.kept.iter().filter(|(_, _, read)| !(rest_only && *read)) {
                    let Some(cell) = cells.get(*at) else { continue };
                    if let Value::Text(text) = Value::written(Cow::Borrowed(cell), settings) {
                        out.text(name, &text);
                    }
                }
            }
            Self::Json { object, columns } => {
                for (name, value) in object.entries() {
                    let read = columns.names().iter().any(|column| column == name);
                    if !(rest_only && read || value.is_null()) {
                        out.json(name, *value);
                    }
                }
            }
        }
    }

    /// The values of all columns that are named by a currency.
    pub(crate) fn quotes(&self, settings: &Settings) -> Result<Vec<(Currency, Value<'r>)>, EvalError> {
        match self {
            Self::Csv { header, cells } => {
                let quote = |(at, currency): &(usize, Currency)| {
                    Some((*currency, Value::written(cells.get(*at)?.clone(), settings)))
                };
                Ok(header.currencies.iter().filter_map(quote).collect())
            }
            Self::Json { object, .. } => {
                let named = |(name, value): &(Cow<'r, str>, Json<'r>)| {
                    let currency = Currency::try_from(name.as_ref()).ok().filter(|found| found.code() == name)?;
                    Some(Value::of_json(*value, settings).map(|value| (currency, value)))
                };
                object.entries().iter().filter_map(named).collect()
            }
        }
    }
}

//! The cells of an exported table as numbers, days, ids and names, with errors that say line and column.

use std::borrow::Cow;

use jiff::civil::Date;
use model::Currency;

use crate::{
    error::NormalizeError,
    personal,
    report::{
        Books, Scope,
        civil::{self, DayForm},
        number::{NumberForm, NumberProblem},
        refusal::{cell, empty_cell, mended, no_column, no_table},
        sheet::{Row, Sheet},
    },
    source::Reject,
};

/// Which columns hold numbers.
#[derive(Default)]
pub(crate) struct Numbers {
    /// Amounts and counts that can have fractions.
    pub(crate) amounts: Vec<usize>,
    /// Counts that are whole.
    pub(crate) wholes: Vec<usize>,
}

/// A table whose numbers' and days' form is known.
pub(crate) struct Cells<'a> {
    sheet: &'a Sheet<'a>,
    aside: &'a dyn Fn(&Row) -> bool,
    numbers: NumberForm,
    days: Option<DayForm>,
    totals: bool,
}

/// An entity's columns: its level, and where its id and its name stand.
#[derive(Clone, Copy)]
pub(crate) struct Entity {
    pub(crate) level: &'static str,
    pub(crate) id: usize,
    pub(crate) name: Option<usize>,
}

/// The entity of a row.
pub(crate) struct Named {
    pub(crate) level: &'static str,
    pub(crate) id: String,
    pub(crate) name: Option<String>,
}

/// The entities that a table names, from the lowest of `levels`: (level, its id's column). `columns_of` a level finds
/// its id, its name, and whatever else splits rows by it; without the id such rows cannot be told apart.
pub(crate) fn entities<const N: usize>(
    levels: [(&'static str, &str); N],
    columns_of: impl Fn(&'static str) -> [Option<usize>; 3],
) -> Result<Vec<Entity>, Reject> {
    let mut entities = Vec::new();
    for (level, id_name) in levels {
        match columns_of(level) {
            [Some(id), name, _] => entities.push(Entity { level, id, name }),
            [None, None, None] => {}
            _ => return Err(no_column(id_name, "which tells its rows apart")),
        }
    }
    Ok(entities)
}

impl<'a> Cells<'a> {
    /// Reads all numbers once to learn their form. Rows `aside` are totals: they are left out.
    pub(crate) fn learn(
        sheet: &'a Sheet<'a>,
        columns: &Numbers,
        aside: &'a dyn Fn(&Row) -> bool,
    ) -> Result<Self, Reject> {
        let mut cells = Self { sheet, aside, numbers: NumberForm::default(), days: None, totals: false };
        let wholes = columns.wholes.iter().map(|column| (*column, true));
        let columns: Vec<(usize, bool)> = columns.amounts.iter().map(|column| (*column, false)).chain(wholes).collect();
        for row in sheet.rows() {
            let row = row?;
            if aside(&row) {
                let some = |column| row.cell(column).is_some_and(|text| text.contains(|c| matches!(c, '1'..='9')));
                cells.totals |= columns.iter().any(|(column, _)| some(*column));
                continue;
            }
            sheet.check_width(&row)?;
            for (column, whole) in &columns {
                let Some(text) = row.cell(*column) else { continue };
                cells.numbers.learn(text, *whole).map_err(|problem| cells.no_number(&row, *column, text, problem))?;
            }
        }
        Ok(cells)
    }

    /// The rows that are no totals.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Result<Row, Reject>> + use<'a> {
        let aside = self.aside;
        self.sheet.rows().filter(move |row| row.as_ref().map_or(true, |row| !aside(row)))
    }

    /// What a table without rows says: its whole scope is zero, unless its totals say otherwise.
    pub(crate) fn empty(&self, scope: &Scope<'_>, books: &mut Books) -> Result<(), Reject> {
        if self.totals {
            let problem = "it has totals but no rows that they are the sum of";
            return Err(no_table(problem, "export the report again with its rows: one for each campaign and day"));
        }
        Ok(books.empty(scope)?)
    }

    /// The number in millionths.
    pub(crate) fn micros(&self, row: &Row, column: usize) -> Result<Option<i64>, Reject> {
        self.number(row, column, |text| self.numbers.micros(text))
    }

    /// The whole number.
    pub(crate) fn whole(&self, row: &Row, column: usize) -> Result<Option<i64>, Reject> {
        self.number(row, column, |text| self.numbers.whole(text))
    }

    /// The day, which must be written like those before it.
    pub(crate) fn day(&mut self, row: &Row, column: usize) -> Result<Date, Reject> {
        let text = self.filled(row, column)?;
        let wrong = |expected: &str| {
            let error = cell(row.line, self.name(column), text, expected);
            mended(&error, "export the report again with its days as 2026-01-05, and import the file as downloaded")
        };
        let (form, on) = civil::day(text).ok_or_else(|| wrong("a day such as 2026-01-05"))?;
        if self.days.is_some_and(|days| days != form) {
            return Err(wrong("a day written like those in the rows before"));
        }
        self.days = Some(form);
        Ok(on)
    }

    /// The currency, where its column is there and filled.
    pub(crate) fn currency(&self, row: &Row, column: Option<usize>) -> Result<Option<Currency>, Reject> {
        let Some((column, code)) = column.and_then(|column| Some((column, row.cell(column)?))) else { return Ok(None) };
        let place = format!("line {}, {}", row.line, self.name(column));
        let currency = Currency::try_from(code).map_err(|_| NormalizeError::unknown_currency(&place, code))?;
        Ok(Some(currency))
    }

    /// The entity that the row is of: the lowest that the table names, so that all rows are of one level. A row that
    /// does not name it would be the only one of its level and say that all others there are zero.
    pub(crate) fn entity(&self, row: &Row, entities: &[Entity]) -> Result<Option<Named>, Reject> {
        let Some(lowest) = entities.first() else { return Ok(None) };
        let name = lowest.name.and_then(|column| self.text(row, column));
        Ok(Some(Named { level: lowest.level, id: self.id(row, lowest.id)?, name }))
    }

    /// A cell's text, e-mail addresses in it masked.
    pub(crate) fn text(&self, row: &Row, column: usize) -> Option<String> {
        row.cell(column).map(personal::masked).map(Cow::into_owned)
    }

    /// The same of a cell that must be filled.
    pub(crate) fn filled_text(&self, row: &Row, column: usize) -> Result<String, Reject> {
        self.filled(row, column).map(|text| personal::masked(text).into_owned())
    }

    fn filled<'r>(&self, row: &'r Row, column: usize) -> Result<&'r str, Reject> {
        row.cell(column).ok_or_else(|| empty_cell(row.line, self.name(column)))
    }

    /// The header's name of a column.
    pub(crate) fn name(&self, column: usize) -> &'a str {
        self.sheet.names.get(column).map_or("", String::as_str)
    }

    /// An id: digits. A spreadsheet that shortened it to `2.38E+16` has lost it.
    fn id(&self, row: &Row, column: usize) -> Result<String, Reject> {
        let level_above = |reject: Reject| Reject {
            fix: format!("{}, or without that column, for numbers of the level above", reject.fix),
            ..reject
        };
        let text = self.filled(row, column).map_err(level_above)?;
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(text.to_owned());
        }
        let error = cell(row.line, self.name(column), text, "an id: digits only");
        Err(mended(&error, "import the file as downloaded, not saved by a spreadsheet, which shortens long ids"))
    }

    fn number(
        &self,
        row: &Row,
        column: usize,
        read: impl Fn(&str) -> Result<i64, NumberProblem>,
    ) -> Result<Option<i64>, Reject> {
        let Some(text) = row.cell(column) else { return Ok(None) };
        read(text).map(Some).map_err(|problem| self.no_number(row, column, text, problem))
    }

    fn no_number(&self, row: &Row, column: usize, text: &str, problem: NumberProblem) -> Reject {
        let (expected, fix) = match problem {
            NumberProblem::NotOne => ("a number such as 1234.50", "export the report again with plain numbers"),
            NumberProblem::NotWhole => ("a whole number", "import the file as downloaded, not saved by a spreadsheet"),
            NumberProblem::Ambiguous => (
                "a number that reads in one way (its sign can group thousands or begin the decimals, and no other number of the file settles which)",
                "export the report again with language and number format set to English (United States), or with a column of amounts, whose two decimals settle it",
            ),
            NumberProblem::OtherForm => (
                "a number with the same decimal sign as the numbers before it",
                "import the file as downloaded: it was put together from files of two number formats",
            ),
        };
        mended(&cell(row.line, self.name(column), text, expected), fix)
    }
}

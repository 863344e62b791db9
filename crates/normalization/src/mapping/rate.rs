//! Rates of exchange of mapped files, one to a row or a table as wide as its currencies.

use jiff::tz::TimeZone;
use model::{Currency, Fact, Rate, UtcMillis};

use super::{
    Build,
    compile::Compiler,
    evaluate::Frame,
    field::{Field, required},
    fields::RateFields,
    value::{EvalError, Settings, Value},
};
use crate::error::NormalizeError;

/// `rate`, ready to read rows.
#[derive(Debug, Clone)]
pub(crate) struct RateTemplate {
    base: Field,
    on: Field,
    /// Quote and rate; none: all columns that are named by a currency.
    quote: Option<(Field, Field)>,
}

impl RateTemplate {
    /// Reads `rate` at `path`.
    pub(crate) fn compile(compiler: &mut Compiler<'_>, path: &str, fields: &RateFields) -> Self {
        let (quote, rate, all) = (fields.quote.is_some(), fields.rate.is_some(), fields.columns.is_some());
        if quote != rate || quote == all {
            compiler.mistake(path, "expected \"quote\" and \"rate\", or \"columns: all\"");
        }
        let quote = compiler.optional(&format!("{path}.quote"), &fields.quote);
        Self {
            base: compiler.field(&format!("{path}.base"), &fields.base),
            on: compiler.field(&format!("{path}.on"), &fields.on),
            quote: quote.zip(compiler.optional(&format!("{path}.rate"), &fields.rate)),
        }
    }

    /// A rate for each quote that is not null.
    pub(crate) fn facts<'r>(
        &'r self,
        frame: Frame<'_, 'r>,
        build: &Build<'_>,
        out: &mut Vec<Fact>,
    ) -> Result<(), NormalizeError> {
        let base = required(&self.base, |field| field.currency(frame))?;
        let on = required(&self.on, |field| field.day(frame))?;
        let meta = build.stamp.meta(UtcMillis::start_of(on, &TimeZone::UTC));
        for (quote, rate_e12) in self.quotes(frame)? {
            if quote != base {
                out.push(Fact::Rate(Rate { meta: meta.clone(), base, quote, on, rate_e12 }));
            }
        }
        Ok(())
    }

    fn quotes<'r>(&'r self, frame: Frame<'_, 'r>) -> Result<Vec<(Currency, i64)>, NormalizeError> {
        if let Some((quote, rate)) = &self.quote {
            let quote = required(quote, |field| field.currency(frame))?;
            return Ok(vec![(quote, required(rate, |field| field.rate_e12(frame))?)]);
        }
        let (settings, unreadable) = (frame.row.settings, |error| self.on.unreadable(error));
        let columns = frame.row.cells.quotes(settings).map_err(unreadable)?;
        let given = columns.into_iter().filter(|(_, value)| !value.is_null());
        given
            .map(|(quote, value)| Ok((quote, rate_e12(&value, settings).map_err(|error| of_column(quote, error))?)))
            .collect()
    }
}

/// A rate in 10^-12: above 0, with at most 12 decimal places.
pub(crate) fn rate_e12(value: &Value<'_>, settings: &Settings) -> Result<i64, EvalError> {
    let rate = value.number(settings)?.count_of(12).filter(|rate| *rate > 0);
    rate.ok_or_else(|| {
        EvalError::of(value, "a rate above 0 and below 9,000,000 with at most 12 decimal places (write round(…, 12))")
    })
}

fn of_column(quote: Currency, error: EvalError) -> NormalizeError {
    let column = quote.code().to_owned();
    NormalizeError::Unreadable { field: column.clone(), reads: column, found: error.found, expected: error.expected }
}

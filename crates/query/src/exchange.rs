//! `convert(amount, from, to, day)` and `exchange_rate(from, to, day)`: the rates known at the question's instant.
//!
//! `convert` rounds half to even at the minor unit of `to`; an amount that is in it already stays as it is.
//! `exchange_rate` is the exact rate to the nearest double. `NULL` where an argument is `NULL`. Without a rate for the day
//! (the newest publication on or before it, at most 7 days old) both are an error that names currencies and day.

use std::{
    hash::{Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use arrow::{
    array::{Array, ArrayRef, AsArray, Decimal128Array, Float64Array},
    compute::cast,
    datatypes::{DataType, Date32Type, Decimal128Type},
};
use datafusion::{
    common::{Result as SqlResult, exec_err},
    logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility},
};
use jiff::{ToSpan, civil::Date};
use model::Currency;
use reconcile::{ExactRate, Rates};

/// The rates that one question may use, and whether it used one that is not final.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// Rates of the house's publisher; or why there are none to choose from.
    pub(crate) rates: Result<Rates, String>,
    provisional: AtomicBool,
}

impl Exchange {
    /// The rates known at an instant.
    pub(crate) fn new(rates: Result<Rates, String>) -> Self {
        Self { rates, provisional: AtomicBool::new(false) }
    }

    /// The rate for a day.
    ///
    /// # Errors
    /// Names currencies, day and what is known instead.
    pub(crate) fn rate(&self, from: Currency, to: Currency, on: Date) -> Result<ExactRate, String> {
        let rates = self.rates.as_ref().map_err(Clone::clone)?;
        let rate = rates.exact(from, to, on).map_err(|error| error.to_string())?;
        if rate.provisional() {
            self.note_provisional();
        }
        Ok(rate)
    }

    /// Remembers that an answer rests on a rate that a later publication may replace.
    pub(crate) fn note_provisional(&self) {
        self.provisional.store(true, Ordering::Relaxed);
    }

    /// True where an answer rests on such a rate.
    pub(crate) fn provisional(&self) -> bool {
        self.provisional.load(Ordering::Relaxed)
    }
}

/// Their names.
pub(crate) const FUNCTIONS: [&str; 2] = ["convert", "exchange_rate"];

/// Both functions over the rates of one question.
#[must_use]
pub(crate) fn functions(exchange: &Arc<Exchange>) -> [ScalarUDF; 2] {
    [(true, 4), (false, 3)].map(|(amounts, arguments)| {
        // Stable: the same within a question, another answer at another instant.
        let signature = Signature::any(arguments, Volatility::Stable);
        ScalarUDF::from(Exchanging { signature, exchange: Arc::clone(exchange), amounts })
    })
}

#[derive(Debug)]
struct Exchanging {
    signature: Signature,
    exchange: Arc<Exchange>,
    /// True for `convert`.
    amounts: bool,
}

impl PartialEq for Exchanging {
    fn eq(&self, other: &Self) -> bool {
        self.amounts == other.amounts && Arc::ptr_eq(&self.exchange, &other.exchange)
    }
}

impl Eq for Exchanging {}

impl Hash for Exchanging {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.amounts.hash(state);
    }
}

impl ScalarUDFImpl for Exchanging {
    fn name(&self) -> &str {
        let [convert, exchange_rate] = FUNCTIONS;
        if self.amounts { convert } else { exchange_rate }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> SqlResult<DataType> {
        Ok(if self.amounts { DataType::Decimal128(38, 6) } else { DataType::Float64 })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> SqlResult<ColumnarValue> {
        let arrays = typed(&ColumnarValue::values_to_arrays(&arguments.args)?)?;
        if self.amounts {
            let [amounts, pair @ ..] = arrays.as_slice() else { return exec_err!("convert takes four arguments") };
            let amounts = amounts.as_primitive::<Decimal128Type>();
            let rates = self.rates(pair, |row| amounts.is_valid(row))?;
            let converted: SqlResult<Vec<Option<i128>>> = rates
                .into_iter()
                .enumerate()
                .map(|(row, rate)| match rate.filter(|_| amounts.is_valid(row)) {
                    Some(rate) => match rate.convert(amounts.value(row)) {
                        Some(micros) => Ok(Some(i128::from(micros))),
                        None => exec_err!("convert: an amount does not fit 64 bits of micros"),
                    },
                    None => Ok(None),
                })
                .collect();
            let array = Decimal128Array::from(converted?).with_precision_and_scale(38, 6)?;
            return Ok(ColumnarValue::Array(Arc::new(array) as ArrayRef));
        }
        let array: Float64Array = self
            .rates(&arrays, |_| true)?
            .into_iter()
            .map(|rate| {
                rate.map(|rate| {
                    let (numerator, denominator) = rate.fraction();
                    numerator as f64 / denominator as f64
                })
            })
            .collect();
        Ok(ColumnarValue::Array(Arc::new(array) as ArrayRef))
    }
}

/// The last three arguments as texts and a day, an amount before them as what all amounts fit in: stored amounts have
/// fewer digits than sums of them.
fn typed(arguments: &[ArrayRef]) -> SqlResult<Vec<ArrayRef>> {
    let types = [DataType::Decimal128(38, 6), DataType::Utf8, DataType::Utf8, DataType::Date32];
    let types = types.iter().skip(types.len().saturating_sub(arguments.len()));
    arguments.iter().zip(types).map(|(argument, wanted)| Ok(cast(argument, wanted)?)).collect()
}

impl Exchanging {
    /// The rate of each row that is asked for; none where an argument is null. Rows that follow each other often share theirs.
    fn rates(&self, arguments: &[ArrayRef], asked_for: impl Fn(usize) -> bool) -> SqlResult<Vec<Option<ExactRate>>> {
        let [from, to, day] = arguments else { return exec_err!("{} lacks an argument", self.name()) };
        let (from, to) = (from.as_string::<i32>(), to.as_string::<i32>());
        let day = day.as_primitive::<Date32Type>();
        let mut last: Option<((&str, &str, i32), ExactRate)> = None;
        (0..day.len())
            .map(|row| {
                if !asked_for(row) || from.is_null(row) || to.is_null(row) || day.is_null(row) {
                    return Ok(None);
                }
                let asked = (from.value(row), to.value(row), day.value(row));
                if let Some((_, rate)) = last.filter(|(known, _)| *known == asked) {
                    return Ok(Some(rate));
                }
                let rate = self.rate(asked)?;
                last = Some((asked, rate));
                Ok(Some(rate))
            })
            .collect()
    }

    fn rate(&self, (from, to, day): (&str, &str, i32)) -> SqlResult<ExactRate> {
        let currency = |text: &str| Currency::try_from(text).map_err(|error| error.to_string());
        let on = jiff::civil::date(1970, 1, 1).checked_add(i64::from(day).days()).map_err(|error| error.to_string());
        let rate = currency(from).and_then(|from| Ok((from, currency(to)?, on?)));
        match rate.and_then(|(from, to, on)| self.exchange.rate(from, to, on)) {
            Ok(rate) => Ok(rate),
            Err(problem) => exec_err!("{}: {problem}", self.name()),
        }
    }
}

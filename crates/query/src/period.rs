//! Days, weeks and months, cut in a named zone: the arguments `from`, `to`, `grain`, `zone`, and the SQL function
//! `period_start(instant, grain, zone)`.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, AsArray, Date32Array},
    datatypes::{DataType, TimestampMicrosecondType},
};
use datafusion::{
    common::{Result as SqlResult, exec_err},
    logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility},
    scalar::ScalarValue,
};
use jiff::{civil::Date, tz::TimeZone};
use model::UtcMillis;
use tables::column::{days_since_1970, instant_type};

use crate::{
    calls::{Call, hint},
    error::EngineError,
};

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    /// A civil day; 23 or 25 hours where clocks change.
    Day,
    /// Monday to Sunday.
    Week,
    /// A civil month.
    Month,
    /// Everything asked in one row.
    All,
}

const GRAINS: [(&str, Grain); 4] =
    [("day", Grain::Day), ("week", Grain::Week), ("month", Grain::Month), ("all", Grain::All)];

/// What a question covers.
#[derive(Debug, Clone)]
pub struct Span {
    /// First day; none: from the beginning.
    pub from_on: Option<Date>,
    /// Last day, included; none: to the end.
    pub to_on: Option<Date>,
    /// Where days are cut.
    pub zone: TimeZone,
    /// IANA name of `zone`.
    pub zone_name: String,
    /// How long periods are.
    pub grain: Grain,
}

impl Grain {
    /// As written in a call.
    #[must_use]
    pub fn name(self) -> &'static str {
        GRAINS.iter().find(|(_, grain)| *grain == self).map_or("all", |(name, _)| name)
    }

    /// The first day of the period that holds `day`. [`Grain::All`] keeps the day.
    #[must_use]
    pub fn start(self, day: Date) -> Date {
        match self {
            Self::Day | Self::All => day,
            Self::Week => {
                let back = i64::from(day.weekday().to_monday_zero_offset());
                day.checked_sub(jiff::Span::new().days(back)).unwrap_or(day)
            }
            Self::Month => day.first_of_month(),
        }
    }
}

impl Span {
    /// Reads `from`, `to`, `grain` and `zone` of a call.
    ///
    /// # Errors
    /// [`EngineError::Asked`] that names the argument and what was expected.
    pub fn of(call: &Call, zone: &str, grain: Grain) -> Result<Self, EngineError> {
        let zone_name = call.arguments.get("zone").map_or(zone, String::as_str).to_owned();
        let asked = |message: String| EngineError::Asked { message };
        let zone = model::time::zone(&zone_name).map_err(|error| asked(format!("\"zone\": {error}")))?;
        let grain = match call.arguments.get("grain") {
            None => grain,
            Some(text) => GRAINS.iter().find(|(name, _)| name == text).map(|(_, grain)| *grain).ok_or_else(|| {
                asked(format!("\"grain\" is \"{text}\"{}", hint(text, GRAINS.iter().map(|(name, _)| *name))))
            })?,
        };
        let (from_on, to_on) = (day(call, "from")?, day(call, "to")?);
        if let (Some(from), Some(to)) = (from_on, to_on)
            && from > to
        {
            return Err(asked(format!("\"from\" ({from}) lies after \"to\" ({to})")));
        }
        Ok(Self { from_on, to_on, zone, zone_name, grain })
    }

    /// The instants of the span: from the first day's first to the last day's last, half open.
    #[must_use]
    pub fn instants(&self) -> (UtcMillis, UtcMillis) {
        let from = self.from_on.map_or(UtcMillis(i64::MIN), |day| UtcMillis::start_of(day, &self.zone));
        let after =
            |day: Date| day.tomorrow().map_or(UtcMillis(i64::MAX), |next| UtcMillis::start_of(next, &self.zone));
        (from, self.to_on.map_or(UtcMillis(i64::MAX), after))
    }

    /// `column` lies in the span, as SQL.
    #[must_use]
    pub fn condition(&self, column: &str) -> String {
        let (from, to) = self.instants();
        let mut parts = vec![format!("{column} IS NOT NULL")];
        if self.from_on.is_some() {
            parts.push(format!("{column} >= TIMESTAMP '{from}'"));
        }
        if self.to_on.is_some() {
            parts.push(format!("{column} < TIMESTAMP '{to}'"));
        }
        parts.join(" AND ")
    }

    /// The period that an instant falls in, as SQL; `NULL` for [`Grain::All`].
    #[must_use]
    pub fn period(&self, column: &str) -> String {
        match self.grain {
            Grain::All => "CAST(NULL AS DATE)".to_owned(),
            grain => format!("period_start({column}, '{}', '{}')", grain.name(), self.zone_name),
        }
    }
}

/// The civil days between two instants and the periods that they lie in, looked up once each.
#[derive(Debug)]
pub struct Days {
    /// First instant of each day, ascending, in milliseconds.
    starts: Vec<i64>,
    /// Each day, as days since 1970-01-01, and the number of its period.
    days: Vec<(i32, usize)>,
    /// The first day of each period, ascending, as days since 1970-01-01.
    periods: Vec<i32>,
}

/// One of them.
#[derive(Debug, Default, Clone, Copy)]
pub struct Day {
    /// First instant, milliseconds.
    start: i64,
    /// The first instant after it.
    end: i64,
    /// The number of its period.
    pub period: usize,
}

impl Day {
    /// All time as one.
    pub const ALWAYS: Self = Self { start: i64::MIN, end: i64::MAX, period: 0 };

    /// True where the instant, in milliseconds, lies in it.
    #[must_use]
    pub fn holds(&self, at: i64) -> bool {
        self.start <= at && at < self.end
    }
}

impl Days {
    /// Every day that holds an instant from the first to the last.
    #[must_use]
    pub fn between((first, last): (UtcMillis, UtcMillis), span: &Span) -> Self {
        let mut all = Self { starts: Vec::new(), days: Vec::new(), periods: Vec::new() };
        let mut day = first.day_in(&span.zone);
        loop {
            let start = UtcMillis::start_of(day, &span.zone);
            if start > last && !all.starts.is_empty() {
                return all;
            }
            let period = days_since_1970(span.grain.start(day));
            if all.periods.last() != Some(&period) {
                all.periods.push(period);
            }
            all.starts.push(start.0);
            all.days.push((days_since_1970(day), all.periods.len() - 1));
            let Ok(next) = day.tomorrow() else { return all };
            day = next;
        }
    }

    /// The day of an instant between them, as days since 1970-01-01.
    #[must_use]
    pub fn of(&self, at: UtcMillis) -> i32 {
        self.days.get(self.index(at)).map_or(0, |(day, _)| *day)
    }

    /// The first day of the period of an instant between them, as days since 1970-01-01.
    #[must_use]
    pub fn period_of(&self, at: UtcMillis) -> i32 {
        self.days.get(self.index(at)).map_or(0, |(_, period)| self.starts_on(*period))
    }

    /// The first day of a period, as days since 1970-01-01.
    #[must_use]
    pub fn starts_on(&self, period: usize) -> i32 {
        self.periods.get(period).copied().unwrap_or_default()
    }

    /// The day of an instant between them.
    #[must_use]
    pub fn at(&self, at: UtcMillis) -> Day {
        let index = self.index(at);
        let start = |index: usize| self.starts.get(index).copied();
        Day {
            // Before the first and after the last there are no others.
            start: if index == 0 { i64::MIN } else { start(index).unwrap_or(i64::MIN) },
            end: start(index + 1).unwrap_or(i64::MAX),
            period: self.days.get(index).map_or(0, |(_, period)| *period),
        }
    }

    fn index(&self, at: UtcMillis) -> usize {
        let Some(first) = self.starts.first() else { return 0 };
        // Days are of 24 hours, give or take those at which clocks are set: the day is near.
        let day = at.0.saturating_sub(*first).div_euclid(24 * UtcMillis::HOUR_MS).max(0);
        let mut index = usize::try_from(day).unwrap_or(usize::MAX).min(self.starts.len() - 1);
        while index > 0 && self.starts[index] > at.0 {
            index -= 1;
        }
        while self.starts.get(index + 1).is_some_and(|next| *next <= at.0) {
            index += 1;
        }
        index
    }
}

/// Reads a day of a call.
///
/// # Errors
/// [`EngineError::Asked`] where it is none.
pub fn day(call: &Call, name: &str) -> Result<Option<Date>, EngineError> {
    call.arguments
        .get(name)
        .map(|text| {
            let message = format!("\"{name}\" is \"{text}\", expected a day such as 2026-01-31, from 1970 to 2199");
            let day: Option<Date> = text.parse().ok();
            day.filter(|day| (1970..2200).contains(&day.year())).ok_or(EngineError::Asked { message })
        })
        .transpose()
}

/// The instant at which maturity is judged, if the call names one: an instant, or the end of a day.
///
/// # Errors
/// [`EngineError::Asked`] where it is neither.
pub fn horizon(call: &Call, span: &Span) -> Result<Option<UtcMillis>, EngineError> {
    match call.arguments.get("horizon").map(|text| UtcMillis::parse(text)) {
        Some(Ok(at)) => Ok(Some(at)),
        _ => Ok(day(call, "horizon")?.map(|on| Span { to_on: Some(on), ..span.clone() }.instants().1)),
    }
}

/// `period_start(instant, grain, zone)`: the first day of the period in which an instant falls. `NULL` for `NULL`.
#[must_use]
pub fn period_start() -> ScalarUDF {
    let arguments = vec![instant_type(), DataType::Utf8, DataType::Utf8];
    ScalarUDF::from(PeriodStart { signature: Signature::exact(arguments, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct PeriodStart {
    signature: Signature,
}

impl ScalarUDFImpl for PeriodStart {
    fn name(&self) -> &str {
        "period_start"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> SqlResult<DataType> {
        Ok(DataType::Date32)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> SqlResult<ColumnarValue> {
        let [instants, grain, zone] = arguments.args.as_slice() else {
            return exec_err!("period_start takes an instant, a grain and a zone");
        };
        let (Some(grain), Some(zone)) = (literal(grain), literal(zone)) else {
            return exec_err!("period_start: grain and zone must be literals");
        };
        let Some((_, grain)) = GRAINS.iter().find(|(name, _)| *name == grain) else {
            return exec_err!("period_start: \"{grain}\" is no grain, expected day, week or month");
        };
        let zone = match model::time::zone(&zone) {
            Ok(zone) => zone,
            Err(error) => return exec_err!("period_start: {error}"),
        };
        let instants = instants.to_array(arguments.number_rows)?;
        let instants = instants.as_primitive::<TimestampMicrosecondType>();
        let at = |micros: i64| UtcMillis(micros.div_euclid(1000));
        let bounds = arrow::compute::min(instants).zip(arrow::compute::max(instants));
        let near = bounds.map(|(first, last)| (at(first), at(last))).filter(|(first, last)| {
            // Else there are more days between them than rows.
            last.0.saturating_sub(first.0) / (24 * UtcMillis::HOUR_MS) < instants.len() as i64
        });
        let days: Date32Array = match near {
            Some(near) => {
                let span = Span { from_on: None, to_on: None, zone, zone_name: String::new(), grain: *grain };
                let days = Days::between(near, &span);
                instants.iter().map(|micros| micros.map(|micros| days.period_of(at(micros)))).collect()
            }
            None => {
                let period = |micros| days_since_1970(grain.start(at(micros).day_in(&zone)));
                instants.iter().map(|micros| micros.map(period)).collect()
            }
        };
        Ok(ColumnarValue::Array(Arc::new(days) as ArrayRef))
    }
}

fn literal(value: &ColumnarValue) -> Option<String> {
    match value {
        ColumnarValue::Scalar(ScalarValue::Utf8(text)) => text.clone(),
        _ => None,
    }
}

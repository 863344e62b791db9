//! The functions of expressions: their names, how many arguments they take, and what they do.

use jiff::{civil, fmt::strtime, tz::TimeZone};
use model::UtcMillis;

use super::{
    decimal::Decimal,
    expression::Expr,
    value::{EvalError, Settings, Value},
};

/// One function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    /// The first argument that is not null.
    Coalesce,
    /// The second argument where the first is true, else the third.
    If,
    /// Whether a text begins with another.
    StartsWith,
    /// Whether a text ends with another.
    EndsWith,
    /// Whether a text holds another.
    Contains,
    /// The text in small letters.
    Lower,
    /// The text in capitals.
    Upper,
    /// The text without space around it.
    Trim,
    /// The text with every occurrence of another replaced.
    Replace,
    /// Letters of a text, by place (from 1) and number.
    Substring,
    /// The part of a text between separators, by place from 1.
    SplitPart,
    /// Letters of a text.
    Length,
    /// A number without its sign.
    Abs,
    /// A number rounded half to even.
    Round,
    /// A text read as a number.
    Number,
    /// A value written as a text.
    Text,
    /// A text read as a day.
    Date,
    /// A text read as an instant.
    Instant,
    /// Seconds since 1970 as an instant.
    FromUnixS,
    /// Milliseconds since 1970 as an instant.
    FromUnixMs,
    /// Microseconds since 1970 as an instant.
    FromUnixUs,
    /// All arguments that are not null, one after the other.
    Concat,
    /// A text read as JSON.
    Json,
}

/// Name, function, least and most arguments, and how it is written.
pub(crate) const FUNCTIONS: [(&str, Function, usize, usize, &str); 23] = [
    ("coalesce", Function::Coalesce, 1, 32, "coalesce(a, b, …)"),
    ("if", Function::If, 3, 3, "if(condition, a, b)"),
    ("starts_with", Function::StartsWith, 2, 2, "starts_with(text, 'beginning')"),
    ("ends_with", Function::EndsWith, 2, 2, "ends_with(text, 'end')"),
    ("contains", Function::Contains, 2, 2, "contains(text, 'part')"),
    ("lower", Function::Lower, 1, 1, "lower(text)"),
    ("upper", Function::Upper, 1, 1, "upper(text)"),
    ("trim", Function::Trim, 1, 1, "trim(text)"),
    ("replace", Function::Replace, 3, 3, "replace(text, 'from', 'to')"),
    ("substring", Function::Substring, 2, 3, "substring(text, start[, length])"),
    ("split_part", Function::SplitPart, 3, 3, "split_part(text, 'separator', place)"),
    ("length", Function::Length, 1, 1, "length(text)"),
    ("abs", Function::Abs, 1, 1, "abs(number)"),
    ("round", Function::Round, 1, 2, "round(number[, places])"),
    ("number", Function::Number, 1, 1, "number(text)"),
    ("text", Function::Text, 1, 1, "text(value)"),
    ("date", Function::Date, 1, 2, "date(text[, '%d/%m/%Y'])"),
    ("instant", Function::Instant, 1, 3, "instant(text[, '%d/%m/%Y %H:%M'[, 'Europe/London']])"),
    ("from_unix_s", Function::FromUnixS, 1, 1, "from_unix_s(number)"),
    ("from_unix_ms", Function::FromUnixMs, 1, 1, "from_unix_ms(number)"),
    ("from_unix_us", Function::FromUnixUs, 1, 1, "from_unix_us(number)"),
    ("concat", Function::Concat, 1, 32, "concat(a, b, …)"),
    ("json", Function::Json, 1, 1, "json(text)"),
];

/// Calls a function whose arguments are all there. `coalesce`, `if` and `concat` see nulls and are not called so.
pub(crate) fn call<'r>(function: Function, given: &[Value<'r>], settings: &Settings) -> Result<Value<'r>, EvalError> {
    let argument = |at: usize| given.get(at).unwrap_or(&Value::Null);
    let text = |at: usize| argument(at).to_text();
    let first = argument(0);
    Ok(match function {
        Function::StartsWith => Value::Flag(text(0).starts_with(text(1).as_ref())),
        Function::EndsWith => Value::Flag(text(0).ends_with(text(1).as_ref())),
        Function::Contains => Value::Flag(text(0).contains(text(1).as_ref())),
        Function::Lower => Value::text(text(0).to_lowercase()),
        Function::Upper => Value::text(text(0).to_uppercase()),
        Function::Trim => Value::text(text(0).trim().to_owned()),
        Function::Replace => Value::text(text(0).replace(text(1).as_ref(), text(2).as_ref())),
        Function::Substring => {
            let length = given.get(2).map_or(Ok(usize::MAX), |length| place(length, 0, settings))?;
            let start = place(argument(1), 1, settings)? - 1;
            Value::text(text(0).chars().skip(start).take(length).collect())
        }
        Function::SplitPart => {
            let part = place(argument(2), 1, settings)? - 1;
            text(0).split(text(1).as_ref()).nth(part).map_or(Value::Null, |part| Value::text(part.to_owned()))
        }
        Function::Length => Value::Number(Decimal::whole(i64::try_from(text(0).chars().count()).unwrap_or(i64::MAX))),
        Function::Abs => Value::Number(first.number(settings)?.magnitude()),
        Function::Round => {
            let places = given.get(1).map_or(Ok(0), |places| place(places, 0, settings))?;
            let rounded = first.number(settings)?.round(u32::try_from(places).unwrap_or(u32::MAX));
            Value::Number(rounded.ok_or_else(EvalError::too_large)?)
        }
        Function::Number => Value::Number(first.number(settings)?),
        Function::Text => Value::text(text(0).into_owned()),
        Function::Date => Value::Day(given.get(1).map_or_else(|| first.day(), |form| day(first, &form.to_text()))?),
        Function::Instant => Value::Instant(match (given.get(1), given.get(2)) {
            (None, _) => first.instant(settings)?,
            (Some(form), None) => instant(first, &form.to_text(), settings.zone.as_ref())?,
            (Some(form), Some(name)) => {
                let name = name.to_text();
                let zone = model::time::zone(&name)
                    .map_err(|_| EvalError::of_text(&name, "an IANA time zone such as Europe/Berlin"))?;
                instant(first, &form.to_text(), Some(&zone))?
            }
        }),
        Function::FromUnixS => from_unix(first, "1000", settings)?,
        Function::FromUnixMs => from_unix(first, "1", settings)?,
        Function::FromUnixUs => from_unix(first, "0.001", settings)?,
        Function::Json => Value::json(&text(0))?,
        Function::Coalesce | Function::If | Function::Concat => Value::Null,
    })
}

/// Finds mistakes in forms of days and names of zones that are written out.
pub(crate) fn checked_constants(function: Function, arguments: &[Expr]) -> Result<(), String> {
    if !matches!(function, Function::Date | Function::Instant) {
        return Ok(());
    }
    if let Some(Expr::Text(form)) = arguments.get(1) {
        form_problem(form).map_or(Ok(()), |problem| Err(format!("the form '{form}' cannot be read: {problem}")))?;
    }
    match arguments.get(2) {
        Some(Expr::Text(zone)) => model::time::zone(zone).map(drop).map_err(|error| error.to_string()),
        _ => Ok(()),
    }
}

/// What is wrong with a form of days and instants such as `%d/%m/%Y`; none where it can be read.
fn form_problem(form: &str) -> Option<String> {
    let sample = civil::date(2026, 1, 5).at(10, 11, 12, 0).to_zoned(TimeZone::UTC).ok()?;
    let read_back = strtime::format(form, &sample).and_then(|text| strtime::parse(form, text));
    read_back.err().map(|error| error.to_string())
}

/// A whole number from `least`.
fn place(value: &Value<'_>, least: i64, settings: &Settings) -> Result<usize, EvalError> {
    let number = value.number(settings)?.count_of(0).filter(|number| *number >= least);
    let expected = || EvalError::of(value, &format!("a whole number from {least}"));
    number.and_then(|number| usize::try_from(number).ok()).ok_or_else(expected)
}

fn day(value: &Value<'_>, form: &str) -> Result<civil::Date, EvalError> {
    let text = value.to_text();
    let found = strtime::parse(form, text.trim()).and_then(|parts| parts.to_date());
    found.map_err(|_| EvalError::of(value, &format!("a day written as '{form}'")))
}

fn instant(value: &Value<'_>, form: &str, zone: Option<&TimeZone>) -> Result<UtcMillis, EvalError> {
    let text = value.to_text();
    let malformed = || EvalError::of(value, &format!("an instant written as '{form}'"));
    let parts = strtime::parse(form, text.trim()).map_err(|_| malformed())?;
    let zoned = parts.iana_time_zone().is_some();
    if zoned || parts.offset().is_some() || parts.timestamp().is_some() {
        let stamp = if zoned { parts.to_zoned().map(|zoned| zoned.timestamp()) } else { parts.to_timestamp() };
        let stamp = stamp.map_err(|_| malformed())?;
        return Ok(UtcMillis(stamp.as_nanosecond().div_euclid(1_000_000) as i64));
    }
    let local = match parts.to_datetime() {
        Ok(local) => local,
        Err(_) => parts.to_date().map_err(|_| malformed())?.at(0, 0, 0, 0),
    };
    super::value::in_zone(local, zone)
}

fn from_unix<'r>(value: &Value<'_>, millis_per_unit: &str, settings: &Settings) -> Result<Value<'r>, EvalError> {
    let unit = Decimal::parse(millis_per_unit).ok_or_else(EvalError::too_large)?;
    let millis = value.number(settings)?.multiply(unit).and_then(Decimal::floor);
    let written = |millis: &i64| jiff::Timestamp::from_millisecond(*millis).is_ok();
    let millis = millis.and_then(|millis| millis.count_of(0)).filter(written);
    millis
        .map(|millis| Value::Instant(UtcMillis(millis)))
        .ok_or_else(|| EvalError::of(value, "an instant between the years -9999 and 9999"))
}

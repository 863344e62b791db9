//! What an expression gives, and how one kind of value is read as another: a cell of a CSV file is a text until
//! somebody asks for a number.

use std::borrow::Cow;

use jiff::{civil, tz::TimeZone};
use model::UtcMillis;

use super::decimal::Decimal;
use crate::{
    error::shown,
    json::{self, Json},
};

/// What the mapping says of all values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// Texts that mean "nothing".
    pub(crate) nulls: Vec<String>,
    /// True where numbers are written `1.234,56`.
    pub(crate) decimal_comma: bool,
    /// Zone of instants that name none.
    pub(crate) zone: Option<TimeZone>,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'r> {
    /// Nothing.
    Null,
    /// True or false.
    Flag(bool),
    /// An exact number.
    Number(Decimal),
    /// A text.
    Text(Cow<'r, str>),
    /// An instant.
    Instant(UtcMillis),
    /// A civil day.
    Day(civil::Date),
    /// A list or object, as its JSON text.
    Json(Cow<'r, str>),
}

/// Why an expression has no value for a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EvalError {
    /// What was found, as an error may show it.
    pub(crate) found: String,
    /// What was expected.
    pub(crate) expected: String,
}

impl EvalError {
    /// `value` is not what was expected.
    pub(crate) fn of(value: &Value<'_>, expected: &str) -> Self {
        Self::of_text(&value.to_text(), expected)
    }

    /// `text` is not what was expected.
    pub(crate) fn of_text(text: &str, expected: &str) -> Self {
        Self { found: shown(text), expected: expected.to_owned() }
    }

    /// A result with more digits than can be kept.
    pub(crate) fn too_large() -> Self {
        Self { found: "a result of more than 37 digits".to_owned(), expected: "smaller numbers".to_owned() }
    }
}

impl<'r> Value<'r> {
    /// A text that was made here.
    pub(crate) fn text(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }

    /// A cell or a JSON text: null where it is one of the texts that mean so.
    pub(crate) fn written(text: Cow<'r, str>, settings: &Settings) -> Self {
        let trimmed = text.trim();
        if settings.nulls.iter().any(|null| null == trimmed) { Self::Null } else { Self::Text(text) }
    }

    /// A JSON value of the record.
    pub(crate) fn of_json(value: Json<'r>, settings: &Settings) -> Result<Self, EvalError> {
        let source = value.source();
        Ok(match source.as_bytes().first() {
            Some(b'{' | b'[') => Self::Json(Cow::Borrowed(source)),
            Some(b'"') => value.text().map_or(Self::Null, |text| Self::written(text, settings)),
            Some(b't') => Self::Flag(true),
            Some(b'f') => Self::Flag(false),
            Some(b'n') | None => Self::Null,
            Some(_) => Self::Number(Decimal::parse(source).ok_or_else(EvalError::too_large)?),
        })
    }

    /// A text read as JSON.
    pub(crate) fn json(text: &str) -> Result<Self, EvalError> {
        let malformed = || EvalError { found: "a text that is no JSON".to_owned(), expected: "JSON".to_owned() };
        let readable = json::readable(text.as_bytes()).map_err(|_| malformed())?;
        Ok(Value::of_json(Json::of(&readable), &Settings::default())?.into_owned())
    }

    /// The same value, borrowed from nothing.
    pub(crate) fn into_owned<'any>(self) -> Value<'any> {
        match self {
            Self::Null => Value::Null,
            Self::Flag(flag) => Value::Flag(flag),
            Self::Number(number) => Value::Number(number),
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Instant(instant) => Value::Instant(instant),
            Self::Day(day) => Value::Day(day),
            Self::Json(text) => Value::Json(Cow::Owned(text.into_owned())),
        }
    }

    /// True for null.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The value as text: numbers with the digits that they were written with, instants as RFC 3339, null as nothing.
    pub(crate) fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::Null => Cow::Borrowed(""),
            Self::Flag(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Text(text) | Self::Json(text) => Cow::Borrowed(text),
            Self::Instant(instant) => Cow::Owned(instant.to_string()),
            Self::Day(day) => Cow::Owned(day.to_string()),
        }
    }

    /// The value as a number.
    pub(crate) fn number(&self, settings: &Settings) -> Result<Decimal, EvalError> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Text(text) => written_number(text.trim(), settings.decimal_comma),
            _ => Err(EvalError::of(self, "a number")),
        }
    }

    /// The value as true or false; none for null.
    pub(crate) fn flag(&self) -> Result<Option<bool>, EvalError> {
        let expected = "true or false (write a comparison such as status = 'cancelled')";
        match self {
            Self::Null => Ok(None),
            Self::Flag(flag) => Ok(Some(*flag)),
            Self::Number(number) if number.is_zero() => Ok(Some(false)),
            Self::Number(number) if *number == Decimal::whole(1) => Ok(Some(true)),
            Self::Text(text) => match text.trim() {
                "0" => Ok(Some(false)),
                "1" => Ok(Some(true)),
                text if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
                text if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
                _ => Err(EvalError::of(self, expected)),
            },
            _ => Err(EvalError::of(self, expected)),
        }
    }

    /// The value as a civil day.
    pub(crate) fn day(&self) -> Result<civil::Date, EvalError> {
        let malformed = || EvalError::of(self, "a day such as 2026-01-05 (else write date(column, '%d/%m/%Y'))");
        match self {
            Self::Day(day) => Ok(*day),
            Self::Text(text) if text.trim().len() == 10 => text.trim().parse().map_err(|_| malformed()),
            _ => Err(malformed()),
        }
    }

    /// The value as an instant; one that names no zone, and a day's start, are of the mapping's zone.
    pub(crate) fn instant(&self, settings: &Settings) -> Result<UtcMillis, EvalError> {
        match self {
            Self::Instant(instant) => Ok(*instant),
            Self::Day(day) => in_zone(day.at(0, 0, 0, 0), settings.zone.as_ref()),
            Self::Text(text) => written_instant(text.trim(), settings),
            _ => Err(EvalError::of(
                self,
                "an instant such as 2026-01-05T10:11:12Z (of a number write from_unix_s(column) or from_unix_ms(column))",
            )),
        }
    }

    /// The elements of a list; null has none.
    pub(crate) fn elements(&self) -> Result<Vec<Cow<'r, str>>, EvalError> {
        let expected = || EvalError::of(self, "a list");
        match self {
            Self::Null => Ok(Vec::new()),
            Self::Json(Cow::Borrowed(text)) => {
                let elements = Json::of(text).list().ok_or_else(expected)?;
                Ok(elements.into_iter().map(|element| Cow::Borrowed(element.source())).collect())
            }
            Self::Json(Cow::Owned(text)) => {
                let elements = Json::of(text).list().ok_or_else(expected)?;
                Ok(elements.into_iter().map(|element| Cow::Owned(element.source().to_owned())).collect())
            }
            _ => Err(expected()),
        }
    }
}

/// The instant at which clocks in `zone` show `local`; of an hour that comes twice the first, of one that is left out
/// the time after it.
pub(crate) fn in_zone(local: civil::DateTime, zone: Option<&TimeZone>) -> Result<UtcMillis, EvalError> {
    let expected = "an instant that names its zone, or \"zone: Europe/London\" in the mapping";
    let zone = zone.ok_or_else(|| EvalError::of_text(&local.to_string(), expected))?;
    let zoned = zone.to_ambiguous_zoned(local).compatible();
    let zoned = zoned.map_err(|_| EvalError::of_text(&local.to_string(), "an instant before the year 9999"))?;
    Ok(UtcMillis(zoned.timestamp().as_nanosecond().div_euclid(1_000_000) as i64))
}

fn written_instant(text: &str, settings: &Settings) -> Result<UtcMillis, EvalError> {
    let names_zone = text.get(10..).is_some_and(|time| time.contains(['Z', 'z', '+', '-']));
    let malformed = || {
        EvalError::of_text(
            text,
            "an instant such as 2026-01-05T10:11:12Z (else write instant(column, '%d/%m/%Y %H:%M'))",
        )
    };
    if names_zone {
        return UtcMillis::parse(text).map_err(|_| malformed());
    }
    let local: civil::DateTime = text.parse().map_err(|_| malformed())?;
    in_zone(local, settings.zone.as_ref())
}

/// A number as a text has it. What could be read in two ways is refused, never guessed.
fn written_number(text: &str, decimal_comma: bool) -> Result<Decimal, EvalError> {
    if !decimal_comma {
        let hint = if text.contains(',') {
            "a number such as 1234.56 (set \"decimal_comma: true\", or drop thousands by replace(column, ',', ''))"
        } else {
            "a number such as 1234.56"
        };
        return Decimal::parse(text).ok_or_else(|| EvalError::of_text(text, hint));
    }
    let (whole, fraction) = text.split_once(',').unwrap_or((text, ""));
    let mut groups = whole.split('.');
    let first = groups.next().unwrap_or_default().trim_start_matches(['-', '+']);
    let in_thousands = !whole.contains('.') || (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    let expected = || EvalError::of_text(text, "a number such as 1.234,56, since the mapping says \"decimal_comma\"");
    if !in_thousands || fraction.contains('.') {
        return Err(expected());
    }
    Decimal::parse(&format!("{}.{fraction}", whole.replace('.', ""))).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(decimal_comma: bool) -> Settings {
        Settings { nulls: vec![String::new()], decimal_comma, zone: None }
    }

    fn number(text: &str, decimal_comma: bool) -> Option<String> {
        written_number(text, decimal_comma).ok().map(|number| number.to_string())
    }

    #[test]
    fn a_number_that_could_be_read_in_two_ways_is_refused() {
        assert_eq!(number("1234.50", false).as_deref(), Some("1234.50"));
        assert_eq!([number("1,234.50", false), number("1,5", false), number("", false)], [None, None, None]);
        assert_eq!(number("1.234,50", true).as_deref(), Some("1234.50"));
        assert_eq!(number("-12,5", true).as_deref(), Some("-12.5"));
        assert_eq!([number("1.5", true), number("1,234.5", true), number("1234.567", true)], [None, None, None]);
    }

    #[test]
    fn an_instant_without_a_zone_needs_the_mappings() {
        let text = Value::Text(Cow::Borrowed("2026-07-01 10:00:00"));
        let error = text.instant(&settings(false)).expect_err("no zone");
        assert!(error.expected.contains("\"zone: Europe/London\""), "{}", error.expected);
        let london = Settings { zone: model::time::zone("Europe/London").ok(), ..settings(false) };
        assert_eq!(text.instant(&london).expect("zoned").to_string(), "2026-07-01T09:00:00.000Z");
        let day = Value::Text(Cow::Borrowed("2026-07-01"));
        assert_eq!(day.instant(&london).expect("zoned").to_string(), "2026-06-30T23:00:00.000Z");
        let offset = Value::Text(Cow::Borrowed("2026-07-01 10:00:00+02:00"));
        assert_eq!(offset.instant(&settings(false)).expect("zoned").to_string(), "2026-07-01T08:00:00.000Z");
    }

    #[test]
    fn only_words_that_mean_true_or_false_are_flags() {
        let flag = |text: &str| Value::Text(Cow::Owned(text.to_owned())).flag().ok();
        assert_eq!([flag("TRUE"), flag("0"), flag("yes")], [Some(Some(true)), Some(Some(false)), None]);
    }
}

//! Gives expressions their value for one row. A null in arithmetic, in a comparison or as a function's argument gives
//! null; `and`, `or` and `not` know three truths, as in SQL.

use std::{borrow::Cow, cell::RefCell, cmp::Ordering};

use model::RawRecord;

use super::{
    expression::{Arithmetic, Comparison, Expr, Step},
    functions::{self, Function},
    row::Cells,
    value::{EvalError, Settings, Value},
};
use crate::json::Json;

/// One row while it is read.
pub(crate) struct Row<'r> {
    /// What the columns hold.
    pub(crate) cells: Cells<'r>,
    record: Recorded<'r>,
    /// Its number in the file, from 0.
    pub(crate) number: i64,
    /// What the mapping says of all values.
    pub(crate) settings: &'r Settings,
    lets: &'r [Expr],
    known: RefCell<Vec<Option<Value<'r>>>>,
}

/// The record that holds a row.
#[derive(Clone, Copy)]
pub(crate) struct Recorded<'r> {
    /// The record.
    pub(crate) raw: &'r RawRecord,
    /// Hash of its content.
    pub(crate) content_hash: &'r str,
}

/// One element of an `each`.
#[derive(Debug, Clone)]
pub(crate) struct Item<'r> {
    /// Its JSON text.
    pub(crate) text: Cow<'r, str>,
    /// Its place in the list, from 0.
    pub(crate) index: usize,
}

/// Where an expression stands: in a row, and there below the elements of its enclosing `each`, outermost first.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'c, 'r> {
    /// The row.
    pub(crate) row: &'c Row<'r>,
    /// The elements.
    pub(crate) items: &'c [Item<'r>],
}

type Evaluated<'r> = Result<Value<'r>, EvalError>;

impl<'r> Row<'r> {
    /// A row whose named values are `lets`; each is found at most once, and only where it is used.
    pub(crate) fn new(
        cells: Cells<'r>,
        record: Recorded<'r>,
        number: i64,
        settings: &'r Settings,
        lets: &'r [Expr],
    ) -> Self {
        let known = RefCell::new(vec![None; lets.len()]);
        Self { cells, record, number, settings, lets, known }
    }

    fn named(&self, number: usize) -> Evaluated<'r> {
        if let Some(Some(value)) = self.known.borrow().get(number) {
            return Ok(value.clone());
        }
        let Some(expression) = self.lets.get(number) else { return Ok(Value::Null) };
        let value = evaluate(expression, Frame { row: self, items: &[] })?;
        if let Some(place) = self.known.borrow_mut().get_mut(number) {
            *place = Some(value.clone());
        }
        Ok(value)
    }

    /// The hash of the file, which is what its channel `file/<hash>` is called by.
    fn file(&self) -> &'r str {
        let channel = &*self.record.raw.channel;
        // The channel names the source too: one file may be read by several mappings.
        channel.strip_prefix("file/").and_then(|named| named.split('/').next()).unwrap_or(channel)
    }
}

/// The value of `expression` at `frame`.
pub(crate) fn evaluate<'r>(expression: &'r Expr, frame: Frame<'_, 'r>) -> Evaluated<'r> {
    let row = frame.row;
    let value = |part: &'r Expr| evaluate(part, frame);
    Ok(match expression {
        Expr::Null => Value::Null,
        Expr::Flag(flag) => Value::Flag(*flag),
        Expr::Number(number) => Value::Number(*number),
        Expr::Text(text) => Value::Text(Cow::Borrowed(text)),
        Expr::Column(number) => row.cells.value(*number, row.settings)?,
        Expr::Let(number) => row.named(*number)?,
        Expr::Item(level) => match frame.items.get(*level) {
            Some(item) => of_text(&item.text, row.settings)?,
            None => Value::Null,
        },
        Expr::File => Value::Text(Cow::Borrowed(row.file())),
        Expr::Row => Value::Number(super::decimal::Decimal::whole(row.number)),
        Expr::Content => Value::Text(Cow::Borrowed(row.record.content_hash)),
        Expr::Index => {
            let index = frame.items.last().map_or(0, |item| item.index);
            Value::Number(super::decimal::Decimal::whole(i64::try_from(index).unwrap_or(i64::MAX)))
        }
        Expr::Path(root, steps) => path(value(root)?, steps, row.settings)?,
        Expr::Minus(a) => match value(a)? {
            Value::Null => Value::Null,
            a => Value::Number(a.number(row.settings)?.negated()),
        },
        Expr::Not(a) => truth(value(a)?.flag()?.map(|flag| !flag)),
        Expr::And(a, b) => both(a, b, frame, false)?,
        Expr::Or(a, b) => both(a, b, frame, true)?,
        Expr::Arithmetic(operation, a, b) => arithmetic(*operation, &value(a)?, &value(b)?, row.settings)?,
        Expr::Compare(comparison, a, b) => {
            let order = compare(&value(a)?, &value(b)?, row.settings)?;
            truth(order.map(|order| comparison.holds(order)))
        }
        Expr::In(a, list) => among(&value(a)?, list, frame)?,
        Expr::IsNull(a) => Value::Flag(value(a)?.is_null()),
        Expr::Join(a, b) => match (value(a)?, value(b)?) {
            (Value::Null, _) | (_, Value::Null) => Value::Null,
            (a, b) => Value::text(format!("{}{}", a.to_text(), b.to_text())),
        },
        Expr::Call(function, arguments) => call(*function, arguments, frame)?,
    })
}

/// True where the expression is; false and null are not.
pub(crate) fn holds<'r>(expression: &'r Expr, frame: Frame<'_, 'r>) -> Result<bool, EvalError> {
    evaluate(expression, frame)?.flag().map(|flag| flag == Some(true))
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

fn truth<'r>(flag: Option<bool>) -> Value<'r> {
    flag.map_or(Value::Null, Value::Flag)
}

/// `and` (decided by false) and `or` (decided by true). The second is not looked at where the first decides.
fn both<'r>(a: &'r Expr, b: &'r Expr, frame: Frame<'_, 'r>, decides: bool) -> Evaluated<'r> {
    let first = evaluate(a, frame)?.flag()?;
    if first == Some(decides) {
        return Ok(Value::Flag(decides));
    }
    let second = evaluate(b, frame)?.flag()?;
    Ok(match (first, second) {
        (_, Some(flag)) if flag == decides => Value::Flag(decides),
        (Some(_), Some(_)) => Value::Flag(!decides),
        _ => Value::Null,
    })
}

fn arithmetic<'r>(operation: Arithmetic, a: &Value<'_>, b: &Value<'_>, settings: &Settings) -> Evaluated<'r> {
    if a.is_null() || b.is_null() {
        return Ok(Value::Null);
    }
    let (left, right) = (a.number(settings)?, b.number(settings)?);
    let result = match operation {
        Arithmetic::Add => left.add(right),
        Arithmetic::Subtract => left.subtract(right),
        Arithmetic::Multiply => left.multiply(right),
        Arithmetic::Divide if right.is_zero() => {
            return Err(EvalError {
                found: "a division by zero".to_owned(),
                expected: "if(b = 0, null, a / b)".to_owned(),
            });
        }
        Arithmetic::Divide => left.divide(right),
    };
    result.map(Value::Number).ok_or_else(EvalError::too_large)
}

/// How two values stand to each other; none where one is null. A text beside a number is read as a number, one beside a
/// day or an instant as such; two texts are compared letter by letter.
fn compare(a: &Value<'_>, b: &Value<'_>, settings: &Settings) -> Result<Option<Ordering>, EvalError> {
    Ok(Some(match (a, b) {
        (Value::Null, _) | (_, Value::Null) => return Ok(None),
        (Value::Number(_), _) | (_, Value::Number(_)) => a.number(settings)?.cmp(&b.number(settings)?),
        (Value::Flag(_), _) | (_, Value::Flag(_)) => a.flag()?.cmp(&b.flag()?),
        (Value::Instant(_), _) | (_, Value::Instant(_)) => a.instant(settings)?.cmp(&b.instant(settings)?),
        (Value::Day(_), _) | (_, Value::Day(_)) => a.day()?.cmp(&b.day()?),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Json(_), _) | (_, Value::Json(_)) => {
            return Err(EvalError {
                found: "a list or an object".to_owned(),
                expected: "a text, a number, an instant or true or false to compare".to_owned(),
            });
        }
    }))
}

fn among<'r>(a: &Value<'r>, list: &'r [Expr], frame: Frame<'_, 'r>) -> Evaluated<'r> {
    let mut unknown = false;
    for element in list {
        match compare(a, &evaluate(element, frame)?, frame.row.settings)? {
            Some(Ordering::Equal) => return Ok(Value::Flag(true)),
            Some(_) => {}
            None => unknown = true,
        }
    }
    Ok(if unknown { Value::Null } else { Value::Flag(false) })
}

fn call<'r>(function: Function, arguments: &'r [Expr], frame: Frame<'_, 'r>) -> Evaluated<'r> {
    let value = |part: &'r Expr| evaluate(part, frame);
    match (function, arguments) {
        (Function::If, [condition, yes, no]) => value(if holds(condition, frame)? { yes } else { no }),
        (Function::Coalesce, _) => {
            for argument in arguments {
                let found = value(argument)?;
                if !found.is_null() {
                    return Ok(found);
                }
            }
            Ok(Value::Null)
        }
        (Function::Concat, _) => {
            let parts: Result<Vec<_>, _> = arguments.iter().map(value).collect();
            Ok(Value::text(parts?.iter().map(Value::to_text).collect()))
        }
        _ => {
            let given: Vec<Value<'r>> = arguments.iter().map(value).collect::<Result<_, _>>()?;
            match given.iter().any(Value::is_null) {
                true => Ok(Value::Null),
                false => functions::call(function, &given, frame.row.settings),
            }
        }
    }
}

fn of_text<'r>(text: &Cow<'r, str>, settings: &Settings) -> Evaluated<'r> {
    match text {
        Cow::Borrowed(text) => Value::of_json(Json::of(text), settings),
        Cow::Owned(text) => Ok(Value::of_json(Json::of(text), settings)?.into_owned()),
    }
}

fn path<'r>(root: Value<'r>, steps: &[Step], settings: &Settings) -> Evaluated<'r> {
    let missing = |found: Option<Json<'r>>| found.map_or(Ok(Value::Null), |json| Value::of_json(json, settings));
    match root {
        Value::Null => Ok(Value::Null),
        Value::Json(Cow::Borrowed(text)) => missing(followed(Json::of(text), steps)),
        Value::Json(Cow::Owned(text)) => match followed(Json::of(&text), steps) {
            Some(json) => Ok(Value::of_json(json, settings)?.into_owned()),
            None => Ok(Value::Null),
        },
        _ => Err(EvalError {
            found: "no list or object".to_owned(),
            expected: "one, to look into (of a text that holds JSON write json(column); a column whose name has a dot stands in double quotes)".to_owned(),
        }),
    }
}

/// What lies at the end of the steps; none where one of them leads nowhere.
fn followed<'a>(root: Json<'a>, steps: &[Step]) -> Option<Json<'a>> {
    steps.iter().try_fold(root, |value, step| match step {
        Step::Member(name) => value.object()?.get(name),
        Step::Element(at) => value.list()?.into_iter().nth(*at),
        Step::Either(part) => match value.object() {
            Some(object) => object.get(part),
            None => value.list()?.into_iter().nth(part.parse().ok()?),
        },
        Step::Where { key, value: wanted } => value.list()?.into_iter().find(|element| {
            let found = element.object().and_then(|object| object.get(key)).and_then(Json::digits_or_text);
            found.is_some_and(|found| found == *wanted)
        }),
    })
}

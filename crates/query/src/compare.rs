//! `compare(definition_a, definition_b, …)` and `compare_orders(…)`: two conversions side by side, order by order.
//!
//! SQL only fetches the rows that each definition counts; what they count as, and how the lines close, is decided by
//! `definitions::comparison`.

use std::{ops::Range, sync::Arc};

use arrow::{
    array::{ArrayRef, AsArray, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray},
    compute::cast,
    datatypes::DataType,
};
use datafusion::prelude::SessionContext;
use definitions::{
    ConversionDefinition, ConversionRow, Counted, CountedUnit, SemanticModel,
    comparison::{closes, compare, lines},
};
use model::UtcMillis;
use tables::{Cells, cells::text_at, column::days_since_1970};

use crate::{
    answer::{DefinitionStamp, Stamp},
    calls::{Call, hint},
    engine::Rules,
    error::EngineError,
    expansion::{Expansion, table},
    metric::{asked_currency, stamped_model},
    period::{Grain, Span},
};

/// Which orders `compare_orders` may be asked for.
const SIDES: [&str; 3] = ["only_a", "only_b", "both"];

/// One of the two definitions.
struct Side<'a> {
    conversion: &'a ConversionDefinition,
    model: &'a SemanticModel,
    /// True where its value is an amount of money.
    money: bool,
}

/// Both definitions, counted.
struct Pair {
    a: Counted,
    b: Counted,
    span: Span,
}

/// Answers `compare(definition_a, definition_b, from, to, zone, currency)`: five lines for each currency.
///
/// # Errors
/// [`EngineError::Definition`] for an unknown conversion, [`EngineError::Asked`] where only one is worth money.
pub(crate) async fn expand(
    rules: &Rules<'_>,
    call: &Call,
    context: &SessionContext,
    stamp: &mut Stamp,
) -> Result<Expansion, EngineError> {
    let Pair { a, b, .. } = pair(rules, call, context, stamp).await?;
    let lines = lines(&a, &b);
    assert!(closes(&lines), "law L5: the lines of a comparison add up to the difference that they explain");
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("line_no", Arc::new(lines.iter().map(|line| line.number).collect::<Int64Array>())),
        ("line", Arc::new(lines.iter().map(|line| Some(line.label)).collect::<StringArray>())),
        ("orders", Arc::new(lines.iter().map(|line| line.orders).collect::<Int64Array>())),
        ("value", amounts(lines.iter().map(|line| Some(line.value_micros)))?),
        ("currency", Arc::new(lines.iter().map(|line| line.currency.as_deref()).collect::<StringArray>())),
        ("both", Arc::new(lines.iter().map(|line| line.both).collect::<Int64Array>())),
    ];
    table(columns)
}

/// Answers `compare_orders(definition_a, definition_b, side, from, to, zone, currency)`: the orders behind the lines.
///
/// # Errors
/// As [`expand`], and [`EngineError::Asked`] for a side that is none.
pub(crate) async fn expand_orders(
    rules: &Rules<'_>,
    call: &Call,
    context: &SessionContext,
    stamp: &mut Stamp,
) -> Result<Expansion, EngineError> {
    let wanted = call.arguments.get("side").map(String::as_str);
    if let Some(unknown) = wanted.filter(|side| !SIDES.contains(side)) {
        return Err(EngineError::Asked { message: format!("\"side\" is \"{unknown}\"{}", hint(unknown, SIDES)) });
    }
    let Pair { a, b, span } = pair(rules, call, context, stamp).await?;
    let mut orders = compare(&a, &b);
    orders.retain(|order| wanted.is_none_or(|wanted| wanted == side_of(order.a, order.b)));
    let value = |unit: Option<CountedUnit>| unit.map(|unit| unit.value_micros);
    let day = |unit: Option<CountedUnit>| unit.map(|unit| days_since_1970(unit.at.day_in(&span.zone)));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("unit", Arc::new(orders.iter().map(|order| Some(order.unit.as_str())).collect::<StringArray>())),
        ("side", Arc::new(orders.iter().map(|order| Some(side_of(order.a, order.b))).collect::<StringArray>())),
        ("value_a", amounts(orders.iter().map(|order| value(order.a)))?),
        ("value_b", amounts(orders.iter().map(|order| value(order.b)))?),
        ("occurred_a_on", Arc::new(orders.iter().map(|order| day(order.a)).collect::<Date32Array>())),
        ("occurred_b_on", Arc::new(orders.iter().map(|order| day(order.b)).collect::<Date32Array>())),
        ("currency", Arc::new(orders.iter().map(|order| order.currency.as_deref()).collect::<StringArray>())),
    ];
    table(columns)
}

async fn pair(
    rules: &Rules<'_>,
    call: &Call,
    context: &SessionContext,
    stamp: &mut Stamp,
) -> Result<Pair, EngineError> {
    let (a, b) = (side(rules, call, "definition_a", stamp)?, side(rules, call, "definition_b", stamp)?);
    let asked = |message: String| EngineError::Asked { message };
    if a.money != b.money {
        let (worth, counted) = if a.money { (&a, &b) } else { (&b, &a) };
        let (worth, counted) = (&worth.conversion.name, &counted.conversion.name);
        return Err(asked(format!("\"{worth}\" is worth money and \"{counted}\" is not, so they cannot be compared")));
    }
    let currency = asked_currency(call)?;
    if currency.is_some() && !a.money {
        let message = format!("\"{}\" is not worth money, so it takes no \"currency\"", a.conversion.name);
        return Err(asked(message));
    }
    let span = Span::of(call, &rules.settings().zone, Grain::All)?;
    stamp.notes.extend(notes(&a, &b, &span, &stamp.zone));
    let (from, to) = span.instants();
    let currency = currency.as_ref().map(|currency| currency.code());
    if let Some(code) = currency {
        stamp.notes.push(format!("only what is counted in {code} is compared; nothing is converted"));
    }
    let a = a.counted(context, &(from..to), currency, stamp).await?;
    let b = b.counted(context, &(from..to), currency, stamp).await?;
    Ok(Pair { a, b, span })
}

fn side<'a>(rules: &Rules<'a>, call: &Call, argument: &str, stamp: &mut Stamp) -> Result<Side<'a>, EngineError> {
    let name = call.arguments.get(argument).map_or("", String::as_str);
    let defined = rules.definitions().conversion(name)?;
    stamp.definitions.push(DefinitionStamp::of("conversion", name, defined));
    let conversion = &defined.value;
    let model = stamped_model(rules, &conversion.of, stamp)?;
    let money = model.measures.get(&conversion.value).is_some_and(|measure| measure.money);
    Ok(Side { conversion, model, money })
}

/// What a reader must know of the span.
fn notes(a: &Side<'_>, b: &Side<'_>, span: &Span, zone: &str) -> Vec<String> {
    let mut notes = Vec::new();
    if span.zone_name != zone {
        notes.push(format!("days are cut in {}", span.zone_name));
    }
    let (a, b) = (a.conversion.date_basis, b.conversion.date_basis);
    if a != b && (span.from_on.is_some() || span.to_on.is_some()) {
        let (a, b) = (a.name(), b.name());
        notes.push(format!("a falls on its {a}, b on its {b}: at the ends of the span an order may be in one alone"));
    }
    notes
}

impl Side<'_> {
    async fn counted(
        &self,
        context: &SessionContext,
        span: &Range<UtcMillis>,
        currency: Option<&str>,
        stamp: &mut Stamp,
    ) -> Result<Counted, EngineError> {
        let mut rows = Vec::new();
        for batch in context.sql(&self.rows_sql()?).await?.collect().await? {
            rows.extend(read(&batch)?);
        }
        if currency.is_some() {
            rows.retain(|row| row.currency.as_deref() == currency);
        }
        let counted = Counted::of(rows, span);
        if counted.left_out > 0 {
            let (left_out, name) = (counted.left_out, &self.conversion.name);
            stamp.notes.push(format!("{left_out} rows of {name} name no order or fall on no day, and are left out"));
        }
        Ok(counted)
    }

    /// The rows that the definition counts, over all time.
    fn rows_sql(&self) -> Result<String, EngineError> {
        let (conversion, model) = (self.conversion, self.model);
        let unsound =
            || EngineError::Asked { message: format!("conversion \"{}\" does not fit its model", conversion.name) };
        let text = |column: Option<&str>| {
            let column = column.and_then(|column| model.column(column));
            column.map_or("CAST(NULL AS VARCHAR)".to_owned(), |column| column.to_string())
        };
        let basis = model.date_bases.get(&conversion.date_basis).ok_or_else(unsound)?;
        let row = model.row_sql(&conversion.value, conversion.filter.as_ref()).ok_or_else(unsound)?;
        Ok(format!(
            "SELECT {basis} AS counted_at, {} AS unit, {} AS currency, {} AS once_for, \
             CAST(coalesce({}, 0) AS DECIMAL(18, 6)) AS value FROM {} WHERE {}",
            conversion.unit,
            text(self.money.then_some("currency")),
            text(conversion.counting.column()),
            row.value,
            model.from_sql(),
            row.condition,
        ))
    }
}

/// Rows as the comparison takes them.
fn read(batch: &RecordBatch) -> Result<Vec<ConversionRow>, EngineError> {
    let cells = Cells::new(batch);
    let (at, value) = (cells.instant("counted_at")?, cells.amount("value")?);
    // SQL has several types of text; which one a column gets is the planner's business.
    let text = |position: usize| Ok::<_, EngineError>(cast(batch.column(position), &DataType::Utf8)?);
    let (unit, currency, once_for) = (text(1)?, text(2)?, text(3)?);
    let owned = |column: &ArrayRef, row| text_at(column.as_string(), row).map(str::to_owned);
    let rows = (0..cells.rows()).map(|row| ConversionRow {
        at: at.get_opt(row),
        unit: owned(&unit, row),
        currency: owned(&currency, row),
        once_for: owned(&once_for, row),
        value_micros: value.get(row),
    });
    Ok(rows.collect())
}

fn side_of(a: Option<CountedUnit>, b: Option<CountedUnit>) -> &'static str {
    match (a, b) {
        (Some(_), Some(_)) => "both",
        (Some(_), None) => "only_a",
        _ => "only_b",
    }
}

fn amounts(values: impl Iterator<Item = Option<i128>>) -> Result<ArrayRef, EngineError> {
    Ok(Arc::new(values.collect::<Decimal128Array>().with_precision_and_scale(38, 6)?))
}

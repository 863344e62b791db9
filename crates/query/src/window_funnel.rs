//! `window_funnel(window, [mode, …,] instant, condition 1, …, condition n)`: how many steps of a chain a group's rows reach,
//! with the arguments in the order of ClickHouse's `windowFunnel(window, [mode, …])(timestamp, condition 1, …)`.
//!
//! `window` and modes are literals. Beside an instant the window is an `INTERVAL` of days or shorter, or a whole number of
//! milliseconds, as instants have; beside a whole number it is one, in the same unit. It is closed. A row whose instant is
//! `NULL` is left out, a condition that is `NULL` is not met; `0` where no row meets the first, never `NULL`. What a chain
//! and each mode is: `docs/semantics.md`, section 8.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, UInt32Array},
    datatypes::{
        DataType, Field, FieldRef, Int64Type, IntervalUnit, Schema, TimeUnit, TimestampMicrosecondType, UInt32Type,
    },
};
use datafusion::{
    common::{Result as SqlResult, exec_err, internal_err, plan_err, utils::SingleRowListArrayBuilder},
    logical_expr::{
        Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Signature, Volatility,
        function::{AccumulatorArgs, StateFieldsArgs},
        utils::{AggregateOrderSensitivity, format_state_name},
    },
    physical_plan::PhysicalExpr,
    scalar::ScalarValue,
};
use journey::WindowFunnel;

const USAGE: &str =
    "window_funnel takes a window, modes if any, an instant or whole number, and at least one condition";
const MICROS_OF_MS: i64 = 1000;
const MICROS_OF_DAY: i64 = 86_400_000_000;

/// The function as SQL sees it.
#[must_use]
pub fn udaf() -> AggregateUDF {
    AggregateUDF::from(WindowFunnelFunction { signature: Signature::user_defined(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct WindowFunnelFunction {
    signature: Signature,
}

/// Where which argument stands.
#[derive(Debug, Clone, Copy)]
struct Places {
    /// Of the instant; modes stand before it.
    at: usize,
    /// How many conditions follow it.
    conditions: usize,
}

/// The rows of one group.
#[derive(Debug)]
struct WindowFunnelAccumulator {
    funnel: WindowFunnel,
    places: Places,
    /// Rows that meet no condition matter too.
    every_row: bool,
    /// Instant, and the bits of the conditions that it meets.
    events: Vec<(i64, u32)>,
}

impl AggregateUDFImpl for WindowFunnelFunction {
    fn name(&self) -> &str {
        "window_funnel"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> SqlResult<Vec<DataType>> {
        let places = Places::of(arguments)?;
        let kind = |(place, found): (usize, &DataType)| match place {
            0 => window_type(found),
            place if place < places.at => Ok(DataType::Utf8),
            place if place == places.at => at_type(found),
            _ => condition_type(found),
        };
        arguments.iter().enumerate().map(kind).collect()
    }

    fn return_type(&self, _arguments: &[DataType]) -> SqlResult<DataType> {
        Ok(DataType::Int64)
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn default_value(&self, _data_type: &DataType) -> SqlResult<ScalarValue> {
        Ok(ScalarValue::Int64(Some(0)))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, arguments: AccumulatorArgs<'_>) -> SqlResult<Box<dyn Accumulator>> {
        if arguments.is_distinct {
            return exec_err!("window_funnel counts events, of which equal ones are several: leave DISTINCT out");
        }
        let types: Vec<DataType> = arguments.expr_fields.iter().map(|field| field.data_type().clone()).collect();
        let places = Places::of(&types)?;
        let (Some(window), Some(modes), Some(at)) =
            (arguments.exprs.first(), arguments.exprs.get(1..places.at), types.get(places.at))
        else {
            return internal_err!("{USAGE}");
        };
        let window = window_length(&literal(window)?, at)?;
        let modes = modes.iter().map(mode).collect::<SqlResult<Vec<String>>>()?;
        let modes: Vec<&str> = modes.iter().map(String::as_str).collect();
        let funnel = match WindowFunnel::new(places.conditions, window, &modes) {
            Ok(funnel) => funnel,
            Err(error) => return plan_err!("{error}"),
        };
        let every_row = modes.contains(&"strict_order");
        Ok(Box::new(WindowFunnelAccumulator { funnel, places, every_row, events: Vec::new() }))
    }

    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> SqlResult<Vec<FieldRef>> {
        let list = |name: &str, item: DataType| {
            let name = format_state_name(arguments.name, name);
            Arc::new(Field::new_list(name, Field::new_list_field(item, true), true))
        };
        Ok(vec![list("instants", DataType::Int64), list("masks", DataType::UInt32)])
    }
}

impl Accumulator for WindowFunnelAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> SqlResult<()> {
        let (Some(at), Some(conditions)) = (values.get(self.places.at), values.get(self.places.at + 1..)) else {
            return internal_err!("{USAGE}");
        };
        let instants = match at.as_primitive_opt::<TimestampMicrosecondType>() {
            Some(at) => at.values(),
            None => at.as_primitive::<Int64Type>().values(),
        };
        let mut masks = vec![0_u32; at.len()];
        for (bit, condition) in conditions.iter().enumerate() {
            let condition = condition.as_boolean();
            for (row, mask) in masks.iter_mut().enumerate() {
                *mask |= u32::from(condition.is_valid(row) && condition.value(row)) << bit;
            }
        }
        let rows = instants.iter().zip(masks).enumerate();
        let counts = |row: usize, mask: u32| at.is_valid(row) && (self.every_row || mask != 0);
        let events = rows.filter(|(row, (_, mask))| counts(*row, *mask)).map(|(_, (at, mask))| (*at, mask));
        self.events.extend(events);
        Ok(())
    }

    fn evaluate(&mut self) -> SqlResult<ScalarValue> {
        Ok(ScalarValue::Int64(Some(i64::from(self.funnel.level(&mut self.events)))))
    }

    fn size(&self) -> usize {
        size_of_val(self) + size_of::<(i64, u32)>() * self.events.capacity()
    }

    fn state(&mut self) -> SqlResult<Vec<ScalarValue>> {
        let (instants, masks): (Vec<i64>, Vec<u32>) = std::mem::take(&mut self.events).into_iter().unzip();
        let list = |items: ArrayRef| SingleRowListArrayBuilder::new(items).build_list_scalar();
        Ok(vec![list(Arc::new(Int64Array::from(instants))), list(Arc::new(UInt32Array::from(masks)))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> SqlResult<()> {
        let [instants, masks] = states else { return internal_err!("window_funnel has two lists as its state") };
        let (instants, masks) = (instants.as_list::<i32>(), masks.as_list::<i32>());
        for row in (0..instants.len()).filter(|row| instants.is_valid(*row)) {
            let (instants, masks) = (instants.value(row), masks.value(row));
            let instants = instants.as_primitive::<Int64Type>().values();
            let masks = masks.as_primitive::<UInt32Type>().values();
            self.events.extend(instants.iter().copied().zip(masks.iter().copied()));
        }
        Ok(())
    }
}

impl Places {
    fn of(arguments: &[DataType]) -> SqlResult<Self> {
        let is_text = |found: &&DataType| matches!(found, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        let at = 1 + arguments.iter().skip(1).take_while(is_text).count();
        match arguments.len().checked_sub(at + 1) {
            None | Some(0) => plan_err!("{USAGE}"),
            Some(conditions) => Ok(Self { at, conditions }),
        }
    }
}

fn window_type(found: &DataType) -> SqlResult<DataType> {
    match found {
        found if found.is_integer() => Ok(DataType::Int64),
        DataType::Interval(_) => Ok(DataType::Interval(IntervalUnit::MonthDayNano)),
        _ => plan_err!("the window of window_funnel is a {found}, expected a whole number or an INTERVAL"),
    }
}

fn at_type(found: &DataType) -> SqlResult<DataType> {
    match found {
        found if found.is_integer() => Ok(DataType::Int64),
        DataType::Timestamp(_, zone) => Ok(DataType::Timestamp(TimeUnit::Microsecond, zone.clone())),
        DataType::Date32 | DataType::Date64 => Ok(DataType::Timestamp(TimeUnit::Microsecond, None)),
        _ => plan_err!("window_funnel has a {found} after its window and modes, expected an instant or a whole number"),
    }
}

fn condition_type(found: &DataType) -> SqlResult<DataType> {
    match found {
        DataType::Boolean | DataType::Null => Ok(DataType::Boolean),
        _ => plan_err!("a condition of window_funnel is a {found}, expected true or false"),
    }
}

/// The window, in microseconds beside an instant.
fn window_length(window: &ScalarValue, at: &DataType) -> SqlResult<i64> {
    let by_instant = matches!(at, DataType::Timestamp(..));
    let length = match window {
        ScalarValue::Int64(Some(number)) if by_instant => number.checked_mul(MICROS_OF_MS),
        ScalarValue::Int64(Some(number)) => Some(*number),
        ScalarValue::IntervalMonthDayNano(Some(length)) if by_instant && length.months == 0 => {
            let days = i64::from(length.days).checked_mul(MICROS_OF_DAY);
            days.and_then(|days| days.checked_add(length.nanoseconds.div_euclid(1000)))
        }
        _ => None,
    };
    match length.filter(|length| *length >= 0) {
        Some(length) => Ok(length),
        None => plan_err!(
            "the window of window_funnel is {window}, expected a whole number from 0, or beside an instant also an \
             INTERVAL of days or shorter units"
        ),
    }
}

fn mode(argument: &Arc<dyn PhysicalExpr>) -> SqlResult<String> {
    match literal(argument)? {
        ScalarValue::Utf8(Some(mode)) => Ok(mode),
        other => plan_err!("a mode of window_funnel is {other}, expected one of {}", WindowFunnel::MODES.join(", ")),
    }
}

/// The value of an argument that is the same for all rows.
fn literal(argument: &Arc<dyn PhysicalExpr>) -> SqlResult<ScalarValue> {
    let nothing = RecordBatch::new_empty(Arc::new(Schema::empty()));
    match argument.evaluate(&nothing) {
        Ok(ColumnarValue::Scalar(value)) => Ok(value),
        _ => plan_err!("the window and modes of window_funnel must be literals, found {argument}"),
    }
}

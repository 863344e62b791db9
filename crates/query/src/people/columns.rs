//! Events as conditions and dimensions name their columns: those of the semantic model `events`, out of stored columns.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, RecordBatch, RecordBatchOptions, StringArray,
        new_null_array,
    },
    datatypes::{DataType, Field, Int32Type, Schema, SchemaRef},
};
use datafusion::{
    common::DFSchema,
    execution::session_state::SessionState,
    physical_expr::{PhysicalExpr, utils::collect_columns},
};
use definitions::{ColumnRef, Filter};
use lake::sorted_file::read_type;
use normalization::Traffic;
use tables::Table;

use crate::{error::EngineError, people::signals::TrafficBook};

/// Where a column of the model comes from.
#[derive(Debug, Clone, Copy)]
enum Origin {
    /// The stored column of this name.
    Stored(&'static str),
    /// The shop that the event's source sells for.
    Shop,
    /// What the channel rules make of its signals, as text.
    Verdict(fn(&Traffic) -> &str),
    /// What they make of them, as a flag.
    Flag(fn(&Traffic) -> bool),
    /// What tells its campaign from others.
    CampaignSign,
}

/// Every column of an event that a condition can name, in the order in which expressions count them.
const VIEW: [(&str, Origin); 28] = [
    ("event", Origin::Stored("event")),
    ("web_source", Origin::Stored("source")),
    ("shop", Origin::Shop),
    ("origin", Origin::Stored("origin")),
    ("kind", Origin::Stored("kind")),
    ("occurred_at", Origin::Stored("occurred_at")),
    ("device", Origin::Stored("device")),
    ("order_id", Origin::Stored("order_id")),
    ("checkout_id", Origin::Stored("checkout_id")),
    ("cart_id", Origin::Stored("cart_id")),
    ("value", Origin::Stored("value")),
    ("currency", Origin::Stored("currency")),
    ("channel", Origin::Verdict(|traffic| &traffic.channel)),
    ("source", Origin::Verdict(|traffic| &traffic.source)),
    ("medium", Origin::Verdict(|traffic| &traffic.medium)),
    ("campaign", Origin::Verdict(|traffic| &traffic.campaign)),
    ("campaign_sign", Origin::CampaignSign),
    ("campaign_id", Origin::Stored("utm_id")),
    ("utm_term", Origin::Stored("utm_term")),
    ("utm_content", Origin::Stored("utm_content")),
    ("page_path", Origin::Stored("page_path")),
    ("page_host", Origin::Stored("page_host")),
    ("referrer_host", Origin::Stored("referrer_host")),
    ("click_id_kind", Origin::Stored("click_id_kind")),
    ("in_session", Origin::Stored("in_session")),
    ("is_bot", Origin::Flag(|traffic| traffic.bot)),
    ("is_internal", Origin::Flag(|traffic| traffic.internal)),
    ("properties", Origin::Stored("properties")),
];

/// The columns that a question's expressions read, and how they are filled.
#[derive(Debug, Clone)]
pub struct EventColumns {
    schema: SchemaRef,
    origins: Vec<Origin>,
    shop_by_source: BTreeMap<String, String>,
}

/// Texts of one question and their codes, the same for all threads.
#[derive(Debug, Default)]
pub struct Texts(Mutex<Codes>);

#[derive(Debug, Default)]
struct Codes {
    texts: Vec<Arc<str>>,
    codes: HashMap<Arc<str>, u32>,
}

/// Makes expressions over events from what a definition says.
pub struct Compiler<'a> {
    state: &'a SessionState,
    schema: DFSchema,
    columns: EventColumns,
}

impl Texts {
    /// The code of a text.
    pub fn code(&self, text: &str) -> u32 {
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(code) = codes.codes.get(text) {
            return *code;
        }
        let (code, text) = (u32::try_from(codes.texts.len()).unwrap_or(u32::MAX), Arc::<str>::from(text));
        codes.texts.push(Arc::clone(&text));
        codes.codes.insert(text, code);
        code
    }

    /// The text of a code.
    #[must_use]
    pub fn text(&self, code: u32) -> Option<Arc<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).texts.get(code as usize).cloned()
    }
}

impl<'a> Compiler<'a> {
    /// For expressions over these columns of the model, of which others are unknown here.
    ///
    /// # Errors
    /// [`EngineError::Asked`] for a column that events do not have while they are read.
    pub fn new<'c>(
        state: &'a SessionState,
        columns: impl IntoIterator<Item = &'c ColumnRef>,
        shop_by_source: &BTreeMap<String, String>,
    ) -> Result<Self, EngineError> {
        let mut wanted = BTreeSet::new();
        for column in columns {
            let name = if column.property.is_some() { "properties" } else { column.column.as_str() };
            let position = VIEW.iter().position(|(known, _)| *known == name).ok_or_else(|| {
                let known: Vec<&str> = VIEW.iter().map(|(name, _)| *name).collect();
                let known = known.join(", ");
                EngineError::Asked {
                    message: format!(
                        "\"{name}\" is not known of a single event while events are read; name one of {known}"
                    ),
                }
            })?;
            wanted.insert(position);
        }
        let stored = Table::Events.schema();
        let field = |&position: &usize| {
            let (name, origin) = VIEW[position];
            let data_type = match origin {
                Origin::Stored(stored_name) => read_type(stored.field_with_name(stored_name)?),
                Origin::Shop | Origin::Verdict(_) | Origin::CampaignSign => text_type(),
                Origin::Flag(_) => DataType::Boolean,
            };
            Ok(Field::new(name, data_type, true))
        };
        let fields = wanted.iter().map(field).collect::<Result<Vec<_>, EngineError>>()?;
        let schema = Arc::new(Schema::new(fields));
        let origins = wanted.iter().map(|&position| VIEW[position].1).collect();
        let columns = EventColumns { schema: Arc::clone(&schema), origins, shop_by_source: shop_by_source.clone() };
        Ok(Self { state, schema: DFSchema::try_from_qualified_schema("events", &schema)?, columns })
    }

    /// A condition.
    ///
    /// # Errors
    /// [`EngineError::Sql`] where it does not fit the columns' types.
    pub fn filter(&self, filter: &Filter) -> Result<Arc<dyn PhysicalExpr>, EngineError> {
        self.expression(&filter.to_sql())
    }

    /// A column as text.
    ///
    /// # Errors
    /// [`EngineError::Sql`] where it has no text.
    pub fn text(&self, column: &ColumnRef) -> Result<Arc<dyn PhysicalExpr>, EngineError> {
        let is_text = column.property.is_some()
            || self.columns.schema.field_with_name(&column.column).is_ok_and(|f| *f.data_type() == text_type());
        self.expression(&if is_text { column.to_string() } else { format!("CAST({column} AS VARCHAR)") })
    }

    /// A name that is one's own only beside whose it is: `shop/cart`, or `source/cart` where the source sells for none.
    ///
    /// # Errors
    /// [`EngineError::Sql`] where it has no text.
    pub fn unit(&self, column: &ColumnRef) -> Result<Arc<dyn PhysicalExpr>, EngineError> {
        let whose = "CASE WHEN events.shop IS NULL THEN events.web_source ELSE events.shop END";
        self.expression(&format!("{whose} || '/' || {column}"))
    }

    /// The columns that the expressions read.
    #[must_use]
    pub fn finish(self) -> EventColumns {
        self.columns
    }

    fn expression(&self, sql: &str) -> Result<Arc<dyn PhysicalExpr>, EngineError> {
        let expression = self.state.create_logical_expr(sql, &self.schema)?;
        Ok(self.state.create_physical_expr(expression, &self.schema)?)
    }
}

impl Origin {
    /// The stored column that it is made of.
    fn stored(&self) -> &'static str {
        match self {
            Self::Stored(name) => name,
            Self::Shop => "source",
            Self::Verdict(_) | Self::Flag(_) | Self::CampaignSign => "traffic",
        }
    }
}

impl Default for EventColumns {
    fn default() -> Self {
        Self { schema: Arc::new(Schema::empty()), origins: Vec::new(), shop_by_source: BTreeMap::new() }
    }
}

impl EventColumns {
    /// Stored columns that have to be read for them.
    pub fn stored(&self) -> impl Iterator<Item = &'static str> {
        self.origins.iter().map(Origin::stored)
    }

    /// The stored column that an expression reads, where it is the only one and one of repeated texts.
    #[must_use]
    pub fn sole(&self, expression: &Arc<dyn PhysicalExpr>) -> Option<&'static str> {
        let read = collect_columns(expression);
        let mut names = read.iter().filter_map(|column| self.origins.get(column.index())).map(Origin::stored);
        let first = names.next()?;
        let repeats = read_type(Table::Events.schema().field_with_name(first).ok()?) == text_type();
        (repeats && names.all(|name| name == first)).then_some(first)
    }

    /// The columns of stored rows.
    ///
    /// # Errors
    /// [`EngineError`] where a stored column is missing.
    pub fn of(&self, rows: &RecordBatch, book: &TrafficBook) -> Result<RecordBatch, EngineError> {
        self.filled(rows, book, false)
    }

    /// The columns that are made of one stored column alone; the others are empty.
    ///
    /// # Errors
    /// [`EngineError`] where its texts mean nothing.
    pub fn of_sole(&self, rows: &RecordBatch, book: &TrafficBook) -> Result<RecordBatch, EngineError> {
        self.filled(rows, book, true)
    }

    fn filled(&self, rows: &RecordBatch, book: &TrafficBook, sole: bool) -> Result<RecordBatch, EngineError> {
        let column = |(origin, field): (&Origin, &Arc<Field>)| -> Result<ArrayRef, EngineError> {
            if sole && rows.column_by_name(origin.stored()).is_none() {
                return Ok(new_null_array(field.data_type(), rows.num_rows()));
            }
            Ok(match origin {
                Origin::Stored(name) => Arc::clone(stored(rows, name)?),
                Origin::Shop => {
                    let source = stored(rows, "source")?.as_dictionary::<Int32Type>();
                    let shop = |source: &str| self.shop_by_source.get(source).cloned();
                    translated(source, |source| Ok(shop(source)))?
                }
                Origin::Verdict(text) => {
                    let traffic = stored(rows, "traffic")?.as_dictionary::<Int32Type>();
                    translated(traffic, |hash| Ok(Some(text(book.verdict(hash)?).to_owned())))?
                }
                Origin::CampaignSign => {
                    let traffic = stored(rows, "traffic")?.as_dictionary::<Int32Type>();
                    translated(traffic, |hash| Ok(book.campaign_sign(hash)?.map(str::to_owned)))?
                }
                Origin::Flag(flag) => {
                    let traffic = stored(rows, "traffic")?.as_dictionary::<Int32Type>();
                    let values = traffic.values().as_string::<i32>();
                    let flags = values.iter().map(|hash| Ok(flag(book.verdict(hash.unwrap_or_default())?)));
                    let flags = flags.collect::<Result<Vec<bool>, EngineError>>()?;
                    let by_row = traffic.keys().iter().map(|key| key.map(|key| flags[key as usize]));
                    Arc::new(by_row.collect::<BooleanArray>())
                }
            })
        };
        let columns = self.origins.iter().zip(self.schema.fields()).map(column).collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }
}

/// A stored column by name.
///
/// # Errors
/// [`EngineError::Table`] where it is missing.
pub fn stored<'a>(rows: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, EngineError> {
    let missing =
        || tables::TableError::Column { column: name.to_owned(), found: "absent".to_owned(), expected: "read" };
    Ok(rows.column_by_name(name).ok_or_else(missing)?)
}

/// True where two dictionaries are the same: every batch of a row group comes with its own array over the same values.
#[must_use]
pub fn same_texts(one: &ArrayRef, other: &ArrayRef) -> bool {
    if Arc::ptr_eq(one, other) {
        return true;
    }
    let (Some(one), Some(other)) = (one.as_string_opt::<i32>(), other.as_string_opt::<i32>()) else { return false };
    // As long as one of them is held, nothing else lies where its values do.
    one.len() == other.len()
        && one.value_data().as_ptr() == other.value_data().as_ptr()
        && one.value_offsets().as_ptr() == other.value_offsets().as_ptr()
}

fn text_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// The same rows with each distinct text replaced.
fn translated(
    texts: &DictionaryArray<Int32Type>,
    to: impl Fn(&str) -> Result<Option<String>, EngineError>,
) -> Result<ArrayRef, EngineError> {
    let values = texts.values().as_string::<i32>();
    let new = values.iter().map(|text| text.map_or(Ok(None), &to)).collect::<Result<StringArray, EngineError>>()?;
    Ok(Arc::new(DictionaryArray::try_new(texts.keys().clone(), Arc::new(new))?))
}

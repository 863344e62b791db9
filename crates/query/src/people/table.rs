//! `events` as SQL sees it: the stored events known at an instant, with whose they are and what their signals mean.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{Hash, Hasher},
    sync::Arc,
};

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, StringArray},
    compute::cast,
    datatypes::DataType,
};
use datafusion::{
    catalog::TableProvider,
    common::{Result as SqlResult, exec_err},
    datasource::{ViewTable, provider_as_source},
    error::DataFusionError,
    logical_expr::{
        ColumnarValue, Expr, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
        col,
    },
};
use model::Node;
use normalization::Traffic;

use crate::{error::EngineError, people::ground::Ground};

/// Stored columns that are shown as they are, by the name they get.
const STORED: [(&str, &str); 22] = [
    ("key", "event_id"),
    ("event", "event"),
    ("source", "web_source"),
    ("origin", "origin"),
    ("kind", "kind"),
    ("occurred_at", "occurred_at"),
    ("received_at", "received_at"),
    ("device", "device"),
    ("order_id", "order_id"),
    ("checkout_id", "checkout_id"),
    ("cart_id", "cart_id"),
    ("value", "value"),
    ("currency", "currency"),
    ("utm_id", "campaign_id"),
    ("utm_term", "utm_term"),
    ("utm_content", "utm_content"),
    ("page_path", "page_path"),
    ("page_host", "page_host"),
    ("referrer_host", "referrer_host"),
    ("click_id_kind", "click_id_kind"),
    ("in_session", "in_session"),
    ("properties", "properties"),
];

/// `events` over the stored rows.
///
/// # Errors
/// [`EngineError::Sql`] where the stored table lacks a column.
pub(crate) fn provider(
    stored: Arc<dyn TableProvider>,
    ground: &Arc<Ground>,
    shop_by_source: &BTreeMap<String, String>,
) -> Result<Arc<dyn TableProvider>, EngineError> {
    let verdict = |name: &'static str, of: fn(&Traffic) -> &str| {
        let ground = Arc::clone(ground);
        let text = move |texts: &[Option<&str>]| match texts {
            // Signals that came later than the instant are in no row that was known at it.
            [Some(hash)] => Ok(ground.book.verdict(hash).ok().map(|traffic| of(traffic).to_owned())),
            _ => Ok(None),
        };
        lookup(name, Found::Text(Arc::new(text)), &["traffic"])
    };
    let flag = |name: &'static str, of: fn(&Traffic) -> bool| {
        let ground = Arc::clone(ground);
        let flag = move |texts: &[Option<&str>]| match texts {
            [Some(hash)] => Ok(ground.book.verdict(hash).ok().map(of)),
            _ => Ok(None),
        };
        lookup(name, Found::Flag(Arc::new(flag)), &["traffic"])
    };
    let people = Arc::clone(ground);
    let person = move |texts: &[Option<&str>]| {
        let node = |index: usize| texts.get(index).copied().flatten().and_then(Node::from_text);
        Ok(people.persons.belongs(node(0).as_ref(), node(1).as_ref()).map(|person| person.to_string()))
    };
    let shops = shop_by_source.clone();
    let shop = move |texts: &[Option<&str>]| Ok(texts.first().copied().flatten().and_then(|s| shops.get(s).cloned()));
    let shown = STORED.iter().map(|(stored, name)| col(*stored).alias(*name));
    let made = [
        lookup("person_id", Found::Text(Arc::new(person)), &["device", "user"]),
        lookup("shop", Found::Text(Arc::new(shop)), &["source"]),
        verdict("channel", |traffic| &traffic.channel),
        verdict("source", |traffic| &traffic.source),
        verdict("medium", |traffic| &traffic.medium),
        verdict("campaign", |traffic| &traffic.campaign),
        flag("is_bot", |traffic| traffic.bot),
        flag("is_internal", |traffic| traffic.internal),
    ];
    let scan = LogicalPlanBuilder::scan("stored", provider_as_source(stored), None)?;
    let plan = scan.project(shown.chain(made))?.build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

type Look<T> = Arc<dyn Fn(&[Option<&str>]) -> Result<Option<T>, EngineError> + Send + Sync>;

/// What is looked up.
#[derive(Clone)]
enum Found {
    Text(Look<String>),
    Flag(Look<bool>),
}

/// A function of texts of one row; each distinct list of texts in a batch is looked up once.
struct Lookup {
    name: &'static str,
    signature: Signature,
    found: Found,
}

fn lookup(name: &'static str, found: Found, columns: &[&str]) -> Expr {
    // Stable: the same within a question, another answer at another instant.
    let signature = Signature::any(columns.len(), Volatility::Stable);
    let function = ScalarUDF::from(Lookup { name, signature, found });
    function.call(columns.iter().map(|column| col(*column)).collect()).alias(name)
}

impl std::fmt::Debug for Lookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lookup").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PartialEq for Lookup {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Lookup {}

impl Hash for Lookup {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Lookup {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> SqlResult<DataType> {
        Ok(match self.found {
            Found::Text(_) => DataType::Utf8,
            Found::Flag(_) => DataType::Boolean,
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> SqlResult<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let texts =
            arrays.iter().map(|array| Ok(cast(array, &DataType::Utf8)?)).collect::<SqlResult<Vec<ArrayRef>>>()?;
        let Some(rows) = texts.first().map(|array| array.len()) else { return exec_err!("{} lacks a text", self.name) };
        Ok(ColumnarValue::Array(match &self.found {
            Found::Text(look) => Arc::new(each(&texts, rows, look)?.into_iter().collect::<StringArray>()) as ArrayRef,
            Found::Flag(look) => Arc::new(each(&texts, rows, look)?.into_iter().collect::<BooleanArray>()),
        }))
    }
}

fn each<T: Clone>(texts: &[ArrayRef], rows: usize, look: &Look<T>) -> SqlResult<Vec<Option<T>>> {
    let mut known: HashMap<Vec<Option<&str>>, Option<T>> = HashMap::new();
    let mut found = Vec::with_capacity(rows);
    for row in 0..rows {
        let list: Vec<Option<&str>> = texts
            .iter()
            .map(|array| {
                let array = array.as_string::<i32>();
                array.is_valid(row).then(|| array.value(row))
            })
            .collect();
        let value = match known.get(&list) {
            Some(value) => value.clone(),
            None => {
                let value = look(&list).map_err(|error| DataFusionError::External(Box::new(error)))?;
                known.insert(list, value.clone());
                value
            }
        };
        found.push(value);
    }
    Ok(found)
}

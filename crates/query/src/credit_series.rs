//! `credit_series(…)`: what each campaign, channel or other source of visits is credited with, straight from events.
//!
//! What is credited are purchases as browsers and apps claim them. A touch and its share are what `docs/semantics.md`,
//! section 9, says; the fold is [`journey::Crediting`].

use std::{collections::BTreeMap, fmt, sync::Arc};

use arrow::{
    array::{ArrayRef, Date32Array, Decimal128Array, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use datafusion::{catalog::TableProvider, execution::session_state::SessionState, physical_expr::PhysicalExpr};
use definitions::ColumnRef;
use journey::SessionRule;
use model::{Currency, HousePolicy, UtcMillis};

use crate::{
    answer::{DefinitionStamp, Stamp},
    calls::{self, Call},
    derived::load::PURCHASE,
    engine::Rules,
    error::EngineError,
    people::{
        Ask, AskTable, Condition, Ground, LanePlan, Run, Stated,
        columns::{Compiler, EventColumns, Texts},
        gather::Gathered,
        lanes::{Amounts, Kept},
    },
    period::{Days, Grain, Span},
};

mod folding;
mod sums;

use folding::Folding;
use sums::Sum;
/// The row of what no touch gets.
const UNATTRIBUTED: &str = "(unattributed)";

/// One question.
struct CreditAsk {
    ground: Arc<Ground>,
    policies: Vec<HousePolicy>,
    span: Span,
    days: Days,
    /// Instants that count, half open.
    range: (UtcMillis, UtcMillis),
    by: Option<Arc<dyn PhysicalExpr>>,
    /// What tells an event's campaign from others.
    campaign: Arc<dyn PhysicalExpr>,
    channel: Arc<dyn PhysicalExpr>,
    columns: EventColumns,
    currency: Option<Currency>,
    rule: SessionRule,
}

/// A row of the answer: its period's first day, its policy's position, its breakdown.
type Row = (i32, usize, Option<String>);

/// Reads a call.
///
/// # Errors
/// [`EngineError`] for an argument that is wrong.
pub(crate) fn expand(
    rules: &Rules<'_>,
    call: &Call,
    (ground, state): (&Arc<Ground>, &SessionState),
    stamp: &mut Stamp,
) -> Result<Arc<dyn TableProvider>, EngineError> {
    let span = Span::of(call, &rules.settings().zone, Grain::All)?;
    let policies = policies(rules, call, stamp)?;
    let by = match call.arguments.get("by") {
        Some(name) => {
            let model = rules.definitions().semantic_model("events")?;
            stamp.definitions.push(DefinitionStamp::of("semantic_model", "events", model));
            Some(rules.definitions().event_column(name)?)
        }
        None => None,
    };
    let [campaign, channel] = ["campaign_sign", "channel"].map(|name| ColumnRef {
        relation: "events".to_owned(),
        column: name.to_owned(),
        property: None,
    });
    let named = [&campaign, &channel].into_iter().chain(by.as_ref());
    let compiler = Compiler::new(state, named, &rules.settings().shop_by_web_source)?;
    let ask = CreditAsk {
        ground: Arc::clone(ground),
        policies,
        days: ground.days(&span),
        range: span.instants(),
        span,
        by: by.map(|by| compiler.text(&by)).transpose()?,
        campaign: compiler.text(&campaign)?,
        channel: compiler.text(&channel)?,
        columns: compiler.finish(),
        currency: calls::currency(call)?,
        rule: SessionRule::default(),
    };
    Ok(Arc::new(AskTable::new(Arc::new(ask))))
}

/// The house policies that a call names; all of them where it names none. In the order of their names.
fn policies(rules: &Rules<'_>, call: &Call, stamp: &mut Stamp) -> Result<Vec<HousePolicy>, EngineError> {
    let (definitions, mut named) = (rules.definitions(), call.names("policy")?);
    if named.is_empty() {
        named.extend(definitions.house_policies.keys().cloned());
    }
    named.sort();
    named.dedup();
    let mut policies = Vec::with_capacity(named.len());
    for name in &named {
        let policy = definitions.house_policy(name)?;
        stamp.definitions.push(DefinitionStamp::of("policy", name, policy));
        policies.push(policy.value.clone());
    }
    Ok(policies)
}

impl CreditAsk {
    fn plan(&self, wanted: &[usize]) -> LanePlan {
        let schema = self.schema();
        let asks = |names: &[&str]| wanted.iter().any(|&column| names.contains(&schema.field(column).name().as_str()));
        LanePlan {
            marks: vec![Condition { events: vec![PURCHASE.to_owned()], filter: None }],
            held: vec![Arc::clone(&self.campaign)],
            code: self.by.clone(),
            unit: Some(Arc::clone(&self.channel)),
            value: if asks(&["value", "currency"]) { Amounts::Marked } else { Amounts::None },
            currency: self.currency,
            device: true,
            click: true,
            kept: Kept::Session,
            columns: self.columns.clone(),
            ..LanePlan::default()
        }
    }

    /// The first day of a period by its number.
    fn starts_on(&self, period: usize) -> i32 {
        if self.span.grain == Grain::All { 0 } else { self.days.starts_on(period) }
    }

    /// What a row is named; `code` is the touch's, none where there is no touch.
    fn breakdown(&self, code: Option<u32>, texts: &Texts) -> Option<String> {
        match code {
            None => Some(UNATTRIBUTED.to_owned()),
            Some(code) => {
                self.by.is_some().then(|| texts.text(code).map_or_else(|| "(none)".to_owned(), |text| text.to_string()))
            }
        }
    }

    fn arrange(&self, rows: &BTreeMap<Row, Sum>, currency: Option<&str>, adds: bool) -> Vec<ArrayRef> {
        let periods = rows.keys().map(|(period, ..)| Some(*period).filter(|_| self.span.grain != Grain::All));
        let policies = rows.keys().map(|(_, policy, _)| self.policies.get(*policy).map(|policy| policy.name.as_str()));
        let orders: Decimal128Array = rows.values().map(|sum| Some(sum.orders_micros)).collect();
        let value: Decimal128Array = rows.values().map(|sum| adds.then_some(sum.value_micros)).collect();
        vec![
            Arc::new(periods.collect::<Date32Array>()),
            Arc::new(policies.collect::<StringArray>()),
            Arc::new(rows.keys().map(|(.., row)| row.as_deref()).collect::<StringArray>()),
            Arc::new(orders.with_data_type(DataType::Decimal128(38, 6))),
            Arc::new(value.with_data_type(DataType::Decimal128(38, 6))),
            Arc::new(rows.values().map(|_| currency).collect::<StringArray>()),
        ]
    }
}

impl Ask for CreditAsk {
    fn describe(&self) -> String {
        let policies: Vec<&str> = self.policies.iter().map(|policy| policy.name.as_str()).collect();
        let (files, scattered) = (self.ground.files.len(), self.ground.spread.exceptions().len());
        format!(
            "credits={}, grain={}, files={files}, scattered places={scattered}",
            policies.join("+"),
            self.span.grain.name()
        )
    }

    fn schema(&self) -> SchemaRef {
        let money = DataType::Decimal128(38, 6);
        let columns = [
            ("period", DataType::Date32),
            ("policy", DataType::Utf8),
            ("breakdown", DataType::Utf8),
            ("orders", money.clone()),
            ("value", money),
            ("currency", DataType::Utf8),
        ];
        let field = |(name, data_type)| Field::new(name, data_type, true);
        Arc::new(Schema::new(columns.into_iter().map(field).collect::<Vec<_>>()))
    }

    fn answer(&self, run: &Run, wanted: &[usize]) -> Result<RecordBatch, EngineError> {
        let plan = self.plan(wanted);
        let texts = self.ground.texts(&plan);
        let folds = run.fold(&self.ground, &plan, &texts, Gathered::ByPerson, || Folding::new(self, &texts))?;
        let (mut rows, mut currencies) = (BTreeMap::<Row, Sum>::new(), Vec::new());
        for fold in &folds {
            currencies.extend(&fold.sums.currencies);
            for (period, policy, code, sum) in fold.sums.iter() {
                let row = (self.starts_on(period), policy, self.breakdown(code, &texts));
                rows.entry(row).or_default().add(sum);
            }
        }
        let Stated { adds, currency } = Stated::of(self.currency, currencies, &texts);
        Ok(RecordBatch::try_new(self.schema(), self.arrange(&rows, currency.as_deref(), adds))?)
    }
}

impl fmt::Debug for CreditAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreditAsk").field("policies", &self.policies).field("span", &self.span).finish_non_exhaustive()
    }
}

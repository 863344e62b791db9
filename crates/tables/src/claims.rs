//! `facts.pulls`, `facts.claims`, `facts.costs`: what ad platforms report.

use std::borrow::Cow;

use arrow_array::{Array, RecordBatch};
use model::{Claim, ClaimKind, Cost, Currency, DateBasis, FactMeta, Pull};

use crate::{
    cells::{Cells, TableError},
    column::{Column, HasMeta, Stored, Value, fact_columns, optional, required},
    table::Table,
};

impl HasMeta for Pull {
    fn meta(&self) -> &FactMeta {
        &self.meta
    }
}

impl HasMeta for Claim {
    fn meta(&self) -> &FactMeta {
        &self.meta
    }
}

impl HasMeta for Cost {
    fn meta(&self) -> &FactMeta {
        &self.meta
    }
}

impl Stored for Pull {
    const TABLE: Table = Table::Pulls;

    fn columns() -> Vec<Column<Self>> {
        fact_columns(
            vec![],
            vec![
                required("platform", "google_ads, meta_ads", Value::Text(|p| Some(Cow::Borrowed(&p.platform)))),
                required("account", "Account id", Value::Text(|p| Some(Cow::Borrowed(&p.account)))),
                required("report", "delivery or conversions", Value::Text(|p| Some(Cow::Borrowed(&p.report)))),
                required("level", "account, campaign, ad_group, ad", Value::Text(|p| Some(Cow::Borrowed(&p.level)))),
                required("from_on", "First day, in `zone`", Value::Day(|p| Some(p.from_on))),
                required("to_on", "Last day, in `zone`", Value::Day(|p| Some(p.to_on))),
                required("zone", "The account's IANA zone", Value::Text(|p| Some(Cow::Borrowed(&p.zone)))),
                required("complete", "False where more pages follow", Value::Flag(|p| Some(p.complete))),
            ],
        )
    }
}

impl Stored for Claim {
    const TABLE: Table = Table::Claims;

    fn columns() -> Vec<Column<Self>> {
        fact_columns(
            vec![],
            vec![
                required("platform", "google_ads, meta_ads", Value::Text(|c| Some(Cow::Borrowed(&c.platform)))),
                required("account", "Account id", Value::Text(|c| Some(Cow::Borrowed(&c.account)))),
                required("level", "account, campaign, ad_group, ad", Value::Text(|c| Some(Cow::Borrowed(&c.level)))),
                required("entity_id", "Campaign, ad group or ad", Value::Text(|c| Some(Cow::Borrowed(&c.entity_id)))),
                required("entity_name", "Its name", Value::Text(|c| Some(Cow::Borrowed(&c.entity_name)))),
                required("on_day", "Civil day in `zone`", Value::Day(|c| Some(c.on))),
                required("zone", "The account's IANA zone", Value::Text(|c| Some(Cow::Borrowed(&c.zone)))),
                required("date_basis", "touch or conversion", Value::Text(|c| Some(basis_name(c.date_basis).into()))),
                required("kind", "click, engaged_view or view", Value::Text(|c| Some(kind_name(c.kind).into()))),
                required(
                    "action",
                    "The platform's name of the action",
                    Value::Text(|c| Some(Cow::Borrowed(&c.action))),
                ),
                optional(
                    "window_hours",
                    "Window in hours; none: the account's setting",
                    Value::Int(|c| c.window_hours),
                ),
                required("count", "Conversions, may be fractional", Value::Amount(|c| Some(c.count_micros))),
                required("value", "Value in `currency`", Value::Amount(|c| Some(c.value_micros))),
                required(
                    "currency",
                    "The account's currency",
                    Value::Text(|c| Some(c.currency.code().to_owned().into())),
                ),
            ],
        )
    }
}

impl Stored for Cost {
    const TABLE: Table = Table::Costs;

    fn columns() -> Vec<Column<Self>> {
        fact_columns(
            vec![],
            vec![
                required("platform", "google_ads, meta_ads", Value::Text(|c| Some(Cow::Borrowed(&c.platform)))),
                required("account", "Account id", Value::Text(|c| Some(Cow::Borrowed(&c.account)))),
                required("level", "account, campaign, ad_group, ad", Value::Text(|c| Some(Cow::Borrowed(&c.level)))),
                required("entity_id", "Campaign, ad group or ad", Value::Text(|c| Some(Cow::Borrowed(&c.entity_id)))),
                required("entity_name", "Its name", Value::Text(|c| Some(Cow::Borrowed(&c.entity_name)))),
                required("on_day", "Civil day in `zone`", Value::Day(|c| Some(c.on))),
                required("zone", "The account's IANA zone", Value::Text(|c| Some(Cow::Borrowed(&c.zone)))),
                required("impressions", "Impressions", Value::Int(|c| Some(c.impressions))),
                required("clicks", "Clicks", Value::Int(|c| Some(c.clicks))),
                required("cost", "Charge in `currency`", Value::Amount(|c| Some(c.cost_micros))),
                required(
                    "currency",
                    "The account's currency",
                    Value::Text(|c| Some(c.currency.code().to_owned().into())),
                ),
            ],
        )
    }
}

/// Reads pulls back.
///
/// # Errors
/// [`TableError`] where a column is missing.
pub fn read_pulls(batch: &RecordBatch) -> Result<Vec<Pull>, TableError> {
    let cells = Cells::new(batch);
    let (platform, account, report) = (cells.text("platform")?, cells.text("account")?, cells.text("report")?);
    let (level, zone, complete) = (cells.text("level")?, cells.text("zone")?, cells.flag("complete")?);
    let (from_on, to_on) = (cells.day("from_on")?, cells.day("to_on")?);
    Ok(cells
        .metas()?
        .into_iter()
        .enumerate()
        .map(|(row, meta)| Pull {
            meta,
            platform: platform.value(row).to_owned(),
            account: account.value(row).to_owned(),
            report: report.value(row).to_owned(),
            level: level.value(row).to_owned(),
            from_on: from_on.get(row),
            to_on: to_on.get(row),
            zone: zone.value(row).to_owned(),
            complete: complete.value(row),
        })
        .collect())
}

/// Reads claims back.
///
/// # Errors
/// [`TableError`] where a column is missing or a value is unreadable.
pub fn read_claims(batch: &RecordBatch) -> Result<Vec<Claim>, TableError> {
    let cells = Cells::new(batch);
    let (platform, account, level) = (cells.text("platform")?, cells.text("account")?, cells.text("level")?);
    let (entity_id, entity_name) = (cells.text("entity_id")?, cells.text("entity_name")?);
    let (on, zone, action) = (cells.day("on_day")?, cells.text("zone")?, cells.text("action")?);
    let (basis, kind, window) = (cells.text("date_basis")?, cells.text("kind")?, cells.int("window_hours")?);
    let (count, value, currency) = (cells.amount("count")?, cells.amount("value")?, cells.text("currency")?);
    cells
        .metas()?
        .into_iter()
        .enumerate()
        .map(|(row, meta)| {
            let bad = |column, text: &str| TableError::Value { column, row, reason: format!("\"{text}\" is unknown") };
            Ok(Claim {
                meta,
                platform: platform.value(row).to_owned(),
                account: account.value(row).to_owned(),
                level: level.value(row).to_owned(),
                entity_id: entity_id.value(row).to_owned(),
                entity_name: entity_name.value(row).to_owned(),
                on: on.get(row),
                zone: zone.value(row).to_owned(),
                date_basis: [DateBasis::Touch, DateBasis::Conversion]
                    .into_iter()
                    .find(|b| basis_name(*b) == basis.value(row))
                    .ok_or_else(|| bad("date_basis", basis.value(row)))?,
                kind: [ClaimKind::Click, ClaimKind::EngagedView, ClaimKind::View]
                    .into_iter()
                    .find(|k| kind_name(*k) == kind.value(row))
                    .ok_or_else(|| bad("kind", kind.value(row)))?,
                action: action.value(row).to_owned(),
                window_hours: window.is_valid(row).then(|| window.value(row)),
                count_micros: count.get(row),
                value_micros: value.get(row),
                currency: Currency::try_from(currency.value(row)).map_err(|_| bad("currency", currency.value(row)))?,
            })
        })
        .collect()
}

/// Reads costs back.
///
/// # Errors
/// [`TableError`] where a column is missing or a value is unreadable.
pub fn read_costs(batch: &RecordBatch) -> Result<Vec<Cost>, TableError> {
    let cells = Cells::new(batch);
    let (platform, account, level) = (cells.text("platform")?, cells.text("account")?, cells.text("level")?);
    let (entity_id, entity_name) = (cells.text("entity_id")?, cells.text("entity_name")?);
    let (on, zone, currency) = (cells.day("on_day")?, cells.text("zone")?, cells.text("currency")?);
    let (impressions, clicks, cost) = (cells.int("impressions")?, cells.int("clicks")?, cells.amount("cost")?);
    cells
        .metas()?
        .into_iter()
        .enumerate()
        .map(|(row, meta)| {
            let code =
                |error: model::MoneyError| TableError::Value { column: "currency", row, reason: error.to_string() };
            Ok(Cost {
                meta,
                platform: platform.value(row).to_owned(),
                account: account.value(row).to_owned(),
                level: level.value(row).to_owned(),
                entity_id: entity_id.value(row).to_owned(),
                entity_name: entity_name.value(row).to_owned(),
                on: on.get(row),
                zone: zone.value(row).to_owned(),
                impressions: impressions.value(row),
                clicks: clicks.value(row),
                cost_micros: cost.get(row),
                currency: Currency::try_from(currency.value(row)).map_err(code)?,
            })
        })
        .collect()
}

fn basis_name(basis: DateBasis) -> &'static str {
    match basis {
        DateBasis::Touch => "touch",
        DateBasis::Conversion => "conversion",
    }
}

fn kind_name(kind: ClaimKind) -> &'static str {
    match kind {
        ClaimKind::Click => "click",
        ClaimKind::EngagedView => "engaged_view",
        ClaimKind::View => "view",
    }
}

//! Google Ads' export as people download it: title, days, header, rows, totals. Its columns are those of the API under
//! other names, costs in currency units.

use std::collections::BTreeMap;

use model::{ClaimKind, RawRecord};

use crate::{
    google_ads::{
        ClaimedRow,
        columns::{EXAMPLES, LEVELS, READS, Role, is_whole, role},
    },
    report::{
        Books, Delivered, Place, Scope,
        cells::{Cells, Entity, Named, Numbers, entities},
        civil,
        refusal::{cell, mended, no_column},
        sheet::{Row, Sheet, decoded},
    },
    source::{Normalized, Reject, SourceConfig, Stamp},
};

/// Which column is which.
struct Columns {
    day: usize,
    customer: Option<usize>,
    account_name: Option<usize>,
    currency: Option<usize>,
    zone: Option<usize>,
    entities: Vec<Entity>,
    action: Option<usize>,
    event: Option<usize>,
    metrics: BTreeMap<&'static str, usize>,
}

/// The facts of an exported file.
pub(super) fn read(raw: &RawRecord, config: &SourceConfig) -> Result<Normalized, Reject> {
    let text = decoded(&raw.payload)?;
    let sheet = Sheet::find(&text, |name| role(name).is_some(), EXAMPLES)?;
    let columns = Columns::of(&sheet)?;
    let mut scope = Scope::read(raw, config, "google_ads")?;
    if let Some(days) = sheet.preamble.iter().find_map(|line| civil::range(line)) {
        scope.declare(days);
    }
    let is_total = |row: &Row| row.is_total(columns.day);
    let mut cells = Cells::learn(&sheet, &columns.numbers(), &is_total)?;
    let (mut books, mut rows) = (Books::default(), 0);
    for row in cells.rows() {
        columns.read_row(&row?, &mut cells, &scope, &mut books)?;
        rows += 1;
    }
    if rows == 0 {
        cells.empty(&scope, &mut books)?;
    }
    let key = books.key(raw);
    let stamp = Stamp::new(raw, &key);
    Ok(Normalized::facts(key, books.facts(&scope, &stamp, true)))
}

impl Columns {
    fn of(sheet: &Sheet<'_>) -> Result<Self, Reject> {
        let roles = sheet.roles(role, READS)?;
        sheet.check_once(&roles, |role| matches!(role, Role::Aside | Role::Of(_)))?;
        let at = |wanted: Role| roles.iter().position(|role| *role == wanted);
        let columns_of = |level| [at(Role::Id(level)), at(Role::Name(level)), at(Role::Of(level))];
        let metrics = roles.iter().enumerate().filter_map(|(column, role)| match role {
            Role::Metric(name) => Some((*name, column)),
            _ => None,
        });
        Ok(Self {
            day: at(Role::Day).ok_or_else(|| no_column("Day", "a report is taken in by day"))?,
            customer: at(Role::Customer),
            account_name: at(Role::AccountName),
            currency: at(Role::Currency),
            zone: at(Role::Zone),
            entities: entities(LEVELS, columns_of)?,
            action: at(Role::Action),
            event: at(Role::Event),
            metrics: metrics.collect(),
        })
    }

    fn numbers(&self) -> Numbers {
        let (wholes, amounts) = self.metrics.iter().partition::<Vec<_>, _>(|(name, _)| is_whole(name));
        let columns = |of: Vec<(&&str, &usize)>| of.into_iter().map(|(_, column)| *column).collect();
        Numbers { amounts: columns(amounts), wholes: columns(wholes) }
    }

    fn read_row(&self, row: &Row, cells: &mut Cells<'_>, scope: &Scope<'_>, books: &mut Books) -> Result<(), Reject> {
        let (place, name) = self.place(row, cells, scope)?;
        let action = self.action.map(|column| cells.filled_text(row, column)).transpose()?;
        books.row(&place, if action.is_some() { "conversions" } else { "delivery" }, name);
        let claimed = ClaimedRow { place: &place, action: action.as_deref(), kind: self.kind(row, cells)? };
        let metric = |name: &str| match self.metrics.get(name) {
            Some(column) if is_whole(name) => cells.whole(row, *column),
            Some(column) => cells.micros(row, *column),
            None => Ok(None),
        };
        claimed.claims(&metric, books)?;
        if action.is_none() {
            let number = |name| metric(name).map(Option::unwrap_or_default);
            let delivered = Delivered {
                impressions: number("impressions")?,
                clicks: number("clicks")?,
                cost_micros: number("costMicros")?,
            };
            books.cost(&place, delivered)?;
        }
        Ok(())
    }

    /// The account, the lowest entity that the row names, and the entity's name.
    fn place(&self, row: &Row, cells: &mut Cells<'_>, scope: &Scope<'_>) -> Result<(Place, Option<String>), Reject> {
        let stated = |column: Option<usize>| column.and_then(|column| cells.text(row, column));
        let account = scope
            .account(stated(self.customer), "Customer ID")
            .map_err(|error| mended(&error, "export it with the column \"Customer ID\", or import with --account"))?;
        let currency = scope.currency(cells.currency(row, self.currency)?, "Currency code").map_err(|error| {
            mended(&error, "export it with the column \"Currency code\", or set \"default_currency\" of the source")
        })?;
        let zone = scope.zone(stated(self.zone), "Time zone", &account)?;
        let on = cells.day(row, self.day)?;
        let on = scope.covered(on, &format!("line {}, Day", row.line)).map_err(|error| {
            mended(&error, "import again with the --from and --to that the report was exported for")
        })?;
        if let Some(Named { level, id: entity_id, name }) = cells.entity(row, &self.entities)? {
            return Ok((Place { account, level, entity_id, on, zone, currency }, name));
        }
        let name = self.account_name.and_then(|column| cells.text(row, column));
        Ok((Place { entity_id: account.clone(), account, level: "account", on, zone, currency }, name))
    }

    /// What the row's conversions rest on, where the report splits them; else clicks.
    fn kind(&self, row: &Row, cells: &Cells<'_>) -> Result<ClaimKind, Reject> {
        let Some((column, text)) = self.event.and_then(|column| Some((column, row.cell(column)?))) else {
            return Ok(ClaimKind::Click);
        };
        match text.to_lowercase().replace('-', " ").as_str() {
            "interaction" | "click" => Ok(ClaimKind::Click),
            "engaged view" => Ok(ClaimKind::EngagedView),
            "impression" | "view through" => Ok(ClaimKind::View),
            _ => Err(cell(row.line, cells.name(column), text, "Interaction, Engaged view or Impression").into()),
        }
    }
}

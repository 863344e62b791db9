//! Google Ads' export as people download it: title, days, header, rows, totals. Its columns are those of the API under
//! other names, costs in currency units.

use std::collections::BTreeMap;

use model::{ClaimKind, RawRecord};

use crate::{
    google_ads::ClaimedRow,
    report::{
        Books, Delivered, Place, Scope,
        cells::{Cells, Entity, Numbers},
        civil,
        refusal::{cell, empty_cell, mended, no_column, no_table},
        sheet::{Row, Sheet, decoded},
    },
    source::{Normalized, Reject, SourceConfig, Stamp},
};

use Role::{AccountName, Action, Aside, Currency, Customer, Day, Event, Id, Metric, Name, Of, Zone};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Day,
    Customer,
    AccountName,
    Currency,
    Zone,
    /// Of the entity at this level: its id, its name, anything else that splits rows by it.
    Id(&'static str),
    Name(&'static str),
    Of(&'static str),
    Action,
    Event,
    /// A number, by the API's name.
    Metric(&'static str),
    /// Changes no other number: a ratio, or a split of one day whose rows add up.
    Aside,
}

const COLUMNS: &[(&str, Role)] = &[
    ("day", Day),
    ("customer id", Customer),
    ("account", AccountName),
    ("account name", AccountName),
    ("currency code", Currency),
    ("currency", Currency),
    ("time zone", Zone),
    ("campaign id", Id("campaign")),
    ("campaign", Name("campaign")),
    ("campaign state", Of("campaign")),
    ("campaign status", Of("campaign")),
    ("campaign type", Of("campaign")),
    ("campaign subtype", Of("campaign")),
    ("ad group id", Id("ad_group")),
    ("ad group", Name("ad_group")),
    ("ad group state", Of("ad_group")),
    ("ad group status", Of("ad_group")),
    ("ad group type", Of("ad_group")),
    ("ad id", Id("ad")),
    ("ad name", Name("ad")),
    ("ad state", Of("ad")),
    ("ad status", Of("ad")),
    ("ad type", Of("ad")),
    ("conversion action", Action),
    ("conversion name", Action),
    ("ad event type", Event),
    ("impr.", Metric("impressions")),
    ("impressions", Metric("impressions")),
    ("clicks", Metric("clicks")),
    ("cost", Metric("costMicros")),
    ("conversions", Metric("conversions")),
    ("conv. value", Metric("conversionsValue")),
    ("conversions (by conv. time)", Metric("conversionsByConversionDate")),
    ("conv. value (by conv. time)", Metric("conversionsValueByConversionDate")),
    ("all conv.", Metric("allConversions")),
    ("all conv. value", Metric("allConversionsValue")),
    ("all conv. (by conv. time)", Metric("allConversionsByConversionDate")),
    ("all conv. value (by conv. time)", Metric("allConversionsValueByConversionDate")),
    ("view-through conv.", Metric("viewThroughConversions")),
    ("interactions", Aside),
    ("invalid clicks", Aside),
    ("viewable impr.", Aside),
    ("cross-device conv.", Aside),
    ("cross-device conv. value", Aside),
    ("cross-device conv. (by conv. time)", Aside),
    ("cross-device conv. value (by conv. time)", Aside),
    ("conversions (current model)", Aside),
    ("conv. value (current model)", Aside),
    ("ctr", Aside),
    ("hour of the day", Aside),
    ("day of the week", Aside),
    ("week", Aside),
    ("month", Aside),
    ("quarter", Aside),
    ("year", Aside),
    ("device", Aside),
    ("network", Aside),
    ("network (with search partners)", Aside),
    ("click type", Aside),
    ("conversion category", Aside),
    ("conversion source", Aside),
    ("days to conversion", Aside),
    ("status", Aside),
    ("status reasons", Aside),
    ("budget", Aside),
    ("budget name", Aside),
    ("budget type", Aside),
    ("bid strategy", Aside),
    ("bid strategy type", Aside),
    ("optimization score", Aside),
    ("labels", Aside),
];
/// Levels from the lowest, with the name of their id's column.
const LEVELS: [(&str, &str); 3] = [("ad", "Ad ID"), ("ad_group", "Ad group ID"), ("campaign", "Campaign ID")];
const EXAMPLES: &str = "\"Day\", \"Campaign ID\", \"Cost\"";
const READS: &str = "Day, Customer ID, Currency code, Campaign ID, Campaign, Ad group ID, Ad ID, Conversion action, Impr., Clicks, Cost, Conversions, Conv. value, All conv., All conv. value, View-through conv., the same (by conv. time), states, segments of a day and ratios";

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

/// What a column of this name holds. Ratios are known by their form, since there are dozens.
fn role(name: &str) -> Option<Role> {
    let name = name.to_lowercase();
    let known = COLUMNS.iter().find(|(column, _)| *column == name).map(|(_, role)| *role);
    let base = name.trim_end_matches(" (by conv. time)");
    let ratio = base.starts_with("avg. ")
        || base.contains(" / ")
        || [" rate", "%", " share"].iter().any(|end| base.ends_with(end))
        || base.starts_with("search ") && base.contains(" lost ");
    known.or_else(|| ratio.then_some(Aside))
}

impl Columns {
    fn of(sheet: &Sheet<'_>) -> Result<Self, Reject> {
        let roles = sheet.roles(role, READS)?;
        let at = |wanted: Role| roles.iter().position(|role| *role == wanted);
        if let Some((column, name)) = roles.iter().zip(&sheet.names).enumerate().find_map(|(column, (role, name))| {
            let twice = !matches!(role, Aside | Of(_)) && at(*role) != Some(column);
            twice.then_some((column + 1, name))
        }) {
            let problem = format!("column {column}, \"{name}\", says what another column already says");
            return Err(no_table(&problem, &format!("export the report again with \"{name}\" once")));
        }
        let mut entities = Vec::new();
        for (level, id_name) in LEVELS {
            if let Some(id) = at(Id(level)) {
                entities.push(Entity { level, id, name: at(Name(level)) });
            } else if at(Name(level)).or(at(Of(level))).is_some() {
                return Err(no_column(id_name, "by which its rows are told apart"));
            }
        }
        let metrics = roles.iter().enumerate().filter_map(|(column, role)| match role {
            Metric(name) => Some((*name, column)),
            _ => None,
        });
        Ok(Self {
            day: at(Day).ok_or_else(|| no_column("Day", "a report is taken in by day"))?,
            customer: at(Customer),
            account_name: at(AccountName),
            currency: at(Currency),
            zone: at(Zone),
            entities,
            action: at(Action),
            event: at(Event),
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
        let action = match self.action {
            Some(column) => Some(cells.filled(row, column).map(|_| cells.text(row, column))?.unwrap_or_default()),
            None => None,
        };
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
        if let Some((level, entity_id, name)) = cells.entity(row, &self.entities)? {
            return Ok((Place { account, level, entity_id, on, zone, currency }, name));
        }
        if let Some(highest) = self.entities.last() {
            return Err(empty_cell(row.line, cells.name(highest.id)));
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

/// Whether the API counts it in whole numbers.
fn is_whole(metric: &str) -> bool {
    matches!(metric, "impressions" | "clicks")
}

//! Meta Ads Manager's export as people download it. Its columns are those of Insights under other names; each action
//! has a column of its own, and one for each window where windows were compared.

use jiff::civil::Date;
use model::{ClaimKind, Currency, DateBasis, RawRecord};

use crate::{
    error::NormalizeError,
    meta_ads::{
        columns::{ActionColumn, EXAMPLES, LEVELS, READS, Role, column},
        counted, valued,
    },
    report::{
        Books, ClaimOf, Delivered, Place, Scope,
        cells::{Cells, Entity, Named, Numbers, entities},
        refusal::{mended, no_column, no_table},
        sheet::{Row, Sheet, decoded},
    },
    source::{Normalized, Reject, SourceConfig, Stamp},
};

/// Which column is which.
struct Columns {
    day: Option<usize>,
    period: Option<(usize, usize)>,
    account: Option<usize>,
    account_name: Option<usize>,
    code: Option<usize>,
    /// The currency that stands in a header: `Amount spent (EUR)`.
    currency: Option<Currency>,
    entities: Vec<Entity>,
    impressions: Option<usize>,
    clicks: Option<usize>,
    spend: Option<usize>,
    actions: Vec<(usize, ActionColumn)>,
}

/// The facts of an exported file.
pub(super) fn read(raw: &RawRecord, config: &SourceConfig) -> Result<Normalized, Reject> {
    let text = decoded(&raw.payload)?;
    let sheet = Sheet::find(&text, |name| column(name).is_some(), EXAMPLES)?;
    let columns = Columns::of(&sheet)?;
    let scope = Scope::read(raw, config, "meta_ads")?;
    let is_summary = |row: &Row| columns.is_summary(row) && sheet.check_width(row).is_ok();
    let mut cells = Cells::learn(&sheet, &columns.numbers(), &is_summary)?;
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
        let found = sheet.roles(column, READS)?;
        let roles: Vec<Role> = found.iter().map(|(role, _)| *role).collect();
        let at = |wanted: Role| roles.iter().position(|role| *role == wanted);
        sheet.check_once(&roles, |role| matches!(role, Role::Aside | Role::Of(_)))?;
        let columns_of = |level| [at(Role::Id(level)), at(Role::Name(level)), at(Role::Of(level))];
        let period = at(Role::Starts).zip(at(Role::Ends));
        if at(Role::Day).or(period.map(|(starts, _)| starts)).is_none() {
            return Err(no_column("Day", "a report is taken in by day (in Ads Manager: Breakdown, By time, Day)"));
        }
        let actions = roles.iter().enumerate().filter_map(|(column, role)| match role {
            Role::Action(action) => Some((column, *action)),
            _ => None,
        });
        Ok(Self {
            day: at(Role::Day),
            period,
            account: at(Role::Account),
            account_name: at(Role::AccountName),
            code: at(Role::Code),
            currency: one_currency(found.iter().filter_map(|(_, currency)| *currency))?,
            entities: entities(LEVELS, columns_of)?,
            impressions: at(Role::Impressions),
            clicks: at(Role::Clicks),
            spend: at(Role::Spend),
            actions: in_windows(actions.collect()),
        })
    }

    fn numbers(&self) -> Numbers {
        let amounts = self.actions.iter().map(|(column, _)| *column).chain(self.spend).collect();
        Numbers { amounts, wholes: [self.impressions, self.clicks].into_iter().flatten().collect() }
    }

    /// Whether the row sums up the others: it names no entity where the others do, and no day of its own.
    fn is_summary(&self, row: &Row) -> bool {
        let names_none = |entity: &Entity| {
            row.cell(entity.id).is_none() && entity.name.is_none_or(|column| row.cell(column).is_none())
        };
        let dayless = self.day.is_none_or(|column| row.cell(column).is_none());
        dayless && self.entities.iter().all(names_none) && (self.day.is_some() || !self.entities.is_empty())
    }

    fn read_row(&self, row: &Row, cells: &mut Cells<'_>, scope: &Scope<'_>, books: &mut Books) -> Result<(), Reject> {
        let (place, name) = self.place(row, cells, scope)?;
        books.row(&place, "delivery", name);
        let whole = |column: Option<usize>| column.map_or(Ok(None), |column| cells.whole(row, column));
        let spend = self.spend.map_or(Ok(None), |column| cells.micros(row, column))?;
        let delivered = Delivered {
            impressions: whole(self.impressions)?.unwrap_or_default(),
            clicks: whole(self.clicks)?.unwrap_or_default(),
            cost_micros: spend.unwrap_or_default(),
        };
        books.cost(&place, delivered)?;
        for (column, action) in &self.actions {
            let Some(micros) = cells.micros(row, *column)? else { continue };
            let of = ClaimOf {
                date_basis: DateBasis::Conversion,
                kind: action.window.map_or(ClaimKind::Click, |(kind, _)| kind),
                action: action.name.to_owned(),
                window_hours: action.window.map(|(_, hours)| hours),
            };
            books.claim(&place, of, if action.value { valued(micros) } else { counted(micros) })?;
        }
        Ok(())
    }

    /// The account, the lowest entity that the row names, and the entity's name.
    fn place(&self, row: &Row, cells: &mut Cells<'_>, scope: &Scope<'_>) -> Result<(Place, Option<String>), Reject> {
        let account = self.account.and_then(|column| cells.text(row, column));
        let account = scope
            .account(account, "Account ID")
            .map_err(|error| mended(&error, "export it with the column \"Account ID\", or import with --account"))?;
        let zone = scope.zone(None, "zone", &account)?;
        let currency = one_currency(cells.currency(row, self.code)?.into_iter().chain(self.currency))?;
        let currency = scope.currency(currency, "Currency").map_err(|error| {
            mended(&error, "export it with the column \"Amount spent\", or set \"default_currency\" of the source")
        })?;
        let on = self.on(row, cells, scope)?;
        if let Some(Named { level, id: entity_id, name }) = cells.entity(row, &self.entities)? {
            return Ok((Place { account, level, entity_id, on, zone, currency }, name));
        }
        let name = self.account_name.and_then(|column| cells.text(row, column));
        Ok((Place { entity_id: account.clone(), account, level: "account", on, zone, currency }, name))
    }

    /// The row's day: its own column, else a period of one day.
    fn on(&self, row: &Row, cells: &mut Cells<'_>, scope: &Scope<'_>) -> Result<Date, Reject> {
        let period = match self.period {
            Some((starts, ends)) => Some((cells.day(row, starts)?, cells.day(row, ends)?)),
            None => None,
        };
        let own = self.day.map(|column| cells.day(row, column)).transpose()?;
        let wrong = |column: &str, found: Date, expected: &str, fix: &str| {
            let error =
                NormalizeError::malformed(&format!("line {}, {column}", row.line), &found.to_string(), expected);
            mended(&error, fix)
        };
        let by_day = "export the report again by day: in Ads Manager choose Breakdown, By time, Day";
        let on = match (own, period) {
            (Some(own), Some((starts, ends))) if own < starts || ends < own => {
                return Err(wrong("Day", own, "a day from \"Reporting starts\" to \"Reporting ends\"", by_day));
            }
            (Some(own), _) => own,
            (None, Some((starts, ends))) if starts != ends => {
                return Err(wrong("Reporting ends", ends, "the day of \"Reporting starts\"", by_day));
            }
            (None, Some((starts, _))) => starts,
            (None, None) => return Err(no_column("Day", "a report is taken in by day")),
        };
        let again = "import again with the --from and --to that the report was exported for";
        scope.covered(on, &format!("line {}, Day", row.line)).map_err(|error| mended(&error, again))
    }
}

/// The one currency that is said; amounts of several are never added.
fn one_currency(mut said: impl Iterator<Item = Currency>) -> Result<Option<Currency>, Reject> {
    let first = said.next();
    match said.find(|other| Some(*other) != first).zip(first) {
        Some((other, first)) => Err(no_table(
            &format!("it says two currencies, {first} and {other}, expected the account's"),
            "export the report again for one account, with its amounts in the account's currency",
        )),
        None => Ok(first),
    }
}

/// Where an action's windows are reported, its total under the account's setting is left out: it is their sum.
fn in_windows(actions: Vec<(usize, ActionColumn)>) -> Vec<(usize, ActionColumn)> {
    let split = |total: &ActionColumn| {
        let same = |other: &ActionColumn| (other.name, other.value) == (total.name, total.value);
        actions.iter().any(|(_, other)| same(other) && other.window.is_some())
    };
    actions.iter().filter(|(_, action)| action.window.is_some() || !split(action)).copied().collect()
}

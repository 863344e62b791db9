//! Meta Ads Manager's export as people download it. Its columns are those of Insights under other names; each action
//! has a column of its own, and one for each window where windows were compared.

use model::{ClaimKind, Currency, DateBasis, RawRecord};

use crate::{
    error::NormalizeError,
    meta_ads::{WINDOWS, counted, valued},
    report::{
        Books, ClaimOf, Delivered, Place, Scope,
        cells::{Cells, Entity, Numbers},
        refusal::{empty_cell, mended, no_column, no_table},
        sheet::{Row, Sheet, decoded},
    },
    source::{Normalized, Reject, SourceConfig, Stamp},
};

use Role::{Account, AccountName, Action, Aside, Clicks, Code, Day, Ends, Id, Impressions, Name, Of, Spend, Starts};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Day,
    Starts,
    Ends,
    Account,
    AccountName,
    /// The account's currency.
    Code,
    /// Of the entity at this level: its id, its name, anything else that splits rows by it.
    Id(&'static str),
    Name(&'static str),
    Of(&'static str),
    Impressions,
    Clicks,
    Spend,
    Action(ActionColumn),
    /// Changes no other number: a ratio, a setting, or a split of one day whose rows add up.
    Aside,
}

/// A column of one action: Insights' name of it, counts or values, in one window or under the account's setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ActionColumn {
    name: &'static str,
    value: bool,
    window: Option<(ClaimKind, i64)>,
}

const COLUMNS: &[(&str, Role)] = &[
    ("day", Day),
    ("reporting starts", Starts),
    ("reporting ends", Ends),
    ("account id", Account),
    ("account name", AccountName),
    ("currency", Code),
    ("campaign id", Id("campaign")),
    ("campaign name", Name("campaign")),
    ("campaign delivery", Of("campaign")),
    ("campaign budget", Of("campaign")),
    ("campaign budget type", Of("campaign")),
    ("ad set id", Id("ad_group")),
    ("ad set name", Name("ad_group")),
    ("ad set delivery", Of("ad_group")),
    ("ad set budget", Of("ad_group")),
    ("ad set budget type", Of("ad_group")),
    ("ad id", Id("ad")),
    ("ad name", Name("ad")),
    ("ad delivery", Of("ad")),
    ("impressions", Impressions),
    ("clicks (all)", Clicks),
    ("amount spent", Spend),
    ("attribution setting", Aside),
    ("objective", Aside),
    ("buying type", Aside),
    ("bid strategy", Aside),
    ("delivery status", Aside),
    ("delivery level", Aside),
    ("starts", Aside),
    ("ends", Aside),
    ("reach", Aside),
    ("frequency", Aside),
    ("results", Aside),
    ("result type", Aside),
    ("result indicator", Aside),
    ("outbound clicks", Aside),
    ("quality ranking", Aside),
    ("engagement rate ranking", Aside),
    ("conversion rate ranking", Aside),
    ("thruplays", Aside),
    ("age", Aside),
    ("gender", Aside),
    ("country", Aside),
    ("region", Aside),
    ("platform", Aside),
    ("placement", Aside),
    ("device platform", Aside),
    ("impression device", Aside),
    ("time of day (ad account time zone)", Aside),
];
/// Columns of actions: counts, values, and what Insights calls the action.
const ACTIONS: &[(&str, &str, &str)] = &[
    ("purchases", "purchases conversion value", "omni_purchase"),
    ("website purchases", "website purchases conversion value", "offsite_conversion.fb_pixel_purchase"),
    ("in-app purchases", "in-app purchases conversion value", "app_custom_event.fb_mobile_purchase"),
    ("offline purchases", "offline purchases conversion value", "offline_conversion.purchase"),
    ("meta purchases", "meta purchases conversion value", "onsite_conversion.purchase"),
    ("adds to cart", "adds to cart conversion value", "omni_add_to_cart"),
    ("website adds to cart", "website adds to cart conversion value", "offsite_conversion.fb_pixel_add_to_cart"),
    ("link clicks", "", "link_click"),
    ("landing page views", "", "landing_page_view"),
    ("post engagements", "", "post_engagement"),
];
/// Levels from the lowest, with the name of their id's column.
const LEVELS: [(&str, &str); 3] = [("ad", "Ad ID"), ("ad_group", "Ad set ID"), ("campaign", "Campaign ID")];
const EXAMPLES: &str = "\"Day\", \"Campaign ID\", \"Amount spent (EUR)\"";
const READS: &str = "Day, Reporting starts, Reporting ends, Account ID, Campaign ID, Campaign name, Ad set ID, Ad ID, Impressions, Clicks (all), Amount spent, Purchases, Purchases conversion value, other purchases and adds to cart, Link clicks, Landing page views, each also by window (7-day click, 1-day view), deliveries, breakdowns of a day and ratios";

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

/// What a column of this name holds, and the currency that its name ends with.
fn column(name: &str) -> Option<(Role, Option<Currency>)> {
    let (name, currency) = without_currency(name);
    let name = name.to_lowercase();
    let (base, window) = without_window(&name);
    let known = COLUMNS.iter().find(|(column, _)| *column == name).map(|(_, role)| *role);
    let action = |(count, value, action): &(&'static str, &'static str, &'static str)| {
        let is_value = *value == base && !base.is_empty();
        (is_value || *count == base).then_some(Action(ActionColumn { name: action, value: is_value, window }))
    };
    let aside = ["cost per ", "cpc", "cpm", "ctr", "unique ", "video "].iter().any(|start| base.starts_with(start))
        || base.contains("roas")
        || matches!(base, "results" | "outbound clicks" | "thruplays");
    let role = known.or_else(|| ACTIONS.iter().find_map(action)).or_else(|| aside.then_some(Aside))?;
    Some((role, currency))
}

/// `Amount spent (EUR)` is `Amount spent` in EUR; the `(all)` of `Clicks (all)` is no currency.
fn without_currency(name: &str) -> (&str, Option<Currency>) {
    let parts = name.strip_suffix(')').and_then(|name| name.rsplit_once('('));
    let upper = parts.filter(|(_, code)| code.bytes().all(|byte| byte.is_ascii_uppercase()));
    match upper.and_then(|(base, code)| Some((base.trim_end(), Currency::try_from(code).ok()?))) {
        Some((base, currency)) => (base, Some(currency)),
        None => (name, None),
    }
}

/// `purchases (7-day click)`, `purchases - 7d_click`, `purchases [7 day click]` are `purchases` within 7 days of a click.
fn without_window(name: &str) -> (&str, Option<(ClaimKind, i64)>) {
    let text = name.trim_end_matches([')', ']']);
    for (column, kind, hours) in WINDOWS {
        let days = hours / 24;
        let words: &[&str] = match kind {
            ClaimKind::Click => &["click"],
            ClaimKind::View => &["view"],
            ClaimKind::EngagedView => &["engaged-view", "engaged view", "engage-through"],
        };
        let worded = words.iter().flat_map(|word| ["-day ", " day ", " days "].map(|day| format!("{days}{day}{word}")));
        for ending in worded.chain([column.to_owned()]) {
            let base = text.strip_suffix(&ending).filter(|base| base.ends_with([' ', '(', '[', ':', '-', '_']));
            if let Some(base) = base {
                let base = base.trim_end_matches([' ', '(', '[', ':', '-', '_', '\u{2013}', '|']);
                return (base, Some((kind, hours)));
            }
        }
    }
    (name, None)
}

impl Columns {
    fn of(sheet: &Sheet<'_>) -> Result<Self, Reject> {
        let found = sheet.roles(column, READS)?;
        let roles: Vec<Role> = found.iter().map(|(role, _)| *role).collect();
        let at = |wanted: Role| roles.iter().position(|role| *role == wanted);
        let twice = |(column, role): (usize, &Role)| !matches!(role, Aside | Of(_)) && at(*role) != Some(column);
        if let Some(name) = roles.iter().enumerate().position(|column| twice(column)).and_then(|c| sheet.names.get(c)) {
            let problem = format!("the column \"{name}\" says what another column already says");
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
        let period = at(Starts).zip(at(Ends));
        if at(Day).or(period.map(|(starts, _)| starts)).is_none() {
            return Err(no_column("Day", "a report is taken in by day (in Ads Manager: Breakdown, By time, Day)"));
        }
        let actions = roles.iter().enumerate().filter_map(|(column, role)| match role {
            Action(action) => Some((column, *action)),
            _ => None,
        });
        Ok(Self {
            day: at(Day),
            period,
            account: at(Account),
            account_name: at(AccountName),
            code: at(Code),
            currency: one_currency(found.iter().filter_map(|(_, currency)| *currency))?,
            entities,
            impressions: at(Impressions),
            clicks: at(Clicks),
            spend: at(Spend),
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
        if let Some((level, entity_id, name)) = cells.entity(row, &self.entities)? {
            return Ok((Place { account, level, entity_id, on, zone, currency }, name));
        }
        if let Some(highest) = self.entities.last() {
            return Err(empty_cell(row.line, cells.name(highest.id)));
        }
        let name = self.account_name.and_then(|column| cells.text(row, column));
        Ok((Place { entity_id: account.clone(), account, level: "account", on, zone, currency }, name))
    }

    /// The row's day: its own column, else a period of one day.
    fn on(&self, row: &Row, cells: &mut Cells<'_>, scope: &Scope<'_>) -> Result<jiff::civil::Date, Reject> {
        let period = match self.period {
            Some((starts, ends)) => Some((cells.day(row, starts)?, cells.day(row, ends)?)),
            None => None,
        };
        let own = self.day.map(|column| cells.day(row, column)).transpose()?;
        let wrong = |column: &str, found: jiff::civil::Date, expected: &str, fix: &str| {
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

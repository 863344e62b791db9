//! What ad platforms' reports have in common: a declared scope, and numbers that add up per account, entity and day.
//! What their exported files have in common besides: a table ([`sheet`]) of cells ([`cells`]) that hold numbers
//! ([`number`]) and days ([`civil`]), or a refusal that says how to mend the file ([`refusal`]).

pub(crate) mod cells;
pub(crate) mod civil;
pub(crate) mod number;
pub(crate) mod refusal;
pub(crate) mod sheet;

#[cfg(test)]
mod csv_tests;

use std::{collections::BTreeMap, sync::Arc};

use jiff::civil::Date;
use model::{Claim, ClaimKind, Cost, Currency, DateBasis, Fact, Pull, RawRecord, RecordKey, UtcMillis};

use crate::{
    error::NormalizeError,
    json::{Object, required},
    source::{SourceConfig, Stamp},
};

/// What the source and the record's headers say of a report beside its rows.
pub(crate) struct Scope<'a> {
    raw: &'a RawRecord,
    /// Of rows that name none: what the import says, else the source's.
    default_currency: Option<Currency>,
    zone: Option<&'a str>,
    platform: &'a str,
    from_on: Option<Date>,
    to_on: Option<Date>,
}

/// The account, entity and day that a row speaks of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) account: String,
    pub(crate) level: &'static str,
    pub(crate) entity_id: String,
    pub(crate) on: Date,
    pub(crate) zone: String,
    pub(crate) currency: Currency,
}

/// What a claim is, beside its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClaimOf {
    pub(crate) date_basis: DateBasis,
    pub(crate) kind: ClaimKind,
    pub(crate) action: String,
    pub(crate) window_hours: Option<i64>,
}

/// A count and a value, both in micros.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Claimed {
    pub(crate) count_micros: i64,
    pub(crate) value_micros: i64,
}

/// What a row was charged and delivered.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Delivered {
    pub(crate) impressions: i64,
    pub(crate) clicks: i64,
    pub(crate) cost_micros: i64,
}

/// The numbers of a report, added up: a platform splits one day over rows (device, hour, network).
#[derive(Default)]
pub(crate) struct Books {
    names: BTreeMap<Place, String>,
    claims: BTreeMap<(Place, ClaimOf), Claimed>,
    costs: BTreeMap<Place, Delivered>,
    days: BTreeMap<PullOf, (Date, Date)>,
}

/// What a pull is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct PullOf {
    account: String,
    report: &'static str,
    level: &'static str,
    zone: String,
}

impl<'a> Scope<'a> {
    /// Reads the headers `tributary-pull-from`, `tributary-pull-to` and `tributary-currency`, and refuses a
    /// `tributary-pulled-at` that is no instant.
    pub(crate) fn read(
        raw: &'a RawRecord,
        config: &'a SourceConfig,
        platform: &'a str,
    ) -> Result<Self, NormalizeError> {
        let scope = Self::mapped(raw, config.zone.as_deref(), platform)?;
        Ok(Self { default_currency: scope.default_currency.or(config.default_currency), ..scope })
    }

    /// The same for a mapped report, of which no source is configured.
    pub(crate) fn mapped(raw: &'a RawRecord, zone: Option<&'a str>, platform: &'a str) -> Result<Self, NormalizeError> {
        pulled_at(raw)?;
        let (from_on, to_on) = (day(raw, "tributary-pull-from")?, day(raw, "tributary-pull-to")?);
        Ok(Self { raw, default_currency: currency(raw)?, zone, platform, from_on, to_on })
    }

    /// Takes the days that the report itself says it covers, where the headers say none.
    pub(crate) fn declare(&mut self, (from_on, to_on): (Date, Date)) {
        self.from_on.get_or_insert(from_on);
        self.to_on.get_or_insert(to_on);
    }

    /// The account: what the row says, else the header `tributary-account`. `act_1010` is 1010, `123-456-7890` is
    /// 1234567890.
    pub(crate) fn account(&self, stated: Option<String>, field: &str) -> Result<String, NormalizeError> {
        let said = || self.said("tributary-account").ok();
        required(stated.as_deref().or_else(said), field).map(plain_account)
    }

    /// The currency: what the row says, else the header `tributary-currency`, else the source's.
    pub(crate) fn currency(&self, stated: Option<Currency>, field: &str) -> Result<Currency, NormalizeError> {
        required(stated.or(self.default_currency), field)
    }

    /// The account's zone: what the row says, else the header `tributary-account-zone`, else the source's.
    pub(crate) fn zone(&self, stated: Option<String>, field: &str, account: &str) -> Result<String, NormalizeError> {
        let header = ("tributary-account-zone", self.raw.header("tributary-account-zone").map(str::to_owned));
        let configured = ("zone", self.zone.map(str::to_owned));
        let found = [(field, stated), header, configured].into_iter().find_map(|(at, zone)| Some((at, zone?)));
        let (field, zone) = found.ok_or_else(|| NormalizeError::MissingZone { account: account.to_owned() })?;
        model::time::zone(&zone).map_err(|error| NormalizeError::unknown_zone(field, &error))?;
        Ok(zone)
    }

    /// A row's day, which must lie in the declared scope: what a pull does not cover it must not state.
    pub(crate) fn day(&self, row: &Object<'_>, field: &str) -> Result<Date, NormalizeError> {
        self.covered(required(row.day(field)?, field)?, field)
    }

    /// The day, where it lies in the declared scope.
    pub(crate) fn covered(&self, on: Date, field: &str) -> Result<Date, NormalizeError> {
        let inside = self.from_on.is_none_or(|from| from <= on) && self.to_on.is_none_or(|to| on <= to);
        let expected = || format!("a day of the declared scope, {} to {}", or_any(self.from_on), or_any(self.to_on));
        if inside { Ok(on) } else { Err(NormalizeError::malformed(field, &on.to_string(), &expected())) }
    }

    fn said(&self, header: &'static str) -> Result<&'a str, NormalizeError> {
        let value = self.raw.header(header).map(str::trim).filter(|value| !value.is_empty());
        value.ok_or(NormalizeError::MissingHeader { header })
    }

    fn one_of(&self, header: &'static str, known: &[&'static str]) -> Result<&'static str, NormalizeError> {
        let said = self.said(header)?;
        let found = known.iter().find(|name| **name == said).copied();
        found.ok_or_else(|| NormalizeError::malformed(header, said, &format!("one of {}", known.join(", "))))
    }

    fn bounds(&self, seen: (Date, Date)) -> (Date, Date) {
        (self.from_on.unwrap_or(seen.0), self.to_on.unwrap_or(seen.1))
    }
}

impl Books {
    /// Notes that a row of `report` stands at `place`, whose entity is called `name`.
    pub(crate) fn row(&mut self, place: &Place, report: &'static str, name: Option<String>) {
        let known = self.names.entry(place.clone()).or_default();
        *known = std::mem::take(known).max(name.unwrap_or_default());
        let days = self.days.entry(PullOf::of(place, report)).or_insert((place.on, place.on));
        *days = (days.0.min(place.on), days.1.max(place.on));
    }

    /// Adds to a claim; zero claims are left out, since a pull without one says zero.
    pub(crate) fn claim(&mut self, place: &Place, of: ClaimOf, claimed: Claimed) -> Result<(), NormalizeError> {
        let entry = self.claims.entry((place.clone(), of)).or_default();
        entry.count_micros = added(entry.count_micros, claimed.count_micros)?;
        entry.value_micros = added(entry.value_micros, claimed.value_micros)?;
        Ok(())
    }

    /// Adds to a cost.
    pub(crate) fn cost(&mut self, place: &Place, delivered: Delivered) -> Result<(), NormalizeError> {
        let entry = self.costs.entry(place.clone()).or_default();
        entry.impressions = added(entry.impressions, delivered.impressions)?;
        entry.clicks = added(entry.clicks, delivered.clicks)?;
        entry.cost_micros = added(entry.cost_micros, delivered.cost_micros)?;
        Ok(())
    }

    /// A report without rows says that its whole scope is zero. What the scope is must stand beside it, since a wrong
    /// guess would wipe out another report's numbers.
    pub(crate) fn empty(&mut self, scope: &Scope<'_>) -> Result<(), NormalizeError> {
        let account = plain_account(scope.said("tributary-account")?);
        let report = scope.one_of("tributary-report", &["delivery", "conversions"])?;
        let level = scope.one_of("tributary-level", &["account", "campaign", "ad_group", "ad"])?;
        let zone = scope.zone(None, "zone", &account)?;
        let from_on = scope.from_on.ok_or(NormalizeError::MissingHeader { header: "tributary-pull-from" })?;
        let to_on = scope.to_on.ok_or(NormalizeError::MissingHeader { header: "tributary-pull-to" })?;
        self.days.insert(PullOf { account, report, level, zone }, (from_on, to_on));
        Ok(())
    }

    /// The key of the report: its accounts, its content, and what was said of its scope beside it, so that a report
    /// that was taken in with a wrong zone, currency or days can be taken in again. A report without rows is known by its
    /// scope alone. A stated time of the pull makes it a pull of its own: what a platform restates to A, to B and back to
    /// A are three.
    pub(crate) fn key(&self, raw: &RawRecord) -> RecordKey {
        let mut accounts: Vec<&str> = self.days.keys().map(|pull| pull.account.as_str()).collect();
        accounts.dedup();
        let said = ["tributary-pull-from", "tributary-pull-to", "tributary-account-zone"].map(|name| raw.header(name));
        let mut id = format!("{}/{}", raw.content_hash(), said.map(|text| text.unwrap_or("-")).join("/"));
        for pull in self.days.keys().filter(|_| self.names.is_empty()) {
            id.push_str(&format!("/{}/{}", pull.report, pull.level));
        }
        if let Ok(Some(currency)) = currency(raw) {
            id.push_str(&format!("/{}", currency.code()));
        }
        if let Ok(Some(pulled_at)) = pulled_at(raw) {
            id.push_str(&format!("/{pulled_at}"));
        }
        RecordKey { source: Arc::clone(&raw.source), node: accounts.join(","), id }
    }

    /// Pulls, then costs, then claims, each in the order of place and claim.
    pub(crate) fn facts(self, scope: &Scope<'_>, stamp: &Stamp, complete: bool) -> Vec<Fact> {
        let platform = scope.platform;
        let names = self.names;
        let name = |place: &Place| names.get(place).cloned().unwrap_or_default();
        let pulls = self.days.into_iter().map(|(of, seen)| {
            let (from_on, to_on) = scope.bounds(seen);
            Fact::Pull(Pull {
                meta: stamp.report_meta(),
                platform: platform.to_owned(),
                account: of.account,
                report: of.report.to_owned(),
                level: of.level.to_owned(),
                from_on,
                to_on,
                zone: of.zone,
                complete,
            })
        });
        let some_cost = |d: &Delivered| d.impressions != 0 || d.clicks != 0 || d.cost_micros != 0;
        let costs = self.costs.into_iter().filter(|(_, delivered)| some_cost(delivered)).map(|(place, delivered)| {
            Fact::Cost(Cost {
                meta: stamp.report_meta(),
                platform: platform.to_owned(),
                entity_name: name(&place),
                account: place.account,
                level: place.level.to_owned(),
                entity_id: place.entity_id,
                on: place.on,
                zone: place.zone,
                impressions: delivered.impressions,
                clicks: delivered.clicks,
                cost_micros: delivered.cost_micros,
                currency: place.currency,
            })
        });
        let some_claim = |c: &Claimed| c.count_micros != 0 || c.value_micros != 0;
        let claims =
            self.claims.into_iter().filter(|(_, claimed)| some_claim(claimed)).map(|((place, of), claimed)| {
                Fact::Claim(Claim {
                    meta: stamp.report_meta(),
                    platform: platform.to_owned(),
                    entity_name: name(&place),
                    account: place.account,
                    level: place.level.to_owned(),
                    entity_id: place.entity_id,
                    on: place.on,
                    zone: place.zone,
                    date_basis: of.date_basis,
                    kind: of.kind,
                    action: of.action,
                    window_hours: of.window_hours,
                    count_micros: claimed.count_micros,
                    value_micros: claimed.value_micros,
                    currency: place.currency,
                })
            });
        pulls.chain(costs).chain(claims).collect()
    }
}

impl PullOf {
    fn of(place: &Place, report: &'static str) -> Self {
        Self { account: place.account.clone(), report, level: place.level, zone: place.zone.clone() }
    }
}

/// Refuses columns that are not known: their numbers could change the meaning of the others.
pub(crate) fn known_columns(row: &Object<'_>, known: impl Fn(&str) -> bool, list: &str) -> Result<(), NormalizeError> {
    match row.entries().iter().find(|(key, _)| !known(key)) {
        Some((key, _)) => Err(NormalizeError::UnknownColumn {
            column: crate::personal::masked(key).chars().take(64).collect(),
            known: list.to_owned(),
        }),
        None => Ok(()),
    }
}

/// A platform's answer that is an error, not a report.
pub(crate) fn platform_error(answer: &Object<'_>) -> Result<(), NormalizeError> {
    if answer.get("error").is_none() {
        return Ok(());
    }
    let error = answer.object("error").unwrap_or_default();
    let part = |key| error.id(key).ok().flatten();
    let parts = [part("code"), part("status"), part("type")];
    let code = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let code = crate::personal::masked(if code.is_empty() { "of unknown code" } else { &code }).into_owned();
    Err(NormalizeError::PlatformError { code: code.chars().take(64).collect() })
}

fn day(raw: &RawRecord, header: &str) -> Result<Option<Date>, NormalizeError> {
    let Some(text) = raw.header(header) else { return Ok(None) };
    text.trim().parse().map(Some).map_err(|_| NormalizeError::malformed(header, text, "a day such as 2026-01-05"))
}

/// The currency of the account, where whoever imports the report says so.
fn currency(raw: &RawRecord) -> Result<Option<Currency>, NormalizeError> {
    let header = "tributary-currency";
    let Some(code) = raw.header(header).map(str::trim) else { return Ok(None) };
    Currency::try_from(code).map(Some).map_err(|_| NormalizeError::unknown_currency(header, code))
}

/// When the platform was asked, where whoever imports the report says so.
fn pulled_at(raw: &RawRecord) -> Result<Option<UtcMillis>, NormalizeError> {
    let Some(text) = raw.header("tributary-pulled-at") else { return Ok(None) };
    let expected = "an RFC 3339 instant such as 2026-01-06T05:00:00Z";
    UtcMillis::parse(text.trim())
        .map(Some)
        .map_err(|_| NormalizeError::malformed("tributary-pulled-at", text, expected))
}

/// An account's id as the platform's API writes it, whichever way a person wrote it.
fn plain_account(account: &str) -> String {
    let account = account.trim().trim_start_matches("act_");
    let dashed = account.len() == 12 && account.split('-').map(str::len).eq([3, 3, 4]);
    if dashed { account.replace('-', "") } else { account.to_owned() }
}

fn or_any(day: Option<Date>) -> String {
    day.map_or_else(|| "any day".to_owned(), |day| day.to_string())
}

fn added(a: i64, b: i64) -> Result<i64, NormalizeError> {
    a.checked_add(b)
        .ok_or_else(|| NormalizeError::malformed("metrics", "a sum beyond all numbers", "numbers below 10^12 together"))
}

//! Costs and claims of mapped reports: rows add up in the same books as those of the platforms' own reports.

use std::collections::BTreeMap;

use model::{ClaimKind, DateBasis, Fact, RawRecord};

use super::{
    compile::Compiler,
    evaluate::Frame,
    field::{Field, optional, required},
    fields::{ClaimFields, CostFields},
    file::Expression,
};
use crate::{
    error::NormalizeError,
    report::{Books, ClaimOf, Claimed, Delivered, Place, Scope},
    source::Stamp,
};

const LEVELS: [(&str, &str); 4] =
    [("account", "account"), ("campaign", "campaign"), ("ad_group", "ad_group"), ("ad", "ad")];
const BASES: [(&str, DateBasis); 2] = [("touch", DateBasis::Touch), ("conversion", DateBasis::Conversion)];
const KINDS: [(&str, ClaimKind); 3] =
    [("click", ClaimKind::Click), ("engaged_view", ClaimKind::EngagedView), ("view", ClaimKind::View)];

/// The header of the account's zone.
const ZONE: &str = "tributary-account-zone";

/// `cost`, ready to read rows.
#[derive(Debug, Clone)]
pub(crate) struct CostTemplate {
    place: PlaceTemplate,
    impressions: Option<Field>,
    clicks: Option<Field>,
    cost: Field,
}

/// `claim`, ready to read rows.
#[derive(Debug, Clone)]
pub(crate) struct ClaimTemplate {
    place: PlaceTemplate,
    date_basis: Field,
    kind: Option<Field>,
    action: Field,
    window_hours: Option<Field>,
    count: Option<Field>,
    value: Option<Field>,
}

#[derive(Debug, Clone)]
struct PlaceTemplate {
    path: String,
    platform: Field,
    account: Option<Field>,
    level: Field,
    entity_id: Field,
    entity_name: Option<Field>,
    day: Field,
    zone: Option<Field>,
    currency: Option<Field>,
}

/// The texts that costs and claims have in common.
struct PlaceTexts<'a> {
    platform: &'a Expression,
    account: &'a Option<Expression>,
    level: &'a Expression,
    entity_id: &'a Expression,
    entity_name: &'a Option<Expression>,
    day: &'a Expression,
    zone: &'a Option<Expression>,
    currency: &'a Option<Expression>,
}

/// The books of one report, by platform.
pub(crate) struct Pulls<'a> {
    raw: &'a RawRecord,
    zone: Option<&'a str>,
    scope: Scope<'a>,
    books: BTreeMap<String, Books>,
}

impl<'a> Pulls<'a> {
    /// Empty books. `zone` is the mapping's.
    pub(crate) fn new(raw: &'a RawRecord, zone: Option<&'a str>) -> Result<Self, NormalizeError> {
        Ok(Self { raw, zone, scope: Scope::mapped(raw, zone, "")?, books: BTreeMap::new() })
    }

    /// Adds what a row says of a cost.
    pub(crate) fn cost<'r>(&mut self, cost: &'r CostTemplate, frame: Frame<'_, 'r>) -> Result<(), NormalizeError> {
        let number = |field| optional(field, |field: &'r Field| field.count(frame)).map(Option::unwrap_or_default);
        let delivered = Delivered {
            impressions: number(&cost.impressions)?,
            clicks: number(&cost.clicks)?,
            cost_micros: cost.cost.micros_rounded(frame)?.unwrap_or_default(),
        };
        let (books, place) = self.place(&cost.place, "delivery", frame)?;
        books.cost(&place, delivered)
    }

    /// Adds what a row says of a claim.
    pub(crate) fn claim<'r>(&mut self, claim: &'r ClaimTemplate, frame: Frame<'_, 'r>) -> Result<(), NormalizeError> {
        let number =
            |field| optional(field, |field: &'r Field| field.micros_rounded(frame)).map(Option::unwrap_or_default);
        let of = ClaimOf {
            date_basis: required(&claim.date_basis, |field| field.one_of(frame, &BASES))?,
            kind: optional(&claim.kind, |field| field.one_of(frame, &KINDS))?.unwrap_or(ClaimKind::Click),
            action: required(&claim.action, |field| field.text(frame))?,
            window_hours: optional(&claim.window_hours, |field| field.count(frame))?,
        };
        let claimed = Claimed { count_micros: number(&claim.count)?, value_micros: number(&claim.value)? };
        let (books, place) = self.place(&claim.place, "conversions", frame)?;
        books.claim(&place, of, claimed)
    }

    /// Pulls, costs and claims, by platform. A report without rows says that its whole scope is zero, which needs the
    /// `platform` that the mapping names without looking at a row.
    pub(crate) fn facts(mut self, platform: Option<&str>, stamp: &Stamp) -> Result<Vec<Fact>, NormalizeError> {
        if self.books.is_empty() {
            let platform = platform.ok_or_else(|| NormalizeError::MalformedRow {
                problem: "a report without rows, whose platform only a row would say".to_owned(),
            })?;
            let mut books = Books::default();
            books.empty(&self.scope).map_err(|error| unstated(error, ZONE, None))?;
            self.books.insert(platform.to_owned(), books);
        }
        let mut facts = Vec::new();
        for (platform, books) in self.books {
            facts.extend(books.facts(&Scope::mapped(self.raw, self.zone, &platform)?, stamp, true));
        }
        Ok(facts)
    }

    fn place<'r>(
        &mut self,
        template: &'r PlaceTemplate,
        report: &'static str,
        frame: Frame<'_, 'r>,
    ) -> Result<(&mut Books, Place), NormalizeError> {
        let text = |field| optional(field, |field: &'r Field| field.text(frame));
        let needed = |header, name| move |error| unstated(error, header, Some(format!("{}.{name}", template.path)));
        let account = self.scope.account(text(&template.account)?, "account");
        let account = account.map_err(needed("tributary-account", "account"))?;
        let zone = self.scope.zone(text(&template.zone)?, "zone", &account).map_err(needed(ZONE, "zone"))?;
        let currency = optional(&template.currency, |field| field.currency(frame))?;
        let currency = self.scope.currency(currency, "currency").map_err(needed("tributary-currency", "currency"))?;
        let place = Place {
            level: required(&template.level, |field| field.one_of(frame, &LEVELS))?,
            entity_id: required(&template.entity_id, |field| field.text(frame))?,
            on: self.scope.covered(required(&template.day, |field| field.day(frame))?, &template.day.path)?,
            zone,
            currency,
            account,
        };
        let platform = required(&template.platform, |field| field.text(frame))?;
        let books = self.books.entry(platform).or_default();
        books.row(&place, report, text(&template.entity_name)?);
        Ok((books, place))
    }
}

/// What a mapping leaves to the import and the import does not say; any other error as it is.
fn unstated(error: NormalizeError, header: &'static str, field: Option<String>) -> NormalizeError {
    match error {
        NormalizeError::MissingHeader { header } => NormalizeError::Unstated { header, field },
        NormalizeError::Missing { .. } | NormalizeError::MissingZone { .. } => {
            NormalizeError::Unstated { header, field }
        }
        other => other,
    }
}

impl CostTemplate {
    /// Reads `cost` at `path`.
    pub(crate) fn compile(compiler: &mut Compiler<'_>, path: &str, fields: &CostFields) -> Self {
        let CostFields { platform, account, level, entity_id, entity_name, day, zone, currency, .. } = fields;
        let texts = PlaceTexts { platform, account, level, entity_id, entity_name, day, zone, currency };
        Self {
            place: PlaceTemplate::compile(compiler, path, &texts),
            impressions: compiler.optional(&format!("{path}.impressions"), &fields.impressions),
            clicks: compiler.optional(&format!("{path}.clicks"), &fields.clicks),
            cost: compiler.field(&format!("{path}.cost"), &fields.cost),
        }
    }

    /// The expression that names the platform.
    pub(crate) fn platform(&self) -> &Field {
        &self.place.platform
    }
}

impl ClaimTemplate {
    /// Reads `claim` at `path`.
    pub(crate) fn compile(compiler: &mut Compiler<'_>, path: &str, fields: &ClaimFields) -> Self {
        let ClaimFields { platform, account, level, entity_id, entity_name, day, zone, currency, .. } = fields;
        let texts = PlaceTexts { platform, account, level, entity_id, entity_name, day, zone, currency };
        let at = |name: &str| format!("{path}.{name}");
        Self {
            place: PlaceTemplate::compile(compiler, path, &texts),
            date_basis: compiler.choice(&at("date_basis"), &fields.date_basis, &BASES.map(|(name, _)| name)),
            kind: fields.kind.as_ref().map(|kind| compiler.choice(&at("kind"), kind, &KINDS.map(|(name, _)| name))),
            action: compiler.field(&at("action"), &fields.action),
            window_hours: compiler.optional(&at("window_hours"), &fields.window_hours),
            count: compiler.optional(&at("count"), &fields.count),
            value: compiler.optional(&at("value"), &fields.value),
        }
    }

    /// The expression that names the platform.
    pub(crate) fn platform(&self) -> &Field {
        &self.place.platform
    }
}

impl PlaceTemplate {
    fn compile(compiler: &mut Compiler<'_>, path: &str, texts: &PlaceTexts<'_>) -> Self {
        let at = |name: &str| format!("{path}.{name}");
        Self {
            path: path.to_owned(),
            platform: compiler.field(&at("platform"), texts.platform),
            account: compiler.optional(&at("account"), texts.account),
            level: compiler.choice(&at("level"), texts.level, &LEVELS.map(|(name, _)| name)),
            entity_id: compiler.field(&at("entity_id"), texts.entity_id),
            entity_name: compiler.optional(&at("entity_name"), texts.entity_name),
            day: compiler.field(&at("day"), texts.day),
            zone: compiler.optional(&at("zone"), texts.zone),
            currency: compiler.optional(&at("currency"), texts.currency),
        }
    }
}

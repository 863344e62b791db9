//! Google Ads: a `searchStream` answer becomes pulls, costs and claims. Google books conversions on the day of the ad
//! interaction; its `…ByConversionDate` columns on the day of the conversion. A file that people exported (`csv`)
//! becomes the same.

mod columns;
mod csv;

use model::{ClaimKind, DateBasis, RawRecord};

use crate::{
    error::NormalizeError,
    json::{self, Json, Object},
    report::{
        Books, ClaimOf, Claimed, Delivered, Place, Scope, known_columns, platform_error, refusal::settled,
        sheet::is_csv,
    },
    source::{Normalized, Source, SourceConfig, Stamp},
};

/// What an answer's chunk may hold beside its rows.
const CHUNK_KEYS: &[&str] = &[
    "results",
    "fieldMask",
    "requestId",
    "summaryRow",
    "queryResourceConsumption",
    "nextPageToken",
    "totalResultsCount",
];
/// The resources of a row. Reports of other resources (keywords, single clicks) hold only part of a campaign's numbers.
const RESOURCES: &[&str] = &["customer", "campaign", "adGroup", "adGroupAd", "segments", "metrics"];
const SEGMENTS: &[&str] = &[
    "date",
    "hour",
    "week",
    "month",
    "quarter",
    "device",
    "adNetworkType",
    "clickType",
    "conversionAction",
    "conversionActionName",
    "conversionActionCategory",
    "conversionAttributionEventType",
    "conversionLagBucket",
    "conversionOrAdjustmentLagBucket",
    "conversionAdjustment",
    "newVersusReturningCustomers",
    "externalConversionSource",
];
const METRICS: &[&str] = &[
    "impressions",
    "clicks",
    "interactions",
    "costMicros",
    "conversions",
    "conversionsValue",
    "allConversions",
    "allConversionsValue",
    "viewThroughConversions",
    "crossDeviceConversions",
    "crossDeviceConversionsValue",
    "conversionsByConversionDate",
    "conversionsValueByConversionDate",
    "allConversionsByConversionDate",
    "allConversionsValueByConversionDate",
    "crossDeviceConversionsByConversionDate",
    "crossDeviceConversionsValueByConversionDate",
    "currentModelAttributedConversions",
    "currentModelAttributedConversionsValue",
    "platformComparableConversions",
    "platformComparableConversionsValue",
    "platformComparableConversionsByConversionDate",
    "platformComparableConversionsValueByConversionDate",
    "orders",
    "revenueMicros",
    "averageOrderValueMicros",
    "unitsSold",
    "costOfGoodsSoldMicros",
];

/// A count column, its value column, and the action and basis that they are claims of.
const CLAIMS: [(&str, &str, &str, DateBasis); 4] = [
    ("conversions", "conversionsValue", "conversions", DateBasis::Touch),
    ("conversionsByConversionDate", "conversionsValueByConversionDate", "conversions", DateBasis::Conversion),
    ("allConversions", "allConversionsValue", "all_conversions", DateBasis::Touch),
    ("allConversionsByConversionDate", "allConversionsValueByConversionDate", "all_conversions", DateBasis::Conversion),
];

/// One Google Ads source.
pub struct GoogleAds {
    config: SourceConfig,
}

impl GoogleAds {
    /// The adapter of the source that `config` names.
    pub(crate) fn new(config: &SourceConfig) -> Self {
        Self { config: config.clone() }
    }
}

impl Source for GoogleAds {
    fn normalize(&self, raw: &RawRecord) -> Result<Normalized, NormalizeError> {
        if is_csv(&raw.payload) {
            return Ok(settled(raw, csv::read(raw, &self.config)));
        }
        let payload = json::readable(&raw.payload)?;
        let scope = Scope::read(raw, &self.config, "google_ads")?;
        let mut books = Books::default();
        let (mut complete, mut rows) = (true, 0);
        for chunk in chunks(&payload)? {
            platform_error(&chunk)?;
            known_columns(&chunk, |key| CHUNK_KEYS.contains(&key), &CHUNK_KEYS.join(", "))?;
            complete &= chunk.text("nextPageToken")?.is_none();
            rows +=
                chunk.each("results", |row| Ok(row.clone()))?.iter().enumerate().try_fold(0, |count, (at, row)| {
                    read_row(row, &scope, &mut books).map_err(|error| error.within(&format!("results[{at}]")))?;
                    Ok(count + 1)
                })?;
        }
        if rows == 0 {
            books.empty(&scope)?;
        }
        let key = books.key(raw);
        let stamp = Stamp::new(raw, &key);
        Ok(Normalized::facts(key, books.facts(&scope, &stamp, complete)))
    }
}

/// The chunks of a streamed answer, or the one object of a paged one.
fn chunks(payload: &str) -> Result<Vec<Object<'_>>, NormalizeError> {
    let answer = Json::of(payload);
    let parts = answer.list().unwrap_or_else(|| vec![answer]);
    let objects: Option<Vec<_>> = parts.into_iter().map(Json::object).collect();
    objects.ok_or_else(|| NormalizeError::shape("an answer of searchStream was expected: a list of objects, or one"))
}

/// What the conversions of one row rest on.
struct ClaimedRow<'a> {
    place: &'a Place,
    /// The conversion action of a row of a report by action.
    action: Option<&'a str>,
    kind: ClaimKind,
}

impl ClaimedRow<'_> {
    /// Adds the row's claims; `metric` gives a number of the row in millionths by the API's name.
    ///
    /// In a row of one action, `conversions` is the same number as `allConversions` or none of it: it is taken only
    /// where the report lacks the other.
    fn claims<E: From<NormalizeError>>(
        &self,
        metric: &dyn Fn(&str) -> Result<Option<i64>, E>,
        books: &mut Books,
    ) -> Result<(), E> {
        for (count, value, column_action, date_basis) in CLAIMS {
            let all = match count {
                "conversions" => metric("allConversions")?,
                "conversionsByConversionDate" => metric("allConversionsByConversionDate")?,
                _ => None,
            };
            if self.action.is_some() && all.is_some() {
                continue;
            }
            let claimed = Claimed {
                count_micros: metric(count)?.unwrap_or_default(),
                value_micros: metric(value)?.unwrap_or_default(),
            };
            let action = self.action.unwrap_or(column_action).to_owned();
            books.claim(self.place, ClaimOf { date_basis, kind: self.kind, action, window_hours: None }, claimed)?;
        }
        let views = metric("viewThroughConversions")?.unwrap_or_default();
        let action = self.action.unwrap_or("view_through_conversions").to_owned();
        let of = ClaimOf { date_basis: DateBasis::Touch, kind: ClaimKind::View, action, window_hours: None };
        Ok(books.claim(self.place, of, Claimed { count_micros: views, value_micros: 0 })?)
    }
}

/// The parts of one row.
struct Row<'a> {
    customer: Object<'a>,
    campaign: Object<'a>,
    ad_group: Object<'a>,
    ad: Object<'a>,
    segments: Object<'a>,
    metrics: Object<'a>,
}

fn read_row(row: &Object<'_>, scope: &Scope<'_>, books: &mut Books) -> Result<(), NormalizeError> {
    known_columns(row, |key| RESOURCES.contains(&key), &RESOURCES.join(", "))?;
    let row = Row::read(row)?;
    let (place, name) = row.place(scope)?;
    let action = row.action()?;
    books.row(&place, if action.is_some() { "conversions" } else { "delivery" }, name);
    let claimed = ClaimedRow {
        place: &place,
        action: action.as_deref(),
        kind: row.kind().map_err(|error| error.within("segments"))?,
    };
    let metric = |name: &str| row.metrics.micros_rounded(name).map_err(|error| error.within("metrics"));
    claimed.claims(&metric, books)?;
    if action.is_none() {
        let metric = |key| row.metrics.count(key).map(Option::unwrap_or_default);
        let delivered = Delivered {
            impressions: metric("impressions").map_err(|error| error.within("metrics"))?,
            clicks: metric("clicks").map_err(|error| error.within("metrics"))?,
            cost_micros: metric("costMicros").map_err(|error| error.within("metrics"))?,
        };
        books.cost(&place, delivered)?;
    }
    Ok(())
}

impl<'a> Row<'a> {
    fn read(row: &Object<'a>) -> Result<Self, NormalizeError> {
        let segments = row.object("segments")?;
        let metrics = row.object("metrics")?;
        known_columns(&segments, |key| SEGMENTS.contains(&key), &SEGMENTS.join(", "))
            .map_err(|error| error.within("segments"))?;
        known_columns(&metrics, |key| METRICS.contains(&key), &METRICS.join(", "))
            .map_err(|error| error.within("metrics"))?;
        let ad = row.object("adGroupAd")?.object("ad").map_err(|error| error.within("adGroupAd"))?;
        Ok(Self {
            customer: row.object("customer")?,
            campaign: row.object("campaign")?,
            ad_group: row.object("adGroup")?,
            ad,
            segments,
            metrics,
        })
    }

    /// The account, the lowest entity that the row names, and the entity's name.
    fn place(&self, scope: &Scope<'_>) -> Result<(Place, Option<String>), NormalizeError> {
        let account = scope.account(self.account()?, "customer.id")?;
        let within = |error: NormalizeError| error.within("customer");
        let currency = self.customer.currency("currencyCode").map_err(within)?;
        let currency = scope.currency(currency, "customer.currencyCode")?;
        let zone = scope.zone(self.customer.text("timeZone").map_err(within)?, "customer.timeZone", &account)?;
        let on = scope.day(&self.segments, "date").map_err(|error| error.within("segments"))?;
        let levels = [
            ("ad", &self.ad, "adGroupAd.ad"),
            ("ad_group", &self.ad_group, "adGroup"),
            ("campaign", &self.campaign, "campaign"),
        ];
        for (level, entity, field) in levels {
            let within = |error: NormalizeError| error.within(field);
            if let Some(entity_id) = entity.id("id").map_err(within)? {
                let name = entity.text("name").map_err(within)?;
                return Ok((Place { account, level, entity_id, on, zone, currency }, name));
            }
        }
        let name = self.customer.text("descriptiveName").map_err(within)?;
        Ok((Place { entity_id: account.clone(), account, level: "account", on, zone, currency }, name))
    }

    /// The account's id; rows of conversions by action name it only inside resource names (`customers/123/…`).
    fn account(&self) -> Result<Option<String>, NormalizeError> {
        if let Some(id) = self.customer.id("id").map_err(|error| error.within("customer"))? {
            return Ok(Some(id));
        }
        let named = [
            (&self.customer, "resourceName"),
            (&self.campaign, "resourceName"),
            (&self.ad_group, "resourceName"),
            (&self.segments, "conversionAction"),
        ];
        for (resource, key) in named {
            let name = resource.text(key)?.unwrap_or_default();
            let account = name.strip_prefix("customers/").and_then(|rest| rest.split('/').next());
            if let Some(account) = account.filter(|account| !account.is_empty()) {
                return Ok(Some(account.to_owned()));
            }
        }
        Ok(None)
    }

    /// The conversion action of a row of a report by action.
    fn action(&self) -> Result<Option<String>, NormalizeError> {
        let within = |error: NormalizeError| error.within("segments");
        let name = self.segments.text("conversionActionName").map_err(within)?;
        Ok(name.or(self.segments.text("conversionAction").map_err(within)?))
    }

    /// What the row's conversions rest on, where the report splits them; else clicks.
    fn kind(&self) -> Result<ClaimKind, NormalizeError> {
        let field = "conversionAttributionEventType";
        match self.segments.text(field)?.as_deref() {
            None | Some("INTERACTION" | "UNSPECIFIED" | "UNKNOWN") => Ok(ClaimKind::Click),
            Some("ENGAGED_VIEW") => Ok(ClaimKind::EngagedView),
            Some("IMPRESSION") => Ok(ClaimKind::View),
            Some(other) => Err(NormalizeError::malformed(field, other, "INTERACTION, ENGAGED_VIEW or IMPRESSION")),
        }
    }
}

//! Meta Insights: an answer becomes pulls, costs and claims, one claim per action and window column. Meta books
//! purchases on the day of the conversion. A file that people exported from Ads Manager (`csv`) becomes the same.

mod columns;
mod csv;

use model::{ClaimKind, DateBasis, RawRecord};

use crate::{
    error::NormalizeError,
    json::{self, Object, required},
    report::{
        Books, ClaimOf, Claimed, Delivered, Place, Scope, known_columns, platform_error, refusal::settled,
        sheet::is_csv,
    },
    source::{Normalized, Source, SourceConfig, Stamp},
};

/// Window columns: what they rest on, and for how many hours.
const WINDOWS: [(&str, ClaimKind, i64); 7] = [
    ("1d_click", ClaimKind::Click, 24),
    ("7d_click", ClaimKind::Click, 168),
    ("28d_click", ClaimKind::Click, 672),
    ("1d_view", ClaimKind::View, 24),
    ("7d_view", ClaimKind::View, 168),
    ("28d_view", ClaimKind::View, 672),
    ("1d_ev", ClaimKind::EngagedView, 24),
];
const COLUMNS: &[&str] = &[
    "account_id",
    "account_name",
    "account_currency",
    "campaign_id",
    "campaign_name",
    "adset_id",
    "adset_name",
    "ad_id",
    "ad_name",
    "objective",
    "optimization_goal",
    "attribution_setting",
    "date_start",
    "date_stop",
    "impressions",
    "reach",
    "frequency",
    "clicks",
    "inline_link_clicks",
    "outbound_clicks",
    "unique_clicks",
    "spend",
    "cpc",
    "cpm",
    "ctr",
    "actions",
    "action_values",
    "conversions",
    "conversion_values",
    "cost_per_action_type",
    "purchase_roas",
    "website_purchase_roas",
    "results",
    "cost_per_result",
    "age",
    "gender",
    "country",
    "region",
    "publisher_platform",
    "platform_position",
    "device_platform",
    "impression_device",
    "hourly_stats_aggregated_by_advertiser_time_zone",
];
/// Keys of one action beside its windows: how it is broken down, and what other settings would say.
const ACTION_KEYS: &[&str] = &[
    "action_type",
    "value",
    "action_device",
    "action_destination",
    "conversion_destination",
    "signal_source_bucket",
    "dda",
    "incrementality",
    "inline",
];

/// One Meta Ads source.
pub struct MetaAds {
    config: SourceConfig,
}

impl MetaAds {
    /// The adapter of the source that `config` names.
    pub(crate) fn new(config: &SourceConfig) -> Self {
        Self { config: config.clone() }
    }
}

impl Source for MetaAds {
    fn normalize(&self, raw: &RawRecord) -> Result<Normalized, NormalizeError> {
        if is_csv(&raw.payload) {
            return Ok(settled(raw, csv::read(raw, &self.config)));
        }
        let payload = json::readable(&raw.payload)?;
        let answer = json::top_object(&payload)?;
        platform_error(&answer)?;
        if answer.get("data").is_none() {
            return Err(NormalizeError::missing("data"));
        }
        let scope = Scope::read(raw, &self.config, "meta_ads")?;
        let mut books = Books::default();
        let rows = answer.objects("data")?;
        for (at, row) in rows.iter().enumerate() {
            read_row(row, &scope, &mut books).map_err(|error| error.within(&format!("data[{at}]")))?;
        }
        if rows.is_empty() {
            books.empty(&scope)?;
        }
        let complete = answer.object("paging")?.get("next").is_none();
        let key = books.key(raw);
        let stamp = Stamp::new(raw, &key);
        Ok(Normalized::facts(key, books.facts(&scope, &stamp, complete)))
    }
}

fn read_row(row: &Object<'_>, scope: &Scope<'_>, books: &mut Books) -> Result<(), NormalizeError> {
    known_columns(row, |key| COLUMNS.contains(&key) || key.starts_with("video_"), &COLUMNS.join(", "))?;
    let (place, name) = place(row, scope)?;
    books.row(&place, "delivery", name);
    let number = |key| row.count(key).map(Option::unwrap_or_default);
    books.cost(
        &place,
        Delivered {
            impressions: number("impressions")?,
            clicks: number("clicks")?,
            cost_micros: row.micros_rounded("spend")?.unwrap_or_default(),
        },
    )?;
    for list in ["actions", "action_values"] {
        for (at, action) in row.objects(list)?.iter().enumerate() {
            read_action(action, list, &place, books).map_err(|error| error.within(&format!("{list}[{at}]")))?;
        }
    }
    Ok(())
}

/// The account, the lowest entity that the row names, and the entity's name.
fn place(row: &Object<'_>, scope: &Scope<'_>) -> Result<(Place, Option<String>), NormalizeError> {
    let account = scope.account(row.id("account_id")?, "account_id")?;
    let currency = scope.currency(row.currency("account_currency")?, "account_currency")?;
    let zone = scope.zone(None, "zone", &account)?;
    let on = scope.day(row, "date_start")?;
    let stop = required(row.day("date_stop")?, "date_stop")?;
    if stop != on {
        let expected = "the day of \"date_start\" (pull with time_increment=1)";
        return Err(NormalizeError::malformed("date_stop", &stop.to_string(), expected));
    }
    for (level, id, name) in [
        ("ad", "ad_id", "ad_name"),
        ("ad_group", "adset_id", "adset_name"),
        ("campaign", "campaign_id", "campaign_name"),
    ] {
        if let Some(entity_id) = row.id(id)? {
            return Ok((Place { account, level, entity_id, on, zone, currency }, row.text(name)?));
        }
    }
    let name = row.text("account_name")?;
    Ok((Place { entity_id: account.clone(), account, level: "account", on, zone, currency }, name))
}

/// Adds one action's windows, or its total where the report asked for no windows.
fn read_action(action: &Object<'_>, list: &str, place: &Place, books: &mut Books) -> Result<(), NormalizeError> {
    known_columns(action, known_action_key, &ACTION_KEYS.join(", "))?;
    let name = required(action.text("action_type")?, "action_type")?;
    let mut windows = Vec::new();
    for (column, kind, hours) in WINDOWS {
        windows.extend(action.micros_rounded(column)?.map(|micros| (kind, Some(hours), micros)));
    }
    if windows.is_empty() {
        windows.extend(action.micros_rounded("value")?.map(|micros| (ClaimKind::Click, None, micros)));
    }
    windows.into_iter().try_for_each(|(kind, window_hours, micros)| {
        let of = ClaimOf { date_basis: DateBasis::Conversion, kind, action: name.clone(), window_hours };
        books.claim(place, of, if list == "actions" { counted(micros) } else { valued(micros) })
    })
}

/// A number of conversions, in millionths.
fn counted(count_micros: i64) -> Claimed {
    Claimed { count_micros, value_micros: 0 }
}

/// What conversions were worth, in micros.
fn valued(value_micros: i64) -> Claimed {
    Claimed { count_micros: 0, value_micros }
}

fn known_action_key(key: &str) -> bool {
    WINDOWS.iter().any(|(column, ..)| *column == key)
        || ACTION_KEYS.contains(&key)
        || key.starts_with("skan_")
        || key.ends_with("_first_conversion")
        || key.ends_with("_all_conversions")
}

//! Google Ads `searchStream` answers at campaign level: an array of chunks, int64 as text, doubles as numbers.

use crate::cents::Cents;
use crate::delivery::Door;
use crate::platforms::{Column, ReportRow, ReportScope};
use crate::shops::{Shop, campaign, shop};
use crate::world::World;
use serde::Serialize;

/// Rows in one chunk of the stream.
const CHUNK_ROWS: usize = 200;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Chunk {
    results: Vec<Row>,
    field_mask: &'static str,
    request_id: &'static str,
}

#[derive(Serialize)]
struct Row {
    customer: Customer,
    campaign: Campaign,
    segments: Segments,
    metrics: Metrics,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Customer {
    resource_name: String,
    id: &'static str,
    currency_code: &'static str,
    time_zone: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Campaign {
    resource_name: String,
    id: &'static str,
    name: &'static str,
    advertising_channel_type: &'static str,
}

#[derive(Serialize)]
struct Segments {
    date: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metrics {
    impressions: String,
    clicks: String,
    cost_micros: String,
    conversions: i64,
    conversions_value: Cents,
    view_through_conversions: &'static str,
    conversions_by_conversion_date: i64,
    conversions_value_by_conversion_date: Cents,
}

/// The file of one pull.
pub(crate) fn report(world: &World, scope: ReportScope) -> (Door, Vec<u8>, Vec<(String, String)>) {
    let shop = shop(scope.shop);
    let rows = world.platforms.report(scope);
    let mut chunks: Vec<Chunk> = rows.chunks(CHUNK_ROWS).map(|rows| chunk(shop, rows)).collect();
    if chunks.is_empty() {
        chunks.push(chunk(shop, &[]));
    }
    let body = serde_json::to_vec(&chunks).expect("maps with text keys are always writable");
    let headers = vec![
        ("tributary-pull-from".to_owned(), scope.from.to_string()),
        ("tributary-pull-to".to_owned(), scope.to.to_string()),
    ];
    let account = shop.google_account.to_owned();
    (Door::GoogleAdsReport { source: scope.platform.source().to_owned(), account }, body, headers)
}

fn chunk(shop: &Shop, rows: &[ReportRow]) -> Chunk {
    Chunk {
        results: rows.iter().map(|found| row(shop, found)).collect(),
        field_mask: "customer.id,customer.currencyCode,customer.timeZone,campaign.id,campaign.name,\
            campaign.advertisingChannelType,segments.date,metrics.impressions,metrics.clicks,metrics.costMicros,\
            metrics.conversions,metrics.conversionsValue,metrics.viewThroughConversions,\
            metrics.conversionsByConversionDate,metrics.conversionsValueByConversionDate",
        request_id: "simulated",
    }
}

fn row(shop: &Shop, row: &ReportRow) -> Row {
    let found = campaign(row.campaign);
    let tally = |column| row.columns.get(&column).copied().unwrap_or_default();
    let (by_click, by_conversion) = (tally(Column::Conversions), tally(Column::ConversionsByConversionDate));
    let customer = format!("customers/{}", shop.google_account);
    Row {
        campaign: Campaign {
            resource_name: format!("{customer}/campaigns/{}", found.id),
            id: found.id,
            name: found.name,
            advertising_channel_type: found.kind,
        },
        customer: Customer {
            resource_name: customer,
            id: shop.google_account,
            currency_code: shop.currency,
            time_zone: shop.zone,
        },
        segments: Segments { date: row.on.to_string() },
        metrics: Metrics {
            impressions: row.spend.impressions.to_string(),
            clicks: row.spend.clicks.to_string(),
            cost_micros: row.spend.cost.micros().to_string(),
            conversions: by_click.count,
            conversions_value: by_click.value,
            view_through_conversions: "0",
            conversions_by_conversion_date: by_conversion.count,
            conversions_value_by_conversion_date: by_conversion.value,
        },
    }
}

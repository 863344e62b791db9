//! Meta Insights answers at campaign level by day: every number is text, windows stand beside the default value.

use crate::cents::Cents;
use crate::delivery::Door;
use crate::platforms::{Column, ReportRow, ReportScope, Tally};
use crate::shops::{Shop, campaign, shop};
use crate::world::World;
use serde_json::{Map, Value, json};

/// The file of one pull.
pub(crate) fn report(world: &World, scope: ReportScope) -> (Door, Vec<u8>, Vec<(String, String)>) {
    let shop = shop(scope.shop);
    let rows: Vec<Value> = world.platforms.report(scope).iter().map(|found| row(shop, found)).collect();
    let body = json!({"data": rows, "paging": {"cursors": {"before": "MAZDZD", "after": "MjQZD"}}});
    let body = serde_json::to_vec(&body).expect("a JSON value is always writable");
    let headers = vec![
        ("tributary-pull-from".to_owned(), scope.from.to_string()),
        ("tributary-pull-to".to_owned(), scope.to.to_string()),
        ("tributary-account-zone".to_owned(), shop.zone.to_owned()),
    ];
    let account = shop.meta_account.to_owned();
    (Door::MetaReport { source: scope.platform.source().to_owned(), account }, body, headers)
}

/// Meta's default setting: clicks within seven days and views within one.
pub(crate) fn default_setting(row: &ReportRow) -> Tally {
    let tally = |column| row.columns.get(&column).copied().unwrap_or_default();
    let (clicks, views) = (tally(Column::Click7d), tally(Column::View1d));
    Tally { count: clicks.count + views.count, value: Cents(clicks.value.0 + views.value.0) }
}

fn row(shop: &Shop, row: &ReportRow) -> Value {
    let found = campaign(row.campaign);
    let clicks = row.spend.clicks.to_string();
    let mut actions = vec![json!({"action_type": "link_click", "value": clicks})];
    let mut values = Vec::new();
    if !row.columns.is_empty() {
        actions.push(purchases(row, |tally| tally.count.to_string()));
        values.push(purchases(row, |tally| tally.value.to_string()));
    }
    json!({
        "account_id": shop.meta_account,
        "account_currency": shop.currency,
        "campaign_id": found.id,
        "campaign_name": found.name,
        "objective": found.kind,
        "date_start": row.on.to_string(),
        "date_stop": row.on.to_string(),
        "attribution_setting": "7d_click_1d_view",
        "impressions": row.spend.impressions.to_string(),
        "clicks": (row.spend.clicks + row.spend.clicks / 3).to_string(),
        "inline_link_clicks": clicks,
        "spend": row.spend.cost.to_string(),
        "actions": actions,
        "action_values": values,
    })
}

/// The `omni_purchase` element; a window without purchases is absent, as Meta leaves it out.
fn purchases(row: &ReportRow, text: impl Fn(Tally) -> String) -> Value {
    let mut element = Map::new();
    element.insert("action_type".to_owned(), json!("omni_purchase"));
    element.insert("value".to_owned(), json!(text(default_setting(row))));
    for (column, name) in [(Column::Click1d, "1d_click"), (Column::Click7d, "7d_click"), (Column::View1d, "1d_view")] {
        if let Some(tally) = row.columns.get(&column) {
            element.insert(name.to_owned(), json!(text(*tally)));
        }
    }
    Value::Object(element)
}

//! What the platforms claim at last: the newest report covers every day, so it alone counts.

use super::{AccountTruth, ClaimTruth, ClaimedTruth};
use crate::meta_ads::default_setting;
use crate::platforms::{Column, ReportRow, ReportScope, Tally};
use crate::shops::{Platform, Shop, campaign, shop};
use crate::world::World;
use std::collections::BTreeMap;

/// One account's rows with their sums.
pub(super) struct Account {
    pub(super) rows: Vec<ClaimTruth>,
    pub(super) sums: AccountTruth,
}

/// Every account by (platform, account).
pub(super) fn accounts(world: &World) -> Vec<Account> {
    let accounts = [Platform::Google, Platform::Meta].into_iter().flat_map(|platform| [(platform, 0), (platform, 1)]);
    accounts.map(|(platform, shop)| account(world, platform, shop)).collect()
}

fn account(world: &World, platform: Platform, index: u8) -> Account {
    let (from, to) = (world.config.start_on, world.config.end_on());
    let scope = ReportScope { shop: index, platform, from, to, known_ms: i64::MAX };
    let shop = shop(index);
    let rows: Vec<ClaimTruth> =
        world.platforms.report(scope).iter().map(|row| claim(platform, shop, row)).filter(is_something).collect();
    let mut columns: BTreeMap<String, ClaimedTruth> = BTreeMap::new();
    for (name, claimed) in rows.iter().flat_map(|row| &row.columns) {
        let sum = columns.entry(name.clone()).or_default();
        sum.count += claimed.count;
        sum.value_micros += claimed.value_micros;
    }
    let planted = world.platforms.planted.get(&(index, platform)).copied().unwrap_or_default();
    let sums = AccountTruth {
        source: platform.source().to_owned(),
        account: shop.account(platform).to_owned(),
        currency: shop.currency.to_owned(),
        cost_micros: rows.iter().map(|row| row.cost_micros).sum(),
        columns,
        planted: claimed(planted),
    };
    Account { rows, sums }
}

fn claim(platform: Platform, shop: &Shop, row: &ReportRow) -> ClaimTruth {
    let mut columns: BTreeMap<String, ClaimedTruth> =
        row.columns.iter().map(|(column, tally)| (name(*column).to_owned(), claimed(*tally))).collect();
    if platform == Platform::Meta && !columns.is_empty() {
        columns.insert("value".to_owned(), claimed(default_setting(row)));
    }
    ClaimTruth {
        source: platform.source().to_owned(),
        account: shop.account(platform).to_owned(),
        campaign: campaign(row.campaign).id.to_owned(),
        on: row.on,
        currency: shop.currency.to_owned(),
        impressions: row.spend.impressions,
        clicks: row.spend.clicks,
        cost_micros: row.spend.cost.micros(),
        columns,
    }
}

fn is_something(row: &ClaimTruth) -> bool {
    row.impressions != 0 || row.clicks != 0 || row.cost_micros != 0 || !row.columns.is_empty()
}

fn claimed(tally: Tally) -> ClaimedTruth {
    ClaimedTruth { count: tally.count, value_micros: tally.value.micros() }
}

fn name(column: Column) -> &'static str {
    match column {
        Column::Conversions => "conversions",
        Column::ConversionsByConversionDate => "conversions_by_conversion_date",
        Column::Click1d => "1d_click",
        Column::Click7d => "7d_click",
        Column::View1d => "1d_view",
    }
}

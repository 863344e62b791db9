//! The constants of the world: two shops, their sources, their ad accounts and campaigns. A demo configures the product
//! from these, so every key and secret a payload carries is found here.

use jiff::tz::TimeZone;

/// Zone in which the truth cuts its weeks and months.
pub const REPORTING_ZONE: &str = "Europe/Berlin";

/// A shop, the web source that tracks its storefront, and its ad accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shop {
    /// Source name of its Shopify webhooks.
    pub source: &'static str,
    /// ISO 4217 code in which it sells and in which its ad accounts bill.
    pub currency: &'static str,
    /// True where prices contain the tax.
    pub taxes_included: bool,
    /// Tax rate in percent of the ex-tax amount.
    pub tax_percent: i64,
    /// Name of the tax on documents.
    pub tax_title: &'static str,
    /// Value of `X-Shopify-Shop-Domain`.
    pub domain: &'static str,
    /// Secret that signs its webhooks, used as text.
    pub secret: &'static str,
    /// Storefront origin, without a final slash.
    pub storefront: &'static str,
    /// Source name of its Segment events.
    pub web_source: &'static str,
    /// Segment write key of that source.
    pub write_key: &'static str,
    /// IANA zone of the shop and of its ad accounts.
    pub zone: &'static str,
    /// Locale of its visitors.
    pub locale: &'static str,
    /// Google Ads customer id, ten digits.
    pub google_account: &'static str,
    /// Meta ad account id, without `act_`.
    pub meta_account: &'static str,
}

/// An ad platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Platform {
    Google,
    Meta,
}

/// One campaign of one account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Campaign {
    /// Index into [`SHOPS`].
    pub shop: u8,
    pub platform: Platform,
    /// The platform's id, also in `utm_id`.
    pub id: &'static str,
    pub name: &'static str,
    /// `utm_campaign`.
    pub utm: &'static str,
    /// Google's channel type, or Meta's objective.
    pub kind: &'static str,
    /// Mean cost of a click, in cents of the account currency.
    pub click_cents: i64,
}

/// The two shops.
pub const SHOPS: [Shop; 2] = [
    Shop {
        source: "shop_eu",
        currency: "EUR",
        taxes_included: true,
        tax_percent: 19,
        tax_title: "MwSt",
        domain: "shop-eu.myshopify.com",
        secret: "demo-secret-shop-eu",
        storefront: "https://shop.example",
        web_source: "web_eu",
        write_key: "wk_demo_eu",
        zone: "Europe/Berlin",
        locale: "de-DE",
        google_account: "1234567890",
        meta_account: "1010",
    },
    Shop {
        source: "shop_us",
        currency: "USD",
        taxes_included: false,
        tax_percent: 8,
        tax_title: "Sales Tax",
        domain: "shop-us.myshopify.com",
        secret: "demo-secret-shop-us",
        storefront: "https://us.shop.example",
        web_source: "web_us",
        write_key: "wk_demo_us",
        zone: "America/New_York",
        locale: "en-US",
        google_account: "2345678901",
        meta_account: "2020",
    },
];

/// Every campaign of every account.
pub(crate) const CAMPAIGNS: [Campaign; 16] = [
    google(0, ["111", "Brand DE", "brand_de", "SEARCH"], 45),
    google(0, ["112", "Generic Kitchen", "generic_kitchen", "SEARCH"], 82),
    google(0, ["113", "Shopping DE", "shopping_de", "SHOPPING"], 58),
    google(0, ["114", "Performance Max DE", "pmax_de", "PERFORMANCE_MAX"], 66),
    google(1, ["211", "Brand US", "brand_us", "SEARCH"], 60),
    google(1, ["212", "Generic Mugs", "generic_mugs", "SEARCH"], 110),
    google(1, ["213", "Shopping US", "shopping_us", "SHOPPING"], 74),
    meta(0, ["2301", "Prospecting", "prospecting"], 71),
    meta(0, ["2302", "Retargeting", "retargeting"], 52),
    meta(0, ["2303", "Spring Lookalike", "spring_lookalike"], 88),
    meta(1, ["3301", "Prospecting US", "prospecting_us"], 95),
    meta(1, ["3302", "Retargeting US", "retargeting_us"], 63),
    meta(1, ["3303", "Advantage Shopping", "advantage_shopping"], 101),
    google(1, ["214", "Demand Gen US", "demand_gen_us", "DEMAND_GEN"], 49),
    meta(0, ["2304", "Stories", "stories"], 39),
    meta(1, ["3304", "Reels US", "reels_us"], 44),
];

/// `texts` are id, name, `utm_campaign` and channel type.
const fn google(shop: u8, texts: [&'static str; 4], click_cents: i64) -> Campaign {
    let [id, name, utm, kind] = texts;
    Campaign { shop, platform: Platform::Google, id, name, utm, kind, click_cents }
}

/// `texts` are id, name and `utm_campaign`.
const fn meta(shop: u8, texts: [&'static str; 3], click_cents: i64) -> Campaign {
    let [id, name, utm] = texts;
    Campaign { shop, platform: Platform::Meta, id, name, utm, kind: "OUTCOME_SALES", click_cents }
}

impl Shop {
    /// The shop's zone, which is also the zone of its ad accounts.
    pub(crate) fn time_zone(&self) -> TimeZone {
        zone(self.zone)
    }

    /// The account that this shop has with `platform`.
    pub(crate) fn account(&self, platform: Platform) -> &'static str {
        match platform {
            Platform::Google => self.google_account,
            Platform::Meta => self.meta_account,
        }
    }
}

impl Platform {
    /// Source name of the platform's reports.
    pub(crate) fn source(self) -> &'static str {
        match self {
            Self::Google => "google_ads",
            Self::Meta => "meta_ads",
        }
    }
}

/// The shop with this index.
pub(crate) fn shop(index: u8) -> &'static Shop {
    SHOPS.get(usize::from(index)).expect("an index of a shop is 0 or 1")
}

/// The campaign with this index.
pub(crate) fn campaign(index: u8) -> &'static Campaign {
    CAMPAIGNS.get(usize::from(index)).expect("an index of a campaign comes from `campaigns_of`")
}

/// Indexes of the campaigns of one account.
pub(crate) fn campaigns_of(shop: u8, platform: Platform) -> Vec<u8> {
    (0_u8..).zip(&CAMPAIGNS).filter(|(_, c)| c.shop == shop && c.platform == platform).map(|(index, _)| index).collect()
}

/// A zone of the bundled database.
pub(crate) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("the bundled database holds the zones of the constants")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_account_has_three_to_six_campaigns_with_ids_of_their_own() {
        for (shop, platform) in [(0, Platform::Google), (0, Platform::Meta), (1, Platform::Google), (1, Platform::Meta)]
        {
            assert!((3..=6).contains(&campaigns_of(shop, platform).len()));
        }
        let ids: std::collections::BTreeSet<_> = CAMPAIGNS.iter().map(|c| c.id).collect();
        assert_eq!(ids.len(), CAMPAIGNS.len());
    }

    #[test]
    fn the_zones_of_the_constants_exist() {
        for name in SHOPS.iter().map(|s| s.zone).chain([REPORTING_ZONE]) {
            assert_eq!(zone(name).iana_name(), Some(name));
        }
    }
}

//! The columns of Meta Ads Manager's exports, by their English names, and what each holds.

use model::{ClaimKind, Currency};

use crate::meta_ads::WINDOWS;

use Role::{Account, AccountName, Action, Aside, Clicks, Code, Day, Ends, Id, Impressions, Name, Of, Spend, Starts};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
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
pub(super) struct ActionColumn {
    pub(super) name: &'static str,
    pub(super) value: bool,
    pub(super) window: Option<(ClaimKind, i64)>,
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
pub(super) const LEVELS: [(&str, &str); 3] = [("ad", "Ad ID"), ("ad_group", "Ad set ID"), ("campaign", "Campaign ID")];
/// Columns that a header is known by, as an error names them.
pub(super) const EXAMPLES: &str = "\"Day\", \"Campaign ID\", \"Amount spent (EUR)\"";
/// All that is read, as an error names it.
pub(super) const READS: &str = "Day, Reporting starts, Reporting ends, Account ID, Campaign ID, Campaign name, Ad set ID, Ad ID, Impressions, Clicks (all), Amount spent, Purchases, Purchases conversion value, other purchases and adds to cart, Link clicks, Landing page views, each also by window (7-day click, 1-day view), deliveries, breakdowns of a day and ratios";

/// What a column of this name holds, and the currency that its name ends with.
pub(super) fn column(name: &str) -> Option<(Role, Option<Currency>)> {
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

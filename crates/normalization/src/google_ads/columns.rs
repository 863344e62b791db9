//! The columns of Google Ads' exports, by their English names, and what each holds.

use Role::{AccountName, Action, Aside, Currency, Customer, Day, Event, Id, Metric, Name, Of, Zone};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Day,
    Customer,
    AccountName,
    Currency,
    Zone,
    /// Of the entity at this level: its id, its name, anything else that splits rows by it.
    Id(&'static str),
    Name(&'static str),
    Of(&'static str),
    Action,
    Event,
    /// A number, by the API's name.
    Metric(&'static str),
    /// Changes no other number: a ratio, or a split of one day whose rows add up.
    Aside,
}

const COLUMNS: &[(&str, Role)] = &[
    ("day", Day),
    ("customer id", Customer),
    ("account", AccountName),
    ("account name", AccountName),
    ("currency code", Currency),
    ("currency", Currency),
    ("time zone", Zone),
    ("campaign id", Id("campaign")),
    ("campaign", Name("campaign")),
    ("campaign state", Of("campaign")),
    ("campaign status", Of("campaign")),
    ("campaign type", Of("campaign")),
    ("campaign subtype", Of("campaign")),
    ("ad group id", Id("ad_group")),
    ("ad group", Name("ad_group")),
    ("ad group state", Of("ad_group")),
    ("ad group status", Of("ad_group")),
    ("ad group type", Of("ad_group")),
    ("ad id", Id("ad")),
    ("ad name", Name("ad")),
    ("ad state", Of("ad")),
    ("ad status", Of("ad")),
    ("ad type", Of("ad")),
    ("conversion action", Action),
    ("conversion name", Action),
    ("ad event type", Event),
    ("impr.", Metric("impressions")),
    ("impressions", Metric("impressions")),
    ("clicks", Metric("clicks")),
    ("cost", Metric("costMicros")),
    ("conversions", Metric("conversions")),
    ("conv. value", Metric("conversionsValue")),
    ("conversions (by conv. time)", Metric("conversionsByConversionDate")),
    ("conv. value (by conv. time)", Metric("conversionsValueByConversionDate")),
    ("all conv.", Metric("allConversions")),
    ("all conv. value", Metric("allConversionsValue")),
    ("all conv. (by conv. time)", Metric("allConversionsByConversionDate")),
    ("all conv. value (by conv. time)", Metric("allConversionsValueByConversionDate")),
    ("view-through conv.", Metric("viewThroughConversions")),
    ("interactions", Aside),
    ("invalid clicks", Aside),
    ("viewable impr.", Aside),
    ("cross-device conv.", Aside),
    ("cross-device conv. value", Aside),
    ("cross-device conv. (by conv. time)", Aside),
    ("cross-device conv. value (by conv. time)", Aside),
    ("conversions (current model)", Aside),
    ("conv. value (current model)", Aside),
    ("ctr", Aside),
    ("hour of the day", Aside),
    ("day of the week", Aside),
    ("week", Aside),
    ("month", Aside),
    ("quarter", Aside),
    ("year", Aside),
    ("device", Aside),
    ("network", Aside),
    ("network (with search partners)", Aside),
    ("click type", Aside),
    ("conversion category", Aside),
    ("conversion source", Aside),
    ("days to conversion", Aside),
    ("status", Aside),
    ("status reasons", Aside),
    ("budget", Aside),
    ("budget name", Aside),
    ("budget type", Aside),
    ("bid strategy", Aside),
    ("bid strategy type", Aside),
    ("optimization score", Aside),
    ("labels", Aside),
];
/// Levels from the lowest, with the name of their id's column.
pub(super) const LEVELS: [(&str, &str); 3] =
    [("ad", "Ad ID"), ("ad_group", "Ad group ID"), ("campaign", "Campaign ID")];
/// Columns that a header is known by, as an error names them.
pub(super) const EXAMPLES: &str = "\"Day\", \"Campaign ID\", \"Cost\"";
/// All that is read, as an error names it.
pub(super) const READS: &str = "Day, Customer ID, Currency code, Campaign ID, Campaign, Ad group ID, Ad ID, Conversion action, Impr., Clicks, Cost, Conversions, Conv. value, All conv., All conv. value, View-through conv., the same (by conv. time), states, segments of a day and ratios";

/// What a column of this name holds. Ratios are known by their form, since there are dozens.
pub(super) fn role(name: &str) -> Option<Role> {
    let name = name.to_lowercase();
    let known = COLUMNS.iter().find(|(column, _)| *column == name).map(|(_, role)| *role);
    let base = name.trim_end_matches(" (by conv. time)");
    let ratio = base.starts_with("avg. ")
        || base.contains(" / ")
        || [" rate", "%", " share"].iter().any(|end| base.ends_with(end))
        || base.starts_with("search ") && base.contains(" lost ");
    known.or_else(|| ratio.then_some(Aside))
}

/// Whether the API counts it in whole numbers.
pub(super) fn is_whole(metric: &str) -> bool {
    matches!(metric, "impressions" | "clicks")
}

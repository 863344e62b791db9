//! What ad platforms report: pulls, and in them claims and costs.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{fact::FactMeta, money::Currency};

/// On which day a platform books a conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateBasis {
    /// The day of the click or view.
    Touch,
    /// The day of the conversion.
    Conversion,
}

/// What kind of contact with an ad a claim rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimKind {
    /// A click.
    Click,
    /// A view that counts as engaged.
    EngagedView,
    /// A view.
    View,
}

/// One report of one account, taken at one instant (`meta.received_at`). It replaces what older pulls said of its scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pull {
    /// Key, source and instants.
    pub meta: FactMeta,
    /// `google_ads`, `meta_ads`.
    pub platform: String,
    /// Account id.
    pub account: String,
    /// Which report: `delivery`, `conversions`.
    pub report: String,
    /// `account`, `campaign`, `ad_group`, `ad`.
    pub level: String,
    /// First day of the scope, in `zone`.
    pub from_on: Date,
    /// Last day of the scope, in `zone`.
    pub to_on: Date,
    /// The account's IANA zone.
    pub zone: String,
    /// False where the platform said that more pages follow.
    pub complete: bool,
}

/// One number that a platform claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Key and instants of the pull.
    pub meta: FactMeta,
    /// `google_ads`, `meta_ads`.
    pub platform: String,
    /// Account id.
    pub account: String,
    /// `account`, `campaign`, `ad_group`, `ad`.
    pub level: String,
    /// Id of the campaign, ad group or ad.
    pub entity_id: String,
    /// Its name, where reported.
    pub entity_name: String,
    /// Civil day in `zone`.
    pub on: Date,
    /// The account's IANA zone.
    pub zone: String,
    /// Whose day it is.
    pub date_basis: DateBasis,
    /// What it rests on.
    pub kind: ClaimKind,
    /// The platform's name of the action, such as `conversions` or `omni_purchase`.
    pub action: String,
    /// Hours after the contact within which it counts; none: the account's setting, not in the report.
    pub window_hours: Option<i64>,
    /// Conversions, in millionths, since platforms report fractions.
    pub count_micros: i64,
    /// Value in micros of `currency`.
    pub value_micros: i64,
    /// The account's currency.
    pub currency: Currency,
}

/// What a platform delivered and charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Key and instants of the pull.
    pub meta: FactMeta,
    /// `google_ads`, `meta_ads`.
    pub platform: String,
    /// Account id.
    pub account: String,
    /// `account`, `campaign`, `ad_group`, `ad`.
    pub level: String,
    /// Id of the campaign, ad group or ad.
    pub entity_id: String,
    /// Its name, where reported.
    pub entity_name: String,
    /// Civil day in `zone`.
    pub on: Date,
    /// The account's IANA zone.
    pub zone: String,
    /// Impressions.
    pub impressions: i64,
    /// Clicks.
    pub clicks: i64,
    /// Charge in micros of `currency`.
    pub cost_micros: i64,
    /// The account's currency.
    pub currency: Currency,
}

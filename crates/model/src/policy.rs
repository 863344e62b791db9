//! Attribution policies: the house's, which stewards sign, and each platform's, so that its rule can be run on our facts.

use serde::{Deserialize, Serialize};

/// How an order's value is split over its touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributionModel {
    /// All to the first touch.
    First,
    /// All to the last touch.
    Last,
    /// All to the last touch that is not direct; with only direct touches, the last.
    LastNonDirect,
    /// Equal parts.
    Linear,
    /// First and last weights, the rest in equal parts between.
    PositionBased,
    /// Halves with every half-life before the newest touch.
    TimeDecay,
}

/// On which day a credit falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreditBasis {
    /// The order's day.
    OrderDate,
    /// The credited touch's day.
    TouchDate,
}

/// The house's own rule, signed by its stewards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HousePolicy {
    /// Name, such as `house`.
    pub name: String,
    /// How value is split.
    pub model: AttributionModel,
    /// Hours after a click or campaign visit within which an order counts; closed at both ends.
    pub click_window_hours: i64,
    /// False: direct touches get nothing, unless an order has no other (then it is `unattributed`).
    pub direct_counts: bool,
    /// True: touches before the person's previous order do not count.
    pub order_resets_path: bool,
    /// Weight of the first touch in percent, for `position_based`.
    pub first_weight_percent: i64,
    /// Weight of the last touch in percent, for `position_based`.
    pub last_weight_percent: i64,
    /// Half-life in hours, for `time_decay`.
    pub half_life_hours: i64,
    /// On which day a credit falls.
    pub basis: CreditBasis,
}

/// A platform's own rule, as far as our facts can replay it: last click within the platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformPolicy {
    /// `google_ads`, `meta_ads`.
    pub platform: String,
    /// Hours after a click within which an order counts; closed at both ends.
    pub click_window_hours: i64,
    /// Which click ids mark its clicks: `gclid`, `fbclid`, …
    pub click_ids: Vec<String>,
    /// `utm_source` values that mark its clicks where no click id is present.
    pub utm_sources: Vec<String>,
    /// The action that stands for an order, such as `omni_purchase`.
    pub action: String,
    /// On which day it books.
    pub booking: CreditBasis,
}

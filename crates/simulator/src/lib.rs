//! A shop with known truth: a deterministic world (seed in, bytes out) of people, devices, campaigns, orders and refunds.
//!
//! It has two faces. [`World::payloads`] hands over what the real senders would: Segment batches, Shopify webhooks, Google
//! Ads and Meta reports, late, twice and out of order. [`World::truth`] says what a right product must make of them,
//! reckoned by brute force from the clean events and sharing nothing with the product.

mod arrival;
mod behaviour;
mod broken;
mod catalogue;
mod cents;
mod chance;
mod delivery;
mod google_ads;
mod meta_ads;
mod orders;
mod people;
mod platforms;
mod scene;
mod segment;
mod shopify;
mod shops;
mod truth;
mod world;

pub use broken::{BrokenOutcome, BrokenPayload};
pub use delivery::{Door, Payload};
pub use shops::{REPORTING_ZONE, SHOPS, Shop};
pub use truth::{
    AccountTruth, AssignmentTruth, ClaimTruth, ClaimedTruth, EntryTruth, FunnelTruth, IntakeTruth, MonthTruth,
    OrderTruth, SessionTruth, ShopTruth, Truth, WeekTruth,
};
pub use world::{World, WorldConfig};

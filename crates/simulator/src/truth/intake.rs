//! How much was handed over, and how much of it is new.

use super::IntakeTruth;
use crate::delivery::{Parcel, source_of};
use crate::segment::event_name;
use crate::shops::shop;
use crate::world::World;
use std::collections::BTreeMap;

/// Counts by source.
pub(super) fn count(world: &World) -> BTreeMap<String, IntakeTruth> {
    let mut intake: BTreeMap<String, IntakeTruth> = BTreeMap::new();
    for delivery in &world.schedule {
        let source = intake.entry(source_of(&world.scene, delivery.parcel).to_owned()).or_default();
        let records = match delivery.parcel {
            Parcel::Batch { count, .. } => u64::from(count),
            Parcel::Webhook { .. } | Parcel::Pull { .. } => 1,
        };
        source.deliveries += 1;
        source.records += records;
        if delivery.again {
            source.deliveries_repeated += 1;
            source.duplicates += records;
        }
    }
    for event in &world.scene.events {
        let source = shop(world.scene.device(event.device).shop).web_source;
        *intake.entry(source.to_owned()).or_default().events.entry(event_name(event.action).to_owned()).or_default() +=
            1;
    }
    intake
}

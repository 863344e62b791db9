//! `[identity]` in `config/tributary.toml`: which ids stand for nobody, and from which degree on one is a hub.

use std::collections::BTreeSet;

use identity::HubLimits;
use serde::Deserialize;

/// `[identity]` in `config/tributary.toml`: which ids stand for nobody, and from which degree on one is a hub.
///
/// All instants answer by what is set now.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdentityConfig {
    /// Most distinct known ids (user, customer, contact) on one device or contact, at least 1. With more it is a hub, such
    /// as a kiosk or a shared till, and joins nobody.
    pub known_ids_per_device_max: usize,
    /// Most distinct devices of one known id in one UTC day, at least 1. With more it is a hub, such as a test account.
    pub devices_per_id_per_day_max: usize,
    /// Ids that stand for nobody, beside the shipped ones such as `null`, `0` and `anonymous`. Case and surrounding blanks
    /// do not matter.
    pub rejected_ids: Vec<String>,
}

impl IdentityConfig {
    /// The limits as `identity` knows them.
    #[must_use]
    pub fn hub_limits(&self) -> HubLimits {
        HubLimits {
            known_ids_per_device_max: self.known_ids_per_device_max,
            devices_per_id_per_day_max: self.devices_per_id_per_day_max,
        }
    }

    /// Every id that stands for nobody, the shipped ones too, in lower case.
    #[must_use]
    pub fn all_rejected_ids(&self) -> BTreeSet<String> {
        let own = self.rejected_ids.iter().map(|id| id.trim().to_ascii_lowercase());
        identity::default_rejected_ids().into_iter().chain(own).collect()
    }
}

impl Default for IdentityConfig {
    fn default() -> Self {
        let limits = HubLimits::default();
        Self {
            known_ids_per_device_max: limits.known_ids_per_device_max,
            devices_per_id_per_day_max: limits.devices_per_id_per_day_max,
            rejected_ids: Vec::new(),
        }
    }
}

//! How raw traffic signals are read as source, medium and channel: data that stewards may change, never code.
//!
//! The look-ups over these tables are pure functions of `normalization`; facts store the signals, never the verdict.
//! Every pattern is compared in lower case and is a glob: `*` stands for any characters, `[a-c]` for one of these and
//! `[!a-c]` for one of all others.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `config/channels.yaml`: everything that a visit's source, medium, channel and flags are read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelRules {
    /// Known sites by class. Where several entries match one host, the longest pattern wins.
    pub classes: BTreeMap<SourceClass, SourceClassRules>,
    /// Hosts that send a buyer back, such as payment providers: they continue the session and start no campaign.
    pub continuing_hosts: Vec<HostPattern>,
    /// Hosts of staff and test systems: traffic on them or from them is internal.
    pub internal_hosts: Vec<HostPattern>,
    /// What a click id parameter (lower case) says of a visit.
    pub click_ids: BTreeMap<String, ClickIdRule>,
    /// Parts of user agents (lower case) that mark a bot.
    pub bot_user_agents: Vec<String>,
    /// Channels from the first to the last; the first that matches wins.
    pub channels: Vec<ChannelRule>,
    /// The channel of a visit that none of `channels` matches.
    pub fallback_channel: String,
}

/// A host (`bing.com`, which stands for its subdomains too), or a host in any country's domain (`google.*`).
pub type HostPattern = String;

/// What kind of site a visitor comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceClass {
    /// Search engines.
    Search,
    /// Social networks and messengers.
    Social,
    /// Video sites.
    Video,
    /// Marketplaces and price comparison.
    Shopping,
    /// Web mail.
    Email,
    /// AI assistants.
    Ai,
}

/// The sites of one class and what a referral from them is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceClassRules {
    /// The medium of a visit that a site of this class refers.
    pub medium: String,
    /// The campaign of such a visit, where the class has a name of its own for it.
    #[serde(default)]
    pub campaign: Option<String>,
    /// The source as it is shown, and the hosts and `utm_source` texts that mean it.
    pub sources: BTreeMap<String, Vec<HostPattern>>,
}

/// What one click id parameter says of a visit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClickIdRule {
    /// Source of a visit that names none itself.
    pub source: String,
    /// Medium of a visit that names none itself.
    pub medium: String,
    /// True where the platform adds the parameter to paid clicks only.
    pub paid: bool,
}

/// One channel and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelRule {
    /// Its name, such as `Paid Search`.
    pub channel: String,
    /// The channel matches where any of these does.
    pub when: Vec<ChannelCondition>,
}

/// What must hold together. A part that is left out holds always.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChannelCondition {
    /// The source is one of these patterns.
    pub source: Vec<String>,
    /// The source is of this class.
    pub source_class: Option<SourceClass>,
    /// The medium is one of these patterns.
    pub medium: Vec<String>,
    /// The campaign is one of these patterns.
    pub campaign: Vec<String>,
}

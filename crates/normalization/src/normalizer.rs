//! The front door: finds a record's adapter, numbers its facts, and turns an error into a reject.

use std::{collections::BTreeMap, sync::Arc};

use model::{Fact, FactMeta, RawRecord, RecordKey};

use crate::{
    contact::Contacts,
    error::NormalizeError,
    google_ads::GoogleAds,
    mapping::{Mapping, MappingError, MappingFile},
    meta_ads::MetaAds,
    segment::Segment,
    shopify::Shopify,
    source::{Normalized, Source, SourceConfig, SourceKind, Verdict},
    steward::{self, Stewards},
};

/// All configured sources, and the mappings in force.
pub struct Normalizer {
    sources: BTreeMap<String, Arc<dyn Source>>,
    mappings: BTreeMap<String, Mapping>,
    contact_key: [u8; 32],
}

impl Normalizer {
    /// Adapters for `sources`. `contact_key` hashes e-mail addresses and phone numbers: one per workspace, kept secret,
    /// never changed.
    ///
    /// # Errors
    /// [`NormalizeError::Configuration`] where a source has no name, a name comes twice, or a zone is unknown.
    pub fn new(sources: &[SourceConfig], contact_key: [u8; 32]) -> Result<Self, NormalizeError> {
        let contacts = Contacts::new(contact_key);
        let mut adapters = BTreeMap::new();
        for config in sources {
            check(config)?;
            let taken = adapters.insert(config.name.clone(), adapter(config, &contacts));
            if taken.is_some() {
                return Err(NormalizeError::configuration(&config.name, "is configured twice"));
            }
        }
        Ok(Self { sources: adapters, mappings: BTreeMap::new(), contact_key })
    }

    /// A mapping, compiled, with this workspace's key.
    ///
    /// # Errors
    /// Every mistake of the file.
    pub fn mapping(&self, file: &MappingFile) -> Result<Mapping, Vec<MappingError>> {
        Mapping::new(file, self.contact_key)
    }

    /// The same sources with these mappings in place of all former ones.
    ///
    /// # Errors
    /// [`NormalizeError::Configuration`] where a mapping has the name of a source or of another mapping.
    pub fn with_mappings(&self, mappings: Vec<Mapping>) -> Result<Self, NormalizeError> {
        let mut named = BTreeMap::new();
        for mapping in mappings {
            let name = mapping.name().to_owned();
            if self.has_source(&name) {
                return Err(NormalizeError::configuration(
                    &name,
                    "is configured and is a mapping too; rename the mapping",
                ));
            }
            if named.insert(name.clone(), mapping).is_some() {
                return Err(NormalizeError::configuration(&name, "is mapped by two files"));
            }
        }
        Ok(Self { sources: self.sources.clone(), mappings: named, contact_key: self.contact_key })
    }

    /// True where a configured source, or the house's own, has this name, so that no mapping may.
    #[must_use]
    pub fn has_source(&self, name: &str) -> bool {
        self.sources.contains_key(name) || name == steward::SOURCE
    }

    /// What `raw` becomes. Every record has exactly one verdict; no payload makes this fail.
    #[must_use]
    pub fn normalize(&self, raw: &RawRecord) -> Normalized {
        match self.source(&raw.source).and_then(|source| source.normalize(raw)) {
            Ok(mut normalized) => {
                if let Verdict::Facts(facts) = &mut normalized.verdict {
                    number(facts);
                }
                normalized
            }
            Err(error) => Normalized { key: rejected_key(raw), verdict: Verdict::Rejected(error.reject()) },
        }
    }

    fn source(&self, name: &str) -> Result<&dyn Source, NormalizeError> {
        if name == steward::SOURCE {
            return Ok(&Stewards);
        }
        let adapter = self.sources.get(name).map(AsRef::as_ref);
        let mapping = || self.mappings.get(name).map(|mapping| mapping as &dyn Source);
        adapter.or_else(mapping).ok_or_else(|| NormalizeError::UnknownSource {
            found: name.to_owned(),
            known: self.sources.keys().chain(self.mappings.keys()).cloned().collect::<Vec<_>>().join(", "),
        })
    }
}

/// The key of a record that could not be read: apart from the keys of readable ones, so that what is mended is never a
/// copy of what was refused. Rows of files are told by their place, since equal rows may both be real; what came through
/// a door by its content, since senders send again what was refused.
pub(crate) fn rejected_key(raw: &RawRecord) -> RecordKey {
    let id = match raw.channel.starts_with("file/") {
        true => format!("rejected/{}/{}", raw.channel, raw.offset),
        false => format!("rejected/{}", raw.content_hash()),
    };
    RecordKey { source: Arc::clone(&raw.source), node: String::new(), id }
}

/// The list of adapters: a new source is one line here.
fn adapter(config: &SourceConfig, contacts: &Contacts) -> Arc<dyn Source> {
    match config.kind {
        SourceKind::Segment => Arc::new(Segment::new(config, contacts)),
        SourceKind::Shopify => Arc::new(Shopify::new(config, contacts)),
        SourceKind::GoogleAds => Arc::new(GoogleAds::new(config)),
        SourceKind::MetaAds => Arc::new(MetaAds::new(config)),
    }
}

fn check(config: &SourceConfig) -> Result<(), NormalizeError> {
    if config.name.trim().is_empty() {
        return Err(NormalizeError::configuration(&config.name, "has no name"));
    }
    if config.name == steward::SOURCE {
        return Err(NormalizeError::configuration(&config.name, "is the house's own; choose another name"));
    }
    match &config.zone {
        Some(name) => model::time::zone(name)
            .map(|_| ())
            .map_err(|error| NormalizeError::configuration(&config.name, &format!("has a zone that {error}"))),
        None => Ok(()),
    }
}

/// Counts the facts of each kind from 0.
fn number(facts: &mut [Fact]) {
    let mut next = [0_i32; 9];
    for fact in facts {
        let (table, meta) = table_and_meta(fact);
        if let Some(ordinal) = next.get_mut(table) {
            meta.ordinal = *ordinal;
            *ordinal += 1;
        }
    }
}

fn table_and_meta(fact: &mut Fact) -> (usize, &mut FactMeta) {
    match fact {
        Fact::Event(fact) => (0, &mut fact.meta),
        Fact::OrderVersion(fact) => (1, &mut fact.meta),
        Fact::Refund(fact) => (2, &mut fact.meta),
        Fact::Pull(fact) => (3, &mut fact.meta),
        Fact::Claim(fact) => (4, &mut fact.meta),
        Fact::Cost(fact) => (5, &mut fact.meta),
        Fact::Edge(fact) => (6, &mut fact.meta),
        Fact::Witness(fact) => (7, &mut fact.meta),
        Fact::Rate(fact) => (8, &mut fact.meta),
    }
}

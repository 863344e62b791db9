//! What the channel rules make of events' signals, once per distinct value: events store a hash of them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::Int32Type,
};
use lake::{Reading, SortedFile};
use model::{Signals, traffic::ChannelRules};
use normalization::{Traffic, classify};

use crate::{
    error::EngineError,
    people::columns::{same_texts, stored},
};

/// The channel of those who came by themselves.
pub const DIRECT: &str = "Direct";

/// Distinct signals by their hash, and the files that they were read from. Kept from question to question.
#[derive(Debug, Default)]
pub struct KnownSignals {
    signals: HashMap<String, Arc<Signals>>,
    /// The hashes that each file has.
    files: HashMap<String, HashSet<String>>,
}

/// What one set of channel rules makes of the signals of some files. Nothing is added later, so that all threads read it.
#[derive(Debug, Default)]
pub struct TrafficBook {
    entries: HashMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    traffic: Traffic,
    has_click_id: bool,
    campaign_sign: Option<String>,
}

/// The stored columns that signals are made of, in the order of [`signals_at`].
const COLUMNS: [&str; 11] = [
    "traffic",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_id",
    "utm_term",
    "utm_content",
    "click_id_kind",
    "referrer_host",
    "page_host",
    "user_agent",
];

impl KnownSignals {
    /// Reads the signals of files that were not read before.
    ///
    /// # Errors
    /// [`EngineError`] where a file is damaged.
    pub fn learn(&mut self, files: &[Arc<SortedFile>]) -> Result<(), EngineError> {
        for file in files {
            if self.files.contains_key(&file.entry.name) {
                continue;
            }
            let mut met = HashSet::new();
            for group in 0..file.groups() {
                if self.meet(file, group, &mut met)? {
                    for rows in file.read(group, Reading { columns: &COLUMNS, as_of: None })? {
                        self.learn_rows(&rows?)?;
                    }
                }
            }
            self.files.insert(file.entry.name.clone(), met);
        }
        Ok(())
    }

    /// The hashes of a file's signals.
    #[must_use]
    pub fn of(&self, file: &str) -> Option<&HashSet<String>> {
        self.files.get(file)
    }

    /// Forgets what is known of files that are no more.
    pub fn retain(&mut self, exists: impl Fn(&str) -> bool) {
        self.files.retain(|name, _| exists(name));
    }

    /// Notes the hashes of a row group. True where some are of signals that are not known.
    fn meet(&self, file: &SortedFile, group: usize, met: &mut HashSet<String>) -> Result<bool, EngineError> {
        let (mut last, mut unknown) = (None, false);
        // Every row, in force or not: another question may ask as of another instant.
        for rows in file.read(group, Reading { columns: &["traffic"], as_of: None })? {
            let rows = rows?;
            let hashes = stored(&rows, "traffic")?.as_dictionary::<Int32Type>().values();
            if last.as_ref().is_some_and(|last| same_texts(last, hashes)) {
                continue;
            }
            for hash in hashes.as_string::<i32>().iter().flatten() {
                unknown |= !self.signals.contains_key(hash);
                if !met.contains(hash) {
                    met.insert(hash.to_owned());
                }
            }
            last = Some(Arc::clone(hashes));
        }
        Ok(unknown)
    }

    fn learn_rows(&mut self, rows: &RecordBatch) -> Result<(), EngineError> {
        let traffic = stored(rows, "traffic")?.as_dictionary::<Int32Type>();
        let hashes = traffic.values().as_string::<i32>();
        let mut first: Vec<Option<usize>> = vec![None; hashes.len()];
        for (row, key) in traffic.keys().values().iter().enumerate() {
            first[*key as usize].get_or_insert(row);
        }
        for (hash, row) in hashes.iter().zip(first) {
            let (Some(hash), Some(row)) = (hash, row) else { continue };
            if !self.signals.contains_key(hash) {
                self.signals.insert(hash.to_owned(), Arc::new(signals_at(rows, row)?));
            }
        }
        Ok(())
    }
}

impl TrafficBook {
    /// What `channels` make of everything that is known.
    #[must_use]
    pub fn new(channels: &ChannelRules, known: &KnownSignals) -> Self {
        let entry = |(hash, signals): (&String, &Arc<Signals>)| {
            let traffic = classify(channels, signals);
            let campaign_sign = campaign_sign(&traffic, signals);
            (hash.clone(), Entry { traffic, has_click_id: signals.click_id_kind.is_some(), campaign_sign })
        };
        Self { entries: known.signals.iter().map(entry).collect() }
    }

    /// What tells the campaign of the signals with this hash from others: source, medium, campaign, id and kind of click id,
    /// as sent. `None` where there is none of them.
    ///
    /// # Errors
    /// As [`TrafficBook::verdict`].
    pub fn campaign_sign(&self, hash: &str) -> Result<Option<&str>, EngineError> {
        Ok(self.entry(hash)?.campaign_sign.as_deref())
    }

    /// What the rules make of the signals with this hash.
    ///
    /// # Errors
    /// [`EngineError`] where no file that was read has them.
    pub fn verdict(&self, hash: &str) -> Result<&Traffic, EngineError> {
        Ok(&self.entry(hash)?.traffic)
    }

    /// True where none of a file's signals are a bot's or of an internal visit; and true where none have a click id.
    #[must_use]
    pub fn traits(&self, known: &KnownSignals, file: &str) -> (bool, bool) {
        let Some(hashes) = known.of(file) else { return (false, false) };
        let all = |holds: fn(&Entry) -> bool| hashes.iter().all(|hash| self.entries.get(hash).is_some_and(holds));
        let counted = |entry: &Entry| !entry.traffic.bot && !entry.traffic.internal;
        (all(counted), all(|entry| !entry.has_click_id))
    }

    fn entry(&self, hash: &str) -> Result<&Entry, EngineError> {
        let missing = || tables::TableError::Value {
            column: "traffic",
            row: 0,
            reason: format!("no signals have the hash \"{hash}\""),
        };
        Ok(self.entries.get(hash).ok_or_else(missing)?)
    }
}

fn campaign_sign(traffic: &Traffic, signals: &Signals) -> Option<String> {
    if !traffic.campaign_present || traffic.continues_session {
        return None;
    }
    let parts = [&signals.utm_source, &signals.utm_medium, &signals.utm_campaign, &signals.utm_id];
    Some(format!("{parts:?} {:?}", signals.click_id_kind))
}

fn signals_at(rows: &RecordBatch, row: usize) -> Result<Signals, EngineError> {
    let text = |name: &str| -> Result<Option<String>, EngineError> {
        let texts = stored(rows, name)?.as_dictionary::<Int32Type>();
        Ok(texts.key(row).map(|key| texts.values().as_string::<i32>().value(key).to_owned()))
    };
    Ok(Signals {
        utm_source: text("utm_source")?,
        utm_medium: text("utm_medium")?,
        utm_campaign: text("utm_campaign")?,
        utm_id: text("utm_id")?,
        utm_term: text("utm_term")?,
        utm_content: text("utm_content")?,
        click_id: text("click_id_kind")?.map(|_| String::new()),
        click_id_kind: text("click_id_kind")?,
        referrer_host: text("referrer_host")?,
        page_host: text("page_host")?,
        page_path: None,
        user_agent: text("user_agent")?,
    })
}

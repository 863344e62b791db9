//! What the channel rules make of events' signals, once per distinct value: events store a hash of them.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::Int32Type,
};
use lake::{Reading, SortedFile};
use model::{Signals, traffic::ChannelRules};
use normalization::{Traffic, classify};

use crate::{error::EngineError, people::columns::stored};

/// Distinct signals by their hash, and the files that they were read from. Kept from question to question.
#[derive(Debug, Default)]
pub struct KnownSignals {
    signals: HashMap<String, Arc<Signals>>,
    /// The hashes that each file has.
    files: HashMap<String, HashSet<String>>,
}

/// The verdicts of one set of channel rules.
#[derive(Debug)]
pub struct TrafficBook {
    channels: Arc<ChannelRules>,
    known: Arc<Mutex<KnownSignals>>,
    verdicts: Mutex<HashMap<String, Arc<Traffic>>>,
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
                // Every row, in force or not: another question may ask as of another instant.
                for rows in file.read(group, Reading { columns: &COLUMNS, as_of: None })? {
                    self.learn_rows(&rows?, &mut met)?;
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

    fn learn_rows(&mut self, rows: &RecordBatch, met: &mut HashSet<String>) -> Result<(), EngineError> {
        let traffic = stored(rows, "traffic")?.as_dictionary::<Int32Type>();
        let hashes = traffic.values().as_string::<i32>();
        let mut first: Vec<Option<usize>> = vec![None; hashes.len()];
        for (row, key) in traffic.keys().values().iter().enumerate() {
            first[*key as usize].get_or_insert(row);
        }
        for (hash, row) in hashes.iter().zip(first) {
            let (Some(hash), Some(row)) = (hash, row) else { continue };
            met.insert(hash.to_owned());
            if !self.signals.contains_key(hash) {
                self.signals.insert(hash.to_owned(), Arc::new(signals_at(rows, row)?));
            }
        }
        Ok(())
    }
}

impl TrafficBook {
    /// The verdicts of `channels` on what is known.
    #[must_use]
    pub fn new(channels: Arc<ChannelRules>, known: Arc<Mutex<KnownSignals>>) -> Self {
        Self { channels, known, verdicts: Mutex::default() }
    }

    /// True where no signals of a file are a bot's or of an internal visit.
    ///
    /// # Errors
    /// As [`TrafficBook::verdict`].
    pub fn all_counted(&self, file: &str) -> Result<bool, EngineError> {
        let hashes: Vec<String> = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(hashes) = known.of(file) else { return Ok(false) };
            hashes.iter().cloned().collect()
        };
        for hash in hashes {
            let traffic = self.verdict(&hash)?;
            if traffic.bot || traffic.internal {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// True where no signals of a file are of a click id.
    #[must_use]
    pub fn no_clicks(&self, file: &str) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let unclicked = |hash: &String| known.signals.get(hash).is_some_and(|signals| signals.click_id_kind.is_none());
        known.of(file).is_some_and(|hashes| hashes.iter().all(unclicked))
    }

    /// What tells the campaign of the signals with this hash from others: source, medium, campaign, id and kind of click id,
    /// as sent. `None` where there is none of them.
    ///
    /// # Errors
    /// As [`TrafficBook::verdict`].
    pub fn campaign_sign(&self, hash: &str) -> Result<Option<String>, EngineError> {
        let traffic = self.verdict(hash)?;
        if !traffic.campaign_present || traffic.continues_session {
            return Ok(None);
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let sign = |signals: &Arc<Signals>| {
            let parts = [&signals.utm_source, &signals.utm_medium, &signals.utm_campaign, &signals.utm_id];
            format!("{parts:?} {:?}", signals.click_id_kind)
        };
        Ok(known.signals.get(hash).map(sign))
    }

    /// What the rules make of the signals with this hash.
    ///
    /// # Errors
    /// [`EngineError`] where no file that was read has them.
    pub fn verdict(&self, hash: &str) -> Result<Arc<Traffic>, EngineError> {
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = verdicts.get(hash) {
            return Ok(Arc::clone(known));
        }
        let signals = self.known.lock().unwrap_or_else(PoisonError::into_inner).signals.get(hash).cloned();
        let missing = || tables::TableError::Value {
            column: "traffic",
            row: 0,
            reason: format!("no signals have the hash \"{hash}\""),
        };
        let traffic = Arc::new(classify(&self.channels, &*signals.ok_or_else(missing)?));
        verdicts.insert(hash.to_owned(), Arc::clone(&traffic));
        Ok(traffic)
    }
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

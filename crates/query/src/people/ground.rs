//! What a question about people is asked of: the files of `facts.events` known at an instant, held open, and who is who.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arrow::{
    array::{AsArray, DictionaryArray, RecordBatch},
    datatypes::{Int32Type, Int64Type},
};
use identity::Persons;
use lake::{Lake, Reading, SortedFile};
use model::{Node, UtcMillis, traffic::ChannelRules};
use tables::Table;

use crate::{
    error::EngineError,
    people::{
        columns::{Texts, stored},
        hot::HotLanes,
        lanes::{FileTraits, LanePlan, Piece},
        signals::{KnownSignals, TrafficBook},
        spread::Spread,
        walk::{Interval, Who},
        whereabouts::{Place, Whereabouts},
    },
    period::{Days, Span},
};

/// Lower bits of a place that a cut between threads leaves out.
const ROUNDED_BITS: u32 = 52;

/// Events and people as of an instant.
#[derive(Debug)]
pub struct Ground {
    /// The instant.
    pub as_of: UtcMillis,
    /// Who is who.
    pub persons: Arc<Persons>,
    /// Which places are no single person's.
    pub spread: Spread,
    /// What the channel rules make of signals.
    pub book: TrafficBook,
    /// Every file with rows known by then.
    pub files: Vec<Arc<SortedFile>>,
    /// Those that are sorted, by time.
    sorted: Vec<GroundFile>,
    /// Tells channel rules apart.
    rules: u64,
    cache: Arc<GroundCache>,
}

/// A sorted file among the others.
#[derive(Debug)]
pub struct GroundFile {
    /// The file.
    pub file: Arc<SortedFile>,
    /// What is known of all its rows.
    pub traits: FileTraits,
}

/// What is kept of files from question to question: they never change.
#[derive(Debug)]
pub struct GroundCache {
    /// Ids that stand for nobody, in lower case.
    rejected_ids: BTreeSet<String>,
    whereabouts: Mutex<HashMap<String, Arc<Whereabouts>>>,
    signals: Mutex<KnownSignals>,
    hot: HotLanes,
}

impl Ground {
    /// Opens the files known at `as_of`. Reads those that no question has met before.
    ///
    /// # Errors
    /// [`EngineError`] where a file is missing or damaged.
    pub async fn open(
        lake: &Arc<Lake>,
        as_of: UtcMillis,
        persons: Arc<Persons>,
        channels: Arc<ChannelRules>,
        cache: &Arc<GroundCache>,
    ) -> Result<Self, EngineError> {
        let snapshot = lake.snapshot(Table::Events).await?;
        let rules = fingerprint(&channels);
        let (lake, cache) = (Arc::clone(lake), Arc::clone(cache));
        let opened = tokio::task::spawn_blocking(move || {
            let mut files = lake.open_files(&snapshot)?;
            let exist: HashSet<&str> = files.iter().map(|file| file.entry.name.as_str()).collect();
            cache.retain(|name| exist.contains(name));
            files.retain(|file| file.entry.known_at(as_of));
            let found = cache.learn(&files)?;
            let mut whereabouts = Whereabouts::default();
            whereabouts.add_all(found.iter().map(AsRef::as_ref));
            let by_us = files.iter().map(|file| file.entry.sorted());
            let unordered: Vec<Arc<Whereabouts>> =
                found.iter().zip(by_us).filter(|(_, sorted)| !sorted).map(|(found, _)| Arc::clone(found)).collect();
            let spread = Spread::find(&persons, &whereabouts, &unordered);
            let book = cache.book(&channels);
            let mut sorted = Vec::new();
            for file in files.iter().filter(|file| file.entry.sorted()) {
                sorted.push(GroundFile { file: Arc::clone(file), traits: cache.traits(file, &book) });
            }
            sorted.sort_by_key(|one| (one.file.entry.instants("occurred_at"), one.file.entry.name.clone()));
            Ok(Self { as_of, persons, spread, book, files, sorted, rules, cache })
        });
        opened.await?
    }

    /// The texts in whose codes the lanes of such questions speak.
    #[must_use]
    pub fn texts(&self, plan: &LanePlan) -> Arc<Texts> {
        self.cache.hot.texts(&self.shape(plan))
    }

    /// The lanes kept for such questions. Each question that may keep some gets those that are not there yet from `read`.
    ///
    /// # Errors
    /// Whatever `read` meets.
    pub fn held(
        &self,
        plan: &LanePlan,
        texts: &Arc<Texts>,
        read: impl FnOnce(Vec<&GroundFile>) -> Result<Vec<(String, Arc<Piece>)>, EngineError>,
    ) -> Result<HashMap<String, Arc<Piece>>, EngineError> {
        if self.cache.hot.bytes_max() == 0 {
            return Ok(HashMap::new());
        }
        let shape = self.shape(plan);
        let mut held = self.cache.hot.files(&shape, texts);
        // What is not all in force as of this instant is none of the file's own.
        let here = self.sorted.iter().filter(|file| !file.file.filtered(self.as_of));
        let names: HashSet<&str> = here.clone().map(|file| file.file.entry.name.as_str()).collect();
        held.retain(|name, _| names.contains(name.as_str()));
        let missing: Vec<&GroundFile> = here.clone().filter(|file| !held.contains_key(&file.file.entry.name)).collect();
        // All or nothing: what has no room would be read whole for nothing, again and again.
        let rows: usize = here.map(|file| file.file.entry.rows).sum();
        if missing.is_empty() || rows.saturating_mul(plan.row_bytes()) > self.cache.hot.bytes_max() {
            return Ok(held);
        }
        for (name, piece) in read(missing)? {
            self.cache.hot.keep(&shape, texts, &name, &piece);
            held.insert(name, piece);
        }
        Ok(held)
    }

    fn shape(&self, plan: &LanePlan) -> String {
        format!("{:x} {}", self.rules, plan.shape())
    }

    /// Sorted files, by time.
    #[must_use]
    pub fn sorted(&self) -> &[GroundFile] {
        &self.sorted
    }

    /// The days of every event, cut as the span says.
    #[must_use]
    pub fn days(&self, span: &Span) -> Days {
        Days::between(self.occurred().unwrap_or_default(), span)
    }

    /// Instants from the first to the last between which every event lies; wider than needed where files hold rows that
    /// are not in force.
    #[must_use]
    pub fn occurred(&self) -> Option<(UtcMillis, UtcMillis)> {
        let known = self.files.iter().filter_map(|file| file.entry.instants("occurred_at"));
        known.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// How people and devices are shown. [`Who::Device`] is shown as `device:source:id`, the others as persons.
    ///
    /// # Errors
    /// [`EngineError`] where a file is damaged.
    pub fn names(&self, wanted: impl Iterator<Item = Option<Who>>) -> Result<HashMap<Who, String>, EngineError> {
        let (mut names, mut places, mut devices) = (HashMap::new(), BTreeSet::new(), HashSet::new());
        for who in wanted.flatten() {
            match who {
                Who::Person(person) => drop(names.insert(who, person.to_string())),
                Who::At(place) => match self.spread.person_at(place) {
                    Some(person) => drop(names.insert(who, person.to_string())),
                    None => drop(places.insert(place)),
                },
                Who::Device(home) => drop(devices.insert(home)),
            }
        }
        for file in &self.files {
            for group in 0..file.groups() {
                let (first, last) = file.group_places(group);
                if !devices.is_empty() || places.range(first..=last).next().is_some() {
                    let columns = ["place", "device", "device_place", "user"];
                    for rows in file.read(group, Reading { columns: &columns, as_of: None })? {
                        name_owners(&rows?, &mut places, &mut devices, &mut names)?;
                    }
                }
            }
        }
        Ok(names)
    }

    /// About `count` spans that have all places between them, with about as many rows in each.
    #[must_use]
    pub fn intervals(&self, count: usize) -> Vec<Interval> {
        // Rounded down, so that files of one range, whose first places are near each other, are cut between.
        let start = |place: i64| place >> ROUNDED_BITS << ROUNDED_BITS;
        let groups = |one: &GroundFile| {
            let file = Arc::clone(&one.file);
            (0..file.groups()).map(move |group| (start(file.group_places(group).0), file.group_rows(group)))
        };
        let mut starts: Vec<(i64, usize)> = self.sorted.iter().flat_map(groups).collect();
        starts.sort_unstable();
        let rows: usize = starts.iter().map(|(_, rows)| rows).sum();
        let (mut before, mut cuts) = (0, vec![i64::MIN]);
        for (place, rows_here) in starts {
            if before * count >= rows * cuts.len() && cuts.last() < Some(&place) {
                cuts.push(place);
            }
            before += rows_here;
        }
        let last = cuts.iter().skip(1).map(|next| next - 1).chain([i64::MAX]);
        cuts.iter().zip(last).map(|(&first, last)| Interval { first, last }).collect()
    }
}

impl GroundCache {
    /// Nothing kept yet; of lanes never more than `hot_bytes_max`. `rejected_ids` stand for nobody.
    #[must_use]
    pub fn new(rejected_ids: BTreeSet<String>, hot_bytes_max: usize) -> Self {
        let hot = HotLanes::new(hot_bytes_max);
        Self { rejected_ids, whereabouts: Mutex::default(), signals: Mutex::default(), hot }
    }

    fn retain(&self, exists: impl Fn(&str) -> bool) {
        self.whereabouts.lock().unwrap_or_else(PoisonError::into_inner).retain(|name, _| exists(name));
        self.signals().retain(&exists);
        self.hot.retain(exists);
    }

    /// Where the rows of each file lie; also learns the files' signals.
    fn learn(&self, files: &[Arc<SortedFile>]) -> Result<Vec<Arc<Whereabouts>>, EngineError> {
        self.signals().learn(files)?;
        let mut known = self.whereabouts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = Vec::with_capacity(files.len());
        for file in files {
            let found = match known.get(&file.entry.name) {
                Some(found) => Arc::clone(found),
                None => Arc::new(Whereabouts::of(file, &self.rejected_ids)?),
            };
            known.insert(file.entry.name.clone(), Arc::clone(&found));
            all.push(found);
        }
        Ok(all)
    }

    fn traits(&self, file: &SortedFile, book: &TrafficBook) -> FileTraits {
        let all_in_session = self.of(&file.entry.name).is_some_and(|found| !found.outside_sessions);
        let name = &file.entry.name;
        let (all_counted, no_clicks) = book.traits(&self.signals(), name);
        FileTraits { all_counted, all_in_session, no_clicks }
    }

    fn book(&self, channels: &ChannelRules) -> TrafficBook {
        TrafficBook::new(channels, &self.signals())
    }

    fn signals(&self) -> MutexGuard<'_, KnownSignals> {
        self.signals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, file: &str) -> Option<Arc<Whereabouts>> {
        self.whereabouts.lock().unwrap_or_else(PoisonError::into_inner).get(file).cloned()
    }
}

/// Names those that the rows show: at a plain place whom all its rows belong to, a known id before a device.
fn name_owners(
    rows: &RecordBatch,
    places: &mut BTreeSet<Place>,
    devices: &mut HashSet<Place>,
    names: &mut HashMap<Who, String>,
) -> Result<(), EngineError> {
    let at = stored(rows, "place")?.as_primitive::<Int64Type>().values();
    let homes = stored(rows, "device_place")?.as_primitive::<Int64Type>().values();
    let (device, user) = (stored(rows, "device")?, stored(rows, "user")?);
    let (device, user) = (device.as_dictionary::<Int32Type>(), user.as_dictionary::<Int32Type>());
    let text = |texts: &DictionaryArray<Int32Type>, row: usize| {
        texts.key(row).map(|key| texts.values().as_string::<i32>().value(key).to_owned())
    };
    for row in 0..rows.num_rows() {
        if places.remove(&at[row]) {
            let owner = text(user, row).or_else(|| text(device, row)).and_then(|text| Node::from_text(&text));
            names.extend(owner.map(|owner| (Who::At(at[row]), owner.person_id())));
        }
        if devices.remove(&homes[row]) {
            names.extend(text(device, row).map(|device| (Who::Device(homes[row]), device)));
        }
    }
    Ok(())
}

fn fingerprint(channels: &ChannelRules) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{channels:?}").hash(&mut hasher);
    hasher.finish()
}

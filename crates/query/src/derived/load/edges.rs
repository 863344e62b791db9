//! `facts.edges` as of an instant, as far as persons are a function of it.
//!
//! There is a row for every event that names a device and a user, and nearly all of them say what the row before said. So
//! each distinct text of a column is read once, a run of the same pair on the same day is one meeting, and keys are read
//! only where a steward decided something.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::{
    array::{Array, ArrayRef, AsArray, DictionaryArray, RecordBatch},
    datatypes::Int32Type,
};
use identity::Edges;
use lake::{Lake, Reading, SortedFile};
use model::{Edge, EdgeRule, FactMeta, UtcMillis};
use tables::{
    Cells, Table, TableError,
    identity::{read_node, read_rule},
};

use crate::{
    error::EngineError,
    people::columns::{same_texts, stored},
};

/// What the texts of one column mean, each read once.
struct Meanings<T> {
    dictionary: Option<ArrayRef>,
    /// By place in the dictionary. What no row in force says stays unread.
    found: Vec<Option<T>>,
}

/// What is known of the columns of a file while it is read.
struct EdgeColumns {
    a: Meanings<u32>,
    b: Meanings<u32>,
    rule: Meanings<EdgeRule>,
}

/// The edges of the last instant that was asked about: a later one adds to them what became known between.
#[derive(Debug, Default)]
pub struct KeptEdges(Mutex<Option<Kept>>);

#[derive(Debug, Clone)]
struct Kept {
    as_of: UtcMillis,
    edges: Arc<Edges>,
}

impl KeptEdges {
    /// The edges in force at `as_of`.
    ///
    /// # Errors
    /// [`EngineError`] where a file is missing or damaged, or a node is unreadable.
    pub async fn read(&self, lake: &Lake, as_of: UtcMillis) -> Result<Arc<Edges>, EngineError> {
        let snapshot = lake.snapshot(Table::Edges).await?;
        let mut files = lake.open_files(&snapshot)?;
        files.retain(|file| file.entry.known_at(as_of));
        // Where rows have ended, some of the edges before may hold no longer.
        let grows = files.iter().all(|file| file.entry.ended == 0);
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let kept = kept.filter(|kept| kept.as_of <= as_of && grows);
        if let Some(kept) = &kept {
            // A row twice is a row: files that hold rows of before as well are read whole.
            files.retain(|file| file.entry.instants("known_at").is_none_or(|(_, last)| last > kept.as_of));
            if files.is_empty() {
                return Ok(Arc::clone(&kept.edges));
            }
        }
        let start = kept.map_or_else(Edges::default, |kept| (*kept.edges).clone());
        let edges = Arc::new(tokio::task::spawn_blocking(move || with_all(start, &files, as_of)).await??);
        let kept = Kept { as_of, edges: Arc::clone(&edges) };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Ok(edges)
    }
}

fn with_all(mut edges: Edges, files: &[Arc<SortedFile>], as_of: UtcMillis) -> Result<Edges, EngineError> {
    for file in files {
        add(file, as_of, &mut edges)?;
    }
    edges.settle();
    Ok(edges)
}

/// Adds the edges of one file that were in force at `as_of`.
fn add(file: &SortedFile, as_of: UtcMillis, edges: &mut Edges) -> Result<(), EngineError> {
    let mut columns = EdgeColumns::new();
    for group in 0..file.groups() {
        let mut decided = false;
        let met = Reading { columns: &["occurred_at", "a", "b", "rule"], as_of: Some(as_of) };
        for rows in file.read(group, met)? {
            decided |= columns.add_meetings(&rows?, edges)?;
        }
        if decided {
            let with_keys = &["occurred_at", "key", "ordinal", "a", "b", "rule"];
            for rows in file.read(group, Reading { columns: with_keys, as_of: Some(as_of) })? {
                add_decisions(&rows?, edges)?;
            }
        }
    }
    Ok(())
}

impl EdgeColumns {
    fn new() -> Self {
        Self { a: Meanings::new(), b: Meanings::new(), rule: Meanings::new() }
    }

    /// Adds the edges that are no steward's. True where there are a steward's too.
    fn add_meetings(&mut self, rows: &RecordBatch, edges: &mut Edges) -> Result<bool, EngineError> {
        let (a, b, rule) = (texts(rows, "a")?, texts(rows, "b")?, texts(rows, "rule")?);
        let occurred_at = Cells::new(rows).instant("occurred_at")?;
        self.a.turn_to(a);
        self.b.turn_to(b);
        self.rule.turn_to(rule);
        let mut decided = false;
        for row in 0..rows.num_rows() {
            if is_stewards(self.rule.get(rule, row, |text| read_rule(row, text))?) {
                decided = true;
                continue;
            }
            let one = self.a.get(a, row, |text| Ok(edges.node(&read_node("a", row, text)?)))?;
            let other = self.b.get(b, row, |text| Ok(edges.node(&read_node("b", row, text)?)))?;
            edges.meet(one, other, occurred_at.get(row));
        }
        Ok(decided)
    }
}

impl<T: Copy> Meanings<T> {
    fn new() -> Self {
        Self { dictionary: None, found: Vec::new() }
    }

    /// Forgets what it knows where the texts of a column are others than before: those of another row group.
    fn turn_to(&mut self, column: &DictionaryArray<Int32Type>) {
        let dictionary = column.values();
        if self.dictionary.as_ref().is_none_or(|known| !same_texts(known, dictionary)) {
            self.found.clear();
            self.found.resize(dictionary.len(), None);
            self.dictionary = Some(Arc::clone(dictionary));
        }
    }

    fn get(
        &mut self,
        column: &DictionaryArray<Int32Type>,
        row: usize,
        read: impl FnOnce(&str) -> Result<T, TableError>,
    ) -> Result<T, TableError> {
        let Some(key) = column.key(row) else { return read("") };
        if let Some(known) = self.found[key] {
            return Ok(known);
        }
        let meaning = read(column.values().as_string::<i32>().value(key))?;
        self.found[key] = Some(meaning);
        Ok(meaning)
    }
}

/// Adds what stewards decided.
fn add_decisions(rows: &RecordBatch, edges: &mut Edges) -> Result<(), EngineError> {
    let (a, b, rule) = (texts(rows, "a")?, texts(rows, "b")?, texts(rows, "rule")?);
    let cells = Cells::new(rows);
    let (occurred_at, key, ordinal) = (cells.instant("occurred_at")?, cells.digest("key")?, cells.int("ordinal")?);
    for row in 0..cells.rows() {
        let rule = read_rule(row, text_at(rule, row))?;
        if is_stewards(rule) {
            let meta = FactMeta {
                key: key.get(row)?,
                ordinal: i32::try_from(ordinal.value(row)).unwrap_or(i32::MAX),
                occurred_at: occurred_at.get(row),
                ..FactMeta::default()
            };
            let (a, b) = (read_node("a", row, text_at(a, row))?, read_node("b", row, text_at(b, row))?);
            edges.add(&Edge { meta, a, b, rule });
        }
    }
    Ok(())
}

fn is_stewards(rule: EdgeRule) -> bool {
    matches!(rule, EdgeRule::StewardLink | EdgeRule::StewardUnlink)
}

fn texts<'a>(rows: &'a RecordBatch, name: &str) -> Result<&'a DictionaryArray<Int32Type>, EngineError> {
    Ok(stored(rows, name)?.as_dictionary())
}

/// The text in `row`, empty where there is none.
fn text_at(column: &DictionaryArray<Int32Type>, row: usize) -> &str {
    column.key(row).map_or("", |key| column.values().as_string::<i32>().value(key))
}

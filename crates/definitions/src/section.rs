//! Reads one mapping of a definition key by key, and collects every mistake instead of stopping at the first.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use crate::{
    document::{YamlEntry, YamlNode, YamlValue},
    error::DefinitionError,
    spelling,
};

/// Every mistake found so far.
#[derive(Debug, Default)]
pub(crate) struct Mistakes(RefCell<Vec<DefinitionError>>);

impl Mistakes {
    pub(crate) fn add(&self, error: DefinitionError) {
        self.0.borrow_mut().push(error);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.borrow().len()
    }

    /// All of them, by file and line.
    pub(crate) fn sorted(self) -> Vec<DefinitionError> {
        let mut list = self.0.into_inner();
        list.sort();
        list
    }
}

/// One mapping under reading. What is asked for is remembered, so that [`Section::finish`] knows what was not.
#[derive(Debug)]
pub(crate) struct Section<'a> {
    file: &'a str,
    line: u64,
    /// What the mapping is, for messages: `funnel "checkout"`.
    what: String,
    entries: &'a [YamlEntry],
    asked: RefCell<BTreeSet<&'static str>>,
    /// Keys that must be there and are not, with what was expected.
    missing: RefCell<BTreeMap<&'static str, String>>,
    mistakes: &'a Mistakes,
}

/// A text and its line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot<'a> {
    pub line: u64,
    pub text: &'a str,
}

impl<'a> Section<'a> {
    /// A section over `node`; none, and a mistake, where it is no mapping.
    pub(crate) fn open(file: &'a str, node: &'a YamlNode, what: String, mistakes: &'a Mistakes) -> Option<Self> {
        let section = |entries| Self {
            file,
            line: node.line,
            what,
            entries,
            asked: RefCell::default(),
            missing: RefCell::default(),
            mistakes,
        };
        if let YamlValue::Mapping(entries) = &node.value {
            return Some(section(entries));
        }
        let empty = section(&[]);
        empty.mistake(node.line, format!("{} is {}, expected a mapping", empty.what, node.described()));
        None
    }

    /// The same section under another name, for messages.
    pub(crate) fn renamed(self, what: String) -> Self {
        Self { what, ..self }
    }

    /// A section over the mapping below `key`, which must be there.
    pub(crate) fn nested(&self, key: &'static str) -> Option<Self> {
        self.child(self.required(key, "a mapping")?, format!("{key} of {}", self.what))
    }

    /// A section over any node below this one.
    pub(crate) fn child(&self, node: &'a YamlNode, what: String) -> Option<Self> {
        Self::open(self.file, node, what, self.mistakes)
    }

    /// Where the mapping starts.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// What the mapping is.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// Notes a mistake.
    pub(crate) fn mistake(&self, line: u64, problem: impl Into<String>) {
        self.mistakes.add(DefinitionError::Refused { file: self.file.to_owned(), line, problem: problem.into() });
    }

    /// The line of a key, or of the mapping where the key is absent.
    pub(crate) fn line_of(&self, key: &str) -> u64 {
        self.entries.iter().find(|entry| entry.key == key).map_or(self.line, |entry| entry.line)
    }

    /// The value of a key that may be absent.
    pub(crate) fn optional(&self, key: &'static str) -> Option<&'a YamlNode> {
        self.asked.borrow_mut().insert(key);
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The value of a key that must be there; [`Section::finish`] reports it where it is not.
    pub(crate) fn required(&self, key: &'static str, expected: &str) -> Option<&'a YamlNode> {
        let node = self.optional(key);
        if node.is_none() {
            self.missing.borrow_mut().insert(key, expected.to_owned());
        }
        node
    }

    /// A text that is not empty.
    pub(crate) fn text(&self, key: &'static str) -> Option<Spot<'a>> {
        self.text_such_as(key, "a text")
    }

    /// A text that is not empty, by what it should be.
    pub(crate) fn text_such_as(&self, key: &'static str, expected: &str) -> Option<Spot<'a>> {
        let node = self.required(key, expected)?;
        self.as_text(&format!("\"{key}\""), node, expected)
    }

    /// A text that may be absent.
    pub(crate) fn optional_text(&self, key: &'static str) -> Option<Spot<'a>> {
        let node = self.optional(key)?;
        self.as_text(&format!("\"{key}\""), node, "a text")
    }

    /// A name: lower-case words with underscores.
    pub(crate) fn name(&self, key: &'static str) -> Option<String> {
        let spot = self.text(key)?;
        self.checked_name(&format!("\"{key}\""), spot)
    }

    /// `spot` as a name, if it is one.
    pub(crate) fn checked_name(&self, what: &str, spot: Spot<'a>) -> Option<String> {
        if spelling::is_name(spot.text) {
            return Some(spot.text.to_owned());
        }
        let found = spot.text.chars().take(80).collect::<String>();
        self.mistake(spot.line, format!("{what} is \"{found}\", expected a name such as revenue_per_session"));
        None
    }

    /// A table: a derived one by its name, a stored one as `facts.` and its name.
    pub(crate) fn table(&self, key: &'static str) -> Option<String> {
        let spot = self.text(key)?;
        if spelling::is_name(spot.text.strip_prefix("facts.").unwrap_or(spot.text)) {
            return Some(spot.text.to_owned());
        }
        let found = spot.text.chars().take(80).collect::<String>();
        self.mistake(spot.line, format!("\"{key}\" is \"{found}\", expected a table such as orders or facts.events"));
        None
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, key: &'static str) -> Option<bool> {
        let node = self.required(key, "true or false")?;
        if let YamlValue::Flag(flag) = node.value {
            return Some(flag);
        }
        self.mistake(node.line, format!("\"{key}\" is {}, expected true or false", node.described()));
        None
    }

    /// `true` or `false`, or `absent` where the key is not there.
    pub(crate) fn flag_or(&self, key: &'static str, absent: bool) -> Option<bool> {
        if self.optional(key).is_none() { Some(absent) } else { self.flag(key) }
    }

    /// A whole number within `range`.
    pub(crate) fn integer(&self, key: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let node = self.required(key, &expected)?;
        match node.value {
            YamlValue::Integer(number) if range.contains(&number) => Some(number),
            _ => {
                self.mistake(node.line, format!("\"{key}\" is {}, expected {expected}", node.described()));
                None
            }
        }
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(&self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let expected = format!("one of: {}", words.join(", "));
        self.chosen(key, self.text_such_as(key, &expected)?, choices)
    }

    /// One of a few words, or `absent` where the key is not there.
    pub(crate) fn choice_or<T: Copy>(&self, key: &'static str, choices: &[(&str, T)], absent: T) -> Option<T> {
        if self.optional(key).is_none() { Some(absent) } else { self.choice(key, choices) }
    }

    /// What `spot` stands for among `choices`.
    pub(crate) fn chosen<T: Copy>(&self, kind: &str, spot: Spot<'a>, choices: &[(&str, T)]) -> Option<T> {
        let found = choices.iter().find(|(word, _)| *word == spot.text).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            self.mistake(spot.line, spelling::unknown_among(kind, spot.text, &words));
        }
        found
    }

    /// A list of different texts, at least one.
    pub(crate) fn texts(&self, key: &'static str) -> Option<Vec<Spot<'a>>> {
        let items = self.list(key, 1..=1000, "a list of at least one text")?;
        let spots: Option<Vec<_>> =
            items.iter().map(|item| self.as_text(&format!("an item of \"{key}\""), item, "a text")).collect();
        let spots = spots?;
        let mut seen = BTreeSet::new();
        for spot in &spots {
            if !seen.insert(spot.text) {
                self.mistake(spot.line, format!("\"{}\" stands twice in \"{key}\"", spot.text));
            }
        }
        Some(spots)
    }

    /// A list with as many items as `range` says.
    pub(crate) fn list(
        &self,
        key: &'static str,
        range: RangeInclusive<usize>,
        expected: &str,
    ) -> Option<&'a [YamlNode]> {
        let node = self.required(key, expected)?;
        let YamlValue::List(items) = &node.value else {
            self.mistake(node.line, format!("\"{key}\" is {}, expected {expected}", node.described()));
            return None;
        };
        if range.contains(&items.len()) {
            return Some(items);
        }
        let problem = format!("\"{key}\" is a list of {}, expected {expected}", items.len());
        self.mistake(self.line_of(key), problem);
        None
    }

    /// The entries of a mapping whose keys are names that the steward chose. Absent: none.
    pub(crate) fn named(&self, key: &'static str) -> Vec<(String, &'a YamlNode)> {
        let Some(node) = self.optional(key) else { return Vec::new() };
        let YamlValue::Mapping(entries) = &node.value else {
            self.mistake(node.line, format!("\"{key}\" is {}, expected a mapping from names", node.described()));
            return Vec::new();
        };
        let spot = |entry: &'a YamlEntry| Spot { line: entry.line, text: &entry.key };
        let what = format!("a key of \"{key}\"");
        entries.iter().filter_map(|entry| Some((self.checked_name(&what, spot(entry))?, &entry.node))).collect()
    }

    /// Any node as a text that is not empty.
    pub(crate) fn as_text(&self, what: &str, node: &'a YamlNode, expected: &str) -> Option<Spot<'a>> {
        match &node.value {
            YamlValue::Text(text) if !text.trim().is_empty() => Some(Spot { line: node.line, text: text.trim() }),
            _ => {
                self.mistake(node.line, format!("{what} is {}, expected {expected}", node.described()));
                None
            }
        }
    }

    /// Lets keys stand that nobody will read, since what says whether they belong here is itself wrong.
    pub(crate) fn let_stand(&self, keys: &[&'static str]) {
        self.asked.borrow_mut().extend(keys);
    }

    /// Reports the keys that are missing and those that nobody asked for; a misspelt key is reported once, as misspelt.
    pub(crate) fn finish(&self) {
        let asked = self.asked.borrow();
        let known: Vec<&str> = asked.iter().copied().collect();
        let mut missing = self.missing.borrow_mut();
        for entry in self.entries.iter().filter(|entry| !asked.contains(entry.key.as_str())) {
            let absent = missing.keys().copied();
            if let Some(meant) = spelling::nearest(&entry.key, absent) {
                missing.remove(meant);
            }
            self.mistake(entry.line, spelling::unknown_among("key", &entry.key, &known));
        }
        for (key, expected) in missing.iter() {
            self.mistake(self.line, format!("missing key \"{key}\" in {}, expected {expected}", self.what));
        }
    }
}

//! The letters of an expression, one after the other.

use std::{iter::Peekable, str::CharIndices};

/// Where the reading of an expression stands.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    /// The letters not yet read, with their bytes' places.
    pub(crate) chars: Peekable<CharIndices<'a>>,
}

impl<'a> Scanner<'a> {
    /// Starts at the beginning of `text`.
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, chars: text.char_indices().peekable() }
    }

    /// A text between `mark`s, in which a doubled one stands for itself.
    pub(crate) fn quoted(&mut self, mark: char) -> Result<String, String> {
        let start = self.at();
        self.chars.next();
        let mut text = String::new();
        while let Some((_, c)) = self.chars.next() {
            if c != mark {
                text.push(c);
            } else if self.chars.peek().is_some_and(|(_, next)| *next == mark) {
                self.chars.next();
                text.push(mark);
            } else {
                return Ok(text);
            }
        }
        Err(format!("at character {}: {mark} is never closed", start + 1))
    }

    /// Takes letters, digits and underscores.
    pub(crate) fn name(&mut self) -> String {
        self.take_while(|c| c.is_alphanumeric() || c == '_')
    }

    /// Takes what belongs.
    pub(crate) fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let mut text = String::new();
        while let Some((_, c)) = self.chars.next_if(|(_, c)| belongs(*c)) {
            text.push(c);
        }
        text
    }

    /// Skips white space.
    pub(crate) fn space(&mut self) {
        while self.chars.next_if(|(_, c)| c.is_whitespace()).is_some() {}
    }

    /// Takes the word where it stands next and is whole.
    pub(crate) fn word(&mut self, word: &str) -> bool {
        self.space();
        let rest = self.rest();
        let next = rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        let whole = !rest.get(word.len()..).unwrap_or_default().starts_with(|c: char| c.is_alphanumeric() || c == '_');
        if next && whole {
            self.skip(word);
        }
        next && whole
    }

    /// Takes the sign where it stands next.
    pub(crate) fn sign(&mut self, sign: &str) -> bool {
        self.space();
        let next = self.rest().starts_with(sign);
        if next {
            self.skip(sign);
        }
        next
    }

    fn skip(&mut self, taken: &str) {
        for _ in taken.chars() {
            self.chars.next();
        }
    }

    /// Takes the sign, or says that it was expected.
    pub(crate) fn must(&mut self, sign: &str) -> Result<(), String> {
        if self.sign(sign) { Ok(()) } else { Err(self.expected(&format!("\"{sign}\""))) }
    }

    /// What is not yet read.
    pub(crate) fn rest(&mut self) -> &str {
        let at = self.chars.peek().map_or(self.text.len(), |(at, _)| *at);
        self.text.get(at..).unwrap_or_default()
    }

    /// Characters before the next one.
    pub(crate) fn at(&mut self) -> usize {
        let rest = self.rest().chars().count();
        self.text.chars().count() - rest
    }

    /// The error that something else stands next.
    pub(crate) fn expected(&mut self, what: &str) -> String {
        let at = self.at();
        let found: String = self.rest().chars().take(16).collect();
        expected_at(at, what, &found)
    }
}

/// An error at the letter number `at`, from 0.
pub(crate) fn expected_at(at: usize, what: &str, found: &str) -> String {
    let found = if found.is_empty() { "the end".to_owned() } else { format!("\"{found}\"") };
    format!("at character {}: expected {what}, found {found}", at + 1)
}

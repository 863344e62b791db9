//! One pass over JSON text: is it readable, and where do the members of an object or a list lie. Reading goes no deeper
//! than it is asked to, so a nested value costs a skip, which takes eight bytes of a text at once.
//!
//! What is refused here is read by `serde_json` instead, which says what is wrong; so this may refuse, never accept, more.

use std::ops::Range;

use super::DEPTH_MAX;

/// Eight times the byte 1.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The highest bit of each of eight bytes.
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// A place in a text.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// True once a `\u` was passed.
    pub(super) has_unicode_escapes: bool,
    /// The members of the outermost object, in a text that was read.
    pub(super) outermost: Vec<MemberPlace>,
}

/// Where a member of an object stands.
pub(super) struct MemberPlace {
    key: Written,
    value: Range<usize>,
}

/// A member of an object or list, as written.
pub(super) struct Member<'a> {
    /// Its key between the quotes; empty in a list.
    pub(super) key: &'a str,
    /// True where the key holds an escape.
    pub(super) key_has_escapes: bool,
    /// Its value.
    pub(super) value: &'a str,
}

/// Where a text stands, between its quotes.
#[derive(Clone, Copy, Default)]
struct Written {
    from: usize,
    to: usize,
    has_escapes: bool,
}

impl<'a> Scanner<'a> {
    /// The start of `text`.
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, has_unicode_escapes: false, outermost: Vec::new() }
    }

    /// True where the text is one valid JSON value, nested no deeper than [`DEPTH_MAX`].
    pub(super) fn is_readable(&mut self) -> bool {
        self.read_value().is_some() && self.at == self.text.len()
    }

    /// Calls `visit` for each member of the valid object or list that the text is; none where it is neither.
    pub(super) fn members(&mut self, mut visit: impl FnMut(Member<'a>) -> Option<()>) -> Option<()> {
        let keyed = self.next()? == b'{';
        let end = if keyed { b'}' } else { b']' };
        if self.peek()? == end {
            return Some(());
        }
        loop {
            let (mut key, mut key_has_escapes) = ("", false);
            if keyed {
                let written = self.key()?;
                key = self.text.get(written.from..written.to)?;
                key_has_escapes = written.has_escapes;
            }
            self.blanks();
            let from = self.at;
            self.skip_value()?;
            visit(Member { key, key_has_escapes, value: self.text.get(from..self.at)? })?;
            match self.peek()? {
                b',' => self.at += 1,
                last => return (last == end).then_some(()),
            }
        }
    }

    /// Passes a value and what is blank around it, checking all of it. Which of the open brackets are braces stands in
    /// bits, the innermost lowest.
    fn read_value(&mut self) -> Option<()> {
        let (mut braces, mut level) = (0_u64, 0_usize);
        let (mut key, mut from) = (Written::default(), 0);
        loop {
            let first = self.peek()?;
            if level == 1 {
                from = self.at;
            }
            match first {
                b'{' | b'[' => {
                    self.at += 1;
                    level += 1;
                    braces = braces << 1 | u64::from(first == b'{');
                    if level > DEPTH_MAX {
                        return None;
                    }
                    if self.peek()? != first + 2 {
                        if first == b'{' {
                            let written = self.key()?;
                            key = if level == 1 { written } else { key };
                        }
                        continue;
                    }
                }
                b'"' => {
                    self.string()?;
                }
                b't' => self.word("true")?,
                b'f' => self.word("false")?,
                b'n' => self.word("null")?,
                _ => self.number()?,
            }
            // A bracket that was opened just now is closed below.
            let mut ended = !matches!(first, b'{' | b'[');
            loop {
                if ended && level == 1 && braces == 1 {
                    self.outermost.push(MemberPlace { key, value: from..self.at });
                }
                self.blanks();
                if level == 0 {
                    return Some(());
                }
                match (self.next()?, braces & 1) {
                    (b',', brace) => {
                        if brace == 1 {
                            let written = self.key()?;
                            key = if level == 1 { written } else { key };
                        }
                        break;
                    }
                    (b'}', 1) | (b']', 0) => {
                        level -= 1;
                        braces >>= 1;
                        ended = true;
                    }
                    _ => return None,
                }
            }
        }
    }

    /// Passes a value of a valid text.
    fn skip_value(&mut self) -> Option<()> {
        let mut level = 0_usize;
        loop {
            match self.byte()? {
                b'"' => {
                    self.at = after_string(self.text.as_bytes(), self.at + 1)?;
                    if level == 0 {
                        return Some(());
                    }
                    continue;
                }
                b'{' | b'[' => {
                    level += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    level = level.checked_sub(1)?;
                    self.at += 1;
                    if level == 0 {
                        return Some(());
                    }
                }
                _ => self.at += 1,
            }
            if level == 0 && matches!(self.byte(), None | Some(b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t')) {
                return Some(());
            }
        }
    }

    /// Passes a key and its colon.
    fn key(&mut self) -> Option<Written> {
        self.blanks();
        let key = self.string()?;
        (self.peek()? == b':').then(|| self.at += 1)?;
        Some(key)
    }

    /// Passes a text in quotes.
    fn string(&mut self) -> Option<Written> {
        (self.byte()? == b'"').then_some(())?;
        let (from, mut has_escapes) = (self.at + 1, false);
        self.at = from;
        loop {
            self.at = special(self.text.as_bytes(), self.at)?;
            match self.next()? {
                b'"' => return Some(Written { from, to: self.at - 1, has_escapes }),
                b'\\' => {
                    has_escapes = true;
                    self.escape()?;
                }
                _ => return None,
            }
        }
    }

    /// Passes what follows a backslash.
    fn escape(&mut self) -> Option<()> {
        match self.next()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => {
                self.has_unicode_escapes = true;
                let digits = self.text.as_bytes().get(self.at..self.at + 4)?;
                self.at += 4;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(())
            }
            _ => None,
        }
    }

    /// Passes a number.
    fn number(&mut self) -> Option<()> {
        self.at += usize::from(self.byte() == Some(b'-'));
        let leading_zero = self.byte()? == b'0';
        (self.digits()? == 1 || !leading_zero).then_some(())?;
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Some(())
    }

    /// Passes at least one digit; how many they were.
    fn digits(&mut self) -> Option<usize> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        (count > 0).then_some(count)
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let rest = self.text.as_bytes().get(self.at..)?;
        self.at += word.len();
        rest.starts_with(word.as_bytes()).then_some(())
    }

    fn blanks(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// The byte here.
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The byte here, which is passed.
    fn next(&mut self) -> Option<u8> {
        let byte = self.byte();
        self.at += 1;
        byte
    }

    /// The first byte that is not blank.
    fn peek(&mut self) -> Option<u8> {
        self.blanks();
        self.byte()
    }
}

impl MemberPlace {
    /// The member in the text that was read.
    pub(super) fn of<'a>(&self, text: &'a str) -> Option<Member<'a>> {
        Some(Member {
            key: text.get(self.key.from..self.key.to)?,
            key_has_escapes: self.key.has_escapes,
            value: text.get(self.value.clone())?,
        })
    }
}

/// Where a text of a valid JSON text ends whose signs begin at `at`: after its closing quote.
fn after_string(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at = special(bytes, at)?;
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            _ => at += 2,
        }
    }
}

/// Where from `at` on the next quote, backslash or control sign stands.
fn special(bytes: &[u8], mut at: usize) -> Option<usize> {
    while let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*eight);
        let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
        let below_blank = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (below_blank | zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5c))) & HIGHS;
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = bytes.get(at..)?.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
    Some(at + rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    #[test]
    fn what_no_json_is_is_refused() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "{\"a\":1,}",
            "01",
            "-",
            "1.",
            "1e",
            "nul",
            "\"\\x\"",
            "\"\\u12\"",
            "[}",
            "{]",
            "1 2",
            "\"a\nb\"",
            "\"",
            "[1 2]",
            "{1:2}",
            "\u{a0}1",
            "+1",
            "truefalse",
        ] {
            assert!(!Scanner::new(text).is_readable(), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn exactly_what_serde_json_reads_is_readable(
            text in r#"([\[\]{}:,"\\ ]|"[ab\n]{0,9}"|"a":|[-+.eE0-9]{1,4}|true|false|null|\\u[0-9a-f]{3,4}){0,14}|[-.eE0-9]{1,5}"#,
        ) {
            let expected = serde_json::from_str::<&RawValue>(&text).is_ok();
            prop_assert_eq!(Scanner::new(&text).is_readable(), expected, "{}", text);
        }

        #[test]
        fn the_members_of_a_value_are_those_that_serde_json_reads(
            value in json_value(), pretty in any::<bool>(),
        ) {
            let text = if pretty { format!("{value:#}") } else { value.to_string() };
            let mut scanner = Scanner::new(&text);
            prop_assert!(scanner.is_readable());
            let mut members = Vec::new();
            let whole = Scanner::new(&text).members(|member| {
                members.push((member.key.to_owned(), member.value.to_owned()));
                Some(())
            });
            let outermost = scanner.outermost.iter().map(|place| place.of(&text).unwrap());
            let outermost: Vec<_> = outermost.map(|member| (member.key.to_owned(), member.value.to_owned())).collect();
            prop_assert_eq!(&outermost, if value.is_object() { &members } else { &EMPTY });
            let expected: Option<Vec<(String, serde_json::Value)>> = match &value {
                serde_json::Value::Array(list) => Some(list.iter().map(|value| (String::new(), value.clone())).collect()),
                serde_json::Value::Object(object) => Some(object.iter().map(|(k, v)| (k.clone(), v.clone())).collect()),
                _ => None,
            };
            if let Some(mut expected) = expected {
                prop_assert!(whole.is_some());
                let key = |key: &str| serde_json::from_str::<String>(&format!("\"{key}\"")).unwrap();
                let mut found: Vec<_> = members.iter()
                    .map(|(k, v)| (key(k), serde_json::from_str::<serde_json::Value>(v).unwrap())).collect();
                if value.is_object() {
                    found.sort_by(|a, b| a.0.cmp(&b.0));
                    expected.sort_by(|a, b| a.0.cmp(&b.0));
                }
                prop_assert_eq!(found, expected);
            }
        }
    }

    const EMPTY: Vec<(String, String)> = Vec::new();

    fn json_value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            "[a-z\"\\\\\n{}\\[\\],:é]{0,20}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                proptest::collection::btree_map("[a-z\"\\\\,}]{0,10}", inner, 0..5)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }
}

//! JSON read lazily and exactly: a value is its own text until somebody asks, so numbers keep every digit and keys
//! their order, and a payload's unread parts cost one scan.

mod scan;

use std::{borrow::Cow, ops::Deref};

use model::{Currency, UtcMillis, money};
use serde_json::value::RawValue;

use crate::{error::NormalizeError, personal};
use scan::{Member, MemberPlace, Scanner};

/// Deepest nesting that is read; a deeper payload is malformed, so that no reader here can exhaust the stack.
const DEPTH_MAX: usize = 64;

/// JSON text that every later step can read: valid, not too deep, without lone surrogate escapes.
pub(crate) struct Readable<'a> {
    text: Cow<'a, str>,
    /// The members of the object that the text is, where the way through the text found them.
    outermost: Option<Vec<MemberPlace>>,
}

/// One JSON value as its exact text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Json<'a>(&'a str);

/// One JSON object: its entries in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Object<'a> {
    entries: Vec<(Cow<'a, str>, Json<'a>)>,
}

/// The payload as JSON text. Browsers cut emoji in two and write the halves as lone surrogates; each half becomes U+FFFD.
pub(crate) fn readable(payload: &[u8]) -> Result<Readable<'_>, NormalizeError> {
    let text = std::str::from_utf8(payload)
        .map_err(|error| NormalizeError::shape(&format!("not UTF-8 after byte {}", error.valid_up_to())))?;
    let mut scanner = Scanner::new(text);
    if scanner.is_readable() {
        if scanner.has_unicode_escapes {
            return Ok(Readable { text: mend_surrogates(text), outermost: None });
        }
        let is_object = text.trim_ascii_start().starts_with('{');
        return Ok(Readable { text: Cow::Borrowed(text), outermost: is_object.then_some(scanner.outermost) });
    }
    let value: &RawValue = serde_json::from_str(text).map_err(|error| NormalizeError::shape(&error.to_string()))?;
    if depth(value.get()) > DEPTH_MAX {
        return Err(NormalizeError::shape(&format!("nested deeper than {DEPTH_MAX} levels")));
    }
    Ok(Readable { text: mend_surrogates(value.get()), outermost: None })
}

/// The top-level object of a text that [`readable`] gave.
pub(crate) fn top_object<'a>(readable: &'a Readable<'_>) -> Result<Object<'a>, NormalizeError> {
    let object = match &readable.outermost {
        Some(places) => {
            let entries = places.iter().map(|place| entry(place.of(&readable.text)?));
            entries.collect::<Option<_>>().map(|entries| Object { entries })
        }
        None => Json::of(readable).object(),
    };
    object.ok_or_else(|| NormalizeError::shape("a JSON object was expected"))
}

/// The value of an optional field that this source always sends.
pub(crate) fn required<T>(value: Option<T>, field: &str) -> Result<T, NormalizeError> {
    value.ok_or_else(|| NormalizeError::missing(field))
}

impl Deref for Readable<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl<'a> Json<'a> {
    /// The value written as `text`, which must come from [`readable`].
    pub(crate) fn of(text: &'a str) -> Self {
        Self(text.trim())
    }

    /// The exact text.
    pub(crate) fn source(self) -> &'a str {
        self.0
    }

    /// True for `null`.
    pub(crate) fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// The object, where it is one.
    pub(crate) fn object(self) -> Option<Object<'a>> {
        if !self.0.starts_with('{') {
            return None;
        }
        let mut entries = Vec::with_capacity(16);
        Scanner::new(self.0).members(|member| {
            entries.push(entry(member)?);
            Some(())
        })?;
        Some(Object { entries })
    }

    /// The elements, where it is a list.
    pub(crate) fn list(self) -> Option<Vec<Self>> {
        if !self.0.starts_with('[') {
            return None;
        }
        let mut values = Vec::new();
        Scanner::new(self.0).members(|member| {
            values.push(Self(member.value));
            Some(())
        })?;
        Some(values)
    }

    /// The text, where it is one.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        let text = self.0.strip_prefix('"')?.strip_suffix('"')?;
        if text.contains('\\') { unescaped(text) } else { Some(Cow::Borrowed(text)) }
    }

    /// The digits of a number, or what a text holds: senders write amounts and ids both ways.
    pub(crate) fn digits_or_text(self) -> Option<Cow<'a, str>> {
        match self.0.as_bytes().first() {
            Some(b'-' | b'0'..=b'9') => Some(Cow::Borrowed(self.0)),
            _ => self.text(),
        }
    }

    /// What an error may say of it.
    fn described(self) -> Cow<'a, str> {
        match self.0.as_bytes().first() {
            Some(b'{') => Cow::Borrowed("an object"),
            Some(b'[') => Cow::Borrowed("a list"),
            _ => self.text().unwrap_or(Cow::Borrowed(self.0)),
        }
    }
}

impl<'a> Object<'a> {
    /// All entries, in their order.
    pub(crate) fn entries(&self) -> &[(Cow<'a, str>, Json<'a>)] {
        &self.entries
    }

    /// A value that is there and not null; of a key that comes twice the last, as JavaScript reads it.
    pub(crate) fn get(&self, key: &str) -> Option<Json<'a>> {
        self.entries.iter().rev().find(|(name, _)| name == key).map(|(_, value)| *value).filter(|v| !v.is_null())
    }

    /// The object at `key`; an absent one is empty.
    pub(crate) fn object(&self, key: &str) -> Result<Object<'a>, NormalizeError> {
        self.read(key, "an object", Json::object).map(Option::unwrap_or_default)
    }

    /// The objects of the list at `key`; an absent list is empty.
    pub(crate) fn objects(&self, key: &str) -> Result<Vec<Object<'a>>, NormalizeError> {
        let list = self.read(key, "a list", Json::list)?.unwrap_or_default();
        list.into_iter()
            .enumerate()
            .map(|(at, value)| {
                let field = format!("{key}[{at}]");
                value.object().ok_or_else(|| NormalizeError::malformed(&field, &value.described(), "an object"))
            })
            .collect()
    }

    /// Reads each object of the list at `key`; an error says which element it is in.
    pub(crate) fn each<T>(
        &self,
        key: &str,
        read: impl Fn(&Object<'a>) -> Result<T, NormalizeError>,
    ) -> Result<Vec<T>, NormalizeError> {
        let objects = self.objects(key)?;
        objects.iter().enumerate().map(|(at, o)| read(o).map_err(|e| e.within(&format!("{key}[{at}]")))).collect()
    }

    /// The text at `key`, trimmed, e-mail addresses in it masked; an empty one is as absent.
    pub(crate) fn text(&self, key: &str) -> Result<Option<String>, NormalizeError> {
        Ok(self.read(key, "a text", Json::text)?.and_then(filled).map(personal::without_email))
    }

    /// The text at `key`, trimmed: one that is only compared, since it may hold anything. An empty one is as absent.
    pub(crate) fn word(&self, key: &str) -> Result<Option<Cow<'a, str>>, NormalizeError> {
        Ok(self.read(key, "a text", Json::text)?.map(trimmed).filter(|text| !text.is_empty()))
    }

    /// The id at `key`, a text or a number, e-mail addresses in it masked; an empty one is as absent.
    pub(crate) fn id(&self, key: &str) -> Result<Option<String>, NormalizeError> {
        Ok(self.personal(key)?.map(personal::without_email))
    }

    /// The text or number at `key` as sent: it can be personal and must be hashed before it goes anywhere.
    pub(crate) fn personal(&self, key: &str) -> Result<Option<String>, NormalizeError> {
        self.read(key, "a text or a number", Json::digits_or_text).map(|text| text.and_then(filled))
    }

    /// The amount at `key` in micros, exactly.
    pub(crate) fn micros(&self, key: &str) -> Result<Option<i64>, NormalizeError> {
        self.parsed(key, "an amount with at most 6 decimal places", |text| money::parse_micros(text).ok())
    }

    /// The number at `key` in millionths, rounded half to even where its sender keeps it as a float.
    pub(crate) fn micros_rounded(&self, key: &str) -> Result<Option<i64>, NormalizeError> {
        self.parsed(key, "a decimal number", |text| money::parse_micros_rounded(text).ok())
    }

    /// The whole number at `key`.
    pub(crate) fn count(&self, key: &str) -> Result<Option<i64>, NormalizeError> {
        self.parsed(key, "a whole number", |text| text.parse().ok())
    }

    /// The instant at `key`.
    pub(crate) fn instant(&self, key: &str) -> Result<Option<UtcMillis>, NormalizeError> {
        self.parsed(key, "an RFC 3339 instant such as 2026-01-05T10:11:12.345Z", |text| UtcMillis::parse(text).ok())
    }

    /// The civil day at `key`.
    pub(crate) fn day(&self, key: &str) -> Result<Option<jiff::civil::Date>, NormalizeError> {
        self.parsed(key, "a day such as 2026-01-05", |text| text.parse().ok())
    }

    /// The currency at `key`.
    pub(crate) fn currency(&self, key: &str) -> Result<Option<Currency>, NormalizeError> {
        let code = self.read(key, "a text or a number", Json::digits_or_text)?.map(trimmed);
        let Some(code) = code.filter(|code| !code.is_empty()) else { return Ok(None) };
        Currency::try_from(&*code)
            .map(Some)
            .map_err(|_| NormalizeError::unknown_currency(key, &personal::without_email(code.into_owned())))
    }

    /// The truth value at `key`.
    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>, NormalizeError> {
        self.read(key, "true or false", |value| value.source().parse().ok())
    }

    fn parsed<T>(
        &self,
        key: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, NormalizeError> {
        let Some(text) = self.read(key, expected, Json::digits_or_text)? else { return Ok(None) };
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        parse(text).map(Some).ok_or_else(|| NormalizeError::malformed(key, text, expected))
    }

    fn read<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl Fn(Json<'a>) -> Option<T>,
    ) -> Result<Option<T>, NormalizeError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| NormalizeError::malformed(key, &value.described(), expected))
    }
}

fn filled(text: Cow<'_, str>) -> Option<String> {
    let trimmed = text.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

fn entry(member: Member<'_>) -> Option<(Cow<'_, str>, Json<'_>)> {
    let key = if member.key_has_escapes { unescaped(member.key)? } else { Cow::Borrowed(member.key) };
    Some((key, Json(member.value)))
}

/// What stands between the quotes of a valid text, its escapes read.
fn unescaped(text: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str(&format!("\"{text}\"")).ok().map(Cow::Owned)
}

/// How deep lists and objects are nested in a valid JSON text.
fn depth(text: &str) -> usize {
    let (mut level, mut deepest, mut quoted, mut escaped) = (0_usize, 0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                level += 1;
                deepest = deepest.max(level);
            }
            b'}' | b']' if !quoted => level = level.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Replaces `\uD800` to `\uDFFF` escapes that are no pair.
fn mend_surrogates(text: &str) -> Cow<'_, str> {
    if !text.contains("\\ud") && !text.contains("\\uD") {
        return Cow::Borrowed(text);
    }
    let mut mended = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        mended.push_str(before);
        let (kept, length) = match (unit(escape), escape.get(6..).and_then(unit)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => (true, 12),
            (Some(0xD800..=0xDFFF), _) => (false, 6),
            (Some(_), _) => (true, 6),
            (None, _) => (true, 2),
        };
        let (taken, after) = escape.split_at_checked(length).unwrap_or((escape, ""));
        mended.push_str(if kept { taken } else { "\\ufffd" });
        rest = after;
    }
    mended.push_str(rest);
    Cow::Owned(mended)
}

/// The UTF-16 unit of a text that begins with `\uXXXX`.
fn unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits_and_the_last_of_equal_keys_counts() {
        let text = readable(br#"{"a":1,"b":1.10e2,"a":"2","c":null}"#).expect("readable");
        let object = top_object(&text).expect("readable");
        assert_eq!(object.id("b").expect("readable").as_deref(), Some("1.10e2"));
        assert_eq!(object.micros("a").expect("readable"), Some(2_000_000));
        assert_eq!(object.id("c").expect("readable"), None);
    }

    #[test]
    fn half_an_emoji_does_not_cost_the_message() {
        let text = readable(br#"{"a":"x\ud83d","b":"\ud83d\ude00 \\ud83d","c\udc00":"\u00e4"}"#).expect("readable");
        let object = top_object(&text).expect("readable");
        assert_eq!(object.text("a").expect("readable").as_deref(), Some("x\u{fffd}"));
        assert_eq!(object.text("b").expect("readable").as_deref(), Some("\u{1f600} \\ud83d"));
        assert_eq!(object.text("c\u{fffd}").expect("readable").as_deref(), Some("ä"));
    }

    #[test]
    fn nesting_beyond_the_limit_is_refused_and_brackets_in_texts_do_not_count() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(readable(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert!(readable(nested(DEPTH_MAX + 1).as_bytes()).is_err());
        assert!(readable(format!("[\"\\\"{}\"]", "[".repeat(200)).as_bytes()).is_ok());
    }
}

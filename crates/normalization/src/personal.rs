//! What is personal in a payload and how it is kept out of facts and errors: keys whose values go, texts that are
//! masked, addresses whose query goes.

use std::borrow::Cow;

use crate::json::{Json, Object};

/// What stands where an e-mail address stood.
const MASK: &str = "<e-mail>";

/// Words that make a key's value personal, wherever they stand in it (`customer_email`, `shippingAddress1`), by their
/// length: this is asked for every property of every event.
fn personal_words(length: usize) -> &'static [&'static str] {
    match length {
        2 => &["ip"],
        3 => &["dob", "fax", "ssn", "zip"],
        4 => &["iban", "mail"],
        5 => &["birth", "email", "fname", "lname", "phone"],
        6 => &["avatar", "emails", "mobile", "phones", "street"],
        7 => &["address", "surname", "zipcode"],
        8 => &[
            "address1", "address2", "birthday", "fullname", "lastname", "passport", "password", "postcode", "username",
        ],
        9 => &["birthdate", "firstname", "latitude", "longitude", "recipient", "telephone"],
        10 => &["middlename", "recipients"],
        _ => &[],
    }
}

/// Words that make a key's value personal when `name` follows: `first_name`.
const NAMED: [&str; 8] = ["first", "last", "middle", "full", "given", "family", "user", "customer"];

fn is_personal_word(word: &str) -> bool {
    let first = word.bytes().next().map(|first| first.to_ascii_lowercase());
    let known = |known: &&str| known.bytes().next() == first && word.eq_ignore_ascii_case(known);
    personal_words(word.len()).iter().any(known)
}

/// True for two words, such as `first` and `name`, that are personal only together.
fn is_personal_pair(first: &str, second: &str) -> bool {
    second.eq_ignore_ascii_case("name") && NAMED.iter().any(|known| first.eq_ignore_ascii_case(known))
        || second.eq_ignore_ascii_case("code") && first.eq_ignore_ascii_case("postal")
}

/// True where a key's value is personal by its name. `mobile` and the like say so too: flags are kept by
/// [`redacted`], not here.
pub(crate) fn is_personal_key(key: &str) -> bool {
    if key.is_ascii() && !key.contains('-') {
        return key.eq_ignore_ascii_case("e_mail") || is_personal_ascii_key(key);
    }
    let words = words(key);
    words.iter().any(|word| is_personal_word(word))
        || words.windows(2).any(|pair| matches!(pair, [a, b] if is_personal_pair(a, b)))
}

/// As [`is_personal_key`] for the keys that nearly all senders use, without a copy: this runs for every property of every
/// event.
fn is_personal_ascii_key(key: &str) -> bool {
    let mut previous = "";
    let mut rest = key;
    while !rest.is_empty() {
        let (word, after) = first_word(rest);
        rest = after;
        if word.is_empty() {
            continue;
        }
        if is_personal_word(word) || is_personal_pair(previous, word) {
            return true;
        }
        previous = word;
    }
    false
}

/// The first word of an ASCII key and what follows it; words end at a separator or before a capital after a small letter
/// or digit.
fn first_word(key: &str) -> (&str, &str) {
    let mut after_small = false;
    for (at, byte) in key.bytes().enumerate() {
        if !byte.is_ascii_alphanumeric() {
            return (key.get(..at).unwrap_or_default(), key.get(at + 1..).unwrap_or_default());
        }
        if byte.is_ascii_uppercase() && after_small {
            return key.split_at(at);
        }
        after_small = !byte.is_ascii_uppercase();
    }
    (key, "")
}

/// True where a text holds an e-mail address, or could be a phone number.
pub(crate) fn looks_personal(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let phone = text.trim_start().starts_with(['+', '(']) && digits >= 7;
    phone || holds_email(text)
}

/// True where a text holds an e-mail address, `@` written as it is or as `%40`.
pub(crate) fn holds_email(text: &str) -> bool {
    matches!(masked(text), Cow::Owned(_))
}

/// The text with every e-mail address in it replaced by `<e-mail>`.
pub(crate) fn masked(text: &str) -> Cow<'_, str> {
    // Without an early end, so that many bytes are compared at once.
    if !text.bytes().fold(false, |found, byte| found | (byte == b'@') | (byte == b'%')) {
        return Cow::Borrowed(text);
    }
    let (mut result, mut rest, mut searched) = (String::new(), text, 0);
    while let Some((at, sign)) = next_at_sign(rest, searched) {
        let (before, from_sign) = rest.split_at(at);
        let (_, after) = from_sign.split_at(sign);
        searched = at + sign;
        let Some(domain) = domain_length(after) else { continue };
        let kept = before.trim_end_matches(is_local);
        if kept.len() < before.len() {
            result.push_str(kept);
            result.push_str(MASK);
            (_, rest) = after.split_at(domain);
            searched = 0;
        }
    }
    if rest.len() == text.len() {
        return Cow::Borrowed(text);
    }
    result.push_str(rest);
    Cow::Owned(result)
}

/// The text with every e-mail address in it masked; itself where there is none.
pub(crate) fn without_email(text: String) -> String {
    match masked(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(masked) => masked,
    }
}

/// A text as facts keep it: an address loses its query and fragment (its signals are read before), e-mail addresses
/// are masked.
pub(crate) fn cleaned(text: &str) -> Cow<'_, str> {
    let address = text.starts_with('/') || text.contains("://") && !text.contains(' ');
    let query = text.starts_with('?') && text.contains('=');
    match text {
        _ if query => Cow::Borrowed(""),
        _ if address => masked(text.split(['?', '#']).next().unwrap_or(text)),
        _ => masked(text),
    }
}

/// An object as compact JSON, its keys in their order, without personal keys and with cleaned texts. `extra` follows
/// where the object has no such key; `hidden` names keys that are personal in this object only.
pub(crate) fn redacted(object: &Object<'_>, extra: &[(&str, String)], hidden: &[&str]) -> String {
    let mut out = String::with_capacity(256);
    out.push('{');
    for (key, value) in object.entries() {
        if !hidden.contains(&key.as_ref()) {
            write_entry(&mut out, key, *value);
        }
    }
    for (key, value) in extra.iter().filter(|(key, _)| object.get(key).is_none()) {
        write_key(&mut out, key);
        write_quoted(&mut out, &cleaned(value));
    }
    out.push('}');
    out
}

/// A JSON object that is written member by member, without personal keys and with cleaned texts.
pub(crate) struct Redacted(String);

impl Default for Redacted {
    fn default() -> Self {
        Self("{".to_owned())
    }
}

impl Redacted {
    /// Adds a JSON value.
    pub(crate) fn json(&mut self, key: &str, value: Json<'_>) {
        write_entry(&mut self.0, key, value);
    }

    /// Adds a text under a key that is not personal.
    pub(crate) fn text(&mut self, key: &str, text: &str) {
        write_key(&mut self.0, key);
        write_quoted(&mut self.0, &cleaned(text));
    }

    /// The object.
    pub(crate) fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

fn write_object(out: &mut String, object: &Object<'_>) {
    out.push('{');
    for (key, value) in object.entries() {
        write_entry(out, key, *value);
    }
    out.push('}');
}

fn write_entry(out: &mut String, key: &str, value: Json<'_>) {
    let flag = matches!(value.source(), "true" | "false" | "null");
    if flag || !is_personal_key(key) {
        write_key(out, key);
        write_value(out, value);
    }
}

fn write_key(out: &mut String, key: &str) {
    if !out.ends_with('{') {
        out.push(',');
    }
    if is_plain(key) {
        write_plain(out, key);
    } else {
        write_quoted(out, &masked(key));
    }
    out.push(':');
}

fn write_value(out: &mut String, value: Json<'_>) {
    // By far most values are numbers, and texts that need no look.
    if !value.source().starts_with(['{', '[']) {
        match value.text() {
            Some(text) if is_plain(&text) => write_plain(out, &text),
            Some(text) => write_quoted(out, &cleaned(&text)),
            None => out.push_str(value.source()),
        }
        return;
    }
    if let Some(object) = value.object() {
        write_object(out, &object);
    } else if let Some(list) = value.list() {
        out.push('[');
        for (at, element) in list.into_iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            write_value(out, element);
        }
        out.push(']');
    }
}

/// True for a text that holds no sign of an address, a query or an e-mail address, and none that JSON escapes: it is kept
/// as it is.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte >= 0x20 && !matches!(byte, b'"' | b'\\' | b'%' | b'/' | b'?' | b'@'))
}

fn write_plain(out: &mut String, text: &str) {
    out.push('"');
    out.push_str(text);
    out.push('"');
}

/// Appends a text in quotes, as JSON writes it.
fn write_quoted(out: &mut String, text: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        write_plain(out, text);
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// A key's words in lower case: `shippingAddress1`, `first_name`, `E-Mail`.
fn words(key: &str) -> Vec<String> {
    if key.eq_ignore_ascii_case("e-mail") || key.eq_ignore_ascii_case("e_mail") {
        return vec!["email".to_owned()];
    }
    let mut words: Vec<String> = vec![String::new()];
    let mut previous_lower = false;
    for c in key.chars() {
        let separator = !c.is_alphanumeric();
        if separator || (c.is_uppercase() && previous_lower) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| !separator) {
            word.extend(c.to_lowercase());
        }
        previous_lower = c.is_lowercase() || c.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Where the next `@` or `%40` of a text stands from byte `from`, and how long it is.
fn next_at_sign(text: &str, from: usize) -> Option<(usize, usize)> {
    let rest = text.get(from..)?;
    rest.match_indices(['@', '%']).find_map(|(at, sign)| match sign {
        "@" => Some((from + at, 1)),
        _ => (rest.get(at..at + 3) == Some("%40")).then_some((from + at, 3)),
    })
}

fn is_local(c: char) -> bool {
    c.is_alphanumeric() || "._%+-'!$*^`{|}~".contains(c)
}

/// How many bytes of a text are a domain with a dot, such as `example.com`.
fn domain_length(text: &str) -> Option<usize> {
    let written = text.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '.')).next()?;
    let domain = written.trim_end_matches(['.', '-']);
    let (name, last) = domain.rsplit_once('.')?;
    let top_level = last.chars().count() >= 2 && last.chars().all(|c| c.is_alphanumeric()) && !starts_with_digit(last);
    (!name.is_empty() && top_level).then_some(domain.len())
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{readable, top_object};

    #[test]
    fn e_mail_addresses_are_masked_and_handles_are_not() {
        for (text, expected) in [
            ("ana@example.com", "<e-mail>"),
            ("to ana.b+x@mail.example.co.uk, and b%40c.de.", "to <e-mail>, and <e-mail>."),
            ("<Ana@Example.com>@bob@x.org", "<<e-mail>>@<e-mail>"),
            ("@segment/analytics-node", "@segment/analytics-node"),
            ("2@50 1@2.50 a@b", "2@50 1@2.50 a@b"),
            ("müller@exämple.de", "<e-mail>"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn an_ascii_key_is_read_like_any_other() {
        let slow = |key: &str| {
            let words = words(key);
            words.iter().any(|word| is_personal_word(word))
                || words.windows(2).any(|pair| matches!(pair, [a, b] if is_personal_pair(a, b)))
        };
        let parts = [
            "e", "mail", "Mail", "first", "Name", "name", "_", ".", " ", "IP", "ip", "zip", "Z", "9", "postal", "Code",
        ];
        for a in parts {
            for b in parts {
                for c in parts {
                    let key = format!("{a}{b}{c}");
                    assert_eq!(is_personal_key(&key), slow(&key), "{key}");
                }
            }
        }
    }

    #[test]
    fn personal_keys_go_and_their_neighbours_stay_in_order() {
        let text = readable(
            br#"{"z":1.50,"email":"a@b.de","headphones":"x","iphoneModel":2,"first_name":"A","shippingAddress":{"c":1},
            "ip":"1.2.3.4","mobile":true,"list":[{"contactPhone":"+49","q":"a@b.de"},null],"u":"https://x.de/p?e=a","name":"N"}"#,
        )
        .expect("readable");
        let object = top_object(&text).expect("readable");
        assert_eq!(
            redacted(&object, &[("category", "c".to_owned()), ("z", "2".to_owned())], &["name"]),
            r#"{"z":1.50,"headphones":"x","iphoneModel":2,"mobile":true,"list":[{"q":"<e-mail>"},null],"u":"https://x.de/p","category":"c"}"#
        );
    }
}

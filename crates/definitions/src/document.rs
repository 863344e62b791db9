//! YAML text → trees that know their lines, and back to the canonical text that a version is the hash of.

use std::fmt::Write as _;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{MessageFormatter as _, Spanned, UserMessageFormatter};

use crate::{error::DefinitionError, spelling};

/// One value and the line it starts on.
#[derive(Debug)]
pub(crate) struct YamlNode {
    pub line: u64,
    pub value: YamlValue,
}

/// What YAML can say.
#[derive(Debug)]
pub(crate) enum YamlValue {
    Null,
    Flag(bool),
    Integer(i64),
    Decimal(f64),
    Text(String),
    List(Vec<YamlNode>),
    Mapping(Vec<YamlEntry>),
}

/// One key of a mapping, in the order of the file.
#[derive(Debug)]
pub(crate) struct YamlEntry {
    pub line: u64,
    pub key: String,
    pub node: YamlNode,
}

/// Reads one YAML document into a type of another crate, such as the channel rules; mistakes read like those of
/// definitions.
///
/// # Errors
/// [`DefinitionError::Refused`] with the line, and the nearest right spelling of an unknown key.
pub fn parse_yaml<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, DefinitionError> {
    serde_saphyr::from_str_with_options(text, options()).map_err(|error| refused(file, &error))
}

/// All documents of a file.
pub(crate) fn read(file: &str, text: &str) -> Result<Vec<YamlNode>, DefinitionError> {
    let documents: Vec<YamlNode> =
        serde_saphyr::from_multiple_with_options(text, options()).map_err(|error| refused(file, &error))?;
    if documents.is_empty() {
        let problem = "the file holds no definition".to_owned();
        return Err(DefinitionError::Refused { file: file.to_owned(), line: 1, problem });
    }
    Ok(documents)
}

impl YamlNode {
    /// One line of JSON with sorted keys: the same for two texts that differ in comments, order of keys and layout
    /// only. The top-level `status` is left out, since approving a text does not change what it says.
    pub(crate) fn canonical_text(&self) -> String {
        let mut out = String::new();
        match &self.value {
            YamlValue::Mapping(entries) => write_mapping(entries.iter().filter(|e| e.key != "status"), &mut out),
            _ => self.write(&mut out),
        }
        out
    }

    /// What was found, for error messages: `the text "seven"`.
    pub(crate) fn described(&self) -> String {
        match &self.value {
            YamlValue::Null => "empty".to_owned(),
            YamlValue::Flag(flag) => flag.to_string(),
            YamlValue::Integer(number) => number.to_string(),
            YamlValue::Decimal(number) => number.to_string(),
            YamlValue::Text(text) => format!("the text \"{}\"", text.chars().take(64).collect::<String>()),
            YamlValue::List(_) => "a list".to_owned(),
            YamlValue::Mapping(_) => "a mapping".to_owned(),
        }
    }

    fn write(&self, out: &mut String) {
        match &self.value {
            YamlValue::Null => out.push_str("null"),
            YamlValue::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
            YamlValue::Integer(number) => out.push_str(&number.to_string()),
            YamlValue::Decimal(number) => out.push_str(&format!("{number:?}")),
            YamlValue::Text(text) => write_text(text, out),
            YamlValue::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { "," });
                    item.write(out);
                }
                out.push(']');
            }
            YamlValue::Mapping(entries) => write_mapping(entries.iter(), out),
        }
    }
}

fn write_mapping<'a>(entries: impl Iterator<Item = &'a YamlEntry>, out: &mut String) {
    let mut sorted: Vec<&YamlEntry> = entries.collect();
    sorted.sort_by(|a, b| a.key.cmp(&b.key));
    out.push('{');
    for (index, entry) in sorted.into_iter().enumerate() {
        out.push_str(if index == 0 { "" } else { "," });
        write_text(&entry.key, out);
        out.push(':');
        entry.node.write(out);
    }
    out.push('}');
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => write!(out, "\\u{:04x}", u32::from(c)).expect("a String takes every text"),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// `yes` and `on` are texts, as in YAML 1.2.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! { strict_booleans: true, with_snippet: false }
}

fn refused(file: &str, error: &serde_saphyr::Error) -> DefinitionError {
    let error = error.without_snippet();
    let problem = match error {
        serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => {
            spelling::unknown_among("key", field, expected)
        }
        serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => format!("key \"{key}\" stands here twice"),
        serde_saphyr::Error::SerdeMissingField { field, .. } => format!("missing key \"{field}\""),
        other => {
            format!("cannot be read: {}", UserMessageFormatter.format_message(other).replace(char::is_control, " "))
        }
    };
    let line = error.location().map_or(1, |location| location.line());
    DefinitionError::Refused { file: file.to_owned(), line, problem }
}

impl<'de> Deserialize<'de> for YamlNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<YamlValue>::deserialize(deserializer)?;
        Ok(Self { line: spanned.referenced.line(), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for YamlValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(YamlVisitor)
    }
}

struct YamlVisitor;

impl<'de> Visitor<'de> for YamlVisitor {
    type Value = YamlValue;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<YamlValue, E> {
        Ok(YamlValue::Null)
    }

    fn visit_none<E>(self) -> Result<YamlValue, E> {
        Ok(YamlValue::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<YamlValue, E> {
        Ok(YamlValue::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<YamlValue, E> {
        Ok(YamlValue::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<YamlValue, E> {
        Ok(i64::try_from(number).map_or_else(|_| YamlValue::Text(number.to_string()), YamlValue::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<YamlValue, E> {
        Ok(YamlValue::Decimal(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<YamlValue, E> {
        Ok(YamlValue::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<YamlValue, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(YamlValue::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<YamlValue, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, node)) = map.next_entry::<Spanned<String>, YamlNode>()? {
            entries.push(YamlEntry { line: key.referenced.line(), key: key.value, node });
        }
        Ok(YamlValue::Mapping(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        read("x.yaml", text).expect("sound YAML")[0].canonical_text()
    }

    #[test]
    fn canonical_text_forgets_comments_layout_order_and_status() {
        let one = "funnel: a # why\nstatus: draft\nsteps: [{label: x, event: y}]\n";
        let two = "---\nstatus: approved\nsteps:\n  - event: y\n    label: \"x\"\nfunnel: a\n";
        assert_eq!(canonical(one), canonical(two));
        assert_eq!(canonical(one), r#"{"funnel":"a","steps":[{"event":"y","label":"x"}]}"#);
    }

    #[test]
    fn canonical_text_keeps_the_order_of_lists_and_the_type_of_values() {
        assert_ne!(canonical("a: [1, 2]"), canonical("a: [2, 1]"));
        assert_ne!(canonical("a: 1"), canonical("a: \"1\""));
        assert_eq!(canonical("a: \"say \\\"x\\\"\\n\""), r#"{"a":"say \"x\"\u000a"}"#);
    }

    #[test]
    fn lines_count_from_the_start_of_the_file_in_every_document() {
        let documents = read("x.yaml", "a: 1\n---\nb:\n  - c: 2\n").expect("sound YAML");
        let YamlValue::Mapping(entries) = &documents[1].value else { panic!("a mapping") };
        assert_eq!((entries[0].line, entries[0].node.line), (3, 4));
    }
}

//! Rows that are JSON values anywhere in the text: the elements of one array, or objects one after another.
//!
//! A value is taken as it is written, between its first and its last byte. Only brackets and texts are followed; what
//! else is wrong within a value is for whoever reads the record.

use super::{
    ROW_BYTES_MAX,
    content::{Content, Damage},
    rows::Splitter,
};

/// Splits JSON into values.
pub(super) struct JsonRows {
    content: Content,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    /// Between objects that stand in no array.
    Objects,
    /// After the array's `[`.
    FirstElement,
    /// After an element.
    NextElement,
    End,
}

impl JsonRows {
    /// The values of a content.
    pub fn new(content: Content) -> Self {
        Self { content, place: Place::Start }
    }

    fn start(&mut self) -> Result<(), Damage> {
        self.place = Place::Objects;
        if self.content.skip_blank()? == Some(b'[') {
            self.content.consume(1);
            self.place = Place::FirstElement;
        }
        Ok(())
    }

    fn next_object(&mut self, row: &mut Vec<u8>) -> Result<bool, Damage> {
        match self.content.skip_blank()? {
            Some(b'{') => self.value(row),
            None => Ok(false),
            found => Err(self.unexpected(found, "\"{\" or the end of the file")),
        }
    }

    fn next_element(&mut self, row: &mut Vec<u8>) -> Result<bool, Damage> {
        let first = self.place == Place::FirstElement;
        self.place = Place::NextElement;
        match self.content.skip_blank()? {
            Some(b']') => self.end_of_array(),
            Some(b',') if !first => {
                self.content.consume(1);
                self.content.skip_blank()?;
                self.value(row)
            }
            Some(_) if first => self.value(row),
            found => Err(self.unexpected(found, "\",\" or \"]\" after an element")),
        }
    }

    fn end_of_array(&mut self) -> Result<bool, Damage> {
        self.content.consume(1);
        self.place = Place::End;
        match self.content.skip_blank()? {
            None => Ok(false),
            found => Err(self.unexpected(found, "nothing after the array (if each line is a row, say format ndjson)")),
        }
    }

    fn value(&mut self, row: &mut Vec<u8>) -> Result<bool, Damage> {
        let mut scan = ValueScan::default();
        loop {
            let ready = self.content.ready()?;
            if ready.is_empty() {
                // A number has no last byte of its own.
                return if scan.bare { Ok(true) } else { Err(self.unexpected(None, "the rest of a value")) };
            }
            let (bytes, found) = scan.read(ready);
            row.extend_from_slice(ready.get(..bytes).unwrap_or_default());
            let next = ready.get(bytes).copied();
            self.content.consume(bytes);
            match found {
                Found::End => return Ok(true),
                Found::Stray => return Err(self.unexpected(next, "a value, or the bracket that closes the last one")),
                Found::Nothing if row.len() > ROW_BYTES_MAX => {
                    let long = "a value is longer than {} bytes; import the file as one record if it is one";
                    return Err(self.content.damage(long.replace("{}", &ROW_BYTES_MAX.to_string())));
                }
                Found::Nothing => {}
            }
        }
    }

    fn unexpected(&self, found: Option<u8>, expected: &str) -> Damage {
        let found = match found {
            Some(byte) if byte.is_ascii_graphic() => format!("\"{}\"", char::from(byte)),
            Some(byte) => format!("byte {byte:#04x}"),
            None => "the end of the file".to_owned(),
        };
        self.content.damage(format!("found {found}, expected {expected}"))
    }
}

impl Splitter for JsonRows {
    fn next_row(&mut self, row: &mut Vec<u8>) -> Result<bool, Damage> {
        row.clear();
        if self.place == Place::Start {
            self.start()?;
        }
        match self.place {
            Place::Objects => self.next_object(row),
            Place::FirstElement | Place::NextElement => self.next_element(row),
            Place::Start | Place::End => Ok(false),
        }
    }
}

/// How far into a value one is.
#[derive(Debug, Default)]
struct ValueScan {
    /// Brackets that must still come, the last one first.
    closing: Vec<u8>,
    in_text: bool,
    escaped: bool,
    /// The value is a number, a truth or null: it ends where something else begins.
    bare: bool,
}

enum Found {
    /// The value ends.
    End,
    /// What comes next can stand in no value.
    Stray,
    /// The value goes on.
    Nothing,
}

impl ValueScan {
    /// Reads on, and says how many of the bytes are the value's.
    fn read(&mut self, bytes: &[u8]) -> (usize, Found) {
        for (index, byte) in bytes.iter().copied().enumerate() {
            if self.in_text {
                self.read_in_text(byte);
            } else {
                match self.read_outside(byte) {
                    Found::Nothing => {}
                    // A bare value ends before the byte.
                    Found::End => return (index, Found::End),
                    Found::Stray => return (index, Found::Stray),
                }
            }
            if !self.bare && !self.in_text && self.closing.is_empty() {
                return (index + 1, Found::End);
            }
        }
        (bytes.len(), Found::Nothing)
    }

    fn read_in_text(&mut self, byte: u8) {
        if self.escaped {
            self.escaped = false;
        } else if byte == b'\\' {
            self.escaped = true;
        } else if byte == b'"' {
            self.in_text = false;
        }
    }

    fn read_outside(&mut self, byte: u8) -> Found {
        let inside = !self.closing.is_empty();
        match byte {
            b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n' if self.bare => return Found::End,
            b'"' | b'{' | b'[' if self.bare => return Found::Stray,
            b'"' => self.in_text = true,
            b'{' => self.closing.push(b'}'),
            b'[' => self.closing.push(b']'),
            b'}' | b']' if self.closing.last() == Some(&byte) => drop(self.closing.pop()),
            b'}' | b']' => return Found::Stray,
            b',' if !inside => return Found::Stray,
            _ => self.bare = !inside,
        }
        Found::Nothing
    }
}

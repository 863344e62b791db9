//! Which format a content has: told by its bytes, never by its name.

use std::io::Read;

use serde::de::IgnoredAny;

use super::{
    ImportFormat, ROW_BYTES_MAX,
    content::{Content, Damage},
};

/// Bytes that are looked at where a file is one record, which may be written in any encoding.
const LOOK_BYTES: u64 = 64 << 10;
/// First bytes of what holds no rows, with what to do about it.
const FOREIGN: [(&[u8], &str); 4] = [
    (b"PK\x03\x04", "it is a zip archive or an Excel workbook; unzip it, or save the sheet as CSV UTF-8"),
    (b"\xd0\xcf\x11\xe0", "it is an old Excel workbook; save the sheet as CSV UTF-8"),
    (b"BZh", "it is packed by bzip2; expected it plain, or packed by gzip or zstd"),
    (b"\xfd7zX", "it is packed by xz; expected it plain, or packed by gzip or zstd"),
];

/// Why a content that starts with `head` cannot be read as rows of text, if so.
pub(super) fn no_rows(head: &[u8]) -> Option<&'static str> {
    if let Some((_, mend)) = FOREIGN.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(mend);
    }
    let wide = head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) || head.contains(&0);
    wide.then_some(
        "it is written in UTF-16, and rows are read from UTF-8; save it as UTF-8, such as by \
         `iconv -f UTF-16 -t UTF-8`, or let its mapping say `record: file`",
    )
}

/// The format of a content that is one record, whatever its encoding.
pub(super) fn of_whole(from: impl Read, content: Content) -> Result<ImportFormat, Damage> {
    let mut look = Vec::new();
    from.take(LOOK_BYTES).read_to_end(&mut look).map_err(|error| content.damage(error.to_string()))?;
    // Byte order marks and the empty halves of UTF-16 tell nothing.
    let mut letters = look.into_iter().filter(|byte| !matches!(byte, 0 | 0xef | 0xbb | 0xbf | 0xfe | 0xff));
    match letters.find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => of_objects(content),
        Some(b'[') => Ok(ImportFormat::Json),
        _ => Ok(ImportFormat::Csv),
    }
}

/// The format of a content that holds rows of text.
pub(super) fn of_rows(mut content: Content) -> Result<ImportFormat, Damage> {
    match content.skip_blank()? {
        Some(b'{') => of_objects(content),
        Some(b'[') => Ok(ImportFormat::Json),
        Some(_) => Ok(ImportFormat::Csv),
        // No rows; a header that is not there shall not be missed.
        None => Ok(ImportFormat::Ndjson),
    }
}

/// Objects on lines of their own, or objects that span lines (mostly one).
///
/// A first line that is no JSON, whatever follows, is a malformed line of many: its row is refused later, alone.
fn of_objects(mut content: Content) -> Result<ImportFormat, Damage> {
    let mut line = Vec::new();
    content.read_line(&mut line, ROW_BYTES_MAX)?;
    match serde_json::from_slice::<IgnoredAny>(&line) {
        Ok(_) => {
            let alone = content.skip_blank()?.is_none();
            Ok(if alone { ImportFormat::Json } else { ImportFormat::Ndjson })
        }
        Err(error) if error.is_eof() => {
            let several_lines = line.ends_with(b"\n");
            let whole = content.rest_after(line).take(ROW_BYTES_MAX as u64);
            let mut values = serde_json::Deserializer::from_reader(whole).into_iter::<IgnoredAny>();
            match values.next() {
                Some(Err(error)) if error.is_syntax() || error.is_data() => Ok(ImportFormat::Ndjson),
                Some(Err(error)) if error.is_io() => Err(Damage { byte: None, problem: error.to_string() }),
                Some(Err(_)) if !several_lines => Ok(ImportFormat::Ndjson),
                _ => Ok(ImportFormat::Json),
            }
        }
        Err(_) => Ok(ImportFormat::Ndjson),
    }
}

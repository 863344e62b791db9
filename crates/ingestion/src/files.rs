//! The door for files: reads what anybody exported, of any size, row by row, for `tributary import`.
//!
//! In reading order: which files are meant (`expand`), one file opened, hashed and recognised (`ImportFile`), its
//! rows (`ImportRows`). All of it blocks; nothing here keeps more than a row, a megabyte or a batch in memory.
//!
//! - **A file is its content.** Its channel is `file/` and the hash of the unpacked bytes (for Parquet, of the file's
//!   own bytes), so the same export under another name, or packed, is the same file. A packed file that breaks off has
//!   no hash: nothing of it is taken in.
//! - **A row is its number.** Row n of a content has the same bytes at every reading, so an import that was cut goes
//!   on by `ImportFile::rows` with the rows to skip.
//! - **Rows are not judged.** A malformed line or record is a row like any other and is refused later, alone, with its
//!   reason. Only what makes the next row's start unknown is an error here.
//! - **Formats are told by content.** `PAR1` is Parquet; a first `[` is a JSON array, a first `{` is an object on each
//!   line, or objects that span lines; anything else is CSV; blank content has no rows, of whatever format. A first
//!   line that starts with `{` and is no JSON makes a file of lines, the first of them malformed.
//! - **Texts are UTF-8 or extend ASCII.** A byte order mark is no part of the first row (it is of the hash, and of a
//!   file that is one record). UTF-16 has no rows here. A CSV header that is not UTF-8 goes into its record header with
//!   each byte as the letter of that number (Latin-1), which loses nothing; `ImportFile::header_bytes` has the bytes.
//! - **Columns have one name each.** Two columns of one name are refused; several without a name are not, since no
//!   mapping can mean them.

mod content;
mod csv_rows;
mod detect;
mod expand;
mod json_rows;
mod line_rows;
mod parquet_rows;
mod rows;
mod store;

use std::{
    collections::BTreeMap,
    fmt,
    io::Read,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

use model::Headers;

use self::{
    content::{Content, Damage},
    csv_rows::CsvRows,
    json_rows::JsonRows,
    line_rows::LineRows,
    parquet_rows::ParquetRows,
    rows::{RowSource, Splitter, WholeRow},
    store::Store,
};
use crate::{error::IntakeError, reports::REPORT_BYTES_MAX};

pub use expand::expand;
pub use rows::{ImportRow, ImportRows};

/// Most bytes of a row.
pub const ROW_BYTES_MAX: usize = 64 << 20;
/// The name that stands for standard input.
pub const STANDARD_INPUT: &str = "-";

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ImportUnit {
    /// Each row is a record.
    #[default]
    Row,
    /// The whole file is one record, at most [`REPORT_BYTES_MAX`] bytes unpacked, in any encoding.
    File,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportFormat {
    /// Records of delimited texts.
    Csv,
    /// One array whose elements are the rows, or objects that may span lines.
    Json,
    /// A JSON value on each line.
    Ndjson,
    /// Apache Parquet.
    Parquet,
}

/// How a CSV file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsvLayout {
    /// Between fields, an ASCII letter such as `,`, `;` or a tab.
    pub delimiter: u8,
    /// Round fields that hold delimiters or line ends; none where quotes are ordinary letters.
    pub quote: Option<u8>,
    /// Lines above the header (or above the first row), counted as they lie there, empty ones too.
    pub skip_lines: u32,
    /// Whether the first record names the columns.
    pub has_header: bool,
}

/// What the caller says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportOptions {
    /// The format; none lets the content tell.
    pub format: Option<ImportFormat>,
    /// What a record is.
    pub unit: ImportUnit,
    /// Looked at where the file is CSV.
    pub csv: CsvLayout,
    /// A folder, made if need be, for copies of what cannot be read twice where it is: standard input, pipes, packed
    /// Parquet files. They are as large as the unpacked content and are removed when the file is done.
    pub copies_dir: PathBuf,
}

/// One file: unpacked, hashed and recognised, ready to be read.
#[derive(Debug)]
pub struct ImportFile {
    name: String,
    store: Arc<Store>,
    format: ImportFormat,
    unit: ImportUnit,
    csv: CsvLayout,
    header: Option<CsvHeader>,
}

#[derive(Debug)]
struct CsvHeader {
    bytes: Vec<u8>,
    columns: Vec<String>,
}

impl Default for CsvLayout {
    fn default() -> Self {
        Self { delimiter: b',', quote: Some(b'"'), skip_lines: 0, has_header: true }
    }
}

impl ImportFile {
    /// Reads the file at `path` once, to its end, for hash and format; `-` is standard input.
    ///
    /// # Errors
    /// [`IntakeError::UnreadableFile`] for what cannot be read, unpacked, or be what `options` say;
    /// [`IntakeError::ReportTooLarge`] for a file that is to be one record.
    pub fn open(path: &Path, options: &ImportOptions) -> Result<Self, IntakeError> {
        let name = if path == Path::new(STANDARD_INPUT) { "standard input".into() } else { path.display().to_string() };
        let store = Store::open(path, &options.copies_dir).map_err(|error| unreadable(&name, error))?;
        Self::of(name, store, options)
    }

    /// The same for a stream that errors shall call `name`.
    ///
    /// # Errors
    /// As [`ImportFile::open`].
    pub fn of_stream(
        name: &str,
        from: impl Read + Send + 'static,
        options: &ImportOptions,
    ) -> Result<Self, IntakeError> {
        let store = Store::copied(Box::new(from), &options.copies_dir).map_err(|error| unreadable(name, error))?;
        Self::of(name.to_owned(), store, options)
    }

    fn of(name: String, store: Store, options: &ImportOptions) -> Result<Self, IntakeError> {
        if options.unit == ImportUnit::File && store.content_bytes > REPORT_BYTES_MAX {
            return Err(IntakeError::ReportTooLarge { path: name, bytes_max: REPORT_BYTES_MAX });
        }
        let format = recognise(&store, options).map_err(|problem| unreadable(&name, problem))?;
        let (unit, csv) = (options.unit, options.csv);
        let mut file = Self { name, store: Arc::new(store), format, unit, csv, header: None };
        if format == ImportFormat::Csv && unit == ImportUnit::Row {
            file.header = file.read_header().map_err(|problem| unreadable(&file.name, problem))?;
        }
        Ok(file)
    }

    /// How the file is written.
    #[must_use]
    pub fn format(&self) -> ImportFormat {
        self.format
    }

    /// BLAKE3 of the unpacked content, the first 128 bits in hex.
    #[must_use]
    pub fn content_hash(&self) -> &str {
        &self.store.hash
    }

    /// The channel of the file's records.
    #[must_use]
    pub fn file_channel(&self) -> String {
        format!("file/{}", self.store.hash)
    }

    /// Bytes of the file that is read: packed, where it is packed.
    #[must_use]
    pub fn bytes_total(&self) -> u64 {
        self.store.bytes_total
    }

    /// How many of them the newest rows have read, for a progress bar.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.store.bytes_read.load(Ordering::Relaxed)
    }

    /// The names in the CSV header. None where the file has no header, which an empty file has not.
    #[must_use]
    pub fn columns(&self) -> Option<&[String]> {
        self.header.as_ref().map(|header| header.columns.as_slice())
    }

    /// The CSV header as it is written, without its line end, in the file's own encoding.
    #[must_use]
    pub fn header_bytes(&self) -> Option<&[u8]> {
        self.header.as_ref().map(|header| header.bytes.as_slice())
    }

    /// What stands beside each record: `tributary-format`, and `tributary-csv-header` where there is one.
    ///
    /// A row of JSON, NDJSON or Parquet is `json`: one value.
    #[must_use]
    pub fn headers(&self) -> Headers {
        let format = match (self.format, self.unit) {
            (ImportFormat::Csv, _) => "csv",
            (ImportFormat::Ndjson, ImportUnit::File) => "ndjson",
            _ => "json",
        };
        let mut headers = Headers::from([("tributary-format".to_owned(), format.to_owned())]);
        if let Some(header) = &self.header {
            headers.insert("tributary-csv-header".to_owned(), text(&header.bytes));
        }
        headers
    }

    /// The rows from number `skip` on; none where there are no more.
    ///
    /// # Errors
    /// [`IntakeError::DamagedFile`] where a row to skip cannot be read, [`IntakeError::UnreadableFile`] where the file
    /// is no longer the one that was opened.
    pub fn rows(&self, skip: u64) -> Result<ImportRows, IntakeError> {
        let source = RowSource { name: self.name.clone(), store: Arc::clone(&self.store) };
        // Parquet finds a row by its number; in texts one has to go there.
        let (first, walked) = if self.format == ImportFormat::Parquet { (skip, 0) } else { (0, skip) };
        let splitter = self.splitter(first).map_err(|problem| unreadable(&self.name, problem))?;
        let mut rows = ImportRows::new(splitter, source, first);
        rows.skip_rows(walked)?;
        Ok(rows)
    }

    fn splitter(&self, first: u64) -> Result<Box<dyn Splitter>, Damage> {
        if self.unit == ImportUnit::File {
            return Ok(Box::new(WholeRow::new(self.store.stream()?)));
        }
        Ok(match self.format {
            ImportFormat::Parquet => Box::new(ParquetRows::new(&self.store, first)?),
            ImportFormat::Ndjson => Box::new(LineRows::new(content(&self.store)?)),
            ImportFormat::Json => Box::new(JsonRows::new(content(&self.store)?)),
            ImportFormat::Csv => {
                let mut rows = CsvRows::new(content(&self.store)?, self.csv)?;
                if self.csv.has_header {
                    rows.next_row(&mut Vec::new())?;
                }
                Box::new(rows)
            }
        })
    }

    fn read_header(&self) -> Result<Option<CsvHeader>, Damage> {
        let CsvLayout { delimiter, quote, has_header, .. } = self.csv;
        let letters = [Some(delimiter), quote];
        let usable = |letter: u8| letter.is_ascii() && !matches!(letter, b'\r' | b'\n');
        if Some(delimiter) == quote || !letters.into_iter().flatten().all(usable) {
            let problem = "delimiter and quote must be two different ASCII letters, neither of them a line end";
            return Err(Damage { byte: None, problem: problem.to_owned() });
        }
        let mut bytes = Vec::new();
        if !has_header || !CsvRows::new(content(&self.store)?, self.csv)?.next_row(&mut bytes)? {
            return Ok(None);
        }
        let columns = parse_header(&bytes, self.csv)?;
        Ok(Some(CsvHeader { bytes, columns }))
    }
}

fn content(store: &Store) -> Result<Content, Damage> {
    Ok(Content::new(store.stream()?)?)
}

/// The format, where options and content can both be right.
fn recognise(store: &Store, options: &ImportOptions) -> Result<ImportFormat, Damage> {
    let refused = |problem: &str| Err(Damage { byte: None, problem: problem.to_owned() });
    match (store.is_parquet(), options.format, options.unit) {
        (true, None | Some(ImportFormat::Parquet), ImportUnit::Row) => return Ok(ImportFormat::Parquet),
        (true, _, ImportUnit::File) => return refused("a Parquet file is no single record; import it by rows"),
        (true, ..) => return refused("it is a Parquet file, another format was given"),
        (false, Some(ImportFormat::Parquet), _) => return refused("it is no Parquet file, which starts with PAR1"),
        (false, None, ImportUnit::File) => return detect::of_whole(store.stream()?, content(store)?),
        (false, Some(format), ImportUnit::File) => return Ok(format),
        (false, _, ImportUnit::Row) => {}
    }
    match (detect::no_rows(&store.head), options.format) {
        (Some(problem), _) => refused(problem),
        (None, Some(format)) => Ok(format),
        (None, None) => detect::of_rows(content(store)?),
    }
}

/// The names in a header, no two the same.
fn parse_header(bytes: &[u8], layout: CsvLayout) -> Result<Vec<String>, Damage> {
    let mut reader = csv::ReaderBuilder::new();
    reader.has_headers(false).delimiter(layout.delimiter).quoting(layout.quote.is_some());
    reader.quote(layout.quote.unwrap_or(b'"'));
    let mut record = csv::ByteRecord::new();
    let problem = |problem: String| Damage { byte: None, problem };
    reader.from_reader(bytes).read_byte_record(&mut record).map_err(|error| problem(error.to_string()))?;
    let columns: Vec<String> = record.iter().map(text).collect();
    let mut numbers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (index, name) in columns.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        numbers.entry(name).or_default().push((index + 1).to_string());
    }
    let named = |(name, numbers): (&str, Vec<String>)| format!("{} (columns {})", shown(name), numbers.join(", "));
    let twice: Vec<String> = numbers.into_iter().filter(|(_, numbers)| numbers.len() > 1).map(named).collect();
    if twice.is_empty() {
        return Ok(columns);
    }
    let mend = "rename them in the file, or say that it has no header";
    Err(problem(format!("its header names columns more than once: {}; {mend}", twice.join(", "))))
}

/// A column's name for an error text. In a file without a header, "names" are values and may be personal.
fn shown(name: &str) -> String {
    let personal = name.contains('@') || name.chars().filter(char::is_ascii_digit).count() > 6;
    if personal { "<hidden>".to_owned() } else { format!("\"{}\"", name.chars().take(64).collect::<String>()) }
}

/// UTF-8, or else each byte as the letter of its number, which loses nothing.
fn text(bytes: &[u8]) -> String {
    str::from_utf8(bytes).map_or_else(|_| bytes.iter().copied().map(char::from).collect(), str::to_owned)
}

fn unreadable(name: &str, problem: impl fmt::Display) -> IntakeError {
    IntakeError::UnreadableFile { path: name.to_owned(), problem: problem.to_string() }
}

#[cfg(test)]
mod tests;

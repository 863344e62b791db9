//! How a record's bytes become rows: decoding, cells between delimiters, objects of a JSON text.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use model::RawRecord;

use super::{
    Mapping,
    compile::Compiler,
    file::CsvOptions,
    row::{Cells, Header},
};
use crate::{
    error::NormalizeError,
    json::{self, Json},
};

/// What a record's payload is, as its header `tributary-format` says.
pub(crate) enum Payload<'a> {
    /// A row of a CSV file, with the file's header row, or a whole CSV file.
    Csv {
        /// The header row as written; none for files without one, and for whole files.
        header_row: Option<&'a str>,
    },
    /// One JSON object, or a list of them.
    Json,
    /// A JSON object on each line.
    Ndjson,
}

/// How CSV files of a mapping are written.
pub(crate) struct CsvReader {
    delimiter: u8,
    quote: u8,
    skip_lines: u64,
    encoding: &'static Encoding,
    columns: Option<Vec<String>>,
}

impl<'a> Payload<'a> {
    /// Reads the headers that an import sets.
    pub(crate) fn of(raw: &'a RawRecord) -> Result<Self, NormalizeError> {
        match raw.header("tributary-format") {
            Some("csv") => Ok(Self::Csv { header_row: raw.header("tributary-csv-header") }),
            Some("json") => Ok(Self::Json),
            Some("ndjson") => Ok(Self::Ndjson),
            Some(other) => Err(NormalizeError::malformed("tributary-format", other, "one of csv, json, ndjson")),
            None => Err(NormalizeError::MissingHeader { header: "tributary-format" }),
        }
    }
}

impl CsvReader {
    /// Reads `csv`.
    pub(crate) fn new(compiler: &mut Compiler<'_>, options: &CsvOptions) -> Self {
        let mut sign = |name: &str, given: Option<char>, default: u8| {
            let byte = given.map_or(Ok(default), u8::try_from).ok().filter(|byte| byte.is_ascii() && *byte != b'\n');
            byte.unwrap_or_else(|| {
                compiler.mistake(&format!("csv.{name}"), "expected one ASCII character such as \";\" or \"\\t\"");
                default
            })
        };
        let (delimiter, quote) = (sign("delimiter", options.delimiter, b','), sign("quote", options.quote, b'"'));
        let label = options.encoding.as_deref().unwrap_or("utf-8");
        let encoding = Encoding::for_label(label.as_bytes()).unwrap_or_else(|| {
            compiler.mistake("csv.encoding", format!("unknown encoding \"{label}\", expected a label such as utf-8, windows-1252, iso-8859-15 or utf-16le"));
            UTF_8
        });
        let skip_lines = options.skip_lines.unwrap_or_default();
        Self { delimiter, quote, skip_lines, encoding, columns: options.columns.clone() }
    }

    /// The payload as text. Only CSV files have another encoding than UTF-8.
    pub(crate) fn decoded<'r>(&self, raw: &'r RawRecord) -> Result<Cow<'r, str>, NormalizeError> {
        let csv = raw.header("tributary-format") == Some("csv");
        if self.encoding == UTF_8 || !csv {
            let text = std::str::from_utf8(&raw.payload).map_err(|error| {
                let hint =
                    if csv { "; is another \"encoding\" meant under \"csv\", such as windows-1252?" } else { "" };
                NormalizeError::MalformedRow { problem: format!("not UTF-8 after byte {}{hint}", error.valid_up_to()) }
            })?;
            return Ok(Cow::Borrowed(text.trim_start_matches('\u{feff}')));
        }
        let (text, used, damaged) = self.encoding.decode(&raw.payload);
        if damaged {
            let problem = format!("not {}; is another \"encoding\" meant under \"csv\"?", used.name());
            return Err(NormalizeError::MalformedRow { problem });
        }
        Ok(text)
    }

    /// The columns' names: those of the mapping, else those of the header row.
    pub(crate) fn columns(&self, header_row: &str) -> Result<Vec<String>, NormalizeError> {
        if let Some(columns) = &self.columns {
            return Ok(columns.clone());
        }
        if header_row.is_empty() {
            return Err(NormalizeError::MissingHeader { header: "tributary-csv-header" });
        }
        Ok(self.cells(header_row)?.into_iter().map(Cow::into_owned).collect())
    }

    /// The cells of one row, without space around them.
    pub(crate) fn cells<'r>(&self, row: &'r str) -> Result<Vec<Cow<'r, str>>, NormalizeError> {
        if !row.as_bytes().contains(&self.quote) {
            let row = row.trim_end_matches(['\r', '\n']);
            return Ok(row.split(char::from(self.delimiter)).map(|cell| Cow::Borrowed(cell.trim())).collect());
        }
        if row.bytes().filter(|byte| *byte == self.quote).count() % 2 == 1 {
            let problem = format!("a quote {} is opened and never closed", char::from(self.quote));
            return Err(NormalizeError::MalformedRow { problem });
        }
        let mut records = self.reader(row.as_bytes()).into_records();
        match (records.next(), records.next()) {
            (Some(Ok(record)), None) => Ok(record.iter().map(|cell| Cow::Owned(cell.trim().to_owned())).collect()),
            _ => Err(NormalizeError::MalformedRow { problem: "quotes stand where none are expected".to_owned() }),
        }
    }

    /// One row as such a file has it, without its end.
    pub(crate) fn line<C: AsRef<[u8]>>(&self, cells: impl IntoIterator<Item = C>) -> Result<String, String> {
        let mut writer = csv::WriterBuilder::new().delimiter(self.delimiter).quote(self.quote).from_writer(Vec::new());
        writer.write_record(cells).map_err(|error| error.to_string())?;
        let bytes = writer.into_inner().map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned())
    }

    fn reader<'r>(&self, text: &'r [u8]) -> csv::Reader<&'r [u8]> {
        let mut builder = csv::ReaderBuilder::new();
        builder.has_headers(false).flexible(true).delimiter(self.delimiter).quote(self.quote);
        builder.buffer_capacity(text.len().clamp(64, 1 << 16)).from_reader(text)
    }

    /// The text after the lines that are skipped.
    fn after_skipped<'r>(&self, text: &'r str) -> &'r str {
        (0..self.skip_lines).fold(text, |rest, _| rest.split_once('\n').map_or("", |(_, after)| after))
    }
}

/// Calls `visit` with number and cells of each row of a whole file.
pub(crate) fn rows(
    mapping: &Mapping,
    payload: &Payload<'_>,
    text: &str,
    visit: &mut dyn FnMut(i64, Cells<'_>) -> Result<(), NormalizeError>,
) -> Result<(), NormalizeError> {
    match payload {
        Payload::Csv { .. } => csv_rows(mapping, text, visit),
        Payload::Json => {
            let json = json::readable(text.as_bytes())?;
            let top = Json::of(&json);
            for (number, row) in (0..).zip(top.list().unwrap_or_else(|| vec![top])) {
                visit(number, object(row, mapping, number)?)?;
            }
            Ok(())
        }
        Payload::Ndjson => {
            for (number, line) in (0..).zip(text.lines().filter(|line| !line.trim().is_empty())) {
                let json = json::readable(line.as_bytes()).map_err(|error| error.within(&format!("row[{number}]")))?;
                visit(number, object(Json::of(&json), mapping, number)?)?;
            }
            Ok(())
        }
    }
}

fn csv_rows(
    mapping: &Mapping,
    text: &str,
    visit: &mut dyn FnMut(i64, Cells<'_>) -> Result<(), NormalizeError>,
) -> Result<(), NormalizeError> {
    let csv = &mapping.csv;
    let text = csv.after_skipped(text.trim_start_matches('\u{feff}'));
    let mut records = csv.reader(text.as_bytes()).into_records();
    let unreadable = |problem: &str| NormalizeError::MalformedRow { problem: problem.to_owned() };
    let names: Vec<String> = match &csv.columns {
        Some(columns) => columns.clone(),
        None => match records.next() {
            Some(Ok(record)) => record.iter().map(|name| name.trim().to_owned()).collect(),
            _ => return Err(unreadable("the file has no header row")),
        },
    };
    let header = Header::new("", &names, &mapping.columns)?;
    for (number, record) in (0..).zip(records) {
        let record =
            record.map_err(|_| unreadable("it cannot be split into values").within(&format!("row[{number}]")))?;
        let cells = record.iter().map(|cell| Cow::Borrowed(cell.trim())).collect();
        let cells = header.row(cells).map_err(|error| error.within(&format!("row[{number}]")))?;
        visit(number, cells)?;
    }
    Ok(())
}

fn object<'r>(row: Json<'r>, mapping: &'r Mapping, number: i64) -> Result<Cells<'r>, NormalizeError> {
    let problem = || NormalizeError::MalformedRow { problem: format!("row[{number}]: a JSON object was expected") };
    Ok(Cells::Json { object: row.object().ok_or_else(problem)?, columns: &mapping.columns })
}

//! Mapped files: a steward's text says what a row of any file becomes, without a line of Rust.
//!
//! In reading order: what the text can say (`file`, `fields`), how an expression is read (`parser`) and gets its
//! value (`evaluate`), how records become rows (`reader`, `row`), what each kind of fact is made of (`event`,
//! `order`, …), and the tests inside the file (`trial`). Everything is compiled once; a row costs no look-up by name.

mod compile;
mod decimal;
mod edge;
mod evaluate;
mod event;
mod expression;
mod field;
pub(crate) mod fields;
pub(crate) mod file;
mod functions;
mod order;
mod parser;
mod properties;
mod pulls;
mod rate;
mod reader;
mod refund;
mod row;
mod scanner;
mod spelling;
mod template;
mod trial;
mod value;

use std::sync::{Arc, RwLock};

use model::{Node, RawRecord, RecordKey};

use crate::{
    contact::Contacts,
    error::NormalizeError,
    source::{Normalized, Source, Stamp},
};
use compile::Compiler;
use evaluate::{Frame, Recorded, Row};
use expression::{Columns, Expr};
use field::{Each, Field, optional};
use pulls::Pulls;
use reader::{CsvReader, Payload};
use row::{Cells, Header};
use template::{Made, Template};
use value::Settings;

pub use compile::MappingError;
pub use fields::{
    ClaimFields, CostFields, EdgeFields, EventFields, LineFields, NodeFields, OrderFields, PropertyColumns,
    PropertyFields, RateColumns, RateFields, RefundFields, RefundLineFields, RefundShippingFields, ShippingFields,
};
pub use file::{
    CsvOptions, Expression, FactTemplate, FileFormat, MappingFile, MappingStatus, MappingTest, RecordUnit,
    mapping_schema,
};
pub use trial::{MappingTestResult, readable_fact};

/// Header rows that are kept compiled; beyond it each row compiles its own.
const HEADERS_MAX: usize = 64;
/// What an import says beside a report. It is part of the report's key: equal files of two accounts are two reports, and
/// a wrong word can be mended by another import.
const SAID: [&str; 8] = [
    "tributary-account",
    "tributary-account-zone",
    "tributary-currency",
    "tributary-level",
    "tributary-pull-from",
    "tributary-pull-to",
    "tributary-pulled-at",
    "tributary-report",
];

/// A mapping, ready to read rows.
pub struct Mapping {
    name: String,
    record: RecordUnit,
    csv: CsvReader,
    settings: Settings,
    zone: Option<String>,
    key: Vec<Field>,
    counted: Each,
    lets: Vec<Expr>,
    columns: Columns,
    templates: Vec<Template>,
    contacts: Contacts,
    headers: RwLock<Vec<Arc<Header>>>,
    tests: Vec<MappingTest>,
    format: Option<FileFormat>,
}

/// What all facts of one record are built with.
struct Build<'a> {
    name: &'a str,
    contacts: &'a Contacts,
    stamp: &'a Stamp,
    record: &'a RawRecord,
    content_hash: &'a str,
}

impl Mapping {
    /// Compiles `file`. `contact_key` is the workspace's, as of [`crate::Normalizer::new`].
    ///
    /// # Errors
    /// Every mistake in the file.
    pub fn new(file: &MappingFile, contact_key: [u8; 32]) -> Result<Self, Vec<MappingError>> {
        let mut compiler = Compiler::new(file);
        check_name(&mut compiler, &file.name);
        let zone = file
            .zone
            .as_ref()
            .and_then(|name| model::time::zone(name).map_err(|error| compiler.mistake("zone", error.to_string())).ok());
        let lets = compiler.lets(&file.values);
        let key: Vec<Field> =
            file.key.iter().enumerate().map(|(at, text)| compiler.field(&format!("key[{at}]"), text)).collect();
        check_key(&mut compiler, file, &key);
        let counted = Each { list: None, when: compiler.optional("when", &file.when) };
        let templates = Template::compile_all(&mut compiler, file);
        let csv = CsvReader::new(&mut compiler, &file.csv);
        trial::check(&mut compiler, file);
        if file.record == RecordUnit::File && file.format == Some(FileFormat::Parquet) {
            compiler.mistake("record", "a Parquet file is read row by row; export the report as CSV or JSON");
        }
        if !compiler.errors.is_empty() {
            return Err(compiler.errors);
        }
        Ok(Self {
            name: file.name.clone(),
            record: file.record,
            csv,
            settings: Settings { nulls: file.nulls.clone(), decimal_comma: file.decimal_comma, zone },
            zone: file.zone.clone(),
            key,
            counted,
            lets,
            columns: compiler.columns,
            templates,
            contacts: Contacts::new(contact_key),
            headers: RwLock::default(),
            tests: file.tests.clone(),
            format: file.format,
        })
    }

    /// The name of the source that its facts carry.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a CSV file with these columns can be read.
    ///
    /// # Errors
    /// Every column that the mapping reads and the file has not, or has twice, with the nearest right name.
    pub fn check_columns(&self, columns: &[String]) -> Result<(), NormalizeError> {
        Header::new("", columns, &self.columns).map(drop)
    }

    /// Runs the tests inside the file.
    #[must_use]
    pub fn run_tests(&self) -> Vec<MappingTestResult> {
        self.tests.iter().map(|test| trial::run(self, test)).collect()
    }

    /// What a record becomes whose payload is already decoded as `text`.
    fn read(&self, raw: &RawRecord, text: &str) -> Result<Normalized, NormalizeError> {
        let payload = Payload::of(raw)?;
        match self.record {
            RecordUnit::Row => self.row(raw, &payload, text),
            RecordUnit::File => self.file(raw, &payload, text),
        }
    }

    fn row(&self, raw: &RawRecord, payload: &Payload<'_>, text: &str) -> Result<Normalized, NormalizeError> {
        let content_hash = raw.content_hash().to_hex();
        let recorded = Recorded { raw, content_hash: &content_hash };
        let (header, json);
        let cells = match payload {
            Payload::Csv { header_row } => {
                header = self.header(*header_row)?;
                header.row(self.csv.cells(text)?)?
            }
            Payload::Json | Payload::Ndjson => {
                json = crate::json::readable(text.as_bytes())?;
                Cells::Json { object: crate::json::top_object(&json)?, columns: &self.columns }
            }
        };
        let row = Row::new(cells, recorded, raw.offset, &self.settings, &self.lets);
        let frame = Frame { row: &row, items: &[] };
        let key = self.key(raw, frame)?;
        let stamp = Stamp::new(raw, &key);
        let mut made = Made::default();
        self.make(frame, &self.build(raw, &stamp, &content_hash), &mut made)?;
        Ok(made.normalized(key))
    }

    /// A report: all rows of the file, their costs and claims added up.
    fn file(&self, raw: &RawRecord, payload: &Payload<'_>, text: &str) -> Result<Normalized, NormalizeError> {
        let content_hash = raw.content_hash().to_hex();
        let recorded = Recorded { raw, content_hash: &content_hash };
        let key = {
            let cells = Cells::Json { object: crate::json::Object::default(), columns: &self.columns };
            let row = Row::new(cells, recorded, 0, &self.settings, &self.lets);
            let mut key = self.key(raw, Frame { row: &row, items: &[] })?;
            for (name, said) in SAID.iter().filter_map(|name| Some((name, raw.header(name)?))) {
                key.id.push_str(&format!("/{name}={}", part_of_key(said.trim())));
            }
            key
        };
        let stamp = Stamp::new(raw, &key);
        let build = self.build(raw, &stamp, &content_hash);
        let mut made = Made::default();
        if self.templates.iter().any(Template::is_report) {
            made.pulls = Some(Pulls::new(raw, self.zone.as_deref())?);
        }
        reader::rows(self, payload, text, &mut |number, cells| {
            let row = Row::new(cells, recorded, number, &self.settings, &self.lets);
            self.make(Frame { row: &row, items: &[] }, &build, &mut made)
                .map_err(|error| error.within(&format!("row[{number}]")))
        })?;
        if let Some(pulls) = made.pulls.take() {
            let platform = self.templates.iter().find_map(Template::platform);
            made.facts.extend(pulls.facts(platform, &stamp)?);
        }
        Ok(made.normalized(key))
    }

    /// Adds what a row becomes, if it counts.
    fn make<'r>(&'r self, frame: Frame<'_, 'r>, build: &Build<'_>, made: &mut Made<'_>) -> Result<(), NormalizeError> {
        self.counted.visit(frame, &mut |frame| {
            made.counted = true;
            self.templates.iter().try_for_each(|template| template.make(frame, build, made))
        })
    }

    fn build<'a>(&'a self, record: &'a RawRecord, stamp: &'a Stamp, content_hash: &'a str) -> Build<'a> {
        Build { name: &self.name, contacts: &self.contacts, stamp, record, content_hash }
    }

    /// The parts of the key, `/` between them and `\/` within them.
    fn key<'r>(&'r self, raw: &RawRecord, frame: Frame<'_, 'r>) -> Result<RecordKey, NormalizeError> {
        let mut id = String::new();
        for (at, field) in self.key.iter().enumerate() {
            let part = field.personal(frame)?.ok_or_else(|| field.missing())?;
            let part = self.contacts.id(&part);
            id.push_str(if at == 0 { "" } else { "/" });
            match self.key.len() {
                1 => id.push_str(&part),
                _ if part.contains(['\\', '/']) => id.push_str(&part_of_key(&part)),
                _ => id.push_str(&part),
            }
        }
        Ok(RecordKey { source: raw.source.clone(), node: String::new(), id })
    }

    /// The compiled header row; files have few, so each is compiled once.
    fn header(&self, text: Option<&str>) -> Result<Arc<Header>, NormalizeError> {
        let text = text.unwrap_or_default();
        let known = self.headers.read().ok().and_then(|known| known.iter().find(|known| known.text == text).cloned());
        if let Some(known) = known {
            return Ok(known);
        }
        let header = Arc::new(Header::new(text, &self.csv.columns(text)?, &self.columns)?);
        if let Ok(mut known) = self.headers.write()
            && known.len() < HEADERS_MAX
        {
            known.push(Arc::clone(&header));
        }
        Ok(header)
    }
}

impl Source for Mapping {
    fn normalize(&self, raw: &RawRecord) -> Result<Normalized, NormalizeError> {
        self.read(raw, &self.csv.decoded(raw)?)
    }
}

impl Build<'_> {
    /// The hashed contacts of a row; what is no address or number is none.
    fn contacts_of<'r>(
        &self,
        email: &'r Option<Field>,
        phone: &'r Option<Field>,
        frame: Frame<'_, 'r>,
    ) -> Result<Vec<Node>, NormalizeError> {
        let email = optional(email, |field| field.personal(frame))?.and_then(|text| self.contacts.email(&text));
        let phone = optional(phone, |field| field.personal(frame))?.and_then(|text| self.contacts.phone(&text));
        Ok(email.into_iter().chain(phone).collect())
    }
}

/// A part of a key, in which no `/` ends it.
fn part_of_key(part: &str) -> String {
    part.replace('\\', "\\\\").replace('/', "\\/")
}

fn check_name(compiler: &mut Compiler<'_>, name: &str) {
    let letters = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !letters || !name.starts_with(|c: char| c.is_ascii_lowercase()) || name.len() > 64 {
        compiler.mistake(
            "mapping",
            format!("\"{name}\" is no name; expected small letters, digits and underscores such as uk_shop"),
        );
    }
}

fn check_key(compiler: &mut Compiler<'_>, file: &MappingFile, key: &[Field]) {
    if key.is_empty() {
        compiler.mistake(
            "key",
            "what recognises copies of a record? Write [$file, $row] where the rows have no id of their own",
        );
    }
    let of_rows = |part: &Field| {
        let mut found = false;
        part.tree.walk(&mut |part| found |= matches!(part, Expr::Column(_) | Expr::Let(_) | Expr::Row));
        found
    };
    if file.record == RecordUnit::File && key.iter().any(of_rows) {
        compiler.mistake("key", "the record is the whole file, so its key is of $file and $content only: [$content]");
    }
}

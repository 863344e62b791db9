//! Why a record did not become facts, in words that name what was found, where, and what was expected.
//!
//! No text here holds personal data: what could be some is hidden.

use model::{TimeError, UtcMillis};

use crate::{personal, report::refusal, source::Reject};

/// Why a record did not become facts, or a source cannot be set up.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NormalizeError {
    /// A source cannot be set up.
    #[error("source \"{name}\" {problem}")]
    Configuration {
        /// The source.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A record names a source that is not configured.
    #[error("source \"{found}\" is not configured, expected one of: {known}")]
    UnknownSource {
        /// The source as named.
        found: String,
        /// All configured sources.
        known: String,
    },
    /// The payload is no JSON, or not the kind of JSON value that this source sends.
    #[error("payload is not readable: {problem}")]
    MalformedJson {
        /// What and where.
        problem: String,
    },
    /// A field that this source always sends is absent, null or empty.
    #[error("missing field \"{field}\"")]
    Missing {
        /// JSON path in the payload, such as `customer.id`.
        field: String,
    },
    /// A header that must stand beside the payload is absent.
    #[error("missing header \"{header}\"")]
    MissingHeader {
        /// Its name.
        header: &'static str,
    },
    /// Neither a mapped report nor whoever imported it says what all its numbers are of.
    #[error("{}", unstated(header, field.as_deref()))]
    Unstated {
        /// The header that the import would set.
        header: &'static str,
        /// Where it stands in the mapping, such as `facts[0].cost.account`; none for a report without rows.
        field: Option<String>,
    },
    /// A field is present and unreadable.
    #[error("field \"{field}\" is {found}, expected {expected}")]
    Malformed {
        /// JSON path in the payload.
        field: String,
        /// What the payload holds, cut to 64 characters and quoted; `<hidden>` where it can be personal.
        found: String,
        /// What would have been accepted, such as `a whole number`.
        expected: String,
    },
    /// A client's instant lies more than 24 hours after the record came, and no `sentAt` mends it.
    #[error("field \"{field}\" is {found}, more than 24 hours after the record came at {received_at}")]
    ClockInFuture {
        /// JSON path in the payload.
        field: String,
        /// The instant that it states.
        found: UtcMillis,
        /// When the record came.
        received_at: UtcMillis,
    },
    /// Not a code of ISO 4217.
    #[error("field \"{field}\" is {found}, expected an ISO 4217 currency code such as EUR")]
    UnknownCurrency {
        /// JSON path in the payload.
        field: String,
        /// As [`NormalizeError::Malformed`]'s.
        found: String,
    },
    /// Not a zone of the IANA database.
    #[error("field \"{field}\" is {found}, expected an IANA time zone such as Europe/Berlin")]
    UnknownZone {
        /// JSON path in the payload, or the header.
        field: String,
        /// As [`NormalizeError::Malformed`]'s.
        found: String,
    },
    /// A report says nothing of its account's zone.
    #[error("the report of account \"{account}\" does not say its time zone")]
    MissingZone {
        /// The account.
        account: String,
    },
    /// A report has a column that this version does not know, so its numbers could mean something else.
    #[error("unknown column \"{column}\", expected among: {known}")]
    UnknownColumn {
        /// The column as named.
        column: String,
        /// The columns that are known there.
        known: String,
    },
    /// A message is larger than the collector's limit: a sender's mistake more often than something to keep.
    #[error("the message has {bytes} bytes, more than the collector's limit for one message")]
    Oversize {
        /// Its size.
        bytes: String,
    },
    /// A field of a mapped fact that must have a value has none.
    #[error("missing field \"{field}\", which the mapping reads from: {reads}")]
    NoValue {
        /// Where it stands in the mapping, such as `facts[0].order.order_id`.
        field: String,
        /// The expression.
        reads: String,
    },
    /// A field of a mapped fact is not what it must be.
    #[error("field \"{field}\" is {found}, expected {expected}; the mapping reads it from: {reads}")]
    Unreadable {
        /// Where it stands in the mapping.
        field: String,
        /// The expression.
        reads: String,
        /// As [`NormalizeError::Malformed`]'s.
        found: String,
        /// What would have been accepted.
        expected: String,
    },
    /// A row of a file is not written as the others.
    #[error("the row is not readable: {problem}")]
    MalformedRow {
        /// What was found and expected.
        problem: String,
    },
    /// A file lacks columns that its mapping reads.
    #[error("{problem}")]
    AbsentColumns {
        /// Which, with the nearest that are there.
        problem: String,
    },
    /// A report holds the platform's error instead of numbers.
    #[error("the platform answered with error {code} instead of a report")]
    PlatformError {
        /// The platform's code or status.
        code: String,
    },
}

impl NormalizeError {
    /// A source that cannot be set up.
    pub(crate) fn configuration(name: &str, problem: &str) -> Self {
        Self::Configuration { name: name.to_owned(), problem: problem.to_owned() }
    }

    /// An absent field.
    pub(crate) fn missing(field: &str) -> Self {
        Self::Missing { field: field.to_owned() }
    }

    /// A payload of the wrong shape.
    pub(crate) fn shape(problem: &str) -> Self {
        Self::MalformedJson { problem: problem.to_owned() }
    }

    /// A field of the wrong content.
    pub(crate) fn malformed(field: &str, found: &str, expected: &str) -> Self {
        Self::Malformed { field: field.to_owned(), found: shown(found), expected: expected.to_owned() }
    }

    /// A currency code that does not exist.
    pub(crate) fn unknown_currency(field: &str, found: &str) -> Self {
        Self::UnknownCurrency { field: field.to_owned(), found: shown(found) }
    }

    /// A zone that does not exist.
    pub(crate) fn unknown_zone(field: &str, error: &TimeError) -> Self {
        let (TimeError::Malformed { found } | TimeError::UnknownZone { found }) = error;
        Self::UnknownZone { field: field.to_owned(), found: shown(found) }
    }

    /// The same error, its field seen from the object that holds `parent`.
    pub(crate) fn within(mut self, parent: &str) -> Self {
        match &mut self {
            Self::Missing { field }
            | Self::Malformed { field, .. }
            | Self::ClockInFuture { field, .. }
            | Self::UnknownCurrency { field, .. }
            | Self::UnknownZone { field, .. }
            | Self::NoValue { field, .. }
            | Self::Unreadable { field, .. }
            | Self::Unstated { field: Some(field), .. }
            | Self::UnknownColumn { column: field, .. } => *field = format!("{parent}.{field}"),
            Self::MalformedRow { problem } => *problem = format!("{parent}: {problem}"),
            Self::Configuration { .. }
            | Self::UnknownSource { .. }
            | Self::MalformedJson { .. }
            | Self::MissingHeader { .. }
            | Self::Unstated { field: None, .. }
            | Self::MissingZone { .. }
            | Self::Oversize { .. }
            | Self::AbsentColumns { .. }
            | Self::PlatformError { .. } => {}
        }
        self
    }

    /// The row that a rejected record gets.
    pub(crate) fn reject(&self) -> Reject {
        Reject { reason: self.reason(), message: self.to_string(), fix: self.fix() }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Configuration { .. } => "configuration",
            Self::UnknownSource { .. } => "unknown_source",
            Self::MalformedJson { .. } => "malformed_json",
            Self::MissingHeader { .. } | Self::Unstated { field: None, .. } => "missing_header",
            Self::MissingZone { .. } | Self::Unstated { header: "tributary-account-zone", .. } => "missing_zone",
            Self::Missing { .. } | Self::NoValue { .. } | Self::Unstated { .. } => "missing_field",
            Self::Malformed { .. } | Self::Unreadable { .. } => "malformed_field",
            Self::MalformedRow { .. } => "malformed_row",
            Self::ClockInFuture { .. } => "clock_in_future",
            Self::UnknownCurrency { .. } => "unknown_currency",
            Self::UnknownZone { .. } => "unknown_zone",
            Self::UnknownColumn { .. } => "unknown_column",
            Self::AbsentColumns { .. } => "absent_column",
            Self::Oversize { .. } => "oversize",
            Self::PlatformError { .. } => "platform_error",
        }
    }

    fn fix(&self) -> String {
        match self {
            Self::Configuration { .. } => "correct [[sources]] in the configuration".to_owned(),
            Self::UnknownSource { found, .. } => {
                format!("add a source named \"{found}\" to the configuration, then replay")
            }
            Self::MalformedJson { .. } => "send one complete JSON value in UTF-8, then send the record again".to_owned(),
            Self::Missing { field } if field.ends_with("urrency") || field.ends_with("currencyCode") => {
                format!("let the sender fill \"{field}\", or set \"default_currency\" of the source, then replay")
            }
            Self::Missing { field } => format!("let the sender fill \"{field}\", then send the record again"),
            Self::NoValue { reads, .. } => format!(
                "let the file fill it, or mend the mapping (coalesce({reads}, …) where another value may stand for it, \"when\" where such rows do not count), then replay"
            ),
            Self::Unreadable { .. } => {
                "mend the expression in the mapping and replay, or mend the file and import it again".to_owned()
            }
            Self::MalformedRow { .. } => {
                "mend the row and import the file again, or mend \"csv\" in the mapping and replay".to_owned()
            }
            Self::AbsentColumns { .. } => "correct the names in the mapping, then replay".to_owned(),
            Self::MissingHeader { header } => format!("send the record again with the header \"{header}\""),
            Self::Unstated { header, field: None } => {
                format!("import the file again with {} (header \"{header}\")", flag_of(header))
            }
            Self::Unstated { header, field: Some(field) } => format!(
                "import the file again with {} (header \"{header}\"), or let the mapping fill \"{field}\" and replay",
                flag_of(header)
            ),
            Self::Malformed { field, expected, .. } => {
                format!("let the sender write {expected} in \"{field}\", then send the record again")
            }
            Self::ClockInFuture { .. } => {
                "correct the sender's clock, or let it send \"sentAt\" by the same clock, so that it can be corrected here"
                    .to_owned()
            }
            Self::UnknownCurrency { field, .. } if field == "tributary-currency" => {
                "import the file again with --currency: an ISO 4217 code such as EUR".to_owned()
            }
            Self::UnknownCurrency { field, .. } => {
                format!("let the sender write an ISO 4217 code in \"{field}\", then send the record again")
            }
            Self::UnknownZone { field, .. } => format!("write an IANA time zone in \"{field}\", then import again"),
            Self::MissingZone { .. } => {
                "import with --zone (header \"tributary-account-zone\"), or set \"zone\" of the source in the configuration"
                    .to_owned()
            }
            Self::UnknownColumn { column, .. } => {
                format!("pull the report again without \"{column}\", or update tributary")
            }
            Self::Oversize { .. } => {
                "let the sender send less in one message, or raise collector.limits.message_bytes_max".to_owned()
            }
            Self::PlatformError { .. } => "mend what the platform names, then pull the report again".to_owned(),
        }
    }
}

/// What is not said, by the word of the flag that would say it.
fn unstated(header: &str, field: Option<&str>) -> String {
    match field {
        Some(field) => format!("missing field \"{field}\", and the import does not say it with {}", flag_of(header)),
        None => {
            format!("the report has no rows, and nothing says what it is empty of: {} is missing", flag_of(header))
        }
    }
}

/// The flag of `tributary import` that becomes the header, else the header.
fn flag_of(header: &str) -> &str {
    refusal::flag(header).unwrap_or(header)
}

/// A payload's text as an error may show it: quoted, cut to 64 characters, `<hidden>` where it can be personal.
pub(crate) fn shown(found: &str) -> String {
    if personal::looks_personal(found) {
        return "<hidden>".to_owned();
    }
    format!("\"{}\"", found.chars().take(64).collect::<String>())
}

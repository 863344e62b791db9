//! Why an exported report is refused, in the words of who exported it: where it stands in the file, and which column,
//! setting or flag mends it.

use model::RawRecord;

use crate::{
    error::NormalizeError,
    normalizer::rejected_key,
    personal,
    source::{Normalized, Reject, Verdict},
};

/// Flags of `tributary import` and the headers that they become.
const FLAGS: [(&str, &str); 8] = [
    ("tributary-account", "--account"),
    ("tributary-account-zone", "--zone"),
    ("tributary-currency", "--currency"),
    ("tributary-level", "--level"),
    ("tributary-pull-from", "--from"),
    ("tributary-pull-to", "--to"),
    ("tributary-pulled-at", "--received-at"),
    ("tributary-report", "--report"),
];

/// The flag of `tributary import` that becomes the header.
pub(crate) fn flag(header: &str) -> Option<&'static str> {
    FLAGS.iter().find(|(name, _)| *name == header).map(|(_, flag)| *flag)
}

/// What a report became; a refused one is recognised like every refused record.
pub(crate) fn settled(raw: &RawRecord, read: Result<Normalized, Reject>) -> Normalized {
    read.unwrap_or_else(|reject| Normalized { key: rejected_key(raw), verdict: Verdict::Rejected(reject) })
}

/// A file that is not the table that it should be.
pub(crate) fn no_table(problem: &str, fix: &str) -> Reject {
    Reject { reason: "malformed_csv", message: format!("the file is not readable: {problem}"), fix: fix.to_owned() }
}

/// A column that is not known: its numbers could change the meaning of the others.
pub(crate) fn unknown_column(column: &str, known: &str) -> Reject {
    let column: String = personal::masked(column).chars().take(64).collect();
    Reject {
        reason: "unknown_column",
        message: format!("unknown column \"{column}\", which could change what the other numbers mean"),
        fix: format!("export the report again without \"{column}\", or update tributary; it reads {known}"),
    }
}

/// A column that the report needs.
pub(crate) fn no_column(column: &str, why: &str) -> Reject {
    Reject {
        reason: "missing_field",
        message: format!("there is no column \"{column}\", {why}"),
        fix: format!("export the report again with the column \"{column}\""),
    }
}

/// A cell that its row needs.
pub(crate) fn empty_cell(line: u64, column: &str) -> Reject {
    Reject {
        reason: "missing_field",
        message: format!("line {line} has nothing in the column \"{column}\""),
        fix: format!(
            "export the report again so that each row fills \"{column}\", or without it for numbers of the level above"
        ),
    }
}

/// Something else than expected in a cell.
pub(crate) fn cell(line: u64, column: &str, found: &str, expected: &str) -> NormalizeError {
    NormalizeError::malformed(&format!("line {line}, {column}"), found, expected)
}

/// An error with the mend that fits it.
pub(crate) fn mended(error: &NormalizeError, fix: &str) -> Reject {
    Reject { fix: fix.to_owned(), ..error.reject() }
}

impl From<NormalizeError> for Reject {
    fn from(error: NormalizeError) -> Self {
        match &error {
            NormalizeError::MissingHeader { header } => match flag(header) {
                Some(flag) => Self {
                    message: format!("the report has no rows, and nothing says what it is empty of: {flag} is missing"),
                    ..mended(&error, &format!("import again with {flag} (header \"{header}\")"))
                },
                None => error.reject(),
            },
            NormalizeError::Malformed { field, expected, .. } => match flag(field) {
                Some(flag) => mended(&error, &format!("import again with {flag}: {expected}")),
                None => mended(&error, &format!("export the report again so that it holds {expected}")),
            },
            NormalizeError::UnknownCurrency { field, .. } if flag(field).is_none() => {
                mended(&error, "export the report again with the account's currency as three letters")
            }
            NormalizeError::UnknownZone { field, .. } => {
                let fix = format!("import again with --zone and without \"{field}\", if that is a column");
                mended(&error, if flag(field).is_some() { "import again with --zone: an IANA time zone" } else { &fix })
            }
            _ => error.reject(),
        }
    }
}

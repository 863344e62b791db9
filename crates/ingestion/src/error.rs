//! Why something was not taken in.

/// Why a record, a report or a setting was not taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// The queue holds as much as it may; nothing of the submission was kept. Come again.
    #[error("the intake queue is full, expected room again within {retry_after_s} s")]
    Full {
        /// Seconds after which another try makes sense, `1..`.
        retry_after_s: u32,
    },
    /// The records could not be made durable, or nobody can say so. Come again; a copy is recognised as such.
    #[error("the records could not be stored: {reason}")]
    Unavailable {
        /// Seconds after which another try makes sense, `1..`.
        retry_after_s: u32,
        /// What the consumer said. For the log, not for the sender.
        reason: String,
    },
    /// A report file is larger than memory is kept for.
    #[error("report \"{path}\" is larger than {bytes_max} bytes when unpacked, expected it split by date")]
    ReportTooLarge {
        /// The file as named by the caller.
        path: String,
        /// Most bytes that are read.
        bytes_max: u64,
    },
    /// What stands on the command line leads to no file.
    #[error(
        "no file found for \"{pattern}\", expected a file, a folder with files or a quoted pattern such as \"in/*.csv\""
    )]
    NoFiles {
        /// The text as given.
        pattern: String,
    },
    /// A file cannot be imported as it is. Nothing of it was taken in.
    #[error("file \"{path}\" cannot be read: {problem} (nothing of it was taken in)")]
    UnreadableFile {
        /// The file as named by the caller.
        path: String,
        /// What was found, and how to mend it.
        problem: String,
    },
    /// A file breaks off or cannot be followed from some row on. The rows before it were handed out.
    #[error("file \"{path}\" is damaged at row {row}{}: {problem} (the rows before it are in)", place(*byte))]
    DamagedFile {
        /// The file as named by the caller.
        path: String,
        /// The row that could not be read, from 0.
        row: u64,
        /// Where in the unpacked content the trouble was met, from 0, where known.
        byte: Option<u64>,
        /// What was found and what was expected.
        problem: String,
    },
    /// The scope given for a report cannot be meant.
    #[error("report scope \"{part}\" is \"{found}\", expected {expected}")]
    MalformedScope {
        /// `from`, `to` or `zone`.
        part: &'static str,
        /// The text as given, cut to 64 characters.
        found: String,
        /// What would have been accepted.
        expected: &'static str,
    },
    /// A Shopify source has no secret, an empty one, or too many.
    #[error("{found} secrets, {empty} of them empty, expected one or two (two while a secret is rotated), none empty")]
    Secrets {
        /// How many were given.
        found: usize,
        /// How many of them are empty.
        empty: usize,
    },
}

fn place(byte: Option<u64>) -> String {
    byte.map_or_else(String::new, |byte| format!(", byte {byte} of the unpacked content"))
}

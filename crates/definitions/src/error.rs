//! What can be wrong with a definition, or with asking for one.

use crate::spelling;

/// Why a definition was refused, or was not found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum DefinitionError {
    /// A file says something that cannot be.
    #[error("{file}:{line}: {problem}")]
    Refused {
        /// Name of the file, as handed to the parser.
        file: String,
        /// Line of the mistake, from 1.
        line: u64,
        /// What was found, what was expected, and the nearest right spelling.
        problem: String,
    },
    /// Nothing of this kind has this name.
    #[error("{}; there are: {}", spelling::unknown(kind, name, known), spelling::or_none(known))]
    NotFound {
        /// What was asked for: a kind of definition such as `metric`, or what is named within one: `breakdown rule`.
        kind: &'static str,
        /// The name as asked.
        name: String,
        /// Every name that exists, sorted.
        known: Vec<String>,
    },
}

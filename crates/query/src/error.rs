//! Why a question has no answer.

use datafusion::error::DataFusionError;
use definitions::DefinitionError;
use lake::LakeError;
use model::UtcMillis;
use tables::TableError;

/// Why a question has no answer. `Asked` is the asker's to mend, the others the operator's.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The question is wrong; the text says what and how to mend it.
    #[error("{message}")]
    Asked {
        /// What is wrong.
        message: String,
    },
    /// A definition is unknown.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// What is in force does not fit together: a definition rests on one that was withdrawn, or breaks a newer rule.
    #[error("the definitions in force as of {known_at} cannot be read, mend and apply them: {problems}")]
    Unreadable {
        /// The instant.
        known_at: UtcMillis,
        /// Every mistake.
        problems: String,
    },
    /// The statement is wrong, or cannot be answered.
    #[error("{0}")]
    Sql(#[source] DataFusionError),
    /// It took longer than allowed.
    #[error("the answer took longer than {seconds} s and was stopped; ask for less, or raise the limit")]
    TooSlow {
        /// The limit.
        seconds: u64,
    },
    /// The lake refused.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// Stored rows are unreadable.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Rows could not be arranged.
    #[error("arrow: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
    /// Facts that contradict each other.
    #[error(transparent)]
    Reconcile(#[from] reconcile::ReconcileError),
    /// Work on another thread did not end.
    #[error("a reader stopped: {0}")]
    Join(#[from] tokio::task::JoinError),
}

impl From<DataFusionError> for EngineError {
    /// What an operator of ours refused comes out as it went in.
    fn from(error: DataFusionError) -> Self {
        match error {
            DataFusionError::External(inner) => match inner.downcast::<Self>() {
                Ok(own) => *own,
                Err(inner) => Self::Sql(DataFusionError::External(inner)),
            },
            DataFusionError::Context(_, inner) if is_own(&inner) => Self::from(*inner),
            error => Self::Sql(error),
        }
    }
}

impl From<EngineError> for DataFusionError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Sql(error) => error,
            error => Self::External(Box::new(error)),
        }
    }
}

fn is_own(error: &DataFusionError) -> bool {
    match error {
        DataFusionError::External(inner) => inner.is::<EngineError>(),
        DataFusionError::Context(_, inner) => is_own(inner),
        _ => false,
    }
}

//! The table functions that a fold over people answers, and what those without a definition have in common.

use std::sync::Arc;

use datafusion::{catalog::TableProvider, execution::session_state::SessionState};
use definitions::ORDER_EVENT;
use journey::FoldError;
use model::FunnelUnit;

use crate::{
    activity::{self, Activity},
    answer::Stamp,
    calls::Call,
    credit_series,
    engine::Rules,
    error::EngineError,
    funnel::{self, FunnelTable},
    paths::{self, PathsTable},
    people::{Condition, Ground},
    retention::{self, RetentionTable},
};

/// Which table is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PeopleTable {
    /// One of a funnel.
    Funnel(FunnelTable),
    /// One of a retention.
    Retention(RetentionTable),
    /// One of paths.
    Paths(PathsTable),
    /// Visits or people by period.
    Activity(Activity),
    /// Credits of purchases as they are claimed.
    Credits,
}

impl PeopleTable {
    /// The table that a function answers with, if it is one about people.
    pub(crate) fn of(function: &str) -> Option<Self> {
        match function {
            "retention" => Some(Self::Retention(RetentionTable::Cohorts)),
            "retention_people" => Some(Self::Retention(RetentionTable::People)),
            "paths" => Some(Self::Paths(PathsTable::Sequences)),
            "path_steps" => Some(Self::Paths(PathsTable::Steps)),
            "session_series" => Some(Self::Activity(Activity::Sessions)),
            "active_people" => Some(Self::Activity(Activity::People)),
            "credit_series" => Some(Self::Credits),
            _ => FunnelTable::of(function).map(Self::Funnel),
        }
    }

    /// Reads a call.
    ///
    /// # Errors
    /// [`EngineError::Definition`] for an unknown definition, [`EngineError::Asked`] for an argument that is wrong.
    pub(crate) fn expand(
        self,
        rules: &Rules<'_>,
        call: &Call,
        (ground, state): (&Arc<Ground>, &SessionState),
        stamp: &mut Stamp,
    ) -> Result<Arc<dyn TableProvider>, EngineError> {
        let undefined = format!("{}() is asked by its arguments alone: nobody can have approved it", call.function);
        match self {
            Self::Funnel(table) => funnel::expand(rules, call, table, (ground, state), stamp),
            Self::Retention(table) => {
                stamp.notes.push(undefined);
                retention::expand(rules, call, table, ground)
            }
            Self::Paths(table) => {
                stamp.notes.push(undefined);
                paths::expand(rules, call, table, (ground, state))
            }
            Self::Activity(activity) => {
                stamp.notes.push(undefined);
                activity::expand(rules, call, activity, (ground, state), stamp)
            }
            Self::Credits => {
                stamp.notes.push("what is credited are purchases as browsers and apps claim them".to_owned());
                credit_series::expand(rules, call, (ground, state), stamp)
            }
        }
    }
}

/// The events that an argument names, of which any will do; every event where it is not given.
///
/// # Errors
/// [`EngineError::Asked`] where it names none, or what is no event.
pub(crate) fn events(call: &Call, name: &str) -> Result<Condition, EngineError> {
    let events = call.names(name)?;
    if events.iter().any(|event| event == ORDER_EVENT) {
        let message = format!("\"{name}\" has \"{ORDER_EVENT}\", which is not answered yet; name \"purchase\"");
        return Err(EngineError::Asked { message });
    }
    Ok(Condition { events, filter: None })
}

/// Whose events are followed: by default a person's.
///
/// # Errors
/// [`EngineError::Asked`] where it is none of the units.
pub(crate) fn unit(call: &Call, units: &[(&'static str, FunnelUnit)]) -> Result<FunnelUnit, EngineError> {
    Ok(call.word("unit", units)?.unwrap_or(FunnelUnit::Person))
}

/// What a fold refuses.
pub(crate) fn refused(error: FoldError) -> EngineError {
    EngineError::Asked { message: error.to_string() }
}

//! What a sender reads when a request is not taken in: what was found, and how to mend it.

use axum::{
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::error::IntakeError;

/// A request that is not answered with 200.
///
/// Its texts hold nothing of the payload: they are shown in consoles and written to logs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// What was found, and where.
    pub(crate) error: String,
    /// What the sender can do about it.
    pub(crate) fix: String,
    /// Seconds after which another try makes sense, where one does.
    pub(crate) retry_after_s: Option<u32>,
}

#[derive(Serialize)]
struct RefusalBody<'a> {
    error: &'a str,
    fix: &'a str,
}

impl Refusal {
    /// A request that would be refused again.
    pub(crate) fn new(status: StatusCode, error: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { status, error: error.into(), fix: fix.into(), retry_after_s: None }
    }

    /// A request whose outcome is not known in time.
    pub(crate) fn too_slow() -> Self {
        Self::unavailable(1)
    }

    fn unavailable(retry_after_s: u32) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            error: "the records could not be stored for now".to_owned(),
            fix: "send the same request again after the time in Retry-After; copies are recognised".to_owned(),
            retry_after_s: Some(retry_after_s),
        }
    }
}

impl From<IntakeError> for Refusal {
    /// The consumer's reason stays in the log: it may name paths.
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Full { retry_after_s } => Self {
                status: StatusCode::TOO_MANY_REQUESTS,
                error: "more is waiting to be stored than the queue holds; nothing of this request was kept".to_owned(),
                fix: "send the same request again after the time in Retry-After".to_owned(),
                retry_after_s: Some(retry_after_s),
            },
            IntakeError::Unavailable { retry_after_s, .. } => Self::unavailable(retry_after_s),
            other => Self::new(StatusCode::INTERNAL_SERVER_ERROR, other.to_string(), "tell the operator"),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = axum::Json(RefusalBody { error: &self.error, fix: &self.fix });
        match self.retry_after_s {
            Some(seconds) => (self.status, [(RETRY_AFTER, seconds.to_string())], body).into_response(),
            None => (self.status, body).into_response(),
        }
    }
}

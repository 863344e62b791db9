//! The HTTP routes for those who ask.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{State, rejection::JsonRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use model::UtcMillis;
use query::{Engine, EngineError, Question};
use serde::Deserialize;
use serde_json::json;
use tracing::error;

use crate::format::{Format, render};

/// `[server]` in `config/tributary.toml`: who may ask, and how much.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Address and port of all HTTP doors, in and out.
    pub listen: String,
    /// Most rows in one answer; a longer one is cut and says so in its stamp.
    pub rows_max: usize,
    /// Longest time for one answer, in milliseconds.
    pub answer_ms_max: u64,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self { listen: "127.0.0.1:8080".to_owned(), rows_max: 100_000, answer_ms_max: 60_000 }
    }
}

#[derive(Debug, Clone)]
struct Shared {
    engine: Arc<Engine>,
    config: Arc<ServerConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SqlRequest {
    sql: String,
    #[serde(default)]
    format: Format,
    as_of: Option<String>,
    definitions_as_of: Option<String>,
}

/// The routes: `POST /v1/sql`, `GET /healthz`, `GET /readyz`.
pub fn router(engine: Arc<Engine>, config: ServerConfig) -> Router {
    Router::new()
        .route("/v1/sql", post(sql))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(Shared { engine, config: Arc::new(config) })
}

async fn ready(State(shared): State<Shared>) -> Response {
    match shared.engine.moment(None).await {
        Ok(moment) => format!("ready as of {}\n", moment.known_at).into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the lake cannot be read\n").into_response(),
    }
}

async fn sql(State(shared): State<Shared>, body: Result<Json<SqlRequest>, JsonRejection>) -> Response {
    let request = match body {
        Ok(Json(request)) => request,
        Err(rejection) => return refuse(StatusCode::BAD_REQUEST, &rejection.body_text()),
    };
    let instant = |name: &str, text: &Option<String>| {
        text.as_deref().map(UtcMillis::parse).transpose().map_err(|error| format!("\"{name}\": {error}"))
    };
    let as_of = instant("as_of", &request.as_of);
    let definitions_as_of = instant("definitions_as_of", &request.definitions_as_of);
    let (as_of, definitions_as_of) = match as_of.and_then(|as_of| Ok((as_of, definitions_as_of?))) {
        Ok(instants) => instants,
        Err(problem) => return refuse(StatusCode::BAD_REQUEST, &problem),
    };
    let question = Question {
        sql: request.sql,
        as_of,
        definitions_as_of,
        rows_max: Some(shared.config.rows_max),
        time_max: Some(Duration::from_millis(shared.config.answer_ms_max)),
    };
    let answered = match shared.engine.answer(&question).await {
        Ok(answer) => render(&answer, request.format).map_err(|error| error.to_string()),
        Err(error) => return refuse(status_of(&error), &error.to_string()),
    };
    match answered {
        Ok(body) => ([(header::CONTENT_TYPE, request.format.content_type())], body).into_response(),
        Err(error) => refuse(StatusCode::BAD_REQUEST, &error),
    }
}

fn status_of(error: &EngineError) -> StatusCode {
    match error {
        EngineError::Asked { .. } | EngineError::Definition(_) | EngineError::Sql(_) => StatusCode::BAD_REQUEST,
        EngineError::TooSlow { .. } => StatusCode::REQUEST_TIMEOUT,
        _ => {
            error!(%error, "question not answered");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

fn refuse(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "error": message }))).into_response()
}

//! Speaks to people and programs that may ask: `POST /v1/sql`, `/healthz`, `/readyz`.
//!
//! In reading order: the routes and their answers ([`http`]), the formats that answers go out in ([`mod@format`]).

pub mod http;

pub mod format;

pub use format::{Format, FormatError, render};
pub use http::{ServerConfig, router};

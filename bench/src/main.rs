//! Measurements of what comes in: the HTTP door, freshness of answers, and import, against the real binary.
//!
//! In reading order: the HTTP door and freshness ([`http`]), import beside DuckDB ([`import`]), what the operating system
//! says ([`process`]).

mod http;
mod import;
mod process;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, ValueEnum};

/// What is measured.
#[derive(Debug, Parser)]
struct Arguments {
    /// The binary to measure.
    #[arg(long)]
    binary: PathBuf,
    /// Which measurements.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "http,freshness,import")]
    parts: Vec<Part>,
    /// Seconds of the HTTP phases.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Connections of the throughput phase.
    #[arg(long, default_value_t = 8)]
    connections: u64,
    /// Events a second of the freshness phase.
    #[arg(long, default_value_t = 5_000)]
    rate: u64,
    /// Events in the imported file.
    #[arg(long, default_value_t = 2_000_000)]
    events: u64,
    /// Rounds of the import.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// A Python that has duckdb; without it there is no peer.
    #[arg(long)]
    python: Option<PathBuf>,
}

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Http,
    Freshness,
    Import,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    for part in &arguments.parts {
        match part {
            Part::Http => http::throughput(&arguments).await?,
            Part::Freshness => http::freshness(&arguments).await?,
            Part::Import => import::run(&arguments)?,
        }
    }
    Ok(())
}

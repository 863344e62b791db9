//! `tributary`: reads configuration, builds the house, runs it.
//!
//! In reading order: what may be asked of it ([`cli`]), the running house ([`node`]), settings ([`settings`]), how
//! answers look in a terminal ([`output`]), the demo ([`demo`]),
//! what is done to the records and by whose rules ([`import`], [`mapping`], [`decide`], [`identity`], [`replay`]), and how the lake is
//! looked after ([`upkeep`]).

mod cli;

mod node;

mod decide;
mod demo;
mod identity;
mod import;
mod mapping;
mod output;
mod replay;
mod settings;
mod upkeep;

use clap::Parser;
use tracing_subscriber::EnvFilter;

/// Records are made by one thread and forgotten by another, which this allocator is good at.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let arguments = cli::Arguments::parse();
    let filter = EnvFilter::try_from_env("TRIBUTARY_LOG").unwrap_or_else(|_| EnvFilter::new("warn,tributary=info"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match arguments.log_format {
        cli::LogFormat::Text => logs.init(),
        cli::LogFormat::Json => logs.json().init(),
    }
    match cli::run(arguments).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

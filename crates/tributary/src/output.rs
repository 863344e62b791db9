//! How answers and progress look in a terminal.

use std::{io::Write, time::Duration};

use anyhow::Result;
use clap::ValueEnum;
use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use query::Answer;
use server::{Format, format::text_column, render};

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Aligned columns and the stamp.
    Table,
    /// A header line and a line a row.
    Csv,
    /// `{columns, rows, stamp}`, decimals as texts.
    Json,
    /// An Arrow IPC stream.
    Arrow,
}

/// Writes a line to standard output. Who reads it may have seen enough (`| head`): then the process ends quietly.
pub fn say(line: &str) {
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}

/// Writes an answer to standard output.
///
/// # Errors
/// Where it cannot be written.
pub fn print(answer: &Answer, format: OutputFormat) -> Result<()> {
    let bytes = match format {
        OutputFormat::Table => format!("{}\n{}\n", table(answer)?, stamp(answer)).into_bytes(),
        OutputFormat::Csv => render(answer, Format::Csv)?,
        OutputFormat::Json => [render(answer, Format::Json)?, vec![b'\n']].concat(),
        OutputFormat::Arrow => render(answer, Format::Arrow)?,
    };
    match std::io::stdout().write_all(&bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// An answer's rows as a table: numbers to the right.
///
/// # Errors
/// Where a column's type cannot be written.
pub fn table(answer: &Answer) -> Result<Table> {
    let mut table = Table::new();
    table.load_style(presets::ASCII_BORDERS_ONLY_CONDENSED);
    table.set_header(answer.schema.fields().iter().map(|field| field.name()));
    for batch in &answer.batches {
        let columns = batch.columns().iter().map(|column| text_column(column)).collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            table.add_row(columns.iter().map(|column| &column[row]));
        }
    }
    for (index, field) in answer.schema.fields().iter().enumerate() {
        if field.data_type().is_numeric()
            && let Some(column) = table.column_mut(index)
        {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    Ok(table)
}

/// A spinner that counts.
#[must_use]
pub fn spinner(what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {pos} {msg} ({per_sec})");
    let bar = ProgressBar::new_spinner().with_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

/// A bar with rate and time left.
#[must_use]
pub fn progress(what: &str, length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:24} {bar:32} {human_pos}/{human_len} {per_sec} {eta} left");
    let bar = ProgressBar::new(length).with_message(what.to_owned());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A bar of bytes with rate and time left.
#[must_use]
pub fn bytes_bar(what: &str, length: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{msg:24} {bar:32} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta} left");
    let bar = ProgressBar::new(length).with_message(what.to_owned());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn stamp(answer: &Answer) -> String {
    let stamp = &answer.stamp;
    let mut lines = vec![format!("as of {} · zone {}", stamp.as_of, stamp.zone)];
    lines.extend(stamp.definitions.iter().map(|definition| {
        let version = definition.hash.get(..12).unwrap_or(&definition.hash);
        format!("{} {} · {version} · {}", definition.kind, definition.name, definition.status)
    }));
    if stamp.simulated {
        lines.push("simulated: nothing here is certified".to_owned());
    }
    if stamp.truncated {
        lines.push("rows were cut".to_owned());
    }
    lines.extend(stamp.notes.iter().cloned());
    lines.join("\n")
}

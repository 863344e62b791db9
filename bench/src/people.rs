//! Answers questions about people, for `bench/run`: a line `{"id", "sql"}` in, a line `{"id", "s", "rows", "peak_mb"}` out.
//! Seconds run from the text to the last row.

use std::{
    collections::BTreeMap,
    io::{BufRead, Write},
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use anyhow::{Context, Result, anyhow};
use clap::Parser;
use definitions::Definitions;
use lake::{DiskSyncs, Lake};
use query::{Answer, Engine, EngineSettings, Question};
use serde_json::{Value, json};

// As the product's own binary.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What is asked, and with what.
#[derive(Debug, Parser)]
struct Arguments {
    /// The lake.
    #[arg(long)]
    data: PathBuf,
    /// Folder of the definitions that were applied; the channel rules lie beside it.
    #[arg(long)]
    definitions: PathBuf,
    /// Megabytes of the hot cache; 0: from files.
    #[arg(long, default_value_t = 0)]
    hot: usize,
    /// Megabytes that a question may hold.
    #[arg(long, default_value_t = 1024)]
    memory: usize,
    /// Threads of a question.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&arguments.definitions)? {
        let path = entry?.path();
        files.push((path.display().to_string(), std::fs::read_to_string(&path)?));
    }
    files.sort();
    let parsed = Definitions::parse(&files).map_err(|mistakes| anyhow!("{mistakes:?}"))?;
    let channels = arguments.definitions.with_file_name("channels.yaml");
    let text = std::fs::read_to_string(&channels).with_context(|| channels.display().to_string())?;
    let channels = definitions::parse_yaml("channels.yaml", &text).map_err(|mistakes| anyhow!("{mistakes:?}"))?;
    let lake = Arc::new(Lake::open(&arguments.data, Arc::new(DiskSyncs)).await?);
    let settings = EngineSettings {
        zone: "UTC".to_owned(),
        shop_by_web_source: BTreeMap::from([("shop_web".to_owned(), "shop".to_owned())]),
        rates: None,
        memory_bytes_max: arguments.memory << 20,
        threads: Some(arguments.threads),
        hot_bytes_max: arguments.hot << 20,
        identity: query::IdentityConfig::default(),
    };
    let engine = Engine::new(lake, Arc::new(parsed), Arc::new(channels), settings)?;
    for line in std::io::stdin().lock().lines() {
        let asked: Value = serde_json::from_str(&line?)?;
        let sql = asked["sql"].as_str().context("a line has a text \"sql\"")?;
        let start = Instant::now();
        let answer = engine.answer(&Question { sql: sql.to_owned(), ..Question::default() }).await;
        let seconds = start.elapsed().as_secs_f64();
        let line = match answer {
            Ok(answer) => {
                json!({ "id": asked["id"], "s": seconds, "rows": rows(&answer)?, "peak_mb": peak_mb()? })
            }
            Err(error) => json!({ "id": asked["id"], "error": error.to_string() }),
        };
        println!("{line}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// Rows as texts and nulls.
fn rows(answer: &Answer) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    for batch in &answer.batches {
        let options = arrow::util::display::FormatOptions::default();
        let columns = batch.columns().iter();
        let shown = columns.map(|column| arrow::util::display::ArrayFormatter::try_new(column, &options));
        let shown = shown.collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            let cell = |(index, column): (usize, &arrow::util::display::ArrayFormatter<'_>)| {
                if batch.column(index).is_null(row) { Value::Null } else { column.value(row).to_string().into() }
            };
            rows.push(shown.iter().enumerate().map(cell).collect());
        }
    }
    Ok(rows)
}

/// Most memory that the process ever held.
fn peak_mb() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM")).context("VmHWM")?;
    Ok(line.split_whitespace().nth(1).context("a number")?.parse::<u64>()? / 1024)
}

//! SQL files: each `.slt` is a conversation with an engine over a small lake that is filled from the payloads beside it.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::{path::Path, sync::Arc};

use end_to_end::house::{House, repository, texts};
use ingestion::Incoming;
use model::UtcMillis;
use query::{EngineError, Question};
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner};

struct Asked {
    house: std::sync::Arc<House>,
}

#[async_trait::async_trait]
impl AsyncDB for Asked {
    type Error = EngineError;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, EngineError> {
        let answer = self.house.engine.answer(&Question { sql: sql.to_owned(), ..Question::default() }).await?;
        let types = vec![DefaultColumnType::Any; answer.schema.fields().len()];
        let shown = |cell: String| if cell.is_empty() { "NULL".to_owned() } else { cell };
        let rows = texts(&answer).into_iter().map(|row| row.into_iter().map(shown).collect()).collect();
        Ok(DBOutput::Rows { types, rows })
    }

    async fn shutdown(&mut self) {}
}

/// One shop's afternoon, written by hand: `tests/sql/shop.ndjson`, a line a record.
async fn shop(folder: &Path) -> House {
    let mut house = House::open(folder).await;
    let text = std::fs::read_to_string(repository().join("tests/sql/shop.ndjson")).unwrap();
    for line in text.lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let headers = record["headers"].as_object().into_iter().flatten();
        let incoming = Incoming {
            source: record["source"].as_str().unwrap().into(),
            received_at: UtcMillis::parse(record["received_at"].as_str().unwrap()).unwrap(),
            headers: Arc::new(headers.map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned())).collect()),
            payload: record["payload"].to_string().into_bytes().into(),
        };
        house.append("collector", vec![incoming]).await;
    }
    house.stage.drain().await.unwrap();
    house
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sql_file_holds() {
    let folder = tempfile::tempdir().unwrap();
    let house = std::sync::Arc::new(shop(folder.path()).await);
    let mut files: Vec<_> =
        std::fs::read_dir(repository().join("tests/sql")).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "slt"));
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let mut runner = Runner::new(|| async { Ok(Asked { house: house.clone() }) });
        runner.run_file_async(&file).await.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}

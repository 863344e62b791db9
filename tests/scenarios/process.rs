//! The real binary as a child process.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// The `tributary` binary of this build: `cargo test --workspace` makes it beside the tests.
pub fn binary() -> PathBuf {
    let mut folder = std::env::current_exe().unwrap();
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    let binary = folder.join("tributary");
    assert!(binary.is_file(), "{} is missing; run `cargo build --workspace` first", binary.display());
    binary
}

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// `tributary` with the shipped configuration, on `port`, over the lake in `data`.
pub fn tributary(data: &Path, port: u16) -> Command {
    let mut command = Command::new(binary());
    command
        .current_dir(end_to_end::house::repository())
        .arg("--data")
        .arg(data)
        .env("TRIBUTARY__SERVER__LISTEN", format!("127.0.0.1:{port}"))
        .stdin(Stdio::null());
    command
}

/// A serving process; killed hard when dropped.
pub struct Serving {
    child: Child,
    /// Where its doors are.
    pub base: String,
}

impl Serving {
    /// Starts `tributary serve` and waits until it is ready.
    pub async fn start(data: &Path, clock: &str) -> Self {
        Self::start_with(data, clock, &[]).await
    }

    /// The same, with more settings.
    pub async fn start_with(data: &Path, clock: &str, settings: &[(&str, &str)]) -> Self {
        let port = free_port();
        let child = tributary(data, port)
            .arg("serve")
            .env("TRIBUTARY__COLLECTOR__CLOCK", clock)
            .envs(settings.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let serving = Self { child, base: format!("http://127.0.0.1:{port}") };
        let started = Instant::now();
        while reqwest::get(format!("{}/readyz", serving.base)).await.is_err() {
            assert!(started.elapsed() < Duration::from_secs(60), "not ready after 60 s");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        serving
    }

    /// Answers SQL through `POST /v1/sql`, as JSON.
    pub async fn sql(&self, sql: &str) -> serde_json::Value {
        let body = serde_json::json!({ "sql": sql });
        let answer = reqwest::Client::new().post(format!("{}/v1/sql", self.base)).json(&body).send().await.unwrap();
        let status = answer.status();
        let value: serde_json::Value = answer.json().await.unwrap();
        assert!(status.is_success(), "{sql}: {value}");
        value
    }

    /// Waits until a query of one number answers `expected`.
    pub async fn wait_for(&self, sql: &str, expected: i64) {
        let started = Instant::now();
        loop {
            let found = self.sql(sql).await["rows"][0][0].as_i64();
            if found == Some(expected) {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "{sql}: {found:?}, expected {expected}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

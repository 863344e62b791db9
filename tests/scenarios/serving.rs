//! A house behind real HTTP doors, in this process.

use std::{path::Path, sync::Arc};

use axum::Router;
use end_to_end::{doors, house::House};
use futures::{StreamExt, stream};
use ingestion::{Collector, IntakeQueue, intake_queue, router};
use pipeline::{append_records, run_intake};
use simulator::Payload;
use tokio::{
    net::TcpListener,
    sync::{Mutex, Notify},
    task::JoinHandle,
};

/// Open doors.
pub struct Doors {
    /// Where they are.
    pub base: String,
    house: Mutex<House>,
    server: JoinHandle<()>,
    intake: JoinHandle<()>,
    queue: IntakeQueue,
}

impl Doors {
    /// Opens the doors of the house in `folder` on a free port.
    pub async fn open(folder: &Path) -> Self {
        let house = House::open(folder).await;
        let (queue, receiver) = intake_queue(doors::collector_config().queue);
        let routes: Router = router(Collector::new(doors::collector_config(), queue.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let intake = tokio::spawn(run_intake(Arc::clone(&house.lake), receiver, Arc::new(Notify::new())));
        let server = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { base, house: Mutex::new(house), server, intake, queue }
    }

    /// Sends payloads, 32 at once; reports are imported.
    pub async fn send(&self, payloads: &[Payload]) {
        let client = reqwest::Client::new();
        stream::iter(payloads.to_vec())
            .for_each_concurrent(32, |payload| {
                let client = client.clone();
                async move {
                    if let Some((channel, record)) = doors::report(&payload) {
                        append_records(&self.house.lock().await.lake, &channel, vec![record]).await.unwrap();
                        return;
                    }
                    let status = post(&client, &self.base, &payload).await.unwrap();
                    assert_eq!(status, 200);
                }
            })
            .await;
    }

    /// Turns what waits into facts.
    pub async fn normalise(&self) {
        self.house.lock().await.stage.drain().await.unwrap();
    }

    /// Closes the doors and gives the house back.
    pub async fn close(self) -> House {
        self.server.abort();
        drop(self.queue);
        let _ = self.server.await;
        let _ = self.intake.await;
        self.house.into_inner()
    }
}

/// Posts one payload as its sender does; the status that came back.
pub async fn post(client: &reqwest::Client, base: &str, payload: &Payload) -> reqwest::Result<u16> {
    let path = doors::path(payload).expect("a payload for an HTTP door");
    let received_at = model::UtcMillis(payload.received_at_ms).to_string();
    let mut request = client.post(format!("{base}{path}")).header("tributary-received-at", received_at);
    for (name, value) in &payload.headers {
        request = request.header(name, value);
    }
    Ok(request.body(payload.body.clone()).send().await?.status().as_u16())
}

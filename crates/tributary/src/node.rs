//! The running house: one lake, its doors, its normaliser, its engine.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail};
use axum::Router;
use definitions::Definitions;
use ingestion::{Clock, Collector, IntakeQueue, intake_queue};
use lake::{DiskSyncs, Lake};
use model::UtcMillis;
use normalization::Normalizer;
use pipeline::{Stage, StageClock, definitions as definition_records, run_intake};
use query::Engine;
use server::format::text_column;
use tables::DefinitionRow;
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
    task::JoinHandle,
};
use tracing::{error, info};

use crate::settings::{self, Settings};

/// Longest time between two looks into the inbox: what another process appended is seen within it.
const LOOK: Duration = Duration::from_millis(250);

/// Where a node lives.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// Folder of the lake.
    pub data: PathBuf,
    /// Folder of the configuration, if one is named.
    pub config: Option<PathBuf>,
    /// True on a simulated clock: doors trust `tributary-received-at`, and the lake is marked.
    pub simulated: bool,
}

/// An open lake with everything that may be asked of it.
pub struct Node {
    /// What the operator set.
    pub settings: Settings,
    /// The lake.
    pub lake: Arc<Lake>,
    /// Answers questions.
    pub engine: Arc<Engine>,
    normalizer: Arc<Normalizer>,
    clock: StageClock,
    taking: Option<Taking>,
}

/// The doors and the normaliser at work.
struct Taking {
    queue: IntakeQueue,
    intake: JoinHandle<()>,
    normaliser: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

/// A node whose HTTP doors are open.
pub struct Serving {
    address: SocketAddr,
    server: JoinHandle<std::io::Result<()>>,
    stop: watch::Sender<bool>,
    node: Node,
}

impl Node {
    /// Opens the lake for questions; nothing is taken in.
    ///
    /// # Errors
    /// What is wrong with configuration or lake.
    pub async fn open(options: &NodeOptions) -> Result<Self> {
        let mut loaded = settings::load(options.config.as_deref())?;
        if options.simulated {
            loaded.settings.collector.clock = Clock::Simulated;
        }
        let clock = match loaded.settings.collector.clock {
            Clock::System => StageClock::System,
            Clock::Simulated => StageClock::Simulated,
        };
        let lake = Arc::new(Lake::open(&options.data, Arc::new(DiskSyncs)).await?);
        let contact_key = contact_key(&loaded.settings);
        let normalizer = Arc::new(Normalizer::new(&loaded.settings.sources, contact_key)?);
        let engine = Arc::new(Engine::new(
            Arc::clone(&lake),
            Arc::new(loaded.definitions),
            Arc::new(loaded.channels),
            loaded.settings.engine(),
        )?);
        Ok(Self { settings: loaded.settings, lake, engine, normalizer, clock, taking: None })
    }

    /// Opens the lake, takes the writer's lock, records the definitions in force, and starts the normaliser.
    ///
    /// # Errors
    /// As [`Node::open`], and where another process writes.
    pub async fn start(options: &NodeOptions) -> Result<Self> {
        let mut node = Self::open(options).await?;
        let stage = node.stage().await?;
        node.record_definitions().await?;
        let (queue, doors) = intake_queue(node.settings.collector.queue);
        let arrived = Arc::new(Notify::new());
        let (stop, stopped) = watch::channel(false);
        let intake = tokio::spawn(run_intake(Arc::clone(&node.lake), doors, Arc::clone(&arrived)));
        let normaliser = tokio::spawn(normalise(stage, arrived, stopped));
        node.taking = Some(Taking { queue, intake, normaliser, stop });
        Ok(node)
    }

    /// The normaliser, for this process alone.
    ///
    /// # Errors
    /// Where another process writes, or the lake is unreadable.
    pub async fn stage(&self) -> Result<Stage> {
        Ok(Stage::open(Arc::clone(&self.lake), Arc::clone(&self.normalizer), self.clock).await?)
    }

    /// Opens the HTTP doors.
    ///
    /// # Errors
    /// Where the address is taken.
    pub async fn serve(self) -> Result<Serving> {
        let listen = self.settings.server.listen.clone();
        let listener = TcpListener::bind(&listen)
            .await
            .with_context(|| format!("cannot listen on {listen}; set TRIBUTARY__SERVER__LISTEN to another address"))?;
        let address = listener.local_addr()?;
        let taking = self.taking.as_ref().context("the doors open only on a started node")?;
        let collector = Collector::new(self.settings.collector.clone(), taking.queue.clone());
        let counters = collector.clone();
        let metrics = axum::routing::get(move || async move { counters.counters().to_prometheus() });
        let router: Router = server::router(Arc::clone(&self.engine), self.settings.server.clone())
            .merge(ingestion::router(collector))
            .route("/metrics", metrics);
        let (stop, mut stopped) = watch::channel(false);
        let server = tokio::spawn(async move {
            let until = async move {
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            axum::serve(listener, router).with_graceful_shutdown(until).await
        });
        info!(%address, "doors open");
        Ok(Serving { address, server, stop, node: self })
    }

    /// Waits until everything in the inbox is facts. `progress` is told the records taken in so far.
    ///
    /// # Errors
    /// Where the lake is unreadable.
    pub async fn settle(&self, mut progress: impl FnMut(u64)) -> Result<()> {
        loop {
            let end = pipeline::intake::inbox_positions(&self.lake).await?;
            let taken = self.lake.last_instant().await?.map(|row| row.positions).unwrap_or_default();
            progress(taken.values().map(|offset| *offset as u64 + 1).sum());
            if end.iter().all(|(channel, last)| taken.get(channel).is_some_and(|offset| offset >= last)) {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn stop(self) -> Result<()> {
        if let Some(Taking { queue, intake, normaliser, stop }) = self.taking {
            drop(queue);
            intake.await?;
            let _ = stop.send(true);
            normaliser.await?;
        }
        Ok(())
    }

    /// Definitions that are new or changed come in through the inbox, like everything else.
    async fn record_definitions(&self) -> Result<()> {
        let question = query::Question {
            sql: "SELECT kind, name, hash, status FROM facts.definitions ORDER BY known_at".to_owned(),
            ..query::Question::default()
        };
        let recorded = self.engine.answer(&question).await?;
        let mut in_force = BTreeMap::new();
        for batch in &recorded.batches {
            let [kind, name, hash, status] = batch.columns() else { bail!("facts.definitions has other columns") };
            let rows = text_column(kind)?.into_iter().zip(text_column(name)?);
            in_force.extend(rows.zip(text_column(hash)?.into_iter().zip(text_column(status)?)));
        }
        let at = match self.clock {
            StageClock::System => now(),
            StageClock::Simulated => UtcMillis(0),
        };
        let rows = definition_rows(self.engine.definitions(), at);
        let changed = rows.into_iter().filter(|row| {
            in_force.get(&(row.kind.clone(), row.name.clone())) != Some(&(row.hash.clone(), row.status.clone()))
        });
        let records: Vec<_> = changed.map(|row| definition_records::record(&row)).collect();
        pipeline::append_records(&self.lake, definition_records::SOURCE, records).await?;
        Ok(())
    }
}

impl Serving {
    /// Where the doors are.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The node behind the doors.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Closes the doors, waits for what is under way, and stops.
    ///
    /// # Errors
    /// Where a task failed.
    pub async fn stop(self) -> Result<()> {
        let _ = self.stop.send(true);
        self.server.await??;
        self.node.stop().await
    }
}

/// Waits for Ctrl-C or SIGTERM: a terminal's way of saying stop, and a service manager's.
///
/// # Errors
/// Where the operating system takes no handler.
pub async fn told_to_stop() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminated = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.context("cannot wait for Ctrl-C"),
        _ = terminated.recv() => Ok(()),
    }
}

/// The machine's clock.
#[must_use]
pub fn now() -> UtcMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UtcMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Takes in what waits, merges small files when nothing waits, until it is told to stop.
async fn normalise(mut stage: Stage, arrived: Arc<Notify>, mut stopped: watch::Receiver<bool>) {
    loop {
        let stopping = *stopped.borrow();
        match stage.drain().await {
            Ok(_) if stopping => return,
            Ok(_) => match stage.compact().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => error!(%error, "compaction failed; it is tried again"),
            },
            Err(error) if stopping => {
                error!(%error, "records wait in the inbox; they become facts at the next start");
                return;
            }
            Err(error) => error!(%error, "facts could not be made; it is tried again"),
        }
        tokio::select! {
            () = arrived.notified() => {}
            _ = stopped.changed() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

fn contact_key(settings: &Settings) -> [u8; 32] {
    blake3::derive_key("tributary 2026-11-21 contact key", settings.workspace.contact_key.as_bytes())
}

fn definition_rows(definitions: &Definitions, in_force_at: UtcMillis) -> Vec<DefinitionRow> {
    fn rows<T>(
        kind: &str,
        defined: &BTreeMap<String, definitions::Defined<T>>,
        in_force_at: UtcMillis,
    ) -> Vec<DefinitionRow> {
        defined
            .iter()
            .map(|(name, defined)| DefinitionRow {
                kind: kind.to_owned(),
                name: name.clone(),
                hash: defined.hash.clone(),
                status: defined.status.name().to_owned(),
                text: defined.text.clone(),
                in_force_at,
            })
            .collect()
    }
    [
        rows("semantic_model", &definitions.semantic_models, in_force_at),
        rows("metric", &definitions.metrics, in_force_at),
        rows("funnel", &definitions.funnels, in_force_at),
        rows("policy", &definitions.house_policies, in_force_at),
        rows("platform_policy", &definitions.platform_policies, in_force_at),
    ]
    .concat()
}

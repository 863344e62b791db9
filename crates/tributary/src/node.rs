//! The running house: one lake, its doors, its normaliser, its engine.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, anyhow, bail};
use axum::Router;
use ingestion::{Clock, Collector, IntakeQueue, intake_queue};
use lake::{DiskSyncs, Lake};
use model::UtcMillis;
use normalization::{MappingFile, Normalizer};
use pipeline::{BatchReport, PipelineError, Replayed, Stage, StageClock, decisions, run_intake};
use query::Engine;
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
    task::JoinHandle,
};
use tracing::{error, info};

use crate::{
    decide,
    settings::{self, Loaded, Settings},
};

/// Longest time between two looks into the inbox: what another process appended is seen within it.
const LOOK: Duration = Duration::from_millis(250);

/// How often and how long an import looks whether the normaliser has caught up.
const PACE: Duration = Duration::from_millis(2);
const PACE_LOOKS: usize = 500;

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

impl NodeOptions {
    /// Refuses a folder without a lake, which opening would make.
    ///
    /// # Errors
    /// Where there is none.
    pub fn refuse_absent(&self) -> Result<()> {
        if self.data.join("raw").is_dir() {
            return Ok(());
        }
        bail!("there is no lake at \"{}\"; `tributary demo` fills one, --data names another", self.data.display())
    }
}

/// An open lake with everything that may be asked of it.
pub struct Node {
    /// What the operator set.
    pub settings: Settings,
    /// The lake.
    pub lake: Arc<Lake>,
    /// Answers questions.
    pub engine: Arc<Engine>,
    /// The adapters that are built in.
    pub normalizer: Arc<Normalizer>,
    /// The mappings of the configuration: proposals, as all of it.
    pub mappings: Vec<MappingFile>,
    loaded: Arc<Loaded>,
    clock: StageClock,
    arrived: Arc<Notify>,
    taking: Option<Taking>,
}

/// A normaliser that works while an import fills the inbox; none where another process normalises.
pub struct Beside {
    working: Option<(watch::Sender<bool>, JoinHandle<()>)>,
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
        let normalizer = Arc::new(normalizer(&loaded.settings)?);
        let engine = Arc::new(Engine::new(
            Arc::clone(&lake),
            Arc::new(loaded.definitions.clone()),
            Arc::new(loaded.channels.clone()),
            loaded.settings.engine(),
        )?);
        let arrived = Arc::new(Notify::new());
        let (settings, mappings) = (loaded.settings.clone(), loaded.mappings.clone());
        let loaded = Arc::new(loaded);
        Ok(Self { settings, lake, engine, normalizer, mappings, loaded, clock, arrived, taking: None })
    }

    /// Opens the lake, takes the writer's lock, records the definitions in force, and starts the normaliser.
    ///
    /// # Errors
    /// As [`Node::open`], and where another process writes.
    pub async fn start(options: &NodeOptions) -> Result<Self> {
        let mut node = Self::open(options).await?;
        let stage = node.stage().await?;
        decide::record(&node.lake, &node.proposals().await?).await?;
        let (queue, doors) = intake_queue(node.settings.collector.queue);
        let arrived = Arc::clone(&node.arrived);
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

    /// Everything that the configuration proposes, against what is in force.
    ///
    /// # Errors
    /// Where the lake is unreadable.
    pub async fn proposals(&self) -> Result<Vec<decide::Proposal>> {
        decide::proposals(&self.lake, &self.loaded, self.clock_now()).await
    }

    /// The instant at which something is decided or taken in now; on a simulated clock, the epoch.
    #[must_use]
    pub fn clock_now(&self) -> UtcMillis {
        match self.clock {
            StageClock::System => now(),
            StageClock::Simulated => UtcMillis(0),
        }
    }

    /// A mapping by its name in the configuration, or by its file.
    ///
    /// # Errors
    /// Every mistake of the file, or the names that there are.
    pub fn mapping(&self, named: &str) -> Result<MappingFile> {
        let known = self.mappings.iter().find(|mapping| mapping.name == named).cloned();
        let found = match known {
            None if Path::new(named).is_file() => Some(settings::read_mapping(Path::new(named))?),
            known => known,
        };
        if let Some(mapping) = found {
            if self.normalizer.has_source(&mapping.name) {
                bail!("mapping \"{}\" has the name of a configured source; rename the mapping", mapping.name);
            }
            return Ok(mapping);
        }
        let known: Vec<&str> = self.mappings.iter().map(|mapping| mapping.name.as_str()).collect();
        let mistakes: String = self.loaded.mapping_mistakes.iter().map(|mistake| format!("\n{mistake}")).collect();
        bail!("there is no mapping \"{named}\" and no such file, expected one of {}{mistakes}", known.join(", "))
    }

    /// Refuses a source that neither the configuration nor a mapping names.
    ///
    /// # Errors
    /// With the names that there are.
    pub async fn check_source(&self, source: &str) -> Result<()> {
        let mut known: Vec<String> = self.settings.sources.iter().map(|known| known.name.clone()).collect();
        known.extend(self.mappings.iter().map(|mapping| mapping.name.clone()));
        let stored = decisions::in_force(&self.lake).await?;
        known.extend(stored.into_keys().filter(|(kind, _)| kind == pipeline::adapters::MAPPING).map(|(_, name)| name));
        known.sort();
        known.dedup();
        if known.iter().any(|name| name == source) {
            return Ok(());
        }
        bail!("there is no source \"{source}\", expected one of {}", known.join(", "))
    }

    /// Starts a normaliser beside an import, unless another process normalises already. A lake in which nothing was
    /// decided yet takes the configuration's definitions first.
    ///
    /// # Errors
    /// Where the lake is unreadable.
    pub async fn take_in_beside(&self) -> Result<Beside> {
        if decisions::recorded(&self.lake).await?.is_empty() {
            decide::record(&self.lake, &self.proposals().await?).await?;
        }
        let stage = match self.stage().await {
            Ok(stage) => stage,
            Err(error) if is_busy(&error) => return Ok(Beside { working: None }),
            Err(error) => return Err(error),
        };
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(normalise(stage, Arc::clone(&self.arrived), stopped));
        Ok(Beside { working: Some((stop, task)) })
    }

    /// Tells the normaliser that records have come.
    pub fn arrived(&self) {
        self.arrived.notify_one();
    }

    /// Turns all that the inbox holds into facts: by our own hand, or by the process that holds the writer's lock.
    /// Whoever holds it may end before it sees our records, so the lock is tried again and again. Returns the batches that
    /// our own hand published.
    ///
    /// # Errors
    /// Where the lake is unreadable, or the other process does not take them in within a minute.
    pub async fn take_in(&self) -> Result<Vec<BatchReport>> {
        let end = pipeline::intake::inbox_positions(&self.lake).await?;
        for _ in 0..600 {
            let taken = self.lake.last_instant().await?.map(|row| row.positions).unwrap_or_default();
            // A rebuild that was cut off has all its instants and not all its facts.
            let all = end.iter().all(|(channel, last)| taken.get(channel).is_some_and(|offset| offset >= last));
            if all && !self.lake.rebuilding() {
                return Ok(Vec::new());
            }
            match self.stage().await {
                Ok(mut stage) => {
                    let mut reports = Vec::new();
                    while let Some(report) = stage.step().await? {
                        reports.push(report);
                    }
                    return Ok(reports);
                }
                Err(error) if is_busy(&error) => {}
                Err(error) => return Err(error),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(anyhow!("the records are stored, but the running process has not taken them in after 60 s"))
    }

    /// As [`Node::take_in`]; what was read again by replays among it, all together. None where another process did it.
    ///
    /// # Errors
    /// As [`Node::take_in`].
    pub async fn take_in_decisions(&self) -> Result<Option<Replayed>> {
        let reports = self.take_in().await?;
        let mut done: Option<Replayed> = None;
        for replayed in reports.into_iter().filter_map(|report| report.replayed) {
            let all = done.get_or_insert_default();
            all.records += replayed.records;
            all.changed += replayed.changed;
            for (step, records) in replayed.outcomes {
                *all.outcomes.entry(step).or_insert(0) += records;
            }
        }
        Ok(done)
    }
}

impl Beside {
    /// Lets the normaliser catch up, a while at most: what still lies in memory need not be read from its file.
    pub async fn keep_pace(&self, node: &Node) {
        for _ in 0..PACE_LOOKS {
            if self.working.is_none() || !node.lake.recent_is_full() {
                return;
            }
            tokio::time::sleep(PACE).await;
        }
    }

    /// Waits until everything that was imported is facts.
    ///
    /// # Errors
    /// As [`Node::take_in`].
    pub async fn finish(self, node: &Node) -> Result<()> {
        if let Some((stop, task)) = self.working {
            let _ = stop.send(true);
            task.await?;
        }
        node.take_in().await.map(drop)
    }
}

fn is_busy(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(PipelineError::Lake(lake::LakeError::Busy { .. })))
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

/// Takes in what waits and merges small files, until it is told to stop.
async fn normalise(mut stage: Stage, arrived: Arc<Notify>, mut stopped: watch::Receiver<bool>) {
    loop {
        let stopping = *stopped.borrow();
        match take_and_compact(&mut stage).await {
            Ok(true) => continue,
            Ok(false) if stopping => {
                stage.settle_files().await;
                return;
            }
            Ok(false) => {}
            Err(error) if stopping => {
                error!(%error, "records wait in the inbox; they become facts at the next start");
                return;
            }
            Err(error) => error!(%error, "facts could not be made, or files not be merged; it is tried again"),
        }
        tokio::select! {
            () = arrived.notified() => {}
            _ = stopped.changed() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// One batch, and files merged beside it. True where more waits.
async fn take_and_compact(stage: &mut Stage) -> Result<bool, PipelineError> {
    let waited = stage.step().await?.is_some();
    stage.compact_beside().await;
    Ok(waited)
}

/// The built-in adapters of the configured sources.
///
/// # Errors
/// Where a source is configured wrongly.
pub fn normalizer(settings: &Settings) -> Result<Normalizer> {
    Ok(Normalizer::new(&settings.sources, contact_key(settings))?)
}

fn contact_key(settings: &Settings) -> [u8; 32] {
    blake3::derive_key("tributary 2026-11-21 contact key", settings.workspace.contact_key.as_bytes())
}

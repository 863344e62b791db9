//! A whole house in a folder: lake, normaliser, engine, with the shipped definitions and the demo's sources.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use definitions::Definitions;
use ingestion::Incoming;
use lake::{DiskSyncs, Lake, Syncs};
use model::{Headers, UtcMillis, traffic::ChannelRules};
use normalization::{MappingFile, Normalizer, PairDecision, SourceConfig, SourceKind, StewardDecision};
use pipeline::{ReplayRequest, Replayed, Stage, StageClock, append_records, decisions};
use query::{Answer, Derived, Engine, EngineSettings, IdentityConfig, Question};
use tables::DefinitionRow;

/// Rows of events from which on they are settled: few, so that small shops have settled files too.
const SETTLE_ROWS: usize = 500;

/// A house. Its folder is the caller's.
pub struct House {
    /// The lake.
    pub lake: Arc<Lake>,
    /// The normaliser.
    pub stage: Stage,
    /// The engine.
    pub engine: Engine,
}

impl House {
    /// Opens the house in `folder` with real syncs.
    ///
    /// # Panics
    /// Where anything is wrong: this is a test.
    pub async fn open(folder: &Path) -> Self {
        Self::try_open(folder, Arc::new(DiskSyncs)).await.expect("a sound house")
    }

    /// Opens the house in `folder` with the given syncs.
    ///
    /// # Errors
    /// What the pipeline says.
    pub async fn try_open(folder: &Path, syncs: Arc<dyn Syncs>) -> Result<Self, pipeline::PipelineError> {
        let lake = Arc::new(Lake::open(folder, syncs).await?.settling_from(SETTLE_ROWS));
        let stage = Stage::open(Arc::clone(&lake), Arc::new(normalizer()), StageClock::Simulated).await?;
        let engine = engine(Arc::clone(&lake));
        Ok(Self { lake, stage, engine })
    }

    /// Appends records to a channel of the inbox.
    pub async fn append(&self, channel: &str, records: Vec<Incoming>) {
        append_records(&self.lake, channel, records).await.expect("the inbox takes records");
    }

    /// Puts a mapping in force, written as YAML.
    ///
    /// # Panics
    /// Where it has a mistake.
    pub async fn apply_mapping(&mut self, yaml: &str) -> MappingFile {
        let file: MappingFile = definitions::parse_yaml("mapping.yaml", yaml).expect("a sound mapping");
        let text = file.canonical_text();
        let row = DefinitionRow {
            kind: pipeline::adapters::MAPPING.to_owned(),
            name: file.name.clone(),
            hash: blake3::hash(text.as_bytes()).to_hex().to_string(),
            status: "approved".to_owned(),
            text,
            in_force_at: UtcMillis(self.stage.last().map_or(0, |row| row.known_at.0)),
        };
        self.append(decisions::CHANNEL, vec![decisions::record(&row)]).await;
        self.stage.drain().await.expect("the mapping comes into force");
        file
    }

    /// Reads records again, as `tributary replay` does.
    ///
    /// # Panics
    /// Where it fails.
    pub async fn replay(&mut self, source: Option<&str>, only_rejected: bool) -> Replayed {
        let request = ReplayRequest { source: source.map(str::to_owned), only_rejected, part: 0, parts: 1 };
        let at = UtcMillis(self.stage.last().map_or(0, |row| row.known_at.0));
        self.append(decisions::CHANNEL, vec![decisions::replay_record(&request, at).expect("a request")]).await;
        let mut replayed = None;
        while let Some(report) = self.stage.step().await.expect("records are read again") {
            replayed = report.replayed.or(replayed);
        }
        replayed.expect("the replay was done")
    }

    /// Decides on a pair of nodes, as `tributary identity link` and `unlink` do. The decision is known at the last instant.
    ///
    /// # Panics
    /// Where it is not taken in.
    pub async fn decide(&mut self, decision: PairDecision, a: &str, b: &str) {
        let at = UtcMillis(self.stage.last().map_or(0, |row| row.known_at.0 + 1));
        let (by, reason) = ("Kim".to_owned(), "a test".to_owned());
        let said = StewardDecision { decision, a: a.to_owned(), b: b.to_owned(), by, reason, at };
        self.append(decisions::IDENTITY, vec![decisions::identity_record(&said).expect("a decision")]).await;
        self.stage.drain().await.expect("the decision is taken in");
    }

    /// Answers SQL as of an instant, as texts by row.
    ///
    /// # Panics
    /// Where the question is wrong.
    pub async fn sql_as_of(&self, sql: &str, as_of: UtcMillis) -> Vec<Vec<String>> {
        let question = Question { sql: sql.to_owned(), as_of: Some(as_of), ..Question::default() };
        texts(&self.engine.answer(&question).await.unwrap_or_else(|error| panic!("{sql}: {error}")))
    }

    /// Answers SQL, as texts by row.
    ///
    /// # Panics
    /// Where the question is wrong.
    pub async fn sql(&self, sql: &str) -> Vec<Vec<String>> {
        texts(&self.answer(sql).await)
    }

    /// Answers SQL with its stamp.
    ///
    /// # Panics
    /// Where the question is wrong.
    pub async fn answer(&self, sql: &str) -> Answer {
        let question = Question { sql: sql.to_owned(), ..Question::default() };
        self.engine.answer(&question).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Everything derived, as of the last instant.
    pub async fn derived(&self) -> Arc<Derived> {
        let moment = self.engine.moment(None).await.expect("a moment");
        self.engine.derived(moment).await.expect("derived tables")
    }

    /// A hash of every derived table and of the answers of funnel and bridges: equal for equal answers, bit for bit.
    /// What depends on when a batch was known (`carts.age_ms`, maturity) is left out.
    pub async fn hashes(&self) -> BTreeMap<String, String> {
        let mut hashes = BTreeMap::new();
        let questions = [
            ("persons", "SELECT * FROM persons"),
            ("sessions", "SELECT * FROM sessions"),
            ("orders", "SELECT * FROM orders"),
            ("ledger", "SELECT * FROM ledger"),
            ("carts", "SELECT cart_id, session_id, shop, first_add_at, order_delay_ms FROM carts"),
            ("touches", "SELECT * FROM touches"),
            ("credits", "SELECT * FROM credits"),
            ("claims", "SELECT * FROM claims"),
            ("funnel", "SELECT step, units, drop_off, p50_ms, p90_ms FROM funnel('checkout')"),
            ("series", "SELECT * FROM revenue_series(grain => 'day')"),
            ("google", "SELECT * FROM bridge('google_ads')"),
            ("meta", "SELECT * FROM bridge('meta_ads')"),
        ];
        for (name, sql) in questions {
            let mut hasher = blake3::Hasher::new();
            for row in self.sql(sql).await {
                row.iter().for_each(|cell| {
                    hasher.update(cell.as_bytes());
                    hasher.update(&[0]);
                });
            }
            hashes.insert(name.to_owned(), hasher.finalize().to_hex().to_string());
        }
        hashes
    }
}

/// An answer's rows as texts.
///
/// # Panics
/// Where a column's type cannot be written.
#[must_use]
pub fn texts(answer: &Answer) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for batch in &answer.batches {
        let columns: Vec<Vec<String>> = batch
            .columns()
            .iter()
            .map(|column| server::format::text_column(column).expect("a column that can be written"))
            .collect();
        rows.extend((0..batch.num_rows()).map(|row| columns.iter().map(|c| c[row].clone()).collect::<Vec<_>>()));
    }
    rows
}

/// Rows of a CSV file as an import appends them.
#[must_use]
pub fn csv_records(
    source: &str,
    header: &str,
    received_at: UtcMillis,
    rows: impl Iterator<Item = String>,
) -> Vec<Incoming> {
    let headers: Headers = [("tributary-format", "csv"), ("tributary-csv-header", header)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let record = |row: String| Incoming {
        source: source.into(),
        received_at,
        headers: headers.clone().into(),
        payload: row.into_bytes().into(),
    };
    rows.map(record).collect()
}

/// The demo's sources.
#[must_use]
pub fn sources() -> Vec<SourceConfig> {
    let source = |name: &str, kind, currency: Option<&str>, web: Option<&str>| SourceConfig {
        name: name.to_owned(),
        kind,
        default_currency: currency.map(|code| code.try_into().expect("a currency")),
        web_source: web.map(str::to_owned),
        zone: None,
    };
    vec![
        source("web_eu", SourceKind::Segment, Some("EUR"), None),
        source("web_us", SourceKind::Segment, Some("USD"), None),
        source("shop_eu", SourceKind::Shopify, None, Some("web_eu")),
        source("shop_us", SourceKind::Shopify, None, Some("web_us")),
        source("google_ads", SourceKind::GoogleAds, None, None),
        source("meta_ads", SourceKind::MetaAds, None, None),
    ]
}

/// The normaliser of the demo's sources, with the demo's key, so that a test and a running binary hash alike.
///
/// # Panics
/// Never, unless the sources above are unsound.
#[must_use]
pub fn normalizer() -> Normalizer {
    let key = blake3::derive_key("tributary 2026-11-21 contact key", b"demo-key-change-me-before-real-use");
    Normalizer::new(&sources(), key).expect("sound sources")
}

/// The engine over a lake, with the shipped definitions.
///
/// # Panics
/// Where what is shipped is unsound.
#[must_use]
pub fn engine(lake: Arc<Lake>) -> Engine {
    engine_of(lake, settings())
}

/// The same with other settings.
///
/// # Panics
/// Where what is shipped is unsound.
#[must_use]
pub fn engine_of(lake: Arc<Lake>, settings: EngineSettings) -> Engine {
    let (definitions, channels) = shipped();
    Engine::new(lake, Arc::new(definitions), Arc::new(channels), settings).expect("a sound engine")
}

/// What the engine is told about the demo's house.
#[must_use]
pub fn settings() -> EngineSettings {
    let shop_by_web_source =
        [("web_eu", "shop_eu"), ("web_us", "shop_us")].map(|(web, shop)| (web.to_owned(), shop.to_owned())).into();
    EngineSettings {
        zone: "Europe/Berlin".to_owned(),
        shop_by_web_source,
        rates: None,
        memory_bytes_max: 1 << 30,
        threads: None,
        hot_bytes_max: 1 << 20,
        identity: IdentityConfig::default(),
    }
}

/// The repository's folder.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository").to_owned()
}

fn shipped() -> (Definitions, ChannelRules) {
    let config = repository().join("config");
    let read = |path: PathBuf| std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut files: Vec<(String, String)> = std::fs::read_dir(config.join("definitions"))
        .expect("config/definitions")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), read(path)))
        .collect();
    files.sort();
    let definitions = Definitions::parse(&files).expect("sound definitions");
    let channels = definitions::parse_yaml("channels.yaml", &read(config.join("channels.yaml"))).expect("sound rules");
    (definitions, channels)
}

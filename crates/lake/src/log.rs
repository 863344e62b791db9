//! One table's Delta log: which files are in force, which transactions were committed, and how a commit is added.
//!
//! Reading goes through delta-rs once, when the table is opened; after that each new log entry is read as it comes.
//! Writing puts the next entry itself, on condition that nobody else did: delta-rs would replay the log after every
//! commit (about 50 ms at a few hundred files), and the collector commits many times a second. Checkpoints are
//! delta-rs's. Every entry stays plain Delta, reader 1 and writer 2.

use std::collections::BTreeMap;

use deltalake::{
    DeltaTable, DeltaTableBuilder, DeltaTableError,
    kernel::{Action, StructField, StructType, Transaction, engine::arrow_conversion::TryIntoKernel},
    operations::create::CreateBuilder,
    protocol::checkpoints::create_checkpoint,
};
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload, path::Path};
use serde_json::json;
use std::sync::Arc;
use tables::Table;
use tracing::warn;
use url::Url;

use crate::{
    file::FileEntry,
    lake::{LakeError, Snapshot},
};

/// Commits between two checkpoints.
const CHECKPOINT_EVERY: u64 = 100;

/// The log of one table, as far as it was read.
#[derive(Debug)]
pub(crate) struct TableLog {
    table: Table,
    store: Arc<dyn ObjectStore>,
    location: Url,
    folder: Path,
    version: u64,
    files: BTreeMap<String, FileEntry>,
    transactions: BTreeMap<String, i64>,
    opened: DeltaTable,
    snapshot: Option<Snapshot>,
}

impl TableLog {
    /// Opens a table; makes it where it is not there yet.
    pub async fn open(table: Table, location: Url, store: Arc<dyn ObjectStore>) -> Result<Self, LakeError> {
        let failed = |source: DeltaTableError| LakeError::Delta { table: table.folder(), source: Box::new(source) };
        let opened = load(table, &location, &store).await.map_err(failed)?;
        let state = opened.snapshot().map_err(failed)?;
        let data = state.log_data();
        let files = data.iter().map(|view| {
            let size = u64::try_from(view.size()).unwrap_or(0);
            let entry = FileEntry::from_log(view.path().into_owned(), size, view.stats().as_deref());
            (entry.name.clone(), entry)
        });
        Ok(Self {
            table,
            folder: Path::from_url_path(location.path()).map_err(object_store::Error::from)?,
            files: files.collect(),
            transactions: BTreeMap::new(),
            version: state.version(),
            snapshot: None,
            store,
            location,
            opened,
        })
    }

    /// Reads the entries that were added since, by whomever.
    pub async fn refresh(&mut self) -> Result<(), LakeError> {
        loop {
            let entry = match self.store.get(&self.entry(self.version + 1)).await {
                Ok(entry) => entry.bytes().await?,
                Err(object_store::Error::NotFound { .. }) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let text = String::from_utf8_lossy(&entry);
            let actions: Result<Vec<Action>, _> =
                text.lines().filter(|line| !line.trim().is_empty()).map(serde_json::from_str).collect();
            let version = self.version + 1;
            self.apply(actions.map_err(|error| LakeError::Corrupt {
                reason: format!("log entry {version} of {} is unreadable: {error}", self.table.folder()),
            })?);
            self.version = version;
        }
    }

    /// Adds one entry. All of it is in force, or nothing.
    pub async fn commit(
        &mut self,
        actions: Vec<Action>,
        expects: Option<&(String, Option<i64>)>,
        rearranges: bool,
    ) -> Result<(), LakeError> {
        let operation = if rearranges { "OPTIMIZE" } else { "WRITE" };
        let info = json!({ "commitInfo": {
            "timestamp": crate::lake::unix_millis(), "operation": operation, "operationParameters": {},
            "engineInfo": concat!("tributary/", env!("CARGO_PKG_VERSION")),
        }});
        let mut entry = info.to_string();
        for action in &actions {
            let line =
                serde_json::to_string(action).map_err(|error| LakeError::Corrupt { reason: error.to_string() })?;
            entry.push('\n');
            entry.push_str(&line);
        }
        loop {
            self.refuse_lost_files(&actions)?;
            self.refuse_unexpected(expects).await?;
            let payload = PutPayload::from(entry.clone());
            match self.store.put_opts(&self.entry(self.version + 1), payload, PutMode::Create.into()).await {
                Ok(_) => break,
                Err(object_store::Error::AlreadyExists { .. }) => self.refresh().await?,
                Err(error) => return Err(error.into()),
            }
        }
        self.apply(actions);
        self.version += 1;
        if self.version.is_multiple_of(CHECKPOINT_EVERY) {
            self.checkpoint().await;
        }
        Ok(())
    }

    /// The version that an application id last committed.
    pub async fn transaction(&self, application: &str) -> Result<Option<i64>, LakeError> {
        if let Some(version) = self.transactions.get(application) {
            return Ok(Some(*version));
        }
        let failed = |source| LakeError::Delta { table: self.table.folder(), source: Box::new(source) };
        let state = self.opened.snapshot().map_err(failed)?;
        state.transaction_version(self.opened.log_store().as_ref(), application).await.map_err(failed)
    }

    /// The files in force.
    pub fn snapshot(&mut self) -> Snapshot {
        match &self.snapshot {
            Some(held) if held.version == self.version => held.clone(),
            _ => {
                let files = Arc::new(self.files.values().cloned().collect());
                let snapshot = Snapshot { table: self.table, version: self.version, files };
                self.snapshot = Some(snapshot.clone());
                snapshot
            }
        }
    }

    fn apply(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Add(add) => {
                    let size = u64::try_from(add.size).unwrap_or(0);
                    let entry = FileEntry::from_log(add.path.clone(), size, add.stats.as_deref());
                    self.files.insert(add.path, entry);
                }
                Action::Remove(remove) => drop(self.files.remove(&remove.path)),
                Action::Txn(Transaction { app_id, version, .. }) => drop(self.transactions.insert(app_id, version)),
                _ => {}
            }
        }
    }

    /// A commit whose files somebody else took away would bring rows back or double them.
    fn refuse_lost_files(&self, actions: &[Action]) -> Result<(), LakeError> {
        let lost = actions.iter().find_map(|action| match action {
            Action::Remove(remove) if !self.files.contains_key(&remove.path) => Some(&remove.path),
            _ => None,
        });
        lost.map_or(Ok(()), |path| {
            let reason = format!("file \"{path}\" is no longer in force");
            Err(LakeError::Conflict { table: self.table.folder(), reason })
        })
    }

    async fn refuse_unexpected(&self, expects: Option<&(String, Option<i64>)>) -> Result<(), LakeError> {
        let Some((application, version)) = expects else { return Ok(()) };
        let found = self.transaction(application).await?;
        if found == *version {
            return Ok(());
        }
        let reason = format!("\"{application}\" stands at {found:?}, expected {version:?}");
        Err(LakeError::Conflict { table: self.table.folder(), reason })
    }

    /// A log without its newest checkpoint is whole, only slower to open: a failure is tried again 100 commits later.
    async fn checkpoint(&self) {
        let written = async {
            let table = load(self.table, &self.location, &self.store).await?;
            create_checkpoint(&table, None).await
        };
        if let Err(error) = written.await {
            warn!(table = self.table.folder(), %error, "checkpoint not written");
        }
    }

    fn entry(&self, version: u64) -> Path {
        self.folder.clone().join("_delta_log").join(format!("{version:020}.json"))
    }
}

async fn load(table: Table, location: &Url, store: &Arc<dyn ObjectStore>) -> Result<DeltaTable, DeltaTableError> {
    let builder = DeltaTableBuilder::from_url(location.clone())?;
    let mut delta = builder.with_storage_backend(Arc::clone(store), location.clone()).build()?;
    if delta.verify_deltatable_existence().await? {
        delta.load().await?;
        return Ok(delta);
    }
    let schema: StructType = table.schema().as_ref().try_into_kernel()?;
    let fields: Vec<StructField> = schema.fields().cloned().collect();
    CreateBuilder::new()
        .with_log_store(delta.log_store())
        .with_table_name(table.folder().replace('/', "."))
        .with_columns(fields)
        .await
}

//! The lake: its tables, commits and snapshots. The only crate that knows Delta.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    path::{Path as FsPath, PathBuf},
    sync::{
        Arc, Mutex as StdMutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arrow::array::RecordBatch;
use deltalake::{
    DeltaTableError,
    kernel::{Action, Add, Transaction},
};
use futures::{StreamExt, TryStreamExt, stream};
use model::UtcMillis;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, path::Path};
use tables::{Table, TableError};
use tokio::sync::Mutex;
use url::Url;

use crate::{
    compact::SETTLE_ROWS,
    disk::{GONE, SyncedStore, Syncs},
    file::{self, FileEntry, FileWriter, Layout, SETTLED_MARK, SORTED_MARK, WrittenFile},
    inbox::Recent,
    log::TableLog,
    sorted_file::SortedFile,
};

/// File that stands in the lake's folder while facts are rebuilt.
const REBUILD_MARK: &str = ".rebuilding";

/// Files that this process has named: several lakes open on one folder must not take each other's names.
static FILES_WRITTEN: AtomicU64 = AtomicU64::new(0);

/// Why the lake could not do what was asked. A caller retries `Busy`, stops on the others.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The folder cannot be opened or made.
    #[error("cannot open the lake at \"{path}\": {source}")]
    Folder {
        /// The folder.
        path: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Another process holds the writer's lock.
    #[error("another process writes to the lake at \"{path}\"; stop it, or point --data at another folder")]
    Busy {
        /// The folder.
        path: String,
    },
    /// Delta refused.
    #[error("table \"{table}\": {source}")]
    Delta {
        /// Which table.
        table: String,
        /// What Delta said.
        source: Box<DeltaTableError>,
    },
    /// Another commit came between: what this one rests on is no longer so.
    #[error("table \"{table}\": {reason}; nothing was committed, try again")]
    Conflict {
        /// Which table.
        table: String,
        /// What has changed.
        reason: String,
    },
    /// A file is not there: vacuum deleted it while a question went on, or it is lost.
    #[error("file \"{path}\" is gone; {GONE}")]
    Gone {
        /// The file.
        path: String,
    },
    /// Storage refused.
    #[error("storage: {0}")]
    Store(#[from] object_store::Error),
    /// A Parquet file could not be written or read.
    #[error("parquet: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// Rows could not be arranged.
    #[error("arrow: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
    /// Stored rows are not what their table says.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Stored data contradicts itself.
    #[error("the lake is damaged: {reason}; `tributary rebuild` builds facts anew from the inbox")]
    Corrupt {
        /// What was found.
        reason: String,
    },
    /// Work on another thread did not end.
    #[error("a reader stopped: {0}")]
    Join(#[from] tokio::task::JoinError),
}

/// One commit to one table: all of it or nothing.
#[derive(Debug, Default)]
pub struct Commit {
    /// Rows to add; each list becomes one sorted file.
    pub runs: Vec<Vec<RecordBatch>>,
    /// Files to add as they are.
    pub files: Vec<WrittenFile>,
    /// Files to take out of force.
    pub remove: Vec<FileEntry>,
    /// Application id and version: which records or batch this commit holds.
    pub transactions: Vec<(String, i64)>,
    /// Application id and the version that it must have committed last; otherwise nothing is committed.
    pub expects: Option<(String, Option<i64>)>,
    /// True where rows only move (compaction): readers of changes skip it.
    pub rearranges: bool,
}

/// Files of a commit that are on disk and in no table yet.
#[derive(Debug)]
pub struct Written {
    table: Table,
    actions: Vec<Action>,
    pub(crate) names: Vec<String>,
    expects: Option<(String, Option<i64>)>,
    rearranges: bool,
}

/// The files of a table in force at one version.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Which table.
    pub table: Table,
    /// Delta version.
    pub version: u64,
    /// Files, in the log's order.
    pub files: Arc<Vec<FileEntry>>,
}

/// Held by the one process that normalises and compacts; released when dropped.
#[derive(Debug)]
pub struct WriterLock {
    _file: fs::File,
}

/// Open Delta tables in one folder.
#[derive(Debug)]
pub struct Lake {
    root: PathBuf,
    store: SyncedStore,
    tables: BTreeMap<Table, Mutex<TableLog>>,
    pub(crate) recent: Recent,
    /// Rows in runs of events from which on they are settled.
    pub(crate) settle_rows: usize,
    /// Files held open, by table and name.
    open_files: StdMutex<HashMap<(Table, String), Arc<SortedFile>>>,
}

impl Lake {
    /// Opens the lake in `root`; tables that are not there yet are made.
    ///
    /// # Errors
    /// [`LakeError::Folder`] where the folder cannot be made, [`LakeError::Delta`] where a table is unreadable.
    pub async fn open(root: &FsPath, syncs: Arc<dyn Syncs>) -> Result<Self, LakeError> {
        let folder = |source| LakeError::Folder { path: root.display().to_string(), source };
        fs::create_dir_all(root).map_err(folder)?;
        let root = root.canonicalize().map_err(folder)?;
        let mut lake = Self {
            root,
            store: SyncedStore::new(syncs),
            tables: BTreeMap::new(),
            recent: Recent::default(),
            settle_rows: SETTLE_ROWS,
            open_files: StdMutex::default(),
        };
        for table in Table::ALL {
            lake.tables.insert(table, Mutex::new(lake.open_table(table).await?));
        }
        Ok(lake)
    }

    /// The same lake, where compaction settles events from so many rows on: half a million, if nothing is said.
    #[must_use]
    pub fn settling_from(self, rows: usize) -> Self {
        Self { settle_rows: rows, ..self }
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &FsPath {
        &self.root
    }

    /// The store under all tables; its paths are absolute.
    #[must_use]
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::new(self.store.clone())
    }

    /// Takes the lock of the one process that may normalise and compact.
    ///
    /// # Errors
    /// [`LakeError::Busy`] where another process holds it.
    pub fn lock_writer(&self) -> Result<WriterLock, LakeError> {
        let path = self.root.join(".writer.lock");
        let shown = self.root.display().to_string();
        let file = fs::OpenOptions::new().create(true).write(true).truncate(false).open(path);
        let file = file.map_err(|source| LakeError::Folder { path: shown.clone(), source })?;
        file.try_lock().map_err(|_| LakeError::Busy { path: shown })?;
        Ok(WriterLock { _file: file })
    }

    /// The files in force now, other processes' commits included.
    ///
    /// # Errors
    /// [`LakeError::Delta`] where the log is unreadable.
    pub async fn snapshot(&self, table: Table) -> Result<Snapshot, LakeError> {
        let mut log = self.table(table)?.lock().await;
        log.refresh().await?;
        Ok(log.snapshot())
    }

    /// The version that an application id last committed to a table.
    ///
    /// # Errors
    /// [`LakeError::Delta`] where the log is unreadable.
    pub async fn transaction(&self, table: Table, application: &str) -> Result<Option<i64>, LakeError> {
        let mut log = self.table(table)?.lock().await;
        log.refresh().await?;
        log.transaction(application).await
    }

    /// Commits to one table; returns when data and log entry are on disk.
    ///
    /// # Errors
    /// [`LakeError`]; nothing of the commit is in force then.
    pub async fn commit(&self, table: Table, commit: Commit) -> Result<(), LakeError> {
        let written = self.write(table, commit).await?;
        self.publish(written).await
    }

    /// Writes a commit's files. They are in no table until [`Lake::publish`], so that files of several tables can be
    /// written at once and their log entries in order.
    ///
    /// # Errors
    /// [`LakeError`]; what was written is never seen.
    pub async fn write(&self, table: Table, commit: Commit) -> Result<Written, LakeError> {
        let (mut actions, mut names, mut files) = (Vec::new(), Vec::new(), commit.files);
        for run in commit.runs {
            let file = tokio::task::spawn_blocking(move || {
                let mut writer = FileWriter::new(table, Layout::Run)?;
                for rows in file::sort(table, run)? {
                    writer.write(&rows)?;
                }
                writer.finish()
            });
            files.extend(file.await??);
        }
        for file in files {
            let added = self.write_file(table, file, !commit.rearranges).await?;
            names.push(added.path.clone());
            actions.push(Action::Add(added));
        }
        actions.extend(commit.remove.iter().map(|entry| Action::Remove(remove_action(entry, !commit.rearranges))));
        actions.extend(commit.transactions.into_iter().map(|(id, version)| Action::Txn(Transaction::new(id, version))));
        Ok(Written { table, actions, names, expects: commit.expects, rearranges: commit.rearranges })
    }

    /// Adds the log entry of written files; returns when it is on disk.
    ///
    /// # Errors
    /// [`LakeError`]; nothing of it is in force then.
    pub async fn publish(&self, written: Written) -> Result<(), LakeError> {
        let mut log = self.table(written.table)?.lock().await;
        log.commit(written.actions, written.expects.as_ref(), written.rearranges).await
    }

    /// Reads the rows of a snapshot that were in force at `as_of` (all where `None`), in no order between files.
    ///
    /// # Errors
    /// [`LakeError`] where a file is missing or unreadable.
    pub async fn read(
        &self,
        snapshot: &Snapshot,
        columns: &[&str],
        as_of: Option<UtcMillis>,
    ) -> Result<Vec<RecordBatch>, LakeError> {
        let files = snapshot.files.iter().filter(|entry| as_of.is_none_or(|at| entry.known_at(at)));
        let parts: Vec<Vec<RecordBatch>> = stream::iter(files.cloned().collect::<Vec<_>>())
            .map(|entry| self.read_file(snapshot.table, entry, columns, as_of))
            .buffered(4)
            .try_collect()
            .await?;
        Ok(parts.into_iter().flatten().collect())
    }

    /// Reads one file.
    ///
    /// # Errors
    /// [`LakeError`] where it is missing or unreadable.
    pub async fn read_file(
        &self,
        table: Table,
        entry: FileEntry,
        columns: &[&str],
        as_of: Option<UtcMillis>,
    ) -> Result<Vec<RecordBatch>, LakeError> {
        let bytes = match self.store.get(&self.location(table, &entry.name)?).await {
            Err(object_store::Error::NotFound { path, .. }) => return Err(LakeError::Gone { path }),
            found => found?.bytes().await?,
        };
        let mut wanted: Vec<String> = columns.iter().map(|&name| name.to_owned()).collect();
        let filtered =
            as_of.filter(|&at| entry.ended > 0 || entry.instants("known_at").is_none_or(|(_, max)| max > at));
        if filtered.is_some() && !wanted.is_empty() {
            wanted.extend(["known_at".to_owned(), "known_until".to_owned()]);
        }
        let batches = tokio::task::spawn_blocking(move || {
            file::from_parquet(bytes, &wanted.iter().map(String::as_str).collect::<Vec<_>>())
        })
        .await??;
        match filtered {
            Some(at) => batches.iter().map(|batch| file::as_of(batch, at)).collect(),
            None => Ok(batches),
        }
    }

    /// The files of a snapshot, open. They stay open for the next who asks, until no newer snapshot has them.
    ///
    /// # Errors
    /// [`LakeError`] where a file is missing or damaged.
    pub fn open_files(&self, snapshot: &Snapshot) -> Result<Vec<Arc<SortedFile>>, LakeError> {
        let mut open = self.open_files.lock().unwrap_or_else(PoisonError::into_inner);
        let mut files = Vec::with_capacity(snapshot.files.len());
        for entry in snapshot.files.iter() {
            let name = (snapshot.table, entry.name.clone());
            let file = match open.get(&name) {
                Some(file) => Arc::clone(file),
                None => Arc::new(SortedFile::open(&self.path(snapshot.table, &entry.name), entry.clone())?),
            };
            open.insert(name, Arc::clone(&file));
            files.push(file);
        }
        let kept: HashSet<&str> = snapshot.files.iter().map(|entry| entry.name.as_str()).collect();
        open.retain(|(table, name), _| *table != snapshot.table || kept.contains(name.as_str()));
        Ok(files)
    }

    /// Where a table's file lies in the store.
    ///
    /// # Errors
    /// [`LakeError::Store`] where the name is no path.
    pub fn location(&self, table: Table, name: &str) -> Result<Path, LakeError> {
        let path = self.root.join(table.folder()).join(name);
        Ok(Path::from_absolute_path(path).map_err(object_store::Error::from)?)
    }

    /// Forgets all facts, so that they can be built anew from the inbox. Needs the writer's lock.
    ///
    /// # Errors
    /// [`LakeError`] where a folder cannot be removed or a table not be made.
    pub async fn clear_facts(&self, _lock: &WriterLock) -> Result<(), LakeError> {
        for table in Table::ALL.into_iter().filter(|table| table.is_fact()) {
            let mut log = self.table(table)?.lock().await;
            let folder = self.root.join(table.folder());
            fs::remove_dir_all(&folder)
                .map_err(|source| LakeError::Folder { path: folder.display().to_string(), source })?;
            *log = self.open_table(table).await?;
        }
        Ok(())
    }

    /// Marks the facts as being rebuilt: until [`Lake::end_rebuild`], no question is answered from them.
    ///
    /// # Errors
    /// [`LakeError::Store`] where the mark cannot be written.
    pub async fn begin_rebuild(&self, _lock: &WriterLock) -> Result<(), LakeError> {
        let mark = Path::from_absolute_path(self.root.join(REBUILD_MARK)).map_err(object_store::Error::from)?;
        // Through the store, which syncs: the mark must be on disk before the first fact is gone.
        self.store.put(&mark, PutPayload::new()).await?;
        Ok(())
    }

    /// Takes the mark away.
    ///
    /// # Errors
    /// [`LakeError::Folder`] where it cannot be removed.
    pub fn end_rebuild(&self, _lock: &WriterLock) -> Result<(), LakeError> {
        let path = self.root.join(REBUILD_MARK);
        fs::remove_file(&path).map_err(|source| LakeError::Folder { path: path.display().to_string(), source })
    }

    /// True while facts are being rebuilt, or where a rebuild was cut off.
    #[must_use]
    pub fn rebuilding(&self) -> bool {
        self.root.join(REBUILD_MARK).exists()
    }

    /// Where a table's file lies on disk.
    pub(crate) fn path(&self, table: Table, name: &str) -> PathBuf {
        self.root.join(table.folder()).join(name)
    }

    fn table(&self, table: Table) -> Result<&Mutex<TableLog>, LakeError> {
        let reason = || format!("table \"{}\" is not open", table.folder());
        self.tables.get(&table).ok_or_else(|| LakeError::Corrupt { reason: reason() })
    }

    async fn open_table(&self, table: Table) -> Result<TableLog, LakeError> {
        let path = self.root.join(table.folder());
        let location = Url::from_directory_path(&path).map_err(|()| LakeError::Delta {
            table: table.folder(),
            source: Box::new(DeltaTableError::InvalidTableLocation(path.display().to_string())),
        })?;
        TableLog::open(table, location, self.store()).await
    }

    async fn write_file(&self, table: Table, file: WrittenFile, data_change: bool) -> Result<Add, LakeError> {
        let size = file.bytes.len() as i64;
        let clock = UtcMillis(unix_millis());
        let count = FILES_WRITTEN.fetch_add(1, Ordering::Relaxed);
        let mark = if file.layout == Layout::Settled { SETTLED_MARK } else { SORTED_MARK };
        let name = format!("{mark}{:013}-{:08x}-{count:06}.parquet", clock.0, std::process::id());
        self.store.put(&self.location(table, &name)?, PutPayload::from_bytes(file.bytes)).await?;
        Ok(Add {
            path: name,
            partition_values: HashMap::new(),
            size,
            modification_time: clock.0,
            data_change,
            stats: Some(file.statistics),
            tags: None,
            deletion_vector: None,
            base_row_id: None,
            default_row_commit_version: None,
            clustering_provider: None,
        })
    }
}

fn remove_action(entry: &FileEntry, data_change: bool) -> deltalake::kernel::Remove {
    deltalake::kernel::Remove {
        path: entry.name.clone(),
        data_change,
        deletion_timestamp: Some(unix_millis()),
        extended_file_metadata: Some(true),
        partition_values: Some(HashMap::new()),
        size: i64::try_from(entry.size).ok(),
        tags: None,
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
    }
}

/// File names and tombstones carry the machine's clock; no answer does.
pub(crate) fn unix_millis() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

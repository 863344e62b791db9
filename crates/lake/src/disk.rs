//! A local object store that syncs: a `put` returns when the file and its directory are on disk.
//!
//! Neither `object_store` nor Delta syncs local files. Here bytes go to a staging file, which is synced, then linked or
//! renamed into place, then its directory is synced; so what is visible is whole, and what was acknowledged survives a
//! power cut.

use std::{
    fmt, fs,
    io::{self, Write},
    path::{Path as FsPath, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result as StoreResult, UploadPart, local::LocalFileSystem,
    path::Path,
};

/// What is said of a data file that is not there.
pub(crate) const GONE: &str =
    "ask again where `tributary vacuum` ran meanwhile, otherwise `tributary fsck` says what else is wrong";

/// How files and directories reach the disk. Tests record the calls.
pub trait Syncs: fmt::Debug + Send + Sync {
    /// Returns when the file's bytes are on disk.
    ///
    /// # Errors
    /// Whatever the operating system says.
    fn file(&self, file: &fs::File, path: &FsPath) -> io::Result<()>;

    /// Returns when the directory's entries are on disk.
    ///
    /// # Errors
    /// Whatever the operating system says.
    fn directory(&self, path: &FsPath) -> io::Result<()>;
}

/// The real thing: `fsync`.
#[derive(Debug, Default)]
pub struct DiskSyncs;

impl Syncs for DiskSyncs {
    fn file(&self, file: &fs::File, _path: &FsPath) -> io::Result<()> {
        file.sync_all()
    }

    fn directory(&self, path: &FsPath) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }
}

/// A local store whose writes are synced before they return. Paths are absolute.
#[derive(Debug, Clone)]
pub struct SyncedStore {
    inner: Arc<LocalFileSystem>,
    syncs: Arc<dyn Syncs>,
    staged: Arc<AtomicU64>,
}

impl SyncedStore {
    /// A store over the whole file system.
    #[must_use]
    pub fn new(syncs: Arc<dyn Syncs>) -> Self {
        Self { inner: Arc::new(LocalFileSystem::new()), syncs, staged: Arc::default() }
    }

    fn write(&self, target: &FsPath, payload: &PutPayload, mode: &PutMode) -> io::Result<()> {
        let directory = target.parent().unwrap_or(FsPath::new("/"));
        self.make_directory(directory)?;
        // LocalFileSystem leaves names that end in `#` and digits out of its listings.
        let mut staging = target.as_os_str().to_owned();
        staging.push(format!("#{}{}", std::process::id(), self.staged.fetch_add(1, Ordering::Relaxed)));
        let staging = PathBuf::from(staging);
        let written = self.write_staged(&staging, payload).and_then(|()| match mode {
            PutMode::Create => fs::hard_link(&staging, target),
            _ => fs::rename(&staging, target),
        });
        if staging.exists() {
            fs::remove_file(&staging)?;
        }
        written?;
        self.syncs.directory(directory)
    }

    fn write_staged(&self, staging: &FsPath, payload: &PutPayload) -> io::Result<()> {
        let mut file = fs::File::create_new(staging)?;
        payload.iter().try_for_each(|part| file.write_all(part))?;
        self.syncs.file(&file, staging)
    }

    fn make_directory(&self, directory: &FsPath) -> io::Result<()> {
        if directory.is_dir() {
            return Ok(());
        }
        let parent = directory.parent().unwrap_or(FsPath::new("/"));
        self.make_directory(parent)?;
        match fs::create_dir(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => self.syncs.directory(parent),
        }
    }
}

impl fmt::Display for SyncedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SyncedStore")
    }
}

#[async_trait]
impl ObjectStore for SyncedStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> StoreResult<PutResult> {
        if matches!(opts.mode, PutMode::Update(_)) {
            return self.inner.put_opts(location, payload, opts).await;
        }
        let target = self.inner.path_to_filesystem(location)?;
        let (store, shown) = (self.clone(), location.to_string());
        let written = tokio::task::spawn_blocking(move || store.write(&target, &payload, &opts.mode)).await;
        match written.map_err(|source| object_store::Error::JoinError { source })? {
            Ok(()) => Ok(PutResult { e_tag: None, version: None }),
            Err(source) if source.kind() == io::ErrorKind::AlreadyExists => {
                Err(object_store::Error::AlreadyExists { path: shown, source: source.into() })
            }
            Err(source) => Err(generic(source)),
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        let target = self.inner.path_to_filesystem(location)?;
        let inner = self.inner.put_multipart_opts(location, opts).await?;
        Ok(Box::new(SyncedUpload { inner, target, syncs: Arc::clone(&self.syncs) }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> StoreResult<GetResult> {
        let found = self.inner.get_opts(location, options).await;
        found.map_err(|error| match error {
            // Whoever reads it has a snapshot that names it.
            object_store::Error::NotFound { path, .. } if path.ends_with(".parquet") => {
                object_store::Error::NotFound { path, source: GONE.into() }
            }
            other => other,
        })
    }

    fn delete_stream(&self, locations: BoxStream<'static, StoreResult<Path>>) -> BoxStream<'static, StoreResult<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> StoreResult<()> {
        self.inner.copy_opts(from, to, options).await?;
        let target = self.inner.path_to_filesystem(to)?;
        sync_in_place(self.syncs.as_ref(), &target).map_err(generic)
    }
}

/// An upload in parts that syncs when it is complete.
#[derive(Debug)]
struct SyncedUpload {
    inner: Box<dyn MultipartUpload>,
    target: PathBuf,
    syncs: Arc<dyn Syncs>,
}

#[async_trait]
impl MultipartUpload for SyncedUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> StoreResult<PutResult> {
        let result = self.inner.complete().await?;
        sync_in_place(self.syncs.as_ref(), &self.target).map_err(generic)?;
        Ok(result)
    }

    async fn abort(&mut self) -> StoreResult<()> {
        self.inner.abort().await
    }
}

fn sync_in_place(syncs: &dyn Syncs, target: &FsPath) -> io::Result<()> {
    syncs.file(&fs::File::open(target)?, target)?;
    syncs.directory(target.parent().unwrap_or(FsPath::new("/")))
}

fn generic(source: io::Error) -> object_store::Error {
    object_store::Error::Generic { store: "SyncedStore", source: source.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::ObjectStoreExt;
    use std::sync::Mutex;

    #[derive(Debug, Default)]
    struct Recorder(Mutex<Vec<String>>);

    impl Syncs for Recorder {
        fn file(&self, _file: &fs::File, path: &FsPath) -> io::Result<()> {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            self.0.lock().unwrap().push(format!("file {}", name.split('#').next().unwrap()));
            Ok(())
        }

        fn directory(&self, path: &FsPath) -> io::Result<()> {
            self.0.lock().unwrap().push(format!("dir {}", path.file_name().unwrap().to_string_lossy()));
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_put_syncs_the_file_then_its_directory() {
        let folder = tempfile::tempdir().unwrap();
        let recorder = Arc::new(Recorder::default());
        let store = SyncedStore::new(recorder.clone());
        let path = Path::from_absolute_path(folder.path().join("a")).unwrap().join("b.parquet");
        store.put(&path, PutPayload::from_static(b"x")).await.unwrap();
        let created = store.put_opts(&path, PutPayload::from_static(b"y"), PutMode::Create.into()).await;
        assert!(matches!(created, Err(object_store::Error::AlreadyExists { .. })));
        let calls = recorder.0.lock().unwrap().clone();
        let parent = format!("dir {}", folder.path().file_name().unwrap().to_string_lossy());
        assert_eq!(calls, [parent.as_str(), "file b.parquet", "dir a", "file b.parquet"]);
        assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "x");
    }
}

//! One file's content: unpacked by its first bytes, hashed, read as often as wanted.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use flate2::bufread::MultiGzDecoder;

use super::STANDARD_INPUT;

/// A stream of content, unpacked.
pub(super) type Stream = Box<dyn Read + Send>;

/// Bytes read and hashed at once: large enough for BLAKE3 to use the machine's widest instructions.
const BUFFER_BYTES: usize = 1 << 20;
/// Leading bytes that tell packings and formats apart.
const HEAD_BYTES: usize = 4;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const PARQUET_MAGIC: [u8; 4] = *b"PAR1";

/// Where the content lies and what it is.
#[derive(Debug)]
pub(super) struct Store {
    path: PathBuf,
    packing: Packing,
    /// The first bytes of the content, up to four.
    pub head: Vec<u8>,
    /// BLAKE3 of the content, the first 128 bits in hex.
    pub hash: String,
    /// Bytes of the content, unpacked.
    pub content_bytes: u64,
    /// Bytes of the file that is read: packed, where it is packed.
    pub bytes_total: u64,
    /// How many of them the newest reader has read.
    pub bytes_read: Arc<AtomicU64>,
    /// When the file was written last, as it was hashed.
    modified_at: Option<SystemTime>,
    /// Present where the content is a copy of ours, removed with the store.
    _copy: Option<Copy>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// A temporary file of ours, removed when it is no longer needed.
#[derive(Debug)]
struct Copy {
    path: PathBuf,
}

impl Store {
    /// Finds out packing and hash of a file. What can be read only once (standard input, a pipe) and a packed Parquet
    /// file, which is read at many places, are copied to `copies_dir`, unpacked.
    pub fn open(path: &Path, copies_dir: &Path) -> io::Result<Self> {
        if path == Path::new(STANDARD_INPUT) {
            return Self::copied(Box::new(io::stdin()), copies_dir);
        }
        let about = fs::metadata(path)?;
        if about.is_dir() {
            return Err(io::Error::other("it is a folder, expected a file"));
        }
        if !about.is_file() {
            return Self::copied(Box::new(File::open(path)?), copies_dir);
        }
        let (packing, mut content) = unpacked(Box::new(File::open(path)?))?;
        let head = read_head(&mut content)?;
        if packing != Packing::Plain && head == PARQUET_MAGIC {
            return Self::copied(again(head, content), copies_dir);
        }
        let (hash, content_bytes) = copy_hashing(again(head.clone(), content), &mut io::sink())?;
        Self { packing, head, hash, content_bytes, ..Self::of(path) }.dated()
    }

    /// The content of a stream, kept in a file of ours below `copies_dir` while the store lives.
    pub fn copied(from: Stream, copies_dir: &Path) -> io::Result<Self> {
        let (_, mut content) = unpacked(from)?;
        let head = read_head(&mut content)?;
        let (copy, mut file) = Copy::create(copies_dir)?;
        let path = copy.path.clone();
        let (hash, content_bytes) = copy_hashing(again(head.clone(), content), &mut file)?;
        Self { head, hash, content_bytes, _copy: Some(copy), ..Self::of(&path) }.dated()
    }

    fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            packing: Packing::Plain,
            head: Vec::new(),
            hash: String::new(),
            content_bytes: 0,
            bytes_total: 0,
            bytes_read: Arc::default(),
            modified_at: None,
            _copy: None,
        }
    }

    fn dated(mut self) -> io::Result<Self> {
        let about = fs::metadata(&self.path)?;
        self.bytes_total = about.len();
        self.modified_at = about.modified().ok();
        Ok(self)
    }

    /// Whether the content is a Parquet file.
    pub fn is_parquet(&self) -> bool {
        self.head == PARQUET_MAGIC
    }

    /// The content from its start.
    pub fn stream(&self) -> io::Result<Stream> {
        self.bytes_read.store(0, Ordering::Relaxed);
        let counted = Counted { from: self.file()?, bytes_read: Arc::clone(&self.bytes_read) };
        self.packing.unpack(Box::new(counted))
    }

    /// The file as it lies there.
    pub fn file(&self) -> io::Result<File> {
        self.unchanged()?;
        File::open(&self.path)
    }

    /// Makes sure that the file is still the one that was hashed: rows of another would be taken for rows of this.
    pub fn unchanged(&self) -> io::Result<()> {
        let about = fs::metadata(&self.path)?;
        let same = about.len() == self.bytes_total && about.modified().ok() == self.modified_at;
        let changed = || io::Error::other("the file was changed while it was read; import it once it is complete");
        if same { Ok(()) } else { Err(changed()) }
    }
}

impl Packing {
    fn unpack(self, packed: Stream) -> io::Result<Stream> {
        Ok(match self {
            Self::Plain => packed,
            Self::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, packed))),
            Self::Zstd => Box::new(zstd::Decoder::new(packed)?),
        })
    }
}

impl Copy {
    /// A new file, named so that no other import's is met.
    fn create(folder: &Path) -> io::Result<(Self, File)> {
        fs::create_dir_all(folder)?;
        for number in 0_u32.. {
            let path = folder.join(format!("import-{}-{number}.tmp", std::process::id()));
            match File::create_new(&path) {
                Ok(file) => return Ok((Self { path }, file)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("the folder for temporary files is full of them, expected it emptied"))
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // What cannot be removed is only in the way of space; nobody reads it.
        let _ = fs::remove_file(&self.path);
    }
}

/// The packing that the first bytes tell, and the content.
fn unpacked(mut from: Stream) -> io::Result<(Packing, Stream)> {
    let head = read_head(&mut from)?;
    let packing = if head.starts_with(&GZIP_MAGIC) {
        Packing::Gzip
    } else if head.starts_with(&ZSTD_MAGIC) {
        Packing::Zstd
    } else {
        Packing::Plain
    };
    Ok((packing, packing.unpack(again(head, from))?))
}

fn read_head(from: &mut Stream) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    from.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// The stream as it was before its `head` was read.
pub(super) fn again(head: Vec<u8>, rest: Stream) -> Stream {
    Box::new(io::Cursor::new(head).chain(rest))
}

/// Copies all bytes and tells their hash and number.
fn copy_hashing(mut from: Stream, to: &mut dyn Write) -> io::Result<(String, u64)> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    while from.by_ref().take(BUFFER_BYTES as u64).read_to_end(&mut buffer)? > 0 {
        hasher.update(&buffer);
        to.write_all(&buffer)?;
        buffer.clear();
    }
    Ok((hasher.finalize().to_hex().chars().take(32).collect(), hasher.count()))
}

/// Counts what passes, for whoever draws a progress bar.
struct Counted {
    from: File,
    bytes_read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.from.read(buffer)?;
        self.bytes_read.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}

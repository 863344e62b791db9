//! Unpacked content read from front to back, with the byte at which one stands.

use std::{
    fmt,
    io::{self, BufRead, BufReader, Cursor, Read},
};

use super::store::{Stream, again};

/// Bytes read ahead.
const BUFFER_BYTES: usize = 1 << 20;
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Why a row could not be read, for the caller to add file and row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// Where in the unpacked content, where known.
    pub byte: Option<u64>,
    /// What was found and what was expected.
    pub problem: String,
}

impl From<io::Error> for Damage {
    fn from(error: io::Error) -> Self {
        Self { byte: None, problem: error.to_string() }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.byte {
            Some(byte) => write!(f, "{} (byte {byte} of the unpacked content)", self.problem),
            None => f.write_str(&self.problem),
        }
    }
}

/// Content without its UTF-8 byte order mark.
pub(super) struct Content {
    buffered: BufReader<Stream>,
    at: u64,
}

impl Content {
    /// Reads `from` its start.
    pub fn new(mut from: Stream) -> io::Result<Self> {
        let mut head = Vec::with_capacity(BYTE_ORDER_MARK.len());
        from.by_ref().take(BYTE_ORDER_MARK.len() as u64).read_to_end(&mut head)?;
        let marked = head == BYTE_ORDER_MARK;
        let at = if marked { head.len() as u64 } else { 0 };
        let whole = if marked { from } else { again(head, from) };
        Ok(Self { buffered: BufReader::with_capacity(BUFFER_BYTES, whole), at })
    }

    /// How many bytes of the content were read.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// What is wrong here.
    pub fn damage(&self, problem: impl Into<String>) -> Damage {
        Damage { byte: Some(self.at), problem: problem.into() }
    }

    /// Adds bytes to `line` up to and with the next newline, at most `bytes_max`, and says how many; 0 at the end.
    pub fn read_line(&mut self, line: &mut Vec<u8>, bytes_max: usize) -> Result<usize, Damage> {
        // The standard library finds the newline with the machine's widest instructions.
        let read = self.buffered.by_ref().take(bytes_max as u64).read_until(b'\n', line);
        let bytes = read.map_err(|error| self.damage(error.to_string()))?;
        self.at += bytes as u64;
        Ok(bytes)
    }

    /// Bytes that lie ready; none at the end.
    pub fn ready(&mut self) -> Result<&[u8], Damage> {
        let at = self.at;
        self.buffered.fill_buf().map_err(|error| Damage { byte: Some(at), problem: error.to_string() })
    }

    /// Goes on by bytes that lie ready.
    pub fn consume(&mut self, bytes: usize) {
        self.buffered.consume(bytes);
        self.at += bytes as u64;
    }

    /// Goes to the next byte that is no space or line end, and says which it is; none at the end.
    pub fn skip_blank(&mut self) -> Result<Option<u8>, Damage> {
        loop {
            let ready = self.ready()?;
            if ready.is_empty() {
                return Ok(None);
            }
            let blank = ready.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
            let next = ready.get(blank).copied();
            self.consume(blank);
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    /// What is still to come, after `read`, which was taken from it and is put back.
    pub fn rest_after(self, read: Vec<u8>) -> impl Read {
        Cursor::new(read).chain(self.buffered)
    }
}

/// Takes a line's end away: `\n` or `\r\n`.
pub(super) fn strip_line_end(line: &mut Vec<u8>) {
    if line.pop_if(|last| *last == b'\n').is_some() {
        line.pop_if(|last| *last == b'\r');
    }
}

//! What has happened in a run, so that it can go on after any kill.
//!
//! A journal is a file of lines that is only ever appended to, each written by
//! one call: sixteen hex digits of the SHA-256 of what follows, a blank, and a
//! JSON object. A kill can leave nothing but an incomplete last line, which is
//! cut off; a line in the middle that does not fit its digits is damage, and
//! such a run is not gone on with.
//!
//! A database would do the same with a log of its own beside its tables; what
//! is asked of a journal, to add a line and to read all of them once, needs no
//! tables. Reading a thousand nodes takes about a millisecond, and the host
//! carries no database.
//!
//! As long as a run goes on its process holds a lock on the file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use synapse_sdk::errors::{NotFoundError, PluginRunError, Result, ResultExt};
use synapse_sdk::{ErrorKind, PluginError};

use super::runs::RunOptions;

/// The name of the file.
pub(crate) const FILE: &str = "journal";
const DIGITS: usize = 16;

/// A line of a journal.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    /// The first one.
    Run(Box<Header>),
    /// An attempt begins.
    Start {
        n: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        i: Option<usize>,
        a: u32,
    },
    /// A node, or an element of a fan-out, has a result.
    Done {
        n: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        i: Option<usize>,
        ms: f64,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        cached: bool,
        r: Box<RawValue>,
    },
    /// It has failed for good.
    Failed {
        n: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        i: Option<usize>,
        ms: f64,
        e: Value,
    },
    /// It was skipped.
    Skipped { n: String },
    /// What it did was undone.
    RolledBack { n: String },
    /// The run goes on in another process. Results of `dropped` no longer count.
    Resumed {
        at: u64,
        #[serde(default)]
        dropped: Vec<String>,
        #[serde(default)]
        plugins: Vec<PluginStamp>,
    },
    /// The run has ended.
    Ended { s: String, ms: f64 },
}

/// What a run was started with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) version: u32,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) folder: PathBuf,
    /// The text of the pipeline's file.
    pub(crate) text: String,
    pub(crate) inputs: Map<String, Value>,
    pub(crate) plugins: Vec<PluginStamp>,
    /// Nanoseconds since 1970-01-01 UTC.
    pub(crate) started: u64,
    /// How it is run, unless whoever goes on with it says otherwise.
    #[serde(flatten)]
    pub(crate) options: RunOptions,
    /// The working folder, which relative paths among the inputs start from.
    #[serde(default)]
    pub(crate) working_folder: Option<PathBuf>,
}

/// Which library ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PluginStamp {
    pub(crate) plugin: String,
    pub(crate) code: String,
    pub(crate) library: PathBuf,
    pub(crate) sha256: String,
}

/// The version of the lines above.
pub(crate) const VERSION: u32 = 1;

/// A journal that is written to.
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    full_sync: bool,
    buffer: Vec<u8>,
    /// Once a line could not be written none is: the file must not have gaps.
    broken: bool,
}

impl Journal {
    /// Begins a journal in `folder`.
    pub(crate) fn create(folder: &Path, header: Header, full_sync: bool) -> Result<Self> {
        let path = folder.join(FILE);
        let mut options = OpenOptions::new();
        let file = options.append(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(|error| unwritable(&path, &error))?;
        lock(&file, &path)?;
        let (buffer, broken) = (Vec::new(), false);
        let mut journal = Self { file, path, full_sync, buffer, broken };
        journal.write(&Line::Run(Box::new(header)))?;
        if full_sync {
            // Names reach the disk with the folders they stand in: the run's, the
            // runs', and the home.
            let mut folders = folder.ancestors().take(3);
            let synced = folders.try_for_each(|folder| File::open(folder)?.sync_all());
            synced.map_err(|error| unwritable(&journal.path, &error))?;
        }
        Ok(journal)
    }

    /// Opens the journal in `folder` to go on with it, and gives all of its
    /// lines. An incomplete last line is cut off.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Vec<Line>)> {
        let path = folder.join(FILE);
        let file = OpenOptions::new().read(true).append(true).open(&path);
        let mut file = file.map_err(|error| unreadable(&path, &error))?;
        lock(&file, &path)?;
        let (lines, length) = read_from(&mut file, &path)?;
        file.set_len(length).map_err(|error| unwritable(&path, &error))?;
        Ok((Self { file, path, full_sync: false, buffer: Vec::new(), broken: false }, lines))
    }

    /// From now on each line reaches the disk before the run goes on, or need not.
    pub(crate) fn sync(&mut self, full: bool) {
        self.full_sync = full;
    }

    /// Adds a line.
    pub(crate) fn write(&mut self, line: &Line) -> Result<()> {
        if self.broken {
            return Err(unwritable(&self.path, &io::Error::other("a line before it could not be written")));
        }
        self.buffer.clear();
        self.buffer.extend([b' '; DIGITS + 1]);
        serde_json::to_writer(&mut self.buffer, line).context("a line of the journal")?;
        let digits = digest(&self.buffer[DIGITS + 1..]);
        self.buffer[..DIGITS].copy_from_slice(&digits);
        self.buffer.push(b'\n');
        let before = self.file.metadata().map_or(None, |facts| Some(facts.len()));
        let written = self.file.write_all(&self.buffer).and_then(|()| match self.full_sync {
            true => self.file.sync_data(),
            false => Ok(()),
        });
        written.map_err(|error| {
            self.broken = true;
            // A part of a line is taken back, so that the run can go on later.
            let _ = before.map(|length| self.file.set_len(length));
            unwritable(&self.path, &error)
        })
    }
}

/// The lines of the journal in `folder`, for whoever only looks.
pub(crate) fn read(folder: &Path) -> Result<Vec<Line>> {
    let path = folder.join(FILE);
    let mut file = File::open(&path).map_err(|error| unreadable(&path, &error))?;
    Ok(read_from(&mut file, &path)?.0)
}

/// Whether a process holds the journal in `folder`.
pub(crate) fn goes_on(folder: &Path) -> bool {
    let Ok(file) = File::open(folder.join(FILE)) else { return false };
    let free = file.try_lock_shared().is_ok();
    if free {
        let _ = file.unlock();
    }
    !free
}

fn lock(file: &File, path: &Path) -> Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let run = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
            Err(PluginRunError::new(format!("run {run} is going on in another process"))
                .hint("wait for its end, or stop that process; then resume the run"))
        }
        // Where there are no locks nobody can tell.
        Err(TryLockError::Error(_)) => Ok(()),
    }
}

fn digest(bytes: &[u8]) -> [u8; DIGITS] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let hash = Sha256::digest(bytes);
    let mut digits = [0; DIGITS];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(hash.iter()) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    digits
}

/// All lines, and how long the file is without an incomplete last one.
fn read_from(file: &mut File, path: &Path) -> Result<(Vec<Line>, u64)> {
    let mut bytes = Vec::new();
    let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut bytes));
    read.map_err(|error| unreadable(path, &error))?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let mut lines = Vec::new();
    let all: Vec<&[u8]> = bytes[..whole].split_inclusive(|byte| *byte == b'\n').collect();
    let mut length = 0;
    for (index, line) in all.iter().enumerate() {
        match parse(&line[..line.len() - 1]) {
            Some(read) => lines.push(read),
            // After a loss of power the last line may be there in part.
            None if index + 1 == all.len() => break,
            None => return Err(damaged(path, index + 1)),
        }
        length += line.len() as u64;
    }
    match lines.first() {
        Some(Line::Run(header)) if header.version == VERSION => Ok((lines, length)),
        Some(Line::Run(header)) => {
            let message = format!("{} is of version {}, not {VERSION}", path.display(), header.version);
            Err(PluginError::new(ErrorKind::Archive, message).hint("use the synapse that started the run"))
        }
        _ => Err(damaged(path, 1)),
    }
}

fn parse(line: &[u8]) -> Option<Line> {
    let (digits, rest) = line.split_at_checked(DIGITS)?;
    let json = rest.strip_prefix(b" ")?;
    (digits == digest(json)).then(|| serde_json::from_slice(json).ok())?
}

fn damaged(path: &Path, line: usize) -> PluginError {
    PluginError::new(ErrorKind::Archive, format!("{} is damaged at line {line}", path.display()))
        .hint("the run cannot be gone on with: start the pipeline again")
}

fn unreadable(path: &Path, error: &io::Error) -> PluginError {
    match error.kind() {
        io::ErrorKind::NotFound => NotFoundError::new(format!("there is no {}", path.display())),
        _ => PluginError::new(ErrorKind::Io, format!("{} cannot be read: {error}", path.display())),
    }
}

fn unwritable(path: &Path, error: &io::Error) -> PluginError {
    PluginError::new(ErrorKind::Io, format!("the journal {} cannot be written: {error}", path.display()))
        .hint("make room there, or choose another home with SYNAPSE_HOME; then resume the run")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header() -> Header {
        Header {
            version: VERSION,
            id: "20260131-120000-aaaaa".to_owned(),
            name: "digits".to_owned(),
            file: "pipeline.yaml".to_owned(),
            folder: "/p".into(),
            text: "nodes: {}\n".to_owned(),
            inputs: Map::new(),
            plugins: Vec::new(),
            started: 1,
            options: RunOptions::default(),
            working_folder: None,
        }
    }

    fn filled(folder: &Path, count: u32) {
        let mut journal = Journal::create(folder, header(), false).unwrap();
        for attempt in 1..=count {
            journal.write(&Line::Start { n: "träin".to_owned(), i: Some(3), a: attempt }).unwrap();
        }
    }

    #[test]
    fn a_journal_is_read_as_it_was_written_and_written_on() {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path(), 2);
        let (mut journal, lines) = Journal::open(folder.path()).unwrap();
        assert!(matches!(
            &lines[..],
            [Line::Run(_), Line::Start { a: 1, .. }, Line::Start { a: 2, i: Some(3), .. }]
        ));
        let result = RawValue::from_string("{\"x\":1e400}".to_owned()).unwrap();
        journal.write(&Line::Done { n: "a".to_owned(), i: None, ms: 1.5, cached: false, r: result }).unwrap();
        let lines = read(folder.path()).unwrap();
        assert!(matches!(&lines[3], Line::Done { r, .. } if r.get() == "{\"x\":1e400}"));
    }

    #[test]
    fn one_process_writes_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path(), 0);
        assert!(!goes_on(folder.path()));
        let _held = Journal::open(folder.path()).unwrap();
        assert!(goes_on(folder.path()));
        let refused = Journal::open(folder.path()).err().unwrap();
        assert!(refused.to_string().contains("is going on in another process"), "{refused}");
    }

    #[test]
    fn damage_in_the_middle_is_told_from_an_end_that_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path(), 3);
        let path = folder.path().join(FILE);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 30;
        bytes[middle] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let error = read(folder.path()).err().unwrap();
        assert_eq!(
            (error.kind(), error.to_string().ends_with("damaged at line 2")),
            (ErrorKind::Archive, true)
        );
    }

    proptest! {
        #[test]
        fn cut_anywhere_it_is_read_as_far_as_it_goes(cut in 0.0..1.0f64) {
            let folder = tempfile::tempdir().unwrap();
            filled(folder.path(), 5);
            let path = folder.path().join(FILE);
            let bytes = std::fs::read(&path).unwrap();
            let first = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
            let at = first + ((bytes.len() - first) as f64 * cut) as usize;
            std::fs::write(&path, &bytes[..at]).unwrap();
            let whole = bytes[..at].iter().filter(|byte| **byte == b'\n').count();
            let (mut journal, lines) = Journal::open(folder.path()).unwrap();
            prop_assert_eq!(lines.len(), whole);
            journal.write(&Line::Skipped { n: "b".to_owned() }).unwrap();
            prop_assert_eq!(read(folder.path()).unwrap().len(), whole + 1);
        }
    }
}

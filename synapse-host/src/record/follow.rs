//! Reading a record while another process writes it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use synapse_sdk::PluginError;
use synapse_sdk::events::Event;

use super::find::find;
use super::full::unreadable;
use super::line::{self, GapLine, TailLine};
use super::summary::goes_on;
use super::writer::FILE;
use super::{event, tail};
use crate::home::Home;

/// Follows the run that `wanted` names as in [`load`](super::load), from its
/// first event on.
///
/// # Errors
/// As [`load`](super::load).
pub fn follow(home: &Home, wanted: &str) -> Result<Follower, PluginError> {
    let runs = home.runs();
    let id = find(&runs, wanted)?;
    let folder = runs.join(&id);
    let file = File::open(folder.join(FILE)).map_err(|error| unreadable(&folder, &error))?;
    Ok(Follower { id, folder, head: Growing::new(file), tail: None, tail_seen: 0, ended: false })
}

/// Reads what is added to a record.
#[derive(Debug)]
pub struct Follower {
    id: String,
    folder: PathBuf,
    head: Growing,
    /// The file of the tail that is being read, and its number.
    tail: Option<(u64, Growing)>,
    /// Lines of the tail that were seen, or told as missing.
    tail_seen: u64,
    ended: bool,
}

/// What was added to a record.
#[derive(Clone, Debug)]
pub enum Seen {
    /// An event.
    Event(Event<'static>),
    /// So many events went by that the record does not hold.
    Missing(u64),
}

impl Follower {
    /// The run's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What was added since the last call, perhaps nothing; `None` once the run
    /// is over and all of it was given.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn poll(&mut self) -> Result<Option<Vec<Seen>>, PluginError> {
        // In this order: what a process wrote before it ended is read after.
        let over = self.ended || !goes_on(&self.head.file);
        let seen = self.read().map_err(|error| unreadable(&self.folder, &error))?;
        Ok((!(over && seen.is_empty())).then_some(seen))
    }

    fn read(&mut self) -> io::Result<Vec<Seen>> {
        let mut seen = Vec::new();
        for line in self.head.lines()? {
            self.ended |= line.starts_with(line::END);
            seen.extend(seen_in(&line));
        }
        self.read_tail(&mut seen)?;
        Ok(seen)
    }

    fn read_tail(&mut self, seen: &mut Vec<Seen>) -> io::Result<()> {
        loop {
            // Looked up before the current file is read to its end: once there
            // is a next one, nothing is added to this one.
            let next = self.next_number();
            if let Some((_, file)) = &mut self.tail {
                let lines = file.lines()?;
                self.take_tail(&lines, seen);
            }
            let Some(next) = next else { return Ok(()) };
            if !self.begin_tail(next, seen)? {
                return Ok(());
            }
        }
    }

    fn next_number(&self) -> Option<u64> {
        let current = self.tail.as_ref().map_or(0, |(number, _)| *number);
        tail::numbers(&self.folder).into_iter().find(|number| *number > current)
    }

    /// False when there is nothing in the file yet.
    fn begin_tail(&mut self, number: u64, seen: &mut Vec<Seen>) -> io::Result<bool> {
        let file = match File::open(tail::path(&self.folder, number)) {
            // It went to make room for newer ones, which are looked for again.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            opened => opened?,
        };
        let mut file = Growing::new(file);
        let lines = file.lines()?;
        let Some((first, lines)) = lines.split_first() else { return Ok(false) };
        let before = serde_json::from_slice(first).map_or(0, |TailLine { dropped, .. }| dropped);
        let missing = before.saturating_sub(self.tail_seen);
        if missing > 0 {
            seen.push(Seen::Missing(missing));
            self.tail_seen += missing;
        }
        self.take_tail(lines, seen);
        self.tail = Some((number, file));
        Ok(true)
    }

    fn take_tail(&mut self, lines: &[Vec<u8>], seen: &mut Vec<Seen>) {
        for new in lines.iter().filter_map(|line| seen_in(line)) {
            self.tail_seen += if let Seen::Missing(count) = new { count } else { 1 };
            seen.push(new);
        }
    }
}

/// A file that grows while it is read.
#[derive(Debug)]
struct Growing {
    file: File,
    /// Where the first line begins that was not read yet.
    offset: u64,
}

impl Growing {
    fn new(file: File) -> Self {
        Self { file, offset: 0 }
    }

    /// The whole lines that were added since the last call.
    fn lines(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            match self.file.read_at(&mut buffer, self.offset + bytes.len() as u64) {
                Ok(0) => break,
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.offset += whole as u64;
        let lines = bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        Ok(lines.map(<[u8]>::to_vec).collect())
    }
}

/// What a line tells who follows; lines that cannot be read tell nothing.
fn seen_in(line: &[u8]) -> Option<Seen> {
    if line.starts_with(line::GAP) {
        let GapLine { dropped, .. } = serde_json::from_slice(line).ok()?;
        return Some(Seen::Missing(dropped));
    }
    event::parse(str::from_utf8(line).ok()?).map(Seen::Event)
}

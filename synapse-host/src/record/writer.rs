//! Writing a record while its run goes on.

use std::borrow::Cow;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;
use synapse_sdk::PluginError;
use synapse_sdk::errors::ErrorKind;
use synapse_sdk::events::{Event, Rfc3339, now};

use super::line::{self, End, LeftOut, Start};
use super::lines::Lines;
use super::tail::Tail;
use super::{RunEnd, RunStart, Status, id, prune};
use crate::home::Home;

pub(super) const FILE: &str = "run.jsonl";
/// Bytes of event lines in the head of a record; the rest goes to its tail.
pub(super) const HEAD_LIMIT: usize = 4 << 20;
/// Params, results and such that are longer lie in files of their own; an
/// event whose line is longer is replaced by a short one that says so.
pub(super) const LINE_LIMIT: usize = 1 << 20;
/// Blanks behind the first line. A disk that takes no more still takes an end
/// in their place.
pub(super) const ROOM: usize = 512;
/// Lines for the tail that are collected for one write.
const PIECE: usize = 256 << 10;

/// The record of one run that is being written. As long as this lives the file
/// is locked, which is how others know that the run goes on: the lock ends with
/// the process, and is seen from other machines that share the home.
///
/// Nothing that goes wrong after [`create`](Self::create) disturbs the run:
/// [`finish`](Self::finish) says it once. A recorder that is dropped without
/// [`finish`](Self::finish) records that nobody waited for the end.
#[derive(Debug)]
pub struct Recorder {
    home: Home,
    id: String,
    folder: PathBuf,
    pub(super) head: Lines,
    /// Where the blanks behind the first line begin.
    room: u64,
    head_left: usize,
    /// Lines that the next write takes along.
    for_head: Vec<u8>,
    for_tail: Vec<u8>,
    tail: Option<Tail>,
    failure: Option<io::Error>,
    pub(super) ended: bool,
}

impl Recorder {
    /// Makes a folder for a run and writes what is known at its start.
    ///
    /// # Errors
    /// The home cannot be written to. The message names the folder and says
    /// what to do; the run itself can go on without a record.
    pub fn create(home: &Home, start: &RunStart<'_>) -> io::Result<Self> {
        let runs = home.runs();
        Self::try_create(home, &runs, start).map_err(|error| {
            let folder = runs.display();
            let advice = "set SYNAPSE_HOME to a folder that can be written to";
            io::Error::new(error.kind(), format!("runs cannot be recorded in {folder}: {error}; {advice}"))
        })
    }

    fn try_create(home: &Home, runs: &Path, start: &RunStart<'_>) -> io::Result<Self> {
        let (id, folder) = id::claim(runs, || id::fresh(start.started))?;
        let begun = begin(&folder, &id, start);
        let (head, room) = begun.inspect_err(|_| {
            // Half a record of a run that goes on without one tells nobody anything.
            let _ = fs::remove_dir_all(&folder);
        })?;
        Ok(Self {
            home: home.clone(),
            id,
            folder,
            head,
            room,
            head_left: HEAD_LIMIT,
            for_head: Vec::new(),
            for_tail: Vec::new(),
            tail: None,
            failure: None,
            ended: false,
        })
    }

    /// The run's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The folder of this record.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Records a batch of events with one write.
    pub fn events<'a, 'b: 'a>(&mut self, batch: impl IntoIterator<Item = &'a Event<'b>>) {
        for event in batch {
            self.push(event);
        }
        self.flush();
    }

    /// Takes one event along for the next [`flush`](Self::flush).
    pub fn push(&mut self, event: &Event<'_>) {
        let begin = self.for_head.len();
        line::push(&mut self.for_head, event);
        let length = self.for_head.len() - begin;
        if length > LINE_LIMIT {
            self.for_head.truncate(begin);
            line::push(&mut self.for_head, &LeftOut::of(event, length));
        }
        self.keep_head_or_tail(begin);
    }

    /// Leaves the line that begins at `begin` where it is while the head has
    /// room, and moves it to the tail from then on.
    fn keep_head_or_tail(&mut self, begin: usize) {
        let line = &self.for_head[begin..];
        if self.tail.is_none() && line.len() <= self.head_left {
            self.head_left -= line.len();
            return;
        }
        self.tail.get_or_insert_with(|| Tail::new(&self.folder));
        self.for_tail.extend_from_slice(line);
        self.for_head.truncate(begin);
        if self.for_tail.len() >= PIECE {
            self.flush();
        }
    }

    /// Writes the events that were pushed.
    pub fn flush(&mut self) {
        if !self.for_head.is_empty() {
            let written = self.head.append(&self.for_head);
            self.note(written);
            self.for_head.clear();
            self.for_head.shrink_to(LINE_LIMIT);
        }
        if let Some(tail) = self.tail.as_mut().filter(|_| !self.for_tail.is_empty()) {
            let written = tail.append(&self.for_tail);
            self.note(written);
            self.for_tail.clear();
            self.for_tail.shrink_to(LINE_LIMIT);
        }
    }

    /// Keeps the first failure.
    fn note(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.failure.get_or_insert(error);
        }
    }

    /// Writes the end of the run, and now and then removes old records. What
    /// is missing from the record, if anything, is said in the returned note.
    pub fn finish(mut self, end: &RunEnd<'_>) -> Option<String> {
        self.write_end(end);
        prune::now_and_then(&self.home, &self.id);
        let error = self.failure.take()?;
        Some(format!("the record {} is incomplete: {error}", self.folder.join(FILE).display()))
    }

    fn write_end(&mut self, end: &RunEnd<'_>) {
        self.ended = true;
        self.flush();
        let ended = now();
        let bytes = self.end_line(end, ended);
        if let Err(error) = self.head.append(&bytes) {
            let error = self.failure.get_or_insert(error);
            // Where even this cannot be written the record looks as if the
            // process had been killed; the note is all there is.
            let _ = write_in_room(&self.folder, self.room, &short_ends(end, ended, error));
        }
    }

    fn end_line(&mut self, end: &RunEnd<'_>, ended: u64) -> Vec<u8> {
        let error_text = end.outcome.err().map(|error| error.to_json().to_string());
        let mut beside = Vec::new();
        let metrics = self.part("metrics", Some(end.metrics), &mut beside);
        let error = self.part("error", error_text.as_deref(), &mut beside);
        let result = self.part("result", end.outcome.ok(), &mut beside);
        let line = End {
            status: status(end),
            ended: Some(Rfc3339(ended).to_string().into()),
            ms: Some(end.ms),
            incomplete: self.failure.as_ref().map(|error| error.to_string().into()),
            beside,
            metrics: metrics.as_deref(),
            error: error.as_deref(),
            result: result.as_deref(),
        };
        let mut bytes = Vec::new();
        line::push(&mut bytes, &line);
        bytes
    }

    /// Like [`inline_or_beside`]; a part that cannot be written is missing from
    /// the record.
    fn part<'a>(
        &mut self,
        name: &'static str,
        text: Option<&'a str>,
        beside: &mut Vec<Cow<'static, str>>,
    ) -> Option<Cow<'a, RawValue>> {
        match inline_or_beside(&self.folder, name, text?, beside) {
            Ok(part) => part,
            Err(error) => {
                self.failure.get_or_insert(error);
                None
            }
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if !self.ended {
            let error = PluginError::new(ErrorKind::Internal, "nobody waited for the end of this run");
            self.write_end(&RunEnd { outcome: Err(&error), metrics: "{}", ms: 0.0 });
        }
    }
}

impl AsRawFd for Recorder {
    /// The open file, for a signal handler to write an end line to. It is
    /// closed by [`finish`](Recorder::finish): the handler has to forget it before.
    fn as_raw_fd(&self) -> RawFd {
        self.head.file.as_raw_fd()
    }
}

fn status(end: &RunEnd<'_>) -> Status {
    end.outcome.map_or_else(Status::of_error, |_| Status::Succeeded)
}

/// Makes the file of a record, locks it and writes its first line; gives where
/// the blanks of that line begin.
fn begin(folder: &Path, id: &str, start: &RunStart<'_>) -> io::Result<(Lines, u64)> {
    let mut head = Lines::create(&folder.join(FILE))?;
    // Nobody looks at the lock before there is a first line. Where there are no
    // locks, a run without an end counts as going on.
    let _ = head.file.try_lock();
    let mut bytes = start_line(folder, id, start)?;
    let room = bytes.len() - 1;
    bytes.splice(room..room, [b' '; ROOM]);
    head.write(&bytes).1?;
    Ok((head, room as u64))
}

fn start_line(folder: &Path, id: &str, start: &RunStart<'_>) -> io::Result<Vec<u8>> {
    let mut beside = Vec::new();
    let params = inline_or_beside(folder, "params", start.params, &mut beside)?;
    let working_folder = std::env::current_dir().ok();
    let request = start.request.map(line::json);
    let line = Start {
        id: id.into(),
        plugin: start.plugin.into(),
        version: start.version.into(),
        action: start.action.into(),
        mode: start.mode.into(),
        started: Rfc3339(start.started).to_string().into(),
        pid: std::process::id(),
        synapse: env!("CARGO_PKG_VERSION").into(),
        target: start.target.into(),
        library: start.library.and_then(Path::to_str).map(Cow::Borrowed),
        sha256: start.sha256.map(Cow::Borrowed),
        folder: working_folder.as_deref().and_then(Path::to_str).map(Cow::Borrowed),
        request: request.as_deref(),
        env: Cow::Borrowed(start.env),
        beside,
        params: params.as_deref(),
    };
    let mut bytes = Vec::new();
    line::push(&mut bytes, &line);
    Ok(bytes)
}

/// `text` for a line of the record, or `None` when it went to a file.
fn inline_or_beside<'a>(
    folder: &Path,
    name: &'static str,
    text: &'a str,
    beside: &mut Vec<Cow<'static, str>>,
) -> io::Result<Option<Cow<'a, RawValue>>> {
    if text.len() <= LINE_LIMIT {
        return Ok(Some(line::json(text)));
    }
    let file = folder.join(part_file(name));
    fs::write(&file, text).inspect_err(|_| {
        // Half of it is no JSON, and the room may be needed.
        let _ = fs::remove_file(&file);
    })?;
    beside.push(Cow::Borrowed(name));
    Ok(None)
}

/// Ends for a disk that takes no more, the one that says most first.
fn short_ends(end: &RunEnd<'_>, ended: u64, failure: &io::Error) -> [Vec<u8>; 2] {
    let error = end.outcome.err().map(|error| error.to_json().to_string());
    let error = error.as_deref().map(line::json);
    [error.as_deref(), None].map(|error| {
        let line = End {
            status: status(end),
            ended: Some(Rfc3339(ended).to_string().into()),
            ms: Some(end.ms),
            incomplete: Some(failure.to_string().into()),
            beside: Vec::new(),
            metrics: None,
            error,
            result: None,
        };
        let mut bytes = vec![b'\n'];
        line::push(&mut bytes, &line);
        bytes.pop();
        bytes
    })
}

/// Writes the first of `ends` that fits into the blanks behind the first line:
/// those bytes of the disk are ours already.
fn write_in_room(folder: &Path, room: u64, ends: &[Vec<u8>]) -> io::Result<()> {
    let fitting = ends.iter().find(|end| end.len() <= ROOM).ok_or(io::ErrorKind::StorageFull)?;
    // Another opening: what is written to the first goes to its end, always.
    OpenOptions::new().write(true).open(folder.join(FILE))?.write_all_at(fitting, room)
}

/// The file in which a part lies that is too long for its line.
pub(super) fn part_file(name: &str) -> String {
    format!("{name}.json")
}

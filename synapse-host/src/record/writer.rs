//! Writing a record while its run goes on.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;
use synapse_sdk::events::{Event, Rfc3339, now};

use super::line::{self, End, GapLine, LeftOut, Start};
use super::process::Process;
use super::tail::Tail;
use super::{RunEnd, RunStart, Status, id, prune};
use crate::home::Home;

pub(super) const FILE: &str = "run.jsonl";
/// Bytes of event lines that are written as they come.
pub(super) const HEAD_LIMIT: usize = 4 << 20;
/// Bytes of the newest event lines after those.
pub(super) const TAIL_LIMIT: usize = 1 << 20;
/// Params, results and such that are longer lie in files of their own; an
/// event whose line is longer is replaced by a short one that says so.
pub(super) const LINE_LIMIT: usize = 1 << 20;

/// The record of one run that is being written.
///
/// Nothing that goes wrong after [`create`](Self::create) disturbs the run:
/// [`finish`](Self::finish) says it once.
#[derive(Debug)]
pub struct Recorder {
    home: Home,
    id: String,
    folder: PathBuf,
    pub(super) file: File,
    /// Lines that the next write takes along.
    pending: Vec<u8>,
    head_left: usize,
    tail: Tail,
    failure: Option<io::Error>,
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
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(folder.join(FILE))?;
        let mut recorder = Self {
            home: home.clone(),
            id,
            folder,
            file,
            pending: Vec::new(),
            head_left: HEAD_LIMIT,
            tail: Tail::new(TAIL_LIMIT),
            failure: None,
        };
        recorder.write_start(start)?;
        Ok(recorder)
    }

    fn write_start(&mut self, start: &RunStart<'_>) -> io::Result<()> {
        let process = Process::current();
        let mut beside = Vec::new();
        let params = self.inline_or_beside("params", start.params, &mut beside)?;
        let line = Start {
            id: Cow::Borrowed(&self.id),
            plugin: start.plugin.into(),
            version: start.version.into(),
            action: start.action.into(),
            mode: start.mode.into(),
            started: Rfc3339(start.started).to_string().into(),
            pid: process.pid,
            pid_start: process.start,
            synapse: env!("CARGO_PKG_VERSION").into(),
            target: start.target.into(),
            env: Cow::Borrowed(start.env),
            beside,
            params: params.as_deref(),
        };
        let mut bytes = Vec::new();
        line::push(&mut bytes, &line);
        self.file.write_all(&bytes)
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
        let begin = self.pending.len();
        line::push(&mut self.pending, event);
        let length = self.pending.len() - begin;
        if length > LINE_LIMIT {
            self.pending.truncate(begin);
            line::push(&mut self.pending, &LeftOut::of(event, length));
        }
        self.keep_head_or_tail(begin);
    }

    /// Leaves the line that begins at `begin` where it is while the head has
    /// room, and moves it to the tail from then on.
    fn keep_head_or_tail(&mut self, begin: usize) {
        let line = &self.pending[begin..];
        if self.tail.is_untouched() && line.len() <= self.head_left {
            self.head_left -= line.len();
        } else {
            self.tail.push(line);
            self.pending.truncate(begin);
        }
    }

    /// Writes the events that were pushed.
    pub fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        if let Err(error) = self.file.write_all(&self.pending) {
            // From here on events go to the tail alone, which gets one chance at the end.
            self.tail.count_lost(&self.pending);
            self.failure.get_or_insert(error);
        }
        self.pending.clear();
        self.pending.shrink_to(LINE_LIMIT);
    }

    /// Writes the end of the run, and now and then removes old records. What
    /// is missing from the record, if anything, is said in the returned note.
    pub fn finish(mut self, end: &RunEnd<'_>) -> Option<String> {
        self.flush();
        let mut bytes = Vec::new();
        if self.failure.is_some() {
            // The failed write may have left the beginning of a line.
            bytes.push(b'\n');
        }
        if self.tail.dropped > 0 {
            line::push(&mut bytes, &GapLine { dropped: self.tail.dropped, bytes: self.tail.dropped_bytes });
        }
        self.tail.append_to(&mut bytes);
        self.push_end(&mut bytes, end);
        if let Err(error) = self.file.write_all(&bytes) {
            self.failure.get_or_insert(error);
        }
        prune::now_and_then(&self.home, &self.id);
        let file = self.folder.join(FILE);
        self.failure.map(|error| format!("the record {} is incomplete: {error}", file.display()))
    }

    fn push_end(&mut self, bytes: &mut Vec<u8>, end: &RunEnd<'_>) {
        let error_text = end.outcome.err().map(|error| error.to_json().to_string());
        let mut beside = Vec::new();
        let metrics = self.part("metrics", Some(end.metrics), &mut beside);
        let error = self.part("error", error_text.as_deref(), &mut beside);
        let result = self.part("result", end.outcome.ok(), &mut beside);
        let line = End {
            status: end.outcome.map_or_else(Status::of_error, |_| Status::Succeeded),
            ended: Some(Rfc3339(now()).to_string().into()),
            ms: Some(end.ms),
            dropped: self.tail.dropped,
            beside,
            metrics: metrics.as_deref(),
            error: error.as_deref(),
            result: result.as_deref(),
        };
        line::push(bytes, &line);
    }

    /// Like [`inline_or_beside`](Self::inline_or_beside); a part that cannot
    /// be written is missing from the record.
    fn part<'a>(
        &mut self,
        name: &'static str,
        text: Option<&'a str>,
        beside: &mut Vec<Cow<'static, str>>,
    ) -> Option<Cow<'a, RawValue>> {
        match self.inline_or_beside(name, text?, beside) {
            Ok(part) => part,
            Err(error) => {
                self.failure.get_or_insert(error);
                None
            }
        }
    }

    /// `text` for a line of the record, or `None` when it went to a file.
    fn inline_or_beside<'a>(
        &self,
        name: &'static str,
        text: &'a str,
        beside: &mut Vec<Cow<'static, str>>,
    ) -> io::Result<Option<Cow<'a, RawValue>>> {
        if text.len() <= LINE_LIMIT {
            return Ok(Some(line::json(text)));
        }
        fs::write(self.folder.join(part_file(name)), text)?;
        beside.push(Cow::Borrowed(name));
        Ok(None)
    }
}

impl AsRawFd for Recorder {
    /// The open file, for a signal handler to write an end line to. It is
    /// closed by [`finish`](Recorder::finish): the handler has to forget it before.
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

/// The file in which a part lies that is too long for its line.
pub(super) fn part_file(name: &str) -> String {
    format!("{name}.json")
}

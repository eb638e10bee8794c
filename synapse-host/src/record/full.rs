//! Whole records: damaged ones as far as they go.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::value::RawValue;
use synapse_sdk::errors::ErrorKind;
use synapse_sdk::{Env, PluginError};

use super::find::{find, unknown};
use super::line::{self, End, GapLine, Start, TailLine};
use super::summary::{RunSummary, parse_start, summary};
use super::tail;
use super::writer::{FILE, part_file};
use crate::home::Home;

/// All that the record of a run says.
#[derive(Clone, Debug, Serialize)]
pub struct FullRun {
    /// The run in one line.
    pub run: RunSummary,
    /// The plugin's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Path or code under which the plugin was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The library that ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub library: Option<PathBuf>,
    /// The library's SHA-256, 64 hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The working folder of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// All else that was asked for, as the JSON that a [`RunRequest`] makes of
    /// itself; enough, with params and variables, to run it again.
    ///
    /// [`RunRequest`]: crate::run::RunRequest
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Box<RawValue>>,
    /// Variables given for this call. Not serialised: they may be confidential.
    #[serde(skip)]
    pub env: Env,
    /// The params.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub params: Option<Box<RawValue>>,
    /// The result of a run that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Box<RawValue>>,
    /// The error of a run that did not; [`PluginError::from_json`] reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Box<RawValue>>,
    /// The metrics, an object, once the run has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Box<RawValue>>,
    /// The events, oldest first.
    pub events: Vec<Box<RawValue>>,
    /// Where events are missing: from a long output, or for want of room.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// Lines that cannot be read.
    #[serde(skip_serializing_if = "is_zero")]
    pub damaged_lines: usize,
}

/// Events missing from a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// How many of the recorded events come before it.
    pub after: usize,
    /// How many events are missing.
    pub dropped: u64,
    /// How many bytes their lines had.
    pub bytes: u64,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// The run with the id `wanted`, or the one whose id begins with it, or with
/// `last` the newest one.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound), naming near ids, when there is no such
/// run or more than one; [`Io`](ErrorKind::Io) when its record cannot be read.
/// A damaged record is no error.
pub fn load(home: &Home, wanted: &str) -> Result<FullRun, PluginError> {
    let runs = home.runs();
    let id = find(&runs, wanted)?;
    let folder = runs.join(&id);
    let run = summary(&folder, &id).ok_or_else(|| unknown(wanted, &[]))?;
    // Records only grow: what the summary saw is in what is read now.
    let record = match fs::read(folder.join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        read => read.map_err(|error| unreadable(&folder, &error))?,
    };
    let mut full = FullRun::new(run);
    full.take_lines(&folder, &record);
    full.take_tail(&folder);
    Ok(full)
}

impl FullRun {
    fn new(run: RunSummary) -> Self {
        Self {
            run,
            version: None,
            target: None,
            library: None,
            sha256: None,
            folder: None,
            request: None,
            env: Env::new(),
            params: None,
            result: None,
            error: None,
            metrics: None,
            events: Vec::new(),
            gaps: Vec::new(),
            damaged_lines: 0,
        }
    }

    fn take_lines(&mut self, folder: &Path, record: &[u8]) {
        // What stands behind the last line break is being written, or was cut off.
        let whole_lines = record.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
        for line in whole_lines.map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
            if self.take_line(folder, line).is_none() {
                self.damaged_lines += 1;
            }
        }
    }

    /// The tail's files, of which the oldest may go while they are read.
    fn take_tail(&mut self, folder: &Path) {
        let files = tail::numbers(folder).into_iter().filter_map(|number| {
            // Gone meanwhile: the next one says what is missing.
            fs::read(tail::path(folder, number)).ok()
        });
        for (index, file) in files.enumerate() {
            let first = file.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
            if index == 0
                && let Ok(TailLine { dropped, bytes }) = serde_json::from_slice(first)
            {
                self.gap(dropped, bytes);
            }
            self.take_lines(folder, &file);
        }
    }

    /// Adds what `line` says; `None` when it cannot be read.
    fn take_line(&mut self, folder: &Path, line: &[u8]) -> Option<()> {
        if line.starts_with(line::START) {
            self.take_start(folder, parse_start(line)?);
        } else if line.starts_with(line::GAP) {
            let GapLine { dropped, bytes } = serde_json::from_slice(line).ok()?;
            self.gap(dropped, bytes);
        } else if line.starts_with(line::END) {
            self.take_end(folder, serde_json::from_slice(line).ok()?);
        } else if !line.starts_with(line::TAIL) {
            self.events.push(serde_json::from_slice(line).ok()?);
        }
        Some(())
    }

    fn gap(&mut self, dropped: u64, bytes: u64) {
        if dropped > 0 {
            self.gaps.push(Gap { after: self.events.len(), dropped, bytes });
        }
    }

    fn take_start(&mut self, folder: &Path, start: Start<'_>) {
        self.params = part(folder, "params", start.params, &start.beside);
        self.version = Some(start.version.into_owned());
        self.target = Some(start.target.into_owned());
        self.library = start.library.map(|path| PathBuf::from(path.into_owned()));
        self.sha256 = start.sha256.map(Cow::into_owned);
        self.folder = start.folder.map(|path| PathBuf::from(path.into_owned()));
        self.request = start.request.map(RawValue::to_owned);
        self.env = start.env.into_owned();
    }

    fn take_end(&mut self, folder: &Path, end: End<'_>) {
        self.result = part(folder, "result", end.result, &end.beside);
        self.error = part(folder, "error", end.error, &end.beside);
        self.metrics = part(folder, "metrics", end.metrics, &end.beside);
        // It may have ended after the summary was made.
        self.run.status = end.status;
        self.run.ms = end.ms;
        self.run.incomplete = end.incomplete.map(Cow::into_owned);
    }
}

/// A part from its line, or from its file when the line says that it lies there.
fn part(
    folder: &Path,
    name: &str,
    inline: Option<&RawValue>,
    beside: &[Cow<'_, str>],
) -> Option<Box<RawValue>> {
    if !beside.iter().any(|listed| listed == name) {
        return inline.map(RawValue::to_owned);
    }
    let text = fs::read_to_string(folder.join(part_file(name))).ok()?;
    Some(line::json(&text).into_owned())
}

pub(super) fn unreadable(folder: &Path, error: &io::Error) -> PluginError {
    let file = folder.join(FILE);
    PluginError::new(ErrorKind::Io, format!("reading {}: {error}", file.display()))
        .hint("check who owns the file and who may read it")
}

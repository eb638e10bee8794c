//! Reading records: damaged ones as far as they go.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use synapse_sdk::errors::{ErrorKind, NotFoundError};
use synapse_sdk::suggest::nearest;
use synapse_sdk::{Env, PluginError};

use super::line::{self, End, GapLine, Start};
use super::process::Process;
use super::writer::{FILE, part_file};
use super::{Status, id};
use crate::home::Home;

/// A run in one line. What the record does not say is `None`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunSummary {
    /// Its id.
    pub id: String,
    /// What ran: `plugin`.
    pub kind: &'static str,
    /// How it stands.
    pub status: Status,
    /// The plugin's code.
    pub plugin: Option<String>,
    /// The action.
    pub action: Option<String>,
    /// Where it ran, such as `local`.
    pub mode: Option<String>,
    /// When it started, as RFC 3339, UTC.
    pub started: Option<String>,
    /// How long it ran, in milliseconds, once it has ended.
    pub ms: Option<f64>,
}

impl RunSummary {
    fn new(id: &str, start: Option<&Start<'_>>, status: Status, ms: Option<f64>) -> Self {
        let text = |choose: fn(&Start<'_>) -> String| start.map(choose);
        Self {
            id: id.to_owned(),
            kind: "plugin",
            status,
            plugin: text(|start| start.plugin.to_string()),
            action: text(|start| start.action.to_string()),
            mode: text(|start| start.mode.to_string()),
            started: text(|start| start.started.to_string()),
            ms,
        }
    }
}

/// All that the record of a run says.
#[derive(Clone, Debug, Serialize)]
pub struct FullRun {
    /// The run in one line.
    pub run: RunSummary,
    /// The plugin's version.
    #[serde(skip)]
    pub version: Option<String>,
    /// Path or code under which the plugin was asked for.
    #[serde(skip)]
    pub target: Option<String>,
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
    /// Where events are missing from a long output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
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

/// The newest `limit` runs, newest first. Of each record only the ends are
/// read; one that is damaged is listed as [`Status::Damaged`].
pub fn list(home: &Home, limit: usize) -> Vec<RunSummary> {
    let runs = home.runs();
    let ids = id::all(&runs);
    ids.iter().take(limit).filter_map(|id| summary(&runs.join(id), id)).collect()
}

/// The run in `folder` in one line; `None` when the folder is gone.
pub(super) fn summary(folder: &Path, id: &str) -> Option<RunSummary> {
    let damaged = || folder.is_dir().then(|| RunSummary::new(id, None, Status::Damaged, None));
    let Ok(file) = File::open(folder.join(FILE)) else {
        return damaged();
    };
    let first = first_line(&file).unwrap_or_default();
    let Some(start) = parse_start(&first) else {
        return damaged();
    };
    let brief = end_or_not(|| brief_end(&file), &start);
    Some(RunSummary::new(id, Some(&start), brief.status, brief.ms))
}

/// The part of the last line that a list shows.
#[derive(Deserialize)]
struct BriefEnd {
    status: Status,
    #[serde(default)]
    ms: Option<f64>,
}

fn brief_end(file: &File) -> Option<BriefEnd> {
    let line = last_line(file).ok()?;
    line.starts_with(line::END).then(|| serde_json::from_slice(&line).ok())?
}

/// How a run stands of which `read_end` finds the end, or does not.
fn end_or_not(mut read_end: impl FnMut() -> Option<BriefEnd>, start: &Start<'_>) -> BriefEnd {
    let process = Process { pid: start.pid, start: start.pid_start };
    let without_end = |status| BriefEnd { status, ms: None };
    if let Some(end) = read_end() {
        return end;
    }
    if process.is_alive() {
        return without_end(Status::Running);
    }
    // It may have written its end between the two looks.
    read_end().unwrap_or(without_end(Status::Crashed))
}

fn parse_start(line: &[u8]) -> Option<Start<'_>> {
    line.starts_with(line::START).then(|| serde_json::from_slice(line).ok())?
}

/// The first line with its end; nothing when it has none.
fn first_line(file: &File) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    BufReader::with_capacity(4096, file).read_until(b'\n', &mut line)?;
    if line.last() != Some(&b'\n') {
        line.clear();
    }
    Ok(line)
}

/// The last line without its end; nothing when it has none.
fn last_line(file: &File) -> io::Result<Vec<u8>> {
    let size = file.metadata()?.len();
    let mut span = 4096;
    loop {
        let from = size.saturating_sub(span);
        let mut bytes = vec![0; usize::try_from(size - from).unwrap_or(usize::MAX)];
        file.read_exact_at(&mut bytes, from)?;
        if bytes.pop() != Some(b'\n') {
            return Ok(Vec::new());
        }
        let before = bytes.iter().rposition(|byte| *byte == b'\n');
        if before.is_some() || from == 0 {
            return Ok(bytes.split_off(before.map_or(0, |at| at + 1)));
        }
        span *= 8;
    }
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
    Ok(full_run(&folder, run, &record))
}

fn full_run(folder: &Path, run: RunSummary, record: &[u8]) -> FullRun {
    let mut full = FullRun {
        run,
        version: None,
        target: None,
        env: Env::new(),
        params: None,
        result: None,
        error: None,
        metrics: None,
        events: Vec::new(),
        gap: None,
        damaged_lines: 0,
    };
    // What stands behind the last line break is being written, or was cut off.
    let whole_lines = record.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
    for line in whole_lines.map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        if full.take_line(folder, line).is_none() {
            full.damaged_lines += 1;
        }
    }
    full
}

impl FullRun {
    /// Adds what `line` says; `None` when it cannot be read.
    fn take_line(&mut self, folder: &Path, line: &[u8]) -> Option<()> {
        if line.starts_with(line::START) {
            self.take_start(folder, parse_start(line)?);
        } else if line.starts_with(line::GAP) {
            let GapLine { dropped, bytes } = serde_json::from_slice(line).ok()?;
            self.gap = Some(Gap { after: self.events.len(), dropped, bytes });
        } else if line.starts_with(line::END) {
            self.take_end(folder, serde_json::from_slice(line).ok()?);
        } else {
            self.events.push(serde_json::from_slice(line).ok()?);
        }
        Some(())
    }

    fn take_start(&mut self, folder: &Path, start: Start<'_>) {
        self.params = part(folder, "params", start.params, &start.beside);
        self.version = Some(start.version.into_owned());
        self.target = Some(start.target.into_owned());
        self.env = start.env.into_owned();
    }

    fn take_end(&mut self, folder: &Path, end: End<'_>) {
        self.result = part(folder, "result", end.result, &end.beside);
        self.error = part(folder, "error", end.error, &end.beside);
        self.metrics = part(folder, "metrics", end.metrics, &end.beside);
        if self.run.status == Status::Running {
            // It ended after the summary was made.
            self.run.status = end.status;
            self.run.ms = end.ms;
        }
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

/// The id that `wanted` stands for.
fn find(runs: &Path, wanted: &str) -> Result<String, PluginError> {
    let mut ids = id::all(runs);
    if wanted == "last" && !ids.is_empty() {
        return Ok(ids.swap_remove(0));
    }
    let begin_so = |id: &&String| !wanted.is_empty() && id.starts_with(wanted);
    let matching: Vec<&String> = ids.iter().filter(begin_so).collect();
    match matching[..] {
        [id] => Ok(id.clone()),
        [] => Err(unknown(wanted, &near(wanted, &ids))),
        _ => Err(ambiguous(wanted, &matching)),
    }
}

/// The ids whose beginning is most like `wanted`, newest first.
fn near<'a>(wanted: &str, ids: &'a [String]) -> Vec<&'a String> {
    let beginning = |id: &'a String| id.get(..wanted.len()).unwrap_or(id);
    let Some(meant) = nearest(wanted, ids.iter().map(beginning)) else {
        return Vec::new();
    };
    ids.iter().filter(|id| id.starts_with(meant)).take(SHOWN).collect()
}

/// How many ids an error names.
const SHOWN: usize = 5;

fn unknown(wanted: &str, near: &[&String]) -> PluginError {
    let hint = match near.first() {
        Some(id) => format!("did you mean `{id}`? `synapse run list` shows all runs"),
        None => "`synapse run list` shows all runs".to_owned(),
    };
    let message =
        if wanted == "last" { "no run is recorded yet".to_owned() } else { format!("no run `{wanted}`") };
    NotFoundError::new(message).details(json!({ "id": wanted, "near": near })).hint(hint)
}

fn ambiguous(wanted: &str, matching: &[&String]) -> PluginError {
    let newest = &matching[..matching.len().min(SHOWN)];
    NotFoundError::new(format!("`{wanted}` begins the ids of {} runs", matching.len()))
        .details(json!({ "id": wanted, "near": newest }))
        .hint(format!("give more of the id; the newest of them is `{}`", newest[0]))
}

fn unreadable(folder: &Path, error: &io::Error) -> PluginError {
    let file = folder.join(FILE);
    PluginError::new(ErrorKind::Io, format!("reading {}: {error}", file.display()))
        .hint("check who owns the file and who may read it")
}

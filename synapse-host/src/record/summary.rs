//! Runs in one line each: of a record only its ends are read.

use std::fs::{File, TryLockError};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::line::{self, Start};
use super::writer::FILE;
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
    /// Why parts of the record are missing, such as a full disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<String>,
}

impl RunSummary {
    fn new(id: &str, start: Option<&Start<'_>>, end: BriefEnd) -> Self {
        let text = |choose: fn(&Start<'_>) -> String| start.map(choose);
        Self {
            id: id.to_owned(),
            kind: "plugin",
            status: end.status,
            plugin: text(|start| start.plugin.to_string()),
            action: text(|start| start.action.to_string()),
            mode: text(|start| start.mode.to_string()),
            started: text(|start| start.started.to_string()),
            ms: end.ms,
            incomplete: end.incomplete,
        }
    }
}

/// The part of the last line that a list shows.
#[derive(Deserialize)]
pub(super) struct BriefEnd {
    pub(super) status: Status,
    #[serde(default)]
    pub(super) ms: Option<f64>,
    #[serde(default)]
    pub(super) incomplete: Option<String>,
}

impl BriefEnd {
    fn without_end(status: Status) -> Self {
        Self { status, ms: None, incomplete: None }
    }
}

/// The newest `limit` runs, newest first. One whose record is damaged is listed
/// as [`Status::Damaged`].
pub fn list(home: &Home, limit: usize) -> Vec<RunSummary> {
    list_where(home, limit, |_| true)
}

/// The newest `limit` of the runs that `wanted` chooses, newest first.
pub fn list_where(home: &Home, limit: usize, wanted: impl Fn(&RunSummary) -> bool) -> Vec<RunSummary> {
    let runs = home.runs();
    let all = id::all(&runs).into_iter().filter_map(|id| summary(&runs.join(&id), &id));
    all.filter(wanted).take(limit).collect()
}

/// The run in `folder` in one line; `None` when the folder is gone.
pub(super) fn summary(folder: &Path, id: &str) -> Option<RunSummary> {
    let damaged =
        || folder.is_dir().then(|| RunSummary::new(id, None, BriefEnd::without_end(Status::Damaged)));
    let Ok(file) = File::open(folder.join(FILE)) else {
        return damaged();
    };
    let [first, _] = first_lines(&file).unwrap_or_default();
    let Some(start) = parse_start(&first) else {
        return damaged();
    };
    Some(RunSummary::new(id, Some(&start), stand(&file)))
}

/// How the run stands to whose record `file` belongs.
pub(super) fn stand(file: &File) -> BriefEnd {
    if let Some(end) = last_end(file) {
        return end;
    }
    if goes_on(file) {
        return BriefEnd::without_end(Status::Running);
    }
    // It may have written its end between the two looks, or where a full disk
    // took it.
    let end = last_end(file).or_else(|| end_in_room(file));
    end.unwrap_or(BriefEnd::without_end(Status::Crashed))
}

/// Whether the record is still being written: its process holds the lock.
/// Where there are no locks nobody can tell, and it counts as going on.
pub(super) fn goes_on(file: &File) -> bool {
    match file.try_lock_shared() {
        Ok(()) => {
            // Closing the file does it too, a little later.
            let _ = file.unlock();
            false
        }
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => true,
    }
}

fn last_end(file: &File) -> Option<BriefEnd> {
    parse_end(&last_line(file).ok()?)
}

fn end_in_room(file: &File) -> Option<BriefEnd> {
    let [_, second] = first_lines(file).ok()?;
    parse_end(&second)
}

fn parse_end(line: &[u8]) -> Option<BriefEnd> {
    line.starts_with(line::END).then(|| serde_json::from_slice(line).ok())?
}

pub(super) fn parse_start(line: &[u8]) -> Option<Start<'_>> {
    line.starts_with(line::START).then(|| serde_json::from_slice(line).ok())?
}

/// The first two lines with their ends; of a line that has none, nothing.
fn first_lines(mut file: &File) -> io::Result<[Vec<u8>; 2]> {
    io::Seek::rewind(&mut file)?;
    let mut reader = BufReader::with_capacity(4096, file);
    let mut line = || {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            line.clear();
        }
        io::Result::Ok(line)
    };
    Ok([line()?, line()?])
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

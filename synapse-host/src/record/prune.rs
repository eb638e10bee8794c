//! Removing old records.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::summary::summary;
use super::{Status, id};
use crate::home::Home;

const KEEP: usize = 500;
/// A record without a first line may belong to a run that is just starting.
const STARTING: Duration = Duration::from_secs(60);

/// How many runs are kept: `SYNAPSE_KEEP_RUNS`, else 500.
pub fn keep_from_env() -> usize {
    let wanted = std::env::var("SYNAPSE_KEEP_RUNS").ok();
    wanted.and_then(|number| number.trim().parse().ok()).unwrap_or(KEEP)
}

/// Removes all records but the newest `keep`, and none of a run that goes on.
/// What cannot be removed stays.
pub fn prune(home: &Home, keep: usize) {
    let runs = home.runs();
    for id in id::all(&runs).iter().skip(keep) {
        let folder = runs.join(id);
        if is_over(&folder, id) {
            // Another process may be removing it too.
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

fn is_over(folder: &Path, id: &str) -> bool {
    match summary(folder, id).map(|run| run.status) {
        None | Some(Status::Running) => false,
        Some(Status::Damaged) => !is_new(folder),
        Some(_) => true,
    }
}

fn is_new(folder: &Path) -> bool {
    let changed = fs::metadata(folder).and_then(|facts| facts.modified());
    changed.is_ok_and(|time| time.elapsed().is_ok_and(|age| age < STARTING))
}

/// Prunes after about one run in 32, so that hardly any run pays for reading
/// the folder, and after each run where fewer than 32 are kept.
pub(super) fn now_and_then(home: &Home, id: &str) {
    let keep = keep_from_env();
    if keep < 32 || id.ends_with('0') {
        prune(home, keep);
    }
}

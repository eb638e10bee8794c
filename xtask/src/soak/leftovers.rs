//! Processes and files that ought to be gone.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::Result;

/// The variable that all processes of a soak have, and what they start.
pub(super) const MARK: &str = "XTASK_SOAK";

/// What was told to end has ended by then.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);

/// Waits a little for processes with this mark to end.
///
/// # Errors
/// Some have not.
pub(super) fn assert_no_processes(mark: &str) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = processes(mark);
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("processes are left behind: {}", left.join("; ")).into());
        }
        thread::sleep(LOOK);
    }
}

/// Processes other than this one, with their commands.
fn processes(mark: &str) -> Vec<String> {
    let wanted = format!("{MARK}={mark}").into_bytes();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let marked = entries.filter(|entry| {
        let variables = fs::read(entry.path().join("environ")).unwrap_or_default();
        variables.split(|byte| *byte == 0).any(|variable| variable == wanted)
    });
    let shown = marked.map(|entry| {
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        format!("{} {}", entry.file_name().display(), String::from_utf8_lossy(&command).replace('\0', " "))
    });
    shown.collect()
}

/// # Errors
/// Something lies in the folder.
pub(super) fn assert_empty(folder: &Path) -> Result<()> {
    let names: Vec<_> = fs::read_dir(folder)?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(format!("temporary files are left behind: {}", names.join(", ")).into())
}

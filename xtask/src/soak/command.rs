//! Commands that cannot hang.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::Result;

const LOOK: Duration = Duration::from_millis(10);
/// Of what a failed command wrote, so many lines are shown.
const LAST: usize = 60;

/// A command that has ended.
pub(super) struct Ran {
    shown: String,
    end: String,
    pub(super) succeeded: bool,
    /// The most memory its first process had at any time, in bytes.
    pub(super) most_memory: u64,
    log: PathBuf,
}

impl Ran {
    /// What it wrote, on both streams.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        let file = File::open(&self.log).ok().map(BufReader::new);
        file.into_iter().flat_map(|file| file.split(b'\n').map_while(std::io::Result::ok)).map(|line| {
            let text = String::from_utf8_lossy(&line);
            text.into_owned()
        })
    }

    /// What went wrong, with the last lines it wrote.
    pub(super) fn failure(&self) -> String {
        let lines: Vec<_> = self.lines().collect();
        let last = lines[lines.len().saturating_sub(LAST)..].join("\n");
        format!("`{}` {}\n{last}", self.shown, self.end)
    }
}

impl Drop for Ran {
    fn drop(&mut self) {
        // Only saves room: the folder goes in the end.
        let _ = std::fs::remove_file(&self.log);
    }
}

/// Runs `command`, which gets a process group of its own and nothing to read.
pub(super) fn run(command: &mut Command, limit: Duration, logs: &Path) -> Result<Ran> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let log = logs.join(format!("{}.log", COUNT.fetch_add(1, Ordering::Relaxed)));
    let output = File::create(&log)?;
    let shown = shown(command);
    let streams = command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    let mut child = streams.process_group(0).spawn().map_err(|error| format!("`{shown}`: {error}"))?;
    let (status, most_memory) = wait(&mut child, limit)?;
    let end = match status {
        Some(status) => format!("ended with {status}"),
        None => format!("took longer than {} and was ended", humantime::format_duration(limit)),
    };
    let succeeded = status.is_some_and(|status| status.success());
    Ok(Ran { shown, end, succeeded, most_memory, log })
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn wait(child: &mut Child, limit: Duration) -> Result<(Option<ExitStatus>, u64)> {
    let deadline = Instant::now() + limit;
    let mut most = 0;
    loop {
        // The system keeps the largest value, so the last look is close to it.
        most = peak_memory(child.id()).unwrap_or(0).max(most);
        if let Some(status) = child.try_wait()? {
            return Ok((Some(status), most));
        }
        if Instant::now() > deadline {
            kill_group(child);
            child.wait()?;
            return Ok((None, most));
        }
        thread::sleep(LOOK);
    }
}

fn peak_memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[expect(unsafe_code, reason = "the standard library signals no groups")]
fn kill_group(child: &Child) {
    let group = i32::try_from(child.id()).unwrap_or(0);
    if group > 1 {
        // SAFETY: takes two numbers; the child was not waited for, so the group
        // is its.
        unsafe { libc::kill(-group, libc::SIGKILL) };
    }
}

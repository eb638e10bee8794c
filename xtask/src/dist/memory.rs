//! How much memory a command takes.

use std::fs;
use std::process::Command;

use super::Result;
use super::ptrace::{go_on, start, wait};

/// Runs a command, and gives the memory that its process had at most, in KB. It is looked at while the process ends: what
/// is told of a child afterwards counts the process that started it as well.
///
/// # Errors
/// Where it cannot be started or followed.
pub(super) fn most(command: &mut Command) -> Result<u64> {
    let process = start(command, libc::PTRACE_O_TRACEEXIT)?;
    let mut signal = 0;
    loop {
        go_on(process, signal)?;
        let (_, status) = wait(process)?;
        if !libc::WIFSTOPPED(status) {
            return Err(format!("{command:?} ended with status {status:#x}").into());
        }
        if status >> 16 == libc::PTRACE_EVENT_EXIT {
            break;
        }
        signal = libc::WSTOPSIG(status);
    }
    let told = fs::read_to_string(format!("/proc/{process}/status"))?;
    go_on(process, 0)?;
    wait(process)?;
    let line = told.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("its memory is not told")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

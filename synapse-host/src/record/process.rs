//! Telling whether the process that wrote a record is still there.

use std::fs::File;
use std::io::Read;

/// A process, told apart from a later one that was given the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// When it started, in clock ticks since the machine did; `None` where the
    /// system does not say.
    pub(super) start: Option<u64>,
}

impl Process {
    /// This process.
    pub(super) fn current() -> Self {
        Self { pid: std::process::id(), start: start_time("self") }
    }

    /// Whether it is still there. Where the system says nothing about
    /// processes nobody can tell, and it counts as there.
    pub(super) fn is_alive(self) -> bool {
        start_time(&self.pid.to_string()) == self.start
    }
}

fn start_time(process: &str) -> Option<u64> {
    // The system writes the whole text at once, a few hundred bytes, of which
    // the program's name may be any.
    let mut bytes = [0; 1024];
    let length = File::open(format!("/proc/{process}/stat")).ok()?.read(&mut bytes).ok()?;
    parse(&String::from_utf8_lossy(&bytes[..length]))
}

/// The start time in the text of a `/proc/…/stat`; `None` for a process that
/// has ended and only waits for its parent to notice.
fn parse(stat: &str) -> Option<u64> {
    // The second field is the program's name in parentheses and may hold both.
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace();
    let state = fields.next()?;
    // State is field 3, the start time field 22.
    let start = fields.nth(18)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(start)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn stat(name: &str, state: &str) -> String {
        format!("42 ({name}) {state} 1 42 42 0 -1 4194560 9 9 9 9 9 9 9 9 20 0 1 0 777 9 9 9\n")
    }

    #[test]
    fn the_start_time_is_found_behind_any_name() {
        assert_eq!(parse(&stat("synapse", "R")), Some(777));
        assert_eq!(parse(&stat("a) S (b c", "S")), Some(777));
        assert_eq!(parse(""), None);
        assert_eq!(parse("42 (cut) R 1 42"), None);
    }

    #[test]
    fn a_process_that_only_waits_to_be_noticed_is_gone() {
        assert_eq!(parse(&stat("synapse", "Z")), None);
    }

    #[test]
    fn a_reused_number_is_noticed() {
        let this = Process::current();
        assert!(this.is_alive());
        let before_us = Process { start: this.start.map(|start| start + 1), ..this };
        assert!(!before_us.is_alive());
    }

    #[test]
    fn a_process_that_ended_is_gone() {
        let mut child =
            std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let process = Process { pid: child.id(), start: start_time(&child.id().to_string()) };
        assert!(process.is_alive());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!process.is_alive());
    }
}

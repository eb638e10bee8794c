//! Commands that are run many times, by turns: how long each takes and how much
//! memory it has at most.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often each command is run.
pub(crate) const ROUNDS: usize = 200;

/// A command, and what its runs took.
pub(crate) struct Timed {
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
    /// At most so many milliseconds, and so many megabytes.
    goal: (Option<f64>, Option<f64>),
    pub(crate) times: Vec<Duration>,
    /// The largest resident set of all runs, in bytes.
    memory: u64,
}

impl Timed {
    pub(crate) fn new(name: &str, program: impl Into<PathBuf>, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let (name, program) = (name.to_owned(), program.into());
        Self { name, program, arguments, goal: (None, None), times: Vec::new(), memory: 0 }
    }

    /// What it should take: milliseconds and megabytes.
    pub(crate) fn goal(mut self, milliseconds: f64, megabytes: Option<f64>) -> Self {
        self.goal = (Some(milliseconds), megabytes);
        self
    }

    pub(crate) fn once(&mut self, home: &Path) {
        let started = Instant::now();
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .env("SYNAPSE_HOME", home)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let ended = child.and_then(|child| wait(child.id()));
        self.times.push(started.elapsed());
        match ended {
            Ok((true, memory)) => self.memory = self.memory.max(memory),
            other => panic!("{} failed: {other:?}", self.name),
        }
    }

    /// The median, in milliseconds.
    pub(crate) fn median(&mut self) -> f64 {
        self.times.sort();
        self.at(50)
    }

    fn at(&self, share: usize) -> f64 {
        let index = (self.times.len() * share / 100).min(self.times.len().saturating_sub(1));
        self.times.get(index).copied().unwrap_or_default().as_secs_f64() * 1e3
    }
}

/// Waits for a child: whether it succeeded, and the bytes it had at most. A child
/// begins as a copy of this process, so that no figure is below this one's own.
#[expect(unsafe_code, reason = "the standard library does not tell how much memory a child had")]
fn wait(child: u32) -> io::Result<(bool, u64)> {
    let pid = libc::pid_t::try_from(child).map_err(io::Error::other)?;
    let mut status = 0;
    // SAFETY: plain numbers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the child is ours and nobody else waits for it; both places are ours.
    match unsafe { libc::wait4(pid, &mut status, 0, &mut usage) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok((status == 0, u64::try_from(usage.ru_maxrss).unwrap_or_default() * 1024)),
    }
}

/// Prints what they took, each beside its goal.
pub(crate) fn print(commands: &mut [Timed]) {
    println!("{:<34} {:>8} {:>8} {:>8} {:>6}  {:>6} {:>5}", "", "p50 ms", "min", "p90", "goal", "MB", "goal");
    let text = |goal: Option<f64>| goal.map(|goal| goal.to_string()).unwrap_or_default();
    for command in commands {
        command.times.sort();
        let (time, memory) = command.goal;
        println!(
            "{:<34} {:>8.2} {:>8.2} {:>8.2} {:>6}  {:>6.1} {:>5}",
            command.name,
            command.at(50),
            command.at(0),
            command.at(90),
            text(time),
            command.memory as f64 / 1e6,
            text(memory)
        );
    }
}

//! A program that lives on while its workers die: for as many seconds as its
//! argument says, runs crash, hang and are killed, beside others that must not
//! notice. In the end it has no more descriptors, threads and memory than
//! before. `cargo xtask soak kills` runs it.

use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;
use synapse_host::{Mode, RunRequest, run_plugin, run_plugin_blocking, worker};
use synapse_sdk::ErrorKind;
use synapse_sdk::errors::{ExecutionError, Result};
use synapse_sdk::events::EventBody;
use synapse_tests::{library, synapse};

/// Runs that have to end so.
const ENDS: [(&str, ErrorKind); 7] = [
    ("segv", ErrorKind::WorkerCrashed),
    ("aborts", ErrorKind::WorkerCrashed),
    ("exits", ErrorKind::WorkerCrashed),
    ("overflows", ErrorKind::WorkerCrashed),
    ("scribbles", ErrorKind::WorkerCrashed),
    ("panics", ErrorKind::Panic),
    ("loops", ErrorKind::TimedOut),
];

/// So much more memory is no leak: allocators keep what they had.
const MEMORY: u64 = 64 << 20;

fn main() -> Result<()> {
    let seconds: u64 = std::env::args()
        .nth(1)
        .ok_or_else(|| ExecutionError::new("usage: long_lived_host SECONDS"))?
        .parse()?;
    worker::use_program(synapse().with_file_name("synapse-worker"));
    // What stays open and alive is there after the first rounds.
    (0..2).try_for_each(|_| round().map(drop))?;
    let (before, since) = (Usage::now()?, Instant::now());
    let (mut rounds, mut ended) = (0, 0);
    while since.elapsed() < Duration::from_secs(seconds) {
        ended += round()?;
        rounds += 1;
    }
    let after = Usage::settled(&before)?;
    println!("{rounds} rounds, {ended} workers ended; {before} before, {after} after");
    if after.is_beyond(&before) {
        return Err(ExecutionError::new("the program has grown"));
    }
    Ok(())
}

/// Everything once, at once; gives how many workers ended.
fn round() -> Result<usize> {
    let plugin = library("misbehave");
    // Runs with other variables share no worker.
    let request = |action: &str| RunRequest::new(&*plugin, action).mode(Mode::Isolated).env([("OF", action)]);
    let beside = run_plugin(request("naps").params(&json!({ "n": 300 })))?;
    let killed = kill_in_the_middle(&request("tells_process"))?;
    let runs = ENDS.map(|(action, kind)| {
        let quickly = request(action).timeout(Duration::from_secs(60)).grace(Duration::from_millis(50));
        let times_out = kind == ErrorKind::TimedOut;
        let request = if times_out { quickly.timeout(Duration::from_millis(200)) } else { quickly };
        (action, kind, run_plugin(request))
    });
    for (action, kind, run) in runs {
        let error = run?.result().err().ok_or_else(|| ExecutionError::new(format!("{action} succeeded")))?;
        if error.kind() != kind {
            return Err(error.context(format!("{action} ended otherwise")));
        }
    }
    if beside.result()?.value()? != 300 {
        return Err(ExecutionError::new("a run beside crashes gave something else"));
    }
    for (action, ..) in ENDS {
        let next = RunRequest::new(&*plugin, "nested").mode(Mode::Isolated).env([("OF", action)]);
        if run_plugin_blocking(next)?.value()? != "deep" {
            return Err(ExecutionError::new(format!("the call after `{action}` gave something else")));
        }
    }
    Ok(killed + ENDS.iter().filter(|(_, kind)| *kind != ErrorKind::Panic).count())
}

fn kill_in_the_middle(request: &RunRequest) -> Result<usize> {
    let mut run = run_plugin(request.clone())?;
    while let Some(events) = run.events() {
        for event in events {
            let EventBody::Message { text, .. } = &event.body else { continue };
            if let Some(process) = text.strip_prefix("process ") {
                kill(process.trim().parse()?);
            }
        }
    }
    match run.result() {
        Err(error) if error.kind() == ErrorKind::WorkerCrashed => Ok(1),
        other => Err(ExecutionError::new(format!("a killed worker gave {other:?}"))),
    }
}

#[expect(unsafe_code, reason = "the standard library signals only children")]
fn kill(process: i32) {
    // SAFETY: takes two numbers; the worker is waited for by this process only.
    unsafe { libc::kill(process, libc::SIGKILL) };
}

struct Usage {
    descriptors: usize,
    threads: usize,
    memory: u64,
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { descriptors, threads, memory } = self;
        write!(f, "{descriptors} descriptors, {threads} threads and {} MB", memory >> 20)
    }
}

impl Usage {
    fn now() -> Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let number = |name: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        Ok(Self {
            descriptors: fs::read_dir("/proc/self/fd")?.count(),
            threads: fs::read_dir("/proc/self/task")?.count(),
            memory: number("VmRSS:").unwrap_or(0) * 1024,
        })
    }

    /// Threads and processes that are ending get a moment to do so.
    fn settled(before: &Self) -> Result<Self> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let now = Self::now()?;
            if !now.is_beyond(before) || Instant::now() > deadline {
                return Ok(now);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// As many workers are warm as before.
    fn is_beyond(&self, before: &Self) -> bool {
        self.descriptors > before.descriptors
            || self.threads > before.threads
            || self.memory > before.memory + MEMORY
    }
}

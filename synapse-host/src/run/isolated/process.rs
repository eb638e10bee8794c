//! A worker's process: started, watched, ended.

#![expect(
    unsafe_code,
    reason = "signals to a group, a descriptor of a process, waiting for several descriptors"
)]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use synapse_sdk::errors::{Result, ResultExt};
use synapse_sdk::{Env, PluginError};

use super::limits::Limits;
use super::output::Output;
use super::quota::{self, Quota};
use crate::worker_program;

/// Between SIGTERM and SIGKILL.
const MERCY: Duration = Duration::from_millis(500);

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Code(i32),
    Signal(i32),
}

/// Why a process was ended by us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// A run on it did not stop.
    RunDidNotStop,
    /// Its connection cannot be used any more.
    ConnectionLost,
    /// Nobody needs it.
    Retired,
}

/// The process of a worker.
pub(super) struct Process {
    id: i32,
    /// Becomes readable when the process has ended.
    handle: OwnedFd,
    pub(super) output: Output,
    quota: Option<Quota>,
    fate: Mutex<Fate>,
    ended: Condvar,
    kills_before: Option<u64>,
}

#[derive(Default)]
struct Fate {
    exit: Option<Exit>,
    why: Option<Ended>,
    out_of_memory: bool,
}

/// Starts a worker that speaks on `socket`. It ends with the thread that calls
/// this.
pub(super) fn start(socket: OwnedFd, env: &Env, limits: &Limits) -> Result<(Process, Child)> {
    let program = worker_program::program()?;
    let mut command = Command::new(&program);
    // The socket comes as standard input: no other descriptor is handed on by
    // every way there is to start a program.
    command.args(["serve", "--descriptor", "0", "--parent", &std::process::id().to_string()]);
    command.envs(env.iter()).stdin(socket).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    if limits.memory.is_some() {
        // Each thread's own arena would reserve memory that it does not use.
        command.env("MALLOC_ARENA_MAX", "2");
    }
    let kills_before = system_kills();
    let mut child = command.spawn().with_context(|| format!("starting {}", program.display()))?;
    let id = child.id().cast_signed();
    let pipes = child.stdout.take().map(OwnedFd::from).zip(child.stderr.take().map(OwnedFd::from));
    let prepared =
        pipes.ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe)).and_then(|(stdout, stderr)| {
            never_wait(&stdout)?;
            never_wait(&stderr)?;
            Ok((handle_of(id)?, Output::new(stdout, stderr)))
        });
    let prepared = prepared.map_err(PluginError::from).and_then(|it| Ok((it, quota_of(limits, id)?)));
    match prepared {
        Ok(((handle, output), quota)) => {
            let (fate, ended) = (Mutex::default(), Condvar::new());
            Ok((Process { id, handle, output, quota, fate, ended, kills_before }, child))
        }
        Err(error) => {
            // It has nobody to serve; that it cannot be ended is no news.
            let _ = child.kill().and_then(|()| child.wait());
            Err(error.context("watching a worker"))
        }
    }
}

/// What a watcher is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) output: bool,
    pub(super) end: bool,
}

impl Process {
    pub(super) fn id(&self) -> i32 {
        self.id
    }

    /// Waits until it prints or ends, or until `patience` is over.
    pub(super) fn watch(&self, patience: Duration, pipes: &[RawFd]) -> Seen {
        let wanted = |descriptor| libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 };
        let mut all: Vec<libc::pollfd> = vec![wanted(self.handle.as_raw_fd())];
        all.extend(pipes.iter().map(|pipe| wanted(*pipe)));
        let milliseconds = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the list is ours and as long as is said.
        let count = unsafe { libc::poll(all.as_mut_ptr(), all.len() as libc::nfds_t, milliseconds) };
        if count <= 0 {
            return Seen { output: false, end: false };
        }
        let output = all.iter().skip(1).any(|pipe| pipe.revents != 0);
        Seen { output, end: all.first().is_some_and(|handle| handle.revents != 0) }
    }

    /// Notes the end of a process that has ended, and ends what it left behind.
    pub(super) fn bury(&self, mut child: Child, tell: impl FnMut(synapse_sdk::events::Event<'_>)) {
        // Before its number may belong to another process.
        signal(-self.id, libc::SIGKILL);
        self.output.read(true, tell);
        let mut fate = self.fate();
        let exit = match child.wait() {
            Ok(status) => status.signal().map_or(Exit::Code(status.code().unwrap_or(-1)), Exit::Signal),
            Err(_) => Exit::Code(-1),
        };
        fate.exit = Some(exit);
        let kills = system_kills();
        fate.out_of_memory = exit == Exit::Signal(libc::SIGKILL)
            && fate.why.is_none()
            && kills.zip(self.kills_before).is_some_and(|(now, before)| now > before);
        drop(fate);
        self.ended.notify_all();
        self.remove_quota();
    }

    /// To be called once it was killed.
    pub(super) fn remove_quota(&self) {
        self.quota.iter().for_each(Quota::remove);
    }

    /// Asks it to end, and ends it when it does not, or `at_once`.
    pub(super) fn stop(&self, why: Ended, at_once: bool) {
        let mut fate = self.fate();
        if fate.exit.is_some() {
            return;
        }
        fate.why.get_or_insert(why);
        self.quota.iter().for_each(Quota::lift);
        if !at_once {
            signal(-self.id, libc::SIGTERM);
            drop(fate);
            if self.wait(MERCY).is_some() {
                return;
            }
            fate = self.fate();
        }
        // Under the lock its number is still its own.
        if fate.exit.is_none() {
            signal(-self.id, libc::SIGKILL);
        }
    }

    /// How it ended, waiting no longer than `patience`.
    pub(super) fn wait(&self, patience: Duration) -> Option<Exit> {
        let deadline = Instant::now() + patience;
        let mut fate = self.fate();
        while fate.exit.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            fate = self.ended.wait_timeout(fate, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        fate.exit
    }

    pub(super) fn has_ended(&self) -> bool {
        self.fate().exit.is_some()
    }

    /// Why we ended it, if we did.
    pub(super) fn why(&self) -> Option<Ended> {
        self.fate().why
    }

    /// Whether the system ended a process for want of memory, most likely this.
    pub(super) fn was_out_of_memory(&self) -> bool {
        self.fate().out_of_memory
    }

    fn fate(&self) -> MutexGuard<'_, Fate> {
        self.fate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bound of its processor time, where one is asked for and the system has any.
fn quota_of(limits: &Limits, process: i32) -> Result<Option<Quota>> {
    let wanted = limits.quota.filter(|_| quota::no_quota_because().is_none());
    wanted.map(|cpus| Quota::of(cpus, process)).transpose()
}

fn signal(process: i32, signal: i32) {
    // SAFETY: takes two numbers. A process that has ended needs no signal.
    unsafe { libc::kill(process, signal) };
}

fn handle_of(process: i32) -> io::Result<OwnedFd> {
    // SAFETY: takes two numbers; the descriptor is ours.
    unsafe {
        match libc::syscall(libc::SYS_pidfd_open, process, 0) {
            -1 => Err(io::Error::last_os_error()),
            handle => Ok(OwnedFd::from_raw_fd(handle as RawFd)),
        }
    }
}

fn never_wait(pipe: &OwnedFd) -> io::Result<()> {
    // SAFETY: sets a flag of a descriptor that is ours.
    match unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// How often the system has ended a process for want of memory.
fn system_kills() -> Option<u64> {
    let text = io::read_to_string(File::open("/proc/vmstat").ok()?).ok()?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

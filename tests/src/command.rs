//! Runs `synapse` and tells how it ended.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::build::{clean_environment, library, synapse};
use crate::terminal::Terminal;

/// No command may take longer; builds included.
pub(crate) const LIMIT: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_millis(2);

/// `synapse` with a home folder of its own, removed in the end.
pub struct Synapse {
    home: TempDir,
}

impl Default for Synapse {
    fn default() -> Self {
        Self::new()
    }
}

impl Synapse {
    /// `synapse` with an empty home.
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a folder for temporary files") }
    }

    /// `$SYNAPSE_HOME`.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A call with the arguments in `words`, split at blanks.
    pub fn call(&self, words: &str) -> Invocation {
        let mut command = Command::new(synapse());
        clean_environment(&mut command).env("SYNAPSE_HOME", self.home());
        Invocation { command, stdin: None }.words(words)
    }

    /// `synapse plugin run` on the library of a plugin of this workspace:
    /// `act("misbehave", "fail -P how=own")`.
    pub fn act(&self, plugin: &str, words: &str) -> Invocation {
        self.call("plugin run").arg(library(plugin)).words(words)
    }

    /// The record of the newest run, as `run show` tells it. `run list` has to
    /// tell the same.
    pub fn last_run(&self) -> Value {
        let shown = self.call("run show last --json").run().code(0).document();
        let listed = self.call("run list --json").run().code(0).document();
        assert_eq!(listed["runs"][0], shown["run"], "`run list` and `run show` differ");
        shown
    }

    /// How many runs there are records of.
    pub fn runs(&self) -> usize {
        let listed = self.call("run list --json").run().code(0).document();
        listed["runs"].as_array().map_or(0, Vec::len)
    }
}

/// A call of `synapse` about to be made.
pub struct Invocation {
    command: Command,
    stdin: Option<String>,
}

impl Invocation {
    /// Adds one argument, blanks and all.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds the arguments in `words`, split at blanks.
    #[must_use]
    pub fn words(mut self, words: &str) -> Self {
        self.command.args(words.split_whitespace());
        self
    }

    /// Sets a variable of the process.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it in `folder`.
    #[must_use]
    pub fn within(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs it by way of a shell script, in which it is `"$@"`.
    #[must_use]
    pub fn through(self, script: &str) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(self.command.get_program()).args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(folder) = self.command.get_current_dir() {
            command.current_dir(folder);
        }
        Self { command, stdin: self.stdin }
    }

    /// Runs it as someone whom the modes of files bind, also where the tester is
    /// root, whom they do not.
    #[must_use]
    pub fn bound_by_modes(self) -> Self {
        // SAFETY: asks for a number.
        #[expect(unsafe_code, reason = "the standard library does not tell who one is")]
        let is_root = unsafe { libc::geteuid() } == 0;
        match is_root {
            true => self.through("exec setpriv --bounding-set=-dac_override,-dac_read_search -- \"$@\""),
            false => self,
        }
    }

    /// Gives it `text` to read.
    #[must_use]
    pub fn stdin(mut self, text: &str) -> Self {
        self.stdin = Some(text.to_owned());
        self
    }

    /// Runs it to its end.
    pub fn run(self) -> Ended {
        self.start().wait()
    }

    /// Starts it at a terminal.
    pub fn at_terminal(self) -> Terminal {
        Terminal::start(self.command)
    }

    /// Starts it.
    pub fn start(mut self) -> Running {
        let stdin = if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
        // A group of its own, so that compilers it starts end with it.
        let command =
            self.command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
        let shown = format!("synapse {}", arguments.join(" "));
        let mut child = command.spawn().expect("synapse can be started");
        if let (Some(mut pipe), Some(text)) = (child.stdin.take(), self.stdin) {
            // It may end without reading.
            let _ = pipe.write_all(text.as_bytes());
        }
        let (stdout, stderr) = (Stream::read(child.stdout.take()), Stream::read(child.stderr.take()));
        Running { child, shown, stdout, stderr, deadline: Instant::now() + LIMIT }
    }
}

/// What a process has written so far.
struct Stream {
    text: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Stream {
    fn read(pipe: Option<impl Read + Send + 'static>) -> Self {
        let text = Arc::<Mutex<Vec<u8>>>::default();
        let reader = pipe.map(|mut pipe| {
            let text = Arc::clone(&text);
            thread::spawn(move || {
                let mut buffer = [0; 8192];
                while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                    text.lock().unwrap_or_else(PoisonError::into_inner).extend(&buffer[..count]);
                }
            })
        });
        Self { text, reader }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    fn all(mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader of a pipe ends");
        }
        self.so_far()
    }
}

/// A call under way. It is ended when it takes longer than any may.
pub struct Running {
    child: Child,
    shown: String,
    stdout: Stream,
    stderr: Stream,
    deadline: Instant,
}

impl Running {
    /// Waits until it has written `text` to stderr.
    pub fn until_it_says(&mut self, text: &str) {
        while !self.stderr.so_far().contains(text) {
            let ended = self.child.try_wait().expect("a child can be waited for");
            assert!(ended.is_none(), "it ended without `{text}`:\n{}", self.stderr.so_far());
            self.check_deadline();
            thread::sleep(LOOK);
        }
    }

    /// What it has written to stderr so far.
    pub fn said(&self) -> String {
        self.stderr.so_far()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: i32) {
        send(self.pid(), signal);
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Ended {
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                break status;
            }
            self.check_deadline();
            thread::sleep(LOOK);
        };
        Ended {
            shown: self.shown,
            code: status.code(),
            signal: status.signal(),
            stdout: self.stdout.all(),
            stderr: self.stderr.all(),
        }
    }

    fn check_deadline(&self) {
        if Instant::now() > self.deadline {
            send(-self.pid(), libc::SIGKILL);
            panic!("{} did not end:\n{}", self.shown, self.stderr.so_far());
        }
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("process ids are small")
    }
}

#[expect(unsafe_code, reason = "the standard library sends no signals but SIGKILL")]
fn send(pid: i32, signal: i32) {
    // SAFETY: takes two numbers; the child was not waited for, so the id is its.
    unsafe { libc::kill(pid, signal) };
}

/// How a call ended, and what it wrote.
#[derive(Debug)]
pub struct Ended {
    shown: String,
    code: Option<i32>,
    signal: Option<i32>,
    /// All of standard output.
    pub stdout: String,
    /// All of standard error.
    pub stderr: String,
}

impl Ended {
    /// It has to have ended with this exit code, not by a signal.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!((self.code, self.signal), (Some(code), None), "exit code and signal of {self}");
        self
    }

    /// It has to have written `text` to stderr.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "`{text}` is not on stderr of {self}");
        self
    }

    /// It must not have written `text` to stderr.
    #[track_caller]
    pub fn does_not_say(self, text: &str) -> Self {
        assert!(!self.stderr.contains(text), "`{text}` is on stderr of {self}");
        self
    }

    /// It has to have written exactly `text` to stdout.
    #[track_caller]
    pub fn prints(self, text: &str) -> Self {
        assert_eq!(self.stdout, text, "stdout of {self}");
        self
    }

    /// The one JSON document on stdout.
    #[track_caller]
    pub fn document(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is no JSON ({error}) of {self}"))
    }

    /// The error object on the last line of stderr; nothing may be on stdout.
    #[track_caller]
    pub fn error(&self) -> Value {
        assert_eq!(self.stdout, "", "stdout of {self}");
        let last = self.stderr.lines().last().unwrap_or_default();
        let line: Value = serde_json::from_str(last)
            .unwrap_or_else(|error| panic!("the last line is no JSON ({error}) of {self}"));
        line["error"].clone()
    }

    /// The JSON lines on stderr that are events.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        let lines = self.stderr.lines().map(|line| {
            serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("`{line}` is no JSON of {self}"))
        });
        lines.filter(|line| line.get("event").is_some()).collect()
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}\ncode {:?}, signal {:?}", self.shown, self.code, self.signal)?;
        write!(f, "--- stdout\n{}--- stderr\n{}---", self.stdout, self.stderr)
    }
}

/// Whether this system lets everybody mount things, for themselves alone.
pub fn can_mount() -> bool {
    let mount = "unshare -rm mount -t tmpfs none /mnt";
    let tried = Command::new("sh").args(["-c", mount]).stderr(Stdio::null()).status();
    let can = tried.is_ok_and(|status| status.success());
    if !can {
        eprintln!("this system does not let everybody mount: only limits of file sizes are tested");
    }
    can
}

/// Whether a process runs. One that has ended and is not waited for yet counts
/// as gone.
pub fn is_alive(process: u64) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

/// Waits until a process is gone.
#[track_caller]
pub fn goes_away(process: u64) {
    let deadline = Instant::now() + LIMIT;
    while is_alive(process) {
        assert!(Instant::now() < deadline, "process {process} is still there");
        thread::sleep(LOOK);
    }
}

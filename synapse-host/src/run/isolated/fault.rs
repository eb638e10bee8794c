//! What is said of a worker that died.

use std::path::Path;

use serde_json::{Value, json};
use synapse_sdk::PluginError;
use synapse_sdk::errors::WorkerCrashed;

use super::link::LastProgress;
use super::process::{Ended, Exit};
use crate::worker::protocol::LOST_DESCRIPTOR;

/// All that is known of the end of a worker and of a call on it.
pub(super) struct Fault<'a> {
    pub(super) plugin: &'a str,
    pub(super) action: &'a str,
    pub(super) exit: Option<Exit>,
    pub(super) why: Option<Ended>,
    pub(super) out_of_memory: bool,
    /// What was wrong with the connection, when it was that.
    pub(super) connection: Option<&'a str>,
    pub(super) memory_limit: Option<u64>,
    pub(super) progress: Option<LastProgress>,
    pub(super) output: &'a [String],
    /// The folder of the run's record.
    pub(super) record: Option<&'a Path>,
}

impl Fault<'_> {
    pub(super) fn error(&self) -> PluginError {
        let (cause, hint) = self.cause();
        let message =
            format!("the worker of the action `{}` of plugin `{}` ended: {cause}", self.action, self.plugin);
        let hint = match self.record {
            Some(record) if hint == LOOK => {
                format!("{hint}; what it reported and printed is in {}", record.display())
            }
            _ => hint.to_owned(),
        };
        WorkerCrashed::new(message).details(self.details(&cause)).hint(hint)
    }

    fn cause(&self) -> (String, &'static str) {
        if let Some(connection) = self.connection {
            return (connection.to_owned(), TALKS);
        }
        match (self.why, self.exit) {
            (Some(Ended::RunDidNotStop), _) => {
                ("another run on it did not stop when it was told to".to_owned(), "run it again")
            }
            (_, Some(Exit::Code(LOST_DESCRIPTOR))) => {
                ("it lost the descriptor that leads to the host".to_owned(), TALKS)
            }
            (_, Some(Exit::Code(code))) => {
                (format!("its code called exit({code})"), "return an error instead of ending the process")
            }
            (_, Some(Exit::Signal(signal))) => self.signal(signal),
            (_, None) => ("it cannot be told how".to_owned(), LOOK),
        }
    }

    fn signal(&self, signal: i32) -> (String, &'static str) {
        let (name, meaning) = signal_name(signal);
        let printed = |text: &str| self.output.iter().rev().take(5).any(|line| line.contains(text));
        let limit = || match self.memory_limit {
            Some(bytes) => format!("beyond its limit of {} MB", bytes >> 20),
            None => "that the system did not give".to_owned(),
        };
        match signal {
            libc::SIGABRT if printed("has overflowed its stack") => {
                (format!("stack overflow ({name})"), "look for a function that calls itself for ever")
            }
            libc::SIGABRT if printed("memory allocation of ") => {
                (format!("it asked for memory {} ({name})", limit()), MEMORY)
            }
            libc::SIGKILL if self.out_of_memory => {
                (format!("the system killed it for want of memory ({name})"), MEMORY)
            }
            libc::SIGKILL => (
                format!("killed from outside ({name})"),
                "the system kills like this when memory runs out; so does whoever may",
            ),
            _ => (format!("{meaning} ({name})"), LOOK),
        }
    }

    fn details(&self, cause: &str) -> Value {
        let (signal, code) = match self.exit {
            Some(Exit::Signal(signal)) => (Some(signal), None),
            Some(Exit::Code(code)) => (None, Some(code)),
            None => (None, None),
        };
        let mut details = json!({
            "cause": cause,
            "signal": signal,
            "signal_name": signal.map(|signal| signal_name(signal).0),
            "exit_code": code,
            "plugin": self.plugin,
            "action": self.action,
        });
        if let Some(last) = &self.progress {
            details["step"] = last.step.as_str().into();
            details["percent"] = last.percent.floor().into();
        }
        details["last_output"] = self.output.into();
        if let Some(record) = self.record {
            details["record"] = record.display().to_string().into();
        }
        details
    }
}

const LOOK: &str = "native code of the plugin, or of a library it uses, did this";
const TALKS: &str = "something in the plugin closes or writes to descriptors that are not its own";
const MEMORY: &str = "give it more with --memory, or let it use less";

/// Its name and what it means.
fn signal_name(signal: i32) -> (String, &'static str) {
    let (name, meaning) = match signal {
        libc::SIGSEGV => ("SEGV", "segmentation fault"),
        libc::SIGABRT => ("ABRT", "abort"),
        libc::SIGBUS => ("BUS", "bus error"),
        libc::SIGILL => ("ILL", "illegal instruction"),
        libc::SIGFPE => ("FPE", "arithmetic fault"),
        libc::SIGKILL => ("KILL", "killed"),
        libc::SIGTERM => ("TERM", "terminated"),
        libc::SIGINT => ("INT", "interrupted"),
        libc::SIGHUP => ("HUP", "hung up"),
        libc::SIGQUIT => ("QUIT", "quit"),
        libc::SIGPIPE => ("PIPE", "wrote to a closed pipe"),
        libc::SIGALRM => ("ALRM", "alarm"),
        libc::SIGSYS => ("SYS", "forbidden system call"),
        libc::SIGTRAP => ("TRAP", "trap"),
        libc::SIGXCPU => ("XCPU", "used more processor time than allowed"),
        libc::SIGXFSZ => ("XFSZ", "wrote a larger file than allowed"),
        other => return (format!("signal {other}"), "ended by a signal"),
    };
    (format!("SIG{name}"), meaning)
}

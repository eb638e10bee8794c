//! What each run of the command line leaves behind: one folder a run, in it
//! one file of JSON lines that is only ever appended to.
//!
//! ```text
//! $SYNAPSE_HOME/runs/20260131-120000-k3f9q/run.jsonl
//!   {"type":"start","id":…,"plugin":…,"sha256":…,"request":…,"params":…}
//!   {"event":"message",…}                      one line an event
//!   {"type":"gap","dropped":12,"bytes":3456}   where lines could not be written
//!   {"event":"message",…}
//!   {"type":"end","status":"succeeded","ms":1.25,"result":…}
//! ```
//!
//! Params, results and the like above 1 MiB lie beside it, as `params.json`,
//! `result.json` and so on. Of more than 4 MiB of events the last 1 to 2 MiB lie
//! beside it too, in `tail-1.jsonl` and so on, and what came between is counted.
//!
//! As long as a run goes on its process holds a lock on the file, which nobody
//! has to give back: a run without an end whose file is not locked has crashed.
//! That holds for every process and machine that shares the home, as far as the
//! file system has locks; a child that a plugin forked and left behind holds the
//! lock as well.
//!
//! A record that cannot be written never disturbs the run, and one that is
//! damaged is still listed and shown as far as it goes. Where a disk is full
//! the end of the run goes into blanks behind the first line, which are there
//! for that; a file system that never writes in place may not allow it.

mod event;
mod find;
mod follow;
mod full;
mod id;
mod line;
mod lines;
mod prune;
mod summary;
mod tail;
mod writer;

#[cfg(test)]
mod tests;

use std::path::Path;

use synapse_sdk::errors::ErrorKind;
use synapse_sdk::words::words;
use synapse_sdk::{Env, PluginError};

pub use crate::digest::sha256_of;
pub(crate) use event::parse as parse_event;
pub(crate) use find::find;
pub use follow::{Follower, Seen, follow};
pub use full::{FullRun, Gap, load};
pub(crate) use id::{all as all_ids, claim, fresh};
pub use prune::{keep_from_env, prune};
pub use summary::{RunSummary, list, list_where};
pub use writer::Recorder;

words! {
    /// How a run stands.
    Status {
        /// Its process holds the lock on its record and has not written an end.
        Running = "running",
        /// It gave a result.
        Succeeded = "succeeded",
        /// It gave an error.
        Failed = "failed",
        /// It was cancelled.
        Cancelled = "cancelled",
        /// It took longer than allowed.
        TimedOut = "timed_out",
        /// A signal ended it or its worker, or its process is gone without a word.
        Crashed = "crashed",
        /// Its record does not say what ran.
        Damaged = "damaged",
    }
}

impl Status {
    /// The status of a run that ended with `error`.
    pub fn of_error(error: &PluginError) -> Self {
        match error.kind() {
            ErrorKind::Cancelled => Self::Cancelled,
            ErrorKind::TimedOut => Self::TimedOut,
            ErrorKind::WorkerCrashed => Self::Crashed,
            _ => Self::Failed,
        }
    }
}

/// What is known when a run starts.
#[derive(Clone, Copy, Debug)]
pub struct RunStart<'a> {
    /// The plugin's code.
    pub plugin: &'a str,
    /// The plugin's version.
    pub version: &'a str,
    /// The action.
    pub action: &'a str,
    /// Where it runs, such as `local`.
    pub mode: &'a str,
    /// Path or code under which the plugin was asked for.
    pub target: &'a str,
    /// The library that runs.
    pub library: Option<&'a Path>,
    /// The library's digest; [`sha256_of`] gives it.
    pub sha256: Option<&'a str>,
    /// All else that was asked for, as JSON text, to run it again.
    pub request: Option<&'a str>,
    /// Nanoseconds since 1970-01-01 UTC.
    pub started: u64,
    /// Variables given for this call; never those of the process.
    pub env: &'a Env,
    /// JSON text.
    pub params: &'a str,
}

/// What is known when a run has ended.
#[derive(Clone, Copy, Debug)]
pub struct RunEnd<'a> {
    /// The result as JSON text, or the error, from whose kind the status follows.
    pub outcome: Result<&'a str, &'a PluginError>,
    /// JSON text of an object.
    pub metrics: &'a str,
    /// How long it ran, in milliseconds.
    pub ms: f64,
}

//! Runs one action for many rows of params.
//!
//! Rows are read as they are needed and results handed over as they come, so
//! that memory stays bounded however many there are.
//!
//! ```no_run
//! use serde_json::json;
//! use synapse_host::RunRequest;
//! use synapse_host::map::{MapRequest, RowOutcome, map};
//!
//! let request = MapRequest::new(RunRequest::new("examples/greet", "greet")).retries(2);
//! let rows = (0..1000).map(|n| json!({ "name": format!("guest {n}") }));
//! let summary = map(request, rows, |outcome: RowOutcome<'_>| match outcome.result {
//!     Ok(result) => println!("{} {result}", outcome.row),
//!     Err(error) => println!("{} failed: {error}", outcome.row),
//! })?;
//! assert_eq!(summary.succeeded + summary.failed, 1000);
//! # Ok::<(), synapse_sdk::PluginError>(())
//! ```

mod base;
mod chunk;
mod claim;
mod done;
mod engine;
mod flow;
mod local;
mod queued;
mod request;
mod results;
mod runner;
mod services;
mod source;
mod watch;

use std::time::Duration;

use serde::Serialize;
use synapse_sdk::PluginError;
use synapse_sdk::errors::Result;
use synapse_sdk::events::Event;

pub(crate) use base::Base;
pub(crate) use claim::Part;
pub(crate) use done::DoneRows;
pub(crate) use engine::{Sink, run};
pub use request::{Cancel, MapRequest};
pub(crate) use results::Results;
pub(crate) use runner::check_available;
use source::Items;
pub(crate) use source::JsonRows;

use crate::plugin_ref::Resolver;

/// Runs an action once for each row, on several threads, and hands over how
/// each row ended: in the order of the rows, unless the request says
/// otherwise or the map is stopped, which leaves gaps. Rows are anything that serialises to a JSON object of params;
/// they are taken from the iterator on a thread of its own, a little ahead of
/// the work. Returns when all rows have ended.
///
/// # Errors
/// What is wrong before any row runs: a mode that is not available, a plugin
/// that is not there, an action it does not have, a setup that failed. What
/// ends a map later stands in [`Summary::stopped`].
pub fn map<I>(request: MapRequest, rows: I, listener: impl Listener) -> Result<Summary>
where
    I: IntoIterator,
    I::Item: Serialize,
    I::IntoIter: Send + 'static,
{
    let run_request = &request.run;
    check_available(run_request.mode)?;
    let resolver = Resolver::default().profile(run_request.profile.clone());
    let plugin = { resolver }.resolve(&run_request.plugin, run_request.config.as_deref())?;
    let source = Box::new(Items::new(rows.into_iter()));
    run(&plugin, &request, source, DoneRows::default(), &mut engine::Told(listener))
}

/// What is told while a map runs, on the thread that called it. Any function
/// of a [`RowOutcome`] is a listener.
pub trait Listener {
    /// A row has ended.
    fn outcome(&mut self, outcome: RowOutcome<'_>);

    /// A row, or the setup of the action, has said something. Of what rows
    /// report only messages and log entries come here: warnings and worse
    /// ones, or [all](MapRequest::all_events).
    fn event(&mut self, row: Option<u64>, event: &Event<'_>) {
        let _ = (row, event);
    }

    /// Told every now and then how far the map is.
    fn progress(&mut self, progress: Progress) {
        let _ = progress;
    }
}

impl<F: FnMut(RowOutcome<'_>)> Listener for F {
    fn outcome(&mut self, outcome: RowOutcome<'_>) {
        self(outcome);
    }
}

/// How a row ended.
#[derive(Debug)]
pub struct RowOutcome<'a> {
    /// Which row, counted from 0.
    pub row: u64,
    /// The result as JSON, or why there is none after the last attempt.
    pub result: Result<&'a str>,
}

/// How far a map is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Rows that gave a result.
    pub succeeded: u64,
    /// Rows that failed.
    pub failed: u64,
    /// Rows that were left out because an earlier map has done them.
    pub skipped: u64,
    /// How many rows there are, once that is known.
    pub total: Option<u64>,
    /// Bytes of the input whose rows have ended.
    pub bytes: u64,
}

impl Progress {
    /// Rows that have ended.
    pub fn rows(&self) -> u64 {
        self.succeeded + self.failed + self.skipped
    }
}

/// How a map ended.
#[derive(Debug)]
pub struct Summary {
    /// Rows that gave a result.
    pub succeeded: u64,
    /// Rows that failed.
    pub failed: u64,
    /// Rows that were left out because an earlier map has done them.
    pub skipped: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// Why it ended before all rows had: it was cancelled, or what is left of
    /// the input cannot be read, or results cannot be written.
    pub stopped: Option<PluginError>,
}

impl Summary {
    /// Rows that have ended.
    pub fn rows(&self) -> u64 {
        self.succeeded + self.failed + self.skipped
    }
}

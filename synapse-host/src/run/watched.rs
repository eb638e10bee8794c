//! A run on the caller's thread that another thread watches.

use std::sync::Arc;
use std::time::Instant;

use synapse_sdk::errors::Result;
use synapse_sdk::events::Event;

use super::handle::{Cancel, Prepared, Reins};
use super::local::count_lost_thread;
use super::request::RunRequest;
use super::stream::Stream;
use crate::plugin::Plugin;

/// A run about to be executed where it was made.
pub(crate) struct Watched {
    run: Prepared,
    reins: WatchedReins,
}

/// What the watching thread holds.
#[derive(Clone)]
pub(crate) struct WatchedReins {
    stream: Arc<Stream>,
    cancel: Cancel,
}

impl Watched {
    pub(crate) fn prepare(plugin: &Plugin, request: &RunRequest) -> Result<Self> {
        let stream = Arc::new(Stream::listened());
        let run = Prepared::new(plugin, request, request.state_dir.clone(), None, Arc::clone(&stream))?;
        let cancel = Cancel::of(run.reins());
        Ok(Self { run, reins: WatchedReins { stream, cancel } })
    }

    pub(crate) fn reins(&self) -> WatchedReins {
        self.reins.clone()
    }

    /// Runs the action to its end. Its events wait to be taken.
    pub(crate) fn execute(&self) -> Result<String> {
        self.run.execute()
    }
}

impl WatchedReins {
    pub(crate) fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Ends a run that did not stop. True when only its thread could be left
    /// alone.
    pub(crate) fn give_up(&self, at_once: bool) -> bool {
        match self.cancel.reins() {
            Reins::Worker(stopper) => {
                stopper.kill(at_once);
                false
            }
            Reins::Ray(stopper) => {
                stopper.kill(at_once);
                false
            }
            Reins::Flag(_) => {
                self.stream.close();
                count_lost_thread();
                true
            }
        }
    }

    /// Takes the events there are.
    pub(crate) fn events(&self) -> Vec<Event<'static>> {
        let mut batch = Vec::new();
        self.stream.take(&mut batch, Some(Instant::now()));
        batch
    }
}

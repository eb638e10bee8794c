//! A run as a job on a cluster that is waited for.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use synapse_sdk::errors::Result;
use synapse_sdk::{ErrorKind, PluginError};

use super::jobs::{Jobs, Told};
use super::stopper::Stopper;
use crate::plugin::Plugin;
use crate::run::request::RunRequest;
use crate::run::stream::Stream;

/// How often it is looked whether the run was cancelled.
const LOOK: Duration = Duration::from_millis(50);

pub(in crate::run) struct JobRun {
    plugin: Plugin,
    request: RunRequest,
    stream: Arc<Stream>,
    stopper: Arc<Stopper>,
}

impl JobRun {
    pub(in crate::run) fn prepare(
        plugin: &Plugin,
        request: &RunRequest,
        stream: Arc<Stream>,
    ) -> Result<Self> {
        plugin.registered_name(&request.action)?;
        Ok(Self { plugin: plugin.clone(), request: request.clone(), stream, stopper: Arc::default() })
    }

    pub(in crate::run) fn stopper(&self) -> Arc<Stopper> {
        Arc::clone(&self.stopper)
    }

    /// Submits the job and waits for its end. One that is cancelled is stopped.
    pub(in crate::run) fn execute(&self) -> Result<String> {
        let jobs = Jobs::at(&self.request.ray.address)?;
        let id = jobs.submit(&self.plugin, &self.request)?;
        let told = jobs.follow(&id)?;
        let cancelled = self.stopper.flag();
        let mut stopped = false;
        loop {
            match told.recv_timeout(LOOK) {
                Ok(Told::Event(event)) => self.stream.push(*event),
                Ok(Told::Over(over)) => return over.map(|document| document["result"].to_string()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(PluginError::new(
                        ErrorKind::Remote,
                        format!("job {id} is not heard of any more"),
                    ));
                }
            }
            if !stopped && cancelled.load(Ordering::Relaxed) != 0 {
                stopped = true;
                jobs.stop(&id)?;
            }
        }
    }
}

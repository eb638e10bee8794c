//! Runs an action on a Ray cluster: mode `task`.
//!
//! An actor of Ray's, found by its name, keeps an [agent](crate::run::agent)
//! running, and the agent runs the action as an isolated run is run here. The
//! protocol is that of a worker, over an encrypted connection: straight to the
//! agent, whose address stands in the cluster's store, or through Ray Client.

mod actor;
mod ask;
mod calls;
mod deploy;
mod driver;
mod endpoints;
mod job_run;
mod jobs;
mod natives;
mod nodes;
mod options;
mod probe;
mod queues;
mod room;
mod sent;
mod stopper;
mod tunnel;

use std::path::PathBuf;
use std::sync::Arc;

use synapse_sdk::errors::Result;
use synapse_sdk::events::{Event, Level};
use synapse_sdk::services::{AgentClient, Client, RunInfo, Services};
use synapse_sdk::{Env, ErrorKind, PluginError};

pub(crate) use self::ask::Answered;
use self::calls::Target;
pub(crate) use self::deploy::EndpointOptions;
pub(crate) use self::endpoints::{Endpoint, Endpoints};
pub(super) use self::job_run::JobRun;
pub(crate) use self::jobs::{Jobs, Told};
pub use self::options::{RayOptions, RayPath};
pub(crate) use self::probe::{Probe, probe};
pub(crate) use self::queues::RayQueues;
pub(super) use self::stopper::Stopper;
use super::local::LocalServices;
use super::request::RunRequest;
use super::stream::Stream;
use crate::plugin::Plugin;

/// One run on a cluster.
pub(super) struct RayRun {
    target: Target,
    params: Arc<str>,
    services: Here,
    stream: Arc<Stream>,
    stopper: Arc<Stopper>,
    retries: u32,
}

impl RayRun {
    pub(super) fn prepare(
        plugin: &Plugin,
        request: &RunRequest,
        state_dir: Option<PathBuf>,
        stream: Arc<Stream>,
    ) -> Result<Self> {
        let stopper = Arc::<Stopper>::default();
        let env = plugin.env_under(&request.env);
        let services =
            LocalServices::new(request, Arc::clone(&env), state_dir, Arc::clone(&stream), stopper.flag());
        Ok(Self {
            target: Target::new(plugin, request, 0)?,
            params: Arc::clone(&request.params),
            services: Here { services: Arc::new(services), env },
            stream,
            stopper,
            retries: request.ray.retries,
        })
    }

    pub(super) fn stopper(&self) -> Arc<Stopper> {
        Arc::clone(&self.stopper)
    }

    /// Runs the action to its end, waiting on this thread.
    pub(super) fn execute(&self) -> Result<String> {
        let mut left = self.retries;
        let result = loop {
            let done = self.target.call(self.params.as_bytes(), &self.services, &self.stream, &self.stopper);
            match done {
                Err(error) if left > 0 && error.kind() == ErrorKind::WorkerCrashed => {
                    left -= 1;
                    let again = format!("{}; beginning again", error.message());
                    self.stream.push(Event::message(Level::Warning, &again));
                }
                done => break done?,
            }
        };
        String::from_utf8(result)
            .map_err(|_| PluginError::new(ErrorKind::Execution, "the plugin's result is not UTF-8"))
    }
}

/// What the action may ask of this process. The variables of this process are
/// its own: those of the run alone go to the cluster.
struct Here {
    services: Arc<dyn Services>,
    env: Arc<Env>,
}

impl Services for Here {
    fn emit(&self, event: Event<'_>) {
        self.services.emit(event);
    }

    fn is_cancelled(&self) -> bool {
        self.services.is_cancelled()
    }

    fn info(&self) -> Result<RunInfo> {
        Ok(RunInfo { env: Env::clone(&self.env), ..self.services.info()? })
    }

    fn work_dir(&self) -> Result<PathBuf> {
        self.services.work_dir()
    }

    fn save_state(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.services.save_state(key, bytes)
    }

    fn load_state(&self, key: &str) -> Result<Option<Vec<u8>>> {
        self.services.load_state(key)
    }

    fn client(&self) -> Option<&dyn Client> {
        self.services.client()
    }

    fn agent_client(&self) -> Option<&dyn AgentClient> {
        self.services.agent_client()
    }
}

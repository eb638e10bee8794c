//! Runs an action in this process.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use synapse_sdk::abi::host_side::Job;
use synapse_sdk::action::{Check, Checks};
use synapse_sdk::errors::Result;
use synapse_sdk::events::{Event, EventBody, Level};
use synapse_sdk::services::{AgentClient, Checkpoint, Client, RunInfo, Services};
use synapse_sdk::{Env, ErrorKind, PluginError, RunState};

use super::flight;
use super::request::RunRequest;
use super::stream::Stream;
use crate::plugin::Plugin;
use crate::store::RunStore;

static LOST: AtomicUsize = AtomicUsize::new(0);

/// How many threads of this process run actions that were told to stop, did
/// not, and were given up. A thread cannot be ended from outside.
pub fn lost_threads() -> usize {
    LOST.load(Ordering::Relaxed)
}

pub(crate) fn count_lost_thread() {
    LOST.fetch_add(1, Ordering::Relaxed);
}

/// One run in this process, and what its action may ask of us.
pub(super) struct LocalRun {
    plugin: Plugin,
    action: String,
    params: Arc<str>,
    strict_result: bool,
    services: Arc<LocalServices>,
    pub(super) cancelled: Arc<AtomicU32>,
}

impl LocalRun {
    pub(super) fn prepare(
        plugin: &Plugin,
        request: &RunRequest,
        state_dir: Option<PathBuf>,
        stream: Arc<Stream>,
    ) -> Result<Self> {
        let action = plugin.registered_name(&request.action)?.to_owned();
        let image = plugin.image();
        image.inspected.check_unwinds(&image.path)?;
        let cancelled = Arc::new(AtomicU32::new(0));
        let env = plugin.env_under(&request.env);
        let services = LocalServices::new(request, env, state_dir, stream, Arc::clone(&cancelled));
        Ok(Self {
            plugin: plugin.clone(),
            action,
            params: Arc::clone(&request.params),
            strict_result: request.strict_result,
            services: Arc::new(services),
            cancelled,
        })
    }

    /// Checks the params, running nothing but the author's own checks.
    pub(super) fn validate(&self) -> Result<()> {
        let services = Arc::clone(&self.services) as Arc<dyn Services>;
        let job = Job::open(services, Arc::clone(&self.cancelled));
        self.plugin.image().plugin()?.validate(&self.action, self.params.as_bytes(), &job)
    }

    /// Runs the action to its end on this thread.
    pub(super) fn execute(&self) -> Result<String> {
        let services = Arc::clone(&self.services) as Arc<dyn Services>;
        let job = Job::open(services, Arc::clone(&self.cancelled));
        let _flight = InFlight::begin(&self.plugin.config().code, &self.action);
        let instance = self.plugin.image().instance(&self.action, &self.services.env, &job)?;
        let checks = Checks { params: Check::Needed, strict_result: self.strict_result };
        let result = instance.invoke(self.params.as_bytes(), checks, &job)?;
        let text = std::str::from_utf8(&result);
        let text =
            text.map_err(|_| PluginError::new(ErrorKind::Execution, "the plugin's result is not UTF-8"))?;
        Ok(text.to_owned())
    }
}

/// Notes that an action is running, for as long as this lives.
pub(crate) struct InFlight;

impl InFlight {
    pub(crate) fn begin(plugin: &str, action: &str) -> Self {
        flight::begin(plugin, action);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        flight::end();
    }
}

/// What an action may ask of this process, wherever it runs.
pub(super) struct LocalServices {
    stream: Arc<Stream>,
    cancelled: Arc<AtomicU32>,
    job_id: Option<String>,
    checkpoint: Option<Checkpoint>,
    /// Of the call and of config.yaml; the process's own are added when asked for.
    env: Arc<Env>,
    state: RunState,
    store: Option<PathBuf>,
    client: OnceLock<Option<RunStore>>,
    attempt: OnceLock<u32>,
}

impl Services for LocalServices {
    fn emit(&self, event: Event<'_>) {
        if let EventBody::Progress(progress) = &event.body {
            flight::progress(event.step.as_deref().unwrap_or_default(), progress.percent);
        }
        self.stream.push(event);
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) != 0
    }

    fn info(&self) -> Result<RunInfo> {
        Ok(RunInfo {
            job_id: self.job_id.clone(),
            attempt: self.attempt(),
            env: Env::clone(&self.env).over(&Env::from_process()),
            checkpoint: self.checkpoint.clone(),
            has_client: RunStore::is_there(self.store.as_ref()),
            has_agent_client: false,
        })
    }

    fn work_dir(&self) -> Result<PathBuf> {
        self.state.dir().work_dir()
    }

    fn save_state(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.state.dir().save(key, bytes)
    }

    fn load_state(&self, key: &str) -> Result<Option<Vec<u8>>> {
        self.state.dir().load(key)
    }

    fn client(&self) -> Option<&dyn Client> {
        let open = || {
            let stream = Arc::clone(&self.stream);
            RunStore::open(self.store.as_deref(), move |text| {
                let body = EventBody::Message { level: Level::Info, text: text.into() };
                stream.push(Event::now(None, body));
            })
        };
        self.client.get_or_init(open).as_ref().map(|client| client as &dyn Client)
    }

    fn agent_client(&self) -> Option<&dyn AgentClient> {
        None
    }
}

impl LocalServices {
    pub(super) fn new(
        request: &RunRequest,
        env: Arc<Env>,
        state_dir: Option<PathBuf>,
        stream: Arc<Stream>,
        cancelled: Arc<AtomicU32>,
    ) -> Self {
        Self {
            stream,
            cancelled,
            job_id: request.job_id.clone(),
            checkpoint: request.checkpoint.clone(),
            env,
            state: RunState::new(state_dir),
            store: request.store.clone(),
            client: OnceLock::new(),
            attempt: OnceLock::new(),
        }
    }

    /// Attempts are counted only where state outlives the run.
    fn attempt(&self) -> u32 {
        *self.attempt.get_or_init(|| match &self.state {
            RunState::Named(dir) => dir.next_attempt().unwrap_or(1),
            RunState::Temporary(_) => 1,
        })
    }
}

//! Runs rows in this process.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use synapse_sdk::abi::host_side::{Job, PluginInstance};
use synapse_sdk::abi::layout::OwnedBuf;
use synapse_sdk::action::{Check, Checks};
use synapse_sdk::errors::{Result, TimedOut};
use synapse_sdk::events::{Event, EventBody, Level};
use synapse_sdk::services::{AgentClient, Checkpoint, Client, RunInfo, Services};
use synapse_sdk::{Env, ErrorKind, PluginError, RunState, StateDir};

use super::claim::{Claim, Common};
use super::flow::Flow;
use super::request::MapRequest;
use super::runner::{After, MakeRunner, RowRunner};
use super::watch::{Attempt, Watch};
use crate::plugin::Plugin;
use crate::run::InFlight;

/// What all threads share.
struct Action {
    plugin: Plugin,
    name: String,
    instance: Arc<PluginInstance>,
    checks: Checks,
    timeout: Option<Duration>,
    services: ServicesOfAll,
}

/// What services of each thread begin as.
#[derive(Clone)]
struct ServicesOfAll {
    flow: Arc<Flow>,
    env: Arc<Env>,
    job_id: Option<String>,
    checkpoint: Option<Checkpoint>,
    all_events: bool,
}

/// Makes the action's object, once for all rows.
pub(super) fn prepare(plugin: &Plugin, request: &MapRequest, flow: &Arc<Flow>) -> Result<Box<MakeRunner>> {
    plugin.image().inspected.check_unwinds(&plugin.image().path)?;
    let run = &request.run;
    let registered = plugin.registered_name(&run.action)?;
    let env = plugin.env_under(&run.env);
    let services = ServicesOfAll {
        flow: Arc::clone(flow),
        env: Arc::clone(&env),
        job_id: run.job_id.clone(),
        checkpoint: run.checkpoint.clone(),
        all_events: request.all_events,
    };
    let cancelled = Arc::<AtomicU32>::default();
    let setup = Job::open(RowServices::new(&services, &cancelled), cancelled);
    let instance = {
        let _flight = InFlight::begin(&plugin.config().code, registered);
        plugin.image().instance(registered, &env, &setup)?
    };
    let action = Arc::new(Action {
        plugin: plugin.clone(),
        name: registered.to_owned(),
        instance,
        checks: Checks { params: Check::Needed, strict_result: run.strict_result },
        timeout: run.timeout,
        services,
    });
    // The object may keep what its setup was given, so the job stays as long.
    let setup = Arc::new(setup);
    Ok(Box::new(move |watch| {
        let _ = &setup;
        Box::new(LocalRows::new(&action, watch))
    }))
}

/// One thread.
struct LocalRows {
    action: Arc<Action>,
    watch: Arc<Watch>,
    services: Arc<RowServices>,
    job: Job,
    _flight: InFlight,
}

impl LocalRows {
    fn new(action: &Arc<Action>, watch: &Arc<Watch>) -> Self {
        let services = RowServices::new(&action.services, &watch.flag());
        let job = Job::open(Arc::clone(&services) as Arc<dyn Services>, watch.flag());
        let flight = InFlight::begin(&action.plugin.config().code, &action.name);
        Self { action: Arc::clone(action), watch: Arc::clone(watch), services, job, _flight: flight }
    }

    /// All attempts of a row. `None` when nobody waits for it any more.
    fn run_row(&self, params: &[u8], common: &Common) -> Option<Result<OwnedBuf>> {
        let mut attempt = 1;
        loop {
            self.services.attempt.store(attempt, Ordering::Relaxed);
            let stopped = || self.services.all.flow.is_stopped();
            match self.attempt(params)? {
                Err(error) if common.tries_again(&error, attempt) && !stopped() => attempt += 1,
                result => return Some(result),
            }
        }
    }

    fn attempt(&self, params: &[u8]) -> Option<Result<OwnedBuf>> {
        let invoke = || self.action.instance.invoke(params, self.action.checks, &self.job);
        let Some(timeout) = self.action.timeout else { return Some(invoke()) };
        self.watch.begin();
        let result = invoke();
        match self.watch.end() {
            Attempt::Lost => None,
            Attempt::InTime => Some(result),
            Attempt::TimedOut => Some(result.map_err(|error| match error.kind() {
                ErrorKind::Cancelled => timed_out(timeout),
                _ => error,
            })),
        }
    }
}

impl RowRunner for LocalRows {
    fn run(&mut self, claim: &mut Claim<'_>) -> After {
        let common = claim.common();
        while let Some(row) = claim.next() {
            self.services.row.store(row.number, Ordering::Relaxed);
            let ended = match row.params {
                Ok(params) => self.run_row(params, common),
                Err(error) => Some(Err(error)),
            };
            let Some(result) = ended else { return After::GivenUp };
            self.services.forget_state();
            claim.end(result.as_deref());
        }
        After::GoOn
    }
}

/// The row took too long.
pub(super) fn timed_out(timeout: Duration) -> PluginError {
    TimedOut::new(format!("the row took longer than {}", humantime::format_duration(timeout)))
}

const NO_ROW: u64 = u64::MAX;

/// What rows of one thread may ask for.
struct RowServices {
    all: ServicesOfAll,
    cancelled: Arc<AtomicU32>,
    row: AtomicU64,
    attempt: AtomicU32,
    state: Mutex<Option<RunState>>,
}

impl RowServices {
    fn new(all: &ServicesOfAll, cancelled: &Arc<AtomicU32>) -> Arc<Self> {
        Arc::new(Self {
            all: all.clone(),
            cancelled: Arc::clone(cancelled),
            row: AtomicU64::new(NO_ROW),
            attempt: AtomicU32::new(1),
            state: Mutex::default(),
        })
    }

    /// State lasts for the attempts of a row.
    fn forget_state(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn state(&self) -> StateDir {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.get_or_insert_with(|| RunState::new(None)).dir().clone()
    }

    fn is_shown(&self, body: &EventBody<'_>) -> bool {
        match body {
            EventBody::Message { level, .. } | EventBody::Log { level, .. } => {
                self.all.all_events || *level >= Level::Warning
            }
            _ => false,
        }
    }
}

impl Services for RowServices {
    fn emit(&self, event: Event<'_>) {
        if self.is_shown(&event.body) {
            let row = self.row.load(Ordering::Relaxed);
            self.all.flow.say((row != NO_ROW).then_some(row), event);
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) != 0
    }

    fn info(&self) -> Result<RunInfo> {
        Ok(RunInfo {
            job_id: self.all.job_id.clone(),
            attempt: self.attempt.load(Ordering::Relaxed),
            env: Env::clone(&self.all.env).over(&Env::from_process()),
            checkpoint: self.all.checkpoint.clone(),
            has_client: false,
            has_agent_client: false,
        })
    }

    fn work_dir(&self) -> Result<PathBuf> {
        self.state().work_dir()
    }

    fn save_state(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.state().save(key, bytes)
    }

    fn load_state(&self, key: &str) -> Result<Option<Vec<u8>>> {
        self.state().load(key)
    }

    fn client(&self) -> Option<&dyn Client> {
        None
    }

    fn agent_client(&self) -> Option<&dyn AgentClient> {
        None
    }
}

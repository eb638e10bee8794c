//! Runs an action in a worker process.
//!
//! Who owns what: the [`pool`] keeps workers warm; a [`Worker`](worker::Worker)
//! is a child process, the [`Link`](link::Link) to it, and a thread that
//! watches it, reads what it prints and knows first that it has ended. The
//! thread of a run sends the invocation and waits for the answer; of all that
//! wait at one worker, one reads frames for all.

mod fault;
mod limits;
mod link;
mod output;
mod pool;
mod process;
mod queue;
mod quota;
mod worker;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use synapse_sdk::errors::Result;
use synapse_sdk::services::Services;
use synapse_sdk::{Env, PluginError};

use super::local::LocalServices;
use super::request::RunRequest;
use super::stream::Stream;
use crate::plugin::Plugin;
use crate::worker::protocol::{Kind, STRICT_RESULT};
pub(super) use limits::Limits;
pub(crate) use link::QueueListener;
pub(super) use link::{Call, LastProgress, Link, Message, Receiver};
pub use pool::end_idle_workers_after;
pub(super) use pool::share_workers;
pub(super) use queue::QueueWorker;
pub(crate) use queue::{LocalQueues, Next, Queue, QueueReins, Queues};
pub(crate) use quota::no_quota_because;
pub(crate) use worker::ENDED;
use worker::{Attempt, Worker};

/// One run in a worker.
pub(super) struct IsolatedRun {
    plugin: Plugin,
    action: String,
    params: Arc<str>,
    strict_result: bool,
    env: Arc<Env>,
    limits: Limits,
    services: Arc<dyn Services>,
    stream: Arc<Stream>,
    record: Option<PathBuf>,
    stopper: Arc<Stopper>,
}

/// What a run is made of, for those who have it at hand.
pub(super) struct Parts {
    pub(super) plugin: Plugin,
    /// The name it was registered under.
    pub(super) action: String,
    pub(super) params: Arc<str>,
    pub(super) strict_result: bool,
    pub(super) env: Arc<Env>,
    pub(super) limits: Limits,
    pub(super) services: Arc<dyn Services>,
    pub(super) stream: Arc<Stream>,
}

impl IsolatedRun {
    pub(super) fn of(parts: Parts) -> Self {
        let Parts { plugin, action, params, strict_result, env, limits, services, stream } = parts;
        let (record, stopper) = (None, Arc::default());
        Self { plugin, action, params, strict_result, env, limits, services, stream, record, stopper }
    }

    pub(super) fn prepare(
        plugin: &Plugin,
        request: &RunRequest,
        state_dir: Option<PathBuf>,
        record: Option<PathBuf>,
        stream: Arc<Stream>,
    ) -> Result<Self> {
        let action = plugin.registered_name(&request.action)?.to_owned();
        let limits = Limits::of(&request.resources)?;
        let env = limits.env_over(plugin.env_under(&request.env));
        let stopper = Arc::<Stopper>::default();
        let cancelled = Arc::clone(&stopper.cancelled);
        let services =
            LocalServices::new(request, Arc::clone(&env), state_dir, Arc::clone(&stream), cancelled);
        Ok(Self {
            plugin: plugin.clone(),
            action,
            params: Arc::clone(&request.params),
            strict_result: request.strict_result,
            env,
            limits,
            services: Arc::new(services),
            stream,
            record,
            stopper,
        })
    }

    pub(super) fn stopper(&self) -> Arc<Stopper> {
        Arc::clone(&self.stopper)
    }

    /// Whether it was told to stop.
    pub(super) fn is_cancelled(&self) -> bool {
        self.stopper.cancelled.load(Ordering::Relaxed) != 0
    }

    /// Runs the action to its end, waiting on this thread.
    pub(super) fn execute(&self) -> Result<String> {
        self.ask(Kind::Invoke, if self.strict_result { STRICT_RESULT } else { 0 })
    }

    /// Checks the params, running nothing but the author's own checks.
    pub(super) fn validate(&self) -> Result<()> {
        self.ask(Kind::Validate, 0).map(drop)
    }

    /// Makes the action's object, for calls that come.
    pub(super) fn instantiate(&self) -> Result<()> {
        self.ask(Kind::Instantiate, 0).map(drop)
    }

    fn ask(&self, kind: Kind, flags: u16) -> Result<String> {
        let invocation = worker::Invocation {
            kind,
            flags,
            plugin: &self.plugin.config().code,
            action: &self.action,
            params: if kind == Kind::Instantiate { &[] } else { self.params.as_bytes() },
            services: &*self.services,
            stream: &self.stream,
            record: self.record.as_deref(),
            stopper: &self.stopper,
        };
        // A worker may die while it waits for work: then another one is asked.
        for _ in 0..3 {
            let lease = pool::lease(&self.plugin, &self.env, &self.limits)?;
            if let Attempt::Done(result) = lease.worker().call(&invocation) {
                return result;
            }
        }
        Err(no_worker_stays())
    }
}

fn no_worker_stays() -> PluginError {
    PluginError::new(synapse_sdk::ErrorKind::WorkerCrashed, "three workers died before they took the call")
        .hint("look at what ends processes on this machine, such as a lack of memory")
}

/// Stops a run in a worker.
#[derive(Default)]
pub(super) struct Stopper {
    pub(super) cancelled: Arc<AtomicU32>,
    state: Mutex<Stopping>,
}

#[derive(Default)]
struct Stopping {
    killed: bool,
    /// Where the run is, and its number there.
    at: Option<(Arc<Worker>, u64)>,
}

impl Stopper {
    /// Tells the action to stop.
    pub(super) fn cancel(&self) {
        self.cancelled.store(1, Ordering::Relaxed);
        if let Some((worker, id)) = &self.lock().at {
            worker.cancel(*id);
        }
    }

    /// Ends the worker: after being asked to, or `at_once`.
    pub(super) fn kill(&self, at_once: bool) {
        let mut state = self.lock();
        state.killed = true;
        if let Some((worker, _)) = &state.at {
            worker.stop(at_once);
        }
    }

    fn was_killed(&self) -> bool {
        self.lock().killed
    }

    fn begin(&self, worker: &Arc<Worker>, id: u64) {
        let mut state = self.lock();
        state.at = Some((Arc::clone(worker), id));
        if self.cancelled.load(Ordering::Relaxed) != 0 {
            worker.cancel(id);
        }
        if state.killed {
            worker.stop(true);
        }
    }

    fn end(&self) {
        self.lock().at = None;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Stopping> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! What rows may ask for, wherever they run.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use synapse_sdk::errors::Result;
use synapse_sdk::events::{Event, EventBody, Level};
use synapse_sdk::services::{AgentClient, Checkpoint, Client, RunInfo, Services};
use synapse_sdk::{Env, RunState, StateDir};

use super::flow::Flow;
use super::request::MapRequest;
use crate::run::Mode;
use crate::store::RunStore;

/// What services of each thread begin as.
#[derive(Clone)]
pub(super) struct ServicesOfAll {
    flow: Arc<Flow>,
    env: Arc<Env>,
    job_id: Option<String>,
    checkpoint: Option<Checkpoint>,
    store: Option<PathBuf>,
    client: Arc<OnceLock<Option<RunStore>>>,
    all_events: bool,
    /// Rows run on another machine, which has variables of its own.
    elsewhere: bool,
}

impl ServicesOfAll {
    pub(super) fn new(request: &MapRequest, flow: &Arc<Flow>, env: &Arc<Env>) -> Self {
        Self {
            flow: Arc::clone(flow),
            env: Arc::clone(env),
            job_id: request.run.job_id.clone(),
            checkpoint: request.run.checkpoint.clone(),
            store: request.run.store.clone(),
            client: Arc::default(),
            all_events: request.all_events,
            elsewhere: request.run.mode == Mode::Task,
        }
    }
}

const NO_ROW: u64 = u64::MAX;

/// What rows of one thread may ask for.
pub(super) struct RowServices {
    all: ServicesOfAll,
    cancelled: Arc<AtomicU32>,
    row: AtomicU64,
    attempt: AtomicU32,
    state: Mutex<Option<RunState>>,
}

impl RowServices {
    pub(super) fn new(all: &ServicesOfAll, cancelled: &Arc<AtomicU32>) -> Arc<Self> {
        Arc::new(Self {
            all: all.clone(),
            cancelled: Arc::clone(cancelled),
            row: AtomicU64::new(NO_ROW),
            attempt: AtomicU32::new(1),
            state: Mutex::default(),
        })
    }

    /// What is asked and said from now on is this row's.
    pub(super) fn begin_row(&self, number: u64) {
        self.row.store(number, Ordering::Relaxed);
    }

    /// Counted from 1.
    pub(super) fn begin_attempt(&self, attempt: u32) {
        self.attempt.store(attempt, Ordering::Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.all.flow.is_stopped()
    }

    /// State lasts for the attempts of a row: what the row has saved so far.
    pub(super) fn take_state(&self) -> Option<RunState> {
        self.lock_state().take()
    }

    /// The state of a row that is tried again.
    pub(super) fn put_state(&self, state: Option<RunState>) {
        *self.lock_state() = state;
    }

    fn lock_state(&self) -> std::sync::MutexGuard<'_, Option<RunState>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> StateDir {
        let mut state = self.lock_state();
        state.get_or_insert_with(|| RunState::new(None)).dir().clone()
    }

    /// Tells what the row has said.
    pub(super) fn say(&self, event: Event<'_>) {
        let row = self.row.load(Ordering::Relaxed);
        self.all.flow.say((row != NO_ROW).then_some(row), event);
    }

    pub(super) fn is_shown(&self, body: &EventBody<'_>) -> bool {
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
            self.say(event);
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) != 0
    }

    fn info(&self) -> Result<RunInfo> {
        let own = Env::clone(&self.all.env);
        Ok(RunInfo {
            job_id: self.all.job_id.clone(),
            attempt: self.attempt.load(Ordering::Relaxed),
            env: if self.all.elsewhere { own } else { own.over(&Env::from_process()) },
            checkpoint: self.all.checkpoint.clone(),
            has_client: RunStore::is_there(self.all.store.as_ref()),
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
        // Of a map only what is wrong is shown, so it is not said that this is
        // no backend.
        let open = || RunStore::open(self.all.store.as_deref(), |_| ());
        self.all.client.get_or_init(open).as_ref().map(|client| client as &dyn Client)
    }

    fn agent_client(&self) -> Option<&dyn AgentClient> {
        None
    }
}

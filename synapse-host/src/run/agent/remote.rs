//! An invocation in an agent, and what its action may ask: the host, but for
//! folders of a run that shares none, which are of this machine.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use synapse_sdk::errors::{Result, ResultExt};
use synapse_sdk::events::Event;
use synapse_sdk::services::{AgentClient, Client, RunInfo, Services};
use synapse_sdk::{Env, RunState};

use super::connection::Connection;
use super::place::Place;
use crate::run::stream::{OnRoom, Sink};
use crate::worker::host_services::{HostServices, ToHost};

pub(super) struct Remote {
    id: u64,
    connection: Arc<Connection>,
    paused: AtomicBool,
    on_room: Mutex<Option<OnRoom>>,
    /// Work files stay on this machine, and go with the run.
    work: Mutex<Option<RunState>>,
    host: HostServices<Arc<Connection>>,
}

impl Remote {
    pub(super) fn new(id: u64, connection: &Arc<Connection>) -> Self {
        Self {
            id,
            connection: Arc::clone(connection),
            paused: AtomicBool::new(false),
            on_room: Mutex::default(),
            work: Mutex::default(),
            host: HostServices::new(id, Arc::clone(connection)),
        }
    }

    /// The listener is slow: the next event makes the action wait.
    pub(super) fn pause(&self) {
        self.paused.store(true, Ordering::Release);
    }

    pub(super) fn resume(&self) {
        self.paused.store(false, Ordering::Release);
        let waiting = self.on_room.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(tell) = waiting {
            tell();
        }
    }
}

impl Sink for Remote {
    fn take(&self, event: &Event<'_>) -> bool {
        self.connection.event(self.id, event);
        let waits = self.on_room.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        self.paused.load(Ordering::Acquire) && !waits
    }

    fn on_room(&self, tell: OnRoom) {
        *self.on_room.lock().unwrap_or_else(PoisonError::into_inner) = Some(tell);
        if !self.paused.load(Ordering::Acquire) {
            self.resume();
        }
    }
}

impl ToHost for Arc<Connection> {
    const WHOSE: &'static str = "run";

    fn ask(&self, invocation: u64, service: &str, request: &[u8], body: &[u8]) -> Result<(i32, Vec<u8>)> {
        Connection::ask(self, invocation, service, request, body)
    }
}

impl Services for Remote {
    fn emit(&self, event: Event<'_>) {
        self.connection.event(self.id, &event);
    }

    fn is_cancelled(&self) -> bool {
        // The worker is told by its own frame.
        false
    }

    fn info(&self) -> Result<RunInfo> {
        let mut info = self.host.info()?;
        info.env = self.connection.place().env(info.env).over(&Env::from_process());
        Ok(info)
    }

    fn work_dir(&self) -> Result<PathBuf> {
        let of_host = || -> Result<PathBuf> {
            let folder = self.host.ask("work_dir/1", &Value::Null, &[])?.unwrap_or_default();
            Ok(PathBuf::from(String::from_utf8_lossy(&folder).into_owned()))
        };
        match self.connection.place() {
            Place::Here => of_host(),
            Place::Away(mirror) => {
                let folder = mirror.folder().counterpart(mirror.root(), &of_host()?);
                fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
                Ok(folder)
            }
            Place::Nowhere => {
                let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
                work.get_or_insert_with(|| RunState::new(None)).dir().work_dir()
            }
        }
    }

    fn save_state(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.host.save_state(key, bytes)
    }

    fn load_state(&self, key: &str) -> Result<Option<Vec<u8>>> {
        self.host.load_state(key)
    }

    fn client(&self) -> Option<&dyn Client> {
        self.host.client()
    }

    fn agent_client(&self) -> Option<&dyn AgentClient> {
        self.host.agent_client()
    }
}

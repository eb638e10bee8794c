//! An invocation in an agent, and what its action may ask: the host, but for
//! folders, which are of this machine.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::{Value, json};
use synapse_sdk::abi::layout::{ABSENT, FAILED, OK, UNSUPPORTED};
use synapse_sdk::errors::Result;
use synapse_sdk::events::Event;
use synapse_sdk::services::{AgentClient, Client, RunInfo, Services};
use synapse_sdk::{Env, ErrorKind, PluginError, RunState};

use super::connection::Connection;
use crate::run::stream::{OnRoom, Sink};

pub(super) struct Remote {
    id: u64,
    connection: Arc<Connection>,
    paused: AtomicBool,
    on_room: Mutex<Option<OnRoom>>,
    /// Work files stay on this machine, and go with the run.
    work: Mutex<Option<RunState>>,
    clients: OnceLock<(Option<Forwarding>, Option<Forwarding>)>,
}

impl Remote {
    pub(super) fn new(id: u64, connection: &Arc<Connection>) -> Self {
        Self {
            id,
            connection: Arc::clone(connection),
            paused: AtomicBool::new(false),
            on_room: Mutex::default(),
            work: Mutex::default(),
            clients: OnceLock::new(),
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

    fn ask(&self, service: &'static str, request: &Value, body: &[u8]) -> Result<Option<Vec<u8>>> {
        ask(&self.connection, self.id, service, request, body)
    }

    fn clients(&self) -> &(Option<Forwarding>, Option<Forwarding>) {
        self.clients.get_or_init(|| {
            let info = self.info().unwrap_or_default();
            let forwarding =
                |service| Forwarding { id: self.id, service, connection: Arc::clone(&self.connection) };
            let backend = info.has_client.then(|| forwarding("client.request/1"));
            (backend, info.has_agent_client.then(|| forwarding("agent.request/1")))
        })
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

/// `None` when the host answers that there is nothing of that name.
fn ask(
    connection: &Arc<Connection>,
    invocation: u64,
    service: &str,
    request: &Value,
    body: &[u8],
) -> Result<Option<Vec<u8>>> {
    match connection.ask(invocation, service, request.to_string().as_bytes(), body)? {
        (OK, bytes) => Ok(Some(bytes)),
        (ABSENT, _) => Ok(None),
        (FAILED, bytes) => Err(PluginError::from_json(&bytes)),
        (UNSUPPORTED, _) => {
            let message = format!("the host of this run does not offer the service {service}");
            Err(PluginError::new(ErrorKind::Unsupported, message).hint("run it with a newer synapse"))
        }
        (other, _) => {
            let message = format!("the host answered {service} with status {other}");
            Err(PluginError::new(ErrorKind::Internal, message))
        }
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
        let mut info: RunInfo = match self.ask("run.info/1", &Value::Null, &[])? {
            Some(bytes) => serde_json::from_slice(&bytes)?,
            None => RunInfo::default(),
        };
        info.env = info.env.over(&Env::from_process());
        Ok(info)
    }

    fn work_dir(&self) -> Result<PathBuf> {
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        work.get_or_insert_with(|| RunState::new(None)).dir().work_dir()
    }

    fn save_state(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.ask("state.save/1", &json!({ "key": key }), bytes).map(drop)
    }

    fn load_state(&self, key: &str) -> Result<Option<Vec<u8>>> {
        self.ask("state.load/1", &json!({ "key": key }), &[])
    }

    fn client(&self) -> Option<&dyn Client> {
        self.clients().0.as_ref().map(|client| client as &dyn Client)
    }

    fn agent_client(&self) -> Option<&dyn AgentClient> {
        self.clients().1.as_ref().map(|client| client as &dyn AgentClient)
    }
}

/// A client of the host's.
struct Forwarding {
    id: u64,
    service: &'static str,
    connection: Arc<Connection>,
}

impl Forwarding {
    fn forward(&self, operation: &str, body: &Value) -> Result<Value> {
        let request = json!({ "operation": operation, "body": body });
        match ask(&self.connection, self.id, self.service, &request, &[])? {
            Some(answer) => Ok(serde_json::from_slice(&answer)?),
            None => Ok(Value::Null),
        }
    }
}

impl Client for Forwarding {
    fn request(&self, operation: &str, body: &Value) -> Result<Value> {
        self.forward(operation, body)
    }
}

impl AgentClient for Forwarding {
    fn request(&self, operation: &str, body: &Value) -> Result<Value> {
        self.forward(operation, body)
    }
}

//! An invocation in the worker, and what its action may ask.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::{Value, json};
use synapse_sdk::abi::layout::{ABSENT, FAILED, OK, UNSUPPORTED};
use synapse_sdk::errors::Result;
use synapse_sdk::events::Event;
use synapse_sdk::services::{AgentClient, Client, RunInfo, Services};
use synapse_sdk::{ErrorKind, PluginError};

use super::Worker;
use crate::worker::protocol::{Kind, ServiceCall};

/// Service calls that the host has not answered yet.
#[derive(Default)]
pub(super) struct OpenCalls {
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, Arc<Reply>>>,
}

#[derive(Default)]
struct Reply {
    answer: Mutex<Option<(i32, Vec<u8>)>>,
    there: Condvar,
}

impl OpenCalls {
    fn open(&self) -> (u64, Arc<Reply>) {
        let (number, reply) = (self.next.fetch_add(1, Ordering::Relaxed) + 1, Arc::<Reply>::default());
        lock(&self.waiting).insert(number, Arc::clone(&reply));
        (number, reply)
    }

    /// Hands an answer to who waits for it. Answers to nothing are passed over.
    pub(super) fn answer(&self, number: u64, status: i32, bytes: &[u8]) {
        let Some(reply) = lock(&self.waiting).remove(&number) else { return };
        *lock(&reply.answer) = Some((status, bytes.to_vec()));
        reply.there.notify_one();
    }
}

impl Reply {
    fn wait(&self) -> (i32, Vec<u8>) {
        let mut answer = lock(&self.answer);
        loop {
            if let Some(answer) = answer.take() {
                return answer;
            }
            answer = self.there.wait(answer).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// One invocation.
pub(super) struct Invocation {
    pub(super) id: u64,
    pub(super) cancelled: Arc<AtomicU32>,
    worker: Arc<Worker>,
    /// Looked at before each event, so the lock is taken only when it is set.
    is_paused: AtomicBool,
    paused: Mutex<bool>,
    resumed: Condvar,
    clients: OnceLock<(Option<Forwarding>, Option<Forwarding>)>,
}

impl Invocation {
    pub(super) fn new(id: u64, worker: &Arc<Worker>) -> Self {
        Self {
            id,
            cancelled: Arc::default(),
            worker: Arc::clone(worker),
            is_paused: AtomicBool::new(false),
            paused: Mutex::default(),
            resumed: Condvar::new(),
            clients: OnceLock::new(),
        }
    }

    /// Its events have nowhere to go for now, or have again.
    pub(super) fn pause(&self, paused: bool) {
        *lock(&self.paused) = paused;
        self.is_paused.store(paused, Ordering::Release);
        self.resumed.notify_all();
    }

    fn wait_while_paused(&self) {
        self.worker.need_reader();
        let mut paused = lock(&self.paused);
        while *paused {
            paused = self.resumed.wait(paused).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn forwarding(&self, service: &'static str) -> Forwarding {
        Forwarding { id: self.id, service, worker: Arc::clone(&self.worker) }
    }

    fn ask(&self, service: &'static str, request: &Value, body: &[u8]) -> Result<Option<Vec<u8>>> {
        ask(&self.worker, self.id, service, request, body)
    }

    fn clients(&self) -> &(Option<Forwarding>, Option<Forwarding>) {
        self.clients.get_or_init(|| {
            let info = self.info().unwrap_or_default();
            let backend = info.has_client.then(|| self.forwarding("client.request/1"));
            (backend, info.has_agent_client.then(|| self.forwarding("agent.request/1")))
        })
    }
}

/// `None` when the host answers that there is nothing of that name.
fn ask(
    worker: &Arc<Worker>,
    invocation: u64,
    service: &str,
    request: &Value,
    body: &[u8],
) -> Result<Option<Vec<u8>>> {
    let request = request.to_string();
    let call = ServiceCall { invocation, service, request: request.as_bytes(), body };
    let (number, reply) = worker.calls.open();
    worker.outbox.send(Kind::Call, number, &[&call.head(), body]);
    worker.need_reader();
    match reply.wait() {
        (OK, bytes) => Ok(Some(bytes)),
        (ABSENT, _) => Ok(None),
        (FAILED, bytes) => Err(PluginError::from_json(&bytes)),
        (UNSUPPORTED, _) => {
            let message = format!("the host of this worker does not offer the service {service}");
            Err(PluginError::new(ErrorKind::Unsupported, message).hint("run it with a newer synapse"))
        }
        (other, _) => {
            let message = format!("the host answered {service} with status {other}");
            Err(PluginError::new(ErrorKind::Internal, message))
        }
    }
}

impl Services for Invocation {
    fn emit(&self, event: Event<'_>) {
        if self.is_paused.load(Ordering::Acquire) {
            self.wait_while_paused();
        }
        self.worker.outbox.event(self.id, &event);
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) != 0
    }

    fn info(&self) -> Result<RunInfo> {
        match self.ask("run.info/1", &Value::Null, &[])? {
            Some(bytes) => Ok(serde_json::from_slice(&bytes)?),
            None => Ok(RunInfo::default()),
        }
    }

    fn work_dir(&self) -> Result<PathBuf> {
        let folder = self.ask("work_dir/1", &Value::Null, &[])?.unwrap_or_default();
        Ok(PathBuf::from(String::from_utf8_lossy(&folder).into_owned()))
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

/// A client of the host's, reached through its services.
struct Forwarding {
    id: u64,
    service: &'static str,
    worker: Arc<Worker>,
}

impl Forwarding {
    fn forward(&self, operation: &str, body: &Value) -> Result<Value> {
        let request = json!({ "operation": operation, "body": body });
        match ask(&self.worker, self.id, self.service, &request, &[])? {
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

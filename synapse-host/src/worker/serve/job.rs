//! An invocation in the worker, and what its action may ask.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use synapse_sdk::errors::Result;
use synapse_sdk::events::Event;
use synapse_sdk::services::{AgentClient, Client, RunInfo, Services};
use synapse_sdk::{ErrorKind, PluginError};

use super::Worker;
use crate::worker::host_services::{HostServices, ToHost};
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
    host: HostServices<Arc<Worker>>,
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
            host: HostServices::new(id, Arc::clone(worker)),
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
}

impl ToHost for Arc<Worker> {
    const WHOSE: &'static str = "worker";

    fn ask(&self, invocation: u64, service: &str, request: &[u8], body: &[u8]) -> Result<(i32, Vec<u8>)> {
        let head = ServiceCall { invocation, service, request, body }.head();
        let (length, most) = (head.len() + body.len(), self.outbox.max_payload());
        if length > most {
            let message = format!("{service} was asked for with {length} bytes; {most} can leave a worker");
            return Err(PluginError::new(ErrorKind::Execution, message)
                .hint("write them to a file in the work folder instead"));
        }
        let (number, reply) = self.calls.open();
        self.outbox.send(Kind::Call, number, &[&head, body]);
        self.need_reader();
        Ok(reply.wait())
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
        self.host.info()
    }

    fn work_dir(&self) -> Result<PathBuf> {
        let folder = self.host.ask("work_dir/1", &Value::Null, &[])?.unwrap_or_default();
        Ok(PathBuf::from(String::from_utf8_lossy(&folder).into_owned()))
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! A host for these tests: keeps what it is told, and serves what it was given.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};

use synapse_sdk::abi::host_side::Job;
use synapse_sdk::events::{Event, EventBody};
use synapse_sdk::prelude::*;
use synapse_sdk::services::{AgentClient, Client, RunInfo, Services};

/// Keeps events and state; answers as its fields say.
#[derive(Default)]
pub(crate) struct Host {
    pub(crate) info: RunInfo,
    pub(crate) work_dir: PathBuf,
    pub(crate) clients: bool,
    pub(crate) events: Mutex<Vec<Event<'static>>>,
    pub(crate) state: Mutex<HashMap<String, Vec<u8>>>,
}

impl Host {
    /// What it was told, as JSON without the times.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.events.lock().expect("no panic").iter().map(timeless).collect()
    }

    /// The times of what it was told.
    pub(crate) fn times(&self) -> Vec<u64> {
        self.events.lock().expect("no panic").iter().map(|event| event.time).collect()
    }

    /// A job of this host that nobody cancels.
    pub(crate) fn job(self: &Arc<Self>) -> Job {
        Job::open(Arc::clone(self) as Arc<dyn Services>, Arc::new(AtomicU32::new(0)))
    }
}

/// An event as JSON, without what the clock has a say in.
pub(crate) fn timeless(event: &Event<'_>) -> Value {
    let mut event = serde_json::to_value(event).expect("an event is JSON");
    event.as_object_mut().expect("an event is an object").remove("datetime");
    event["data"].as_object_mut().map(|data| data.remove("time_remaining"));
    event
}

impl Services for Host {
    fn emit(&self, event: Event<'_>) {
        if let EventBody::Message { text, .. } = &event.body {
            assert_ne!(text, "make the host panic");
        }
        self.events.lock().expect("no panic").push(event.into_owned());
    }

    fn is_cancelled(&self) -> bool {
        unreachable!("plugins look at the flag of their call")
    }

    fn info(&self) -> Result<RunInfo> {
        Ok(self.info.clone())
    }

    fn work_dir(&self) -> Result<PathBuf> {
        match self.work_dir.as_os_str().is_empty() {
            true => panic!("no work folder was chosen"),
            false => Ok(self.work_dir.clone()),
        }
    }

    fn save_state(&self, key: &str, bytes: &[u8]) -> Result<()> {
        if key == "full" {
            return Err(ExecutionError::new("the disk is full").details(json!({ "free": 0 })));
        }
        self.state.lock().expect("no panic").insert(key.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn load_state(&self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.state.lock().expect("no panic").get(key).cloned())
    }

    fn client(&self) -> Option<&dyn Client> {
        self.clients.then_some(&backend as &dyn Client)
    }

    fn agent_client(&self) -> Option<&dyn AgentClient> {
        self.clients.then_some(&agent as &dyn AgentClient)
    }
}

fn backend(operation: &str, body: &Value) -> Result<Value> {
    match operation {
        "refuse" => Err(PluginError::new(ErrorKind::Remote, "403").details(json!({ "status": 403 }))),
        _ => Ok(json!({ "backend": operation, "body": body })),
    }
}

fn agent(operation: &str, body: &Value) -> Result<Value> {
    Ok(json!({ "agent": operation, "body": body }))
}

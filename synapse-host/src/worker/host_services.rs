//! What an action asks of a host at the other end of a connection.

use std::sync::OnceLock;

use serde_json::{Value, json};
use synapse_sdk::abi::layout::{ABSENT, FAILED, OK, UNSUPPORTED};
use synapse_sdk::errors::Result;
use synapse_sdk::services::{AgentClient, Client, RunInfo};
use synapse_sdk::{ErrorKind, PluginError};

/// The way to the host.
pub(crate) trait ToHost: Clone + Send + Sync + 'static {
    /// Whose host it is: this worker's, or this run's.
    const WHOSE: &'static str;

    /// Asks, and waits for the answer: its status and its bytes.
    fn ask(&self, invocation: u64, service: &str, request: &[u8], body: &[u8]) -> Result<(i32, Vec<u8>)>;
}

/// The services that the host of an invocation offers.
pub(crate) struct HostServices<T> {
    invocation: u64,
    host: T,
    clients: OnceLock<Clients<T>>,
}

struct Clients<T> {
    backend: Option<Forwarding<T>>,
    agent: Option<Forwarding<T>>,
}

impl<T: ToHost> HostServices<T> {
    pub(crate) fn new(invocation: u64, host: T) -> Self {
        Self { invocation, host, clients: OnceLock::new() }
    }

    pub(crate) fn info(&self) -> Result<RunInfo> {
        match self.ask("run.info/1", &Value::Null, &[])? {
            Some(bytes) => Ok(serde_json::from_slice(&bytes)?),
            None => Ok(RunInfo::default()),
        }
    }

    /// `None` when the host answers that there is nothing of that name.
    pub(crate) fn ask(&self, service: &str, request: &Value, body: &[u8]) -> Result<Option<Vec<u8>>> {
        ask(&self.host, self.invocation, service, request, body)
    }

    pub(crate) fn save_state(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.ask("state.save/1", &json!({ "key": key }), bytes).map(drop)
    }

    pub(crate) fn load_state(&self, key: &str) -> Result<Option<Vec<u8>>> {
        self.ask("state.load/1", &json!({ "key": key }), &[])
    }

    pub(crate) fn client(&self) -> Option<&dyn Client> {
        self.clients().backend.as_ref().map(|client| client as &dyn Client)
    }

    pub(crate) fn agent_client(&self) -> Option<&dyn AgentClient> {
        self.clients().agent.as_ref().map(|client| client as &dyn AgentClient)
    }

    fn clients(&self) -> &Clients<T> {
        self.clients.get_or_init(|| {
            let info = self.info().unwrap_or_default();
            let forwarding =
                |service| Forwarding { invocation: self.invocation, service, host: self.host.clone() };
            Clients {
                backend: info.has_client.then(|| forwarding("client.request/1")),
                agent: info.has_agent_client.then(|| forwarding("agent.request/1")),
            }
        })
    }
}

fn ask<T: ToHost>(
    host: &T,
    invocation: u64,
    service: &str,
    request: &Value,
    body: &[u8],
) -> Result<Option<Vec<u8>>> {
    match host.ask(invocation, service, request.to_string().as_bytes(), body)? {
        (OK, bytes) => Ok(Some(bytes)),
        (ABSENT, _) => Ok(None),
        (FAILED, bytes) => Err(PluginError::from_json(&bytes)),
        (UNSUPPORTED, _) => {
            let message = format!("the host of this {} does not offer the service {service}", T::WHOSE);
            Err(PluginError::new(ErrorKind::Unsupported, message).hint("run it with a newer synapse"))
        }
        (other, _) => {
            let message = format!("the host answered {service} with status {other}");
            Err(PluginError::new(ErrorKind::Internal, message))
        }
    }
}

/// A client of the host's, reached through its services.
struct Forwarding<T> {
    invocation: u64,
    service: &'static str,
    host: T,
}

impl<T: ToHost> Forwarding<T> {
    fn forward(&self, operation: &str, body: &Value) -> Result<Value> {
        let request = json!({ "operation": operation, "body": body });
        match ask(&self.host, self.invocation, self.service, &request, &[])? {
            Some(answer) => Ok(serde_json::from_slice(&answer)?),
            None => Ok(Value::Null),
        }
    }
}

impl<T: ToHost> Client for Forwarding<T> {
    fn request(&self, operation: &str, body: &Value) -> Result<Value> {
        self.forward(operation, body)
    }
}

impl<T: ToHost> AgentClient for Forwarding<T> {
    fn request(&self, operation: &str, body: &Value) -> Result<Value> {
        self.forward(operation, body)
    }
}

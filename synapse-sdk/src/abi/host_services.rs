//! The host as an action sees it: its table, turned into [`Services`].

#![expect(unsafe_code, reason = "calls into the host")]

use std::mem::size_of;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::identity::SDK_VERSION;
use super::layout::{
    ABI_MINOR, ABSENT, EVENT_LOG, EVENT_MESSAGE, EVENT_METRICS, EVENT_PROGRESS, FAILED, OK, OwnedBuf, SynBuf,
    SynEvent, SynHost, SynSlice, UNSUPPORTED,
};
use crate::errors::{ErrorKind, PluginError, Result};
use crate::events::{Event, EventBody};
use crate::services::{AgentClient, Client, RunInfo, Services};

/// The host's table.
#[derive(Clone, Copy)]
pub(super) struct HostTable(pub(super) &'static SynHost);

// SAFETY: the host promises that its table lives as long as the process and
// that its functions may be called on any thread.
unsafe impl Send for HostTable {}
// SAFETY: as above.
unsafe impl Sync for HostTable {}

/// The host, as an action sees it. It lives no longer than the call: a
/// [`Context`](crate::Context) is handed out by reference only.
pub(super) struct HostServices {
    host: HostTable,
    job: u64,
    cancelled: *const AtomicU32,
    clients: OnceLock<Clients>,
}

// SAFETY: the table may be used on any thread, and `cancelled` points to an
// atomic that outlives the call.
unsafe impl Send for HostServices {}
// SAFETY: as above.
unsafe impl Sync for HostServices {}

/// The clients the host offers, reached through its services.
struct Clients {
    backend: Option<ForwardingClient>,
    agent: Option<ForwardingClient>,
}

struct ForwardingClient {
    host: HostTable,
    job: u64,
    service: &'static str,
}

impl HostServices {
    pub(super) fn new(host: HostTable, job: u64, cancelled: *const AtomicU32) -> Self {
        Self { host, job, cancelled, clients: OnceLock::new() }
    }

    fn ask(&self, service: &str, request: &Value, body: &[u8]) -> Result<Option<OwnedBuf>> {
        ask(self.host, self.job, service, request, body)
    }

    fn clients(&self) -> &Clients {
        self.clients.get_or_init(|| {
            let info = self.info().unwrap_or_default();
            let forward = |service| ForwardingClient { host: self.host, job: self.job, service };
            Clients {
                backend: info.has_client.then(|| forward("client.request/1")),
                agent: info.has_agent_client.then(|| forward("agent.request/1")),
            }
        })
    }
}

/// `None` when the host answers that there is nothing of that name.
fn ask(host: HostTable, job: u64, service: &str, request: &Value, body: &[u8]) -> Result<Option<OwnedBuf>> {
    let request = request.to_string();
    let mut out = SynBuf::EMPTY;
    // SAFETY: the slices live until the call returns, `out` is ours to be filled.
    let status = unsafe {
        (host.0.call)(
            host.0.ctx,
            job,
            SynSlice::new(service.as_bytes()),
            SynSlice::new(request.as_bytes()),
            SynSlice::new(body),
            &mut out,
        )
    };
    // SAFETY: filled by the host, or still empty; taken over once.
    let out = unsafe { OwnedBuf::take(out) };
    match status {
        OK => Ok(Some(out)),
        ABSENT => Ok(None),
        UNSUPPORTED => Err(PluginError::new(
            ErrorKind::Unsupported,
            format!(
                "this host (ABI minor {}) does not offer the service {service} that the plugin \
                 (SDK {SDK_VERSION}, ABI minor {ABI_MINOR}) asked for",
                host.0.abi_minor
            ),
        )
        .hint("run it with a newer synapse")),
        FAILED => Err(PluginError::from_json(&out)),
        other => Err(PluginError::new(
            ErrorKind::Internal,
            format!("the host answered {service} with status {other}"),
        )),
    }
}

impl Services for HostServices {
    fn emit(&self, event: Event<'_>) {
        let Event { time, step, body } = &event;
        let mut raw = SynEvent {
            size: size_of::<SynEvent<'_>>() as u32,
            kind: EVENT_MESSAGE,
            level: event.level().unwrap_or_default() as u32,
            reserved: 0,
            time: *time,
            step: SynSlice::optional(step.as_deref()),
            name: SynSlice::NONE,
            text: SynSlice::NONE,
            file: SynSlice::NONE,
            current: 0,
            total: 0,
            percent: 0.0,
            time_remaining: f64::NAN,
            overall: 0.0,
        };
        match body {
            EventBody::Message { text, .. } => raw.text = SynSlice::new(text.as_bytes()),
            EventBody::Log { name, data, file, .. } => {
                raw.kind = EVENT_LOG;
                raw.name = SynSlice::new(name.as_bytes());
                raw.text = SynSlice::new(data.as_bytes());
                raw.file = SynSlice::optional(file.as_deref());
            }
            EventBody::Progress(progress) => {
                raw.kind = EVENT_PROGRESS;
                raw.current = progress.current;
                raw.total = progress.total;
                raw.percent = progress.percent;
                raw.time_remaining = progress.time_remaining.unwrap_or(f64::NAN);
                raw.overall = progress.overall;
            }
            EventBody::Metrics { values } => {
                raw.kind = EVENT_METRICS;
                raw.text = SynSlice::new(values.as_bytes());
            }
        }
        // SAFETY: the event and all it borrows live until the call returns.
        unsafe { (self.host.0.emit)(self.host.0.ctx, self.job, &raw) };
    }

    fn is_cancelled(&self) -> bool {
        // SAFETY: the host keeps the flag until the call returns.
        unsafe { &*self.cancelled }.load(Ordering::Relaxed) != 0
    }

    fn info(&self) -> Result<RunInfo> {
        match self.ask("run.info/1", &Value::Null, &[])? {
            Some(bytes) => Ok(serde_json::from_slice(&bytes)?),
            None => Ok(RunInfo::default()),
        }
    }

    fn work_dir(&self) -> Result<PathBuf> {
        let folder = self.ask("work_dir/1", &Value::Null, &[])?;
        let folder =
            folder.ok_or_else(|| PluginError::new(ErrorKind::Unsupported, "this run has no work folder"))?;
        Ok(PathBuf::from(String::from_utf8_lossy(&folder).into_owned()))
    }

    fn save_state(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.ask("state.save/1", &json!({ "key": key }), bytes).map(drop)
    }

    fn load_state(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let bytes = self.ask("state.load/1", &json!({ "key": key }), &[])?;
        Ok(bytes.map(|bytes| bytes.to_vec()))
    }

    fn client(&self) -> Option<&dyn Client> {
        self.clients().backend.as_ref().map(|client| client as &dyn Client)
    }

    fn agent_client(&self) -> Option<&dyn AgentClient> {
        self.clients().agent.as_ref().map(|client| client as &dyn AgentClient)
    }
}

impl ForwardingClient {
    fn forward(&self, operation: &str, body: &Value) -> Result<Value> {
        let request = json!({ "operation": operation, "body": body });
        match ask(self.host, self.job, self.service, &request, &[])? {
            Some(answer) => Ok(serde_json::from_slice(&answer)?),
            None => Ok(Value::Null),
        }
    }
}

impl Client for ForwardingClient {
    fn request(&self, operation: &str, body: &Value) -> Result<Value> {
        self.forward(operation, body)
    }
}

impl AgentClient for ForwardingClient {
    fn request(&self, operation: &str, body: &Value) -> Result<Value> {
        self.forward(operation, body)
    }
}

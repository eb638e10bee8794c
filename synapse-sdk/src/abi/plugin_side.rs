//! The plugin's half: serves calls from the host, and turns the host's table
//! into [`Services`].

#![expect(unsafe_code, reason = "the functions the host calls, and calls into the host")]

use std::ffi::c_void;
use std::mem::size_of;
use std::path::PathBuf;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};

use super::identity::SDK_VERSION;
use super::layout::{
    ABI_MINOR, ABSENT, EVENT_LOG, EVENT_MESSAGE, EVENT_METRICS, EVENT_PROGRESS, FAILED, MISUSE, OK, OwnedBuf,
    PARAMS_CHECKED, Sized32, SynBuf, SynCall, SynEvent, SynHost, SynPlugin, SynSlice, UNSUPPORTED,
};
use crate::action::{ActionDef, Check, Instance, Listed, find};
use crate::context::Context;
use crate::errors::{ErrorKind, PluginError, Result};
use crate::events::{Event, EventBody};
use crate::guard::guarded;
use crate::manifest::Manifest;
use crate::services::{AgentClient, Client, RunInfo, Services};

static HOST: OnceLock<HostTable> = OnceLock::new();

static PLUGIN: Exported = Exported(SynPlugin {
    size: size_of::<SynPlugin>() as u32,
    abi_minor: ABI_MINOR as u32,
    ctx: ptr::null_mut(),
    describe,
    validate,
    instantiate,
    invoke,
    drop_instance,
});

struct Exported(SynPlugin);

// SAFETY: the table is constant, and its functions may be called on any thread.
unsafe impl Sync for Exported {}

#[derive(Clone, Copy)]
struct HostTable(&'static SynHost);

// SAFETY: the host promises that its table lives as long as the process and
// that its functions may be called on any thread.
unsafe impl Send for HostTable {}
// SAFETY: as above.
unsafe impl Sync for HostTable {}

/// Exchanges tables. `listed` only keeps the named actions from being dropped
/// by the linker.
///
/// # Safety
/// `host` and `out` are null or what [`layout`](super::layout) says.
#[doc(hidden)]
pub unsafe fn init(host: *const SynHost, out: *mut *const SynPlugin, listed: &[Listed]) -> i32 {
    std::hint::black_box(listed);
    // SAFETY: null is allowed and noticed, else the table lives for ever.
    let Some(host) = (unsafe { SynHost::at(host) }) else {
        return MISUSE;
    };
    // A second host would be asked about jobs of the first.
    if out.is_null() || !ptr::eq(HOST.get_or_init(|| HostTable(host)).0, host) {
        return MISUSE;
    }
    // SAFETY: not null, and the caller's to be written.
    unsafe { out.write(&PLUGIN.0) };
    OK
}

/// An action's object, as the host holds it.
struct Live {
    def: &'static ActionDef,
    instance: Instance,
}

unsafe extern "C" fn describe(_: *mut c_void, out: *mut SynBuf) -> i32 {
    // SAFETY: the host gives a buffer to fill.
    unsafe { answer(out, manifest) }
}

fn manifest() -> Result<Vec<u8>, Refusal> {
    Ok(serde_json::to_vec(&Manifest::of_this_image()).map_err(PluginError::from)?)
}

unsafe extern "C" fn validate(
    _: *mut c_void,
    action: SynSlice<'_>,
    params: SynSlice<'_>,
    out: *mut SynBuf,
) -> i32 {
    let check = || {
        // SAFETY: slices of the host, valid during this call.
        let (action, params) = unsafe { (text(&action)?, bytes(&params)) };
        find(action)?.validate(params)?;
        Ok(Vec::new())
    };
    // SAFETY: the host gives a buffer to fill.
    unsafe { answer(out, check) }
}

unsafe extern "C" fn instantiate(
    _: *mut c_void,
    action: SynSlice<'_>,
    call: *const SynCall<'_>,
    instance: *mut *mut c_void,
    out: *mut SynBuf,
) -> i32 {
    let make = || {
        // SAFETY: what the host passes is valid during this call.
        let (action, (ctx, _)) = unsafe { (text(&action)?, context(call)?) };
        if instance.is_null() {
            return Err(Refusal::Misuse("no place for the instance"));
        }
        let def = find(action)?;
        let live = Box::new(Live { def, instance: def.instantiate(&ctx)? });
        // SAFETY: not null, and the caller's to be written.
        unsafe { instance.write(Box::into_raw(live).cast()) };
        Ok(Vec::new())
    };
    // SAFETY: the host gives a buffer to fill.
    unsafe { answer(out, make) }
}

unsafe extern "C" fn invoke(
    _: *mut c_void,
    instance: *mut c_void,
    call: *const SynCall<'_>,
    out: *mut SynBuf,
) -> i32 {
    let run = || {
        // SAFETY: the host gives what `instantiate` made and has not dropped it.
        let live = unsafe { instance.cast::<Live>().as_ref() }.ok_or(Refusal::Misuse("no instance"))?;
        // SAFETY: what the host passes is valid during this call.
        let (ctx, call) = unsafe { context(call)? };
        // SAFETY: as above.
        let params = unsafe { bytes(&call.params) };
        let check = if call.flags & PARAMS_CHECKED == 0 { Check::Needed } else { Check::Done };
        Ok(live.def.call(&live.instance, params, check, &ctx)?)
    };
    // SAFETY: the host gives a buffer to fill.
    unsafe { answer(out, run) }
}

unsafe extern "C" fn drop_instance(_: *mut c_void, instance: *mut c_void) {
    if instance.is_null() {
        return;
    }
    // A panic while dropping has nobody to be told to; the rest is leaked.
    let _ = guarded(|| {
        // SAFETY: made by `instantiate`, dropped once, after its last call.
        drop(unsafe { Box::from_raw(instance.cast::<Live>()) });
        Ok(())
    });
}

/// Why a call has no result.
enum Refusal {
    /// The host broke the rules of the interface.
    Misuse(&'static str),
    Failed(PluginError),
}

impl From<PluginError> for Refusal {
    fn from(error: PluginError) -> Self {
        Self::Failed(error)
    }
}

/// Runs `work`, panics caught, and hands its bytes or its error to the host.
///
/// # Safety
/// `out` is null or may be written.
unsafe fn answer(out: *mut SynBuf, work: impl FnOnce() -> Result<Vec<u8>, Refusal>) -> i32 {
    if out.is_null() {
        return MISUSE;
    }
    let (status, bytes) = match guarded(|| Ok(work())) {
        Ok(Ok(bytes)) => (OK, bytes),
        Ok(Err(Refusal::Misuse(what))) => (MISUSE, misuse(what).to_json_bytes()),
        Ok(Err(Refusal::Failed(error))) | Err(error) => (FAILED, error.to_json_bytes()),
    };
    // SAFETY: not null, and the caller's to be written.
    unsafe { out.write(SynBuf::of(bytes)) };
    status
}

/// # Safety
/// The slice is the host's and valid.
unsafe fn bytes<'a>(slice: &SynSlice<'a>) -> &'a [u8] {
    // SAFETY: promised by the caller.
    unsafe { slice.bytes() }.unwrap_or_default()
}

/// # Safety
/// The slice is the host's and valid.
unsafe fn text<'a>(slice: &SynSlice<'a>) -> Result<&'a str, Refusal> {
    // SAFETY: promised by the caller.
    std::str::from_utf8(unsafe { bytes(slice) }).map_err(|_| Refusal::Misuse("a name is not UTF-8"))
}

/// # Safety
/// `call` is null or valid until the host's call returns; so is what it points to.
unsafe fn context<'a>(call: *const SynCall<'a>) -> Result<(Context, &'a SynCall<'a>), Refusal> {
    // SAFETY: promised by the caller.
    let call = unsafe { SynCall::at(call) }.ok_or(Refusal::Misuse("no call, or not all of it"))?;
    if call.cancelled.is_null() {
        return Err(Refusal::Misuse("the call has no cancel flag"));
    }
    let host = HOST.get().ok_or(Refusal::Misuse("not initialised"))?;
    let ctx = Context::new(Arc::new(HostServices::new(*host, call.job, call.cancelled)));
    Ok((ctx, call))
}

fn misuse(what: &str) -> PluginError {
    PluginError::new(ErrorKind::Internal, format!("the host broke the plugin interface: {what}"))
}

/// The host, as an action sees it. It lives no longer than the call: a
/// [`Context`] is handed out by reference only.
struct HostServices {
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
    fn new(host: HostTable, job: u64, cancelled: *const AtomicU32) -> Self {
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

//! The host's half: calls a plugin through its table, and serves what the
//! plugin asks, by way of the [`Services`] of each job.

#![expect(unsafe_code, reason = "calls into the plugin, and the functions it calls")]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::mem::size_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use serde::Deserialize;
use serde_json::Value;

use super::layout::{
    ABI_MAJOR, ABI_MINOR, ABSENT, EVENT_LOG, EVENT_MESSAGE, EVENT_METRICS, EVENT_PROGRESS, FAILED, InitFn,
    MISUSE, OK, OwnedBuf, PARAMS_CHECKED, STRICT_RESULT, Sized32, SynBuf, SynCall, SynEvent, SynHost,
    SynPlugin, SynSlice, UNSUPPORTED,
};
use crate::action::{Check, Checks};
use crate::errors::{ErrorKind, PluginError, Result};
use crate::events::{Event, EventBody, Level, Progress};
use crate::guard::text_of;
use crate::manifest::Manifest;
use crate::services::Services;

/// A plugin that was loaded and has exchanged tables with this process.
#[derive(Clone, Copy)]
pub struct PluginImage(&'static SynPlugin);

// SAFETY: the plugin promises that its table lives as long as the process and
// that its functions may be called on any thread.
unsafe impl Send for PluginImage {}
// SAFETY: as above.
unsafe impl Sync for PluginImage {}

impl PluginImage {
    /// Exchanges tables with a plugin.
    ///
    /// # Errors
    /// [`IncompatiblePlugin`](ErrorKind::IncompatiblePlugin) when it refuses,
    /// or its table is smaller than that of ABI minor 0.
    ///
    /// # Safety
    /// `init` is the exported function of a plugin built for this major
    /// version of the interface, whose image is never unloaded.
    pub unsafe fn init(init: InitFn) -> Result<Self> {
        let mut table = ptr::null();
        // SAFETY: our table is static; `table` is ours to be written.
        let status = unsafe { init(&HOST.0, &mut table) };
        let refused = |why: String| {
            PluginError::new(ErrorKind::IncompatiblePlugin, why)
                .hint("rebuild it with the SDK of this synapse")
        };
        if status != OK || table.is_null() {
            return Err(refused(format!("the plugin refused to start (status {status})")));
        }
        // SAFETY: not null, and it lives for ever.
        match unsafe { SynPlugin::at(table) } {
            Some(table) => Ok(Self(table)),
            None => {
                // SAFETY: not null, and the size comes first.
                let size = unsafe { table.cast::<u32>().read() };
                let whole = size_of::<SynPlugin>();
                Err(refused(format!(
                    "its table of functions has {size} bytes; version {ABI_MAJOR}.{ABI_MINOR} of the interface \
                     has {whole}"
                )))
            }
        }
    }

    /// Its actions, schemas and data types.
    ///
    /// # Errors
    /// Its own error; a manifest that cannot be read.
    pub fn describe(&self) -> Result<Manifest> {
        // SAFETY: the table is valid and `out` ours to be filled.
        let answer = take(|out| unsafe { (self.0.describe)(self.0.ctx, out) })?;
        serde_json::from_slice(&answer).map_err(|error| {
            PluginError::new(
                ErrorKind::IncompatiblePlugin,
                format!("the plugin's description of itself cannot be read: {error}"),
            )
        })
    }

    /// Checks params of an action without running anything.
    ///
    /// # Errors
    /// As [`ActionDef::validate`](crate::action::ActionDef::validate).
    pub fn validate(&self, action: &str, params: &[u8], job: &Job) -> Result<()> {
        let call = job.call(params, 0);
        let action = SynSlice::new(action.as_bytes());
        // SAFETY: the table is valid; call and name live until it returns.
        take(|out| unsafe { (self.0.validate)(self.0.ctx, action, &call, out) }).map(drop)
    }

    /// Makes the object of an action.
    ///
    /// # Errors
    /// [`ActionNotFound`](ErrorKind::ActionNotFound), and whatever the action's
    /// setup returns.
    pub fn instantiate(&self, action: &str, job: &Job) -> Result<PluginInstance> {
        let call = job.call(&[], 0);
        let mut object = ptr::null_mut();
        let name = SynSlice::new(action.as_bytes());
        // SAFETY: the table is valid; call, name and places live until it returns.
        take(|out| unsafe { (self.0.instantiate)(self.0.ctx, name, &call, &mut object, out) })?;
        Ok(PluginInstance { image: *self, object })
    }
}

/// An action's object within a plugin.
pub struct PluginInstance {
    image: PluginImage,
    object: *mut c_void,
}

// SAFETY: the plugin promises that calls may come on any thread, several at once.
unsafe impl Send for PluginInstance {}
// SAFETY: as above.
unsafe impl Sync for PluginInstance {}

impl PluginInstance {
    /// Runs one call on this thread: params as JSON in, the result as JSON out.
    ///
    /// # Errors
    /// As [`ActionDef::call`](crate::action::ActionDef::call).
    pub fn invoke(&self, params: &[u8], checks: impl Into<Checks>, job: &Job) -> Result<OwnedBuf> {
        let call = job.call(params, flags(checks.into()));
        let table = self.image.0;
        // SAFETY: the object was made by this plugin and is dropped only with
        // `self`; the call and all it borrows live until it returns.
        take(|out| unsafe { (table.invoke)(table.ctx, self.object, &call, out) })
    }
}

impl Drop for PluginInstance {
    fn drop(&mut self) {
        // SAFETY: made by this plugin, dropped once, and no call can be running
        // because each borrows `self`.
        unsafe { (self.image.0.drop_instance)(self.image.0.ctx, self.object) };
    }
}

fn flags(checks: Checks) -> u32 {
    let params = if checks.params == Check::Done { PARAMS_CHECKED } else { 0 };
    let result = if checks.strict_result { STRICT_RESULT } else { 0 };
    params | result
}

fn take(call: impl FnOnce(*mut SynBuf) -> i32) -> Result<OwnedBuf> {
    let mut out = SynBuf::EMPTY;
    let status = call(&mut out);
    // SAFETY: filled by the plugin, or still empty; taken over once.
    let out = unsafe { OwnedBuf::take(out) };
    match status {
        OK => Ok(out),
        FAILED => Err(PluginError::from_json(&out)),
        _ if !out.is_empty() => Err(PluginError::from_json(&out)),
        other => Err(PluginError::new(
            ErrorKind::IncompatiblePlugin,
            format!("the plugin answered with status {other}"),
        )),
    }
}

/// A run that plugins may report to, known to them by a number. Reports of a
/// job that was dropped are ignored.
pub struct Job {
    id: u64,
    cancelled: Arc<AtomicU32>,
}

/// Jobs are few at a time: a small tree finds one faster than hashing would.
static JOBS: RwLock<BTreeMap<u64, Arc<dyn Services>>> = RwLock::new(BTreeMap::new());

impl Job {
    /// Opens a job: `services` are asked what plugins ask, `cancelled` is not
    /// 0 once they should stop.
    pub fn open(services: Arc<dyn Services>, cancelled: Arc<AtomicU32>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        JOBS.write().unwrap_or_else(PoisonError::into_inner).insert(id, services);
        Self { id, cancelled }
    }

    fn call<'a>(&'a self, params: &'a [u8], flags: u32) -> SynCall<'a> {
        SynCall {
            size: size_of::<SynCall<'_>>() as u32,
            flags,
            job: self.id,
            params: SynSlice::new(params),
            cancelled: Arc::as_ptr(&self.cancelled),
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let services = JOBS.write().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
        // Only now, with the lock released: their drop may end another job.
        drop(services);
    }
}

fn services_of(job: u64) -> Option<Arc<dyn Services>> {
    JOBS.read().unwrap_or_else(PoisonError::into_inner).get(&job).cloned()
}

struct Offered(SynHost);

// SAFETY: the table is constant, and its functions may be called on any thread.
unsafe impl Sync for Offered {}

static HOST: Offered = Offered(SynHost {
    size: size_of::<SynHost>() as u32,
    abi_minor: ABI_MINOR as u32,
    ctx: ptr::null_mut(),
    emit,
    call,
});

unsafe extern "C" fn emit(_: *mut c_void, job: u64, event: *const SynEvent<'_>) {
    contained(|| {
        // SAFETY: null is noticed, else valid until this call returns.
        let event = unsafe { SynEvent::at(event) }?;
        let services = services_of(job)?;
        // SAFETY: the slices of the event are valid until this call returns.
        services.emit(unsafe { read_event(event) }?);
        Some(())
    });
}

/// A panic of the host must not reach the plugin's frames; the hook has told of
/// it.
fn contained<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).map_err(text_of).ok()
}

/// `None` for events this host does not know.
///
/// # Safety
/// The slices of the event are valid.
unsafe fn read_event<'a>(raw: &SynEvent<'a>) -> Option<Event<'a>> {
    // SAFETY: promised by the caller.
    let text = |slice: &SynSlice<'a>| unsafe { slice.bytes() }.map(String::from_utf8_lossy);
    let level = Level::from_index(raw.level);
    let body = match raw.kind {
        EVENT_MESSAGE => EventBody::Message { level, text: text(&raw.text)? },
        EVENT_LOG => {
            EventBody::Log { name: text(&raw.name)?, level, data: text(&raw.text)?, file: text(&raw.file) }
        }
        EVENT_PROGRESS => EventBody::Progress(Progress {
            current: raw.current,
            total: raw.total,
            percent: raw.percent,
            time_remaining: Some(raw.time_remaining).filter(|seconds| !seconds.is_nan()),
            overall: raw.overall,
        }),
        EVENT_METRICS => EventBody::Metrics { values: text(&raw.text)? },
        _ => return None,
    };
    Some(Event { time: raw.time, step: text(&raw.step), body })
}

unsafe extern "C" fn call(
    _: *mut c_void,
    job: u64,
    service: SynSlice<'_>,
    request: SynSlice<'_>,
    body: SynSlice<'_>,
    out: *mut SynBuf,
) -> i32 {
    if out.is_null() {
        return MISUSE;
    }
    // SAFETY: slices of the plugin, valid until this call returns.
    let (service, request, body) = unsafe { (service.bytes(), request.bytes(), body.bytes()) };
    let service = String::from_utf8_lossy(service.unwrap_or_default());
    let (request, body) = (request.unwrap_or_default(), body.unwrap_or_default());
    let served = contained(|| match services_of(job) {
        Some(services) => serve(&*services, &service, request, body),
        None => Served::Failed(PluginError::new(ErrorKind::Internal, "this run has ended")),
    });
    let panicked =
        || Served::Failed(PluginError::new(ErrorKind::Internal, format!("the service {service} panicked")));
    let (status, bytes) = served.unwrap_or_else(panicked).into_answer();
    // SAFETY: not null, and the caller's to be written.
    unsafe { out.write(SynBuf::of(bytes)) };
    status
}

enum Served {
    Bytes(Vec<u8>),
    Absent,
    Unknown,
    Failed(PluginError),
}

impl Served {
    fn into_answer(self) -> (i32, Vec<u8>) {
        match self {
            Self::Bytes(bytes) => (OK, bytes),
            Self::Absent => (ABSENT, Vec::new()),
            Self::Unknown => (UNSUPPORTED, Vec::new()),
            Self::Failed(error) => (FAILED, error.to_json_bytes()),
        }
    }
}

impl From<Result<Served>> for Served {
    fn from(result: Result<Served>) -> Self {
        result.unwrap_or_else(Self::Failed)
    }
}

/// Answers a plugin that asks for a service in another process: status and
/// bytes, as the host's table gives them.
pub fn answer_service(services: &dyn Services, service: &str, request: &[u8], body: &[u8]) -> (i32, Vec<u8>) {
    serve(services, service, request, body).into_answer()
}

#[derive(Deserialize)]
struct StateRequest<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
}

#[derive(Deserialize)]
struct ClientRequest<'a> {
    #[serde(borrow)]
    operation: Cow<'a, str>,
    body: Value,
}

/// The services a host of this version knows. Whether a run has a backend to
/// ask is another matter.
pub const SERVICES: [&str; 6] =
    ["run.info/1", "work_dir/1", "state.save/1", "state.load/1", "client.request/1", "agent.request/1"];

/// The services by name. A name never changes its meaning: a new one gets a
/// new number.
fn serve(services: &dyn Services, service: &str, request: &[u8], body: &[u8]) -> Served {
    let served = || -> Result<Served> {
        Ok(match service {
            "run.info/1" => Served::Bytes(serde_json::to_vec(&services.info()?)?),
            "work_dir/1" => Served::Bytes(services.work_dir()?.to_string_lossy().into_owned().into_bytes()),
            "state.save/1" => {
                let request: StateRequest<'_> = serde_json::from_slice(request)?;
                services.save_state(&request.key, body)?;
                Served::Bytes(Vec::new())
            }
            "state.load/1" => {
                let request: StateRequest<'_> = serde_json::from_slice(request)?;
                services.load_state(&request.key)?.map_or(Served::Absent, Served::Bytes)
            }
            "client.request/1" => match services.client() {
                Some(client) => answer(request, |operation, body| client.request(operation, body))?,
                None => Served::Unknown,
            },
            "agent.request/1" => match services.agent_client() {
                Some(client) => answer(request, |operation, body| client.request(operation, body))?,
                None => Served::Unknown,
            },
            _ => Served::Unknown,
        })
    };
    served().into()
}

fn answer(request: &[u8], client: impl FnOnce(&str, &Value) -> Result<Value>) -> Result<Served> {
    let request: ClientRequest<'_> = serde_json::from_slice(request)?;
    let answer = client(&request.operation, &request.body)?;
    Ok(Served::Bytes(serde_json::to_vec(&answer)?))
}

//! The plugin's half: serves calls from the host.

#![expect(unsafe_code, reason = "the functions the host calls")]

use std::ffi::c_void;
use std::mem::size_of;
use std::ptr;
use std::sync::{Arc, OnceLock};

use super::host_services::{HostServices, HostTable};
use super::layout::{
    ABI_MINOR, FAILED, MISUSE, OK, PARAMS_CHECKED, STRICT_RESULT, Sized32, SynBuf, SynCall, SynHost,
    SynPlugin, SynSlice,
};
use crate::action::{ActionDef, Check, Checks, Instance, Listed, find};
use crate::context::Context;
use crate::errors::{ErrorKind, PluginError, Result};
use crate::guard::guarded;
use crate::manifest::Manifest;

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
    call: *const SynCall<'_>,
    out: *mut SynBuf,
) -> i32 {
    let check = || {
        // SAFETY: what the host passes is valid during this call.
        let (action, (ctx, call)) = unsafe { (text(&action)?, context(call)?) };
        // SAFETY: as above.
        find(action)?.validate(unsafe { bytes(&call.params) }, &ctx)?;
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
        Ok(live.def.call(&live.instance, params, checks(call.flags), &ctx)?)
    };
    // SAFETY: the host gives a buffer to fill.
    unsafe { answer(out, run) }
}

fn checks(flags: u32) -> Checks {
    Checks {
        params: if flags & PARAMS_CHECKED == 0 { Check::Needed } else { Check::Done },
        strict_result: flags & STRICT_RESULT != 0,
    }
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

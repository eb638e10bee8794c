//! A host of the interface's version 1.0, written against its C declarations
//! alone.
#![expect(unsafe_code, reason = "loads a library and calls it by the rules of the interface")]

use std::ffi::{CString, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::ptr;
use std::sync::atomic::AtomicU32;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::abi_1_0::{Buf, Call, EVENT_MESSAGE, Event, Host, Init, MISUSE, OK, Plugin, Slice, UNSUPPORTED};

/// A table with room for what a later host might have added.
#[repr(C)]
struct Table {
    host: Host,
    later: [usize; 8],
}

#[repr(C)]
struct LaterCall {
    call: Call,
    later: [u64; 8],
}

/// A plugin that was loaded by this host.
pub(crate) struct Loaded {
    plugin: &'static Plugin,
    said: &'static Mutex<Vec<String>>,
    larger: u32,
}

impl Loaded {
    /// Loads a library as a host of that minor version, whose structs are
    /// larger by as many bytes. A library is loaded by one host only.
    pub(crate) fn new(library: PathBuf, minor: u32, larger: u32) -> Self {
        assert!(larger <= 64);
        let path = CString::new(library.as_os_str().as_bytes()).expect("a path");
        let said: &'static Mutex<Vec<String>> = Box::leak(Box::default());
        let host = Host {
            size: size_of::<Host>() as u32 + larger,
            abi_minor: minor,
            ctx: ptr::from_ref(said).cast_mut().cast(),
            emit,
            call,
        };
        let table = Box::leak(Box::new(Table { host, later: [usize::MAX; 8] }));
        assert_eq!(table.later[0], usize::MAX);
        let mut plugin = ptr::null();
        // SAFETY: a plugin of this workspace, never unloaded; the exported
        // function has this type in version 1, and the table lives for ever.
        let status = unsafe {
            let library = libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
            assert!(!library.is_null(), "{path:?} cannot be loaded");
            let init = libc::dlsym(library, c"synapse_plugin_init_v1".as_ptr());
            assert!(!init.is_null(), "{path:?} exports no entry point");
            let init: Init = std::mem::transmute(init);
            init(&raw const table.host, &mut plugin)
        };
        assert_eq!(status, OK);
        // SAFETY: given by the plugin, whose table lives for ever.
        let plugin = unsafe { &*plugin };
        assert!(plugin.size as usize >= size_of::<Plugin>());
        Self { plugin, said, larger }
    }

    /// What the plugin reported as messages.
    pub(crate) fn messages(&self) -> Vec<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the plugin describes.
    pub(crate) fn describe(&self) -> Value {
        // SAFETY: the table is the plugin's.
        let (status, answer) = answer(|out| unsafe { (self.plugin.describe)(self.plugin.ctx, out) });
        assert_eq!(status, OK);
        answer
    }

    /// Checks params.
    pub(crate) fn validate(&self, action: &str, params: &str) -> (i32, Value) {
        let cancelled = AtomicU32::new(0);
        let call = self.call(params, &cancelled);
        let table = self.plugin;
        // SAFETY: the call and what it borrows live until it returns.
        answer(|out| unsafe { (table.validate)(table.ctx, Slice::of(action), &raw const call.call, out) })
    }

    /// Makes an object, calls it once and drops it: the status and the answer.
    pub(crate) fn run(&self, action: &str, params: &str) -> (i32, Value) {
        let cancelled = AtomicU32::new(0);
        let call = self.call(params, &cancelled);
        let table = self.plugin;
        let mut object = ptr::null_mut();
        let action = Slice::of(action);
        // SAFETY: as in `validate`; the object is dropped once, after its call.
        unsafe {
            let made =
                answer(|out| (table.instantiate)(table.ctx, action, &raw const call.call, &mut object, out));
            if made.0 != OK {
                return made;
            }
            let ran = answer(|out| (table.invoke)(table.ctx, object, &raw const call.call, out));
            (table.drop_instance)(table.ctx, object);
            ran
        }
    }

    fn call(&self, params: &str, cancelled: &AtomicU32) -> LaterCall {
        let size = size_of::<Call>() as u32 + self.larger;
        let call = Call { size, flags: 0, job: 7, params: Slice::of(params), cancelled };
        LaterCall { call, later: [u64::MAX; 8] }
    }
}

fn answer(call: impl FnOnce(*mut Buf) -> i32) -> (i32, Value) {
    let mut out = Buf::EMPTY;
    let status = call(&mut out);
    // SAFETY: filled by the plugin, or still empty.
    let text = unsafe { out.take() };
    (status, serde_json::from_str(&text).unwrap_or_default())
}

unsafe extern "C" fn emit(ctx: *mut c_void, job: u64, event: *const Event) {
    assert_eq!(job, 7);
    // SAFETY: this host's own list, which lives for ever; an event of a plugin.
    let (said, event) = unsafe { (&*ctx.cast::<Mutex<Vec<String>>>(), &*event) };
    if event.kind == EVENT_MESSAGE {
        // SAFETY: valid until this call returns.
        let text = unsafe { event.text.text() };
        said.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }
}

/// Knows what a run is, and nothing else.
unsafe extern "C" fn call(_: *mut c_void, _: u64, service: Slice, _: Slice, _: Slice, out: *mut Buf) -> i32 {
    if out.is_null() {
        return MISUSE;
    }
    // SAFETY: valid until this call returns.
    if unsafe { service.text() } != "run.info/1" {
        return UNSUPPORTED;
    }
    // SAFETY: not null, and the caller's to be written.
    unsafe { out.write(Buf::of("{}".to_owned())) };
    OK
}

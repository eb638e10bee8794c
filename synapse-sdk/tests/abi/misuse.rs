//! Both tables, called by somebody who breaks the rules: each answers so, and
//! nothing crashes.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, OnceLock};

use synapse_sdk::abi::host_side::{Job, PluginImage};
use synapse_sdk::abi::layout::{
    ABSENT, EVENT_MESSAGE, FAILED, MISUSE, OK, OwnedBuf, SynBuf, SynCall, SynEvent, SynHost, SynPlugin,
    SynSlice, UNSUPPORTED,
};
use synapse_sdk::abi::plugin_side;
use synapse_sdk::prelude::*;

use crate::host::Host;
use crate::{IMAGE, TABLES, Tables};

fn tables() -> &'static Tables {
    let _ = *IMAGE;
    TABLES.get().expect("IMAGE exchanged them")
}

/// Status and answer of a call into a table.
fn answer(call: impl FnOnce(*mut SynBuf) -> i32) -> (i32, Vec<u8>) {
    let mut out = SynBuf::EMPTY;
    let status = call(&mut out);
    // SAFETY: filled by the callee or still empty, and taken over once.
    (status, unsafe { OwnedBuf::take(out) }.to_vec())
}

fn message((status, bytes): (i32, Vec<u8>)) -> (i32, String) {
    (status, PluginError::from_json(&bytes).to_string())
}

fn broken(what: &str) -> (i32, String) {
    (MISUSE, format!("the host broke the plugin interface: {what}"))
}

fn good_call(cancelled: &AtomicU32) -> SynCall<'_> {
    SynCall {
        size: size_of::<SynCall<'_>>() as u32,
        flags: 0,
        job: 0,
        params: SynSlice::new(b"{}"),
        cancelled,
    }
}

fn event(text: &str) -> SynEvent<'_> {
    SynEvent {
        size: size_of::<SynEvent<'_>>() as u32,
        kind: EVENT_MESSAGE,
        level: 1,
        reserved: 0,
        time: 0,
        step: SynSlice::NONE,
        name: SynSlice::NONE,
        text: SynSlice::new(text.as_bytes()),
        file: SynSlice::NONE,
        current: 0,
        total: 0,
        percent: 0.0,
        time_remaining: f64::NAN,
        overall: 0.0,
    }
}

#[test]
fn a_plugin_starts_with_a_whole_table_and_a_place_for_its_own_only() {
    let host = tables().host;
    let mut place = ptr::null();
    // As an older host would make it: nothing behind the size is there.
    let small = Box::new(size_of::<SynHost>() as u32 - 1);
    // SAFETY: `init` takes null, and reads no more than a size promises.
    unsafe {
        assert_eq!(plugin_side::init(ptr::null(), &mut place, &[]), MISUSE);
        assert_eq!(plugin_side::init(ptr::from_ref(&*small).cast(), &mut place, &[]), MISUSE);
        assert_eq!(plugin_side::init(host, ptr::null_mut(), &[]), MISUSE);
        assert!(place.is_null());
        assert_eq!(plugin_side::init(host, &mut place, &[]), OK);
    }
    assert!(ptr::eq(place, tables().plugin));
}

#[test]
fn a_second_host_is_refused() {
    let host = tables().host;
    let second =
        SynHost { size: host.size, abi_minor: 0, ctx: ptr::null_mut(), emit: host.emit, call: host.call };
    let mut place = ptr::null();
    // SAFETY: the table is whole; it is not kept, because it is refused.
    assert_eq!(unsafe { plugin_side::init(&second, &mut place, &[]) }, MISUSE);
    assert!(place.is_null());
}

#[test]
fn a_host_takes_whole_tables_only() {
    unsafe extern "C" fn refuses(_: *const SynHost, _: *mut *const SynPlugin) -> i32 {
        MISUSE
    }
    unsafe extern "C" fn gives_nothing(_: *const SynHost, _: *mut *const SynPlugin) -> i32 {
        OK
    }
    unsafe extern "C" fn gives_less(_: *const SynHost, out: *mut *const SynPlugin) -> i32 {
        static SIZE: u32 = size_of::<SynPlugin>() as u32 - 1;
        // SAFETY: the caller's to be written.
        unsafe { out.write(ptr::from_ref(&SIZE).cast()) };
        OK
    }
    for init in [refuses, gives_nothing, gives_less] {
        // SAFETY: these break no rule a host relies on.
        let error = unsafe { PluginImage::init(init) }.err().expect("no table");
        assert_eq!(error.kind(), ErrorKind::IncompatiblePlugin);
    }
}

#[test]
fn a_plugin_answers_misuse_of_its_table() {
    let plugin = tables().plugin;
    let cancelled = AtomicU32::new(0);
    let call = good_call(&cancelled);
    let small = SynCall { size: 8, ..good_call(&cancelled) };
    let flagless = SynCall { cancelled: ptr::null(), ..good_call(&cancelled) };
    let (name, latin1) = (SynSlice::new(b"add"), SynSlice::new(b"\xe4dd"));
    let mut object: *mut c_void = ptr::null_mut();
    let place: *mut *mut c_void = &mut object;
    let no_buf = ptr::null_mut();
    // SAFETY: the functions notice every rule that is broken here.
    unsafe {
        assert_eq!((plugin.describe)(plugin.ctx, no_buf), MISUSE);
        assert_eq!((plugin.validate)(plugin.ctx, name, &call, no_buf), MISUSE);
        assert_eq!((plugin.instantiate)(plugin.ctx, name, &call, place, no_buf), MISUSE);
        assert_eq!((plugin.invoke)(plugin.ctx, ptr::null_mut(), &call, no_buf), MISUSE);
        (plugin.drop_instance)(plugin.ctx, ptr::null_mut());

        let validate = |name, call: *const SynCall<'_>| {
            message(answer(|out| (plugin.validate)(plugin.ctx, name, call, out)))
        };
        assert_eq!(validate(latin1, &call), broken("a name is not UTF-8"));
        assert_eq!(validate(name, &small), broken("no call, or not all of it"));
        assert_eq!(validate(SynSlice::NONE, &call), (FAILED, "Action not found: ".to_owned()));

        let make = |name, call: *const SynCall<'_>, place| {
            message(answer(|out| (plugin.instantiate)(plugin.ctx, name, call, place, out)))
        };
        assert_eq!(make(latin1, &call, place), broken("a name is not UTF-8"));
        assert_eq!(make(name, ptr::null(), place), broken("no call, or not all of it"));
        assert_eq!(make(name, &small, place), broken("no call, or not all of it"));
        assert_eq!(make(name, &flagless, place), broken("the call has no cancel flag"));
        assert_eq!(make(name, &call, ptr::null_mut()), broken("no place for the instance"));
        assert!(object.is_null());

        let invoke = |object, call: *const SynCall<'_>| {
            message(answer(|out| (plugin.invoke)(plugin.ctx, object, call, out)))
        };
        assert_eq!(invoke(ptr::null_mut(), &call), broken("no instance"));
        assert_eq!(answer(|out| (plugin.instantiate)(plugin.ctx, name, &call, place, out)), (OK, Vec::new()));
        assert_eq!(invoke(object, ptr::null()), broken("no call, or not all of it"));
        assert_eq!(invoke(object, &small), broken("no call, or not all of it"));
        assert_eq!(invoke(object, &flagless), broken("the call has no cancel flag"));
        (plugin.drop_instance)(plugin.ctx, object);
    }
}

#[test]
fn a_host_ignores_events_it_cannot_read() {
    let host = tables().host;
    let recorder = Arc::new(Host::default());
    let job = recorder.job();
    let id = number_of(&job);
    // SAFETY: the host notices every rule that is broken here.
    unsafe {
        (host.emit)(host.ctx, id, ptr::null());
        (host.emit)(host.ctx, id, &SynEvent { size: 16, ..event("too small") });
        (host.emit)(host.ctx, id, &SynEvent { kind: 99, ..event("of a later version") });
        (host.emit)(host.ctx, id, &SynEvent { text: SynSlice::NONE, ..event("") });
        assert!(recorder.events().is_empty());
        let latin1 = SynEvent { level: 99, text: SynSlice::new(b"gr\xfc\xdfe"), ..event("") };
        (host.emit)(host.ctx, id, &latin1);
    }
    let content =
        json!({ "event": "message", "level": "info", "data": { "content": "gr\u{fffd}\u{fffd}e" } });
    assert_eq!(recorder.events(), [content]);
}

#[test]
fn reports_of_a_job_that_ended_are_ignored() {
    let host = tables().host;
    let recorder = Arc::new(Host::default());
    let job = recorder.job();
    let id = number_of(&job);
    drop(job);
    // SAFETY: a whole event.
    unsafe { (host.emit)(host.ctx, id, &event("late")) };
    assert!(recorder.events().is_empty());
    assert_eq!(Arc::strong_count(&recorder), 1);
    assert_eq!(message(ask(host, id, b"run.info/1", b"null")), (FAILED, "this run has ended".to_owned()));
}

#[test]
fn a_host_answers_what_it_cannot_serve() {
    let host = tables().host;
    let recorder = Arc::new(Host::default());
    let job = recorder.job();
    let id = number_of(&job);
    let none = SynSlice::NONE;
    // SAFETY: the host notices that there is no buffer.
    assert_eq!(unsafe { (host.call)(host.ctx, id, none, none, none, ptr::null_mut()) }, MISUSE);
    assert_eq!(ask(host, id, b"coffee.make/1", b"null"), (UNSUPPORTED, Vec::new()));
    assert_eq!(ask(host, id, b"\xff", b"null"), (UNSUPPORTED, Vec::new()));
    assert_eq!(ask(host, id, b"", b""), (UNSUPPORTED, Vec::new()));
    assert_eq!(ask(host, id, b"state.load/1", br#"{"key": "nothing"}"#), (ABSENT, Vec::new()));
    assert_eq!(ask(host, id, b"state.load/1", b"{oops").0, FAILED);
    assert_eq!(ask(host, id, b"state.load/1", b"").0, FAILED);
}

fn ask(host: &SynHost, job: u64, service: &[u8], request: &[u8]) -> (i32, Vec<u8>) {
    let (service, request) = (SynSlice::new(service), SynSlice::new(request));
    // SAFETY: the slices live until the call returns.
    answer(|out| unsafe { (host.call)(host.ctx, job, service, request, SynSlice::NONE, out) })
}

/// The number by which plugins know a job: as a plugin learns it, by a call.
fn number_of(job: &Job) -> u64 {
    struct Spy(SynPlugin);
    // SAFETY: a table that nobody changes.
    unsafe impl Send for Spy {}
    // SAFETY: as above.
    unsafe impl Sync for Spy {}
    static SPY: OnceLock<Spy> = OnceLock::new();
    unsafe extern "C" fn spy_init(_: *const SynHost, out: *mut *const SynPlugin) -> i32 {
        let spy = SPY.get_or_init(|| Spy(SynPlugin { instantiate: tell_job, ..*tables().plugin }));
        // SAFETY: the caller's to be written.
        unsafe { out.write(&spy.0) };
        OK
    }
    unsafe extern "C" fn tell_job(
        _: *mut c_void,
        _: SynSlice<'_>,
        call: *const SynCall<'_>,
        _: *mut *mut c_void,
        out: *mut SynBuf,
    ) -> i32 {
        // SAFETY: a whole call, and the caller's to be written.
        unsafe {
            let told = ExecutionError::new("told").details(json!((*call).job));
            out.write(SynBuf::of(told.to_json().to_string().into_bytes()));
        }
        FAILED
    }
    // SAFETY: it keeps the rules.
    let spy = unsafe { PluginImage::init(spy_init) }.expect("a whole table");
    let told = spy.instantiate("", job).err().expect("it fails");
    told.details_json().as_u64().expect("a number")
}

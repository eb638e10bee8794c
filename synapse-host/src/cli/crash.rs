//! When native code of a plugin ends this process: say what happened first.
//!
//! The handlers run in the middle of a crash, so they use nothing that locks or
//! allocates: fixed buffers, `write`, `nanosleep`, `_exit`.

#![expect(unsafe_code, reason = "signal handlers, an alternate stack, and an exit hook")]

use std::ffi::c_void;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, IntoRawFd};
use std::process;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU32, Ordering};

use crate::descriptors;
use crate::run::Flight;

const SIGNALS: [(i32, &str); 5] = [
    (libc::SIGSEGV, "segmentation fault"),
    (libc::SIGBUS, "bus error"),
    (libc::SIGILL, "illegal instruction"),
    (libc::SIGFPE, "arithmetic fault"),
    (libc::SIGABRT, "abort"),
];

/// Standard error, under a number that a plugin does not close by accident.
static STDERR: AtomicI32 = AtomicI32::new(libc::STDERR_FILENO);
/// This process, not the copies that a plugin forks.
static PROCESS: AtomicU32 = AtomicU32::new(0);
static JSON: AtomicBool = AtomicBool::new(false);
static RECORD: AtomicI32 = AtomicI32::new(-1);
/// The thread that tells of its end; 0 for none.
static TELLING: AtomicI64 = AtomicI64::new(0);
static LEAVING: AtomicBool = AtomicBool::new(false);

/// From now on a crash in an action is told, in JSON if asked, before the
/// process ends with 128 + signal; so is an action that calls `exit`.
pub(crate) fn watch(json: bool) {
    JSON.store(json, Ordering::Relaxed);
    PROCESS.store(process::id(), Ordering::Relaxed);
    if let Ok(stderr) = descriptors::copy_high(io::stderr().as_fd()) {
        // Open until the end.
        STDERR.store(stderr.into_raw_fd(), Ordering::Relaxed);
    }
    for (signal, _) in SIGNALS {
        // SAFETY: all zeroes is a valid sigaction, and the handler keeps to
        // what is allowed in one.
        unsafe {
            let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
            action.sa_sigaction = on_signal as extern "C" fn(i32, *mut libc::siginfo_t, *mut c_void) as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
            libc::sigaction(signal, &action, ptr::null_mut());
        }
    }
    // SAFETY: the hook takes no arguments and does not unwind.
    unsafe { libc::atexit(on_exit) };
}

/// The open file of the run's record, which gets a last line in a crash.
pub(crate) fn note_record(descriptor: Option<i32>) {
    RECORD.store(descriptor.unwrap_or(-1), Ordering::Relaxed);
}

/// Whether the fault is near the end of this thread's stack.
fn is_stack_overflow(info: *const libc::siginfo_t, context: *const c_void) -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: the kernel gives a valid info and context to a handler that
        // asked for them.
        let (address, stack) = unsafe {
            let context = &*context.cast::<libc::ucontext_t>();
            ((*info).si_addr() as usize, context.uc_mcontext.gregs[libc::REG_RSP as usize] as usize)
        };
        address.abs_diff(stack) < 64 << 10
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = (info, context);
        false
    }
}

/// Whether a plugin has forked this process: then another one tells.
fn is_copy() -> bool {
    process::id() != PROCESS.load(Ordering::Relaxed)
}

extern "C" fn on_signal(signal: i32, info: *mut libc::siginfo_t, context: *mut c_void) {
    if is_copy() {
        exit_now(128 + signal);
    }
    match begin_telling() {
        Ok(()) => {}
        // Our own second fault ends the process without a word; another
        // thread's waits for the first to be told.
        Err(Teller::Own) => exit_now(128 + signal),
        Err(Teller::Other) => {
            pause_milliseconds(LONGEST + 200);
            exit_now(128 + signal);
        }
    }
    let named = SIGNALS.iter().find(|(number, _)| *number == signal).map_or("signal", |(_, name)| name);
    let overflow = signal == libc::SIGSEGV && is_stack_overflow(info, context);
    let name = if overflow { "stack overflow" } else { named };
    let_events_be_told();
    tell(name, Some(signal));
    exit_now(128 + signal);
}

/// Milliseconds in which something has to be recorded for more to be waited for.
const PATIENCE: i64 = 1000;
/// Milliseconds that are waited in all.
const LONGEST: i64 = 10_000;

/// The thread that records and shows events is another one, and takes them in
/// turns. One turn may be under way. The second takes all that was reported
/// before the crash and records it; the third comes when that has been shown.
/// So nothing is lost as long as that thread gets on.
fn let_events_be_told() {
    const LOOK: i64 = 5;
    if Flight::now().is_none() {
        return;
    }
    let (turns, mut recorded) = (Flight::turns(), Flight::recorded());
    let (mut waited, mut waited_in_vain) = (0, 0);
    while Flight::turns() < turns + 3 && waited < LONGEST && waited_in_vain < PATIENCE {
        pause_milliseconds(LOOK);
        waited += LOOK;
        waited_in_vain += LOOK;
        if Flight::recorded() != recorded {
            recorded = Flight::recorded();
            waited_in_vain = 0;
        }
    }
}

/// Who tells already.
enum Teller {
    Own,
    Other,
}

/// One thread tells how the process ends, once.
fn begin_telling() -> Result<(), Teller> {
    // By its number: C libraries before 2.30 have no function for it.
    // SAFETY: takes nothing and cannot fail.
    let this = unsafe { libc::syscall(libc::SYS_gettid) };
    match TELLING.compare_exchange(0, this, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => Ok(()),
        Err(teller) if teller == this => Err(Teller::Own),
        Err(_) => Err(Teller::Other),
    }
}

/// Held by the command: once it is dropped the process ends by the command's own
/// will. An action that was given up may still be running; that is told already.
pub(crate) struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        LEAVING.store(true, Ordering::Release);
    }
}

/// `exit` called by a plugin: its code would pass for the command's own.
extern "C" fn on_exit() {
    if !LEAVING.load(Ordering::Acquire) && !is_copy() && begin_telling().is_ok() {
        let_events_be_told();
        tell("a call of exit", None);
        exit_now(1);
    }
}

fn tell(how: &str, signal: Option<i32>) {
    let flight = Flight::now();
    let mut digits = [0; 4];
    let number = signal.map(|signal| decimal(signal.unsigned_abs(), &mut digits));
    let json = JSON.load(Ordering::Relaxed);
    // One after the other: the stack of a handler has no room for two.
    let mut line = Line::default();
    if !json {
        push_text(&mut line, flight.as_ref(), how, number);
        print(&[line.bytes()]);
        line.length = 0;
    }
    push_json(&mut line, flight.as_ref(), how, number);
    if json {
        print(&[b"{\"error\":", line.bytes(), b"}\n"]);
    }
    let record = RECORD.load(Ordering::Relaxed);
    if record >= 0 {
        // Another thread may have been about to write: this begins a line of its own.
        let begin = b"\n{\"type\":\"end\",\"status\":\"crashed\",\"error\":";
        write(record, &[begin, line.bytes(), b"}\n"]);
    }
}

const HINT: &[u8] = b"run it again with --isolated, so that only a worker process ends";

/// Outside an action, it was most likely the plugin's code being loaded.
fn subject(flight: Option<&Flight>) -> [&[u8]; 5] {
    match flight {
        Some(flight) => {
            [b"the action `", flight.action(), b"` of plugin `", flight.plugin(), b"` ended this process: "]
        }
        None => [b"this process was ended outside an action: ", b"", b"", b"", b""],
    }
}

fn push_text(line: &mut Line, flight: Option<&Flight>, how: &str, signal: Option<&[u8]>) {
    line.push(b"\nerror: ");
    line.push_all(&subject(flight));
    line.push(how.as_bytes());
    if let Some(number) = signal {
        line.push_all(&[b" (signal ", number, b")"]);
    }
    if let Some(flight) = flight.filter(|flight| !flight.step().is_empty()) {
        let mut percent = [0; 4];
        let percent = decimal(flight.percent, &mut percent);
        line.push_all(&[b"\n  last step: ", flight.step(), b", ", percent, b" %"]);
    }
    line.push_all(&[b"\nhint: ", HINT, b"\n"]);
}

/// The error as `--json` and the record have it. Names hold no characters that
/// JSON escapes: codes and action names are checked, and a step that does is
/// left out.
fn push_json(line: &mut Line, flight: Option<&Flight>, how: &str, signal: Option<&[u8]>) {
    line.push(b"{\"kind\":\"worker_crashed\",\"message\":\"");
    line.push_all(&subject(flight));
    line.push_all(&[how.as_bytes(), b"\",\"hint\":\"", HINT, b"\",\"details\":{\"signal\":"]);
    line.push(signal.unwrap_or(b"null"));
    if let Some(flight) = flight {
        let plain = |text: &[u8]| text.iter().all(|byte| *byte >= b' ' && *byte != b'"' && *byte != b'\\');
        let step = Some(flight.step()).filter(|step| plain(step)).unwrap_or_default();
        let mut percent = [0; 4];
        let percent = decimal(flight.percent, &mut percent);
        line.push_all(&[b",\"step\":\"", step, b"\",\"percent\":", percent]);
    }
    line.push(b"}}");
}

/// Bytes put together without allocating; what does not fit is cut off.
struct Line {
    buffer: [u8; 1024],
    length: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self { buffer: [0; 1024], length: 0 }
    }
}

impl Line {
    fn push_all(&mut self, parts: &[&[u8]]) {
        parts.iter().for_each(|part| self.push(part));
    }

    fn push(&mut self, part: &[u8]) {
        let room = &mut self.buffer[self.length..];
        let taken = part.len().min(room.len());
        room[..taken].copy_from_slice(&part[..taken]);
        self.length += taken;
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

fn print(parts: &[&[u8]]) {
    write(STDERR.load(Ordering::Relaxed), parts);
}

/// At once: lines of other threads do not come between. Without a copy: the
/// stack of a handler has a few KiB, of which the processor's registers take half.
fn write(descriptor: i32, parts: &[&[u8]]) {
    let mut slices = [libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; 3];
    for (slice, part) in slices.iter_mut().zip(parts) {
        *slice = libc::iovec { iov_base: part.as_ptr().cast_mut().cast(), iov_len: part.len() };
    }
    // SAFETY: the parts are valid, and those beyond are empty; a failure has
    // nobody to be told to.
    unsafe { libc::writev(descriptor, slices.as_ptr(), slices.len() as i32) };
}

fn decimal(number: u32, digits: &mut [u8; 4]) -> &[u8] {
    let mut rest = number.min(9999);
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            return &digits[start..];
        }
    }
}

fn pause_milliseconds(milliseconds: i64) {
    let pause = libc::timespec { tv_sec: 0, tv_nsec: milliseconds * 1_000_000 };
    // SAFETY: a valid time; how much of it is left is not asked for.
    unsafe { libc::nanosleep(&pause, ptr::null_mut()) };
}

fn exit_now(code: i32) -> ! {
    // SAFETY: ends the process without running anything more of it.
    unsafe { libc::_exit(code) }
}

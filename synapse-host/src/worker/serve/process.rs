//! What a worker does to its own process: descriptors, limits, its end.

#![expect(unsafe_code, reason = "calls of the C library that the standard library does not offer")]

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::descriptors::move_high;

/// Takes over the protocol's descriptor under a high number; its old number
/// leads to nothing from now on.
///
/// # Errors
/// It is not open.
pub(super) fn take_descriptor(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: takes a number; whether it is open is answered.
    if unsafe { libc::fcntl(number, libc::F_GETFD) } == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: open, and ours: whoever started us gave it to us alone.
    let high = move_high(unsafe { OwnedFd::from_raw_fd(number) })?;
    if number <= libc::STDERR_FILENO {
        // Files opened later must not become standard input or output.
        let nothing = File::open("/dev/null")?;
        if nothing.as_raw_fd() == number {
            let _ = nothing.into_raw_fd();
        }
    }
    Ok(high)
}

/// Ends this process when the one that started it ends, in the middle of
/// whatever it does. False when that is gone already.
pub(super) fn end_with_parent(parent: Option<u32>) -> bool {
    // SAFETY: takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    parent.is_none_or(|parent| std::os::unix::process::parent_id() == parent)
}

static FORKED: AtomicBool = AtomicBool::new(false);

/// From now on a copy of this process that a plugin forks knows that it is one.
pub(super) fn notice_forks() {
    extern "C" fn in_child() {
        FORKED.store(true, Ordering::Relaxed);
    }
    // SAFETY: the function does what is allowed in a child of a process with threads.
    unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
}

/// Whether this is a copy that a plugin forked: it must not speak for the worker.
pub(super) fn is_forked() -> bool {
    FORKED.load(Ordering::Relaxed)
}

/// Ends a forked copy that came back from the plugin's code.
pub(super) fn end_if_forked() {
    if is_forked() {
        end(0);
    }
}

/// Ends this process at once, running nothing of the plugin.
pub(super) fn end(code: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(code) }
}

/// Ends this process and those the plugin started, when they are a group.
pub(super) fn end_group() -> ! {
    // SAFETY: take numbers only; 0 is our own group, which we lead.
    unsafe {
        if libc::getpgrp() == libc::getpid() {
            libc::kill(0, libc::SIGKILL);
        }
    }
    end(0)
}

unsafe extern "C" {
    static mut stdout: *mut libc::FILE;
}

/// Hands over what C code of the plugin printed and the C library still holds.
/// Only standard output: other streams may be locked by a thread that reads.
pub(super) fn flush_output() {
    // SAFETY: the stream is open for the life of the process.
    unsafe { libc::fflush(stdout) };
}

/// Bounds memory that can be written to (`RLIMIT_DATA`): allocations beyond
/// fail. Not address space, because libraries and drivers reserve far more of
/// that than they use.
///
/// # Errors
/// The system refuses.
pub(super) fn limit_memory(bytes: u64) -> io::Result<()> {
    limit(libc::RLIMIT_DATA, bytes)
}

/// # Errors
/// The system refuses.
pub(super) fn limit_open_files(count: u64) -> io::Result<()> {
    limit(libc::RLIMIT_NOFILE, count)
}

fn limit(what: libc::__rlimit_resource_t, bound: u64) -> io::Result<()> {
    let mut now = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a valid place for the answer.
    if unsafe { libc::getrlimit(what, &mut now) } == -1 {
        return Err(io::Error::last_os_error());
    }
    let bound = bound.min(now.rlim_max);
    let new = libc::rlimit { rlim_cur: bound, rlim_max: bound };
    // SAFETY: a valid limit.
    match unsafe { libc::setrlimit(what, &new) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Keeps this process to some processor cores.
///
/// # Errors
/// None of them may be used.
pub(super) fn keep_to_cores(cores: &[usize]) -> io::Result<()> {
    if cores.is_empty() {
        return Ok(());
    }
    // SAFETY: all zeroes is the empty set.
    let mut set: libc::cpu_set_t = unsafe { MaybeUninit::zeroed().assume_init() };
    for core in cores.iter().filter(|core| **core < libc::CPU_SETSIZE as usize) {
        // SAFETY: within the set.
        unsafe { libc::CPU_SET(*core, &mut set) };
    }
    // SAFETY: a valid set; 0 is this thread, whose threads follow it.
    match unsafe { libc::sched_setaffinity(0, size_of_val(&set), &set) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

//! What is asked of the system about a process that is followed.
#![allow(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::ptr;

use libc::{c_int, c_void, pid_t};

use super::Result;

const NOTHING: *mut c_void = ptr::null_mut();

/// Starts a command, which stops once it has become the program. Without the caller it ends.
///
/// # Errors
/// Where it cannot be started or followed.
pub(super) fn start(command: &mut Command, options: c_int) -> Result<pid_t> {
    // SAFETY: between fork and exec it makes one system call and no more.
    unsafe {
        command.pre_exec(|| done(libc::ptrace(libc::PTRACE_TRACEME, 0, NOTHING, NOTHING)));
    }
    let child = command.stderr(Stdio::null()).spawn();
    let child =
        child.map_err(|error| format!("{command:?} under ptrace, which a sandbox may forbid: {error}"))?;
    let process = pid_t::try_from(child.id())?;
    wait(process)?;
    ask(libc::PTRACE_SETOPTIONS, process, options | libc::PTRACE_O_EXITKILL)?;
    Ok(process)
}

/// Lets a thread that has stopped go on, with a signal or 0.
pub(super) fn go_on(thread: pid_t, signal: c_int) -> io::Result<()> {
    ask(libc::PTRACE_CONT, thread, signal)
}

fn done(returned: libc::c_long) -> io::Result<()> {
    match returned {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

pub(super) fn wait(process: pid_t) -> io::Result<(pid_t, c_int)> {
    let mut status = 0;
    // SAFETY: `status` lives as long as the call.
    let process = unsafe { libc::waitpid(process, &raw mut status, libc::__WALL) };
    done(process.into())?;
    Ok((process, status))
}

/// A request that takes a number and gives nothing back.
fn ask(request: libc::c_uint, thread: pid_t, number: c_int) -> io::Result<()> {
    // SAFETY: with such a request the kernel reads no memory of this process and writes none.
    done(unsafe { libc::ptrace(request, thread, NOTHING, libc::c_long::from(number)) })
}

/// Whether a thread that is followed waits to go on: one that was killed does no more.
pub(super) fn has_stopped(thread: pid_t) -> bool {
    registers(thread).is_ok()
}

pub(super) fn registers(thread: pid_t) -> io::Result<libc::user_regs_struct> {
    let mut registers = MaybeUninit::uninit();
    // SAFETY: the kernel fills a structure of this type, all of it where it says that it has.
    unsafe {
        done(libc::ptrace(libc::PTRACE_GETREGS, thread, NOTHING, registers.as_mut_ptr()))?;
        Ok(registers.assume_init())
    }
}

pub(super) fn set_registers(thread: pid_t, registers: &libc::user_regs_struct) -> io::Result<()> {
    // SAFETY: the kernel reads a structure of this type.
    done(unsafe { libc::ptrace(libc::PTRACE_SETREGS, thread, NOTHING, ptr::from_ref(registers)) })
}

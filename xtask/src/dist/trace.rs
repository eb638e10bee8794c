//! Which functions of programs run, in the order of their first calls: each gets a breakpoint at its beginning,
//! which goes away when it is hit. Threads and children are followed.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use libc::{c_int, pid_t};

use super::Result;
use super::program::Program;
use super::ptrace::{go_on, has_stopped, registers, set_registers, start, wait};

/// `int3`.
const BREAKPOINT: u8 = 0xcc;
const FOLLOWED: c_int = libc::PTRACE_O_TRACECLONE
    | libc::PTRACE_O_TRACEFORK
    | libc::PTRACE_O_TRACEVFORK
    | libc::PTRACE_O_TRACEEXEC;

/// Runs a command to its end, and adds what ran to each program's [`called`](Program::called).
///
/// # Errors
/// Where it cannot be started or followed, or does not succeed.
pub(super) fn run(command: &mut Command, programs: &mut [Program]) -> Result<()> {
    let leader = start(command, FOLLOWED)?;
    let mut trace = Trace::of(programs);
    trace.begins(leader)?;
    go_on(leader, 0)?;
    loop {
        let (thread, status) = wait(-1)?;
        if libc::WIFSTOPPED(status) {
            match trace.stopped(thread, status) {
                // One that was killed meanwhile is told by a later wait.
                Ok(signal) => drop(go_on(thread, signal)),
                Err(_) if !has_stopped(thread) => {}
                Err(error) => return Err(error),
            }
        } else if thread == leader {
            return match libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0 {
                true => Ok(()),
                false => Err(format!("{command:?} ended with status {status:#x}").into()),
            };
        }
    }
}

/// Programs whose processes are full of breakpoints.
struct Trace<'a> {
    programs: &'a mut [Program],
    /// For each program: what stands at a function's beginning, by its address.
    begins: Vec<HashMap<u64, (usize, u8)>>,
    known: Vec<HashSet<usize>>,
}

impl<'a> Trace<'a> {
    fn of(programs: &'a mut [Program]) -> Self {
        let known = programs.iter().map(|program| program.called.iter().copied().collect()).collect();
        Self { begins: vec![HashMap::new(); programs.len()], programs, known }
    }

    /// A process has become a program.
    fn begins(&mut self, process: pid_t) -> Result<()> {
        let Some((which, base)) = self.place(process)? else { return Ok(()) };
        let functions = &self.programs[which].functions;
        let addresses = || functions.iter().map(|function| function.address);
        let (Some(first), Some(last)) = (addresses().min(), addresses().max()) else { return Ok(()) };
        let memory = memory(process)?;
        let mut code = vec![0; usize::try_from(last - first)? + 1];
        memory.read_exact_at(&mut code, base + first)?;
        for (number, function) in functions.iter().enumerate() {
            let byte = &mut code[usize::try_from(function.address - first)?];
            // Several names may stand for one.
            self.begins[which].entry(function.address).or_insert((number, *byte));
            *byte = BREAKPOINT;
        }
        Ok(memory.write_all_at(&code, base + first)?)
    }

    /// Sees why a thread stopped, and returns the signal to go on with.
    fn stopped(&mut self, thread: pid_t, status: c_int) -> Result<c_int> {
        let (signal, event) = (libc::WSTOPSIG(status), status >> 16);
        if event == libc::PTRACE_EVENT_EXEC {
            self.begins(thread)?;
        }
        // A new thread's first stop is of the trace's making, as are those of events.
        if event != 0 || signal == libc::SIGSTOP {
            return Ok(0);
        }
        match signal == libc::SIGTRAP && self.passed(thread)? {
            true => Ok(0),
            false => Ok(signal),
        }
    }

    /// Whether a thread stands behind a breakpoint. If so it goes away, and the thread back before it.
    fn passed(&mut self, thread: pid_t) -> Result<bool> {
        let Some((which, base)) = self.place(thread)? else { return Ok(false) };
        let mut registers = registers(thread)?;
        let address = registers.rip - 1;
        let Some(&(number, byte)) = self.begins[which].get(&address.wrapping_sub(base)) else {
            return Ok(false);
        };
        memory(thread)?.write_all_at(&[byte], address)?;
        registers.rip = address;
        set_registers(thread, &registers)?;
        if self.known[which].insert(number) {
            self.programs[which].called.push(number);
        }
        Ok(true)
    }

    /// The program that a thread runs, and where it lies in its memory.
    fn place(&self, thread: pid_t) -> Result<Option<(usize, u64)>> {
        let path = fs::read_link(format!("/proc/{thread}/exe"))?;
        let Some(which) = self.programs.iter().position(|program| program.path == path) else {
            return Ok(None);
        };
        Ok(Some((which, load_address(thread, &path)?)))
    }
}

/// Where a program that is linked at 0 lies.
fn load_address(thread: pid_t, program: &Path) -> Result<u64> {
    let maps = fs::read_to_string(format!("/proc/{thread}/maps"))?;
    let line = maps.lines().find(|line| line.ends_with(&*program.to_string_lossy()));
    let begin = line.and_then(|line| line.split('-').next()).ok_or("a program is not in its own memory")?;
    Ok(u64::from_str_radix(begin, 16)?)
}

fn memory(thread: pid_t) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(format!("/proc/{thread}/mem"))
}

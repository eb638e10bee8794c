//! Counts signals that ask a run to stop.

use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use synapse_sdk::errors::Result;

/// From now on `counter` tells how often `signal` came.
///
/// # Errors
/// The signal cannot be handled.
#[expect(unsafe_code, reason = "registers code that runs in a signal handler")]
pub(crate) fn count(signal: i32, counter: Arc<AtomicUsize>) -> Result<()> {
    let action = move || {
        counter.fetch_add(1, Ordering::Relaxed);
    };
    // SAFETY: the action only adds to an atomic.
    unsafe { signal_hook::low_level::register(signal, action) }?;
    Ok(())
}

/// Sends `signal` to a child that leads a process group and has not been waited
/// for, and to all of its group.
#[expect(unsafe_code, reason = "the standard library sends no signals but SIGKILL")]
pub(crate) fn send_to_group(child: &Child, signal: i32) {
    let Ok(group) = i32::try_from(child.id()) else { return };
    // SAFETY: takes two numbers; as long as it was not waited for the id is the child's.
    unsafe { libc::kill(-group, signal) };
}

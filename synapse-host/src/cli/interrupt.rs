//! Counts signals that ask a run to stop.

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

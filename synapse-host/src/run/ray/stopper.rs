//! Stops a run on a cluster.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::run::isolated::Link;
use crate::worker::protocol::{END_WORKER, Kind};

/// Stops a run wherever it is on its way.
#[derive(Default)]
pub(in crate::run) struct Stopper {
    cancelled: Arc<AtomicU32>,
    state: Mutex<Stopping>,
}

#[derive(Default)]
struct Stopping {
    killed: bool,
    /// Where the run is, and its number there.
    at: Option<(Arc<Link>, u64)>,
}

impl Stopper {
    /// One that is told by a flag alone.
    pub(super) fn told_by(cancelled: &Arc<AtomicU32>) -> Self {
        Self { cancelled: Arc::clone(cancelled), state: Mutex::default() }
    }

    pub(super) fn flag(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.cancelled)
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) != 0
    }

    /// Tells the action to stop.
    pub(in crate::run) fn cancel(&self) {
        self.cancelled.store(1, Ordering::Relaxed);
        if let Some((link, id)) = &self.lock().at {
            // A worker that is gone has stopped.
            let _ = link.send(Kind::Cancel, *id, &[]);
        }
    }

    /// Ends the worker; `at_once` without waiting for its word.
    pub(in crate::run) fn kill(&self, at_once: bool) {
        self.cancelled.store(1, Ordering::Relaxed);
        let mut state = self.lock();
        state.killed = true;
        if let Some((link, id)) = &state.at {
            let _ = link.send_flagged(Kind::Cancel, END_WORKER, *id, &[]);
            if at_once {
                link.end_reading();
            }
        }
    }

    pub(super) fn was_killed(&self) -> bool {
        self.lock().killed
    }

    pub(super) fn begin(&self, link: &Arc<Link>, id: u64) {
        let mut state = self.lock();
        state.at = Some((Arc::clone(link), id));
        if self.is_cancelled() {
            let _ = link.send(Kind::Cancel, id, &[]);
        }
        if state.killed {
            link.end_reading();
        }
    }

    pub(super) fn end(&self) {
        self.lock().at = None;
    }

    fn lock(&self) -> MutexGuard<'_, Stopping> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Looks after the thread of a worker: tells its row to stop, and gives up one
//! that does not.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::chunk::Span;

/// What is known of a worker's thread. Only where rows have a time-out is it
/// told of each of them.
#[derive(Debug, Default)]
pub(super) struct Watch {
    cancelled: Arc<AtomicU32>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The row that the thread has, alone in its span.
    row: Option<Span>,
    /// When its attempt began, while there is one.
    began: Option<Instant>,
    timed_out: bool,
    stopping: bool,
    lost: bool,
}

/// How an attempt ended in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    InTime,
    TimedOut,
    /// Nobody waited: its row has ended without it, and so has its thread.
    Lost,
}

impl Watch {
    /// What the row is told by.
    pub(super) fn flag(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.cancelled)
    }

    /// The thread has taken this row.
    pub(super) fn took(&self, row: Span) {
        self.lock().row = Some(row);
    }

    /// An attempt of the row begins.
    pub(super) fn begin(&self) {
        let mut state = self.lock();
        state.began = Some(Instant::now());
        state.timed_out = false;
        if !state.stopping {
            self.cancelled.store(0, Ordering::Relaxed);
        }
    }

    /// The attempt has ended.
    pub(super) fn end(&self) -> Attempt {
        let mut state = self.lock();
        state.began = None;
        match (state.lost, state.timed_out) {
            (true, _) => Attempt::Lost,
            (false, true) => Attempt::TimedOut,
            (false, false) => Attempt::InTime,
        }
    }

    /// Tells a row to stop whose time is over. Gives one that has not stopped
    /// after `grace`; its thread is not waited for any more.
    pub(super) fn look(&self, timeout: Duration, grace: Duration) -> Option<Span> {
        let mut state = self.lock();
        let elapsed = state.began?.elapsed();
        if elapsed >= timeout && !state.timed_out {
            state.timed_out = true;
            self.cancelled.store(1, Ordering::Relaxed);
        }
        if elapsed < timeout.saturating_add(grace) {
            return None;
        }
        state.lost = true;
        state.began = None;
        state.row.take()
    }

    /// The map ends.
    pub(super) fn stop(&self) {
        self.lock().stopping = true;
        self.cancelled.store(1, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

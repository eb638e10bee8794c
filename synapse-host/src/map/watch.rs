//! Looks after the thread of a worker: tells its row to stop, and gives up one
//! that does not.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::chunk::Span;

/// What is known of a worker's thread. Only where rows have a time-out, and
/// their runner does not look after it itself, is it told of each of them.
#[derive(Default)]
pub(super) struct Watch {
    cancelled: Arc<AtomicU32>,
    state: Mutex<State>,
    reins: OnceLock<Arc<dyn Reins>>,
}

/// Holds rows that run in another process. None of it waits.
pub(super) trait Reins: Send + Sync {
    /// Tells what runs to stop.
    fn cancel(&self);

    /// Ends the process: after asking it to, or `at_once`.
    fn end(&self, at_once: bool);

    /// Called every now and then, also to look after time-outs.
    fn look(&self);
}

#[derive(Debug, Default)]
struct State {
    /// The row that the thread has, alone in its span.
    row: Option<Span>,
    /// When its attempt began, while there is one.
    began: Option<Instant>,
    timed_out: bool,
    ended: bool,
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
        (state.timed_out, state.ended) = (false, false);
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

    /// Rows of this thread run in another process.
    pub(super) fn hold(&self, reins: Arc<dyn Reins>) {
        // Set once, when the thread begins.
        let _ = self.reins.set(reins);
    }

    /// Whether its rows have to be taken one by one: each that does not stop is
    /// lost with its thread.
    pub(super) fn loses_rows(&self) -> bool {
        self.reins.get().is_none()
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) != 0
    }

    /// Tells a row to stop whose time is over. One that has not stopped after
    /// `grace` ends with its process; where it has none of its own, it is given,
    /// and its thread is not waited for any more.
    pub(super) fn look(&self, timeout: Duration, grace: Duration) -> Option<Span> {
        let mut state = self.lock();
        let elapsed = state.began?.elapsed();
        if elapsed >= timeout && !state.timed_out {
            state.timed_out = true;
            self.cancel();
        }
        if elapsed < timeout.saturating_add(grace) {
            return None;
        }
        if let Some(reins) = self.reins.get() {
            if !std::mem::replace(&mut state.ended, true) {
                reins.end(false);
            }
            return None;
        }
        state.lost = true;
        state.began = None;
        state.row.take()
    }

    /// The map ends.
    pub(super) fn stop(&self) {
        if !std::mem::replace(&mut self.lock().stopping, true) {
            self.cancel();
        }
    }

    /// The map does not wait any longer. False when the thread has to be given
    /// up, because its rows run in this process.
    pub(super) fn end_process(&self) -> bool {
        self.reins.get().is_some_and(|reins| {
            reins.end(true);
            true
        })
    }

    /// Has its rows looked after.
    pub(super) fn look_after(&self) {
        if let Some(reins) = self.reins.get() {
            reins.look();
        }
    }

    fn cancel(&self) {
        self.cancelled.store(1, Ordering::Relaxed);
        if let Some(reins) = self.reins.get() {
            reins.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

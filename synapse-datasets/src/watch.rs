//! Looking on while something long is done, and ending it.

use crate::error::{Error, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How far something is. Clones look at the same thing, from any thread.
#[derive(Clone, Debug, Default)]
pub struct Watch(Arc<State>);

#[derive(Debug, Default)]
struct State {
    done: AtomicU64,
    total: AtomicU64,
    cancelled: AtomicBool,
}

impl Watch {
    /// Nothing done yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How much is done: images, or while a dataset is opened bytes of its
    /// annotation file.
    pub fn done(&self) -> u64 {
        self.0.done.load(Ordering::Relaxed)
    }

    /// How much there is; 0 if that is not known.
    pub fn total(&self) -> u64 {
        self.0.total.load(Ordering::Relaxed)
    }

    /// Asks for an end. What is being written is removed, and an error of kind
    /// [`Cancelled`](ErrorKind::Cancelled) returned.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether an end was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Relaxed)
    }

    pub(crate) fn begin(&self, total: u64) {
        self.0.total.store(total, Ordering::Relaxed);
        self.0.done.store(0, Ordering::Relaxed);
    }

    pub(crate) fn add(&self, count: u64) {
        self.0.done.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, done: u64) {
        self.0.done.store(done, Ordering::Relaxed);
    }

    /// An error if an end was asked for.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.is_cancelled() { Err(Error::new(ErrorKind::Cancelled, "it was cancelled")) } else { Ok(()) }
    }
}

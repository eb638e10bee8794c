//! What tells work to stop beside the run itself: the time of a step.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// See the module. Steps run one after another: there is one limit at a time,
/// and one that is set within another ends with the earlier of both.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Whether `end` has to be looked at, so that a run without limits does not.
    limited: AtomicBool,
    end: Mutex<Option<Instant>>,
    shielded: AtomicBool,
}

impl Watch {
    pub(crate) fn is_over(&self) -> bool {
        self.limited.load(Ordering::Relaxed) && self.end().is_some_and(|end| Instant::now() >= end)
    }

    pub(crate) fn is_shielded(&self) -> bool {
        self.shielded.load(Ordering::Relaxed)
    }

    pub(crate) fn limit(&self, end: Instant) -> Limited<'_> {
        let before = self.end();
        self.set(Some(before.map_or(end, |before| before.min(end))));
        Limited { watch: self, before }
    }

    pub(crate) fn shield(&self) -> Shielded<'_> {
        Shielded { watch: self, before: self.shielded.swap(true, Ordering::Relaxed) }
    }

    fn end(&self) -> Option<Instant> {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, end: Option<Instant>) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = end;
        self.limited.store(end.is_some(), Ordering::Relaxed);
    }
}

/// Takes the limit back.
pub(crate) struct Limited<'a> {
    watch: &'a Watch,
    before: Option<Instant>,
}

impl Drop for Limited<'_> {
    fn drop(&mut self) {
        self.watch.set(self.before);
    }
}

/// Takes the shield back.
pub(crate) struct Shielded<'a> {
    watch: &'a Watch,
    before: bool,
}

impl Drop for Shielded<'_> {
    fn drop(&mut self) {
        self.watch.shielded.store(self.before, Ordering::Relaxed);
    }
}

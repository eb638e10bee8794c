//! What a map is asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::run::RunRequest;

/// What a map is asked for: a run for each row, and how they are spread.
#[derive(Clone, Debug)]
pub struct MapRequest {
    pub(crate) run: RunRequest,
    pub(crate) concurrency: usize,
    pub(crate) retries: u32,
    pub(crate) ordered: bool,
    pub(crate) all_events: bool,
    pub(crate) cancel: Cancel,
}

impl MapRequest {
    /// Runs `run` for each row. Its params lie under those of the row, and its
    /// time-out is that of each attempt of a row. State that an action saves is
    /// its row's own and lasts for the attempts of that row; a record is not
    /// kept.
    pub fn new(run: RunRequest) -> Self {
        let concurrency = std::thread::available_parallelism().map_or(1, usize::from);
        let cancel = Cancel::default();
        Self { run, concurrency, retries: 0, ordered: true, all_events: false, cancel }
    }

    /// How many rows run at once; as many as there are processor cores unless
    /// set. 0 is taken for 1. Isolated, each of them has a worker of its own.
    #[must_use]
    pub fn concurrency(mut self, rows: usize) -> Self {
        self.concurrency = rows.max(1);
        self
    }

    /// How often a row that failed is tried again; not at all unless set. Rows
    /// whose params are refused are not tried again.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Hands over outcomes as they come: a slow row does not hold up others.
    #[must_use]
    pub fn unordered(mut self) -> Self {
        self.ordered = false;
        self
    }

    /// Tells the listener of all messages and log entries, not only of
    /// warnings and worse ones.
    #[must_use]
    pub fn all_events(mut self, all: bool) -> Self {
        self.all_events = all;
        self
    }

    /// Stops the map, now or later and from anywhere.
    pub fn canceller(&self) -> Cancel {
        self.cancel.clone()
    }
}

/// Tells a map to stop. May be kept and used on any thread.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicUsize>);

impl Cancel {
    /// Begins no more rows and tells those that run to stop; asked a second
    /// time, does not wait for them either.
    pub fn cancel(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn asked(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

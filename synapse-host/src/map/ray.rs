//! Runs rows on a Ray cluster: each thread of the map has a worker there, as far
//! as the cluster has room for so many, and gives it one row after the other.

use std::cell::OnceCell;
use std::sync::{Arc, Mutex, PoisonError};

use synapse_sdk::errors::Result;
use synapse_sdk::services::Services;
use synapse_sdk::{ErrorKind, PluginError};

use super::claim::{Claim, Common};
use super::flow::Flow;
use super::local::timed_out;
use super::request::MapRequest;
use super::runner::{After, MakeRunner, RowRunner};
use super::services::{RowServices, ServicesOfAll};
use super::watch::{Attempt, Reins, Watch};
use crate::plugin::Plugin;
use crate::run::{RayCalls, RayRoom, RayStopper, RunRequest};

/// What all threads share.
struct Action {
    plugin: Plugin,
    run: RunRequest,
    services: ServicesOfAll,
    room: RayRoom,
    /// Threads so far.
    threads: Mutex<usize>,
}

/// Finds out how many workers there may be.
///
/// # Errors
/// The action is not there; the cluster cannot be reached, or has no room for
/// a single worker.
pub(super) fn prepare(plugin: &Plugin, request: &MapRequest, flow: &Arc<Flow>) -> Result<Box<MakeRunner>> {
    plugin.registered_name(&request.run.action)?;
    let services = ServicesOfAll::new(request, flow, &plugin.env_under(&request.run.env));
    let most = request.run.ray.workers.unwrap_or(request.concurrency).min(request.concurrency);
    let room = RayCalls::room(plugin, &request.run, most)?;
    let (plugin, run, threads) = (plugin.clone(), request.run.clone(), Mutex::default());
    let action = Arc::new(Action { plugin, run, services, room, threads });
    Ok(Box::new(move |watch| Box::new(RayRows::new(&action, watch))))
}

/// The row that a thread has now, for the thread that looks after all.
#[derive(Default)]
struct Hold(Mutex<Arc<RayStopper>>);

impl Hold {
    fn begin(&self) -> Arc<RayStopper> {
        let stopper = Arc::<RayStopper>::default();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&stopper);
        stopper
    }

    fn now(&self) -> Arc<RayStopper> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Reins for Hold {
    fn cancel(&self) {
        self.now().cancel();
    }

    fn end(&self, at_once: bool) {
        self.now().kill(at_once);
    }

    fn look(&self) {}
}

/// One thread.
struct RayRows {
    action: Arc<Action>,
    watch: Arc<Watch>,
    services: Arc<RowServices>,
    /// Made with the first row.
    calls: OnceCell<RayCalls>,
    worker: usize,
    hold: Arc<Hold>,
}

impl RayRows {
    fn new(action: &Arc<Action>, watch: &Arc<Watch>) -> Self {
        let services = RowServices::new(&action.services, &watch.flag());
        let thread = {
            let mut threads = action.threads.lock().unwrap_or_else(PoisonError::into_inner);
            *threads += 1;
            *threads - 1
        };
        let worker = thread % action.room.workers.max(1);
        let hold = Arc::<Hold>::default();
        watch.hold(Arc::clone(&hold) as Arc<dyn Reins>);
        let (action, watch, calls) = (Arc::clone(action), Arc::clone(watch), OnceCell::new());
        Self { action, watch, services, calls, worker, hold }
    }

    fn calls(&self) -> Result<&RayCalls> {
        if let Some(calls) = self.calls.get() {
            return Ok(calls);
        }
        let services = Arc::clone(&self.services) as Arc<dyn Services>;
        let calls = RayCalls::new(&self.action.plugin, &self.action.run, self.worker, services)?;
        Ok(self.calls.get_or_init(|| calls))
    }

    fn run_row(&self, params: &[u8], common: &Common) -> Result<Vec<u8>> {
        let mut attempt = 1;
        loop {
            self.services.begin_attempt(attempt);
            match self.attempt(params) {
                Err(error) if common.tries_again(&error, attempt) && !self.services.is_stopped() => {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    fn attempt(&self, params: &[u8]) -> Result<Vec<u8>> {
        let calls = self.calls()?;
        let stopper = self.hold.begin();
        // Told to stop meanwhile, this one was not among those that were told.
        if self.services.is_stopped() {
            return Err(PluginError::cancelled());
        }
        let Some(timeout) = self.action.run.timeout else { return calls.call(params, &stopper) };
        self.watch.begin();
        let result = calls.call(params, &stopper);
        match self.watch.end() {
            Attempt::InTime | Attempt::Lost => result,
            Attempt::TimedOut => result.map_err(|error| match (error.kind(), error.hint_text()) {
                (ErrorKind::Cancelled, Some(hint)) => timed_out(timeout).hint(hint),
                (ErrorKind::Cancelled, None) => timed_out(timeout),
                _ => error,
            }),
        }
    }
}

impl RowRunner for RayRows {
    fn run(&mut self, claim: &mut Claim<'_>) -> After {
        let common = claim.common();
        while let Some(row) = claim.next() {
            self.services.begin_row(row.number);
            let result = match row.params {
                Ok(params) => self.run_row(params, common),
                Err(error) => Err(error),
            };
            drop(self.services.take_state());
            claim.end(result.as_deref());
        }
        After::GoOn
    }
}

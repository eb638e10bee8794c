//! Runs rows in this process.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use synapse_sdk::abi::host_side::{Job, PluginInstance};
use synapse_sdk::abi::layout::OwnedBuf;
use synapse_sdk::action::{Check, Checks};
use synapse_sdk::errors::{Result, TimedOut};
use synapse_sdk::services::Services;
use synapse_sdk::{ErrorKind, PluginError};

use super::claim::{Claim, Common};
use super::flow::Flow;
use super::request::MapRequest;
use super::runner::{After, MakeRunner, RowRunner};
use super::services::{RowServices, ServicesOfAll};
use super::watch::{Attempt, Watch};
use crate::plugin::Plugin;
use crate::run::InFlight;

/// What all threads share.
struct Action {
    plugin: Plugin,
    name: String,
    instance: Arc<PluginInstance>,
    checks: Checks,
    timeout: Option<Duration>,
    services: ServicesOfAll,
}

/// Makes the action's object, once for all rows.
pub(super) fn prepare(plugin: &Plugin, request: &MapRequest, flow: &Arc<Flow>) -> Result<Box<MakeRunner>> {
    plugin.image().inspected.check_unwinds(&plugin.image().path)?;
    let run = &request.run;
    let registered = plugin.registered_name(&run.action)?;
    let env = plugin.env_under(&run.env);
    let services = ServicesOfAll::new(request, flow, &env);
    let cancelled = Arc::<AtomicU32>::default();
    let setup = Job::open(RowServices::new(&services, &cancelled), cancelled);
    let instance = {
        let _flight = InFlight::begin(&plugin.config().code, registered);
        plugin.image().instance(registered, &env, &setup)?
    };
    let action = Arc::new(Action {
        plugin: plugin.clone(),
        name: registered.to_owned(),
        instance,
        checks: Checks { params: Check::Needed, strict_result: run.strict_result },
        timeout: run.timeout,
        services,
    });
    // The object may keep what its setup was given, so the job stays as long.
    let setup = Arc::new(setup);
    Ok(Box::new(move |watch| {
        let _ = &setup;
        Box::new(LocalRows::new(&action, watch))
    }))
}

/// One thread.
struct LocalRows {
    action: Arc<Action>,
    watch: Arc<Watch>,
    services: Arc<RowServices>,
    job: Job,
    _flight: InFlight,
}

impl LocalRows {
    fn new(action: &Arc<Action>, watch: &Arc<Watch>) -> Self {
        let services = RowServices::new(&action.services, &watch.flag());
        let job = Job::open(Arc::clone(&services) as Arc<dyn Services>, watch.flag());
        let flight = InFlight::begin(&action.plugin.config().code, &action.name);
        Self { action: Arc::clone(action), watch: Arc::clone(watch), services, job, _flight: flight }
    }

    /// All attempts of a row. `None` when nobody waits for it any more.
    fn run_row(&self, params: &[u8], common: &Common) -> Option<Result<OwnedBuf>> {
        let mut attempt = 1;
        loop {
            self.services.begin_attempt(attempt);
            let stopped = || self.services.is_stopped();
            match self.attempt(params)? {
                Err(error) if common.tries_again(&error, attempt) && !stopped() => attempt += 1,
                result => return Some(result),
            }
        }
    }

    fn attempt(&self, params: &[u8]) -> Option<Result<OwnedBuf>> {
        let invoke = || self.action.instance.invoke(params, self.action.checks, &self.job);
        let Some(timeout) = self.action.timeout else { return Some(invoke()) };
        self.watch.begin();
        let result = invoke();
        match self.watch.end() {
            Attempt::Lost => None,
            Attempt::InTime => Some(result),
            Attempt::TimedOut => Some(result.map_err(|error| match error.kind() {
                ErrorKind::Cancelled => timed_out(timeout),
                _ => error,
            })),
        }
    }
}

impl RowRunner for LocalRows {
    fn run(&mut self, claim: &mut Claim<'_>) -> After {
        let common = claim.common();
        while let Some(row) = claim.next() {
            self.services.begin_row(row.number);
            let ended = match row.params {
                Ok(params) => self.run_row(params, common),
                Err(error) => Some(Err(error)),
            };
            let Some(result) = ended else { return After::GivenUp };
            drop(self.services.take_state());
            claim.end(result.as_deref());
        }
        After::GoOn
    }
}

/// The row took too long.
pub(super) fn timed_out(timeout: Duration) -> PluginError {
    TimedOut::new(format!("the row took longer than {}", humantime::format_duration(timeout)))
}

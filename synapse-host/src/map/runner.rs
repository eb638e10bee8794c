//! Where rows run.

use std::sync::Arc;

use synapse_sdk::errors::Result;
use synapse_sdk::{ErrorKind, PluginError};

use super::claim::Claim;
use super::flow::Flow;
use super::request::MapRequest;
use super::watch::Watch;
use super::{local, queued};
use crate::plugin::Plugin;
use crate::run::Mode;

/// Runs rows, for one thread of a map.
pub(super) trait RowRunner {
    /// Takes rows from the claim until it gives no more, and ends each of
    /// those, in their order. Several may be under way at once.
    fn run(&mut self, claim: &mut Claim<'_>) -> After;
}

/// What becomes of the thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// It takes the next rows.
    GoOn,
    /// It was given up, and its claim is not its own any more.
    GivenUp,
}

/// Makes the runner of each thread, on that thread.
pub(super) type MakeRunner = dyn Fn(&Arc<Watch>) -> Box<dyn RowRunner> + Send + Sync;

/// What runs the rows of a request. This is the one place where that is
/// decided; what has to be done once for all rows is done here.
///
/// # Errors
/// As [`check_available`]; the action is not there, or its setup fails.
pub(super) fn choose(plugin: &Plugin, request: &MapRequest, flow: &Arc<Flow>) -> Result<Box<MakeRunner>> {
    check_available(request.run.mode)?;
    match request.run.mode {
        Mode::Isolated => queued::isolated(plugin, request, flow),
        Mode::Task => queued::on_ray(plugin, request, flow),
        _ => local::prepare(plugin, request, flow),
    }
}

/// Whether this version can map in that mode.
///
/// # Errors
/// [`Usage`](ErrorKind::Usage), naming the mode.
pub(crate) fn check_available(mode: Mode) -> Result<()> {
    if matches!(mode, Mode::Local | Mode::Isolated | Mode::Task) {
        return Ok(());
    }
    let message = format!("mode `{mode}` cannot map rows in this version of synapse");
    Err(PluginError::new(ErrorKind::Usage, message).hint(
        "rows run in this process, in workers of its own or on Ray: use mode `local`, `isolated` or `task`",
    ))
}

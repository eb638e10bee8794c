//! `synapse run rerun`.

use std::env;
use std::path::Path;

use clap::Args;
use serde_json::json;
use synapse_sdk::PluginError;
use synapse_sdk::errors::{NotFoundError, Result};

use super::super::Common;
use super::super::output::Output;
use super::super::params::ParamsArgs;
use super::super::pipeline::{Again, rerun};
use super::super::run_action::{Wanted, carry_out};
use super::pipeline;
use crate::home::Home;
use crate::plugin::Plugin;
use crate::plugin_ref::PluginRef;
use crate::record::{self, FullRun, sha256_of};
use crate::run::{Mode, RunRequest};

/// Run again what was run: the same plugin, action, params, variables, mode,
/// resources and time-out, in the same working folder; of a pipeline the same
/// nodes, with the same inputs.
///
/// A plugin's folder whose library is stale is built first; a plugin that is no
/// longer the one that ran is told. What a pipeline's run has finished runs again:
/// `synapse pipeline resume` goes on with it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse run rerun last
  synapse run rerun 20261122-1 -P epochs=20
  synapse run rerun last --isolated                     after a crash
  synapse run rerun last --params '{\"epochs\": 20}' --dry-run")]
pub(crate) struct RerunArgs {
    /// The run's id, the beginning of it, or `last`
    #[arg(value_name = "ID")]
    id: String,
    /// Params that go before those of the run
    #[command(flatten)]
    params: ParamsArgs,
    /// Run in a worker process of its own
    #[arg(long)]
    isolated: bool,
    /// Check the params and show them with their defaults, but run nothing
    #[arg(long)]
    dry_run: bool,
}

impl RerunArgs {
    pub(super) fn execute(self, home: &Home, common: &Common, output: &mut Output) -> Result<()> {
        if let Some(id) = pipeline::meant(home, &self.id) {
            let asked = Again { isolated: self.isolated, dry_run: self.dry_run };
            return rerun(home, &id, self.params, asked, common, output);
        }
        let run = record::load(home, &self.id)?;
        let mut request = request_of(&run)?;
        if self.isolated {
            request = request.mode(Mode::Isolated);
        }
        output.note(&announcement(&run, &request, &self.params));
        let earlier = run.params.as_ref().map(|params| params.get().to_owned());
        let params = self.params.over(earlier.ok_or_else(|| forgotten(&run, "its params"))?);
        if let Some(folder) = &run.folder {
            enter(folder, output);
        }
        let wanted = Wanted { request, params, dry_run: self.dry_run, verify: false, follow: false };
        carry_out(wanted, common, output, |plugin, output| {
            for change in changes(home, &run, plugin) {
                output.note(&change);
            }
        })
    }
}

/// What the run was asked for, all but the params.
fn request_of(run: &FullRun) -> Result<RunRequest> {
    let request = run.request.as_ref().ok_or_else(|| forgotten(run, "what was asked for"))?;
    let request: RunRequest = serde_json::from_str(request.get())
        .map_err(|error| forgotten(run, "what was asked for").context(error.to_string()))?;
    match &request.plugin {
        PluginRef::Path(path) if !path.exists() => Err(gone(run, path)),
        _ => Ok(request.env(run.env.clone()).record(true)),
    }
}

fn forgotten(run: &FullRun, what: &str) -> PluginError {
    NotFoundError::new(format!("the record of run {} does not say {what}", run.run.id))
        .details(json!({ "run": run.run.id }))
        .hint("start it with `synapse plugin run`; `synapse run show` tells what is known of it")
}

fn gone(run: &FullRun, path: &Path) -> PluginError {
    NotFoundError::new(format!("what run {} ran is gone: there is no {}", run.run.id, path.display()))
        .details(json!({ "run": run.run.id, "path": path }))
        .hint("put it back, or name the plugin where it is now: `synapse plugin run TARGET ACTION`")
}

fn announcement(run: &FullRun, request: &RunRequest, params: &ParamsArgs) -> String {
    let with = if params.is_empty() { "the same params" } else { "other params" };
    format!(
        "run {} again: `{}` of {}, mode {}, with {with}",
        run.run.id, request.action, request.plugin, request.mode
    )
}

/// Params may hold relative paths, and codes are looked for in the working folder.
pub(crate) fn enter(folder: &Path, output: &mut Output) {
    if env::current_dir().is_ok_and(|current| current == folder) {
        return;
    }
    match env::set_current_dir(folder) {
        Ok(()) => output.note(&format!("in {}, as then", folder.display())),
        Err(error) => {
            output.note(&format!("warning: it ran in {}, but here it runs now: {error}", folder.display()));
        }
    }
}

/// How the plugin differs from the one that ran.
fn changes(home: &Home, run: &FullRun, plugin: &Plugin) -> Vec<String> {
    let mut changes = Vec::new();
    let version = &plugin.config().version;
    if let Some(then) = run.version.as_ref().filter(|then| *then != version) {
        changes.push(format!("warning: the plugin's version is {version} now; then it was {then}"));
    }
    let digest = sha256_of(home, &plugin.image().path).ok();
    if let (Some(then), Some(now)) = (&run.sha256, digest)
        && *then != now
    {
        changes.push(format!(
            "warning: the plugin has changed since: its library is {}… now; then it was {}…",
            &now[..12],
            then.get(..12).unwrap_or(then)
        ));
    }
    changes
}

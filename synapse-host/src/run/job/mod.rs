//! `synapse-worker job`: runs one action, as the command of a job on a cluster.
//!
//! What it runs stands in the variable `SYNAPSE_JOB`, or in the file `job.json` beside it. The cluster
//! keeps what the job prints in a file; beside that file this program leaves two of its own, which
//! the dashboard hands out as it does any log: the events, a line each, and at the end
//! the document of the run. Nothing is searched for in printed text, so an action may print what
//! it likes.

mod away;
mod desk;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use synapse_sdk::errors::{Result, ResultExt};
use synapse_sdk::events::Rfc3339;
use synapse_sdk::{Env, ErrorKind, PluginError};

use self::away::Away;
use self::desk::Desk;
pub(super) use self::desk::{ENDED, events_file, result_file};
use super::handle::{Ended, Run};
use super::outcome::milliseconds;
use super::request::{Mode, Resources, RunRequest};
use crate::plugin::Plugin;
use crate::plugin_ref::PluginRef;
use crate::record::Status;

/// The variable that holds a job, and the file for one that is too long for a variable.
pub(super) const VARIABLE: &str = "SYNAPSE_JOB";
pub(super) const FILE: &str = "job.json";

/// How often it is looked whether the job was stopped.
const LOOK: Duration = Duration::from_millis(50);

/// What a job runs.
#[derive(Serialize, Deserialize)]
pub(super) struct JobSpec {
    /// The plugin's file, beside the program.
    pub(super) library: String,
    pub(super) request: RunRequest,
    pub(super) env: Env,
    pub(super) params: Box<RawValue>,
}

/// Runs the job that stands beside this process, and ends as a run of the command line does.
pub fn run_job() -> ExitCode {
    let stop = Arc::<AtomicBool>::default();
    let mut desk = Desk::beside_stdout();
    let done = listen(&stop).and_then(|()| JobSpec::find()).and_then(|spec| spec.run(&stop, &mut desk));
    let (document, code) = match done {
        Ok(document) => (document, 0),
        Err(failed) => (failed.document, failed.code),
    };
    match desk.close(&document) {
        Ok(()) => ExitCode::from(code),
        Err(error) => {
            eprintln!("the result of the job cannot be stored: {error}");
            ExitCode::from(ErrorKind::Io.exit_code())
        }
    }
}

/// A job that gave no result.
struct Failed {
    document: serde_json::Value,
    code: u8,
}

impl From<PluginError> for Failed {
    fn from(error: PluginError) -> Self {
        Self::of(&error, json!({ "mode": Mode::Job.as_str() }))
    }
}

impl Failed {
    fn of(error: &PluginError, mut run: serde_json::Value) -> Self {
        eprintln!("{error}");
        run["status"] = json!(Status::of_error(error));
        Self { document: json!({ "run": run, "error": error.to_json() }), code: error.kind().exit_code() }
    }
}

fn listen(stop: &Arc<AtomicBool>) -> Result<(), Failed> {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(stop)).map_err(PluginError::from)?;
    }
    Ok(())
}

impl JobSpec {
    fn find() -> Result<Self, Failed> {
        let text = match std::env::var(VARIABLE) {
            Ok(text) => text,
            Err(_) => fs::read_to_string(FILE).with_context(|| format!("reading {FILE}"))?,
        };
        Ok(serde_json::from_str(&text).with_context(|| "what the job runs")?)
    }

    fn run(self, stop: &AtomicBool, desk: &mut Desk) -> Result<serde_json::Value, Failed> {
        let plugin = Plugin::open(Path::new(&self.library), None)?;
        let action = self.request.action.clone();
        let away = Away::of(self.request.folder.as_ref(), self.params.get())?;
        let Resources { memory, open_files, .. } = self.request.resources;
        let env = away.as_ref().map_or_else(|| self.env.clone(), |away| away.env(self.env.clone()));
        let mut request = self.request.mode(Mode::Isolated).env(env).params_json(self.params.get());
        if let Some(away) = &away {
            request = request.state_dir(away.state_dir());
        }
        request.plugin = PluginRef::Path(self.library.into());
        // Processors are set aside by the cluster.
        request.resources = Resources { memory, open_files, ..Resources::default() };
        let started = synapse_sdk::events::now();
        let ended = watch(Run::start(&plugin, &request)?, stop, desk);
        for note in &ended.notes {
            println!("{note}");
        }
        let mut run = json!({
            "plugin": plugin.config().code,
            "version": plugin.config().version,
            "action": action,
            "mode": Mode::Job.as_str(),
            "started": Rfc3339(started).to_string(),
        });
        let outcome = ended.result.map_err(|error| {
            // The signal reaches the action's worker as well, which may die of it first.
            let error = if stop.load(Ordering::Relaxed) { PluginError::cancelled() } else { error };
            Failed::of(&error, run.clone())
        })?;
        away.map_or(Ok(()), |away| away.check(outcome.json()))
            .map_err(|error| Failed::of(&error, run.clone()))?;
        run["status"] = json!(Status::Succeeded);
        run["ms"] = json!(milliseconds(outcome.elapsed()));
        let (result, metrics) = (outcome.value()?, outcome.metrics().to_value());
        Ok(json!({ "run": run, "result": result, "metrics": metrics }))
    }
}

fn watch(mut run: Run, stop: &AtomicBool, desk: &mut Desk) -> Ended {
    let canceller = run.canceller();
    let mut told = false;
    while let Some(events) = run.events_within(LOOK) {
        desk.take(events);
        if stop.load(Ordering::Relaxed) && !told {
            told = true;
            println!("the job was stopped");
            canceller.cancel();
        }
    }
    run.wait()
}

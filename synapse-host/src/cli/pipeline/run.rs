//! `synapse pipeline run` and `synapse pipeline resume`.

use std::fs::File;

use clap::Args;
use serde_json::{Map, Value, json};
use synapse_sdk::errors::Result;
use synapse_sdk::words::Word;
use synapse_sdk::{Env, ErrorKind, PluginError};

use super::super::output::Output;
use super::super::params::ParamsArgs;
use super::super::records::enter;
use super::super::run_action::{self, Signals};
use super::super::target::with_resolver;
use super::super::{Common, crash};
use super::FileArgs;
use super::board::Board;
use super::place::PlaceArgs;
use crate::author::Profile;
use crate::home::Home;
use crate::pipeline::{Changed, Node, Plan, Recorded, Report, Resumable, RunOptions, start};
use crate::record::Status;
use crate::run::Mode;
use crate::stdout;

/// How nodes are run.
#[derive(Args, Debug, Default)]
struct EngineArgs {
    /// How many nodes run at once [default: one for each processor core]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    #[command(flatten)]
    place: PlaceArgs,
    /// Run local nodes in worker processes
    #[arg(long)]
    isolated: bool,
    /// What is safe: finished nodes when the process is killed, or also when the
    /// power is lost [default: process]
    #[arg(long, value_enum, value_name = "WHAT")]
    sync: Option<Sync>,
    /// Run all nodes, whatever results are kept
    #[arg(long)]
    no_cache: bool,
    /// A variable for all nodes; those of a node go before it
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Sync {
    /// What is finished stays so when the process is killed
    Process,
    /// Also when the power is lost; slower
    Full,
}

impl EngineArgs {
    /// Of a run that begins.
    fn options(&self) -> Result<RunOptions> {
        let jobs = std::thread::available_parallelism().map_or(1, usize::from);
        let mut usual = RunOptions { jobs, ..RunOptions::default() };
        // Whoever goes on with the run shall find the same cluster.
        if let Some(address) = std::env::var("RAY_ADDRESS").ok().filter(|address| !address.is_empty()) {
            usual.ray.address = address;
        }
        self.over(&usual)
    }

    /// What is said goes before `usual`.
    fn over(&self, usual: &RunOptions) -> Result<RunOptions> {
        let pairs = self.env.iter().map(|pair| {
            pair.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
                PluginError::new(ErrorKind::Usage, format!("--env {pair}: expected NAME=VALUE"))
            })
        });
        let env: Env = pairs.collect::<Result<Vec<_>>>()?.into_iter().collect();
        let mut options = RunOptions {
            jobs: self.jobs.map_or(usual.jobs, usize::from),
            full_sync: self.sync.map_or(usual.full_sync, |sync| sync == Sync::Full),
            cache: usual.cache && !self.no_cache,
            isolated: usual.isolated || self.isolated,
            env: env.over(&usual.env),
            ..usual.clone()
        };
        self.place.over(&mut options)?;
        Ok(options)
    }
}

/// Run a pipeline.
///
/// It is checked first. What is finished is noted in a journal: a run that
/// failed, was stopped or killed goes on with `synapse pipeline resume`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse pipeline run
  synapse pipeline run examples/pipeline/pipeline.yaml --jobs 2 -P wanted=0.95
  synapse pipeline run --params-file inputs.json --json")]
pub(crate) struct RunArgs {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    params: ParamsArgs,
    #[command(flatten)]
    engine: EngineArgs,
    /// Keep no journal: the run cannot be resumed
    #[arg(long)]
    no_journal: bool,
}

impl RunArgs {
    pub(crate) fn execute(self, common: &Common, output: &mut Output) -> Result<()> {
        let mut options = self.engine.options()?;
        options.journal = !self.no_journal;
        options.release = self.file.profile() == Profile::Release;
        // Standard output is for the result: what plugins print goes elsewhere.
        let answer = stdout::set_aside()?;
        crash::watch(common.json);
        let plan = self.file.plan(!options.isolated, common, output)?;
        let given = inputs(&self.params, &plan)?;
        carry_out(plan, &given, &home()?, &options, &answer, output)
    }
}

/// Go on with a pipeline's run that failed, was stopped, or was killed.
///
/// What is finished is not run again. A node that was under way when the run
/// was killed runs once more, and finds what it saved. It goes on as it was started,
/// in the same mode and on the same cluster, but for what is said here.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse pipeline resume last
  synapse pipeline resume 20261122-120000-a1b2c --jobs 4
  synapse pipeline resume last --changed rerun      after a plugin was built anew")]
pub(crate) struct ResumeArgs {
    /// The run's id, the beginning of it, or `last`
    #[arg(value_name = "RUN")]
    run: String,
    /// What becomes of finished nodes whose plugin has changed since
    #[arg(long, value_name = "HOW", default_value = "refuse", value_parser = changed)]
    changed: Changed,
    #[command(flatten)]
    engine: EngineArgs,
}

/// Starts a pipeline once more, as its file was when the run `id` began.
pub(crate) fn rerun(
    home: &Home,
    id: &str,
    params: ParamsArgs,
    asked: Again,
    common: &Common,
    output: &mut Output,
) -> Result<()> {
    let run = Recorded::of(home, id)?;
    let with = if params.is_empty() { "the same inputs" } else { "other inputs" };
    let (file, has_changed) = run.file();
    output.note(&format!("run {id} again: pipeline {file}, with {with}"));
    if has_changed {
        output.note(&format!(
            "warning: {file} says something else by now: it is run as it was then; \
             `synapse pipeline run` runs it as it is"
        ));
    }
    let params = params.over(Value::Object(run.inputs().clone()).to_string());
    run.working_folder().into_iter().for_each(|folder| enter(folder, output));
    let mut options = run.options().clone();
    options.isolated |= asked.isolated;
    let answer = stdout::set_aside()?;
    crash::watch(common.json);
    let profile = if options.release { Profile::Release } else { Profile::Dev };
    let plan = with_resolver(profile, common, output, |resolver| run.plan(resolver, !options.isolated))?;
    for change in run.changes(&plan, home)? {
        output.note(&format!("warning: {change}"));
    }
    let given = inputs(&params, &plan)?;
    if asked.dry_run {
        let inputs = Value::Object(plan.inputs(&given)?);
        stdout::put_back(&answer)?;
        output.note("the inputs are valid; nothing was run");
        let (name, nodes) = (&plan.pipeline.name, plan.pipeline.nodes.len());
        let document = json!({ "dry_run": { "pipeline": name, "nodes": nodes }, "params": inputs });
        return output.value(&document, "params");
    }
    carry_out(plan, &given, home, &options, &answer, output)
}

/// How it is started once more.
pub(crate) struct Again {
    /// In worker processes, whatever the run did.
    pub(crate) isolated: bool,
    /// Only the inputs are shown.
    pub(crate) dry_run: bool,
}

fn inputs(params: &ParamsArgs, plan: &Plan) -> Result<Map<String, Value>> {
    let params = params.read(|| Ok(plan.inputs_schema()))?;
    serde_json::from_str(&params)
        .map_err(|error| PluginError::new(ErrorKind::Usage, format!("inputs are a JSON object: {error}")))
}

fn carry_out(
    plan: Plan,
    given: &Map<String, Value>,
    home: &Home,
    options: &RunOptions,
    answer: &File,
    output: &mut Output,
) -> Result<()> {
    warn_of_whole_cores(&plan, options.isolated, output);
    let signals = Signals::install()?;
    let mut board = Board::new(&plan, output, &signals);
    let report = start(plan, given, home, options, &mut board)?;
    board.finish(&report);
    stdout::put_back(answer)?;
    tell(report, options.journal, &signals, output)
}

fn changed(text: &str) -> Result<Changed, String> {
    Changed::find(text).ok_or_else(|| synapse_sdk::words::UnknownWord::of::<Changed>(text).to_string())
}

impl ResumeArgs {
    pub(crate) fn execute(self, common: &Common, output: &mut Output) -> Result<()> {
        let home = home()?;
        let answer = stdout::set_aside()?;
        crash::watch(common.json);
        let run = Resumable::find(&home, &self.run)?;
        let options = self.engine.over(run.options())?;
        output.note(&format!("going on with run {}", run.id()));
        run.working_folder().into_iter().for_each(|folder| enter(folder, output));
        let profile = if options.release { Profile::Release } else { Profile::Dev };
        let ready = with_resolver(profile, common, output, |resolver| {
            run.prepare(&home, resolver, self.changed, options)
        })?;
        for note in &ready.notes {
            output.note(note);
        }
        warn_of_whole_cores(ready.plan(), false, output);
        let signals = Signals::install()?;
        let mut board = Board::new(ready.plan(), output, &signals);
        let report = ready.go_on(&mut board)?;
        board.finish(&report);
        stdout::put_back(&answer)?;
        tell(report, true, &signals, output)
    }
}

fn warn_of_whole_cores(plan: &Plan, isolated: bool, output: &mut Output) {
    let in_worker = |node: &&Node| node.mode == Mode::Isolated || isolated && node.mode == Mode::Local;
    let in_part = |node: &&Node| node.resources.cpus_in_part().is_some();
    if let Some(node) = plan.pipeline.nodes.iter().filter(in_worker).find(in_part) {
        run_action::warn_of_whole_cores(node.resources, output);
    }
}

fn home() -> Result<Home> {
    Home::from_env().ok_or_else(|| {
        PluginError::new(ErrorKind::NotFound, "there is no folder for runs: the user has no home folder")
            .hint("name one with SYNAPSE_HOME")
    })
}

/// Prints what a run gave, or makes the error it ended with.
fn tell(report: Report, resumable: bool, signals: &Signals, output: &mut Output) -> Result<()> {
    let document = report.to_json();
    if report.status == Status::Succeeded {
        return output.value(&document, "result");
    }
    let error =
        report.error.unwrap_or_else(|| PluginError::new(ErrorKind::Internal, "the run has no result"));
    let mut hints = Vec::new();
    if !report.rollback_errors.is_empty() {
        let failed = report.rollback_errors.iter().map(|(node, error)| format!("`{node}` ({error})"));
        hints.push(format!("not rolled back: {}", failed.collect::<Vec<_>>().join(", ")));
    }
    hints.extend(error.hint_text().map(str::to_owned));
    if resumable {
        hints.push(format!("`synapse pipeline resume {}` goes on where it ended", report.id));
    }
    // A person has the table of nodes before their eyes.
    let error = if output.is_json() {
        let own = error.details_json().clone();
        error.details(json!({ "run": document["run"], "nodes": document["nodes"], "details": own }))
    } else {
        error
    };
    let error = signals.explain(error);
    Err(if hints.is_empty() { error } else { error.hint(hints.join("; ")) })
}

//! `synapse plugin run`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde_json::{Value, json};
use synapse_sdk::errors::Result;
use synapse_sdk::events::Rfc3339;
use synapse_sdk::schema::with_defaults;
use synapse_sdk::services::Checkpoint;
use synapse_sdk::{Env, ErrorKind, PluginError};

use super::completions::targets_and_actions;
use super::output::Output;
use super::params::ParamsArgs;
use super::ray::RayArgs;
use super::target::{TargetArgs, target_and_action, with_resolver};
use super::watch::Watch;
use super::{Common, crash, job};
use crate::plugin::Plugin;
use crate::plugin_ref::{PluginRef, place_of};
use crate::run::{
    Cancel, Jobs, Mode, Outcome, RayOptions, Resources, Run, RunRequest, milliseconds, no_quota_because,
    validate,
};
use crate::size::bytes;
use crate::stdout;

/// What a worker may use.
#[derive(Args, Debug)]
pub(super) struct ResourceArgs {
    /// Processor cores a worker is kept to, such as `2` or `0.5`
    #[arg(long, value_name = "N")]
    cpus: Option<f64>,
    /// Graphics processors a worker sees
    #[arg(long, value_name = "N")]
    gpus: Option<f64>,
    /// Memory a worker may write to, such as `512MB` or `4GB`
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    memory: Option<u64>,
    /// Files a worker may have open at once
    #[arg(long, value_name = "N")]
    open_files: Option<u64>,
}

impl ResourceArgs {
    pub(super) fn resources(&self) -> Resources {
        Resources { cpus: self.cpus, gpus: self.gpus, memory: self.memory, open_files: self.open_files }
    }
}

/// Run an action of a plugin.
///
/// A plugin's folder whose library is stale is built first. The result goes to
/// standard output, all else to standard error.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RunArgs {
    /// The action, after the plugin (a folder, bundle, .so file or code) unless
    /// --path or --plugin names it
    #[arg(value_names = ["TARGET", "ACTION"], num_args = 1..=2, required = true)]
    #[arg(add = ArgValueCompleter::new(targets_and_actions))]
    names: Vec<String>,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    params: ParamsArgs,
    /// Where to run: local, task, job or remote
    #[arg(short, long, default_value = "local")]
    mode: Mode,
    /// Run in a worker process of its own
    #[arg(long)]
    isolated: bool,
    /// A variable for the action, before those of config.yaml and of this process
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Stop the run after this long, such as `90s` or `2h`
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME")]
    timeout: Option<Duration>,
    /// How long a run that should stop may take to do so
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME", default_value = "5s")]
    grace: Duration,
    /// The job this run belongs to: runs of one job share saved state
    #[arg(long, value_name = "ID")]
    job_id: Option<String>,
    /// A model to start from
    #[arg(long, value_name = "PATH")]
    checkpoint: Option<PathBuf>,
    /// Where datasets and models are kept as long as no backend is connected;
    /// $SYNAPSE_HOME/store if left out
    #[arg(long, value_name = "DIR", env = "SYNAPSE_STORE", hide_env_values = true)]
    store: Option<PathBuf>,
    #[command(flatten)]
    resources: ResourceArgs,
    #[command(flatten)]
    ray: RayArgs,
    /// How often the action is begun again after its worker on a cluster was lost
    #[arg(long, value_name = "N", default_value_t = 0)]
    ray_retries: u32,
    /// With mode job: show what the job reports and wait for its result
    #[arg(short, long)]
    follow: bool,
    /// Check the params and show them with their defaults, but run nothing
    #[arg(long)]
    dry_run: bool,
    /// Fail when the result breaks its schema, instead of warning
    #[arg(long)]
    strict_result: bool,
    /// Leave no record of the run
    #[arg(long)]
    no_record: bool,
    /// Build and run again whenever a file of the plugin is saved
    #[arg(long)]
    watch: bool,
}

const EXAMPLES: &str = "\
Examples:
  synapse plugin run train                                   in a plugin's folder
  synapse plugin run train --path examples/classifier -P epochs=5
  synapse plugin run examples/greet greet --params '{\"name\": \"Ada\"}' --json
  synapse plugin run target/release/libgreet.so greet -P name=Ada
  synapse plugin run greet-0.1.0.synapse greet -P name=Ada   a bundle
  synapse plugin run train -p classifier --timeout 10m --params-file params.json
  synapse plugin run train --path examples/classifier --dry-run -P epochs=5
  synapse plugin run train --isolated --memory 4GB --cpus 2  in a worker process
  synapse plugin run greet -P name=Ada --mode task --ray-address ray://head:10001
  synapse plugin run greet -P name=Ada --watch               again on every save; Ctrl-C ends";

impl RunArgs {
    pub(crate) fn execute(self, common: &Common, output: &mut Output) -> Result<()> {
        let (target, action) = target_and_action(&self.names, "run")?;
        if self.watch {
            let place = place_of(&self.target.plugin_ref(target)?)?;
            let profile = self.target.profile();
            return Watch { place, profile, grace: self.grace }.run(output);
        }
        let request = self.request(self.target.plugin_ref(target)?, action)?;
        let verify = self.target.verify();
        let wanted =
            Wanted { request, params: self.params, dry_run: self.dry_run, verify, follow: self.follow };
        carry_out(wanted, common, output, |_, _| ())
    }

    /// All that is asked for but the params, which need the plugin.
    fn request(&self, plugin: PluginRef, action: String) -> Result<RunRequest> {
        let mut request = RunRequest::new(plugin, action)
            .mode(if self.isolated { Mode::Isolated } else { self.mode })
            .env(env_of(&self.env)?)
            .grace(self.grace)
            .resources(self.resources.resources())
            .profile(self.target.profile())
            .strict_result(self.strict_result)
            .record(!self.no_record)
            .ray(RayOptions { retries: self.ray_retries, ..self.ray.options() });
        if let Some(timeout) = self.timeout {
            request = request.timeout(timeout);
        }
        if let Some(job_id) = &self.job_id {
            request = request.job_id(job_id);
        }
        if let Some(path) = &self.checkpoint {
            request = request.checkpoint(checkpoint(path)?);
        }
        if let Some(store) = &self.store {
            request = request.store(store);
        }
        if let Some(config) = self.target.config() {
            request = request.config(config);
        }
        Ok(request)
    }
}

/// Variables, each as `NAME=VALUE`.
///
/// # Errors
/// [`Usage`](ErrorKind::Usage) for another form.
pub(super) fn env_of(pairs: &[String]) -> Result<Env> {
    let pairs = pairs.iter().map(|pair| {
        let split = pair.split_once('=').filter(|(name, value)| !name.is_empty() && !value.contains('\0'));
        split.ok_or_else(|| {
            PluginError::new(ErrorKind::Usage, format!("--env {pair}: expected NAME=VALUE"))
                .hint("for example --env OMP_NUM_THREADS=4")
        })
    });
    Ok(pairs.collect::<Result<Vec<_>>>()?.into_iter().collect())
}

/// What a command asks for.
pub(super) struct Wanted {
    /// All but the params.
    pub(super) request: RunRequest,
    pub(super) params: ParamsArgs,
    /// Checks and shows the params only.
    pub(super) dry_run: bool,
    /// Hashes again what was unpacked of a bundle.
    pub(super) verify: bool,
    /// Waits for a job, instead of leaving it to its cluster.
    pub(super) follow: bool,
}

/// Finds the plugin, builds it if it has to be, runs the action and prints what
/// it gives. `loaded` is told the plugin before anything of it is run.
pub(super) fn carry_out(
    wanted: Wanted,
    common: &Common,
    output: &mut Output,
    loaded: impl FnOnce(&Plugin, &mut Output),
) -> Result<()> {
    let Wanted { request, params, dry_run, verify, follow } = wanted;
    if request.mode != Mode::Job {
        request.mode.check_available()?;
    }
    // Standard output is for the result: what the plugin prints goes elsewhere.
    let answer = stdout::set_aside()?;
    crash::watch(common.json);
    let plugin = with_resolver(request.profile.clone(), common, output, |resolver| {
        resolver.verify = verify;
        resolver.resolve(&request.plugin, request.config.as_deref())
    })?;
    let mode = isolated_if_it_must(request.mode, &plugin, output);
    let request = request.mode(mode);
    loaded(&plugin, output);
    if mode == Mode::Local {
        plugin.image().plugin()?;
    }
    if common.verbose {
        output.note(&format!("loaded {}", plugin.image().path.display()));
    }
    let action = request.action.clone();
    let registered = plugin.registered_name(&action)?;
    if plugin.config().action(&action).is_none() {
        output.note(&format!("warning: `{action}` has no entry in config.yaml; it runs under its own name"));
    }
    let request = request.params_json(params.read(|| params_schema(&plugin, registered))?);
    warn_of_resources(request.mode, request.resources, output);
    if request.mode == Mode::Local {
        export(&request.env, &plugin);
    }
    if dry_run {
        validate(&plugin, &request)?;
        stdout::put_back(&answer)?;
        return show_params(&plugin, registered, &request, output);
    }
    if request.mode == Mode::Job {
        validate(&plugin, &request)?;
        stdout::put_back(&answer)?;
        return submit(&plugin, &request, follow, output);
    }
    let signals = Signals::install()?;
    let outcome = watch_run(Run::start(&plugin, &request)?, &signals, output)?;
    stdout::put_back(&answer)?;
    output.result(&document(&outcome, &plugin, &action, request.mode)?)
}

/// Hands a run to a cluster.
fn submit(plugin: &Plugin, request: &RunRequest, follow: bool, output: &mut Output) -> Result<()> {
    let jobs = Jobs::at(&request.ray.address)?;
    let id = jobs.submit(plugin, request)?;
    if !follow {
        let run = json!({
            "plugin": plugin.config().code,
            "action": request.action,
            "mode": request.mode.as_str(),
        });
        return job::submitted(run, &jobs, &id, output);
    }
    output.note(&format!("submitted as {id}"));
    let document = job::follow(&jobs, &id, output)?;
    output.result(&document)
}

pub(super) fn warn_of_resources(mode: Mode, resources: Resources, output: &mut Output) {
    match mode {
        Mode::Local if resources != Resources::default() => output.note(
            "--cpus, --gpus, --memory and --open-files have no effect on a run in this process; add --isolated",
        ),
        Mode::Isolated => warn_of_whole_cores(resources, output),
        _ => {}
    }
}

/// For runs in workers: whether they will have more of the processor than was asked for.
pub(super) fn warn_of_whole_cores(resources: Resources, output: &mut Output) {
    if let Some((cpus, why)) = resources.cpus_in_part().zip(no_quota_because()) {
        let (cores, s) = (cpus.ceil(), if cpus > 1.0 { "s" } else { "" });
        output.note(&format!("{cpus} of a processor is {cores} whole core{s} here: {why}"));
    }
}

/// A plugin whose panics end the process runs in one of its own.
pub(super) fn isolated_if_it_must(mode: Mode, plugin: &Plugin, output: &mut Output) -> Mode {
    if mode != Mode::Local || plugin.image().inspected.panic_unwinds {
        return mode;
    }
    output.note("the plugin was built with panic = \"abort\": it runs isolated");
    Mode::Isolated
}

pub(super) fn params_schema(plugin: &Plugin, registered: &str) -> Result<Value> {
    let manifest = plugin.image().manifest()?;
    let spec = manifest.actions.iter().find(|spec| spec.name == registered);
    Ok(spec.map_or(Value::Null, |spec| spec.params.clone()))
}

/// What a dry run prints: the params as the action would find them.
fn show_params(plugin: &Plugin, registered: &str, request: &RunRequest, output: &mut Output) -> Result<()> {
    let params = with_defaults(&params_schema(plugin, registered)?, &serde_json::from_str(&request.params)?);
    let checked = json!({
        "plugin": plugin.config().code,
        "action": request.action,
        "mode": request.mode.as_str(),
    });
    output.note(&format!("the params of `{}` are valid; nothing was run", request.action));
    output.value(&json!({ "dry_run": checked, "params": params }), "params")
}

fn checkpoint(path: &std::path::Path) -> Result<Checkpoint> {
    let path = path.canonicalize().map_err(|error| {
        PluginError::new(ErrorKind::NotFound, format!("--checkpoint {}: {error}", path.display()))
    })?;
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    Ok(Checkpoint { name, ..Checkpoint::new("fine_tuned", path) })
}

/// Libraries below the action read the process's variables, so those of the
/// run are set there too.
#[expect(unsafe_code, reason = "changes the environment while no other thread runs")]
pub(super) fn export(call: &Env, plugin: &Plugin) {
    for (name, value) in plugin.env_under(call).iter() {
        // SAFETY: no thread has been started yet: the plugin's initialisers
        // only register actions, and the run's own thread comes later.
        unsafe { std::env::set_var(name, value) };
    }
}

/// How long a Ctrl-C after the first is waited for between two looks.
const LOOK: Duration = Duration::from_millis(50);

fn watch_run(mut run: Run, signals: &Signals, output: &mut Output) -> Result<Outcome> {
    crash::note_record(run.record_descriptor());
    let canceller = run.canceller();
    let mut told = false;
    while let Some(events) = run.events_within(LOOK) {
        for event in events {
            output.event(event);
        }
        if signals.count() > 0 && !told {
            told = true;
            signals.cancel(&canceller);
            output.note("stopping; once more ends it at once");
        }
        if signals.count() > 1 {
            break;
        }
    }
    let ended = if signals.count() > 1 {
        signals.cancel(&canceller);
        run.abandon()
    } else {
        run.wait()
    };
    crash::note_record(None);
    output.finish_events(ended.result.is_ok());
    for note in &ended.notes {
        output.note(note);
    }
    ended.result
}

/// The document that a run prints.
fn document(outcome: &Outcome, plugin: &Plugin, action: &str, mode: Mode) -> Result<Value> {
    Ok(json!({
        "run": {
            "id": outcome.id(),
            "plugin": plugin.config().code,
            "action": action,
            "mode": mode.as_str(),
            "status": "succeeded",
            "started": Rfc3339(outcome.started()).to_string(),
            "ms": milliseconds(outcome.elapsed()),
        },
        "result": outcome.value()?,
        "metrics": outcome.metrics().to_value(),
    }))
}

/// Ctrl-C and SIGTERM, counted.
pub(super) struct Signals {
    interrupts: Arc<AtomicUsize>,
    terminations: Arc<AtomicUsize>,
}

impl Signals {
    pub(super) fn install() -> Result<Self> {
        let signals = Self { interrupts: Arc::default(), terminations: Arc::default() };
        let pairs = [(libc::SIGINT, &signals.interrupts), (libc::SIGTERM, &signals.terminations)];
        for (signal, counter) in pairs {
            super::interrupt::count(signal, Arc::clone(counter))?;
        }
        Ok(signals)
    }

    pub(super) fn count(&self) -> usize {
        self.interrupts.load(Ordering::Relaxed) + self.terminations.load(Ordering::Relaxed)
    }

    /// The error of work that was cancelled: after SIGTERM with the code for that.
    pub(super) fn explain(&self, error: PluginError) -> PluginError {
        let terminated = self.terminations.load(Ordering::Relaxed) > 0;
        match error.kind() {
            ErrorKind::Cancelled if terminated => error.details(json!({ "signal": libc::SIGTERM })),
            _ => error,
        }
    }

    /// A run that is ended by SIGTERM ends with the code for that.
    fn cancel(&self, run: &Cancel) {
        match self.terminations.load(Ordering::Relaxed) {
            0 => run.cancel(),
            _ => run.cancel_for_signal(libc::SIGTERM),
        }
    }
}

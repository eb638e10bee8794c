//! Runs of pipelines: started, and carried out to their end.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use synapse_sdk::errors::{Result, ResultExt};
use synapse_sdk::events::now;
use synapse_sdk::services::SHARED_DIR;
use synapse_sdk::{Env, ErrorKind, PluginError};

use super::cache::Cache;
use super::check::Plan;
use super::engine::{self, Earlier, End, Job, Watcher};
use super::journal::{self, Header, Journal, Line, PluginStamp};
use super::model::Node;
use super::report::{NodeReport, NodeStatus, Report};
use super::rollback::{OfRun, roll_back};
use crate::home::Home;
use crate::record::{Status, claim, fresh, sha256_of};
use crate::run::{Mode, RayOptions, SharedFolder, milliseconds};

/// Folders that the nodes of a run share, below `work`.
const WORK_FOLDERS: [&str; 5] = ["datasets", "models", "artifacts", "logs", "checkpoints"];

/// How a pipeline is run. Its journal keeps them, for whoever goes on with the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunOptions {
    /// How many nodes run at once; at least 1.
    pub jobs: usize,
    /// Whether the run can be gone on with after it failed or was killed.
    pub journal: bool,
    /// Whether each line of the journal reaches the disk before the run goes
    /// on: safe against a loss of power, and not only of the process.
    pub full_sync: bool,
    /// Whether results of earlier runs are taken where nothing has changed.
    pub cache: bool,
    /// Where nodes run that would run here.
    pub mode: Mode,
    /// The cluster of nodes that run on one.
    pub ray: RayOptions,
    /// Where what nodes make and share lies, in a folder for each run: on a file system that
    /// this machine has in common with the cluster's nodes. In the run's own folder unless set.
    pub storage: Option<PathBuf>,
    /// Whether local nodes run in worker processes.
    pub isolated: bool,
    /// Whether plugins were built with optimisations.
    pub release: bool,
    /// Variables of all nodes; those of a node go before them.
    pub env: Env,
}

impl Default for RunOptions {
    fn default() -> Self {
        let (journal, cache) = (true, true);
        Self {
            jobs: 1,
            journal,
            full_sync: false,
            cache,
            mode: Mode::Local,
            ray: RayOptions::default(),
            storage: None,
            isolated: false,
            release: false,
            env: Env::new(),
        }
    }
}

/// Runs a pipeline that was checked, below `home`, to its end. `given` are values
/// of its inputs. The calling thread is the one that `watcher` is called on; nodes
/// run on threads of their own.
///
/// # Errors
/// Wrong inputs; no folder for the run. What fails later stands in the report.
pub fn start(
    mut plan: Plan,
    given: &Map<String, Value>,
    home: &Home,
    options: &RunOptions,
    watcher: &mut dyn Watcher,
) -> Result<Report> {
    let inputs = plan.inputs(given)?;
    isolate(&mut plan, options.isolated);
    let started = now();
    let runs = home.pipelines();
    let (id, folder) = claim(&runs, || fresh(started)).map_err(|error| {
        PluginError::new(
            ErrorKind::Io,
            format!("no folder for the run can be made in {}: {error}", runs.display()),
        )
        .hint("choose another home with SYNAPSE_HOME")
    })?;
    let files = files_of(&folder, &id, options.storage.as_deref())?;
    let journal = match options.journal {
        true => Some(Journal::create(
            &folder,
            header(&plan, &id, &inputs, home, started, options)?,
            options.full_sync,
        )?),
        false => None,
    };
    carry_out(
        Prepared {
            plan,
            inputs,
            home: home.clone(),
            id,
            folder,
            files,
            journal,
            earlier: Earlier::default(),
            started,
        },
        options,
        watcher,
    )
}

fn header(
    plan: &Plan,
    id: &str,
    inputs: &Map<String, Value>,
    home: &Home,
    started: u64,
    options: &RunOptions,
) -> Result<Header> {
    let pipeline = &plan.pipeline;
    Ok(Header {
        version: journal::VERSION,
        id: id.to_owned(),
        name: pipeline.name.clone(),
        file: pipeline.file.clone(),
        folder: pipeline.folder.clone(),
        text: pipeline.text.clone(),
        inputs: inputs.clone(),
        plugins: stamps(plan, home)?,
        started,
        options: options.clone(),
        working_folder: std::env::current_dir().ok(),
    })
}

pub(super) fn isolate(plan: &mut Plan, isolated: bool) {
    for (node, offer) in plan.pipeline.nodes.iter_mut().zip(&plan.offers) {
        let must = !offer.plugin.image().inspected.panic_unwinds;
        if node.mode == Mode::Local && (isolated || must) {
            node.mode = Mode::Isolated;
        }
    }
}

/// Where files and state of nodes lie: in the folder of the run, or of that name in `storage`, to
/// which the run's folder then leads.
pub(super) fn files_of(folder: &Path, id: &str, storage: Option<&Path>) -> Result<PathBuf> {
    let files = std::path::absolute(storage.map_or_else(|| folder.to_owned(), |storage| storage.join(id)))?;
    for name in WORK_FOLDERS {
        let path = files.join("work").join(name);
        fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
    }
    if storage.is_some() {
        let link = folder.join("work");
        match std::os::unix::fs::symlink(files.join("work"), &link) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(error).with_context(|| format!("making {}", link.display()));
            }
            _ => {}
        }
    }
    Ok(files)
}

/// The folder as machines of a cluster find it, if nodes run on one.
fn shared(plan: &Plan, files: &Path) -> Result<Option<SharedFolder>> {
    let elsewhere = plan.pipeline.nodes.iter().any(|node| matches!(node.mode, Mode::Task | Mode::Job));
    elsewhere.then(|| SharedFolder::mark(files)).transpose()
}

/// Which library each plugin of a pipeline is.
pub(super) fn stamps(plan: &Plan, home: &Home) -> Result<Vec<PluginStamp>> {
    let mut stamps: Vec<PluginStamp> = Vec::new();
    for (node, offer) in plan.pipeline.nodes.iter().zip(&plan.offers) {
        let plugin = node.plugin.to_string();
        if stamps.iter().any(|stamp| stamp.plugin == plugin) {
            continue;
        }
        let library = std::path::absolute(&offer.plugin.image().path)?;
        let sha256 = sha256_of(home, &library).with_context(|| library.display().to_string())?;
        stamps.push(PluginStamp { plugin, code: offer.plugin.config().code.clone(), library, sha256 });
    }
    Ok(stamps)
}

pub(super) struct Prepared {
    pub(super) plan: Plan,
    pub(super) inputs: Map<String, Value>,
    pub(super) home: Home,
    pub(super) id: String,
    pub(super) folder: PathBuf,
    /// Where files and state of nodes lie.
    pub(super) files: PathBuf,
    pub(super) journal: Option<Journal>,
    pub(super) earlier: Earlier,
    pub(super) started: u64,
}

pub(super) fn carry_out(
    prepared: Prepared,
    options: &RunOptions,
    watcher: &mut dyn Watcher,
) -> Result<Report> {
    let Prepared { plan, inputs, home, id, folder, files, journal, earlier, started } = prepared;
    let begun = Instant::now();
    let plan = Arc::new(placed(plan, options));
    let shared = shared(&plan, &files)?;
    let dir = files.join("work").display().to_string();
    let own: Env =
        [(SHARED_DIR.to_owned(), dir), ("SYNAPSE_PIPELINE_RUN".to_owned(), id.clone())].into_iter().collect();
    let env = own.over(&options.env);
    let job = Job {
        plan: Arc::clone(&plan),
        inputs: inputs.clone(),
        jobs: options.jobs,
        id: id.clone(),
        folder: Some(files.clone()),
        shared: shared.clone(),
        env: env.clone(),
        journal,
        cache: options.cache.then(|| Cache::of(&home)),
        earlier,
    };
    let mut end = engine::run(job, watcher)?;
    let (status, error) = verdict(&plan, &end);
    let mut rolled_back = BTreeSet::new();
    let mut rollback_errors = Vec::new();
    if status != Status::Succeeded && plan.pipeline.rollback {
        let of_run = OfRun { id: &id, folder: &files, shared: shared.as_ref(), env: &env };
        (rolled_back, rollback_errors) = roll_back(&plan, &inputs, &mut end, &of_run, watcher);
    }
    shared.iter().for_each(SharedFolder::tidy);
    let output = match status {
        Status::Succeeded => engine::output(&plan, &inputs, &end.results),
        _ => Value::Null,
    };
    if let Some(journal) = &mut end.journal {
        // A journal without an end is gone on with, which finds all done.
        let _ =
            journal.write(&Line::Ended { s: status.as_str().to_owned(), ms: milliseconds(begun.elapsed()) });
    }
    let nodes =
        plan.pipeline.nodes.iter().zip(end.nodes).enumerate().map(|(index, (node, end))| NodeReport {
            name: node.name.clone(),
            status: end.status,
            elapsed: end.elapsed,
            attempts: end.attempts,
            items: end.items,
            error: end.error,
            rolled_back: rolled_back.contains(&index),
        });
    Ok(Report {
        id,
        name: plan.pipeline.name.clone(),
        status,
        started,
        elapsed: begun.elapsed(),
        nodes: nodes.collect(),
        output,
        error,
        folder: Some(folder),
        rollback_errors,
    })
}

/// Nodes that would run here run where the options say.
fn placed(mut plan: Plan, options: &RunOptions) -> Plan {
    plan.ray = options.ray.clone();
    if options.mode != Mode::Local {
        let here = |node: &&mut Node| matches!(node.mode, Mode::Local | Mode::Isolated);
        plan.pipeline.nodes.iter_mut().filter(here).for_each(|node| node.mode = options.mode);
    }
    plan
}

/// How the run ended: by what stopped it, or by the first node that failed.
fn verdict(plan: &Plan, end: &End) -> (Status, Option<PluginError>) {
    let copy = |error: &PluginError| PluginError::from_json(&error.to_json_bytes());
    if let Some(stopped) = &end.stopped
        && end.nodes.iter().any(|node| !node.status.is_good())
    {
        return (Status::of_error(stopped), Some(copy(stopped)));
    }
    let failed = end.nodes.iter().enumerate().filter(|(_, node)| node.error.is_some());
    // Those that were cancelled were so because of the one that failed.
    let first = failed.min_by_key(|(_, node)| (node.status == NodeStatus::Cancelled, node.place));
    match first {
        Some((index, node)) => {
            let error = node.error.as_ref().map(copy);
            let error = error
                .map(|error| error.context(format!("node `{}` failed", plan.pipeline.nodes[index].name)));
            (error.as_ref().map_or(Status::Failed, Status::of_error), error)
        }
        None => (Status::Succeeded, None),
    }
}

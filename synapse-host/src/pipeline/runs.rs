//! Runs of pipelines: started, and gone on with.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value};
use synapse_sdk::errors::{IncompatiblePlugin, NotFoundError, Result, ResultExt};
use synapse_sdk::events::now;
use synapse_sdk::services::SHARED_DIR;
use synapse_sdk::words::words;
use synapse_sdk::{Env, ErrorKind, PluginError};

use super::cache::Cache;
use super::check::{Plan, check, invalid};
use super::engine::{self, Earlier, End, Job, Task, Watcher};
use super::file::parse;
use super::journal::{self, Header, Journal, Line, PluginStamp};
use super::report::{NodeReport, NodeStatus, Report};
use super::rollback::roll_back;
use crate::home::Home;
use crate::plugin_ref::Resolver;
use crate::record::{Status, claim, find, fresh, sha256_of};
use crate::run::{Mode, milliseconds};

/// Folders that the nodes of a run share, below `work`.
const WORK_FOLDERS: [&str; 5] = ["datasets", "models", "artifacts", "logs", "checkpoints"];

words! {
    /// What becomes of finished nodes whose plugin has changed since.
    Changed {
        /// The run is not gone on with.
        Refuse = "refuse",
        /// They, and all that follows them, run again.
        Rerun = "rerun",
        /// Their results stay.
        Keep = "keep",
    }
}

/// How a pipeline is run.
#[derive(Clone, Debug)]
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
        Self { jobs: 1, journal, full_sync: false, cache, isolated: false, release: false, env: Env::new() }
    }
}

/// Runs a pipeline that was checked, below `home`. `given` are values of its
/// inputs.
///
/// # Errors
/// Wrong inputs; no folder for the run. What fails later stands in the report.
pub(crate) fn start(
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
    make_work_folders(&folder)?;
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
        release: options.release,
        isolated: options.isolated,
    })
}

fn isolate(plan: &mut Plan, isolated: bool) {
    for (node, offer) in plan.pipeline.nodes.iter_mut().zip(&plan.offers) {
        let must = !offer.plugin.image().inspected.panic_unwinds;
        if node.mode == Mode::Local && (isolated || must) {
            node.mode = Mode::Isolated;
        }
    }
}

fn make_work_folders(folder: &Path) -> Result<()> {
    for name in WORK_FOLDERS {
        let path = folder.join("work").join(name);
        fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
    }
    Ok(())
}

/// Which library each plugin of a pipeline is.
fn stamps(plan: &Plan, home: &Home) -> Result<Vec<PluginStamp>> {
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

struct Prepared {
    plan: Plan,
    inputs: Map<String, Value>,
    home: Home,
    id: String,
    folder: PathBuf,
    journal: Option<Journal>,
    earlier: Earlier,
    started: u64,
}

fn carry_out(prepared: Prepared, options: &RunOptions, watcher: &mut dyn Watcher) -> Result<Report> {
    let Prepared { plan, inputs, home, id, folder, journal, earlier, started } = prepared;
    let begun = Instant::now();
    let plan = Arc::new(plan);
    let dir = folder.join("work").display().to_string();
    let own: Env =
        [(SHARED_DIR.to_owned(), dir), ("SYNAPSE_PIPELINE_RUN".to_owned(), id.clone())].into_iter().collect();
    let job = Job {
        plan: Arc::clone(&plan),
        inputs: inputs.clone(),
        jobs: options.jobs,
        id: id.clone(),
        folder: Some(folder.clone()),
        env: own.over(&options.env),
        journal,
        cache: options.cache.then(|| Cache::of(&home)),
        earlier,
    };
    let mut end = engine::run(job, watcher)?;
    let (status, error) = verdict(&plan, &end);
    let mut rolled_back = BTreeSet::new();
    let mut rollback_errors = Vec::new();
    if status != Status::Succeeded && plan.pipeline.rollback {
        (rolled_back, rollback_errors) = roll_back(&plan, &inputs, &mut end, &folder, watcher);
    }
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

/// A run to be gone on with.
pub(crate) struct Resumable {
    header: Header,
    folder: PathBuf,
    journal: Journal,
    lines: Vec<Line>,
}

impl Resumable {
    /// Finds the run `wanted` means, and takes hold of it.
    ///
    /// # Errors
    /// There is no such run, its journal is damaged, or another process has it.
    pub(crate) fn find(home: &Home, wanted: &str, full_sync: bool) -> Result<Self> {
        let id = find(&home.pipelines(), wanted).map_err(|error| {
            error.hint(
                "`synapse run list` shows runs of pipelines too; those without a journal cannot be resumed",
            )
        })?;
        let folder = home.pipelines().join(&id);
        if !folder.join(journal::FILE).exists() {
            return Err(NotFoundError::new(format!("run {id} has no journal"))
                .hint("it was started with --no-journal; start the pipeline again"));
        }
        let (journal, lines) = Journal::open(&folder, full_sync)?;
        let Some(Line::Run(header)) = lines.first() else {
            return Err(PluginError::new(
                ErrorKind::Archive,
                format!("the journal of run {id} has no beginning"),
            ));
        };
        Ok(Self { header: header.clone(), folder, journal, lines })
    }

    pub(crate) fn release(&self) -> bool {
        self.header.release
    }

    pub(crate) fn id(&self) -> &str {
        &self.header.id
    }

    /// Checks that the run can go on.
    ///
    /// # Errors
    /// The pipeline no longer fits its plugins; a plugin has changed and
    /// `changed` says to refuse that.
    pub(crate) fn prepare(
        mut self,
        home: &Home,
        resolver: &mut Resolver<'_>,
        changed: Changed,
        options: &RunOptions,
    ) -> Result<Ready> {
        let header = &self.header;
        let mut notes = Vec::new();
        let read = parse(&header.text, &header.file, &header.folder)
            .map_err(|problems| invalid(&header.file, &problems))?;
        let mut plan = check(read.pipeline, resolver, !(header.isolated || options.isolated))
            .map_err(|refused| refused.error(&header.file))?;
        isolate(&mut plan, header.isolated || options.isolated);
        let mut earlier = earlier(&plan, &self.lines);
        let stamps = stamps(&plan, home)?;
        let then = last_stamps(&self.lines, header);
        let other = |stamp: &&PluginStamp| {
            then.iter().any(|then| then.plugin == stamp.plugin && then.sha256 != stamp.sha256)
        };
        let differing: Vec<&PluginStamp> = stamps.iter().filter(other).collect();
        let mut dropped = Vec::new();
        for stamp in &differing {
            let was =
                then.iter().find(|then| then.plugin == stamp.plugin).map_or("", |then| &then.sha256[..12]);
            let text = format!(
                "plugin `{}` has changed since: its library is {}… now; then it was {was}…",
                stamp.code,
                &stamp.sha256[..12]
            );
            match changed {
                Changed::Refuse => {
                    return Err(IncompatiblePlugin::new(text).hint(
                        "`--changed rerun` runs its nodes and all that follow them again; \
                         `--changed keep` keeps what is finished",
                    ));
                }
                Changed::Rerun | Changed::Keep => notes.push(format!("warning: {text}")),
            }
        }
        if changed == Changed::Rerun && !differing.is_empty() {
            let plugins: Vec<&str> = differing.iter().map(|stamp| stamp.plugin.as_str()).collect();
            dropped = drop_results(&plan, &mut earlier, &plugins, &self.folder);
        }
        self.journal.write(&Line::Resumed { at: now(), dropped, plugins: stamps })?;
        make_work_folders(&self.folder)?;
        let Self { header, folder, journal, .. } = self;
        let prepared = Prepared {
            plan,
            inputs: header.inputs,
            home: home.clone(),
            id: header.id,
            folder,
            journal: Some(journal),
            earlier,
            started: header.started,
        };
        Ok(Ready { prepared, notes })
    }
}

/// A run that can go on.
pub(crate) struct Ready {
    prepared: Prepared,
    /// What has changed since.
    pub(crate) notes: Vec<String>,
}

impl Ready {
    pub(crate) fn plan(&self) -> &Plan {
        &self.prepared.plan
    }

    /// Goes on.
    ///
    /// # Errors
    /// As [`start`].
    pub(crate) fn go_on(self, options: &RunOptions, watcher: &mut dyn Watcher) -> Result<Report> {
        carry_out(self.prepared, options, watcher)
    }
}

fn last_stamps<'a>(lines: &'a [Line], header: &'a Header) -> &'a [PluginStamp] {
    let resumed = lines.iter().rev().find_map(|line| match line {
        Line::Resumed { plugins, .. } if !plugins.is_empty() => Some(plugins.as_slice()),
        _ => None,
    });
    resumed.unwrap_or(&header.plugins)
}

/// What counts of what a journal tells.
fn earlier(plan: &Plan, lines: &[Line]) -> Earlier {
    let names = plan.pipeline.nodes.iter().enumerate().map(|(index, node)| (node.name.as_str(), index));
    let names: HashMap<&str, usize> = names.collect();
    let mut earlier = Earlier::default();
    let task = |name: &str, item: Option<usize>| -> Option<Task> { Some((*names.get(name)?, item)) };
    for line in lines {
        match line {
            Line::Start { n, i, a } => {
                if let Some(task) = task(n, *i) {
                    earlier.attempts.insert(task, *a);
                }
            }
            Line::Done { n, i, ms, cached, r } => {
                if let Some(task) = task(n, *i)
                    && let Ok(value) = serde_json::from_str(r.get())
                {
                    earlier.results.insert(task, (value, *ms, *cached));
                }
            }
            Line::RolledBack { n } => {
                if let Some(node) = names.get(n.as_str()) {
                    earlier.results.retain(|(done, _), _| done != node);
                }
            }
            Line::Resumed { dropped, .. } => {
                let nodes: Vec<usize> =
                    dropped.iter().filter_map(|name| names.get(name.as_str()).copied()).collect();
                earlier.results.retain(|(done, _), _| !nodes.contains(done));
                earlier.attempts.retain(|(done, _), _| !nodes.contains(done));
            }
            Line::Run(_) | Line::Failed { .. } | Line::Skipped { .. } | Line::Ended { .. } => {}
        }
    }
    earlier
}

/// Results of nodes of these plugins, and of all that follow them, no longer
/// count, nor does what they saved.
fn drop_results(plan: &Plan, earlier: &mut Earlier, plugins: &[&str], folder: &Path) -> Vec<String> {
    let nodes = &plan.pipeline.nodes;
    let changed: Vec<usize> = (0..nodes.len())
        .filter(|index| plugins.contains(&nodes[*index].plugin.to_string().as_str()))
        .collect();
    let follows = |index: &usize| changed.iter().any(|node| plan.graph.is_before(*node, *index));
    let dropped: Vec<usize> =
        (0..nodes.len()).filter(|index| changed.contains(index) || follows(index)).collect();
    earlier.results.retain(|(done, _), _| !dropped.contains(done));
    earlier.attempts.retain(|(done, _), _| !dropped.contains(done));
    for index in &dropped {
        // State that is not there is none.
        let _ = fs::remove_dir_all(folder.join("nodes").join(&nodes[*index].name));
    }
    dropped.iter().map(|index| nodes[*index].name.clone()).collect()
}

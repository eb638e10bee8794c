//! Runs that are gone on with, or started once more, by their journals.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use synapse_sdk::errors::{IncompatiblePlugin, NotFoundError, Result};
use synapse_sdk::events::now;
use synapse_sdk::words::words;
use synapse_sdk::{ErrorKind, PluginError};

use super::check::{Plan, check, invalid};
use super::engine::{Earlier, Task, Watcher};
use super::file::parse;
use super::journal::{self, Header, Journal, Line, PluginStamp};
use super::report::Report;
use super::runs::{Prepared, RunOptions, carry_out, files_of, isolate, stamps};
use crate::home::Home;
use crate::plugin_ref::Resolver;
use crate::record::find;

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

/// Goes on with the run that `wanted` means, which failed, was stopped, or whose
/// process was killed: what has ended is not run again. `wanted` is an id, the
/// beginning of one, or `last`. It is run as it was before, or with other
/// `options`, whose variables go before those it had; relative paths among its
/// inputs start from this process's working folder.
///
/// # Errors
/// There is no such run, its journal is damaged, or another process has it; it no
/// longer fits its plugins, or one of these has changed and `changed` says to
/// refuse that.
pub fn resume(
    home: &Home,
    wanted: &str,
    resolver: &mut Resolver<'_>,
    changed: Changed,
    options: Option<&RunOptions>,
    watcher: &mut dyn Watcher,
) -> Result<Report> {
    let run = Resumable::find(home, wanted)?;
    let options = options.unwrap_or(run.options()).clone();
    run.prepare(home, resolver, changed, options)?.go_on(watcher)
}

/// What a run was started with, to start it once more.
pub(crate) struct Recorded(Header);

impl Recorded {
    /// What the run with that id was started with.
    ///
    /// # Errors
    /// There is no such run, or its journal is damaged.
    pub(crate) fn of(home: &Home, id: &str) -> Result<Self> {
        let folder = journal_of(home, id)?;
        let lines = journal::read(&folder)?;
        Ok(Self(header_of(&lines, id)?.clone()))
    }

    /// How it was run.
    pub(crate) fn options(&self) -> &RunOptions {
        &self.0.options
    }

    pub(crate) fn inputs(&self) -> &Map<String, Value> {
        &self.0.inputs
    }

    pub(crate) fn working_folder(&self) -> Option<&Path> {
        self.0.working_folder.as_deref()
    }

    /// The file it was read from, and whether that says something else by now.
    pub(crate) fn file(&self) -> (&str, bool) {
        let name = Path::new(&self.0.file).file_name();
        let now = name.and_then(|name| fs::read_to_string(self.0.folder.join(name)).ok());
        (&self.0.file, now.is_none_or(|now| now != self.0.text))
    }

    /// The pipeline, as its file was then, checked against its plugins as they
    /// are now. `here` says that they will run in this process.
    ///
    /// # Errors
    /// [`Validation`](ErrorKind::Validation) with everything that does not fit.
    pub(crate) fn plan(&self, resolver: &mut Resolver<'_>, here: bool) -> Result<Plan> {
        plan_of(&self.0, resolver, here)
    }

    /// How the libraries of `plan` differ from those that ran.
    pub(crate) fn changes(&self, plan: &Plan, home: &Home) -> Result<Vec<String>> {
        Ok(changes(&stamps(plan, home)?, &self.0.plugins).into_iter().map(|(_, text)| text).collect())
    }
}

fn plan_of(header: &Header, resolver: &mut Resolver<'_>, here: bool) -> Result<Plan> {
    let read = parse(&header.text, &header.file, &header.folder)
        .map_err(|problems| invalid(&header.file, &problems))?;
    check(read.pipeline, resolver, here).map_err(|refused| refused.error(&header.file))
}

/// The folder of a run that has a journal.
fn journal_of(home: &Home, id: &str) -> Result<PathBuf> {
    let folder = home.pipelines().join(id);
    match folder.join(journal::FILE).exists() {
        true => Ok(folder),
        false => Err(NotFoundError::new(format!("run {id} has no journal"))
            .hint("it was started with --no-journal; start the pipeline again")),
    }
}

fn header_of<'a>(lines: &'a [Line], id: &str) -> Result<&'a Header> {
    match lines.first() {
        Some(Line::Run(header)) => Ok(header),
        _ => {
            let message = format!("the journal of run {id} has no beginning");
            Err(PluginError::new(ErrorKind::Archive, message))
        }
    }
}

/// The plugins of `now` whose library is another one than `then`, and what to say
/// of each.
fn changes<'a>(now: &'a [PluginStamp], then: &[PluginStamp]) -> Vec<(&'a str, String)> {
    let differing = now.iter().filter_map(|stamp| {
        let was = then.iter().find(|then| then.plugin == stamp.plugin && then.sha256 != stamp.sha256)?;
        let text = format!(
            "plugin `{}` has changed since: its library is {}… now; then it was {}…",
            stamp.code,
            &stamp.sha256[..12],
            &was.sha256[..12]
        );
        Some((stamp.plugin.as_str(), text))
    });
    differing.collect()
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
    pub(crate) fn find(home: &Home, wanted: &str) -> Result<Self> {
        let id = find(&home.pipelines(), wanted).map_err(|error| {
            error.hint(
                "`synapse run list` shows runs of pipelines too; those without a journal cannot be resumed",
            )
        })?;
        let folder = journal_of(home, &id)?;
        let (journal, lines) = Journal::open(&folder)?;
        let header = header_of(&lines, &id)?.clone();
        Ok(Self { header, folder, journal, lines })
    }

    /// The working folder it was started in.
    pub(crate) fn working_folder(&self) -> Option<&Path> {
        self.header.working_folder.as_deref()
    }

    /// How it was run.
    pub(crate) fn options(&self) -> &RunOptions {
        &self.header.options
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
        options: RunOptions,
    ) -> Result<Ready> {
        let header = &self.header;
        let mut plan = plan_of(header, resolver, !options.isolated)?;
        isolate(&mut plan, options.isolated);
        let mut earlier = earlier(&plan, &self.lines);
        let files = files_of(&self.folder, &header.id, options.storage.as_deref())?;
        let stamps = stamps(&plan, home)?;
        let differing = changes(&stamps, last_stamps(&self.lines, header));
        if let (Changed::Refuse, Some((_, text))) = (changed, differing.first()) {
            return Err(IncompatiblePlugin::new(text.clone()).hint(
                "`--changed rerun` runs its nodes and all that follow them again; \
                 `--changed keep` keeps what is finished",
            ));
        }
        let mut dropped = Vec::new();
        if changed == Changed::Rerun && !differing.is_empty() {
            let plugins: Vec<&str> = differing.iter().map(|(plugin, _)| *plugin).collect();
            dropped = drop_results(&plan, &mut earlier, &plugins, &files);
        }
        let notes = differing.into_iter().map(|(_, text)| format!("warning: {text}")).collect();
        self.journal.sync(options.full_sync);
        self.journal.write(&Line::Resumed { at: now(), dropped, plugins: stamps })?;
        let Self { header, folder, journal, .. } = self;
        let prepared = Prepared {
            plan,
            inputs: header.inputs,
            home: home.clone(),
            id: header.id,
            folder,
            files,
            journal: Some(journal),
            earlier,
            started: header.started,
        };
        let options = RunOptions { env: options.env.clone().over(&header.options.env), ..options };
        Ok(Ready { prepared, options, notes })
    }
}

/// A run that can go on.
pub(crate) struct Ready {
    prepared: Prepared,
    options: RunOptions,
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
    pub(crate) fn go_on(self, watcher: &mut dyn Watcher) -> Result<Report> {
        carry_out(self.prepared, &self.options, watcher)
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

//! Runs of pipelines as they are listed and shown, by their journals.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value, json};
use synapse_sdk::errors::Result;
use synapse_sdk::events::Rfc3339;
use synapse_sdk::{ErrorKind, PluginError};

use super::journal::{self, Header, Line};
use super::report::NodeStatus;
use crate::home::Home;
use crate::record::{Status, all_ids, find};

/// A run of a pipeline in one line.
#[derive(Clone, Debug)]
pub struct PipelineRun {
    /// Its id.
    pub id: String,
    /// The pipeline's name.
    pub name: String,
    /// How it stands.
    pub status: Status,
    /// When it started, as RFC 3339, UTC.
    pub started: Option<String>,
    /// How long its last process took, once that has ended, in milliseconds.
    pub ms: Option<f64>,
}

impl PipelineRun {
    /// As the command line shows it among other runs.
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id, "kind": "pipeline", "status": self.status.as_str(), "pipeline": self.name,
            "plugin": null, "action": null, "mode": null, "started": self.started, "ms": self.ms,
        })
    }
}

/// The newest `limit` of the runs of pipelines below `home` that `wanted`
/// chooses, newest first.
pub fn list(home: &Home, limit: usize, wanted: impl Fn(&PipelineRun) -> bool) -> Vec<PipelineRun> {
    let runs = home.pipelines();
    let all = all_ids(&runs).into_iter().map(|id| summary(&runs.join(&id), &id));
    all.filter(wanted).take(limit).collect()
}

fn summary(folder: &Path, id: &str) -> PipelineRun {
    let damaged = || PipelineRun {
        id: id.to_owned(),
        name: String::new(),
        status: Status::Damaged,
        started: None,
        ms: None,
    };
    let Ok(lines) = journal::read(folder) else { return damaged() };
    let Some(Line::Run(header)) = lines.first() else { return damaged() };
    of_lines(id, header, &lines, folder)
}

fn of_lines(id: &str, header: &Header, lines: &[Line], folder: &Path) -> PipelineRun {
    let (status, ms) = stand(lines, folder);
    let started = Some(Rfc3339(header.started).to_string());
    PipelineRun { id: id.to_owned(), name: header.name.clone(), status, started, ms }
}

fn stand(lines: &[Line], folder: &Path) -> (Status, Option<f64>) {
    match lines.last() {
        Some(Line::Ended { s, ms }) => (s.parse().unwrap_or(Status::Damaged), Some(*ms)),
        _ if journal::goes_on(folder) => (Status::Running, None),
        _ => (Status::Crashed, None),
    }
}

/// A run of a pipeline with its nodes.
#[derive(Clone, Debug)]
pub struct ShownRun {
    /// The run in one line.
    pub run: PipelineRun,
    /// The pipeline's file, as it was named.
    pub file: String,
    /// Where its journal, state and work files lie.
    pub folder: PathBuf,
    /// What it was started with.
    pub inputs: Map<String, Value>,
    /// Nodes, and elements of fan-outs, in the order in which they began.
    pub nodes: Vec<ShownNode>,
}

/// What a journal tells of a node, or of one element of a fan-out.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ShownNode {
    /// The node's name; of an element its index in brackets behind it.
    pub name: String,
    /// How it stands: `running`, `interrupted`, or a node's status.
    pub status: String,
    /// How often it was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// How long it took, in milliseconds, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms: Option<f64>,
    /// What it gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Value>,
    /// Whether what it did was undone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub rolled_back: bool,
}

impl ShownRun {
    /// The document that the command line prints.
    pub fn to_json(&self) -> Value {
        json!({
            "run": self.run.to_json(), "file": self.file, "folder": self.folder, "inputs": self.inputs,
            "nodes": self.nodes,
        })
    }
}

/// A run of a pipeline with its nodes; `wanted` is an id, the beginning of one,
/// or `last`.
///
/// # Errors
/// There is no such run, or its journal is damaged.
pub fn show(home: &Home, wanted: &str) -> Result<ShownRun> {
    let id = find(&home.pipelines(), wanted)?;
    let folder = home.pipelines().join(&id);
    let lines = journal::read(&folder)?;
    let Some(Line::Run(header)) = lines.first() else {
        return Err(PluginError::new(
            ErrorKind::Archive,
            format!("the journal of run {id} has no beginning"),
        ));
    };
    let run = of_lines(&id, header, &lines, &folder);
    let mut nodes = Vec::new();
    for line in &lines {
        note(&mut nodes, line, run.status == Status::Running);
    }
    Ok(ShownRun { run, file: header.file.clone(), inputs: header.inputs.clone(), folder, nodes })
}

fn note(nodes: &mut Vec<ShownNode>, line: &Line, going_on: bool) {
    let mut of = |name: &str, item: Option<usize>| -> usize {
        let label = item.map_or_else(|| name.to_owned(), |item| format!("{name}[{item}]"));
        nodes.iter().position(|known| known.name == label).unwrap_or_else(|| {
            nodes.push(ShownNode { name: label, ..ShownNode::default() });
            nodes.len() - 1
        })
    };
    match line {
        Line::Start { n, i, a } => {
            let at = of(n, *i);
            let status = if going_on { "running" } else { "interrupted" };
            (nodes[at].status, nodes[at].attempts) = (status.to_owned(), Some(*a));
        }
        Line::Done { n, i, ms, cached, r } => {
            let at = of(n, *i);
            let status = if *cached { NodeStatus::Cached } else { NodeStatus::Succeeded };
            (nodes[at].status, nodes[at].ms) = (status.as_str().to_owned(), Some(*ms));
            (nodes[at].result, nodes[at].error) = (serde_json::from_str(r.get()).ok(), None);
        }
        Line::Failed { n, i, ms, e } => {
            let at = of(n, *i);
            (nodes[at].status, nodes[at].ms) = ("failed".to_owned(), Some(*ms));
            nodes[at].error = Some(e.clone());
        }
        Line::Skipped { n } => {
            let at = of(n, None);
            nodes[at].status = NodeStatus::Skipped.as_str().to_owned();
        }
        Line::RolledBack { n } => {
            let at = of(n, None);
            nodes[at].rolled_back = true;
        }
        Line::Run(_) | Line::Resumed { .. } | Line::Ended { .. } => {}
    }
}

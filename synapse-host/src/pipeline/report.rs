//! How a pipeline's run went.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use synapse_sdk::PluginError;
use synapse_sdk::words::words;

use crate::record::Status;
use crate::run::milliseconds;

words! {
    /// How a node stands or ended.
    NodeStatus {
        /// It gave a result.
        Succeeded = "succeeded",
        /// A result of an earlier run was taken.
        Cached = "cached",
        /// It was finished before the run was resumed.
        Kept = "kept",
        /// Its condition did not hold, or what it refers to was skipped.
        Skipped = "skipped",
        /// It gave an error.
        Failed = "failed",
        /// It took longer than allowed.
        TimedOut = "timed_out",
        /// Its worker died.
        Crashed = "crashed",
        /// It was told to stop.
        Cancelled = "cancelled",
        /// It never started, because of another one.
        NotRun = "not_run",
    }
}

impl NodeStatus {
    /// Whether what waits for the node can run.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Succeeded | Self::Cached | Self::Kept | Self::Skipped)
    }
}

/// How a node went.
#[derive(Debug)]
pub struct NodeReport {
    /// Its name.
    pub name: String,
    /// How it ended.
    pub status: NodeStatus,
    /// How long it took.
    pub elapsed: Duration,
    /// How often it was tried, by this process and those before.
    pub attempts: u32,
    /// Of a fan-out, how many elements.
    pub items: Option<usize>,
    /// Why there is no result.
    pub error: Option<PluginError>,
    /// Whether what it did was undone.
    pub rolled_back: bool,
}

/// How a run went.
#[derive(Debug)]
pub struct Report {
    /// Its id.
    pub id: String,
    /// The pipeline's name.
    pub name: String,
    /// How it ended.
    pub status: Status,
    /// When it started, in nanoseconds since 1970-01-01 UTC.
    pub started: u64,
    /// How long it took in this process.
    pub elapsed: Duration,
    /// Its nodes, in the order of the file.
    pub nodes: Vec<NodeReport>,
    /// What it gives; null when it failed.
    pub output: Value,
    /// Why it failed.
    pub error: Option<PluginError>,
    /// Where its journal, state and work files lie.
    pub folder: Option<PathBuf>,
    /// Rollbacks that failed, by node.
    pub rollback_errors: Vec<(String, PluginError)>,
}

impl Report {
    /// The document that the command line prints.
    pub fn to_json(&self) -> Value {
        let nodes = self.nodes.iter().map(|node| {
            let mut one = json!({
                "name": node.name,
                "status": node.status.as_str(),
                "ms": milliseconds(node.elapsed),
                "attempts": node.attempts,
            });
            if let Some(items) = node.items {
                one["items"] = items.into();
            }
            if let Some(error) = &node.error {
                one["error"] = error.to_json();
            }
            if node.rolled_back {
                one["rolled_back"] = true.into();
            }
            one
        });
        json!({
            "run": {
                "id": self.id,
                "pipeline": self.name,
                "status": self.status.as_str(),
                "started": synapse_sdk::events::Rfc3339(self.started).to_string(),
                "ms": milliseconds(self.elapsed),
                "folder": self.folder,
            },
            "nodes": nodes.collect::<Vec<_>>(),
            "result": self.output,
        })
    }
}

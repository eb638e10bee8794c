//! Pipelines: actions of several plugins as a graph, checked before they run
//! and resumable after they fail.

mod cache;
mod check;
mod condition;
mod draw;
mod engine;
mod expression;
mod file;
mod graph;
mod journal;
mod model;
mod offer;
mod report;
mod rollback;
mod runs;
mod schema;

use std::path::Path;

use synapse_sdk::PluginError;
use synapse_sdk::errors::{ErrorKind, Result};

pub use cache::{Cache, Entry, Listed};
pub use check::{ByName, Plan, check, invalid};
pub use condition::{Comparison, Condition, Operand};
pub use draw::{Lines, json, mermaid, svg, tree};
pub(crate) use engine::{News, Task, Watcher};
pub use expression::{Expression, Head, NoValue, Path as ReferencePath, Piece, Reference, Scope};
pub use file::{Read, parse};
pub use graph::Graph;
pub use model::{Input, InputType, Location, Node, OnFailure, Param, Pipeline, RetryPolicy};
pub use offer::Offer;
pub use report::{NodeReport, NodeStatus, Report};
pub use runs::{Changed, PipelineRun, RunOptions, list, show};
pub(crate) use runs::{Resumable, start};
pub use schema::json_schema;

use crate::plugin_ref::Resolver;

/// Reads a pipeline's file.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound) or [`Io`](ErrorKind::Io) when it cannot be
/// read, [`Validation`](ErrorKind::Validation) with every problem in it.
pub fn read(path: &Path) -> Result<Read> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        PluginError::new(ErrorKind::of_io(&error), format!("Pipeline file not found: {shown}: {error}"))
            .hint("name a pipeline's file, such as examples/pipeline/pipeline.yaml")
    })?;
    parse(&text, &shown, &file::folder_of(path)).map_err(|problems| invalid(&shown, &problems))
}

/// Reads a pipeline's file and checks it against the plugins it names.
///
/// # Errors
/// As [`read`], and [`Validation`](ErrorKind::Validation) with every mismatch.
pub fn load(path: &Path, resolver: &mut Resolver<'_>, here: bool) -> Result<Plan> {
    let Read { pipeline, warnings } = read(path)?;
    let file = pipeline.file.clone();
    let mut plan = check(pipeline, resolver, here).map_err(|mut problems| {
        problems.extend(warnings.iter().cloned());
        problems.sort_by_key(|problem| (problem.line, problem.column));
        invalid(&file, &problems)
    })?;
    plan.warnings.splice(0..0, warnings);
    Ok(plan)
}

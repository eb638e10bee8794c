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
mod shown;

use std::path::Path;

use synapse_sdk::PluginError;
use synapse_sdk::errors::{ErrorKind, Result};

pub use cache::{Cache, Entry, Listed};
pub use check::{ByName, Plan, Refused, check, invalid};
pub use condition::{Comparison, Condition, Operand};
pub use draw::{Lines, json, mermaid, svg, tree};
pub(crate) use engine::{News, Task, Watcher};
pub use expression::{Expression, Head, NoValue, Path as ReferencePath, Piece, Reference, Scope};
pub use file::{Read, parse};
pub use graph::Graph;
pub use model::{Input, InputType, Location, Node, OnFailure, Param, Pipeline, RetryPolicy};
pub use offer::Offer;
pub use report::{NodeReport, NodeStatus, Report};
pub use runs::{Changed, RunOptions};
pub(crate) use runs::{Resumable, start};
pub use schema::json_schema;
pub use shown::{PipelineRun, ShownNode, ShownRun, list, show};

use crate::plugin_ref::Resolver;

/// Reads a pipeline's file.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound) or [`Io`](ErrorKind::Io) when it cannot be
/// read, [`Validation`](ErrorKind::Validation) with every problem in it.
pub fn read(path: &Path) -> Result<Read> {
    let (shown, text) = text_of(path)?;
    parse(&text, &shown, &file::folder_of(path)).map_err(|problems| invalid(&shown, &problems))
}

fn text_of(path: &Path) -> Result<(String, String)> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        PluginError::new(ErrorKind::of_io(&error), format!("Pipeline file not found: {shown}: {error}"))
            .hint("name a pipeline's file, such as examples/pipeline/pipeline.yaml")
    })?;
    Ok((shown, text))
}

/// Reads a pipeline's file and checks it against the plugins it names.
///
/// # Errors
/// As [`read`]; [`Validation`](ErrorKind::Validation) with every mismatch, those
/// of the file itself among them; [`Build`](ErrorKind::Build) with the same when a
/// plugin could not be built.
pub fn load(path: &Path, resolver: &mut Resolver<'_>, here: bool) -> Result<Plan> {
    let (file, text) = text_of(path)?;
    let (pipeline, problems) = file::parse_as_far_as_possible(&text, &file, &file::folder_of(path));
    let Some(pipeline) = pipeline else { return Err(invalid(&file, &problems)) };
    match check(pipeline, resolver, here) {
        Ok(_) if file::has_errors(&problems) => Err(invalid(&file, &problems)),
        Ok(mut plan) => {
            plan.warnings.splice(0..0, problems);
            Ok(plan)
        }
        Err(mut refused) => {
            refused.with_those_of_the_file(problems);
            Err(refused.error(&file))
        }
    }
}

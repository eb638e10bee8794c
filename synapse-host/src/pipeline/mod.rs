//! Pipelines: actions of several plugins as a graph, checked before they run
//! and resumable after they fail.
//!
//! `synapse pipeline` is the command over this; a program does the same:
//!
//! ```no_run
//! use std::path::Path;
//!
//! use serde_json::{Map, json};
//! use synapse_host::home::Home;
//! use synapse_host::pipeline::{Changed, RunOptions, load, resume, start};
//! use synapse_host::plugin_ref::Resolver;
//! use synapse_host::record::Status;
//!
//! # fn main() -> synapse_sdk::errors::Result<()> {
//! let (home, mut resolver) = (Home::at("runs"), Resolver::default());
//! let plan = load(Path::new("examples/pipeline/pipeline.yaml"), &mut resolver, true)?;
//! let inputs = Map::from_iter([("wanted".to_owned(), json!(0.95))]);
//! let options = RunOptions { jobs: 2, ..RunOptions::default() };
//! let mut report = start(plan, &inputs, &home, &options, &mut ())?;
//! if report.status != Status::Succeeded {
//!     report = resume(&home, &report.id, &mut resolver, Changed::Refuse, None, &mut ())?;
//! }
//! println!("{}", report.output);
//! # Ok(())
//! # }
//! ```

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
mod resume;
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
pub use engine::{News, Task, Watcher};
pub use expression::{Expression, Head, NoValue, Path as ReferencePath, Piece, Reference, Scope};
pub use file::{Read, parse};
pub use graph::Graph;
pub use model::{Input, InputType, Location, Node, OnFailure, Param, Pipeline, RetryPolicy};
pub use offer::Offer;
pub use report::{NodeReport, NodeStatus, Report};
pub use resume::{Changed, resume};
pub(crate) use resume::{Recorded, Resumable};
pub use runs::{RunOptions, start};
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

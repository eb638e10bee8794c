//! Actions as the steps of a pipeline that the compiler checks.
//!
//! A [`Pipeline`] runs actions one after another, each with params made of what
//! came before. What an action declares as `input` and `output` is held against
//! one another while compiling, and so are params that are made by
//! [`then_with`](Pipeline::then_with): their names and their types.
//!
//! ```
//! use synapse_sdk::prelude::*;
//!
//! #[params]
//! struct DownloadParams { url: String }
//!
//! #[result]
//! struct Downloaded { path: String, images: u32 }
//!
//! #[action(output = CocoDataset)]
//! fn download(params: DownloadParams, _ctx: &Context) -> Result<Downloaded> {
//!     Ok(Downloaded { path: format!("{}/coco", params.url), images: 120 })
//! }
//!
//! #[params]
//! struct ConvertParams { path: String }
//!
//! #[result]
//! struct Converted { path: String }
//!
//! #[action(input = CocoDataset, output = YoloDataset)]
//! fn convert(params: ConvertParams, _ctx: &Context) -> Result<Converted> {
//!     Ok(Converted { path: params.path.replace("coco", "yolo") })
//! }
//!
//! #[params]
//! struct TrainParams {
//!     dataset: String,
//!     images: u32,
//!     #[param(default = 20, ge = 1)]
//!     epochs: u32,
//! }
//!
//! #[result]
//! struct Trained { model: String }
//!
//! #[action(input = YoloDataset, output = ModelWeights)]
//! fn train(params: TrainParams, _ctx: &Context) -> Result<Trained> {
//!     Ok(Trained { model: format!("{} {}x{}", params.dataset, params.images, params.epochs) })
//! }
//!
//! let pipeline = Pipeline::start::<download>()
//!     .then::<convert>() // `path` is found by its name
//!     .then_with::<train>(|results| TrainParams {
//!         epochs: 5, // what is not said has its default
//!         ..TrainParams::required(results.path.clone(), results.get::<download>().images)
//!     });
//!
//! let ctx = LocalExecutor::new().context(); // in an action: the one it is given
//! let run = pipeline.run(DownloadParams { url: "store".into() }, &ctx)?;
//! assert_eq!(run.output().model, "store/yolo 120x5");
//! # Ok::<(), PluginError>(())
//! ```
//!
//! Where `convert` is left out, the compiler says:
//!
//! ```text
//! error[E0277]: step `train` expects `YoloDataset`, the previous step produces `CocoDataset`
//! ```
//!
//! - **[`then`](Pipeline::then)** finds params by their names. Names and types
//!   of fields are known when the pipeline is there, not to the compiler:
//!   [`check`](Pipeline::check) tells all gaps at once, and `run` calls it before
//!   anything starts. A test that calls it keeps a pipeline whole.
//! - **[`narrow`](Pipeline::narrow)** stands before a step that expects a special
//!   case of what the step before promises: a YOLO dataset, of any dataset.
//! - A step that declares no `input` takes what comes; one that declares no
//!   `output` leaves the data as it was.
//! - **Several ways** lead on from a step of a [`Branches`], which
//!   [`Pipeline::branching`] begins, and meet again behind a tuple of steps.
//!
//! # Where it runs
//!
//! In this process, over a [`Context`](crate::Context): within an action, so that
//! a plugin offers the whole as one action, in every mode; or in a program of its
//! own that links the crates whose actions it uses, over
//! `LocalExecutor::new().state_dir(…).context()`.
//!
//! Results are kept by [`save_state`](crate::Context::save_state). When the run is
//! tried again, after a failure or a kill, steps that had ended are not run
//! again, and the step that was under way finds what it saved itself. A step runs
//! again when it would be given other params than then.
//!
//! A pipeline of separately compiled plugins is a file: `synapse pipeline run`.

mod branching;
mod check;
mod flow;
mod linear;
mod report;
mod results;
mod run;
mod services;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

pub use branching::{After, Branches, BranchesRun, Given, Node, Nodes};
pub use flow::{Accepts, Fits, Flow, Narrowed, NoData, StartsWith, StepAction};
pub use linear::{Pipeline, PipelineRun};
pub use report::StepReport;
pub use results::{Before, Chain, Earlier, Has, Here, Results};

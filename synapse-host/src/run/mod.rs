//! Runs actions: one request, one entry point, every mode.
//!
//! ```no_run
//! use serde_json::json;
//! use synapse_host::run::{RunRequest, run_plugin, run_plugin_blocking};
//!
//! // On this thread:
//! let request = RunRequest::new("examples/greet", "greet").params(&json!({ "name": "Ada" }));
//! let outcome = run_plugin_blocking(request)?;
//! println!("{}", outcome.value()?["message"]);
//!
//! // In the background, watched:
//! let mut run = run_plugin(RunRequest::new("examples/classifier", "train"))?;
//! while let Some(batch) = run.events() {
//!     for event in batch {
//!         println!("{}", event.name());
//!     }
//! }
//! let outcome = run.result()?;
//! # Ok::<(), synapse_sdk::PluginError>(())
//! ```

pub(crate) mod agent;
mod endpoint;
mod flight;
mod folder;
mod handle;
mod isolated;
mod job;
mod local;
mod outcome;
mod ray;
mod request;
mod stream;
mod watched;

pub use agent::{AgentOptions, serve_agent};
pub(crate) use endpoint::BatchOptions;
pub use endpoint::run_endpoint;
pub use flight::Flight;
pub(crate) use folder::SharedFolder;
pub use handle::{Cancel, Ended, Run, execute, run_plugin, run_plugin_blocking, validate};
pub use isolated::end_idle_workers_after;
pub(crate) use isolated::no_quota_because;
pub(crate) use isolated::{ENDED, LocalQueues, Next, Queue, QueueListener, QueueReins, Queues};
pub use job::run_job;
pub use local::lost_threads;
pub(crate) use local::{InFlight, count_lost_thread};
pub(crate) use outcome::milliseconds;
pub use outcome::{Metrics, Outcome};
pub(crate) use ray::{Answered, Endpoint, EndpointOptions, Endpoints, Jobs, Probe, RayQueues, Told, probe};
pub use ray::{RayOptions, RayPath};
pub use request::{Mode, Resources, RunRequest};
pub(crate) use watched::{Watched, WatchedReins};

//! What the author of a Synapse plugin writes against.
//!
//! A plugin is an ordinary crate, compiled to a shared library. It offers
//! actions: functions under [`macro@action`], or types under
//! `#[derive(`[`Action`](derive@Action)`)]`, with typed params and results.
//!
//! ```
//! use synapse_sdk::prelude::*;
//!
//! /// Who to greet, and how.
//! #[params]
//! pub struct GreetParams {
//!     /// Name to greet
//!     #[param(length(min = 1))]
//!     name: String,
//!     #[param(default = false)]
//!     formal: bool,
//! }
//!
//! #[result]
//! pub struct Greeting {
//!     message: String,
//! }
//!
//! /// Greets someone.
//! #[action(category = Custom)]
//! fn greet(params: GreetParams, ctx: &Context) -> Result<Greeting> {
//!     let prefix = if params.formal { "Dear" } else { "Hello" };
//!     let message = format!("{prefix} {}!", params.name);
//!     ctx.log_message(&message, "info");
//!     Ok(Greeting { message })
//! }
//!
//! // In a plugin's lib.rs: synapse_sdk::export_plugin!(greet);
//!
//! let run = LocalExecutor::new().execute::<greet>(json!({ "name": "Ada" }))?;
//! assert_eq!(run["message"], "Hello Ada!");
//! # Ok::<(), PluginError>(())
//! ```
//!
//! The macros name this crate `synapse_sdk`. A crate that calls it otherwise in
//! its Cargo.toml adds `extern crate sdk as synapse_sdk;` to its `lib.rs`.

// The macros name this crate from outside; inside it they need the same name.
extern crate self as synapse_sdk;

pub mod abi;
pub mod action;
mod async_body;
pub mod client;
mod context;
pub mod data_type;
mod env;
pub mod errors;
pub mod events;
mod export;
mod guard;
pub mod kinds;
pub mod manifest;
pub mod params;
pub mod pipeline;
mod progress;
pub mod schema;
pub mod services;
mod setup;
mod state;
pub mod steps;
pub mod suggest;
pub mod testing;
mod watch;
pub mod words;

pub use action::{Action, ActionMeta, AsyncAction};
pub use client::{DatasetInfo, Id, ModelInfo};
pub use context::{Context, Count, IntoStep, Logger};
pub use data_type::DataType;
pub use env::Env;
pub use errors::{ErrorKind, PluginError, Result};
pub use events::Level;
pub use params::Params;
pub use services::Checkpoint;
pub use state::{RunState, StateDir};
pub use synapse_macros::{action, params, result};
pub use words::{Category, Method};

/// What nearly every plugin uses: `use synapse_sdk::prelude::*;`.
pub mod prelude {
    pub use crate::action::{Action, AsyncAction};
    pub use crate::client::{Client, DatasetInfo, Id, ModelInfo, NewDataset, NewModel};
    pub use crate::context::Context;
    pub use crate::data_type::{
        CocoDataset, DataType, DmDataset, DmV1Dataset, DmV2Dataset, InferenceResults, ModelWeights,
        OnnxModel, PascalVocDataset, TensorrtModel, TestResults, YoloDataset,
    };
    pub use crate::errors::{
        ErrorKind, ExecutionError, PluginError, Result, ResultExt as _, ValidationError,
    };
    pub use crate::events::Level;
    pub use crate::params::{CheckContext, Params};
    pub use crate::pipeline::{Earlier as _, Pipeline};
    pub use crate::schema::Violation;
    pub use crate::services::Checkpoint;
    pub use crate::testing::LocalExecutor;
    pub use crate::words::{Category, Method};
    pub use serde_json::{Value, json};
    pub use synapse_macros::{action, params, result};
}

/// Not public: what generated code names.
#[doc(hidden)]
pub mod __private {
    pub use crate::action::{
        ActionDef, ActionError, ActionExample, ActionFacts, ActionMeta, ActionReturn, Listable, Listed,
        Registration, SameAs, distinct_names,
    };
    pub use crate::async_body::block_on as run_async;
    pub use crate::data_type::Path;
    pub use crate::params::{
        Dive, Each, Entries, List, Ordered, ParamField, Probe, Skip, Text, TextDefault, without_default,
    };
    pub use crate::pipeline::NoData;
    pub use crate::schema::pattern::pattern;
    pub use crate::setup::{DefaultSetup, SetupReturn};
    pub use crate::steps::{WorkflowAction, WorkflowState};
    pub use inventory;
    pub use schemars;
    pub use serde;
}

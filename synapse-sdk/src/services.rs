//! What a running action may ask of whoever runs it.
//!
//! [`Services`] is the one seam between an action and its surroundings: the
//! host implements it, [`testing`](crate::testing) implements it for tests, and
//! the plugin's side of the C interface implements it by forwarding. Authors
//! meet it only through [`Context`](crate::Context).

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::env::Env;
use crate::errors::Result;
use crate::events::Event;

/// What an action may ask of whoever runs it, for the time of one call.
pub trait Services: Send + Sync {
    /// Takes an event. Metrics and log entries are never lost; of progress,
    /// older reports may be replaced by newer ones.
    fn emit(&self, event: Event<'_>);

    /// Whether the run should stop soon.
    fn is_cancelled(&self) -> bool;

    /// What is known about the run.
    ///
    /// # Errors
    /// The host could not be asked.
    fn info(&self) -> Result<RunInfo>;

    /// A folder of the run's own, which a later attempt finds again.
    ///
    /// # Errors
    /// It cannot be made.
    fn work_dir(&self) -> Result<PathBuf>;

    /// Keeps `bytes` under `key` for later attempts of this run.
    ///
    /// # Errors
    /// They cannot be written.
    fn save_state(&self, key: &str, bytes: &[u8]) -> Result<()>;

    /// What was last saved under `key`, by this attempt or an earlier one.
    ///
    /// # Errors
    /// It cannot be read.
    fn load_state(&self, key: &str) -> Result<Option<Vec<u8>>>;

    /// The backend, when this run has one.
    fn client(&self) -> Option<&dyn Client>;

    /// The agent of the cluster, when this run has one.
    fn agent_client(&self) -> Option<&dyn AgentClient>;
}

/// What is known about a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunInfo {
    /// The job this run belongs to.
    pub job_id: Option<String>,
    /// How often this job was tried, this time included; from 1.
    pub attempt: u32,
    /// The variables of the run.
    pub env: Env,
    /// The model to start from.
    pub checkpoint: Option<Checkpoint>,
    /// Whether [`Services::client`] is there.
    pub has_client: bool,
    /// Whether [`Services::agent_client`] is there.
    pub has_agent_client: bool,
}

/// A model to start from: pretrained, or saved by an earlier run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// `base` for a pretrained model, else how it was made.
    #[serde(default)]
    pub category: Option<String>,
    /// Where it lies.
    pub path: PathBuf,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its identifier, a number or a text.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub id: Value,
    /// What else is known of it.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Checkpoint {
    /// A checkpoint of a category (`base`, `fine_tuned`) at a path.
    pub fn new(category: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self { category: Some(category.into()), path: path.into(), ..Self::default() }
    }

    /// Whether it is a pretrained model.
    pub fn is_base(&self) -> bool {
        self.category.as_deref() == Some("base")
    }
}

/// A connection to the platform's backend.
///
/// Any function from an operation's name and JSON body to a JSON answer is a
/// client, which is how tests make one:
///
/// ```
/// use synapse_sdk::prelude::*;
/// use synapse_sdk::services::Client;
///
/// let mock = |operation: &str, body: &Value| -> Result<Value> {
///     assert_eq!((operation, &body["id"]), ("dataset.get", &json!(123)));
///     Ok(json!({ "id": 123, "name": "harbour" }))
/// };
/// let client: &dyn Client = &mock;
/// assert_eq!(client.request("dataset.get", &json!({ "id": 123 }))?["name"], "harbour");
/// # Ok::<(), PluginError>(())
/// ```
pub trait Client: Send + Sync {
    /// Runs one operation, such as `dataset.get`, and gives its answer.
    ///
    /// # Errors
    /// The backend is out of reach, refuses, or does not know the operation.
    fn request(&self, operation: &str, body: &Value) -> Result<Value>;
}

impl<F: Fn(&str, &Value) -> Result<Value> + Send + Sync> Client for F {
    fn request(&self, operation: &str, body: &Value) -> Result<Value> {
        self(operation, body)
    }
}

/// A connection to the agent that operates a cluster.
pub trait AgentClient: Send + Sync {
    /// Runs one operation, such as `resources.feasibility`, and gives its answer.
    ///
    /// # Errors
    /// The agent is out of reach, refuses, or does not know the operation.
    fn request(&self, operation: &str, body: &Value) -> Result<Value>;
}

impl<F: Fn(&str, &Value) -> Result<Value> + Send + Sync> AgentClient for F {
    fn request(&self, operation: &str, body: &Value) -> Result<Value> {
        self(operation, body)
    }
}

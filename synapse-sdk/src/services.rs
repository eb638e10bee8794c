//! What a running action may ask of whoever runs it.
//!
//! [`Services`] is the one seam between an action and its surroundings: the
//! host implements it, [`testing`](crate::testing) implements it for tests, and
//! the plugin's side of the C interface implements it by forwarding. Authors
//! meet it only through [`Context`](crate::Context).

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::env::Env;
use crate::errors::{Result, ValidationError};
use crate::events::Event;

/// The variable by which a host tells where the folders lie that
/// [`shared_dir`](crate::Context::shared_dir) gives.
pub const SHARED_DIR: &str = "SYNAPSE_PIPELINE_DIR";

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
#[serde(from = "Map<String, Value>")]
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

// By hand, as for `Checkpoint`, because what serde would derive makes every
// plugin larger. What is missing or of another type is as if not given.
impl From<Map<String, Value>> for RunInfo {
    fn from(mut fields: Map<String, Value>) -> Self {
        let mut take = |name: &str| fields.remove(name).unwrap_or_default();
        let env = match take("env") {
            Value::Object(env) => env,
            _ => Map::new(),
        };
        let checkpoint = match take("checkpoint") {
            Value::Object(checkpoint) => Some(Checkpoint::from(checkpoint)),
            _ => None,
        };
        Self {
            job_id: take("job_id").as_str().map(str::to_owned),
            attempt: take("attempt").as_u64().and_then(|attempt| attempt.try_into().ok()).unwrap_or_default(),
            env: env.iter().filter_map(|(name, value)| Some((name, value.as_str()?))).collect(),
            checkpoint,
            has_client: take("has_client") == true,
            has_agent_client: take("has_agent_client") == true,
        }
    }
}

/// A model to start from: pretrained, or saved by an earlier run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Map<String, Value>")]
pub struct Checkpoint {
    /// `base` for a pretrained model, else how it was made.
    pub category: Option<String>,
    /// Where it lies.
    pub path: PathBuf,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its identifier, a number or a text.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub id: Value,
    /// What else is known of it.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl From<Map<String, Value>> for Checkpoint {
    fn from(mut fields: Map<String, Value>) -> Self {
        let mut text = |name: &str| Some(fields.remove(name)?.as_str()?.to_owned());
        let (category, path, name) = (text("category"), text("path"), text("name"));
        let id = fields.remove("id").unwrap_or_default();
        Self { category, path: path.unwrap_or_default().into(), name, id, more: fields }
    }
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

    /// The epochs it has been trained for; 0 where that is not known.
    pub fn epochs(&self) -> u64 {
        self.more.get("epochs").and_then(Value::as_u64).unwrap_or_default()
    }

    /// Makes sure that it is a model of the kind the action trains. One that
    /// does not say what it is passes: its file has to tell.
    ///
    /// # Errors
    /// [`Validation`](crate::ErrorKind::Validation), naming both.
    pub fn expect_architecture(&self, expected: &str) -> Result<()> {
        match self.more.get("architecture").and_then(Value::as_str) {
            Some(found) if found != expected => {
                let message = format!("{self} is a `{found}`, and this action needs a `{expected}`");
                Err(ValidationError::new(message).hint("choose a model that this action has made"))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.id, &self.name) {
            (Value::Null, _) => write!(f, "the checkpoint {}", self.path.display()),
            (Value::String(id), None) => write!(f, "the checkpoint {id}"),
            (id, None) => write!(f, "the checkpoint {id}"),
            (Value::String(id), Some(name)) => write!(f, "the checkpoint {id} ({name})"),
            (id, Some(name)) => write!(f, "the checkpoint {id} ({name})"),
        }
    }
}

/// A connection to the platform's backend.
/// [`client`](crate::client) has the operations and their answers.
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
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no backend client",
    label = "expected a client",
    note = "write `|operation: &str, body: &Value| -> Result<Value> {{ … }}`, or implement `Client`"
)]
pub trait Client: Send + Sync {
    /// Runs one operation, such as `dataset.get`, and gives its answer.
    ///
    /// # Errors
    /// The backend is out of reach, refuses, or does not know the operation.
    fn request(&self, operation: &str, body: &Value) -> Result<Value>;
}

#[diagnostic::do_not_recommend]
impl<F: Fn(&str, &Value) -> Result<Value> + Send + Sync> Client for F {
    fn request(&self, operation: &str, body: &Value) -> Result<Value> {
        self(operation, body)
    }
}

/// A connection to the agent that operates a cluster.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no agent client",
    label = "expected a client",
    note = "write `|operation: &str, body: &Value| -> Result<Value> {{ … }}`, or implement `AgentClient`"
)]
pub trait AgentClient: Send + Sync {
    /// Runs one operation, such as `resources.feasibility`, and gives its answer.
    ///
    /// # Errors
    /// The agent is out of reach, refuses, or does not know the operation.
    fn request(&self, operation: &str, body: &Value) -> Result<Value>;
}

#[diagnostic::do_not_recommend]
impl<F: Fn(&str, &Value) -> Result<Value> + Send + Sync> AgentClient for F {
    fn request(&self, operation: &str, body: &Value) -> Result<Value> {
        self(operation, body)
    }
}

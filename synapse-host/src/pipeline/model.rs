//! A pipeline as its file has it.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use synapse_sdk::ErrorKind;
use synapse_sdk::words::words;

use super::condition::Condition;
use super::expression::Expression;
use crate::config::problems::Place;
use crate::plugin_ref::PluginRef;
use crate::run::{Mode, Resources};

words! {
    /// What happens to the other nodes when one has failed.
    OnFailure {
        /// Nothing more is started; what runs is cancelled.
        Stop = "stop",
        /// Nodes that do not need the failed one go on.
        Continue = "continue",
    }
}

words! {
    /// The JSON type of an input.
    InputType {
        /// A text.
        String = "string",
        /// A whole number.
        Integer = "integer",
        /// A number.
        Number = "number",
        /// True or false.
        Boolean = "boolean",
        /// A list.
        Array = "array",
        /// A map.
        Object = "object",
    }
}

/// A pipeline, as far as its file says it.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Name for people.
    pub name: String,
    /// What it does; may be empty.
    pub description: String,
    /// What it can be started with.
    pub inputs: Vec<Input>,
    /// Its nodes, in the order of the file.
    pub nodes: Vec<Node>,
    /// What happens when a node fails.
    pub on_failure: OnFailure,
    /// Whether finished nodes are rolled back then.
    pub rollback: bool,
    /// What it gives; without it, the results of nodes that no other needs.
    pub output: Option<Expression>,
    /// The folder of the file, which relative plugins start from.
    pub folder: PathBuf,
    /// The file, as it was named.
    pub file: String,
    /// The text of the file.
    pub(crate) text: String,
    pub(crate) output_at: Place,
}

/// An input of a pipeline.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its type, said or that of its default.
    pub kind: Option<InputType>,
    /// The value when none is given. Without one it has to be given.
    pub default: Option<Value>,
    /// For people; may be empty.
    pub description: String,
    pub(crate) at: Place,
}

/// A node of a pipeline.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// The plugin.
    pub plugin: PluginRef,
    /// How the file names it.
    pub plugin_text: String,
    /// The action.
    pub action: String,
    /// Params that are given.
    pub params: Vec<Param>,
    /// Nodes that have to end before it starts, beside those it refers to.
    pub needs: Vec<(String, Location)>,
    /// The list it runs for each element of.
    pub for_each: Option<Expression>,
    /// How many elements at once; no limit but the jobs of the run without it.
    pub concurrency: Option<usize>,
    /// When it runs.
    pub condition: Option<Condition>,
    /// Where it runs.
    pub mode: Mode,
    /// What it may use.
    pub resources: Resources,
    /// Its variables.
    pub env: Vec<(String, String)>,
    /// How often it is tried.
    pub retry: RetryPolicy,
    /// How long an attempt may take.
    pub timeout: Option<Duration>,
    /// Whether results are kept for later runs; without it, those of pure actions.
    pub cache: Option<bool>,
    /// Whether general data may go into it where it needs a special kind.
    pub narrow: bool,
    /// Whether params that are not given are taken from inputs and results of
    /// their name.
    pub by_name: bool,
    /// The action of its plugin that undoes it.
    pub rollback: Option<(String, Location)>,
    pub(crate) at: Places,
}

/// A place of the file.
#[derive(Clone, Copy, Debug)]
pub struct Location(pub(crate) Place);

/// Where parts of a node stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    pub(crate) node: Place,
    pub(crate) plugin: Place,
    pub(crate) action: Place,
    pub(crate) for_each: Place,
    pub(crate) condition: Place,
    pub(crate) mode: Place,
}

/// A param that is given.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Expression,
    pub(crate) at: Place,
    pub(crate) name_at: Place,
}

/// How often a node is tried.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// In all; at least 1.
    pub attempts: u32,
    /// The wait after the first; it doubles each time.
    pub backoff: Duration,
    /// After which errors; all but refused params and cancelled runs without it.
    pub on: Option<Vec<ErrorKind>>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 1, backoff: Duration::ZERO, on: None }
    }
}

impl Pipeline {
    /// The node of that name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The place of that node in [`nodes`](Self::nodes).
    pub fn position(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name == name)
    }
}

impl InputType {
    /// The type of a value; `None` for null.
    pub fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Null => return None,
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) if number.is_f64() => Self::Number,
            Value::Number(_) => Self::Integer,
            Value::String(_) => Self::String,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
        })
    }

    /// Whether a value is of this type.
    pub fn admits(self, value: &Value) -> bool {
        match (self, Self::of(value)) {
            (Self::Number, Some(Self::Integer)) => true,
            (Self::Integer, Some(Self::Number)) => value.as_f64().is_some_and(|number| number.fract() == 0.0),
            (kind, of) => of == Some(kind),
        }
    }
}

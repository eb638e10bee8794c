//! Actors: objects that live in processes of the cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value as Json;

use crate::error::Result;
use crate::pickle::Value;
use crate::proto::{ActorTerminate, ClientTask, TaskType, Terminate};
use crate::session::{ObjectRef, Shared};

/// How an actor is made; Ray's own defaults hold for what is not set.
#[derive(Clone, Debug, Default)]
pub struct ActorOptions {
    entries: BTreeMap<&'static str, Value>,
    resources: BTreeMap<String, f64>,
}

impl ActorOptions {
    /// An actor without a name, that ends with its session.
    pub fn new() -> Self {
        Self::default()
    }

    /// A name it is found by.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        self.set("name", name)
    }

    /// Whether it outlives the session.
    #[must_use]
    pub fn detached(self, detached: bool) -> Self {
        self.set("lifetime", if detached { Value::from("detached") } else { Value::None })
    }

    /// Whether an actor that has the name already is taken instead.
    #[must_use]
    pub fn get_if_exists(self, get: bool) -> Self {
        self.set("get_if_exists", get)
    }

    /// Processors that are set aside for it.
    #[must_use]
    pub fn num_cpus(self, count: f64) -> Self {
        self.set("num_cpus", count)
    }

    /// Graphics processors that are set aside for it.
    #[must_use]
    pub fn num_gpus(self, count: f64) -> Self {
        self.set("num_gpus", count)
    }

    /// Bytes of memory that are set aside for it.
    #[must_use]
    pub fn memory(self, bytes: u64) -> Self {
        self.set("memory", i64::try_from(bytes).unwrap_or(i64::MAX))
    }

    /// An amount of a resource that the cluster's owner has named.
    #[must_use]
    pub fn resource(mut self, name: impl Into<String>, amount: f64) -> Self {
        self.resources.insert(name.into(), amount);
        self
    }

    /// How many of its methods run at once.
    #[must_use]
    pub fn max_concurrency(self, count: u32) -> Self {
        self.set("max_concurrency", count)
    }

    /// How often it is started again after its process ended; -1 for ever.
    #[must_use]
    pub fn max_restarts(self, count: i32) -> Self {
        self.set("max_restarts", count)
    }

    /// Its runtime environment, as a JSON object.
    #[must_use]
    pub fn runtime_env(self, environment: &Json) -> Self {
        self.set("runtime_env", python(environment))
    }

    fn set(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.entries.insert(name, value.into());
        self
    }

    pub(crate) fn to_value(&self) -> Value {
        let mut entries: Vec<(String, Value)> =
            self.entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        if !self.resources.is_empty() {
            let amounts = self.resources.iter().map(|(name, amount)| (name.clone(), Value::from(*amount)));
            entries.push(("resources".to_owned(), Value::dict(amounts)));
        }
        Value::dict(entries)
    }
}

fn python(value: &Json) -> Value {
    match value {
        Json::Null => Value::None,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => {
            number.as_i64().map_or_else(|| Value::Float(number.as_f64().unwrap_or(f64::NAN)), Value::Int)
        }
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::List(items.iter().map(python).collect()),
        Json::Object(entries) => {
            Value::dict(entries.iter().map(|(name, value)| (name.as_str(), python(value))))
        }
    }
}

/// An actor, wherever its process is.
#[derive(Clone)]
pub struct Actor {
    id: Bytes,
    shared: Arc<Shared>,
}

impl Actor {
    pub(crate) fn new(id: Bytes, shared: Arc<Shared>) -> Self {
        Self { id, shared }
    }

    /// Its id, as Ray's tools show it.
    pub fn id(&self) -> String {
        self.id.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Calls a method. What it returns is waited for with
    /// [`Session::get`](crate::Session::get); many calls may be under way.
    ///
    /// # Errors
    /// An exception in the cluster, such as for a method that is not there.
    pub async fn call(&self, method: &str, arguments: &[Value]) -> Result<ObjectRef> {
        let task = ClientTask {
            name: method.to_owned(),
            payload_id: self.id.clone(),
            ..self.shared.task(TaskType::Method, arguments)
        };
        Ok(self.shared.object(self.shared.schedule(task).await?))
    }

    /// Ends its process, now and for ever.
    ///
    /// # Errors
    /// The connection's own.
    pub async fn kill(&self) -> Result<()> {
        let actor = ActorTerminate { id: self.id.clone(), no_restart: true };
        self.shared.terminate(Terminate::Actor(actor)).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn options_become_the_dict_that_ray_reads() {
        let options = ActorOptions::new()
            .name("a")
            .num_cpus(0.5)
            .resource("fpga", 1.0)
            .runtime_env(&json!({ "working_dir": "gcs://x.zip", "env_vars": { "A": "1" } }));
        let environment = Value::dict([
            ("working_dir", Value::from("gcs://x.zip")),
            ("env_vars", Value::dict([("A", Value::from("1"))])),
        ]);
        let expected = Value::dict([
            ("name", Value::from("a")),
            ("num_cpus", Value::from(0.5)),
            ("runtime_env", environment),
            ("resources", Value::dict([("fpga", Value::from(1.0))])),
        ]);
        assert_eq!(options.to_value(), expected);
    }
}

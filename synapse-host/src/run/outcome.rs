//! What a run gave.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use synapse_sdk::ErrorKind;
use synapse_sdk::PluginError;
use synapse_sdk::errors::Result;
use synapse_sdk::events::{Event, EventBody};

/// The metrics of a run: step to name to value, later values in place of
/// earlier ones. Metrics without a step stand under `run`.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Map<String, Value>);

impl Metrics {
    pub(crate) fn take(&mut self, event: &Event<'_>) {
        let EventBody::Metrics { values } = &event.body else { return };
        let Ok(values) = serde_json::from_str::<Map<String, Value>>(values) else { return };
        let step = event.step.as_deref().unwrap_or("run");
        let known = self.0.entry(step).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(known) = known {
            known.extend(values);
        }
    }

    /// As one JSON object.
    pub fn to_value(&self) -> Value {
        Value::Object(self.0.clone())
    }
}

/// What a run that succeeded gave.
#[derive(Debug)]
pub struct Outcome {
    pub(crate) result: String,
    pub(crate) metrics: Metrics,
    pub(crate) started: u64,
    pub(crate) elapsed: Duration,
    pub(crate) id: Option<String>,
}

impl Outcome {
    /// The result as JSON text, as the action wrote it.
    pub fn json(&self) -> &str {
        &self.result
    }

    /// The result as JSON.
    ///
    /// # Errors
    /// [`Execution`](ErrorKind::Execution) when the plugin wrote no JSON.
    pub fn value(&self) -> Result<Value> {
        self.read()
    }

    /// The result as its type.
    ///
    /// # Errors
    /// [`Execution`](ErrorKind::Execution) when it is of another type.
    pub fn read<R: DeserializeOwned>(&self) -> Result<R> {
        serde_json::from_str(&self.result).map_err(|error| {
            PluginError::new(ErrorKind::Execution, format!("the result cannot be read: {error}"))
        })
    }

    /// The result to be written into a larger document, unparsed.
    ///
    /// # Errors
    /// [`Execution`](ErrorKind::Execution) when the plugin wrote no JSON.
    pub fn raw(&self) -> Result<&RawValue> {
        serde_json::from_str(&self.result).map_err(|error| {
            PluginError::new(ErrorKind::Execution, format!("the plugin's result is not JSON: {error}"))
        })
    }

    /// What the action measured.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// When it started, in nanoseconds since 1970-01-01 UTC.
    pub fn started(&self) -> u64 {
        self.started
    }

    /// How long the action ran.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// The record of the run, when one was asked for.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }
}

/// A time in milliseconds, to the microsecond.
pub(crate) fn milliseconds(elapsed: Duration) -> f64 {
    (elapsed.as_secs_f64() * 1e6).round() / 1e3
}

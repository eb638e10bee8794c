//! Runs actions in tests, without a host.
//!
//! A [`LocalExecutor`] takes an action through the same steps as a host does:
//! params are read from JSON and checked, panics are caught, the result is
//! written as JSON. What the action reports is kept.
//!
//! ```
//! use synapse_sdk::prelude::*;
//!
//! #[params]
//! struct TrainParams {
//!     #[param(default = 10, ge = 1)]
//!     epochs: u32,
//! }
//!
//! #[result]
//! struct TrainResult { model_path: String, final_loss: f64 }
//!
//! #[action]
//! fn train(params: TrainParams, ctx: &Context) -> Result<TrainResult> {
//!     for epoch in 1..=params.epochs {
//!         ctx.set_progress(epoch, params.epochs, "train")?;
//!     }
//!     Ok(TrainResult { model_path: "/models/best".to_owned(), final_loss: 0.1 })
//! }
//!
//! let executor = LocalExecutor::new().env([("TEST_MODE", "true")]).job_id("local-test-001");
//! let run = executor.execute::<train>(json!({ "epochs": 2 }))?;
//! assert_eq!(run["model_path"], "/models/best");
//! assert!(run.result::<TrainResult>()?.final_loss < 1.0);
//! assert_eq!(run.progress("train").last().unwrap().percent, 100.0);
//!
//! let refused = executor.execute::<train>(json!({ "epochs": 0 })).unwrap_err();
//! assert_eq!(refused.kind(), ErrorKind::Validation);
//! # Ok::<(), PluginError>(())
//! ```

use std::ops::Index;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::action::{ActionMeta, Check, Checks};
use crate::context::Context;
use crate::env::Env;
use crate::errors::{ErrorKind, PluginError, Result, ResultExt};
use crate::events::{Event, EventBody, Level, Progress};
use crate::services::{AgentClient, Checkpoint, Client, RunInfo, Services};
use crate::state::RunState;

/// Runs actions in this process, with an environment a test chooses.
#[derive(Clone, Default)]
pub struct LocalExecutor {
    info: RunInfo,
    client: Option<Arc<dyn Client>>,
    agent_client: Option<Arc<dyn AgentClient>>,
    state: Option<PathBuf>,
    cancelled: Arc<AtomicBool>,
    strict_result: bool,
}

impl LocalExecutor {
    /// An executor without variables, job, checkpoint or clients.
    pub fn new() -> Self {
        Self::default()
    }

    /// What `ctx.env()` gives.
    #[must_use]
    pub fn env(mut self, env: impl Into<Env>) -> Self {
        self.info.env = env.into();
        self
    }

    /// What `ctx.job_id()` gives.
    #[must_use]
    pub fn job_id(mut self, job_id: impl Into<String>) -> Self {
        self.info.job_id = Some(job_id.into());
        self
    }

    /// What `ctx.checkpoint()` gives.
    #[must_use]
    pub fn checkpoint(mut self, checkpoint: Checkpoint) -> Self {
        self.info.checkpoint = Some(checkpoint);
        self
    }

    /// What `ctx.attempt()` gives; 1 unless set.
    #[must_use]
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.info.attempt = attempt;
        self
    }

    /// What `ctx.client()` gives: a function from operation and body to an
    /// answer will do.
    #[must_use]
    pub fn client(mut self, client: impl Client + 'static) -> Self {
        self.client = Some(Arc::new(client));
        self
    }

    /// What `ctx.agent_client()` gives.
    #[must_use]
    pub fn agent_client(mut self, client: impl AgentClient + 'static) -> Self {
        self.agent_client = Some(Arc::new(client));
        self
    }

    /// Where state and work files are kept. Without it they are in a folder of
    /// their own, removed with the context.
    #[must_use]
    pub fn state_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state = Some(folder.into());
        self
    }

    /// Fails calls whose result breaks its schema, instead of warning.
    #[must_use]
    pub fn strict_result(mut self) -> Self {
        self.strict_result = true;
        self
    }

    /// Cancels what this executor runs, now and from now on.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Runs an action with params as JSON, or as anything that serialises.
    ///
    /// # Errors
    /// As [`ActionDef::call`](crate::action::ActionDef::call).
    pub fn execute<A: ActionMeta>(&self, params: impl Serialize) -> Result<LocalRun> {
        let params = serde_json::to_vec(&params).context("params as JSON")?;
        let recorder = Arc::new(self.recorder());
        let ctx = Context::new(Arc::clone(&recorder) as Arc<dyn Services>);
        let def = A::def();
        let instance = def.instantiate(&ctx)?;
        let checks = Checks { params: Check::Needed, strict_result: self.strict_result };
        let result = def.call(&instance, &params, checks, &ctx)?;
        drop(ctx);
        let value = serde_json::from_slice(&result)?;
        Ok(LocalRun { value, events: recorder.take_events() })
    }

    /// A context for calling an action's function directly.
    pub fn context(&self) -> Context {
        Context::new(self.services())
    }

    /// What a context made by this executor is over.
    pub fn services(&self) -> Arc<dyn Services> {
        Arc::new(self.recorder())
    }

    fn recorder(&self) -> Recorder {
        let mut info = self.info.clone();
        info.attempt = info.attempt.max(1);
        info.has_client = self.client.is_some();
        info.has_agent_client = self.agent_client.is_some();
        Recorder {
            info,
            client: self.client.clone(),
            agent_client: self.agent_client.clone(),
            state: RunState::new(self.state.clone()),
            cancelled: Arc::clone(&self.cancelled),
            events: Mutex::default(),
        }
    }
}

struct Recorder {
    info: RunInfo,
    client: Option<Arc<dyn Client>>,
    agent_client: Option<Arc<dyn AgentClient>>,
    state: RunState,
    cancelled: Arc<AtomicBool>,
    events: Mutex<Vec<Event<'static>>>,
}

impl Recorder {
    fn take_events(&self) -> Vec<Event<'static>> {
        std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Services for Recorder {
    fn emit(&self, event: Event<'_>) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event.into_owned());
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    fn info(&self) -> Result<RunInfo> {
        Ok(self.info.clone())
    }

    fn work_dir(&self) -> Result<PathBuf> {
        self.state.dir().work_dir()
    }

    fn save_state(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.state.dir().save(key, bytes)
    }

    fn load_state(&self, key: &str) -> Result<Option<Vec<u8>>> {
        self.state.dir().load(key)
    }

    fn client(&self) -> Option<&dyn Client> {
        self.client.as_deref()
    }

    fn agent_client(&self) -> Option<&dyn AgentClient> {
        self.agent_client.as_deref()
    }
}

/// What a run gave and what it reported.
#[derive(Debug)]
pub struct LocalRun {
    value: Value,
    events: Vec<Event<'static>>,
}

impl LocalRun {
    /// The result as JSON. `run["key"]` is short for `run.value()["key"]`.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The result as its type.
    ///
    /// # Errors
    /// [`Validation`](ErrorKind::Validation) when it is no `R`.
    pub fn result<R: DeserializeOwned>(&self) -> Result<R> {
        serde_json::from_value(self.value.clone()).map_err(|error| {
            PluginError::new(
                ErrorKind::Validation,
                format!("the result is no {}: {error}", std::any::type_name::<R>()),
            )
        })
    }

    /// Everything that was reported, in order.
    pub fn events(&self) -> &[Event<'static>] {
        &self.events
    }

    /// The messages with their levels, in order.
    pub fn messages(&self) -> Vec<(Level, &str)> {
        self.events
            .iter()
            .filter_map(|event| match &event.body {
                EventBody::Message { level, text } => Some((*level, &**text)),
                _ => None,
            })
            .collect()
    }

    /// The progress reports of a step, in order; those of the run for `""`.
    pub fn progress(&self, step: &str) -> Vec<Progress> {
        let of_step = self.events.iter().filter(|event| event.step.as_deref().unwrap_or_default() == step);
        of_step
            .filter_map(|event| match event.body {
                EventBody::Progress(progress) => Some(progress),
                _ => None,
            })
            .collect()
    }

    /// The metrics of a step, later values in place of earlier ones.
    pub fn metrics(&self, step: &str) -> Map<String, Value> {
        let mut merged = Map::new();
        for event in &self.events {
            if let EventBody::Metrics { values } = &event.body
                && event.step.as_deref().unwrap_or_default() == step
                && let Ok(values) = serde_json::from_str::<Map<String, Value>>(values)
            {
                merged.extend(values);
            }
        }
        merged
    }
}

impl Index<usize> for LocalRun {
    type Output = Value;

    fn index(&self, index: usize) -> &Value {
        &self.value[index]
    }
}

impl Index<&str> for LocalRun {
    type Output = Value;

    fn index(&self, key: &str) -> &Value {
        &self.value[key]
    }
}

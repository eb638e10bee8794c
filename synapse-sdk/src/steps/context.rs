//! What a step is given beside the state.

use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde_json::Value;

use super::StepResult;
use super::report::{StepOutcome, StepReport};
use crate::context::{Context, Count};
use crate::errors::Result;

/// The run's [`Context`], in the place of one step.
pub struct StepContext<'a> {
    run: &'a Context,
    name: &'a str,
    attempt: u32,
    earlier: &'a [StepReport],
    kept: Mutex<Value>,
}

impl<'a> StepContext<'a> {
    pub(super) fn new(run: &'a Context, name: &'a str, attempt: u32, earlier: &'a [StepReport]) -> Self {
        Self { run, name, attempt, earlier, kept: Mutex::default() }
    }

    /// The step's name.
    pub fn step(&self) -> &str {
        self.name
    }

    /// How often the step was tried in this run, this time included; from 1.
    /// [`attempt`](Context::attempt) counts runs of the job.
    pub fn step_attempt(&self) -> u32 {
        self.attempt
    }

    /// Reports that `current` of `total` units of this step are done.
    ///
    /// # Errors
    /// As [`Context::set_progress`]; [`TimedOut`](crate::ErrorKind::TimedOut)
    /// once the step's time is over.
    pub fn progress(&self, current: impl Count, total: impl Count) -> Result<()> {
        self.run.set_progress(current, total, self.name)
    }

    /// Records measured values of this step.
    ///
    /// # Errors
    /// As [`Context::set_metrics`].
    pub fn metrics(&self, values: impl Serialize) -> Result<()> {
        self.run.set_metrics(values, self.name)
    }

    /// What an earlier step of this workflow gave; `None` when it was skipped
    /// or there is no such step.
    pub fn result_of(&self, step: &str) -> Option<&StepResult> {
        let report = self.earlier.iter().find(|report| report.name == step)?;
        match &report.outcome {
            StepOutcome::Done(result) => Some(result),
            StepOutcome::Skipped | StepOutcome::Failed(_) => None,
        }
    }

    /// Keeps what the step's rollback needs should the step fail. What was kept
    /// before is replaced; a failed attempt's is there for the next one's
    /// rollback as well.
    pub fn keep_for_rollback(&self, data: impl Into<Value>) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = data.into();
    }

    pub(super) fn keep(self, kept: Value) -> Self {
        self.keep_for_rollback(kept);
        self
    }

    pub(super) fn into_kept(self) -> Value {
        self.kept.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for StepContext<'_> {
    type Target = Context;

    fn deref(&self) -> &Context {
        self.run
    }
}

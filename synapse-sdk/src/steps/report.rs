//! How a workflow went.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use super::StepResult;
use crate::errors::PluginError;

/// How a step ended.
#[derive(Debug)]
pub enum StepOutcome {
    /// It gave this.
    Done(StepResult),
    /// There was nothing to do.
    Skipped,
    /// It failed; the error is the [failure's](WorkflowFailure::error).
    Failed(StepResult),
}

/// How one step went.
#[derive(Debug)]
pub struct StepReport {
    /// Its name.
    pub name: String,
    /// How it ended.
    pub outcome: StepOutcome,
    /// How often it was tried; 0 for one that was skipped.
    pub attempts: u32,
    /// How long it took, waits between attempts included.
    pub elapsed: Duration,
}

/// How a workflow that succeeded went.
#[derive(Debug)]
pub struct WorkflowReport {
    /// The steps, in the order they ran.
    pub steps: Vec<StepReport>,
}

impl WorkflowReport {
    /// How many steps ran; those that were skipped did not.
    pub fn executed(&self) -> usize {
        self.steps.iter().filter(|step| !matches!(step.outcome, StepOutcome::Skipped)).count()
    }

    /// What a step gave; `None` when it was skipped or there is none of that name.
    pub fn result_of(&self, step: &str) -> Option<&StepResult> {
        let report = self.steps.iter().find(|report| report.name == step)?;
        match &report.outcome {
            StepOutcome::Done(result) => Some(result),
            StepOutcome::Skipped | StepOutcome::Failed(_) => None,
        }
    }
}

/// Why a workflow failed, and what became of the steps that had run. `?` makes
/// a [`PluginError`] of it that says all of this.
pub struct WorkflowFailure {
    /// What went wrong in the step, as it returned it.
    pub error: PluginError,
    /// The step that failed; `None` when the workflow itself is wrong, or was
    /// cancelled between two steps.
    pub step: Option<String>,
    /// The steps that ran or were skipped, in order; the failed one last.
    pub steps: Vec<StepReport>,
    /// Steps that were rolled back, in the order that was done.
    pub rolled_back: Vec<String>,
    /// Steps whose rollback failed, with why.
    pub rollback_errors: Vec<(String, PluginError)>,
}

impl WorkflowFailure {
    pub(super) fn of_workflow(error: PluginError) -> Self {
        let (steps, rolled_back, rollback_errors) = Default::default();
        Self { error, step: None, steps, rolled_back, rollback_errors }
    }

    fn details(&self) -> Value {
        let mut all = match self.error.details_json() {
            Value::Object(own) => own.clone(),
            Value::Null => serde_json::Map::new(),
            other => serde_json::Map::from_iter([("details".to_owned(), other.clone())]),
        };
        all.insert("step".into(), json!(self.step));
        all.insert("rolled_back".into(), json!(self.rolled_back));
        if !self.rollback_errors.is_empty() {
            let failed = self.rollback_errors.iter();
            let failed = failed.map(|(step, error)| json!({ "step": step, "error": error.to_json() }));
            all.insert("rollback_errors".into(), failed.collect());
        }
        Value::Object(all)
    }

    fn rollback_text(&self) -> Option<String> {
        let failed = self.rollback_errors.iter();
        let failed: Vec<_> = failed.map(|(step, error)| format!("'{step}' ({error})")).collect();
        let what = match failed.len() {
            0 => return None,
            1 => "this step was",
            _ => "these steps were",
        };
        Some(format!("{what} not rolled back and may have left something behind: {}", failed.join(", ")))
    }
}

#[diagnostic::do_not_recommend]
impl From<WorkflowFailure> for PluginError {
    fn from(failure: WorkflowFailure) -> Self {
        let (details, rollback) = (failure.details(), failure.rollback_text());
        let own_hint = failure.error.hint_text().map(str::to_owned);
        let hint = [rollback, own_hint].into_iter().flatten().collect::<Vec<_>>().join("; ");
        let mut error = failure.error;
        if let Some(step) = &failure.step {
            // Platforms find the step by this very form.
            error = error.context(format!("Step '{step}' failed")).details(details);
        } else if !failure.rolled_back.is_empty() || !failure.rollback_errors.is_empty() {
            error = error.details(details);
        }
        if hint.is_empty() { error } else { error.hint(hint) }
    }
}

impl fmt::Debug for WorkflowFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkflowFailure")
            .field("step", &self.step)
            .field("error", &self.error)
            .field("rolled_back", &self.rolled_back)
            .field("rollback_errors", &self.rollback_errors)
            .finish_non_exhaustive()
    }
}

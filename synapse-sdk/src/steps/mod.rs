//! Long work in steps that can be undone.
//!
//! A [`Workflow`] runs [`Step`]s one after another over a state they share.
//! When one fails, those that ran are rolled back, the last first and the
//! failed one included: whether it returned an error, panicked, ran out of
//! time, or the run was cancelled. What goes wrong while rolling back is
//! collected and reported with the failure.
//!
//! ```
//! use std::time::Duration;
//!
//! use synapse_sdk::prelude::*;
//! use synapse_sdk::steps::{Retry, Step, StepContext, StepExt as _, StepResult, Workflow, step};
//!
//! #[derive(Default)]
//! struct Export {
//!     rows: Vec<u32>,
//!     saved: bool,
//! }
//!
//! struct Fetch;
//!
//! impl Step<Export> for Fetch {
//!     fn name(&self) -> &str {
//!         "fetch"
//!     }
//!
//!     fn share(&self) -> f64 {
//!         30.0
//!     }
//!
//!     fn execute(&self, state: &mut Export, ctx: &StepContext<'_>) -> Result<StepResult> {
//!         for row in 1..=3 {
//!             state.rows.push(row);
//!             ctx.progress(row, 3)?; // also ends a step that is cancelled or out of time
//!         }
//!         Ok(StepResult::done())
//!     }
//!
//!     fn rollback(&self, state: &mut Export, _: &StepResult, _: &StepContext<'_>) -> Result<()> {
//!         state.rows.clear();
//!         Ok(())
//!     }
//! }
//!
//! let save = step("save", |state: &mut Export, _ctx: &StepContext<'_>| {
//!     state.saved = true;
//!     Ok(StepResult::done())
//! });
//!
//! let workflow = Workflow::new()
//!     .then(Fetch.retry(Retry::attempts(3)).timeout(Duration::from_secs(60)))
//!     .then(save.with_share(70.0));
//!
//! let mut export = Export::default();
//! let ctx = LocalExecutor::new().context();
//! let report = workflow.run(&mut export, &ctx)?;
//! assert_eq!((report.executed(), export.saved), (2, true));
//! # Ok::<(), PluginError>(())
//! ```
//!
//! An action made of steps is a [`WorkflowAction`].

mod action;
mod adjusted;
mod closure;
mod context;
mod middleware;
mod report;
mod retry;
mod run;
mod workflow;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::errors::{Result, ResultExt as _};

pub use action::{WorkflowAction, WorkflowState};
pub use adjusted::{Adjusted, StepExt};
pub use closure::{FnStep, step, validation};
pub use context::StepContext;
pub use middleware::{Logged, Middleware, Next, Timed, Validated};
pub use report::{StepOutcome, StepReport, WorkflowFailure, WorkflowReport};
pub use retry::Retry;
pub use workflow::Workflow;

/// One step of a [`Workflow`] over a state of type `S`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no step of a workflow over `{S}`",
    label = "not a step",
    note = "write `impl Step<{S}> for {Self}`, or make one of a closure: `step(\"name\", |state, ctx| …)`"
)]
pub trait Step<S> {
    /// Its name, which no other step of the workflow has. Progress, metrics and
    /// errors carry it.
    fn name(&self) -> &str;

    /// Its part of the whole run, in any unit: parts of all steps are scaled to
    /// add up to 100. A step of 0 does not count. All steps count the same
    /// unless they say otherwise.
    fn share(&self) -> f64 {
        1.0
    }

    /// How often, and after which errors, it is tried again.
    fn retries(&self) -> Retry {
        Retry::never()
    }

    /// How long one attempt may take. A step is told by its context, whose
    /// [`progress`](StepContext::progress) then fails. One that never asks is
    /// not interrupted, but has failed once it returns.
    fn time_limit(&self) -> Option<Duration> {
        None
    }

    /// Whether there is nothing to do.
    ///
    /// # Errors
    /// Any: the step has failed, and is not rolled back, as it did not run.
    fn can_skip(&self, state: &S, ctx: &StepContext<'_>) -> Result<bool> {
        let _ = (state, ctx);
        Ok(false)
    }

    /// Does the work.
    ///
    /// # Errors
    /// Any. What has to be undone should be told to
    /// [`StepContext::keep_for_rollback`] before it is done.
    fn execute(&self, state: &mut S, ctx: &StepContext<'_>) -> Result<StepResult>;

    /// Undoes the work, all of it or as much as was done when it failed.
    /// `result` is what the step gave; of one that failed it has the rollback
    /// data alone.
    ///
    /// # Errors
    /// Any; they are reported, and the other steps are rolled back all the same.
    fn rollback(&self, state: &mut S, result: &StepResult, ctx: &StepContext<'_>) -> Result<()> {
        let _ = (state, result, ctx);
        Ok(())
    }

    /// Not public: what stands around the step.
    #[doc(hidden)]
    fn layers(&self) -> &[std::rc::Rc<dyn Middleware<S>>] {
        &[]
    }
}

#[diagnostic::do_not_recommend]
impl<S, T: Step<S> + ?Sized> Step<S> for Box<T> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn share(&self) -> f64 {
        (**self).share()
    }

    fn retries(&self) -> Retry {
        (**self).retries()
    }

    fn time_limit(&self) -> Option<Duration> {
        (**self).time_limit()
    }

    fn can_skip(&self, state: &S, ctx: &StepContext<'_>) -> Result<bool> {
        (**self).can_skip(state, ctx)
    }

    fn execute(&self, state: &mut S, ctx: &StepContext<'_>) -> Result<StepResult> {
        (**self).execute(state, ctx)
    }

    fn rollback(&self, state: &mut S, result: &StepResult, ctx: &StepContext<'_>) -> Result<()> {
        (**self).rollback(state, result, ctx)
    }

    fn layers(&self) -> &[std::rc::Rc<dyn Middleware<S>>] {
        (**self).layers()
    }
}

/// What a step gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepResult {
    /// What later steps, hooks and reports may read; `null` when there is nothing.
    pub data: Value,
    /// What the step's own rollback needs.
    pub rollback_data: Value,
}

impl StepResult {
    /// Done, with nothing to tell.
    pub fn done() -> Self {
        Self::default()
    }

    /// Done, with data: `StepResult::with(json!({"rows": 3}))`.
    pub fn with(data: impl Into<Value>) -> Self {
        Self { data: data.into(), rollback_data: Value::Null }
    }

    /// Adds what its rollback needs. It goes before what was
    /// [kept](StepContext::keep_for_rollback) while the step ran.
    #[must_use]
    pub fn rollback_data(mut self, data: impl Into<Value>) -> Self {
        self.rollback_data = data.into();
        self
    }

    /// The rollback data as its type.
    ///
    /// # Errors
    /// It is of another type.
    pub fn undo<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_value(self.rollback_data.clone()).context("rollback data")
    }
}

//! What stands around steps: it sees every attempt and every rollback, and is
//! no step itself, so that a step keeps its name and its share.

use std::rc::Rc;
use std::time::Instant;

use serde_json::{Value, json};

use super::{Step, StepContext, StepResult};
use crate::errors::Result;

/// What stands around the execution and the rollback of steps. The one that
/// was added first is outermost.
///
/// ```
/// use synapse_sdk::prelude::*;
/// use synapse_sdk::steps::{Middleware, Next, StepContext, StepResult};
///
/// struct Announced;
///
/// impl<S> Middleware<S> for Announced {
///     fn execute(&self, next: Next<'_, S>, state: &mut S, ctx: &StepContext<'_>) -> Result<StepResult> {
///         ctx.log_message(format!("now: {}", ctx.step()), ());
///         next.execute(state, ctx)
///     }
/// }
/// ```
pub trait Middleware<S> {
    /// Runs around one attempt of a step.
    ///
    /// # Errors
    /// Those of the step, or its own.
    fn execute(&self, next: Next<'_, S>, state: &mut S, ctx: &StepContext<'_>) -> Result<StepResult>;

    /// Runs around the rollback of a step.
    ///
    /// # Errors
    /// Those of the rollback, or its own.
    fn rollback(
        &self,
        next: Next<'_, S>,
        state: &mut S,
        result: &StepResult,
        ctx: &StepContext<'_>,
    ) -> Result<()> {
        next.rollback(state, result, ctx)
    }
}

/// What a [`Middleware`] stands around: the next one, or the step.
pub struct Next<'a, S> {
    pub(super) step: &'a dyn Step<S>,
    pub(super) outer: &'a [Rc<dyn Middleware<S>>],
    pub(super) inner: &'a [Rc<dyn Middleware<S>>],
}

impl<'a, S> Next<'a, S> {
    fn first(self) -> Option<(&'a dyn Middleware<S>, Self)> {
        if let Some((first, outer)) = self.outer.split_first() {
            return Some((&**first, Self { outer, ..self }));
        }
        let (first, inner) = self.inner.split_first()?;
        Some((&**first, Self { inner, ..self }))
    }

    /// Goes on to the step.
    ///
    /// # Errors
    /// Those of the step and of the middleware around it.
    pub fn execute(self, state: &mut S, ctx: &StepContext<'_>) -> Result<StepResult> {
        let step = self.step;
        match self.first() {
            Some((middleware, next)) => middleware.execute(next, state, ctx),
            None => step.execute(state, ctx),
        }
    }

    /// Goes on to the rollback of the step.
    ///
    /// # Errors
    /// Those of the rollback and of the middleware around it.
    pub fn rollback(self, state: &mut S, result: &StepResult, ctx: &StepContext<'_>) -> Result<()> {
        let step = self.step;
        match self.first() {
            Some((middleware, next)) => middleware.rollback(next, state, result, ctx),
            None => step.rollback(state, result, ctx),
        }
    }
}

/// Logs `step_start`, `step_end` with `elapsed` in seconds, and `step_rollback`.
#[derive(Clone, Copy, Debug)]
pub struct Logged;

impl<S> Middleware<S> for Logged {
    fn execute(&self, next: Next<'_, S>, state: &mut S, ctx: &StepContext<'_>) -> Result<StepResult> {
        let (step, attempt) = (ctx.step(), ctx.step_attempt());
        ctx.log("step_start", json!({ "step": step, "attempt": attempt }), None);
        let started = Instant::now();
        let result = next.execute(state, ctx);
        let elapsed = (started.elapsed().as_secs_f64() * 1e3).round() / 1e3;
        let mut data = json!({ "step": step, "attempt": attempt, "elapsed": elapsed });
        if let Err(error) = &result {
            data["error"] = error.to_string().into();
        }
        ctx.log("step_end", data, None);
        result
    }

    fn rollback(
        &self,
        next: Next<'_, S>,
        state: &mut S,
        result: &StepResult,
        ctx: &StepContext<'_>,
    ) -> Result<()> {
        ctx.log("step_rollback", json!({ "step": ctx.step() }), None);
        next.rollback(state, result, ctx)
    }
}

/// Adds `duration_seconds` to the data of steps that give an object or nothing.
#[derive(Clone, Copy, Debug)]
pub struct Timed;

impl<S> Middleware<S> for Timed {
    fn execute(&self, next: Next<'_, S>, state: &mut S, ctx: &StepContext<'_>) -> Result<StepResult> {
        let started = Instant::now();
        let mut result = next.execute(state, ctx)?;
        let seconds = (started.elapsed().as_secs_f64() * 1e6).round() / 1e6;
        if let Value::Null | Value::Object(_) = result.data {
            result.data["duration_seconds"] = seconds.into();
        }
        Ok(result)
    }
}

/// Checks the state before and after steps.
pub struct Validated<F>(F);

impl<F> Validated<F> {
    /// `check` is asked before each step and after it.
    pub fn by<S>(check: F) -> Self
    where
        F: Fn(&S) -> Result<()>,
    {
        Self(check)
    }
}

impl<S, F: Fn(&S) -> Result<()>> Middleware<S> for Validated<F> {
    fn execute(&self, next: Next<'_, S>, state: &mut S, ctx: &StepContext<'_>) -> Result<StepResult> {
        (self.0)(state)?;
        let result = next.execute(state, ctx)?;
        (self.0)(state)?;
        Ok(result)
    }
}

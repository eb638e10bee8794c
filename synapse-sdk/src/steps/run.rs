//! Runs the steps of a workflow, and rolls them back.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::report::{StepOutcome, StepReport, WorkflowFailure, WorkflowReport};
use super::{Next, Retry, Step, StepContext, StepResult, Workflow};
use crate::context::Context;
use crate::errors::{ErrorKind, PluginError, Result, TimedOut};
use crate::events::Level;
use crate::guard::guarded;

/// How often a wait between attempts looks whether the run was cancelled.
const LOOK: Duration = Duration::from_millis(20);

pub(super) fn run<S>(
    workflow: &Workflow<S>,
    state: &mut S,
    ctx: &Context,
) -> std::result::Result<WorkflowReport, WorkflowFailure> {
    let shares = workflow.shares();
    ctx.plan_steps(&shares);
    let mut walk = Walk { workflow, ctx, steps: Vec::new() };
    for (step, (_, share)) in workflow.steps.iter().zip(shares) {
        if let Err(error) = ctx.check_cancelled() {
            return Err(walk.undo(state, None, error));
        }
        if let Err(error) = walk.step(&**step, share, state) {
            return Err(walk.undo(state, Some(step.name().to_owned()), error));
        }
    }
    Ok(WorkflowReport { steps: walk.steps })
}

/// A workflow under way.
struct Walk<'a, S> {
    workflow: &'a Workflow<S>,
    ctx: &'a Context,
    steps: Vec<StepReport>,
}

/// How the attempts of one step ended.
struct Tried {
    result: Result<StepResult>,
    /// What its rollback needs should it have failed.
    kept: Value,
    attempts: u32,
}

impl<S> Walk<'_, S> {
    /// Runs one step. If it fails having begun, its report stands last.
    fn step(&mut self, step: &dyn Step<S>, share: f64, state: &mut S) -> Result<()> {
        let started = Instant::now();
        let skipped = {
            let ctx = StepContext::new(self.ctx, step.name(), 1, &self.steps);
            guarded(|| {
                self.workflow.before.iter().try_for_each(|hook| hook(state, &ctx))?;
                step.can_skip(state, &ctx)
            })?
        };
        let (outcome, attempts, failure) = if skipped {
            (StepOutcome::Skipped, 0, None)
        } else {
            let tried = self.attempts(step, state);
            match tried.result {
                Ok(result) => (StepOutcome::Done(result), tried.attempts, None),
                Err(error) => {
                    let left = StepResult { data: Value::Null, rollback_data: tried.kept };
                    (StepOutcome::Failed(left), tried.attempts, Some(error))
                }
            }
        };
        let report =
            StepReport { name: step.name().to_owned(), outcome, attempts, elapsed: started.elapsed() };
        let result = match failure {
            Some(error) => Err(error),
            None => self.after(&report, share, state),
        };
        self.steps.push(report);
        result
    }

    fn after(&self, report: &StepReport, share: f64, state: &mut S) -> Result<()> {
        let ctx = StepContext::new(self.ctx, &report.name, report.attempts, &self.steps);
        guarded(|| self.workflow.after.iter().try_for_each(|hook| hook(state, report, &ctx)))?;
        if share > 0.0 {
            // That the run was cancelled is looked at before the next step: this
            // one has succeeded.
            let _ = self.ctx.set_progress(100u8, 100u8, report.name.as_str());
        }
        Ok(())
    }

    fn attempts(&self, step: &dyn Step<S>, state: &mut S) -> Tried {
        let retry = step.retries();
        let mut kept = Value::Null;
        for attempt in 1.. {
            let ctx = StepContext::new(self.ctx, step.name(), attempt, &self.steps).keep(kept);
            let result = self.attempt(step, state, &ctx);
            kept = ctx.into_kept();
            let error = match result {
                Ok(mut result) => {
                    if result.rollback_data.is_null() {
                        result.rollback_data = kept;
                    }
                    return Tried { result: Ok(result), kept: Value::Null, attempts: attempt };
                }
                Err(error) => error,
            };
            if !retry.again_after(attempt, &error) {
                return Tried { result: Err(error), kept, attempts: attempt };
            }
            if let Err(cancelled) = self.wait(step.name(), &retry, attempt, &error) {
                return Tried { result: Err(cancelled), kept, attempts: attempt };
            }
        }
        unreachable!("attempts are counted from 1 on without an end")
    }

    fn attempt(&self, step: &dyn Step<S>, state: &mut S, ctx: &StepContext<'_>) -> Result<StepResult> {
        let limit = step.time_limit();
        let started = Instant::now();
        let next = Next { step, outer: &self.workflow.layers, inner: step.layers() };
        let result = {
            let _limited = limit.map(|limit| self.ctx.limit(started + limit));
            guarded(|| next.execute(state, ctx))
        };
        match limit {
            Some(limit) if started.elapsed() >= limit => match result {
                // The run's own end goes before the step's.
                Err(error) if error.kind() == ErrorKind::Cancelled => Err(error),
                Err(error) if error.kind() != ErrorKind::TimedOut => {
                    Err(error.with_kind(ErrorKind::TimedOut))
                }
                _ => Err(timed_out(limit)),
            },
            _ => result,
        }
    }

    /// Waits before the next attempt.
    fn wait(&self, step: &str, retry: &Retry, attempt: u32, error: &PluginError) -> Result<()> {
        let wait = retry.wait_after(attempt);
        let text = format!("step '{step}' failed and is tried again: {error}");
        self.ctx.log_message(text, Level::Warning);
        let until = Instant::now() + wait;
        loop {
            self.ctx.check_cancelled()?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(LOOK));
        }
    }

    /// Rolls back all that ran, the last first.
    fn undo(self, state: &mut S, step: Option<String>, error: PluginError) -> WorkflowFailure {
        // What undoes work must not be stopped by what stopped the work.
        let _shielded = self.ctx.shield();
        let (mut rolled_back, mut rollback_errors) = (Vec::new(), Vec::new());
        for (index, report) in self.steps.iter().enumerate().rev() {
            let (StepOutcome::Done(result) | StepOutcome::Failed(result)) = &report.outcome else { continue };
            let Some(step) = self.workflow.steps.iter().find(|step| step.name() == report.name) else {
                continue;
            };
            let ctx = StepContext::new(self.ctx, &report.name, report.attempts, &self.steps[..index]);
            let next = Next { step: &**step, outer: &self.workflow.layers, inner: step.layers() };
            match guarded(|| next.rollback(state, result, &ctx)) {
                Ok(()) => rolled_back.push(report.name.clone()),
                Err(error) => {
                    let text = format!("rollback of step '{}' failed: {error}", report.name);
                    self.ctx.log_message(text, Level::Error);
                    rollback_errors.push((report.name.clone(), error));
                }
            }
        }
        WorkflowFailure { error, step, steps: self.steps, rolled_back, rollback_errors }
    }
}

fn timed_out(limit: Duration) -> PluginError {
    TimedOut::new(format!("it took longer than {limit:?}"))
}

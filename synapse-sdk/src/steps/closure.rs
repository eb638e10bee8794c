//! Steps made of closures.

use super::{Step, StepContext, StepResult};
use crate::errors::Result;

type Execute<S> = dyn Fn(&mut S, &StepContext<'_>) -> Result<StepResult>;
type Rollback<S> = dyn Fn(&mut S, &StepResult, &StepContext<'_>) -> Result<()>;

/// A step made of closures; [`step`] makes one.
pub struct FnStep<S> {
    name: String,
    share: f64,
    execute: Box<Execute<S>>,
    rollback: Option<Box<Rollback<S>>>,
}

/// A step made of a closure.
///
/// ```
/// use synapse_sdk::prelude::*;
/// use synapse_sdk::steps::{StepContext, StepResult, Workflow, step};
///
/// let grow = step("grow", |size: &mut u32, _: &StepContext<'_>| {
///     *size += 1;
///     Ok(StepResult::done())
/// })
/// .on_rollback(|size, _result, _ctx| {
///     *size -= 1;
///     Ok(())
/// });
/// let mut size = 0;
/// Workflow::new().then(grow).run(&mut size, &LocalExecutor::new().context())?;
/// assert_eq!(size, 1);
/// # Ok::<(), PluginError>(())
/// ```
pub fn step<S>(
    name: impl Into<String>,
    execute: impl Fn(&mut S, &StepContext<'_>) -> Result<StepResult> + 'static,
) -> FnStep<S> {
    FnStep { name: name.into(), share: 1.0, execute: Box::new(execute), rollback: None }
}

/// A step that only checks the state, and does not count as progress.
pub fn validation<S: 'static>(
    name: impl Into<String>,
    check: impl Fn(&S) -> Result<()> + 'static,
) -> FnStep<S> {
    let execute = move |state: &mut S, _: &StepContext<'_>| check(state).map(|()| StepResult::done());
    FnStep { share: 0.0, ..step(name, execute) }
}

impl<S> FnStep<S> {
    /// What undoes it.
    #[must_use]
    pub fn on_rollback(
        mut self,
        rollback: impl Fn(&mut S, &StepResult, &StepContext<'_>) -> Result<()> + 'static,
    ) -> Self {
        self.rollback = Some(Box::new(rollback));
        self
    }

    /// Its part of the whole run; see [`Step::share`].
    #[must_use]
    pub fn with_share(mut self, share: f64) -> Self {
        self.share = share;
        self
    }
}

#[diagnostic::do_not_recommend]
impl<S> Step<S> for FnStep<S> {
    fn name(&self) -> &str {
        &self.name
    }

    fn share(&self) -> f64 {
        self.share
    }

    fn execute(&self, state: &mut S, ctx: &StepContext<'_>) -> Result<StepResult> {
        (self.execute)(state, ctx)
    }

    fn rollback(&self, state: &mut S, result: &StepResult, ctx: &StepContext<'_>) -> Result<()> {
        match &self.rollback {
            Some(rollback) => rollback(state, result, ctx),
            None => Ok(()),
        }
    }
}

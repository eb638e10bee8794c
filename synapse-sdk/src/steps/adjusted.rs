//! A step with other policies than its own.

use std::rc::Rc;
use std::time::Duration;

use super::{Middleware, Retry, Step, StepContext, StepResult};
use crate::errors::Result;

type Skip<S> = dyn Fn(&S) -> bool;

/// A step with policies that were set where it was added. It keeps its name.
pub struct Adjusted<S, T> {
    step: T,
    share: Option<f64>,
    retry: Option<Retry>,
    timeout: Option<Duration>,
    skip: Vec<Box<Skip<S>>>,
    layers: Vec<Rc<dyn Middleware<S>>>,
}

impl<S, T: Step<S>> Adjusted<S, T> {
    fn new(step: T) -> Self {
        let layers = step.layers().to_vec();
        Self { step, share: None, retry: None, timeout: None, skip: Vec::new(), layers }
    }

    /// Sets its part of the whole run; see [`Step::share`].
    #[must_use]
    pub fn with_share(mut self, share: f64) -> Self {
        self.share = Some(share);
        self
    }

    /// Sets how often it is tried.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// Sets how long one attempt may take; see [`Step::time_limit`].
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Skips it when this holds too.
    #[must_use]
    pub fn skip_if(mut self, condition: impl Fn(&S) -> bool + 'static) -> Self {
        self.skip.push(Box::new(condition));
        self
    }

    /// Puts middleware around it, inside that of the workflow.
    #[must_use]
    pub fn layer(mut self, layer: impl Middleware<S> + 'static) -> Self {
        self.layers.push(Rc::new(layer));
        self
    }
}

#[diagnostic::do_not_recommend]
impl<S, T: Step<S>> Step<S> for Adjusted<S, T> {
    fn name(&self) -> &str {
        self.step.name()
    }

    fn share(&self) -> f64 {
        self.share.unwrap_or_else(|| self.step.share())
    }

    fn retries(&self) -> Retry {
        self.retry.clone().unwrap_or_else(|| self.step.retries())
    }

    fn time_limit(&self) -> Option<Duration> {
        self.timeout.or_else(|| self.step.time_limit())
    }

    fn can_skip(&self, state: &S, ctx: &StepContext<'_>) -> Result<bool> {
        if self.skip.iter().any(|condition| condition(state)) {
            return Ok(true);
        }
        self.step.can_skip(state, ctx)
    }

    fn execute(&self, state: &mut S, ctx: &StepContext<'_>) -> Result<StepResult> {
        self.step.execute(state, ctx)
    }

    fn rollback(&self, state: &mut S, result: &StepResult, ctx: &StepContext<'_>) -> Result<()> {
        self.step.rollback(state, result, ctx)
    }

    fn layers(&self) -> &[Rc<dyn Middleware<S>>] {
        &self.layers
    }
}

/// Sets policies of any step where it is added:
/// `.then(Fetch.retry(Retry::attempts(3)))`.
pub trait StepExt<S>: Step<S> + Sized {
    /// Sets its part of the whole run; see [`Step::share`].
    fn with_share(self, share: f64) -> Adjusted<S, Self> {
        Adjusted::new(self).with_share(share)
    }

    /// Sets how often it is tried.
    fn retry(self, retry: Retry) -> Adjusted<S, Self> {
        Adjusted::new(self).retry(retry)
    }

    /// Sets how long one attempt may take; see [`Step::time_limit`].
    fn timeout(self, timeout: Duration) -> Adjusted<S, Self> {
        Adjusted::new(self).timeout(timeout)
    }

    /// Skips it when this holds.
    fn skip_if(self, condition: impl Fn(&S) -> bool + 'static) -> Adjusted<S, Self> {
        Adjusted::new(self).skip_if(condition)
    }

    /// Puts middleware around it, inside that of the workflow.
    fn layer(self, layer: impl Middleware<S> + 'static) -> Adjusted<S, Self> {
        Adjusted::new(self).layer(layer)
    }
}

impl<S, T: Step<S>> StepExt<S> for T {}

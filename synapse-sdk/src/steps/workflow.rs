//! Steps in their order, and what stands around all of them.

use std::rc::Rc;

use super::report::{StepReport, WorkflowFailure, WorkflowReport};
use super::{Middleware, Step, StepContext, run};
use crate::context::Context;
use crate::errors::{Result, ValidationError};
use crate::suggest::nearest;

pub(super) type Before<S> = dyn Fn(&mut S, &StepContext<'_>) -> Result<()>;
pub(super) type After<S> = dyn Fn(&mut S, &StepReport, &StepContext<'_>) -> Result<()>;

/// Steps in their order.
///
/// Mistakes in how one is put together, such as a second step of one name, are
/// told all at once by [`run`](Self::run) and [`check`](Self::check), before
/// any step runs.
pub struct Workflow<S> {
    pub(super) steps: Vec<Box<dyn Step<S>>>,
    pub(super) layers: Vec<Rc<dyn Middleware<S>>>,
    pub(super) before: Vec<Box<Before<S>>>,
    pub(super) after: Vec<Box<After<S>>>,
    mistakes: Vec<String>,
}

impl<S> Default for Workflow<S> {
    fn default() -> Self {
        let (steps, layers, before, after, mistakes) = Default::default();
        Self { steps, layers, before, after, mistakes }
    }
}

impl<S> Workflow<S> {
    /// A workflow without steps.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a step at the end.
    #[must_use]
    pub fn then(mut self, step: impl Step<S> + 'static) -> Self {
        self.insert(self.steps.len(), Box::new(step));
        self
    }

    /// Adds a step before the one called `name`.
    #[must_use]
    pub fn insert_before(mut self, name: &str, step: impl Step<S> + 'static) -> Self {
        if let Some(index) = self.find(name) {
            self.insert(index, Box::new(step));
        }
        self
    }

    /// Adds a step after the one called `name`.
    #[must_use]
    pub fn insert_after(mut self, name: &str, step: impl Step<S> + 'static) -> Self {
        if let Some(index) = self.find(name) {
            self.insert(index + 1, Box::new(step));
        }
        self
    }

    /// Takes out the step called `name`.
    #[must_use]
    pub fn remove(mut self, name: &str) -> Self {
        if let Some(index) = self.find(name) {
            self.steps.remove(index);
        }
        self
    }

    /// Puts middleware around every step, inside what was put there before.
    #[must_use]
    pub fn layer(mut self, layer: impl Middleware<S> + 'static) -> Self {
        self.layers.push(Rc::new(layer));
        self
    }

    /// Called before each step, also one that will be skipped. An error fails
    /// the step, which then does not run.
    #[must_use]
    pub fn before_each(mut self, hook: impl Fn(&mut S, &StepContext<'_>) -> Result<()> + 'static) -> Self {
        self.before.push(Box::new(hook));
        self
    }

    /// Called after each step that succeeded or was skipped. An error fails the
    /// step, which is rolled back with the others.
    #[must_use]
    pub fn after_each(
        mut self,
        hook: impl Fn(&mut S, &StepReport, &StepContext<'_>) -> Result<()> + 'static,
    ) -> Self {
        self.after.push(Box::new(hook));
        self
    }

    /// The names of the steps, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|step| step.name())
    }

    /// How many steps there are.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there are no steps.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Each step with its part of the whole run; together 100, unless there is
    /// no step that counts.
    pub fn shares(&self) -> Vec<(&str, f64)> {
        let own = |step: &dyn Step<S>| if step.share().is_finite() { step.share().max(0.0) } else { 0.0 };
        let sum: f64 = self.steps.iter().map(|step| own(&**step)).sum();
        let scale = if sum > 0.0 { 100.0 / sum } else { 0.0 };
        self.steps.iter().map(|step| (step.name(), own(&**step) * scale)).collect()
    }

    /// Whether it was put together rightly.
    ///
    /// # Errors
    /// [`Validation`](crate::ErrorKind::Validation) with every mistake.
    pub fn check(&self) -> Result<()> {
        if self.mistakes.is_empty() {
            return Ok(());
        }
        Err(ValidationError::new(format!("this workflow is wrong: {}", self.mistakes.join("; "))))
    }

    /// Runs the steps in their order.
    ///
    /// # Errors
    /// The first failure, of a step, a hook or the run itself, with what became
    /// of the steps that had run; `?` makes a
    /// [`PluginError`](crate::PluginError) of it, which keeps the kind and the
    /// hint of the step's error. Its text is `Step 'NAME' failed: …`.
    pub fn run(&self, state: &mut S, ctx: &Context) -> std::result::Result<WorkflowReport, WorkflowFailure> {
        self.check().map_err(WorkflowFailure::of_workflow)?;
        run::run(self, state, ctx)
    }

    fn insert(&mut self, index: usize, step: Box<dyn Step<S>>) {
        let name = step.name();
        if name.is_empty() {
            self.mistakes.push("a step has an empty name".to_owned());
        } else if self.steps.iter().any(|other| other.name() == name) {
            self.mistakes.push(format!("two steps are called '{name}'"));
        } else {
            self.steps.insert(index, step);
        }
    }

    fn find(&mut self, name: &str) -> Option<usize> {
        let found = self.steps.iter().position(|step| step.name() == name);
        if found.is_none() {
            let near = nearest(name, self.names()).map(|near| format!(" (did you mean '{near}'?)"));
            let mistake = format!("there is no step '{name}'{}", near.unwrap_or_default());
            self.mistakes.push(mistake);
        }
        found
    }
}

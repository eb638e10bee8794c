//! Actions made of steps.

use super::Workflow;
use crate::action::{ActionMeta, ActionResult};
use crate::context::Context;
use crate::errors::Result;
use crate::params::Params;

/// What the steps of an action share: made of the params, turned into the
/// result when all steps are done.
pub trait WorkflowState: Sized {
    /// What the action is called with.
    type Params: Params;
    /// What it gives back.
    type Output: ActionResult;

    /// The state before the first step.
    ///
    /// # Errors
    /// Any; no step runs then.
    fn begin(params: Self::Params, ctx: &Context) -> Result<Self>;

    /// The result, after the last step.
    ///
    /// # Errors
    /// Any. The steps are not rolled back: what can fail belongs into one.
    fn finish(self, ctx: &Context) -> Result<Self::Output>;
}

/// An action made of steps: `#[derive(Action)]` with `#[action(workflow)]`.
///
/// ```
/// use synapse_sdk::prelude::*;
/// use synapse_sdk::steps::{StepContext, StepResult, Workflow, WorkflowAction, WorkflowState, step};
///
/// #[params]
/// struct CountParams { text: String }
///
/// struct Count { words: Vec<String>, longest: usize }
///
/// impl WorkflowState for Count {
///     type Params = CountParams;
///     type Output = usize;
///
///     fn begin(params: CountParams, _ctx: &Context) -> Result<Self> {
///         Ok(Self { words: params.text.split(' ').map(str::to_owned).collect(), longest: 0 })
///     }
///
///     fn finish(self, _ctx: &Context) -> Result<usize> {
///         Ok(self.longest)
///     }
/// }
///
/// /// Finds the longest word.
/// #[derive(Action, Default)]
/// #[action(name = "longest", workflow)]
/// struct Longest;
///
/// impl WorkflowAction for Longest {
///     type State = Count;
///
///     fn workflow(&self) -> Workflow<Count> {
///         Workflow::new().then(step("measure", |state: &mut Count, _: &StepContext<'_>| {
///             state.longest = state.words.iter().map(String::len).max().unwrap_or(0);
///             Ok(StepResult::done())
///         }))
///     }
/// }
///
/// let run = LocalExecutor::new().execute::<Longest>(json!({ "text": "a longer word" }))?;
/// assert_eq!(run.value(), &json!(6));
/// # Ok::<(), PluginError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` says `workflow` and has none",
    label = "which steps does this action have?",
    note = "write `impl WorkflowAction for {Self}` with `type State` and `fn workflow`, \
            or leave `workflow` out of `#[action(…)]` and write `impl Action for {Self}`"
)]
pub trait WorkflowAction: ActionMeta {
    /// What its steps share.
    type State: WorkflowState;

    /// Its steps, made anew for each call.
    fn workflow(&self) -> Workflow<Self::State>;

    /// Not public: one call.
    #[doc(hidden)]
    fn call(
        &self,
        params: <Self::State as WorkflowState>::Params,
        ctx: &Context,
    ) -> Result<<Self::State as WorkflowState>::Output> {
        let mut state = Self::State::begin(params, ctx)?;
        self.workflow().run(&mut state, ctx)?;
        state.finish(ctx)
    }
}

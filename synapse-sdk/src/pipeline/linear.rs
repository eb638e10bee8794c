//! One step after another.

use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;

use super::branching::{Branches, Node};
use super::flow::{Accepts, Flow, Narrowed, NoData, StepAction};
use super::report::StepReport;
use super::results::{Chain, Results, of};
use super::run::{Core, Ended, ParamsOf};
use crate::action::{Action, ActionMeta};
use crate::context::Context;
use crate::data_type::DataType;
use crate::errors::Result;

/// What flows behind a step before which `Before` flows.
pub(super) type Behind<A, Before> = <<A as ActionMeta>::Gives as Flow>::Behind<Before>;

/// Actions one after another: see the [module](super).
///
/// `Steps` are those there are, the last one first; `Data` is what flows behind
/// the last one.
#[must_use = "a pipeline does nothing until it is run"]
pub struct Pipeline<Steps = (), Data = NoData> {
    core: Core,
    types: PhantomData<fn() -> (Steps, Data)>,
}

impl Pipeline {
    /// Begins with an action, whose params [`run`](Pipeline::run) is given.
    pub fn start<A: StepAction>() -> Pipeline<(A, ()), Behind<A, NoData>> {
        let mut core = Core::default();
        core.push::<A>(Vec::new(), ParamsOf::Start);
        Pipeline { core, types: PhantomData }
    }

    /// Begins with an action behind which several ways lead on.
    pub fn branching<A: StepAction>() -> (Branches<A>, Node<A, Behind<A, NoData>>) {
        Branches::start()
    }
}

impl<Steps, Data> Pipeline<Steps, Data> {
    /// Goes on with an action whose params are found by their names: in the
    /// last result that has such a field, else among the params that the
    /// pipeline is started with. [`check`](Pipeline::check) tells what is not there.
    pub fn then<A>(self) -> Pipeline<(A, Steps), Behind<A, Data>>
    where
        A: StepAction + Accepts<Data, <A as ActionMeta>::Takes>,
    {
        self.push::<A>(ParamsOf::ByName)
    }

    /// Goes on with an action whose params are made of what came before. The
    /// closure has to give the same for the same results: it is called again
    /// when an interrupted run goes on.
    pub fn then_with<A>(
        self,
        params: impl Fn(&Results<'_, Steps>) -> A::Params + Send + Sync + 'static,
    ) -> Pipeline<(A, Steps), Behind<A, Data>>
    where
        A: StepAction<Params: Serialize> + Accepts<Data, <A as ActionMeta>::Takes>,
    {
        let count = self.core.len();
        self.push::<A>(ParamsOf::made(move |slots| params(&Results::new(slots, count))))
    }

    /// What the pipeline is called where its results are kept: pipelines that
    /// run in the same run of an action need names of their own, of letters,
    /// digits, `.`, `_` and `-`.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.core.name = name.into();
        self
    }

    /// Whether results are kept, so that a later attempt of the run does not
    /// run steps again that have ended. They are, unless `false` is said here.
    pub fn keep_results(mut self, keep: bool) -> Self {
        self.core.keep = keep;
        self
    }

    fn push<A: StepAction>(mut self, params: ParamsOf) -> Pipeline<(A, Steps), Behind<A, Data>> {
        let before = self.core.len().checked_sub(1);
        self.core.push::<A>(before.into_iter().collect(), params);
        Pipeline { core: self.core, types: PhantomData }
    }
}

impl<Steps, Data: DataType> Pipeline<Steps, Data> {
    /// Says that the data is the special case that the next step expects, such
    /// as a YOLO dataset where the step before promises any dataset.
    pub fn narrow(self) -> Pipeline<Steps, Narrowed<Data>> {
        Pipeline { core: self.core, types: PhantomData }
    }
}

impl<Steps: Chain, Data> Pipeline<Steps, Data> {
    /// Whether every param that is found by its name is there, and of the right
    /// type. Gives what works and may not be meant.
    ///
    /// # Errors
    /// [`Validation`](crate::ErrorKind::Validation) with every gap.
    pub fn check(&self) -> Result<Vec<String>> {
        Ok(self.core.check()?.warnings)
    }

    /// Checks the pipeline and runs it on this thread. `params` are those of the
    /// first step.
    ///
    /// Each step has a context of its own, which reports to `ctx` under the
    /// step's name and keeps its state apart. A step that has ended is not run
    /// again by a later attempt of the same run, as long as it is given the
    /// same params.
    ///
    /// # Errors
    /// What [`check`](Self::check) finds, before any step runs; the first error
    /// of a step.
    pub fn run(&self, params: <Steps::First as Action>::Params, ctx: &Context) -> Result<PipelineRun<Steps>>
    where
        <Steps::First as Action>::Params: Serialize,
    {
        Ok(PipelineRun { ended: self.core.run(&params, 1, ctx)?, steps: PhantomData })
    }
}

impl<Steps, Data> fmt::Debug for Pipeline<Steps, Data> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pipeline").field(&self.core.names()).finish()
    }
}

/// How a linear pipeline ended.
pub struct PipelineRun<Steps> {
    ended: Ended,
    steps: PhantomData<fn() -> Steps>,
}

impl<Steps: Chain> PipelineRun<Steps> {
    /// What the last step gave.
    pub fn output(&self) -> &<Steps::Last as Action>::Output {
        of::<Steps::Last>(&self.ended.slots, Steps::LENGTH - 1)
    }

    /// What all steps gave.
    pub fn results(&self) -> Results<'_, Steps> {
        Results::new(&self.ended.slots, Steps::LENGTH)
    }

    /// How each step went, in their order.
    pub fn steps(&self) -> &[StepReport] {
        &self.ended.steps
    }
}

impl<Steps> fmt::Debug for PipelineRun<Steps> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PipelineRun").field(&self.ended.steps).finish()
    }
}

//! What earlier steps have given, by their types.

use std::any::Any;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::OnceLock;

use serde_json::Value;

use super::flow::StepAction;
use crate::action::Action;

/// What a step gave: as JSON, and as its type.
pub(super) struct Finished {
    pub(super) value: Value,
    pub(super) typed: Typed,
}

pub(super) type Typed = Box<dyn Any + Send + Sync>;

/// What the steps of a pipeline gave, each once it has ended.
pub(super) type Slots = [OnceLock<Finished>];

/// The result of the step at `index`, which is of the action `A` and has ended.
pub(super) fn of<A: Action>(slots: &Slots, index: usize) -> &A::Output {
    let finished = slots.get(index).and_then(OnceLock::get);
    let output = finished.and_then(|finished| finished.typed.downcast_ref());
    output.unwrap_or_else(|| unreachable!("a step is asked for its result only behind it, and by its type"))
}

/// What the steps of a linear pipeline gave. It can be used like the result of
/// the last one; [`get`](Earlier::get) gives that of any.
pub struct Results<'r, Steps> {
    slots: &'r Slots,
    count: usize,
    steps: PhantomData<fn() -> Steps>,
}

impl<'r, Steps> Results<'r, Steps> {
    /// Those of the first `count` steps.
    pub(super) fn new(slots: &'r Slots, count: usize) -> Self {
        Self { slots, count, steps: PhantomData }
    }
}

impl<Last: StepAction, Before> Deref for Results<'_, (Last, Before)> {
    type Target = Last::Output;

    fn deref(&self) -> &Last::Output {
        of::<Last>(self.slots, self.count - 1)
    }
}

/// Results of earlier steps, by the type of the step. `Place` is found by the
/// compiler.
pub trait Earlier<Place> {
    /// The steps, the last one first.
    type Steps;

    /// The result of an earlier step: `results.get::<Download>()`.
    fn get<A: StepAction>(&self) -> &A::Output
    where
        Self::Steps: Has<A, Place>;
}

impl<Steps, Place> Earlier<Place> for Results<'_, Steps> {
    type Steps = Steps;

    fn get<A: StepAction>(&self) -> &A::Output
    where
        Steps: Has<A, Place>,
    {
        of::<A>(self.slots, self.count - 1 - Steps::BACK)
    }
}

/// Whether a step is among others.
#[diagnostic::on_unimplemented(
    message = "no earlier step of this pipeline is `{A}`",
    label = "asks for the result of `{A}`",
    note = "`get` gives the result of a step that stands before: one that was named in `start`, \
            `then` or `then_with`"
)]
pub trait Has<A, Place> {
    /// How many steps before the last it is.
    const BACK: usize;
}

/// Not public: the last step.
#[doc(hidden)]
pub struct Here;

/// Not public: a place among the steps before the last.
#[doc(hidden)]
pub struct Before<Place>(PhantomData<Place>);

#[diagnostic::do_not_recommend]
impl<A, Rest> Has<A, Here> for (A, Rest) {
    const BACK: usize = 0;
}

#[diagnostic::do_not_recommend]
impl<A, Last, Rest: Has<A, Place>, Place> Has<A, Before<Place>> for (Last, Rest) {
    const BACK: usize = 1 + Rest::BACK;
}

/// Not public: the steps of a linear pipeline, of which there is one at least.
#[doc(hidden)]
pub trait Chain {
    /// The one it begins with.
    type First: StepAction;
    /// The one it ends with.
    type Last: StepAction;
    /// How many there are.
    const LENGTH: usize;
}

impl<A: StepAction> Chain for (A, ()) {
    type First = A;
    type Last = A;
    const LENGTH: usize = 1;
}

impl<A: StepAction, B, Rest> Chain for (A, (B, Rest))
where
    (B, Rest): Chain,
{
    type First = <(B, Rest) as Chain>::First;
    type Last = A;
    const LENGTH: usize = 1 + <(B, Rest) as Chain>::LENGTH;
}

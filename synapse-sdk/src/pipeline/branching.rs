//! Steps from which several ways lead on, and steps at which ways meet.

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::flow::{Accepts, Narrowed, NoData, StepAction};
use super::linear::Behind;
use super::report::StepReport;
use super::results::{Slots, of};
use super::run::{Core, Ended, ParamsOf};
use crate::action::ActionMeta;
use crate::context::Context;
use crate::data_type::DataType;
use crate::errors::Result;

/// A pipeline whose steps need not stand in a row: see the [module](super).
#[must_use = "a pipeline does nothing until it is run"]
pub struct Branches<First> {
    core: Core,
    jobs: usize,
    id: u64,
    first: PhantomData<fn() -> First>,
}

/// A step of a [`Branches`], by which others name it.
pub struct Node<A, Data> {
    index: usize,
    of: u64,
    types: PhantomData<fn() -> (A, Data)>,
}

impl<A, Data> Clone for Node<A, Data> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A, Data> Copy for Node<A, Data> {}

impl<A: ActionMeta, Data> fmt::Debug for Node<A, Data> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({}, {})", self.index, A::FACTS.name)
    }
}

impl<First: StepAction> Branches<First> {
    pub(super) fn start() -> (Self, Node<First, Behind<First, NoData>>) {
        static IDS: AtomicU64 = AtomicU64::new(0);
        let mut core = Core::default();
        let index = core.push::<First>(Vec::new(), ParamsOf::Start);
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        let node = Node { index, of: id, types: PhantomData };
        (Self { core, jobs: 1, id, first: PhantomData }, node)
    }

    /// Where the next step goes: behind a step, or behind several, given as a
    /// tuple. Of several the first gives the data that flows into it.
    pub fn after<N: Nodes>(&mut self, nodes: N) -> After<'_, N, N::Data> {
        let places = nodes.places();
        if places.iter().any(|(of, _)| *of != self.id) {
            self.core.mistakes.push("a step is put behind one of another pipeline".to_owned());
        }
        let before = places.into_iter().map(|(_, index)| index).collect();
        After { core: &mut self.core, id: self.id, nodes, before, data: PhantomData }
    }

    /// How many steps may run at once; 1 unless said here.
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs.max(1);
        self
    }

    /// As [`Pipeline::named`](super::Pipeline::named).
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.core.name = name.into();
        self
    }

    /// As [`Pipeline::keep_results`](super::Pipeline::keep_results).
    pub fn keep_results(mut self, keep: bool) -> Self {
        self.core.keep = keep;
        self
    }

    /// Whether every param that is found by its name is there, and of the right
    /// type. Gives what works and may not be meant.
    ///
    /// # Errors
    /// [`Validation`](crate::ErrorKind::Validation) with every gap, and with
    /// mistakes in how it is put together.
    pub fn check(&self) -> Result<Vec<String>> {
        Ok(self.core.check()?.warnings)
    }

    /// Checks the pipeline and runs it. `params` are those of the first step.
    /// When a step fails no other is started, and those that run are told to
    /// stop.
    ///
    /// # Errors
    /// As [`Pipeline::run`](super::Pipeline::run).
    pub fn run(&self, params: First::Params, ctx: &Context) -> Result<BranchesRun>
    where
        First::Params: Serialize,
    {
        Ok(BranchesRun { ended: self.core.run(&params, self.jobs, ctx)?, of: self.id })
    }
}

impl<First> fmt::Debug for Branches<First> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Branches").field(&self.core.names()).finish()
    }
}

/// A place for the next step.
#[must_use = "no step was put there"]
pub struct After<'b, N, Data> {
    core: &'b mut Core,
    id: u64,
    nodes: N,
    before: Vec<usize>,
    data: PhantomData<fn() -> Data>,
}

impl<N: Nodes, Data> After<'_, N, Data> {
    /// Puts an action there whose params are found by their names: see
    /// [`Pipeline::then`](super::Pipeline::then).
    pub fn then<A>(self) -> Node<A, Behind<A, Data>>
    where
        A: StepAction + Accepts<Data, <A as ActionMeta>::Takes>,
    {
        let index = self.core.push::<A>(self.before, ParamsOf::ByName);
        Node { index, of: self.id, types: PhantomData }
    }

    /// Puts an action there whose params are made of the results of the steps
    /// it stands behind: a reference for one, a tuple of them for several.
    pub fn then_with<A>(
        self,
        params: impl for<'r> Fn(N::Results<'r>) -> A::Params + Send + Sync + 'static,
    ) -> Node<A, Behind<A, Data>>
    where
        A: StepAction<Params: Serialize> + Accepts<Data, <A as ActionMeta>::Takes>,
    {
        let nodes = self.nodes;
        let params = ParamsOf::made(move |slots| params(nodes.results(&Given(slots))));
        let index = self.core.push::<A>(self.before, params);
        Node { index, of: self.id, types: PhantomData }
    }
}

impl<'b, N: Nodes, Data: DataType> After<'b, N, Data> {
    /// As [`Pipeline::narrow`](super::Pipeline::narrow).
    pub fn narrow(self) -> After<'b, N, Narrowed<Data>> {
        let Self { core, id, nodes, before, .. } = self;
        After { core, id, nodes, before, data: PhantomData }
    }
}

/// Steps that another can stand behind: a [`Node`], or a tuple of 2 to 6.
pub trait Nodes: Copy + Send + Sync + 'static {
    /// What flows behind the first of them.
    type Data;
    /// What they gave.
    type Results<'r>;

    /// Not public: pipeline and place of each.
    #[doc(hidden)]
    fn places(&self) -> Vec<(u64, usize)>;

    /// Not public: their results.
    #[doc(hidden)]
    fn results<'r>(self, slots: &Given<'r>) -> Self::Results<'r>;
}

/// Not public: what steps gave.
#[doc(hidden)]
pub struct Given<'r>(&'r Slots);

impl<A: StepAction, Data: 'static> Nodes for Node<A, Data> {
    type Data = Data;
    type Results<'r> = &'r A::Output;

    fn places(&self) -> Vec<(u64, usize)> {
        vec![(self.of, self.index)]
    }

    fn results<'r>(self, slots: &Given<'r>) -> &'r A::Output {
        of::<A>(slots.0, self.index)
    }
}

macro_rules! tuples {
    ($($first:ident $($other:ident)*;)*) => {$(
        #[allow(non_snake_case, reason = "types and values share their names")]
        impl<$first: Nodes, $($other: Nodes),*> Nodes for ($first, $($other),*) {
            type Data = $first::Data;
            type Results<'r> = ($first::Results<'r>, $($other::Results<'r>),*);

            fn places(&self) -> Vec<(u64, usize)> {
                let ($first, $($other),*) = self;
                let mut places = $first.places();
                $(places.extend($other.places());)*
                places
            }

            fn results<'r>(self, slots: &Given<'r>) -> Self::Results<'r> {
                let ($first, $($other),*) = self;
                ($first.results(slots), $($other.results(slots)),*)
            }
        }
    )*};
}

tuples! {
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
}

/// How a branching pipeline ended.
pub struct BranchesRun {
    ended: Ended,
    of: u64,
}

impl BranchesRun {
    /// What a step gave.
    ///
    /// # Panics
    /// The node is of another pipeline.
    pub fn get<A: StepAction, Data>(&self, node: Node<A, Data>) -> &A::Output {
        assert_eq!(node.of, self.of, "the node is of another pipeline");
        of::<A>(&self.ended.slots, node.index)
    }

    /// How each step went, in the order in which they were put together.
    pub fn steps(&self) -> &[StepReport] {
        &self.ended.steps
    }
}

impl fmt::Debug for BranchesRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BranchesRun").field(&self.ended.steps).finish()
    }
}

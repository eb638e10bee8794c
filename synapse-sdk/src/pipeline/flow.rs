//! Which data flows from step to step, as types, so that the compiler refuses
//! what does not fit.
//!
//! A data type has a path: itself behind its ancestors, the most general one
//! first. One type is a special case of another exactly when its path begins
//! with the other's, and that is a question the compiler can answer without
//! being told which of several ways to go.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::action::{Action, ActionMeta};
use crate::data_type::DataType;

/// An action that can be a step of a typed pipeline: one whose result can be
/// read again, by later steps and after an interruption.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a step of a pipeline",
    label = "not a step",
    note = "a step is an action: a function under `#[action]`, or a type under `#[derive(Action)]`",
    note = "its result can be read again: a type under `#[result]` that is `Send` and `Sync`"
)]
pub trait StepAction:
    Action<Output: DeserializeOwned + Send + Sync> + ActionMeta<Gives: Flow> + Send + Sync
{
}

#[diagnostic::do_not_recommend]
impl<A> StepAction for A where
    A: Action<Output: DeserializeOwned + Send + Sync> + ActionMeta<Gives: Flow> + Send + Sync
{
}

/// Whether a step can come after one that produces `Have`. `Want` is what it
/// expects.
#[diagnostic::on_unimplemented(
    message = "step `{Self}` expects `{Want}`, the previous step produces `{Have}`",
    label = "expects `{Want}`",
    note = "put a step before it that makes `{Want}` of `{Have}`: `.then::<…>()`",
    note = "where the `{Have}` at hand is a `{Want}` although its type does not say so, \
            write `.narrow()` before the step"
)]
pub trait Accepts<Have, Want> {}

// Without the attribute the compiler would speak of what stands in the bound.
#[diagnostic::do_not_recommend]
impl<A, Have: Fits<Want>, Want> Accepts<Have, Want> for A {}

/// Not public: what a step gives, as far as it says so.
#[doc(hidden)]
pub trait Flow {
    /// What flows behind a step before which `Before` flows.
    type Behind<Before>;
}

#[doc(hidden)]
impl<D: DataType> Flow for D {
    type Behind<Before> = D;
}

/// Stands for the data type of a step that declares none: it takes whatever
/// comes, and leaves it as it was.
#[derive(Debug)]
pub enum NoData {}

impl Flow for NoData {
    type Behind<Before> = Before;
}

/// Data of which the author says that it is the special case that the next step
/// expects.
#[derive(Debug)]
pub struct Narrowed<D>(PhantomData<fn() -> D>);

/// Not public: see [`Accepts`].
#[doc(hidden)]
pub trait Fits<Want> {}

impl<Have: DataType<Path: StartsWith<Want::Path>>, Want: DataType> Fits<Want> for Have {}
impl<Have: DataType, Want: DataType<Path: StartsWith<Have::Path>>> Fits<Want> for Narrowed<Have> {}
impl<Have: DataType> Fits<NoData> for Have {}
impl<Have: DataType> Fits<NoData> for Narrowed<Have> {}
impl<Want> Fits<Want> for NoData {}

/// Not public: whether one path begins with the other.
#[doc(hidden)]
pub trait StartsWith<Beginning> {}

impl<P> StartsWith<()> for P {}
impl<First, Rest: StartsWith<Beginning>, Beginning> StartsWith<(First, Beginning)> for (First, Rest) {}

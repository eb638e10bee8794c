//! Actions: what a plugin offers, and how a call reaches them.
//!
//! Both forms an author writes become the same thing. `#[action]` on a function
//! makes a type of the function's name; `#[derive(Action)]` stands on a type of
//! the author's. Either way the type implements [`ActionMeta`] (facts) and
//! [`Action`] (behaviour), and an [`ActionDef`] with the types erased is
//! registered for the plugin's run table.

mod listed;
mod result_rules;
mod table;

use std::future::Future;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::context::Context;
use crate::data_type::DataTypeFacts;
use crate::errors::{PluginError, Result};
use crate::params::Params;
use crate::schema::{self, Contract};
use crate::words::{Category, Method};

pub use listed::*;
pub use synapse_macros::Action;
pub(crate) use table::read_params;
pub use table::*;

/// What is known of an action without running anything.
#[derive(Debug)]
pub struct ActionFacts {
    /// The public name, such as `train`.
    pub name: &'static str,
    /// The name of the function or type in the source.
    pub item: &'static str,
    /// The module it stands in, with the crate's name first.
    pub module: &'static str,
    /// For people, in one or more lines.
    pub description: &'static str,
    /// The category, when it differs from the plugin's.
    pub category: Option<Category>,
    /// How it is best run.
    pub method: Option<Method>,
    /// What it expects of the step before it.
    pub input: Option<&'static DataTypeFacts>,
    /// What it hands to the step after it.
    pub output: Option<&'static DataTypeFacts>,
    /// Whether calls must not overlap.
    pub exclusive: bool,
    /// The declared result type, when it was named in the attribute.
    pub declared_result: Option<&'static str>,
    /// Whether a result that breaks its schema fails the call.
    pub strict_result: bool,
    /// Whether a call only computes, so that it may be tried with any params.
    pub pure: bool,
    /// Params with the results they give.
    pub examples: &'static [ActionExample],
}

/// An example of a call, for people and for tests. Both are JSON.
#[derive(Debug)]
pub struct ActionExample {
    /// What the action is called with.
    pub params: &'static str,
    /// What it gives; `None` when only that it succeeds matters.
    pub result: Option<&'static str>,
}

impl ActionFacts {
    /// Not public: stands for an action whose declaration has mistakes.
    #[doc(hidden)]
    pub const fn unknown(name: &'static str) -> Self {
        Self {
            name,
            item: name,
            module: "",
            description: "",
            category: None,
            method: None,
            input: None,
            output: None,
            exclusive: false,
            declared_result: None,
            strict_result: false,
            pure: false,
            examples: &[],
        }
    }
}

/// The facts of an action, and how its object is made. Implemented by
/// `#[action]` and `#[derive(Action)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not declared as an action",
    label = "not an action",
    note = "write `#[derive(Action)]` on the type, or `#[action]` on the function"
)]
pub trait ActionMeta: Sized + 'static {
    /// What is known of it.
    const FACTS: &'static ActionFacts;

    /// The data type it expects, for [pipelines](crate::pipeline) that the
    /// compiler checks; [`NoData`](crate::pipeline::NoData) when it declares none.
    type Takes;

    /// The data type it produces.
    type Gives;

    /// Its entry in the run table.
    fn def() -> &'static ActionDef;

    /// Makes the object that serves calls: the type's own `setup(&Context)`,
    /// else its `Default`.
    ///
    /// # Errors
    /// Whatever `setup` returns.
    fn make(ctx: &Context) -> Result<Self>;
}

/// What an action does. The object is made once per worker; calls may come
/// from several threads at once, unless the action is `exclusive`.
///
/// ```
/// use synapse_sdk::prelude::*;
///
/// #[params]
/// struct CountParams { text: String }
///
/// /// Counts words that are not stop words.
/// #[derive(Action)]
/// #[action(name = "count")]
/// struct CountWords { stop_words: Vec<String> }
///
/// impl CountWords {
///     fn setup(ctx: &Context) -> Result<Self> {
///         let words = ctx.env().get_list("STOP_WORDS");
///         Ok(Self { stop_words: words.into_iter().map(str::to_owned).collect() })
///     }
/// }
///
/// impl Action for CountWords {
///     type Params = CountParams;
///     type Output = usize;
///
///     fn execute(&self, params: CountParams, _ctx: &Context) -> Result<usize> {
///         let kept = |word: &&str| !self.stop_words.iter().any(|stop| stop == word);
///         Ok(params.text.split_whitespace().filter(kept).count())
///     }
/// }
///
/// let executor = LocalExecutor::new().env([("STOP_WORDS", "the,a")]);
/// let run = executor.execute::<CountWords>(json!({ "text": "the cat" }))?;
/// assert_eq!(run.value(), &json!(1));
/// # Ok::<(), PluginError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `execute`",
    label = "this action does nothing yet",
    note = "write `impl Action for {Self}` with `type Params`, `type Output` and `fn execute`; \
            an async one is `impl AsyncAction for {Self}`; one made of steps says `#[action(workflow)]`"
)]
pub trait Action: ActionMeta {
    /// What it is called with: a type under `#[params]`, `()` or `Value`.
    type Params: Params;
    /// What it gives back: a type under `#[result]`, or any that serialises.
    type Output: ActionResult;

    /// Does the work of one call.
    ///
    /// # Errors
    /// Anything; `?` works on every error.
    fn execute(&self, params: Self::Params, ctx: &Context) -> Result<Self::Output>;
}

/// The async form of [`Action`]. A cancelled run drops the future at its last
/// `await`; the future stays on its thread and need not be `Send`.
///
/// Code that needs tokio's timers or sockets wants the `async` feature. The
/// compiler cannot see that it is missing: the call then fails, and says so.
pub trait AsyncAction: ActionMeta {
    /// What it is called with.
    type Params: Params;
    /// What it gives back.
    type Output: ActionResult;

    /// Does the work of one call.
    fn execute(&self, params: Self::Params, ctx: &Context) -> impl Future<Output = Result<Self::Output>>;
}

#[diagnostic::do_not_recommend]
impl<A: AsyncAction> Action for A {
    type Params = A::Params;
    type Output = A::Output;

    fn execute(&self, params: Self::Params, ctx: &Context) -> Result<Self::Output> {
        crate::async_body::block_on(ctx, AsyncAction::execute(self, params, ctx))
    }
}

/// What an action can give back: anything that serialises and has a schema.
// Serialising and the schema are methods and no supertraits: the compiler would
// report a type that lacks them once for each.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an action's result",
    label = "not a result type",
    note = "write `#[result]` on the struct, or return `()` or `serde_json::Value`"
)]
pub trait ActionResult: 'static {
    /// Its JSON Schema, for writing or for reading it.
    fn json_schema(contract: Contract) -> Value;

    /// The result as JSON text.
    ///
    /// # Errors
    /// It holds what JSON cannot, such as maps without text keys.
    fn to_json(&self) -> serde_json::Result<Vec<u8>>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + JsonSchema + 'static> ActionResult for T {
    fn json_schema(contract: Contract) -> Value {
        schema::json_schema::<T>(contract)
    }

    fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }
}

/// What the body of an action may fail with.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an action's error",
    label = "not an error type",
    note = "return `synapse_sdk::Result`: in it `?` works on every error; \
            a text becomes an error by `ExecutionError::new(text)`"
)]
pub trait ActionError {
    /// The same as the SDK's error.
    fn into_plugin_error(self) -> PluginError;
}

#[diagnostic::do_not_recommend]
impl<E: Into<PluginError>> ActionError for E {
    fn into_plugin_error(self) -> PluginError {
        self.into()
    }
}

/// What the body of an action may return: a `Result`. What may stand in it is
/// asked apart, so that a mistake in there is told as such.
#[diagnostic::on_unimplemented(
    message = "an action returns a `Result`, not `{Self}`",
    label = "wrap this type: `Result<{Self}>`",
    note = "`Result` is `synapse_sdk::Result`, or any whose error is a standard error"
)]
pub trait ActionReturn {
    /// The type inside.
    type Output;
    /// The type of its error.
    type Error;

    /// The same as a `Result` the compiler knows for one.
    ///
    /// # Errors
    /// The error it held.
    fn into_result(self) -> std::result::Result<Self::Output, Self::Error>;
}

#[diagnostic::do_not_recommend]
impl<T, E> ActionReturn for std::result::Result<T, E> {
    type Output = T;
    type Error = E;

    fn into_result(self) -> Self {
        self
    }
}

/// Not public: the type of an action's params, and the one its attribute names.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the attribute says `params = {Self}`, but the action takes `{Taken}`",
    label = "not what the action takes",
    note = "leave `params = …` out: the type follows from the code"
)]
pub trait SameAs<Taken> {
    /// Nothing, so that generated code can ask for it.
    const SAME: ();
}

#[diagnostic::do_not_recommend]
impl<T> SameAs<T> for T {
    const SAME: () = ();
}

//! Actions: what a plugin offers, and how a call reaches them.
//!
//! Both forms an author writes become the same thing. `#[action]` on a function
//! makes a type of the function's name; `#[derive(Action)]` stands on a type of
//! the author's. Either way the type implements [`ActionMeta`] (facts) and
//! [`Action`] (behaviour), and an [`ActionDef`] with the types erased is
//! registered for the plugin's run table.

use std::any::{Any, TypeId};
use std::future::Future;
use std::sync::{Mutex, OnceLock, PoisonError};

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::context::Context;
use crate::data_type::DataTypeFacts;
use crate::errors::{ErrorKind, PluginError, Result, ValidationError};
use crate::events::Level;
use crate::guard::guarded;
use crate::schema::{self, Contract, Schema, evaluate::canonical};
use crate::words::{Category, Method};

pub use synapse_macros::Action;

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
            an async one is `impl AsyncAction for {Self}`"
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
/// `await`. Code that needs tokio's timers or sockets wants the `async` feature.
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

/// What an action can be called with.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an action's params",
    label = "not a params type",
    note = "write `#[params]` on the struct; with serde and schemars derives of your own, \
            `impl synapse_sdk::Params for {Self} {{}}` is enough"
)]
pub trait Params: DeserializeOwned + JsonSchema + 'static {
    /// Reads and checks params from JSON text.
    ///
    /// # Errors
    /// [`Usage`](ErrorKind::Usage) when it is not JSON;
    /// [`Validation`](ErrorKind::Validation) with every violation in its
    /// details.
    fn from_json(json: &str) -> Result<Self> {
        let schema = Schema::of::<Self>()?;
        decode_checked(json.as_bytes(), &schema, std::any::type_name::<Self>())
    }
}

impl Params for () {}
impl Params for Value {}

/// What an action can give back: anything that serialises and has a schema.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an action's result",
    label = "not a result type",
    note = "write `#[result]` on the struct, or return `()` or `serde_json::Value`"
)]
pub trait ActionResult: Serialize + JsonSchema + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + JsonSchema + 'static> ActionResult for T {}

/// What the body of an action may fail with.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an action's error",
    label = "not an error type",
    note = "return `synapse_sdk::Result`, or an error that implements `std::error::Error`; \
            a text becomes one by `ExecutionError::new(text)`"
)]
pub trait ActionError: Into<PluginError> {}

#[diagnostic::do_not_recommend]
impl<E: Into<PluginError>> ActionError for E {}

/// What the body of an action may return: a `Result` whose error converts.
#[diagnostic::on_unimplemented(
    message = "an action returns a `Result`, not `{Self}`",
    label = "wrap this type: `Result<{Self}>`",
    note = "`Result` is `synapse_sdk::Result`, or any whose error is a standard error"
)]
pub trait ActionReturn {
    /// The type inside.
    type Output;

    /// The same with the SDK's error.
    ///
    /// # Errors
    /// The error it held.
    fn into_result(self) -> Result<Self::Output>;
}

impl<T: ActionResult, E: ActionError> ActionReturn for std::result::Result<T, E> {
    type Output = T;

    fn into_result(self) -> Result<T> {
        self.map_err(Into::into)
    }
}

/// An action's object, its type erased.
pub struct Instance(Box<dyn Any + Send + Sync>);

/// A call with the types erased: params as JSON in, the result as JSON out.
type Call = fn(&ActionDef, &Instance, &[u8], Check, &Context) -> Result<Vec<u8>>;

/// An entry of the run table.
pub struct ActionDef {
    facts: &'static ActionFacts,
    make: fn(&Context) -> Result<Instance>,
    call: Call,
    params_schema: fn() -> Value,
    result_schema: fn() -> Value,
    /// Whether a result was declared that the body's type does not ensure.
    untyped_result: fn() -> bool,
    compiled: OnceLock<Result<Schema>>,
    turn: Mutex<()>,
}

/// Whether params were checked already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// They were not: check them against the schema first.
    Needed,
    /// They were, against this very schema.
    Done,
}

impl ActionDef {
    /// The entry of an action.
    pub const fn of<A: Action + Send + Sync>() -> Self {
        Self {
            facts: A::FACTS,
            make: make_erased::<A>,
            call: call_erased::<A>,
            params_schema: params_schema::<A::Params>,
            result_schema: || schema::json_schema::<A::Output>(Contract::Result),
            untyped_result: || false,
            compiled: OnceLock::new(),
            turn: Mutex::new(()),
        }
    }

    /// Takes the result's schema from another type: the one named in the
    /// attribute, when the body returns untyped JSON.
    #[must_use]
    pub const fn with_result<A: Action, R: ActionResult>(mut self) -> Self {
        self.result_schema = || schema::json_schema::<R>(Contract::Result);
        self.untyped_result = || TypeId::of::<A::Output>() != TypeId::of::<R>();
        self
    }

    /// What is known of the action.
    pub fn facts(&self) -> &'static ActionFacts {
        self.facts
    }

    /// The JSON Schema of its params.
    pub fn params_schema(&self) -> Value {
        (self.params_schema)()
    }

    /// The JSON Schema of its result.
    pub fn result_schema(&self) -> Value {
        (self.result_schema)()
    }

    /// Makes the object that serves calls.
    ///
    /// # Errors
    /// Whatever `setup` returns; a panic in it, as
    /// [`Panic`](ErrorKind::Panic).
    pub fn instantiate(&self, ctx: &Context) -> Result<Instance> {
        guarded(|| (self.make)(ctx))
    }

    /// Checks params without running anything.
    ///
    /// # Errors
    /// [`Usage`](ErrorKind::Usage) when they are not JSON;
    /// [`Validation`](ErrorKind::Validation) with every violation.
    pub fn validate(&self, params: &[u8]) -> Result<()> {
        let schema = self.schema()?;
        if schema.accepts(params) {
            return Ok(());
        }
        checked_document(params, schema, self.facts.name).map(drop)
    }

    /// Runs one call: params as JSON in, the result as JSON out.
    ///
    /// # Errors
    /// What [`validate`](Self::validate) finds, whatever the action returns, a
    /// panic as [`Panic`](ErrorKind::Panic).
    pub fn call(&self, instance: &Instance, params: &[u8], check: Check, ctx: &Context) -> Result<Vec<u8>> {
        guarded(|| {
            let _turn =
                self.facts.exclusive.then(|| self.turn.lock().unwrap_or_else(PoisonError::into_inner));
            let result = (self.call)(self, instance, params, check, ctx)?;
            if self.facts.strict_result || (self.untyped_result)() {
                self.check_result(&result, ctx)?;
            }
            ctx.finish_progress();
            Ok(result)
        })
    }

    fn schema(&self) -> Result<&Schema> {
        let compiled = self.compiled.get_or_init(|| Schema::compile(&self.params_schema()));
        compiled.as_ref().map_err(|error| {
            PluginError::new(error.kind(), error.to_string())
                .context(format!("the params schema of `{}` cannot be checked", self.facts.name))
        })
    }

    /// A result that breaks its declared schema is told, and fails the call
    /// only where that was asked for.
    fn check_result(&self, result: &[u8], ctx: &Context) -> Result<()> {
        let schema = Schema::compile(&self.result_schema())?;
        let violations = schema.check(&serde_json::from_slice(result)?);
        if violations.is_empty() {
            return Ok(());
        }
        let declared = self.facts.declared_result.unwrap_or("its type");
        let error =
            schema::invalid(&format!("result of `{}` against {declared}", self.facts.name), &violations);
        if self.facts.strict_result {
            return Err(error);
        }
        ctx.log_message(error.to_string(), Level::Warning);
        Ok(())
    }
}

fn make_erased<A: Action + Send + Sync>(ctx: &Context) -> Result<Instance> {
    Ok(Instance(Box::new(A::make(ctx)?)))
}

fn call_erased<A: Action>(
    def: &ActionDef,
    instance: &Instance,
    params: &[u8],
    check: Check,
    ctx: &Context,
) -> Result<Vec<u8>> {
    let Some(action) = instance.0.downcast_ref::<A>() else {
        return Err(PluginError::new(ErrorKind::Internal, "an instance of another action was given"));
    };
    let params = decode::<A::Params>(def, params, check)?;
    let output = action.execute(params, ctx)?;
    serde_json::to_vec(&output).map_err(|error| {
        PluginError::new(
            ErrorKind::Execution,
            format!("the result of `{}` is not JSON: {error}", def.facts.name),
        )
        .hint("maps in results need text keys")
    })
}

fn decode<P: Params>(def: &ActionDef, params: &[u8], check: Check) -> Result<P> {
    if is_unit::<P>() {
        if check == Check::Needed {
            def.validate(params)?;
        }
        // Callers give `{}`; serde reads `()` from `null`.
        return Ok(P::deserialize(Value::Null)?);
    }
    if (check == Check::Done || def.schema()?.accepts(params))
        && let Ok(params) = serde_json::from_slice(params)
    {
        return Ok(params);
    }
    decode_checked(params, def.schema()?, def.facts.name)
}

fn is_unit<P: Params>() -> bool {
    TypeId::of::<P>() == TypeId::of::<()>()
}

/// Params of type `()` are an object without fields, like all others.
fn params_schema<P: Params>() -> Value {
    if is_unit::<P>() {
        return serde_json::json!({ "type": "object", "properties": {}, "additionalProperties": false });
    }
    schema::json_schema::<P>(Contract::Params)
}

fn decode_checked<P: DeserializeOwned>(params: &[u8], schema: &Schema, action: &str) -> Result<P> {
    let document = checked_document(params, schema, action)?;
    P::deserialize(document).map_err(|error| {
        ValidationError::new(format!("params of `{action}` fit their schema but cannot be read: {error}"))
    })
}

fn checked_document(params: &[u8], schema: &Schema, action: &str) -> Result<Value> {
    let mut document: Value = serde_json::from_slice(params).map_err(|error| {
        PluginError::new(ErrorKind::Usage, format!("params of `{action}` are not JSON: {error}"))
            .hint("for example --params '{\"epochs\": 5}'")
    })?;
    let violations = schema.check(&document);
    if !violations.is_empty() {
        return Err(schema::invalid_params(action, &violations));
    }
    canonical(&mut document);
    Ok(document)
}

/// Not public: the type of an action's params, and the one its attribute names.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the attribute says `params = {Self}`, but the action takes `{Taken}`",
    label = "not what the action takes",
    note = "leave `params = …` out: the type follows from the code"
)]
pub trait SameAs<Taken> {}

impl<T> SameAs<T> for T {}

/// Not public: what a field of params or results has to be.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of params or of a result",
    label = "cannot be read from JSON, or has no schema",
    note = "write `#[params]` on it as well; for a type of another crate see the attributes of serde and schemars"
)]
pub trait ParamField {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + Serialize + JsonSchema> ParamField for T {}

/// Not public: asks whether a type can be a field.
#[doc(hidden)]
pub const fn field<T: ParamField>() {}

/// Not public: an action as `export_plugin!` lists it.
#[doc(hidden)]
pub struct Listed {
    /// What is known of it.
    pub facts: &'static ActionFacts,
    /// Its entry: naming it keeps it from being dropped by the linker.
    pub def: fn() -> &'static ActionDef,
}

/// Not public: the entry of an action in the list.
#[doc(hidden)]
pub const fn listed<A: ActionMeta>() -> Listed {
    Listed { facts: A::FACTS, def: A::def }
}

/// What the macros register.
pub struct Registration(
    /// Gives the entry.
    pub fn() -> &'static ActionDef,
);

inventory::collect!(Registration);

/// All actions of this image, by name.
pub fn registry() -> &'static [&'static ActionDef] {
    static SORTED: OnceLock<Vec<&'static ActionDef>> = OnceLock::new();
    // The order of registration is the linker's and changes between builds.
    SORTED.get_or_init(|| {
        let mut defs: Vec<_> =
            inventory::iter::<Registration>().map(|registration| (registration.0)()).collect();
        defs.sort_by_key(|def| def.facts.name);
        defs
    })
}

/// The action of that name.
///
/// # Errors
/// [`ActionNotFound`](ErrorKind::ActionNotFound), with what there is.
pub fn find(name: &str) -> Result<&'static ActionDef> {
    let found = registry().iter().find(|def| def.facts.name == name);
    found.copied().ok_or_else(|| not_found(name, registry().iter().map(|def| def.facts.name)))
}

/// The error for an action that is not among `available`.
pub fn not_found<'a>(name: &str, available: impl IntoIterator<Item = &'a str>) -> PluginError {
    let available: Vec<&str> = available.into_iter().collect();
    let hint = match crate::suggest::nearest(name, available.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if available.is_empty() => "the plugin has no actions; is `export_plugin!` there?".to_owned(),
        None => format!("there are: {}", available.join(", ")),
    };
    PluginError::new(ErrorKind::ActionNotFound, format!("Action not found: {name}"))
        .details(serde_json::json!({ "action": name, "available": available }))
        .hint(hint)
}

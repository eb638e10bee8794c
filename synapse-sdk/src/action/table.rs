//! The run table: actions with their types erased, and how a call goes through
//! one: params are checked and read, the author's code runs, the result is
//! written.

use std::any::{Any, TypeId};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::Value;

use super::result_rules::ResultRules;
use super::{Action, ActionFacts, ActionResult};
use crate::context::Context;
use crate::errors::{ErrorKind, PluginError, Result, ValidationError};
use crate::events::Level;
use crate::guard::guarded;
use crate::params::{CheckContext, Findings, Params};
use crate::schema::{self, Contract, Schema};

/// An action's object, its type erased.
pub struct Instance(Box<dyn Any + Send + Sync>);

/// A call with the types erased: params as JSON in, the result as JSON out.
type Call = fn(&ActionDef, &Instance, &[u8], Check, &Context) -> Result<Vec<u8>>;

/// An entry of the run table.
pub struct ActionDef {
    facts: &'static ActionFacts,
    make: fn(&Context) -> Result<Instance>,
    call: Call,
    check: fn(&ActionDef, &[u8], CheckContext<'_>) -> Result<()>,
    params_schema: fn() -> Value,
    result_schema: fn() -> Value,
    /// The schema of a result that was declared and the body's type does not
    /// ensure.
    declared_result: fn() -> Option<Value>,
    compiled: OnceLock<Result<Schema>>,
    result_rules: OnceLock<Result<ResultRules>>,
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

/// What a call checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks {
    /// Whether params were checked already.
    pub params: Check,
    /// Whether a result that breaks its schema fails the call, also of actions
    /// that do not ask for it.
    pub strict_result: bool,
}

impl From<Check> for Checks {
    fn from(params: Check) -> Self {
        Self { params, strict_result: false }
    }
}

impl ActionDef {
    /// The entry of an action.
    pub const fn of<A: Action + Send + Sync>() -> Self {
        Self {
            facts: A::FACTS,
            make: make_erased::<A>,
            call: call_erased::<A>,
            check: |def, params, context| decode::<A::Params>(def, params, Check::Needed, context).map(drop),
            params_schema: params_schema::<A::Params>,
            result_schema: || A::Output::json_schema(Contract::Result),
            declared_result: || None,
            compiled: OnceLock::new(),
            result_rules: OnceLock::new(),
            turn: Mutex::new(()),
        }
    }

    /// Takes the result's schema from another type: the one named in the
    /// attribute, when the body returns untyped JSON.
    #[must_use]
    pub const fn with_result<A: Action, R: ActionResult>(mut self) -> Self {
        self.result_schema = || R::json_schema(Contract::Result);
        self.declared_result = || {
            let differs = TypeId::of::<A::Output>() != TypeId::of::<R>();
            // What reads such a result may find optional fields left out.
            differs.then(|| R::json_schema(Contract::Params))
        };
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

    /// Checks params without running anything: against the schema, by reading
    /// them, and by the author's own checks.
    ///
    /// # Errors
    /// [`Usage`](ErrorKind::Usage) when they are not JSON;
    /// [`Validation`](ErrorKind::Validation) with every violation.
    pub fn validate(&self, params: &[u8], ctx: &Context) -> Result<()> {
        guarded(|| (self.check)(self, params, ctx.check_context()))
    }

    /// Runs one call: params as JSON in, the result as JSON out.
    ///
    /// # Errors
    /// What [`validate`](Self::validate) finds, whatever the action returns, a
    /// panic as [`Panic`](ErrorKind::Panic); where results are strict,
    /// [`Validation`](ErrorKind::Validation) for one that breaks its schema.
    pub fn call(
        &self,
        instance: &Instance,
        params: &[u8],
        checks: impl Into<Checks>,
        ctx: &Context,
    ) -> Result<Vec<u8>> {
        let checks = checks.into();
        guarded(|| {
            let _turn =
                self.facts.exclusive.then(|| self.turn.lock().unwrap_or_else(PoisonError::into_inner));
            let result = (self.call)(self, instance, params, checks.params, ctx)?;
            self.check_result(&result, checks.strict_result || self.facts.strict_result, ctx)?;
            ctx.finish_progress();
            ctx.forget();
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

    /// A result that breaks its schema is told, and fails the call only where
    /// that was asked for.
    fn check_result(&self, result: &[u8], strict: bool, ctx: &Context) -> Result<()> {
        let rules = self.result_rules.get_or_init(|| match (self.declared_result)() {
            Some(declared) => ResultRules::of_declared(&declared),
            None => ResultRules::of_type(&self.result_schema()),
        });
        let violations = match rules {
            Ok(rules) => rules.violations(result)?,
            Err(_) if !strict => return Ok(()),
            Err(error) => return Err(PluginError::new(error.kind(), error.to_string())),
        };
        if violations.is_empty() {
            return Ok(());
        }
        let declared = self.facts.declared_result.unwrap_or("its type");
        let what = format!("result of `{}` against {declared}", self.facts.name);
        let mut error = schema::invalid(&what, &violations);
        if violations.iter().any(|violation| violation.given.is_null() && violation.rule == "type") {
            error = error.hint("JSON has no NaN and no infinity: they are written as null");
        }
        if strict {
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
    let params = decode::<A::Params>(def, params, check, ctx.check_context())?;
    let output = action.execute(params, ctx)?;
    output.to_json().map_err(|error| {
        PluginError::new(
            ErrorKind::Execution,
            format!("the result of `{}` is not JSON: {error}", def.facts.name),
        )
        .hint("maps in results need text keys")
    })
}

fn decode<P: Params>(def: &ActionDef, params: &[u8], check: Check, context: CheckContext<'_>) -> Result<P> {
    if is_unit::<P>() {
        if check == Check::Needed {
            read_params::<Value>(params, def.schema()?, def.facts.name, context)?;
        }
        // Callers give `{}`; serde reads `()` from `null`.
        return Ok(P::deserialize(Value::Null)?);
    }
    if check == Check::Done
        && let Ok(read) = serde_json::from_slice::<P>(params)
    {
        return judged_by_author(read, def.facts.name, context, || document(params));
    }
    read_params(params, def.schema()?, def.facts.name, context)
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

/// Checks params against their schema, reads them, and lets their author check
/// them.
pub(crate) fn read_params<P: Params>(
    json: &[u8],
    schema: &Schema,
    name: &str,
    context: CheckContext<'_>,
) -> Result<P> {
    if schema.accepts(json)
        && let Ok(params) = serde_json::from_slice::<P>(json)
    {
        return judged_by_author(params, name, context, || document(json));
    }
    let checked = schema.check_text(json).map_err(|error| {
        PluginError::new(ErrorKind::Usage, format!("params of `{name}` are not JSON: {error}"))
            .hint("for example --params '{\"epochs\": 5}'")
    })?;
    if !checked.violations.is_empty() {
        return Err(schema::invalid_params(name, &checked.violations));
    }
    let params = P::deserialize(&checked.document).map_err(|error| {
        ValidationError::new(format!("params of `{name}` fit their schema but cannot be read: {error}"))
    })?;
    judged_by_author(params, name, context, || checked.document)
}

/// Lets the author's checks look, once: they may ask the backend. What they
/// find is told with what was given there.
fn judged_by_author<P: Params>(
    params: P,
    name: &str,
    context: CheckContext<'_>,
    document: impl FnOnce() -> Value,
) -> Result<P> {
    let mut found = Findings::new(context);
    params.check(&mut found);
    let mut violations = found.into_violations();
    if violations.is_empty() {
        return Ok(params);
    }
    let document = document();
    for violation in &mut violations {
        violation.given = document.pointer(&violation.pointer).cloned().unwrap_or_default();
    }
    Err(schema::invalid_params(name, &violations))
}

/// Params that were read already, as JSON.
fn document(json: &[u8]) -> Value {
    serde_json::from_slice(json).unwrap_or_default()
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

//! What the checks of params found.

use std::fmt::Display;

use serde_json::Value;

use crate::schema::{Violation, push_field};
use crate::services::{Client, Services};

/// What a check may ask of the run it is for.
#[derive(Clone, Copy, Default)]
pub struct CheckContext<'a> {
    client: Option<&'a dyn Client>,
    /// Asked for its client when a check wants one: most do not, and asking
    /// goes to the host.
    run: Option<&'a dyn Services>,
}

impl<'a> CheckContext<'a> {
    /// A context with the run's client.
    pub fn new(client: Option<&'a dyn Client>) -> Self {
        Self { client, run: None }
    }

    /// A context of a run.
    pub(crate) fn of_run(run: &'a dyn Services) -> Self {
        Self { client: None, run: Some(run) }
    }

    /// The backend, when the run has one. Params are also checked where there
    /// is none, by [`Params::from_json`](super::Params::from_json) for example:
    /// a check then says nothing of what only the backend knows.
    pub fn client(&self) -> Option<&'a dyn Client> {
        self.client.or_else(|| self.run?.client())
    }
}

/// Collects what the checks of params find, each with its place.
///
/// ```
/// use synapse_sdk::prelude::*;
/// use synapse_sdk::params::Findings;
///
/// #[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
/// struct SplitParams { train: f64, test: f64 }
///
/// impl Params for SplitParams {
///     fn check(&self, found: &mut Findings<'_>) {
///         if self.train + self.test > 1.0 {
///             found.field("test", |found| found.add("train and test are more than everything"));
///         }
///     }
/// }
///
/// let error = SplitParams::from_json(r#"{ "train": 0.9, "test": 0.2 }"#).unwrap_err();
/// assert_eq!(error.details_json()[0]["pointer"], "/test");
/// ```
pub struct Findings<'a> {
    pointer: String,
    violations: Vec<Violation>,
    context: CheckContext<'a>,
}

impl<'a> Findings<'a> {
    /// Nothing found yet.
    pub fn new(context: CheckContext<'a>) -> Self {
        Self { pointer: String::new(), violations: Vec::new(), context }
    }

    /// What a check may ask of the run.
    pub fn context(&self) -> CheckContext<'a> {
        self.context
    }

    /// Looks at a field, by its name in JSON.
    pub fn field(&mut self, name: &str, look: impl FnOnce(&mut Self)) {
        let outside = self.pointer.len();
        push_field(&mut self.pointer, name);
        look(self);
        self.pointer.truncate(outside);
    }

    /// Looks at an item of a list.
    pub fn item(&mut self, index: usize, look: impl FnOnce(&mut Self)) {
        self.field(&index.to_string(), look);
    }

    /// Says what is wrong with what is looked at.
    pub fn add(&mut self, message: impl Into<String>) {
        self.push(Violation::at("", message));
    }

    /// Takes what a check function returned.
    pub fn take(&mut self, outcome: impl CheckOutcome) {
        outcome.tell(self);
    }

    /// All that was found.
    pub fn into_violations(self) -> Vec<Violation> {
        self.violations
    }

    /// A violation's pointer goes on from what is looked at.
    fn push(&mut self, mut violation: Violation) {
        violation.pointer.insert_str(0, &self.pointer);
        self.violations.push(violation);
    }
}

impl Violation {
    /// A finding of an author's check, `pointer` below the checked value: empty
    /// for the value itself, `/warmup` for a field of it.
    pub fn at(pointer: &str, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.to_owned(),
            rule: "check".to_owned(),
            given: Value::Null,
            allowed: Value::Null,
            message: message.into(),
        }
    }
}

/// What a check function may return: `Result<(), E>` with a text, an error or a
/// [`Violation`], or a list of violations.
#[diagnostic::on_unimplemented(
    message = "a check returns `Result<(), E>`, not `{Self}`",
    label = "not what a check returns",
    note = "`Ok(())` when the value is fine, else `Err(\"what is wrong\")`; several findings are a `Vec<Violation>`"
)]
pub trait CheckOutcome {
    /// Adds what was found.
    fn tell(self, found: &mut Findings<'_>);
}

#[diagnostic::do_not_recommend]
impl<E: CheckError> CheckOutcome for Result<(), E> {
    fn tell(self, found: &mut Findings<'_>) {
        if let Err(error) = self {
            found.push(error.into_violation());
        }
    }
}

#[diagnostic::do_not_recommend]
impl CheckOutcome for Vec<Violation> {
    fn tell(self, found: &mut Findings<'_>) {
        self.into_iter().for_each(|violation| found.push(violation));
    }
}

/// What a check may fail with.
#[diagnostic::on_unimplemented(
    message = "a check cannot fail with `{Self}`",
    label = "cannot be told to a person",
    note = "fail with a text, an error, or a `Violation`"
)]
pub trait CheckError {
    /// The finding.
    fn into_violation(self) -> Violation;
}

#[diagnostic::do_not_recommend]
impl<E: Display> CheckError for E {
    fn into_violation(self) -> Violation {
        Violation::at("", self.to_string())
    }
}

#[diagnostic::do_not_recommend]
impl CheckError for Violation {
    fn into_violation(self) -> Violation {
        self
    }
}

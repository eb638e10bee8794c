//! Tries a built plugin: its examples are run and their results compared, and
//! params made from its schemas have to be taken or refused as the schemas say.
//! All of it happens in a worker.

mod compare;
mod generate;
mod pattern_text;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use synapse_sdk::manifest::{ActionSpec, ExampleSpec};
use synapse_sdk::schema::pattern;
use synapse_sdk::{ErrorKind, PluginError};

use crate::plugin::Plugin;
use crate::run::{Mode, RunRequest, execute, validate};
pub use generate::{Made, params};

/// What a trial may do.
#[derive(Clone, Copy, Debug)]
pub struct TrialOptions {
    /// Also actions that do not say that they are pure are run with params made
    /// from their schema.
    pub execute_all: bool,
    /// A run may take so long.
    pub timeout: Duration,
}

/// What came of trying one action.
#[derive(Clone, Debug, Default)]
pub struct Trial {
    /// Its public name.
    pub action: String,
    /// Examples that were run.
    pub examples: usize,
    /// Valid params made from the schema.
    pub valid: usize,
    /// Invalid ones.
    pub invalid: usize,
    /// How many of the valid ones the action was run with.
    pub executed: usize,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// Something that is not as the plugin says.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// What was tried: `example 1`, `valid params`, `invalid params`.
    pub what: String,
    /// The params.
    pub params: Value,
    /// What happened, and what should have.
    pub message: String,
}

/// Tries an action, offered as `name`, whose description is `spec`.
pub fn action(plugin: &Plugin, name: &str, spec: &ActionSpec, options: TrialOptions) -> Trial {
    pattern::enable();
    let mut trial = Trial { action: name.to_owned(), ..Trial::default() };
    let store = Scratch::new();
    let request = |params: &Value| {
        RunRequest::new(plugin.image().path.clone(), name)
            .mode(Mode::Isolated)
            .timeout(options.timeout)
            .store(&store.0)
            .params_json(params.to_string())
    };
    for (index, example) in spec.examples.iter().enumerate() {
        trial.examples += 1;
        let run = execute(plugin, &request(&example.params)).and_then(|outcome| outcome.value());
        if let Some(message) = example_problem(example, run) {
            trial.problem(format!("example {}", index + 1), &example.params, message);
        }
    }
    for made in params(&spec.params) {
        let checked = validate(plugin, &request(&made.params));
        let what = if made.valid { "valid params" } else { "invalid params" };
        *(if made.valid { &mut trial.valid } else { &mut trial.invalid }) += 1;
        let taken = checked.is_ok();
        if let Some(message) = check_problem(made.valid, checked) {
            trial.problem(what.to_owned(), &made.params, message);
        } else if taken && (spec.pure || options.execute_all) {
            trial.executed += 1;
            let failed = execute(plugin, &request(&made.params)).err();
            if let Some(message) = failed.and_then(|error| run_problem(&error)) {
                trial.problem(what.to_owned(), &made.params, message);
            }
        }
    }
    trial
}

/// A folder for what actions save while they are tried, so that it does not
/// land in the store of who tries them.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static UNIQUE: AtomicU64 = AtomicU64::new(0);
        let number = UNIQUE.fetch_add(1, Ordering::Relaxed);
        let name = format!("synapse-trial-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It is only there when something was saved.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Trial {
    fn problem(&mut self, what: String, params: &Value, message: String) {
        self.problems.push(Problem { what, params: params.clone(), message });
    }
}

fn example_problem(example: &ExampleSpec, run: Result<Value, PluginError>) -> Option<String> {
    match (run, &example.result) {
        (Err(error), _) => Some(told(&error)),
        (Ok(_), None) => None,
        (Ok(result), Some(expected)) => compare::difference(expected, &result),
    }
}

/// Valid params may still be refused by a check of the author's own, never by
/// the type they are read into.
fn check_problem(valid: bool, checked: Result<(), PluginError>) -> Option<String> {
    match (valid, checked) {
        (true, Ok(())) => None,
        (true, Err(error)) if refused_by_own_check(&error) => None,
        (true, Err(error)) => Some(format!("the schema allows them, but they are refused: {}", told(&error))),
        (false, Ok(())) => Some("the schema does not allow them, but they are taken".to_owned()),
        (false, Err(error)) if error.kind() == ErrorKind::Validation => None,
        (false, Err(error)) => Some(format!(
            "they should be refused as invalid, but this is `{}`: {}",
            error.kind(),
            told(&error)
        )),
    }
}

fn refused_by_own_check(error: &PluginError) -> bool {
    let violations = error.details_json().as_array().filter(|violations| !violations.is_empty());
    let own = |violation: &Value| violation["rule"] == "check";
    error.kind() == ErrorKind::Validation && violations.is_some_and(|violations| violations.iter().all(own))
}

/// An action may fail with any params; it may not panic, crash or hang.
fn run_problem(error: &PluginError) -> Option<String> {
    use ErrorKind::{Internal, Panic, TimedOut, WorkerCrashed};
    matches!(error.kind(), Panic | WorkerCrashed | TimedOut | Internal).then(|| told(error))
}

fn told(error: &PluginError) -> String {
    let place = error.location().map(|place| format!(" at {place}")).unwrap_or_default();
    format!("{error}{place}")
}

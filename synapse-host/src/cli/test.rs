//! `synapse plugin test`.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use clap::Args;
use serde_json::{Value, json};
use synapse_sdk::abi::identity::ListedAction;
use synapse_sdk::errors::Result;
use synapse_sdk::{ErrorKind, PluginError};

use super::Common;
use super::output::look::{BAD, GOOD, Look};
use super::output::{Output, table};
use super::target::TargetArgs;
use crate::author::{BuildRequest, TestCounts, run_tests};
use crate::plugin::{Plugin, offered};
use crate::plugin_ref::{build_error, place_of};
use crate::run::milliseconds;
use crate::trial::{self, Trial, TrialOptions};
use crate::worker_program::ask_for_manifest;

/// Test a plugin: its crate's tests, its examples, and params made from its
/// schemas.
///
/// Of a bundle, a .so file or an installed plugin the crate is not there: then
/// its examples and params are tried alone.
///
/// Each `#[action(example = …)]` is run in a worker and its result compared.
/// Params made from an action's schema, at its bounds and just beyond, have to be
/// taken or refused as the schema says; they are checked, and run only where the
/// action is `pure`, or with --execute.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TestArgs {
    /// The plugin's folder, bundle, .so file or code
    #[arg(value_name = "TARGET")]
    named: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
    /// Leave out the crate's own tests
    #[arg(long)]
    no_crate_tests: bool,
    /// Run every action with the valid params made from its schema, whatever it does
    #[arg(long)]
    execute: bool,
    /// How long one run may take
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME", default_value = "1m")]
    timeout: Duration,
}

const EXAMPLES: &str = "\
Examples:
  synapse plugin test                                in a plugin's folder
  synapse plugin test --path examples/greet --json
  synapse plugin test greet-0.1.0.synapse            as it would behave here
  synapse plugin test --no-crate-tests --execute     every action is run with generated params";

impl TestArgs {
    pub(crate) fn execute(self, common: &Common, output: &mut Output) -> Result<()> {
        let place = place_of(&self.target.plugin_ref(self.named.as_deref())?)?;
        let plugin = self.target.resolve(self.named.as_deref(), common, output)?;
        let counts = match place.is_dir() && !self.no_crate_tests {
            true => Some(self.crate_tests(&place, &plugin, common, output)?),
            false => None,
        };
        let trials = self.trials(&plugin)?;
        let passed = counts.is_none_or(|counts| counts.succeeded)
            && trials.iter().all(|trial| trial.problems.is_empty());
        let look = output.look();
        output.document(&document(&plugin, &place, counts, &trials, passed), |columns| {
            report(counts, &trials, columns, look)
        })?;
        if passed {
            return Ok(());
        }
        let message = match counts.filter(|counts| !counts.succeeded) {
            Some(TestCounts { failed: 0, .. }) => "the crate's tests could not be run".to_owned(),
            Some(counts) => format!("{} of the crate's tests failed", counts.failed),
            None => "the plugin is not as it says".to_owned(),
        };
        Err(PluginError::new(ErrorKind::PluginRun, message))
    }

    fn crate_tests(
        &self,
        folder: &Path,
        plugin: &Plugin,
        common: &Common,
        output: &mut Output,
    ) -> Result<TestCounts> {
        output.note("running the crate's tests");
        let request = BuildRequest {
            profile: self.target.profile(),
            cargo_options: plugin.config().cargo_options().to_vec(),
            color: !common.json && AutoStream::choice(&std::io::stderr()) != ColorChoice::Never,
            ..BuildRequest::new(folder)
        };
        let mut report = |line: &str| match (common.json, common.quiet) {
            (true, _) => output.note(line),
            (false, true) => {}
            // A closed stderr has nobody to be told.
            (false, false) => drop(writeln!(std::io::stderr(), "{line}")),
        };
        run_tests(&request, &mut report).map_err(|failure| build_error(&failure))
    }

    fn trials(&self, plugin: &Plugin) -> Result<Vec<Trial>> {
        let manifest = ask_for_manifest(&plugin.image().path)?;
        let listed: Vec<ListedAction> = manifest.actions.iter().map(ListedAction::from).collect();
        let options = TrialOptions { execute_all: self.execute, timeout: self.timeout };
        let spec = |name: &str| manifest.actions.iter().find(|spec| spec.name == name);
        let actions = offered(plugin.config(), &listed);
        let tried = actions.iter().filter_map(|action| {
            let spec = spec(action.registered.as_deref()?)?;
            Some(trial::action(plugin, &action.name, spec, options))
        });
        Ok(tried.collect())
    }
}

fn document(
    plugin: &Plugin,
    place: &Path,
    counts: Option<TestCounts>,
    trials: &[Trial],
    passed: bool,
) -> Value {
    let tests = counts.map(|counts| {
        json!({
            "passed": counts.passed,
            "failed": counts.failed,
            "ignored": counts.ignored,
            "succeeded": counts.succeeded,
            "ms": milliseconds(counts.elapsed),
        })
    });
    let actions = trials.iter().map(|trial| {
        let problems = trial.problems.iter().map(
            |problem| json!({ "what": problem.what, "params": problem.params, "message": problem.message }),
        );
        json!({
            "name": trial.action,
            "examples": trial.examples,
            "valid": trial.valid,
            "invalid": trial.invalid,
            "executed": trial.executed,
            "problems": problems.collect::<Vec<_>>(),
        })
    });
    json!({
        "code": plugin.config().code,
        "path": place,
        "passed": passed,
        "tests": tests,
        "actions": actions.collect::<Vec<_>>(),
    })
}

fn report(counts: Option<TestCounts>, trials: &[Trial], columns: Option<usize>, look: Look) -> String {
    let mut text = String::new();
    if let Some(counts) = counts {
        let line = format!("{} passed, {} failed, {} ignored", counts.passed, counts.failed, counts.ignored);
        text.push_str(&format!("{} crate's tests: {line}\n\n", mark(counts.succeeded, look)));
    }
    let rows: Vec<Vec<String>> = trials
        .iter()
        .map(|trial| {
            let counts = [trial.examples, trial.valid, trial.invalid, trial.executed];
            let outcome = match trial.problems.len() {
                0 => "ok".to_owned(),
                1 => "1 problem".to_owned(),
                more => format!("{more} problems"),
            };
            let cells = counts.map(|count| count.to_string());
            std::iter::once(trial.action.clone()).chain(cells).chain([outcome]).collect()
        })
        .collect();
    let head = ["ACTION", "EXAMPLES", "VALID PARAMS", "INVALID PARAMS", "RUN", "OUTCOME"];
    text.push_str(&table(&head, &rows, columns));
    for trial in trials {
        for problem in &trial.problems {
            let (action, what) = (&trial.action, &problem.what);
            text.push_str(&format!("\n{} {action}, {what}: {}\n", mark(false, look), problem.params));
            text.push_str(&format!("  {}\n", problem.message.replace('\n', "\n  ")));
        }
    }
    text
}

fn mark(good: bool, look: Look) -> String {
    let marks = look.marks();
    if good { look.paint(GOOD, marks.success) } else { look.paint(BAD, marks.failure) }
}

//! `synapse plugin build`.

use clap::Args;
use serde_json::{Value, json};
use synapse_sdk::errors::Result;
use synapse_sdk::manifest::{ActionSpec, Manifest};
use synapse_sdk::schema::{Schema, pattern, with_defaults};

use super::Common;
use super::key;
use super::output::{Output, table};
use super::target::{TargetArgs, with_resolver};
use crate::inspect::inspect;
use crate::run::milliseconds;
use crate::worker_program::ask_for_manifest;

/// Build a plugin's folder and check what came out.
///
/// The library is read, then loaded and asked for its actions in a process of
/// its own.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BuildArgs {
    /// The plugin's folder
    #[arg(value_name = "TARGET")]
    folder: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
    /// Sign what was built with this key of `synapse key list`
    #[arg(long, value_name = "KEY")]
    sign: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  synapse plugin build                               in a plugin's folder
  synapse plugin build examples/greet --release
  synapse plugin build examples/greet --release --sign ada
  synapse plugin build --path examples/greet --json";

impl BuildArgs {
    pub(crate) fn execute(self, common: &Common, output: &mut Output) -> Result<()> {
        let folder = self.target.folder(self.folder.as_deref())?;
        let config = self.target.config();
        let built =
            with_resolver(self.target.profile(), common, output, |resolver| resolver.build(&folder, config))?;
        let inspected = inspect(&built.library)?;
        // Before its code runs: where every load requires a key, this one is it.
        if let Some(key) = &self.sign {
            for signature in key::sign(key, &[&built.library])? {
                output.note(&format!("signed: {}", signature.display()));
            }
        }
        let manifest = ask_for_manifest(&built.library)?;
        for problem in &inspected.config_warnings {
            output.note(&format!("config.yaml:{}: {problem}", problem.line));
        }
        for warning in unlisted(&inspected.facts.actions, inspected.actions_listed, &manifest) {
            output.note(&warning);
        }
        for warning in manifest.actions.iter().flat_map(wrong_defaults) {
            output.note(&warning);
        }
        let actions: Vec<Value> = manifest
            .actions
            .iter()
            .map(|action| json!({ "name": action.name, "description": action.description }))
            .collect();
        let document = json!({
            "code": inspected.config.code,
            "name": inspected.config.name,
            "version": inspected.config.version,
            "path": built.library,
            "actions": actions,
            "fresh": built.fresh,
            "ms": milliseconds(built.elapsed),
        });
        output.document(&document, |columns| {
            let rows: Vec<Vec<String>> = manifest
                .actions
                .iter()
                .map(|action| {
                    let line = action.description.lines().next().unwrap_or_default();
                    vec![action.name.clone(), line.to_owned()]
                })
                .collect();
            let head = format!(
                "{} {} · {}",
                inspected.config.code,
                inspected.config.version,
                built.library.display()
            );
            format!("{head}\n\n{}", table(&["ACTION", "DESCRIPTION"], &rows, columns))
        })
    }
}

/// What differs between the actions a plugin lists and those it registers.
pub(super) fn unlisted(
    listed: &[synapse_sdk::abi::identity::ListedAction],
    complete: bool,
    manifest: &Manifest,
) -> Vec<String> {
    if !complete {
        return Vec::new();
    }
    let missing =
        manifest.actions.iter().filter(|action| !listed.iter().any(|known| known.name == action.name));
    missing
        .map(|action| {
            format!(
                "warning: `{}` is an action but not exported: add {}::{} to export_plugin!",
                action.name, action.module, action.item
            )
        })
        .collect()
}

/// Defaults that break their own rules. The compiler sees that of literals; the
/// others are known once they are computed.
fn wrong_defaults(action: &ActionSpec) -> Vec<String> {
    pattern::enable();
    let Ok(schema) = Schema::compile(&action.params) else { return Vec::new() };
    let defaults = with_defaults(&action.params, &json!({}));
    let violations = schema.check(&defaults).into_iter().filter(|violation| violation.rule != "required");
    violations
        .map(|violation| {
            format!("warning: `{}`: the default of {}: {}", action.name, violation.pointer, violation.message)
        })
        .collect()
}

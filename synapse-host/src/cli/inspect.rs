//! `synapse plugin inspect`.

use clap::Args;
use serde_json::{Value, json};
use synapse_sdk::abi::identity::ListedAction;
use synapse_sdk::errors::Result;
use synapse_sdk::manifest::{ActionSpec, Manifest};
use synapse_sdk::schema::form;

use super::Common;
use super::output::{Output, table};
use super::target::TargetArgs;
use crate::inspect::{Inspected, inspect};
use crate::plugin::{OfferedAction, offered, read_config, registered_name};
use crate::trust::{self, Verdict};
use crate::worker_program::ask_for_manifest;

/// Show what a plugin offers: its actions, their schemas and forms.
///
/// The library is read, and asked for its schemas in a process of its own; no
/// action runs.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct InspectArgs {
    /// The plugin's folder, .so file or code
    #[arg(value_name = "TARGET")]
    named: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
    /// Print the JSON Schema of an action's params
    #[arg(long, value_name = "ACTION", conflicts_with = "form")]
    schema: Option<String>,
    /// Print the form for an action's params, a FormKit list
    #[arg(long, value_name = "ACTION")]
    form: Option<String>,
    /// With --schema or --form: that of the result
    #[arg(long)]
    result: bool,
}

const EXAMPLES: &str = "\
Examples:
  synapse plugin inspect                                     in a plugin's folder
  synapse plugin inspect examples/classifier --json
  synapse plugin inspect examples/classifier --schema train
  synapse plugin inspect examples/classifier --form train
  synapse plugin inspect examples/classifier --schema train --result";

impl InspectArgs {
    pub(crate) fn execute(self, common: &Common, output: &mut Output) -> Result<()> {
        let library = self.target.locate(self.named.as_deref(), common, output)?;
        let mut inspected = inspect(&library)?;
        if let Some(path) = self.target.config() {
            inspected.config = read_config(path)?;
        }
        let manifest = ask_for_manifest(&library)?;
        let listed: Vec<ListedAction> = manifest.actions.iter().map(ListedAction::from).collect();
        let actions = offered(&inspected.config, &listed);
        if let Some(action) = self.schema.as_ref().or(self.form.as_ref()) {
            let registered = registered_name(&actions, &listed, action)?;
            let document = self.asked_of(spec(&manifest, registered));
            return output.document(&document, |_| format!("{document:#}\n"));
        }
        let verdict = trust::verdict(&library)?;
        let document = json!([{
            "code": inspected.config.code,
            "name": inspected.config.name,
            "version": inspected.config.version,
            "category": inspected.config.category.as_str(),
            "path": library,
            "sdk": manifest.sdk,
            "rustc": inspected.facts.rustc,
            "target": inspected.facts.target,
            "actions": actions.iter().map(|action| action_document(action, &manifest)).collect::<Vec<_>>(),
            "data_types": manifest.data_types,
            "signature": verdict.document(),
        }]);
        output.document(&document, |columns| overview(&document[0], &inspected, &verdict, columns))
    }

    /// The schema or form that was asked for.
    fn asked_of(&self, spec: Option<&ActionSpec>) -> Value {
        let schema = match (spec, self.result) {
            (Some(spec), false) => &spec.params,
            (Some(spec), true) => &spec.result,
            (None, _) => &Value::Null,
        };
        match self.form {
            Some(_) => Value::Array(form::form(schema)),
            None => schema.clone(),
        }
    }
}

fn spec<'a>(manifest: &'a Manifest, registered: &str) -> Option<&'a ActionSpec> {
    manifest.actions.iter().find(|spec| spec.name == registered)
}

fn action_document(action: &OfferedAction, manifest: &Manifest) -> Value {
    let spec = action.registered.as_deref().and_then(|name| spec(manifest, name));
    json!({
        "name": action.name,
        "description": spec.map(|spec| spec.description.as_str())
            .filter(|text| !text.is_empty())
            .unwrap_or(&action.description),
        "method": action.method.map(|method| method.as_str()),
        "category": spec.and_then(|spec| spec.category).map(|category| category.as_str()),
        "input_type": spec.and_then(|spec| spec.input_type.as_deref()),
        "output_type": spec.and_then(|spec| spec.output_type.as_deref()),
        "entrypoint": action.entrypoint,
        "found": spec.is_some(),
        "params": spec.map(|spec| &spec.params),
        "result": spec.map(|spec| &spec.result),
    })
}

const NOT_SANDBOXED: &str = "\
Its code is not sandboxed: it has your rights, and in this process it can read and end everything. With --isolated its
crashes end a worker only; the rights are the same. Run only plugins you trust.
";

/// What a person wants to see first: what it is, and what it can do.
fn overview(plugin: &Value, inspected: &Inspected, verdict: &Verdict, columns: Option<usize>) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let rows: Vec<Vec<String>> = plugin["actions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|action| {
            let description = match action["found"].as_bool() {
                Some(true) => text(&action["description"]).lines().next().unwrap_or_default().to_owned(),
                _ => format!("not in the code: {}", text(&action["entrypoint"])),
            };
            let cells = ["name", "method", "input_type", "output_type"].map(|key| text(&action[key]));
            cells.into_iter().chain([description]).collect()
        })
        .collect();
    let config = &inspected.config;
    format!(
        "{} {} · {} · {}\n{}\nSDK {} · {} · {}\n{verdict}\n\n{}\n{NOT_SANDBOXED}",
        config.code,
        config.version,
        config.name,
        config.category.as_str(),
        text(&plugin["path"]),
        text(&plugin["sdk"]),
        inspected.facts.rustc,
        inspected.facts.target,
        table(&["ACTION", "METHOD", "INPUT", "OUTPUT", "DESCRIPTION"], &rows, columns)
    )
}

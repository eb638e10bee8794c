//! `synapse pipeline check`.

use clap::Args;
use serde_json::json;
use synapse_sdk::errors::Result;

use super::super::Common;
use super::super::output::Output;
use super::FileArgs;

/// Check a pipeline against the plugins it names, running nothing of them.
///
/// Every mismatch is told at once, each with its line and what to write: nodes,
/// actions, inputs and fields that are not there, types that do not fit, data
/// of the wrong kind, cycles, params that nothing gives. The exit code is then 3.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse pipeline check
  synapse pipeline check examples/pipeline/pipeline.yaml --json")]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    file: FileArgs,
}

impl CheckArgs {
    pub(crate) fn execute(self, common: &Common, output: &mut Output) -> Result<()> {
        let plan = self.file.plan(false, common, output)?;
        let (nodes, warnings) = (plan.pipeline.nodes.len(), plan.warnings.len());
        let told = plan.warnings.iter().map(|warning| {
            json!({ "line": warning.line, "column": warning.column, "path": warning.path,
                    "message": warning.message, "hint": warning.hint })
        });
        let document = json!({
            "pipeline": { "name": plan.pipeline.name, "file": plan.pipeline.file, "nodes": nodes,
                          "inputs": plan.inputs_schema() },
            "warnings": told.collect::<Vec<_>>(),
        });
        output.document(&document, |_| {
            let more = match warnings {
                0 => String::new(),
                1 => ", 1 warning".to_owned(),
                more => format!(", {more} warnings"),
            };
            let word = if nodes == 1 { "node" } else { "nodes" };
            format!("{}: {nodes} {word} fit together{more}\n", plan.pipeline.file)
        })
    }
}

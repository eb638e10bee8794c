//! `synapse plugin schema`.

use clap::Args;
use synapse_sdk::errors::Result;

use super::output::Output;
use crate::config::json_schema;

/// Print the JSON Schema of config.yaml, for editors.
///
/// An editor that knows YAML then completes keys, shows what they mean and
/// marks mistakes. It finds the schema by the first line of config.yaml:
/// `# yaml-language-server: $schema=config.schema.json`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SchemaArgs {}

const EXAMPLES: &str = "\
Examples:
  synapse plugin schema > config.schema.json
  synapse plugin inspect --schema train          the schema of an action's params";

impl SchemaArgs {
    pub(crate) fn execute(self, output: &mut Output) -> Result<()> {
        let schema = json_schema();
        output.document(&schema, |_| format!("{schema:#}\n"))
    }
}

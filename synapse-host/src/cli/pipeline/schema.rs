//! `synapse pipeline schema`.

use clap::Args;
use synapse_sdk::errors::Result;

use super::super::output::Output;
use crate::pipeline::json_schema;

/// Print the JSON Schema of a pipeline's file, for editors.
///
/// An editor that knows YAML finds it by the first line of the file:
/// `# yaml-language-server: $schema=pipeline.schema.json`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse pipeline schema > pipeline.schema.json")]
pub(crate) struct SchemaArgs {}

impl SchemaArgs {
    pub(crate) fn execute(self, output: &mut Output) -> Result<()> {
        let schema = json_schema();
        output.document(&schema, |_| format!("{schema:#}\n"))
    }
}

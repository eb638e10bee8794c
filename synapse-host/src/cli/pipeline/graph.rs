//! `synapse pipeline graph`.

use clap::Args;
use synapse_sdk::errors::Result;

use super::super::Common;
use super::super::output::Output;
use super::FileArgs;
use crate::pipeline::{Lines, json, mermaid, svg, tree};

/// Show a pipeline's graph.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse pipeline graph examples/pipeline/pipeline.yaml
  synapse pipeline graph --format svg > pipeline.svg
  synapse pipeline graph --format mermaid      for a page in Markdown")]
pub(crate) struct GraphArgs {
    #[command(flatten)]
    file: FileArgs,
    /// In which form
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a terminal
    #[default]
    Text,
    /// A picture
    Svg,
    /// A flowchart in the language of Mermaid
    Mermaid,
    /// For programs, also with --json
    Json,
}

impl GraphArgs {
    pub(crate) fn execute(self, common: &Common, output: &mut Output) -> Result<()> {
        let plan = self.file.plan(false, common, output)?;
        let document = json(&plan);
        let lines = Lines::new(output.look().unicode);
        output.document(&document, |_| match self.format {
            Format::Text => {
                let tree = tree(&plan, lines).into_iter().map(|(_, line)| line + "\n");
                format!("{}\n{}", plan.pipeline.name, tree.collect::<String>())
            }
            Format::Svg => svg(&plan),
            Format::Mermaid => mermaid(&plan),
            Format::Json => format!("{document:#}\n"),
        })
    }
}

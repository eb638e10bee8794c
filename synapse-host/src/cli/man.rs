//! `synapse man`.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use serde_json::json;
use synapse_sdk::errors::{Result, ResultExt};

use super::output::Output;

/// Write a man page for each command into a folder.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ManArgs {
    /// The folder, made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  synapse man ~/.local/share/man/man1 && man synapse-plugin-run";

impl ManArgs {
    pub(crate) fn execute(self, output: &mut Output) -> Result<()> {
        let failed = || format!("writing man pages to {}", self.folder.display());
        std::fs::create_dir_all(&self.folder).with_context(failed)?;
        clap_mangen::generate_to(super::Cli::command(), &self.folder).with_context(failed)?;
        let document = json!({ "path": self.folder });
        output.document(&document, |_| format!("{}\n", self.folder.display()))
    }
}

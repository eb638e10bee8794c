//! `synapse dataset`.

mod convert;
mod diff;
mod info;
mod progress;
mod source;
mod tallies;
mod validate;
mod view;

use clap::Subcommand;
use synapse_sdk::errors::Result;

use super::output::Output;

/// What is done with datasets.
#[derive(Subcommand, Debug)]
pub(crate) enum DatasetCommand {
    Convert(Box<convert::ConvertArgs>),
    Info(info::InfoArgs),
    Validate(validate::ValidateArgs),
    Diff(diff::DiffArgs),
    View(view::ViewArgs),
}

impl DatasetCommand {
    pub(crate) fn execute(self, output: &mut Output) -> Result<()> {
        match self {
            Self::Convert(args) => args.execute(output),
            Self::Info(args) => args.execute(output),
            Self::Validate(args) => args.execute(output),
            Self::Diff(args) => args.execute(output),
            Self::View(args) => args.execute(output),
        }
    }
}

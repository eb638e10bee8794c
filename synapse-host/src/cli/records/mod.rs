//! `synapse run`: what was run, what is running, and once more.

mod follow;
mod list;
mod pipeline;
mod rerun;
mod show;

use std::process::ExitCode;

pub(super) use rerun::enter;

use clap::Subcommand;
use synapse_sdk::errors::{NotFoundError, Result};

use super::Common;
use super::output::Output;
use crate::home::Home;

#[derive(Subcommand, Debug)]
pub(crate) enum RunCommand {
    List(list::ListArgs),
    Show(show::ShowArgs),
    Rerun(rerun::RerunArgs),
}

impl RunCommand {
    pub(crate) fn execute(self, common: &Common, output: &mut Output) -> Result<ExitCode> {
        let home = Home::from_env().ok_or_else(|| {
            NotFoundError::new("there is no folder where runs could be recorded").hint("set SYNAPSE_HOME")
        })?;
        match self {
            Self::List(args) => args.execute(&home, output)?,
            Self::Show(args) => return args.execute(&home, output),
            Self::Rerun(args) => args.execute(&home, common, output)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

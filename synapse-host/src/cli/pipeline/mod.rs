//! `synapse pipeline`.

mod board;
mod cache;
mod check;
mod graph;
mod place;
mod run;
mod schema;

use std::path::{Path, PathBuf};

pub(super) use run::{Again, rerun};

use clap::{Args, Subcommand};
use synapse_sdk::errors::Result;

use super::Common;
use super::output::Output;
use super::target::with_resolver;
use crate::author::Profile;
use crate::pipeline::{self, Plan};

#[derive(Subcommand, Debug)]
pub(crate) enum PipelineCommand {
    Check(check::CheckArgs),
    Graph(graph::GraphArgs),
    Run(run::RunArgs),
    Resume(run::ResumeArgs),
    /// Look at results that are kept for later runs
    #[command(subcommand)]
    Cache(cache::CacheCommand),
    Schema(schema::SchemaArgs),
}

impl PipelineCommand {
    pub(crate) fn execute(self, common: &Common, output: &mut Output) -> Result<()> {
        match self {
            Self::Check(args) => args.execute(common, output),
            Self::Graph(args) => args.execute(common, output),
            Self::Run(args) => args.execute(common, output),
            Self::Resume(args) => args.execute(common, output),
            Self::Cache(command) => command.execute(output),
            Self::Schema(args) => args.execute(output),
        }
    }
}

/// Which file, and how plugins are built.
#[derive(Args, Debug)]
pub(crate) struct FileArgs {
    /// The pipeline's file
    #[arg(value_name = "FILE", default_value = "pipeline.yaml")]
    file: PathBuf,
    /// Build plugins with optimisations
    #[arg(short, long)]
    release: bool,
}

impl FileArgs {
    fn profile(&self) -> Profile {
        if self.release { Profile::Release } else { Profile::Dev }
    }

    /// The pipeline, checked. `loads` its plugins into this process, where
    /// they are to run.
    fn plan(&self, loads: bool, common: &Common, output: &mut Output) -> Result<Plan> {
        let plan = plan(&self.file, self.profile(), loads, common, output)?;
        for warning in &plan.warnings {
            let (line, column) = (warning.line, warning.column);
            output.note(&format!("{}:{line}:{column}: {warning}", self.file.display()));
        }
        Ok(plan)
    }
}

fn plan(file: &Path, profile: Profile, loads: bool, common: &Common, output: &mut Output) -> Result<Plan> {
    with_resolver(profile, common, output, |resolver| pipeline::load(file, resolver, loads))
}

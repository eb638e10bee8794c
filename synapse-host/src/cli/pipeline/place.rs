//! Where the nodes of a pipeline run that do not say so themselves.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use synapse_sdk::errors::Result;

use crate::pipeline::RunOptions;
use crate::run::Mode;

/// Where nodes run.
#[derive(Args, Debug, Default)]
pub(super) struct PlaceArgs {
    /// Where nodes run that would run here: local, isolated, or on a Ray cluster with task or job
    /// [default: local]
    #[arg(short, long, value_parser = mode)]
    mode: Option<Mode>,
    /// The cluster of nodes that run on one: `ray://HOST:10001`, or `auto` for one on this machine
    /// [default: RAY_ADDRESS, or auto]
    #[arg(long, value_name = "ADDRESS")]
    ray_address: Option<String>,
    /// How long a worker on the cluster waits for another node [default: 5m]
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME")]
    ray_idle: Option<Duration>,
    /// Where files that nodes make and share lie, a folder for each run: on a file system that this machine
    /// and the cluster's nodes have in common [default: the folder of the run]
    #[arg(long, value_name = "FOLDER")]
    storage: Option<PathBuf>,
}

impl PlaceArgs {
    /// # Errors
    /// The storage is no path.
    pub(super) fn over(&self, options: &mut RunOptions) -> Result<()> {
        options.mode = self.mode.unwrap_or(options.mode);
        if let Some(address) = &self.ray_address {
            options.ray.address.clone_from(address);
        }
        options.ray.idle = self.ray_idle.unwrap_or(options.ray.idle);
        if let Some(storage) = &self.storage {
            // It is found again from any working folder.
            options.storage = Some(std::path::absolute(storage)?);
        }
        Ok(())
    }
}

fn mode(text: &str) -> std::result::Result<Mode, String> {
    let mode: Mode = text.parse().map_err(|error| format!("{error}"))?;
    mode.check_available().map_err(|error| error.to_string())?;
    Ok(mode)
}

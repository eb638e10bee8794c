//! Where the nodes of a pipeline run that do not say so themselves.

use clap::Args;

use crate::run::{Mode, RayOptions};

/// Where nodes run. A pipeline that goes on is told again.
#[derive(Args, Debug)]
pub(super) struct PlaceArgs {
    /// Where nodes run that would run here: isolated, or on a Ray cluster with task or job
    #[arg(short, long, default_value = "local", value_parser = mode)]
    pub(super) mode: Mode,
    /// The cluster of nodes that run on one: `ray://HOST:10001`, or `auto` for one on this machine
    #[arg(long, value_name = "ADDRESS", default_value = "auto", env = "RAY_ADDRESS")]
    ray_address: String,
}

impl Default for PlaceArgs {
    fn default() -> Self {
        Self { mode: Mode::Local, ray_address: RayOptions::default().address }
    }
}

impl PlaceArgs {
    pub(super) fn options(&self) -> RayOptions {
        RayOptions { address: self.ray_address.clone(), ..RayOptions::default() }
    }
}

fn mode(text: &str) -> Result<Mode, String> {
    let mode: Mode = text.parse().map_err(|error| format!("{error}"))?;
    mode.check_available().map_err(|error| error.to_string())?;
    Ok(mode)
}

//! Options of commands that run on a Ray cluster.

use std::time::Duration;

use clap::Args;

use crate::run::{RayOptions, RayPath};

#[derive(Args, Clone, Debug)]
pub(super) struct RayArgs {
    /// The cluster, for mode task: `ray://HOST:10001`, or `auto` for one on this machine
    #[arg(long, value_name = "ADDRESS", default_value = "auto", env = "RAY_ADDRESS")]
    ray_address: String,
    /// The way to the worker on the cluster: `direct`, `client` (through the port of Ray Client), or
    /// `auto` for the first that works
    #[arg(long, value_name = "PATH", default_value = "auto")]
    ray_path: RayPath,
    /// How long the worker on the cluster waits for another run
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME", default_value = "5m")]
    ray_idle: Duration,
}

impl RayArgs {
    pub(super) fn options(&self) -> RayOptions {
        RayOptions { address: self.ray_address.clone(), path: self.ray_path, idle: self.ray_idle }
    }
}

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
    /// What the worker needs of a resource that the cluster's owner has named
    #[arg(long = "ray-resource", value_name = "NAME=AMOUNT", value_parser = resource)]
    ray_resources: Vec<(String, f64)>,
}

impl RayArgs {
    pub(super) fn options(&self) -> RayOptions {
        RayOptions {
            address: self.ray_address.clone(),
            path: self.ray_path,
            idle: self.ray_idle,
            resources: self.ray_resources.iter().cloned().collect(),
            ..RayOptions::default()
        }
    }
}

pub(super) fn resource(text: &str) -> Result<(String, f64), String> {
    let (name, amount) = text.split_once('=').ok_or("expected NAME=AMOUNT, such as fpga=1")?;
    match amount.parse() {
        Ok(amount) if !name.is_empty() && amount > 0.0 && f64::is_finite(amount) => {
            Ok((name.to_owned(), amount))
        }
        _ => Err("expected a name and an amount above 0, such as fpga=1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_a_name_and_an_amount() {
        assert_eq!(resource("fpga=0.5"), Ok(("fpga".to_owned(), 0.5)));
        for wrong in ["fpga", "=1", "fpga=", "fpga=0", "fpga=-1", "fpga=inf", "fpga=NaN"] {
            assert!(resource(wrong).is_err(), "{wrong}");
        }
    }
}

//! What a run on Ray is asked for beside its action.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use synapse_sdk::words::words;

words! {
    /// The way from here to a worker on Ray.
    RayPath {
        /// Straight to the worker where its port can be reached, else through Ray Client.
        Auto = "auto",
        /// Straight to the worker.
        Direct = "direct",
        /// Through Ray Client, which needs the head's port alone.
        Client = "client",
    }
}

/// The cluster of a run in mode `task`, and how it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RayOptions {
    /// `ray://host:10001`, `http://host:8265`, or `auto` for what `RAY_ADDRESS`
    /// names, or else a cluster on this machine.
    pub address: String,
    /// The way to the worker.
    pub path: RayPath,
    /// How long the worker stays after its last host has left.
    pub idle: Duration,
}

impl Default for RayOptions {
    fn default() -> Self {
        Self { address: "auto".to_owned(), path: RayPath::Auto, idle: Duration::from_secs(300) }
    }
}

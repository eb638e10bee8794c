//! What a run on Ray is asked for beside its action.

use std::collections::BTreeMap;
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RayOptions {
    /// `ray://host:10001`, `http://host:8265`, or `auto` for what `RAY_ADDRESS`
    /// names, or else a cluster on this machine.
    pub address: String,
    /// The way to the worker.
    pub path: RayPath,
    /// How long the worker stays after its last host has left.
    pub idle: Duration,
    /// What the worker needs of resources that the cluster's owner has named.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub resources: BTreeMap<String, f64>,
    /// How many workers a map uses at most: one for each row that runs at once, unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<usize>,
    /// How often a run is begun again after its worker was lost. A map has retries of its own.
    #[serde(skip_serializing_if = "is_none")]
    pub retries: u32,
}

fn is_none(count: &u32) -> bool {
    *count == 0
}

impl Default for RayOptions {
    fn default() -> Self {
        Self {
            address: "auto".to_owned(),
            path: RayPath::Auto,
            idle: Duration::from_secs(300),
            resources: BTreeMap::new(),
            workers: None,
            retries: 0,
        }
    }
}

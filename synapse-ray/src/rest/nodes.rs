//! The nodes of a cluster.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Dashboard;
use crate::error::Result;

/// Of a larger cluster so many nodes are listed.
const MOST: u32 = 10_000;

/// A node of a cluster.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[non_exhaustive]
pub struct Node {
    /// Its name, in hex.
    pub node_id: String,
    /// Its address.
    #[serde(default)]
    pub node_ip: String,
    /// `ALIVE`, or what became of it.
    pub state: String,
    /// What it has in all, by name.
    #[serde(default)]
    pub resources_total: BTreeMap<String, f64>,
}

impl Node {
    /// Whether it is there.
    pub fn is_alive(&self) -> bool {
        self.state == "ALIVE"
    }
}

/// The state interface wraps what it lists twice.
#[derive(Deserialize)]
struct Listed {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    result: Inner,
}

#[derive(Deserialize)]
struct Inner {
    result: Vec<Node>,
}

impl Dashboard {
    /// The nodes, also those that are gone.
    ///
    /// # Errors
    /// As [`version`](Self::version).
    pub async fn nodes(&self) -> Result<Vec<Node>> {
        let listed: Listed = self.get(&format!("/api/v0/nodes?detail=true&limit={MOST}")).await?;
        Ok(listed.data.result.result)
    }
}

/// Reads what the dashboard tells of nodes.
#[cfg(fuzzing)]
pub(super) fn read_nodes(bytes: &bytes::Bytes) -> Result<Vec<Node>> {
    Ok(super::read::<Listed>("", bytes)?.data.result.result)
}

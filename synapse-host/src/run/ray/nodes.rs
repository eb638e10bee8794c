//! The nodes of a cluster: whether one of them is large enough, and whether what would be sent
//! there could run. That is asked before it is sent, once for each node; what a node answered
//! stands in the cluster's store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value as Json;
use synapse_ray::{ActorOptions, Address, Client, ConnectOptions};
use synapse_sdk::abi::identity::TARGET;
use synapse_sdk::errors::{IncompatiblePlugin, Result};
use synapse_sdk::{ErrorKind, PluginError};
use tokio::task::JoinSet;
use tokio::time::{Duration, timeout};

use super::actor::{Worker, failure, file_name};
use super::driver::Driver;
use crate::check::{PluginFile, Version};

const CLASS: &str = "SynapseNode";
const SOURCE: &str = r#"
class SynapseNode:
    def facts(self):
        import json, os, platform
        try:
            libc = os.confstr("CS_GNU_LIBC_VERSION").split()[1]
        except (AttributeError, OSError, ValueError, IndexError):
            libc = None
        return json.dumps({"machine": platform.machine(), "glibc": libc}).encode()
"#;
/// What the worker's program is called.
const WORKER: &str = "synapse-worker";
/// Of a larger cluster as many nodes are asked.
const MOST: usize = 64;
/// A node that does not answer in time may still do when it is needed.
const PATIENCE: Duration = Duration::from_secs(15);
/// The port of Ray Client, where only the dashboard is needed, may take so long to answer.
const REACH: Duration = Duration::from_secs(2);

/// Resources by their names, and how much of each is needed.
pub(super) type Wanted = [(String, f64)];

/// The nodes that are alive.
pub(super) struct Nodes(Vec<Node>);

struct Node {
    id: String,
    address: String,
    resources: BTreeMap<String, f64>,
}

/// What a file needs of the machine it runs on.
struct Needs {
    what: String,
    glibc: Option<Version>,
}

/// What a node is.
#[derive(Deserialize)]
struct Facts {
    machine: String,
    glibc: Option<String>,
}

impl Nodes {
    /// # Errors
    /// The cluster does not tell.
    pub(super) async fn of(driver: &Driver) -> Result<Self> {
        Ok(Self::read(&driver.nodes().await.map_err(failure)?))
    }

    /// As the dashboard lists them.
    pub(super) fn listed(nodes: Vec<synapse_ray::Node>) -> Self {
        let alive = nodes.into_iter().filter(synapse_ray::Node::is_alive);
        let node = |node: synapse_ray::Node| Node {
            id: node.node_id,
            address: node.node_ip,
            resources: node.resources_total,
        };
        Self(alive.map(node).collect())
    }

    fn read(nodes: &Json) -> Self {
        let text = |node: &Json, name: &str| node[name].as_str().unwrap_or_default().to_owned();
        let alive = nodes.as_array().into_iter().flatten().filter(|node| node["Alive"] == true);
        let node = |node: &Json| Node {
            id: text(node, "NodeID"),
            address: text(node, "NodeManagerAddress"),
            resources: serde_json::from_value(node["Resources"].clone()).unwrap_or_default(),
        };
        Self(alive.map(node).collect())
    }

    /// How many workers of one kind find room at once, when nothing else is there.
    pub(super) fn room(&self, wanted: &Wanted) -> usize {
        self.0.iter().map(|node| node.room(wanted)).fold(0, usize::saturating_add)
    }

    /// # Errors
    /// [`Remote`](ErrorKind::Remote) when no node is large enough.
    pub(super) fn check_feasible(&self, wanted: &Wanted) -> Result<()> {
        if self.room(wanted) > 0 {
            return Ok(());
        }
        let most = |name: &str| self.0.iter().map(|node| node.has(name)).fold(0.0, f64::max);
        let missing = wanted.iter().find(|(name, amount)| *amount > most(name));
        let message = match missing {
            Some((name, amount)) => {
                format!(
                    "the run needs {amount} {name}, and no node of the cluster has more than {}",
                    most(name)
                )
            }
            None => {
                let all: Vec<_> = wanted.iter().map(|(name, amount)| format!("{amount} {name}")).collect();
                format!("the run needs {}, and no node of the cluster has all of it", all.join(" and "))
            }
        };
        Err(PluginError::new(ErrorKind::Remote, message)
            .hint("ask for less with --cpus, --gpus, --memory or --ray-resource, or add nodes"))
    }

    /// As [`check`](Self::check), for what travels by way of the dashboard. Nodes are asked through Ray
    /// Client; where its port cannot be reached, the worker tells when it starts there.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub(super) async fn check_at(&self, address: &Address, worker: &Worker) -> Result<()> {
        let options = ConnectOptions { patience: REACH, ..ConnectOptions::from_env() };
        match Client::connect_with(address, options).await {
            Ok(client) => self.check(&client, worker).await,
            Err(_) => Ok(()),
        }
    }

    /// Holds plugin and worker, and what travels with them, against all nodes that might get them.
    ///
    /// # Errors
    /// [`IncompatiblePlugin`](ErrorKind::IncompatiblePlugin) naming the first
    /// node that could not run them.
    pub(super) async fn check(&self, client: &Client, worker: &Worker) -> Result<()> {
        let wanted = worker.wanted();
        let needs = needs(worker);
        let mut asked = JoinSet::new();
        for node in self.0.iter().filter(|node| node.room(&wanted) > 0).take(MOST) {
            let client = client.clone();
            let (id, address) = (node.id.clone(), node.address.clone());
            asked.spawn(async move {
                let facts = timeout(PATIENCE, facts_of(&client, &id, &address)).await;
                (address, facts.ok().and_then(Result::ok).flatten())
            });
        }
        while let Some(answer) = asked.join_next().await {
            // A node that tells nothing is found out when the worker starts there.
            if let Ok((address, Some(facts))) = answer {
                needs.iter().try_for_each(|needs| needs.check(&address, &facts))?;
            }
        }
        Ok(())
    }
}

impl Node {
    fn has(&self, name: &str) -> f64 {
        self.resources.get(name).copied().unwrap_or_default()
    }

    fn room(&self, wanted: &Wanted) -> usize {
        room_in(&self.resources, wanted)
    }
}

/// How many workers of one kind there is room for in so much of all resources.
pub(super) fn room_in(resources: &BTreeMap<String, f64>, wanted: &Wanted) -> usize {
    let has = |name: &str| resources.get(name).copied().unwrap_or_default();
    let needed = wanted.iter().filter(|(_, amount)| *amount > 0.0);
    needed.map(|(name, amount)| (has(name) / amount) as usize).min().unwrap_or(usize::MAX)
}

/// What all that travels needs of a node.
fn needs(worker: &Worker) -> Vec<Needs> {
    let of = |what: String, path: &Path| Needs { what, glibc: glibc_of(path) };
    let mut needs = vec![of("the plugin".to_owned(), &worker.library)];
    needs.push(of(WORKER.to_owned(), &worker.program));
    let shipped = |path: &PathBuf| of(format!("{}, which the plugin ships,", file_name(path)), path);
    needs.extend(worker.natives.iter().map(shipped));
    needs
}

/// What cannot be read is not known to need anything.
fn glibc_of(path: &Path) -> Option<Version> {
    PluginFile::read(path).ok()?.needs?.glibc
}

async fn facts_of(client: &Client, id: &str, address: &str) -> Result<Option<Facts>> {
    let key = format!("synapse/node/{id}");
    if let Some(known) = client.kv_get(key.clone()).await.map_err(failure)? {
        return Ok(serde_json::from_slice(&known).ok());
    }
    let driver = Driver::of(client).await?;
    let facts = ask(&driver, address).await.map_err(failure)?;
    client.kv_put(key, facts.clone(), true).await.map_err(failure)?;
    Ok(serde_json::from_slice(&facts).ok())
}

/// Asks a node, by way of an actor there.
async fn ask(driver: &Driver, address: &str) -> synapse_ray::Result<Bytes> {
    // Each node has a resource of its own name.
    let there = ActorOptions::new().num_cpus(0.0).resource(format!("node:{address}"), 0.001);
    let actor = driver.create_actor(SOURCE, CLASS, &[], &there).await?;
    let answer = actor.call("facts", &[]).await?;
    let facts = driver.get(&answer, Some(PATIENCE)).await?.into_bytes()?;
    actor.kill().await?;
    Ok(facts)
}

impl Needs {
    fn check(&self, address: &str, node: &Facts) -> Result<()> {
        let Self { what, glibc } = self;
        let here = std::env::consts::ARCH;
        if node.machine != here {
            let message = format!("node {address} is {}, {what} was built for {here}", node.machine);
            let hint = format!(
                "build both on a machine like that node, or ask for resources that only \
                 nodes with {here} have (--ray-resource)"
            );
            return Err(IncompatiblePlugin::new(message).hint(hint));
        }
        let Some(needed) = glibc else { return Ok(()) };
        let Some(there) = &node.glibc else {
            let message = format!("node {address} has no glibc, {what} needs {needed}");
            return Err(IncompatiblePlugin::new(message).hint("use nodes whose C library is glibc"));
        };
        match Version::parse(there) {
            Some(version) if version < *needed => {
                let message = format!("node {address} has glibc {there}, {what} needs {needed}");
                Err(IncompatiblePlugin::new(message).hint(self.how(there)))
            }
            _ => Ok(()),
        }
    }

    /// How one is made that runs with the C library of a node.
    fn how(&self, glibc: &str) -> String {
        match &*self.what {
            WORKER => format!(
                "build a worker for it in a clone of synapse, `cargo zigbuild --release -p synapse-host --bin \
                 synapse-worker --target {TARGET}.{glibc}`, and name it with SYNAPSE_WORKER"
            ),
            _ => format!(
                "`synapse plugin build --release --glibc {glibc}` makes a bundle for such nodes: name that as the plugin"
            ),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(needs: &str, machine: &str, glibc: Option<&str>) -> Option<String> {
        let needs = Needs { what: "the plugin".to_owned(), glibc: Version::parse(needs) };
        let node = Facts { machine: machine.to_owned(), glibc: glibc.map(str::to_owned) };
        needs.check("10.0.0.7", &node).err().map(|error| error.message().to_owned())
    }

    #[test]
    fn a_node_that_could_not_run_it_is_named() {
        let here = std::env::consts::ARCH;
        assert_eq!(said("2.34", here, Some("2.34")), None);
        assert_eq!(
            said("2.34", here, Some("2.28")).unwrap(),
            "node 10.0.0.7 has glibc 2.28, the plugin needs 2.34"
        );
        assert_eq!(said("2.34", here, None).unwrap(), "node 10.0.0.7 has no glibc, the plugin needs 2.34");
        let other = format!("node 10.0.0.7 is riscv64, the plugin was built for {here}");
        assert_eq!(said("2.34", "riscv64", Some("2.40")).unwrap(), other);
    }

    #[test]
    fn how_to_build_for_a_node_is_told_of_plugin_and_worker() {
        let node = Facts { machine: std::env::consts::ARCH.to_owned(), glibc: Some("2.28".to_owned()) };
        let hint = |what: &str| {
            let needs = Needs { what: what.to_owned(), glibc: Version::parse("2.36") };
            needs.check("10.0.0.7", &node).unwrap_err().hint_text().unwrap_or_default().to_owned()
        };
        assert!(hint("the plugin").starts_with("`synapse plugin build --release --glibc 2.28`"));
        let worker = hint(WORKER);
        assert!(worker.contains(&format!("--bin synapse-worker --target {TARGET}.2.28`")), "{worker}");
        assert!(worker.contains("SYNAPSE_WORKER"), "{worker}");
    }

    fn nodes() -> Nodes {
        let node = |alive: bool, cpus: f64, gpus: f64| {
            let resources = json!({ "CPU": cpus, "GPU": gpus });
            json!({ "NodeID": "n", "Alive": alive, "NodeManagerAddress": "a", "Resources": resources })
        };
        Nodes::read(&json!([node(true, 1.0, 1.0), node(false, 64.0, 64.0), node(true, 4.0, 0.0)]))
    }

    fn refused(wanted: &[(&str, f64)]) -> Option<String> {
        let wanted: Vec<_> = wanted.iter().map(|(name, amount)| ((*name).to_owned(), *amount)).collect();
        nodes().check_feasible(&wanted).err().map(|error| error.message().to_owned())
    }

    #[test]
    fn a_worker_needs_one_node_that_has_all_of_it() {
        assert_eq!(refused(&[("CPU", 4.0)]), None);
        assert_eq!(refused(&[("CPU", 1.0), ("GPU", 0.5)]), None);
        let many = refused(&[("CPU", 5.0)]).unwrap();
        assert_eq!(many, "the run needs 5 CPU, and no node of the cluster has more than 4");
        let both = refused(&[("CPU", 2.0), ("GPU", 1.0)]).unwrap();
        assert_eq!(both, "the run needs 2 CPU and 1 GPU, and no node of the cluster has all of it");
        let half = [("CPU".to_owned(), 0.5)];
        assert_eq!(nodes().room(&half), 2 + 8);
    }
}

//! Looks at a cluster.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use synapse_ray::{Address, Client, ConnectOptions, Error, SessionOptions, Versions};
use synapse_sdk::errors::Result;

use super::actor::{failure, runtime};

/// What a cluster answers.
pub(crate) struct Probe {
    /// Host and port of Ray Client.
    pub(crate) place: String,
    /// From question to answer.
    pub(crate) round_trip: Duration,
    /// What its driver tells, if it was asked.
    pub(crate) facts: Option<Facts>,
}

pub(crate) struct Facts {
    /// How it knows who asks.
    pub(crate) authentication: &'static str,
    pub(crate) versions: Versions,
    pub(crate) nodes: usize,
    pub(crate) all: BTreeMap<String, f64>,
    pub(crate) free: BTreeMap<String, f64>,
}

/// Asks whether a cluster answers; `thoroughly` also opens a session there,
/// which takes a second or three.
///
/// # Errors
/// It cannot be reached, or refuses the token.
pub(crate) fn probe(address: &str, thoroughly: bool) -> Result<Probe> {
    let looking = async {
        let address = Address::resolve(address)?;
        let client = Client::connect(&address).await?;
        let asked = Instant::now();
        client.ping().await?;
        let round_trip = asked.elapsed();
        let facts = if thoroughly { Some(facts(&address, &client).await?) } else { None };
        Ok(Probe { place: address.client().to_owned(), round_trip, facts })
    };
    runtime()?.block_on(looking).map_err(failure)
}

async fn facts(address: &Address, client: &Client) -> Result<Facts, Error> {
    let session = client.session(SessionOptions::default()).await?;
    let alive = |node: &&serde_json::Value| node["Alive"] == true;
    let facts = Facts {
        authentication: authentication(address).await,
        versions: session.versions().await?,
        nodes: session.nodes().await?.as_array().map_or(0, |nodes| nodes.iter().filter(alive).count()),
        all: session.cluster_resources().await?,
        free: session.available_resources().await?,
    };
    session.close().await?;
    Ok(facts)
}

/// Asks without a token too, to know whether one is needed.
async fn authentication(address: &Address) -> &'static str {
    let options = ConnectOptions { token: None, ..ConnectOptions::from_env() };
    let tls = options.tls.is_some();
    let stranger = async { Client::connect_with(address, options).await?.ping().await };
    match (stranger.await, tls) {
        (Err(Error::Unauthenticated { .. }), true) => "token and TLS",
        (Err(Error::Unauthenticated { .. }), false) => "token",
        (_, true) => "TLS",
        (_, false) => "none",
    }
}

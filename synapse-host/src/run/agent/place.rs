//! Where the folder is that a run shares with others of its pipeline, and runs whose files are elsewhere.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::Value;
use synapse_sdk::errors::Result;
use synapse_sdk::{Env, ErrorKind};

use super::connection::Connection;
use crate::run::folder::{Mirror, SharedFolder};
use crate::run::isolated::IsolatedRun;
use crate::worker::host_services::HostServices;

pub(super) enum Place {
    /// There is none.
    Nowhere,
    /// This machine has it.
    Here,
    /// The host has it.
    Away(Mirror),
}

impl Place {
    /// Where `folder` is for the node of that address.
    ///
    /// # Errors
    /// There is no room for what is fetched of it.
    pub(super) fn of(folder: Option<SharedFolder>, node: IpAddr) -> Result<Self> {
        Ok(match folder {
            None => Self::Nowhere,
            Some(folder) if folder.is_here() => Self::Here,
            Some(folder) => Self::Away(Mirror::enter(folder, node)?),
        })
    }

    /// Variables as they are on this machine.
    pub(super) fn env(&self, env: Env) -> Env {
        match self {
            Self::Away(mirror) => mirror.folder().env_for(mirror.root(), env),
            Self::Nowhere | Self::Here => env,
        }
    }
}

/// Runs an action whose files the host has: it gets those that its params name, and the host gets what
/// it made, also when it fails.
pub(super) fn run_away(
    mirror: &Mirror,
    named: &str,
    host: &HostServices<Arc<Connection>>,
    run: &IsolatedRun,
) -> Result<String> {
    let ask = |service: &str, request: &Value, body: &[u8]| host.ask(service, request, body);
    mirror.fetch(&ask, named)?;
    let before = mirror.held();
    let done = run.execute();
    if done.as_ref().is_err_and(|error| error.kind() == ErrorKind::Cancelled) {
        return done;
    }
    let sent = mirror.send(&ask, &before);
    let result = done?;
    sent?;
    Ok(mirror.folder().in_own_terms(mirror.root(), result))
}

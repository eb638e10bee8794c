//! Endpoints: actions that a Ray cluster answers requests with, by way of Ray Serve.
//!
//! An endpoint is an application of Ray Serve's, or for a while two: [`deploy`](super::deploy) tells why.

use std::time::{Duration, Instant};

use serde_json::Value;
use synapse_ray::{Address, Application, ApplicationStatus, Dashboard, Error, Serve, ServeChange};
use synapse_sdk::errors::Result;
use synapse_sdk::{ErrorKind, PluginError};

use super::actor::{failure, runtime};
use super::jobs::dashboard_of;

/// The one deployment of an application.
pub(super) const DEPLOYMENT: &str = "action";
/// How often it is looked how far an application is.
pub(super) const OFTEN: Duration = Duration::from_millis(200);

/// The endpoints of a cluster.
pub(crate) struct Endpoints {
    pub(super) address: Address,
    pub(super) dashboard: Dashboard,
}

/// An endpoint as the cluster tells it.
pub(crate) struct Endpoint {
    pub(crate) name: String,
    /// The application behind it.
    pub(crate) application: String,
    pub(crate) url: Option<String>,
    pub(crate) plugin: String,
    pub(crate) version: String,
    pub(crate) action: String,
    pub(crate) sha256: String,
    pub(crate) status: ApplicationStatus,
    pub(crate) message: String,
    /// Seconds since 1970.
    pub(crate) deployed: Option<f64>,
    pub(crate) running: usize,
    pub(crate) wanted: u32,
    pub(super) route: Option<String>,
}

impl Endpoint {
    /// Whether another one of its name answers: it is going, or has not taken over yet.
    fn is_passing(&self) -> bool {
        let digest = self.application.rsplit('-').next().unwrap_or_default();
        let beside = |route: &str| route.ends_with(&beside_route("", digest));
        self.status == ApplicationStatus::Deleting || self.route.as_deref().is_none_or(beside)
    }
}

/// Where an application answers until it takes over.
pub(super) fn beside_route(route: &str, digest: &str) -> String {
    format!("{route}--{digest}")
}

impl Endpoints {
    /// # Errors
    /// [`Usage`](ErrorKind::Usage) for an address that is none.
    pub(crate) fn at(address: &str) -> Result<Self> {
        let (address, dashboard) = dashboard_of(address)?;
        Ok(Self { address, dashboard })
    }

    /// The dashboard's URL.
    pub(crate) fn url(&self) -> &str {
        self.dashboard.url()
    }

    /// The endpoints of the cluster, by name; those that take over from others come after them.
    ///
    /// # Errors
    /// [`Remote`](ErrorKind::Remote).
    pub(crate) fn list(&self) -> Result<Vec<Endpoint>> {
        let serve = runtime()?.block_on(self.dashboard.serve()).map_err(without_serve)?;
        Ok(self.endpoints(&serve))
    }

    /// The one of a name that answers, or would.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound); [`Remote`](ErrorKind::Remote).
    pub(crate) fn get(&self, name: &str) -> Result<Endpoint> {
        self.list()?.into_iter().find(|endpoint| endpoint.name == name).ok_or_else(|| missing(name))
    }

    pub(super) async fn change(&self, changes: &[ServeChange]) -> Result<()> {
        self.dashboard.change_serve(changes).await.map_err(without_serve)
    }

    /// Deletes an endpoint, and waits until it is gone.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) fn delete(&self, name: &str, patience: Duration) -> Result<()> {
        runtime()?.block_on(async {
            let serve = self.dashboard.serve().await.map_err(without_serve)?;
            let ours = self.endpoints(&serve).into_iter().filter(|endpoint| endpoint.name == name);
            let names: Vec<_> = ours.map(|endpoint| endpoint.application).collect();
            if names.is_empty() {
                return Err(missing(name));
            }
            let changes: Vec<_> = names.iter().cloned().map(ServeChange::Delete).collect();
            self.change(&changes).await?;
            let begun = Instant::now();
            loop {
                let serve = self.dashboard.serve().await.map_err(without_serve)?;
                if names.iter().all(|name| !serve.applications.contains_key(name)) {
                    return Ok(());
                }
                if begun.elapsed() > patience {
                    let message = format!("`{name}` is still being deleted after {} s", patience.as_secs());
                    return Err(PluginError::new(ErrorKind::Remote, message)
                        .hint("its replicas end once they have answered what they work on"));
                }
                tokio::time::sleep(OFTEN).await;
            }
        })
    }

    pub(super) fn endpoints(&self, serve: &Serve) -> Vec<Endpoint> {
        let ours = serve.applications.iter();
        let mut ours: Vec<_> =
            ours.filter_map(|(name, application)| self.endpoint(serve, name, application)).collect();
        ours.sort_by_key(|endpoint| (endpoint.name.clone(), endpoint.is_passing()));
        ours
    }

    /// An application that is an endpoint of ours.
    pub(super) fn endpoint(&self, serve: &Serve, application: &str, told: &Application) -> Option<Endpoint> {
        let config: Value = serde_json::from_str(told.config.as_ref()?.get()).ok()?;
        let notes = &config["args"]["synapse"];
        let text = |name: &str| notes[name].as_str().unwrap_or_default().to_owned();
        let deployment = told.deployments.get(DEPLOYMENT);
        let running = |replica: &&synapse_ray::Replica| replica.state == "RUNNING";
        // Releases up to 2.40 go on telling the path that an application had first.
        let asked = config["route_prefix"].as_str();
        let route = told.route_prefix.as_deref().map(|told| asked.unwrap_or(told).to_owned());
        Some(Endpoint {
            name: notes["name"].as_str()?.to_owned(),
            application: application.to_owned(),
            url: route.as_deref().map(|route| self.proxied(serve, route)),
            plugin: text("plugin"),
            version: text("version"),
            action: text("action"),
            sha256: text("sha256"),
            status: told.status,
            message: told.message.clone(),
            deployed: told.last_deployed_time_s,
            running: deployment.map_or(0, |it| it.replicas.iter().filter(running).count()),
            wanted: deployment.and_then(|it| it.target_num_replicas).unwrap_or_default(),
            route,
        })
    }

    /// The URL of a path at the proxy on the dashboard's machine.
    fn proxied(&self, serve: &Serve, route: &str) -> String {
        let (port, root) = serve.http();
        let place = self.dashboard.url().split_once("://").map_or("", |(_, place)| place);
        let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
        format!("http://{host}:{port}{root}{route}")
    }
}

fn missing(name: &str) -> PluginError {
    PluginError::new(ErrorKind::NotFound, format!("the cluster has no endpoint `{name}`"))
        .hint("`synapse serve status` shows what there is")
}

pub(super) fn without_serve(error: Error) -> PluginError {
    match &error {
        Error::Http { status: 404 | 501, .. } => {
            PluginError::new(ErrorKind::Remote, "the cluster has no Ray Serve")
                .hint("install it on its nodes: pip install \"ray[serve]\"")
        }
        _ => failure(error),
    }
}

//! Endpoints: actions that a Ray cluster answers requests with, by way of Ray Serve.
//!
//! An endpoint is an application of Ray Serve's. Another build, or other settings of the action, are another
//! application: it is deployed beside the one that answers, on a path of its own, and takes that one's path once
//! it is healthy. So nothing is stopped before what follows it answers, and what never gets healthy is
//! never asked.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use synapse_ray::{
    Address, Application, ApplicationStatus, Client, Dashboard, Error, Package, Route, RouteAnswer, Serve,
    ServeChange,
};
use synapse_sdk::errors::{PluginRunError, Result, ResultExt};
use synapse_sdk::events::Event;
use synapse_sdk::{Env, ErrorKind, PluginError};

use super::actor::{Worker, failure, file_name, runtime, short};
use super::jobs::{MOST_INLINE, dashboard_of, send};
use super::nodes::Nodes;
use super::options::RayOptions;
use super::sent::SentEvents;
use crate::author::Profile;
use crate::plugin::Plugin;
use crate::plugin_ref::PluginRef;
use crate::record::parse_event;
use crate::run::endpoint::{EndpointSpec, SHIM};
use crate::run::request::RunRequest;

/// The shim's module, and its file in the package.
const MODULE: &str = "synapse_endpoint";
/// The one deployment of an application.
const DEPLOYMENT: &str = "action";
/// How often it is looked how far an application is.
const OFTEN: Duration = Duration::from_millis(200);
/// Proxies and routers have heard of a change by then.
const SETTLED: Duration = Duration::from_secs(1);
/// What the cluster keeps of a package that no replica needs for now.
const LONG: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// How an endpoint is deployed.
#[derive(Clone, Debug)]
pub(crate) struct EndpointOptions {
    /// Its name: one of a name answers.
    pub(crate) name: String,
    /// The path that leads to it.
    pub(crate) route: String,
    /// Replicas, at least and at most.
    pub(crate) replicas: (u32, u32),
    /// How long replicas stay that are not needed any more.
    pub(crate) idle: Duration,
    /// Requests that a replica works on at once.
    pub(crate) at_once: u32,
    /// Requests that may wait at a proxy; more are refused with status 503.
    pub(crate) waiting: Option<u32>,
    /// Workers of a replica.
    pub(crate) workers: usize,
    /// How long it may take until it is healthy.
    pub(crate) patience: Duration,
}

/// The endpoints of a cluster.
pub(crate) struct Endpoints {
    address: Address,
    dashboard: Dashboard,
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
    route: Option<String>,
}

/// What an endpoint tells on its way to a result.
pub(crate) enum Answered {
    /// The action reported something.
    Event(Box<Event<'static>>),
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
fn beside_route(route: &str, digest: &str) -> String {
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

    /// Deploys an action, and waits until it answers in place of what answered before.
    ///
    /// # Errors
    /// [`Usage`](ErrorKind::Usage) when the path leads elsewhere; the action's own when its setup fails;
    /// [`Remote`](ErrorKind::Remote) when the cluster cannot be reached, has no room or too little time.
    pub(crate) fn deploy(
        &self,
        plugin: &Plugin,
        request: &RunRequest,
        options: &EndpointOptions,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Endpoint> {
        let worker = Worker::of(plugin, request, 0)?;
        let package = Package::uri(&format!("synapse{}", short(&format!("{} {SHIM}", worker.package))));
        let new = Deployment::of(plugin, request, options, &worker, &package)?;
        runtime()?.block_on(async {
            Nodes::listed(self.dashboard.nodes().await.map_err(failure)?).check_feasible(&worker.wanted())?;
            let serve = self.dashboard.serve().await.map_err(without_serve)?;
            check_route(&serve, options)?;
            let file = format!("{MODULE}.py");
            let pack = || worker.pack(Some((&file, SHIM.as_bytes())));
            send(&self.dashboard, &self.address, &package, pack).await?;
            if options.replicas.0 == 0 && !self.keep(&package).await {
                tell("warning: without the port of Ray Client the cluster may forget the package while there are no replicas");
            }
            self.take_over(&serve, &new, options, tell).await
        })
    }

    /// Keeps a package also while no replica needs it.
    async fn keep(&self, package: &str) -> bool {
        match Client::connect(&self.address).await {
            Ok(client) => client.pin(package, LONG).await.is_ok(),
            Err(_) => false,
        }
    }

    async fn take_over(
        &self,
        serve: &Serve,
        new: &Deployment,
        options: &EndpointOptions,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Endpoint> {
        let before: Vec<_> =
            self.endpoints(serve).into_iter().filter(|endpoint| endpoint.name == options.name).collect();
        let answers = before.iter().find(|endpoint| endpoint.status != ApplicationStatus::Deleting);
        let beside = answers.is_some_and(|endpoint| endpoint.application != new.application);
        let first_route = match beside {
            true => beside_route(&options.route, &new.digest),
            false => options.route.clone(),
        };
        tell(if beside { "starting replicas beside those that answer" } else { "starting replicas" });
        self.change(&[ServeChange::Put(new.config(&first_route))]).await?;
        let healthy = self.healthy(new, &first_route, options.patience, tell).await;
        let endpoint = match healthy {
            Ok(endpoint) => endpoint,
            Err(error) => {
                // One that changed its number of replicas only still has those it had.
                if answers.is_none_or(|endpoint| endpoint.application != new.application) {
                    self.change(&[ServeChange::Delete(new.application.clone())]).await?;
                }
                if let Some(endpoint) = answers.filter(|_| beside) {
                    tell(&format!("`{}` answers as before", endpoint.name));
                }
                return Err(error);
            }
        };
        if !beside {
            return Ok(endpoint);
        }
        tell("healthy; it takes over");
        let others = before.iter().map(|endpoint| &endpoint.application);
        let gone = others.filter(|name| **name != new.application).cloned();
        let mut changes = vec![ServeChange::Put(new.config(&options.route))];
        changes.extend(gone.map(ServeChange::Delete));
        self.change(&changes).await?;
        let endpoint = self.healthy(new, &options.route, options.patience, tell).await?;
        tokio::time::sleep(SETTLED).await;
        Ok(endpoint)
    }

    async fn change(&self, changes: &[ServeChange]) -> Result<()> {
        self.dashboard.change_serve(changes).await.map_err(without_serve)
    }

    /// Waits until an application answers at `route`.
    async fn healthy(
        &self,
        new: &Deployment,
        route: &str,
        patience: Duration,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Endpoint> {
        let begun = Instant::now();
        let mut told = String::new();
        loop {
            let serve = self.dashboard.serve().await.map_err(without_serve)?;
            let application = serve.applications.get(&new.application);
            if let Some(endpoint) =
                application.and_then(|known| self.endpoint(&serve, &new.application, known))
                && let Some(application) = application
            {
                match application.status {
                    ApplicationStatus::Running if endpoint.route.as_deref() == Some(route) => {
                        return Ok(endpoint);
                    }
                    ApplicationStatus::DeployFailed | ApplicationStatus::Unhealthy => {
                        return Err(why(application));
                    }
                    _ if reason(application).is_some_and(|text| text.contains(OURS)) => {
                        return Err(why(application));
                    }
                    _ => {}
                }
                if let Some(waits) = waits_for(application).filter(|waits| *waits != told) {
                    tell(&waits);
                    told = waits;
                }
            }
            if begun.elapsed() > patience {
                let message = format!("`{}` did not get healthy within {} s", new.name, patience.as_secs());
                let error = PluginError::new(ErrorKind::Remote, message);
                return Err(match application.and_then(reason) {
                    Some(text) => error.hint(text),
                    None => {
                        error.hint("give it more with --wait, or ask for less with --cpus, --gpus, --memory")
                    }
                });
            }
            tokio::time::sleep(OFTEN).await;
        }
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

    /// The schema of the params of the endpoint at a URL.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(crate) fn schema(url: &str) -> Result<Value> {
        runtime()?.block_on(async {
            let answer = Route::at(url).map_err(failure)?.get("/schema").await.map_err(unanswered)?;
            whole(answer).await
        })
    }

    /// Asks the endpoint at a URL, and gives its result. When it is `streamed`, what the action reports is told as it
    /// does.
    ///
    /// # Errors
    /// [`Remote`](ErrorKind::Remote) when nobody answers there; the endpoint's own.
    pub(crate) fn ask(
        url: &str,
        params: String,
        streamed: bool,
        mut tell: impl FnMut(Answered),
    ) -> Result<Value> {
        runtime()?.block_on(async {
            let route = Route::at(url).map_err(failure)?;
            let below = if streamed { "?stream=1" } else { "" };
            let mut answer = route.post(below, params).await.map_err(unanswered)?;
            if !streamed || !answer.is_success() {
                return whole(answer).await;
            }
            let mut events = SentEvents::default();
            while let Some(piece) = answer.next().await.map_err(failure)? {
                for (name, data) in events.take(&piece) {
                    match &*name {
                        "result" => return Ok(serde_json::from_str(&data)?),
                        "error" => return Err(told(data.as_bytes(), 200)),
                        _ => parse_event(&data)
                            .into_iter()
                            .for_each(|event| tell(Answered::Event(Box::new(event)))),
                    }
                }
            }
            Err(PluginError::new(ErrorKind::Remote, "the endpoint ended before it gave a result")
                .hint("its replica was stopped, or ran out of time; ask again"))
        })
    }

    fn endpoints(&self, serve: &Serve) -> Vec<Endpoint> {
        let ours = serve.applications.iter();
        let mut ours: Vec<_> =
            ours.filter_map(|(name, application)| self.endpoint(serve, name, application)).collect();
        ours.sort_by_key(|endpoint| (endpoint.name.clone(), endpoint.is_passing()));
        ours
    }

    /// An application that is an endpoint of ours.
    fn endpoint(&self, serve: &Serve, application: &str, told: &Application) -> Option<Endpoint> {
        let config: Value = serde_json::from_str(told.config.as_ref()?.get()).ok()?;
        let notes = &config["args"]["synapse"];
        let text = |name: &str| notes[name].as_str().unwrap_or_default().to_owned();
        let deployment = told.deployments.get(DEPLOYMENT);
        let running = |replica: &&synapse_ray::Replica| replica.state == "RUNNING";
        Some(Endpoint {
            name: notes["name"].as_str()?.to_owned(),
            application: application.to_owned(),
            url: told.route_prefix.as_deref().map(|route| self.proxied(serve, route)),
            plugin: text("plugin"),
            version: text("version"),
            action: text("action"),
            sha256: text("sha256"),
            status: told.status,
            message: told.message.clone(),
            deployed: told.last_deployed_time_s,
            running: deployment.map_or(0, |it| it.replicas.iter().filter(running).count()),
            wanted: deployment.and_then(|it| it.target_num_replicas).unwrap_or_default(),
            route: told.route_prefix.clone(),
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

/// An application in the making.
struct Deployment {
    name: String,
    application: String,
    /// What it is made of.
    digest: String,
    config: Value,
}

impl Deployment {
    fn of(
        plugin: &Plugin,
        request: &RunRequest,
        options: &EndpointOptions,
        worker: &Worker,
        package: &str,
    ) -> Result<Self> {
        let library = file_name(&plugin.image().path);
        // Without what is of this machine: the same build is the same application from wherever it is deployed.
        let mut request = RunRequest { ray: RayOptions::default(), profile: Profile::Dev, ..request.clone() };
        request.plugin = PluginRef::Path(library.clone().into());
        let spec = EndpointSpec {
            library,
            env: Env::clone(&plugin.env_under(&request.env)),
            request: request.clone(),
            workers: options.workers,
        };
        let spec = serde_json::to_string(&spec)?;
        if spec.len() > MOST_INLINE {
            return Err(PluginError::new(ErrorKind::Usage, "the variables of the endpoint are too long")
                .hint("pass long texts as files that the nodes have"));
        }
        let config = plugin.config();
        let args = json!({
            "synapse": {
                "name": options.name,
                "plugin": config.code,
                "version": config.version,
                "action": request.action,
                "sha256": worker.sha256()?,
            },
            "endpoint": spec,
        });
        let actor = actor_options(&worker.wanted());
        let digest = short(&format!("{package} {args} {actor}"));
        let mut deployment = json!({
            "name": DEPLOYMENT,
            "max_ongoing_requests": options.at_once,
            "max_queued_requests": options.waiting.map_or(-1, i64::from),
            "graceful_shutdown_timeout_s": request.timeout.map_or(30.0, |time| time.as_secs_f64() + 5.0),
            "ray_actor_options": actor,
        });
        let (least, most) = options.replicas;
        match least == most {
            true => deployment["num_replicas"] = json!(least),
            false => {
                deployment["autoscaling_config"] = json!({
                    "min_replicas": least,
                    "max_replicas": most,
                    "initial_replicas": least.max(1),
                    "target_ongoing_requests": (f64::from(options.at_once) / 2.0).max(1.0),
                    "upscale_delay_s": 1.0,
                    "downscale_delay_s": options.idle.as_secs_f64(),
                });
            }
        }
        let application = format!("{}-{}", options.name, &digest[..8]);
        let config = json!({
            "name": application,
            "import_path": format!("{MODULE}:build"),
            "runtime_env": { "working_dir": package },
            "args": args,
            "deployments": [deployment],
        });
        Ok(Self { name: options.name.clone(), application, digest: digest[..8].to_owned(), config })
    }

    fn config(&self, route: &str) -> Value {
        let mut config = self.config.clone();
        config["route_prefix"] = json!(route);
        config
    }
}

fn actor_options(wanted: &[(String, f64)]) -> Value {
    let mut options = json!({});
    for (name, amount) in wanted {
        match &**name {
            "CPU" => options["num_cpus"] = json!(amount),
            "GPU" => options["num_gpus"] = json!(amount),
            "memory" => options["memory"] = json!(amount),
            name => options["resources"][name] = json!(amount),
        }
    }
    options
}

/// # Errors
/// [`Usage`](ErrorKind::Usage) when another application has the path.
fn check_route(serve: &Serve, options: &EndpointOptions) -> Result<()> {
    let is_ours = |application: &Application| {
        let config =
            application.config.as_ref().and_then(|config| serde_json::from_str::<Value>(config.get()).ok());
        config.is_some_and(|config| config["args"]["synapse"]["name"] == options.name)
    };
    let other = serve.applications.iter().find(|(_, application)| {
        // Nothing leads to one that is being deleted.
        application.status != ApplicationStatus::Deleting
            && application.route_prefix.as_deref() == Some(&options.route)
            && !is_ours(application)
    });
    let Some((name, _)) = other else { return Ok(()) };
    let message = format!("the path {} leads to the application `{name}`", options.route);
    Err(PluginError::new(ErrorKind::Usage, message).hint("choose another with --route"))
}

/// Before what the shim passes on.
const OURS: &str = "SYNAPSE ";

/// What Ray says of an application that is not healthy.
fn reason(application: &Application) -> Option<&str> {
    let parts = application.deployments.values().map(|deployment| &*deployment.message);
    let mut said = parts.chain([&*application.message]).filter(|text| !text.trim().is_empty());
    let first = said.clone().next();
    said.find(|text| text.contains(OURS)).or(first)
}

/// What an application waits for, where Ray says it.
fn waits_for(application: &Application) -> Option<String> {
    let deployment = application.deployments.get(DEPLOYMENT)?;
    let text = deployment.message.lines().next()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Why an application cannot be deployed: the endpoint's own error, or what Ray says.
fn why(application: &Application) -> PluginError {
    let text = reason(application).unwrap_or("Ray does not say why").trim();
    if let Some((_, ours)) = text.rsplit_once(OURS) {
        let mut json = serde_json::Deserializer::from_str(ours.trim()).into_iter::<Value>();
        return match json.next() {
            Some(Ok(told)) => PluginError::from_json(told["error"].to_string().as_bytes()),
            _ => super::actor::did_not_start(ours),
        };
    }
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or(text);
    PluginRunError::new(format!("Ray Serve could not deploy it: {}", last.trim()))
        .details(json!({ "traceback": text }))
        .hint("the cluster's own logs say more")
}

/// # Errors
/// What the answer tells, when it says no.
async fn whole(answer: RouteAnswer) -> Result<Value> {
    let (status, success) = (answer.status, answer.is_success());
    let body = answer.whole().await.map_err(failure)?;
    match success {
        true => serde_json::from_slice(&body).context("what the endpoint answered"),
        false => Err(told(&body, status)),
    }
}

/// An answer that says no: an endpoint's own, or the proxy's.
fn told(body: &[u8], status: u16) -> PluginError {
    if let Ok(document) = serde_json::from_slice::<Value>(body)
        && document["error"]["kind"].is_string()
    {
        return PluginError::from_json(document["error"].to_string().as_bytes());
    }
    let said = String::from_utf8_lossy(&body[..body.len().min(1000)]).trim().to_owned();
    match status {
        404 => PluginError::new(ErrorKind::NotFound, format!("there is no endpoint: {said}"))
            .hint("`synapse serve status` shows what there is"),
        _ => {
            PluginError::new(ErrorKind::Remote, format!("the endpoint answered with status {status}: {said}"))
        }
    }
}

fn unanswered(error: Error) -> PluginError {
    match &error {
        Error::Unreachable { place, why } => PluginError::new(
            ErrorKind::Remote,
            format!("the endpoint cannot be reached at {place}: {why}"),
        )
        .hint(
            "it is the port of Ray Serve's proxies; `synapse serve call URL` takes another address of a node",
        ),
        _ => failure(error),
    }
}

fn missing(name: &str) -> PluginError {
    PluginError::new(ErrorKind::NotFound, format!("the cluster has no endpoint `{name}`"))
        .hint("`synapse serve status` shows what there is")
}

fn without_serve(error: Error) -> PluginError {
    match &error {
        Error::Http { status: 404 | 501, .. } => {
            PluginError::new(ErrorKind::Remote, "the cluster has no Ray Serve")
                .hint("install it on its nodes: pip install \"ray[serve]\"")
        }
        _ => failure(error),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn failed(message: &str) -> Application {
        let told = json!({ "status": "DEPLOY_FAILED", "message": message });
        serde_json::from_value(told).unwrap()
    }

    #[test]
    fn the_reason_of_the_endpoint_goes_before_what_ray_says_of_it() {
        let told = r#"ray::ServeReplica:\n  File "x"\nRuntimeError: SYNAPSE {"error":{"kind":"validation","message":"no model"}} and more"#;
        let error = why(&failed(told));
        assert_eq!((error.kind(), error.message()), (ErrorKind::Validation, "no model"));
        let error = why(&failed("RuntimeError: SYNAPSE /lib/libc.so: version GLIBC_9.9 not found"));
        assert_eq!(error.kind(), ErrorKind::IncompatiblePlugin);
        let error = why(&failed("Traceback\nModuleNotFoundError: No module named 'x'\n"));
        assert_eq!(
            error.message(),
            "Ray Serve could not deploy it: ModuleNotFoundError: No module named 'x'"
        );
    }

    #[test]
    fn resources_of_a_replica_have_rays_names() {
        let wanted =
            [("CPU", 0.5), ("GPU", 1.0), ("fpga", 2.0)].map(|(name, amount)| (name.to_owned(), amount));
        assert_eq!(
            actor_options(&wanted).to_string(),
            r#"{"num_cpus":0.5,"num_gpus":1.0,"resources":{"fpga":2.0}}"#
        );
    }
}

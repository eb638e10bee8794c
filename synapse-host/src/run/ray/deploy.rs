//! Deploys endpoints.
//!
//! Another build, or other settings of the action, are another application of Ray Serve's: it is deployed beside
//! the one that answers, on a path of its own, and takes that one's path once it is healthy. So nothing is
//! stopped before what follows it answers, and what never gets healthy is never asked.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use synapse_ray::{Application, ApplicationStatus, Client, Package, Serve, ServeChange};
use synapse_sdk::errors::{PluginRunError, Result};
use synapse_sdk::{Env, ErrorKind, PluginError};

use super::actor::{Worker, did_not_start, failure, file_name, runtime, short};
use super::endpoints::{DEPLOYMENT, Endpoint, Endpoints, OFTEN, beside_route, without_serve};
use super::jobs::{MOST_INLINE, send};
use super::nodes::Nodes;
use super::options::RayOptions;
use crate::author::Profile;
use crate::plugin::Plugin;
use crate::plugin_ref::PluginRef;
use crate::run::endpoint::{BatchOptions, Batching, EndpointSpec, SHIM};
use crate::run::request::RunRequest;
use crate::worker_program::ask_for_manifest;

/// The shim's module, and its file in the package.
const MODULE: &str = "synapse_endpoint";
/// Whether what a replica calls has a thread beside the one that speaks with Ray. The shim never blocks, and handing
/// each request over costs more than what it does. Releases that do not know the variable pass over it.
const OWN_THREAD: &str = "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD";
/// How often it is looked whether it shall stop.
const LOOK: Duration = Duration::from_millis(50);
/// Proxies and routers have heard of a change by then.
const SETTLED: Duration = Duration::from_secs(1);
/// An application of another path has taken the new one by then, also where its status tells the old one for ever.
const MOVED: Duration = Duration::from_secs(5);
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
    /// How requests are joined, where they are.
    pub(crate) batch: Option<BatchOptions>,
    /// Requests that may wait at a proxy; more are refused with status 503.
    pub(crate) waiting: Option<u32>,
    /// Workers of a replica.
    pub(crate) workers: usize,
    /// How long it may take until it is healthy.
    pub(crate) patience: Duration,
}

impl Endpoints {
    /// Deploys an action, and waits until it answers in place of what answered before. When `stop` says so before
    /// it takes over, what was begun is taken back.
    ///
    /// # Errors
    /// [`Usage`](ErrorKind::Usage) when the path leads elsewhere; the action's own when its setup fails;
    /// [`Remote`](ErrorKind::Remote) when the cluster cannot be reached, has no room or too little time;
    /// [`Cancelled`](ErrorKind::Cancelled).
    pub(crate) fn deploy(
        &self,
        plugin: &Plugin,
        request: &RunRequest,
        options: &EndpointOptions,
        stop: &dyn Fn() -> bool,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Endpoint> {
        let worker = Worker::of(plugin, request, 0)?;
        let package = Package::uri(&format!("synapse{}", short(&format!("{} {SHIM}", worker.package))));
        let new = Deployment::of(plugin, request, options, &worker, &package)?;
        runtime()?.block_on(async {
            let serve = unless(stop, self.prepare(&worker, &package, options, tell)).await?;
            self.take_over(&serve, &new, options, stop, tell).await
        })
    }

    /// Sees whether the cluster can have it, and sends what it is made of.
    async fn prepare(
        &self,
        worker: &Worker,
        package: &str,
        options: &EndpointOptions,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Serve> {
        let nodes = Nodes::listed(self.dashboard.nodes().await.map_err(failure)?);
        nodes.check_feasible(&worker.wanted())?;
        let serve = self.dashboard.serve().await.map_err(without_serve)?;
        check_route(&serve, options)?;
        nodes.check_at(&self.address, worker).await?;
        let file = format!("{MODULE}.py");
        let pack = || worker.pack(Some((&file, SHIM.as_bytes())));
        send(&self.dashboard, &self.address, package, pack).await?;
        if options.replicas.0 == 0 && !self.keep(package).await {
            tell(
                "warning: without the port of Ray Client the cluster may forget the package while there are \
                 no replicas",
            );
        }
        Ok(serve)
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
        stop: &dyn Fn() -> bool,
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
        let healthy = unless(stop, self.healthy(new, &first_route, options.patience, tell)).await;
        let endpoint = match healthy {
            Ok(endpoint) => endpoint,
            Err(error) => {
                // One that changed its number of replicas only still has those it had.
                if answers.is_none_or(|endpoint| endpoint.application != new.application) {
                    self.change(&[ServeChange::Delete(new.application.clone())]).await?;
                    tell("what was begun is taken back");
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
                    ApplicationStatus::Running
                        if application.route_prefix.as_deref() == Some(route)
                            || (endpoint.route.as_deref() == Some(route) && begun.elapsed() > MOVED) =>
                    {
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
}

/// Waits for work, unless it shall stop meanwhile.
async fn unless<T>(stop: &dyn Fn() -> bool, work: impl Future<Output = Result<T>>) -> Result<T> {
    let stopped = async {
        while !stop() {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        biased;
        done = work => done,
        () = stopped => Err(PluginError::cancelled()),
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
            batching: batching(plugin, &request.action, options)?,
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
            // The proxies log each request already, with its status and time. Another line is a good part of what a
            // replica does for a small one.
            "logging_config": { "enable_access_log": false },
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
            "runtime_env": { "working_dir": package, "env_vars": { OWN_THREAD: "0" } },
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

/// How requests for the action are joined.
fn batching(plugin: &Plugin, action: &str, options: &EndpointOptions) -> Result<Option<Batching>> {
    let Some(batch) = &options.batch else { return Ok(None) };
    let registered = plugin.registered_name(action)?;
    // In a process of its own: nothing of the plugin's has to run here otherwise.
    let manifest = ask_for_manifest(&plugin.image().path)?;
    let spec = manifest.actions.iter().find(|spec| spec.name == registered);
    spec.map(|spec| Batching::of(spec, batch)).transpose()
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
            _ => did_not_start(ours),
        };
    }
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or(text);
    PluginRunError::new(format!("Ray Serve could not deploy it: {}", last.trim()))
        .details(json!({ "traceback": text }))
        .hint("the cluster's own logs say more")
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

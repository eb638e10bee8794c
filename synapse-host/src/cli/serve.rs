//! `synapse serve`: actions that answer over HTTP on a Ray cluster.

use std::time::Duration;

use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCompleter;
use serde_json::{Value, json};
use synapse_ray::ApplicationStatus;
use synapse_sdk::errors::Result;
use synapse_sdk::events::Rfc3339;
use synapse_sdk::{ErrorKind, PluginError};

use super::Common;
use super::completions::targets_and_actions;
use super::job::ClusterArgs;
use super::output::{Output, table};
use super::params::ParamsArgs;
use super::ray::resource;
use super::run_action::{ResourceArgs, Signals, env_of};
use super::target::{TargetArgs, target_and_action, with_resolver};
use crate::run::{
    Answered, BatchOptions, Endpoint, EndpointOptions, Endpoints, Mode, RayOptions, RunRequest,
};

#[derive(Subcommand, Debug)]
pub(crate) enum ServeCommand {
    Deploy(Box<DeployArgs>),
    Status(StatusArgs),
    Call(CallArgs),
    Delete(DeleteArgs),
}

impl ClusterArgs {
    fn endpoints(&self) -> Result<Endpoints> {
        Endpoints::at(&self.ray_address)
    }
}

/// Make an action answer over HTTP, in place of what has its name
///
/// Another build, or other settings, are started beside what answers now and take over once they are
/// healthy; what does not get healthy is removed, and the endpoint stays as it was.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse serve deploy examples/classifier predict --replicas 1..4 --ray-address http://head:8265
  synapse serve deploy examples/greet greet --name hello --route /v1/hello --timeout 10s
  synapse serve deploy examples/classifier predict --max-batch 64 --batch-over rows=predictions
  curl http://head:8000/greet-greet -d '{\"name\": \"Ada\"}'")]
pub(crate) struct DeployArgs {
    /// The action, after the plugin (a folder, bundle, .so file or code) unless
    /// --path or --plugin names it
    #[arg(value_names = ["TARGET", "ACTION"], num_args = 1..=2, required = true)]
    #[arg(add = ArgValueCompleter::new(targets_and_actions))]
    names: Vec<String>,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Its name: one endpoint of a name answers [default: PLUGIN-ACTION]
    #[arg(long, value_parser = name)]
    name: Option<String>,
    /// The path that leads to it [default: its name]
    #[arg(long, value_name = "PATH", value_parser = route)]
    route: Option<String>,
    /// Replicas: how many, or at least and at most; 0..N lets it sleep while nobody asks
    #[arg(long, value_name = "N|N..M", default_value = "1", value_parser = replicas)]
    replicas: (u32, u32),
    /// How long replicas stay that are not needed any more
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME", default_value = "5m")]
    idle: Duration,
    /// Requests that a replica works on at once [default: 16, or twice --max-batch]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    at_once: Option<u32>,
    /// Join requests that come together into one call of the action, which takes a list: so many items at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=100_000))]
    max_batch: Option<u32>,
    /// How long a request waits for others that are joined with it
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME", default_value = "5ms")]
    #[arg(requires = "max_batch")]
    batch_wait: Duration,
    /// The list among the params that is joined, and the one in the result that is parted, where there are several
    #[arg(long, value_name = "PARAM=RESULT", requires = "max_batch")]
    batch_over: Option<String>,
    /// Requests that may wait at a proxy; more are refused with status 503
    #[arg(long, value_name = "N")]
    max_waiting: Option<u32>,
    /// Worker processes of a replica; each makes the action's state for itself
    #[arg(long, value_name = "N", default_value_t = 1)]
    workers: usize,
    /// Stop a request after this long, and answer with status 504
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME", default_value = "60s")]
    timeout: Duration,
    /// A variable for the action, before those of config.yaml; the cluster's users can see it
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Answer with an error when a result breaks its schema
    #[arg(long)]
    strict_result: bool,
    #[command(flatten)]
    resources: ResourceArgs,
    /// What a replica needs of a resource that the cluster's owner has named
    #[arg(long = "ray-resource", value_name = "NAME=AMOUNT", value_parser = resource)]
    ray_resources: Vec<(String, f64)>,
    /// How long it may take until it is healthy
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME", default_value = "5m")]
    wait: Duration,
}

/// Show the endpoints of a cluster, or one of them
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse serve status --ray-address http://head:8265
  synapse serve status greet-greet --json")]
pub(crate) struct StatusArgs {
    /// Only this one
    #[arg(value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Ask an endpoint, and print what it answers
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse serve call greet-greet -P name=Ada --ray-address http://head:8265
  synapse serve call http://head:8000/greet-greet --params '{\"name\": \"Ada\"}' --stream")]
pub(crate) struct CallArgs {
    /// The endpoint's name, or its URL
    #[arg(value_name = "NAME|URL")]
    endpoint: String,
    #[command(flatten)]
    params: ParamsArgs,
    /// Show what the action reports as it does
    #[arg(long)]
    stream: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Delete an endpoint, once it has answered what it works on
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse serve delete greet-greet --ray-address http://head:8265")]
pub(crate) struct DeleteArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    /// How long that may take
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME", default_value = "5m")]
    wait: Duration,
    #[command(flatten)]
    cluster: ClusterArgs,
}

impl ServeCommand {
    pub(crate) fn execute(self, common: &Common, output: &mut Output) -> Result<()> {
        match self {
            Self::Deploy(args) => args.execute(common, output),
            Self::Status(args) => args.execute(output),
            Self::Call(args) => args.execute(output),
            Self::Delete(args) => args.execute(output),
        }
    }
}

impl DeployArgs {
    fn execute(self, common: &Common, output: &mut Output) -> Result<()> {
        let (target, action) = target_and_action(&self.names, "run")?;
        let named = self.target.plugin_ref(target)?;
        let endpoints = self.cluster.endpoints()?;
        let plugin = with_resolver(self.target.profile(), common, output, |resolver| {
            resolver.verify = self.target.verify();
            resolver.resolve(&named, self.target.config())
        })?;
        plugin.registered_name(&action)?;
        let name = match self.name {
            Some(name) => name,
            None => name_of(&format!("{}-{action}", plugin.config().code)),
        };
        let batch = self.max_batch.map(|most| BatchOptions {
            most: most as usize,
            wait: self.batch_wait,
            over: self.batch_over.clone(),
        });
        let options = EndpointOptions {
            route: self.route.unwrap_or_else(|| format!("/{name}")),
            name,
            replicas: self.replicas,
            idle: self.idle,
            at_once: self
                .at_once
                .unwrap_or_else(|| self.max_batch.map_or(16, |most| most.saturating_mul(2).max(16))),
            batch,
            waiting: self.max_waiting,
            workers: self.workers,
            patience: self.wait,
        };
        let ray = RayOptions { resources: self.ray_resources.into_iter().collect(), ..RayOptions::default() };
        let request = RunRequest::new(named, action)
            .mode(Mode::Isolated)
            .env(env_of(&self.env)?)
            .timeout(self.timeout)
            .resources(self.resources.resources())
            .strict_result(self.strict_result)
            .ray(ray);
        let signals = Signals::install()?;
        let stop = || signals.count() > 0;
        let deployed = endpoints.deploy(&plugin, &request, &options, &stop, &mut |text| output.note(text));
        let endpoint = deployed.map_err(|error| signals.explain(error))?;
        output.note(&format!(
            "it answers: `synapse serve call {} --ray-address {}`",
            endpoint.name,
            endpoints.url()
        ));
        output.document(&json!({ "endpoint": summary(&endpoint) }), |_| {
            format!("{}\n", endpoint.url.as_deref().unwrap_or_default())
        })
    }
}

impl StatusArgs {
    fn execute(&self, output: &mut Output) -> Result<()> {
        let endpoints = self.cluster.endpoints()?;
        let shown = match &self.name {
            Some(name) => vec![endpoints.get(name)?],
            None => endpoints.list()?,
        };
        let document = json!({ "endpoints": shown.iter().map(summary).collect::<Vec<_>>() });
        output.document(&document, |columns| match (&*shown, &self.name) {
            ([], _) => "no endpoints: `synapse serve deploy` makes one\n".to_owned(),
            ([endpoint], Some(_)) => describe(&summary(endpoint)),
            (all, _) => {
                let rows: Vec<_> = all.iter().map(row).collect();
                table(&["NAME", "STATUS", "REPLICAS", "PLUGIN", "ACTION", "URL"], &rows, columns)
            }
        })
    }
}

impl CallArgs {
    fn execute(&self, output: &mut Output) -> Result<()> {
        let url = match self.endpoint.contains("://") {
            true => self.endpoint.clone(),
            false => {
                let endpoint = self.cluster.endpoints()?.get(&self.endpoint)?;
                endpoint.url.ok_or_else(|| {
                    PluginError::new(ErrorKind::NotFound, format!("no path leads to `{}`", endpoint.name))
                        .hint(format!("`synapse serve status {}` tells how far it is", endpoint.name))
                })?
            }
        };
        let params = self.params.read(|| Endpoints::schema(&url))?;
        let answered = Endpoints::ask(&url, params, self.stream, |told| match told {
            Answered::Event(event) => output.event(&event),
        });
        output.finish_events(answered.is_ok());
        let document = json!({ "endpoint": { "url": url }, "result": answered? });
        output.value(&document, "result")
    }
}

impl DeleteArgs {
    fn execute(&self, output: &mut Output) -> Result<()> {
        self.cluster.endpoints()?.delete(&self.name, self.wait)?;
        let document = json!({ "endpoint": { "name": self.name, "deleted": true } });
        output.document(&document, |_| format!("{} is gone\n", self.name))
    }
}

/// An endpoint, with the words of runs.
fn summary(endpoint: &Endpoint) -> Value {
    let message = Some(endpoint.message.trim()).filter(|text| !text.is_empty());
    json!({
        "name": endpoint.name,
        "url": endpoint.url,
        "status": status(endpoint.status),
        "plugin": endpoint.plugin,
        "version": endpoint.version,
        "action": endpoint.action,
        "sha256": endpoint.sha256,
        "application": endpoint.application,
        "deployed": endpoint.deployed.map(|seconds| Rfc3339((seconds * 1e9) as u64).to_string()),
        "replicas": { "running": endpoint.running, "wanted": endpoint.wanted },
        "message": message,
    })
}

fn row(endpoint: &Endpoint) -> Vec<String> {
    vec![
        endpoint.name.clone(),
        status(endpoint.status).to_owned(),
        format!("{}/{}", endpoint.running, endpoint.wanted),
        format!("{} {}", endpoint.plugin, endpoint.version),
        endpoint.action.clone(),
        endpoint.url.clone().unwrap_or_else(|| "-".to_owned()),
    ]
}

fn describe(summary: &Value) -> String {
    let mut text = String::new();
    for (name, value) in summary.as_object().into_iter().flatten() {
        let value = match value {
            Value::Null => continue,
            Value::String(value) => value.clone(),
            Value::Object(counts) => format!("{} of {}", counts["running"], counts["wanted"]),
            other => other.to_string(),
        };
        text.push_str(&format!("{name:<13}{value}\n"));
    }
    text
}

fn status(status: ApplicationStatus) -> &'static str {
    match status {
        ApplicationStatus::NotStarted | ApplicationStatus::Deploying => "deploying",
        ApplicationStatus::Running => "running",
        ApplicationStatus::DeployFailed => "failed",
        ApplicationStatus::Unhealthy => "unhealthy",
        ApplicationStatus::Deleting => "deleting",
        _ => "unknown",
    }
}

/// What may stand in a URL and in a name of Ray's.
fn name_of(text: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    text.chars().map(|letter| if fits(letter) { letter } else { '-' }).collect()
}

fn name(text: &str) -> Result<String, String> {
    match !text.is_empty() && name_of(text) == text {
        true => Ok(text.to_owned()),
        false => Err("expected letters, digits, - and _".to_owned()),
    }
}

fn route(text: &str) -> Result<String, String> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./~".contains(letter);
    let path = format!("/{}", text.trim_matches('/'));
    match path.len() > 1 && path.chars().all(plain) && !path.contains("//") {
        true => Ok(path),
        false => Err("expected a path such as /v1/greet".to_owned()),
    }
}

/// `3`, or `1..4`.
fn replicas(text: &str) -> Result<(u32, u32), String> {
    let wrong = || "expected a number such as 2, or least and most such as 1..4".to_owned();
    let number = |text: &str| text.parse::<u32>().map_err(|_| wrong());
    let (least, most) = match text.split_once("..") {
        Some((least, most)) => (number(least)?, number(most)?),
        None => (number(text)?, number(text)?),
    };
    match most >= 1 && least <= most {
        true => Ok((least, most)),
        false => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_are_a_number_or_two() {
        assert_eq!(replicas("3"), Ok((3, 3)));
        assert_eq!(replicas("0..4"), Ok((0, 4)));
        for wrong in ["", "0", "4..1", "0..0", "1..", "a", "-1", "1...2"] {
            assert!(replicas(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_route_is_a_path_and_a_name_can_stand_in_one() {
        assert_eq!(route("v1/greet/"), Ok("/v1/greet".to_owned()));
        for wrong in ["", "/", "a b", "a?b", "a//b", "{x}"] {
            assert!(route(wrong).is_err(), "{wrong}");
        }
        assert_eq!(name_of("a.b c"), "a-b-c");
        assert!(name("a.b").is_err() && name("").is_err());
    }
}

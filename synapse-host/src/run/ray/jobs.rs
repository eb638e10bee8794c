//! Runs an action as a Ray job: mode `job`. It is submitted and left to the cluster; what it
//! reports and gives lies there, for whoever asks by its name.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::{Value, json};
use synapse_ray::{
    Address, Client, Dashboard, Error, Job, JobRequest, JobStatus, JobType, LogStream, Package,
};
use synapse_sdk::errors::{PluginRunError, Result, ResultExt, WorkerCrashed};
use synapse_sdk::events::{Event, now};
use synapse_sdk::{Env, ErrorKind, PluginError};

use super::actor::{Worker, failure, file_name, runtime, short};
use super::nodes::Nodes;
use crate::plugin::Plugin;
use crate::record::{fresh, parse_event};
use crate::run::job::{ENDED, FILE, JobSpec, VARIABLE, events_file, result_file};
use crate::run::request::RunRequest;

/// A variable of a process may have 128 KiB; longer jobs travel as a file.
pub(super) const MOST_INLINE: usize = 96 << 10;
/// Params up to this size are kept with the job, to be looked at.
const MOST_SHOWN: usize = 16 << 10;
/// What the dashboard takes at once; the rest goes through Ray Client.
const MOST_UPLOADED: usize = 100 << 20;
const OFTEN: Duration = Duration::from_millis(100);
/// How often it is looked whether a job that reports is still there.
const SOMETIMES: Duration = Duration::from_secs(1);
/// What Ray says of a job whose environment could not be made.
const NO_ENVIRONMENT: &str = "RUNTIME_ENV_SETUP_FAILURE";
/// What its message begins with in releases that name no type of error, such as 2.40.
const SETUP_FAILED: &str = "runtime_env setup failed";
const COMMAND: &str = "chmod +x ./synapse-worker && exec ./synapse-worker job";

/// The jobs of a cluster.
pub(crate) struct Jobs {
    address: Address,
    dashboard: Dashboard,
}

/// What comes of a job that is followed.
pub(crate) enum Told {
    /// It reported something.
    Event(Box<Event<'static>>),
    /// It is over.
    Over(Result<Value>),
}

impl Jobs {
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

    /// Submits a run, and returns the job's name: the request's job id if it has one.
    ///
    /// # Errors
    /// A file that travels cannot be read; [`Remote`](ErrorKind::Remote) when the cluster cannot be
    /// reached or does not take it.
    pub(crate) fn submit(&self, plugin: &Plugin, request: &RunRequest) -> Result<String> {
        let worker = Worker::of(plugin, request, 0)?;
        let spec = serde_json::to_string(&spec(plugin, request)?)?;
        let id = match &request.job_id {
            Some(id) => id.clone(),
            None => format!("{}-{}-{}", plugin.config().code, request.action, fresh(now())),
        };
        runtime()?.block_on(async {
            // What can never be granted would stay there, and could not be stopped.
            let nodes = Nodes::listed(self.dashboard.nodes().await.map_err(failure)?);
            nodes.check_feasible(&worker.wanted())?;
            nodes.check_at(&self.address, &worker).await?;
            let env = self.environment(&worker, &spec).await?;
            let mut job = JobRequest::new(COMMAND).submission_id(&id).runtime_env(env);
            for (name, amount) in worker.wanted() {
                job = match &*name {
                    "CPU" => job.num_cpus(amount),
                    "GPU" => job.num_gpus(amount),
                    "memory" => job.memory(amount as u64),
                    _ => job.resource(name, amount),
                };
            }
            for (name, value) in notes(plugin, request, &worker)? {
                job = job.metadata(name, value);
            }
            self.dashboard.submit(&job).await.map_err(|error| taken(error, &id))
        })
    }

    /// Sends what the job needs, and tells how the cluster makes its environment of it.
    async fn environment(&self, worker: &Worker, spec: &str) -> Result<Value> {
        if spec.len() <= MOST_INLINE {
            let pack = || worker.pack(None);
            send(&self.dashboard, &self.address, &worker.package, pack).await?;
            return Ok(json!({ "working_dir": worker.package, "env_vars": { VARIABLE: spec } }));
        }
        let package = Package::uri(&format!("synapse{}", short(&format!("{} {spec}", worker.package))));
        let pack = || worker.pack(Some((FILE, spec.as_bytes())));
        send(&self.dashboard, &self.address, &package, pack).await?;
        Ok(json!({ "working_dir": package }))
    }

    /// A job.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound); [`Remote`](ErrorKind::Remote).
    pub(crate) fn get(&self, id: &str) -> Result<Job> {
        runtime()?.block_on(self.dashboard.job(id)).map_err(missing)
    }

    /// The jobs that were submitted, newest first.
    ///
    /// # Errors
    /// [`Remote`](ErrorKind::Remote).
    pub(crate) fn list(&self) -> Result<Vec<Job>> {
        let mut jobs = runtime()?.block_on(self.dashboard.jobs()).map_err(failure)?;
        jobs.retain(|job| job.kind == JobType::Submission);
        jobs.sort_by_key(|job| std::cmp::Reverse(job.start_time));
        Ok(jobs)
    }

    /// Asks a job to stop, and says whether there was something to stop.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) fn stop(&self, id: &str) -> Result<bool> {
        runtime()?.block_on(self.dashboard.stop_job(id)).map_err(missing)
    }

    /// What a job has printed so far.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) fn logs(&self, id: &str) -> Result<String> {
        runtime()?.block_on(self.dashboard.job_logs(id)).map_err(missing)
    }

    /// What a job prints, as it does, to its end.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) fn tail(&self, id: &str, mut tell: impl FnMut(&str)) -> Result<()> {
        runtime()?.block_on(async {
            let mut tail = self.dashboard.tail_job(id).await.map_err(missing)?;
            while let Some(text) = tail.next().await.map_err(failure)? {
                tell(&text);
            }
            Ok(())
        })
    }

    /// The document of a job that is over.
    ///
    /// # Errors
    /// The run's own error; what the cluster says of a job that left no document.
    pub(crate) fn document(&self, job: &Job) -> Result<Value> {
        runtime()?.block_on(document(&self.dashboard, job))
    }

    /// What a job reports from its beginning to its end.
    ///
    /// # Errors
    /// No runtime can be made.
    pub(crate) fn follow(&self, id: &str) -> Result<Receiver<Told>> {
        let (sender, told) = channel();
        let (dashboard, id) = (self.dashboard.clone(), id.to_owned());
        runtime()?.spawn(async move {
            let over =
                Following { dashboard: &dashboard, id: &id, sender: &sender, read: 0 }.pass_on_all().await;
            // Nobody listens any more.
            let _ = sender.send(Told::Over(over));
        });
        Ok(told)
    }
}

/// What an address means, and the dashboard there.
///
/// # Errors
/// [`Usage`](ErrorKind::Usage) for an address that is none.
pub(super) fn dashboard_of(address: &str) -> Result<(Address, Dashboard)> {
    let address = Address::resolve(address).map_err(failure)?;
    let dashboard = Dashboard::new(&address).map_err(failure)?;
    Ok((address, dashboard))
}

/// Makes sure that a cluster has a package.
///
/// # Errors
/// Those of `pack`; [`Remote`](ErrorKind::Remote).
pub(super) async fn send(
    dashboard: &Dashboard,
    address: &Address,
    uri: &str,
    pack: impl FnOnce() -> Result<Vec<u8>>,
) -> Result<()> {
    if dashboard.has_package(uri).await.map_err(failure)? {
        return Ok(());
    }
    let bytes = pack()?;
    if bytes.len() < MOST_UPLOADED {
        return dashboard.upload_package(uri, bytes).await.map_err(failure);
    }
    let client = Client::connect(address).await.map_err(failure)?;
    client.ensure_package(uri, || Ok::<_, Error>(bytes)).await.map_err(failure)
}

fn spec(plugin: &Plugin, request: &RunRequest) -> Result<JobSpec> {
    let params = serde_json::from_str(&request.params)
        .map_err(|error| PluginError::new(ErrorKind::Usage, format!("the params are no JSON: {error}")))?;
    Ok(JobSpec {
        library: file_name(&plugin.image().path),
        request: request.clone(),
        env: Env::clone(&plugin.env_under(&request.env)),
        params,
    })
}

/// What the cluster keeps beside the job, for `synapse job`.
fn notes(plugin: &Plugin, request: &RunRequest, worker: &Worker) -> Result<BTreeMap<String, String>> {
    let config = plugin.config();
    let mut notes = BTreeMap::from([
        ("synapse".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("plugin".to_owned(), config.code.clone()),
        ("version".to_owned(), config.version.clone()),
        ("action".to_owned(), request.action.clone()),
        ("sha256".to_owned(), worker.sha256()?),
        (
            "resources".to_owned(),
            serde_json::to_string(&worker.wanted().into_iter().collect::<BTreeMap<_, _>>())?,
        ),
    ]);
    if request.params.len() <= MOST_SHOWN {
        notes.insert("params".to_owned(), request.params.to_string());
    }
    Ok(notes)
}

fn taken(error: Error, id: &str) -> PluginError {
    match &error {
        Error::Http { message, .. } if message.contains("already exists") => {
            PluginError::new(ErrorKind::Usage, format!("the cluster has a job `{id}` already"))
                .hint("give another with --job-id, or leave it out")
        }
        _ => failure(error),
    }
}

fn missing(error: Error) -> PluginError {
    match &error {
        Error::NoSuchJob { .. } => PluginError::new(ErrorKind::NotFound, error.to_string())
            .hint("`synapse job list` shows what there is"),
        _ => failure(error),
    }
}

/// The document that a job left.
async fn document(dashboard: &Dashboard, job: &Job) -> Result<Value> {
    let id = job.submission_id.as_deref().unwrap_or_default();
    let Some(node) = &job.driver_node_id else { return Err(without_document(job)) };
    let mut file = match dashboard.log_file(node, &result_file(id)).await {
        Ok(file) => file,
        Err(Error::Http { .. }) => return Err(without_document(job)),
        Err(error) => return Err(failure(error)),
    };
    let mut bytes = Vec::new();
    loop {
        match file.next().await {
            Ok(Some(more)) => bytes.extend_from_slice(&more),
            Ok(None) => break,
            Err(Error::Http { .. }) => return Err(without_document(job)),
            Err(error) => return Err(failure(error)),
        }
    }
    if bytes.is_empty() {
        // The dashboard sometimes takes a file that is not there for an empty one.
        return Err(without_document(job));
    }
    let mut document: Value =
        serde_json::from_slice(&bytes).with_context(|| format!("the result of job {id}"))?;
    document["run"]["job_id"] = json!(id);
    match document.get("error") {
        // The cluster's signal reaches the action's worker as well, which may die of it first.
        Some(_) if job.status == JobStatus::Stopped => Err(without_document(job)),
        Some(error) => Err(PluginError::from_json(error.to_string().as_bytes())),
        None => Ok(document),
    }
}

/// A job that did not come to write one.
fn without_document(job: &Job) -> PluginError {
    let id = job.submission_id.as_deref().unwrap_or_default();
    let message = job.message.as_deref().unwrap_or_default().trim();
    match job.status {
        JobStatus::Stopped => PluginError::cancelled().hint(format!("job {id} was stopped")),
        JobStatus::Succeeded => PluginRunError::new(format!("the result of job {id} is not there any more"))
            .hint("its node keeps results beside its logs; is the node gone, or were its logs deleted?"),
        JobStatus::Failed
            if job.error_type.as_deref() == Some(NO_ENVIRONMENT) || message.starts_with(SETUP_FAILED) =>
        {
            PluginRunError::new(format!("job {id} did not start: {}", last_lines(message)))
                .details(json!({ "message": message }))
                .hint("its package was not there any more, or its node could not unpack it: submit it again")
        }
        JobStatus::Failed => WorkerCrashed::new(format!("job {id} left no result: {}", last_lines(message)))
            .details(json!({ "exit_code": job.driver_exit_code, "message": message }))
            .hint(format!("`synapse job logs {id}` shows what it printed")),
        _ => PluginRunError::new(format!("job {id} is not over yet"))
            .hint(format!("`synapse job logs {id} --follow` waits for it")),
    }
}

fn last_lines(message: &str) -> &str {
    let start = message.char_indices().rev().nth(400).map_or(0, |(at, _)| at);
    &message[start..]
}

/// A job that is followed.
struct Following<'a> {
    dashboard: &'a Dashboard,
    id: &'a str,
    sender: &'a Sender<Told>,
    /// Bytes of its events that were passed on, in whole lines.
    read: usize,
}

impl Following<'_> {
    async fn pass_on_all(&mut self) -> Result<Value> {
        loop {
            let job = self.dashboard.job(self.id).await.map_err(missing)?;
            let over = job.status.is_terminal();
            if let Some(node) = &job.driver_node_id {
                let name = events_file(self.id);
                let events = match over {
                    true => self.dashboard.log_file(node, &name).await,
                    false => self.dashboard.follow_log_file(node, &name, OFTEN.as_secs_f32()).await,
                };
                match events {
                    Ok(events) => self.pass_on(events).await?,
                    // It has not begun to report, or never did; or its node is gone.
                    Err(Error::Http { .. } | Error::Closed { .. }) => {}
                    Err(error) => return Err(failure(error)),
                }
            }
            if over {
                return document(self.dashboard, &job).await;
            }
            tokio::time::sleep(OFTEN).await;
        }
    }

    /// Passes on what was not passed on before, until the file or the job ends.
    async fn pass_on(&mut self, mut events: LogStream) -> Result<()> {
        let (mut known, mut line) = (self.read, Vec::new());
        loop {
            let more = match tokio::time::timeout(SOMETIMES, events.next()).await {
                Ok(Ok(more)) => more,
                // Its node may be gone: the job's status tells, once the cluster has noticed. Or the file is not there
                // yet, which old releases say only now.
                Ok(Err(Error::Closed { .. } | Error::Http { .. })) => return Ok(()),
                Ok(Err(error)) => return Err(failure(error)),
                Err(_) if self.is_over().await? => return Ok(()),
                Err(_) => continue,
            };
            let Some(more) = more else { return Ok(()) };
            let skipped = known.min(more.len());
            known -= skipped;
            line.extend_from_slice(&more[skipped..]);
            while let Some(end) = line.iter().position(|&byte| byte == b'\n') {
                let whole: Vec<u8> = line.drain(..=end).collect();
                self.read += whole.len();
                let text = String::from_utf8_lossy(&whole);
                if text.trim_end() == ENDED {
                    return Ok(());
                }
                // Nobody listens any more.
                if let Some(event) = parse_event(text.trim_end())
                    && self.sender.send(Told::Event(Box::new(event))).is_err()
                {
                    return Ok(());
                }
            }
        }
    }

    async fn is_over(&self) -> Result<bool> {
        Ok(self.dashboard.job(self.id).await.map_err(missing)?.status.is_terminal())
    }
}

//! `synapse job`: jobs on a Ray cluster.

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use synapse_ray::{Job, JobStatus};
use synapse_sdk::errors::Result;
use synapse_sdk::events::Rfc3339;
use synapse_sdk::{ErrorKind, PluginError};

use super::output::{Output, duration, table};
use super::run_action::Signals;
use crate::run::{Jobs, Told};

#[derive(Subcommand, Debug)]
pub(crate) enum JobCommand {
    List(ListArgs),
    Get(GetArgs),
    Logs(LogsArgs),
    Stop(StopArgs),
}

/// The cluster of a job.
#[derive(Args, Debug)]
pub(super) struct ClusterArgs {
    /// The cluster: `http://HOST:8265` or `ray://HOST:10001`, or `auto` for one on this machine
    #[arg(long, value_name = "ADDRESS", default_value = "auto", env = "RAY_ADDRESS")]
    pub(super) ray_address: String,
}

impl ClusterArgs {
    fn jobs(&self) -> Result<Jobs> {
        Jobs::at(&self.ray_address)
    }
}

/// List the jobs of a cluster, newest first
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse job list --ray-address http://head:8265
  synapse job list --all --json")]
pub(crate) struct ListArgs {
    /// How many
    #[arg(short = 'n', long, default_value_t = 20)]
    limit: usize,
    /// Also jobs that were not submitted by synapse
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Show what a job was given, where it ran, and what it gave
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse job get classifier-train-20261126-120000-k3f9q
  synapse job get classifier-train-20261126-120000-k3f9q --json")]
pub(crate) struct GetArgs {
    /// The job's id
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Print what a job has printed
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse job logs classifier-train-20261126-120000-k3f9q
  synapse job logs classifier-train-20261126-120000-k3f9q --follow")]
pub(crate) struct LogsArgs {
    /// The job's id
    #[arg(value_name = "ID")]
    id: String,
    /// Go on until the job ends
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Stop a job
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse job stop classifier-train-20261126-120000-k3f9q --ray-address http://head:8265")]
pub(crate) struct StopArgs {
    /// The job's id
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    cluster: ClusterArgs,
}

impl JobCommand {
    pub(crate) fn execute(self, output: &mut Output) -> Result<()> {
        match self {
            Self::List(args) => args.execute(output),
            Self::Get(args) => args.execute(output),
            Self::Logs(args) => args.execute(),
            Self::Stop(args) => args.execute(output),
        }
    }
}

impl ListArgs {
    fn execute(&self, output: &mut Output) -> Result<()> {
        let mut jobs = self.cluster.jobs()?.list()?;
        jobs.retain(|job| self.all || note(job, "synapse").is_some());
        jobs.truncate(self.limit);
        let document = json!({ "jobs": jobs.iter().map(summary).collect::<Vec<_>>() });
        output.document(&document, |columns| {
            if jobs.is_empty() {
                return "no jobs: `synapse plugin run ACTION --mode job` submits one\n".to_owned();
            }
            let rows: Vec<Vec<String>> = jobs.iter().map(row).collect();
            table(&["ID", "STATUS", "PLUGIN", "ACTION", "STARTED", "TOOK"], &rows, columns)
        })
    }
}

impl GetArgs {
    fn execute(&self, output: &mut Output) -> Result<()> {
        let jobs = self.cluster.jobs()?;
        let job = jobs.get(&self.id)?;
        let mut document = json!({ "job": summary(&job) });
        for name in ["params", "resources"] {
            if let Some(value) = note(&job, name).and_then(|text| serde_json::from_str::<Value>(text).ok()) {
                document[name] = value;
            }
        }
        if job.status.is_terminal() {
            match jobs.document(&job) {
                Ok(given) => {
                    document["result"] = given["result"].clone();
                    document["metrics"] = given["metrics"].clone();
                    document["job"]["run_ms"] = given["run"]["ms"].clone();
                }
                Err(error) if error.kind() == ErrorKind::Remote => return Err(error),
                Err(error) => document["error"] = error.to_json(),
            }
        }
        output.document(&document, |_| describe(&document))
    }
}

impl LogsArgs {
    fn execute(&self) -> Result<()> {
        let jobs = self.cluster.jobs()?;
        let mut stdout = std::io::stdout();
        let mut print = |text: &str| {
            // A closed pipe has nobody to be told.
            let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        };
        if self.follow {
            return jobs.tail(&self.id, print);
        }
        print(&jobs.logs(&self.id)?);
        Ok(())
    }
}

impl StopArgs {
    fn execute(&self, output: &mut Output) -> Result<()> {
        let jobs = self.cluster.jobs()?;
        let stopped = jobs.stop(&self.id)?;
        let document = json!({ "job": { "id": self.id, "stopped": stopped } });
        output.document(&document, |_| match stopped {
            true => format!("{} is being stopped\n", self.id),
            false => format!("{} was over already\n", self.id),
        })
    }
}

/// Shows what a job reports until it ends, then what it gave. The job goes on
/// when this is ended.
pub(super) fn follow(jobs: &Jobs, id: &str, output: &mut Output) -> Result<Value> {
    let signals = Signals::install()?;
    let told = jobs.follow(id)?;
    loop {
        match told.recv_timeout(LOOK) {
            Ok(Told::Event(event)) => output.event(&event),
            Ok(Told::Over(over)) => {
                output.finish_events(over.is_ok());
                return over;
            }
            Err(_) if signals.count() > 0 => {
                let hint =
                    format!("the job goes on: `synapse job logs {id} --follow`, `synapse job stop {id}`");
                return Err(signals.explain(PluginError::cancelled().hint(hint)));
            }
            Err(_) => {}
        }
    }
}

/// How long a Ctrl-C is waited for between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// A job, with the words of runs.
fn summary(job: &Job) -> Value {
    let text = |name: &str| note(job, name).map_or(Value::Null, |text| json!(text));
    json!({
        "id": job.submission_id,
        "kind": "ray",
        "status": status(job.status),
        "plugin": text("plugin"),
        "version": text("version"),
        "action": text("action"),
        "sha256": text("sha256"),
        "started": job.start_time.map(moment),
        "ended": job.end_time.map(moment),
        "ms": took(job),
        "node": job.driver_node_id,
        "exit_code": job.driver_exit_code,
        "message": job.message,
    })
}

/// Milliseconds since 1970 as a date and a time.
fn moment(ms: u64) -> String {
    Rfc3339(ms.saturating_mul(1_000_000)).to_string()
}

fn row(job: &Job) -> Vec<String> {
    let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
    let started = job.start_time.map(moment);
    vec![
        or_dash(job.submission_id.as_deref()),
        status(job.status).to_owned(),
        or_dash(note(job, "plugin")),
        or_dash(note(job, "action")),
        or_dash(started.as_deref().map(|text| &text[..19])).replace('T', " "),
        took(job).map_or_else(|| "-".to_owned(), |ms| duration(ms as f64 / 1e3)),
    ]
}

fn status(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Pending => "pending",
        JobStatus::Running => "running",
        JobStatus::Stopped => "cancelled",
        JobStatus::Succeeded => "succeeded",
        JobStatus::Failed => "failed",
        _ => "unknown",
    }
}

fn note<'a>(job: &'a Job, name: &str) -> Option<&'a str> {
    job.metadata.as_ref()?.get(name).map(String::as_str)
}

/// Milliseconds from the start to the end, or to now.
fn took(job: &Job) -> Option<u64> {
    let now = || {
        SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|now| u64::try_from(now.as_millis()).ok())
    };
    let end = job.end_time.filter(|end| *end > 0).or_else(|| now().filter(|_| !job.status.is_terminal()))?;
    end.checked_sub(job.start_time?)
}

/// A job as a person reads it.
fn describe(document: &Value) -> String {
    let mut text = String::new();
    let mut field = |name: &str, value: &Value| {
        let value = match value {
            Value::Null => return,
            Value::String(value) => value.trim().to_owned(),
            other => other.to_string(),
        };
        text.push_str(&format!("{name:<10}{value}\n"));
    };
    let job = &document["job"];
    for name in ["id", "status", "plugin", "version", "action", "sha256", "started", "ended", "node"] {
        field(name, &job[name]);
    }
    for name in ["resources", "params", "metrics", "result"] {
        field(name, &document[name]);
    }
    match document.get("error") {
        Some(error) => {
            field("error", &error["message"]);
            field("hint", &error["hint"]);
        }
        None => field("message", &job["message"]),
    }
    text
}

/// What `plugin run --mode job` tells of a job it has submitted.
pub(super) fn submitted(mut run: Value, jobs: &Jobs, id: &str, output: &mut Output) -> Result<()> {
    output.note(&format!("submitted to {}; `synapse job logs {id} --follow` shows what it does", jobs.url()));
    run["job_id"] = json!(id);
    run["status"] = json!("submitted");
    output.document(&json!({ "run": run }), |_| format!("{id}\n"))
}

//! Jobs: commands that a cluster runs by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::Error as Broken;
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};

use super::http::{AGENT, Body, Stream, refusal};
use super::{Dashboard, escaped, read};
use crate::error::{Error, Result};

/// A job to be submitted.
///
/// ```
/// use synapse_ray::JobRequest;
///
/// let request = JobRequest::new("python train.py").num_cpus(2.0).metadata("owner", "vision");
/// assert_eq!(serde_json::to_value(&request)?["entrypoint_num_cpus"], 2.0);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct JobRequest {
    entrypoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    submission_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime_env: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entrypoint_num_cpus: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entrypoint_num_gpus: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entrypoint_memory: Option<u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    entrypoint_resources: BTreeMap<String, f64>,
}

impl JobRequest {
    /// A job that runs a line of a shell, with no resources of its own.
    pub fn new(entrypoint: impl Into<String>) -> Self {
        Self { entrypoint: entrypoint.into(), ..Self::default() }
    }

    /// Its name; chosen by the cluster unless set. A cluster has one job of a name.
    #[must_use]
    pub fn submission_id(mut self, id: impl Into<String>) -> Self {
        self.submission_id = Some(id.into());
        self
    }

    /// The environment it runs in, as Ray's documentation of runtime environments has it.
    #[must_use]
    pub fn runtime_env(mut self, env: serde_json::Value) -> Self {
        self.runtime_env = Some(env);
        self
    }

    /// A note that is kept with the job.
    #[must_use]
    pub fn metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }

    /// Processors to set aside for it.
    #[must_use]
    pub fn num_cpus(mut self, number: f64) -> Self {
        self.entrypoint_num_cpus = Some(number);
        self
    }

    /// Graphics processors to set aside for it.
    #[must_use]
    pub fn num_gpus(mut self, number: f64) -> Self {
        self.entrypoint_num_gpus = Some(number);
        self
    }

    /// Bytes of memory to set aside for it.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.entrypoint_memory = Some(bytes);
        self
    }

    /// An amount of a resource of the cluster's own.
    #[must_use]
    pub fn resource(mut self, name: impl Into<String>, amount: f64) -> Self {
        self.entrypoint_resources.insert(name.into(), amount);
        self
    }
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum JobStatus {
    /// It waits for resources, or for its environment.
    Pending,
    /// Its command runs.
    Running,
    /// It was stopped.
    Stopped,
    /// Its command ended with 0.
    Succeeded,
    /// Its command ended otherwise, or could not be run.
    Failed,
    /// A status that this crate does not know.
    #[serde(other)]
    Other,
}

impl JobStatus {
    /// Whether it is over.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Stopped | Self::Succeeded | Self::Failed)
    }
}

/// Where a job comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum JobType {
    /// It was submitted.
    Submission,
    /// A program that connected to the cluster.
    Driver,
    /// A kind that this crate does not know.
    #[serde(other)]
    Other,
}

/// A job as the cluster tells it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[non_exhaustive]
pub struct Job {
    /// Where it comes from.
    #[serde(rename = "type")]
    pub kind: JobType,
    /// Its name; programs that connected have none.
    pub submission_id: Option<String>,
    /// How far it is.
    pub status: JobStatus,
    /// The command.
    #[serde(default)]
    pub entrypoint: String,
    /// What the cluster says of its state; of a failed one the end of its log.
    pub message: Option<String>,
    /// The kind of its failure.
    pub error_type: Option<String>,
    /// When it was submitted, in milliseconds since 1970.
    pub start_time: Option<u64>,
    /// When it ended, in milliseconds since 1970.
    pub end_time: Option<u64>,
    /// The notes it was submitted with.
    #[serde(default)]
    pub metadata: Option<BTreeMap<String, String>>,
    /// The node its command runs on.
    pub driver_node_id: Option<String>,
    /// What its command ended with; negative for a signal.
    pub driver_exit_code: Option<i32>,
}

#[derive(Deserialize)]
struct Submitted {
    submission_id: String,
}

#[derive(Deserialize)]
struct Text {
    logs: String,
}

#[derive(Deserialize)]
struct Stopped {
    stopped: bool,
}

impl Dashboard {
    /// Submits a job, and returns its name.
    ///
    /// Look first whether the cluster has what the job asks for: one that it can never
    /// start stays there, pending, and can be neither stopped nor deleted.
    ///
    /// # Errors
    /// As [`version`](Self::version). Of a name that is taken, Ray says so with status 500.
    pub async fn submit(&self, job: &JobRequest) -> Result<String> {
        let body = serde_json::to_value(job).map_err(|error| Error::malformed(error.to_string()))?;
        let answer = self.door.send("POST", "/api/jobs/", Body::Json(body)).await?;
        Ok(read::<Submitted>("/api/jobs/", &answer)?.submission_id)
    }

    /// A job.
    ///
    /// # Errors
    /// As [`version`](Self::version); [`Error::NoSuchJob`].
    pub async fn job(&self, id: &str) -> Result<Job> {
        self.get(&path_of(id, "")).await.map_err(|error| missing(error, id))
    }

    /// All jobs, in no order, also programs that connected.
    ///
    /// # Errors
    /// As [`version`](Self::version).
    pub async fn jobs(&self) -> Result<Vec<Job>> {
        self.get("/api/jobs/").await
    }

    /// Waits until a job is over, and looks every so often.
    ///
    /// # Errors
    /// As [`job`](Self::job).
    pub async fn wait_for_job(&self, id: &str, every: Duration) -> Result<Job> {
        loop {
            let job = self.job(id).await?;
            if job.status.is_terminal() {
                return Ok(job);
            }
            tokio::time::sleep(every).await;
        }
    }

    /// What a job has printed. The dashboard reads all of it into memory.
    ///
    /// # Errors
    /// As [`job`](Self::job).
    pub async fn job_logs(&self, id: &str) -> Result<String> {
        let text: Text = self.get(&path_of(id, "/logs")).await.map_err(|error| missing(error, id))?;
        Ok(text.logs)
    }

    /// What a job prints, as it does, from the beginning until it ends.
    ///
    /// # Errors
    /// As [`job`](Self::job).
    pub async fn tail_job(&self, id: &str) -> Result<JobTail> {
        let path = path_of(id, "/logs/tail");
        let url = format!("ws://{}{path}", self.door.place());
        let mut request = url.into_client_request().map_err(|error| Error::malformed(error.to_string()))?;
        request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static(AGENT));
        if let Some(authorization) = self.door.authorization() {
            let value = authorization.parse().map_err(|_| Error::malformed("the token cannot be sent"))?;
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        // What a job prints at once may come as one message.
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let stream = self.door.connect().await?;
        match tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await {
            Ok((socket, _)) => Ok(JobTail { socket }),
            Err(Broken::Http(answer)) => {
                let said = answer.body().as_deref().unwrap_or_default();
                Err(missing(refusal(format!("GET {path}"), answer.status(), said), id))
            }
            Err(error) => Err(self.door.broken(&error)),
        }
    }

    /// Asks a job to stop: its command gets SIGTERM, and SIGKILL three seconds later. Returns
    /// whether there was something to stop.
    ///
    /// # Errors
    /// As [`job`](Self::job).
    pub async fn stop_job(&self, id: &str) -> Result<bool> {
        let path = path_of(id, "/stop");
        let answer = self.door.send("POST", &path, Body::None).await.map_err(|error| missing(error, id))?;
        Ok(read::<Stopped>(&path, &answer)?.stopped)
    }

    /// Forgets a job that is over, and what it printed.
    ///
    /// # Errors
    /// As [`job`](Self::job); [`Error::Http`] with status 500 for one that is not over.
    pub async fn delete_job(&self, id: &str) -> Result<()> {
        let deleted = self.door.send("DELETE", &path_of(id, ""), Body::None).await;
        deleted.map(drop).map_err(|error| missing(error, id))
    }
}

/// Reads an answer as each that tells of jobs, nodes or the dashboard, and gives the jobs in it.
#[cfg(fuzzing)]
pub(crate) fn read_about_jobs(bytes: &bytes::Bytes) -> Vec<Job> {
    let _ = read::<Submitted>("", bytes).map(|submitted| submitted.submission_id);
    let _ = read::<Text>("", bytes).map(|text| text.logs);
    let _ = read::<Stopped>("", bytes).map(|stopped| stopped.stopped);
    let _ = read::<super::DashboardVersion>("", bytes);
    let _ = super::nodes::read_nodes(bytes).map(|nodes| nodes.iter().filter(|node| node.is_alive()).count());
    let all = read::<Vec<Job>>("", bytes).unwrap_or_default();
    all.into_iter().chain(read::<Job>("", bytes).ok()).collect()
}

fn path_of(id: &str, rest: &str) -> String {
    format!("/api/jobs/{}{rest}", escaped(id))
}

fn missing(error: Error, id: &str) -> Error {
    match error {
        Error::Http { status, .. } if status == StatusCode::NOT_FOUND => {
            Error::NoSuchJob { id: id.to_owned() }
        }
        error => error,
    }
}

/// What a job prints, as it does.
pub struct JobTail {
    socket: WebSocketStream<Stream>,
}

impl JobTail {
    /// What it printed since the last call, which may be a part of a line: about once a second,
    /// and `None` when it has ended.
    ///
    /// # Errors
    /// [`Error::Closed`] when the connection broke.
    pub async fn next(&mut self) -> Result<Option<String>> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(Some(text.to_string())),
                Some(Ok(Message::Close(_))) | None => return Ok(None),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(Error::closed(error)),
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_request_holds_what_was_asked_for_and_nothing_else() {
        let plain = serde_json::to_value(JobRequest::new("true")).unwrap();
        assert_eq!(plain, serde_json::json!({ "entrypoint": "true" }));
        let full = JobRequest::new("run")
            .submission_id("mine")
            .runtime_env(serde_json::json!({ "working_dir": "gcs://a.zip" }))
            .metadata("a", "b")
            .num_cpus(0.5)
            .num_gpus(1.0)
            .memory(7)
            .resource("disk", 2.0);
        let expected = serde_json::json!({
            "entrypoint": "run", "submission_id": "mine", "runtime_env": { "working_dir": "gcs://a.zip" },
            "metadata": { "a": "b" }, "entrypoint_num_cpus": 0.5, "entrypoint_num_gpus": 1.0,
            "entrypoint_memory": 7, "entrypoint_resources": { "disk": 2.0 },
        });
        assert_eq!(serde_json::to_value(full).unwrap(), expected);
    }

    #[test]
    fn a_job_is_read_whatever_a_newer_cluster_adds() {
        let text = r#"{"type":"SUBMISSION","job_id":"02","submission_id":"mine","driver_info":null,
            "status":"RUNNING","entrypoint":"true","message":"m","error_type":null,"start_time":1,
            "end_time":null,"metadata":{},"runtime_env":{},"driver_agent_http_address":"http://a:1",
            "driver_node_id":"ab","driver_exit_code":null,"new":1}"#;
        let job: Job = serde_json::from_str(text).unwrap();
        assert_eq!((job.kind, job.status), (JobType::Submission, JobStatus::Running));
        let text = r#"{"type":"X","submission_id":null,"status":"LOST","metadata":null}"#;
        let job: Job = serde_json::from_str(text).unwrap();
        assert_eq!(
            (job.kind, job.status, job.status.is_terminal()),
            (JobType::Other, JobStatus::Other, false)
        );
    }
}

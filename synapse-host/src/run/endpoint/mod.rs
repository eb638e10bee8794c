//! `synapse-worker endpoint`: answers requests over HTTP with one action, in a replica of Ray Serve.
//!
//! Ray speaks HTTP. A shim of Python passes what was asked on to this process, as a frame over the socket
//! that is its standard input, and the answer back; what a request means is decided here. The
//! plugin runs in a worker that stays, as an isolated run does, so that its state is made once and a
//! crash costs the requests that were under way there and no more.

mod ask;
mod batch;
mod line;

use std::io;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use synapse_sdk::errors::{Result, ResultExt};
use synapse_sdk::schema::form;
use synapse_sdk::{Env, ErrorKind, PluginError};
use tokio::runtime::{Builder, Handle};

use self::ask::{Ask, Wanted};
pub(crate) use self::batch::BatchOptions;
pub(super) use self::batch::Batching;
use self::batch::{Asked, Joining};
use self::line::{Line, Underway};
use super::handle::{Run, execute, of_late};
use super::isolated::{IsolatedRun, end_idle_workers_after, share_workers};
use super::request::{Mode, Resources, RunRequest};
use crate::plugin::Plugin;
use crate::plugin_ref::PluginRef;
use crate::worker::frame::{Fields, FrameReader};
use crate::worker::protocol::{Kind, malformed};
use crate::worker::socket::Socket;

/// The program of Ray Serve's that starts this one.
pub(super) const SHIM: &str = include_str!("shim.py");
/// The variable that says what the endpoint answers with.
const VARIABLE: &str = "SYNAPSE_ENDPOINT";
const JSON: &str = "application/json";
/// Requests that are worked on at once; more of them wait.
const THREADS: usize = 4096;

/// What an endpoint answers with.
#[derive(Serialize, Deserialize)]
pub(super) struct EndpointSpec {
    /// The plugin's file, beside the program.
    pub(super) library: String,
    pub(super) request: RunRequest,
    pub(super) env: Env,
    /// How many workers share the requests.
    pub(super) workers: usize,
    /// How requests are joined, where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) batching: Option<Batching>,
}

/// Answers requests until the socket that is standard input ends.
pub fn run_endpoint() -> ExitCode {
    let socket = match io::stdin().as_fd().try_clone_to_owned() {
        Ok(descriptor) => Socket::new(descriptor),
        Err(error) => return refuse(&error.into()),
    };
    let line = Arc::new(Line::new(socket));
    let threads = match Builder::new_current_thread().max_blocking_threads(THREADS).build() {
        Ok(threads) => threads,
        Err(error) => return refuse(&error.into()),
    };
    let open = |spec: EndpointSpec| spec.open(threads.handle().clone());
    match EndpointSpec::find().and_then(open).and_then(|opened| started(opened, &line)) {
        Ok(endpoint) => {
            line.reply(0, &Reply::json(200, "null"));
            serve(&line, &endpoint);
            // Nobody waits for what is under way.
            threads.shutdown_background();
            ExitCode::SUCCESS
        }
        Err(error) => {
            line.reply(0, &Reply::error(&error));
            refuse(&error)
        }
    }
}

/// The endpoint, with whoever joins its requests and whoever looks after their time at work.
fn started(
    (endpoint, asked): (Endpoint, Option<Receiver<Asked>>),
    line: &Arc<Line>,
) -> Result<Arc<Endpoint>> {
    let endpoint = Arc::new(endpoint);
    if let Some(timeout) = endpoint.request.timeout {
        line.watch(timeout, endpoint.request.grace)?;
    }
    if let Some(asked) = asked {
        let at = Arc::clone(&endpoint);
        let work = move || at.joining.as_ref().map(|joining| batch::join(&at, joining, &asked));
        thread::Builder::new().name("join".into()).spawn(work)?;
    }
    Ok(endpoint)
}

fn refuse(error: &PluginError) -> ExitCode {
    eprintln!("synapse-worker: {error}");
    ExitCode::from(error.kind().exit_code())
}

fn serve(line: &Arc<Line>, endpoint: &Arc<Endpoint>) {
    let mut reader = FrameReader::new();
    while let Ok(frame) = reader.next(line.socket()) {
        let id = frame.header.id;
        match Kind::of(frame.header.kind) {
            Some(Kind::Request) => endpoint.take(line, id, &frame.payload),
            Some(Kind::Cancel) => line.stop(id),
            _ => {}
        }
    }
}

impl EndpointSpec {
    fn find() -> Result<Self> {
        let unset = |_| PluginError::new(ErrorKind::Usage, format!("{VARIABLE} is not set"));
        let text = std::env::var(VARIABLE).map_err(unset)?;
        serde_json::from_str(&text).context("what the endpoint answers with")
    }

    /// Loads the plugin and makes the action's object.
    fn open(self, threads: Handle) -> Result<(Endpoint, Option<Receiver<Asked>>)> {
        let plugin = Plugin::open(self.library.as_ref(), None)?;
        share_workers(self.workers);
        end_idle_workers_after(Duration::MAX);
        let Resources { memory, open_files, .. } = self.request.resources;
        let mut request = self.request.mode(Mode::Isolated).env(self.env);
        request.plugin = PluginRef::Path(self.library.into());
        // Processors are set aside by the cluster.
        request.resources = Resources { memory, open_files, ..Resources::default() };
        let registered = plugin.registered_name(&request.action)?;
        let spec = plugin.image().manifest()?.actions.iter().find(|spec| spec.name == registered);
        let schema = spec.map_or(Value::Null, |spec| spec.params.clone());
        let config = plugin.config();
        let facts = json!({ "plugin": config.code, "version": config.version, "action": request.action });
        IsolatedRun::prepare(&plugin, &request, None, None, Arc::default())?.instantiate()?;
        let joining = self.batching.map(|batching| Joining::new(batching, &schema)).transpose()?;
        let (joining, asked) = joining.unzip();
        let endpoint = Endpoint {
            threads,
            form: Value::Array(form::form(&schema)).to_string(),
            schema: schema.to_string(),
            health: json!({ "status": "ok", "endpoint": facts }).to_string(),
            plugin,
            request,
            joining,
        };
        Ok((endpoint, asked))
    }
}

/// An action that is asked over HTTP.
struct Endpoint {
    plugin: Plugin,
    request: RunRequest,
    schema: String,
    form: String,
    health: String,
    joining: Option<Joining>,
    /// They stay for the next request: making one takes longer than a short call does.
    threads: Handle,
}

impl Endpoint {
    fn take(&self, line: &Arc<Line>, id: u64, payload: &[u8]) {
        let ask = match Ask::read(payload) {
            Ok(ask) => ask,
            Err(error) => return line.reply(id, &Reply::error(&error)),
        };
        let told = match ask.wanted() {
            Wanted::Run { streamed } => return self.run(line, id, ask.body, streamed),
            Wanted::Schema => Reply::json(200, &self.schema),
            Wanted::Form => Reply::json(200, &self.form),
            Wanted::Health => Reply::json(200, &self.health),
            Wanted::Nothing { status, error } => Reply { status, ..Reply::error(&error) },
        };
        line.reply(id, &told);
    }

    fn run(&self, line: &Arc<Line>, id: u64, params: &[u8], streamed: bool) {
        let params = match std::str::from_utf8(params) {
            Ok("") => "{}",
            Ok(params) => params,
            Err(_) => {
                let error = PluginError::new(ErrorKind::Usage, "the params are not UTF-8")
                    .hint("POST the params of the action as one JSON object");
                return line.reply(id, &Reply::error(&error));
            }
        };
        let waits = |joining: &Joining| !streamed && joining.takes(line, id, params);
        if !self.joining.as_ref().is_some_and(waits) {
            self.start(line, id, params, streamed);
        }
    }

    /// The result of a call, which is waited for.
    fn call(&self, params: &str) -> Result<String> {
        Ok(execute(&self.plugin, &self.request.clone().params_json(params))?.json().to_owned())
    }

    /// Answers one request with a call of its own.
    fn start(&self, line: &Arc<Line>, id: u64, params: &str, streamed: bool) {
        let call = match Call::prepare(&self.plugin, &self.request.clone().params_json(params), streamed) {
            Ok(call) => call,
            Err(error) => return line.reply(id, &Reply::error(&error)),
        };
        if let Some(underway) = call.underway() {
            line.began(id, underway);
        }
        let (line, timeout) = (Arc::clone(line), self.request.timeout);
        self.threads.spawn_blocking(move || match call {
            Call::Silent(run) => {
                let result = run.execute();
                let was_late = line.ended(id);
                let late = timeout.filter(|_| was_late);
                line.reply(id, &Reply::of(result.map_err(|error| of_late(error, late))));
            }
            Call::Streamed(run) => {
                line.stream(id, *run);
                line.ended(id);
            }
        });
    }
}

/// A call that answers one request.
enum Call {
    /// Only its end is of interest.
    Silent(Box<IsolatedRun>),
    /// Somebody hears what it reports.
    Streamed(Box<Run>),
}

impl Call {
    fn prepare(plugin: &Plugin, request: &RunRequest, streamed: bool) -> Result<Self> {
        match streamed {
            true => Run::start(plugin, request).map(|run| Self::Streamed(Box::new(run))),
            false => IsolatedRun::prepare(plugin, request, None, None, Arc::default())
                .map(|run| Self::Silent(Box::new(run))),
        }
    }

    fn underway(&self) -> Option<Underway> {
        match self {
            Self::Silent(run) => Some(Underway::watched(run)),
            Self::Streamed(run) => Underway::by_itself(run),
        }
    }
}

/// An answer in one piece.
struct Reply<'a> {
    status: u16,
    media_type: &'a str,
    body: std::borrow::Cow<'a, str>,
}

impl<'a> Reply<'a> {
    fn json(status: u16, body: &'a str) -> Self {
        Self { status, media_type: JSON, body: body.into() }
    }

    fn of(result: Result<String>) -> Self {
        match result {
            Ok(body) => Self { status: 200, media_type: JSON, body: body.into() },
            Err(error) => Self::error(&error),
        }
    }

    fn error(error: &PluginError) -> Self {
        Self { status: status_of(error.kind()), media_type: JSON, body: described(error).into() }
    }

    fn head(&self) -> Vec<u8> {
        let mut head = self.status.to_le_bytes().to_vec();
        head.extend((self.media_type.len() as u32).to_le_bytes());
        head.extend(self.media_type.as_bytes());
        head
    }
}

fn described(error: &PluginError) -> String {
    json!({ "error": error.to_json() }).to_string()
}

/// The status of an answer that tells of an error.
fn status_of(kind: ErrorKind) -> u16 {
    match kind {
        ErrorKind::Usage => 400,
        ErrorKind::Validation => 422,
        // Its client has left, or its replica ends.
        ErrorKind::Cancelled => 503,
        ErrorKind::TimedOut => 504,
        _ => 500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_begins_with_status_and_media_type() {
        assert_eq!(Reply::json(422, "{}").head(), b"\xa6\x01\x10\0\0\0application/json");
    }

    #[test]
    fn what_is_wrong_with_a_request_is_the_clients_matter() {
        let statuses = [ErrorKind::Usage, ErrorKind::Validation, ErrorKind::TimedOut, ErrorKind::Panic];
        assert_eq!(statuses.map(status_of), [400, 422, 504, 500]);
    }
}

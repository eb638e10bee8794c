//! Runs an action on a Ray cluster: mode `task`.
//!
//! An actor of Ray's, found by its name, keeps an [agent](crate::run::agent)
//! running, and the agent runs the action as an isolated run is run here. The
//! protocol is that of a worker, over an encrypted connection: straight to the
//! agent, whose address stands in the cluster's store, or through Ray Client.

mod actor;
mod options;
mod stopper;
mod tunnel;

use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use synapse_sdk::abi::host_side::answer_service;
use synapse_sdk::errors::{PluginRunError, Result};
use synapse_sdk::events::{Event, Level};
use synapse_sdk::services::{AgentClient, Client, RunInfo, Services};
use synapse_sdk::{Env, ErrorKind, PluginError};

use self::actor::Worker;
pub use self::options::{RayOptions, RayPath};
pub(super) use self::stopper::Stopper;
use super::agent::AgentLoad;
use super::isolated::{ENDED, Link, Message, Receiver};
use super::local::LocalServices;
use super::request::{Resources, RunRequest};
use super::stream::Stream;
use crate::plugin::Plugin;
use crate::worker::protocol::{Kind, STRICT_RESULT, ServiceCall, invoke_head};

/// One run on a cluster.
pub(super) struct RayRun {
    worker: Worker,
    plugin: Plugin,
    action: String,
    params: Arc<str>,
    flags: u16,
    load: AgentLoad,
    services: Here,
    stream: Arc<Stream>,
    stopper: Arc<Stopper>,
}

/// Connections of this process, each with what it was made for.
type Links = Vec<(Worker, AgentLoad, Arc<Link>)>;

static LINKS: LazyLock<Mutex<Links>> = LazyLock::new(Mutex::default);

impl RayRun {
    pub(super) fn prepare(
        plugin: &Plugin,
        request: &RunRequest,
        state_dir: Option<PathBuf>,
        stream: Arc<Stream>,
    ) -> Result<Self> {
        let action = plugin.registered_name(&request.action)?.to_owned();
        let stopper = Arc::<Stopper>::default();
        let env = plugin.env_under(&request.env);
        let cancelled = stopper.flag();
        let services =
            LocalServices::new(request, Arc::clone(&env), state_dir, Arc::clone(&stream), cancelled);
        let Resources { memory, open_files, .. } = request.resources;
        let resources = Resources { memory, open_files, ..Resources::default() };
        Ok(Self {
            worker: Worker::of(plugin, request)?,
            plugin: plugin.clone(),
            action,
            params: Arc::clone(&request.params),
            flags: if request.strict_result { STRICT_RESULT } else { 0 },
            load: AgentLoad { env: Env::clone(&env), resources },
            services: Here { services, env },
            stream,
            stopper,
        })
    }

    pub(super) fn stopper(&self) -> Arc<Stopper> {
        Arc::clone(&self.stopper)
    }

    /// Runs the action to its end, waiting on this thread.
    pub(super) fn execute(&self) -> Result<String> {
        let head = invoke_head(&self.action);
        // A connection that was kept may have ended meanwhile: then another one is made.
        for _ in 0..3 {
            let link = self.link()?;
            let length = head.len() + self.params.len();
            if length > link.max_payload() {
                let hint =
                    format!("a worker takes {} at most; pass a file's path instead", link.max_payload());
                return Err(PluginRunError::new(format!("the params have {length} bytes")).hint(hint));
            }
            if let Some(done) = self.invoke(&link, &head) {
                return done;
            }
            forget(&link);
        }
        Err(PluginError::new(ErrorKind::Remote, "three connections to the worker on Ray ended at once")
            .hint("look at the network, and at the cluster's logs"))
    }

    /// `None` when the worker was gone before it got the call.
    fn invoke(&self, link: &Arc<Link>, head: &[u8]) -> Option<Result<String>> {
        let call = link.begin(Receiver::Run(Arc::clone(&self.stream)))?;
        let parts: [&[u8]; 2] = [head, self.params.as_bytes()];
        if link.send_flagged(Kind::Invoke, self.flags, call.id, &parts).is_err() {
            link.finish(&call);
            return None;
        }
        self.stopper.begin(link, call.id);
        let done = loop {
            match link.wait(&call) {
                Message::Done(done) => break done.and_then(text),
                Message::Service(number, payload) => self.answer(link, number, &payload),
                Message::Read | Message::Ended(..) | Message::Event(_) => {}
                broken @ (Message::Broken(_) | Message::Gone) => {
                    if matches!(broken, Message::Broken(_)) {
                        link.close();
                    }
                    forget(link);
                    break Err(self.lost(call.progress().map(|progress| progress.step)));
                }
            }
        };
        self.stopper.end();
        link.finish(&call);
        Some(done)
    }

    fn answer(&self, link: &Link, number: u64, payload: &[u8]) {
        let Some(call) = ServiceCall::decode(payload) else { return };
        let (status, bytes) = answer_service(&self.services, call.service, call.request, call.body);
        // A worker that is gone is noticed by the next wait.
        let _ = link.send(Kind::Answer, number, &[&status.to_le_bytes(), &bytes]);
    }

    /// The connection ended while the action ran.
    fn lost(&self, step: Option<String>) -> PluginError {
        if self.stopper.was_killed() {
            return PluginError::cancelled().hint(ENDED);
        }
        let during = step.map_or_else(String::new, |step| format!(" during step `{step}`"));
        let message = format!(
            "the worker of `{}` on Ray is gone{during}: its actor `{}` was ended, or its node cannot be reached",
            self.plugin.config().code,
            self.worker.name,
        );
        PluginError::new(ErrorKind::WorkerCrashed, message).hint(
            "`ray list actors` on the cluster tells why it ended; run it again: another worker is started",
        )
    }

    /// A connection to the worker: the one this process has, or a new one.
    fn link(&self) -> Result<Arc<Link>> {
        let known = links()
            .iter()
            .find(|(worker, load, link)| *worker == self.worker && *load == self.load && !link.is_gone())
            .map(|(_, _, link)| Arc::clone(link));
        if let Some(link) = known {
            return Ok(link);
        }
        let tell = |text: &str| self.stream.push(Event::message(Level::Info, text));
        let socket = self.worker.connect(&self.stopper, &tell)?;
        let link = Link::greet(socket)?;
        set_up(&link, &self.load)?;
        links().push((self.worker.clone(), self.load.clone(), Arc::clone(&link)));
        Ok(link)
    }
}

/// Tells the agent what all calls of this connection have in common.
fn set_up(link: &Arc<Link>, load: &AgentLoad) -> Result<()> {
    let ended = || PluginError::new(ErrorKind::Remote, "the worker on Ray ended the connection");
    let call = link.begin(Receiver::Run(Arc::default())).ok_or_else(ended)?;
    link.send(Kind::Load, call.id, &[&serde_json::to_vec(load)?])?;
    let done = loop {
        match link.wait(&call) {
            Message::Done(done) => break done.map(drop),
            Message::Broken(_) | Message::Gone => break Err(ended()),
            _ => {}
        }
    };
    link.finish(&call);
    done
}

fn text(result: Vec<u8>) -> Result<String> {
    String::from_utf8(result)
        .map_err(|_| PluginError::new(ErrorKind::Execution, "the plugin's result is not UTF-8"))
}

fn forget(link: &Arc<Link>) {
    links().retain(|(_, _, other)| !Arc::ptr_eq(link, other));
}

fn links() -> MutexGuard<'static, Links> {
    LINKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the action may ask of this process. The variables of this process are
/// its own: those of the run alone go to the cluster.
struct Here {
    services: LocalServices,
    env: Arc<Env>,
}

impl Services for Here {
    fn emit(&self, event: Event<'_>) {
        self.services.emit(event);
    }

    fn is_cancelled(&self) -> bool {
        self.services.is_cancelled()
    }

    fn info(&self) -> Result<RunInfo> {
        Ok(RunInfo { env: Env::clone(&self.env), ..self.services.info()? })
    }

    fn work_dir(&self) -> Result<PathBuf> {
        self.services.work_dir()
    }

    fn save_state(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.services.save_state(key, bytes)
    }

    fn load_state(&self, key: &str) -> Result<Option<Vec<u8>>> {
        self.services.load_state(key)
    }

    fn client(&self) -> Option<&dyn Client> {
        self.services.client()
    }

    fn agent_client(&self) -> Option<&dyn AgentClient> {
        self.services.agent_client()
    }
}

//! Calls of an action on a worker of a cluster, over connections that this
//! process keeps.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use synapse_sdk::abi::host_side::answer_service;
use synapse_sdk::errors::{PluginRunError, Result};
use synapse_sdk::events::{Event, Level};
use synapse_sdk::services::Services;
use synapse_sdk::{Env, ErrorKind, PluginError};

use super::Here;
use super::actor::{Room, Worker};
use super::stopper::Stopper;
use crate::plugin::Plugin;
use crate::run::agent::AgentLoad;
use crate::run::folder;
use crate::run::isolated::{ENDED, Link, Message, Receiver};
use crate::run::request::{Resources, RunRequest};
use crate::run::stream::Stream;
use crate::worker::protocol::{Kind, STRICT_RESULT, ServiceCall, invoke_head};

/// An action on a worker.
pub(super) struct Target {
    worker: Worker,
    plugin: String,
    /// The name it was registered under, as it stands before the params.
    head: Vec<u8>,
    flags: u16,
    load: AgentLoad,
}

/// A connection of this process, and what it was made for.
struct Kept {
    worker: Worker,
    load: AgentLoad,
    link: Arc<Link>,
}

static KEPT: Mutex<Vec<Kept>> = Mutex::new(Vec::new());
/// Who makes a connection to a worker, by its name, makes it for all.
static CONNECTING: LazyLock<Mutex<HashMap<String, Arc<Mutex<()>>>>> = LazyLock::new(Mutex::default);

impl Target {
    /// The action of a request, on the worker of that number.
    pub(super) fn new(plugin: &Plugin, request: &RunRequest, number: usize) -> Result<Self> {
        let Resources { memory, open_files, .. } = request.resources;
        Ok(Self {
            worker: Worker::of(plugin, request, number)?,
            plugin: plugin.config().code.clone(),
            head: invoke_head(plugin.registered_name(&request.action)?),
            flags: if request.strict_result { STRICT_RESULT } else { 0 },
            load: AgentLoad {
                env: Env::clone(&plugin.env_under(&request.env)),
                resources: Resources { memory, open_files, ..Resources::default() },
                folder: request.folder.clone(),
            },
        })
    }

    /// Runs the action to its end, waiting on this thread.
    pub(super) fn call(
        &self,
        params: &[u8],
        services: &dyn Services,
        stream: &Arc<Stream>,
        stopper: &Stopper,
    ) -> Result<Vec<u8>> {
        // A connection that was kept may have ended meanwhile: then another one is made.
        for _ in 0..3 {
            let link = self.link(stream, stopper)?;
            if self.head.len() + params.len() > link.max_payload() {
                let message = format!("the params have {} bytes", params.len());
                let hint =
                    format!("a worker takes {} at most; pass a file's path instead", link.max_payload());
                return Err(PluginRunError::new(message).hint(hint));
            }
            if let Some(done) = self.invoke(&link, params, services, stream, stopper) {
                return done;
            }
            forget(&link);
        }
        Err(PluginError::new(ErrorKind::Remote, "three connections to the worker on Ray ended at once")
            .hint("look at the network, and at the cluster's logs"))
    }

    /// `None` when the worker was gone before it got the call.
    fn invoke(
        &self,
        link: &Arc<Link>,
        params: &[u8],
        services: &dyn Services,
        stream: &Arc<Stream>,
        stopper: &Stopper,
    ) -> Option<Result<Vec<u8>>> {
        let call = link.begin(Receiver::Run(Arc::clone(stream)))?;
        if link.send_flagged(Kind::Invoke, self.flags, call.id, &[&self.head, params]).is_err() {
            link.finish(&call);
            return None;
        }
        stopper.begin(link, call.id);
        let done = loop {
            match link.wait(&call) {
                Message::Done(done) => break done,
                Message::Service(number, payload) => self.answer(link, number, &payload, services),
                Message::Read | Message::Ended(..) | Message::Event(_) => {}
                broken @ (Message::Broken(_) | Message::Gone) => {
                    if matches!(broken, Message::Broken(_)) {
                        link.close();
                    }
                    forget(link);
                    break Err(self.lost(call.progress().map(|progress| progress.step), stopper));
                }
            }
        };
        stopper.end();
        link.finish(&call);
        Some(done)
    }

    fn answer(&self, link: &Link, number: u64, payload: &[u8], services: &dyn Services) {
        let Some(call) = ServiceCall::decode(payload) else { return };
        let (status, bytes) = folder::answer(self.load.folder.as_ref(), &call)
            .unwrap_or_else(|| answer_service(services, call.service, call.request, call.body));
        // A worker that is gone is noticed by the next wait.
        let _ = link.send(Kind::Answer, number, &[&status.to_le_bytes(), &bytes]);
    }

    /// The connection ended while the action ran.
    fn lost(&self, step: Option<String>, stopper: &Stopper) -> PluginError {
        if stopper.was_killed() {
            return PluginError::cancelled().hint(ENDED);
        }
        let during = step.map_or_else(String::new, |step| format!(" during step `{step}`"));
        let message = format!(
            "the worker of `{}` on Ray is gone{during}: its actor `{}` was ended, or its node cannot be reached",
            self.plugin, self.worker.name,
        );
        PluginError::new(ErrorKind::WorkerCrashed, message).hint(
            "`ray list actors` on the cluster tells why it ended; run it again: another worker is started",
        )
    }

    /// A connection to the worker: the one this process has, or a new one.
    fn link(&self, stream: &Arc<Stream>, stopper: &Stopper) -> Result<Arc<Link>> {
        if let Some(link) = self.kept() {
            return Ok(link);
        }
        let turn = Arc::clone(lock(&CONNECTING).entry(self.worker.name.clone()).or_default());
        let _alone = lock(&turn);
        if let Some(link) = self.kept() {
            return Ok(link);
        }
        let tell = |text: &str| stream.push(Event::message(Level::Info, text));
        let link = Link::greet(self.worker.connect(stopper, &tell)?)?;
        set_up(&link, &self.load)?;
        let kept = Kept { worker: self.worker.clone(), load: self.load.clone(), link: Arc::clone(&link) };
        lock(&KEPT).push(kept);
        Ok(link)
    }

    fn kept(&self) -> Option<Arc<Link>> {
        let fits =
            |kept: &&Kept| kept.worker == self.worker && kept.load == self.load && !kept.link.is_gone();
        lock(&KEPT).iter().find(fits).map(|kept| Arc::clone(&kept.link))
    }
}

/// Calls of one action, one after the other, for who answers their services.
pub(crate) struct RayCalls {
    target: Target,
    services: Arc<Here>,
    stream: Arc<Stream>,
}

impl RayCalls {
    /// For calls on the worker of that number.
    ///
    /// # Errors
    /// The action is not there; a file that travels cannot be read.
    pub(crate) fn new(
        plugin: &Plugin,
        request: &RunRequest,
        number: usize,
        services: Arc<dyn Services>,
    ) -> Result<Self> {
        let services = Arc::new(Here { services, env: plugin.env_under(&request.env) });
        let stream = Arc::new(Stream::into_sink(Arc::clone(&services) as _));
        Ok(Self { target: Target::new(plugin, request, number)?, services, stream })
    }

    /// How many workers the cluster has room for, `most` at most.
    ///
    /// # Errors
    /// As a run's that needs a worker that is not there; there is room for none.
    pub(crate) fn room(plugin: &Plugin, request: &RunRequest, most: usize) -> Result<Room> {
        match most {
            0 | 1 => Ok(Room { workers: 1, _driver: None }),
            _ => Worker::of(plugin, request, 0)?.room(most),
        }
    }

    /// Runs the action to its end, waiting on this thread.
    ///
    /// # Errors
    /// Whatever the action returns, and what keeps it from running.
    pub(crate) fn call(&self, params: &[u8], stopper: &Stopper) -> Result<Vec<u8>> {
        self.target.call(params, &*self.services, &self.stream, stopper)
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

fn forget(link: &Arc<Link>) {
    lock(&KEPT).retain(|kept| !Arc::ptr_eq(link, &kept.link));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

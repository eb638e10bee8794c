//! Calls of an action on a worker of a cluster, over connections that this
//! process keeps.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use synapse_sdk::errors::{PluginRunError, Result};
use synapse_sdk::events::{Event, Level};
use synapse_sdk::services::Services;
use synapse_sdk::{Env, ErrorKind, PluginError};

use super::actor::Worker;
use super::stopper::Stopper;
use crate::plugin::Plugin;
use crate::run::agent::AgentLoad;
use crate::run::folder;
use crate::run::isolated::{ENDED, LastProgress, Link, Message, Receiver};
use crate::run::request::{Resources, RunRequest};
use crate::run::stream::Stream;
use crate::worker::protocol::{Kind, STRICT_RESULT, ServiceCall, invoke_head};

/// An action on a worker.
pub(super) struct Target {
    worker: Worker,
    plugin: String,
    /// The name it was registered under.
    pub(super) action: String,
    pub(super) flags: u16,
    load: AgentLoad,
}

/// A connection of this process, and what it was made for.
struct Kept {
    worker: Worker,
    load: AgentLoad,
    link: Arc<Link>,
    /// Somebody has it for what is to run in order.
    in_order: bool,
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
            action: plugin.registered_name(&request.action)?.to_owned(),
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
        let (head, tell) = (invoke_head(&self.action), |event: Event<'_>| stream.push(event));
        // A connection that was kept may have ended meanwhile: then another one is made.
        for _ in 0..3 {
            let link = self.link(false, stopper, &tell)?;
            if head.len() + params.len() > link.max_payload() {
                let message = format!("the params have {} bytes", params.len());
                let hint =
                    format!("a worker takes {} at most; pass a file's path instead", link.max_payload());
                return Err(PluginRunError::new(message).hint(hint));
            }
            if let Some(done) = self.invoke(&link, &[&head, params], services, stream, stopper) {
                return done;
            }
            forget(&link);
        }
        Err(no_connection_stays())
    }

    /// `None` when the worker was gone before it got the call.
    fn invoke(
        &self,
        link: &Arc<Link>,
        parts: &[&[u8]],
        services: &dyn Services,
        stream: &Arc<Stream>,
        stopper: &Stopper,
    ) -> Option<Result<Vec<u8>>> {
        let call = link.begin(Receiver::Run(Arc::clone(stream)))?;
        if link.send_flagged(Kind::Invoke, self.flags, call.id, parts).is_err() {
            link.finish(&call);
            return None;
        }
        stopper.begin(link, call.id);
        let done = loop {
            match link.wait(&call) {
                Message::Done(done) => break done,
                Message::Service(number, payload) => self.answer(link, number, &payload, services),
                Message::Ended(..) | Message::Event(_) => {}
                broken @ (Message::Broken(_) | Message::Gone) => {
                    if matches!(broken, Message::Broken(_)) {
                        link.close();
                    }
                    forget(link);
                    let stopped = stopper.was_killed().then(|| PluginError::cancelled().hint(ENDED));
                    break Err(stopped.unwrap_or_else(|| self.lost(call.progress())));
                }
            }
        };
        stopper.end();
        link.finish(&call);
        Some(done)
    }

    fn answer(&self, link: &Link, number: u64, payload: &[u8], services: &dyn Services) {
        let of_folder = |call| folder::answer(self.load.folder.as_ref(), &call);
        match ServiceCall::decode(payload).and_then(of_folder) {
            // A worker that is gone is noticed by the next wait.
            Some((status, bytes)) => drop(link.send(Kind::Answer, number, &[&status.to_le_bytes(), &bytes])),
            None => link.answer(number, payload, services),
        }
    }

    /// The connection ended while the action ran.
    pub(super) fn lost(&self, progress: Option<LastProgress>) -> PluginError {
        let during = progress.map_or_else(String::new, |last| format!(" during step `{}`", last.step));
        let message = format!(
            "the worker of `{}` on Ray is gone{during}: its actor `{}` was ended, or its node cannot be reached",
            self.plugin, self.worker.name,
        );
        PluginError::new(ErrorKind::WorkerCrashed, message).hint(
            "`ray list actors` on the cluster tells why it ended; run it again: another worker is started",
        )
    }

    /// A connection to the worker: the one this process has, or a new one. What is
    /// to run in order needs one of its own, until it is [given back](give_back).
    pub(super) fn link(
        &self,
        in_order: bool,
        stopper: &Stopper,
        tell: &dyn Fn(Event<'_>),
    ) -> Result<Arc<Link>> {
        if let Some(link) = self.kept(in_order) {
            return Ok(link);
        }
        let turn = Arc::clone(lock(&CONNECTING).entry(self.worker.name.clone()).or_default());
        let _alone = lock(&turn);
        if let Some(link) = self.kept(in_order) {
            return Ok(link);
        }
        let tell = |text: &str| tell(Event::message(Level::Info, text));
        let link = Link::greet(self.worker.connect(stopper, &tell)?)?;
        set_up(&link, &self.load)?;
        let (worker, load) = (self.worker.clone(), self.load.clone());
        lock(&KEPT).push(Kept { worker, load, link: Arc::clone(&link), in_order });
        Ok(link)
    }

    fn kept(&self, in_order: bool) -> Option<Arc<Link>> {
        let mut all = lock(&KEPT);
        let kept = all.iter_mut().find(|kept| {
            let fits = kept.worker == self.worker && kept.load == self.load && !kept.link.is_gone();
            fits && !(in_order && kept.in_order)
        })?;
        kept.in_order |= in_order;
        Some(Arc::clone(&kept.link))
    }
}

/// The connection may be used by others for what is to run in order.
pub(super) fn give_back(link: &Arc<Link>) {
    let mut all = lock(&KEPT);
    all.iter_mut().filter(|kept| Arc::ptr_eq(link, &kept.link)).for_each(|kept| kept.in_order = false);
}

pub(super) fn no_connection_stays() -> PluginError {
    PluginError::new(ErrorKind::Remote, "three connections to the worker on Ray ended at once")
        .hint("look at the network, and at the cluster's logs")
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

/// The connection has ended.
pub(super) fn forget(link: &Arc<Link>) {
    lock(&KEPT).retain(|kept| !Arc::ptr_eq(link, &kept.link));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

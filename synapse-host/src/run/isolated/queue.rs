//! Invocations of one action in order, on a worker of their own.
//!
//! They are sent ahead, as many as the caller likes, and the worker runs one
//! after the other. So when it dies it is clear which of them it died of: the
//! first whose end is not known.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use synapse_sdk::Env;
use synapse_sdk::PluginError;
use synapse_sdk::errors::{PluginRunError, Result};
use synapse_sdk::events::Event;
use synapse_sdk::services::Services;

use super::limits::Limits;
use super::link::{Call, Message, QueueListener, QueuedEnd};
use super::pool::{self, Lease};
use super::worker::Worker;
use crate::plugin::Plugin;
use crate::run::request::Resources;
use crate::worker::frame::Header;
use crate::worker::protocol::{IN_ORDER, Kind, STRICT_RESULT, invoke_head};

/// What workers of a queue are started for.
#[derive(Clone)]
pub(crate) struct QueueSetup {
    plugin: Plugin,
    action: String,
    env: Arc<Env>,
    limits: Limits,
    flags: u16,
}

impl QueueSetup {
    /// # Errors
    /// The action is not there; amounts of resources that make no sense.
    pub(crate) fn new(
        plugin: &Plugin,
        action: &str,
        env: &Env,
        resources: &Resources,
        strict_result: bool,
    ) -> Result<Self> {
        let limits = Limits::of(resources)?;
        Ok(Self {
            plugin: plugin.clone(),
            action: plugin.registered_name(action)?.to_owned(),
            env: limits.env_over(plugin.env_under(env)),
            limits,
            flags: IN_ORDER | if strict_result { STRICT_RESULT } else { 0 },
        })
    }

    /// Variables of the runs.
    pub(crate) fn env(&self) -> &Arc<Env> {
        &self.env
    }
}

/// A worker that runs invocations one after the other, for one thread.
pub(crate) struct Queue {
    setup: QueueSetup,
    lease: Lease,
    call: Arc<Call>,
    reins: Arc<QueueReins>,
    /// Before the params of each invocation.
    head: Vec<u8>,
    /// Frames that are not sent yet.
    frames: Vec<u8>,
}

/// What comes next.
pub(crate) enum Next {
    /// An invocation has ended.
    Ended(u64, Result<Vec<u8>>),
    /// An invocation was called back before it began.
    NotBegun(u64),
    /// The invocation under way has said something.
    Event(Event<'static>),
    /// The worker has ended, and all invocations with it; whether because
    /// [`QueueReins::end`] said so.
    Gone { error: PluginError, as_told: bool },
}

/// Stops what is in a queue, from any thread.
pub(crate) struct QueueReins {
    worker: Arc<Worker>,
    /// The first invocation that has not ended, and the one after the last.
    first: AtomicU64,
    next: AtomicU64,
}

impl QueueReins {
    /// Tells all invocations to stop. Does not wait.
    pub(crate) fn cancel(&self) {
        let ids = self.first.load(Ordering::Acquire)..self.next.load(Ordering::Acquire);
        self.worker.link().send_soon(Kind::Cancel, ids);
    }

    /// Calls back what has not begun. Does not wait.
    pub(crate) fn recall(&self) {
        self.worker.link().send_soon(Kind::Recall, [0]);
    }

    /// Ends the worker: after being asked to, or `at_once`. Does not wait.
    pub(crate) fn end(&self, at_once: bool) {
        self.worker.stop(at_once);
    }

    /// The first invocation that has not ended.
    pub(crate) fn first(&self) -> u64 {
        self.first.load(Ordering::Acquire)
    }

    /// How many have not ended.
    pub(crate) fn outstanding(&self) -> u64 {
        self.next.load(Ordering::Acquire).saturating_sub(self.first())
    }
}

impl Queue {
    /// Takes a worker, or starts one.
    ///
    /// # Errors
    /// It cannot be started, or the plugin not be loaded.
    pub(crate) fn open(setup: &QueueSetup, listener: &Arc<dyn QueueListener>) -> Result<Self> {
        // A worker may die while it waits for work: then another one is asked.
        for _ in 0..3 {
            let lease = pool::lease_alone(&setup.plugin, &setup.env, &setup.limits)?;
            if let Some(call) = lease.worker().begin_queue(Arc::clone(listener)) {
                let (worker, first) = (Arc::clone(lease.worker()), call.id + 1);
                let reins = QueueReins { worker, first: AtomicU64::new(first), next: AtomicU64::new(first) };
                let head = invoke_head(&setup.action);
                let reins = Arc::new(reins);
                return Ok(Self { setup: setup.clone(), lease, call, reins, head, frames: Vec::new() });
            }
        }
        Err(super::no_worker_stays())
    }

    pub(crate) fn reins(&self) -> &Arc<QueueReins> {
        &self.reins
    }

    /// Whether the worker is gone.
    pub(crate) fn has_ended(&self) -> bool {
        self.worker().has_ended()
    }

    /// Makes the action's object.
    ///
    /// # Errors
    /// Its setup fails, or ends the worker.
    pub(crate) fn instantiate(&self, services: &dyn Services, mut tell: impl FnMut(Event<'_>)) -> Result<()> {
        // A worker that is gone is noticed below.
        let _ = self.worker().link().send(Kind::Instantiate, self.call.id, &[self.setup.action.as_bytes()]);
        loop {
            match self.worker().wait(&self.call) {
                Message::Done(result) => return result.map(drop),
                Message::Service(number, payload) => self.worker().answer(number, &payload, services),
                Message::Event(event) => tell(event),
                Message::Gone => return Err(self.fault(self.call.id)),
                Message::Read | Message::Broken(_) | Message::Ended(..) => {}
            }
        }
    }

    /// Adds an invocation, to be sent by [`flush`](Self::flush); gives its
    /// number.
    ///
    /// # Errors
    /// The params are too long.
    pub(crate) fn push(&mut self, params: &[u8]) -> Result<u64> {
        let (length, most) = (self.head.len() + params.len(), self.worker().link().max_payload());
        if length > most {
            let message = format!("the params have {} bytes", params.len());
            let hint = format!("a worker takes {most} at most; pass a file's path instead");
            return Err(PluginRunError::new(message).hint(hint));
        }
        let id = self.reins.next.load(Ordering::Relaxed);
        self.frames.extend(Header::new(Kind::Invoke, self.setup.flags, id, length).bytes());
        self.frames.extend_from_slice(&self.head);
        self.frames.extend_from_slice(params);
        self.reins.next.store(id + 1, Ordering::Release);
        Ok(id)
    }

    /// Sends what was added.
    pub(crate) fn flush(&mut self) {
        if !self.frames.is_empty() {
            // A worker that is gone is noticed by the next wait.
            let _ = self.worker().link().send_frames(&[&self.frames]);
            self.frames.clear();
        }
    }

    /// Waits for what comes next; services that the invocation under way asks
    /// for are answered meanwhile.
    pub(crate) fn next(&self, services: &dyn Services) -> Next {
        loop {
            match self.worker().wait(&self.call) {
                Message::Ended(id, QueuedEnd::Done(result)) => {
                    self.reins.first.store(id + 1, Ordering::Release);
                    if self.reins.outstanding() == 0 {
                        self.worker().read_output(&self.call);
                    }
                    return Next::Ended(id, result);
                }
                Message::Ended(id, QueuedEnd::NotBegun) => return Next::NotBegun(id),
                Message::Event(event) => return Next::Event(event),
                Message::Service(number, payload) => self.worker().answer(number, &payload, services),
                Message::Gone => {
                    let error = self.fault(self.reins.first());
                    return Next::Gone { error, as_told: self.worker().was_stopped() };
                }
                // Once broken, what is known of the end comes as messages.
                Message::Read | Message::Broken(_) | Message::Done(_) => {}
            }
        }
    }

    fn worker(&self) -> &Arc<Worker> {
        self.lease.worker()
    }

    fn fault(&self, invocation: u64) -> PluginError {
        let progress = self.call.progress().filter(|last| last.invocation == invocation);
        self.worker().fault(&self.setup.plugin.config().code, &self.setup.action, progress, None)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.worker().link().finish(&self.call);
    }
}
